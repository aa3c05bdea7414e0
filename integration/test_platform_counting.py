"""Each record counts once, whichever ways it came; what cannot count is kept and said."""

import csv
import gzip
import io
import json
import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from components.platform import ADMIN_KEY, DAY, Platform, recent, to_json
from reference.platform_model import CANCEL

Json = dict[str, Any]


def record(number: int = 0, **more: Any) -> Json:
    return {
        "meterApiName": "calls",
        "customerId": f"c{number % 3}",
        "meterValue": 1,
        "meterTimeInMillis": recent() + number * 1000,
        "uniqueId": f"id-{number}",
        **more,
    }


def total(platform: Platform, meter: str = "calls", **more: Any) -> Any:
    query = {
        "meterApiName": meter,
        "timeGroupingInterval": "DAY",
        "timeRange": {"startTimeInSeconds": recent() // 1000},
        **more,
    }
    [series] = platform.post("/usage", query)["clientMeters"]
    return series["groupValue"]


def test_a_thousand_sends_count_once(platform: Platform) -> None:
    platform.define("calls")
    with ThreadPoolExecutor(8) as clients:
        for answer in clients.map(lambda _: platform.ingest(to_json(record())), range(1000)):
            assert (answer.status_code, answer.text) == (200, "1 records were ingested")
    assert total(platform) == 1
    figures = platform.pipeline()
    assert (figures["counted"], figures["duplicate"]) == (1, 999)
    [event] = platform.get("/events")["events"]
    assert event["duplicates"] == 999


def test_the_ways_in_share_one_count(cli: Path, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    sample = [record(number, dimensions={"region": "eu"}) for number in range(60)]
    log = "\n".join(f"INFO amberflo_meter: {json.dumps(one)}" for one in sample)
    # The agent's code reads the log lines; its records carry where they are from.
    extracted = subprocess.run(
        [str(cli), "extract", "--provenance", "-"], input=log.encode(), capture_output=True, check=True
    ).stdout
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls", dimensions=["region"])
        platform.send(sample)
        objects = {
            "ingest/records/2026-01-01/agent-1.ndjson.gz": gzip.compress(extracted),
            "any/array.json": to_json(sample),
            "any/lines.json": b"\n".join(map(to_json, sample)),
            "sheet.csv.gz": gzip.compress(as_csv(sample)),
            "rejects/2026-01-01/some.ndjson": to_json(sample),
            "manifest/2026-01-01/some.json": b"{}",
        }
        for key, data in objects.items():
            (bucket / key).parent.mkdir(parents=True, exist_ok=True)
            (bucket / key).write_bytes(data)
        platform.wait_for(lambda: platform.pipeline()["received"] == 5 * len(sample))
        figures = platform.pipeline()
        assert (figures["counted"], figures["duplicate"]) == (60, 240)
        assert total(platform) == 60
        # The same key with other bytes is another object.
        (bucket / "any/array.json").write_bytes(to_json([*sample, record(60)]))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 61)
        [source] = [one for one in platform.pipeline()["sources"] if one["kind"] == "bucket"]
        assert (source["objects"], source["failedObjects"]) == (5, 0)


def test_an_object_that_cannot_be_read_says_so(cli: Path, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls")
        (bucket / "team").mkdir(parents=True)
        cut = bucket / "team/cut.ndjson.gz"
        cut.write_bytes(gzip.compress(to_json(record()))[:-9])
        # Within a minute of the last change it might still be being written.
        os.utime(cut, (time.time() - 120,) * 2)
        (bucket / "team/good.json").write_bytes(to_json(record(1)))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 1)
        platform.wait_for(lambda: list(bucket.glob("failed-requests/*/team/cut.ndjson.gz.reason.txt")))
        [reason] = bucket.glob("failed-requests/*/team/*")
        text = reason.read_text()
        assert "team/cut.ndjson.gz" in text and "cut off" in text and "None of its records is counted" in text
        # Mended under the same name it is read.
        (bucket / "team/cut.ndjson.gz").write_bytes(gzip.compress(to_json(record())))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 2)


def as_csv(records: list[Json]) -> bytes:
    text = io.StringIO()
    fields = ["meterApiName", "customerId", "meterValue", "meterTimeInMillis", "uniqueId", "region"]
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    for one in records:
        row = {name: value for name, value in one.items() if name != "dimensions"}
        writer.writerow(row | one.get("dimensions", {}))
    return text.getvalue().encode()


