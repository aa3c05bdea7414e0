"""Measures the agent of the Lambda function: its start, one event of 6 MB, its memory, its zip.

Beside its start stands that of Lambda's own client for Python, awslambdaric; beside the event a Python agent
with boto3, both putting to a real S3 server (SeaweedFS) on this machine, and what cannot be avoided:
inflating what comes and deflating what goes. Prints tables and bars, and writes bench-results/agent.json.
"""

import gzip
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from components import corpus
from components.bench import ROOT, ROUNDS, SHORT, Report, cpu_seconds, floor, interleaved
from components.emulators import SeaweedFS
from components.runtime_api import Agent
from components.samples import kinesis_event, kinesis_record

EXECUTABLE = ROOT / ".build" / "release" / "metertap-lambda"
HOT_PATH = ROOT / ".build" / "release" / "hot-path"
REFERENCE = ROOT / "integration" / "reference"
PYTHON_LAMBDA = REFERENCE / "python_lambda.py"
OURS, AWSLAMBDARIC = "metertap-lambda", "Python's awslambdaric with boto3"
EVENT_BYTES = 600_000 if SHORT else 6_000_000  # what Lambda hands over at most
ONE_CORE, ALL_CORES = 1769, 3538  # MB: the memory that comes with one core, and with two
STARTS = 2 if SHORT else 15
EVENTS = 2 if SHORT else 8  # of one round of a measurement of cores
TICK = os.sysconf("SC_CLK_TCK")
KEY, SECRET = "ADMINKEY", "admin-secret"  # of SeaweedFS


numbers = itertools.count()


def event() -> tuple[bytes, list[bytes]]:
    """The largest event of the common corpus that Lambda would hand over, and its gzip members."""
    chooser = random.Random(corpus.SEED)
    members: list[bytes] = []
    size = 0
    while True:
        first = len(members) * corpus.LOG_EVENTS
        data = gzip.compress(corpus.envelope(chooser, corpus.common, first), 6, mtime=0)
        size += len(data) * 4 // 3 + 600
        if size > EVENT_BYTES:
            break
        members.append(data)
    records = [kinesis_record(number, data) for number, data in enumerate(members)]
    return json.dumps(kinesis_event(records)).encode(), members


def start_seconds(command: list[str], **settings: str) -> float:
    """From exec to the first request for an invocation, in milliseconds."""
    agent = Agent(command, **settings)
    begin = time.perf_counter()
    agent.start()
    with agent._changed:
        while not agent._idle:
            assert agent._changed.wait(20), "the agent does not start"
    elapsed = time.perf_counter() - begin
    agent.close()
    return elapsed * 1000


def process_seconds(agent: Agent) -> float:
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def invoke(agent: Agent, payload: bytes) -> float:
    """One event, from its handing over to the answer; in milliseconds."""
    # Each from another stream, or its objects would be there already.
    stream = f"stream/logs-{next(numbers)}".encode()
    answer = agent.invoke(payload.replace(b"stream/logs", stream), deadline=120)
    assert answer.kind == "response" and not answer.failed_from, answer
    return answer.seconds * 1000


def measure_start(report: Report) -> None:
    """Beside Lambda's own client for Python, which imports a handler that imports boto3."""
    handler = {"PYTHONPATH": str(REFERENCE), "LAMBDA_TASK_ROOT": str(REFERENCE)}
    command = [sys.executable, "-m", "awslambdaric", "lambda_handler.handle"]
    values = interleaved(
        {
            OURS: partial(start_seconds, [str(EXECUTABLE)], METERTAP_SINK="file:///tmp"),
            AWSLAMBDARIC: partial(start_seconds, command, **handler),
        },
        rounds=STARTS,
    )
    report.table("exec to the first request", values, "milliseconds", base=OURS, digits=1)
    report.bar("exec to the first request", values[OURS], 15, 5, unit="ms")
    what = f"exec to the first request, {AWSLAMBDARIC} against ours"
    report.ratio(what, values[AWSLAMBDARIC], values[OURS], 10, 10, higher_is_better=True)


def measure_event(report: Report, payload: bytes, count: int, server: SeaweedFS, python: list[str]) -> None:
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    ours = {
        "METERTAP_SINK": f"s3://{server.bucket}",
        "AWS_ENDPOINT_URL_S3": server.url,
        "METERTAP_PROVENANCE": "true",
    } | keys
    agents = {
        "one core": Agent([str(EXECUTABLE)], AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(ONE_CORE), **ours),
        "two cores": Agent([str(EXECUTABLE)], AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(ALL_CORES), **ours),
        "Python with boto3": Agent(python, **keys),
    }
    try:
        values = interleaved({name: partial(invoke, agent, payload) for name, agent in agents.items()})
        title = f"an event of {len(payload) / 1e6:.1f} MB, {count:,} log events, to the acknowledged put"
        report.table(title, values, "milliseconds", base="one core", digits=0)
        peaks = {name: agent.peak_memory() / (1 << 20) for name, agent in agents.items()}
    finally:
        for agent in agents.values():
            agent.close()
    print("  peak memory:", ", ".join(f"{name} {peak:.0f} MiB" for name, peak in peaks.items()))
    one, python = values["one core"], values["Python with boto3"]
    report.ratio("a 6 MB event, Python with boto3 against ours", python, one, 4, 8, higher_is_better=True)
    report.bar("a 6 MB event, peak memory with one core", [peaks["one core"]], 64, 48, unit="MiB")
    report.bar("a 6 MB event, peak memory with two cores", [peaks["two cores"]], 96, 64, unit="MiB")


