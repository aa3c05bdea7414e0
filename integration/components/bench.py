"""What all measurements share: interleaved rounds, CPU seconds of a process, a table, a file, and bars.

METERTAP_BENCH_ROUNDS is how many rounds there are; METERTAP_BENCH_SHORT=1 makes everything as short as can
be, to see that it runs.
"""

import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench-results"
SHORT = os.environ.get("METERTAP_BENCH_SHORT", "") not in ("", "0")


def amount(name: str, usual: str, short: str) -> str:
    """How much is measured: what METERTAP_BENCH_NAME says, or what is usual."""
    return os.environ.get(f"METERTAP_BENCH_{name}", short if SHORT else usual)


ROUNDS = int(amount("ROUNDS", "7", "1"))


def cpu_seconds(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    status: int = 0,
) -> float:
    """User and system time of one run, its output thrown away."""
    # Not to /dev/null: grep stops at the first match when nobody reads what it says.
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=nothing,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=directory,
        )
        _, ended, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(ended)
    assert process.returncode == status, f"{command} ended with {process.returncode}"
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
    """A figure beside what is wanted of it: a median, and the least and the most of all rounds."""

    what: str
    figure: float
    bar: float
    goal: float
    unit: str = "x"
    higher_is_better: bool = False
    least: float | None = None
    most: float | None = None

    def reaches(self, limit: float) -> bool:
        return self.figure >= limit if self.higher_is_better else self.figure <= limit

    @property
    def verdict(self) -> str:
        if self.reaches(self.goal):
            return "goal reached"
        return "reached" if self.reaches(self.bar) else "MISSED"

    def row(self) -> str:
        def number(value: float | None) -> str:
            return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"

        spread = "" if self.least is None else f"{number(self.least)} to {number(self.most)}"
        return (
            f"  {self.what:64}{number(self.figure):>9} {self.unit:4}{spread:16}"
            f"{self.bar:7g}{self.goal:8g}  {self.verdict}"
        )


HEAD = f"  {'':64}{'median':>9} {'':4}{'least to most':16}{'bar':>7}{'goal':>8}"


class Report:
    """Prints tables and keeps the figures for bench-results/NAME.json."""

    def __init__(self, name: str) -> None:
        self.path = RESULTS / f"{name}.json"
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

    def bar(self, what: str, series: list[float], bar: float, goal: float, **more: Any) -> None:
        """The median of a series beside what is wanted of it."""
        figure = statistics.median(series)
        spread = {"least": min(series), "most": max(series)} if len(series) > 1 else {}
        self.bars.append(Bar(what, figure, bar, goal, **spread, **more))

    def ratio(
        self, what: str, series: list[float], base: list[float], bar: float, goal: float, **more: Any
    ) -> None:
        """The median of `series` by that of `base`; the spread is that of single rounds."""
        figure = statistics.median(series) / statistics.median(base)
        rounds = [one / other for one, other in zip(series, base, strict=True)]
        self.bars.append(Bar(what, figure, bar, goal, least=min(rounds), most=max(rounds), **more))

    def finish(self, **more: Any) -> None:
        if self.bars:
            print(f"\n{HEAD}")
        for bar in self.bars:
            print(bar.row())
        self.path.parent.mkdir(exist_ok=True)
        bars = [vars(bar) | {"verdict": bar.verdict} for bar in self.bars]
        document = {"machine": machine(), "short": SHORT, "tables": self.tables, "bars": bars} | more
        self.path.write_text(json.dumps(document, indent=2) + "\n")
        print(f"\n{self.path.relative_to(ROOT)}")


def machine() -> dict[str, Any]:
    return {"system": platform.platform(), "cores": len(os.sched_getaffinity(0)), "cpu": processor()}


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
