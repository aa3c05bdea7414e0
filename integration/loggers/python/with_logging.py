"""Python's own logging, alone and with formatters that only change how a line looks."""

import json
import logging
import sys
from typing import Any

import coloredlogs
import colorlog
import logfmter
from calls import Log, run

log = logging.getLogger("billing")


def text(record: dict[str, Any]) -> None:
    log.warning("amberflo_meter: %s", json.dumps(record))


def basic() -> Log:
    logging.basicConfig()
    return text


def tag_as_argument() -> Log:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    return lambda record: log.info("%s %s", "amberflo_meter", json.dumps(record))


def tag_as_logger() -> Log:
    logging.basicConfig(level=logging.INFO)
    meter = logging.getLogger("amberflo_meter")
    return lambda record: meter.info(json.dumps(record))


def tag_as_logger_with_level_after() -> Log:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")
    meter = logging.getLogger("amberflo_meter")
    return lambda record: meter.info(json.dumps(record))


def representation() -> Log:
    logging.basicConfig()
    return lambda record: log.warning("amberflo_meter: %r", json.dumps(record))


def dictionary() -> Log:
    logging.basicConfig()
    return lambda record: log.warning("amberflo_meter: %s", record)


def json_by_hand() -> Log:
    return lambda record: print(json.dumps({"level": "INFO", "amberflo_meter": record}))


def colours() -> Log:
    logging.basicConfig()
    form = "%(log_color)s%(levelname)-8s%(reset)s %(blue)s%(message)s"
    logging.getLogger().handlers[0].setFormatter(colorlog.ColoredFormatter(form))
    return text


def colours_in_every_field() -> Log:
    coloredlogs.install(level="INFO", stream=sys.stdout, isatty=True)
    return text


def logfmt() -> Log:
    logging.basicConfig(stream=sys.stdout)
    logging.getLogger().handlers[0].setFormatter(
        logfmter.Logfmter(keys=["level"], mapping={"level": "levelname"})
    )
    return text


def logfmt_field() -> Log:
    logfmt()
    return lambda record: log.warning("metered", extra={"amberflo_meter": json.dumps(record)})


run(
    {
        "basic": basic,
        "argument": tag_as_argument,
        "logger": tag_as_logger,
        "logger-level": tag_as_logger_with_level_after,
        "repr": representation,
        "dictionary": dictionary,
        "hand": json_by_hand,
        "colours": colours,
        "coloredlogs": colours_in_every_field,
        "logfmt": logfmt,
        "logfmt-field": logfmt_field,
    }
)
