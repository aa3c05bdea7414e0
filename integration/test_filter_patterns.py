"""Filter patterns: AWS's own examples, and the agreement of our evaluator with a second, naive one."""

import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from conftest import ROOT, executable
from reference import filter_pattern

CASES = json.loads((ROOT / "Tests/Corpus/filter-patterns.json").read_text())
PATTERNS = int(os.environ.get("METERTAP_PATTERN_RUNS") or 2_000)


@pytest.fixture(scope="session")
def probe() -> Path:
    """Evaluates pairs of a pattern and a message with the code of the product."""
    return executable("METERTAP_FILTER_PATTERN_PROBE", ".build/release/filter-pattern-probe")


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def ours(probe: Path, pairs: list[tuple[str, str]]) -> list[str]:
    given = "".join(f"{escaped(pattern)}\n{escaped(message)}\n" for pattern, message in pairs)
    done = subprocess.run([probe], input=given, capture_output=True, text=True, timeout=600, check=True)
    return done.stdout.split()


def naive(pattern: str, message: str) -> str:
    try:
        return "1" if filter_pattern.matches(pattern, message) else "0"
    except filter_pattern.Invalid:
        return "e"


def test_both_agree_with_the_examples_of_aws(probe: Path) -> None:
    wanted = [
        (case["pattern"], message, verdict)
        for case in CASES["cases"]
        for verdict, messages in (("1", case["matches"]), ("0", case["misses"]))
        for message in messages
    ] + [(case["pattern"], "{}", "e") for case in CASES["refused"]]
    assert len(wanted) > 250
    found = ours(probe, [(pattern, message) for pattern, message, _ in wanted])
    for (pattern, message, verdict), one in zip(wanted, found, strict=True):
        assert (one, naive(pattern, message)) == (verdict, verdict), (pattern, message)


TAGS = "%amberflo_meter|usage-meter|a\\.b%"
TERMS = '?amberflo_meter ?"usage-meter" ?"a.b"'
RECORD = '{"customerId":"c","meterApiName":"m","meterValue":1}'


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (f"amberflo_meter: {RECORD}", True),
        # A colour code, in the spellings in which it reaches a log; a prefix; an escaped line break.
        *(
            (f"{code}amberflo_meter: {RECORD}", True)
            for code in ("\x1b[32m", "\\u001b[32m", "#033[32m", "[32m")
        ),
        (f"app_amberflo_meter {RECORD}", True),
        (json.dumps({"message": f"done\namberflo_meter {RECORD}"}), True),
        (f"xusage-meterx {RECORD} a.b", True),
        ("usage_meter AMBERFLO_METER amberflo-meter axb", False),
    ],
)
def test_the_pattern_for_tags_takes_a_tag_wherever_it_is(text: str, taken: bool, probe: Path) -> None:
    verdict = "1" if taken else "0"
    assert ours(probe, [(TAGS, text), (TERMS, text)]) == [verdict] * 2
    assert (naive(TAGS, text), naive(TERMS, text)) == (verdict, verdict)


def test_both_agree_on_random_patterns(probe: Path, seed: int) -> None:
    generator = Generator(random.Random(seed))
    verdicts: Counter[str] = Counter()
    forms: Counter[tuple[str, str]] = Counter()
    for first in range(0, PATTERNS, 10_000):
        pairs = [generator.pair() for _ in range(first, min(first + 10_000, PATTERNS))]
        for (pattern, message), one in zip(pairs, ours(probe, pairs), strict=True):
            assert one == naive(pattern, message), f"seed {seed}: {pattern!r} {message!r}: we say {one}"
            verdicts[one] += 1
            forms[pattern[:1] if pattern[:1] in "{[%" else "terms", one] += 1
    # Neither side may win by saying the same to everything.
    assert all(verdicts[verdict] > PATTERNS / 20 for verdict in "10e"), verdicts
    assert all(forms[form, verdict] > 0 for form in ("{", "[", "%", "terms") for verdict in "10e"), forms


