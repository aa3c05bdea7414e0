"""Measures what the backfill and the audit take to read a log group, beside `metertap extract`.

The log group is a fake of CloudWatch Logs whose pages are made beforehand; counted is the processor time of
`metertap` alone, its HTTP client included. The backfill writes all records to stdout as `extract` does, or
into a directory, compressed; the audit compares them with what that directory holds, and so reads both.
Prints tables and bars, and writes bench-results/readers.json. METERTAP_BENCH_ROUNDS and
METERTAP_BENCH_KINESIS_RECORDS make it shorter or longer.
"""

import gzip
import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from components import corpus
from components.bench import ROOT, Report, amount, cpu_seconds, interleaved, median
from components.cloudwatch import RenderedLogs
from components.emulators import REGION
from components.processes import clean_environment

METERTAP = ROOT / ".build" / "release" / "metertap"
KINESIS_RECORDS = int(amount("KINESIS_RECORDS", "300", "5"))
EXTRACT, BACKFILL, STORED, AUDIT = (
    "metertap extract",
    "backfill to stdout",
    "backfill to a directory",
    "audit of that directory",
)


def page_events(data: corpus.Corpus) -> list[tuple[int, str]]:
    """The corpus as FilterLogEvents answers it."""
    events = []
    for member in corpus.read_pieces(data.members):
        for event in corpus.page(json.loads(gzip.decompress(member))["logEvents"])["events"]:
            events.append((event["timestamp"], json.dumps(event, separators=(",", ":"))))
    return events


def measure(report: Report, directory: Path, kind: str) -> None:
    data = corpus.write(directory, kind, KINESIS_RECORDS)
    logs = RenderedLogs(corpus.GROUP, page_events(data))
    sink, rejects = directory / f"{kind} sink", directory / "rejects"
    times = [f"--{name}={corpus.stamp(at)}" for name, at in (("from", 0), ("to", data.count))]
    environment = clean_environment(
        AWS_ENDPOINT_URL=logs.url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION=REGION,
        METERTAP_PROVENANCE="true",
    )
    group = ["--log-group", corpus.GROUP, *times]
    backfill = [METERTAP, "backfill", *group, "--rejects", rejects.as_uri(), "--sink"]
    audit = [
        METERTAP,
        "audit",
        *group,
        "--bucket",
        sink.as_uri(),
        "--records",
        directory / "records",
        "--json",
    ]
    try:
        done = subprocess.run(
            [*backfill, "-"], env=environment, cwd=directory, check=True, capture_output=True
        )
        assert done.stdout.count(b"\n") == data.tagged, "the backfill finds other records"
        assert json.loads(done.stderr)["events"] == data.count, "the backfill reads other events"
        run = partial(cpu_seconds, environment=environment, directory=directory)
        values = interleaved(
            {
                EXTRACT: partial(run, [METERTAP, "extract", data.events]),
                BACKFILL: partial(run, [*backfill, "-"]),
                STORED: partial(run, [*backfill, sink.as_uri()]),
                AUDIT: partial(run, audit),
            }
        )
    finally:
        logs.close()
    report.table(f"{data.count:,} log events, {kind}", values, "CPU seconds", base=EXTRACT)
    for name, series in values.items():
        print(f"  {name:28}{data.count / median(series):14,.0f} events for each CPU second")
    for name, reader in ((BACKFILL, "the backfill's reader"), (AUDIT, "the audit, all compared")):
        what = f"{reader} against extract, {kind}"
        report.ratio(what, values[EXTRACT], values[name], 0.5, 0.5, higher_is_better=True)


def main() -> None:
    report = Report("readers")
    with tempfile.TemporaryDirectory() as name:
        for kind in ("common", "untagged"):
            measure(report, Path(name), kind)
    report.finish()


if __name__ == "__main__":
    main()
