"""The page on costs shows what the formulas give, and the formulas use what is measured."""

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import costs
from components.processes import clean_environment
from conftest import ROOT

PAGE = (ROOT / "docs/costs.md").read_text()


@pytest.mark.parametrize("table", [costs.table, costs.idle], ids=["paths", "idle"])
def test_the_page_shows_the_table(table: Callable[[], str]) -> None:
    assert table() in PAGE, f"python integration/costs.py prints\n{table()}"


@pytest.mark.parametrize("together", costs.ENVELOPE_BYTES)
def test_envelopes_have_the_size(together: int) -> None:
    assert costs.measured_envelope(together) == pytest.approx(costs.ENVELOPE_BYTES[together], rel=0.05)


def test_objects_have_the_size(cli: Path) -> None:
    done = subprocess.run(
        [cli, "extract", "--provenance", "--format", "event"],
        input=costs.sample_envelope(1000),
        env=clean_environment(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.count(b"\n") == 1000
    size = len(gzip.compress(done.stdout)) / 1000
    assert size == pytest.approx(costs.OBJECT_BYTES, rel=0.1)


FIGURES = [name for name in dir(costs) if name.isupper() and isinstance(getattr(costs, name), float)]


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_free_of_the_formulas(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each price and each figure counts: doubled, some table is another one. (Whole numbers are limits.)"""
    before = costs.table() + costs.idle()
    monkeypatch.setattr(costs, name, getattr(costs, name) * 2)
    assert costs.table() + costs.idle() != before
