"""What the platform tells an audit: records by their log events' times or identities, and rejects."""

import json
from decimal import Decimal
from typing import Any

from components.platform import Platform, recent
from reference.platform_model import CANCEL

Json = dict[str, Any]
GROUP = "/app/shop"


def record(number: int, at: int, group: str = GROUP, **more: Any) -> Json:
    return {
        "meterApiName": "calls",
        "customerId": "c",
        "meterValue": 1,
        "meterTimeInMillis": recent(),
        "uniqueId": f"id-{number}",
        "source": {
            "account": "123456789012",
            "logGroup": group,
            "logStream": "s",
            "eventId": str(number),
            "timestamp": at,
            "ordinal": 0,
        },
        **more,
    }


def pages(platform: Platform, path: str, name: str, **params: Any) -> list[Json]:
    found, more = [], {}
    for _ in range(100):
        page = platform.get(path, **params, **more)
        assert len(page[name]) <= params["limit"]
        found += page[name]
        if not page["cursor"]:
            return found
        more = {"cursor": page["cursor"]}
    raise AssertionError("the pages have no end")


def test_records_by_the_time_of_their_log_events(platform: Platform) -> None:
    start = recent()
    times = [start + number % 7 for number in range(50)]  # many of one time, and not in order
    platform.send([record(number, at) for number, at in enumerate(times)])
    platform.send([record(900, start + 1, group="/app/other"), record(901, start - 1)])
    platform.send([{name: value for name, value in record(902, 0).items() if name != "source"}])
    for limit in (1, 3, 10, 1000):
        found = pages(
            platform, "/events", "events", source=GROUP, sourceFrom=start + 1, sourceTo=start + 5, limit=limit
        )
        wanted = sorted((at, number) for number, at in enumerate(times) if start + 1 <= at < start + 5)
        assert [(int(e["source"]["timestamp"]), int(e["source"]["eventId"])) for e in found] == wanted
    assert len(platform.get("/events", sourceFrom=start + 1, sourceTo=start + 2)["events"]) == 8
    assert not platform.get("/events", source=GROUP, sourceFrom=start + 5, sourceTo=start + 1)["events"]
    assert not platform.get("/events", source="/none", sourceFrom=0)["events"]
    gone = platform.request("GET", "/events", params={"source": GROUP, "sourceFrom": 0, "cursor": 10**9})
    assert gone.status_code == 404 and "begin" in gone.json()["errorMessage"]


def test_rejects_by_the_time_of_their_log_events(platform: Platform) -> None:
    start = recent()
    lines = [record(number, start + number % 4, meterValue="many") for number in range(20)]
    lines += [record(90, start, group="/app/other", meterValue="many"), record(91, start)]
    answer = platform.ingest(json.dumps(lines).encode())
    assert answer.headers["X-Rejected-Records"] == "21"
    for limit in (1, 3, 1000):
        found = pages(
            platform, "/rejects", "rejects", source=GROUP, sourceFrom=start, sourceTo=start + 3, limit=limit
        )
        wanted = sorted((number % 4, number) for number in range(20) if number % 4 < 3)
        told = [(int(r["source"]["timestamp"]) - start, int(r["source"]["eventId"])) for r in found]
        assert told == wanted
    assert len(platform.get("/rejects", source="/app/other")["rejects"]) == 1
    one = pages(platform, "/rejects", "rejects", source=GROUP, sourceFrom=start, limit=1)[0]
    platform.post(f"/rejects/{one['id']}/retry", {"line": json.dumps(record(0, 5, uniqueId="edited"))})
    assert len(pages(platform, "/rejects", "rejects", source=GROUP, sourceFrom=start, limit=9)) == 19
    both = pages(platform, "/rejects", "rejects", source=GROUP, sourceFrom=start, limit=9, state="all")
    assert [reject["state"] for reject in both].count("resolved") == 1


def test_an_edited_line_comes_from_the_log_event_of_its_reject(platform: Platform) -> None:
    bad = record(1, recent(), meterValue="many")
    platform.ingest(json.dumps(bad).encode())
    [reject] = platform.get("/rejects")["rejects"]
    edited = {name: value for name, value in bad.items() if name != "source"} | {"meterValue": 5}
    platform.post(f"/rejects/{reject['id']}/retry", {"line": json.dumps(edited)})
    [event] = platform.get("/events")["events"]
    assert event["source"] == reject["source"] and event["intake"]["kind"] == "retry"


def key(one: Json, **more: Any) -> Json:
    names = ("meterApiName", "customerId", "meterTimeInMillis", "uniqueId")
    dimensions = [{"name": name, "value": value} for name, value in one.get("dimensions", {}).items()]
    return (
        {name: one[name] for name in names}
        | {"meterValue": str(one["meterValue"])}
        | {"dimensions": dimensions}
        | more
    )


def test_what_became_of_records_like_these(platform: Platform) -> None:
    platform.define("calls")
    start = recent()
    counted, taken, undefined = record(1, start), record(2, start), record(3, start, meterApiName="none")
    cancel = taken | {"dimensions": {CANCEL: "true"}}
    early = {"uniqueId": "own", "meterTimeInMillis": start + 5}
    timeless = record(4, start + 5, **early)
    timeless["source"] |= {"timeDerived": True}
    platform.send([counted, taken, undefined, cancel, timeless])
    asked = [
        key(counted),
        key(counted, meterValue="1.00"),
        key(counted, meterValue="2"),
        key(counted, customerId="nobody"),
        key(taken),
        key(cancel),
        key(undefined),
        key(counted, dimensions=cancel["dimensions"] and [{"name": CANCEL, "value": "true"}]),
        key(timeless, timeless=True, meterTimeInMillis=start + 86_400_000),
        key(timeless),
    ]
    found = platform.post("/events/find", {"records": asked})["records"]
    assert [one["state"] for one in found] == [
        "counted",
        "counted",
        "unknown",
        "unknown",
        "cancelled",
        "cancel",
        "undefined",
        "unknown",
        "counted",
        "unknown",
    ]
    assert (found[0]["number"], found[0]["source"]["eventId"]) == (Decimal(1), "1")
    for bad in (
        {},
        {"records": [{}]},
        {"records": [key(counted, meterValue="1e3")]},
        {"records": [key(counted, meterValue=1)]},
        {"records": [key(counted, meterTimeInMillis=-1)]},
        {"records": [key(counted)] * 1001},
    ):
        answer = platform.request("POST", "/events/find", data=json.dumps(bad))
        assert answer.status_code == 400, bad
