"""Connections and framing (RFC 9110, RFC 9112), by bytes on a socket that no client library would send."""

import json
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from components.certificates import Authority
from components.platform import ADMIN_KEY, Platform, recent, to_json
from components.processes import Service, clean_environment, free_port

KEY = f"X-API-KEY: {ADMIN_KEY}\r\n"
FIRST = "GET /health HTTP/1.1\r\nHost: a\r\n"


def connect(platform: Platform, source: str = "127.0.0.1") -> socket.socket:
    port = int(platform.url.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))


class Connection:
    """Reads answers one by one, each to the end of its body."""

    def __init__(self, platform: Platform):
        self.socket = connect(platform)
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def answer(self, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        line = self.file.readline()
        assert line, "the connection was closed without an answer"
        status = int(line.split()[1])
        headers: dict[str, str] = {}
        while (field := self.file.readline().rstrip(b"\r\n")) != b"":
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = self.file.read(int(headers.get("content-length", 0))) if has_body and status >= 200 else b""
        return status, headers, body

    def is_closed(self) -> bool:
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def exchange(platform: Platform, text: str | bytes) -> tuple[int, dict[str, str], bytes]:
    connection = Connection(platform)
    connection.send(text)
    answer = connection.answer()
    connection.close()
    return answer


def test_an_upgrade_is_ignored(platform: Platform) -> None:
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    body = '{"name":"upgraded","rights":["read"]}'
    connection = Connection(platform)
    connection.send(
        f"POST /keys HTTP/1.1\r\nHost: a\r\n{KEY}{upgrade}Content-Length: {len(body)}\r\n\r\n{body}"
    )
    status, headers, content = connection.answer()
    assert status == 200 and json.loads(content)["name"] == "upgraded"
    # The next request is answered here, or the client is told to open another connection.
    if headers.get("connection") == "close":
        assert connection.is_closed()
    else:
        connection.send(FIRST + "\r\n")
        assert connection.answer()[0] == 200
    connection.close()


@pytest.mark.parametrize("client", ["curl", "java"])
def test_clients_that_offer_http2(platform: Platform, tmp_path: Path, client: str) -> None:
    url = f"{platform.url}/health"
    if client == "curl":
        command = [
            "curl",
            "-sS",
            "--http2",
            "--max-time",
            "15",
            "-o",
            "/dev/null",
            "-o",
            "/dev/null",
            url,
            url,
        ]
        command += ["-w", "%{http_code} "]
    else:
        source = tmp_path / "Twice.java"
        source.write_text(
            "import java.net.URI; import java.net.http.*; import java.time.Duration;"
            "class Twice { public static void main(String[] a) throws Exception {"
            "var client = HttpClient.newHttpClient();"
            "var request = HttpRequest.newBuilder(URI.create(a[0])).timeout(Duration.ofSeconds(15)).build();"
            "for (int i = 0; i < 2; i++) System.out.print("
            'client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode() + " "); } }'
        )
        command = ["java", str(source), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "200 200 ", done.stderr


@pytest.mark.parametrize(
    "path", ["/health", "/openapi.yaml", "/nothing", "/ingest", "/meters", "/console/sign-in"]
)
def test_head_is_get_without_a_body(platform: Platform, path: str) -> None:
    get = exchange(platform, f"GET {path} HTTP/1.1\r\nHost: a\r\n{KEY}\r\n")
    connection = Connection(platform)
    connection.send(f"HEAD {path} HTTP/1.1\r\nHost: a\r\n{KEY}\r\n")
    status, headers, _ = connection.answer(has_body=False)
    assert (status, headers["content-type"]) == (get[0], get[1]["content-type"])
    connection.send(FIRST + "\r\n")
    assert connection.answer()[0] == 200
    connection.close()


def test_head_of_a_stream_ends(platform: Platform) -> None:
    connection = Connection(platform)
    connection.send(f"HEAD /events/stream HTTP/1.1\r\nHost: a\r\n{KEY}\r\n")
    assert connection.answer(has_body=False)[0] == 200
    assert connection.is_closed()


def test_expect_is_answered_before_the_body(platform: Platform) -> None:
    body = '{"name":"expected","rights":["read"]}'
    head = f"POST /keys HTTP/1.1\r\nHost: a\r\n{KEY}Content-Length: {len(body)}\r\n"
    connection = Connection(platform)
    for _ in range(2):
        connection.send(head + "Expect: 100-continue\r\n\r\n")
        assert connection.answer()[0] == 100
        connection.send(body)
        assert connection.answer()[0] == 200
    connection.send(head + "Expect: something\r\n\r\n")
    assert connection.answer()[0] == 417
    connection.close()


def test_http_1_0_closes_unless_asked_to_stay(platform: Platform) -> None:
    closing = Connection(platform)
    closing.send("GET /health HTTP/1.0\r\n\r\n")
    assert closing.answer()[0] == 200
    assert closing.is_closed()
    staying = Connection(platform)
    for _ in range(2):
        staying.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        status, headers, _ = staying.answer()
        assert (status, headers["connection"]) == (200, "keep-alive")
    staying.send(FIRST + "Connection: close\r\n\r\n")
    assert staying.answer()[0] == 200
    assert staying.is_closed()


POST = f"POST /ingest HTTP/1.1\r\nHost: a\r\n{KEY}"
MALFORMED = {
    "both framings": POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "negative length": POST + "Content-Length: -1\r\n\r\n",
    "length of letters": POST + "Content-Length: 0x5\r\n\r\nabcde",
    "length beyond 64 bits": POST + "Content-Length: 99999999999999999999\r\n\r\n",
    "chunk size of letters": POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "negative chunk": POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
    "chunk beyond 64 bits": POST + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n",
    "chunk without its end": POST + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
    "second chunk bad": POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\nq\r\n",
    "chunked not last": POST + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "NUL in a field": FIRST + "X-A: a\0b\r\n\r\n",
    "NUL in the target": "GET /hea\0lth HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare CR in a field": FIRST + "X-A: a\rb\r\n\r\n",
    "space before the colon": FIRST + "X-A : b\r\n\r\n",
    "field without a name": FIRST + ": b\r\n\r\n",
    "folded field": "GET /health HTTP/1.1\r\n folded\r\nHost: a\r\n\r\n",
    "two hosts": FIRST + "Host: b\r\n\r\n",
    "no host": "GET /health HTTP/1.1\r\n\r\n",
    "large field": FIRST + f"X-A: {'a' * 200_000}\r\n\r\n",
    "many fields": FIRST + "X-A: a\r\n" * 5_000 + "\r\n",
    "unknown version": "GET /health HTTP/3.7\r\nHost: a\r\n\r\n",
    "no version": "GET /health\r\n\r\n",
    "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_framing_is_400(platform: Platform, name: str) -> None:
    connection = Connection(platform)
    connection.send(MALFORMED[name])
    status, _, _ = connection.answer()
    assert status == 400 or (status == 431 and name in ("large field", "many fields"))
    assert connection.is_closed()


@pytest.mark.parametrize(
    "target",
    ["http://a/health", "*", "health", "//health", "/%00", "/%ff", "/a%2", "/" + "a" * 9_000, "http://", "?"],
)
def test_no_target_is_a_server_error(platform: Platform, target: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "CONNECT", "TRACE", "DELETE"):
        status, _, _ = exchange(platform, f"{method} {target} HTTP/1.1\r\nHost: a\r\n{KEY}\r\n")
        assert 200 <= status < 500, method


def test_pipelined_requests_are_answered_in_order(platform: Platform) -> None:
    connection = Connection(platform)
    connection.send(
        (FIRST + "\r\n") + (FIRST + "\r\n").replace("GET", "HEAD") + FIRST.replace("health", "x") + "\r\n"
    )
    assert connection.answer()[0] == 200
    assert connection.answer(has_body=False)[0] == 200
    assert connection.answer()[0] == 404
    connection.close()


@pytest.mark.timeout(120)
def test_half_requests_end_and_stop_nobody(platform: Platform) -> None:
    """Half a request is given 30 seconds; an address may have 128 connections."""
    body = POST + "Content-Length: 50\r\n\r\n[{"
    halves = ["GET /hea", FIRST, body, POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n[{"]
    opened = [connect(platform, "127.0.0.2") for _ in range(150)]
    for index, connection in enumerate(opened):
        try:
            connection.sendall(halves[index % len(halves)].encode())
        except OSError:
            continue
    start = time.monotonic()
    for _ in range(5):
        assert requests.get(f"{platform.url}/health", timeout=3).ok
    with Connection(platform).socket as drip:
        drip.sendall(POST.encode() + b"Content-Length: 500\r\n\r\n")
        refused = 0
        for connection in opened:
            connection.settimeout(40)
            try:
                answer = connection.recv(1_000)
            except ConnectionResetError:
                answer = b""
            refused += b" 503 " in answer or answer == b""
            assert answer == b"" or b" 408 " in answer or b" 503 " in answer
            connection.close()
    assert 15 <= refused < 75
    assert time.monotonic() - start < 50


def test_a_stream_ends_with_its_key(platform: Platform) -> None:
    key = platform.post("/keys", {"name": "watcher", "rights": ["read"]})
    stream = requests.get(
        f"{platform.url}/events/stream", headers={"X-API-KEY": key["key"]}, stream=True, timeout=10
    )
    assert stream.status_code == 200
    lines = stream.iter_lines()
    assert next(lines) == b": metertap"
    platform.delete(f"/keys/{key['id']}")
    start = time.monotonic()
    for _ in lines:
        pass
    assert time.monotonic() - start < 5


def test_a_revoked_key_opens_nothing_while_others_are_created(platform: Platform) -> None:
    done = threading.Event()

    def create() -> None:
        session = requests.Session()
        session.headers["X-API-KEY"] = ADMIN_KEY
        while not done.is_set():
            made = session.post(
                f"{platform.url}/keys", data='{"name":"n","rights":["read"]}', timeout=10
            ).json()
            session.delete(f"{platform.url}/keys/{made['id']}", timeout=10)

    with ThreadPoolExecutor() as pool:
        others = [pool.submit(create) for _ in range(4)]
        try:
            for _ in range(250):
                key = platform.post("/keys", {"name": "short", "rights": ["read"]})
                platform.delete(f"/keys/{key['id']}")
                response = requests.get(
                    f"{platform.url}/meters", headers={"X-API-KEY": key["key"]}, timeout=10
                )
                assert response.status_code == 401
        finally:
            done.set()
        for other in others:
            other.result()


@pytest.mark.parametrize("framing", ["Content-Length: 500", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("half", [True, False])
def test_a_body_that_ends_early_stores_nothing(platform: Platform, framing: str, half: bool) -> None:
    platform.define("calls")
    body = to_json(
        [{"meterApiName": "calls", "customerId": "c", "meterValue": 1, "meterTimeInMillis": recent()}]
    )
    start = f"{len(body):x}\r\n".encode() if "chunked" in framing else b""
    connection = Connection(platform)
    connection.send(f"{POST}{framing}\r\n\r\n".encode() + start + body)
    if half:
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.answer()[0] == 400
    connection.close()
    assert platform.pipeline()["received"] == 0
    platform.ingest(body)
    assert platform.pipeline()["received"] == 1


def test_the_live_list_ends_with_its_session(platform: Platform) -> None:
    session = requests.Session()
    session.headers["Sec-Fetch-Site"] = "same-origin"
    assert session.post(f"{platform.url}/console/sign-in", data={"key": ADMIN_KEY}, timeout=10).ok
    stream = session.get(f"{platform.url}/console/events/stream", stream=True, timeout=10)
    lines = stream.iter_lines()
    assert next(lines) == b": metertap"
    session.post(f"{platform.url}/console/sign-out", timeout=10)
    start = time.monotonic()
    for _ in lines:
        pass
    assert time.monotonic() - start < 5


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_is_1_2_at_least_and_said_to_stay(cli: Path, tmp_path: Path) -> None:
    Authority().server(tmp_path, "localhost")
    certificate, port = str(tmp_path / "server.pem"), free_port()
    tls = ["--tls-cert", certificate, "--tls-key", certificate]
    service = Service(
        [str(cli), "up", "--data", str(tmp_path / "data"), "--port", str(port), *tls],
        tmp_path / "platform.log",
        clean_environment(METERTAP_ADMIN_KEY=ADMIN_KEY),
    )

    def answer(version: ssl.TLSVersion, host: str) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain) as secure,
        ):
            secure.sendall(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return secure.makefile().read()

    try:
        service.wait_until(lambda: b"console" in service.log.read_bytes())
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert "strict-transport-security: max-age=" in answer(version, "metertap.example").lower()
            assert "strict-transport" not in answer(version, f"localhost:{port}").lower()
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                answer(version, "localhost")
    finally:
        service.stop()
