"""The loggers that are tried: what each is called, how it is run, and what a user writes.

A program in `integration/loggers` is run with the name of a configuration and a file of records. It logs each
record with one call and ends each log event with a record separator, because an event may have several lines.
"""

import functools
import importlib.metadata
import json
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
        logger = slug(self.logger)
        return f"{logger}-{self.name.removeprefix(logger.split('-')[-1]).strip('-')}".strip("-")

    @property
    def language(self) -> str:
        return self.program.split("/")[0]

    @property
    def version(self) -> str:
        return version(self.package)


@dataclass(frozen=True)
class Published:
    """A logger that can't be installed here: what it writes of the first records, by its documentation."""

    logger: str
    setting: str
    source: str
    write: str
    messages: list[str] = field(hash=False)
    advice: str = ""

    @property
    def id(self) -> str:
        return slug(f"published {self.logger} {self.setting}")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


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
LAMBDA = 'logger.info("amberflo_meter: %s", json.dumps(record))'
LAMBDA_FIELD = 'logger.info("metered", extra={"amberflo_meter": record})'
BOTH = 'log.info("amberflo_meter: %s", json.dumps(record), extra={"amberflo_meter": record})'
DUMP = "Python's notation isn't JSON; use `json.dumps(record)`"

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
            f"put the tag directly before the record, `{INFO}`",
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
            f"`repr` escapes the message once more; use a field, `{STRUCTLOG_TEXT}`",
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
        "AWS Lambda (Python)",
        "pypi:awslambdaric",
        "python/with_lambda_runtime.py",
        ("print", "`print`", 'print("amberflo_meter:", json.dumps(record))'),
        ("text", "text", LAMBDA),
        ("json", "JSON", LAMBDA),
        ("json-field", "JSON, field", LAMBDA_FIELD),
        ("json-message", "JSON, dictionary as the message", 'logger.info({"amberflo_meter": record})'),
        ("text-message", "text, dictionary as the message", 'logger.info({"amberflo_meter": record})', DUMP),
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

WINSTON = "logger.info(`amberflo_meter: ${JSON.stringify(record)}`)"
WINSTON_FIELD = 'logger.info("metered", { amberflo_meter: record })'
LOG4JS_TEMPLATE = "log.info(`amberflo_meter: ${JSON.stringify(record)}`)"
LOG4JS = 'log.info("amberflo_meter: %s", JSON.stringify(record))'
TEMPLATE = "console.log(`amberflo_meter: ${JSON.stringify(record)}`)"
WORDS = 'console.log("amberflo_meter", JSON.stringify(record))'
INSPECTED = 'console.log("amberflo_meter", record)'
OBJECT = "console.log({ amberflo_meter: record })"
STRINGIFY = "Node's notation isn't JSON; use `JSON.stringify(record)`"

