"""Where the tags of a log message are in its JSON documents, and how often a record therefore counts.

Part of the reference reading in `meter_line.py`. The documents are read leniently: they may be cut off or
damaged, and strings may hold further documents. An object says one thing and a list says several, so equal
records in several members of an object are copies, and in several elements of an array they are not.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from reference.message_text import (
    BRACKETS,
    MAX_LEVEL,
    QUOTE_TOKEN,
    SPACE_TOKEN,
    Text,
    quote_level,
    raw_text,
    unescape,
)

MAX_OPEN = 64

BRACKET = re.compile(rb"[{\[]")
STRING = re.compile(rb'"(?:[^"\\]|\\.|\\\Z)*', re.DOTALL)
SCALAR = re.compile(rb"[A-Za-z0-9+._-]+")


@dataclass(eq=False)
class Container:
    """An object or an array: its extent in the message, and where its second and later parts begin."""

    is_object: bool
    start: int
    end: int = 0
    commas: list[int] = field(default_factory=list)
    inside: list[Container] = field(default_factory=list)


# The containers around a tag, from the outermost on, each with the number of the member or element.
Place = Sequence[tuple[Container, int]]


@dataclass
class Open:
    """A container that is being read."""

    is_object: bool
    container: Container
    name: bytes = b""
    has: set[str] = field(default_factory=set)  # which of a meter's name and a value


class Structure:
    def __init__(
        self, message: bytes, meters: Sequence[str], values: Sequence[str], customers: Sequence[str]
    ):
        self.message = message
        self.kinds = {name.encode(): "meter" for name in meters} | {b"values": "values"}
        self.kinds |= {name.encode(): "value" for name in values}
        self.kinds |= {name.encode(): "customer" for name in customers}
        self.found_record = False
        self.documents: list[Container] = []
        self.strings: list[tuple[int, int]] = []  # where the inside of each begins and ends
        self.read_text(raw_text(message, 0), 0, self.documents, 0)

    def holds_record(self) -> bool:
        """Whether a record is meant: an object has its fields, or another notation than JSON names them.

        A quotation mark begins a name of JSON; two of them, one of JSON in CSV.
        """
        text = self.message.lower()
        names_meter = re.search(rb'(?:(?<!")|"")(?:meterapiname|meter_api_name|meter_?name)', text)
        return self.found_record or bool(names_meter and re.search(rb'(?:(?<!")|"")meter_?value', text))

    def place(self, at: int) -> Place:
        place = []
        containers = self.documents
        while containers:
            index = bisect_right(containers, at, key=lambda container: container.start) - 1
            if index < 0 or at >= containers[index].end:
                break
            place.append((containers[index], bisect_right(containers[index].commas, at)))
            containers = containers[index].inside
        return tuple(place)

    def text_end(self, at: int) -> int:
        """Where the innermost string around an offset ends; without one, where the message does."""
        begun = bisect_right(self.strings, at, key=lambda string: string[0])
        for _, end in reversed(self.strings[:begun]):
            if at <= end:
                return end
        return len(self.message)

    def read_text(self, text: Text, level: int, into: list[Container], depth: int) -> None:
        """Reads the documents of a text; `depth` containers are open around it."""
        at = 0
        while found := BRACKET.search(text.data, at):
            at = found.start()
            document_level = self.document_level(text.ends[at], level)
            if depth >= MAX_OPEN or not level <= document_level <= MAX_LEVEL:
                at += 1
            elif document_level == level:
                at = self.read_document(text, at, level, into, depth)
            else:
                view = text.piece(at, len(text.data))
                for _ in range(document_level - level):
                    view = unescape(view, lenient=True)
                end = view.offset(self.read_document(view, 0, document_level, into, depth))
                at = bisect_left(range(len(text.data)), end, key=text.offset)

    def document_level(self, at: int, level: int) -> int:
        """The level of a document whose first bracket ends at `at`, in a text of some level."""
        while at < len(self.message):
            if quote := QUOTE_TOKEN.match(self.message, at):
                return quote_level(quote.group()) or 0
            if space := SPACE_TOKEN.match(self.message, at):
                at = space.end()
            elif self.message[at : at + 1] in BRACKETS:
                at += 1
            else:
                break
        return level

    def read_document(self, text: Text, at: int, level: int, into: list[Container], depth: int) -> int:
        """Reads the document that begins at text.data[at]; returns where the text continues."""
        data = text.data
        stack: list[Open] = []
        expected = "value"

        def begin(is_object: bool) -> None:
            container = Container(is_object, text.offset(at))
            (stack[-1].container.inside if stack else into).append(container)
            stack.append(Open(is_object, container))

        def end(offset: int) -> None:
            stack.pop().container.end = offset

        def read_string() -> tuple[int, bytes]:
            stop = STRING.match(data, at).end()
            content = unescape(text.piece(at + 1, stop), lenient=True)
            self.strings.append((text.offset(at + 1), text.offset(stop)))
            if level < MAX_LEVEL:
                self.read_text(content, level + 1, stack[-1].container.inside, depth + len(stack))
            return min(stop + 1, len(data)), content.data

        def note_value(is_object: bool = False) -> None:
            if stack and stack[-1].is_object:
                kind = self.kinds.get(stack[-1].name, "")
                stack[-1].has.add("" if kind == "values" and not is_object else kind)
                whole = {"meter", "value"} <= stack[-1].has or {"values", "customer"} <= stack[-1].has
                self.found_record = self.found_record or whole

        while at < len(data):
            byte = data[at : at + 1]
            if byte <= b" ":
                at += 1
            elif byte in BRACKETS and depth + len(stack) >= MAX_OPEN:
                break
            elif byte in BRACKETS and expected in ("value", "value or end"):
                note_value(byte == b"{")
                begin(byte == b"{")
                expected = "name or end" if byte == b"{" else "value or end"
                at += 1
            elif (byte == b"}" and stack[-1].is_object and expected in ("name or end", "comma or end")) or (
                byte == b"]" and not stack[-1].is_object and expected in ("value or end", "comma or end")
            ):
                at += 1
                end(text.offset(at))
                expected = "comma or end"
                if not stack:
                    return at
            elif byte == b"," and expected == "comma or end":
                stack[-1].container.commas.append(text.offset(at))
                expected = "name" if stack[-1].is_object else "value"
                at += 1
            elif byte == b":" and expected == "colon":
                expected = "value"
                at += 1
            elif byte == b'"' and expected in ("name", "name or end"):
                at, stack[-1].name = read_string()
                expected = "colon"
            elif byte == b'"' and expected in ("value", "value or end"):
                note_value()
                at, _ = read_string()
                expected = "comma or end"
            elif expected in ("value", "value or end") and (scalar := SCALAR.match(data, at)):
                if scalar.group() != b"null":
                    note_value()
                at = scalar.end()
                expected = "comma or end"
            else:
                break
        while stack:
            end(text.offset(at))
        return at


def times(places: Sequence[Place]) -> int:
    """How often a record counts that is in all these places: an object says one thing, a list several."""
    inside: dict[Container, dict[int, list[Place]]] = {}
    for place in places:
        if place:
            container, part = place[0]
            inside.setdefault(container, {}).setdefault(part, []).append(place[1:])
    count = sum(1 for place in places if not place)
    for container, parts in inside.items():
        counts = [times(rest) for rest in parts.values()]
        count += max(counts) if container.is_object else sum(counts)
    return count


def part_at_an_object(one: Place, other: Place) -> bool:
    """Whether the innermost container around both is an object, and they are in two of its members."""
    for (container, part), (other_container, other_part) in zip(one, other, strict=False):
        if container is not other_container:
            return False
        if part != other_part:
            return container.is_object
    return False
