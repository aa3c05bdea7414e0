"""Runs the real `metertap collect`, on log groups and on Kinesis streams, one process or several."""

import json
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.emulators import REGION
from components.platform import Platform
from components.processes import Service, clean_environment
from components.samples import Expected
from components.stored import contents, difference, files_in


class StreamCollector:
    """One process that reads streams."""

    def __init__(
        self,
        cli: Path,
        directory: Path,
        name: str,
        streams: Iterable[dict[str, Any]],
        sink: str,
        rejects: str | None = None,
        **environment: str,
    ):
        self.name = name
        self.directory = directory / name
        self.directory.mkdir(exist_ok=True)
        # JSON is YAML too.
        settings = {"sink": sink, "state": str(directory / "state"), "streams": list(streams)}
        if rejects:
            settings["rejects"] = rejects
        config = self.directory / "metertap.yaml"
        config.write_text(json.dumps(settings))
        self.command = [str(cli), "collect", "--config", str(config)]
        self.environment = clean_environment(
            **{
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": REGION,
            }
            | environment
        )
        self.runs = 0
        self.start()

    def start(self) -> None:
        self.runs += 1
        log = self.directory / f"log-{self.runs}"
        self.service = Service(self.command, log, self.environment)

    @property
    def log(self) -> str:
        """What the run has said so far."""
        return self.service.log.read_text()

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The last line of figures of each stream."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return list({line["stream"]: line for line in found}.values())

    def is_running(self) -> bool:
        return self.service.process.poll() is None

    def kill(self) -> None:
        self.service.stop()

    def stop(self, seconds: float = 20) -> int:
        """Asks it to stop, and gives its exit status."""
        self.service.process.send_signal(signal.SIGTERM)
        return self.service.process.wait(seconds)


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

    def wait_for_problems(self, count: int) -> None:
        Platform.wait_for(lambda: self.log.read_text().count("metertap: connection ") >= count)

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
