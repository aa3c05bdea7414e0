"""Measures the platform: ingest through HTTP, usage of a month, the console's pages, at two sizes in one run.

5,000 customers, 200 meters, dimensions of 10, 10 and 1,000 values, all declared; batches of 1,000 from four
clients; the records are new ones, in the order of their time over thirty days. Prints a table and writes
bench-results/platform.json.
METERTAP_BENCH_RECORDS=1000000,10000000 names the sizes.
"""

import http.client
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests

from components.bench import Report, amount
from components.platform import ADMIN_KEY, DAY, Platform, recent

ROOT = Path(__file__).resolve().parents[1]
METERTAP = ROOT / ".build" / "release" / "metertap"
SIZES = [int(size) for size in amount("RECORDS", "1000000,10000000", "20000").split(",")]
CUSTOMERS, METERS, BATCH, CLIENTS = 5000, 200, 1000, 4
DAYS = 30
START = recent(DAYS + 1)


def batch(number: int, total: int) -> bytes:
    """Records of one stretch of time; the same number gives the same records."""
    rng = random.Random(number)
    width = DAYS * DAY * BATCH // total
    first = START + number * width
    lines = []
    for index in range(BATCH):
        # One draw stands for all choices.
        draw = rng.getrandbits(64)
        lines.append(
            f'{{"meterApiName":"meter-{draw % METERS}","customerId":"customer-{(draw >> 10) % CUSTOMERS}",'
            f'"meterValue":{(draw >> 24) % 1000},"meterTimeInMillis":{first + width * index // BATCH},'
            f'"uniqueId":"{number}-{index}","dimensions":{{"region":"r{(draw >> 34) % 10}",'
            f'"plan":"p{(draw >> 38) % 10}","route":"/v1/{(draw >> 42) % 1000}"}}}}'
        )
    return "\n".join(lines).encode()


class Sender(threading.Thread):
    def __init__(self, platform: Platform, bodies: list[bytes]):
        super().__init__()
        self.connection = http.client.HTTPConnection(platform.url.removeprefix("http://"))
        self.bodies = bodies

    def run(self) -> None:
        for body in self.bodies:
            self.connection.request("POST", "/ingest", body, {"X-API-KEY": ADMIN_KEY})
            answer = self.connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()


