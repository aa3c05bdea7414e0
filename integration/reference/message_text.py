"""The bytes of a log message: escape levels, quotation marks, colour codes and white space, in plain Python.

Part of the reference reading in `meter_line.py`; nothing here is shared with the product.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LEVEL = 3

SPACE = b" \t\n\r"
WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")

BACKSLASHES = rb"\\+"
QUOTE_TOKEN = re.compile(rb'(?:%b)?"|%bu0022' % (BACKSLASHES, BACKSLASHES))
ESCAPE_AT_END = re.compile(rb"%b(?:[nrtbf]|u[0-9A-Fa-f]{4})\Z" % BACKSLASHES)
SPACE_TOKEN = re.compile(rb"[ \t\n\r]|\\+(?:[nrt]|u0020|u0009|u000[aAdD])")
APOSTROPHE_TOKEN = re.compile(rb"'|\\+u0027")
UNICODE_TOKEN = re.compile(rb"\\+u[0-9A-Fa-f]{4}")

# The spellings of ESC, then the colour code; without an ESC, only the codes of colours and of deleted lines.
ESC = rb"(?:\x1b|\\+(?:u001[bB]|x1[bB]|033|e)|\#033|\^\[)"
PARAMETERS = rb"[0-9:;<=>?]*"
COLOUR = re.compile(rb"%b\[%b[A-Za-z]|\[[0-9]%b[mK]" % (ESC, PARAMETERS, PARAMETERS))
SYSLOG_CONTROL = re.compile(rb"\#(?:0[0-3][0-7]|177)")

BRACKETS = (b"{", b"[")
PLAIN_ESCAPES = {
    ord('"'): b'"', ord("\\"): b"\\", ord("/"): b"/", ord("b"): b"\b", ord("f"): b"\f",
    ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t",
}  # fmt: skip


# --- a text at an escape level ---


@dataclass
class Text:
    """Bytes at some escape level. `ends[i]` is the offset in the message behind what gave byte i.

    `start` is the offset in the message where the text begins. `closed` is the offset behind the quotation
    mark that ended the text, or None. `whole`: the decoding came to the end of its input.
    `ends_in_escape` says whether the last decoding made the last byte of an escape.
    """

    data: bytes
    ends: Sequence[int]
    start: int
    closed: int | None = None
    whole: bool = True
    ends_in_escape: bool = False

    def offset(self, at: int) -> int:
        """Where in the message begins what gave byte `at`; for the length of the text: where it ends."""
        return self.ends[at - 1] if at > 0 else self.start

    def piece(self, start: int, stop: int) -> Text:
        return Text(self.data[start:stop], self.ends[start:stop], self.offset(start))


def raw_text(message: bytes, start: int) -> Text:
    return Text(message[start:], range(start + 1, len(message) + 1), start)


def unicode_unit(data: bytes, at: int) -> int | None:
    """The code unit of the escape that begins at `at`, if it is of the form backslash u XXXX."""
    if re.fullmatch(rb"\\u[0-9A-Fa-f]{4}", data[at : at + 6]):
        return int(data[at + 2 : at + 6], 16)
    return None


def json_escape(data: bytes, at: int) -> tuple[int, bytes] | None:
    """The length and the meaning of the JSON escape at `at`; None: it is none."""
    following = data[at + 1 : at + 2]
    if following and following[0] in PLAIN_ESCAPES:
        return 2, PLAIN_ESCAPES[following[0]]
    code = unicode_unit(data, at)
    if code is None:
        return None
    length = 6
    if 0xD800 <= code <= 0xDBFF:
        low = unicode_unit(data, at + 6)
        if low is not None and 0xDC00 <= low <= 0xDFFF:
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            length = 12
    # A lone surrogate becomes bytes that are not UTF-8, so a value that holds it is unreadable.
    return length, chr(code).encode("utf-8", "surrogatepass")


def logged_escape(data: bytes, at: int) -> tuple[int, bytes] | None:
    """A JSON escape, or one of those by which Go and others write ESC."""
    if found := re.compile(rb"\\(?:x1[bB]|033|e)").match(data, at):
        return len(found.group()), b"\x1b"
    return json_escape(data, at)


def repr_escape(data: bytes, at: int) -> tuple[int, bytes] | None:
    """A JSON escape, or one of those that Python's repr and Node's inspect add."""
    if data[at : at + 2] == b"\\'":
        return 2, b"'"
    if found := re.compile(rb"\\x([0-7][0-9A-Fa-f])").match(data, at):
        return 4, bytes([int(found.group(1), 16)])
    return json_escape(data, at)


def unescape(text: Text, start: int = 0, escape=json_escape, closing: bytes = b'"', lenient=False) -> Text:
    """Decodes text from start on as the inside of a string, as far as it goes.

    Leniently, an unknown escape and a control character are taken as they are; on the way to a tag's
    level an ESC is.
    """
    source = text.data
    data = bytearray()
    ends: list[int] = []
    ends_in_escape = False
    control = rb"" if lenient else rb"\x00-\x1a\x1c-\x1f" if escape is logged_escape else rb"\x00-\x1f"
    plain = re.compile(rb"[^\\%b%b]+" % (control, closing))
    at = start

    def result(closed: int | None, whole: bool) -> Text:
        return Text(bytes(data), ends, text.offset(start), closed, whole, ends_in_escape)

    while at < len(source):
        if run := plain.match(source, at):
            data += run.group()
            ends += text.ends[at : run.end()]
            ends_in_escape = False
            at = run.end()
            continue
        byte = source[at : at + 1]
        if byte == closing:
            return result(text.ends[at], False)
        found = escape(source, at) if byte == b"\\" else None
        if found is None and not lenient:
            return result(None, False)
        length, meaning = found or (1, byte)
        data += meaning
        ends += [text.ends[at + length - 1]] * len(meaning)
        ends_in_escape = found is not None
        at += length
    return result(None, True)


# --- quotation marks and what is between a tag and its value ---


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


def bracket_level(message: bytes, at: int) -> tuple[int | None, bool]:
    """The level of the first quotation mark behind a bracket, None without one.

    Also whether only brackets and white space are between: a key of the document itself then.
    """
    token = QUOTE_TOKEN.search(message, at)
    if token is None:
        return None, False
    return quote_level(token.group()), opens(message[at : token.start()])


def opens(text: bytes) -> bool:
    """Whether there is nothing but opening brackets and white space."""
    at = 0
    while at < len(text):
        if text[at : at + 1] in BRACKETS:
            at += 1
        elif space := SPACE_TOKEN.match(text, at):
            at = space.end()
        else:
            return False
    return True


def skip_space(message: bytes, at: int) -> int:
    while found := SPACE_TOKEN.match(message, at):
        at = found.end()
    return at


def skip_colours(data: bytes, at: int) -> int:
    while found := COLOUR.match(data, at):
        at = found.end()
    return at


def code_ends(message: bytes, at: int) -> bool:
    """Whether a colour code, or a control character as syslog writes it, ends right before `at`."""
    if SYSLOG_CONTROL.fullmatch(message, max(at - 4, 0), at):
        return True
    bracket = message.rfind(b"[", 0, at)
    if bracket < 0:
        return False
    # An ESC is at most one backslash and five more bytes: further backslashes change nothing.
    starts = range(max(bracket - 6, 0), bracket + 1)
    return any(COLOUR.fullmatch(message, start, at) for start in starts)


def scalar_at(data: bytes, at: int) -> str | None:
    """The Unicode scalar at `at`; None at the end and where the bytes are not UTF-8."""
    for length in (1, 2, 3, 4):
        try:
            text = data[at : at + length].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return text or None
    return None


def is_letter_or_digit(scalar: str) -> bool:
    return unicodedata.category(scalar)[0] in "LN"