def measure_cores(report: Report, payload: bytes) -> None:
    """The same event on one core and on two, with memory for a sink: no disk and no server takes part."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as sink:

        def agent(cores: str) -> Agent:
            return Agent(
                ["taskset", "-c", cores, str(EXECUTABLE)],
                METERTAP_SINK=f"file://{sink}",
                METERTAP_PROVENANCE="true",
                AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(ALL_CORES),
            )

        agents = {"one core": agent("0"), "two cores": agent("0,1")}

        def some(agent: Agent) -> float:
            elapsed = sum(invoke(agent, payload) for _ in range(EVENTS)) / EVENTS
            shutil.rmtree(Path(sink) / "ingest")
            return elapsed

        try:
            values = interleaved({name: partial(some, agent) for name, agent in agents.items()})
            receiving = statistics.median(
                [receiving_seconds(agents["one core"], payload) for _ in range(EVENTS)]
            )
        finally:
            for one in agents.values():
                one.close()
    report.table("the same event to memory", values, "milliseconds", base="one core", digits=0)
    what = "two cores against one, as measured on this machine"
    report.ratio(what, values["one core"], values["two cores"], 1.8, 1.95, higher_is_better=True)
    on_paper = cores_on_paper(payload)
    series = {name: [1000 * (receiving + value) for value in each] for name, each in on_paper.items()}
    title = "the same by the processor time of each step, as on a machine with nothing else to do"
    report.table(title, series, "milliseconds", base="one core", digits=0)
    report.ratio(
        "two cores against one, by processor time", *series.values(), 1.8, 1.95, higher_is_better=True
    )


def receiving_seconds(agent: Agent, payload: bytes) -> float:
    """Processor time of the threads that receive and send, for one event: nothing else is done meanwhile."""

    def seconds() -> float:
        threads = Path(f"/proc/{agent.process.pid}/task").iterdir()
        return sum(
            int((thread / "schedstat").read_text().split()[0]) / 1e9
            for thread in threads
            if (thread / "comm").read_text().startswith("NIO")
        )

    before = seconds()
    invoke(agent, payload)
    return seconds() - before


def cores_on_paper(payload: bytes) -> dict[str, list[float]]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(payload)
        file.flush()
        command = [HOT_PATH, "cores", file.name, str(2 * ROUNDS)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in output.splitlines()]
    return {"one core": [float(row[0]) for row in rows], "two cores": [float(row[1]) for row in rows]}


def measure_floor(report: Report, payload: bytes, members: list[bytes], directory: Path) -> None:
    """CPU seconds of the agent that writes to a directory, against inflating and deflating the same bytes."""
    sink = directory / "sink"
    agent = Agent(
        [str(EXECUTABLE)],
        METERTAP_SINK=f"file://{sink}",
        METERTAP_PROVENANCE="true",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(ONE_CORE),
    )

    def ours() -> float:
        before = process_seconds(agent)
        for _ in range(4):  # the clock of a process is coarse
            invoke(agent, payload)
        return (process_seconds(agent) - before) / 4

    try:
        invoke(agent, payload)
        corpus.write_pieces(directory / "members", members)
        bodies = [gzip.decompress(path.read_bytes()) for path in sorted(sink.rglob("*.ndjson.gz"))]
        corpus.write_pieces(directory / "bodies", bodies)
        alone = partial(cpu_seconds, [floor(directory), directory / "members", directory / "bodies"])
        values = interleaved({"the agent": ours, "inflate and deflate alone": alone})
    finally:
        agent.close()
    report.table("the same event to a directory", values, "CPU seconds", base="inflate and deflate alone")
    what = "CPU time with gzip output against inflate and deflate alone"
    report.ratio(what, values["the agent"], values["inflate and deflate alone"], 1.4, 1.2)


def measure_zip(report: Report, directory: Path) -> None:
    target = directory / "metertap-lambda.zip"
    subprocess.run([ROOT / "scripts" / "make-zip", EXECUTABLE, target], check=True, stdout=subprocess.DEVNULL)
    report.bar("size of the zip", [target.stat().st_size / 1e6], 15, 8, unit="MB")


def main() -> None:
    report = Report("agent")
    payload, members = event()
    print(f"{len(members)} Kinesis records, {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "seaweedfs").mkdir()
        server = SeaweedFS(directory / "seaweedfs", writer_key="111122223333", writer_secret="unused")
        try:
            python = [sys.executable, str(PYTHON_LAMBDA), server.url, server.bucket]
            measure_start(report)
            measure_event(report, payload, len(members) * corpus.LOG_EVENTS, server, python)
        finally:
            server.stop()
        measure_cores(report, payload)
        measure_floor(report, payload, members, directory)
        measure_zip(report, directory)
    report.finish()


if __name__ == "__main__":
    main()
