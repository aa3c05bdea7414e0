"""Measures `metertap extract` beside Python and Node agents, Tenzir, jq, grep, and what nobody can avoid.

Prints tables and bars, and writes bench-results/extract.json. The corpora come from components/corpus.py,
the opponents from reference/. METERTAP_BENCH_ROUNDS, METERTAP_BENCH_KINESIS_RECORDS and METERTAP_BENCH_LOG_MB
make it shorter or longer.
"""

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from components import corpus
from components.bench import ROOT, ROUNDS, Report, amount, cpu_seconds, floor, interleaved, median

METERTAP = ROOT / ".build" / "release" / "metertap"
REFERENCE = ROOT / "integration" / "reference"
KINESIS_RECORDS = int(amount("KINESIS_RECORDS", "300", "5"))
LOG_BYTES = int(amount("LOG_MB", "1000", "10")) * 1_000_000
TAGGED = 0.01
OURS, FLOOR, PYTHON, NODE = "metertap extract", "inflate alone", "Python agent", "Node agent"
TENZIR = "Tenzir"


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
    ours = values[OURS]
    print(f"  {data.count / median(ours):,.0f} events for each CPU second")
    if kind == "common":
        for name, bar, goal in ((PYTHON, 10, 16), (NODE, 5, 7)):
            what = f"events per CPU second against the {name}"
            report.ratio(what, values[name], ours, bar, goal, higher_is_better=True)
    limits = {"common": (2.5, 1.7), "untagged": (1.8, 1.4), "other forms": (4, 2.5)}[kind]
    report.ratio(f"time against inflate alone, {kind}", ours, values[FLOOR], *limits)


def measure_arrangements(report: Report, directory: Path) -> None:
    """The same envelopes as CloudWatch Logs writes them, and as emulators and re-writers do."""
    chooser = random.Random(corpus.SEED)
    envelopes = [
        json.loads(corpus.envelope(chooser, corpus.common, number * corpus.LOG_EVENTS))
        for number in range(KINESIS_RECORDS)
    ]
    rewritten = [
        envelope
        | {"logEvents": [{"entity": None} | dict(reversed(e.items())) for e in envelope["logEvents"]]}
        for envelope in envelopes
    ]
    inputs = {
        "compact": [json.dumps(envelope, separators=(",", ":")) for envelope in envelopes],
        "with spaces": [json.dumps(envelope) for envelope in envelopes],
        "indented, in another order": [json.dumps(envelope, indent=1) for envelope in rewritten],
    }
    runs, outputs = {}, []
    for name, texts in inputs.items():
        path = directory / f"{name.replace(' ', '-')}.json"
        path.write_text("\n".join(texts) + "\n")
        runs[name] = partial(cpu_seconds, [METERTAP, "extract", path])
        outputs.append(subprocess.run([METERTAP, "extract", path], check=True, capture_output=True).stdout)
    assert outputs[0].count(b"\n") == KINESIS_RECORDS * corpus.LOG_EVENTS and len(set(outputs)) == 1
    values = interleaved(runs)
    report.table(
        f"{KINESIS_RECORDS * corpus.LOG_EVENTS:,} log events in plain envelopes", values, "CPU seconds",
        base="compact",
    )  # fmt: skip
    for name in list(inputs)[1:]:
        what = f"time against compact envelopes, {name}"
        report.ratio(what, values[name], values["compact"], 1.3, 1.2)


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
        rounds=min(3, ROUNDS),
    )
    title = f"{log.stat().st_size / 1e6:,.0f} MB of log, {TAGGED:.0%} tagged"
    report.table(title, values, "CPU seconds", base="grep -c")
    report.ratio("a log file against grep -c", values[OURS], values["grep -c"], 1.5, 1)


def tenzir(path: Path, directory: Path) -> list[str | Path]:
    """The command that writes Metertap's lines with Tenzir's engine, which checks nothing in them."""
    members = ("uniqueId", "meterApiName", "meterValue", "meterTimeInMillis", "customerId", "dimensions")
    record = ", ".join(f"{name}: amberflo_meter.{name}" for name in members)
    pipeline = directory / "pipeline.tql"
    pipeline.write_text(
        f'from_file "{path}" {{ read_ndjson }}\nthis = {{{record}}}\nwrite_ndjson\nsave_stdout\n'
    )
    package = importlib.util.find_spec("tenzir")
    assert package and package.origin, "tenzir is not installed: scripts/setup bench"
    return [Path(package.origin).parent / "bundled" / "bin" / "tenzir", "-f", pipeline]


def measure_ndjson(report: Report, directory: Path) -> None:
    """One JSON document a line, each with a record with an id of its own: what a query engine can read."""
    chooser = random.Random(corpus.SEED)
    path, count = directory / "events.ndjson", KINESIS_RECORDS * corpus.LOG_EVENTS
    with path.open("w") as file:
        for number in range(count):
            file.write(corpus.json_line(chooser, number, own_ids=1) + "\n")
    commands: dict[str, list[str | Path]] = {
        OURS: [METERTAP, "extract", path],
        TENZIR: tenzir(path, directory),
        "jq": ["jq", "-c", ".amberflo_meter", path],
    }
    for name, command in commands.items():
        lines = subprocess.run(command, check=True, capture_output=True).stdout.count(b"\n")
        assert lines == count, f"{name} writes {lines} lines"
    values = interleaved({name: partial(cpu_seconds, command) for name, command in commands.items()})
    report.table(f"{count:,} log lines, JSON alone", values, "CPU seconds", base=OURS)


def main() -> None:
    report = Report("extract")
    with tempfile.TemporaryDirectory() as name:
        for kind in corpus.KINDS:
            measure_events(report, Path(name), kind)
        measure_arrangements(report, Path(name))
        measure_ndjson(report, Path(name))
        measure_lines(report, Path(name))
    report.finish()


if __name__ == "__main__":
    main()
