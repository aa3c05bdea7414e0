"""What a million meters cost on AWS, by path: list prices times what was measured.

Prints the tables of docs/costs.md; a test compares them. The formulas are the functions below, one for each
path, in dollars for a month of a workload.
"""

import gzip
import json
import math
import random
from dataclasses import dataclass

from components.samples import Event, Line, envelope

HOURS = 730  # of a month
SECONDS = HOURS * 3600
GB = 1 << 30

# List prices of us-east-1 in dollars, November 2026, by the page of AWS that lists them.
STREAM_HOUR, STREAM_GB_IN, STREAM_GB_OUT = 0.04, 0.08, 0.04  # kinesis/data-streams/pricing, on demand
STREAM_GB_MONTH_EXTENDED = 0.10  # the same: beyond 24 hours, up to seven days
SHARD_HOUR, SHARD_HOUR_EXTENDED, PUT_UNIT = 0.015, 0.020, 0.014e-6  # the same, provisioned; a unit is 25 KB
INVOCATION, GB_SECOND = 0.20e-6, 0.0000166667  # lambda/pricing, x86_64
S3_PUT, S3_GET, S3_GB_MONTH = 0.005e-3, 0.0004e-3, 0.023  # s3/pricing, Standard
LOG_GB = 0.50  # cloudwatch/pricing: ingestion of logs
ALARM, METRIC, DASHBOARD = 0.10, 0.30, 3.00  # the same
MACHINE_HOUR = 0.0084  # ec2/pricing/on-demand, t4g.micro

# Measured. Bytes of an envelope after gzip, by log events in it: `measured_envelope` below.
ENVELOPE_BYTES = {1: 339, 10: 689, 100: 3743}
# Of a record in an object of the bucket, with provenance, after gzip.
OBJECT_BYTES = 46
# Processor time of the agent for a record: integration/bench_agent.py, 933 ms for 69,000 on one core.
CORE_SECONDS = 14e-6
# Log events for each second of processor time of an audit, and of the collector: integration/bench_audit.py,
# integration/bench_collect.py.
AUDIT_EVENTS, COLLECTOR_EVENTS = 97e3, 81_600
# A log line of 250 bytes, the agent's own line, and Lambda's three.
LOG_LINE, AGENT_LINES = 250, 1100
# Assumed: what a PutObject takes, for which the function waits.
PUT_SECONDS = 0.06

# As the template sets it.
MEMORY_GB, CORE_GB = 0.5, 1769 / 1024
WINDOW, BATCH, BATCH_BYTES = 5, 1000, 6_000_000
ON_DEMAND_SHARDS = 4
EXTRA_DAYS = 6  # of retention, beyond the first
ALARMS, METRICS = 10, 3


@dataclass
class Workload:
    """Meters a month, and how many of them CloudWatch Logs puts into one envelope."""

    meters: float
    together: int

    @property
    def envelopes(self) -> float:
        return self.meters / self.together

    @property
    def bytes(self) -> int:
        return ENVELOPE_BYTES[self.together]


WORKLOADS = {
    "1 million": Workload(1e6, 1),
    "100 million": Workload(100e6, 10),
    "10 billion": Workload(10e9, 100),
}


def watching() -> float:
    """Alarms, the metrics of the accounting line, the dashboard, without what AWS gives for nothing."""
    return ALARMS * ALARM + METRICS * METRIC + DASHBOARD


def invocations(work: Workload, shards: int) -> float:
    """A batch closes after a window, at a number of envelopes, or at what an invocation carries."""
    in_a_window = work.envelopes / SECONDS / shards * WINDOW
    return work.envelopes / max(1, min(in_a_window, BATCH, BATCH_BYTES / (work.bytes * 4 / 3)))


def agent(work: Workload, invoked: float) -> float:
    """Invocations, the time they take, their log, and the objects that they write."""
    busy = work.meters * CORE_SECONDS * CORE_GB  # a share of a core takes the longer, at the same GB-seconds
    waiting = invoked * PUT_SECONDS * MEMORY_GB
    log = invoked * AGENT_LINES / GB * LOG_GB
    stored = work.meters * OBJECT_BYTES / GB * S3_GB_MONTH
    return invoked * (INVOCATION + S3_PUT + S3_GET) + (busy + waiting) * GB_SECOND + log + stored