def test_a_bad_record_does_not_stop_its_neighbours(platform: Platform) -> None:
    platform.define("calls")
    platform.send([record(0)])
    batch = [record(0), record(1), record(2, meterValue="twelve"), record(3), "no record"]
    answer = platform.ingest(to_json(batch))
    assert (answer.status_code, answer.text) == (200, "3 records were ingested")
    assert answer.headers["X-Rejected-Records"] == "2"
    assert total(platform) == 3
    figures = platform.pipeline()
    assert (figures["duplicate"], figures["rejected"]) == (1, 2)
    # A reject is kept with its reason and its line, and counts once it is edited.
    rejects = platform.get("/rejects")["rejects"]
    waiting = next(reject for reject in rejects if reject["reason"] == "invalidValue")
    refused = platform.request("POST", f"/rejects/{waiting['id']}/retry", data=to_json({}))
    assert refused.status_code == 422 and "invalidValue" in refused.json()["errorMessage"]
    edited = waiting["line"].replace('"twelve"', "12")
    assert platform.post(f"/rejects/{waiting['id']}/retry", {"line": edited}) == {"records": 1}
    assert total(platform) == 15
    again = platform.request("POST", f"/rejects/{waiting['id']}/retry", data=to_json({"line": edited}))
    assert again.status_code == 409
    assert platform.pipeline()["rejected"] == 1
    whats = [change["what"] for change in platform.get("/changes")["changes"]]
    assert "reject.resolve" in whats or "reject.edit" in whats or "reject.retry" in whats, whats


def test_formats(platform: Platform) -> None:
    platform.define("calls")
    lines = b"\n".join([to_json(record(1)), b"{ broken", to_json(record(2))])
    answer = platform.ingest(lines)
    assert (answer.text, answer.headers["X-Rejected-Records"]) == ("2 records were ingested", "1")
    answer = platform.ingest(gzip.compress(to_json(record(3))), **{"Content-Encoding": "gzip"})
    assert answer.text == "1 records were ingested"
    answer = platform.ingest(as_csv([record(4), record(5)]), **{"Content-Type": "text/csv; charset=utf-8"})
    assert answer.text == "2 records were ingested"
    assert total(platform) == 5
    for body, headers in [
        (b"{ broken", {}),
        (b"[1,", {}),
        (b"", {}),
        (b"\xff\xfe", {}),
        (b"no,header\n1,2\n", {"Content-Type": "text/csv"}),
        (b"no gzip", {"Content-Encoding": "gzip"}),
    ]:
        answer = platform.ingest(body, **headers)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["errorMessage"]
    assert platform.ingest(b"{}", **{"Content-Encoding": "br"}).status_code == 415
    # Without a time, arrival would bill a retry twice.
    assert (
        "X-Rejected-Records"
        in platform.ingest(b'{"meterApiName":"calls","customerId":"c","meterValue":1}').headers
    )


def test_limits(platform: Platform) -> None:
    many = [record(number) for number in range(10_001)]
    for body, headers in [
        (b" " * (10 * 1024 * 1024 + 1), {}),
        (gzip.compress(b" " * (64 * 1024 * 1024 + 1)), {"Content-Encoding": "gzip"}),
        (to_json(many), {}),
        (b"\n".join(map(to_json, many)), {}),
    ]:
        answer = platform.ingest(body, **headers)
        assert answer.status_code == 413, answer.text
        assert answer.json()["errorMessage"]
    assert platform.pipeline()["received"] == 0
    assert platform.send(many[:-1]).text == "10000 records were ingested"


def test_one_record_in_many_writings(platform: Platform) -> None:
    platform.define("calls")
    for value in ("1", "1.0", "1e0", '"1"', '"1.000"', "10E-1", "0.1e1"):
        body = to_json(record(dimensions={"a": "1", "b": "2"})).replace(
            b'"meterValue": 1', f'"meterValue": {value}'.encode()
        )
        assert platform.ingest(body).text == "1 records were ingested"
    platform.send([record(dimensions={"b": "2", "a": "1"})])
    assert platform.pipeline()["counted"] == 1
    # Whatever differs is another record, the accents' two writings among it.
    others = [
        record(meterValue=2),
        record(dimensions={"a": "1"}),
        record(dimensions={"a": "é"}),
        record(dimensions={"a": "e\u0301"}),
        record(uniqueId=None),
        record(meterTimeInMillis=recent() + 1),
        record(customerId="C0"),
    ]
    for other in others:
        if other["uniqueId"] is None:
            del other["uniqueId"]
    platform.send(others)
    assert platform.pipeline()["counted"] == 1 + len(others)


