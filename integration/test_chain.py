"""The real chain: CloudWatch Logs (moto), Kinesis and Lambda (ministack), our executable, S3 (seaweedfs)."""

import base64
import gzip
import io
import itertools
import json
import random
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.emulators import ACCOUNT, Ministack, Moto, SeaweedFS
from components.runtime_api import Agent
from components.samples import (
    CONTROL_MESSAGE,
    Event,
    Expected,
    Line,
    Record,
    Reject,
    Samples,
    direct_event,
    expected,
    kinesis_event,
    kinesis_record,
)
from components.stored import contents, difference, lines, records_in, rejects_in
from conftest import WRITER_SECRET

GROUP = "/app/shop"
STREAMS = ("web-1", "worker-7")


@dataclass
class Shipped:
    """What was logged and how it reached ministack's Kinesis stream."""

    expected: Expected
    stream_arn: str
    records: list[dict[str, Any]]  # as boto3's get_records gives them
    envelopes: list[bytes]


def log_lines(now: int) -> list[Line]:
    """Every form once and a random mixture behind; all times within what CloudWatch Logs takes."""
    samples = Samples(random.Random(20_260_102), base_time=now - 86_400_000)
    return [samples.line(kind) for kind in samples.kinds] + [samples.line() for _ in range(150)]


