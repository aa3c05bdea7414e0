"""Tokens of FilterLogEvents that lead nowhere, as boto/boto3#1584 and aws/aws-cli#3191 report of the service.

moto has no such fault, so that the log groups are made up. Lists of other calls: PagesTests, S3ClientTests.
"""

import bisect
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.collectors import Collector
from components.emulators import ACCOUNT, REGION
from components.fake_service import FakeService
from components.logs import environment, run
from components.platform import Platform
from components.stored import contents, files_in

HOUR = 3_600_000


@dataclass
class Group:
    """Log events by their times. A range longer than `fits` has tokens with a `fault`; None has none."""

    times: list[int]
    fault: str | None = None
    fits: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def page(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        first, last = asked["startTime"], asked["endTime"]
        token = asked.get("nextToken")
        self.asked[f"{first}-{last} {token}"] += 1
        found = self.times[bisect.bisect_left(self.times, first) : bisect.bisect_right(self.times, last)]
        start = int((token or "0").partition("!")[0])
        leads_nowhere = self.fault is not None and last + 1 - first > self.fits and len(found) > 3
        if leads_nowhere and token and self.fault == "expired":
            return 400, {
                "__type": "InvalidParameterException",
                "message": "The specified nextToken is invalid.",
            }
        answer: dict[str, Any] = {"events": [event(at) for at in found[start : start + 3]]}
        following = str(start + 3) if start + 3 < len(found) else None
        if leads_nowhere and token and self.fault == "again":
            following = token
        if leads_nowhere and self.fault == "cycle":
            following = f"0!{(int((token or '!1').partition('!')[2]) + 1) % 3}"
        if following is None and self.fault == "empty":
            following = ""
        return 200, answer | ({} if following is None else {"nextToken": following})

    @property
    def calls(self) -> int:
        return self.asked.total()


def event(at: int) -> dict[str, Any]:
    record = {"customerId": "c", "meterApiName": "calls", "meterValue": 1, "meterTimeInMillis": at}
    return {
        "logStreamName": "web-1",
        "timestamp": at,
        "ingestionTime": at,
        "eventId": f"{at:056d}",
        "message": f"amberflo_meter: {json.dumps(record)}",
    }


class TokenLogs(FakeService):
    """Log groups by name."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.serve()

    def respond(self, method: str, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        if target.endswith("FilterLogEvents"):
            status, answer = self.groups[asked["logGroupName"]].page(asked)
            return status, json.dumps(answer).encode()
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
        groups = [
            {"logGroupName": name, "arn": f"{arn}{name}:*"}
            for name in sorted(self.groups)
            if name.startswith(asked.get("logGroupNamePrefix", ""))
        ]
        return 200, json.dumps({"logGroups": groups}).encode()


@pytest.fixture
def logs() -> Iterator[TokenLogs]:
    fake = TokenLogs()
    try:
        yield fake
    finally:
        fake.close()


def times(count: int, step: int = 700) -> list[int]:
    start = (int(time.time()) // 60 - 30) * 60_000
    return [start + step * number for number in range(count)]


def delivered(directory: Path) -> list[int]:
    return sorted(key[3] for key in contents(files_in(directory)).records)


FAULTS = ["again", "cycle", "expired", "empty"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_backfill_reads_all_by_narrower_times(
    cli: Path, logs: TokenLogs, tmp_path: Path, fault: str
) -> None:
    group = logs.groups["/app"] = Group(times(200), fault, fits=1_000)
    done = run(
        cli, tmp_path, environment(logs), "backfill", "--log-group", "/app", "--from", "1h", "--to", "0m",
        "--sink", f"file://{tmp_path}/sink",
    )  # fmt: skip
    assert done.status == 0, done.errors
    figures = done.json
    assert figures["complete"] and figures["records"] == figures["events"] == 200, figures
    assert delivered(tmp_path / "sink") == group.times
    assert (figures["rangesBegunAnew"] > 0) == (fault != "empty")
    # No range is asked for again with a token that led nowhere.
    assert max(group.asked.values()) == 1, group.asked.most_common(3)
    assert group.calls < 2_000


@pytest.mark.parametrize("fault", FAULTS[:3])
def test_a_backfill_that_cannot_go_on_ends_and_says_why(
    cli: Path, logs: TokenLogs, tmp_path: Path, fault: str
) -> None:
    start = times(1)[0]
    group = logs.groups["/app"] = Group([start] * 5, fault)
    arguments = [
        "backfill",
        "--log-group",
        "/app",
        "--from",
        "1h",
        "--to",
        "0m",
        "--sink",
        f"file://{tmp_path}/sink",
    ]
    done = run(cli, tmp_path, environment(logs), *arguments)
    assert done.status == (69 if fault != "expired" else 78), (done.status, done.errors)
    assert "/app" in done.errors and "oken" in done.errors and "run the same command again" in done.errors
    assert not json.loads(done.output)["complete"]
    assert group.calls < 400
    group.fault = None
    assert run(cli, tmp_path, environment(logs), *arguments).json["complete"]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_audit_reads_all_by_narrower_times(cli: Path, logs: TokenLogs, tmp_path: Path, fault: str) -> None:
    group = logs.groups["/app"] = Group(times(60))
    settings = environment(logs)
    between = ["--log-group", "/app", "--from", "1h", "--to", "0m"]
    assert run(cli, tmp_path, settings, "backfill", *between, "--sink", f"file://{tmp_path}/sink").status == 0
    group.fault, group.fits = fault, 1_000
    group.times.append(group.times[-1] + 1)  # logged since
    done = run(cli, tmp_path, settings, "audit", *between, "--bucket", f"file://{tmp_path}/sink", "--json")
    assert done.status == 65, done.errors
    figures = done.json
    assert (figures["found"], figures["received"], figures["missing"], figures["extra"]) == (61, 60, 1, 0), (
        figures
    )
    assert figures["events"] == 61
    assert (figures["rangesBegunAnew"] > 0) == (fault != "empty")


def test_other_log_groups_are_collected_meanwhile(cli: Path, logs: TokenLogs, tmp_path: Path) -> None:
    """One log group has no end at all, then one by narrower times; its neighbour never waits for it."""
    hung = logs.groups["/app/hung"] = Group(sorted(times(5) * 4), "again")
    well = logs.groups["/app/well"] = Group([at + 1 for at in times(5)])
    settings = {"connections": [{"name": "one", "log-groups": ["/app/*"], "start": "1h"}]}
    collector = Collector(cli, tmp_path, settings, environment(logs))
    try:
        collector.wait_for_problems(1)
        assert "/app/hung" in collector.log.read_text()
        Platform.wait_for(lambda: set(well.times) <= set(delivered(collector.sink)))
        calls = hung.calls
        assert calls < 400
        hung.fits = 1_000
        Platform.wait_for(lambda: set(hung.times) <= set(delivered(collector.sink)))
        (report,) = collector.stop()
        assert report["rangesBegunAnew"] > 0, report
        assert delivered(collector.sink) == sorted(set(hung.times) | set(well.times))
    finally:
        collector.kill()
