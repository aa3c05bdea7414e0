"""Logbook."""

import json
import sys

import colorama
import logbook
from calls import Log, run
from logbook.more import ColorizedStderrHandler

log = logbook.Logger("billing")


def coloured() -> logbook.Handler:
    handler = ColorizedStderrHandler()
    handler.force_color()
    colorama.deinit()  # which the handler loads when it happens to be there, and which takes colours off
    return handler


def text(handler: logbook.Handler) -> Log:
    handler.push_application()
    return lambda record: log.warning("amberflo_meter: {}", json.dumps(record))


run({"plain": lambda: text(logbook.StreamHandler(sys.stdout)), "colours": lambda: text(coloured())})
