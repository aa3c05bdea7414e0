"""A fake of Kinesis Data Streams for what moto cannot do: limits, expiry, and shards that end.

It imitates DescribeStreamSummary, ListShards, GetShardIterator and GetRecords as far as a reader sees them:

- pages of ListShards with a token that refuses a stream beside it
  (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html);
- iterators that expire, five minutes after they were given, or sooner where a test says so
  (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html);
- at most 10,000 records and 10 MB an answer, five calls and 2 MB a second for each shard, after 10 MB
  nothing for five seconds, `MillisBehindLatest`, and at the end of a closed shard no `NextShardIterator` but
  `ChildShards`
  (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html).

It checks no signatures; the path of its address tells who calls.
"""

import base64
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from components.emulators import ACCOUNT, REGION
from components.fake_service import FakeService

FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
HASHES = 2**128


@dataclass
class KinesisRecord:
    number: int
    data: bytes
    arrival: float


@dataclass
class Shard:
    name: str
    hashes: range
    parents: tuple[str, ...] = ()
    children: list[str] = field(default_factory=list)
    records: list[KinesisRecord] = field(default_factory=list)
    is_closed: bool = False


@dataclass
class Call:
    """One call of GetRecords, answered or throttled."""

    shard: str
    caller: str
    start: float
    end: float
    records: int


