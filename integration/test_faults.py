"""Conservation under faults: found = delivered + rejected after redelivery, nothing acknowledged too early.

`METERTAP_FAULT_RUNS` sets the number of random runs (200), `METERTAP_SEED` repeats a campaign, and
`METERTAP_FAULT_ONLY` repeats one of its runs.
"""

import gzip
import os
import queue
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.runtime_api import Agent, Answer
from components.samples import (
    CONTROL_MESSAGE,
    Event,
    Expected,
    Line,
    Reject,
    Samples,
    direct_event,
    envelope,
    expected,
    kinesis_event,
    kinesis_record,
)
from components.stored import Contents, contents, difference, files_in, kind_of
from components.stubs import CLEAN, STORED, FaultyIngest, FaultyS3

GROUP, STREAM = "/app/shop", "web-1"
FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898


# What is delivered


@dataclass
class Shipment:
    """One Kinesis record and what must come out of it."""

    sequence: str
    data: bytes
    expected: Expected
    what: str = ""

    shard: int = 0

    @property
    def record(self) -> dict[str, Any]:
        return kinesis_record(self.sequence, self.data, shard=self.shard)


def of_events(index: int, events: list[Event]) -> Shipment:
    data = gzip.compress(envelope(events, GROUP, STREAM))
    return Shipment(str(FIRST + index), data, expected(events, GROUP, STREAM), "lines")


def of_lines(index: int, *lines: Line) -> Shipment:
    return of_events(
        index, [Event(f"{index:028d}{i:028d}", 1_767_225_600_000 + i, x) for i, x in enumerate(lines)]
    )


def batch_of(shipments: list[Shipment]) -> dict[str, Any]:
    return kinesis_event([shipment.record for shipment in shipments])


def all_expected(shipments: list[Shipment]) -> Expected:
    result = Expected()
    for shipment in shipments:
        result.add(shipment.expected)
    return result


def numbered(count: int, **fixed: Any) -> list[Shipment]:
    """Kinesis records with one meter record each."""
    samples = Samples(random.Random(1))
    result = []
    for index in range(count):
        record, text = samples.record(**fixed)
        result.append(of_lines(index, Line(f"amberflo_meter: {text}", (record,))))
    return result


# What is checked after every answer


@dataclass
class Seen:
    """What was durable at one moment."""

    records: set[Any]
    rejects: set[Any]
    listed: set[Any] | None = None  # event ids and ordinals in the manifest, where there is one

    def holds(self, shipment: Shipment) -> bool:
        return shipment.expected.records <= self.records and shipment.expected.rejects <= self.rejects

    def lists(self, shipment: Shipment) -> bool:
        return self.listed is None or shipment.expected.sources <= self.listed


def seen_in(objects: dict[str, bytes]) -> Seen:
    found = contents(objects)
    return Seen(found.records, found.rejects)


def check_answer(answer: Answer, batch: list[Shipment], seen: Seen, fresh: Seen | None) -> int:
    """The number of Kinesis records acknowledged; each of them is durable at the moment of the answer.

    `fresh` is what this invocation itself made durable and knows to be: given, the answer must name exactly
    the first record that is not; left out, an earlier one will do. Where there is a manifest, a record that
    is durable but not yet listed may be named too.
    """
    assert answer.kind == "response", f"a Kinesis batch was answered with {answer.kind}: {answer.body}"
    named = answer.failed_from
    sequences = [shipment.sequence for shipment in batch]
    assert named is None or named in sequences, f"{named} is not of this batch: {sequences}"
    done = len(batch) if named is None else sequences.index(named)
    lost = [s.sequence for s in batch[:done] if not seen.holds(s)]
    assert not lost, f"acknowledged, but not durable when the answer came: {lost}; answer {answer.body}"
    if fresh:
        durable = next((i for i, s in enumerate(batch) if not fresh.holds(s)), len(batch))
        listed = next((i for i, s in enumerate(batch) if not fresh.lists(s)), len(batch))
        assert min(durable, listed) <= done <= durable, (
            f"named {named}, but all before number {durable} of {sequences} is durable"
        )
    figures = answer.accounting
    assert figures is not None, "no accounting line for this invocation"
    found, kept = figures["records"] + figures["rejects"], figures["delivered"] + figures["rejected"]
    whole = all_expected(batch)
    assert kept <= found <= whole.found, f"{kept} kept of {found} found, {whole.found} were there: {figures}"
    if done == len(batch):
        assert found == kept == whole.found, f"the figures do not add up to {whole.found}: {figures}"
    assert figures["delivered"] <= len(whole.records & seen.records), (
        f"counted as delivered, not there: {figures}"
    )
    return done


