"""Hostile input: each kind gets its documented answer within 128 MiB, and its neighbours are unharmed."""

import functools
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from components.commands import extract
from components.runtime_api import Agent
from components.samples import OWNER, Event, Line, Record, envelope, expected, kinesis_event, kinesis_record
from components.stored import content_of, difference, files_in, record_key, records_in, rejects_in

MIB = 1 << 20
LIMIT = 128 * MIB
TIME = 1_767_225_600_000
GROUP, STREAM = "/app/shop", "web-1"

GOOD = [
    Line(
        f'amberflo_meter: {{"customerId":"good-{i}","meterApiName":"Calls","meterValue":{i}}}',
        (Record("Calls", f"good-{i}", Decimal(i)),),
    )
    for i in range(4)
]


def neighbour(index: int) -> tuple[bytes, set[Any]]:
    events = [Event(f"{index:056d}", TIME + index, GOOD[index])]
    return gzip.compress(envelope(events, GROUP, STREAM)), expected(events, GROUP, STREAM).records


BEFORE, AFTER = neighbour(0), neighbour(1)


@dataclass
class Outcome:
    records: list[dict[str, Any]] = field(repr=False)
    rejects: list[dict[str, Any]] = field(repr=False)
    peak_memory: int

    def check_neighbours(self) -> None:
        keys = {record_key(value) for value in self.records}
        for _, wanted in (BEFORE, AFTER):
            assert wanted <= keys, f"a neighbour was harmed: {difference(keys, wanted)}"

    def check_memory(self) -> None:
        assert self.peak_memory <= LIMIT, f"{self.peak_memory / MIB:.0f} MiB resident at the peak"

    def customers(self) -> set[str]:
        """All but the neighbours', each short enough to show."""
        return {value["customerId"][:20] for value in self.records} - {"good-0", "good-1"}

    def reasons(self) -> list[str]:
        return [reject["reason"] for reject in self.rejects]


@pytest.fixture
def by_lambda(agent: Callable[..., Agent], tmp_path: Path) -> Callable[..., Outcome]:
    """One event with the data between two neighbours, through a new process of the Lambda executable."""

    def run(*hostile: bytes, seconds: float = 30, memory: int = 512) -> Outcome:
        one = agent(
            METERTAP_SINK=f"file://{tmp_path}/sink",
            METERTAP_PROVENANCE="true",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory),
        )
        data = [BEFORE[0], *hostile, AFTER[0]]
        records = [kinesis_record(1000 + i, each) for i, each in enumerate(data)]
        answer = one.invoke(kinesis_event(records), deadline=seconds)
        assert answer.kind == "response", f"{answer}\n{list(one.output)[-5:]}"
        peak = one.peak_memory()
        assert answer.failed_from is None, answer
        figures = answer.accounting
        assert figures["records"] + figures["rejects"] == figures["delivered"] + figures["rejected"], figures
        objects = files_in(tmp_path / "sink")
        outcome = Outcome(records_in(objects), rejects_in(objects), peak)
        assert (figures["delivered"], figures["rejected"]) == (len(outcome.records), len(outcome.rejects))
        return outcome

    return run


