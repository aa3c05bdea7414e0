"""ecs-logging, below Python's logging and below structlog."""

import json
import logging
import sys
from typing import Any

import ecs_logging
import structlog
from calls import Log, run

log = logging.getLogger("billing")
structured = structlog.get_logger()
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
logging.getLogger().handlers[0].setFormatter(ecs_logging.StdlibFormatter())
structlog.configure(processors=[ecs_logging.StructlogFormatter()])


def text() -> Log:
    return lambda record: log.info("amberflo_meter: %s", json.dumps(record))


def field() -> Log:
    return lambda record: log.info("metered", extra={"amberflo_meter": record})


def both(record: dict[str, Any]) -> None:
    log.info("amberflo_meter: %s", json.dumps(record), extra={"amberflo_meter": record})


def structlog_field() -> Log:
    return lambda record: structured.info("metered", amberflo_meter=record)


run({"text": text, "field": field, "both": lambda: both, "structlog": structlog_field})
