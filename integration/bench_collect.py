"""Measures `metertap collect`: processor time, memory, calls, and how large its memory of events grows.

It reads a log group of a fake of CloudWatch Logs to its end, every event with a meter record. Wall-clock time
is what the collector's own rate for calls makes it, 5 a second at first. Prints a table and writes
bench-results/collect.json; METERTAP_BENCH_COLLECTED_EVENTS=200000 names the size.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from bench_audit import ROOT, START, members
from components.bench import Report, amount
from components.cloudwatch import MadeUpLogs
from components.emulators import REGION
from components.platform import DAY
from components.processes import Service, clean_environment

METERTAP = ROOT / ".build" / "release" / "metertap"
COUNT = int(amount("COLLECTED_EVENTS", "200000", "5000"))
TICKS = os.sysconf("SC_CLK_TCK")


def message(number: int) -> str:
    return f"2026-01-02T03:04:05Z INFO done amberflo_meter: {json.dumps(members(number))} took 3 ms"


def run(directory: Path) -> dict[str, float]:
    logs = MadeUpLogs("/app/bench", START, COUNT, max(1, DAY // COUNT), message)
    connection = {"name": "bench", "log-groups": ["/app/bench"], "start": "4d"}
    settings = {"sink": f"file://{directory / 'sink'}", "state": str(directory / "state")}
    (directory / "metertap.yaml").write_text(json.dumps(settings | {"connections": [connection]}))
    environment = clean_environment(
        AWS_ENDPOINT_URL=logs.url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION=REGION,
    )
    begin = time.monotonic()
    service = Service([str(METERTAP), "collect"], directory / "collect.log", environment)
    try:
        # No call for some time: everything is read, and the next look is not due yet.
        last = -1
        while logs.calls != last or not logs.calls:
            last = logs.calls
            time.sleep(4)
        seconds = time.monotonic() - begin - 4
        process = Path(f"/proc/{service.process.pid}")
        cpu = (
            sum(int(word) for word in (process / "stat").read_text().rsplit(") ", 1)[1].split()[11:13])
            / TICKS
        )
        peak = int((process / "status").read_text().split("VmHWM:")[1].split()[0]) * 1024
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(30)
        [line] = [line for line in service.log.read_text().splitlines() if line.startswith("{")]
        report = json.loads(line)
    finally:
        service.stop()
        logs.close()
    assert report["delivered"] == COUNT, report
    state = sum(path.stat().st_size for path in (directory / "state").iterdir())
    return {
        "seconds": seconds,
        "events a CPU second": COUNT / cpu,
        "peak memory MiB": peak / 2**20,
        "calls a million events": report["calls"] * 1e6 / COUNT,
        "bytes of state an event": state / COUNT,
    }


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="metertap-bench-"))
    try:
        results = run(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, value in results.items():
        print(f"{name:32}{value:>16,.1f}")
    Report("collect").finish(events=COUNT, results=results)


if __name__ == "__main__":
    main()