JAVASCRIPT = [
    *of(
        "Node console",
        "node",
        "node/with_console.js",
        ("template", "template", TEMPLATE),
        ("words", "words", WORDS),
        ("percent", "`%j`", 'console.log("amberflo_meter: %j", record)'),
        ("json", "JSON", "console.log(JSON.stringify({ amberflo_meter: record }))"),
        ("inspected", "object as a word", INSPECTED, STRINGIFY),
        ("object", "object", OBJECT, STRINGIFY),
        (
            "inspected-text",
            "text in an object",
            "console.log({ amberflo_meter: JSON.stringify(record) })",
            f"Node escapes the text once more; use `` {TEMPLATE} ``",
        ),
    ),
    *of(
        "AWS Lambda (Node)",
        "",
        "node/with_console.js",
        ("lambda-text-template", "text", TEMPLATE),
        ("lambda-text-words", "text, words", WORDS),
        ("lambda-json-template", "JSON", TEMPLATE),
        ("lambda-json-words", "JSON, words", WORDS),
        ("lambda-json-object", "JSON, object", OBJECT),
        (
            "lambda-json-inspected",
            "JSON, object as a word",
            'console.log("amberflo_meter", record)',
            STRINGIFY,
        ),
        ("lambda-text-object", "text, object", OBJECT, STRINGIFY),
    ),
    *of(
        "winston",
        "debian:node-winston",
        "node/with_winston.js",
        ("simple", "`simple`", WINSTON),
        ("simple-field", "`simple`, field", WINSTON_FIELD),
        ("colours", "`colorize`, `simple`", WINSTON),
        ("cli", "`cli`", WINSTON),
        ("printf", "`colorize`, `timestamp`, `printf`", WINSTON),
        ("json", "`timestamp`, `json`", WINSTON),
        ("json-field", "`timestamp`, `json`, field", WINSTON_FIELD),
        ("json-colours", "`colorize`, `json`", WINSTON),
        ("splat", "`errors`, `splat`, `json`", 'logger.info("amberflo_meter: %s", JSON.stringify(record))'),
        ("splat-json", "`errors`, `splat`, `json`, `%j`", 'logger.info("amberflo_meter: %j", record)'),
        (
            "splat-both",
            "`errors`, `splat`, `json`, message and field",
            'logger.info("amberflo_meter: %j", record, { amberflo_meter: record })',
        ),
        ("logstash", "`logstash`", WINSTON),
        ("logstash-field", "`logstash`, field", WINSTON_FIELD),
        ("splat-object", "`splat`, `%O`", 'logger.info("amberflo_meter: %O", record)', STRINGIFY),
        ("pretty", "`prettyPrint`, field", WINSTON_FIELD, "use `json()` instead of `prettyPrint()`"),
    ),
    *of(
        "bunyan",
        "debian:node-bunyan",
        "node/with_bunyan.js",
        ("text", "message", LOG4JS),
        ("json", "message, `%j`", 'log.info("amberflo_meter: %j", record)'),
        ("field", "field", 'log.info({ amberflo_meter: record }, "metered")'),
        ("both", "message and field", 'log.info({ amberflo_meter: record }, "amberflo_meter: %j", record)'),
        ("object", "object as a word", 'log.info("amberflo_meter:", record)', STRINGIFY),
        (
            "logger",
            "tag as the logger's name",
            "meter.info(record)",
            'name a field after the tag, `log.info({ amberflo_meter: record }, "metered")`',
        ),
    ),
    *of(
        "log4js",
        "debian:node-log4js",
        "node/with_log4js.js",
        ("coloured", "`coloured`", LOG4JS),
        ("basic", "`basic`", LOG4JS),
        ("pattern", "`pattern`, all of it coloured", LOG4JS),
        ("json", "JSON layout", LOG4JS_TEMPLATE),
        ("json-field", "JSON layout, object", "log.info({ amberflo_meter: record })"),
        (
            "json-words",
            "JSON layout, `%s`",
            LOG4JS,
            f"this layout keeps the arguments apart; use `` {LOG4JS_TEMPLATE} ``",
        ),
        ("object", "object as a word", 'log.info("amberflo_meter:", record)', STRINGIFY),
    ),
]

PATTERN = 'log.info("amberflo_meter: {}", text)'
MAP = 'log.info("amberflo_meter: {}", record)'
JACKSON = "a map's text isn't JSON; use `mapper.writeValueAsString(record)`"

JAVA = [
    *of(
        "java.util.logging",
        "java",
        "java/WithLogging.java",
        ("text", "default format", 'log.info("amberflo_meter: " + text)'),
        ("parameter", "default format, parameter", 'log.log(Level.INFO, "amberflo_meter: {0}", text)'),
        ("map", "map", 'log.log(Level.INFO, "amberflo_meter: {0}", record)', JACKSON),
    ),
    *of(
        "Log4j",
        "debian:liblog4j2-java",
        "java/WithLog4j.java",
        ("pattern", "`PatternLayout`", PATTERN),
        ("colours", "`PatternLayout` with `%highlight`", PATTERN),
        ("context", "`PatternLayout` with `%X`", 'ThreadContext.put("amberflo_meter", text)'),
        ("json-pattern", "`PatternLayout` with `%enc{%m}{JSON}`", PATTERN),
        ("json", "`JsonLayout`", PATTERN),
        ("json-compact", "`JsonLayout`, compact", PATTERN),
        ("json-context", "`JsonLayout`, thread context", 'ThreadContext.put("amberflo_meter", text)'),
        ("map", "map", MAP, JACKSON),
        (
            "map-message",
            "`StringMapMessage`",
            'log.info(new StringMapMessage().with("amberflo_meter", text))',
            f"it escapes no quotation marks; use `{PATTERN}`",
        ),
    ),
    *of(
        "Logback",
        "debian:liblogback-java",
        "java/WithLogback.java",
        ("pattern", "pattern", PATTERN),
        ("colours", "pattern with `%highlight` and `%cyan`", PATTERN),
        ("colours-message", "pattern with `%cyan(%msg)`", PATTERN),
        ("map", "map", MAP, JACKSON),
    ),
    *of(
        "logstash-logback-encoder",
        "debian:liblogstash-logback-encoder-java",
        "java/WithLogback.java",
        ("logstash", "message", PATTERN),
        ("logstash-field", "`kv`", 'log.info("metered", kv("amberflo_meter", record))'),
        ("logstash-raw", "`raw`", 'log.info("metered", raw("amberflo_meter", text))'),
        ("logstash-marker", "marker", 'log.info(append("amberflo_meter", record), "metered")'),
        ("logstash-context", "`MDC`", 'MDC.putCloseable("amberflo_meter", text)'),
        ("logstash-both", "`kv` with a placeholder", 'log.info("metered {}", kv("amberflo_meter", text))'),
        (
            "logstash-map",
            "`kv` of a map, with a placeholder",
            'log.info("metered {}", kv("amberflo_meter", record))',
            "leave out the placeholder, which writes the map's text into the message",
        ),
    ),
]

