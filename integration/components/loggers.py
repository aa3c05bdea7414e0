"""The loggers that are tried: what each is called, how it is run, and what a user writes.

A program in `integration/loggers` is run with the name of a configuration and a file of records. It logs each
record with one call and ends each log event with a record separator, because an event may have several lines.
"""

import functools
import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from components.processes import clean_environment

HERE = Path(__file__).resolve().parent.parent / "loggers"
RECORDS = HERE / "records.ndjson"
END_OF_EVENT = "\x1e\n"


@dataclass(frozen=True)
class Configuration:
    """One way in which a logger writes a record. With `advice`, some records can't be read that way."""

    logger: str
    package: str
    program: str
    name: str
    setting: str
    write: str
    advice: str = ""

    @property
    def id(self) -> str:
        return f"{re.sub(r'[^a-z0-9]+', '-', self.logger.lower()).strip('-')}-{self.name}"

    @property
    def language(self) -> str:
        return self.program.split("/")[0]

    @property
    def version(self) -> str:
        return version(self.package)


def of(logger: str, package: str, program: str, *settings: tuple[str, ...]) -> list[Configuration]:
    """Configurations of one program: name, setting, what to write, advice where records can't be read."""
    return [Configuration(logger, package, program, *setting) for setting in settings]


TEXT = 'log.warning("amberflo_meter: %s", json.dumps(record))'
LOGURU = 'logger.info("amberflo_meter: {}", json.dumps(record))'
LOGURU_FIELD = 'logger.bind(amberflo_meter=record).info("metered")'
STRUCTLOG = 'log.info(f"amberflo_meter: {json.dumps(record)}")'
STRUCTLOG_FIELD = 'log.info("metered", amberflo_meter=record)'
STRUCTLOG_TEXT = 'log.info("metered", amberflo_meter=json.dumps(record))'
INFO = 'log.info("amberflo_meter: %s", json.dumps(record))'
EXTRA = 'log.info("metered", extra={"amberflo_meter": record})'
BOTH = 'log.info("amberflo_meter: %s", json.dumps(record), extra={"amberflo_meter": record})'
DUMP = "Python's notation isn't JSON: use `json.dumps(record)`"

PYTHON = [
    *of(
        "Python logging",
        "python",
        "python/with_logging.py",
        ("basic", "default format", TEXT),
        ("argument", "tag as an argument", 'log.info("%s %s", "amberflo_meter", json.dumps(record))'),
        ("logger", "tag as the logger's name, default format", "meter.info(json.dumps(record))"),
        ("repr", "`%r`", 'log.warning("amberflo_meter: %r", json.dumps(record))'),
        (
            "hand",
            "JSON without a formatter",
            'print(json.dumps({"level": "INFO", "amberflo_meter": record}))',
        ),
        ("dictionary", "dictionary", 'log.warning("amberflo_meter: %s", record)', DUMP),
        (
            "logger-level",
            "tag as the logger's name, level after it",
            "meter.info(json.dumps(record))",
            f"put the tag directly before the record: `{INFO}`",
        ),
    ),
    *of("colorlog", "pypi:colorlog", "python/with_logging.py", ("colours", "colours", TEXT)),
    *of("coloredlogs", "pypi:coloredlogs", "python/with_logging.py", ("coloredlogs", "colours", TEXT)),
    *of(
        "logfmter",
        "pypi:logfmter",
        "python/with_logging.py",
        ("logfmt", "message", TEXT),
        ("logfmt-field", "field", 'log.warning("metered", extra={"amberflo_meter": json.dumps(record)})'),
    ),
    *of(
        "loguru",
        "pypi:loguru",
        "python/with_loguru.py",
        ("plain", "without colours", LOGURU),
        ("colours", "with colours", LOGURU),
        ("serialized", "`serialize=True`", LOGURU),
        ("serialized-field", "`serialize=True`, field", LOGURU_FIELD),
        (
            "serialized-both",
            "`serialize=True`, message and field",
            'logger.info("amberflo_meter: {}", json.dumps(record), amberflo_meter=record)',
        ),
        ("extra", "`{extra}` in the format", LOGURU_FIELD, f"{DUMP}, or `serialize=True`"),
    ),
    *of(
        "structlog",
        "pypi:structlog",
        "python/with_structlog.py",
        ("console", "`ConsoleRenderer` without colours", STRUCTLOG),
        ("console-field", "`ConsoleRenderer` without colours, field", STRUCTLOG_TEXT),
        ("colours", "`ConsoleRenderer` with colours", STRUCTLOG),
        ("colours-field", "`ConsoleRenderer` with colours, field", STRUCTLOG_TEXT),
        ("json", "`JSONRenderer`", STRUCTLOG),
        ("json-field", "`JSONRenderer`, field", STRUCTLOG_FIELD),
        ("key-value-field", "`KeyValueRenderer`, field", STRUCTLOG_TEXT),
        ("logfmt", "`LogfmtRenderer`", STRUCTLOG),
        ("logfmt-field", "`LogfmtRenderer`, field", STRUCTLOG_TEXT),
        ("console-dictionary", "`ConsoleRenderer`, dictionary as a field", STRUCTLOG_FIELD, DUMP),
        (
            "key-value",
            "`KeyValueRenderer`, message",
            STRUCTLOG,
            f"`repr` escapes the message once more: use a field, `{STRUCTLOG_TEXT}`",
        ),
    ),
    *of(
        "ecs-logging",
        "pypi:ecs-logging",
        "python/with_ecs_logging.py",
        ("text", "message", INFO),
        ("field", "field", EXTRA),
        ("both", "message and field", BOTH),
        ("structlog", "with structlog, field", 'structured.info("metered", amberflo_meter=record)'),
    ),
    *of(
        "python-json-logger",
        "pypi:python-json-logger",
        "python/with_json_logger.py",
        ("text", "message", INFO),
        ("field", "field", EXTRA),
        ("message", "dictionary as the message", 'log.info({"amberflo_meter": record})'),
        ("both", "message and field", BOTH),
    ),
    *of(
        "Powertools for AWS Lambda (Python)",
        "pypi:aws-lambda-powertools",
        "python/with_powertools.py",
        ("text", "message", 'logger.info("amberflo_meter: %s", json.dumps(record))'),
        ("field", "field", 'logger.info("metered", amberflo_meter=record)'),
        ("message", "dictionary as the message", 'logger.info({"amberflo_meter": record})'),
    ),
    *of(
        "eliot",
        "pypi:eliot",
        "python/with_eliot.py",
        ("field", "field", 'log_message(message_type="metered", amberflo_meter=record)'),
        ("text", "text", 'log_message(message_type="log", message=f"amberflo_meter: {json.dumps(record)}")'),
    ),
    *of(
        "Logbook",
        "pypi:logbook",
        "python/with_logbook.py",
        ("plain", "without colours", 'log.warning("amberflo_meter: {}", json.dumps(record))'),
        ("colours", "with colours", 'log.warning("amberflo_meter: {}", json.dumps(record))'),
    ),
    *of(
        "OpenTelemetry SDK (Python)",
        "pypi:opentelemetry-sdk",
        "python/with_opentelemetry.py",
        ("text", "console exporter, message", INFO),
        (
            "attribute",
            "console exporter, attribute",
            'log.info("metered", extra={"amberflo_meter": json.dumps(record)})',
        ),
        ("body", "console exporter, structured body", 'otel.emit(body={"amberflo_meter": record})'),
    ),
]

