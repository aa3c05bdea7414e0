"""A log group in moto, and the commands that read it: `metertap backfill` and `metertap audit`."""

import gzip
import json
import random
import subprocess
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.cloudwatch import MadeUpLogs
from components.emulators import ACCOUNT, REGION, Moto
from components.processes import clean_environment
from components.samples import Event, Expected, Line, Samples, envelope, expected

# CloudWatch Logs takes events that are at most 14 days old, and of at most 24 hours in one call.
HOUR = 3_600_000


def environment(moto: Moto | MadeUpLogs, **settings: str) -> dict[str, str]:
    given = {
        "AWS_ENDPOINT_URL": moto.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
    }
    return clean_environment(**(given | settings))


@dataclass
class Command:
    """What a run of a command gave."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> dict[str, Any]:
        """The only line on stdout."""
        return json.loads(self.output)


def run(cli: Path, directory: Path, settings: dict[str, str], *arguments: str) -> Command:
    done = subprocess.run(
        [cli, *arguments],
        env=settings,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Command(done.returncode, done.stdout, done.stderr)


@dataclass
class LogGroup:
    """A log group of moto. `events` are its log events as CloudWatch numbers them, by stream."""

    moto: Moto
    name: str
    events: dict[str, list[Event]] = field(default_factory=dict)
    account: str = ACCOUNT

    def __post_init__(self) -> None:
        self.client = self.moto.client("logs", self.account)
        self.client.create_log_group(logGroupName=self.name)

    def put(self, stream: str, lines: Iterable[tuple[int, Line]]) -> list[Event]:
        """Writes lines with their times, and gives the log events that came of them."""
        if stream not in self.events:
            self.client.create_log_stream(logGroupName=self.name, logStreamName=stream)
            self.events[stream] = []
        pending = sorted(((at, line) for at, line in lines if line.message), key=lambda pair: pair[0])
        for first in range(0, len(pending), 500):
            part = pending[first : first + 500]
            self.client.put_log_events(
                logGroupName=self.name,
                logStreamName=stream,
                logEvents=[{"timestamp": at, "message": line.message} for at, line in part],
            )
        added = self._numbered(stream, dict((line.message, line) for _, line in pending))
        known = {event.id for event in self.events[stream]}
        new = [event for event in added if event.id not in known]
        assert len(new) == len(pending), "moto kept other events than were put"
        self.events[stream] += new
        return new

    def _numbered(self, stream: str, lines: dict[str, Line]) -> list[Event]:
        """The events of a stream, with the ids that moto gave them and ships to subscriptions too."""
        found = []
        for page in self.client.get_paginator("filter_log_events").paginate(
            logGroupName=self.name, logStreamNames=[stream]
        ):
            found += [
                Event(e["eventId"], e["timestamp"], lines[e["message"]])
                for e in page["events"]
                if e["message"] in lines
            ]
        return found

    def envelopes(self, size: int = 40) -> list[tuple[list[Event], bytes]]:
        """What a subscription would ship: some events of one stream, and the envelope that holds them."""
        made = []
        for stream, events in self.events.items():
            for first in range(0, len(events), size):
                part = events[first : first + size]
                made.append((part, gzip.compress(envelope(part, self.name, stream))))
        return made


def export(
    s3: Any, bucket: str, prefix: str, streams: dict[str, list[Event]], task: str = "task-1", size: int = 50
) -> None:
    """Writes what an export task writes, as its documentation shows it.

    moto's own tasks cut times to whole seconds and name a task for each stream.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasks.html
    """
    folder = f"{prefix}/{task}" if prefix else task
    s3.put_object(
        Bucket=bucket, Key=f"{prefix}/aws-logs-write-test".lstrip("/"), Body=b"Permission Check Successful"
    )
    for stream, events in streams.items():
        for number, first in enumerate(range(0, len(events), size)):
            text = "".join(
                f"{export_time(event.timestamp)} {event.line.message}\n"
                for event in events[first : first + size]
            )
            key = f"{folder}/{stream.replace('/', '-')}/{number:06}.gz"
            s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(text.encode()))


def export_time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"


def recently(minutes: int = 120) -> int:
    """A whole minute of some time ago, so that all that is put after it is in the past."""
    return (int(time.time()) // 60 - minutes) * 60_000


def every_form(moto: Moto, *streams: str) -> LogGroup:
    """A log group with every form of line once and a mixture, in each stream."""
    group = LogGroup(moto, f"/app/{uuid.uuid4().hex[:8]}")
    start = recently()
    samples = Samples(random.Random(5), base_time=start - 86_400_000)
    for index, stream in enumerate(streams):
        lines = [samples.line(kind) for kind in samples.kinds] + [samples.line() for _ in range(60)]
        group.put(stream, [(start + index + 20_000 * n, line) for n, line in enumerate(lines)])
    return group


def wanted(group: LogGroup) -> Expected:
    """What must come of all that a log group holds."""
    result = Expected()
    for stream, events in group.events.items():
        result.add(expected(events, group.name, stream, group.account))
    return result
