"""A fake of CloudWatch Logs and STS for what moto cannot do: a clock that is set, and hard reading.

It imitates, of the API reference of CloudWatch Logs and STS:

- FilterLogEvents: an inclusive `endTime`; pages with `nextToken`, some of them empty; events that can be
  read only a while after their time: minutes as the page on FilterLogEvents allows, or up to 14 days as
  PutLogEvents accepts them; events of one millisecond in any order; a `filterPattern`, as
  `reference/filter_pattern.py` understands it;
- tokens that lead nowhere, where `token_faults` says so: one that comes again, as boto/boto3#1584 reports
  of FilterLogEvents, one that is not known any more, an empty one at the end;
- DescribeLogGroups with `logGroupNamePrefix` and pages;
- AssumeRole with an external id: credentials for an hour, then `ExpiredTokenException`;
- `ThrottlingException`, `ServiceUnavailableException`, `AccessDeniedException`, connections that break off.

It checks no signatures; the access key tells whose call it is. moto checks signatures and policies.
"""

import asyncio
import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from components.emulators import REGION
from reference import filter_pattern

FAULTS = ("ThrottlingException", "ServiceUnavailableException", "AccessDeniedException", "broken off")

HOUR = 3_600_000
KEY = re.compile(r"Credential=([^/]+)/")


@dataclass
class LogEvent:
    id: str
    stream: str
    timestamp: int
    visible: int  # from when on it can be read
    message: str


@dataclass
class Account:
    """What an account holds, and what calls to it meet."""

    number: str
    groups: dict[str, list[LogEvent]] = field(default_factory=dict)
    external_id: str = ""
    appears: dict[str, int] = field(default_factory=dict)  # from when on a log group is there
    fault: Callable[[], str | None] = lambda: None  # one of FAULTS, "slow" for no answer, or None
    reads: int = 0

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{self.number}:role/metertap-read"


class Refusal(Exception):
    def __init__(self, code: str, status: int = 400):
        super().__init__(code)
        self.code, self.status = code, status


class BrokenOff(Exception):
    """The connection ends without an answer."""


class Slow(Exception):
    """No answer comes."""


