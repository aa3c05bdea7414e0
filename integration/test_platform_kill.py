"""Kill -9 at random moments: what was answered with 200 is counted, nothing twice, nothing to repair."""

import gzip
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from components.platform import ADMIN_KEY, DAY, Platform, recent, to_json

RUNS = int(os.environ.get("METERTAP_KILL_RUNS") or 20)
CLIENTS = 4


class Client(threading.Thread):
    """Sends batches, each again until it is answered with 200, as a real client does."""

    def __init__(self, number: int, seed: str):
        super().__init__(daemon=True)
        self.number = number
        self.rng = random.Random(f"{seed}/{number}")
        self.url = ""
        self.is_stopping = threading.Event()
        self.acknowledged: dict[str, int] = {}
        self.open: dict[str, int] = {}
        self.count = 0
        self.error: str | None = None

    def run(self) -> None:
        while not self.is_stopping.is_set():
            batch = [self.record() for _ in range(self.rng.choice([1, 20, 300]))]
            self.open = {record["uniqueId"]: record["meterValue"] for record in batch}
            while not self.is_stopping.is_set():
                try:
                    answer = requests.post(
                        f"{self.url}/ingest",
                        data=gzip.compress(to_json(batch)),
                        headers={"X-API-KEY": ADMIN_KEY, "Content-Encoding": "gzip"},
                        timeout=10,
                    )
                except requests.RequestException:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.acknowledged |= self.open
                    self.open = {}
                    break
                if answer.status_code != 503:
                    self.error = f"{answer.status_code}: {answer.text}"
                    return
                time.sleep(0.02)

    def record(self) -> dict[str, Any]:
        self.count += 1
        return {
            "meterApiName": self.rng.choice(["calls", "late"]),
            "customerId": f"c{self.rng.randint(0, 20)}",
            "meterValue": self.rng.randint(1, 9),
            "meterTimeInMillis": recent() + self.rng.randrange(5 * DAY),
            "uniqueId": f"{self.number}-{self.count}",
            "dimensions": {"region": self.rng.choice(["eu", "us"])},
        }


def write_object(bucket: Path, client: Client) -> dict[str, int]:
    """An object of the agent's kind, in place at once."""
    records = [client.record() for _ in range(2000)]
    name = f"{records[0]['uniqueId']}.ndjson.gz"
    partial = bucket.parent / name
    partial.write_bytes(gzip.compress(b"\n".join(map(to_json, records)), 1))
    partial.rename(bucket / name)
    return {record["uniqueId"]: record["meterValue"] for record in records}


def usage(platform: Platform, meter: str, interval: str, **more: Any) -> tuple[Any, Any]:
    """Sum and count."""
    found = []
    for aggregation in ("SUM", "COUNT"):
        query = {
            "meterApiName": meter,
            "aggregation": aggregation,
            "timeGroupingInterval": interval,
            "timeRange": {"startTimeInSeconds": recent() // 1000, "endTimeInSeconds": recent(4) // 1000},
            **more,
        }
        series = platform.post("/usage/sparse", query)["clientMeters"]
        found.append(sum(one["groupValue"] for one in series))
    return found[0], found[1]


@pytest.mark.timeout(300 + 10 * RUNS)
def test_killed_at_random_moments(cli: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    print(f"seed {seed}, {RUNS} kills")
    writer = Client(99, str(seed))
    objects: dict[str, int] = {}
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls", dimensions=["region"])
        clients = [Client(number, str(seed)) for number in range(CLIENTS)]
        for client in clients:
            client.url = platform.url
            client.start()
        for run in range(RUNS):
            objects |= write_object(bucket, writer)
            time.sleep(rng.uniform(0.05, 0.8))
            platform.kill()
            # It comes up by itself: nothing is repaired between a kill and the next start.
            platform.start()
            for client in clients:
                client.url = platform.url
            if run == RUNS // 2:
                # A meter that is defined late takes in what came before.
                platform.define("late", dimensions=["region"])
            assert not any(client.error for client in clients), [client.error for client in clients]
        for client in clients:
            client.is_stopping.set()
        for client in clients:
            client.join(20)
        platform.wait_until_ready()
        check(platform, clients, objects)
        # A restart changes nothing.
        platform.restart()
        platform.wait_until_ready()
        check(platform, clients, objects)


def check(platform: Platform, clients: list[Client], objects: dict[str, int]) -> None:
    stored: dict[str, int] = {}
    for event in platform.events():
        assert event["uniqueId"] not in stored, "counted twice"
        assert event["state"] == "counted"
        stored[event["uniqueId"]] = int(event["meterValue"])
    acknowledged = objects | {key: value for client in clients for key, value in client.acknowledged.items()}
    # What was not answered may be there or not, as a whole.
    opened = [client.open for client in clients if client.open]
    assert acknowledged.items() <= stored.items(), "an answered record is missing"
    extra = stored.keys() - acknowledged.keys()
    for batch in opened:
        assert not extra & batch.keys() or batch.keys() <= extra, "half a batch is stored"
    assert extra <= {key for batch in opened for key in batch}
    figures = platform.pipeline()
    assert figures["counted"] == len(stored)
    assert figures["rejected"] == figures["undefined"] == figures["cancelled"] == 0
    expected = (sum(stored.values()), len(stored))
    for interval, more in [
        ("DAY", {}),
        ("HOUR", {}),
        ("DAY", {"groupBy": ["region", "customerId"]}),
        ("HOUR", {"groupBy": ["region"]}),
        ("MINUTE", {}),  # is read from the records themselves
    ]:
        parts = [usage(platform, meter, interval, **more) for meter in ("calls", "late")]
        assert tuple(map(sum, zip(*parts, strict=True))) == expected, (interval, more)
    print(f"{len(acknowledged)} acknowledged, {len(extra)} more stored, {figures['duplicate']} duplicates")
