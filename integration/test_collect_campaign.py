"""Random days of 20 connections on a clock that is set: whatever comes late or fails, it counts once.

The collector of the product runs in `collector-probe` (`METERTAP_COLLECTOR_PROBE`), is killed and started
again, and reads a fake of CloudWatch Logs; a real platform counts what it delivers.
`METERTAP_COLLECT_RUNS` sets the number of runs, `METERTAP_SEED` the first seed.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.emulators import REGION
from components.late_logs import FAULTS, HOUR, Account, LateLogs, LogEvent
from components.platform import DAY, Platform
from components.processes import clean_environment
from components.samples import Event, Expected, Samples, expected
from components.stored import contents, difference, files_in
from conftest import executable

RUNS = int(os.environ.get("METERTAP_COLLECT_RUNS") or 20)
SEED = int(os.environ.get("METERTAP_SEED") or 1)
CONNECTIONS = 20
MINUTE = 60_000


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The directory to which the collector delivers, and which the platform reads."""
    bucket = tmp_path / "bucket"
    (bucket / "ingest" / "records").mkdir(parents=True)
    return bucket


@pytest.fixture
def platform(cli: Path, tmp_path: Path, bucket: Path) -> Iterator[Platform]:
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        yield platform


class Probe:
    """The collector in a process of its own."""

    def __init__(self, description: Path, environment: dict[str, str], log: Path):
        self.path = executable("METERTAP_COLLECTOR_PROBE", ".build/release/collector-probe")
        self.description, self.environment, self.log = description, environment, log
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [self.path, self.description],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def step(self, now: int) -> list[dict[str, Any]]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{now}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        return json.loads(line)

    def step_and_kill(self, now: int, after: float) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{now}\n")
        self.process.stdin.flush()
        time.sleep(after)
        self.kill()
        self.start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def lateness(rng: random.Random) -> int:
    """Most events are seconds late, some minutes, and one in a thousand of each kind far more."""
    draw = rng.random()
    for late in (HOUR, 25 * HOUR, 13 * DAY):
        draw -= 0.001
        if draw < 0:
            return late
    return rng.randrange(10 * MINUTE) if draw < 0.1 else rng.randrange(10_000)


def world(rng: random.Random, seed: int, start: int) -> tuple[list[Account], Expected]:
    """Accounts with one or two log groups, an hour of events in each, and what must come of them."""
    accounts, truth = [], Expected()
    samples = Samples(rng, base_time=start)
    number = 0
    for index in range(CONNECTIONS):
        account = Account(f"{seed % 10**8:08d}{index:04d}", external_id=f"of-connection-{index}")
        for group in ("/app/shop", "/app/web")[: rng.randrange(1, 3)]:
            streams: dict[str, list[Event]] = {"a": [], "b": []}
            account.groups[group] = []
            for _ in range(rng.randrange(30, 50)):
                number += 1
                # To the second, so that many are of the same millisecond.
                at = start + rng.randrange(3_600) * 1_000
                event = Event(f"{seed:010d}{number:046d}", at, samples.line())
                stream = rng.choice("ab")
                streams[stream].append(event)
                account.groups[group].append(
                    LogEvent(str(event.id), stream, at, at + lateness(rng), event.line.message)
                )
            # Each lateness is there, however small the run.
            for late, event in zip((HOUR, 25 * HOUR, 13 * DAY), account.groups[group], strict=False):
                if index == 0:
                    event.visible = event.timestamp + late
            if group == "/app/web" and rng.random() < 0.3:
                account.appears[group] = start + rng.randrange(2 * HOUR)
            for stream, events in streams.items():
                truth.add(expected(events, group, stream, account.number))
        accounts.append(account)
    return accounts, truth


def moments(start: int) -> Iterator[int]:
    """An hour in steps of two minutes, the rest of a day in hours, and two weeks in half days."""
    yield from range(start, start + HOUR, 2 * MINUTE)
    yield from range(start + HOUR, start + 4 * HOUR, 30 * MINUTE)
    yield from range(start + 4 * HOUR, start + 34 * HOUR, 3 * HOUR)
    yield from range(start + 34 * HOUR, start + 15 * DAY, 12 * HOUR)


@pytest.mark.parametrize("run", range(RUNS))
def test_each_record_counts_once(run: int, bucket: Path, platform: Platform, tmp_path: Path) -> None:
    seed = SEED + run
    print(f"METERTAP_SEED={seed} METERTAP_COLLECT_RUNS=1")
    rng = random.Random(seed)
    start = (int(time.time()) // 86_400 - 16) * DAY
    accounts, truth = world(rng, seed, start)
    logs = LateLogs(accounts, rng, start)
    logs.token_faults = 0.03
    description = {
        "state": str(tmp_path / "state"),
        "connections": [
            {"name": f"connection-{index}", "account": account.number, "roleARN": account.role,
             "logGroups": ["/app/*"], "start": start}
            for index, account in enumerate(accounts)
        ],
    }  # fmt: skip
    (tmp_path / "description.json").write_text(json.dumps(description))
    environment = clean_environment(
        AWS_ENDPOINT_URL=logs.url, AWS_ACCESS_KEY_ID="own", AWS_SECRET_ACCESS_KEY="own", AWS_REGION=REGION,
        METERTAP_SINK=f"file://{bucket}",
    )  # fmt: skip
    probe = Probe(tmp_path / "description.json", environment, tmp_path / "probe.log")
    try:
        statuses = days(rng, logs, probe, start)
    finally:
        probe.kill()
        logs.close()
    check(statuses, truth, bucket, platform)


def days(rng: random.Random, logs: LateLogs, probe: Probe, start: int) -> list[dict[str, Any]]:
    """Lets the days pass with all faults, and a last one without."""
    for moment in moments(start):
        logs.now = moment
        for account in logs.accounts.values():
            account.fault = faults(rng)
        if rng.random() < 0.05:
            logs.expire_credentials()
        if rng.random() < 0.1:
            probe.step_and_kill(moment, rng.random() * 0.1)
        else:
            probe.step(moment)
    for account in logs.accounts.values():
        account.fault = lambda: None
    logs.token_faults = 0.0
    for hours in range(0, 30, 6):
        logs.now = start + 15 * DAY + hours * HOUR
        statuses = probe.step(logs.now)
    return statuses


def faults(rng: random.Random) -> Any:
    """What calls to an account meet for one moment: now and then something, seldom nothing else."""
    share = 1.0 if rng.random() < 0.03 else rng.choice((0, 0, 0.02, 0.1))
    return lambda: rng.choice(FAULTS) if rng.random() < share else None


def check(statuses: list[dict[str, Any]], truth: Expected, bucket: Path, platform: Platform) -> None:
    for status in statuses:
        assert status["state"] == "following" and "problem" not in status, status
        # What this process delivered, and what it or an earlier one had delivered before.
        assert status["found"] == status["delivered"] + status["rejected"] + status["repeated"], status
    found = contents(files_in(bucket))
    assert not difference(found.records, truth.records)
    assert not difference(found.rejects, truth.rejects)

    def is_counted() -> bool:
        figures = platform.pipeline()
        return figures["received"] - figures["duplicate"] - figures["rejected"] == len(truth.records)

    Platform.wait_for(is_counted)
