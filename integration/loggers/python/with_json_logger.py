"""python-json-logger."""

import json
import logging
import sys
from typing import Any

from calls import Log, run
from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("billing")
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
logging.getLogger().handlers[0].setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))


def text() -> Log:
    return lambda record: log.info("amberflo_meter: %s", json.dumps(record))


def field() -> Log:
    return lambda record: log.info("metered", extra={"amberflo_meter": record})


def message() -> Log:
    return lambda record: log.info({"amberflo_meter": record})


def both(record: dict[str, Any]) -> None:
    log.info("amberflo_meter: %s", json.dumps(record), extra={"amberflo_meter": record})


run({"text": text, "field": field, "message": message, "both": lambda: both})
