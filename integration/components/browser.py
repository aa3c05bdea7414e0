"""A real browser in front of the console: Debian's Chromium, driven by Playwright."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from components.platform import ADMIN_KEY, Platform

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}

SCREENS = (
    "overview",
    "start",
    "events",
    "usage",
    "usage?view=lines&compare=1",
    "usage?view=table",
    "meters",
    "meters/new",
    "customers",
    "customers/new",
    "rejects",
    "connections",
    "audits",
    "doctor",
    "settings",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody at the console; notes what no page may do."""

    def __init__(self, browser: Browser, url: str, **settings: object):
        self.url = url
        self.context = browser.new_context(**{"viewport": WIDE, **settings})
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.problems: list[str] = []
        self.watch(self.page)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.note(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.check(request.url))

    def note(self, kind: str, text: str) -> None:
        # The browser itself tells of every answer that is no success; pages of errors are such answers.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.problems.append(f"{kind}: {text}")

    def check(self, url: str) -> None:
        if urlsplit(url).hostname != "127.0.0.1":
            self.problems.append(f"a request to another host: {url}")

    def open(self, path: str) -> Page:
        answer = self.page.goto(f"{self.url}/console/{path}")
        if answer and answer.status >= 500:
            self.problems.append(f"{path} is answered with {answer.status}")
        return self.page

    def sign_in(self, key: str = ADMIN_KEY) -> "Visitor":
        page = self.open("sign-in")
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console/overview")
        return self

    def close(self) -> None:
        self.context.close()
        assert not self.problems, self.problems


def sign_in_link(platform: Platform) -> str:
    """The link that the start printed."""
    assert platform.service
    found = re.search(r"http://\S+/console/sign-in\?link=\w+", platform.service.log.read_text())
    assert found
    return found[0]


class Wire:
    """A TCP connection that can be cut: what neither the browser nor the server would do by itself."""

    def __init__(self, port: int):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            end.close()

    def cut(self) -> None:
        """Ends all connections that are open; new ones go through."""
        with self.lock:
            connections, self.open = self.open, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self.listener.close()
        self.cut()
