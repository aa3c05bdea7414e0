"""A fake of CloudWatch Logs for what moto is too slow for: a log group of millions of events.

It imitates DescribeLogGroups and FilterLogEvents as far as a reader of a range sees them: an inclusive end,
pages of at most so many events with a token, an empty page with a token in front. Events are made up from
their numbers. A filter pattern is looked at by the naive evaluator of `reference/filter_pattern.py`, and what
is none is refused as the service refuses it (InvalidParameterException). It checks no signatures.
"""

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
            arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.group}:*"
            return json.dumps({"logGroups": [{"logGroupName": self.group, "arn": arn}]}).encode()
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
