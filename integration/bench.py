"""Measures `metertap extract` beside a Python agent, a Node agent, `grep`, and what no agent can avoid.

Prints tables and bars, and writes bench-results/extract.json. The corpora come from components/corpus.py,
the opponents from reference/. METERTAP_BENCH_ROUNDS, METERTAP_BENCH_KINESIS_RECORDS and METERTAP_BENCH_LOG_MB
make it shorter or longer.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from components import corpus
from components.bench import ROOT, Report, cpu_seconds, floor, interleaved, median

METERTAP = ROOT / ".build" / "release" / "metertap"
REFERENCE = ROOT / "integration" / "reference"
KINESIS_RECORDS = int(os.environ.get("METERTAP_BENCH_KINESIS_RECORDS", "300"))
LOG_BYTES = int(os.environ.get("METERTAP_BENCH_LOG_MB", "1000")) * 1_000_000
TAGGED = 0.01
OURS, FLOOR, PYTHON, NODE = "metertap extract", "inflate alone", "Python agent", "Node agent"


def measure_events(report: Report, directory: Path, kind: str) -> None:
    data = corpus.write(directory, kind, KINESIS_RECORDS)
    found = subprocess.run([METERTAP, "extract", data.events], check=True, capture_output=True).stdout.count(
        b"\n"
    )
    assert found == data.tagged, f"{found} records instead of {data.tagged}"
    runs = {
        OURS: partial(cpu_seconds, [METERTAP, "extract", data.events]),
        FLOOR: partial(cpu_seconds, [floor(directory), data.members]),
    }
    if kind == "common":
        runs[PYTHON] = partial(cpu_seconds, [sys.executable, REFERENCE / "python_agent.py", data.events])
        runs[NODE] = partial(cpu_seconds, [shutil.which("node"), REFERENCE / "node_agent.js", data.events])
    values = interleaved(runs)
    report.table(f"{data.count:,} log events, {kind}", values, "CPU seconds", base=FLOOR)
    ours = median(values[OURS])
    print(f"  {data.count / ours:,.0f} events for each CPU second")
    ratio = ours / median(values[FLOOR])
    if kind == "common":
        python, node = median(values[PYTHON]) / ours, median(values[NODE]) / ours
        report.bar("events per CPU second against the Python agent", python, 10, 16, higher_is_better=True)
        report.bar("events per CPU second against the Node agent", node, 5, 7, higher_is_better=True)
    limits = {"common": (2.5, 1.7), "untagged": (1.8, 1.4), "other forms": (4, 2.5)}[kind]
    report.bar(f"time against inflate alone, {kind}", ratio, *limits)


def write_log(path: Path) -> int:
    """A log file; how many of its lines hold a record."""
    chooser = random.Random(corpus.SEED)
    # Lines are drawn from a pool, or writing them would take longer than all that is measured.
    plain = [corpus.untagged(chooser, 100 * number + 1) for number in range(5_000)]
    size = tagged = 0
    with path.open("w") as log:
        while size < LOG_BYTES:
            lines = chooser.sample(plain, 99)
            lines.insert(chooser.randrange(100), corpus.common(chooser, tagged))
            text = "\n".join(lines) + "\n"
            log.write(text)
            size += len(text)
            tagged += 1
    return tagged


def measure_lines(report: Report, directory: Path) -> None:
    log = directory / "app.log"
    tagged = write_log(log)
    result = subprocess.run([METERTAP, "extract", log], check=True, capture_output=True)
    summary = json.loads(result.stderr)
    assert summary["records"] == tagged, summary
    values = interleaved(
        {
            OURS: partial(cpu_seconds, [METERTAP, "extract", log]),
            "grep -c": partial(cpu_seconds, ["grep", "-c", "amberflo_meter", log]),
        },
        rounds=3,
    )
    size = log.stat().st_size
    report.table(f"{size / 1e6:,.0f} MB of log, {TAGGED:.0%} tagged", values, "CPU seconds", base="grep -c")
    ratio = median(values[OURS]) / median(values["grep -c"])
    report.bar("a log file against grep -c", ratio, 1.5, 1)


def main() -> None:
    report = Report("extract")
    with tempfile.TemporaryDirectory() as name:
        for kind in corpus.KINDS:
            measure_events(report, Path(name), kind)
        measure_lines(report, Path(name))
    report.finish()


if __name__ == "__main__":
    main()
