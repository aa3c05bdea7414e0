"""Log lines of every form together with what must come out of them, known by construction, not by parsing."""

import base64
import gzip
import hashlib
import json
import random
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

OWNER = "123456789012"
STREAM_ARN = f"arn:aws:kinesis:eu-central-1:{OWNER}:stream/logs"

Key = tuple[str, str, Decimal, int, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Record:
    """A record as the line has it; `time` and `unique_id` are None where the line leaves them out."""

    meter: str
    customer: str
    value: Decimal
    time: int | None = None
    unique_id: str | None = None
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reject:
    reason: str


@dataclass(frozen=True)
class Line:
    """A message and its values in the order of their ordinals; None is one that counts but is not kept."""

    message: str
    items: tuple[Record | Reject | None, ...] = ()
    kind: str = ""


@dataclass
class Event:
    """A log event."""

    id: str | int
    timestamp: int
    line: Line


@dataclass
class Expected:
    """What must be in the sink and among the rejects, each by its identity."""

    records: set[Key] = field(default_factory=set)
    rejects: set[tuple[Any, ...]] = field(default_factory=set)
    found: int = 0
    sources: set[tuple[str, int]] = field(default_factory=set)  # event id and ordinal of each record

    def add(self, other: "Expected") -> None:
        self.sources |= other.sources
        self.records |= other.records
        self.rejects |= other.rejects
        self.found += other.found


def unique_id(owner: str, group: str, stream: str, event_id: str | int, ordinal: int) -> str:
    """The identity of a record without one of its own (section 4 of the contract)."""
    text = "\0".join((owner, group, stream, str(event_id), str(ordinal)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def expected(events: list[Event], group: str, stream: str, owner: str = OWNER) -> Expected:
    result = Expected()
    for event in events:
        for ordinal, item in enumerate(event.line.items):
            if isinstance(item, Reject):
                result.rejects.add((str(event.id), ordinal, item.reason))
            elif isinstance(item, Record):
                result.sources.add((str(event.id), ordinal))
                result.records.add(
                    (
                        item.meter,
                        item.customer,
                        item.value,
                        event.timestamp if item.time is None else item.time,
                        item.unique_id or unique_id(owner, group, stream, event.id, ordinal),
                        tuple(sorted(item.dimensions)),
                    )
                )
            else:
                continue
            result.found += 1
    return result


def envelope(events: list[Event], group: str, stream: str, owner: str = OWNER, **more: Any) -> bytes:
    """The JSON document in which CloudWatch ships log events; not yet compressed."""
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": ["metertap"],
        "logEvents": [{"id": e.id, "timestamp": e.timestamp, "message": e.line.message} for e in events],
    }
    return json.dumps(document | more, separators=(",", ":")).encode()


CONTROL_MESSAGE = gzip.compress(
    json.dumps(
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logGroup": "",
            "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [
                {
                    "id": "",
                    "timestamp": 1720000000000,
                    "message": "CWL CONTROL MESSAGE: Checking health of destination amberflo_meter: {",
                }
            ],
        }
    ).encode()
)


def kinesis_record(
    sequence: str | int,
    data: bytes,
    arrival: float = 1_767_225_600.25,
    shard: int = 0,
    stream_arn: str = STREAM_ARN,
) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "8d9f3a",
            "sequenceNumber": str(sequence),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": arrival,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-{shard:012d}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{OWNER}:role/metertap",
        "awsRegion": "eu-central-1",
        "eventSourceARN": stream_arn,
    }


