"""Measures `metertap audit`, its speed, memory and calls, on a fake of CloudWatch Logs and a real platform.

The log group has so many events within a day, every second one with a meter record; the platform has all
records but one in a thousand. The fake runs in Python beside the audit, so that the wall-clock time is as
much the fake's: the CPU seconds are the audit's own. Beside them stands the time that AWS's own limits would
impose. Prints a table and writes bench-results/audit.json; METERTAP_BENCH_EVENTS=1000000,10000000 names the
sizes.
"""

import gzip
import hashlib
import http.client
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from components import measure
from components.bench import Report, amount
from components.cloudwatch import MadeUpLogs
from components.emulators import ACCOUNT, REGION
from components.platform import ADMIN_KEY, DAY, Platform, recent
from components.processes import clean_environment

ROOT = Path(__file__).resolve().parents[1]
METERTAP = ROOT / ".build" / "release" / "metertap"
SIZES = [int(size) for size in amount("EVENTS", "200000,1000000", "5000").split(",")]
GROUP = "/app/bench"
START = recent(3)
LOST = 1_000


def members(number: int) -> dict[str, Any]:
    return {
        "customerId": f"c{number % 5000}",
        "meterApiName": f"m{number % 200}",
        "meterValue": number % 1000,
    }


def message(number: int) -> str:
    if number % 2:
        return f"2026-01-02T03:04:05Z INFO GET /v1/orders/{number} 200 {number % 90} ms from 10.1.2.3"
    return f"2026-01-02T03:04:05Z INFO done amberflo_meter: {json.dumps(members(number))} took 3 ms"


def received(number: int, time: int) -> str:
    """What the agent sends of an event."""
    event = f"{number:056d}"
    identity = hashlib.sha256("\0".join((ACCOUNT, GROUP, "web-1", event, "0")).encode()).hexdigest()[:32]
    source = {"account": ACCOUNT, "logGroup": GROUP, "logStream": "web-1", "eventId": event}
    source |= {"timestamp": time, "ordinal": 0, "timeDerived": True}
    return json.dumps(
        {"uniqueId": identity, **members(number), "meterTimeInMillis": time, "source": source},
        separators=(",", ":"),
    )


def ingest(platform: Platform, count: int, step: int) -> None:
    connection = http.client.HTTPConnection(platform.url.removeprefix("http://"))
    for first in range(0, count, 10_000):
        numbers = (n for n in range(first, min(count, first + 10_000), 2) if n % (2 * LOST))
        body = gzip.compress("\n".join(received(n, START + n * step) for n in numbers).encode(), 1)
        headers = {"X-API-KEY": ADMIN_KEY, "Content-Encoding": "gzip"}
        connection.request("POST", "/ingest", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        if sys.stderr.isatty():
            print(f"\r\033[K{first:,} ingested", end="", file=sys.stderr, flush=True)


def audit(logs: MadeUpLogs, platform: Platform, directory: Path, count: int) -> dict[str, float]:
    report = directory / "report"
    settings = clean_environment(
        AWS_ENDPOINT_URL=logs.url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION=REGION,
        METERTAP_URL=platform.url,
        METERTAP_API_KEY=ADMIN_KEY,
    )
    command = [sys.executable, measure.__file__, report, METERTAP, "audit", "--log-group", GROUP, "--json"]
    command += ["--from", "4d", "--to", "0m", "--records", directory / "records.ndjson"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, peak = (int(word) for word in report.read_text().split())
    assert status == 65, done.stderr
    figures = json.loads(done.stdout)
    assert figures["events"] == count and figures["found"] == -(-count // 2), figures
    assert figures["missing"] == -(-count // (2 * LOST)), figures
    assert figures["received"] == figures["found"] - figures["missing"]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": seconds,
        "events a second": count / seconds,
        "events a CPU second": count / cpu,
        "peak memory MiB": peak / 2**20,
        "calls": figures["calls"],
        "calls a million events": figures["calls"] * 1e6 / count,
        "seconds at 5 calls/s (AWS)": figures["calls"] / 5,
        "seconds at 10 calls/s (AWS)": figures["calls"] / 10,
    }


def run(count: int) -> dict[str, float]:
    directory = Path(tempfile.mkdtemp(prefix="metertap-bench-"))
    step = max(1, DAY // count)
    logs = MadeUpLogs(GROUP, START, count, step, message)
    try:
        with Platform(METERTAP, directory) as platform:
            for number in range(200):
                platform.define(f"m{number}")
            ingest(platform, count, step)
            return audit(logs, platform, directory, count)
    finally:
        logs.close()
        shutil.rmtree(directory, ignore_errors=True)


def main() -> None:
    results = {size: run(size) for size in SIZES}
    print(f"{'':32}" + "".join(f"{size:>16,}" for size in SIZES))
    for name in results[SIZES[0]]:
        print(f"{name:32}" + "".join(f"{results[size][name]:>16,.1f}" for size in SIZES))
    Report("audit").finish(results=results)


if __name__ == "__main__":
    main()