def ingest(platform: Platform, size: int) -> dict[str, float]:
    """Sends records until so many are stored; bodies are made beforehand, and only sending is timed."""
    seconds, last, per_round = 0.0, [], 400
    count = size // BATCH
    for first in range(0, count, per_round):
        numbers = range(first, min(count, first + per_round))
        bodies = [batch(number, size) for number in numbers]
        senders = [Sender(platform, bodies[client::CLIENTS]) for client in range(CLIENTS)]
        begin = time.monotonic()
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        took = time.monotonic() - begin
        seconds += took
        last.append(len(bodies) * BATCH / took)
        progress(f"{size:,}: {(first + len(bodies)) * BATCH:,} sent, {last[-1]:,.0f}/s")
    tail = last[-max(1, len(last) // 10) :]
    return {"records a second": size / seconds, "records a second, last tenth": statistics.mean(tail)}


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def milliseconds(platform: Platform, queries: list[Any]) -> list[float]:
    connection = http.client.HTTPConnection(platform.url.removeprefix("http://"))
    times = []
    for query in queries:
        begin = time.monotonic()
        connection.request("POST", "/usage", json.dumps(query), {"X-API-KEY": ADMIN_KEY})
        answer = connection.getresponse()
        answer.read()
        times.append((time.monotonic() - begin) * 1000)
        assert answer.status == 200
    return times


def usage(platform: Platform) -> dict[str, float]:
    rng = random.Random(1)

    def query(**more: Any) -> dict[str, Any]:
        return {
            "meterApiName": f"meter-{rng.randrange(METERS)}",
            "timeGroupingInterval": "DAY",
            "timeRange": {
                "startTimeInSeconds": START // 1000,
                "endTimeInSeconds": START // 1000 + DAYS * 86400,
            },
            **more,
        }

    found = {}
    for name, count, make in [
        ("one customer", 300, lambda: query(filter={"customerId": f"customer-{rng.randrange(CUSTOMERS)}"})),
        ("top 100", 150, lambda: query(groupBy=["customerId"], take={"limit": 100})),
        ("all customers", 15, lambda: query(groupBy=["customerId"])),
    ]:
        times = sorted(milliseconds(platform, [make() for _ in range(count)]))
        found[f"{name}, median ms"] = statistics.median(times)
        found[f"{name}, p99 ms"] = times[min(len(times) - 1, int(len(times) * 0.99))]
    return found


def screens(platform: Platform) -> dict[str, float]:
    """Each page of the console as the server makes it: what is looked for is drawn anew each time."""
    rng = random.Random(2)
    platform.ingest("\n".join('{"meterApiName":"meter-1","meterValue":"x"}' for _ in range(500)).encode())
    for number in range(CUSTOMERS):
        customer = f"customer-{number}"
        platform.post("/customers", {"customerId": customer, "customerName": f"Customer {number}"})
    meters = platform.get("/meters")
    newest = int(platform.get("/events", limit=1)["events"][0]["number"])
    form = requests.post(
        f"{platform.url}/console/sign-in",
        data={"key": ADMIN_KEY},
        headers={"Origin": platform.url},
        allow_redirects=False,
        timeout=10,
    )
    cookies = form.cookies
    month = f"from={day(START)}&to={day(START + (DAYS - 1) * DAY)}"
    pages = {
        "overview": lambda: "overview",
        "get started": lambda: "start",
        "events": lambda: f"events?cursor={rng.randrange(1000, newest)}",
        "events of a meter": lambda: f"events?meter=meter-{rng.randrange(METERS)}",
        "events of a customer": lambda: f"events?customer=customer-{rng.randrange(CUSTOMERS)}",
        "an event": lambda: f"events/{rng.randrange(1, newest)}",
        "usage": lambda: f"usage?meter=meter-{rng.randrange(METERS)}&{month}&compare=1",
        "usage of a customer": lambda: (
            f"usage?meter=meter-{rng.randrange(METERS)}&{month}&customer=customer-{rng.randrange(CUSTOMERS)}"
        ),
        "a figure": lambda: (
            f"usage/figure?meter=meter-{rng.randrange(METERS)}&customer=customer-{rng.randrange(CUSTOMERS)}&{month}"
        ),
        "meters": lambda: "meters",
        "a meter": lambda: f"meters/{rng.choice(meters)['id']}",
        "customers": lambda: f"customers?start={rng.randrange(CUSTOMERS // 100) * 100}",
        "customers searched": lambda: f"customers?search=r-{rng.randrange(100, 999)}",
        "a customer": lambda: (
            f"customer?id=customer-{rng.randrange(CUSTOMERS)}&start={rng.randrange(6) * 30}"
        ),
        "rejects": lambda: "rejects",
        "settings": lambda: "settings",
    }
    found: dict[str, float] = {}
    largest = 0
    for name, path in pages.items():
        times = []
        for _ in range(40):
            begin = time.monotonic()
            answer = requests.get(f"{platform.url}/console/{path()}", cookies=cookies, timeout=60)
            times.append((time.monotonic() - begin) * 1000)
            assert answer.status_code == 200, answer.url
            largest = max(largest, len(answer.content))
        found[f"page: {name}, p95 ms"] = sorted(times)[int(len(times) * 0.95) - 1]
    return found | {"largest page, kB": largest / 1000}


def day(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(milliseconds // 1000))


def measure(size: int, directory: Path) -> dict[str, float]:
    with Platform(METERTAP, directory) as platform:
        for number in range(METERS):
            platform.define(f"meter-{number}", dimensions=["region", "plan", "route"])
        result = ingest(platform, size)
        assert platform.pipeline()["counted"] == size
        result |= usage(platform)
        result |= screens(platform)
        result["GB on disk"] = sum(file.stat().st_size for file in platform.data.iterdir()) / 1e9
        peak = Path(f"/proc/{platform.service.process.pid}/status").read_text()  # type: ignore[union-attr]
        result["peak memory MB"] = int(peak.split("VmHWM:")[1].split()[0]) / 1000
    return result


def main() -> None:
    results = {}
    for size in SIZES:
        directory = Path(tempfile.mkdtemp(prefix="metertap-bench-"))
        try:
            results[size] = measure(size, directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    progress("")
    print(f"{'':32}" + "".join(f"{size:>16,}" for size in SIZES))
    for name in results[SIZES[0]]:
        print(f"{name:32}" + "".join(f"{results[size][name]:>16,.1f}" for size in SIZES))
    version = subprocess.run([str(METERTAP), "version"], capture_output=True, text=True, check=True).stdout
    Report("platform").finish(version=version.strip(), results=results)


if __name__ == "__main__":
    main()
