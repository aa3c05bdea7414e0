"""`up` on a copy of a real data directory with each kind of damage and each kind of neighbour.

It answers rightly, or it says what is wrong: it never ends by a signal, and never begins anew in silence.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from components.platform import ADMIN_KEY, Platform, recent, to_json
from components.processes import clean_environment, free_port

RECORDS = 5_000
DATABASE = "metertap.sqlite"
RANDOM_PAGES = max(1, int(os.environ.get("METERTAP_KILL_RUNS") or 20))
MEMORY_LIMIT = 400_000  # KiB


@pytest.fixture(scope="module")
def original(cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a platform that was killed, with all that it had acknowledged in its log."""
    directory = tmp_path_factory.mktemp("original")
    with Platform(cli, directory) as platform:
        platform.define("calls", dimensions=["region"])
        for first in range(0, RECORDS, 1_000):
            platform.send([record(number) for number in range(first, first + 1_000)])
        platform.kill()
    return directory / "data"


@pytest.fixture(scope="module")
def stopped(cli: Path, original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a stop: the database holds everything itself."""
    directory = tmp_path_factory.mktemp("stopped")
    shutil.copytree(original, directory / "data")
    with Platform(cli, directory) as platform:
        platform.stop()
    assert (directory / "data" / f"{DATABASE}-wal").stat().st_size == 0
    return directory / "data"


def record(number: int) -> dict[str, Any]:
    return {
        "meterApiName": "calls",
        "customerId": f"c{number % 7}",
        "meterValue": 1,
        "meterTimeInMillis": recent() + number * 1000,
        "uniqueId": f"id-{number}",
        "dimensions": {"region": f"r{number % 3}"},
    }


@dataclass
class Started:
    """What became of `up`: how it ended and what it said, or its answers."""

    status: int | None
    log: str
    answers: dict[str, requests.Response]
    memory: int = 0


def start(cli: Path, data: Path, *arguments: str) -> Started:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = data.parent / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [cli, "up", "--data", data, "--port", str(port), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(METERTAP_ADMIN_KEY=ADMIN_KEY, AWS_CONFIG_FILE=os.devnull),
        )
    answers: dict[str, requests.Response] = {}
    try:
        deadline = time.monotonic() + 20
        while process.poll() is None:
            assert time.monotonic() < deadline, log.read_text()
            try:
                requests.get(f"{url}/health", timeout=5)
                answers = ask(url)
                break
            except requests.ConnectionError:
                time.sleep(0.02)
        status = process.poll()
        memory = 0
        if status is None:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            memory = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        return Started(status, log.read_text(errors="replace"), answers, memory)
    finally:
        process.kill()
        process.wait()


def ask(url: str) -> dict[str, requests.Response]:
    query = {
        "meterApiName": "calls",
        "timeGroupingInterval": "DAY",
        "groupBy": ["region"],
        "timeRange": {"startTimeInSeconds": recent() // 1000},
    }
    session = requests.Session()
    session.headers["X-API-KEY"] = ADMIN_KEY

    def request(method: str, path: str, **more: Any) -> requests.Response:
        return session.request(method, url + path, timeout=20, **more)

    return {
        "usage": request("POST", "/usage", data=to_json(query)),
        "pipeline": request("GET", "/pipeline"),
        "events": request("GET", "/events", params={"limit": "1000"}),
        # All of them once more: what is known must be found, or the database be refused.
        "ingest": request(
            "POST", "/ingest", data=to_json([record(number) for number in range(0, RECORDS, 9)])
        ),
        "after": request("GET", "/pipeline"),
        "ready": request("GET", "/ready"),
    }


def check(found: Started) -> None:
    """A right answer or a clear error, and nothing forgotten."""
    if found.status is not None:
        assert found.status > 0, f"it ended by a signal or in silence: {found.status}\n{found.log}"
        assert "metertap: " in found.log and len(found.log) < 2_000, found.log
        return
    assert found.memory < MEMORY_LIMIT
    for name, answer in found.answers.items():
        assert answer.status_code in (200, 500, 503), f"{name}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code != 200:
            assert name == "ready" or answer.json()["errorMessage"]
    usage, pipeline, after = (found.answers[name] for name in ("usage", "pipeline", "after"))
    if usage.status_code == 200:
        assert sum(int(group["groupValue"]) for group in usage.json()["clientMeters"]) == RECORDS
    for figures in (pipeline, after):
        if figures.status_code == 200:
            assert int(figures.json()["counted"]) == RECORDS
    if found.answers["ingest"].status_code == 500:
        assert found.answers["ready"].status_code == 503, found.answers["ready"].text


def cut(size: int) -> Callable[[Path], None]:
    return lambda data: os.truncate(data / DATABASE, size)


def overwrite(name: str, at: int, content: bytes) -> Callable[[Path], None]:
    def damage(data: Path) -> None:
        with (data / name).open("r+b") as file:
            file.seek(at)
            file.write(content)

    return damage


def replace(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(data: Path) -> None:
        (data / name).unlink(missing_ok=True)
        make(data / name)

    return damage


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE other (a)")
    database.close()


NOISE = random.Random(1).randbytes(65_536)

# Each with what must come of it: whether it goes on, with everything, or is refused; None for either.
DAMAGES: dict[str, tuple[Callable[[Path], None], bool | None]] = {
    "nothing": (lambda data: None, True),
    "no header": (overwrite(DATABASE, 0, bytes(100)), False),
    "first pages": (overwrite(DATABASE, 4096, NOISE), False),
    "cut to nothing": (cut(0), False),
    "cut to a page": (cut(4096), False),
    "cut to a part of a page": (cut(5_000), False),
    "gone": (replace(DATABASE, lambda path: None), False),
    "a directory": (replace(DATABASE, Path.mkdir), False),
    "a dangling link": (replace(DATABASE, lambda path: path.symlink_to("nowhere")), False),
    "a pipe": (replace(DATABASE, os.mkfifo), False),
    "another database": (replace(DATABASE, foreign), False),
    "a text": (replace(DATABASE, lambda path: path.write_text("hello\n" * 1_000)), False),
    "a log of noise": (overwrite(f"{DATABASE}-wal", 0, NOISE), True),
    "an index of noise": (overwrite(f"{DATABASE}-shm", 0, NOISE[:32_768]), True),
    "no log": (replace(f"{DATABASE}-wal", lambda path: None), True),
    "a log that is a directory": (replace(f"{DATABASE}-wal", Path.mkdir), None),
    "no index": (replace(f"{DATABASE}-shm", lambda path: None), True),
    "no mark": (replace(f"{DATABASE}.id", lambda path: None), True),
    "a mark of another": (replace(f"{DATABASE}.id", lambda path: path.write_text("0" * 32 + "\n")), False),
    "a mark that is a directory": (replace(f"{DATABASE}.id", Path.mkdir), False),
    "a mark of noise": (replace(f"{DATABASE}.id", lambda path: path.write_bytes(NOISE)), False),
    "a lock that is a directory": (replace("lock", Path.mkdir), False),
    "a lock that is a link": (replace("lock", lambda path: path.symlink_to("nowhere")), None),
    "a journal of noise": (replace(f"{DATABASE}-journal", lambda path: path.write_bytes(NOISE)), None),
    "strangers": (replace("notes.txt", lambda path: path.write_bytes(NOISE)), True),
    "a name that is no text": (lambda data: Path(os.fsdecode(bytes(data) + b"/\xff\n")).touch(), True),
    "a half backup": (replace(f"{DATABASE}.partial", lambda path: path.write_bytes(NOISE)), True),
    "an admin key that is a directory": (replace("admin-key", Path.mkdir), None),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage(cli: Path, stopped: Path, tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(stopped, data)
    damage, goes_on = DAMAGES[kind]
    damage(data)
    found = start(cli, data)
    check(found)
    if goes_on is not None:
        assert (found.status is None) == goes_on, found.log
    if goes_on:
        assert {name: answer.status_code for name, answer in found.answers.items()} == dict.fromkeys(
            found.answers, 200
        )


def test_a_killed_platform_goes_on(cli: Path, original: Path, tmp_path: Path) -> None:
    """What it had acknowledged stands in the log; without that it does not begin anew."""
    shutil.copytree(original, tmp_path / "data")
    found = start(cli, tmp_path / "data")
    check(found)
    assert found.status is None and found.answers["after"].status_code == 200
    for kind in ("gone", "noise"):
        data = tmp_path / kind / "data"
        shutil.copytree(original, data)
        log = data / f"{DATABASE}-wal"
        assert log.stat().st_size > 0
        log.unlink() if kind == "gone" else log.write_bytes(NOISE)
        found = start(cli, data)
        assert found.status is not None and found.status > 0, "it began without what it had acknowledged"
        assert "not the one that was here" in found.log


def test_pages_of_noise(cli: Path, stopped: Path, tmp_path: Path, seed: int) -> None:
    """A page here or there: what is asked of it is an error, and the rest is answered."""
    rng = random.Random(seed)
    pages = (stopped / DATABASE).stat().st_size // 4096
    for run in range(RANDOM_PAGES):
        data = tmp_path / str(run) / "data"
        shutil.copytree(stopped, data)
        for _ in range(rng.choice([1, 1, 3, 20])):
            overwrite(DATABASE, rng.randrange(1, pages) * 4096, rng.randbytes(4096))(data)
        found = start(cli, data)
        try:
            check(found)
        except AssertionError as problem:
            raise AssertionError(f"run {run} of seed {seed}: {problem}") from problem
        shutil.rmtree(data.parent)


def test_a_restored_backup_is_taken_for_the_one_that_was_here(
    cli: Path, stopped: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(stopped, data)
    backup = tmp_path / "backup.sqlite"
    environment = clean_environment()
    subprocess.run([cli, "backup", "--data", data, backup], check=True, env=environment)
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (data / name).unlink(missing_ok=True)
    subprocess.run([cli, "restore", "--data", data, backup], check=True, env=environment)
    found = start(cli, data)
    check(found)
    assert found.status is None and found.answers["after"].status_code == 200