class LateLogs:
    """Serves accounts on a free port of the loopback interface; `now` is its clock in milliseconds."""

    def __init__(self, accounts: list[Account], rng: random.Random, now: int):
        self.accounts = {account.number: account for account in accounts}
        self.rng, self.set = rng, now
        self.is_live = False  # whether the clock is the machine's
        self.page = 25
        self.token_faults = 0.0  # how likely an answer with a token is one whose token leads nowhere
        self.calls = 0
        self.keys: dict[str, tuple[str, int]] = {}  # the account and the end of an access key
        self.queries: dict[str, list[LogEvent]] = {}
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        async def serve() -> None:
            self.server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
            started.set()

        def run() -> None:
            asyncio.set_event_loop(self.loop)
            self.loop.create_task(serve())
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        started.wait(10)

    @property
    def now(self) -> int:
        return int(time.time() * 1000) if self.is_live else self.set

    @now.setter
    def now(self, value: int) -> None:
        self.set = value

    def add(self, account: Account, group: str, at: int, message: str) -> None:
        """Logs a message that can be read at once."""
        number = f"{sum(len(events) for events in account.groups.values()):056d}"
        account.groups[group].append(LogEvent(number, "a", at, at, message))

    def close(self) -> None:
        def stop() -> None:
            self.server.close()
            for task in asyncio.all_tasks():
                task.cancel()
            self.loop.call_later(0.05, self.loop.stop)

        self.loop.call_soon_threadsafe(stop)
        self.thread.join(10)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(
                    (name.lower(), value.strip())
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:] if line)
                )
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                try:
                    status, kind, answer = self.answer(fields, body)
                except Slow:
                    await asyncio.sleep(60)
                    return
                head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n"
                writer.write(head.encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, BrokenOff):
            pass
        finally:
            writer.close()

    def answer(self, fields: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        self.calls += 1
        key = KEY.search(fields.get("authorization", ""))
        assert key, "a call without a signature"
        target = fields.get("x-amz-target", "")
        try:
            if not target:
                return 200, "text/xml", self.assume_role(parse_qs(body.decode()))
            result = self.call(self.caller(key[1]), target.split(".")[1], json.loads(body))
            return 200, "application/x-amz-json-1.1", json.dumps(result).encode()
        except Refusal as refusal:
            if target:
                text = json.dumps({"__type": refusal.code, "message": "as it was told to"})
                return refusal.status, "application/x-amz-json-1.1", text.encode()
            error = f"<ErrorResponse><Error><Code>{refusal.code}</Code></Error></ErrorResponse>"
            return refusal.status, "text/xml", error.encode()

    def caller(self, key: str) -> Account:
        number, end = self.keys.get(key, ("", 0))
        if not number or end <= self.now:
            raise Refusal("ExpiredTokenException")
        return self.accounts[number]

    def assume_role(self, form: dict[str, list[str]]) -> bytes:
        number = form["RoleArn"][0].split(":")[4]
        account = self.accounts[number]
        if form.get("ExternalId", [""])[0] != account.external_id:
            raise Refusal("AccessDenied", 403)
        self.fail(account)
        key = f"ASIA{self.rng.getrandbits(64):016X}"
        self.keys[key] = (number, self.now + HOUR)
        end = datetime.fromtimestamp((self.now + HOUR) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
            f"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ).encode()

    def expire_credentials(self) -> None:
        """Ends all credentials before their time, as a revoked session does."""
        self.keys = {}

    @staticmethod
    def fail(account: Account) -> None:
        fault = account.fault()
        if fault == "broken off":
            raise BrokenOff
        if fault == "slow":
            raise Slow
        if fault:
            raise Refusal(fault, 503 if fault == "ServiceUnavailableException" else 400)

    def call(self, account: Account, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        self.fail(account)
        if operation == "DescribeLogGroups":
            return self.log_groups(account, body)
        assert operation == "FilterLogEvents", operation
        return self.filter(account, body)

    def log_groups(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        prefix, first = body.get("logGroupNamePrefix", ""), int(body.get("nextToken", "0"))
        names = sorted(
            name for name in account.groups if name.startswith(prefix) and self.is_there(account, name)
        )
        page = names[first : first + 2]
        arn = f"arn:aws:logs:{REGION}:{account.number}:log-group:"
        answer: dict[str, Any] = {
            "logGroups": [{"logGroupName": name, "arn": f"{arn}{name}:*"} for name in page]
        }
        return answer | ({"nextToken": str(first + 2)} if first + 2 < len(names) else {})

    def is_there(self, account: Account, group: str) -> bool:
        return group in account.groups and account.appears.get(group, 0) <= self.now

    def filter(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        if not self.is_there(account, body["logGroupName"]):
            raise Refusal("ResourceNotFoundException")
        account.reads += 1
        query, _, place = body.get("nextToken", "").partition(":")
        if not query:
            query, place = f"{self.rng.getrandbits(64):x}", "0"
            self.queries[query] = self.found(account, body)
            if self.rng.random() < 0.2:
                return {"events": [], "nextToken": f"{query}:0"}
        elif self.rng.random() < self.token_faults:
            if self.rng.random() < 0.5:
                raise Refusal("InvalidParameterException")
            return {"events": [], "nextToken": body["nextToken"]}
        events, first = self.queries[query], int(place)
        last = first + self.rng.randrange(1, self.page + 1)
        answer: dict[str, Any] = {
            "events": [
                {
                    "logStreamName": event.stream,
                    "timestamp": event.timestamp,
                    "message": event.message,
                    "ingestionTime": event.visible,
                    "eventId": event.id,
                }
                for event in events[first:last]
            ]
        }
        if last < len(events):
            return answer | {"nextToken": f"{query}:{last}"}
        del self.queries[query]
        return answer | ({"nextToken": ""} if self.rng.random() < self.token_faults else {})

    def found(self, account: Account, body: dict[str, Any]) -> list[LogEvent]:
        pattern = body.get("filterPattern", "")
        found = [
            event
            for event in account.groups[body["logGroupName"]]
            if event.visible <= self.now
            and body["startTime"] <= event.timestamp <= body["endTime"]
            and filter_pattern.matches(pattern, event.message)
        ]
        # Nearly in the order of time.
        return sorted(found, key=lambda event: event.timestamp // 5_000 + self.rng.random())
