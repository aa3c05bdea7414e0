"""Runs `metertap extract` and measures what it takes."""

import json
import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from components.processes import clean_environment
from components.stored import lines


@dataclass
class Extracted:
    """What a run of `metertap extract` gave."""

    status: int
    records: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    summary: dict[str, Any]
    errors: str
    peak_memory: int


def extract(cli: Path, data: bytes, *arguments: str, seconds: float = 60) -> Extracted:
    """One run with `data` on standard input; its records, rejects and accounting."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "input").write_bytes(data)
        rejects, summary = directory / "rejects.ndjson", directory / "summary.json"
        with (directory / "input").open("rb") as source, (directory / "output").open("wb") as output:
            process = subprocess.Popen(
                [cli, "extract", "--rejects", rejects, "--summary", summary, *arguments],
                stdin=source,
                stdout=output,
                stderr=subprocess.PIPE,
                env=clean_environment(),
            )
            # wait4 tells the peak of this one child; its few messages fit into the pipe.
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            errors = process.stderr.read().decode(errors="replace")
            process.stderr.close()
        out = (directory / "output").read_bytes()
        kept = rejects.read_bytes() if rejects.exists() else b""
        return Extracted(
            status=process.returncode,
            records=list(lines(out)) if out else [],
            rejects=list(lines(kept)) if kept else [],
            summary=json.loads(summary.read_bytes(), parse_float=Decimal) if summary.exists() else {},
            errors=errors,
            peak_memory=usage.ru_maxrss * 1024,
        )
