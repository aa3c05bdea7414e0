"""The part that all programs here share: log each record, and end each log event with a record separator."""

import json
import sys
from collections.abc import Callable
from typing import Any

Log = Callable[[dict[str, Any]], object]


def run(configurations: dict[str, Callable[[], Log]]) -> None:
    """Sets up the named configuration and logs every record of the file with it."""
    name, records = sys.argv[1:]
    log = configurations[name]()
    with open(records, encoding="utf-8") as file:
        for line in file:
            log(json.loads(line))
            sys.stdout.write("\x1e\n")
            sys.stdout.flush()
