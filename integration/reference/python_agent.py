"""A Python agent as a vendor's is described to be, with the network taken out: what ours is measured beside.

`python_agent.py FILE [TARGET]` reads Lambda events, one a line, and makes requests of 100 records each. With
TARGET they are compressed and stored there, one file for each event; without it they are written to stdout.
It uses the standard library as anyone would (json, gzip, base64, re) and does no more checks than the
vendor's: it is an opponent, not an oracle.
"""

import base64
import gzip
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any

TAG = "amberflo_meter"
PATTERN = re.compile(TAG + r":\s*(\{.*\})")
BATCH = 100


def record(fields: dict[str, Any], timestamp: int) -> dict[str, Any]:
    return {
        "uniqueId": fields.get("uniqueId") or str(uuid.uuid4()),
        "meterApiName": fields.get("meterApiName"),
        "meterValue": fields.get("meterValue"),
        "meterTimeInMillis": fields.get("meterTimeInMillis") or timestamp or int(time.time() * 1000),
        "customerId": fields.get("customerId"),
        "dimensions": fields.get("dimensions") or {},
    }


def records(event: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for item in event["Records"]:
        envelope = json.loads(gzip.decompress(base64.b64decode(item["kinesis"]["data"])))
        for log_event in envelope["logEvents"]:
            message = log_event["message"]
            if TAG not in message:
                continue
            if message.startswith("{"):
                fields = json.loads(message).get(TAG)
            else:
                match = PATTERN.search(message)
                fields = json.loads(match.group(1)) if match else None
            if fields:
                found.append(record(fields, log_event["timestamp"]))
    return found


def handle(text: bytes) -> bytes:
    found = records(json.loads(text))
    batches = (found[start : start + BATCH] for start in range(0, len(found), BATCH))
    return b"".join("".join(json.dumps(item) + "\n" for item in batch).encode() for batch in batches)


def main() -> None:
    with open(sys.argv[1], "rb") as events:
        for number, line in enumerate(events):
            body = handle(line)
            if len(sys.argv) > 2:
                Path(sys.argv[2], f"{number}.ndjson.gz").write_bytes(gzip.compress(body, 6))
            else:
                sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
