"""Counts the instructions of the readers, so that who makes them slower sees it.

Counted is our own code alone, by valgrind's callgrind: the C libraries choose their code by the processor
that they find. The counts are those of one compiler and one architecture. On another architecture the test
is skipped; with another compiler it fails until they are recorded anew.
To record them anew: METERTAP_RECORD_INSTRUCTIONS=1 pytest integration/test_instructions.py
"""

import json
import os
import platform
import random
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from components import corpus

ROOT = Path(__file__).resolve().parents[1]
DRIVER = ROOT / ".build" / "release" / "hot-path"
STORED = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.03
EVENTS = corpus.LOG_EVENTS
# Mangled names begin with the module's.
OURS = re.compile(r"(?<!\d)(9MeterLine|10Collection|5Meter)(?=[A-Z0-9])")


def lines(message: corpus.Message) -> bytes:
    chooser = random.Random(corpus.SEED)
    return "".join(message(chooser, number) + "\n" for number in range(EVENTS)).encode()


def envelope(message: corpus.Message) -> bytes:
    return corpus.envelope(random.Random(corpus.SEED), message, 0)


def page(message: corpus.Message) -> bytes:
    events = json.loads(envelope(message))["logEvents"]
    return json.dumps(corpus.page(events), separators=(",", ":")).encode()


# All records have an id of their own, since a hash's code depends on the processor.
INPUTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "common forms in an envelope": ("envelope", partial(envelope, partial(corpus.common, own_ids=1))),
    "other forms in an envelope": ("envelope", partial(envelope, partial(corpus.other_forms, own_ids=1))),
    "one tagged in a hundred in an envelope": ("envelope", partial(envelope, corpus.untagged)),
    "common forms in a page of log events": ("page", partial(page, partial(corpus.common, own_ids=1))),
    "lines of a file": ("lines", partial(lines, corpus.untagged)),
    "common forms by all the rules": ("general", partial(lines, partial(corpus.common, own_ids=1))),
}


def toolchain() -> dict[str, str]:
    version = subprocess.run(["swift", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Swift version (\S+)", version)
    return {"swift": found.group(1) if found else version, "architecture": platform.machine()}


def own_instructions(profile: str) -> int:
    """The sum over our functions, without what they call. The format is valgrind's "Callgrind Format"."""
    names: dict[str, str] = {}
    total = 0
    is_ours = is_call = False
    for line in profile.splitlines():
        if line.startswith("fn="):
            number, _, name = line[3:].partition(" ")
            name = names.setdefault(number, name)
            is_ours = OURS.search(name) is not None
        elif line.startswith("cfn=") or line.startswith("cfni="):
            number, _, name = line.partition("=")[2].partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            is_call = True  # the next line holds what was called
        elif line and (line[0].isdigit() or line[0] in "+-*"):
            if not is_call and is_ours:
                total += int(line.split()[1])
            is_call = False
    return total


def counted(way: str, path: Path, rounds: int) -> int:
    profile = path.with_suffix(f".{rounds}")
    # valgrind cannot read the debug information of today's compilers; the symbols are enough.
    driver = path.with_name("driver")
    if not driver.exists():
        subprocess.run(["strip", "--strip-debug", "-o", driver, DRIVER], check=True)
    command = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={profile}",
        driver,
        way,
        path,
        str(rounds),
    ]
    environment = os.environ | {"SWIFT_DETERMINISTIC_HASHING": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return own_instructions(profile.read_text())


def instructions(name: str, directory: Path) -> float:
    """For each log event, without what is done but once."""
    way, make = INPUTS[name]
    path = directory / "input"
    path.write_bytes(make())
    return (counted(way, path, 3) - counted(way, path, 1)) / 2 / EVENTS


@pytest.mark.parametrize("name", INPUTS)
def test_instructions(name: str, tmp_path: Path) -> None:
    stored = json.loads(STORED.read_text())
    recording = os.environ.get("METERTAP_RECORD_INSTRUCTIONS")
    here = toolchain()
    if not recording and stored["toolchain"]["architecture"] != here["architecture"]:
        pytest.skip(f"nothing was ever counted on {here['architecture']}")
    assert recording or stored["toolchain"] == here, (
        f"the counts are those of {stored['toolchain']}; record them anew for {here}"
    )
    count = instructions(name, tmp_path)
    if recording:
        counts = stored["counts"] | {name: round(count, 1)}
        text = json.dumps({"toolchain": here, "counts": counts}, indent=2)
        STORED.write_text(text + "\n")
        return
    expected = stored["counts"][name]
    change = count / expected - 1
    advice = "slower: find out why" if change > 0 else "faster: record the counts anew"
    assert abs(change) <= TOLERANCE, (
        f"{count:.0f} instructions for a log event instead of {expected:.0f}, {advice}"
    )
