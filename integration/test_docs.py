"""What the documents show is what happens: commands run, policies parse, links lead somewhere.

A fenced block marked `console` is run, in order, in one directory for each document: a line that begins with
`$ ` is a command (with its here-document), what follows is what it prints, stderr included. There `…` stands
for anything, alone on a line for any number of lines. A block marked `console no-check` is only for reading,
and one marked `console aws` is run by test_deployment.py, against an emulated account.
`METERTAP_REWRITE_DOCS=1` writes what the commands print into the documents instead, save for lines with `…`.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from components.commands import extract
from components.emulators import tool
from components.processes import clean_environment
from conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ANYTHING = "…"


@dataclass
class Block:
    """A fenced block: what stands behind the fence, its text, and where that begins in the document."""

    info: str
    text: str
    start: int

    @property
    def language(self) -> str:
        return self.info.split(" ")[0]


def blocks(document: Path) -> list[Block]:
    fenced = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
    return [Block(m[1].strip(), m[2], m.start(2)) for m in fenced.finditer(document.read_text())]


def names(documents: list[Path]) -> list[str]:
    return [str(document.relative_to(ROOT)) for document in documents]


def documents_with(predicate: Any) -> list[Path]:
    return [document for document in DOCUMENTS if any(predicate(block) for block in blocks(document))]


# Commands and what they print


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the output that the document shows."""
    lines = iter(text.splitlines())
    command: list[str] = []
    output: list[str] = []
    for line in lines:
        if not line.startswith("$ "):
            output.append(line)
            continue
        if command:
            yield "\n".join(command), "\n".join(output)
        command, output = [line[2:]], []
        while command[-1].endswith("\\"):
            command.append(next(lines))
        end = re.search(r"<<'?(\w+)'?", "\n".join(command))
        while end and command[-1] != end[1]:
            command.append(next(lines))
    if command:
        yield "\n".join(command), "\n".join(output)


def pattern(shown: str) -> re.Pattern[str]:
    parts = []
    for line in shown.splitlines():
        if line.strip() == ANYTHING:
            parts.append(r"(?:.*\n)*")
        else:
            parts.append(re.escape(line).replace(re.escape(ANYTHING), ".*") + r"\n")
    return re.compile("".join(parts))


def run(command: str, directory: Path, cli: Path, settings: dict[str, str]) -> str:
    """What a command prints; `metertap` is the executable under test, and `aws` that of the requirements."""
    tools = directory / ".tools"
    tools.mkdir(exist_ok=True)
    for name, program in (("metertap", cli), ("aws", Path(tool("aws")))):
        if not (tools / name).exists():
            (tools / name).symlink_to(program)
    environment = clean_environment(**settings)
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        # What a command exports holds for the next one, as in the reader's shell.
        ["bash", "-c", f"[ ! -f .tools/exports ] || . .tools/exports\n{command}\nexport -p > .tools/exports"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.stdout.decode()


with_commands = documents_with(lambda block: block.info == "console")


@pytest.mark.parametrize("document", with_commands, ids=names(with_commands))
def test_commands_print_what_is_shown(document: Path, cli: Path, tmp_path: Path) -> None:
    try:
        check_commands(document, cli, tmp_path)
    finally:
        for pid in tmp_path.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)


def check_commands(
    document: Path,
    cli: Path,
    tmp_path: Path,
    info: str = "console",
    settings: dict[str, str] | None = None,
    after: Callable[[str], None] = lambda _: None,
) -> None:
    """Runs the commands of the blocks so marked; `after` each, the world may do its part."""
    rewritten = document.read_text()
    moved = 0
    for block in blocks(document):
        if block.info != info:
            continue
        text: list[str] = []
        for command, shown in steps(block.text):
            printed = run(command, tmp_path, cli, settings or {})
            after(command)
            output = shown
            if os.environ.get("METERTAP_REWRITE_DOCS") and ANYTHING not in shown:
                output = printed.rstrip("\n")
            else:
                told = f"$ {command}\nprints\n{printed}\ninstead of\n{shown}"
                assert pattern(shown).fullmatch(printed), told
            text.append(f"$ {command}\n" + (f"{output}\n" if output else ""))
        start = block.start + moved
        rewritten = rewritten[:start] + "".join(text) + rewritten[start + len(block.text) :]
        moved += sum(map(len, text)) - len(block.text)
    if os.environ.get("METERTAP_REWRITE_DOCS"):
        document.write_text(rewritten)


LOGGERS = {
    "python": ("meter.py", [sys.executable, "meter.py"]),
    "javascript": ("meter.mjs", ["node", "meter.mjs"]),
    "java": ("Orders.java", ["java", "Orders.java"]),
    "go": ("meter.go", [str(Path(sys.executable).parent / "go"), "run", "meter.go"]),
    "swift": ("main.swift", ["bash", "-c", "swiftc main.swift -o meter && ./meter"]),
}


