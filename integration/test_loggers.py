"""What real loggers write is read: one record of each call that logs one, and no reject.

`METERTAP_REWRITE_DOCS=1` writes the tables of docs/loggers.md.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from components.commands import Extracted, extract
from components.loggers import CONFIGURATIONS, HERE, RECORDS, Configuration, Programs, missing
from components.samples import Event, Line, envelope
from conftest import ROOT

TIME = 1_767_225_600_000
PAGE = ROOT / "docs/loggers.md"
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
    """What became of each record that was logged: the reasons of its rejects, or none."""

    messages: list[str]
    reasons: list[list[str]]

    @property
    def lost(self) -> list[str]:
        """The messages with a reject."""
        return [message for message, reasons in zip(self.messages, self.reasons, strict=True) if reasons]


class Tried:
    """The outcomes of the configurations, each tried once."""

    def __init__(self, cli: Path, programs: Programs):
        self.cli = cli
        self.programs = programs
        self.outcomes: dict[str, Outcome] = {}

    def __getitem__(self, configuration: Configuration) -> Outcome:
        lacking = missing(configuration.language)
        if lacking:
            pytest.skip(f"not installed (see scripts/setup): {', '.join(lacking)}")
        if configuration.id not in self.outcomes:
            self.outcomes[configuration.id] = self.outcome(configuration)
        return self.outcomes[configuration.id]

    def outcome(self, configuration: Configuration) -> Outcome:
        messages = self.programs.events(configuration)
        assert len(messages) == len(LOGGED), messages
        result = read(self.cli, messages)
        reasons = []
        for index, (message, logged) in enumerate(zip(messages, LOGGED, strict=True)):
            rejects = of_event(result.rejects, index)
            found = [
                {key: value for key, value in record.items() if key not in ("source", "uniqueId")}
                for record in of_event(result.records, index)
            ]
            right = [logged | {"meterTimeInMillis": Decimal(TIME + index)}]
            # No record is wrong or there twice, and none that isn't there is missed in silence.
            assert found in (right, []), f"{found} of\n{message}"
            assert found or rejects, f"nothing of\n{message}"
            reasons.append([reject["reason"] for reject in rejects])
        return Outcome(messages, reasons)


@pytest.fixture(scope="module")
def tried(cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return Tried(cli, Programs(tmp_path_factory.mktemp("loggers")))


@pytest.mark.parametrize("one", CONFIGURATIONS, ids=lambda one: one.id)
def test_each_call_of_a_logger_is_one_record(one: Configuration, tried: Tried) -> None:
    outcome = tried[one]
    if one.advice:
        assert outcome.lost, "every record was read: take the advice away"
    else:
        assert not outcome.lost, f"{outcome.reasons} of\n" + "\n".join(outcome.lost)


@pytest.mark.parametrize("one", CONFIGURATIONS, ids=lambda one: one.id)
def test_what_to_write_is_what_the_program_does(one: Configuration) -> None:
    assert one.write in (HERE / one.program).read_text()


def test_there_are_enough() -> None:
    assert len({one.id for one in CONFIGURATIONS}) == len(CONFIGURATIONS)
    assert len([one for one in CONFIGURATIONS if not one.advice]) >= 35