class Generator:
    """Patterns made by the grammar and then sometimes broken, and messages that have a chance to match."""

    words = (
        "a",
        "b",
        "ab",
        "ERROR",
        "x1",
        "_",
        "12",
        "1.5",
        "-3",
        "1e2",
        "0.10",
        "404",
        "é",
        "amberflo_meter",
    )
    names = ("a", "b", "c-d", "n_1")

    def __init__(self, source: random.Random):
        self.random = source

    def pair(self) -> tuple[str, str]:
        choose = self.random.random()
        if choose < 0.25:
            pattern, message = self.terms(), self.line()
        elif choose < 0.5:
            pattern, message = f"%{self.regex()}%", self.line()
        elif choose < 0.75:
            pattern, message = self.json_pattern(), self.json_message()
        else:
            pattern, message = self.delimited(), self.line()
        return (self.broken(pattern) if self.random.random() < 0.25 else pattern), message

    def broken(self, pattern: str) -> str:
        at = self.random.randrange(len(pattern) + 1)
        match self.random.randrange(3):
            case 0:
                return pattern[:at] + pattern[at + 1 :]
            case 1:
                piece = self.random.choice([*"\"%?-*[]{}()$.,=!<>&|\\ 'a1é!~:", "...", "||", "IS ", "\\x2"])
                return pattern[:at] + piece + pattern[at:]
            case _:
                return pattern[:at] + pattern[at : at + 3] * 2 + pattern[at + 3 :]

    def some(self, make: object, least: int, most: int) -> list[str]:
        return [make() for _ in range(self.random.randint(least, most))]  # type: ignore[operator]

    def word(self) -> str:
        return self.random.choice(self.words)

    def space(self) -> str:
        return self.random.choice(("", "", " ", "  ", "\t"))

    def quoted(self) -> str:
        parts = self.some(self.word, 0, 2)
        text = self.random.choice(("", " ", "-", '\\"', "\\\\", "*")).join(parts)
        return '"' + self.random.choice(("", "", "*")) + text + self.random.choice(("", "", "*")) + '"'

    # Lines

    def line(self) -> str:
        marks = ("", "", "", "[{}]", '"{}"', '"{} z"', "[{} q]", "({})", "{}:", '"{}', "{}\n", "\\{}")
        parts = [
            (self.random.choice(marks) or "{}").replace("{}", self.word())
            for _ in range(self.random.randint(0, 5))
        ]
        return self.random.choice((" ", " ", "  ", "\t", "")).join(parts)

    # Terms

    def terms(self) -> str:
        signs = self.random.choice((("?",), ("",), ("-",), ("", "-"), ("?", "", "-")))
        return " ".join(
            self.random.choice(signs) + (self.quoted() if self.random.random() < 0.4 else self.simple_word())
            for _ in range(self.random.randint(1, 4))
        )

    def simple_word(self) -> str:
        return self.random.choice(("a", "b", "ab", "ERROR", "x1", "_", "12", "404", "ER", "amberflo_meter"))

    # Regular expressions

    def regex(self) -> str:
        return "|".join("".join(self.some(self.piece, 1, 4)) for _ in range(self.random.randint(1, 2)))

    def piece(self) -> str:
        if self.random.random() < 0.1:
            return self.random.choice("^$")
        quantifiers = (
            "",
            "",
            "",
            "?",
            "*",
            "+",
            "{2}",
            "{1,2}",
            "{,2}",
            "{2,}",
            "{0}",
            "{2,1}",
            "{}",
            "{1001}",
        )
        return self.atom() + self.random.choice(quantifiers)

    def atom(self) -> str:
        simple = ("a", "b", "E", "R", "1", "0", ".", " ", ":", "-", "\\d", "\\D", "\\s", "\\S", "\\w", "\\W")
        escapes = ("\\.", "\\[", "\\]", "\\\\", "\\x28", "\\x61", "\\-", "\\?", "\\xg1", "\\q", "\\x80")
        match self.random.randrange(6):
            case 0:
                return self.random.choice(escapes)
            case 1:
                items = (
                    "a",
                    "b",
                    "a-f",
                    "0-9",
                    "R",
                    "-",
                    ".",
                    "*",
                    "\\]",
                    "\\d",
                    "\\W",
                    "\\x28",
                    "^",
                    "$",
                    " ",
                    "+-.",
                )
                inner = "".join(self.random.choice(items) for _ in range(self.random.randint(1, 3)))
                return f"[{self.random.choice(('', '', '^'))}{inner}]"
            case _:
                return self.random.choice(simple)

    # Values

    def value(self) -> str:
        match self.random.randrange(7):
            case 0 | 1:
                return self.quoted()
            case 2:
                return f"%{self.regex()}%" if self.random.random() < 0.7 else "%a%"
            case 3:
                return self.random.choice(("*", "a*", "*b", "*a*", "a*b", "4*", "1*", "**", "ERROR", "x1"))
            case _:
                return self.random.choice(
                    ("12", "1.5", "-3", "+12", "100", "1e2", "0.1", "12.0", "1e-1", "404", "5.")
                )

    def test(self) -> str:
        if self.random.random() < 0.5:
            return f"{self.random.choice(('=', '!='))}{self.space()}{self.value()}"
        number = self.random.choice(("12", "1.5", "-3", "+12", "1e2", "0.1", "1.50"))
        return f"{self.random.choice(('<', '>', '<=', '>=', '='))}{self.space()}{number}"

    # JSON

    def json_pattern(self) -> str:
        return f"{{{self.space()}{self.expression(2)}{self.space()}}}"

    def expression(self, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.5:
            return self.condition()
        parts = [self.expression(depth - 1) for _ in range(2)]
        joined = f"{self.space()}{self.random.choice(('&&', '||'))}{self.space()}".join(parts)
        return f"({joined})" if self.random.random() < 0.4 else joined

    def condition(self) -> str:
        match self.random.randrange(8):
            case 0:
                return f"{self.selector()} NOT EXISTS"
            case 1:
                return f"{self.selector()} IS {self.random.choice(('NULL', 'TRUE', 'FALSE', 'NOT'))}"
            case _:
                return f"{self.selector()}{self.space()}{self.test()}"

    def selector(self) -> str:
        member = ("a", "b", "c-d", "n_1")
        steps = [f".{self.random.choice(member)}"]
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            steps.append(self.random.choice((".a", ".b", "[0]", "[1]", "[*]", ".*", ".['a.b']")))
        if self.random.random() < 0.15:
            steps[0] = self.random.choice((".*", ".['a.b']", ".['c-d']"))
        return "$" + "".join(steps)

    def json_message(self) -> str:
        if self.random.random() < 0.05:
            return self.line()
        members = [
            f"{json.dumps(self.random.choice((*self.names, 'a.b')))}:{self.json_value(2)}"
            for _ in range(self.random.randint(0, 5))
        ]
        text = f"{{{','.join(members)}}}"
        return text[:-1] if self.random.random() < 0.02 else text

    def json_value(self, depth: int) -> str:
        match self.random.randrange(9 if depth else 6):
            case 0 | 1:
                return json.dumps(self.word(), ensure_ascii=self.random.random() < 0.5)
            case 2 | 3:
                return self.random.choice(
                    ("12", "1.5", "-3", "1e2", "100", "0.10", "404", "12.0", "1E-1", "0")
                )
            case 4:
                return self.random.choice(("null", "true", "false"))
            case 5:
                return json.dumps(self.line())
            case 6 | 7:
                return f"[{', '.join(self.json_value(depth - 1) for _ in range(self.random.randint(0, 3)))}]"
            case _:
                inner = (
                    f'"{self.random.choice(self.names)}": {self.json_value(depth - 1)}'
                    for _ in range(self.random.randint(0, 3))
                )
                return f"{{{', '.join(inner)}}}"

    # Space-delimited

    def delimited(self) -> str:
        fields = self.some(self.field, 1, 4)
        if self.random.random() < 0.3:
            fields.insert(self.random.randint(0, len(fields)), "...")
        return f"[{','.join(self.space() + field + self.space() for field in fields)}]"

    def field(self) -> str:
        name = self.random.choice(("w1", "w2", "ip", ""))
        if self.random.random() < 0.5:
            return name
        name = name or "w"
        text = f"{name}{self.space()}{self.test()}"
        while self.random.random() < 0.25:
            again = name if self.random.random() < 0.9 else "other"
            text += f"{self.space()}{self.random.choice(('&&', '||'))}{self.space()}{again}{self.test()}"
        return text
