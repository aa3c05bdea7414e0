"""Reference reading of a log message into meter records: the log-line contract in plain Python.

Written for obviousness, not for speed. Nothing here is shared with the product; the tests compare the two.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

DEFAULT_TAGS = ("amberflo_meter", "meter_record_for_cw", "meter_record_for_stream")

MAX_LEVEL = 3
MAX_NESTING = 16
MAX_VALUES = 10_000
MAX_REJECTS = 100  # of one message, and then one that stands for the rest
MAX_RECORD_BYTES = 16 << 20  # of one message: 512 a record, and its dimensions
MAX_IGNORED_NAMES = 100
MAX_TEXT = 256
MAX_DIMENSIONS = 64
MAX_DIMENSION_VALUE = 1024
FIRST_TIME = 946_684_800_000
YEAR = 365 * 86_400_000
LAST_TIME = 253_402_300_799_999  # the last millisecond that RFC 3339 can write

CUSTOMER_NEW = ("customerId", "tenant_id", "tenant", "customer")
CUSTOMER_OLD = ("tenant_id", "tenant", "customerId", "customer")
METER = ("meterApiName", "meter_api_name", "meter_name", "meterName")
VALUE = ("meterValue", "meter_value", "value")
TIME = ("meterTimeInMillis", "time", "meter_time_in_millis")
UNIQUE = ("uniqueId", "unique_id")
KNOWN = {*CUSTOMER_NEW, *METER, *VALUE, *TIME, *UNIQUE, "dimensions", "values", "sequence"}

SPACE = b" \t\n\r"
WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
AFTER_SCALAR = WORD | frozenset(b".+-")

NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
NUMBER_TEXT = re.compile(NUMBER)
NUMBER_BYTES = re.compile(NUMBER.encode())
INTEGER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)")
DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
LINE_EPOCH = re.compile(r"([0-9]{13}|[0-9]{10})[^0-9]")

BACKSLASHES = rb"\\+"
QUOTE_TOKEN = re.compile(rb'(?:%b)?"|%bu0022' % (BACKSLASHES, BACKSLASHES))
ESCAPE_AT_END = re.compile(rb"%b(?:[nrtbf]|u[0-9A-Fa-f]{4})\Z" % BACKSLASHES)
SPACE_TOKEN = re.compile(rb"[ \t\n\r]|\\+(?:[nrt]|u0020|u0009|u000[aAdD])")
SEPARATOR_TOKEN = re.compile(rb"[:=]|\\+u003[aAdD]")
APOSTROPHE_TOKEN = re.compile(rb"'|\\+u0027")


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
    level: int = 0
    own_id: bool = False

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


@dataclass
class Counts:
    events: int = 0
    tagged: int = 0
    mentions: int = 0
    records: int = 0
    rejects: Counter = field(default_factory=Counter)
    repeated_in_message: int = 0
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
        self.conflicting_customer += other.conflicting_customer
        self.invalid_sequence += other.invalid_sequence
        for name, times in other.ignored_keys.items():
            self.ignore(name, times)

    def summary(self) -> dict:
        return {
            "events": self.events,
            "tagged": self.tagged,
            "mentions": self.mentions,
            "records": self.records,
            "rejects": sum(self.rejects.values()),
            "reasons": dict(self.rejects),
            "repeatedInMessage": self.repeated_in_message,
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


# --- a text at an escape level ---


@dataclass
class Text:
    """Bytes at some escape level. `ends[i]` is the offset in the message behind what gave byte i.

    `escaped[i]` says whether the last decoding made byte i of an escape. `closed` is the offset in the
    message behind the quote that ended the text, or None. `whole`: the decoding came to the end of its input.
    """

    data: bytes
    ends: Sequence[int]
    escaped: Sequence[bool]
    closed: int | None
    whole: bool


def raw_text(message: bytes, start: int) -> Text:
    data = message[start:]
    return Text(data, range(start + 1, len(message) + 1), (), None, True)


def unescape(text: Text, start: int = 0) -> Text:
    """Decodes text from start on as the inside of a JSON string, as far as it goes."""
    data = bytearray()
    ends: list[int] = []
    escaped: list[bool] = []

    def put(piece: bytes, last: int, was_escape: bool) -> None:
        for byte in piece:
            data.append(byte)
            ends.append(text.ends[last])
            escaped.append(was_escape)

    def unit(at: int) -> int | None:
        """The code unit of the escape that begins at `at`, if it is of the form backslash u XXXX."""
        if re.fullmatch(rb"\\u[0-9A-Fa-f]{4}", text.data[at : at + 6]):
            return int(text.data[at + 2 : at + 6], 16)
        return None

    plain = {
        ord('"'): b'"', ord("\\"): b"\\", ord("/"): b"/", ord("b"): b"\b", ord("f"): b"\f",
        ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t",
    }  # fmt: skip
    at = start
    while at < len(text.data):
        byte = text.data[at]
        if byte == ord('"'):
            return Text(bytes(data), ends, escaped, text.ends[at], False)
        if byte < 0x20:
            return Text(bytes(data), ends, escaped, None, False)
        if byte != ord("\\"):
            put(bytes([byte]), at, False)
            at += 1
            continue
        if at + 1 < len(text.data) and text.data[at + 1] in plain:
            put(plain[text.data[at + 1]], at + 1, True)
            at += 2
            continue
        code = unit(at)
        if code is None:
            return Text(bytes(data), ends, escaped, None, False)
        size = 6
        if 0xD800 <= code <= 0xDBFF:
            low = unit(at + 6)
            if low is not None and 0xDC00 <= low <= 0xDFFF:
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                size = 12
        # A lone surrogate becomes bytes that are not UTF-8, so that a value which holds it is unreadable.
        put(chr(code).encode("utf-8", "surrogatepass"), at + size - 1, True)
        at += size
    return Text(bytes(data), ends, escaped, None, True)


# --- tags ---


def quote_level(token: bytes) -> int | None:
    """How often the token must be decoded to be a bare quote; None: it never is."""
    level = 0
    while True:
        if token == b'"' or (token.endswith(b'"') and not token.endswith(b'\\"')):
            return level
        decoded = unescape(raw_text(token, 0))
        if not decoded.whole:
            return None
        token = decoded.data
        level += 1


def skip_space(message: bytes, at: int) -> int:
    while found := SPACE_TOKEN.match(message, at):
        at = found.end()
    return at


def tag_level(message: bytes, end: int) -> tuple[int, bool]:
    """The escape level of a tag that ends at `end`, and whether a quote of the value itself tells it."""
    certain = True
    token = QUOTE_TOKEN.match(message, end)
    if token is None:
        apostrophe = APOSTROPHE_TOKEN.match(message, end)
        at = skip_space(message, apostrophe.end() if apostrophe else end)
        separator = SEPARATOR_TOKEN.match(message, at)
        if separator:
            at = skip_space(message, separator.end())
        token = QUOTE_TOKEN.match(message, at)
        if token is None and message[at : at + 1] in (b"{", b"["):
            token = QUOTE_TOKEN.search(message, at)
            certain = token is not None and opens(message[at : token.start()])
    level = None if token is None else quote_level(token.group())
    return (0, False) if level is None else (level, certain)


def opens(text: bytes) -> bool:
    """Whether there is nothing but opening brackets and white space."""
    at = 0
    while at < len(text):
        if text[at : at + 1] in (b"{", b"["):
            at += 1
        elif space := SPACE_TOKEN.match(text, at):
            at = space.end()
        else:
            return False
    return True


def word_starts(message: bytes, start: int, level: int) -> bool:
    """Whether a tag that begins at `start` has a boundary before it."""
    if start == 0 or message[start - 1] not in WORD:
        return True
    found = ESCAPE_AT_END.search(message[:start])
    if found is None:
        return False
    text = found.group()
    for _ in range(level):
        decoded = unescape(raw_text(text, 0))
        if not decoded.whole:
            return False
        if decoded.escaped[-1] and decoded.data[-1] not in WORD:
            return True
        text = decoded.data
    return False


def find_tag(message: bytes, start: int, tags: list[bytes]) -> tuple[bytes, int, int] | None:
    """The next tag at or behind `start`: its bytes, where it ends, and its level."""
    for at in range(start, len(message)):
        for tag in sorted(tags, key=len, reverse=True):
            if not message.startswith(tag, at):
                continue
            end = at + len(tag)
            if end < len(message) and message[end] in WORD:
                continue
            level, certain = tag_level(message, end)
            if word_starts(message, at, level if certain else MAX_LEVEL):
                return tag, end, level
    return None


# --- JSON ---


class Unreadable(Exception):
    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Number(str):
    """A JSON number, as it was written."""


class Object(dict):
    """A JSON object: each key at the place of its last occurrence; the text of each value; all keys."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []
        self.written: dict[str, str] = {}