class Refusal(Exception):
    """What the service answers in place of a result."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class FakeKinesis(FakeService):
    """One stream. `page` limits ListShards, `iterator_seconds` how long an iterator lives."""

    def __init__(self, name: str = "logs", shards: int = 1):
        self.lock = threading.RLock()
        self.page = 3
        self.iterator_seconds = 300.0
        self.page_bytes = 10 << 20
        self.slow = 0.0
        self.denied: set[str] = set()  # operations that are not allowed for a while
        self.calls: list[Call] = []
        self.refused: Counter[str] = Counter()
        self.create(name, shards)
        self.serve()

    def respond(self, method: str, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        return self.answer(target.removeprefix("Kinesis_20131202."), json.loads(body), path.strip("/"))

    # What a test does

    def create(self, name: str, shards: int) -> None:
        """Makes the stream, or makes it anew: shards begin to count from 0."""
        with self.lock:
            self.name = name
            self.arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
            self.created = time.time()
            self.next_number = FIRST
            self.shards: dict[str, Shard] = {}
            self.recent: dict[str, list[tuple[float, int]]] = {}
            self.blocked: dict[str, float] = {}
            step = HASHES // shards
            for index in range(shards):
                self._add(range(index * step, HASHES if index == shards - 1 else (index + 1) * step), ())

    def _add(self, hashes: range, parents: tuple[str, ...]) -> str:
        name = f"shardId-{len(self.shards):012d}"
        self.shards[name] = Shard(name, hashes, parents)
        for parent in parents:
            self.shards[parent].is_closed = True
            self.shards[parent].children.append(name)
        return name

    def put(self, data: bytes, key: int) -> str:
        """Puts a record into the open shard of a hash key, and gives its sequence number."""
        with self.lock:
            shard = next(s for s in self.shards.values() if not s.is_closed and key in s.hashes)
            self.next_number += 1
            shard.records.append(KinesisRecord(self.next_number, data, time.time()))
            return str(self.next_number)

    def open(self) -> list[Shard]:
        with self.lock:
            return sorted(
                (s for s in self.shards.values() if not s.is_closed), key=lambda shard: shard.hashes.start
            )

    def split(self, name: str) -> None:
        with self.lock:
            hashes = self.shards[name].hashes
            middle = (hashes.start + hashes.stop) // 2
            self._add(range(hashes.start, middle), (name,))
            self._add(range(middle, hashes.stop), (name,))

    def merge(self, name: str, adjacent: str) -> None:
        with self.lock:
            one, other = self.shards[name].hashes, self.shards[adjacent].hashes
            assert one.stop == other.start
            self._add(range(one.start, other.stop), (name, adjacent))

    def expire(self, name: str) -> None:
        """Lets the stream's retention take a closed shard away."""
        with self.lock:
            assert self.shards[name].is_closed
            del self.shards[name]

    # What it answers

    def answer(self, operation: str, body: dict[str, Any], caller: str) -> tuple[int, bytes]:
        methods = {
            "DescribeStreamSummary": self._describe,
            "ListShards": self._list,
            "GetShardIterator": self._iterator,
        }
        start = time.monotonic()
        try:
            if operation in self.denied:
                raise Refusal("AccessDeniedException", f"not authorized to perform: kinesis:{operation}")
            if operation == "GetRecords":
                result = self._records(body, caller, start)
            else:
                with self.lock:
                    result = methods[operation](body)
        except Refusal as refusal:
            with self.lock:
                self.refused[refusal.code] += 1
            return 400, json.dumps({"__type": refusal.code, "message": str(refusal)}).encode()
        return 200, json.dumps(result).encode()

    def _check_stream(self, body: dict[str, Any]) -> None:
        if body.get("StreamARN", self.arn) != self.arn or body.get("StreamName", self.name) != self.name:
            raise Refusal("ResourceNotFoundException", "Stream not found.")

    def _describe(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check_stream(body)
        return {
            "StreamDescriptionSummary": {
                "StreamName": self.name,
                "StreamARN": self.arn,
                "StreamStatus": "ACTIVE",
                "StreamCreationTimestamp": self.created,
                "OpenShardCount": len(self.open()),
            }
        }

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        if "NextToken" in body and ("StreamARN" in body or "StreamName" in body):
            raise Refusal("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
        self._check_stream(body)
        first = int(body.get("NextToken", 0))
        shards = list(self.shards.values())
        page = {"Shards": [self._describe_shard(shard) for shard in shards[first : first + self.page]]}
        if first + self.page < len(shards):
            page["NextToken"] = str(first + self.page)
        return page

    @staticmethod
    def _describe_shard(shard: Shard) -> dict[str, Any]:
        numbers = {"StartingSequenceNumber": str(FIRST)}
        if shard.is_closed:
            numbers["EndingSequenceNumber"] = str(shard.records[-1].number + 1 if shard.records else FIRST)
        hashes = {"StartingHashKey": str(shard.hashes.start), "EndingHashKey": str(shard.hashes.stop - 1)}
        result = {"ShardId": shard.name, "HashKeyRange": hashes, "SequenceNumberRange": numbers}
        for name, parent in zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False):
            result[name] = parent
        return result

    def _iterator(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check_stream(body)
        if body["ShardId"] not in self.shards:
            raise Refusal("ResourceNotFoundException", f"Shard {body['ShardId']} not found.")
        records = self.shards[body["ShardId"]].records
        match body["ShardIteratorType"]:
            case "TRIM_HORIZON":
                index = 0
            case "AT_TIMESTAMP":
                index = sum(record.arrival < body["Timestamp"] for record in records)
            case "AFTER_SEQUENCE_NUMBER":
                number = int(body["StartingSequenceNumber"])
                if not FIRST <= number <= self.next_number:
                    raise Refusal("InvalidArgumentException", "StartingSequenceNumber is not of this stream.")
                index = sum(record.number <= number for record in records)
            case other:
                raise Refusal("InvalidArgumentException", f"{other} is not used")
        return {"ShardIterator": self._make_iterator(body["ShardId"], index)}

    def _make_iterator(self, shard: str, index: int) -> str:
        text = json.dumps([shard, index, time.monotonic()])
        return base64.b64encode(text.encode()).decode()

    def _records(self, body: dict[str, Any], caller: str, start: float) -> dict[str, Any]:
        name, index, made = json.loads(base64.b64decode(body["ShardIterator"]))
        if self.slow:
            time.sleep(self.slow)
        with self.lock:
            self._check_stream(body)
            if start - made > self.iterator_seconds:
                raise Refusal("ExpiredIteratorException", "Iterator expired.")
            if name not in self.shards:
                raise Refusal("ResourceNotFoundException", f"Shard {name} not found.")
            self._limit(name, start)
            shard = self.shards[name]
            page, size = [], 0
            for record in shard.records[index : index + 10_000]:
                if page and size + len(record.data) > self.page_bytes:
                    break
                page.append(record)
                size += len(record.data)
            self.recent[name].append((start, size))
            if size >= 0.9 * (10 << 20):
                self.blocked[name] = start + 5
            self.calls.append(Call(name, caller, start, time.monotonic(), len(page)))
            after = index + len(page)
            answer: dict[str, Any] = {
                "Records": [
                    {
                        "SequenceNumber": str(record.number),
                        "ApproximateArrivalTimestamp": round(record.arrival, 3),
                        "Data": base64.b64encode(record.data).decode(),
                        "PartitionKey": "p",
                    }
                    for record in page
                ],
                "MillisBehindLatest": 0,
            }
            if after < len(shard.records):
                answer["MillisBehindLatest"] = max(
                    1, int((time.time() - shard.records[after].arrival) * 1000)
                )
            if shard.is_closed and after == len(shard.records):
                answer["NextShardIterator"] = None
                answer["ChildShards"] = [
                    {"ShardId": child, "ParentShards": list(self.shards[child].parents), "HashKeyRange": {}}
                    for child in shard.children
                    if child in self.shards
                ]
            else:
                answer["NextShardIterator"] = self._make_iterator(name, after)
            return answer

    def _limit(self, shard: str, now: float) -> None:
        recent = [(at, size) for at, size in self.recent.get(shard, []) if now - at < 1]
        self.recent[shard] = recent
        if (
            len(recent) >= 5
            or sum(size for _, size in recent) >= 2_000_000
            or now < self.blocked.get(shard, 0)
        ):
            raise Refusal("ProvisionedThroughputExceededException", f"Rate exceeded for shard {shard}.")

    # What a test asks about the calls

    def readers_at_once(self, lease: float) -> list[str]:
        """The shards that were read by two at once, or for longer than a lease in turns, as text.

        A shard changes hands by a lease that runs out or is given back. Who is asked and gives back is not
        asked again at once, so that three changes within a lease's length are two who both read.
        """
        found = []
        with self.lock:
            calls = sorted(self.calls, key=lambda call: call.start)
        for shard in {call.shard for call in calls}:
            own = [call for call in calls if call.shard == shard]
            changes: list[float] = []
            for one, other in itertools.pairwise(own):
                if one.caller != other.caller:
                    changes.append(other.start)
                    if other.start < one.end:
                        found.append(f"{shard} by {one.caller} and {other.caller} at {other.start}")
            for one, other in zip(changes, changes[2:], strict=False):
                if other - one < lease:
                    found.append(f"{shard} in turns at {one}")
        return found
