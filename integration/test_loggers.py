"""What real loggers write is read: one record of each call that logs one, and no reject.

`METERTAP_REWRITE_DOCS=1` writes the tables of docs/loggers.md.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from components.commands import Extracted, extract
from components.loggers import (
    CONFIGURATIONS,
    GROUPS,
    HERE,
    PUBLISHED,
    RECORDS,
    Configuration,
    Programs,
    Published,
    missing,
)
from components.samples import Event, Line, envelope
from conftest import ROOT

TIME = 1_767_225_600_000
PAGE = ROOT / "docs/loggers.md"
CASES = ROOT.parent / "shared/data/loggers/cases.json"
LOGGED = [
    json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in RECORDS.read_text().splitlines()
]


def read(cli: Path, messages: list[str]) -> Extracted:
    """What comes out of one envelope with these log events."""
    events = [Event(f"{index:056d}", TIME + index, Line(message)) for index, message in enumerate(messages)]
    result = extract(cli, envelope(events, "/app/shop", "web-1"), "--format", "event", "--provenance")
    assert result.status == 0, result.errors
    assert result.summary["events"] == len(messages)
    return result


def of_event(found: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    return [one for one in found if int(one["source"]["eventId"]) == index]


@dataclass
class Outcome:
    """What became of the first records of the file: the messages, which were read, and all rejects."""

    messages: list[str]
    found: list[bool]
    reasons: list[list[str]]

    @property
    def rejected(self) -> list[str]:
        """The messages with a reject."""
        return [message for message, reasons in zip(self.messages, self.reasons, strict=True) if reasons]

    def shown(self, advice: str) -> str:
        if not self.rejected:
            return "read"
        reasons = " and ".join(sorted({f"`{reason}`" for reasons in self.reasons for reason in reasons}))
        if all(self.found):
            return f"read, and also rejected ({reasons}): {advice}"
        some = "in part " if any(self.found) else ""
        return f"{some}rejected ({reasons}): {advice}"


def outcome(cli: Path, messages: list[str]) -> Outcome:
    result = read(cli, messages)
    found, reasons = [], []
    for index, message in enumerate(messages):
        rejects = of_event(result.rejects, index)
        records = [
            {key: value for key, value in record.items() if key not in ("source", "uniqueId")}
            for record in of_event(result.records, index)
        ]
        right = LOGGED[index] | {"meterTimeInMillis": Decimal(TIME + index)}
        # No record is wrong or there twice, and none that isn't there is missed in silence.
        assert records in ([right], []), f"{records} of\n{message}"
        assert records or rejects, f"nothing of\n{message}"
        found.append(bool(records))
        reasons.append([reject["reason"] for reject in rejects])
    return Outcome(messages, found, reasons)


class Tried:
    """The outcomes of the configurations, each tried once."""

    def __init__(self, cli: Path, programs: Programs):
        self.cli = cli
        self.programs = programs
        self.outcomes: dict[str, Outcome] = {}

    def __getitem__(self, one: Configuration | Published) -> Outcome:
        if one.id not in self.outcomes:
            self.outcomes[one.id] = outcome(self.cli, self.messages(one))
        return self.outcomes[one.id]

    def messages(self, one: Configuration | Published) -> list[str]:
        if isinstance(one, Published):
            return one.messages
        lacking = missing(one.language)
        if lacking:
            pytest.skip(f"not installed (see scripts/setup): {', '.join(lacking)}")
        messages = self.programs.events(one)
        assert len(messages) == len(LOGGED), messages
        return messages


@pytest.fixture(scope="module")
def tried(cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return Tried(cli, Programs(tmp_path_factory.mktemp("loggers")))


@pytest.mark.parametrize("one", [*CONFIGURATIONS, *PUBLISHED], ids=lambda one: one.id)
def test_each_call_of_a_logger_is_one_record(one: Configuration | Published, tried: Tried) -> None:
    result = tried[one]
    if one.advice:
        assert result.rejected, "every record was read: remove the advice"
    else:
        assert not result.rejected, f"{result.reasons} of\n" + "\n".join(result.rejected)


# Several lines for a log event, but the record is on one of them.
ON_ONE_LINE = [
    "java-util-logging-text",
    "log4j-json",
    "opentelemetry-sdk-python-attribute",
    "opentelemetry-sdk-python-text",
]


@pytest.mark.parametrize(
    "one", [one for one in CONFIGURATIONS if one.id in ON_ONE_LINE], ids=lambda one: one.id
)
def test_a_log_event_for_each_line_gives_the_same_records(one: Configuration, tried: Tried) -> None:
    lines = [line for message in tried[one].messages for line in message.splitlines()]
    assert len(lines) > len(LOGGED)
    result = read(tried.cli, lines)
    assert not result.rejects
    assert [record["meterValue"] for record in result.records] == [one["meterValue"] for one in LOGGED]


def test_what_to_write_is_what_the_programs_do() -> None:
    for one in CONFIGURATIONS:
        assert one.write in (HERE / one.program).read_text(), one.id


def test_there_are_enough() -> None:
    ids = [one.id for one in [*CONFIGURATIONS, *PUBLISHED]]
    assert len(set(ids)) == len(ids)
    assert len([one for one in CONFIGURATIONS if not one.advice]) >= 35


def test_messages_of_the_shared_cases(cli: Path) -> None:
    if not CASES.exists():
        pytest.skip(f"{CASES} is missing")
    cases = json.loads(CASES.read_text())
    result = read(cli, [case["message"] for case in cases])
    wrong = []
    for index, case in enumerate(cases):
        rejects = [reject["reason"] for reject in of_event(result.rejects, index)]
        counted = (len(of_event(result.records, index)), len(rejects))
        if counted != (case["records"], case["rejects"]) or {case.get("reason", *rejects[:1])} < set(rejects):
            wrong.append((case, *counted, rejects))
    assert not wrong


# The page


def code(text: str) -> str:
    if not text:
        return "any logger's line"
    ticks = "``" if "`" in text else "`"
    space = " " if ticks == "``" else ""
    return f"{ticks}{space}{text.replace('|', chr(92) + '|')}{space}{ticks}"


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    columns = head.count("|") + 1
    lines = [head, " | ".join(["---"] * columns), *(" | ".join(row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


def tried_tables(tried: Tried) -> str:
    head = "logger | version | configuration | what to write | result"
    parts = []
    for group, configurations in GROUPS.items():
        rows = (
            (one.logger, one.version, one.setting, code(one.write), tried[one].shown(one.advice))
            for one in configurations
        )
        parts.append(f"### {group}\n\n{table(head, rows)}")
    return "\n".join(parts)


def published_table(tried: Tried) -> str:
    head = "logger | configuration | what to write | result"
    rows = (
        (f"[{one.logger}]({one.source})", one.setting, code(one.write), tried[one].shown(one.advice))
        for one in PUBLISHED
    )
    return table(head, rows)


def without_versions(text: str) -> str:
    return re.sub(r"^(\| [^|]+ \|) [0-9.]* \|", r"\1 |", text, flags=re.M)


@pytest.mark.parametrize(("name", "made"), [("tried", tried_tables), ("published", published_table)])
def test_the_page_shows_what_came_of_it(name: str, made: Any, tried: Tried) -> None:
    text = made(tried)
    page = PAGE.read_text()
    begin, end = f"<!-- {name}: written by integration/test_loggers.py -->\n", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    shown, after = rest.split(end)
    if os.environ.get("METERTAP_REWRITE_DOCS"):
        PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")
    else:
        # Another machine may have other versions.
        assert without_versions(shown.strip()) == without_versions(text.strip())
