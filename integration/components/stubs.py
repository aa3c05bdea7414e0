"""An S3 server and an ingest API of our own, in memory, whose faults a test chooses."""

import base64
import collections
import gzip
import hashlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from components.runtime_api import read_body
from components.samples import Key
from components.stored import record_key

#: The fault leaves nothing behind, and the caller can tell: what is not durable is known exactly.
CLEAN = ("500", "503", "429", "403", "404", "413", "reset_before", "hang_before", "kill_before")
#: The bytes are stored, yet the caller does not hear of it (in time).
STORED = ("reset_after", "hang_after", "truncated", "slow", "kill_after")

S3_CODES = {
    "403": "AccessDenied",
    "404": "NoSuchBucket",
    "413": "EntityTooLarge",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "SlowDown",
}


class FaultyServer:
    """A threaded HTTP server that takes one fault from a schedule for each write, in order of arrival.

    None in the schedule, and everything behind its end, is served as it should be. `fired` are the faults
    that were served since the schedule was set. Faults: a status of S3_CODES; `reset_before` and
    `reset_after` storing; `hang_before` and `hang_after`; `truncated` (stored, half an answer); `slow`
    (stored, answered `slow_seconds` later); `kill_before` and `kill_after` (calls `kill`).
    """

    slow_seconds = 0.3

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.lock = threading.Lock()
        self.kill: Callable[[], None] = lambda: None
        self.requests: list[dict[str, Any]] = []
        self._stopping = threading.Event()
        self.reset()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_PUT(self) -> None:
                stub._write(self)

            def do_POST(self) -> None:
                stub._write(self)

            def do_GET(self) -> None:
                read_body(self)
                stub._answer(self, 403, stub.error_body("403"))

            do_HEAD = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass  # connections end in every way here, on purpose

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def reset(self, faults: Iterable[str | None] = ()) -> None:
        """Forgets what is stored; requests that are still under way write to what is forgotten."""
        with self.lock:
            self.faults = collections.deque(faults)
            self.spared: str | None = None
            self.fired: list[str] = []
            self.requests = []
            self.new_store()
            self.new_fresh()

    def arm(self, faults: Iterable[str | None], spared: str | None = None) -> None:
        """A new schedule on the same store; `fresh` begins anew. A path with `spared` in it is served."""
        with self.lock:
            self.faults = collections.deque(faults)
            self.spared = spared
            self.fired = []
            self.new_fresh()

    def close(self) -> None:
        self._stopping.set()
        self.server.shutdown()
        self.server.server_close()

    # For the two servers

    def new_store(self) -> None:
        raise NotImplementedError

    def new_fresh(self) -> None:
        """Forgets what was stored, or found to be stored, since the last schedule."""
        raise NotImplementedError

    def store(self, target: Any, request: dict[str, Any]) -> tuple[int, bytes]:
        """Keeps what the request brings in `target`, under the lock."""
        raise NotImplementedError

    def is_smallest(self, request: dict[str, Any]) -> bool:
        """Whether nothing smaller can be sent, so that a passing 413 would be a refusal for good."""
        return False

    def target(self) -> Any:
        raise NotImplementedError

    def error_body(self, fault: str) -> bytes:
        raise NotImplementedError

    # Inside

    def _write(self, handler: BaseHTTPRequestHandler) -> None:
        with self.lock:
            is_spared = self.spared is not None and self.spared in handler.path
            fault = self.faults.popleft() if self.faults and not is_spared else None
            if fault:
                self.fired.append(fault)
            target = self.target()
        if fault == "reset_before":
            return self._reset(handler)
        body = read_body(handler)
        request = {
            "method": handler.command,
            "path": handler.path,
            "headers": {name.lower(): value for name, value in handler.headers.items()},
            "body": body,
        }
        with self.lock:
            self.requests.append(request)
        if fault == "413" and self.is_smallest(request):
            with self.lock:
                self.fired.remove(fault)
            fault = None
        if fault in S3_CODES:
            return self._answer(handler, int(fault), self.error_body(fault))
        if fault == "kill_before":
            self.kill()
            return self._reset(handler)
        if fault == "hang_before":
            return self._hang(handler)
        with self.lock:
            status, answer = self.store(target, request)
        if fault == "kill_after":
            self.kill()
            return self._reset(handler)
        if fault == "reset_after":
            return self._reset(handler)
        if fault == "hang_after":
            return self._hang(handler)
        if fault == "truncated":
            handler.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 300\r\n\r\n<Resp"
            )
            handler.close_connection = True
            return None
        if fault == "slow":
            time.sleep(self.slow_seconds)
        return self._answer(handler, status, answer)

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        if body:
            handler.send_header("Content-Type", "application/xml" if body[:1] == b"<" else "application/json")
        if status == 200:
            handler.send_header("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def _reset(self, handler: BaseHTTPRequestHandler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The streams hold the socket open too; the reset goes out with the last of them.
        handler.rfile.close()
        handler.wfile.close()
        handler.close_connection = True
        self.server.close_request(handler.request)

    def _hang(self, handler: BaseHTTPRequestHandler) -> None:
        """No byte of an answer, until the client gives up."""
        handler.connection.settimeout(0.5)
        while not self._stopping.is_set():
            try:
                if not handler.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        handler.close_connection = True


class FaultyS3(FaultyServer):
    """PutObject with conditional writes, to any bucket, path-style; reading is refused, as to a mere writer.

    Each bucket has Object Lock with a default retention, so that S3 wants a digest with each body; no
    server at hand refuses one without.
    `changed` names each object that was written twice with different bytes, which must never happen.
    """

    def new_store(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.changed: list[str] = []

    def new_fresh(self) -> None:
        self.fresh: dict[str, bytes] = {}

    def target(self) -> Any:
        return self.objects, self.changed, self.fresh

    def store(self, target: Any, request: dict[str, Any]) -> tuple[int, bytes]:
        objects, changed, fresh = target
        parts = urlsplit(request["path"])
        if request["method"] != "PUT" or parse_qs(parts.query).keys() - {"x-id"}:
            return 501, b"<Error><Code>NotImplemented</Code></Error>"
        digest = request["headers"].get("content-md5")
        if digest is None:
            message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests"
            return 400, f"<Error><Code>InvalidRequest</Code><Message>{message}</Message></Error>".encode()
        if base64.b64decode(digest) != hashlib.md5(request["body"]).digest():
            return 400, b"<Error><Code>BadDigest</Code></Error>"
        name = unquote(parts.path).lstrip("/")
        fresh[name] = request["body"]
        if name in objects:
            if request["headers"].get("if-none-match") == "*":
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
            if objects[name] != request["body"]:
                changed.append(name)
        objects[name] = request["body"]
        return 200, b""

    def snapshot(self, fresh: bool = False) -> dict[str, bytes]:
        with self.lock:
            return dict(self.fresh if fresh else self.objects)

    def error_body(self, fault: str) -> bytes:
        return f"<Error><Code>{S3_CODES[fault]}</Code><Message>as scheduled</Message></Error>".encode()


class FaultyIngest(FaultyServer):
    """The ingest API: NDJSON or a JSON array, gzip or plain, at most `most` records a request (413 above).

    Refuses a whole batch with 400 when one of its records is of a customer whose name starts with `poison`.
    """

    key = "ingest-key"

    def __init__(self, tls: ssl.SSLContext | None = None, most: int = 1000):
        self.most = most
        super().__init__(tls)

    def new_store(self) -> None:
        self.records: set[Key] = set()
        self.sizes: list[int] = []

    def new_fresh(self) -> None:
        self.fresh: set[Key] = set()

    def target(self) -> Any:
        return self.records, self.sizes, self.fresh

    @staticmethod
    def values(request: dict[str, Any]) -> list[dict[str, Any]]:
        body = request["body"]
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        texts = [body] if body.lstrip()[:1] == b"[" else body.splitlines()
        values = [json.loads(text, parse_float=Decimal, parse_int=Decimal) for text in texts]
        return values[0] if values and isinstance(values[0], list) else values

    def is_smallest(self, request: dict[str, Any]) -> bool:
        return len(self.values(request)) == 1

    def store(self, target: Any, request: dict[str, Any]) -> tuple[int, bytes]:
        records, sizes, fresh = target
        if request["method"] != "POST" or request["headers"].get("x-api-key") != self.key:
            return 401, b'{"error":"no such key"}'
        values = self.values(request)
        sizes.append(len(values))
        if len(values) > self.most:
            return 413, b'{"error":"too many records"}'
        if bad := [value["customerId"] for value in values if value["customerId"].startswith("poison")]:
            return 400, json.dumps({"error": f"no such customer: {bad[0]}"}).encode()
        records.update(record_key(value) for value in values)
        fresh.update(record_key(value) for value in values)
        return 200, b'{"status":"ok"}'

    def snapshot(self, fresh: bool = False) -> set[Key]:
        with self.lock:
            return set(self.fresh if fresh else self.records)

    def error_body(self, fault: str) -> bytes:
        return json.dumps({"error": f"{fault} as scheduled"}).encode()