SLOG = 'log.Info("amberflo_meter: " + text)'
SLOG_ATTRIBUTE = 'log.Info("metered", "amberflo_meter", text)'
SLOG_RAW = 'log.Info("metered", "amberflo_meter", json.RawMessage(text))'
SLOG_OBJECT = 'log.Info("metered", "amberflo_meter", record)'
ZAP = 'log.Sugar().Infof("amberflo_meter: %s", text)'
ZAP_FIELD = 'log.Info("metered", zap.Any("amberflo_meter", record))'
ZEROLOG = 'log.Info().Msgf("amberflo_meter: %s", text)'
ZEROLOG_FIELD = 'log.Info().Interface("amberflo_meter", record).Msg("metered")'
ZEROLOG_STRING = 'log.Info().Str("amberflo_meter", text).Msg("metered")'
LOGRUS = 'log.Infof("amberflo_meter: %s", text)'
LOGRUS_FIELD = 'log.WithField("amberflo_meter", record).Info("metered")'
LOGRUS_STRING = 'log.WithField("amberflo_meter", text).Info("metered")'
MARSHAL = "a map's text isn't JSON; use `json.Marshal(record)`"

GO = [
    *of(
        "Go log",
        "go",
        "go/slog.go",
        ("log", "default", 'log.Printf("amberflo_meter: %s", text)'),
        ("log-quoted", "`%q`", 'log.Printf("amberflo_meter=%q", text)'),
        ("log-object", "`%v`", 'log.Printf("amberflo_meter: %v", record)', MARSHAL),
    ),
    *of(
        "Go slog",
        "go",
        "go/slog.go",
        ("slog-text", "`TextHandler`", SLOG),
        ("slog-text-attribute", "`TextHandler`, string", SLOG_ATTRIBUTE),
        ("slog-text-raw", "`TextHandler`, raw JSON", SLOG_RAW),
        ("slog-json", "`JSONHandler`", SLOG),
        ("slog-json-attribute", "`JSONHandler`, string", SLOG_ATTRIBUTE),
        ("slog-json-raw", "`JSONHandler`, raw JSON", SLOG_RAW),
        ("slog-json-object", "`JSONHandler`, map", SLOG_OBJECT),
        ("slog-text-object", "`TextHandler`, map", SLOG_OBJECT, MARSHAL),
    ),
    *of(
        "zap",
        "debian:golang-go.uber-zap-dev",
        "go/zap.go",
        ("zap-json", "production", ZAP),
        ("zap-json-field", "production, field", ZAP_FIELD),
        ("zap-json-string", "production, string", 'log.Info("metered", zap.String("amberflo_meter", text))'),
        (
            "zap-json-both",
            "production, message and field",
            'log.Info("amberflo_meter: "+text, zap.Any("amberflo_meter", record))',
        ),
        ("zap-console", "development", ZAP),
        ("zap-console-field", "development, field", ZAP_FIELD),
        ("zap-colours", "development with colours", ZAP),
        ("zap-colours-field", "development with colours, field", ZAP_FIELD),
    ),
    *of(
        "zerolog",
        "debian:golang-github-rs-zerolog-dev",
        "go/zerolog.go",
        ("zerolog-json", "JSON", ZEROLOG),
        (
            "zerolog-json-raw",
            "JSON, raw",
            'log.Info().RawJSON("amberflo_meter", []byte(text)).Msg("metered")',
        ),
        ("zerolog-json-field", "JSON, field", ZEROLOG_FIELD),
        ("zerolog-json-string", "JSON, string", ZEROLOG_STRING),
        ("zerolog-console", "`ConsoleWriter` without colours", ZEROLOG),
        ("zerolog-console-field", "`ConsoleWriter` without colours, field", ZEROLOG_FIELD),
        ("zerolog-console-string", "`ConsoleWriter` without colours, string", ZEROLOG_STRING),
        ("zerolog-colours", "`ConsoleWriter` with colours", ZEROLOG),
        ("zerolog-colours-field", "`ConsoleWriter` with colours, field", ZEROLOG_FIELD),
        ("zerolog-colours-string", "`ConsoleWriter` with colours, string", ZEROLOG_STRING),
    ),
    *of(
        "logrus",
        "debian:golang-github-sirupsen-logrus-dev",
        "go/logrus.go",
        ("logrus-text", "`TextFormatter`", LOGRUS),
        ("logrus-text-field", "`TextFormatter`, string", LOGRUS_STRING),
        ("logrus-colours", "`TextFormatter` with colours", LOGRUS),
        ("logrus-colours-field", "`TextFormatter` with colours, string", LOGRUS_STRING),
        ("logrus-json", "`JSONFormatter`", LOGRUS),
        ("logrus-json-field", "`JSONFormatter`, field", LOGRUS_FIELD),
        ("logrus-json-string", "`JSONFormatter`, string", LOGRUS_STRING),
        ("logrus-text-object", "`TextFormatter`, map", LOGRUS_FIELD, MARSHAL),
    ),
]

