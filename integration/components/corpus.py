"""What the readers are measured on: Lambda events with Kinesis records of 1,000 log events, seeded.

A corpus is a file of Lambda events, one a line, and beside it the same gzip members without anything around
them, for the floor. The same seed gives the same bytes.
"""

import gzip
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from components.samples import kinesis_event, kinesis_record

SEED = 7
LOG_EVENTS = 1000
EVENT_RECORDS = 30  # Kinesis records of one Lambda event
TIME = 1_767_225_600_000
OWNER, GROUP, STREAM = "123456789012", "/aws/lambda/shop-checkout", "2026/01/01/[$LATEST]8d9f3a5c7e1b4f60"

Message = Callable[[random.Random, int], str]


@dataclass(frozen=True)
class Corpus:
    events: Path
    """Lambda events, one a line."""
    members: Path
    """The gzip members alone, each behind its length."""
    count: int
    """How many log events there are."""
    tagged: int
    """How many of them hold a record."""


def fields(chooser: random.Random, number: int, own_ids: float) -> dict:
    """A record; `own_ids` is how likely it brings an id of its own."""
    record = {
        "customerId": f"customer-{chooser.randrange(5000):05d}",
        "meterApiName": chooser.choice(("ApiCalls", "StorageBytes", "ComputeSeconds")),
        "meterValue": chooser.choice((1, chooser.randrange(2, 5000), chooser.randrange(1, 10**6) / 1000)),
        "meterTimeInMillis": TIME + number,
        "dimensions": {
            "region": chooser.choice(("eu-central-1", "us-east-1", "ap-southeast-2")),
            "method": chooser.choice(("GET", "POST", "PUT")),
            "route": f"/v1/orders/{chooser.randrange(10_000)}",
        },
    }
    if chooser.random() < own_ids:
        record["uniqueId"] = f"{chooser.getrandbits(128):032x}"
    return record


def request(chooser: random.Random) -> str:
    return f"{chooser.getrandbits(64):016x}-{chooser.getrandbits(32):08x}"


def text_line(chooser: random.Random, number: int, own_ids: float) -> str:
    record = json.dumps(fields(chooser, number, own_ids))
    return (
        f"2026-01-01T00:00:{number % 60:02d}.{number % 1000:03d}Z INFO {request(chooser)} "
        f"amberflo_meter: {record} took {chooser.randrange(90)} ms"
    )


def json_line(chooser: random.Random, number: int, own_ids: float) -> str:
    line = {
        "timestamp": f"2026-01-01T00:00:{number % 60:02d}.{number % 1000:03d}Z",
        "level": "INFO",
        "requestId": request(chooser),
        "amberflo_meter": fields(chooser, number, own_ids),
    }
    return json.dumps(line, separators=(",", ":"))


def common(chooser: random.Random, number: int, own_ids: float = 0.5) -> str:
    """Text and JSON forms half and half."""
    return (text_line if chooser.random() < 0.5 else json_line)(chooser, number, own_ids)


def untagged(chooser: random.Random, number: int) -> str:
    """One line in a hundred holds a record."""
    if number % 100 == 0:
        return common(chooser, number)
    stamp = f"2026-01-01T00:00:{number % 60:02d}.{number % 1000:03d}Z"
    if chooser.random() < 0.5:
        return (
            f"{stamp} INFO {request(chooser)} GET /v1/orders/{chooser.randrange(10_000)} 200 "
            f"{chooser.randrange(90)} ms from 10.{chooser.randrange(256)}.{chooser.randrange(256)}.7 agent "
            f'"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" cache miss, '
            f"customer-{chooser.randrange(5000):05d} read {chooser.randrange(10**6)} bytes of metering data"
        )
    line = {
        "timestamp": stamp,
        "level": "INFO",
        "requestId": request(chooser),
        "message": f"order {chooser.randrange(10_000)} was read by customer-{chooser.randrange(5000):05d}",
        "duration": chooser.randrange(1, 10**6) / 1000,
        "http": {
            "method": "GET",
            "status": 200,
            "route": "/v1/orders/{id}",
            "bytes": chooser.randrange(10**6),
        },
        "cache": "miss",
        "thread": f"worker-{chooser.randrange(16)}",
    }
    return json.dumps(line, separators=(",", ":"))


