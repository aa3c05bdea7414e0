"""Reference reading of a log message into meter records: the log-line contract in plain Python.

Written for obviousness, not for speed. Nothing here is shared with the product; the tests compare the two.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace

from reference.message_structure import Structure, part_at_an_object, times
from reference.message_text import MAX_LEVEL, SPACE, Text, unescape
from reference.tagged_value import (
    METER,
    NUMBER,
    Found,
    Number,
    Object,
    after_space,
    find_tag,
    read_behind_tag,
)

DEFAULT_TAGS = ("amberflo_meter", "meter_record_for_cw", "meter_record_for_stream")

MAX_VALUES = 10_000
MAX_REJECTS = 100  # of one message, and then one that stands for the rest
MAX_RECORD_BYTES = 16 << 20  # of one message: 512 a record, and its dimensions
MAX_IGNORED_NAMES = 100
MAX_TEXT = 256
MAX_DIMENSIONS = 64
MAX_DIMENSION_VALUE = 1024
MAX_WHOLE_DIGITS = 36
MAX_DECIMAL_PLACES = 30
MAX_FLOAT_DIGITS = 17  # what a binary float prints
FIRST_TIME = 946_684_800_000
YEAR = 365 * 86_400_000
LAST_TIME = 253_402_300_799_999  # the last millisecond that RFC 3339 can write

CUSTOMER_NEW = ("customerId", "tenant_id", "tenant", "customer")
CUSTOMER_OLD = ("tenant_id", "tenant", "customerId", "customer")
VALUE = ("meterValue", "meter_value", "value")
TIME = ("meterTimeInMillis", "time", "meter_time_in_millis")
UNIQUE = ("uniqueId", "unique_id")
KNOWN = {*CUSTOMER_NEW, *METER, *VALUE, *TIME, *UNIQUE, "dimensions", "values", "sequence"}


NUMBER_TEXT = re.compile(NUMBER)
INTEGER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)")
DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
LINE_EPOCH = re.compile(r"([0-9]{13}|[0-9]{10})[^0-9]")


# --- what goes in and what comes out ---


@dataclass
class Event:
    id: str
    timestamp: int | None
    account: str = ""
    log_group: str = ""
    log_stream: str = ""


@dataclass
class Record:
    meter: str
    customer: str | None
    value: str
    time: int
    dimensions: dict[str, str]
    unique_id: str | None  # the record's own; None until one is made
    time_derived: bool
    ordinal: int = -1
    own_id: bool = False
    tag_at: int = 0  # where the first byte of its tag is in the message
    written: bytes = b""  # the text of the value after the tag

    def size(self) -> int:
        return 512 + sum(size(text) for pair in self.dimensions.items() for text in pair)

    def same(self) -> tuple:
        return (self.meter, self.customer, self.value, self.time, tuple(sorted(self.dimensions.items())))

    def line(self) -> str:
        parts = [
            '"uniqueId":' + json_string(self.unique_id or ""),
            '"meterApiName":' + json_string(self.meter),
            '"meterValue":' + self.value,
            '"meterTimeInMillis":' + str(self.time),
        ]
        if self.customer is not None:
            parts.append('"customerId":' + json_string(self.customer))
        if self.dimensions:
            names = sorted(self.dimensions, key=lambda name: name.encode())
            members = [json_string(name) + ":" + json_string(self.dimensions[name]) for name in names]
            parts.append('"dimensions":{' + ",".join(members) + "}")
        return "{" + ",".join(parts) + "}"


@dataclass
class Reject:
    reason: str
    tag: str
    ordinal: int
    tag_at: int = 0
    placeholder: bool = False
    unread: Text | None = None  # from the value on, on the level of the tag


@dataclass
class Counts:
    events: int = 0
    tagged: int = 0
    mentions: int = 0
    records: int = 0
    rejects: Counter = field(default_factory=Counter)
    repeated_in_message: int = 0
    unreadable_copies: int = 0
    conflicting_customer: int = 0
    invalid_sequence: int = 0
    ignored_keys: dict[str, int] = field(default_factory=dict)

    def ignore(self, name: str, times: int = 1) -> None:
        if name in self.ignored_keys or len(self.ignored_keys) < MAX_IGNORED_NAMES:
            self.ignored_keys[name] = self.ignored_keys.get(name, 0) + times

    def add(self, other: Counts) -> None:
        self.events += other.events
        self.tagged += other.tagged
        self.mentions += other.mentions
        self.records += other.records
        self.rejects.update(other.rejects)
        self.repeated_in_message += other.repeated_in_message
        self.unreadable_copies += other.unreadable_copies
        self.conflicting_customer += other.conflicting_customer
        self.invalid_sequence += other.invalid_sequence
        for name, number in other.ignored_keys.items():
            self.ignore(name, number)

    def summary(self) -> dict:
        return {
            "events": self.events,
            "tagged": self.tagged,
            "mentions": self.mentions,
            "records": self.records,
            "rejects": sum(self.rejects.values()),
            "reasons": dict(self.rejects),
            "repeatedInMessage": self.repeated_in_message,
            "unreadableCopies": self.unreadable_copies,
            "conflictingCustomer": self.conflicting_customer,
            "invalidSequence": self.invalid_sequence,
            "ignoredKeys": dict(self.ignored_keys),
        }


def json_string(text: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    out = []
    for character in text:
        if character in short:
            out.append(short[character])
        elif character < " ":
            out.append(f"\\u{ord(character):04x}")
        else:
            out.append(character)
    return '"' + "".join(out) + '"'


# --- fields ---


class Bad(Exception):
    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def first(record: dict, names: tuple[str, ...]):
    for name in names:
        if record.get(name) is not None:
            return record[name]
    return None


def size(text: str) -> int:
    return len(text.encode())


def text_or_integer(value, wrong: str) -> str:
    if isinstance(value, Number):
        if not INTEGER_TEXT.fullmatch(value):
            raise Bad(wrong)
        return str(value)
    if not isinstance(value, str):
        raise Bad(wrong)
    return value


def read_meter(value) -> str:
    if value is None or (value == "" and isinstance(value, str)):
        raise Bad("missingMeter")
    if isinstance(value, Number) or not isinstance(value, str):
        raise Bad("invalidMeter")
    if size(value) > MAX_TEXT:
        raise Bad("tooLarge")
    return value


def read_customer(value, allow_missing: bool) -> str | None:
    text = "" if value is None else text_or_integer(value, "invalidCustomer")
    if text == "":
        if allow_missing:
            return None
        raise Bad("missingCustomer")
    if size(text) > MAX_TEXT:
        raise Bad("tooLarge")
    return text


def decompose(raw: str) -> tuple[bool, str, int]:
    """A JSON number as sign, digits without zeros at either end, and power of ten; no digits: zero."""
    mantissa, _, exponent = raw.lower().partition("e")
    negative = mantissa.startswith("-")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    power = -len(fraction)
    sign = -1 if exponent.startswith("-") else 1
    exponent = exponent.lstrip("+-").lstrip("0")
    # No text that is short enough to be a message can outweigh an exponent of more than 15 digits.
    power += sign * (10**15 if len(exponent) > 15 else int(exponent or "0"))
    stripped = digits.rstrip("0")
    power += len(digits) - len(stripped)
    return negative, stripped.lstrip("0"), power


def plain_number(negative: bool, digits: str, power: int) -> str:
    if digits == "":
        return "0"
    if power >= 0:
        text = digits + "0" * power
    else:
        padded = digits.rjust(1 - power, "0")
        text = padded[:power] + "." + padded[power:]
    return "-" + text if negative else text


def read_value(value) -> str:
    if not isinstance(value, str) or not NUMBER_TEXT.fullmatch(value):
        raise Bad("invalidValue")
    negative, digits, power = decompose(value)
    if digits and len(digits) + power > MAX_WHOLE_DIGITS:
        raise Bad("invalidValue")
    if digits and -power > MAX_DECIMAL_PLACES:
        digits, power = rounded(digits, power)
    return plain_number(negative, digits, power)


def rounded(digits: str, power: int) -> tuple[str, int]:
    """The number with as many decimal places as there may be, half-even, if a binary float can print it."""
    dropped = -power - MAX_DECIMAL_PLACES
    if len(digits) > MAX_FLOAT_DIGITS or dropped > len(digits):
        raise Bad("invalidValue")
    kept, rest = divmod(int(digits), 10**dropped)
    half = 10**dropped // 2
    if rest > half or (rest == half and kept % 2 == 1):
        kept += 1
    if kept == 0:
        raise Bad("invalidValue")
    text = str(kept)
    return text.rstrip("0"), -MAX_DECIMAL_PLACES + len(text) - len(text.rstrip("0"))


def parse_date_time(found: re.Match) -> int | None:
    year, month, day, hour, minute, second = (int(found.group(i)) for i in range(1, 7))
    try:  # the calendar repeats after 400 years, and Python's begins with the year 1
        days = datetime.date(year or 400, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    if year == 0:
        days -= 146_097
    if hour > 23 or minute > 59 or second > 60:
        return None
    offset = 0
    if found.group(8):
        if int(found.group(9)) > 23 or int(found.group(10)) > 59:
            return None
        offset = int(found.group(9)) * 60 + int(found.group(10))
        if found.group(8) == "-":
            offset = -offset
    millis = int((found.group(7) or "0")[:3].ljust(3, "0"))
    return (days * 86_400 + hour * 3600 + (minute - offset) * 60 + second) * 1000 + millis


def read_time(value, timestamp: int | None) -> tuple[int, bool]:
    if value is None:
        if timestamp is None:
            raise Bad("missingTime")
        return timestamp, True
    millis: int | None = None
    if isinstance(value, Number) or (isinstance(value, str) and re.fullmatch("[0-9]+", value)):
        negative, digits, power = decompose(value)
        if digits == "" or len(digits) + power <= 0:
            millis = 0
        elif not negative and len(digits) + power <= 20:
            millis = int(plain_number(negative, digits, power).partition(".")[0])
    elif isinstance(value, str):
        found = DATE_TIME.fullmatch(value)
        millis = parse_date_time(found) if found else None
    latest = LAST_TIME if timestamp is None else timestamp + YEAR
    if millis is None or millis < FIRST_TIME or millis > latest:
        raise Bad("invalidTime")
    return millis, False


def read_unique_id(value) -> str | None:
    if value is None:
        return None
    text = text_or_integer(value, "invalidUniqueId")
    if size(text) > MAX_TEXT:
        raise Bad("tooLarge")
    return text or None


def dimension_text(value) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):  # a number is its raw text
        return str(value)
    raise Bad("invalidDimension")


def read_dimensions(value) -> dict[str, str]:
    dimensions: dict[str, str] = {}
    if value is None:
        return dimensions
    if isinstance(value, dict):
        for name, member in value.items():
            if member is not None:
                dimensions[name] = dimension_text(member)
    elif isinstance(value, list):
        for element in value:
            if not isinstance(element, dict) or "Name" not in element or "Value" not in element:
                raise Bad("invalidDimension")
            name, member = element["Name"], element["Value"]
            if name is None or member is None:
                continue
            if isinstance(name, Number) or not isinstance(name, str):
                raise Bad("invalidDimension")
            dimensions[name] = dimension_text(member)
    else:
        raise Bad("invalidDimension")
    if len(dimensions) > MAX_DIMENSIONS:
        raise Bad("invalidDimension")
    for name, text in dimensions.items():
        if size(name) > MAX_TEXT or size(text) > MAX_DIMENSION_VALUE:
            raise Bad("invalidDimension")
    return dimensions


def read_sequence(value) -> tuple[str, int] | None:
    """Who counts and the number, or None for what is neither; it makes no reject."""
    if not isinstance(value, dict):
        return None
    source, number = value.get("source"), value.get("number")
    if isinstance(source, Number) or not isinstance(source, str) or not 0 < size(source) <= MAX_TEXT:
        return None
    if not isinstance(number, Number) or not re.fullmatch("-?[0-9]{1,19}", number):
        return None
    if not 0 <= int(number) < 1 << 63:
        return None
    return str(source), int(number)


def read_record(record: dict, meter, value, customers: tuple, event: Event, allow_missing: bool) -> Record:
    """One record; the order of the checks decides which reason a reject gives."""
    meter = read_meter(meter)
    customer = read_customer(first(record, customers), allow_missing)
    value = read_value(value)
    millis, derived = read_time(first(record, TIME), event.timestamp)
    unique_id = read_unique_id(first(record, UNIQUE))
    dimensions = read_dimensions(record.get("dimensions"))
    own_id = unique_id is not None
    return Record(meter, customer, value, millis, dimensions, unique_id, derived, own_id=own_id)


def read_object(record: dict, event: Event, allow_missing: bool) -> list[Record | str]:
    """The records of one object, or the reasons against them, in order."""
    values = record.get("values")

    def attempt(meter, value, customers: tuple) -> Record | str:
        try:
            return read_record(record, meter, value, customers, event, allow_missing)
        except Bad as error:
            return error.reason

    if values is None:
        customers = CUSTOMER_NEW if record.get("meterApiName") is not None else CUSTOMER_OLD
        return [attempt(first(record, METER), first(record, VALUE), customers)]
    if not isinstance(values, dict) or not values:
        return ["invalidValue"]
    if first(record, METER) is not None or first(record, VALUE) is not None:
        return ["invalidValue"] * len(values)
    return [attempt(name, value, CUSTOMER_NEW) for name, value in values.items()]


def customers_differ(record: Object) -> bool:
    """Whether two customers are given that differ: strings by their text, all else as written."""
    present = [name for name in CUSTOMER_NEW if record.get(name) is not None]
    texts = {record[name] if isinstance(record[name], str) else record.written[name] for name in present}
    return len(texts) > 1


# --- a message ---


def read_message(
    message: bytes, event: Event, tags=DEFAULT_TAGS, allow_missing_customer: bool = False
) -> tuple[list[Record], list[Reject], Counts]:
    records: list[Record] = []
    rejects: list[Reject] = []
    counts = Counts(events=1)
    ordinal = 0
    size_of_records = 0
    first_mention: str | None = None
    encoded = [tag.encode() if isinstance(tag, str) else tag for tag in tags]

    class Full(Exception):
        pass

    def take(tag: str, tag_at: int, outcome: Record | str, found: Found) -> None:
        nonlocal ordinal
        nonlocal size_of_records
        if ordinal == MAX_VALUES or len(rejects) == MAX_REJECTS or size_of_records >= MAX_RECORD_BYTES:
            rejects.append(Reject("tooLarge", tag, ordinal))
            raise Full
        if isinstance(outcome, Record):
            records.append(replace(outcome, ordinal=ordinal, tag_at=tag_at, written=found.written))
            size_of_records += outcome.size()
        else:
            placeholder = is_placeholder(outcome, found.placeholder)
            rejects.append(Reject(outcome, tag, ordinal, tag_at, placeholder, found.unread))
        ordinal += 1

    def take_element(tag: str, tag_at: int, element, found: Found) -> None:
        if not isinstance(element, Object):
            take(tag, tag_at, "notARecord", found)
            return
        if ordinal < MAX_VALUES:
            for name in element.names:
                if name not in KNOWN:
                    counts.ignore(name)
            if customers_differ(element):
                counts.conflicting_customer += 1
            if element.get("sequence") is not None and read_sequence(element["sequence"]) is None:
                counts.invalid_sequence += 1
        for outcome in read_object(element, event, allow_missing_customer):
            take(tag, tag_at, outcome, found)

    at = 0
    try:
        while tag_found := find_tag(message, at, encoded):
            tag, tag_at, level = tag_found
            name = tag.decode()
            found = read_behind_tag(message, tag_at + len(tag), level)
            at = found.end
            if found.reason is not None:
                take(name, tag_at, found.reason, found)
            elif isinstance(found.value, dict):
                take_element(name, tag_at, found.value, found)
            elif found.value:
                for element in found.value:
                    take_element(name, tag_at, element, found)
            else:
                counts.mentions += 1
                first_mention = first_mention or name
    except Full:
        pass

    places = Places(message)
    all_records = records
    records = without_repeats(records, places)
    counts.repeated_in_message = len(all_records) - len(records)
    found_rejects = len(rejects)
    rejects = [reject for reject in rejects if not is_unreadable_copy(reject, all_records, places)]
    counts.unreadable_copies = found_rejects - len(rejects)
    if ordinal == 0 and first_mention is not None and places.structure().holds_record():
        rejects.append(Reject("recordNotBehindTag", first_mention, 0))
        ordinal = 1
    for record in records:
        if not record.own_id:
            record.unique_id = made_id(event, record.ordinal)
    counts.records = len(records)
    counts.rejects.update(reject.reason for reject in rejects)
    counts.tagged = 1 if ordinal > 0 else 0
    return records, rejects, counts


class Places:
    """Where each tag is in the documents of a message, worked out when the first place is asked for."""

    def __init__(self, message: bytes):
        self.message = message
        self.known: Structure | None = None

    def structure(self) -> Structure:
        if self.known is None:
            self.known = Structure(self.message, METER, VALUE, CUSTOMER_NEW)
        return self.known

    def of(self, found: Record | Reject) -> tuple:
        return self.structure().place(found.tag_at)


def without_repeats(records: list[Record], places: Places) -> list[Record]:
    """Equal records without an id of their own: of those, as many stay as the message counts."""
    alike: dict[tuple, list[Record]] = {}
    for record in records:
        if not record.own_id:
            alike.setdefault(record.same(), []).append(record)
    left_out: set[int] = set()
    for equal in alike.values():
        if len(equal) > 1:
            count = times([places.of(record) for record in equal])
            left_out.update(record.ordinal for record in equal[count:])
    return [record for record in records if record.ordinal not in left_out]


def is_placeholder(reason: str, placeholder: bytes | None) -> bool:
    if reason == "missingMeter":
        return placeholder == b"{}"
    return placeholder is not None and reason in ("malformedJSON", "notARecord")


def is_unreadable_copy(reject: Reject, records: list[Record], places: Places) -> bool:
    """Whether a record is what a placeholder stands for, or continues what is cut off here."""
    if not records or not (reject.placeholder or reject.reason == "malformedJSON"):
        return False
    beginning = b"" if reject.placeholder else cut_off_text(reject, places)

    def is_whole(record: Record) -> bool:
        if reject.placeholder:
            return True
        return beginning != b"" and record.written.startswith(beginning) and record.written != beginning

    return any(is_whole(r) and part_at_an_object(places.of(reject), places.of(r)) for r in records)


def cut_off_text(reject: Reject, places: Places) -> bytes:
    """The document from its bracket to the end of the string around it, or of the message.

    Empty: no such text.
    """
    unread = reject.unread
    end = places.structure().text_end(unread.start)
    stop = bisect_right(unread.ends, end)
    if unread.offset(stop) < end:
        return b""  # something in the string cannot be decoded
    text = unread.piece(0, stop)
    for _ in range(MAX_LEVEL + 1):
        if text.data[:1] == b'"':
            text = unescape(text, 1)
            if not text.whole:
                return b""
        elif text.data[:1] == b"'":
            text = text.piece(1, len(text.data))
        else:
            break
        start = after_space(text.data, 0)
        text = text.piece(start, len(text.data))
    cut = text.data.rstrip(SPACE)
    return cut.removesuffix(b"...").removesuffix("…".encode()).rstrip(SPACE)


def made_id(event: Event, ordinal: int) -> str:
    text = "\0".join([event.account, event.log_group, event.log_stream, event.id, str(ordinal)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# --- lines of a file ---


def line_time(line: bytes) -> int | None:
    text = line.decode("latin-1")
    if text.startswith("["):
        text = text[1:]
    if found := DATE_TIME.match(text):
        return parse_date_time(found)
    if found := LINE_EPOCH.match(text):
        return int(found.group(1)) * (1000 if len(found.group(1)) == 10 else 1)
    return None


def split_lines(blob: bytes) -> list[bytes]:
    """The lines without their endings; empty ones are no events."""
    lines = [line[:-1] if line.endswith(b"\r") else line for line in blob.split(b"\n")]
    return [line for line in lines if line]


@dataclass
class LineResult:
    line: bytes
    event: Event
    records: list[Record]
    rejects: list[Reject]


def read_lines(
    blob: bytes, source: str, tags=DEFAULT_TAGS, allow_missing_customer: bool = False
) -> tuple[list[LineResult], Counts]:
    results: list[LineResult] = []
    total = Counts()
    seen: Counter = Counter()
    for line in split_lines(blob):
        event_id = hashlib.sha256(line).hexdigest() + "-" + str(seen[line])
        seen[line] += 1
        time = line_time(line)
        # A line from before 2000 tells no time: no record may have it.
        event = Event(event_id, time if time is None or time >= FIRST_TIME else None, log_group=source)
        records, rejects, counts = read_message(line, event, tags, allow_missing_customer)
        total.add(counts)
        results.append(LineResult(line, event, records, rejects))
    return results, total