# One fault at a time


@pytest.mark.parametrize("fault", ["500", "503", "429", "reset_before", "reset_after", "truncated", "slow"])
def test_a_passing_fault_is_retried_within_the_invocation(
    fault: str, s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    batch = numbered(5)
    agent = s3_agent(METERTAP_PROVENANCE="true")
    s3.arm([fault])
    answer = agent.invoke(batch_of(batch), on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    assert check_answer(answer, batch, found, found) == 5
    assert s3.fired == [fault] and not s3.changed
    if fault != "slow":
        assert len(s3.requests) == 2 or fault == "reset_before", "the same bytes once more"
        assert len({r["body"] for r in s3.requests}) == 1, "the retry sent other bytes"
        assert len({r["path"] for r in s3.requests}) == 1, "the retry used another name"


@pytest.mark.parametrize("fault", ["403", "404", "hang_before", "hang_after"])
def test_a_lasting_fault_fails_the_batch_and_redelivery_mends_it(
    fault: str, s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    batch = numbered(5)
    agent = s3_agent(METERTAP_PROVENANCE="true")
    s3.arm([fault] * 50)
    answer = agent.invoke(batch_of(batch), deadline=2, on_answer=s3.snapshot)
    assert answer.seconds <= 2, f"answered after {answer.seconds:.2f} s with a deadline of 2 s"
    assert answer.failed_from == batch[0].sequence
    assert not [name for name in s3.objects if kind_of(name) == "rejects"], "a fault of the sink is no reject"
    if fault in ("403", "404"):
        assert answer.seconds < 1.5, "an error of the configuration is not retried until the deadline"
        assert any(
            fault in line or "AccessDenied" in line or "NoSuchBucket" in line for line in agent.output
        ), f"the log does not say why: {list(agent.output)[-5:]}"
    s3.arm([])
    answer = agent.invoke(batch_of(batch), on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    assert check_answer(answer, batch, found, found) == 5
    assert found.records == all_expected(batch).records and not s3.changed


def test_413_halves_and_no_object_holds_a_part_of_a_kinesis_record(
    s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    samples = Samples(random.Random(3))
    batch = [of_events(i, samples.events(6)) for i in range(6)]
    s3.arm(["413"])
    answer = s3_agent(METERTAP_PROVENANCE="true").invoke(batch_of(batch), on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    assert check_answer(answer, batch, found, found) == 6
    reader = Contents()
    for name, data in s3.objects.items():
        kind = kind_of(name)
        inside = reader.of({name: data}, kind)
        for shipment in batch:
            wanted = getattr(shipment.expected, kind)
            assert not wanted & inside or wanted <= inside, f"{name} holds a part of {shipment.sequence}"


def test_the_answer_names_the_first_record_that_is_not_durable(
    s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    """The rejects of the first record are stored, the records of the third are not."""
    samples = Samples(random.Random(4))
    record, text = samples.record()
    batch = [
        of_lines(0, samples.line("not_json")),
        Shipment(str(FIRST + 1), CONTROL_MESSAGE, Expected()),
        of_lines(2, Line(f"amberflo_meter: {text}", (record,))),
        of_lines(3, samples.line("plain")),
    ]
    agent = s3_agent(METERTAP_PROVENANCE="true")
    refuse_records(s3)
    answer = agent.invoke(batch_of(batch), on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    check_answer(answer, batch, found, found)
    assert answer.failed_from == batch[2].sequence


def refuse_records(s3: FaultyS3) -> None:
    """403 for record objects only, whatever the order in which objects are put."""
    plain = s3.store

    def store(target: Any, request: dict[str, Any]) -> tuple[int, bytes]:
        if "/ingest/records/" in request["path"]:
            return 403, s3.error_body("403")
        return plain(target, request)

    s3.store = store  # type: ignore[method-assign]


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3])
def test_with_the_deadline_nearly_gone_the_rest_is_named(
    seconds: float, s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    batch = numbered(20)
    agent = s3_agent(METERTAP_PROVENANCE="true")
    assert agent.started() is None
    answer = agent.invoke(batch_of(batch), deadline=seconds, on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    done = check_answer(answer, batch, found, None)
    assert answer.seconds < seconds + 0.5, f"took {answer.seconds:.2f} s"
    if done < len(batch):
        answer = agent.invoke(batch_of(batch[done:]), on_answer=s3.snapshot)
        assert answer.failed_from is None
    assert contents(s3.snapshot()).records == all_expected(batch).records


@pytest.mark.parametrize("memory", ["512", "2048"])
@pytest.mark.parametrize("fault", ["hang_before", "503", "403"])
def test_what_is_durable_is_acknowledged_when_the_next_object_fails(
    fault: str, memory: str, s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    """An object holds records of one shard: this event takes three, and all but the first meet the fault."""
    batch = numbered(9)
    for index, shipment in enumerate(batch):
        shipment.shard = index // 3
    agent = s3_agent(METERTAP_PROVENANCE="true", AWS_LAMBDA_FUNCTION_MEMORY_SIZE=memory)
    assert agent.started() is None
    s3.arm([fault] * 50, spared=f"/{batch[0].sequence}-")
    answer = agent.invoke(batch_of(batch), deadline=2, on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    check_answer(answer, batch, found, found)
    assert answer.failed_from == batch[3].sequence and answer.seconds <= 2, answer
    assert answer.accounting["acknowledged"] == 3
    s3.arm([])
    answer = agent.invoke(batch_of(batch[3:]), on_answer=s3.snapshot)
    assert answer.failed_from is None
    assert contents(answer.seen).records == all_expected(batch).records and not s3.changed


def test_any_number_of_cores_leaves_the_same_records(
    agent: Callable[..., Agent], tmp_path: Path, seed: int
) -> None:
    """A large event of everything that there is, more than one object of it."""
    print(f"METERTAP_SEED={seed}")
    rng = random.Random(seed)
    samples = Samples(rng)
    batch = []
    for index in range(120):
        size = rng.choice([1, 10, 100, 1000])
        batch.append(of_events(index, samples.events(size) * rng.choice([1, 1, 3])))
    for index in rng.sample(range(120), 12):
        batch[index].data = rng.choice([b"", CONTROL_MESSAGE, batch[index].data[:-9], rng.randbytes(90)])
    left = {}
    for memory in ("512", "2048"):
        one = agent(METERTAP_SINK=f"file://{tmp_path}/{memory}", AWS_LAMBDA_FUNCTION_MEMORY_SIZE=memory)
        for _ in range(2):  # the second time the objects are there already
            answer = one.invoke(batch_of(batch), deadline=60)
            assert answer.failed_from is None, answer
        figures = {name: value for name, value in answer.accounting.items() if name not in VARYING}
        left[memory] = lines_in(files_in(tmp_path / memory)), figures
    assert len([name for name in files_in(tmp_path / "512") if kind_of(name) == "records"]) > 1
    assert left["512"] == left["2048"]


def lines_in(objects: dict[str, bytes]) -> dict[str, list[bytes]]:
    """The lines of each kind, in whatever objects."""
    lines: dict[str, list[bytes]] = {}
    for name, data in objects.items():
        lines.setdefault(kind_of(name), []).extend(gzip.decompress(data).splitlines())
    return {kind: sorted(each) for kind, each in lines.items()}


VARYING = ("requestId", "milliseconds", "parts", "bytes")


@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
def test_killed_between_put_and_response(moment: str, s3_agent: Callable[..., Agent], s3: FaultyS3) -> None:
    batch = numbered(5)
    agent = s3_agent(METERTAP_PROVENANCE="true")
    s3.kill = agent.kill
    s3.arm([moment])
    assert agent.invoke(batch_of(batch)).kind == "ended"
    answer = agent.invoke(batch_of(batch[:2]), on_answer=s3.snapshot)
    assert answer.failed_from is None
    answer = agent.invoke(batch_of(batch), on_answer=s3.snapshot)
    found = seen_in(answer.seen)
    assert check_answer(answer, batch, found, found) == 5
    assert found.records == all_expected(batch).records and not s3.changed


def test_a_direct_event_that_is_not_durable_is_an_error(s3_agent: Callable[..., Agent], s3: FaultyS3) -> None:
    """Lambda tries an asynchronous event again only after an error."""
    shipment = numbered(1)[0]
    agent = s3_agent(METERTAP_PROVENANCE="true")
    s3.arm(["503"] * 100)
    answer = agent.invoke(direct_event(shipment.data), deadline=1.5)
    assert answer.kind == "error" and answer.seconds <= 1.5, answer
    assert {"errorMessage", "errorType"} <= answer.body.keys(), answer.body
    s3.arm(["403"])
    assert agent.invoke(direct_event(shipment.data)).kind == "error"
    s3.arm([])
    answer = agent.invoke(direct_event(shipment.data), on_answer=s3.snapshot)
    assert (answer.kind, answer.body) == ("response", None)
    assert contents(answer.seen).records == shipment.expected.records


def test_no_record_no_object(s3_agent: Callable[..., Agent], s3: FaultyS3) -> None:
    samples = Samples(random.Random(6))
    batch = [
        Shipment(str(FIRST), CONTROL_MESSAGE, Expected()),
        of_lines(1, samples.line("plain"), samples.line("mention"), samples.line("other_word")),
        of_lines(2),
    ]
    agent = s3_agent()
    assert agent.invoke(batch_of(batch)).failed_from is None
    assert agent.invoke(kinesis_event([])).failed_from is None
    assert agent.invoke(direct_event(CONTROL_MESSAGE)).kind == "response"
    assert s3.objects == {} and s3.requests == []


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"eventSource": "aws:sqs", "body": "x", "messageId": "1"}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]},
        {"invocationId": "1", "deliveryStreamArn": "arn", "records": [{"recordId": "1", "data": "eA=="}]},
        {},
        [],
        "text",
        None,
        b"not json",
        b"",
    ],
    ids=["sqs", "s3", "firehose", "empty", "list", "string", "null", "no-json", "nothing"],
)
def test_an_unsupported_event_is_a_clear_error_and_the_next_one_works(
    event: Any, s3_agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    batch = numbered(1)
    agent = s3_agent()
    answer = agent.invoke(event)
    assert answer.kind == "error", answer
    if not isinstance(event, bytes):
        assert "kinesis" in answer.body["errorMessage"].lower(), (
            f"does not name what is supported: {answer.body}"
        )
    assert agent.invoke(batch_of(batch)).failed_from is None
    assert agent.starts == 1 and contents(s3.objects).records == batch[0].expected.records


# An ingest API as the sink


@pytest.fixture
def ingest_agent(agent: Callable[..., Agent], s3: FaultyS3, ingest: FaultyIngest) -> Agent:
    return agent(
        METERTAP_SINK=f"{ingest.url}/ingest",
        METERTAP_API_KEY=ingest.key,
        METERTAP_REJECTS="s3://own/team/",
        METERTAP_PROVENANCE="true",
        AWS_ENDPOINT_URL_S3=s3.url,
    )


def test_one_refused_record_of_a_batch_becomes_a_reject(
    ingest_agent: Agent, s3: FaultyS3, ingest: FaultyIngest
) -> None:
    good = numbered(40)
    poison = [of_refused(100), of_refused(101)]
    batch = [*good[:17], poison[0], *good[17:33], poison[1], *good[33:]]
    renumber(batch)
    answer = ingest_agent.invoke(batch_of(batch), on_answer=lambda: (ingest.snapshot(), s3.snapshot()))
    records, objects = answer.seen
    seen = Seen(records, contents(objects).rejects)
    assert check_answer(answer, batch, seen, seen) == len(batch)
    assert records == all_expected(good).records
    assert contents(objects).rejects == all_expected(poison).rejects
    data = b"".join(gzip.decompress(body) for name, body in objects.items() if kind_of(name) == "rejects")
    assert b"no such customer" in data, f"the reject does not have the answer's text: {data!r}"


def of_refused(index: int) -> Shipment:
    """A record that the ingest API refuses: found as a record, kept as a reject."""
    record, text = Samples(random.Random(index)).record(customer=f"poison-{index}")
    shipment = of_lines(index, Line(f"amberflo_meter: {text}", (record,)))
    shipment.expected.records.clear()
    shipment.expected.sources.clear()
    shipment.expected.rejects.add((f"{index:028d}{0:028d}", 0, "refusedBySink"))
    return shipment


def renumber(batch: list[Shipment]) -> None:
    for index, shipment in enumerate(batch):
        shipment.sequence = str(FIRST + index)


def test_413_halves_until_the_ingest_api_takes_it(ingest_agent: Agent, ingest: FaultyIngest) -> None:
    ingest.most = 7
    batch = numbered(40)
    answer = ingest_agent.invoke(batch_of(batch), on_answer=ingest.snapshot)
    assert check_answer(answer, batch, Seen(answer.seen, set()), None) == 40
    assert answer.seen == all_expected(batch).records


def test_at_most_a_thousand_records_in_a_request(ingest_agent: Agent, ingest: FaultyIngest) -> None:
    samples = Samples(random.Random(8))
    lines = []
    for _ in range(2500):
        record, text = samples.record()
        lines.append(Line(f"amberflo_meter: {text}", (record,)))
    batch = [of_lines(0, *lines)]
    answer = ingest_agent.invoke(batch_of(batch), on_answer=ingest.snapshot)
    assert check_answer(answer, batch, Seen(answer.seen, set()), None) == 1
    assert max(ingest.sizes) <= 1000 and answer.seen == batch[0].expected.records


def test_a_wrong_key_fails_the_batch_and_rejects_nothing(
    agent: Callable[..., Agent], s3: FaultyS3, ingest: FaultyIngest
) -> None:
    batch = numbered(3)
    wrong = agent(
        METERTAP_SINK=f"{ingest.url}/ingest",
        METERTAP_API_KEY="wrong-key",
        METERTAP_PROVENANCE="true",
        METERTAP_REJECTS="s3://own/team/",
        AWS_ENDPOINT_URL_S3=s3.url,
    )
    answer = wrong.invoke(batch_of(batch), deadline=4)
    assert answer.failed_from == batch[0].sequence and answer.seconds < 2
    assert s3.objects == {}, "an error of the configuration is no reject"
    assert any("401" in line for line in wrong.output), f"the log does not say why: {list(wrong.output)[-5:]}"
    assert not any("wrong-key" in line for line in wrong.output), "the log shows the key"


def test_a_reject_that_cannot_be_kept_is_not_acknowledged(
    ingest_agent: Agent, s3: FaultyS3, ingest: FaultyIngest
) -> None:
    samples = Samples(random.Random(9))
    record, text = samples.record()
    batch = [
        of_lines(0, Line(f"amberflo_meter: {text}", (record,))),
        of_lines(1, Line("amberflo_meter: {broken", (Reject("malformedJSON"),))),
    ]
    s3.arm(["403"] * 20)
    answer = ingest_agent.invoke(batch_of(batch), deadline=3)
    assert answer.failed_from == batch[1].sequence
    assert ingest.snapshot() == batch[0].expected.records


# The campaign


class Worker:
    """One agent for each configuration, with stubs of its own, for any number of runs one after the other."""

    def __init__(self, bootstrap: Path) -> None:
        self.s3, self.ingest = FaultyS3(), FaultyIngest(most=20)
        common = {"AWS_ENDPOINT_URL_S3": self.s3.url}
        to_ingest = {
            "METERTAP_SINK": f"{self.ingest.url}/ingest",
            "METERTAP_REJECTS": "s3://own/team/",
            "METERTAP_API_KEY": self.ingest.key,
        }
        to_s3 = {"METERTAP_SINK": "s3://meters/team/"}
        one_core = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}
        command = [str(bootstrap)]
        self.agents = {
            "s3": Agent(command, **common, **to_s3, METERTAP_PROVENANCE="true"),
            "s3 with manifest": Agent(command, **common, **to_s3, **one_core, METERTAP_PROVENANCE="false"),
            "ingest": Agent(command, **common, **to_ingest, **one_core, METERTAP_PROVENANCE="true"),
            "ingest with manifest": Agent(command, **common, **to_ingest, METERTAP_PROVENANCE="false"),
        }

    def close(self) -> None:
        for agent in self.agents.values():
            agent.close()
        self.s3.close()
        self.ingest.close()


class Run:
    """One random event, delivered under faults until all of it is acknowledged."""

    def __init__(self, worker: Worker, seed: str) -> None:
        self.rng = random.Random(seed)
        self.worker = worker
        self.name = self.rng.choice(list(worker.agents))
        self.agent = worker.agents[self.name]
        self.to_ingest = self.name.startswith("ingest")
        self.manifest = self.name.endswith("manifest")
        self.samples = Samples(self.rng)
        self.reader = Contents()
        self.log: list[str] = []
        self.fired: list[str] = []
        worker.s3.reset()
        worker.ingest.reset()
        worker.s3.kill = worker.ingest.kill = self.agent.kill
        self.batch = [self.shipment(i) for i in range(self.rng.randrange(1, 8))]

    def shipment(self, index: int) -> Shipment:
        sequence = str(FIRST + index * 1000 + self.rng.randrange(1000))
        what = self.rng.choices(
            ["lines", "members", "plain", "control", "bad gzip", "cut gzip", "no json", "refused"],
            [70, 8, 8, 6, 5, 3, 3, 12 if self.to_ingest else 0],
        )[0]
        if what == "control":
            return Shipment(sequence, CONTROL_MESSAGE, Expected(), what)
        if what == "refused":
            shipment = of_refused(self.rng.randrange(10**9))
            shipment.sequence, shipment.what = sequence, what
            return shipment
        events = self.samples.events(self.rng.randrange(1 if "gzip" in what else 0, 8))
        plain = envelope(events, GROUP, STREAM)
        data = gzip.compress(plain)
        if what in ("lines", "members", "plain"):
            if what == "members":
                cut = self.rng.randrange(len(plain))
                data = gzip.compress(plain[:cut]) + gzip.compress(plain[cut:])
            elif what == "plain":
                data = plain
            return Shipment(sequence, data, expected(events, GROUP, STREAM), what)
        if what == "bad gzip":
            data = data[:10] + bytes(b ^ 0x5A for b in data[10:])
        elif what == "cut gzip":
            data = data[: self.rng.randrange(20, len(data) - 8)]
        else:
            data = gzip.compress(b"hello, amberflo_meter: {")
        reject = ("envelope", sequence, "undecodable")
        return Shipment(sequence, data, Expected(set(), {reject}, 1), what)

    def schedule(self) -> list[str | None]:
        """A few faults among what works; hangs and kills are rarer because they cost time."""
        kinds = [kind for kind in CLEAN + STORED if kind != "slow"]
        weights = [1 if "hang" in kind else 2 if "kill" in kind else 4 for kind in kinds]
        plan: list[str | None] = []
        for _ in range(self.rng.randrange(1, 5)):
            plan += [None] * self.rng.choice([0, 0, 0, 1, 2])
            plan += self.rng.choices([*kinds, "slow"], [*weights, 1])
        return plan

    def snapshot(self) -> list[tuple[dict[str, bytes], set[Any]]]:
        """All that is stored, and what this delivery stored."""
        return [(self.worker.s3.snapshot(f), self.worker.ingest.snapshot(f)) for f in (False, True)]

    def seen(self, snapshot: tuple[dict[str, bytes], set[Any]]) -> Seen:
        objects, ingested = snapshot
        listed = self.reader.of(objects, "manifest") if self.manifest else None
        return Seen(self.reader.of(objects, "records") | ingested, self.reader.of(objects, "rejects"), listed)

    def go(self) -> None:
        self.log.append(f"{self.name}: " + ", ".join(f"{s.sequence[-6:]} {s.what}" for s in self.batch))
        tries = self.rng.randrange(1, 4)
        position = 0
        while position < len(self.batch):
            faulty = tries > 0
            tries -= 1
            assert tries > -4, "not acknowledged after three deliveries without a fault"
            position = self.deliver(position, faulty)
        self.check_end()

    def deliver(self, position: int, faulty: bool) -> int:
        end = len(self.batch)
        if faulty and self.rng.random() < 0.25:  # Lambda may bisect a batch, or add to it
            end = self.rng.randrange(position + 1, end + 1)
        batch = self.batch[position:end]
        near = faulty and self.rng.random() < 0.06
        deadline = self.rng.uniform(0.02, 0.6) if near else 3 if faulty else 15
        plans = [self.schedule() if faulty else [], self.schedule() if faulty and self.to_ingest else []]
        self.worker.s3.arm(plans[0])
        self.worker.ingest.arm(plans[1])
        assert near or self.agent.started() is None, "the process does not start again"
        answer = self.agent.invoke(batch_of(batch), deadline, self.snapshot)
        fired = self.worker.s3.fired + self.worker.ingest.fired
        self.fired += fired
        body = answer.body if answer.kind != "response" else answer.failed_from and answer.failed_from[-6:]
        self.log.append(
            f"records {position}..<{end}, deadline {deadline:.2f} s, faults {fired}: "
            f"{answer.kind} {body} after {answer.seconds:.2f} s, {answer.accounting}"
        )
        if answer.kind == "ended" and any("kill" in fault for fault in fired):
            return position
        if not near:
            assert answer.seconds <= deadline + 0.25, (
                f"answered {answer.seconds - deadline:.2f} s after the deadline"
            )
        # After a 413 the batch is delivered anew in halves; what its first try had stored may be named again.
        exact = not near and "413" not in fired and all(fault in CLEAN or fault == "slow" for fault in fired)
        durable, fresh = (self.seen(part) for part in answer.seen)
        return position + check_answer(answer, batch, durable, fresh if exact else None)

    def check_end(self) -> None:
        wanted = all_expected(self.batch)
        seen = self.seen(self.snapshot()[0])
        assert not (text := difference(seen.records, wanted.records)), f"records: {text}"
        assert not (text := difference(seen.rejects, wanted.rejects)), f"rejects: {text}"
        assert len(wanted.records) + len(wanted.rejects) == wanted.found
        assert not self.worker.s3.changed, f"objects that changed their bytes: {self.worker.s3.changed}"
        if seen.listed is not None:
            assert not (text := difference(seen.listed & wanted.sources, wanted.sources)), f"manifest: {text}"
        assert not self.agent.told, f"the agent's own output holds a tag: {self.agent.told[:2]}"


@contextmanager
def explained(run: Run, seed: str, index: int) -> Iterator[None]:
    try:
        yield
    except Exception as problem:
        history = "\n  ".join(run.log)
        last = "\n  ".join(list(run.agent.output)[-12:])
        raise AssertionError(
            f"{problem}\nrun {index}; again: METERTAP_SEED={seed} METERTAP_FAULT_ONLY={index}\n  {history}\n"
            f"last output of the agent:\n  {last}"
        ) from problem


@pytest.mark.timeout(5400)
def test_campaign(bootstrap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = int(os.environ.get("METERTAP_FAULT_RUNS", "200"))
    seed = os.environ.get("METERTAP_SEED") or str(secrets.randbelow(10**9))
    only = os.environ.get("METERTAP_FAULT_ONLY")
    with capsys.disabled():
        print(f"\nfault campaign: METERTAP_SEED={seed} METERTAP_FAULT_RUNS={runs}", flush=True)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in [int(only)] if only else range(runs):
        todo.put(index)
    failures: list[str] = []
    fired: Counter[str] = Counter()
    names: Counter[str] = Counter()
    lock = threading.Lock()
    begin = time.monotonic()

    def work() -> None:
        worker = Worker(bootstrap)
        try:
            while len(failures) < 5:
                try:
                    index = todo.get_nowait()
                except queue.Empty:
                    return
                run = Run(worker, f"{seed}:{index}")
                try:
                    with explained(run, seed, index):
                        run.go()
                except AssertionError as problem:
                    with lock:
                        failures.append(str(problem))
                with lock:
                    fired.update(run.fired)
                    names[run.name] += 1
        finally:
            worker.close()

    with ThreadPoolExecutor(8) as pool:
        for job in [pool.submit(work) for _ in range(8)]:
            job.result()
    with capsys.disabled():
        print(f"{sum(names.values())} runs in {time.monotonic() - begin:.0f} s: {dict(names)}, {dict(fired)}")
    assert not failures, f"{len(failures)} runs failed (it stops at 5):\n\n" + "\n\n".join(failures)
    if runs >= 200 and not only:
        silent = set(CLEAN + STORED) - fired.keys()
        assert not silent, f"faults that never happened: {silent}"
