"""Runs `metertap extract` and measures what it takes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from components import measure
from components.processes import clean_environment
from components.stored import lines


@dataclass
class Extracted:
    """What a run of `metertap extract` gave."""

    status: int
    records: list[dict[str, Any]] = field(repr=False)
    rejects: list[dict[str, Any]] = field(repr=False)
    summary: dict[str, Any] = field(repr=False)
    errors: str = field(repr=False)
    peak_memory: int


def extract(cli: Path, data: bytes, *arguments: str, seconds: float = 60) -> Extracted:
    """One run with `data` on standard input; its records, rejects and accounting."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "input").write_bytes(data)
        rejects, summary, report = directory / "rejects", directory / "summary", directory / "report"
        command = [cli, "extract", "--rejects", rejects, "--summary", summary, *arguments]
        with (
            (directory / "input").open("rb") as source,
            (directory / "output").open("wb") as output,
            (directory / "errors").open("wb") as errors,
        ):
            process = subprocess.Popen(
                [sys.executable, measure.__file__, report, *command],
                stdin=source,
                stdout=output,
                stderr=errors,
                env=clean_environment(),
                start_new_session=True,
            )
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise AssertionError(f"extract did not end within {seconds} s") from None
        status, peak = (int(word) for word in report.read_text().split())
        out = (directory / "output").read_bytes()
        kept = rejects.read_bytes() if rejects.exists() else b""
        return Extracted(
            status=status,
            records=list(lines(out)) if out else [],
            rejects=list(lines(kept)) if kept else [],
            summary=json.loads(summary.read_bytes(), parse_float=Decimal) if summary.exists() else {},
            errors=(directory / "errors").read_text(errors="replace"),
            peak_memory=peak,
        )
