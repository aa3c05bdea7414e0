"""`metertap collect` on Kinesis streams: nothing skipped, nothing counted twice, no shard read by two.

`METERTAP_STREAM_RUNS` sets the number of random runs of the campaign (1), `METERTAP_SEED` repeats one.
"""

import gzip
import itertools
import json
import os
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from components.collectors import StreamCollector
from components.emulators import ACCOUNT, Moto, SeaweedFS
from components.kinesis import HASHES, FakeKinesis
from components.logs import LogGroup, recently
from components.runtime_api import Agent
from components.samples import (
    CONTROL_MESSAGE,
    Event,
    Expected,
    Line,
    Samples,
    envelope,
    expected,
    kinesis_event,
    kinesis_record,
)
from components.stored import contents, difference, files_in, kind_of
from components.stubs import FaultyS3
from conftest import ROOT

LEASE = 3


class Logged:
    """Log events that are put into a stream as CloudWatch Logs would, and what must come of them."""

    def __init__(self, kinesis: FakeKinesis, seed: int = 1):
        self.kinesis = kinesis
        self.samples = Samples(random.Random(seed))
        self.rng = random.Random(seed)
        self.expected = Expected()
        self.count = 0

    def put(self, records: int, size: int = 5, padding: int = 0, key: int | None = None) -> None:
        """Puts Kinesis records of up to so many log events each."""
        for _ in range(records):
            events = []
            for _ in range(self.rng.randrange(1, size + 1)):
                self.count += 1
                line = self.samples.line()
                events.append(Event(f"{self.count:056d}", 1_767_225_600_000 + self.count, line))
            if padding:
                noise = Line(self.rng.randbytes(padding // 2).hex())
                events.append(Event(f"{10**50 + self.count:056d}", 1_767_225_600_000, noise))
            self.expected.add(expected(events, "/app/shop", "web-1"))
            where = self.rng.randrange(HASHES) if key is None else key
            self.kinesis.put(gzip.compress(envelope(events, "/app/shop", "web-1"), 1), where)


@pytest.fixture
def kinesis() -> Iterator[FakeKinesis]:
    fake = FakeKinesis(shards=2)
    yield fake
    fake.close()


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    return tmp_path / "sink"


@pytest.fixture
def collect(
    cli: Path, tmp_path: Path, kinesis: FakeKinesis, sink: Path
) -> Iterator[Callable[..., StreamCollector]]:
    """Starts collectors of the fake's stream that share leases in a directory."""
    made: list[StreamCollector] = []

    def start(name: str = "one", environment: dict[str, str] | None = None, **stream: Any) -> StreamCollector:
        settings = {"name": "logs", "stream": kinesis.name, "lease-seconds": LEASE} | stream
        more = {"AWS_ENDPOINT_URL_KINESIS": f"{kinesis.url}/{name}"} | (environment or {})
        made.append(StreamCollector(cli, tmp_path, name, [settings], f"file://{sink}", **more))
        return made[-1]

    yield start
    for collector in made:
        collector.kill()


def lacks(sink: Path, wanted: Expected) -> str:
    found = contents(files_in(sink)) if sink.exists() else Expected()
    return difference(found.records, wanted.records) + difference(found.rejects, wanted.rejects)


def wait_for(done: Callable[[], bool], what: Callable[[], str], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def arrives(sink: Path, wanted: Expected, collector: StreamCollector, seconds: float = 30) -> None:
    """Waits until all is there that must be."""

    def is_there() -> bool:
        assert collector.is_running(), collector.log
        return not lacks(sink, wanted)

    wait_for(is_there, lambda: f"{lacks(sink, wanted)}\n{collector.log}", seconds)


def leases_in(directory: Path) -> dict[str, Any]:
    return {
        path.stem: json.loads(path.read_text()) for path in directory.glob("state/streams/*/shards/*.json")
    }


def test_everything_through_a_split_and_a_merge(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path, tmp_path: Path
) -> None:
    logged = Logged(kinesis)
    logged.put(20)
    kinesis.put(CONTROL_MESSAGE, 0)
    kinesis.split(kinesis.open()[0].name)
    logged.put(20)
    first = collect()
    arrives(sink, logged.expected, first)
    one, two, _ = kinesis.open()
    kinesis.merge(one.name, two.name)
    logged.put(20)
    arrives(sink, logged.expected, first)
    # Parents before children: no call for a child starts before the last one for a parent.
    for shard in kinesis.shards.values():
        starts = [call.start for call in kinesis.calls if call.shard == shard.name]
        for parent in shard.parents:
            assert min(starts) > max(call.end for call in kinesis.calls if call.shard == parent)
    assert first.stop() == 0, first.log
    [figures] = first.figures
    assert figures["ended"] and figures["controlMessages"] == 1
    assert figures["records"] + figures["rejects"] == figures["delivered"] + figures["rejected"]
    assert figures["records"] + figures["rejects"] == logged.expected.found
    assert figures["kinesisRecords"] == sum(len(shard.records) for shard in kinesis.shards.values())
    leases = leases_in(tmp_path)
    assert leases.keys() == kinesis.shards.keys()
    for name, lease in leases.items():
        assert "owner" not in lease, "a clean stop gives the leases back"
        assert lease["ended"] == kinesis.shards[name].is_closed
    # What is delivered is not read again.
    before = len(files_in(sink))
    logged.put(3)
    again = collect()
    arrives(sink, logged.expected, again)
    assert again.stop() == 0
    assert again.figures[0]["kinesisRecords"] == 3
    assert len(files_in(sink)) <= before + 6
    assert not kinesis.refused, kinesis.refused


def test_iterators_that_expire_are_replaced(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path
) -> None:
    """Each iterator is too old when it is used the second time."""
    kinesis.iterator_seconds = 0.5
    logged = Logged(kinesis)
    logged.put(5)
    collector = collect()
    for _ in range(2):
        arrives(sink, logged.expected, collector)
        time.sleep(0.6)
        logged.put(5)
    arrives(sink, logged.expected, collector)
    assert kinesis.refused["ExpiredIteratorException"] >= 3
    assert collector.stop() == 0
    assert collector.figures[0]["kinesisRecords"] == 15, "nothing was read twice"
    assert "metertap:" not in collector.log, "an iterator that expires is no problem"


def test_the_limits_of_a_shard_are_kept(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path
) -> None:
    """More than 10,000 records, and more bytes than one answer may have."""
    kinesis.create("logs", 1)
    kinesis.page_bytes = 3 << 20
    logged = Logged(kinesis)
    for _ in range(10_000):
        kinesis.put(CONTROL_MESSAGE, 0)
    logged.put(5, padding=1_800_000)
    collector = collect()
    arrives(sink, logged.expected, collector)
    pages = [call.records for call in kinesis.calls if call.records]
    assert max(pages) == 10_000
    assert len(pages) >= 3
    assert not kinesis.refused, kinesis.refused
    assert collector.stop() == 0


def test_another_reader_takes_the_throughput(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path
) -> None:
    kinesis.create("logs", 1)
    [shard] = kinesis.open()
    stopped = threading.Event()

    def take() -> None:
        while not stopped.wait(0.05):
            iterator = kinesis._iterator({"ShardId": shard.name, "ShardIteratorType": "TRIM_HORIZON"})
            kinesis.answer("GetRecords", iterator, "other")

    other = threading.Thread(target=take)
    logged = Logged(kinesis)
    logged.put(20)
    other.start()
    try:
        collector = collect()
        time.sleep(2)
        tries = sum(call.caller == "one" for call in kinesis.calls)
        assert kinesis.refused["ProvisionedThroughputExceededException"] > 3
        assert tries < 10
    finally:
        stopped.set()
        other.join()
    arrives(sink, logged.expected, collector)
    assert "metertap:" not in collector.log, "to be throttled is no problem"
    assert collector.stop() == 0


def test_latest_is_the_time_of_the_first_start(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path, tmp_path: Path
) -> None:
    """What comes while the first collector is dead, before it has read anything, is read by the next."""
    Logged(kinesis, seed=2).put(5)
    time.sleep(0.01)
    logged = Logged(kinesis)
    collector = collect(start="latest")
    wait_for(lambda: len({call.shard for call in kinesis.calls}) == 2, lambda: collector.log)
    collector.kill()
    assert not sink.exists()
    logged.put(5)
    collector = collect(start="latest")
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0
    [kept] = tmp_path.glob("state/streams/*/start.json")
    assert json.loads(kept.read_text())["stream"] == kinesis.arn


def test_a_stream_that_is_made_anew_is_read_from_its_beginning(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path
) -> None:
    """Its shards have the names of the old ones, whose positions and ends say nothing."""
    logged = Logged(kinesis)
    logged.put(3)
    kinesis.split(kinesis.open()[0].name)
    logged.put(3)
    collector = collect()
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0
    time.sleep(1)
    kinesis.create("logs", 3)
    logged.put(5)
    collector = collect()
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0


def test_a_shard_that_is_kept_no_longer_blocks_nothing(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path
) -> None:
    kinesis.create("logs", 1)
    Logged(kinesis, seed=2).put(3)
    kinesis.split("shardId-000000000000")
    kinesis.expire("shardId-000000000000")
    logged = Logged(kinesis)
    logged.put(10)
    collector = collect()
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0


def test_the_objects_are_those_of_the_agent(
    kinesis: FakeKinesis,
    collect: Callable[..., StreamCollector],
    sink: Path,
    agent: Callable[..., Agent],
    tmp_path: Path,
) -> None:
    """The same records of a shard, through the Lambda function and pulled, give the same bytes."""
    kinesis.create("logs", 1)
    logged = Logged(kinesis)
    logged.put(40)
    kinesis.put(b"no envelope", 0)
    [shard] = kinesis.open()
    records = []
    for one in shard.records:
        record = kinesis_record(str(one.number), one.data)
        record["eventSourceARN"] = kinesis.arn
        record["kinesis"]["approximateArrivalTimestamp"] = round(one.arrival, 3)
        records.append(record)
    function = agent(METERTAP_SINK=f"file://{tmp_path / 'agent'}")
    assert function.invoke(kinesis_event(records)).failed_from is None
    wanted = files_in(tmp_path / "agent")
    assert {kind_of(name) for name in wanted} == {"records", "rejects"}
    collector = collect()
    wait_for(lambda: sink.exists() and files_in(sink) == wanted, lambda: collector.log)
    assert collector.stop() == 0


def test_a_sink_that_is_away_moves_no_position(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path, tmp_path: Path
) -> None:
    sink.write_text("in the way")
    logged = Logged(kinesis)
    logged.put(6)
    collector = collect()
    wait_for(lambda: "cannot be written" in collector.log, lambda: collector.log)
    time.sleep(1)
    assert collector.log.count("metertap:") <= 2, "a problem is told once"
    leases = leases_in(tmp_path)
    assert leases and not any("after" in lease or lease["ended"] for lease in leases.values())
    sink.unlink()
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0
    assert "problem" not in collector.figures[0], collector.log


def test_leases_are_kept_while_shards_cannot_be_listed(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path, tmp_path: Path
) -> None:
    logged = Logged(kinesis)
    logged.put(3)
    collector = collect()
    arrives(sink, logged.expected, collector)
    owners = {lease["owner"] for lease in leases_in(tmp_path).values()}
    kinesis.denied.add("ListShards")
    one, two = kinesis.open()
    kinesis.split(one.name)
    wait_for(lambda: "ListShards" in collector.log, lambda: collector.log)
    time.sleep(LEASE + 0.5)
    logged.put(3, key=two.hashes.start)
    arrives(sink, logged.expected, collector)
    assert leases_in(tmp_path)[two.name]["revision"] > LEASE
    assert {leases_in(tmp_path)[two.name]["owner"]} == owners
    assert collector.log.count("metertap:") == 1, collector.log
    kinesis.denied.clear()
    logged.put(6)
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0
    assert "problem" not in collector.figures[0]


# Several collectors


class BucketCollectors:
    """Collectors of the fake's stream that share leases in a bucket of a real S3 server."""

    def __init__(self, cli: Path, directory: Path, kinesis: FakeKinesis, seaweedfs: SeaweedFS, sink: Path):
        self.cli, self.directory, self.kinesis, self.seaweedfs = cli, directory, kinesis, seaweedfs
        self.sink = sink
        self.running: list[StreamCollector] = []
        self.names = itertools.count(1)

    def start(self) -> StreamCollector:
        name = f"collector-{next(self.names)}"
        stream = {
            "name": "logs",
            "stream": self.kinesis.arn,
            "lease-seconds": LEASE,
            "leases": f"s3://{self.seaweedfs.bucket}/{self.seaweedfs.prefix}leases",
        }
        collector = StreamCollector(
            self.cli,
            self.directory,
            name,
            [stream],
            f"file://{self.sink}",
            AWS_ENDPOINT_URL_KINESIS=f"{self.kinesis.url}/{name}",
            AWS_ENDPOINT_URL_S3=self.seaweedfs.url,
            AWS_ACCESS_KEY_ID="ADMINKEY",
            AWS_SECRET_ACCESS_KEY="admin-secret",
        )
        self.running.append(collector)
        return collector

    def leases(self) -> dict[str, Any]:
        found = self.seaweedfs.objects("leases/")
        return {
            name.rsplit("/", 1)[1].removesuffix(".json"): json.loads(data)
            for name, data in found.items()
            if "/shards/" in name
        }

    def close(self) -> None:
        for collector in self.running:
            collector.kill()


@pytest.fixture
def collectors(
    cli: Path, tmp_path: Path, kinesis: FakeKinesis, seaweedfs: SeaweedFS, sink: Path
) -> Iterator[BucketCollectors]:
    made = BucketCollectors(cli, tmp_path, kinesis, seaweedfs, sink)
    yield made
    made.close()


def reshard(kinesis: FakeKinesis, rng: random.Random) -> None:
    shards = kinesis.open()
    if len(shards) > 2 and rng.random() < 0.5:
        index = rng.randrange(len(shards) - 1)
        kinesis.merge(shards[index].name, shards[index + 1].name)
    else:
        kinesis.split(rng.choice(shards).name)


def campaign(collectors: BucketCollectors, seed: int) -> None:
    """Three collectors, of which one is killed now and then and comes back, while the stream is resharded."""
    rng = random.Random(seed)
    kinesis, sink = collectors.kinesis, collectors.sink
    logged = Logged(kinesis, seed)
    logged.put(30)
    for _ in range(3):
        collectors.start()
    for _ in range(4):
        for _ in range(rng.randrange(2, 5)):
            time.sleep(rng.random() * 0.8)
            logged.put(rng.randrange(1, 10))
        reshard(kinesis, rng)
        victim = rng.choice(collectors.running)
        victim.kill()
        logged.put(rng.randrange(1, 10))
        if rng.random() < 0.7 or len(collectors.running) < 3:
            collectors.start()
        collectors.running.remove(victim)
    logged.put(10)
    watched = collectors.running[0]
    arrives(sink, logged.expected, watched)
    at_once = kinesis.readers_at_once(LEASE)
    assert not at_once, at_once

    # All closed shards are read to their end, and the open ones are shared.
    def is_settled() -> bool:
        leases = collectors.leases()
        owners = [leases.get(shard.name, {}).get("owner") for shard in kinesis.open()]
        loads = [owners.count(owner) for owner in {*owners}]
        return (
            all(leases.get(s.name, {}).get("ended") for s in kinesis.shards.values() if s.is_closed)
            and None not in owners
            and max(loads) - min(loads) <= 1
            and len(loads) == min(len(owners), len(collectors.running))
        )

    def state() -> str:
        leases = collectors.leases()
        return "\n".join(
            f"{name} {shard.parents} closed={shard.is_closed} {leases.get(name)}"
            for name, shard in kinesis.shards.items()
        ) + "\n".join(collector.log for collector in collectors.running)

    wait_for(is_settled, state)
    assert len({call.caller for call in kinesis.calls}) >= 2, "several did read"
    for collector in collectors.running:
        assert collector.stop() == 0, collector.log
    assert not any("owner" in lease for lease in collectors.leases().values())
    assert not lacks(sink, logged.expected), "nothing is there that should not be"
    assert not kinesis.readers_at_once(LEASE)


RUNS = int(os.environ.get("METERTAP_STREAM_RUNS") or 1)


@pytest.mark.parametrize("run", range(RUNS))
def test_collectors_that_are_killed_while_the_stream_is_resharded(
    run: int, collectors: BucketCollectors, seed: int
) -> None:
    print(f"METERTAP_SEED={seed + run}")
    campaign(collectors, seed + run)


def test_two_readers_at_once_would_be_seen(kinesis: FakeKinesis) -> None:
    """What the campaign looks for is found when it happens, and not when a shard only changes hands."""

    def read(caller: str) -> None:
        iterator = kinesis._iterator({"ShardId": kinesis.open()[0].name, "ShardIteratorType": "TRIM_HORIZON"})
        kinesis.answer("GetRecords", iterator, caller)

    read("one")
    time.sleep(0.25)
    read("two")
    time.sleep(0.25)
    read("one")
    assert not kinesis.readers_at_once(LEASE)
    time.sleep(0.25)
    read("two")
    assert kinesis.readers_at_once(LEASE)
    kinesis.create("logs", 1)
    kinesis.calls.clear()
    kinesis.slow = 0.2
    threads = [threading.Thread(target=read, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinesis.readers_at_once(LEASE)


def test_two_collectors_on_one_machine_share_by_a_directory(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path, tmp_path: Path
) -> None:
    kinesis.create("logs", 4)
    logged = Logged(kinesis)
    logged.put(10)
    one, two = collect("one"), collect("two")
    arrives(sink, logged.expected, one)

    def is_shared() -> bool:
        owners = [lease.get("owner") for lease in leases_in(tmp_path).values()]
        return len(owners) == 4 and sorted(owners.count(owner) for owner in {*owners}) == [2, 2]

    wait_for(is_shared, lambda: str(leases_in(tmp_path)))
    two.kill()
    logged.put(10)
    arrives(sink, logged.expected, one)
    assert not kinesis.readers_at_once(LEASE)
    assert one.stop() == 0


# The real plumbing, and what is wrongly set up


def test_what_was_logged_comes_through_a_subscription(
    cli: Path, logs_moto: Moto, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """CloudWatch Logs, a subscription filter and a stream of three shards in moto; records and leases in S3.

    moto moves the records of a closed shard to its child and never ends it, so that here nothing but this can
    be seen of a merge: the child waits.
    """
    name = f"logs-{uuid.uuid4().hex[:8]}"
    streams = logs_moto.client("kinesis")
    streams.create_stream(StreamName=name, ShardCount=3)
    arn = streams.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    group = LogGroup(logs_moto, f"/app/{name}")
    group.client.put_subscription_filter(
        logGroupName=group.name, filterName="metertap", filterPattern="", destinationArn=arn
    )
    start = recently()
    samples = Samples(random.Random(5), base_time=start - 86_400_000)
    for index, stream in enumerate(("web-1", "worker-7")):
        lines = [samples.line(kind) for kind in samples.kinds] + [samples.line() for _ in range(20)]
        group.put(stream, [(start + index + 20_000 * n, line) for n, line in enumerate(lines)])
    wanted = Expected()
    for stream, events in group.events.items():
        wanted.add(expected(events, group.name, stream, ACCOUNT))
    place = f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}"
    collector = StreamCollector(
        cli,
        tmp_path,
        "moto",
        [{"stream": arn, "leases": f"{place}leases", "lease-seconds": LEASE}],
        place,
        AWS_ENDPOINT_URL=logs_moto.url,
        AWS_ENDPOINT_URL_S3=seaweedfs.url,
        AWS_ACCESS_KEY_ID="ADMINKEY",
        AWS_SECRET_ACCESS_KEY="admin-secret",
    )
    try:

        def missing() -> str:
            objects = seaweedfs.objects()
            found = contents({name: data for name, data in objects.items() if "/leases/" not in name})
            return difference(found.records, wanted.records) + difference(found.rejects, wanted.rejects)

        wait_for(lambda: not missing(), lambda: f"{missing()}\n{collector.log}")
        streams.merge_shards(
            StreamName=name,
            ShardToMerge="shardId-000000000000",
            AdjacentShardToMerge="shardId-000000000001",
        )
        time.sleep(1)
        assert collector.stop() == 0, collector.log
        assert collector.figures[0]["delivered"] == len(wanted.records)
        shards = {path.rsplit("/", 1)[1] for path in seaweedfs.objects("leases/") if "/shards/" in path}
        assert shards == {f"shardId-00000000000{number}.json" for number in range(3)}
    finally:
        collector.kill()


def documented_policy() -> dict[str, Any]:
    [text] = re.findall(r"```json\n(.*?)```", (ROOT / "docs/kinesis-pull.md").read_text(), re.S)
    return json.loads(text)


def names_what_it_may_not(collector: StreamCollector, action: str) -> None:
    """Waits until the collector says which call is refused."""
    operation = action.split(":")[1].replace("ListBucket", "ListObjectsV2")

    def is_named() -> bool:
        assert collector.is_running()
        return re.search(rf"{operation} .*\(AccessDenied", collector.log) is not None

    wait_for(is_named, lambda: f"{operation} is not named: {collector.log}")


def test_the_documented_policy_is_what_it_needs_of_kinesis(cli: Path, tmp_path: Path) -> None:
    """With permissions enforced all suffice, and without any one the collector names what it may not.

    moto checks actions and no resources of Kinesis, so that each statement is tried on all. It refuses
    correct signatures of a list below a folder, so that the rights to the bucket are another test's.
    """
    policy = documented_policy()
    statements = [
        one | {"Resource": "*"} for one in policy["Statement"] if one["Action"].startswith("kinesis:")
    ]
    enforcing = Moto(tmp_path)
    collectors = {}
    try:
        kinesis = enforcing.client("kinesis")
        kinesis.create_stream(StreamName="metertap", ShardCount=1)
        event = Event("1" * 56, 1_767_225_600_000, Samples(random.Random(1)).line("quoted"))
        truth = expected([event], "/app/shop", "web-1")
        data = gzip.compress(envelope([event], "/app/shop", "web-1"))
        kinesis.put_record(StreamName="metertap", PartitionKey="p", Data=data)
        iam, keys = enforcing.client("iam"), {}
        for left_out in ("", *(statement["Sid"] for statement in statements)):
            name = f"without-{left_out}"
            iam.create_user(UserName=name)
            kept = [one for one in statements if one["Sid"] != left_out]
            iam.put_user_policy(
                UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy | {"Statement": kept})
            )
            keys[left_out] = iam.create_access_key(UserName=name)["AccessKey"]
        requests.post(f"{enforcing.url}/moto-api/reset-auth", data="0", timeout=10)
        for left_out, key in keys.items():
            name = left_out or "Everything"
            collectors[left_out] = StreamCollector(
                cli,
                tmp_path,
                name,
                [{"stream": "metertap", "leases": f"file://{tmp_path}/{name}/leases"}],
                f"file://{tmp_path}/{name}/sink",
                AWS_ENDPOINT_URL=enforcing.url,
                AWS_ACCESS_KEY_ID=key["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
            )
        for statement in statements:
            names_what_it_may_not(collectors[statement["Sid"]], statement["Action"])
        arrives(tmp_path / "Everything/sink", truth, collectors[""])
        assert "metertap:" not in collectors[""].log
    finally:
        for collector in collectors.values():
            collector.kill()
        enforcing.stop()


def test_the_documented_policy_is_what_it_needs_of_the_bucket(
    cli: Path, kinesis: FakeKinesis, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """The same on a real S3 server, whose identities have the rights of the policy's statements."""
    statements = {
        one["Sid"]: one["Action"]
        for one in documented_policy()["Statement"]
        if one["Action"].startswith("s3:")
    }
    assert statements.keys() == seaweedfs.collector_rights.keys()
    logged = Logged(kinesis)
    logged.put(5)
    collectors = {}
    try:
        for left_out, key in seaweedfs.collector_keys.items():
            place = f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}"
            collectors[left_out] = StreamCollector(
                cli,
                tmp_path,
                key,
                [{"stream": kinesis.name, "leases": f"{place}leases/{key}", "lease-seconds": LEASE}],
                place,
                AWS_ENDPOINT_URL_KINESIS=kinesis.url,
                AWS_ENDPOINT_URL_S3=seaweedfs.url,
                AWS_ACCESS_KEY_ID=key,
                AWS_SECRET_ACCESS_KEY=key,
            )
        for sid, action in statements.items():
            names_what_it_may_not(collectors[sid], action)

        def missing() -> str:
            # Those that lack something deliver nothing, so that this is of the one that lacks nothing.
            found = contents({k: d for k, d in seaweedfs.objects().items() if "/leases/" not in k})
            return difference(found.records, logged.expected.records)

        wait_for(lambda: not missing(), lambda: f"{missing()}\n{collectors[''].log}")
        assert collectors[""].stop() == 0
        assert "metertap:" not in collectors[""].log
    finally:
        for collector in collectors.values():
            collector.kill()


def test_a_store_that_knows_no_conditions_is_refused(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], s3: FaultyS3
) -> None:
    """It would let two collectors read one shard."""
    more = {"AWS_ENDPOINT_URL_S3": s3.url}
    collector = collect(leases="s3://meters/leases", environment=more)
    wait_for(lambda: "If-Match" in collector.log, lambda: collector.log)
    assert not kinesis.calls
    assert collector.stop() == 0


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ({"stream": ""}, ["no stream"]),
        ({"shards": "3"}, ["shards", "no member", "lease-seconds"]),
        ({"start": "yesterday"}, ["start", "trim-horizon"]),
        ({"leases": "https://meters.example/ingest"}, ["leases", "s3://"]),
        ({"lease-seconds": "1"}, ["lease-seconds", "3 to 600"]),
        ({"lease-seconds": "many"}, ["lease-seconds"]),
        ({"stream": "arn:aws:kinesis:eu-central-1:1:table/x"}, ["ARN"]),
        ({"stream": "arn:aws:kinesis:eu-central-1:1:stream/x", "region": "eu-west-1"}, ["region"]),
        ({"external-id": "ours"}, ["external-id", "role-arn"]),
    ],
)
def test_what_is_wrong_is_said_at_the_start(
    stream: dict[str, str], words: list[str], collect: Callable[..., StreamCollector]
) -> None:
    collector = collect(**stream)
    assert collector.service.process.wait(20) == 78, collector.log
    assert all(word in collector.log for word in words), collector.log


def test_a_stream_that_is_not_there_is_told_and_waited_for(
    kinesis: FakeKinesis, collect: Callable[..., StreamCollector], sink: Path
) -> None:
    collector = collect(stream="other")
    wait_for(lambda: "ResourceNotFoundException" in collector.log, lambda: collector.log)
    kinesis.create("other", 1)
    logged = Logged(kinesis)
    logged.put(2)
    arrives(sink, logged.expected, collector)
    assert collector.stop() == 0
    assert "problem" not in collector.figures[0]