MONOLOG = "$log->info('amberflo_meter: ' . json_encode($record))"
MONOLOG_CONTEXT = "$log->info('metered', ['amberflo_meter' => $record])"
MONOLOG_PLACEHOLDER = "$log->info('amberflo_meter: {record}', ['record' => json_encode($record)])"
RUBY = 'log.info("amberflo_meter: #{record.to_json}")'
RUBY_FIELD = "log.info({ amberflo_meter: record })"
TO_JSON = "Ruby's notation isn't JSON; use `record.to_json`"
LOGRAGE = "Lograge.custom_options = ->(event) { { amberflo_meter: event.payload[:meter] } }"
LOG4PERL = '$log->info("amberflo_meter: $json")'
SPDLOG = 'log->info("amberflo_meter: {}", json)'
SYSLOG = 'log.info("amberflo_meter: %s", json.dumps(record))'

OTHERS = [
    *of(
        "Monolog",
        "debian:php-monolog",
        "php/with_monolog.php",
        ("line-text", "`LineFormatter`", MONOLOG),
        ("line-context", "`LineFormatter`, context", MONOLOG_CONTEXT),
        ("line-placeholder", "`LineFormatter`, placeholder", MONOLOG_PLACEHOLDER),
        ("json-text", "`JsonFormatter`", MONOLOG),
        ("json-context", "`JsonFormatter`, context", MONOLOG_CONTEXT),
        ("json-placeholder", "`JsonFormatter`, placeholder", MONOLOG_PLACEHOLDER),
        (
            "json-both",
            "`JsonFormatter`, placeholder of that name",
            "$log->info('amberflo_meter: {amberflo_meter}', ['amberflo_meter' => json_encode($record)])",
        ),
        ("logstash-context", "`LogstashFormatter`, context", MONOLOG_CONTEXT),
    ),
    *of(
        "Ruby Logger",
        "ruby",
        "ruby/with_logger.rb",
        ("text", "default format", RUBY),
        ("json", "JSON formatter", RUBY),
        ("json-field", "JSON formatter, hash", RUBY_FIELD),
        ("hash", "default format, hash", RUBY_FIELD, TO_JSON),
    ),
    *of(
        "Rails",
        "debian:ruby-activesupport",
        "ruby/with_rails.rb",
        ("tagged", "`TaggedLogging`", 'logger.info("amberflo_meter: #{record.to_json}")'),
        (
            "tag",
            "`TaggedLogging`, the tag in brackets",
            'logger.tagged("amberflo_meter") { logger.info(record.to_json) }',
        ),
    ),
    *of(
        "lograge",
        "debian:ruby-lograge",
        "ruby/with_rails.rb",
        ("lograge", "`KeyValue`, text in the payload", LOGRAGE),
        ("lograge-json", "`Json`, hash in the payload", LOGRAGE),
        ("lograge-hash", "`KeyValue`, hash in the payload", LOGRAGE, TO_JSON),
    ),
    *of(
        "Log4perl",
        "debian:liblog-log4perl-perl",
        "perl/with_log4perl.pl",
        ("plain", "`Screen`", LOG4PERL),
        ("coloured", "`ScreenColoredLevels`", LOG4PERL),
    ),
    *of(
        "spdlog",
        "debian:libspdlog-dev",
        "cpp/with_spdlog.cpp",
        ("default", "default pattern", SPDLOG),
        ("colours", "default pattern with colours", SPDLOG),
        ("colours-all", "all of it coloured", SPDLOG),
        ("json", "a JSON pattern that escapes nothing", SPDLOG),
    ),
    *of(
        "rsyslog",
        "debian:rsyslog",
        "rsyslog/through_rsyslog.py",
        ("traditional-plain", "traditional format", SYSLOG),
        ("traditional-coloured", "traditional format, with colours", SYSLOG),
        ("traditional-tabs", "traditional format, with tabs", SYSLOG),
        ("rfc3339-plain", "RFC 3339 format", SYSLOG),
        ("rfc5424-plain", "RFC 5424 format", SYSLOG),
        ("json-plain", "JSON template", SYSLOG),
        ("json-coloured", "JSON template, with colours", SYSLOG),
    ),
]