@pytest.fixture
def by_cores(by_lambda: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """The same event through a function with several cores, which reads envelopes ahead."""
    return functools.partial(by_lambda, memory=10_240)


@pytest.fixture
def by_extract(cli: Path) -> Callable[..., Outcome]:
    """The same event through `metertap extract`."""

    def run(*hostile: bytes, seconds: float = 60) -> Outcome:
        records = [kinesis_record(1000 + i, each) for i, each in enumerate([BEFORE[0], *hostile, AFTER[0]])]
        result = extract(cli, json.dumps(kinesis_event(records)).encode(), seconds=seconds)
        is_other_form = any(reject["detail"].startswith("the input is ") for reject in result.rejects)
        assert result.status == (65 if is_other_form else 0), (
            f"status {result.status}: {result.errors[-2000:]}"
        )
        return Outcome(result.records, result.rejects, result.peak_memory)

    return run


@pytest.fixture(params=["lambda", "cores", "extract"])
def run(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    return request.getfixturevalue(f"by_{request.param}")


# Whole envelopes


def deflated(repeated: bytes, times: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """The gzip of `before`, `times` times `repeated`, and `after`; each repetition is compressed but once."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = stream.compress(before) + stream.flush(zlib.Z_FULL_FLUSH)
    middle = stream.compress(repeated) + stream.flush(zlib.Z_FULL_FLUSH)
    tail = stream.compress(after) + stream.flush(zlib.Z_FINISH)
    checksum = zlib.crc32(before)
    for _ in range(times):
        checksum = zlib.crc32(repeated, checksum)
    checksum = zlib.crc32(after, checksum)
    size = len(before) + times * len(repeated) + len(after)
    trailer = checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + head + middle * times + tail + trailer


def around() -> tuple[bytes, bytes]:
    """An envelope of one event before and behind its message's text."""
    whole = envelope([Event("1" * 56, TIME, Line("@@"))], GROUP, STREAM)
    before, _, after = whole.partition(b"@@")
    return before, after


def bombs() -> dict[str, bytes]:
    zeros, letters = bytes(4 * MIB), b"a" * (4 * MIB)
    before, after = around()
    one = deflated(zeros, 256)
    members = gzip.compress(bytes(MIB), mtime=0) * 1024
    return {
        "zeros": one,
        "one message": deflated(letters, 256, before, after),
        "spaces in front": deflated(b" " * (4 * MIB), 256, b"", before + after),
        "many members": members,
        "of two layers": gzip.compress(one),
        "of three layers": gzip.compress(gzip.compress(one)),
        "members in a layer": gzip.compress(gzip.compress(bytes(1000), mtime=0) * (2 * MIB)),
    }


@pytest.fixture(scope="module")
def bomb() -> dict[str, bytes]:
    made = bombs()
    assert len(made["of three layers"]) < 4096, "about 1 KB"
    assert all(len(data) < 1.2 * MIB for data in made.values())
    return made


@pytest.mark.parametrize(
    "name",
    [
        "zeros",
        "one message",
        "spaces in front",
        "many members",
        "of two layers",
        "of three layers",
        "members in a layer",
    ],
)
def test_a_bomb_is_one_reject(name: str, bomb: dict[str, bytes], run: Callable[..., Outcome]) -> None:
    outcome = run(bomb[name])
    outcome.check_memory()
    outcome.check_neighbours()
    assert outcome.reasons() in [["undecodable"], ["tooLarge"]]
    assert not outcome.customers()
    reject = outcome.rejects[0]
    kept = content_of(reject)
    assert kept[:1000] == bomb[name][:1000] and kept == bomb[name], (
        "the reject does not hold the envelope's bytes"
    )
    assert reject["source"]["sequenceNumber"] == "1001", reject["source"]


def test_a_compressed_file_without_a_line_end(cli: Path, bomb: dict[str, bytes]) -> None:
    """1 GiB as one line of a log file: no envelope, but no memory for it either."""
    result = extract(cli, bomb["zeros"])
    assert result.status in (0, 65), result.errors
    assert result.peak_memory <= LIMIT, f"{result.peak_memory / MIB:.0f} MiB"
    assert not result.records


def lines_of(size: int, one_in: int) -> tuple[list[Event], int]:
    """Log events of about `size` bytes as JSON; one in `one_in` holds a record."""
    rng = random.Random(12)
    phrases = ["".join(rng.choices("abcdefgh /=", k=80)) for _ in range(30)]
    events: list[Event] = []
    total = 0
    while total < size:
        i = len(events)
        text = f"2026-01-01T00:00:00Z INFO request {i} " + " ".join(rng.choices(phrases, k=5))
        items: tuple[Record, ...] = ()
        if i % one_in == 0:
            text += f' amberflo_meter: {{"customerId":"c{i}","meterApiName":"Calls","meterValue":{i}}}'
            items = (Record("Calls", f"c{i}", Decimal(i)),)
        events.append(Event(f"{i:056d}", TIME + i, Line(text, items)))
        total += len(text) + 110
    return events, total


@pytest.mark.parametrize("one_in", [4, 1000])
def test_a_legitimate_envelope_of_60_mib(one_in: int, run: Callable[..., Outcome]) -> None:
    events, _ = lines_of(60 * MIB, one_in)
    data = envelope(events, GROUP, STREAM)
    packed = gzip.compress(data, 6)
    assert 58 * MIB < len(data) < 63 * MIB and len(packed) < 4_400_000, (len(data), len(packed))
    outcome = run(packed)
    outcome.check_neighbours()
    wanted = expected(events, GROUP, STREAM).records | BEFORE[1] | AFTER[1]
    assert not (text := difference({record_key(v) for v in outcome.records}, wanted)), text
    assert not outcome.reasons()
    outcome.check_memory()


def test_60_lines_of_1_mib(run: Callable[..., Outcome]) -> None:
    """The largest log events that there are."""
    record = GOOD[2]
    events = [
        Event(f"{i:056d}", TIME + i, Line("x" * (MIB - 200) + " " + record.message, record.items))
        for i in range(60)
    ]
    outcome = run(gzip.compress(envelope(events, GROUP, STREAM), 1))
    outcome.check_memory()
    outcome.check_neighbours()
    assert len(outcome.records) == 62 and not outcome.reasons()


def test_over_64_mib_is_a_reject_even_with_true_lines(run: Callable[..., Outcome]) -> None:
    events, _ = lines_of(66 * MIB, 1000)
    data = envelope(events, GROUP, STREAM)
    assert len(data) > 64 * MIB
    outcome = run(gzip.compress(data, 6))
    outcome.check_memory()
    outcome.check_neighbours()
    assert outcome.reasons() in (["tooLarge"], ["undecodable"])
    assert not outcome.customers()


def test_10_000_events_in_one_envelope(run: Callable[..., Outcome]) -> None:
    events = [
        Event(f"{i:056d}", TIME + i, Line(GOOD[2].message.replace("good-2", f"c{i}"), (i,)))  # type: ignore[arg-type]
        for i in range(10_000)
    ]
    outcome = run(gzip.compress(envelope(events, GROUP, STREAM)))
    outcome.check_memory()
    outcome.check_neighbours()
    assert outcome.customers() == {f"c{i}" for i in range(10_000)} and not outcome.reasons()


def test_10_000_kinesis_records_in_one_event(run: Callable[..., Outcome]) -> None:
    """As many as AWS puts into one batch."""
    data = gzip.compress(envelope([Event("9" * 56, TIME, GOOD[2])], GROUP, STREAM))
    outcome = run(*[data] * 9_998)
    outcome.check_memory()
    outcome.check_neighbours()
    assert outcome.customers() == {"good-2"} and not outcome.reasons()


def test_nesting_in_a_member_of_the_envelope_that_nobody_reads(run: Callable[..., Outcome]) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    events = [Event("7" * 56, TIME, GOOD[2])]
    data = envelope(events, GROUP, STREAM, extractedFields="@@").replace(b'"@@"', deep)
    outcome = run(gzip.compress(data))
    outcome.check_memory()
    outcome.check_neighbours()
    found = (outcome.customers(), outcome.reasons())
    assert found in (({"good-2"}, []), (set(), ["undecodable"]), (set(), ["tooDeep"])), found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1f\x8b",
        b"\x1f\x8b" + bytes(50),
        b"null",
        b"[]",
        b"{}",
        b'{"logEvents":3}',
        b"\xff\xfe\x00",
        b"\x00",
    ],
    ids=str,
)
def test_what_is_no_envelope_is_one_reject(data: bytes, run: Callable[..., Outcome]) -> None:
    outcome = run(data)
    outcome.check_neighbours()
    assert outcome.reasons() == ["undecodable"]
    assert content_of(outcome.rejects[0]) == data


# Single lines


@dataclass
class Hostile:
    """The JSON text of one message (without its quotes) and what must come of it."""

    name: str
    text: bytes
    customers: set[str] = field(default_factory=set)
    reasons: tuple[str, ...] = ()
    either: bool = False  # a record or a reject, where the contract leaves it open; never silence
    values: tuple[Decimal, ...] = ()


def record_text(**fields: str) -> bytes:
    """A tag and a record, as JSON text inside a JSON string; the values are JSON texts themselves."""
    members = {"customerId": '"c"', "meterApiName": '"Calls"', "meterValue": "1"} | fields
    text = "amberflo_meter: {" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"
    return json.dumps(text)[1:-1].encode()


DEEP = 100_000
OK = record_text()
LINES = [
    Hostile("nested arrays", b"amberflo_meter: " + b"[" * DEEP + b"]" * DEEP, reasons=("tooDeep",)),
    Hostile("nested arrays without an end", b"amberflo_meter: " + b"[" * DEEP, reasons=("tooDeep",)),
    Hostile(
        "nested objects", b"amberflo_meter: " + b'{\\"a\\":' * DEEP + b"1" + b"}" * DEEP, reasons=("tooDeep",)
    ),
    Hostile("a deep unknown key", record_text(x="[" * DEEP + "]" * DEEP), reasons=("tooDeep",)),
    Hostile(
        "a deep dimension", record_text(dimensions='{"a":' * DEEP + "1" + "}" * DEEP), reasons=("tooDeep",)
    ),
    Hostile("nesting in front of the tag", b"[" * DEEP + OK, customers={"c"}, either=True),
    Hostile("a record behind 1 MiB", b"x" * (MIB - 200) + b" " + OK, customers={"c"}),
    Hostile("a record before 1 MiB", OK + b" " + b"x" * (MIB - 200), customers={"c"}),
    Hostile("1 MiB of quotes and backslashes", b'\\\\\\"' * (MIB // 4 - 100) + b" " + OK, customers={"c"}),
    Hostile("a dimension of 1 MiB", record_text(dimensions=f'{{"a":"{"x" * (MIB - 300)}"}}'), reasons=("?",)),
    Hostile("a customer of 1 MiB", record_text(customerId=f'"{"x" * (MIB - 300)}"'), reasons=("?",)),
    Hostile("a unique id of 257 bytes", record_text(uniqueId=f'"{"x" * 257}"'), reasons=("?",)),
    Hostile(
        "65 dimensions", record_text(dimensions=json.dumps({f"k{i}": "v" for i in range(65)})), reasons=("?",)
    ),
    Hostile("invalid UTF-8 beside", b"\xff\xfe\xc0\x80 " + OK + b" \xed\xa0\x80\xf5", customers={"c"}),
    Hostile(
        "invalid UTF-8 inside", record_text(dimensions='{"a":"@@"}').replace(b"@@", b"\xff\xc3"), either=True
    ),
    Hostile("half a character at the end", OK + b" \xe2\x98", customers={"c"}),
    Hostile("lone surrogates beside", b"\\ud800 " + OK + b" \\udc00", customers={"c"}),
    Hostile("a lone surrogate inside", record_text(dimensions='{"a":"\\ud800"}'), either=True),
    Hostile("surrogates the wrong way round", record_text(dimensions='{"a":"\\udc00\\ud800"}'), either=True),
    Hostile("NUL beside", b"\\u0000" + OK + b"\\u0000", customers={"c"}),
    Hostile("NUL before the tag", b"a\\u0000" + OK, customers={"c"}),
    Hostile("byte order mark", b"\xef\xbb\xbf" + OK, customers={"c"}),
    Hostile("CRLF", OK + b"\\r\\n", customers={"c"}),
    Hostile("CR inside", OK.replace(b",", b",\\r\\n"), customers={"c"}),
    Hostile("1e400", record_text(meterValue="1e400"), reasons=("invalidValue",)),
    Hostile("1e-400", record_text(meterValue="1e-400"), reasons=("invalidValue",)),
    Hostile(
        "1e999999999999999999", record_text(meterValue="1e999999999999999999"), reasons=("invalidValue",)
    ),
    Hostile(
        "1e-99999999999999999", record_text(meterValue="1e-99999999999999999"), reasons=("invalidValue",)
    ),
    Hostile("0e999999999", record_text(meterValue="0e999999999"), {"c"}, values=(Decimal(0),)),
    Hostile("36 digits", record_text(meterValue="9" * 36), {"c"}, values=(Decimal("9" * 36),)),
    Hostile("37 digits", record_text(meterValue="1" + "0" * 36), reasons=("invalidValue",)),
    Hostile("400 digits", record_text(meterValue="7" * 400), reasons=("invalidValue",)),
    Hostile("400 decimal places", record_text(meterValue="0." + "7" * 400), reasons=("invalidValue",)),
    Hostile(
        "400 zeros behind the point", record_text(meterValue="1." + "0" * 400), {"c"}, values=(Decimal(1),)
    ),
    Hostile(
        "30 decimal places",
        record_text(meterValue="0." + "7" * 30),
        {"c"},
        values=(Decimal("0." + "7" * 30),),
    ),
    Hostile("31 decimal places", record_text(meterValue="0." + "7" * 31), reasons=("invalidValue",)),
    Hostile(
        "digits that scale back",
        record_text(meterValue="1" + "0" * 400 + "e-400"),
        {"c"},
        values=(Decimal(1),),
    ),
    Hostile("1 MiB of digits", record_text(meterValue="7" * (MIB - 300)), reasons=("invalidValue",)),
    Hostile("a time of 400 digits", record_text(meterTimeInMillis="1" + "0" * 400), reasons=("invalidTime",)),
    Hostile("a time of 1e400", record_text(meterTimeInMillis="1e400"), reasons=("invalidTime",)),
    Hostile(
        "a time beyond 64 bits",
        record_text(meterTimeInMillis="9223372036854775808"),
        reasons=("invalidTime",),
    ),
    Hostile("Infinity", record_text(meterValue='"Infinity"'), reasons=("invalidValue",)),
    Hostile("hexadecimal", record_text(meterValue='"0x10"'), reasons=("invalidValue",)),
    Hostile("70,000 mentions", b"amberflo_meter " * 69_000, reasons=()),
    Hostile(
        "a tag in a string that never ends", b'{\\"message\\":\\"' + OK.replace(b'"', b'\\\\"'), either=True
    ),
]


@pytest.mark.parametrize("case", LINES, ids=[case.name for case in LINES])
def test_a_line(case: Hostile, run: Callable[..., Outcome]) -> None:
    outcome = run(gzip.compress(with_message(case.text)))
    outcome.check_memory()
    outcome.check_neighbours()
    assert {"good-2", "good-3"} <= outcome.customers(), "a line of the same envelope was harmed"
    customers = outcome.customers() - {"good-2", "good-3"}
    reasons = tuple(outcome.reasons())
    for value in [*outcome.records, *outcome.rejects]:
        text = json.dumps(value, ensure_ascii=False, default=str)
        assert not [c for c in text if "\ud800" <= c <= "\udfff"], "a lone surrogate comes out again"
    if case.either:
        assert len(customers) + len(reasons) == 1, f"{customers} {reasons}"
    elif case.reasons == ("?",):
        assert not customers and len(reasons) == 1, f"over a limit, yet {customers} {reasons}"
    else:
        assert (customers, reasons) == (case.customers, case.reasons)
    if case.values:
        assert [Decimal(v["meterValue"]) for v in outcome.records if v["customerId"] == "c"] == list(
            case.values
        )


def with_message(text: bytes) -> bytes:
    """An envelope with the message between two good ones; `text` may be what no encoder would write."""
    parts = [
        GOOD[2].message.encode().replace(b'"', b'\\"'),
        text,
        GOOD[3].message.encode().replace(b'"', b'\\"'),
    ]
    events = b",".join(
        b'{"id":"%056d","timestamp":%d,"message":"%s"}' % (i, TIME + i, part) for i, part in enumerate(parts)
    )
    head = f'{{"messageType":"DATA_MESSAGE","owner":"{OWNER}","logGroup":"{GROUP}","logStream":"{STREAM}"'
    return head.encode() + b',"subscriptionFilters":["f"],"logEvents":[' + events + b"]}"


def test_one_line_with_65_000_broken_values(run: Callable[..., Outcome]) -> None:
    """Each is a reject, and each reject shows its line: what is written is not the product of the two."""
    outcome = run(gzip.compress(with_message(b"amberflo_meter:{ " * 61_000)))
    outcome.check_memory()
    outcome.check_neighbours()
    assert outcome.rejects and {reject["reason"] for reject in outcome.rejects} <= {
        "malformedJSON",
        "tooLarge",
    }
    written = sum(len(json.dumps(reject, default=str)) for reject in outcome.rejects)
    assert written < 64 * MIB, f"{written / MIB:.0f} MiB of rejects for one line of 1 MiB"


def test_a_file_of_hostile_lines(cli: Path) -> None:
    """CRLF, NUL, invalid UTF-8, a very long line and no end of line at the end, among good lines."""
    good = b'amberflo_meter: {"customerId":"%d","meterApiName":"Calls","meterValue":1,"meterTimeInMillis":%d}'
    lines = [
        good % (1, TIME) + b"\r",
        b"\x00\x00\xff\xfe amberflo_meter " + b"\x80" * 100,
        good % (2, TIME),
        b"y" * (8 * MIB),
        good % (3, TIME) + b"\x00",
        b"amberflo_meter: " + b"[" * DEEP,
        b"",
        b"\r",
        good % (4, TIME),
    ]
    result = extract(cli, b"\n".join(lines), "--format", "lines", "--source", "app.log")
    assert result.status == 0, result.errors
    assert {value["customerId"] for value in result.records} == {"1", "2", "3", "4"}
    assert [reject["reason"] for reject in result.rejects] == ["tooDeep"]
    assert result.peak_memory <= LIMIT


# Small input that asks for much output


def many_values_with_long_dimensions() -> bytes:
    values = ",".join(f'"m{i}":1' for i in range(10_000))
    dimensions = ",".join(f'"d{i}":"{"x" * 1024}"' for i in range(64))
    record = f'{{"customerId":"c","values":{{{values}}},"dimensions":{{{dimensions}}}}}'
    return envelope([Event("1" * 56, TIME, Line(f"amberflo_meter: {record}"))], GROUP, STREAM)


def many_short_rejects() -> bytes:
    text = "amberflo_meter=[" + ",".join("1" * 2000) + "]"
    return envelope([Event(f"{i:056d}", TIME, Line(text)) for i in range(64)], GROUP, STREAM)


def many_control_envelopes() -> bytes:
    return b'{"messageType":"CONTROL_MESSAGE"}' * 1_900_000


def many_unknown_keys() -> bytes:
    keys = ",".join('"a":1' for _ in range(9_000_000))
    text = f'amberflo_meter: {{"customerId":"c","meterApiName":"m","meterValue":1,{keys}}}'
    return envelope([Event("1" * 56, TIME, Line(text))], GROUP, STREAM)


def many_dimensions() -> bytes:
    dimensions = ",".join('"a":1' for _ in range(1_000_000))
    record = f'{{"customerId":"c","meterApiName":"m","meterValue":1,"dimensions":{{{dimensions}}}}}'
    return envelope([Event("1" * 56, TIME, Line(f"amberflo_meter: {record}"))], GROUP, STREAM)


@pytest.mark.parametrize(
    "make",
    [
        many_values_with_long_dimensions,
        many_short_rejects,
        many_control_envelopes,
        many_unknown_keys,
        many_dimensions,
    ],
)
def test_small_input_with_much_to_say(make: Callable[[], bytes], run: Callable[..., Outcome]) -> None:
    outcome = run(gzip.compress(make(), 6))
    outcome.check_memory()
    outcome.check_neighbours()
    written = sum(len(json.dumps(line, default=str)) for line in outcome.records + outcome.rejects)
    assert written < 64 * MIB, f"{written / MIB:.0f} MiB out of one Kinesis record"


def test_much_to_say_side_by_side(run: Callable[..., Outcome]) -> None:
    """What is read at the same time stays within the limit together, also when it states a wrong size."""
    small = gzip.compress(b'{"messageType":"CONTROL_MESSAGE"}')
    values = many_values_with_long_dimensions()
    controls = many_control_envelopes()
    events, _ = lines_of(7 * MIB, 4)
    more, _ = lines_of(30 * MIB, 1000)
    data = [
        *[gzip.compress(values)] * 2,
        *[gzip.compress(envelope(events, GROUP, STREAM))] * 3,
        *[gzip.compress(controls)] * 4,
        *[gzip.compress(controls[: len(controls) // 10]) + small] * 3,
        *[gzip.compress(bytes(63 * MIB)) + small] * 6,
        gzip.compress(envelope(more, GROUP, STREAM)),
        *[gzip.compress(values)] * 2,
    ]
    outcome = run(*data)
    outcome.check_memory()
    outcome.check_neighbours()
    assert outcome.customers() == {"c"} | {item.customer for e in events + more for item in e.line.items}
    assert outcome.reasons().count("undecodable") == 6
