"""Runs the real `metertap collect` on Kinesis streams, one process or several."""

import json
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.emulators import REGION
from components.processes import Service, clean_environment


class StreamCollector:
    """One process that reads streams."""

    def __init__(
        self,
        cli: Path,
        directory: Path,
        name: str,
        streams: Iterable[dict[str, Any]],
        sink: str,
        rejects: str | None = None,
        **environment: str,
    ):
        self.name = name
        self.directory = directory / name
        self.directory.mkdir(exist_ok=True)
        # JSON is YAML too.
        settings = {"sink": sink, "state": str(directory / "state"), "streams": list(streams)}
        if rejects:
            settings["rejects"] = rejects
        config = self.directory / "metertap.yaml"
        config.write_text(json.dumps(settings))
        self.command = [str(cli), "collect", "--config", str(config)]
        self.environment = clean_environment(
            **{
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": REGION,
            }
            | environment
        )
        self.runs = 0
        self.start()

    def start(self) -> None:
        self.runs += 1
        log = self.directory / f"log-{self.runs}"
        self.service = Service(self.command, log, self.environment)

    @property
    def log(self) -> str:
        """What the run has said so far."""
        return self.service.log.read_text()

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The last line of figures of each stream."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return list({line["stream"]: line for line in found}.values())

    def is_running(self) -> bool:
        return self.service.process.poll() is None

    def kill(self) -> None:
        self.service.stop()

    def stop(self, seconds: float = 20) -> int:
        """Asks it to stop, and gives its exit status."""
        self.service.process.send_signal(signal.SIGTERM)
        return self.service.process.wait(seconds)
