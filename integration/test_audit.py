"""`metertap audit` against moto's CloudWatch Logs and a real platform: every record in exactly one class."""

import gzip
import json
import random
import re
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import requests

from components.collectors import Collector
from components.emulators import ACCOUNT, REGION, Moto, SeaweedFS
from components.kinesis import FakeKinesis
from components.logs import Command, LogGroup, environment, every_form, export, recently, run, wanted
from components.platform import ADMIN_KEY, Platform, to_json
from components.runtime_api import Agent
from components.samples import (
    Event,
    Line,
    Record,
    Reject,
    direct_event,
    envelope,
    expected,
    kinesis_event,
    kinesis_record,
    unique_id,
)
from components.stored import difference, lines
from components.stubs import FaultyIngest
from conftest import ROOT
from reference.platform_model import CANCEL

Place = tuple[str, int]  # event id and ordinal
CLASSES = (
    "received",
    "duplicate",
    "cancelled",
    "rejected",
    "resolved",
    "undefined",
    "pastRetention",
    "missing",
    "different",
)


@pytest.fixture
def moto(logs_moto: Moto) -> Moto:
    return logs_moto


@dataclass
class Audited:
    """What an audit said: its figures, and the class of each place."""

    status: int
    figures: dict[str, Any]
    classes: dict[Place, str]
    extras: list[dict[str, Any]]
    repaired: set[Place]
    errors: str


