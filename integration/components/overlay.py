"""A proxy in front of ministack that answers as AWS does where ministack does not.

Every call goes on to ministack as it was signed, so that it is refused as AWS would refuse it. What is
changed is the answer, and only here:

- Filter patterns: ministack knows neither regular expressions nor terms with question marks, and AWS does
  (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
- Account policies, which ministack does not have: there are none, unless a test puts some.
- Figures of CloudWatch: those that a test gives, and none of ministack's own, which cannot be taken away.
- Permissions of `GetFunctionConcurrency` and `GetFunctionEventInvokeConfig`, which ministack asks for by
  other names.
- What a test changes in answers (`changes`), and the time that answers tell (`ahead`).
"""

import contextlib
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from components.emulators import Ministack
from reference import filter_pattern

Change = Callable[[dict[str, Any], dict[str, Any]], None]
Metric = tuple[str, str, frozenset[tuple[str, str]]]

# Operations of Lambda's REST API that a change is for, or a permission.
_LAMBDA = {
    "ListEventSourceMappings": r"GET /2015-03-31/event-source-mappings/?",
    "GetFunctionConfiguration": r"GET /2015-03-31/functions/([^/]+)/configuration",
    "GetFunctionConcurrency": r"GET /2019-09-30/functions/([^/]+)/concurrency",
    "GetFunctionEventInvokeConfig": r"GET /2019-09-25/functions/([^/]+)/event-invoke-config",
}
# What ministack asks other permissions for, and what is asked in its place: with AWS the two names of the
# version that is not published mean the same, which ministack tells apart.
_MISNAMED: dict[str, tuple[str, dict[str, str]]] = {
    "GetFunctionConcurrency": ("get_function_concurrency", {}),
    "GetFunctionEventInvokeConfig": ("get_function_event_invoke_config", {"Qualifier": "$LATEST"}),
}


