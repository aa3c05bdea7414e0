"""structlog with each of its renderers."""

import json
from typing import Any

import structlog
from calls import Log, run

log = structlog.get_logger()


def text(record: dict[str, Any]) -> None:
    log.info(f"amberflo_meter: {json.dumps(record)}")


def field(record: dict[str, Any]) -> None:
    log.info("metered", amberflo_meter=record)


def text_field(record: dict[str, Any]) -> None:
    log.info("metered", amberflo_meter=json.dumps(record))


def rendered(by: Any, call: Log) -> Log:
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), by]
    )
    return call


def console(call: Log, colors: bool) -> Log:
    return rendered(structlog.dev.ConsoleRenderer(colors=colors), call)


run(
    {
        "console": lambda: console(text, False),
        "console-field": lambda: console(text_field, False),
        "console-dictionary": lambda: console(field, False),
        "colours": lambda: console(text, True),
        "colours-field": lambda: console(text_field, True),
        "json": lambda: rendered(structlog.processors.JSONRenderer(), text),
        "json-field": lambda: rendered(structlog.processors.JSONRenderer(), field),
        "key-value": lambda: rendered(structlog.processors.KeyValueRenderer(), text),
        "key-value-field": lambda: rendered(structlog.processors.KeyValueRenderer(), text_field),
        "logfmt": lambda: rendered(structlog.processors.LogfmtRenderer(), text),
        "logfmt-field": lambda: rendered(structlog.processors.LogfmtRenderer(), text_field),
    }
)