@pytest.fixture(scope="module")
def shipped(moto: Moto, ministack: Ministack) -> Shipped:
    """Log events, put with boto3, delivered by moto to its Kinesis, and put from there into ministack's."""
    logs, source = moto.client("logs"), moto.client("kinesis")
    source.create_stream(StreamName="logs", ShardCount=1)
    arn = source.describe_stream_summary(StreamName="logs")["StreamDescriptionSummary"]["StreamARN"]
    logs.create_log_group(logGroupName=GROUP)
    logs.put_subscription_filter(
        logGroupName=GROUP, filterName="metertap", filterPattern="", destinationArn=arn
    )
    now = int(time.time() * 1000)
    wanted = Expected()
    todo = log_lines(now)
    rng = random.Random(7)
    event_id = 0
    names = itertools.cycle(STREAMS)
    for name in STREAMS:
        logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
    while todo:
        name, size = next(names), rng.randrange(1, 25)
        batch, todo = todo[:size], todo[size:]
        # CloudWatch Logs wants events in order of time; an empty message is refused.
        events = [
            {"timestamp": now + i, "message": line.message} for i, line in enumerate(batch) if line.message
        ]
        logs.put_log_events(logGroupName=GROUP, logStreamName=name, logEvents=events)
        now += len(batch)
        stored = logs.get_log_events(logGroupName=GROUP, logStreamName=name, startFromHead=True)["events"]
        assert {e["message"] for e in events} <= {e["message"] for e in stored}
        # moto numbers all its events, in the order of writing, from 0.
        kept = [line for line in batch if line.message]
        numbered = [
            Event(event_id + i, e["timestamp"], line)
            for i, (e, line) in enumerate(zip(events, kept, strict=True))
        ]
        event_id += len(numbered)
        wanted.add(expected(numbered, GROUP, name, ACCOUNT))

    shard = source.get_shard_iterator(
        StreamName="logs", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    envelopes = [r["Data"] for r in source.get_records(ShardIterator=shard["ShardIterator"])["Records"]]
    envelopes.insert(2, CONTROL_MESSAGE)  # moto sends none, CloudWatch does

    sink = ministack.client("kinesis")
    sink.create_stream(StreamName="logs", ShardCount=1)
    sink.get_waiter("stream_exists").wait(StreamName="logs", WaiterConfig={"Delay": 1})
    for data in envelopes:
        sink.put_record(StreamName="logs", Data=data, PartitionKey="p")
    arn = sink.describe_stream_summary(StreamName="logs")["StreamDescriptionSummary"]["StreamARN"]
    shard_id = sink.list_shards(StreamName="logs")["Shards"][0]["ShardId"]
    shard = sink.get_shard_iterator(StreamName="logs", ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")
    records = sink.get_records(ShardIterator=shard["ShardIterator"])["Records"]
    assert [r["Data"] for r in records] == envelopes
    return Shipped(wanted, arn, records, envelopes)


@pytest.fixture(scope="module")
def function(ministack: Ministack, seaweedfs_server: SeaweedFS, bootstrap: Path) -> str:
    """The real executable as a Lambda function; its credentials are those of the write-only identity."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED)
    client = ministack.client("lambda")
    client.create_function(
        FunctionName="metertap",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{ministack.account}:role/metertap",
        Code={"ZipFile": package.getvalue()},
        Timeout=30,
        MemorySize=256,
        Environment={
            "Variables": {
                "METERTAP_SINK": f"s3://{seaweedfs_server.bucket}/{seaweedfs_server.prefix}",
                "METERTAP_PROVENANCE": "true",
                "AWS_ENDPOINT_URL_S3": seaweedfs_server.url,
            }
        },
    )
    client.get_waiter("function_active_v2").wait(FunctionName="metertap", WaiterConfig={"Delay": 1})
    return "metertap"


def deliver(ministack: Ministack, function: str, shipped: Shipped) -> None:
    """One event source mapping from the start of the stream: the whole stream once, in batches of four."""
    client = ministack.client("lambda")
    mapping = client.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=shipped.stream_arn,
        StartingPosition="TRIM_HORIZON",
        BatchSize=4,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    # ministack tells the size of the last batch, not how far it is: its log has a line for each batch.
    mark, batches = f"ESM: Lambda {function} processed", -(-len(shipped.records) // 4)
    known = ministack.service.log.read_text(errors="replace").count(mark)
    deadline = time.monotonic() + 60
    try:
        while ministack.service.log.read_text(errors="replace").count(mark) < known + batches:
            assert time.monotonic() < deadline, f"the stream was not processed:\n{ministack.service.tail()}"
            time.sleep(0.1)
    finally:
        client.delete_event_source_mapping(UUID=mapping["UUID"])


def assert_complete(objects: dict[str, bytes], wanted: Expected, what: str) -> None:
    found = contents(objects)
    assert not (text := difference(found.records, wanted.records)), f"{what}: records {text}"
    assert not (text := difference(found.rejects, wanted.rejects)), f"{what}: rejects {text}"


@pytest.fixture(scope="module")
def first_delivery(
    ministack: Ministack, seaweedfs_server: SeaweedFS, function: str, shipped: Shipped
) -> dict[str, bytes]:
    seaweedfs_server.clear()
    deliver(ministack, function, shipped)
    return seaweedfs_server.objects()


def test_what_was_logged_is_in_the_bucket(first_delivery: dict[str, bytes], shipped: Shipped) -> None:
    assert_complete(first_delivery, shipped.expected, "through the real chain")
    values = records_in(first_delivery)
    assert len(values) == len(shipped.expected.records), "a record is in the bucket more than once"
    assert len(rejects_in(first_delivery)) == len(shipped.expected.rejects), "a reject is kept more than once"
    for value in values:
        members = ["uniqueId", "meterApiName", "meterValue", "meterTimeInMillis", "customerId"]
        members += [name for name in ("dimensions", "source") if name in value]
        assert list(value) == members, "the keys are in the contract's order"
        assert value["source"]["account"] == ACCOUNT and value["source"]["logGroup"] == GROUP


def test_the_function_can_read_nothing(first_delivery: dict[str, bytes], seaweedfs_server: SeaweedFS) -> None:
    """Shows that what was delivered above was delivered under a write-only identity."""
    where = {"Bucket": seaweedfs_server.bucket}
    key = next(iter(first_delivery))
    reads = [
        lambda writer: writer.get_object(**where, Key=key),
        lambda writer: writer.head_object(**where, Key=key),
        lambda writer: writer.list_objects_v2(**where),
        lambda writer: writer.put_object(**where, Key="elsewhere/x", Body=b"x"),
    ]
    for read in reads:
        with pytest.raises(ClientError) as refused:
            read(seaweedfs_server.writer)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_objects_are_named_and_typed_as_the_contract_says(
    first_delivery: dict[str, bytes], seaweedfs_server: SeaweedFS, shipped: Shipped
) -> None:
    arrivals = {
        r["ApproximateArrivalTimestamp"].astimezone(UTC).strftime("%Y-%m-%d") for r in shipped.records
    }
    sequences = [r["SequenceNumber"] for r in shipped.records]
    for key in first_delivery:
        head = seaweedfs_server.admin.head_object(Bucket=seaweedfs_server.bucket, Key=key)
        assert head["ContentType"] == "application/x-ndjson", key
        assert not head.get("ContentEncoding"), f"{key}: Amberflo decides by the suffix"
        assert head["Metadata"] or "/records/" not in key, f"{key}: the metadata carries the accounting"
        if "/ingest/records/" not in key:
            continue
        date, name = key.split("/")[-2:]
        first, last, _ = name.removesuffix(".ndjson.gz").split("-")
        assert date in arrivals, f"{key}: the date is that of the newest arrival"
        assert first in sequences and last in sequences, f"{key}: named by the first and last sequence number"
        # Named by what it holds: the first and the last Kinesis record that gave it a record.
        inside = {value["source"]["eventId"] for value in lines(first_delivery[key])}
        for sequence in (first, last):
            data = json.loads(gzip.decompress(shipped.records[sequences.index(sequence)]["Data"]))
            ids = {str(event["id"]) for event in data["logEvents"]}
            assert ids & inside, f"{key}: nothing in it comes from {sequence}"


def test_a_second_delivery_changes_no_object(
    first_delivery: dict[str, bytes],
    ministack: Ministack,
    seaweedfs_server: SeaweedFS,
    function: str,
    shipped: Shipped,
) -> None:
    deliver(ministack, function, shipped)
    again = seaweedfs_server.objects()
    assert again.keys() == first_delivery.keys(), "other objects after a second delivery of the same batches"
    changed = [key for key in again if again[key] != first_delivery[key]]
    assert not changed, f"objects with other bytes after a second delivery: {changed}"


@pytest.fixture
def direct_agent(agent: Callable[..., Agent], seaweedfs: SeaweedFS, ministack: Ministack) -> Agent:
    """The executable behind the fake Runtime API, into the same S3 server under the same identity."""
    return agent(
        METERTAP_SINK=f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}",
        METERTAP_PROVENANCE="true",
        AWS_ENDPOINT_URL_S3=seaweedfs.url,
        AWS_ACCESS_KEY_ID=ministack.account,
        AWS_SECRET_ACCESS_KEY=WRITER_SECRET,
    )


def whole(n: int) -> Iterator[tuple[int, int]]:
    yield 0, n


def shifted(n: int) -> Iterator[tuple[int, int]]:
    yield 0, 1
    yield from ((i, min(i + 4, n)) for i in range(1, n, 4))


def halved(n: int) -> Iterator[tuple[int, int]]:
    yield 0, n // 2
    yield n // 2, n


def overlapping(n: int) -> Iterator[tuple[int, int]]:
    yield from ((i, min(i + 5, n)) for i in range(0, n, 3))


def backwards(n: int) -> Iterator[tuple[int, int]]:
    yield from ((i, i + 1) for i in reversed(range(n)))


@pytest.mark.parametrize("boundaries", [whole, shifted, halved, overlapping, backwards])
def test_other_batch_boundaries_leave_the_same_records(
    boundaries: Callable[[int], Iterator[tuple[int, int]]],
    direct_agent: Agent,
    seaweedfs: SeaweedFS,
    shipped: Shipped,
) -> None:
    records = [
        kinesis_record(
            r["SequenceNumber"],
            r["Data"],
            r["ApproximateArrivalTimestamp"].timestamp(),
            stream_arn=shipped.stream_arn,
        )
        for r in shipped.records
    ]
    found = 0
    for first, end in boundaries(len(records)):
        answer = direct_agent.invoke(kinesis_event(records[first:end]))
        assert answer.failed_from is None
        figures = answer.accounting
        assert figures, "no accounting line"
        assert figures["records"] + figures["rejects"] == figures["delivered"] + figures["rejected"], figures
        found += figures["records"] + figures["rejects"]
    assert_complete(seaweedfs.objects(), shipped.expected, boundaries.__name__)
    if boundaries is not overlapping:
        assert found == shipped.expected.found


def test_direct_events_give_the_same_identities(
    direct_agent: Agent, seaweedfs: SeaweedFS, shipped: Shipped
) -> None:
    """CloudWatch's own asynchronous invocation, without Kinesis in between."""
    for data in shipped.envelopes:
        answer = direct_agent.invoke(direct_event(data))
        assert (answer.kind, answer.body) == ("response", None)
    objects = seaweedfs.objects()
    assert_complete(objects, shipped.expected, "direct events")
    today = {datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m-%d") for t in event_times(shipped)}
    for key in objects:
        if "/ingest/records/" in key:
            assert key.split("/")[-2] in today, f"{key}: the date is that of the newest log event"
    for data in shipped.envelopes:
        direct_agent.invoke(direct_event(data))
    assert seaweedfs.objects() == objects, "a second delivery of direct events changed the bucket"


def event_times(shipped: Shipped) -> Iterator[int]:
    for data in shipped.envelopes:
        yield from (event["timestamp"] for event in json.loads(gzip.decompress(data))["logEvents"])


def test_wrong_secret_acknowledges_nothing(
    agent: Callable[..., Agent], seaweedfs: SeaweedFS, ministack: Ministack, shipped: Shipped
) -> None:
    """Shows that the signatures above were verified."""
    wrong = agent(
        METERTAP_SINK=f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}",
        AWS_ENDPOINT_URL_S3=seaweedfs.url,
        AWS_ACCESS_KEY_ID=ministack.account,
        AWS_SECRET_ACCESS_KEY="wrong",
    )
    records = [kinesis_record(r["SequenceNumber"], r["Data"]) for r in shipped.records]
    answer = wrong.invoke(kinesis_event(records), deadline=5)
    assert answer.failed_from == shipped.records[0]["SequenceNumber"]
    assert not seaweedfs.objects()


def test_the_samples_cover_what_the_issue_names() -> None:
    """Text, JSON, quoted, Lambda's JSON log format, arrays, `values`, broken lines, mentions, old names."""
    kinds = {line.kind: line for line in log_lines(1_767_225_600_000)}
    for kind in (
        "text",
        "member",
        "quoted",
        "lambda_json",
        "array",
        "values",
        "old_names",
        "mention",
        "cut_off",
    ):
        assert kind in kinds
    assert any(isinstance(item, Reject) for line in kinds.values() for item in line.items)
    assert any(isinstance(item, Record) and item.unique_id for line in kinds.values() for item in line.items)
    assert base64.b64decode(kinesis_record(1, b"x")["kinesis"]["data"]) == b"x"