class Overlay:
    """The proxy, on a port of its own."""

    def __init__(self, account: Ministack):
        self.account = account
        self.changes: dict[str, list[Change]] = {}
        self.metrics: dict[Metric, float] = {}
        self.policies: list[dict[str, Any]] = []
        #: Seconds by which the time of answers is ahead of this machine's.
        self.ahead = 0
        #: The actions of users by their access key; who is not named here may do everything.
        self.allowed: dict[str, set[str]] = {}
        self.calls: list[str] = []
        self._logs, self._lambda = account.client("logs"), account.client("lambda")
        self._serve()

    @contextlib.contextmanager
    def changed(self, operation: str, change: Change) -> Iterator[None]:
        """Changes the answers of an operation for a while."""
        changes = self.changes.setdefault(operation, [])
        changes.append(change)
        yield
        changes.remove(change)

    @contextlib.contextmanager
    def measured(self, value: float, namespace: str, name: str, **dimensions: str) -> Iterator[None]:
        """Gives a metric one value in the last minute, for a while."""
        metric = (namespace, name, frozenset(dimensions.items()))
        before = self.metrics.get(metric)
        self.metrics[metric] = value
        yield
        del self.metrics[metric]
        if before is not None:
            self.metrics[metric] = before

    def answer(
        self, method: str, path: str, headers: Any, body: bytes, answer: tuple[int, bytes]
    ) -> tuple[int, bytes]:
        """What to answer in place of ministack's own."""
        operation, subject = _operation(method, path, headers, body)
        self.calls.append(operation)
        if operation in _MISNAMED:
            answer = self._by_its_name(operation, subject, headers)
        request = json.loads(body) if headers.get("X-Amz-Target") else {}
        if operation == "DescribeAccountPolicies" and b"Unknown action" in answer[1]:
            answer = 200, json.dumps({"accountPolicies": self.policies}).encode()
        if answer[0] != 200:
            return answer
        if operation == "FilterLogEvents" and request.get("filterPattern"):
            answer = 200, json.dumps(self._events(request)).encode()
        elif operation == "ListMetrics":
            answer = 200, json.dumps({"Metrics": self._metrics(request)}).encode()
        elif operation == "GetMetricData":
            results = [self._values(query) for query in request["MetricDataQueries"]]
            answer = 200, json.dumps({"MetricDataResults": results}).encode()
        changes = self.changes.get(operation, [])
        if not changes:
            return answer
        document = json.loads(answer[1])
        for change in changes:
            change(request, document)
        return 200, json.dumps(document).encode()

    def _by_its_name(self, operation: str, function: str, headers: Any) -> tuple[int, bytes]:
        found = re.search(r"Credential=([^/]+)/", headers.get("Authorization", ""))
        action = f"lambda:{operation}"
        if action not in self.allowed.get(found[1] if found else "", {action}):
            error = {"__type": "AccessDeniedException", "message": f"not authorized to perform: {action}"}
            return 403, json.dumps(error).encode()
        method, given = _MISNAMED[operation]
        try:
            done = getattr(self._lambda, method)(FunctionName=function, **given)
        except ClientError as refused:
            error = {"__type": refused.response["Error"]["Code"], "message": "There is none"}
            return refused.response["ResponseMetadata"]["HTTPStatusCode"], json.dumps(error).encode()
        done.pop("ResponseMetadata")
        return 200, json.dumps(done, default=lambda time: time.timestamp()).encode()

    def _events(self, request: dict[str, Any]) -> dict[str, Any]:
        times = {key: request[key] for key in ("startTime", "endTime") if key in request}
        found = self._logs.filter_log_events(logGroupName=request["logGroupName"], **times)["events"]
        pattern = request["filterPattern"]
        return {"events": [event for event in found if filter_pattern.matches(pattern, event["message"])]}

    def _metrics(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = {(one["Name"], one["Value"]) for one in request.get("Dimensions", [])}
        return [
            {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions],
            }
            for namespace, name, dimensions in self.metrics
            if (namespace, name) == (request["Namespace"], request["MetricName"]) and wanted <= dimensions
        ]

    def _values(self, query: dict[str, Any]) -> dict[str, Any]:
        metric = query["MetricStat"]["Metric"]
        dimensions = frozenset((one["Name"], one["Value"]) for one in metric["Dimensions"])
        value = self.metrics.get((metric["Namespace"], metric["MetricName"], dimensions))
        values = [] if value is None else [value]
        times = [int(time.time()) // 60 * 60 for _ in values]
        return {"Id": query["Id"], "Timestamps": times, "Values": values, "StatusCode": "Complete"}

    def _serve(self) -> None:
        overlay = self
        target = urlsplit(self.account.url)
        context = ssl.create_default_context(cafile=str(self.account.ca))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def setup(self) -> None:
                super().setup()
                assert target.hostname
                self.upstream = http.client.HTTPSConnection(target.hostname, target.port, context=context)

            def finish(self) -> None:
                self.upstream.close()
                super().finish()

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                # As it was signed, with the name of this proxy as the host.
                self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() != "connection":
                        self.upstream.putheader(name, value)
                self.upstream.endheaders(body)
                got = self.upstream.getresponse()
                status, text = overlay.answer(
                    self.command, self.path, self.headers, body, (got.status, got.read())
                )
                self.send_response_only(status)
                for name, value in got.getheaders():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding", "date"):
                        self.send_header(name, value)
                self.send_header("Date", overlay.date(got.headers["Date"]))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def date(self, told: str) -> str:
        return formatdate(parsedate_to_datetime(told).timestamp() + self.ahead, usegmt=True)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _operation(method: str, path: str, headers: Any, body: bytes) -> tuple[str, str]:
    """The operation's name, and the function that it is about."""
    if target := headers.get("X-Amz-Target"):
        return target.split(".")[-1], ""
    for operation, pattern in _LAMBDA.items():
        if found := re.fullmatch(pattern, f"{method} {urlsplit(path).path}"):
            return operation, found[1] if found.groups() else ""
    if "x-www-form-urlencoded" in (headers.get("Content-Type") or ""):
        return parse_qs(body.decode()).get("Action", [""])[0], ""
    return "", ""
