"""A fake of CloudWatch Logs for what moto is too slow for: a log group of millions of events.

It imitates DescribeLogGroups and FilterLogEvents as far as a reader of a range sees them: an inclusive end,
pages of at most so many events with a token, an empty page with a token in front. Events are made up from
their numbers. A filter pattern is looked at by the naive evaluator of `reference/filter_pattern.py`, and what
is none is refused as the service refuses it (InvalidParameterException). It checks no signatures.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from components.emulators import ACCOUNT, REGION
from reference import filter_pattern


class MadeUpLogs:
    """`count` events, `step` milliseconds apart, of one stream; `message` gives the text of an event."""

    def __init__(self, group: str, start: int, count: int, step: int, message: Callable[[int], str]):
        self.group, self.start, self.count, self.step, self.message = group, start, count, step, message
        self.page = 4_000  # about 1 MB, which is where CloudWatch Logs ends a page
        self.calls = 0
        logs = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    status, answer = 200, logs.answer(self.headers["X-Amz-Target"].split(".")[1], body)
                except filter_pattern.Invalid:
                    error = {"__type": "InvalidParameterException", "message": "Invalid filter pattern"}
                    status, answer = 400, json.dumps(error).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

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
