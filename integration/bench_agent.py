"""Measures the agent on one event of 6 MB: 69 Kinesis records with 69,000 log events, each with a record.

In turns as a function with the memory of one core, and with the memory of two: then envelopes are read on all
the cores that there are. Prints a table and writes bench-results/agent.json.
"""

import gzip
import json
import os
import platform
import random
import statistics
import tempfile
from pathlib import Path

from components.runtime_api import Agent
from components.samples import Event, Line, envelope, kinesis_event, kinesis_record

ROOT = Path(__file__).resolve().parents[1]
EXECUTABLE = ROOT / ".build" / "release" / "metertap-lambda"
ROUNDS = int(os.environ.get("METERTAP_BENCH_ROUNDS", "9"))
KINESIS_RECORDS, LOG_EVENTS = 69, 1000
TIME = 1_767_225_600_000
MEMORY = {"one core": 1769, "all cores": 3538}


def event() -> bytes:
    chooser = random.Random(7)
    records = []
    for number in range(KINESIS_RECORDS):
        events = []
        for index in range(LOG_EVENTS):
            record = {
                "customerId": f"customer-{chooser.randrange(500)}",
                "meterApiName": "ApiCalls",
                "meterValue": chooser.randrange(1, 100),
                "dimensions": {"method": "POST", "route": f"/v1/orders/{chooser.randrange(10_000)}"},
            }
            message = f"INFO {chooser.getrandbits(208):052x} amberflo_meter: {json.dumps(record)} took 3 ms"
            events.append(Event(f"{chooser.getrandbits(100):056d}", TIME + index, Line(message)))
        records.append(kinesis_record(number, gzip.compress(envelope(events, "/app/shop", "web-1"))))
    return json.dumps(kinesis_event(records)).encode()


def main() -> None:
    payload = event()
    cores = len(os.sched_getaffinity(0))
    count = KINESIS_RECORDS * LOG_EVENTS
    print(f"{KINESIS_RECORDS} Kinesis records, {count:,} log events with a record each, ", end="")
    print(f"{len(payload) / 1e6:.1f} MB, {cores} cores, {ROUNDS} rounds, milliseconds")
    times: dict[str, list[int]] = {name: [] for name in MEMORY}
    peaks = {}
    with tempfile.TemporaryDirectory() as directory:
        agents = {
            name: Agent(
                [str(EXECUTABLE)],
                METERTAP_SINK=f"file://{directory}/{memory}",
                METERTAP_PROVENANCE="true",
                AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory),
            )
            for name, memory in MEMORY.items()
        }
        for _ in range(ROUNDS + 1):
            for name, agent in agents.items():
                answer = agent.invoke(payload, deadline=60)
                assert answer.kind == "response" and not answer.failed_from, answer
                assert answer.accounting["delivered"] == count, answer
                times[name].append(answer.accounting["milliseconds"])
        for name, agent in agents.items():
            peaks[name] = agent.peak_memory()
            agent.close()
    first = statistics.median(times["one core"][1:])
    print(f"  {'':12}{'median':>9}{'least':>9}{'most':>9}{'ratio':>9}{'peak MiB':>10}")
    for name, values in times.items():
        measured = values[1:]  # the first time the objects are written
        median = statistics.median(measured)
        print(
            f"  {name:12}{median:9.0f}{min(measured):9}{max(measured):9}{median / first:9.2f}"
            f"{peaks[name] / (1 << 20):10.0f}"
        )
    target = ROOT / "bench-results" / "agent.json"
    target.parent.mkdir(exist_ok=True)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    target.write_text(
        json.dumps({"machine": platform.machine(), "cores": cores, "milliseconds": medians}, indent=2)
    )
    print(f"\n{target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
