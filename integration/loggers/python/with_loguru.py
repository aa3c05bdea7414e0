"""loguru."""

import json
import sys
from typing import Any

from calls import Log, run
from loguru import logger


def text(record: dict[str, Any]) -> None:
    logger.info("amberflo_meter: {}", json.dumps(record))


def field(record: dict[str, Any]) -> None:
    logger.bind(amberflo_meter=record).info("metered")


def text_and_field(record: dict[str, Any]) -> None:
    logger.info("amberflo_meter: {}", json.dumps(record), amberflo_meter=record)


def to_stdout(log: Log, **settings: Any) -> Log:
    logger.remove()
    logger.add(sys.stdout, **settings)
    return log


EXTRA = "{time} | {level} | {message} | {extra}"

run(
    {
        "plain": lambda: to_stdout(text, colorize=False),
        "colours": lambda: to_stdout(text, colorize=True),
        "serialized": lambda: to_stdout(text, serialize=True),
        "serialized-field": lambda: to_stdout(field, serialize=True),
        "serialized-both": lambda: to_stdout(text_and_field, serialize=True),
        "extra": lambda: to_stdout(field, format=EXTRA),
    }
)
