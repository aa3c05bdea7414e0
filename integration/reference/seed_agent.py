"""A port of the logic of the vendor's seed agents, with their mistakes and no others.

The mistakes are numbered as in section 7 of the contract `log-line.md`. Nothing but the tests of these
mistakes uses it: each shows the mistake here and then that our executables do not make it.
"""

import base64
import gzip
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

# Mistakes 1 and 8: the colon must follow at once, and only unescaped quotes are known.
PATTERN = re.compile(r'amberflo_meter:\s*(\{\s*".*?\})(?:\s|$)')


class SeedAgent:
    """`put` takes a name and the bytes of an object and raises when it cannot store them."""

    def __init__(self, put: Callable[[str, bytes], None]) -> None:
        self.put = put

    def handle(self, event: dict[str, Any]) -> str:
        records = []
        text = None
        for item in event["Records"]:
            # Mistake 2: an envelope that is none, or a line that is no JSON, ends the whole batch.
            envelope = json.loads(gzip.decompress(base64.b64decode(item["kinesis"]["data"])))
            for log_event in envelope["logEvents"]:
                if "amberflo_meter" not in log_event["message"]:
                    continue
                # Mistake 3: `search` finds the first tag of a line and no other.
                match = PATTERN.search(log_event["message"])
                if match:
                    text = match.group(1)
                # Mistake 1: without a match, `text` is still the record of an earlier line.
                if text is not None:
                    records.append(self.record(json.loads(text)))
        # Mistake 7: an empty batch is written like any other.
        body = "".join(json.dumps(record) + "\n" for record in records).encode()
        # Mistake 5: another name, and another identity of each record, at every retry.
        name = f"ingest/records/{time.strftime('%Y-%m-%d')}/{uuid.uuid4()}.ndjson"
        try:
            self.put(name, body)
        except OSError as problem:
            print("delivery failed", problem)  # Mistake 6: and nobody hears of it.
        return "ok"

    def record(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {
            "uniqueId": fields.get("uniqueId") or str(uuid.uuid4()),
            "meterApiName": fields.get("meterApiName"),
            "meterValue": fields.get("meterValue"),
            # Mistake 4: the time of processing instead of the log event's.
            "meterTimeInMillis": fields.get("meterTimeInMillis") or int(time.time() * 1000),
            "customerId": fields.get("customerId"),
            "dimensions": fields.get("dimensions") or {},
        }