def kinesis_event(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Records": records}


def direct_event(data: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


class Samples:
    """Draws lines from a seeded generator. No two records of one instance are alike."""

    def __init__(self, rng: random.Random, base_time: int = 1_767_225_600_000):
        self.rng = rng
        self.base_time = base_time
        self.count = 0
        self.kinds = [name.removeprefix("line_") for name in dir(self) if name.startswith("line_")]
        self.broken = {
            "cut_off",
            "not_json",
            "not_a_record",
            "missing",
            "bad_value",
            "bad_time",
            "bad_dimension",
        }

    def line(self, kind: str | None = None) -> Line:
        kind = kind or self.rng.choice(self.kinds)
        return replace(getattr(self, f"line_{kind}")(), kind=kind)

    def events(self, count: int) -> list[Event]:
        """Log events in the order of their ids, as CloudWatch numbers them."""
        result = []
        for _ in range(count):
            self.count += 1
            offset = self.rng.randrange(86_400_000)
            number = f"{37 * 10**54 + self.count:056d}"
            event_id: str | int = self.count if self.rng.random() < 0.05 else number
            result.append(Event(event_id, self.base_time + offset, self.line()))
        return result

    # Records

    def record(self, **fixed: Any) -> tuple[Record, str]:
        """A record and its JSON text in today's field names."""
        self.count += 1
        value = self.number()
        record = Record(
            meter=self.rng.choice(["ApiCalls", "StorageBytes", "compute-hours", "Zähler"]),
            customer=f"customer-{self.count}",
            value=Decimal(value.strip('"')),
            time=self.base_time + self.count if self.rng.random() < 0.5 else None,
            unique_id=f"id-{self.rng.getrandbits(64):x}" if self.rng.random() < 0.3 else None,
            dimensions=(("region", "eu"), ("tier", "gold ☕")) if self.rng.random() < 0.4 else (),
        )
        if fixed:
            record = replace(record, **fixed)
        members = [
            ("customerId", record.customer),
            ("meterApiName", record.meter),
            ("meterTimeInMillis", record.time),
            ("uniqueId", record.unique_id),
            ("dimensions", dict(record.dimensions) or None),
        ]
        texts = [f"{json.dumps(name)}:{self.json(value)}" for name, value in members if value is not None]
        texts.append(f'"meterValue":{value}')
        self.rng.shuffle(texts)
        return record, "{" + self.rng.choice([",", ", "]).join(texts) + "}"

    def number(self) -> str:
        """A JSON number, or a string that holds one."""
        text = self.rng.choice(
            [
                str(self.rng.randrange(1_000_000)),
                f"{self.rng.randrange(1000)}.{self.rng.randrange(1, 10**9)}",
                f"-{self.rng.randrange(1, 1000)}.5",
                f"{self.rng.randrange(1, 100)}e{self.rng.randrange(-9, 20)}",
                f"{self.rng.randrange(10**15, 10**16)}.{self.rng.randrange(10**14, 10**15)}",
                "0.1",
            ]
        )
        return f'"{text}"' if self.rng.random() < 0.2 else text

    def json(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=self.rng.random() < 0.5)

    def tag(self) -> str:
        return self.rng.choice(["amberflo_meter", "meter_record_for_cw", "meter_record_for_stream"])

    # Forms that give records

    def line_text(self) -> Line:
        record, text = self.record()
        between = self.rng.choice([":", ": ", " : ", "=", " = ", " "])
        return Line(f"2026-01-02T03:04:05Z INFO {self.tag()}{between}{text} took 3 ms", (record,))

    def line_member(self) -> Line:
        record, text = self.record()
        prefix = self.rng.choice(["", "INFO ", "2026-01-02 [main] "])
        return Line(f'{prefix}{{"level":"info","a":{{"{self.tag()}" : {text}}},"n":[1,2]}}', (record,))

    def line_quoted(self) -> Line:
        record, text = self.record()
        return Line(f"level=info {self.tag()}={self.json(text)} n=1", (record,))

    def line_quoted_member(self) -> Line:
        record, text = self.record()
        return Line(f'{{"level":"info","{self.tag()}":{self.json(text)},"n":1}}', (record,))

    def line_lambda_json(self) -> Line:
        record, text = self.record()
        message = self.json(f"{self.tag()} {text}")
        return Line(f'{{"timestamp":"2026-01-02T03:04:05Z","level":"INFO","message":{message}}}', (record,))

    def line_twice_escaped(self) -> Line:
        record, text = self.record()
        inner = f'{{"message":{self.json(f"{self.tag()}: {text}")},"n":1}}'
        return Line(f'{{"log":{self.json(inner)},"stream":"stdout"}}', (record,))

    def line_array(self) -> Line:
        (one, first), (two, second) = self.record(), self.record()
        return Line(f"{self.tag()}: [{first}, 5, {second}]", (one, Reject("notARecord"), two))

    def line_values(self) -> Line:
        self.count += 1
        customer = f"customer-{self.count}"
        one = Record("Requests", customer, Decimal(3))
        text = f'{{"customerId":"{customer}","values":{{"Requests":3,"Bytes":1024.5}}}}'
        return Line(f"{self.tag()}={text}", (one, replace(one, meter="Bytes", value=Decimal("1024.5"))))

    def line_two_tags(self) -> Line:
        (one, first), (two, second) = self.record(), self.record()
        return Line(f"{self.tag()}: {first} and {self.tag()}: {second}", (one, two))

    def line_raw_and_parsed(self) -> Line:
        record, text = self.record(unique_id=None)
        message = self.json(f"amberflo_meter: {text}")
        return Line(f'{{"message":{message},"parsed":{{"amberflo_meter":{text}}}}}', (record, None))

    def line_old_names(self) -> Line:
        self.count += 1
        record = Record(
            self.rng.choice(["OldCalls", "OldBytes"]),
            f"tenant-{self.count}",
            Decimal("3.5"),
            self.base_time + self.count,
            f"old-{self.rng.getrandbits(64):x}",
            (("region", "eu"),),
        )
        tenant = self.rng.choice(["tenant", "tenant_id"])
        meter = self.rng.choice(["meter_name", "meterName", "meter_api_name"])
        value = self.rng.choice(["meter_value", "value"])
        time = self.rng.choice(["time", "meter_time_in_millis"])
        text = (
            f'{{"{tenant}":"{record.customer}","{meter}":"{record.meter}","{value}":"3.50","{time}":{record.time},'
            f'"unique_id":"{record.unique_id}","dimensions":[{{"Name":"region","Value":"eu"}}]}}'
        )
        return Line(f"{self.tag()} {text}", (record,))

    def line_cut_off_behind(self) -> Line:
        record, text = self.record()
        return Line(f'{{"{self.tag()}":{text},"stack":["at main', (record,))

    def line_time_text(self) -> Line:
        self.count += 1
        record = Record("Calls", f"customer-{self.count}", Decimal(1), 1_767_323_045_678)
        return Line(
            f'{self.tag()}: {{"customerId":"{record.customer}","meterApiName":"Calls","meterValue":1,'
            '"meterTimeInMillis":"2026-01-02T03:04:05.678Z","unknown":{"a":[1]}}',
            (record,),
        )

    # Lines that give rejects

    def line_cut_off(self) -> Line:
        _, text = self.record()
        return Line(
            f"{self.tag()}: {text[: self.rng.randrange(1, len(text) - 1)]}", (Reject("malformedJSON"),)
        )

    def line_not_json(self) -> Line:
        return Line(f"{self.tag()}: {{customerId: 1}} next", (Reject("malformedJSON"),))

    def line_not_a_record(self) -> Line:
        return Line(
            f"{self.tag()}: {self.rng.choice(['42', 'true', '-1.5e3'])} next", (Reject("notARecord"),)
        )

    def line_missing(self) -> Line:
        left_out, reason = self.rng.choice(
            [("customerId", "missingCustomer"), ("meterApiName", "missingMeter")]
        )
        members = {"customerId": "c", "meterApiName": "Calls", "meterValue": 1}
        del members[left_out]
        return Line(f"{self.tag()}: {json.dumps(members)}", (Reject(reason),))

    def line_bad_value(self) -> Line:
        value = self.rng.choice(['"abc"', '""', "1e36", "1e-31", "true", '"1 2"'])
        text = f'{{"customerId":"c","meterApiName":"Calls","meterValue":{value}}}'
        return Line(f"{self.tag()}: {text}", (Reject("invalidValue"),))

    def line_bad_time(self) -> Line:
        time = self.rng.choice(["1767225600", "1767225600000000", '"yesterday"'])
        text = f'{{"customerId":"c","meterApiName":"Calls","meterValue":1,"meterTimeInMillis":{time}}}'
        return Line(f"{self.tag()}: {text}", (Reject("invalidTime"),))

    def line_bad_dimension(self) -> Line:
        text = '{"customerId":"c","meterApiName":"Calls","meterValue":1,"dimensions":{"a":{"b":"c"}}}'
        return Line(f"{self.tag()}: {text}", (Reject("invalidDimension"),))

    # Lines that give nothing

    def line_mention(self) -> Line:
        return Line(
            self.rng.choice(["reading amberflo_meter config", "amberflo_meter: null", "amberflo_meter"])
        )

    def line_other_word(self) -> Line:
        _, text = self.record()
        return Line(f"amberflo_meter_total: {text} my_amberflo_meter: {text}")

    def line_plain(self) -> Line:
        return Line(
            self.rng.choice(["", "GET /health 200", '{"level":"debug","n":{}}', "ünï\u0000code \r\n"])
        )
