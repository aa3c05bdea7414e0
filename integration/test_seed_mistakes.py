"""The mistakes of the vendor's seed agents: each shown on a port of their logic, then absent from ours."""

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.commands import extract
from components.runtime_api import Agent
from components.samples import CONTROL_MESSAGE, Event, Line, envelope, kinesis_event, kinesis_record
from components.stored import record_key, records_in, rejects_in
from components.stubs import FaultyS3
from reference.seed_agent import SeedAgent

TIME = 1_767_225_600_000


def record(customer: str, **more: Any) -> str:
    fields = {"customerId": customer, "meterApiName": "Calls", "meterValue": 1, "meterTimeInMillis": TIME}
    return json.dumps({k: v for k, v in (fields | more).items() if v is not None})


def of(*batches: list[str] | bytes) -> dict[str, Any]:
    """A Kinesis event: each list of messages an envelope, bytes as they are."""
    records = []
    for index, batch in enumerate(batches):
        data = batch
        if not isinstance(batch, bytes):
            events = [Event(f"{index:028d}{i:028d}", TIME + i, Line(text)) for i, text in enumerate(batch)]
            data = gzip.compress(envelope(events, "/app/shop", "web-1"))
        records.append(kinesis_record(49_590_338_271_490_256 + index, data))
    return kinesis_event(records)


@dataclass
class Case:
    """Input, the customers of the records that are in it, and those that the port finds; None: it fails."""

    name: str
    event: dict[str, Any]
    right: list[str]
    port: list[str] | None
    rejects: int = 0


TWO = [f"amberflo_meter: {record('one')}", f"amberflo_meter: {record('two')}"]
FORM = [
    Case(
        "1 a mention repeats the record before it",
        of([*TWO, "amberflo_meter is set"]),
        ["one", "two"],
        ["one", "two", "two"],
    ),
    Case(
        "1 a space before the colon repeats it too",
        of([TWO[0], f"amberflo_meter : {record('two')}"]),
        ["one", "two"],
        ["one", "one"],
    ),
    Case("2 a malformed line loses the batch", of([*TWO, 'amberflo_meter: {"a" }']), ["one", "two"], None, 1),
    Case("2 a bad envelope loses the batch", of(TWO, b"\x1f\x8b no gzip"), ["one", "two"], None, 1),
    Case("2 a text instead of an envelope", of(b"Hello, this is a test.", TWO), ["one", "two"], None, 1),
    Case(
        "2 a control message counts as a line",
        of(TWO, CONTROL_MESSAGE),
        ["one", "two"],
        ["one", "two", "two"],
    ),
    Case("3 two tags in one line", of([" ".join(TWO)]), ["one", "two"], ["one"]),
    Case(
        "8 Lambda's JSON log format",
        of([json.dumps({"level": "INFO", "message": TWO[0]}), TWO[1]]),
        ["one", "two"],
        ["two"],
    ),
    Case(
        "8 the tag of the old agent",
        of([f"meter_record_for_cw {record('one')}", TWO[1]]),
        ["one", "two"],
        ["two"],
    ),
]


def run_port(event: dict[str, Any]) -> list[dict[str, Any]]:
    stored: dict[str, bytes] = {}
    SeedAgent(stored.__setitem__).handle(event)
    return [json.loads(line) for body in stored.values() for line in body.splitlines()]


def customers(records: list[dict[str, Any]]) -> list[str]:
    return sorted(value["customerId"] for value in records)


@pytest.mark.parametrize("case", FORM, ids=[case.name for case in FORM])
def test_what_is_found(case: Case, s3_agent: Callable[..., Agent], s3: FaultyS3, cli: Path) -> None:
    if case.port is None:
        with pytest.raises((ValueError, OSError)):
            run_port(case.event)
    else:
        assert customers(run_port(case.event)) == sorted(case.port) != case.right

    answer = s3_agent().invoke(case.event)
    assert answer.failed_from is None
    assert customers(records_in(s3.objects)) == case.right
    assert len(rejects_in(s3.objects)) == case.rejects, rejects_in(s3.objects)

    extracted = extract(cli, json.dumps(case.event).encode())
    assert extracted.status == 0, extracted.errors
    assert customers(extracted.records) == case.right
    assert len(extracted.rejects) == case.rejects, extracted.rejects


def test_4_a_missing_time_is_the_log_events(s3_agent: Callable[..., Agent], s3: FaultyS3, cli: Path) -> None:
    event = of([f"amberflo_meter: {record('one', meterTimeInMillis=None)}"])
    begin = int(time.time() * 1000)
    assert run_port(event)[0]["meterTimeInMillis"] >= begin
    assert s3_agent().invoke(event).failed_from is None
    assert [int(value["meterTimeInMillis"]) for value in records_in(s3.objects)] == [TIME]
    extracted = extract(cli, json.dumps(event).encode())
    assert [int(value["meterTimeInMillis"]) for value in extracted.records] == [TIME]


def test_5_a_retry_gives_the_same_identities(s3_agent: Callable[..., Agent], s3: FaultyS3, cli: Path) -> None:
    event = of(TWO)
    ids = [{value["uniqueId"] for value in run_port(event)} for _ in range(2)]
    assert not ids[0] & ids[1]
    agent = s3_agent()
    assert agent.invoke(event).failed_from is None
    objects = s3.snapshot()
    agent.kill()
    assert agent.invoke(event).failed_from is None
    assert s3.snapshot() == objects and not s3.changed
    keys = [{record_key(v) for v in extract(cli, json.dumps(event).encode()).records} for _ in range(2)]
    assert keys[0] == keys[1] == {record_key(value) for value in records_in(objects)}


def test_6_a_failed_delivery_is_not_swallowed(s3_agent: Callable[..., Agent], s3: FaultyS3) -> None:
    event = of(TWO)

    def put(_name: str, _body: bytes) -> None:
        raise ConnectionResetError("reset by peer")

    assert SeedAgent(put).handle(event) == "ok"
    agent = s3_agent()
    s3.arm(["403"] * 20)
    assert agent.invoke(event, deadline=4).failed_from == event["Records"][0]["kinesis"]["sequenceNumber"]
    s3.arm([])
    assert agent.invoke(event).failed_from is None
    assert customers(records_in(s3.objects)) == ["one", "two"]


def test_7_an_empty_batch_writes_no_object(s3_agent: Callable[..., Agent], s3: FaultyS3) -> None:
    event = of(["GET /health 200", "nothing to see"])
    stored: dict[str, bytes] = {}
    SeedAgent(stored.__setitem__).handle(event)
    assert list(stored.values()) == [b""]
    assert s3_agent().invoke(event).failed_from is None
    assert s3.objects == {} and not s3.requests
