"""An outage must not look like zero usage: what has stopped to report is flagged and told."""

import hashlib
import hmac
import http.server
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from components.platform import Platform, recent

SECRET = "secret-of-the-webhook"
HOUR = 3_600_000


class Receiver(http.server.BaseHTTPRequestHandler):
    """Refuses the first call of each subject, checks signatures, and keeps what it was told."""

    told: list[dict[str, Any]]
    calls: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time, code = (part.split("=")[1] for part in self.headers["X-Metertap-Signature"].split(","))
        expected = hmac.new(SECRET.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
        type(self).calls += 1
        good = hmac.compare_digest(code, expected) and self.calls > 1
        if good:
            self.told.append(json.loads(body))
        self.send_response(204 if good else 503)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_silence_is_flagged_and_told(cli: Path, tmp_path: Path) -> None:
    receiver = type("Fresh", (Receiver,), {"told": [], "calls": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/alerts"
    arguments = ("--alert-webhook", url)
    try:
        with Platform(cli, tmp_path, *arguments, METERTAP_WEBHOOK_SECRET=SECRET) as platform:
            for name in ("often", "seldom"):
                platform.define(name)
            for number in range(12):
                platform.send([record("often", number)])
            platform.send([record("seldom", 0)])
            figures = platform.pipeline()
            assert not figures["silentMeters"] and not figures["sources"][0]["silent"]
            # Three hours pass, as it were.
            platform.kill()
            database = sqlite3.connect(platform.data / "metertap.sqlite")
            for table in ("intake", "tally"):
                database.execute(f"UPDATE {table} SET last = last - {3 * HOUR}")
            database.commit()
            database.close()
            platform.start()
            figures = platform.pipeline()
            assert [meter["meterApiName"] for meter in figures["silentMeters"]] == ["often"]
            assert figures["sources"][0]["silent"]
            platform.wait_for(lambda: len(receiver.told) == 2)
            subjects = {(one["state"], one["kind"], one["name"]) for one in receiver.told}
            assert subjects == {("silent", "meter", "often"), ("silent", "source", "METERTAP_ADMIN_KEY")}
            # It reports again, and that is told too.
            platform.send([record("often", 99)])
            platform.wait_for(lambda: len(receiver.told) == 4)
            assert {one["state"] for one in receiver.told[2:]} == {"reporting"}
            assert not platform.pipeline()["silentMeters"]
    finally:
        server.shutdown()


def record(meter: str, number: int) -> dict[str, Any]:
    return {
        "meterApiName": meter,
        "customerId": "c",
        "meterValue": 1,
        "meterTimeInMillis": recent() + number,
        "uniqueId": f"{meter}-{number}",
    }