GROUPS = {
    "Python": PYTHON,
    "JavaScript": JAVASCRIPT,
    "Java": JAVA,
    "Go": GO,
    "PHP, Ruby, Perl, C++ and syslog": OTHERS,
}
CONFIGURATIONS = [one for group in GROUPS.values() for one in group]
PUBLISHED = [Published(**one) for one in json.loads((HERE / "published.json").read_text())]


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
        env=clean_environment(LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        check=False,
    )
    text = done.stdout.decode()
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{text}"
    return text


GO_TOOL = Path(sys.executable).parent / "go"
NODE_PACKAGES = "/usr/share/nodejs"
GO_PACKAGES = "/usr/share/gocode"
JARS = [
    f"/usr/share/java/{name}.jar"
    for name in (
        "jackson-annotations",
        "jackson-core",
        "jackson-databind",
        "log4j-api",
        "log4j-core",
        "logback-classic",
        "logback-core",
        "logstash-logback-encoder",
        "slf4j-api",
    )
]


def compile_go(directory: Path) -> None:
    settings = {"GO111MODULE": "off", "GOPATH": GO_PACKAGES, "GOTOOLCHAIN": "local", "GOTELEMETRY": "off"}
    run(GO_TOOL, "build", "-ldflags=-s -w", "-o", directory / "loggers", *HERE.glob("go/*.go"), **settings)


def compile_java(directory: Path) -> None:
    sources = HERE.glob("java/*.java")
    run("javac", "-proc:none", "-encoding", "UTF-8", "-cp", ":".join(JARS), "-d", directory, *sources)


def compile_cpp(directory: Path) -> None:
    flags = ["-std=c++17", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL"]
    run("g++", *flags, "-o", directory / "loggers", *HERE.glob("cpp/*.cpp"), "-lspdlog", "-lfmt")


def java(program: str, directory: Path) -> list[str | Path]:
    fast = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    encodings = [f"-D{name}.encoding=UTF-8" for name in ("file", "stdout", "stderr")]
    return ["java", *fast, *encodings, "-cp", ":".join([str(directory), *JARS]), Path(program).stem]


LANGUAGES = {
    "python": Language(lambda program, _: [sys.executable, HERE / program]),
    "rsyslog": Language(lambda program, _: [sys.executable, HERE / program], ("/usr/sbin/rsyslogd",)),
    "node": Language(
        lambda program, _: ["node", HERE / program],
        ("node", *(f"{NODE_PACKAGES}/{name}" for name in ("bunyan", "log4js", "winston"))),
        settings={"NODE_PATH": NODE_PACKAGES},
    ),
    "go": Language(
        lambda _, directory: [directory / "loggers"],
        (
            str(GO_TOOL),
            *(
                f"{GO_PACKAGES}/src/{name}"
                for name in ("github.com/rs/zerolog", "github.com/sirupsen/logrus", "go.uber.org/zap")
            ),
        ),
        compile_go,
    ),
    "java": Language(java, ("java", "javac", *JARS), compile_java),
    "php": Language(lambda program, _: ["php", HERE / program], ("php", "/usr/share/php/Monolog")),
    "ruby": Language(
        lambda program, _: ["ruby", HERE / program],
        ("ruby", "/usr/lib/ruby/vendor_ruby/lograge.rb"),
    ),
    "perl": Language(
        lambda program, _: ["perl", HERE / program],
        ("perl", "/usr/share/perl5/Log/Log4perl.pm"),
    ),
    "cpp": Language(
        lambda _, directory: [directory / "loggers"],
        ("g++", "/usr/include/spdlog/spdlog.h"),
        compile_cpp,
    ),
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
        text = run(GO_TOOL, "version")
    elif name:
        text = run(sys.executable if name == "python" else name, "--version")
    else:
        return ""
    found = re.search(r"\d+(\.\d+)?", text)
    assert found, text
    return found[0]