def on_demand(work: Workload) -> float:
    """Each record counts as whole KB, in and out."""
    gigabytes = work.envelopes * math.ceil(work.bytes / 1024) * 1024 / GB
    kept = gigabytes * EXTRA_DAYS / (HOURS / 24) * STREAM_GB_MONTH_EXTENDED
    stream = HOURS * STREAM_HOUR + gigabytes * (STREAM_GB_IN + STREAM_GB_OUT) + kept
    return stream + agent(work, invocations(work, ON_DEMAND_SHARDS)) + watching()


def provisioned(work: Workload) -> float:
    """As many shards as take twice the average, by records and by bytes."""
    rate = work.envelopes / SECONDS
    shards = math.ceil(2 * max(rate / 1000, rate * work.bytes / 1e6))
    units = work.envelopes * math.ceil(work.bytes / 25_000)
    stream = shards * HOURS * (SHARD_HOUR + SHARD_HOUR_EXTENDED) + units * PUT_UNIT
    return stream + agent(work, invocations(work, shards)) + watching()


def direct(work: Workload) -> float:
    """Each envelope is an invocation."""
    return agent(work, work.envelopes) + watching()


def pull(work: Workload) -> float:
    """A collector on the smallest machines: reading logs costs nothing; an object is written every minute."""
    # A tenth of a processor is what such a machine gives without end.
    machines = math.ceil(work.meters / COLLECTOR_EVENTS / SECONDS / 0.1)
    objects = machines * SECONDS / 60
    stored = work.meters * OBJECT_BYTES / GB * S3_GB_MONTH
    return machines * HOURS * MACHINE_HOUR + objects * (S3_PUT + S3_GET) + stored


def audit(work: Workload) -> float:
    """Once over everything, with nothing but meters in the logs: an hour of a machine reads what it reads."""
    return work.meters / AUDIT_EVENTS / 3600 * MACHINE_HOUR


def logging(work: Workload) -> float:
    """What the log lines themselves cost, with Metertap or without."""
    return work.meters * LOG_LINE / GB * LOG_GB


PATHS = {
    "Kinesis on demand, Lambda, S3": on_demand,
    "Kinesis provisioned, Lambda, S3": provisioned,
    "direct: Lambda, S3": direct,
    "collector that pulls": pull,
    "an audit of all of it": audit,
    "for comparison: logging the lines": logging,
}


def measured_envelope(together: int) -> int:
    """Bytes of an envelope of log lines of one service, after gzip."""
    return len(gzip.compress(sample_envelope(together)))


def sample_envelope(together: int) -> bytes:
    """An envelope with a meter record in each log event."""
    chooser = random.Random(7)
    events = []
    for index in range(together):
        record = {
            "customerId": f"customer-{chooser.randrange(500)}",
            "meterApiName": "ApiCalls",
            "meterValue": chooser.randrange(1, 100),
            "dimensions": {"method": "POST", "route": f"/v1/orders/{chooser.randrange(10_000)}"},
        }
        trace = f"{chooser.getrandbits(64):016x}"
        message = (
            f"2026-01-02T10:00:00Z INFO {trace} request done amberflo_meter: {json.dumps(record)} took 3 ms"
        )
        number = 38_469_870 * 10**48 + chooser.randrange(10**12)
        events.append(Event(f"{number:056d}", 1_767_225_600_000 + index, Line(message)))
    return envelope(events, "/app/shop", "web-1")


def dollars(value: float) -> str:
    """Three significant digits, never a zero that is none."""
    digits = max(2, 2 - math.floor(math.log10(value)))
    return f"${value:,.{digits}f}"


def table() -> str:
    """Dollars for a million meters, by path and workload."""
    lines = [
        f"| path | {' | '.join(f'{name} a month' for name in WORKLOADS)} |",
        f"| --- |{' ---: |' * len(WORKLOADS)}",
    ]
    for name, path in PATHS.items():
        cells = [dollars(path(work) / work.meters * 1e6) for work in WORKLOADS.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def idle() -> str:
    """Dollars of a month without a single meter."""
    stream, shard = HOURS * STREAM_HOUR, HOURS * (SHARD_HOUR + SHARD_HOUR_EXTENDED)
    rows = {"on demand": stream, "one provisioned shard": shard, "direct": 0.0}
    lines = ["| without traffic | a month |", "| --- | ---: |"]
    return "\n".join([*lines, *(f"| {name} | ${cost + watching():.2f} |" for name, cost in rows.items())])


if __name__ == "__main__":
    print(table(), idle(), sep="\n\n")
