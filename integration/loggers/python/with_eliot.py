"""eliot, which writes JSON and knows no message but its fields."""

import json
import sys

from calls import Log, run
from eliot import log_message, to_file

to_file(sys.stdout)


def field() -> Log:
    return lambda record: log_message(message_type="metered", amberflo_meter=record)


def text() -> Log:
    return lambda record: log_message(message_type="log", message=f"amberflo_meter: {json.dumps(record)}")


run({"field": field, "text": text})
