"""OpenTelemetry's SDK, to the console: JSON over many lines."""

import json
import logging
import warnings

from calls import Log, run
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, SimpleLogRecordProcessor

warnings.simplefilter("ignore")
provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogRecordExporter()))
otel = provider.get_logger("billing")
log = logging.getLogger("billing")


def bridge() -> None:
    log.setLevel(logging.INFO)
    log.addHandler(LoggingHandler(logger_provider=provider))


def text() -> Log:
    bridge()
    return lambda record: log.info("amberflo_meter: %s", json.dumps(record))


def attribute() -> Log:
    bridge()
    return lambda record: log.info("metered", extra={"amberflo_meter": json.dumps(record)})


def body() -> Log:
    return lambda record: otel.emit(body={"amberflo_meter": record})


run({"text": text, "attribute": attribute, "body": body})