def test_cancels_in_every_order(platform: Platform) -> None:
    orders = sorted(set(permutations("rrcc")))
    for number, order in enumerate(orders):
        meter = f"meter-{number}"
        platform.define(meter)
        one = record(number, meterApiName=meter)
        cancel = one | {"dimensions": {CANCEL: "true"}}
        for step in order:
            platform.send([one if step == "r" else cancel])
        assert total(platform, meter) == 0
    figures = platform.pipeline()
    assert figures["cancelled"] == 2 * len(orders)
    assert figures["unmatchedCancels"] == 0
    platform.send([record(99, dimensions={CANCEL: "true"})])
    assert platform.pipeline()["unmatchedCancels"] == 1
    # The history stays: the record and what took it back.
    states = {event["state"] for event in platform.get("/events", meterApiName="meter-0")["events"]}
    assert states == {"cancelled", "cancel"}
    assert any(change["what"] == "cancel" for change in platform.get("/changes")["changes"])


def test_the_same_line_logged_again(platform: Platform) -> None:
    """Its time was derived from the log event, so the time is no part of what makes it one record."""
    platform.define("calls", dimensions=[])

    def logged(number: int, time: int) -> Json:
        source = {
            "account": "1",
            "logGroup": "/app",
            "logStream": "s",
            "eventId": str(number),
            "timestamp": time,
            "ordinal": 0,
            "timeDerived": True,
        }
        return record(0, meterTimeInMillis=time, source=source)

    later, earlier = recent() + 2 * DAY + 5, recent() + DAY + 7
    platform.send([logged(1, later)])
    platform.send([logged(2, earlier), logged(3, later)])
    assert total(platform) == 1
    [series] = platform.post(
        "/usage/sparse",
        {
            "meterApiName": "calls",
            "timeGroupingInterval": "DAY",
            "timeRange": {"startTimeInSeconds": recent() // 1000},
        },
    )["clientMeters"]
    assert [value["secondsSinceEpochUtc"] for value in series["values"]] == [(recent() + DAY) // 1000]
    # A cancel finds it whatever its time says.
    platform.send([logged(4, later) | {"dimensions": {CANCEL: "true"}}])
    assert total(platform) == 0


def test_undefined_until_the_meter_is_defined(platform: Platform) -> None:
    platform.send([record(number) for number in range(7)])
    figures = platform.pipeline()
    assert (figures["undefined"], figures["counted"]) == (7, 0)
    assert figures["undefinedMeters"] == [{"meterApiName": "calls", "records": 7}]
    unknown = platform.request(
        "POST", "/usage", data=to_json({"meterApiName": "calls", "timeRange": {"startTimeInSeconds": 0}})
    )
    assert unknown.status_code == 404
    platform.define("calls")
    assert total(platform) == 7
    assert platform.pipeline()["undefined"] == 0


def test_deduplication_by_unique_id(platform: Platform) -> None:
    platform.define("calls", deduplication="uniqueId")
    platform.send([record(0), record(0, meterValue=5), record(0, meterTimeInMillis=recent() + DAY)])
    assert platform.pipeline()["counted"] == 1
    platform.define("other")
    platform.send([record(0, meterApiName="other")])
    [meter] = platform.get("/meters", meterApiName="other")
    late = platform.request("PUT", "/meters", data=to_json(meter | {"deduplication": "uniqueId"}))
    assert late.status_code == 409 and "no records" in late.json()["errorMessage"]


def test_retention(cli: Path, tmp_path: Path) -> None:
    with Platform(cli, tmp_path) as platform:
        platform.define("calls", dimensions=["region"])
        platform.send([record(number, dimensions={"region": "eu", "user": "u"}) for number in range(5)])
        # The mark follows the newest record: without one nothing would be dropped, whatever the clock says.
        platform.send([record(9, meterApiName="newest", meterTimeInMillis=int(time.time() * 1000))])
    # Ten days later, as it were: the records of that time go, and their usage stays.
    with Platform(cli, tmp_path, "--retention-days", "5") as platform:
        platform.wait_for(lambda: len(platform.get("/events")["events"]) == 1)
        assert platform.pipeline()["frozenBeforeTimeInMillis"] > recent()
        assert total(platform) == 5
        assert total(platform, groupBy=["region"]) == 5
        raw = {
            "meterApiName": "calls",
            "timeRange": {"startTimeInSeconds": recent() // 1000},
            "groupBy": ["user"],
        }
        past = platform.request("POST", "/usage", data=to_json(raw))
        assert past.status_code == 422 and "no longer kept" in past.json()["errorMessage"]
        # Nothing can be counted a second time once its key is gone.
        answer = platform.ingest(to_json(record(0, dimensions={"region": "eu", "user": "u"})))
        assert (answer.text, answer.headers["X-Rejected-Records"]) == ("0 records were ingested", "1")
        assert platform.get("/rejects")["rejects"][0]["reason"] == "pastRetention"
        assert total(platform) == 5
    # A longer retention does not bring keys back.
    with Platform(cli, tmp_path, "--retention-days", "400") as platform:
        answer = platform.ingest(to_json(record(0, dimensions={"region": "eu", "user": "u"})))
        assert answer.headers["X-Rejected-Records"] == "1"
        platform.pipeline()


def test_sums_are_exact(platform: Platform, seed: int) -> None:
    """A million decimals over the whole range of the contract, and ten times 0.1."""
    rng = random.Random(seed)
    platform.define("calls")
    platform.define("tenths")
    platform.send(
        [record(n, meterApiName="tenths", customerId="c", meterValue=Decimal("0.1")) for n in range(10)]
    )
    assert total(platform, "tenths") == 1
    assert (
        b'"groupValue":1,'
        in platform.request(
            "POST",
            "/usage",
            data=to_json({"meterApiName": "tenths", "timeRange": {"startTimeInSeconds": recent() // 1000}}),
        ).content
    )
    start, count, size = recent(), 1_000_000, 10_000
    with localcontext() as context:
        context.prec = 200
        expected = Decimal(0)
        for batch in range(count // size):
            lines = []
            for number in range(size):
                digits, places = rng.randint(1, 36), rng.randint(0, 30)
                sign = rng.choice("+-").replace("+", "")
                value = f"{sign}{rng.randrange(10**digits)}.{rng.randrange(10**places):0{max(1, places)}d}"
                expected += Decimal(value)
                lines.append(
                    f'{{"meterApiName":"calls","customerId":"c{number % 9}","meterValue":{value},'
                    f'"meterTimeInMillis":{start + batch * size + number}}}'
                )
            answer = platform.ingest("\n".join(lines).encode())
            assert (answer.status_code, answer.headers.get("X-Rejected-Records")) == (200, None)
        assert total(platform) == expected


def test_numbers_at_the_edge(platform: Platform) -> None:
    """The greatest values add up exactly; what is beyond them is a reject."""
    platform.define("calls")
    huge = Decimal("9" * 36)
    platform.send([record(number, customerId="c", meterValue=huge) for number in range(3)])
    assert total(platform) == 3 * int(huge)
    for bad in ("1" + "0" * 36, "0." + "0" * 30 + "1", "NaN", "1e400"):
        answer = platform.ingest(to_json(record(5, meterValue=bad)))
        assert answer.headers["X-Rejected-Records"] == "1", bad


def test_curl(platform: Platform) -> None:
    platform.define("calls")

    def curl(*arguments: str) -> str:
        command = ["curl", "-sS", "-H", f"X-API-KEY: {ADMIN_KEY}", *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    body = to_json([record(1), record(2)]).decode()
    assert curl("--data-binary", body, f"{platform.url}/ingest") == "2 records were ingested"
    query = f'{{"meterApiName":"calls","timeRange":{{"startTimeInSeconds":{recent() // 1000}}}}}'
    assert json.loads(curl("-d", query, f"{platform.url}/usage"))["clientMeters"][0]["groupValue"] == 2
    assert curl(
        "-o", "/dev/null", "-w", "%{http_code}", "-H", "X-API-KEY: wrong", f"{platform.url}/meters"
    ) in ("200", "401")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/ingest", 405),
        ("GET", "/usage", 405),
        ("PATCH", "/meters", 405),
        ("TRACE", "/health", 405),
    ],
)
def test_wrong_paths_and_methods(platform: Platform, method: str, path: str, status: int) -> None:
    answer = platform.request(method, path)
    assert answer.status_code == status
    assert answer.json()["errorMessage"]
    assert status != 405 or answer.headers["Allow"]


def test_keys_and_rights(platform: Platform) -> None:
    keys = {
        rights: platform.post("/keys", {"name": rights, "rights": [rights]})["key"]
        for rights in ("ingest", "read", "admin")
    }
    wanted = {
        ("POST", "/ingest"): {"ingest", "admin"},
        ("GET", "/meters"): {"read", "admin"},
        ("GET", "/events"): {"read", "admin"},
        ("GET", "/keys"): {"admin"},
        ("POST", "/meters"): {"admin"},
    }
    for (method, path), allowed in wanted.items():
        for rights, key in keys.items():
            answer = platform.request(method, path, data=b"{}", headers={"X-API-KEY": key})
            assert (answer.status_code != 403) == (rights in allowed), (method, path, rights)
        for wrong in ("", "mtk_" + "0" * 64):
            assert platform.request(method, path, headers={"X-API-KEY": wrong}).status_code == 401
    listed = platform.get("/keys")
    assert all("key" not in key for key in listed)
    data = b"".join(file.read_bytes() for file in platform.data.iterdir() if file.is_file())
    assert not any(key.encode() in data for key in keys.values()), "secrets are stored hashed"
    [reader] = [key for key in listed if key["name"] == "read"]
    platform.delete(f"/keys/{reader['id']}")
    assert platform.request("GET", "/meters", headers={"X-API-KEY": keys["read"]}).status_code == 401


def test_bad_time_ranges(platform: Platform) -> None:
    platform.define("calls")
    for time_range, hint in [
        ({"startTimeInSeconds": 20, "endTimeInSeconds": 10}, "before its start"),
        ({"startTimeInSeconds": 1_700_000_000_000}, "milliseconds"),
        ({"startTimeInSeconds": 0, "endTimeInSeconds": 1_700_000_000}, "buckets"),
        ({"endTimeInSeconds": 10}, "startTimeInSeconds"),
        ({"startTimeInSeconds": "soon"}, "startTimeInSeconds"),
    ]:
        query = {"meterApiName": "calls", "timeRange": time_range, "timeGroupingInterval": "HOUR"}
        answer = platform.request("POST", "/usage", data=to_json(query))
        assert answer.status_code == 400 and hint in answer.json()["errorMessage"], answer.text
    unseen = {
        "meterApiName": "calls",
        "timeRange": {"startTimeInSeconds": recent() // 1000},
        "groupBy": ["regoin"],
    }
    answer = platform.request("POST", "/usage", data=to_json(unseen))
    assert answer.status_code == 400 and "regoin" in answer.json()["errorMessage"]


def test_events_and_their_stream(platform: Platform) -> None:
    platform.define("calls")
    platform.send([record(number) for number in range(3)])
    with platform.request("GET", "/events/stream?after=1", stream=True) as stream:
        lines = stream.iter_lines()

        def next_event() -> Json:
            name = next(line for line in lines if line.startswith(b"data: "))
            return json.loads(name[6:])

        assert [next_event()["number"] for _ in range(2)] == [2, 3]
        platform.send([record(7, dimensions={"region": "eu"})])
        event = next_event()
        assert (event["number"], event["dimensions"], event["state"]) == (4, {"region": "eu"}, "counted")
    page = platform.get("/events", limit=3)
    rest = platform.get("/events", limit=3, cursor=page["cursor"])
    assert [event["number"] for event in page["events"] + rest["events"]] == [4, 3, 2, 1]
    assert [e["number"] for e in platform.get("/events", **{"dimension.region": "eu"})["events"]] == [4]
    pages = platform.get("/usage/events", meterApiName="calls", pageSize=3, isAscending="true")
    more = platform.get(
        "/usage/events",
        meterApiName="calls",
        pageSize=3,
        isAscending="true",
        nextPageToken=pages["nextPageToken"],
    )
    assert len(pages["rows"]) == 3 and len(more["rows"]) == 1 and more["nextPageToken"] is None
