"""`metertap backfill` of exports of CloudWatch Logs and of log files: what came before counts once."""

import gzip
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from components.emulators import ACCOUNT, REGION, Moto
from components.logs import Command, LogGroup, environment, every_form, export, export_time, recently, run
from components.platform import ADMIN_KEY, Platform
from components.runtime_api import Agent
from components.samples import Event, Line, Record, Samples, direct_event, envelope
from components.stored import contents, difference, files_in, records_in, rejects_in


@pytest.fixture
def moto(logs_moto: Moto) -> Moto:
    return logs_moto


@pytest.fixture
def group(moto: Moto) -> LogGroup:
    """Two streams with every form of line, and two equal log events of one millisecond."""
    group = every_form(moto, "web/1/[a]", "worker-7")
    start = recently()
    twice = line("twice", 3)
    group.put("worker-7", [(start + 7, twice), (start + 7, twice)])
    return group


def line(customer: str, value: int, before: str = "", **more: Any) -> Line:
    members = {"customerId": customer, "meterApiName": "calls", "meterValue": value} | more
    return Line(
        f"{before}amberflo_meter: {json.dumps(members)}", (Record("calls", customer, Decimal(value)),)
    )


class Exports:
    """A bucket for what export tasks write."""

    def __init__(self, moto: Moto):
        self.s3 = moto.client("s3")
        self.name = f"exports-{uuid.uuid4().hex}"
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.url = f"s3://{self.name}/shop"

    def write(self, streams: dict[str, list[Event]], task: str = "task-1", size: int = 50) -> None:
        export(self.s3, self.name, "shop", streams, task, size)


@pytest.fixture
def exports(moto: Moto) -> Exports:
    return Exports(moto)


def backfill(
    cli: Path, moto: Moto, directory: Path, group: LogGroup, exports: Exports, *more: str, **settings: str
) -> Command:
    return run(
        cli, directory, environment(moto, **settings), "backfill", "--log-group", group.name,
        "--export", exports.url, *more,
    )  # fmt: skip


def said(records: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """What records say, without the ids that come from log events."""
    return Counter(
        (
            one["meterApiName"],
            one["customerId"],
            Decimal(one["meterValue"]),
            int(one["meterTimeInMillis"]),
            tuple(sorted(one.get("dimensions", {}).items())),
        )
        for one in records
    )


def logged(group: LogGroup) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            item.meter,
            item.customer,
            item.value,
            event.timestamp if item.time is None else item.time,
            tuple(sorted(item.dimensions)),
        )
        for events in group.events.values()
        for event in events
        for item in event.line.items
        if isinstance(item, Record)
    )


def rejects_of(group: LogGroup) -> int:
    values = [item for events in group.events.values() for event in events for item in event.line.items]
    return sum(item is not None and not isinstance(item, Record) for item in values)


def test_everything_that_was_logged_is_in_the_directory_once(
    cli: Path, moto: Moto, group: LogGroup, exports: Exports, tmp_path: Path
) -> None:
    exports.write(group.events)
    sink = tmp_path / "sink"
    done = backfill(cli, moto, tmp_path, group, exports, "--sink", f"file://{sink}")
    assert done.status == 0, done.errors
    found = records_in(files_in(sink))
    assert said(found) == logged(group)
    assert len(rejects_in(files_in(sink))) == rejects_of(group)
    figures = done.json
    assert figures["complete"] and not figures["resumed"]
    assert figures["records"] == figures["delivered"] == len(found)
    assert (figures["rejects"], figures["alreadyReceived"]) == (figures["rejected"], 0)
    sources = [one["source"] for one in found]
    assert {(one["account"], one["logGroup"]) for one in sources} == {(ACCOUNT, group.name)}
    assert {one["logStream"] for one in sources} == {"web-1-[a]", "worker-7"}
    # The same range once more, by another task: nothing is new.
    exports.write(group.events, task="task-2")
    again = backfill(cli, moto, tmp_path, group, exports, "--sink", f"file://{sink}")
    assert again.status == 0, again.errors
    assert (again.json["delivered"], again.json["alreadyReceived"]) == (0, len(found))
    assert said(records_in(files_in(sink))) == logged(group)
    assert not list(tmp_path.glob("metertap-backfill-*")), "a finished run leaves no checkpoint"


