"""Measures `metertap extract` beside `grep` and a Python agent on the same log, in interleaved rounds.

The Python agent works in the manner of the vendor's: a regular expression and json.loads for each line, with
the network taken out. Prints a table and writes bench-results/extract.json.
"""

import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
METERTAP = ROOT / ".build" / "release" / "metertap"
ROUNDS = int(os.environ.get("METERTAP_BENCH_ROUNDS", "5"))
LINES = int(os.environ.get("METERTAP_BENCH_LINES", "300000"))

PYTHON_AGENT = r"""
import json, re, sys
tag = re.compile(r"amberflo_meter: (\{.*?\}\}?)")
for line in open(sys.argv[1]):
    found = tag.search(line)
    if found:
        record = json.loads(found.group(1))
        print(json.dumps({k: record[k] for k in ("meterApiName", "meterValue", "customerId", "dimensions")}))
"""


def write_log(path: Path, share: float) -> None:
    chooser = random.Random(7)
    with path.open("w") as log:
        for number in range(LINES):
            if chooser.random() < share:
                record = {
                    "customerId": f"customer-{chooser.randrange(500)}",
                    "meterApiName": "ApiCalls",
                    "meterValue": chooser.randrange(1, 100),
                    "dimensions": {"method": "POST", "route": f"/v1/orders/{number}"},
                }
                log.write(f"2026-01-02T03:04:05Z INFO done amberflo_meter: {json.dumps(record)} took 3 ms\n")
            else:
                log.write(
                    f"2026-01-02T03:04:05Z INFO GET /v1/orders/{number} 200 {number % 90} ms from 10.1.2.3\n"
                )


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        agent = Path(directory) / "agent.py"
        agent.write_text(PYTHON_AGENT)
        for share in (0.01, 0.3, 1.0):
            log = Path(directory) / "app.log"
            write_log(log, share)
            commands = {
                "metertap extract": [str(METERTAP), "extract", str(log)],
                "python agent": [sys.executable, str(agent), str(log)],
                "grep -c": ["grep", "-c", "amberflo_meter", str(log)],
            }
            times: dict[str, list[float]] = {name: [] for name in commands}
            for _ in range(ROUNDS):
                for name, command in commands.items():
                    times[name].append(cpu_seconds(command))
            size = log.stat().st_size
            print(
                f"\n{share:.0%} of {LINES:,} lines tagged, {size / 1e6:.0f} MB, {ROUNDS} rounds, CPU seconds"
            )
            print(f"  {'':18}{'median':>9}{'least':>9}{'most':>9}{'MB/s':>9}{'ratio':>9}")
            ours = statistics.median(times["metertap extract"])
            for name, seconds in times.items():
                median = statistics.median(seconds)
                print(
                    f"  {name:18}{median:9.3f}{min(seconds):9.3f}{max(seconds):9.3f}"
                    f"{size / 1e6 / median:9.0f}{median / ours:9.2f}"
                )
            results[f"{share:.0%}"] = {name: statistics.median(seconds) for name, seconds in times.items()}
    target = ROOT / "bench-results" / "extract.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(
        json.dumps({"machine": platform.machine(), "lines": LINES, "cpuSeconds": results}, indent=2)
    )
    print(f"\n{target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
