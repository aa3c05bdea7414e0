"""Fakes of CloudWatch Logs for what moto is too slow for: a log group of millions of events.

`MadeUpLogs` imitates DescribeLogGroups and FilterLogEvents as far as a reader of a range sees them: an
inclusive end, pages of at most so many events with a token, an empty page with a token in front. Events are
made up from their numbers. A filter pattern is looked at by the naive evaluator of
`reference/filter_pattern.py`, and what is none is refused as the service refuses it
(InvalidParameterException). It checks no signatures.
"""

import bisect
import itertools
import json
from collections.abc import Callable
from typing import Any

from components.emulators import ACCOUNT, REGION
from components.fake_service import FakeService
from reference import filter_pattern


class MadeUpLogs(FakeService):
    """`count` events, `step` milliseconds apart, of one stream; `message` gives the text of an event."""

    def __init__(self, group: str, start: int, count: int, step: int, message: Callable[[int], str]):
        self.group, self.start, self.count, self.step, self.message = group, start, count, step, message
        self.page = 4_000  # about 1 MB, which is where CloudWatch Logs ends a page
        self.calls = 0
        self.serve()

    def respond(self, method: str, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        try:
            return 200, self.answer(target.split(".")[1], json.loads(body))
        except filter_pattern.Invalid:
            error = {"__type": "InvalidParameterException", "message": "Invalid filter pattern"}
            return 400, json.dumps(error).encode()

    def answer(self, operation: str, body: dict[str, Any]) -> bytes:
        if operation == "DescribeLogGroups":
            return log_groups(self.group)
        self.calls += 1
        first = max(0, -(-(body["startTime"] - self.start) // self.step))
        first = max(first, int(body.get("nextToken", "0")))
        end = min(self.count, (body["endTime"] - self.start) // self.step + 1)
        last = min(end, first + self.page)
        # As CloudWatch Logs may, it first says that it searched and found nothing yet.
        if "nextToken" not in body:
            last = first
        pattern = body.get("filterPattern", "")
        numbers = range(first, last)
        if pattern:
            numbers = [n for n in numbers if filter_pattern.matches(pattern, self.message(n))]
        events = ",".join(self.event(number) for number in numbers)
        token = f',"nextToken":"{last}"' if last < end else ""
        return f'{{"events":[{events}],"searchedLogStreams":[]{token}}}'.encode()

    def event(self, number: int) -> str:
        return (
            f'{{"logStreamName":"web-1","timestamp":{self.start + number * self.step},'
            f'"message":{json.dumps(self.message(number))},"ingestionTime":1,"eventId":"{number:056d}"}}'
        )


class RenderedLogs(FakeService):
    """A log group whose pages are cut out of bytes that were made before, so that it costs nothing to ask.

    `events` are times in milliseconds, in order, and the JSON of FilterLogEvents for each. All events of a
    range are answered, whatever the filter pattern; pages are of about 1 MB and at most 10,000 events.
    """

    PAGE_BYTES, PAGE_EVENTS = 1 << 20, 10_000

    def __init__(self, group: str, events: list[tuple[int, str]]):
        self.group = group
        self.times = [time for time, _ in events]
        texts = [text.encode() for _, text in events]
        self.text = memoryview(b",".join(texts))
        self.starts = list(itertools.accumulate((len(text) + 1 for text in texts), initial=0))
        self.serve()

    def respond(self, method: str, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        if target.endswith("DescribeLogGroups"):
            return 200, log_groups(self.group)
        first = int(asked.get("nextToken") or bisect.bisect_left(self.times, asked["startTime"]))
        end = bisect.bisect_right(self.times, asked["endTime"])
        last = min(
            end, first + self.PAGE_EVENTS, bisect.bisect(self.starts, self.starts[first] + self.PAGE_BYTES)
        )
        events = self.text[self.starts[first] : max(self.starts[first], self.starts[last] - 1)]
        token = b',"nextToken":"%d"' % last if last < end else b""
        return 200, b"".join((b'{"events":[', events, b'],"searchedLogStreams":[]', token, b"}"))


def log_groups(name: str) -> bytes:
    """What DescribeLogGroups answers when there is one log group."""
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"
    return json.dumps({"logGroups": [{"logGroupName": name, "arn": arn}]}).encode()