def audit(cli: Path, moto: Moto, platform: Platform, group: str, *arguments: str) -> Audited:
    """With what a platform has received."""
    settings = environment(moto, METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    return audit_with(cli, settings, platform.directory, group, *arguments)


def audit_with(cli: Path, settings: dict[str, str], directory: Path, group: str, *arguments: str) -> Audited:
    done = run(
        cli, directory, settings, "audit",
        "--log-group", group, "--from", "1d", "--to", "0m", "--json", *arguments,
    )  # fmt: skip
    assert done.status in (0, 65), done.errors
    figures = done.json
    found: dict[Place, str] = {}
    extras, repaired = [], set()
    path = directory / figures["records"]
    for line in lines(path.read_bytes()) if path.stat().st_size else ():
        place = (line["source"]["eventId"], int(line["source"]["ordinal"]))
        if line["class"] == "extra":
            extras.append(line)
            continue
        assert place not in found, f"{place} is named twice"
        found[place] = line["class"]
        if line.get("repaired"):
            repaired.add(place)
    assert figures["found"] == len(found) == sum(figures[name] for name in CLASSES), figures
    for name, count in Counter(found.values()).items():
        assert figures[name] == count
    assert (figures["extra"], figures["repaired"]) == (len(extras), len(repaired))
    return Audited(done.status, figures, found, extras, repaired, done.errors)


def record(customer: str, value: str, **more: Any) -> tuple[Record, str]:
    members = {"customerId": customer, "meterApiName": "calls", "meterValue": value} | more
    dimensions = members.get("dimensions", {})
    made = Record(
        members["meterApiName"],
        customer,
        Decimal(value),
        members.get("meterTimeInMillis"),
        members.get("uniqueId"),
        tuple(sorted(dimensions.items())),
    )
    return made, json.dumps(members)


def line(customer: str, value: str, **more: Any) -> Line:
    made, text = record(customer, value, **more)
    return Line(f"INFO amberflo_meter: {text} {uuid.uuid4().hex[:6]}", (made,))


def source(group: LogGroup, stream: str, event: Event, ordinal: int = 0) -> dict[str, Any]:
    return {
        "account": ACCOUNT,
        "logGroup": group.name,
        "logStream": stream,
        "eventId": str(event.id),
        "timestamp": event.timestamp,
        "ordinal": ordinal,
    }


def new_group(moto: Moto) -> LogGroup:
    return LogGroup(moto, f"/app/{uuid.uuid4().hex[:8]}")


def total(platform: Platform, meter: str) -> Decimal:
    query = {"meterApiName": meter, "timeGroupingInterval": "MONTH", "timeRange": {"startTimeInSeconds": 0}}
    series = platform.post("/usage/sparse", query)["clientMeters"]
    return series[0]["groupValue"] if series else Decimal(0)


# The ten-minute hole


class Story:
    """An hour of a log group with everything that can become of a record, and what did become of it."""

    def __init__(self, moto: Moto, rng: random.Random):
        self.rng = rng
        self.tells_sources = True
        self.group = new_group(moto)
        self.start = recently()
        self.usage: Counter[str] = Counter()
        self.todo: dict[str, list[tuple[int, Line]]] = {"web-1": [], "web-2": [], "worker-7": []}
        self.number = 0
        self.write()
        self.places: dict[Place, tuple[str, Event, Any]] = {}
        for stream, logged in self.todo.items():
            for event in self.group.put(stream, logged):
                for ordinal, item in enumerate(event.line.items):
                    self.places[(str(event.id), ordinal)] = (stream, event, item)

    def add(self, made: Line, minute: float | None = None) -> None:
        self.number += 1
        at = self.start + int((self.rng.random() * 60 if minute is None else minute) * 60_000)
        self.todo[self.rng.choice(list(self.todo))].append((at, made))

    def write(self) -> None:
        for number in range(900):
            self.add(line(f"c{number % 7}", f"{self.rng.randrange(1, 500)}.{self.rng.randrange(10)}"))
        for number in range(40):  # the same record, logged once more
            more = {"uniqueId": f"own-{number}"}
            if number % 2:
                more["meterTimeInMillis"] = self.start + number
            for _ in range(2):
                self.add(line("twice", f"{number + 1}", **more))
        for number in range(30):
            more = {"uniqueId": f"cancelled-{number}", "meterTimeInMillis": self.start + number}
            self.add(line("taken-back", f"{number + 1}", **more), self.rng.uniform(0, 15))
            self.add(
                line("taken-back", f"{number + 1}", dimensions={CANCEL: "true"}, **more),
                self.rng.uniform(15, 60),
            )
        for number in range(25):
            self.add(line("c1", "2", meterApiName="nobody-defined"))
            text = json.dumps(
                {
                    "customerId": "c1",
                    "meterApiName": "calls",
                    "meterValue": "many",
                    "uniqueId": f"bad-{number}",
                }
            )
            self.add(Line(f"WARN amberflo_meter={text}", (Reject("invalidValue"),)))
            self.add(Line(f"DEBUG reading amberflo_meter config {number}"))
            self.add(Line(f"INFO GET /orders/{number} 200"))

    def identity(self, place: Place) -> Any:
        """What is the same for log events that are counted once."""
        item = self.places[place][2]
        if isinstance(item, Reject) or item.unique_id is None:
            return place
        if item.time is None and not self.tells_sources:
            # Nobody can know that its time is only its log event's.
            return place
        return (item.unique_id, CANCEL in dict(item.dimensions))

    def is_in_hole(self, event: Event) -> bool:
        return self.start + 20 * 60_000 <= event.timestamp < self.start + 30 * 60_000

    def truth(self, delivered: set[Place], resolved: set[Place]) -> dict[Any, list[str]]:
        """The classes of each identity's log events; which of equal ones was stored first does not matter."""
        result: dict[Any, list[str]] = {}
        identities: dict[Any, list[Place]] = {}
        for place, (_, _, item) in self.places.items():
            if isinstance(item, Reject):
                result[place] = ["resolved" if place in resolved else "rejected"]
            else:
                identities.setdefault(self.identity(place), []).append(place)
        for key, places in identities.items():
            present = [place for place in places if place in delivered]
            meter = self.places[places[0]][2].meter
            if not present:
                result[key] = ["missing"] * len(places)
                continue
            first = "received" if meter == "calls" else "undefined"
            if not isinstance(key[1], bool) or not str(key[0]).startswith("cancelled-"):
                pass
            elif key[1] or any(place in delivered for place in identities[(key[0], True)]):
                first = "cancelled"
            result[key] = sorted([first] + ["duplicate"] * (len(places) - 1))
        return result

    def by_identity(self, classes: dict[Place, str]) -> dict[Any, list[str]]:
        result: dict[Any, list[str]] = {}
        for place in self.places:
            result.setdefault(self.identity(place), []).append(classes[place])
        return {key: sorted(names) for key, names in result.items()}

    def total(self) -> Decimal:
        """What is to be billed of `calls`: each identity once, without what was taken back."""
        counted: dict[Any, Decimal] = {}
        for place, (_, _, item) in self.places.items():
            if isinstance(item, Record) and item.meter == "calls" and item.customer != "taken-back":
                counted[self.identity(place)] = item.value
        return sum(counted.values(), Decimal(0))


def held(story: Story, bucket: Path) -> set[Place]:
    """The places whose records a bucket holds, with or without provenance."""
    records = {
        (one["uniqueId"], CANCEL in one.get("dimensions", {}), int(one["meterTimeInMillis"]))
        for path in (bucket / "ingest").rglob("*.gz")
        for one in lines(path.read_bytes())
    }
    result = set()
    for place, (stream, event, item) in story.places.items():
        if isinstance(item, Record):
            own = item.unique_id or unique_id(ACCOUNT, story.group.name, stream, event.id, place[1])
            time = event.timestamp if item.time is None else item.time
            if (own, CANCEL in dict(item.dimensions), time) in records:
                result.add(place)
    return result


def deliver(story: Story, direct: Agent, bucket: Path, skipped: Callable[[Event], bool]) -> set[Place]:
    """Brings the log events through the agent into a bucket that loses some objects; what is left in it."""
    for stream, events in story.group.events.items():
        kept = [event for event in events if not skipped(event)]
        for first in range(0, len(kept), 10):
            data = envelope(kept[first : first + 10], story.group.name, stream)
            assert direct.invoke(direct_event(data)).kind == "response"
    objects = sorted((bucket / "ingest").rglob("*.gz"))
    for path in story.rng.sample(objects, max(2, len(objects) // 100)):
        path.unlink()
    return held(story, bucket)


def edit_rejects(story: Story, platform: Platform) -> tuple[set[Place], Decimal]:
    """Some of the rejects reach the platform, and half of these are edited."""
    resolved: set[Place] = set()
    added = Decimal(0)
    bad = [place for place, (_, _, item) in story.places.items() if isinstance(item, Reject)]
    for number, place in enumerate(bad[:12]):
        stream, event, _ = story.places[place]
        sent = {
            "customerId": "c1",
            "meterApiName": "calls",
            "meterValue": "many",
            "meterTimeInMillis": event.timestamp,
            "source": source(story.group, stream, event),
        }
        answer = platform.ingest(json.dumps(sent).encode())
        assert answer.headers["X-Rejected-Records"] == "1"
        if number % 2:
            continue
        reject = platform.get("/rejects", limit=1)["rejects"][0]
        assert reject["source"]["eventId"] == place[0]
        # Whoever edits the line need not keep its source.
        edited = {name: value for name, value in sent.items() if name != "source" or number % 4}
        text = json.dumps(edited | {"meterValue": 7, "uniqueId": f"edited-{number}"})
        assert platform.post(f"/rejects/{reject['id']}/retry", {"line": text}) == {"records": 1}
        resolved.add(place)
        added += 7
    return resolved, added


@pytest.mark.parametrize("late", [False, True], ids=["hole", "subscribed late"])
def test_the_ten_minute_hole(
    late: bool, cli: Path, agent: Callable[..., Agent], moto: Moto, tmp_path: Path, seed: int
) -> None:
    print("METERTAP_SEED", seed)
    story = Story(moto, random.Random(seed))
    bucket = tmp_path / "bucket"
    subscribed = story.start + 25 * 60_000
    delivered = deliver(
        story,
        agent(METERTAP_SINK=f"file://{bucket}"),
        bucket,
        (lambda event: event.timestamp < subscribed) if late else story.is_in_hole,
    )
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls")
        platform.wait_until_ready()
        resolved, edited = edit_rejects(story, platform)
        truth = story.truth(delivered, resolved)
        first = audit(cli, moto, platform, story.group.name)
        assert story.by_identity(first.classes) == truth
        assert first.status == 65 and not first.extras
        assert total(platform, "calls") < story.total() + edited, "nothing was lost: the test shows nothing"
        # Deleted objects of one time can make a small gap beside it.
        gap = max(first.figures["gaps"], key=lambda one: one["missing"])
        if late:
            assert story.start <= gap["from"] and gap["to"] < subscribed
        else:
            assert 19 * 60_000 < gap["from"] - story.start < gap["to"] - story.start < 31 * 60_000
        repair = audit(cli, moto, platform, story.group.name, "--repair")
        assert repair.status == 0
        assert repair.repaired == {place for place, name in first.classes.items() if name == "missing"}
        assert repair.classes == first.classes, "a repair changed what it was to mend before it looked"
        second = audit(cli, moto, platform, story.group.name)
        assert second.status == 0
        assert second.figures["missing"] == second.figures["different"] == second.figures["extra"] == 0
        assert total(platform, "calls") == story.total() + edited
        before = platform.pipeline()
        again = audit(cli, moto, platform, story.group.name, "--repair")
        assert (again.status, again.figures["repaired"]) == (0, 0)
        assert platform.pipeline() == before
        # The platform keeps what each of them found, the newest first.
        noted = platform.get("/audits")
        detail = platform.get(f"/audits/{int(noted[-1]['id'])}")["detail"]
        assert {name: first.figures[name] for name in CLASSES} == detail["classes"]
        assert detail["reasons"] == first.figures["reasons"] and detail["reasons"]
        assert detail["gaps"] and len(detail["missingRecords"]) == min(100, first.figures["missing"])
        assert {(one["eventId"], int(one["ordinal"])) for one in detail["missingRecords"]} <= {
            place for place, name in first.classes.items() if name == "missing"
        }
        for name in ("found", "missing"):
            assert sum(bucket[name] for bucket in detail["timeline"]) == first.figures[name]
        for name in ("found", "missing", "repaired"):
            told = [one.figures[name] for one in (again, second, repair, first)]
            assert [audit[name] for audit in noted] == told


@pytest.mark.parametrize("provenance", ["true", "false"])
def test_the_hole_in_a_bucket(
    provenance: str, cli: Path, agent: Callable[..., Agent], moto: Moto, tmp_path: Path, seed: int
) -> None:
    """The bucket alone, without a platform; what is repaired is counted by one that reads the bucket."""
    print("METERTAP_SEED", seed)
    story = Story(moto, random.Random(seed))
    bucket = tmp_path / "bucket"
    url = f"file://{bucket}"
    story.tells_sources = provenance == "true"
    direct = agent(METERTAP_SINK=url, METERTAP_PROVENANCE=provenance)
    truth = story.truth(deliver(story, direct, bucket, story.is_in_hole), set())
    for names in truth.values():
        names[:] = sorted("received" if name == "undefined" else name for name in names)
    settings = environment(moto, METERTAP_PROVENANCE=provenance)
    more = ("--bucket", url)
    first = audit_with(cli, settings, tmp_path, story.group.name, *more)
    assert story.by_identity(first.classes) == truth
    assert (first.status, first.figures["extra"]) == (65, 0)
    repair = audit_with(cli, settings, tmp_path, story.group.name, *more, "--repair")
    assert repair.status == 0
    assert repair.repaired == {place for place, name in first.classes.items() if name == "missing"}
    second = audit_with(cli, settings, tmp_path, story.group.name, *more)
    assert (second.status, second.figures["missing"], second.figures["extra"]) == (0, 0, 0)
    with Platform(cli, tmp_path, "--bucket", url) as platform:
        platform.define("calls")
        platform.wait_until_ready()
        assert total(platform, "calls") == story.total()


def test_a_bucket_that_says_something_else(
    cli: Path, agent: Callable[..., Agent], moto: Moto, simple: LogGroup, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    direct = agent(METERTAP_SINK=f"file://{bucket}")
    [(events, data)] = simple.envelopes()
    changed = gzip.decompress(data).replace(b'\\"meterValue\\": \\"7\\"', b'\\"meterValue\\": \\"8\\"')
    direct.invoke(direct_event(gzip.compress(changed)))
    ghost = replace(events[0], id="999999", timestamp=events[0].timestamp + 1)
    direct.invoke(direct_event(gzip.compress(envelope([ghost], simple.name, "s"))))
    direct.invoke(direct_event(gzip.compress(envelope([ghost], "/app/other", "s"))))
    found = audit_with(cli, environment(moto), tmp_path, simple.name, "--bucket", f"file://{bucket}")
    assert (found.status, found.figures["received"], found.figures["different"]) == (65, 19, 1)
    assert [extra["source"]["eventId"] for extra in found.extras] == ["999999"]
    (bucket / "ingest" / "records" / "broken").mkdir()
    day = next((bucket / "ingest" / "records").glob("2*"))
    (day / "x.ndjson.gz").write_bytes(b"no gzip")
    done = run(
        cli, tmp_path, environment(moto), "audit", "--log-group", simple.name, "--from", "1d", "--to", "0m",
        "--bucket", f"file://{bucket}",
    )  # fmt: skip
    assert done.status == 65 and "x.ndjson.gz" in done.errors and done.output == ""


@dataclass
class Ways:
    """The ways from the log events of a group to one platform."""

    cli: Path
    moto: Moto
    group: LogGroup
    agent: Callable[..., Agent]
    kinesis: FakeKinesis
    platform: Platform
    directory: Path
    count: int  # the records of the group

    @property
    def bucket(self) -> Path:
        return self.directory / "bucket"

    @property
    def settings(self) -> dict[str, str]:
        return environment(
            self.moto,
            METERTAP_URL=self.platform.url,
            METERTAP_API_KEY=ADMIN_KEY,
            METERTAP_REJECTS=f"file://{self.directory / 'rejects'}",
        )

    def received(self) -> int:
        return self.platform.pipeline()["received"]

    def wait_from(self, before: int) -> None:
        """Until all records have come once more, counted or not."""
        self.platform.wait_for(lambda: self.received() >= before + self.count)

    def direct(self) -> None:
        before = self.received()
        agent = self.agent(METERTAP_SINK=f"file://{self.bucket}")
        for _, data in self.group.envelopes():
            assert agent.invoke(direct_event(data)).kind == "response"
        agent.close()
        self.wait_from(before)

    def lambda_behind_kinesis(self) -> None:
        before = self.received()
        agent = self.agent(METERTAP_SINK=f"file://{self.bucket}")
        records = [kinesis_record(n, data) for n, (_, data) in enumerate(self.group.envelopes(), 1)]
        assert agent.invoke(kinesis_event(records)).kind == "response"
        agent.close()
        self.wait_from(before)

    def kinesis_pull(self) -> None:
        stream = {"name": "logs", "stream": self.kinesis.name, "lease-seconds": 3}
        self.collected({"streams": [stream]}, AWS_ENDPOINT_URL_KINESIS=self.kinesis.url)

    def pull(self) -> None:
        connection = {"name": "one", "log-groups": [self.group.name], "start": "1d"}
        self.collected({"connections": [connection]})

    def collected(self, sources: dict[str, Any], **more: str) -> None:
        directory = self.directory / f"collector-{'-'.join(sources)}"
        directory.mkdir()
        before = self.received()
        sink = {"sink": f"{self.platform.url}/ingest"}
        collector = Collector(self.cli, directory, sink | sources, self.settings | more)
        try:
            self.wait_from(before)
            assert collector.service.process.poll() is None, collector.log.read_text()
        finally:
            collector.kill()

    def command(self, name: str, *arguments: str) -> Command:
        done = run(self.cli, self.directory, self.settings, name, "--log-group", self.group.name, *arguments)
        assert done.status == 0, done.errors
        return done

    def backfill(self) -> None:
        self.command("backfill", "--from", "1d", "--to", "0m")

    def repair(self) -> None:
        self.command("audit", "--from", "1d", "--to", "0m", "--repair")

    def export(self, url: str) -> None:
        done = self.command("backfill", "--export", url).json
        assert done["alreadyReceived"] == done["records"], done


def test_one_line_every_way(cli: Path, agent: Callable[..., Agent], moto: Moto, tmp_path: Path) -> None:
    """Every way, each of them once the first, and after each the export: counted once."""
    group = every_form(moto, "web-1")
    s3 = moto.client("s3")
    exports = f"exports-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=exports, CreateBucketConfiguration={"LocationConstraint": REGION})
    export(s3, exports, "shop", group.events)
    kinesis = FakeKinesis()
    for _, data in group.envelopes():
        kinesis.put(data, 0)
    truth = wanted(group)
    totals: dict[str, Decimal] = {}
    with localcontext(prec=100):
        for meter, _, value, *_ in truth.records:
            totals[meter] = totals.get(meter, Decimal(0)) + value
    names = ["direct", "lambda_behind_kinesis", "kinesis_pull", "pull", "backfill", "repair"]
    for first in range(len(names)):
        order = names[first:] + names[:first]
        directory = tmp_path / str(first)
        (directory / "bucket").mkdir(parents=True)
        with Platform(cli, directory, "--bucket", f"file://{directory / 'bucket'}") as platform:
            for meter in totals:
                platform.define(meter)
            ways = Ways(cli, moto, group, agent, kinesis, platform, directory, len(truth.records))
            for way in order:
                getattr(ways, way)()
                assert counted(platform) == len(truth.records), f"after {way} in {order}"
                ways.export(f"s3://{exports}/shop")
                assert counted(platform) == len(truth.records), f"by export, after {way} in {order}"
            for meter, value in totals.items():
                assert total(platform, meter) == value, (order, meter)
    kinesis.close()


def counted(platform: Platform) -> int:
    return platform.pipeline()["counted"]


# One thing at a time


@pytest.fixture
def simple(moto: Moto) -> LogGroup:
    """Twenty records in one stream, a minute apart."""
    group = new_group(moto)
    start = recently()
    group.put("s", [(start + n * 60_000, line(f"c{n}", f"{n + 1}")) for n in range(20)])
    return group


def sent(group: LogGroup, **more: Any) -> Iterator[dict[str, Any]]:
    """What the agent would send."""
    for stream, events in group.events.items():
        for event in events:
            for ordinal, item in enumerate(event.line.items):
                assert isinstance(item, Record)
                [key] = expected(
                    [replace(event, line=Line("", (item,)))], group.name, stream, ACCOUNT
                ).records
                yield {
                    "uniqueId": key[4],
                    "meterApiName": item.meter,
                    "customerId": item.customer,
                    "meterValue": item.value,
                    "meterTimeInMillis": key[3],
                    "dimensions": dict(item.dimensions),
                    "source": source(group, stream, event, ordinal) | {"timeDerived": item.time is None},
                } | more


def test_what_says_something_else_is_different(
    cli: Path, moto: Moto, platform: Platform, simple: LogGroup
) -> None:
    platform.define("calls")
    records = list(sent(simple))
    records[3]["meterValue"] = Decimal("4.000001")
    records[5]["customerId"] = "somebody"
    platform.send(records)
    found = audit(cli, moto, platform, simple.name, "--repair")
    assert (found.status, found.figures["different"], found.figures["received"]) == (65, 2, 18)
    assert found.figures["repaired"] == 0 == found.figures["extra"]
    assert platform.pipeline()["counted"] == 20


def test_what_the_logs_do_not_have_is_extra(
    cli: Path, moto: Moto, platform: Platform, simple: LogGroup
) -> None:
    platform.define("calls")
    records = list(sent(simple))
    ghost = records[0] | {"uniqueId": "ghost", "source": records[0]["source"] | {"eventId": "999999"}}
    stranger = records[0] | {
        "uniqueId": "stranger",
        "source": records[0]["source"] | {"account": "999988887777"},
    }
    platform.send([*records, ghost, stranger])
    found = audit(cli, moto, platform, simple.name)
    assert (found.status, found.figures["received"], found.figures["missing"]) == (0, 20, 0)
    assert [extra["uniqueId"] for extra in found.extras] == ["ghost"]
    assert found.extras[0]["expired"] is False


def test_records_without_provenance_are_matched_by_identity(
    cli: Path, moto: Moto, platform: Platform, simple: LogGroup
) -> None:
    """As they stand in Amberflo's bucket."""
    start = simple.events["s"][0].timestamp
    same = {"uniqueId": "own", "meterTimeInMillis": start}
    simple.put("t", [(start + n, line("c", "5", **same)) for n in range(3)])
    simple.put("u", [(start + n, line("d", "5", uniqueId="own, without a time")) for n in range(2)])
    records = [{name: value for name, value in one.items() if name != "source"} for one in sent(simple)]
    platform.define("calls")
    platform.send(records[1:])
    found = audit(cli, moto, platform, simple.name, "--repair")
    assert (found.status, found.figures["missing"], found.figures["repaired"]) == (0, 1, 1)
    assert (found.figures["received"], found.figures["duplicate"]) == (22, 2)
    # Without provenance a derived time is a time like any other.
    assert platform.pipeline()["counted"] == 23


def test_the_hole_in_manifests(
    cli: Path, agent: Callable[..., Agent], moto: Moto, ingest: FaultyIngest, simple: LogGroup, tmp_path: Path
) -> None:
    """Where the sink is another's, as Amberflo's, what it took is known by the manifests."""
    start = simple.events["s"][0].timestamp
    # Two log events of one identity are two that the sink took.
    simple.put("t", [(start + n, line("c", "5", uniqueId="own", meterTimeInMillis=start)) for n in range(2)])
    rejects = f"file://{tmp_path / 'rejects'}"
    settings = {
        "METERTAP_SINK": f"{ingest.url}/ingest",
        "METERTAP_API_KEY": ingest.key,
        "METERTAP_PROVENANCE": "false",
    }
    direct = agent(METERTAP_REJECTS=rejects, **settings)
    lost = {str(event.id) for event in simple.events["s"][5:9]}
    for stream, events in simple.events.items():
        kept = [event for event in events if str(event.id) not in lost]
        data = gzip.compress(envelope(kept, simple.name, stream, ACCOUNT))
        assert direct.invoke(direct_event(data)).kind == "response"
    variables = environment(moto, **settings)
    more = ("--manifests", rejects)
    first = audit_with(cli, variables, tmp_path, simple.name, *more)
    assert first.status == 65
    assert {place[0] for place, name in first.classes.items() if name == "missing"} == lost
    assert (first.figures["received"], first.figures["missing"]) == (18, 4)
    repair = audit_with(cli, variables, tmp_path, simple.name, *more, "--repair")
    assert (repair.status, repair.figures["repaired"]) == (0, 4)
    assert {place[0] for place in repair.repaired} == lost
    second = audit_with(cli, variables, tmp_path, simple.name, *more)
    assert (second.status, second.figures["received"]) == (0, 22)
    assert not difference(ingest.records, wanted(simple).records)


def test_ids_that_do_not_meet(cli: Path, moto: Moto, platform: Platform, simple: LogGroup) -> None:
    """The platform was told other event ids than FilterLogEvents gives; equal lines have a multiplicity."""
    at = simple.events["s"][-1].timestamp
    text = line("c", "5")
    simple.put("t", [(at, text), (at, text), (at, text)])
    renamed = LogGroup.__new__(LogGroup)
    renamed.name = simple.name
    renamed.events = {
        stream: [replace(event, id=f"other-{event.id}") for event in events]
        for stream, events in simple.events.items()
    }
    platform.define("calls")
    platform.send(list(sent(renamed))[:-1])
    found = audit(cli, moto, platform, simple.name)
    assert (found.figures["received"], found.figures["missing"]) == (22, 1)
    assert found.figures["matchedByContent"] == 22
    assert found.figures["extra"] == 0


def test_numbers_of_producers_show_what_never_was_logged(cli: Path, moto: Moto, platform: Platform) -> None:
    """Two hosts lose lines, one counts anew, one writes a line twice; a rejected line was still seen."""
    group = new_group(moto)
    start = recently()

    def numbered(host: str, number: int, value: str = "1") -> Line:
        return line("c", value, sequence={"source": host, "number": number})

    def put(host: str, numbers: list[int], at: int = start, step: int = 2_000) -> None:
        group.put(host, [(at + step * n, numbered(host, number)) for n, number in enumerate(numbers)])

    put("host-1", [*range(100, 142), *range(150, 160), 161])
    put("host-2", [*range(40), *range(5), *range(6, 20)])
    put("host-3", [1, 2, 3, 3, 4, 2, 5], step=500)
    put("host-4", [7, 8, 10])
    bad = json.dumps(
        {"customerId": "c", "meterApiName": "calls", "sequence": {"source": "host-4", "number": 9}}
    )
    group.put("host-4", [(start, Line(f"amberflo_meter: {bad}", (Reject("invalidValue"),)))])
    many = json.dumps(
        {"customerId": "c", "values": {"a": 1, "b": 2}, "sequence": {"source": "host-5", "number": 1}}
    )
    two = (Record("a", "c", Decimal(1), None), Record("b", "c", Decimal(2), None))
    group.put("host-5", [(start, Line(f"amberflo_meter: {many}", two))])
    group.put("host-6", [(start, line("c", "1", sequence={"source": "", "number": "x"}))])
    found = audit(cli, moto, platform, group.name, "--repair").figures
    sequences = found["sequences"]
    gaps = [(gap["source"], gap["from"], gap["to"]) for gap in sequences["gaps"]]
    assert sorted(gaps) == [("host-1", 142, 149), ("host-1", 160, 160), ("host-2", 5, 5)]
    [first] = [gap for gap in sequences["gaps"] if gap["from"] == 142]
    assert (first["after"], first["before"]) == (start + 2_000 * 41, start + 2_000 * 42)
    assert {
        one["source"]: (one["missing"], one["repeated"], one["restarts"]) for one in sequences["bySource"]
    } == {"host-1": (9, 0, 0), "host-2": (1, 0, 1), "host-3": (0, 2, 0)}
    assert (sequences["sources"], sequences["missing"], sequences["invalid"]) == (5, 10, 1)
    # It is in no record: what the producer's number is about is its log event alone.
    assert all("sequence" not in one for one in platform.get("/events")["events"])
    assert not platform.pipeline()["ignoredKeys"]
    settings = environment(moto, METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    people = run(
        cli, platform.directory, settings, "audit", "--log-group", group.name, "--from", "1d", "--to", "0m"
    )
    shown = " ".join(people.output.split())
    assert people.status == 0, people.errors
    for words in (
        "Numbers 142 to 149 of producer host-1 never reached CloudWatch Logs",
        "Number 5 of producer host-2",
        "host-3 used 2 numbers again",
        "began again 1 times",
        "1 records have a sequence that cannot be read",
        "Nothing that the logs hold is missing",
    ):
        assert words in shown, people.output


def test_a_platform_that_starts_again_ends_no_audit(
    cli: Path, moto: Moto, simple: LogGroup, tmp_path: Path
) -> None:
    with Platform(cli, tmp_path) as platform:
        platform.define("calls")
        platform.send(list(sent(simple))[:15])
        port = platform.url.rsplit(":", 1)[1]
        settings = environment(moto, METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
        # CloudWatch Logs does not answer until the platform, which the audit has asked something, is gone.
        moto.service.process.send_signal(signal.SIGSTOP)
        began = subprocess.Popen(
            [cli, "audit", "--log-group", simple.name, "--from", "1d", "--to", "0m", "--repair", "--json"],
            env=settings, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            platform.wait_for(lambda: 'route="/events"' in platform.request("GET", "/metrics").text)
            platform.kill()
            moto.service.process.send_signal(signal.SIGCONT)
            time.sleep(3)
            assert began.poll() is None, "it gave up"
            platform.start(int(port))
            output, _ = began.communicate(timeout=60)
        finally:
            moto.service.process.send_signal(signal.SIGCONT)
            began.kill()
        figures = json.loads(output)
        assert (began.returncode, figures["received"], figures["repaired"]) == (0, 15, 5)
        assert platform.pipeline()["counted"] == 20


def test_past_retention(cli: Path, moto: Moto, tmp_path: Path) -> None:
    group = new_group(moto)
    start = recently()
    days = 86_400_000
    group.put("s", [(start + n, line("c", "1", meterTimeInMillis=start - n * days)) for n in range(6)])
    with Platform(cli, tmp_path, "--retention-days", "2") as platform:
        platform.define("calls")
        # The mark follows the newest record, and moves at the start.
        newest = {"meterApiName": "other", "customerId": "c", "meterValue": 1, "meterTimeInMillis": start}
        platform.send([newest])
        platform.restart()
        platform.wait_for(lambda: platform.pipeline()["frozenBeforeTimeInMillis"])
        found = audit(cli, moto, platform, group.name, "--repair")
        assert found.figures["pastRetention"] in (3, 4) and found.status == 0
        assert found.figures["repaired"] == found.figures["missing"] == 6 - found.figures["pastRetention"]


LOGGERS_NAME = json.dumps(
    {"logger": "amberflo_meter", "message": {"customerId": "c", "meterApiName": "calls", "meterValue": 1}}
)


def test_a_record_that_is_not_after_its_tag_is_not_clean(cli: Path, moto: Moto, platform: Platform) -> None:
    """It is a reject, and looks meant; a mention is neither."""
    group = new_group(moto)
    mentions = [Line("reading amberflo_meter config", ()), Line("amberflo_meter=null", ())]
    group.put("s", [(recently() + number, one) for number, one in enumerate(mentions)])
    found = audit(cli, moto, platform, group.name)
    assert (found.status, found.figures["found"]) == (0, 0)
    assert (found.figures["mentions"], found.figures["recordNotBehindTag"]) == (2, 0)
    [kept] = platform.get("/audits")
    assert (kept["mentions"], kept["recordNotBehindTag"]) == (2, 0)

    group.put("s", [(recently() + 10, Line(LOGGERS_NAME, (Reject("recordNotBehindTag"),)))])
    found = audit(cli, moto, platform, group.name)
    assert (found.status, found.figures["rejected"], found.figures["recordNotBehindTag"]) == (65, 1, 1)
    assert platform.get("/audits")[0]["recordNotBehindTag"] == 1


def test_what_loggers_write_beside_a_record_is_shown_apart(cli: Path, moto: Moto, platform: Platform) -> None:
    """A template, a second rendering and color codes of a terminal change no class; what looks meant does."""
    platform.define("calls")
    group = new_group(moto)
    at = recently()
    (first, text), (second, other) = record("c1", "3"), record("c2", "4")
    (third, colored), (fourth, repeated) = record("c3", "5"), record("c4", "6")
    esc = "\x1b"
    messages = [
        # The template counts as the first value, so that the record is the second one of its log event.
        (json.dumps({"msg": "amberflo_meter: %s", "formatted": f"amberflo_meter: {text}"}), first, 1),
        (json.dumps({"formatted": f"amberflo_meter: {other}", "msg": "amberflo_meter: {}"}), second, 0),
        (f"{esc}[2m12:00{esc}[0m {esc}[32mamberflo_meter{esc}[0m: {colored}{esc}[0m", third, 0),
        (json.dumps({"a": f"amberflo_meter: {repeated}", "b": f"amberflo_meter: {repeated}"}), fourth, 0),
    ]
    logged = group.put("s", [(at + n, Line(message, ())) for n, (message, _, _) in enumerate(messages)])
    for event, (_, made, ordinal) in zip(logged, messages, strict=True):
        platform.send(
            [
                {
                    "uniqueId": unique_id(ACCOUNT, group.name, "s", event.id, ordinal),
                    "meterApiName": made.meter,
                    "customerId": made.customer,
                    "meterValue": made.value,
                    "meterTimeInMillis": event.timestamp,
                    "source": source(group, "s", event, ordinal) | {"timeDerived": True},
                }
            ]
        )
    mention = f"{esc}[33mreading {esc}[1mamberflo_meter{esc}[0m config"
    group.put("s", [(at + 10, Line(mention, ()))])
    clean = audit(cli, moto, platform, group.name, "--repair")
    names = ("found", "received", "mentions", "unreadableCopies", "repeatedInMessage", "recordNotBehindTag")
    assert [clean.figures[name] for name in names] == [4, 4, 1, 2, 1, 0], clean.figures
    assert (clean.status, clean.figures["extra"], clean.figures["matchedByContent"]) == (0, 0, 0)
    assert total(platform, "calls") == 18

    group.put("s", [(at + 20, Line(LOGGERS_NAME, ()))])
    found = audit(cli, moto, platform, group.name)
    assert [found.figures[name] for name in names] == [5, 4, 2, 2, 1, 1], found.figures
    assert (found.status, found.figures["missing"]) == (65, 0)
    settings = environment(moto, METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    arguments = ("audit", "--log-group", group.name, "--from", "1d", "--to", "0m")
    people = run(cli, platform.directory, settings, *arguments)
    shown = " ".join(people.output.split())
    for words in ("mentions 2", "copies 3", "recordNotBehindTag 1"):
        assert words in shown, people.output
    assert people.status == 65 and esc not in people.output


def test_an_empty_range_is_clean(cli: Path, moto: Moto, platform: Platform) -> None:
    found = audit(cli, moto, platform, new_group(moto).name)
    assert (found.status, found.figures["found"], found.figures["events"]) == (0, 0, 0)


def test_a_table_for_people(cli: Path, moto: Moto, platform: Platform, simple: LogGroup) -> None:
    platform.define("calls")
    platform.send(list(sent(simple))[:12])
    settings = environment(moto, METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    arguments = ("audit", "--log-group", simple.name, "--from", "1d", "--to", "30m", "--records", "named")
    done = run(cli, platform.directory, settings, *arguments, "--pattern")
    assert done.status == 65
    shown = " ".join(done.output.split())
    for words in (
        "received 12",
        "missing 8",
        "found 20",
        "mentions 0",
        "recordNotBehindTag 0",
        "--repair",
        "any more",
        "pattern",
    ):
        assert words in shown, done.output
    assert done.errors == ""
    done = run(cli, platform.directory, settings, *arguments, "--repair")
    assert done.status == 0
    shown = " ".join(done.output.split())
    assert "repaired 8" in shown and "Nothing that the logs hold is missing. named names" in shown


def test_what_is_wrong_is_said(cli: Path, moto: Moto, platform: Platform, simple: LogGroup) -> None:
    def failure(*arguments: str, **settings: str) -> Command:
        given = {"METERTAP_URL": platform.url, "METERTAP_API_KEY": ADMIN_KEY} | settings
        more = ("--from", "1d", "--to", "0m", *arguments)
        done = run(cli, platform.directory, environment(moto, **given), "audit", *more)
        assert done.output == ""
        return done

    assert failure("--log-group", "/none").status == 78
    assert failure("--log-group", simple.name, METERTAP_API_KEY="wrong").status == 77
    assert failure("--log-group", simple.name, METERTAP_URL="http://127.0.0.1:9").status == 69
    assert failure("--log-group", simple.name, "--records", "/none/x").status == 74
    assert failure("--log-group", simple.name, AWS_REGION="").status == 78


def test_a_bucket_on_s3(
    cli: Path, moto: Moto, seaweedfs: SeaweedFS, simple: LogGroup, tmp_path: Path
) -> None:
    """Objects put by another client; what is missing is written beside them."""
    day = date(simple.events["s"][0])
    records = list(sent(simple))
    for number, part in enumerate((records[:8], records[8:15])):
        text = b"".join(to_json(one) + b"\n" for one in part)
        key = f"{seaweedfs.prefix}ingest/records/{day}/{number}.ndjson.gz"
        seaweedfs.admin.put_object(Bucket=seaweedfs.bucket, Key=key, Body=gzip.compress(text))
    settings = environment(
        moto,
        AWS_ENDPOINT_URL_S3=seaweedfs.url,
        AWS_ACCESS_KEY_ID="ADMINKEY",
        AWS_SECRET_ACCESS_KEY="admin-secret",
    )
    more = ("--bucket", f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}")
    found = audit_with(cli, settings, tmp_path, simple.name, *more, "--repair")
    assert (found.status, found.figures["received"], found.figures["repaired"]) == (0, 15, 5)
    again = audit_with(cli, settings, tmp_path, simple.name, *more)
    assert (again.figures["received"], again.figures["extra"]) == (20, 0)


def date(event: Event) -> str:
    return datetime.fromtimestamp(event.timestamp / 1000, UTC).strftime("%Y-%m-%d")


def test_the_documented_policy_is_what_it_needs(cli: Path, platform: Platform, tmp_path: Path) -> None:
    """With permissions enforced all of them suffice, and without any one the command names what it may not.

    moto checks actions and no resources of CloudWatch Logs, so that each statement is tried on all.
    """
    [text] = re.findall(r"```json\n(.*?)```", (ROOT / "docs/audit.md").read_text(), re.S)
    policy = json.loads(text)
    enforcing = Moto(tmp_path)
    try:
        group = LogGroup(enforcing, "/app/shop")
        group.put("s", [(recently(), line("c", "1"))])
        platform.define("calls")
        iam, keys = enforcing.client("iam"), {}
        statements = policy["Statement"]
        for left_out in (None, *(statement["Action"] for statement in statements)):
            name = str(left_out).replace(":", "-")
            iam.create_user(UserName=name)
            kept = [one | {"Resource": "*"} for one in statements if one["Action"] != left_out]
            iam.put_user_policy(
                UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy | {"Statement": kept})
            )
            keys[left_out] = iam.create_access_key(UserName=name)["AccessKey"]
        requests.post(f"{enforcing.url}/moto-api/reset-auth", data="0", timeout=10)
        for left_out, key in keys.items():
            settings = environment(
                enforcing,
                METERTAP_URL=platform.url,
                METERTAP_API_KEY=ADMIN_KEY,
                METERTAP_REJECTS=f"file://{tmp_path / 'rejects'}",
                AWS_ACCESS_KEY_ID=key["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
            )
            for command in ("audit", "backfill"):
                done = run(
                    cli, tmp_path, settings, command, "--log-group", group.name, "--from", "1d", "--to", "0m"
                )
                if left_out is None:
                    assert done.status in (0, 65), done.errors
                else:
                    assert done.status == 77 and left_out.split(":")[1] in done.errors, done.errors
    finally:
        enforcing.stop()
