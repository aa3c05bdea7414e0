"""Runs the real `metertap up` and speaks with it."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import requests

from components.processes import Service, clean_environment, free_port

DAY = 86_400_000
ADMIN_KEY = "admin-key-of-the-tests"


class Platform:
    """A platform on a port of its own; it keeps its data when it is killed and started again."""

    def __init__(self, cli: Path, directory: Path, *arguments: str, **environment: str):
        self.cli = cli
        self.directory = directory
        self.data = directory / "data"
        self.arguments = arguments
        self.environment = environment
        self.service: Service | None = None
        self.start()

    def start(self, port: int = 0) -> None:
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.headers["X-API-KEY"] = ADMIN_KEY
        self.service = Service(
            [str(self.cli), "up", "--data", str(self.data), "--port", str(port), *self.arguments],
            self.directory / "platform.log",
            # No region from the files of whoever runs the tests.
            clean_environment(METERTAP_ADMIN_KEY=ADMIN_KEY, AWS_CONFIG_FILE=os.devnull, **self.environment),
        )
        self.service.wait_until(lambda: requests.get(f"{self.url}/health", timeout=5).ok)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        assert self.service
        self.service.stop()

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> int:
        """Asks it to stop, and gives its exit status."""
        assert self.service
        self.service.process.send_signal(signal.SIGTERM)
        return self.service.process.wait(20)

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=60, **more)

    def get(self, path: str, **params: Any) -> Any:
        return self.read(self.request("GET", path, params=params))

    def post(self, path: str, body: Any) -> Any:
        return self.read(self.request("POST", path, data=to_json(body)))

    def put(self, path: str, body: Any) -> Any:
        return self.read(self.request("PUT", path, data=to_json(body)))

    def delete(self, path: str) -> Any:
        return self.read(self.request("DELETE", path))

    def ingest(self, body: bytes, **headers: str) -> requests.Response:
        return self.request("POST", "/ingest", data=body, headers=headers)

    def send(self, records: list[dict[str, Any]]) -> requests.Response:
        response = self.ingest(to_json(records))
        assert response.status_code == 200, response.text
        assert "X-Rejected-Records" not in response.headers, self.get("/rejects", limit="1")
        return response

    def define(self, name: str, **more: Any) -> dict[str, Any]:
        meter = {"meterApiName": name, "label": name, "meterType": "sum_of_all_usage", **more}
        return self.post("/meters", meter)

    @staticmethod
    def wait_for(condition: Callable[[], Any], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        """Also waits until the bucket was read to its end."""
        self.wait_for(lambda: self.request("GET", "/ready").status_code == 200, 60)

    def events(self) -> Iterator[dict[str, Any]]:
        """All records, in the order of their arrival."""
        more: dict[str, Any] = {}
        while True:
            page = self.get("/events", limit=1000, isAscending="true", **more)
            yield from page["events"]
            if not page["cursor"]:
                return
            more = {"cursor": page["cursor"]}

    def pipeline(self) -> dict[str, Any]:
        """The figures, which always add up."""
        figures = self.get("/pipeline")
        parts = ("counted", "duplicate", "cancelled", "undefined", "rejected")
        assert figures["received"] == sum(figures[part] for part in parts), figures
        return figures

    @staticmethod
    def read(response: requests.Response) -> Any:
        assert response.status_code == 200, f"{response.status_code}: {response.text}"
        return exact(response.text)


def recent(days: int = 10) -> int:
    """The first millisecond of a day that is so many days ago: within retention, whenever a test runs."""
    return (int(time.time()) // 86400 - days) * DAY


def exact(text: str) -> Any:
    """JSON whose numbers keep every digit."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def to_json(value: Any) -> bytes:
    """JSON of a value whose decimals are written with every digit, which the library cannot do."""
    marked = json.dumps(value, default=lambda number: f"decimal({number:f})")
    return re.sub(r'"decimal\(([-0-9.]+)\)"', r"\1", marked).encode()
