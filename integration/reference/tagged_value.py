"""Tags in a log message, and the value after each: the forms of the log-line contract in plain Python.

Part of the reference reading in `meter_line.py`; nothing here is shared with the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reference.message_text import (
    APOSTROPHE_TOKEN,
    BRACKETS,
    COLOUR,
    ESCAPE_AT_END,
    MAX_LEVEL,
    QUOTE_TOKEN,
    SPACE,
    SPACE_TOKEN,
    SYSLOG_CONTROL,
    UNICODE_TOKEN,
    WORD,
    Text,
    bracket_level,
    code_ends,
    is_letter_or_digit,
    logged_escape,
    quote_level,
    raw_text,
    repr_escape,
    scalar_at,
    skip_colours,
    skip_space,
    unescape,
)

MAX_NESTING = 16
MAX_GAP = 16  # characters between a tag and its value
MAX_GAP_TOKENS = 64  # the same in the bytes of the message, where a character can be several

METER = ("meterApiName", "meter_api_name", "meter_name", "meterName")
AFTER_SCALAR = WORD | frozenset(b".+-")
OPENERS = (b"{", b"[", b'"', b"'")
WHITE_SPACE = (b" ", b"\t", b"\n", b"\r")

NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
NUMBER_BYTES = re.compile(NUMBER.encode())
QUOTE_IN_FRONT = re.compile(rb"(?:\\*[\"'])?")
# What a template has where a value will be: %s, %(name)d, {}, {0}, {Name}, {@Name,-5:l}.
PLACEHOLDER = re.compile(
    rb"%(?:\([A-Za-z0-9_.]*\))?[-+ #0-9.]*[A-Za-z]"
    rb"|\{[@$]?[A-Za-z0-9_.]*(?:,-?[0-9]+)?(?::[^{}\"\\]*)?\}"
)


# --- tags ---


def tag_level(message: bytes, end: int) -> tuple[int, bool]:
    """The escape level of a tag that ends at `end`, and whether a quote of the value itself tells it."""
    level, certain = value_level(message, end)
    return (0, False) if level is None else (level, certain)


def value_level(message: bytes, end: int) -> tuple[int | None, bool]:
    """Walks from the tag to the first quotation mark or bracket, whatever the level; None: there is none."""
    at = skip_colours(message, end)
    if closing_quote := APOSTROPHE_TOKEN.match(message, at):
        at = closing_quote.end()
    tokens = 0
    while tokens <= MAX_GAP_TOKENS:
        if code := COLOUR.match(message, at) or SYSLOG_CONTROL.match(message, at):
            at = code.end()
        elif quote := QUOTE_TOKEN.match(message, at):
            return quote_level(quote.group()), True
        elif message[at : at + 1] in BRACKETS:
            return bracket_level(message, at)
        elif apostrophe := APOSTROPHE_TOKEN.match(message, at):
            at = skip_space(message, apostrophe.end())
            return bracket_level(message, at) if message[at : at + 1] in BRACKETS else (None, False)
        elif space := SPACE_TOKEN.match(message, at):
            at = space.end()
        elif escape := UNICODE_TOKEN.match(message, at):
            at = escape.end()
            tokens += 1
        else:
            scalar = scalar_at(message, at)
            if scalar is None or is_letter_or_digit(scalar):
                break
            at += len(scalar.encode())
            tokens += 1
    return None, False


def word_starts(message: bytes, start: int, level: int) -> bool:
    """Whether a tag that begins at `start` has a boundary before it."""
    if start == 0 or message[start - 1] not in WORD or code_ends(message, start):
        return True
    found = ESCAPE_AT_END.search(message[:start])
    if found is None:
        return False
    text = found.group()
    for _ in range(level):
        decoded = unescape(raw_text(text, 0))
        if not decoded.whole:
            return False
        if decoded.ends_in_escape and decoded.data[-1] not in WORD:
            return True
        text = decoded.data
    return False


def find_tag(message: bytes, start: int, tags: list[bytes]) -> tuple[bytes, int, int] | None:
    """The next tag at or behind `start`: its bytes, where it begins, and its level."""
    longest_first = sorted(tags, key=len, reverse=True)
    any_tag = re.compile(b"|".join(re.escape(tag) for tag in longest_first))
    while candidate := any_tag.search(message, start):
        at = candidate.start()
        for tag in longest_first:
            if not message.startswith(tag, at):
                continue
            end = at + len(tag)
            if end < len(message) and message[end] in WORD:
                continue
            level, certain = tag_level(message, end)
            if word_starts(message, at, level if certain else MAX_LEVEL):
                return tag, at, level
        start = at + 1
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
        self.text = raw_text(data, 0)

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
        inside = unescape(self.text, self.at)
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
    """What is after a tag: a reason for a reject, a mention (neither), or a value and its text."""

    end: int
    reason: str | None = None
    value: dict | list | None = None
    written: bytes = b""
    placeholder: bytes | None = None  # what the value begins with, if a template has it there
    unread: Text | None = None  # from the value on, on the level of the tag


def after_space(data: bytes, at: int) -> int:
    while at < len(data) and data[at] in SPACE:
        at += 1
    return at


def read_document(text: Text, at: int, level: int) -> Found:
    """Reads the object, array or quoted form that begins at text.data[at]; raises Unreadable."""
    if text.data[at : at + 1] in BRACKETS:
        reader = Json(text.data, at)
        value = reader.value()
        return Found(text.ends[reader.at - 1], value=value, written=text.data[at : reader.at])
    if text.data[at : at + 1] == b"'":
        return read_apostrophe_form(text, at)
    if level + 1 > MAX_LEVEL:
        raise Unreadable("tooDeep")
    content = unescape(text, at + 1)
    start = after_space(content.data, 0)
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


def opens_document(data: bytes, apostrophe: int) -> bool:
    start = after_space(data, apostrophe + 1)
    return data[start : start + 1] in BRACKETS


def read_apostrophe_form(text: Text, at: int) -> Found:
    """Reads '{...}' as Python's repr and Node's inspect write it; failing that, as it is written."""
    data = text.data
    if not opens_document(data, at):
        raise Unreadable("malformedJSON")
    start = after_space(data, at + 1)
    try:
        content = unescape(raw_text(data, 0), start, repr_escape, closing=b"'")
        reader = Json(content.data, 0)
        value = reader.value()
        stop = content.ends[reader.at - 1]
    except Unreadable:
        reader = Json(data, start)
        value = reader.value()
        stop = reader.at
    end = text.ends[stop if data[stop : stop + 1] == b"'" else stop - 1]
    return Found(end, value=value, written=data[start:stop])


def scalar_end(data: bytes, at: int) -> int | None:
    """The end of a number, true, false or null at `at` that stands alone."""
    found = re.compile(rb"true|false|null|" + NUMBER.encode()).match(data, at)
    if found is None:
        return None
    if found.end() < len(data) and data[found.end()] in AFTER_SCALAR:
        return None
    return found.end()


def names_meter(value) -> bool:
    if isinstance(value, list):
        return any(isinstance(element, dict) and names_meter(element) for element in value)
    return isinstance(value, dict) and any(value.get(name) is not None for name in (*METER, "values"))


@dataclass
class Gap:
    """What is between a tag and its value."""

    has_quote: bool = False  # the quotation mark that closes a name
    separators: int = 0
    spaced: bool = False
    end: int = 0  # of white space and separators
    opener: int | None = None  # where a bracket or a quotation mark begins the value


def read_gap(data: bytes) -> Gap:
    gap = Gap()
    at = skip_colours(data, 0)
    if data[at : at + 1] in (b'"', b"'"):
        gap.has_quote = True
        at += 1
    while at < len(data):
        if code := COLOUR.match(data, at) or SYSLOG_CONTROL.match(data, at):
            at = code.end()
            gap.spaced = True
        elif data[at] in SPACE:
            at += 1
            gap.spaced = True
        elif data[at : at + 1] in (b":", b"="):
            at += 1
            gap.separators += 1
        else:
            break
    gap.end = at
    counted = gap.separators
    while counted <= MAX_GAP:
        if code := COLOUR.match(data, at) or SYSLOG_CONTROL.match(data, at):
            at = code.end()
        elif data[at : at + 1] in OPENERS:
            gap.opener = at
            break
        elif data[at : at + 1] in WHITE_SPACE:
            at += 1
        else:
            scalar = scalar_at(data, at)
            if scalar is None or is_letter_or_digit(scalar):
                break
            at += len(scalar.encode())
            counted += 1
    return gap


def read_behind_tag(message: bytes, end: int, level: int) -> Found:
    if level > MAX_LEVEL:
        return Found(end, reason="tooDeep")
    text = raw_text(message, end)
    for _ in range(level):
        text = unescape(text, 0, logged_escape)
    gap = read_gap(text.data)
    found = read_after_gap(text, gap, level, end)
    begin = gap.end if gap.opener is None else gap.opener
    if placeholder := PLACEHOLDER.match(text.data, QUOTE_IN_FRONT.match(text.data, begin).end()):
        found.placeholder = placeholder.group()
    found.unread = text.piece(begin, len(text.data))
    return found


def read_after_gap(text: Text, gap: Gap, level: int, end: int) -> Found:
    """The value in the text behind a tag; `end` is where the tag ends in the message."""
    data = text.data
    if gap.opener is None:
        return read_scalar(text, gap, end)
    opener = data[gap.opener : gap.opener + 1]
    quoted = opener in (b'"', b"'")
    set_apart = gap.opener > gap.end or (quoted and gap.has_quote and not gap.separators)
    if opener == b"'" and not gap.separators and not opens_document(data, gap.opener):
        return Found(end)
    try:
        found = read_document(text, gap.opener, level)
    except Unreadable as error:
        if set_apart and opener != b"{" and not gap.separators:
            return Found(end)
        return Found(end, reason="malformedJSON" if set_apart and opener != b"{" else error.reason)
    if not set_apart or names_meter(found.value):
        return found
    is_document = isinstance(found.value, dict | list)
    return Found(end, reason="malformedJSON" if gap.separators and not is_document else None)


def read_scalar(text: Text, gap: Gap, end: int) -> Found:
    """What no bracket and no quotation mark opens."""
    stop = scalar_end(text.data, gap.end)
    if stop is not None and (gap.separators or (gap.spaced and not gap.has_quote)):
        is_null = text.data[gap.end : stop] == b"null"
        return Found(text.ends[stop - 1], reason=None if is_null else "notARecord")
    return Found(end, reason="malformedJSON" if gap.separators else None)
