"""Reads back what the agent wrote: record objects, rejects, manifests."""

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from components.samples import Expected, Key

NAME = re.compile(r"ingest/records/\d{4}-\d{2}-\d{2}/[^/]+-[^/]+-[0-9a-f]{16}\.ndjson\.gz$")


def lines(data: bytes) -> Iterator[Any]:
    """The values of an NDJSON object, gzip or plain, with exact numbers; strict about UTF-8 and line ends."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode("utf-8")
    assert text.endswith("\n"), f"no newline at the end: {text[-80:]!r}"
    for line in text.removesuffix("\n").split("\n"):
        yield json.loads(line, parse_float=Decimal, parse_int=Decimal)


def record_key(value: dict[str, Any]) -> Key:
    return (
        value["meterApiName"],
        value["customerId"],
        Decimal(value["meterValue"]),
        int(value["meterTimeInMillis"]),
        value["uniqueId"],
        tuple(sorted(value.get("dimensions", {}).items())),
    )


def reject_key(value: dict[str, Any]) -> tuple[Any, ...]:
    """A line's reject by event, ordinal and reason; an envelope's by its sequence number."""
    source = value.get("source") or {}
    if source.get("eventId") is not None:
        return (str(source["eventId"]), int(value["ordinal"]), value["reason"])
    return ("envelope", str(source.get("sequenceNumber")), value["reason"])


def content_of(reject: dict[str, Any]) -> bytes:
    """The bytes at fault: base64 in `data` where they are no text, else the text in `message`."""
    return base64.b64decode(reject["data"], validate=True) if "data" in reject else reject["message"].encode()


def kind_of(name: str) -> str:
    """records, rejects or manifest, by the part of the path that says so."""
    if found := re.search(r"(?:^|/)(ingest/records|rejects|manifest)/", name):
        return found[1].removeprefix("ingest/")
    raise AssertionError(f"an object outside of ingest/records/, rejects/ and manifest/: {name}")


class Contents:
    """Objects by name, read once each."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, bytes], set[Any]] = {}

    def _values(self, name: str, data: bytes, kind: str) -> set[Any]:
        known = self._read.get((name, data))
        if known is None:
            values = list(lines(data))
            assert values, f"an empty object: {name}"
            if kind == "records":
                assert NAME.search(name), f"not <date>/<first>-<last>-<hash>.ndjson.gz: {name}"
                known = {record_key(value) for value in values}
            elif kind == "rejects":
                known = {reject_key(value) for value in values}
            else:
                known = {
                    (str(source["eventId"]), int(source["ordinal"]))
                    for source in (value.get("source", value) for value in values)
                }
            self._read[(name, data)] = known
        return known

    def of(self, objects: Mapping[str, bytes], kind: str) -> set[Any]:
        result: set[Any] = set()
        for name, data in objects.items():
            if kind_of(name) == kind:
                result |= self._values(name, data, kind)
        return result


def contents(objects: Mapping[str, bytes]) -> Expected:
    reader = Contents()
    return Expected(reader.of(objects, "records"), reader.of(objects, "rejects"))


def records_in(objects: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Every record with every field, in the order of the names."""
    return [v for name in sorted(objects) if kind_of(name) == "records" for v in lines(objects[name])]


def rejects_in(objects: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [v for name in sorted(objects) if kind_of(name) == "rejects" for v in lines(objects[name])]


def files_in(directory: Path) -> dict[str, bytes]:
    """What a `file://` sink holds, without temporary names that a killed process may leave."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith((".tmp", ".partial"))
    }


def difference(found: set[Any], wanted: set[Any]) -> str:
    """Both sides of a difference, short enough to read; empty when there is none."""
    missing, extra = wanted - found, found - wanted
    if not missing and not extra:
        return ""

    def some(values: set[Any]) -> str:
        shown = "\n    ".join(str(v) for v in sorted(values, key=str)[:8])
        return f"{len(values)}:\n    {shown}" if values else "0"

    return f"missing {some(missing)}\n  unexpected {some(extra)}"
