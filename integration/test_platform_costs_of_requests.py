"""What one request may cost: memory beyond its inflated body, disk, and time, whatever it holds.

Memory is the greatest resident size that the kernel has seen of the real process (`VmHWM`), reset before each
request.
"""

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from components.platform import DAY, Platform, recent, to_json

KIB, MIB = 1 << 10, 1 << 20
SPARE = 24 * MIB
"""What SQLite's page cache and write-ahead log, and the allocator, take beside what is asked for here."""

CSV = {"Content-Type": "text/csv"}
GZIP = {"Content-Encoding": "gzip"}


@dataclass
class Cost:
    """What a request took."""

    response: requests.Response
    memory: int  # bytes, the highest above what the process had before
    disk: int
    seconds: float


def resident(platform: Platform, name: str) -> int:
    assert platform.service
    status = Path(f"/proc/{platform.service.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) * KIB


def disk(platform: Platform) -> int:
    """Without the shared memory file; the write-ahead log is as long as its longest transaction."""
    return sum(path.stat().st_size for path in platform.data.iterdir() if path.suffix != ".sqlite-shm")


def cost(platform: Platform, method: str, path: str, **more: Any) -> Cost:
    assert platform.service
    pid = platform.service.process.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    memory, before, start = resident(platform, "VmRSS"), disk(platform), time.monotonic()
    response = platform.request(method, path, **more)
    seconds = time.monotonic() - start
    return Cost(response, resident(platform, "VmHWM") - memory, disk(platform) - before, seconds)


def ingest(platform: Platform, body: bytes, **headers: str) -> Cost:
    """A request of records; the process has answered one before, so that what is made once is not counted."""
    packed = gzip.compress(body)
    assert len(packed) < 10 * MIB
    return cost(platform, "POST", "/ingest", data=packed, headers=headers | GZIP)


def bounded(found: Cost, body: int, items: int) -> None:
    """Within the contract: 64 MiB beyond the body, four times the body and 1 KiB an item on the disk."""
    assert found.memory <= body + 64 * MIB + SPARE, (found, found.memory / MIB)
    # Pages are written to the log first, and stay there until it is reset.
    assert found.disk <= 2 * (4 * body + items * KIB) + SPARE, (found, found.disk / MIB)


@pytest.fixture(scope="module")
def platform(cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(cli, tmp_path_factory.mktemp("costs")) as running:
        running.define("calls")
        running.send([record(n) for n in range(5_000)])
        yield running


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "meterApiName": "calls",
        "customerId": f"c{number % 10}",
        "meterValue": 1,
        "meterTimeInMillis": recent() + number,
        "uniqueId": f"id-{number}",
    } | more


HEADER = "meterApiName,customerId,meterValue,meterTimeInMillis"


@pytest.mark.parametrize("row", ["x", "calls,c,many,{time},", "calls,c,1,{time},v", "calls,c,1,{time},"])
def test_a_long_header_line(platform: Platform, row: str) -> None:
    """The name of a column is as long as 200 KB, and 9,000 rows stand below it."""
    start = recent(5)
    rows = [row.replace("{time}", str(start + n)) for n in range(9_000)]
    body = "\n".join([HEADER + "," + "n" * 200_000, *rows]).encode()
    found = ingest(platform, body, **CSV)
    bounded(found, len(body), 9_000)
    if row == "x":
        assert found.response.status_code == 400, "none of the lines can be read"
        return
    rejected = int(found.response.headers.get("X-Rejected-Records", "0"))
    assert (found.response.status_code, rejected) == (
        200,
        0 if row.endswith(",") and "many" not in row else 9_000,
    )
    if rejected:
        [kept] = platform.get("/rejects", limit="1")["rejects"]
        assert len(kept["line"]) < 100 and "header line" in kept["detail"], kept


def test_a_short_header_line_is_kept_with_each_reject(platform: Platform) -> None:
    body = "\n".join([HEADER + ",region", f"calls,c,many,{recent()},eu", f"calls,c,1,{recent()},eu"]).encode()
    assert ingest(platform, body, **CSV).response.headers["X-Rejected-Records"] == "1"
    [kept] = platform.get("/rejects", limit="1")["rejects"]
    assert kept["line"].splitlines() == [HEADER + ",region", f"calls,c,many,{recent()},eu"]
    mended = kept["line"].replace("many", "2")
    answer = platform.post(f"/rejects/{kept['id']}/retry", {"line": mended})
    assert answer["records"] == 1, answer


@pytest.mark.parametrize(
    "names", [["d" * 240 + f"{n:03}" for n in range(60)], [f"column-{n}" for n in range(60)]]
)
def test_names_of_columns_are_not_repeated_in_every_record(platform: Platform, names: list[str]) -> None:
    """Names of a usual length are; of a sheer text of names each row is a reject."""
    start = recent(6)
    rows = [f"calls,c,1,{start + n}," + ",".join("1" * len(names)) for n in range(5_000)]
    body = "\n".join([HEADER + "," + ",".join(names), *rows]).encode()
    found = ingest(platform, body, **CSV)
    bounded(found, len(body), 5_000)
    rejected = int(found.response.headers.get("X-Rejected-Records", "0"))
    assert rejected == (5_000 if len(names[0]) > 200 else 0)


def test_rows_without_end_of_quotation_or_columns(platform: Platform) -> None:
    for body in (
        f"{HEADER}\n".encode() + b'"\n' * (4 * MIB),
        f"{HEADER}".encode() + b"," * (16 * MIB) + b"\nx\n",
        f"{HEADER}\n".encode() + (b"," * MIB + b"\n") * 16,
    ):
        found = ingest(platform, body, **CSV)
        assert found.response.status_code in (400, 413), found.response.text
        bounded(found, len(body), 0)
        assert found.seconds < 10, found


def spread(count: int, value: Any = 1, **more: Any) -> dict[str, Any]:
    shared = record(0, meterTimeInMillis=recent(7), **more)
    del shared["meterApiName"], shared["meterValue"]
    return shared | {"values": {f"m{n}": value for n in range(count)}}


LARGE = {
    "dimensions": {f"d{n}": "v" * 1_000 for n in range(28)},
    "source": {"logGroup": "g", "logStream": "s" * 2_000, "eventId": "e" * 2_000, "account": "a" * 2_000},
}


@pytest.mark.parametrize("value", [1, "many"])
@pytest.mark.parametrize("name", LARGE)
def test_values_do_not_repeat_a_long_text(platform: Platform, name: str, value: Any) -> None:
    """One line whose 9,000 records would each hold its dimensions or log event: a reject, kept once."""
    body = to_json([spread(9_000, value, **{name: LARGE[name]}), record(1, meterTimeInMillis=recent(7))])
    found = ingest(platform, body)
    bounded(found, len(body), 2)
    assert (found.response.status_code, found.response.headers["X-Rejected-Records"]) == (200, "1")
    [kept] = platform.get("/rejects", limit="1")["rejects"]
    assert kept["reason"] == "tooLarge" and "several lines" in kept["detail"]


def test_values_of_a_usual_line_are_stored(platform: Platform) -> None:
    """Forty meters in a line with a kilobyte of dimensions; those that are rejected are kept one by one."""
    dimensions = {f"dimension-{n}": "v" * 90 for n in range(10)}
    made = spread(40, dimensions=dimensions, context={"ignored": "x" * 20_000})
    made["values"] |= {"m7": "many", 'a "name" of é': None}
    found = ingest(platform, to_json(made))
    assert found.response.text == "39 records were ingested", found.response.text
    newest = platform.get("/rejects", limit="2")["rejects"]
    lines = [json.loads(reject["line"]) for reject in newest]
    assert [line["values"] for line in lines] == [{'a "name" of é': None}, {"m7": "many"}]
    assert all(line["dimensions"] == dimensions and "context" not in line for line in lines)
    lines[1]["values"]["m7"] = 7
    answer = platform.post(f"/rejects/{newest[1]['id']}/retry", {"line": json.dumps(lines[1])})
    assert answer["records"] == 1, answer


@pytest.mark.parametrize("line", [b"0\n", b"{}\n", b"x\n", b"0,"])
def test_millions_of_tiny_lines(platform: Platform, line: bytes) -> None:
    body = line * (48 * MIB // len(line))
    if line.endswith(b","):
        body = b"[" + body + b"0]"
    found = ingest(platform, body)
    assert found.response.status_code == 413, found.response.text
    bounded(found, len(body), 0)


def test_the_largest_bodies(platform: Platform) -> None:
    """60 MiB of valid records; a line that is no record; a record with millions of keys that are no field."""
    wide = {f"d{n}": "v" * 1_000 for n in range(6)}
    records = to_json([record(n, dimensions=wide, meterTimeInMillis=recent(4)) for n in range(10_000)])
    keys = b",".join(b'"k%d":1' % n for n in range(4_000_000))
    for body, rejected in (
        (records, None),
        (b"{}\n" + b"x" * (60 * MIB), "2"),
        (to_json(record(0, meterTimeInMillis=recent(4)))[:-1] + b"," + keys + b"}", None),
    ):
        found = ingest(platform, body)
        assert found.response.status_code == 200, found.response.text
        assert found.response.headers.get("X-Rejected-Records") == rejected
        # The writer's page cache fills once.
        bounded(found, len(body) + 40 * MIB, 10_000)


def test_starts_that_last_a_year(platform: Platform) -> None:
    platform.define("runs", meterType="event_duration", timeoutInMinutes=365 * 1_440)
    made = [record(n, meterApiName="runs", customerId=f"c{n}") for n in range(60)]
    found = ingest(platform, to_json(made))
    assert found.response.status_code == 200, found.response.text
    assert found.memory <= 64 * MIB + SPARE, found.memory / MIB


def test_a_page_of_one_record_does_not_read_a_whole_hour(platform: Platform) -> None:
    platform.define("hour")
    wide = {f"d{n}": "v" * 1_000 for n in range(4)}
    for part in range(2):
        made = [
            record(n, meterApiName="hour", dimensions=wide) for n in range(8_000 * part, 8_000 * part + 8_000)
        ]
        assert ingest(platform, to_json(made)).response.status_code == 200
    query = {"meterApiName": "hour", "isAscending": "true", "startTimeInSeconds": recent() // 1000}
    found = cost(platform, "GET", "/usage/events", params=query | {"pageSize": 1})
    assert len(found.response.json()["rows"]) == 1
    assert found.memory <= SPARE, found.memory / MIB
    # The largest page is cut where it would be too large; nothing is missing or twice.
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        found = cost(platform, "GET", "/usage/events", params=query | {"pageSize": 10_000} | token)
        assert found.memory <= 64 * MIB + SPARE, found.memory / MIB
        answer = found.response.json()
        seen += [row[0] for row in answer["rows"]]
        if answer["nextPageToken"] is None:
            break
        token = {"nextPageToken": answer["nextPageToken"]}
    assert seen == [f"id-{n}" for n in range(16_000)]
    listed = cost(platform, "GET", "/events", params={"meterApiName": "hour", "limit": 1_000})
    assert listed.memory <= 64 * MIB, listed.memory / MIB


def test_questions_with_thousands_of_filters(platform: Platform) -> None:
    ask = {
        "meterApiName": "calls",
        "timeGroupingInterval": "MINUTE",
        "timeRange": {"startTimeInSeconds": recent() // 1000, "endTimeInSeconds": (recent() + DAY) // 1000},
    }
    plain = cost(platform, "POST", "/usage/sparse", json=ask)
    names = [f"c{n}" for n in range(5_500)]
    many = cost(platform, "POST", "/usage/sparse", json=ask | {"filter": {"customerId": names}})
    assert plain.response.json()["clientMeters"][0]["groupValue"] >= 5_000
    assert many.response.json()["clientMeters"][0]["groupValue"] == 5_000
    assert many.seconds < 10 * plain.seconds + 0.5, (many.seconds, plain.seconds)
    keys = {f"d{n}": "v" for n in range(5_500)}
    refused = [
        platform.request("POST", "/usage", json=ask | {"filter": keys}),
        platform.request("POST", "/usage", json=ask | {"groupBy": list(keys)}),
        platform.request("GET", "/events", params={f"dimension.{n}": "v" for n in range(100)}),
    ]
    for response in refused:
        assert response.status_code == 400 and "dimensions" in response.text, response.text
