"""`metertap backfill` against moto's CloudWatch Logs: the same records as by the agent, counted once."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.cloudwatch import MadeUpLogs
from components.emulators import ACCOUNT, Moto
from components.logs import LogGroup, environment, every_form, recently, run, wanted
from components.platform import ADMIN_KEY, Platform
from components.samples import Event, Expected, Samples, expected
from components.stored import contents, difference, files_in


@pytest.fixture
def moto(logs_moto: Moto) -> Moto:
    return logs_moto


@pytest.fixture
def group(moto: Moto) -> LogGroup:
    return every_form(moto, "web-1", "worker-7")


def everything(group: LogGroup) -> tuple[str, ...]:
    return ("backfill", "--log-group", group.name, "--from", "1d", "--to", "0m")


def test_what_was_logged_is_in_the_directory(cli: Path, group: LogGroup, moto: Moto, tmp_path: Path) -> None:
    sink = tmp_path / "sink"
    done = run(cli, tmp_path, environment(moto), *everything(group), "--sink", f"file://{sink}")
    assert done.status == 0, done.errors
    truth = wanted(group)
    found = contents(files_in(sink))
    assert not difference(found.records, truth.records)
    assert not difference(found.rejects, truth.rejects)
    figures = done.json
    assert figures["complete"] and not figures["resumed"]
    assert (
        figures["records"] + figures["rejects"] == figures["delivered"] + figures["rejected"] == truth.found
    )
    assert (figures["account"], figures["logGroup"]) == (ACCOUNT, group.name)
    before = files_in(sink)
    again = run(cli, tmp_path, environment(moto), *everything(group), "--sink", f"file://{sink}")
    assert again.status == 0, again.errors
    assert not difference(contents(files_in(sink)).records, truth.records)
    assert all(files_in(sink)[name] == data for name, data in before.items()), "an object changed"
    assert not list(tmp_path.glob("metertap-backfill-*")), "a finished run leaves no checkpoint"


def test_the_end_of_the_range_is_not_in_it(cli: Path, group: LogGroup, moto: Moto, tmp_path: Path) -> None:
    times = sorted(event.timestamp for events in group.events.values() for event in events)
    first, end = times[10], times[50]
    sink = tmp_path / "sink"

    def rfc3339(time: int) -> str:
        return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds")

    done = run(
        cli, tmp_path, environment(moto), "backfill", "--log-group", group.name, "--sink", f"file://{sink}",
        "--from", rfc3339(first), "--to", rfc3339(end),
    )  # fmt: skip
    assert done.status == 0, done.errors
    truth = Expected()
    for stream, events in group.events.items():
        inside = [event for event in events if first <= event.timestamp < end]
        truth.add(expected(inside, group.name, stream, ACCOUNT))
    assert not difference(contents(files_in(sink)).records, truth.records)


def test_a_run_that_was_broken_off_goes_on(
    cli: Path, group: LogGroup, moto: Moto, platform: Platform, tmp_path: Path
) -> None:
    settings = environment(moto, METERTAP_API_KEY="wrong", METERTAP_REJECTS=f"file://{tmp_path / 'rejects'}")
    sink = ("--sink", f"{platform.url}/ingest")
    refused = run(cli, tmp_path, settings, *everything(group), *sink)
    assert refused.status == 78, refused.errors
    assert "run the same command again" in refused.errors
    assert refused.json["complete"] is False and refused.json["delivered"] == 0
    done = run(cli, tmp_path, settings | {"METERTAP_API_KEY": ADMIN_KEY}, *everything(group), *sink)
    assert done.status == 0, done.errors
    assert platform.pipeline()["received"] == len(wanted(group).records)
    assert not list(tmp_path.glob("metertap-backfill-*"))


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "word"),
    [
        (("--from", "yesterday", "--to", "0m"), {}, 64, "--from"),
        (("--from", "0m", "--to", "1h"), {}, 64, "--to"),
        (("--from", "1h", "--to", "0m"), {}, 78, "--sink"),
        (("--from", "1h", "--to", "0m", "--sink", "-"), {}, 78, "--rejects"),
        (
            ("--export", "file:///none", "--sink", "file:///tmp/x", "--account", "1"),
            {},
            78,
            "holds no export",
        ),
        (("--export", "s3:///", "--sink", "file:///tmp/x"), {}, 78, "--export"),
        (("--from", "1h"), {}, 64, "--to"),
        (("--files", "a.log"), {}, 64, "--files"),
        (("--from", "1h", "--to", "0m", "--sink", "https://h/ingest"), {}, 78, "METERTAP_API_KEY"),
        (("--from", "1h", "--to", "0m", "--sink", "file:///tmp/x", "--log-group", "/none"), {}, 78, "/none"),
        (("--from", "1h", "--to", "0m", "--sink", "file:///tmp/x", "--tags", "a;b"), {}, 64, "tag"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...],
    settings: dict[str, Any],
    status: int,
    word: str,
    cli: Path,
    moto: Moto,
    tmp_path: Path,
) -> None:
    more = () if "--log-group" in arguments else ("--log-group", "/none")
    done = run(cli, tmp_path, environment(moto, **settings), "backfill", *more, *arguments)
    assert (done.status, done.output) == (status, ""), done.errors
    assert word in done.errors


def test_a_service_that_looks_for_the_pattern_leaves_no_record_out(cli: Path, tmp_path: Path) -> None:
    """moto takes no notice of patterns; this one does, and refuses what is none."""
    start = recently()
    samples = Samples(random.Random(7), base_time=start - 86_400_000)
    lines = [line for line in (samples.line(kind) for kind in samples.kinds * 4) if line.message]
    logs = MadeUpLogs("/app/shop", start, len(lines), 1_000, lambda number: lines[number].message)
    try:
        sink = tmp_path / "sink"
        arguments = ("backfill", "--log-group", "/app/shop", "--from", "1d", "--to", "0m")
        done = run(cli, tmp_path, environment(logs), *arguments, "--sink", f"file://{sink}")
        assert done.status == 0, done.errors
        events = [Event(f"{n:056d}", start + n * 1_000, line) for n, line in enumerate(lines)]
        truth = expected(events, "/app/shop", "web-1", ACCOUNT)
        found = contents(files_in(sink))
        assert not difference(found.records, truth.records)
        assert not difference(found.rejects, truth.rejects)
        assert done.json["events"] < len(lines), "the service left nothing out"
    finally:
        logs.close()