CONFIGURATIONS = [*PYTHON]


@dataclass(frozen=True)
class Language:
    """How a language's programs are run: what must be installed, and how they are compiled, if at all."""

    command: Callable[[str, Path], list[str | Path]]
    needs: tuple[str, ...] = ()
    compile: Callable[[Path], None] = lambda _: None
    settings: dict[str, str] = field(default_factory=dict)


def run(*command: str | Path, **settings: str) -> str:
    """What the command prints on standard output and standard error, which a log has both."""
    done = subprocess.run(
        command,
        env=clean_environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        check=False,
    )
    text = done.stdout.decode()
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{text}"
    return text


LANGUAGES = {
    "python": Language(lambda program, _: [sys.executable, HERE / program]),
}


def missing(language: str) -> list[str]:
    """Programs and files that the language needs and this machine lacks."""
    needs = LANGUAGES[language].needs
    return [need for need in needs if not (Path(need).exists() if "/" in need else shutil.which(need))]


class Programs:
    """Compiles each language's programs once, and runs them."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.compiled: dict[str, Path] = {}

    def compile(self, language: str) -> Path:
        if language not in self.compiled:
            directory = self.directory / language
            directory.mkdir()
            LANGUAGES[language].compile(directory)
            self.compiled[language] = directory
        return self.compiled[language]

    def events(self, configuration: Configuration) -> list[str]:
        """The log events that the configuration makes of the records, one of each."""
        language = LANGUAGES[configuration.language]
        command = language.command(configuration.program, self.compile(configuration.language))
        text = run(*command, configuration.name, RECORDS, **language.settings)
        *events, rest = text.split(END_OF_EVENT)
        assert not rest, f"after the last log event: {rest}"
        return [event.removesuffix("\n") for event in events]


@functools.cache
def version(package: str) -> str:
    """The installed version's first two numbers."""
    manager, _, name = package.rpartition(":")
    if manager == "pypi":
        text = importlib.metadata.version(name)
    elif manager == "debian":
        text = run("dpkg-query", "--show", "--showformat", "${source:Upstream-Version}", name)
    elif name == "go":
        text = run(Path(sys.executable).parent / name, "version")
    else:
        text = run(sys.executable if name == "python" else name, "--version")
    found = re.search(r"\d+(\.\d+)?", text)
    assert found, text
    return found[0]
