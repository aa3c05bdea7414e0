"""Start a program on a free loopback port, wait until it answers, stop it by its process id."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def free_port(below: int = 65536) -> int:
    """A port that is free now. Only for programs that cannot bind port 0 themselves."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < below:
            return port


def clean_environment(**settings: str) -> dict[str, str]:
    """An environment without the caller's AWS, TLS and proxy settings: a test means the same anywhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return kept | settings


class Service:
    """A child process with its output in a log file."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str] | None = None):
        self.command = command
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env=environment or clean_environment(),
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float = 40) -> None:
        """Polls `ready`, which may raise while the program starts."""
        deadline = time.monotonic() + seconds
        last: Exception | None = None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if ready():
                    return
            except Exception as problem:  # whatever the client raises while nobody listens
                last = problem
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self.command[0]} was not ready in {seconds} s ({last}):\n{self.tail()}")

    def tail(self, size: int = 4000) -> str:
        return self.log.read_bytes()[-size:].decode(errors="replace")

    def stop(self) -> None:
        """Ends this process and what it started, its own process group; none has anything to save."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
