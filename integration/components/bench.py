"""What all measurements share: interleaved rounds, CPU seconds of a process, a table, a file, and bars."""

import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("METERTAP_BENCH_ROUNDS", "7"))


def cpu_seconds(command: list[str | Path]) -> float:
    """User and system time of one run, its output thrown away."""
    # Not to /dev/null: grep stops at the first match when nobody reads what it says.
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=nothing, stdout=output, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return usage.ru_utime + usage.ru_stime


def interleaved(runs: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Each run once a round, in turns, so that what disturbs the machine disturbs all alike."""
    for run in runs.values():
        run()  # fills the page cache
    values: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            values[name].append(run())
    return values


@dataclass
class Bar:
    """A figure beside what is wanted of it."""

    what: str
    figure: float
    bar: float
    goal: float
    unit: str = "x"
    higher_is_better: bool = False

    def reaches(self, limit: float) -> bool:
        return self.figure >= limit if self.higher_is_better else self.figure <= limit

    @property
    def verdict(self) -> str:
        if self.reaches(self.goal):
            return "goal reached"
        return "reached" if self.reaches(self.bar) else "MISSED"


class Report:
    """Prints tables and keeps the figures for bench-results/NAME.json."""

    def __init__(self, name: str) -> None:
        self.path = ROOT / "bench-results" / f"{name}.json"
        self.tables: dict[str, Any] = {}
        self.bars: list[Bar] = []

    def table(
        self, title: str, values: dict[str, list[float]], unit: str, base: str, digits: int = 3
    ) -> None:
        """A row for each series: median, least, most, and the ratio of its median to that of `base`."""
        rounds = len(values[base])
        print(f"\n{title}; {unit}, {rounds} rounds")
        print(f"  {'':28}{'median':>9}{'least':>9}{'most':>9}{'ratio':>8}")
        reference = statistics.median(values[base])
        rows = {}
        for name, series in values.items():
            median = statistics.median(series)
            print(
                f"  {name:28}{median:9.{digits}f}{min(series):9.{digits}f}{max(series):9.{digits}f}"
                f"{median / reference:8.2f}"
            )
            rows[name] = {"median": median, "least": min(series), "most": max(series)}
        self.tables[title] = {"unit": unit, "rounds": rounds, "rows": rows}

    def bar(self, *arguments: Any, **more: Any) -> None:
        self.bars.append(Bar(*arguments, **more))

    def finish(self) -> None:
        if self.bars:
            print(f"\n  {'':64}{'figure':>10}{'bar':>8}{'goal':>8}")
        for bar in self.bars:
            print(f"  {bar.what:64}{bar.figure:8.2f} {bar.unit:2}{bar.bar:7g}{bar.goal:8g}  {bar.verdict}")
        self.path.parent.mkdir(exist_ok=True)
        machine = {"system": platform.platform(), "cores": len(os.sched_getaffinity(0)), "cpu": processor()}
        bars = [vars(bar) | {"verdict": bar.verdict} for bar in self.bars]
        document = {"machine": machine, "tables": self.tables, "bars": bars}
        self.path.write_text(json.dumps(document, indent=2))
        print(f"\n{self.path.relative_to(ROOT)}")


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")


def median(values: list[float]) -> float:
    return statistics.median(values)


def floor(directory: Path) -> Path:
    """The program that does only what cannot be avoided; see reference/floor.c."""
    program = directory / "floor"
    source = ROOT / "integration" / "reference" / "floor.c"
    subprocess.run(["gcc", "-O2", "-o", program, source, "-ldeflate"], check=True)
    return program