@pytest.mark.parametrize("language", LOGGERS)
def test_what_the_readme_logs_is_found(language: str, cli: Path, tmp_path: Path) -> None:
    file, command = LOGGERS[language]
    block = next(block for block in blocks(ROOT / "README.md") if block.language == language)
    (tmp_path / file).write_text(block.text)
    printed = subprocess.run(
        command,
        cwd=tmp_path,
        env=clean_environment(GOTOOLCHAIN="local", GOPROXY="off", GOTELEMETRY="off"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=True,
    ).stdout
    # CloudWatch gives each line its time; a file needs it in the line.
    lines = b"".join(b"2026-01-02T10:00:00Z " + line + b"\n" for line in printed.splitlines())
    result = extract(cli, lines)
    assert not result.rejects, result.rejects
    found = [(r["customerId"], r["meterApiName"], str(r["meterValue"])) for r in result.records]
    assert found == [("acme", "ApiCalls", "1"), ("acme", "EgressGB", "0.1")]


# Policies and calls to AWS


def json_texts(document: Path) -> Iterator[tuple[str, str]]:
    """Each JSON text of a document: a fenced block, or a file that a here-document writes."""
    for block in blocks(document):
        if block.language == "json":
            yield block.text.splitlines()[0], block.text
        for file, word, text in re.findall(r"> (\S+\.json) <<'?(\w+)'?\n(.*?)^\2$", block.text, re.M | re.S):
            if word:
                yield file, re.sub(r"\$\{?\w+\}?", "variable", re.sub(r"\$\(.*?\)", "1", text))


with_json = [document for document in DOCUMENTS if next(json_texts(document), None)]


# Actions for which AWS's service authorization reference names no resource, so that only * allows them.
WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "lambda:ListEventSourceMappings",
    "logs:DescribeAccountPolicies",
    "logs:PutAccountPolicy",
    "logs:DeleteAccountPolicy",
    "tag:GetResources",
}


@pytest.mark.parametrize("document", with_json, ids=names(with_json))
def test_json_parses_and_policies_grant_no_more_than_they_name(document: Path) -> None:
    for name, text in json_texts(document):
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise AssertionError(f"{name}: {error}\n{text}") from None
        for statement in value.get("Statement", []) if isinstance(value, dict) else []:
            assert value["Version"] == "2012-10-17", name
            assert statement["Effect"] == "Allow", name
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            for action in actions:
                assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), f"{name}: {action}"
            if not WITHOUT_RESOURCE.issuperset(actions):
                assert statement.get("Resource") != "*", f"{name}: {statement}"


def aws_commands(text: str) -> Iterator[list[str]]:
    for command in re.findall(r"^\s*(?:\$ )?(?:\w+=\$\()?aws ((?:.*\\\n)*.*)$", text, re.M):
        yield command.replace("\\\n", " ").split()


# What the CLI adds to the operations of the API.
OWN_COMMANDS = {("cloudformation", "deploy"), ("logs", "tail"), ("s3", "cp"), ("s3", "ls")}
OWN_OPTIONS = {"cli-binary-format", "query", "output", "region", "profile", "zip-file", "no-cli-pager"}


def test_aws_commands_name_operations_and_parameters_that_are_there() -> None:
    session = botocore.session.Session()
    seen = 0
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.language not in ("sh", "console"):
                continue
            for name, operation, *rest in aws_commands(block.text):
                service = {"s3api": "s3"}.get(name, name)
                if (name, operation) in OWN_COMMANDS:
                    continue
                seen += 1
                model = session.get_service_model(service)
                if operation == "wait":
                    waiters = session.get_waiter_model(service).waiter_names
                    assert rest[0] in {xform_name(name, "-") for name in waiters}, f"{service} wait {rest[0]}"
                    continue
                known = {xform_name(name, "-"): name for name in model.operation_names}
                assert operation in known, f"{document.name}: aws {service} {operation}"
                shape = model.operation_model(known[operation]).input_shape
                options = {xform_name(name, "-") for name in shape.members} | OWN_OPTIONS
                for option in (word[2:].split("=")[0] for word in rest if word.startswith("--")):
                    assert option.removeprefix("no-") in options or option in options, (
                        f"{document.name}: aws {service} {operation} --{option}"
                    )
    assert seen, "no command was checked"


# Links, and what must not be left out


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)


def slugs(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document if not path else (document.parent / path).resolve()
        assert file.exists(), f"{target} in {document.name}"
        assert not anchor or anchor in slugs(file), f"{target} in {document.name}"


def mentioned(source: str, expression: str) -> set[str]:
    return set(re.findall(expression, (ROOT / source).read_text(), re.M))


@pytest.mark.parametrize(
    ("source", "expression", "document"),
    [
        ("Sources/Meter/RejectReason.swift", r"^    case (\w+)", "docs/log-line.md"),
        ("Sources/MeterLine/RecordFields.swift", r"isName\(\"(\w+)\"\)", "docs/log-line.md"),
        ("Sources/Delivery/AgentSettings.swift", r"\"(METERTAP_\w+)\"", "docs/deploy-by-hand.md"),
        ("Sources/Delivery/Agent.swift", r"object\.(?:member|name)\(\"(\w+)\"", "docs/operations.md"),
        (
            "Sources/MeterLine/NDJSON.swift",
            r"object\.(?:member|name)\(\"(\w+)\", accounting",
            "docs/operations.md",
        ),
        ("Sources/Delivery/DeliveryError.swift", r"^        case (\w+)$", "docs/operations.md"),
    ],
)
def test_nothing_is_left_out(source: str, expression: str, document: str) -> None:
    names = mentioned(source, expression)
    assert names, f"nothing found in {source}"
    text = (ROOT / document).read_text()
    missing = {name for name in names if f"`{name}`" not in text}
    assert not missing, f"{document} does not say what these are: {sorted(missing)}"


def test_each_promise_has_a_test_that_is_there() -> None:
    lines = (ROOT / "docs/guarantees.md").read_text().splitlines()
    promises = "\n".join(line for line in lines if line.startswith("| **"))
    assert promises
    python = "".join(file.read_text() for file in ROOT.glob("integration/test_*.py"))
    swift = "".join(file.read_text() for file in ROOT.glob("Tests/*/*.swift"))
    for name in re.findall(r"`(test_\w+)`", promises):
        assert f"def {name}(" in python, name
    for title in re.findall(r"\"([^\"]+)\"", promises):
        assert f'"{title}"' in swift or f"`{title}`" in swift, title
