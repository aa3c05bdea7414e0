"""What the fakes of AWS's services share: an HTTP server on a free port of the loopback interface.

The first requests of each kind are read by botocore's models, so that a call that a fake takes and AWS would
not is seen: `close` fails with what was wrong.
"""

import re
import threading
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reference.aws_wire import Models

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[a-z0-9-]+/([a-z0-9]+)/aws4_request")
#: How many requests of a kind are read.
READ = 20
MODELS = Models()
LOCK = threading.Lock()


class FakeService:
    """A service whose calls `respond` answers, each in a thread of its own."""

    def serve(self) -> None:
        fake = self
        self.problems: list[str] = []
        self.kinds: Counter[str] = Counter()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet, else each answer waits for an acknowledgement

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target = self.headers.get("X-Amz-Target") or ""
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.check(self.command, self.path, target, headers, body)
                status, text = fake.respond(self.command, self.path, target, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # callers are killed in the middle of calls, on purpose

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def respond(self, method: str, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON of an answer; `target` names the operation."""
        raise NotImplementedError

    def check(self, method: str, path: str, target: str, headers: dict[str, str], body: bytes) -> None:
        """Reads a request as the service would."""
        scope = SCOPE.search(headers.get("authorization", ""))
        with LOCK:
            kind = target or f"{method} {path.split('?')[0].rsplit('/', 1)[-1]}"
            self.kinds[kind] += 1
            if not scope or self.kinds[kind] > READ:
                return
            try:
                # What is named by a target has no path but the endpoint's own.
                self.problems += MODELS.read(
                    scope[1], method, "/" if target else path, headers, body
                ).problems
            except Exception as error:
                self.problems.append(f"{method} {path} {target}: {error!r}")

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        assert not self.problems, "\n".join(self.problems)
