"""Records keep the identities that they had before the reading rules were widened.

Tests/Corpus/identities.ndjson was written by the reader of commit 914e0e3 from Tests/Corpus/forms.txt, which
has every form of that time: number of the line, ordinal, identity. A word behind them marks what the wider
rules change on purpose: `copy`, a record that another member of its object repeats; `moved`, one behind a
value that was a mention, so that its ordinal is now higher.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "Tests" / "Corpus"


def test_records_keep_their_identities(cli: Path) -> None:
    lines = (CORPUS / "forms.txt").read_bytes().removesuffix(b"\n").split(b"\n")
    numbers = {hashlib.sha256(line).hexdigest() + "-0": number for number, line in enumerate(lines, 1)}
    command = [str(cli), "extract", "--provenance", "--format", "lines", "--source", "corpus"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METERTAP_")}
    done = subprocess.run(
        [*command, str(CORPUS / "forms.txt")], capture_output=True, env=environment, check=True, timeout=60
    )
    found = {}
    for line in done.stdout.splitlines():
        record = json.loads(line)
        source = record["source"]
        found[numbers[source["eventId"]], source["ordinal"]] = record["uniqueId"]
    kept = 0
    for row in (CORPUS / "identities.ndjson").read_text().splitlines():
        number, ordinal, identity, *change = json.loads(row)
        here = found.get((number, ordinal))
        if change:
            assert here != identity, f"line {number}, ordinal {ordinal} is as it was: take the mark away"
        else:
            assert here == identity, f"line {number}, ordinal {ordinal}: {lines[number - 1]!r}"
            kept += 1
    assert kept > 240
