"""Rejects end: by being dismissed, and with retention."""

import contextlib
import json
import sqlite3
import time
from pathlib import Path

from components.logs import run
from components.platform import ADMIN_KEY, DAY, Platform, recent
from components.processes import clean_environment

BAD = {"meterApiName": "A", "customerId": "c", "meterValue": "x", "meterTimeInMillis": recent()}
GOOD = BAD | {"meterValue": 1}


def test_a_reject_is_dismissed(platform: Platform) -> None:
    platform.request("POST", "/ingest", json=[BAD, BAD, GOOD])
    second, first = (reject["id"] for reject in platform.get("/rejects")["rejects"])
    for body in ({}, {"reason": " "}, {"reasons": "x"}, {"reason": "x", "line": "y"}, {"reason": 1}):
        assert platform.request("POST", f"/rejects/{first}/dismiss", json=body).status_code == 400
    dismissed = platform.post(f"/rejects/{first}/dismiss", {"reason": "a test"})
    assert (dismissed["state"], dismissed["dismissReason"]) == ("dismissed", "a test")
    assert platform.request("POST", f"/rejects/{first}/dismiss", json={"reason": "x"}).status_code == 409
    assert platform.request("POST", "/rejects/999/dismiss", json={"reason": "x"}).status_code == 404
    assert [reject["id"] for reject in platform.get("/rejects")["rejects"]] == [second]
    assert [reject["id"] for reject in platform.get("/rejects", state="dismissed")["rejects"]] == [first]
    assert len(platform.get("/rejects", state="all")["rejects"]) == 2
    assert platform.get(f"/rejects/{first}")["state"] == "dismissed"
    (change,) = [one for one in platform.get("/changes")["changes"] if one["what"] == "reject.dismiss"]
    assert (change["subject"], change["after"]) == (f"reject {first}", "a test")
    figures = platform.pipeline()
    assert (figures["rejected"], figures["dismissedRejects"]) == (2, 1)
    reader = platform.post("/keys", {"name": "reader", "rights": ["read", "ingest"]})["key"]
    answer = platform.request(
        "POST", f"/rejects/{second}/dismiss", json={"reason": "x"}, headers={"X-API-KEY": reader}
    )
    assert answer.status_code == 403


def test_a_reject_is_dismissed_by_hand(cli: Path, platform: Platform, tmp_path: Path) -> None:
    """With the command, and on the console's page."""
    platform.request("POST", "/ingest", json=[BAD] * 4)
    numbers = sorted(int(reject["id"]) for reject in platform.get("/rejects")["rejects"])
    settings = clean_environment(METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    done = run(cli, tmp_path, settings, "rejects", "dismiss", str(numbers[0]), "--reason", "a test")
    assert (done.status, done.output) == (0, f"Reject {numbers[0]} is dismissed.\n"), done.errors
    again = run(cli, tmp_path, settings, "rejects", "dismiss", str(numbers[0]), "--reason", "a test")
    assert again.status != 0 and "before" in again.errors
    empty = run(cli, tmp_path, settings, "rejects", "dismiss", str(numbers[1]), "--reason", " ")
    assert empty.status != 0 and "reason is empty" in empty.errors
    assert platform.pipeline()["dismissedRejects"] == 1


def test_rejects_go_with_retention(cli: Path, tmp_path: Path) -> None:
    with Platform(cli, tmp_path, "--retention-days", "30") as platform:
        platform.request("POST", "/ingest", json=[BAD] * 3 + [GOOD])
        fixed = platform.get("/rejects")["rejects"][0]["id"]
        line = json.dumps(GOOD | {"meterValue": 2})
        platform.post(f"/rejects/{fixed}/retry", {"line": line})
        # The mark follows the newest record.
        platform.send([GOOD | {"meterApiName": "newest", "meterTimeInMillis": int(time.time() * 1000)}])
        before = platform.pipeline()
        assert platform.stop() == 0
        with contextlib.closing(
            sqlite3.connect(platform.data / "metertap.sqlite", isolation_level=None)
        ) as database:
            old = int(time.time() * 1000) - 31 * DAY
            database.execute("UPDATE reject SET received = ? WHERE id >= ?", (old, int(fixed) - 1))
        platform.start()
        platform.wait_for(lambda: len(platform.get("/rejects", state="all")["rejects"]) == 1)
        after = platform.pipeline()
        assert after["expiredRejects"] == 1
        for name in ("received", "rejected", "resolvedRejects", "counted", "undefined"):
            assert after[name] == before[name], name
