"""Python's logging and print as AWS's own runtime sets them up within Lambda."""

import json
import logging
from typing import Any

import awslambdaric.bootstrap as runtime
from awslambdaric.lambda_runtime_log_utils import LogFormat
from calls import Log, run

logger = logging.getLogger()


def text(record: dict[str, Any]) -> None:
    logger.info("amberflo_meter: %s", json.dumps(record))


def field(record: dict[str, Any]) -> None:
    logger.info("metered", extra={"amberflo_meter": record})


def message(record: dict[str, Any]) -> None:
    logger.info({"amberflo_meter": record})


def printed() -> Log:
    return lambda record: print("amberflo_meter:", json.dumps(record))


def within(form: LogFormat, log: Log) -> Log:
    runtime._GLOBAL_AWS_REQUEST_ID = "8286a188-ba32-4475-8077-530cd35c09a9"
    runtime._setup_logging(form, "INFO", runtime.StandardLogSink())
    return log


run(
    {
        "print": printed,
        "text": lambda: within(LogFormat.TEXT, text),
        "json": lambda: within(LogFormat.JSON, text),
        "json-field": lambda: within(LogFormat.JSON, field),
        "json-message": lambda: within(LogFormat.JSON, message),
        "text-message": lambda: within(LogFormat.TEXT, message),
    }
)