class Json:
    """A strict reader of one JSON value."""

    def __init__(self, data: bytes, at: int):
        self.data = data
        self.at = at

    def peek(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def space(self) -> None:
        while self.at < len(self.data) and self.data[self.at] in SPACE:
            self.at += 1

    def expect(self, byte: bytes) -> None:
        if self.peek() != byte:
            raise Unreadable("malformedJSON")
        self.at += 1

    def value(self, depth: int = 0):
        start = self.peek()
        if start == b"{":
            return self.object(depth + 1)
        if start == b"[":
            return self.array(depth + 1)
        if start == b'"':
            return self.string()
        for word, meaning in ((b"true", True), (b"false", False), (b"null", None)):
            if self.data.startswith(word, self.at):
                self.at += len(word)
                return meaning
        number = NUMBER_BYTES.match(self.data, self.at)
        if number is None:
            raise Unreadable("malformedJSON")
        self.at = number.end()
        return Number(number.group().decode())

    def object(self, depth: int) -> Object:
        if depth > MAX_NESTING:
            raise Unreadable("tooDeep")
        members = Object()
        self.expect(b"{")
        self.space()
        if self.peek() == b"}":
            self.at += 1
            return members
        while True:
            self.space()
            name = self.string()
            self.space()
            self.expect(b":")
            self.space()
            start = self.at
            member = self.value(depth)
            members.pop(name, None)
            members[name] = member
            members.names.append(name)
            members.written[name] = self.data[start : self.at].decode()
            self.space()
            if self.peek() == b"}":
                self.at += 1
                return members
            self.expect(b",")

    def array(self, depth: int) -> list:
        if depth > MAX_NESTING:
            raise Unreadable("tooDeep")
        elements: list = []
        self.expect(b"[")
        self.space()
        if self.peek() == b"]":
            self.at += 1
            return elements
        while True:
            self.space()
            elements.append(self.value(depth))
            self.space()
            if self.peek() == b"]":
                self.at += 1
                return elements
            self.expect(b",")

    def string(self) -> str:
        self.expect(b'"')
        inside = unescape(raw_text(self.data, self.at))
        if inside.closed is None:
            raise Unreadable("malformedJSON")
        self.at = inside.closed
        try:
            return inside.data.decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable("malformedJSON") from None


# --- the value behind a tag ---


@dataclass
class Found:
    """What stands behind a tag: a reason for a reject, a mention (neither), or a value with its level."""

    end: int
    reason: str | None = None
    value: dict | list | None = None
    level: int = 0


def read_document(text: Text, at: int, level: int) -> Found:
    """Reads the object, array or quoted form that begins at text.data[at]; raises Unreadable."""
    if text.data[at : at + 1] in (b"{", b"["):
        reader = Json(text.data, at)
        value = reader.value()
        return Found(text.ends[reader.at - 1], value=value, level=level)
    if level + 1 > MAX_LEVEL:
        raise Unreadable("tooDeep")
    content = unescape(text, at + 1)
    start = 0
    while start < len(content.data) and content.data[start] in SPACE:
        start += 1
    if content.data[start : start + 1] in (b"{", b"[", b'"'):
        found = read_document(content, start, level + 1)
        if content.closed is not None:
            found.end = content.closed
        return found
    if content.closed is None:
        raise Unreadable("malformedJSON")
    try:
        content.data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("malformedJSON") from None
    return Found(content.closed, reason="notARecord")


def scalar_end(data: bytes, at: int) -> int | None:
    """The end of a number, true, false or null at `at` that stands alone."""
    found = re.compile(rb"true|false|null|" + NUMBER.encode()).match(data, at)
    if found is None:
        return None
    if found.end() < len(data) and data[found.end()] in AFTER_SCALAR:
        return None
    return found.end()


def read_behind_tag(message: bytes, end: int, level: int) -> Found:
    if level > MAX_LEVEL:
        return Found(end, reason="tooDeep")
    text = raw_text(message, end)
    for _ in range(level):
        text = unescape(text)
    data = text.data

    def skip(at: int) -> int:
        while at < len(data) and data[at] in SPACE:
            at += 1
        return at

    at = 0
    closing_quote = data[:1] in (b'"', b"'")
    if closing_quote:
        at = 1
    behind_quote = at
    at = skip(at)
    spaced = at > behind_quote
    separator = data[at : at + 1] in (b":", b"=")
    if separator:
        at = skip(at + 1)
    elif closing_quote and data[at : at + 1] not in (b"{", b"["):
        return Found(end)

    if data[at : at + 1] in (b"{", b"[", b'"'):
        try:
            return read_document(text, at, level)
        except Unreadable as error:
            return Found(end, reason=error.reason)
    stop = scalar_end(data, at)
    if stop is not None and data[at:stop] == b"null":
        return Found(text.ends[stop - 1])
    if stop is not None and (separator or spaced):
        return Found(text.ends[stop - 1], reason="notARecord")
    if separator:
        return Found(end, reason="malformedJSON")
    return Found(end)


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
    if digits and (len(digits) + power > 36 or -power > 30):
        raise Bad("invalidValue")
    return plain_number(negative, digits, power)


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
    encoded = [tag.encode() if isinstance(tag, str) else tag for tag in tags]

    class Full(Exception):
        pass

    def take(tag: str, outcome: Record | str, level: int) -> None:
        nonlocal ordinal
        nonlocal size_of_records
        if ordinal == MAX_VALUES or len(rejects) == MAX_REJECTS or size_of_records >= MAX_RECORD_BYTES:
            rejects.append(Reject("tooLarge", tag, ordinal))
            raise Full
        if isinstance(outcome, Record):
            outcome.ordinal, outcome.level = ordinal, level
            records.append(outcome)
            size_of_records += 512 + sum(size(text) for pair in outcome.dimensions.items() for text in pair)
        else:
            rejects.append(Reject(outcome, tag, ordinal))
        ordinal += 1

    def take_element(tag: str, element, level: int) -> None:
        if not isinstance(element, Object):
            take(tag, "notARecord", level)
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
            take(tag, outcome, level)

    at = 0
    try:
        while tag_found := find_tag(message, at, encoded):
            tag, end, level = tag_found
            name = tag.decode()
            found = read_behind_tag(message, end, level)
            at = found.end
            if found.reason is not None:
                take(name, found.reason, level)
            elif isinstance(found.value, dict):
                take_element(name, found.value, found.level)
            elif found.value:
                for element in found.value:
                    take_element(name, element, found.level)
            else:
                counts.mentions += 1
    except Full:
        pass

    records = without_repeats(records, counts)
    for record in records:
        if not record.own_id:
            record.unique_id = made_id(event, record.ordinal)
    counts.records = len(records)
    counts.rejects.update(reject.reason for reject in rejects)
    counts.tagged = 1 if ordinal > 0 else 0
    return records, rejects, counts


def without_repeats(records: list[Record], counts: Counts) -> list[Record]:
    """Equal records without an id of their own: as many stay as one escape level has at most."""
    per_level: dict[tuple, Counter] = {}
    for record in records:
        if not record.own_id:
            per_level.setdefault(record.same(), Counter())[record.level] += 1
    kept: list[Record] = []
    seen: Counter = Counter()
    for record in records:
        if not record.own_id:
            seen[record.same()] += 1
            if seen[record.same()] > max(per_level[record.same()].values()):
                counts.repeated_in_message += 1
                continue
        kept.append(record)
    return kept


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