def old_names(record: dict) -> dict:
    names = {"customerId": "tenant_id", "meterApiName": "meter_name", "meterValue": "value"}
    return {names.get(name, name): value for name, value in record.items()}


def other_forms(chooser: random.Random, number: int, own_ids: float = 0.5) -> str:
    """Every other form of the contract: aliases, escape levels, quoted, spaces, logfmt."""
    record = fields(chooser, number, own_ids)
    stamp = f"2026-01-01T00:00:{number % 60:02d}.{number % 1000:03d}Z"
    match number % 5:
        case 0:  # older names
            return f"{stamp} INFO {request(chooser)} meter_record_for_cw {json.dumps(old_names(record))} done"
        case 1:  # Lambda's JSON log format: one level of escaping more
            text = f"meter_record_for_stream {json.dumps(record)}"
            return json.dumps({"timestamp": stamp, "level": "INFO", "message": text})
        case 2:  # a document within a document: two levels
            inner = json.dumps({"level": "info", "amberflo_meter": record})
            return json.dumps({"log": inner, "stream": "stdout", "time": stamp})
        case 3:  # logfmt: the value is quoted
            value = json.dumps(json.dumps(record, separators=(",", ":")))
            return (
                f'time={stamp} level=INFO msg="order done" amberflo_meter={value} request={request(chooser)}'
            )
        case _:  # spaces wherever they may stand
            value = json.dumps(record, separators=(" , ", " : "))
            return f"{stamp} INFO {request(chooser)} amberflo_meter : {value} took 3 ms"


KINDS: dict[str, Message] = {"common": common, "untagged": untagged, "other forms": other_forms}


def envelope(chooser: random.Random, message: Message, first: int) -> bytes:
    """The envelope of one Kinesis record."""
    events = [
        {
            "id": f"{38_000_000 * 10**48 + (first + index) * 10**20 + chooser.getrandbits(60):056d}",
            "timestamp": TIME + first + index,
            "message": message(chooser, first + index),
        }
        for index in range(LOG_EVENTS)
    ]
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": OWNER,
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["metertap"],
        "logEvents": events,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def page(log_events: list[dict]) -> dict:
    """The log events of an envelope as FilterLogEvents answers them."""
    return {
        "events": [
            {
                "logStreamName": STREAM,
                "timestamp": event["timestamp"],
                "message": event["message"],
                "ingestionTime": event["timestamp"] + 1000,
                "eventId": event["id"],
            }
            for event in log_events
        ],
        "searchedLogStreams": [],
    }


def write_pieces(path: Path, pieces: list[bytes]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(struct.pack("<I", len(piece)) + piece)


def read_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.read(4):
            yield file.read(*struct.unpack("<I", head))


def stamp(offset: int) -> str:
    """The time of a log event by its number, as RFC 3339."""
    return datetime.fromtimestamp((TIME + offset) / 1000, UTC).isoformat(timespec="milliseconds")


def write(directory: Path, kind: str, kinesis_records: int) -> Corpus:
    chooser = random.Random(SEED)
    message = KINDS[kind]
    members = [
        gzip.compress(envelope(chooser, message, number * LOG_EVENTS), 6, mtime=0)
        for number in range(kinesis_records)
    ]
    name = kind.replace(" ", "-")
    events = directory / f"{name}.events.json"
    with events.open("w") as file:
        for start in range(0, len(members), EVENT_RECORDS):
            records = [
                kinesis_record(start + index, data)
                for index, data in enumerate(members[start : start + EVENT_RECORDS])
            ]
            file.write(json.dumps(kinesis_event(records)) + "\n")
    write_pieces(directory / f"{name}.members", members)
    count = kinesis_records * LOG_EVENTS
    return Corpus(events, directory / f"{name}.members", count, count // 100 if kind == "untagged" else count)
