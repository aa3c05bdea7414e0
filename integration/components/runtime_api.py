"""A fake Lambda Runtime API that runs the real executable and hands it one event after the other."""

import collections
import json
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from components.processes import clean_environment

FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:metertap"
TAGS = ("amberflo_meter", "meter_record_for_cw", "meter_record_for_stream")


@dataclass
class Answer:
    """What became of one invocation."""

    kind: (
        str  # response, error, initError, ended (the process), silent (nothing until well after the deadline)
    )
    body: Any = None
    seconds: float = 0
    accounting: dict[str, Any] | None = None
    seen: Any = None  # what `on_answer` returned at the moment of the answer

    @property
    def failed_from(self) -> str | None:
        """The sequence number named in a partial batch response; None when all is acknowledged."""
        assert self.kind == "response", f"no response but {self.kind}: {self.body}"
        assert isinstance(self.body, dict), f"not a partial batch response: {self.body}"
        failures = self.body["batchItemFailures"]
        assert len(failures) <= 1, f"one item is enough and all that Lambda uses: {failures}"
        return failures[0]["itemIdentifier"] if failures else None


@dataclass
class _Invocation:
    payload: bytes
    deadline: float
    on_answer: Callable[[], Any] | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None


class Agent:
    """The executable under test behind a fake Lambda Runtime API.

    Exists for what ministack does not do: redelivery from the sequence number that `batchItemFailures` names,
    a deadline of the test's choice, a look at the store at the very moment of the answer, a process that is
    killed between put and response, and payloads that are no Kinesis event. The process lives as long as this
    object, over any number of invocations, and is started again after it ended.
    """

    def __init__(self, command: list[str], **settings: str):
        self.command = command
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.output: collections.deque[str] = collections.deque(maxlen=2000)
        self.told: list[str] = []  # lines of output that hold a tag: the agent would feed itself
        self._accounting: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._queue: collections.deque[_Invocation] = collections.deque()
        self._current: _Invocation | None = None
        self._init_error: Any = None
        self._idle = False
        agent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                agent._next(self)

            def do_POST(self) -> None:
                agent._post(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: Any) -> None:
                pass  # the process was killed while it waited

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    # What a test calls

    def start(self) -> None:
        if self.process and self.process.poll() is None:
            return
        self.starts += 1
        self._init_error = None
        self._idle = False
        environment = clean_environment(
            AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{self._server.server_port}",
            AWS_LAMBDA_FUNCTION_NAME="metertap",
            # More than one core's: envelopes are read ahead.
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE="2048",
            AWS_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="AGENTKEY",
            AWS_SECRET_ACCESS_KEY="agent-secret",
        )
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment | self.settings,
        )
        for pipe, is_stdout in ((self.process.stdout, True), (self.process.stderr, False)):
            threading.Thread(target=self._read, args=(self.process, pipe, is_stdout), daemon=True).start()

    def started(self, seconds: float = 10) -> Answer | None:
        """None once the process asks for its first event; an answer when its start failed."""
        self.start()
        limit = time.monotonic() + seconds
        with self._changed:
            while time.monotonic() < limit:
                if self._init_error is not None:
                    return Answer("initError", self._init_error)
                if self._idle:
                    return None
                if self.process.poll() is not None:
                    self._changed.wait(0.2)  # its last words may still be on their way
                    if self._init_error is None:
                        return Answer("ended", self.process.returncode)
                self._changed.wait(0.05)
        return Answer("silent")

    def invoke(
        self, event: Any, deadline: float = 10, on_answer: Callable[[], Any] | None = None, grace: float = 5
    ) -> Answer:
        """Hands over one event (an object, or bytes as they are) and waits for the answer to it."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        invocation = _Invocation(payload, time.time() + deadline, on_answer)
        begin = time.monotonic()
        known = len(self._accounting)
        self.start()
        process = self.process
        with self._changed:
            self._queue.append(invocation)
            self._changed.notify_all()
        while not invocation.done.wait(0.02):
            if process.poll() is not None:
                # A response that was sent just before the end still counts.
                if invocation.done.wait(0.1):
                    break
                invocation.answer = Answer("ended", process.returncode)
                break
            if self._init_error is not None:
                invocation.answer = Answer("initError", self._init_error)
                break
            if time.monotonic() - begin > deadline + grace:
                invocation.answer = Answer("silent")
                break
        answer = invocation.answer
        answer.seconds = time.monotonic() - begin
        with self._changed:
            if invocation in self._queue:
                self._queue.remove(invocation)
            if self._current is invocation:
                self._current = None
        if answer.kind == "silent":
            self.kill()  # as Lambda does with a function that misses its deadline
        elif answer.kind == "response":
            answer.accounting = self._await_accounting(known)
        return answer

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def peak_memory(self) -> int:
        """The most memory that the process ever had resident, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM in /proc/<pid>/status")

    def close(self) -> None:
        self.kill()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # Inside

    def _read(self, process: subprocess.Popen[bytes], pipe: Any, is_stdout: bool) -> None:
        for raw in pipe:
            line = raw.decode(errors="replace").rstrip("\n")
            self.output.append(line)
            if any(tag in line for tag in TAGS):
                self.told.append(line)
            if is_stdout and line.startswith("{"):
                try:
                    value = json.loads(line)
                except ValueError:
                    continue
                if "records" in value and "delivered" in value:
                    with self._changed:
                        self._accounting.append(value)
                        self._changed.notify_all()

    def _await_accounting(self, known: int) -> dict[str, Any] | None:
        limit = time.monotonic() + 2
        with self._changed:
            while len(self._accounting) <= known and time.monotonic() < limit:
                self._changed.wait(0.05)
            return self._accounting[known] if len(self._accounting) > known else None

    def _next(self, request: BaseHTTPRequestHandler) -> None:
        if not request.path.endswith("/2018-06-01/runtime/invocation/next"):
            return _reply(request, 404)
        process = self.process
        with self._changed:
            self._idle = True
            self._changed.notify_all()
            while not self._queue:
                self._changed.wait(0.5)
                if self.process is not process or process.poll() is not None:
                    request.close_connection = True
                    return None
            invocation = self._current = self._queue.popleft()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
            "Content-Type": "application/json",
        }
        return _reply(request, 200, invocation.payload, headers)

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        body = read_body(request)
        try:
            value = json.loads(body) if body else None
        except ValueError:
            value = body.decode(errors="replace")
        if request.path.endswith("/runtime/init/error"):
            with self._changed:
                self._init_error = value if value is not None else "?"
                self._changed.notify_all()
            return _reply(request, 202)
        identifier, _, kind = request.path.partition("/invocation/")[2].partition("/")
        invocation = self._current
        if not invocation or invocation.id != identifier or kind not in ("response", "error"):
            return _reply(request, 400, b'{"errorType":"InvalidRequestID"}')
        answer = Answer(kind, value)
        if invocation.on_answer:
            answer.seen = invocation.on_answer()
        invocation.answer = answer
        invocation.done.set()
        return _reply(request, 202)


def read_body(request: BaseHTTPRequestHandler) -> bytes:
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        parts = []
        while size := int(request.rfile.readline().split(b";")[0], 16):
            parts.append(request.rfile.read(size))
            request.rfile.readline()
        request.rfile.readline()
        return b"".join(parts)
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _reply(
    request: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