def test_what_the_agent_delivered_is_told_by_stream_time_and_content(
    cli: Path,
    agent: Callable[..., Agent],
    moto: Moto,
    group: LogGroup,
    exports: Exports,
    platform: Platform,
    tmp_path: Path,
) -> None:
    """Half of each stream came through the agent; the audit of CloudWatch Logs then finds all of it."""
    exports.write(group.events, size=13)
    for meter in {key[0] for key in logged(group)}:
        platform.define(meter)
    settings = {
        "METERTAP_API_KEY": ADMIN_KEY,
        "METERTAP_REJECTS": f"file://{tmp_path / 'rejects'}",
    }
    direct = agent(METERTAP_SINK=f"{platform.url}/ingest", **settings)
    for stream, events in group.events.items():
        data = gzip.compress(envelope(events[::2], group.name, stream))
        assert direct.invoke(direct_event(data)).kind == "response"
    before = platform.pipeline()["received"]
    done = backfill(cli, moto, tmp_path, group, exports, METERTAP_URL=platform.url, **settings)
    assert done.status == 0, done.errors
    assert 0 < done.json["alreadyReceived"] == before
    assert done.json["delivered"] + before == done.json["records"]
    assert platform.pipeline()["duplicate"] == 0
    assert said(list(platform.events())) == logged(group)
    everything = ("--log-group", group.name, "--from", "1d", "--to", "0m")
    audit = run(
        cli, tmp_path, environment(moto, METERTAP_URL=platform.url, **settings),
        "audit", *everything, "--repair", "--json",
    )  # fmt: skip
    assert audit.status == 0, audit.errors
    figures = audit.json
    assert (figures["missing"], figures["extra"], figures["different"]) == (0, 0, 0), figures
    assert figures["matchedByContent"] == done.json["delivered"]
    assert said(list(platform.events())) == logged(group)


def test_messages_of_several_lines_and_what_is_no_event(
    cli: Path, moto: Moto, exports: Exports, tmp_path: Path
) -> None:
    group = LogGroup(moto, f"/app/{uuid.uuid4().hex[:8]}")
    at = recently()
    texts = [
        "one\ntwo\n  at Frame 3",
        line("in the second line", 1, before="Traceback:\n2026-01-02 10:00:00 no time\n").message,
        "",
        line("last", 2).message + "\n\n",
    ]
    exports.write({"a": [Event(n, at + n, Line(text)) for n, text in enumerate(texts)]})
    exports.s3.put_object(Bucket=exports.name, Key="shop/notes/about/this.txt", Body=b"amberflo_meter: {}")
    exports.s3.put_object(Bucket=exports.name, Key="shop/task-9/empty/000000.gz", Body=gzip.compress(b""))
    sink = tmp_path / "sink"
    done = backfill(cli, moto, tmp_path, group, exports, "--sink", f"file://{sink}")
    assert done.status == 0, done.errors
    found = {one["customerId"]: one["meterTimeInMillis"] for one in records_in(files_in(sink))}
    assert found == {"in the second line": at + 1, "last": at + 3}
    assert (done.json["events"], done.json["objects"]) == (4, 2)


def test_a_range_of_an_export_and_a_group_that_is_gone(
    cli: Path, moto: Moto, group: LogGroup, exports: Exports, tmp_path: Path
) -> None:
    exports.write(group.events)
    start = min(event.timestamp for events in group.events.values() for event in events)
    moto.client("logs").delete_log_group(logGroupName=group.name)
    sink = ("--sink", f"file://{tmp_path / 'sink'}")
    refused = backfill(cli, moto, tmp_path, group, exports, *sink)
    assert refused.status == 78 and group.name in refused.errors
    until = ("--account", ACCOUNT, "--from", "1d", "--to", export_time(start + 600_000))
    done = backfill(cli, moto, tmp_path, group, exports, *sink, *until)
    assert done.status == 0, done.errors
    inside = {
        stream: [event for event in events if event.timestamp < start + 600_000]
        for stream, events in group.events.items()
    }
    group.events = inside
    assert said(records_in(files_in(tmp_path / "sink"))) == logged(group)
    assert done.json["outsideRange"] > 0


def test_a_run_that_was_broken_off_goes_on(
    cli: Path, moto: Moto, group: LogGroup, exports: Exports, platform: Platform, tmp_path: Path
) -> None:
    exports.write(group.events)
    settings = {"METERTAP_URL": platform.url, "METERTAP_REJECTS": f"file://{tmp_path / 'rejects'}"}
    refused = backfill(cli, moto, tmp_path, group, exports, METERTAP_API_KEY="wrong", **settings)
    assert refused.status == 77, refused.errors
    assert "run the same command again" in refused.errors
    assert refused.json["complete"] is False and refused.json["delivered"] == 0
    done = backfill(cli, moto, tmp_path, group, exports, METERTAP_API_KEY=ADMIN_KEY, **settings)
    assert done.status == 0, done.errors
    assert platform.pipeline()["received"] == done.json["records"]
    assert not list(tmp_path.glob("metertap-backfill-*"))
    # Settled parts are not looked at again.
    path = tmp_path / "checkpoint.json"
    times = [event.timestamp for events in group.events.values() for event in events]
    middle = (min(times) + max(times)) // 2
    work = [ACCOUNT, group.name, f"{platform.url}/ingest", f"{exports.url}/"]
    path.write_text(json.dumps({"work": work, "settled": [[0, middle]]}))
    more = ("--checkpoint", str(path))
    rest = backfill(cli, moto, tmp_path, group, exports, *more, METERTAP_API_KEY=ADMIN_KEY, **settings)
    assert rest.status == 0, rest.errors
    assert rest.json["resumed"] and 0 < rest.json["alreadyReceived"] < rest.json["records"]


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"no time\n"), gzip.compress(b"2026-01-02T03:04:05.678Z x\n" * 9)[:-9]],
    ids=["no gzip", "no export", "cut off"],
)
def test_a_damaged_export_delivers_no_record(
    body: bytes, cli: Path, moto: Moto, group: LogGroup, exports: Exports, tmp_path: Path
) -> None:
    exports.write(group.events)
    exports.s3.put_object(Bucket=exports.name, Key="shop/task-1/zz/000000.gz", Body=body)
    done = backfill(cli, moto, tmp_path, group, exports, "--sink", f"file://{tmp_path / 'sink'}")
    assert (done.status, done.output) == (65, "")
    assert "zz/000000.gz" in done.errors
    assert not contents(files_in(tmp_path / "sink")).records


