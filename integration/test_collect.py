"""`metertap collect` against moto's CloudWatch Logs, with a role in each account."""

import json
import random
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from components.emulators import ACCOUNT, REGION, Moto
from components.logs import LogGroup, environment, recently
from components.platform import Platform
from components.processes import Service
from components.samples import Expected, Samples, expected
from components.stored import contents, difference, files_in


@pytest.fixture
def moto(logs_moto: Moto) -> Moto:
    return logs_moto


class Collector:
    """A running `metertap collect` with a settings file in a directory of its own."""

    def __init__(self, cli: Path, directory: Path, settings: dict[str, Any], variables: dict[str, str]):
        self.cli, self.directory, self.variables = cli, directory, variables
        self.sink = directory / "sink"
        self.log = directory / "collect.log"
        defaults = {"sink": f"file://{self.sink}", "state": str(directory / "state"), "interval": "1s"}
        # JSON is YAML.
        (directory / "metertap.yaml").write_text(json.dumps(defaults | settings))
        self.start()

    def start(self) -> None:
        self.service = Service([str(self.cli), "collect"], self.log, self.variables)

    def stop(self) -> list[dict[str, Any]]:
        """Asks it to stop, and gives the last report of each connection."""
        self.service.process.send_signal(signal.SIGTERM)
        assert self.service.process.wait(30) == 0, self.log.read_text()
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        self.service.stop()

    def found(self) -> Expected:
        return contents(files_in(self.sink)) if self.sink.exists() else Expected()

    def wait_for(self, truth: Expected) -> None:
        def is_there() -> bool:
            found = self.found()
            return found.records >= truth.records and found.rejects >= truth.rejects

        Platform.wait_for(is_there)
        found = self.found()
        assert not difference(found.records, truth.records)
        assert not difference(found.rejects, truth.rejects)


@pytest.fixture
def group(moto: Moto) -> LogGroup:
    return LogGroup(moto, f"/app/{uuid.uuid4().hex[:8]}")


def lines(seed: int, count: int, start: int) -> list[tuple[int, Any]]:
    samples = Samples(random.Random(seed), base_time=start - 86_400_000)
    return [(start + 500 * n, samples.line()) for n in range(count)]


def now(seconds: float = 0) -> int:
    return int((time.time() + seconds) * 1000)


def wanted(group: LogGroup) -> Expected:
    result = Expected()
    for stream, events in group.events.items():
        result.add(expected(events, group.name, stream, ACCOUNT))
    return result


def test_what_is_logged_comes_and_a_restart_goes_on(
    cli: Path, moto: Moto, group: LogGroup, tmp_path: Path
) -> None:
    group.put("web-1", lines(1, 80, recently(30)))
    settings = {"connections": [{"name": "one", "log-groups": [group.name], "start": "1h"}]}
    collector = Collector(cli, tmp_path, settings, environment(moto))
    try:
        collector.wait_for(wanted(group))
        # A few seconds late, as most log events are.
        group.put("web-2", lines(2, 20, now(-12)))
        collector.wait_for(wanted(group))
        before = files_in(collector.sink)
        (report,) = collector.stop()
        truth = wanted(group)
        assert report["delivered"] + report["rejected"] == truth.found, report
        assert report["found"] == truth.found + report["repeated"], report
        assert (report["account"], report["region"], report["logGroups"]) == (ACCOUNT, REGION, 1)
        collector.start()
        group.put("web-1", lines(3, 20, now(-12)))
        collector.wait_for(wanted(group))
        (report,) = collector.stop()
        assert report["delivered"] + report["rejected"] == wanted(group).found - truth.found, (
            "delivered again"
        )
        assert all(files_in(collector.sink)[name] == data for name, data in before.items())
    finally:
        collector.kill()