def test_an_api_that_nobody_can_ask_takes_no_export(
    cli: Path, moto: Moto, group: LogGroup, exports: Exports, tmp_path: Path
) -> None:
    exports.write(group.events)
    done = backfill(
        cli, moto, tmp_path, group, exports, "--sink", "https://app.example/other",
        METERTAP_API_KEY="k", METERTAP_REJECTS=f"file://{tmp_path / 'rejects'}",
    )  # fmt: skip
    assert done.status == 78 and "event ids" in done.errors


# Files


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log file with every form of line, some equal lines, and more findings than are settled at once."""
    samples = Samples(random.Random(5), base_time=recently() - 86_400_000)
    lines = [samples.line(kind).message for kind in samples.kinds]
    text = "\n".join("2026-01-02T10:00:00Z " + one.replace("\n", " ") for one in lines + lines[:9])
    many = "\n".join(f"2026-01-02T10:00:01Z {line(f'c{n}', n).message}" for n in range(12_000))
    path = tmp_path / "app.log"
    path.write_text(f"{text}\n{many}\n")
    return path


def test_files_give_what_extract_gives(cli: Path, moto: Moto, log: Path, tmp_path: Path) -> None:
    second = tmp_path / "app.log.1.gz"
    second.write_bytes(gzip.compress(log.read_bytes()))
    files = (str(log), str(second), "--source", "shop")
    extracted = run(cli, tmp_path, environment(moto), "extract", *files, "--rejects", "r", "--provenance")
    truth = {one["uniqueId"]: one for one in map(json.loads, extracted.output.splitlines())}
    sink = tmp_path / "sink"
    # Settings come from the file where neither a flag nor the environment has them.
    (tmp_path / "metertap.yaml").write_text(
        f"sink: file://{sink}\ntags: amberflo_meter,meter_record_for_cw,meter_record_for_stream\n"
    )
    done = run(cli, tmp_path, environment(moto), "backfill", "--files", *files)
    assert done.status == 0, done.errors
    found = records_in(files_in(sink))
    assert {one["uniqueId"] for one in found} == set(truth)
    assert len(rejects_in(files_in(sink))) == len((tmp_path / "r").read_text().splitlines())
    assert done.json["delivered"] == done.json["records"] and done.json["rejected"] == done.json["rejects"]
    before = files_in(sink)
    again = run(cli, tmp_path, environment(moto), "backfill", "--files", *files)
    assert again.status == 0 and files_in(sink) == before
    # On stdout are records alone; the accounting goes to stderr.
    shown = run(
        cli, tmp_path, environment(moto), "backfill", "--files", *files,
        "--sink", "-", "--rejects", f"file://{tmp_path / 'rejects'}",
    )  # fmt: skip
    assert shown.status == 0
    assert sorted(shown.output.splitlines()) == sorted(extracted.output.splitlines())
    assert json.loads(shown.errors)["delivered"] == done.json["records"]


def test_files_go_on_where_they_were(cli: Path, moto: Moto, log: Path, tmp_path: Path) -> None:
    files = ("--files", str(log))
    all_of_it = run(
        cli, tmp_path, environment(moto), "backfill", *files, "--sink", f"file://{tmp_path / 'a'}"
    )
    assert all_of_it.status == 0, all_of_it.errors
    path = tmp_path / "checkpoint.json"
    sink = f"file://{tmp_path / 'b'}"
    work = ["files", "", f"{sink}/", str(log)]
    path.write_text(json.dumps({"work": work, "settled": [[0, 10_000]]}))
    rest = run(
        cli, tmp_path, environment(moto), "backfill", *files, "--sink", sink, "--checkpoint", str(path)
    )
    assert rest.status == 0, rest.errors
    assert rest.json["resumed"] and not path.exists()
    assert (
        rest.json["delivered"] + rest.json["rejected"]
        == all_of_it.json["records"] + all_of_it.json["rejects"] - 10_000
    )
    missing = run(cli, tmp_path, environment(moto), "backfill", "--files", "none.log", "--sink", sink)
    assert (missing.status, missing.output) == (74, "") and "none.log" in missing.errors
    truth = contents(files_in(tmp_path / "a")).records
    assert not difference(contents(files_in(tmp_path / "b")).records - truth, set())
