"""A platform that pulls from accounts itself."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from components.emulators import REGION
from components.late_logs import Account, LateLogs
from components.platform import Platform


@contextmanager
def connected(cli: Path, directory: Path) -> Iterator[tuple[Platform, LateLogs]]:
    """A platform that pulls from three accounts itself, of which one lets it do nothing."""
    accounts = [Account(number * 12, external_id="ours") for number in "123"]
    logs = LateLogs(accounts, random.Random(1), 0)
    logs.is_live = True
    accounts[2].fault = partial(str, "AccessDeniedException")
    connections = []
    for name, account in zip(("shop", "web <b>shop</b>", "closed"), accounts, strict=True):
        account.groups["/app/shop"] = []
        members = {"name": name, "role-arn": account.role, "external-id": "ours", "log-groups": ["/app/*"]}
        connections.append(members | {"start": "1h"})
    for number in range(40):
        record = {"customerId": "acme", "meterApiName": "ApiCalls", "meterValue": number}
        line = f"INFO amberflo_meter: {json.dumps(record)}"
        logs.add(accounts[number % 2], "/app/shop", int(time.time() * 1000) - 60_000 * number, line)
    (directory / "metertap.yaml").write_text(json.dumps({"interval": "1s", "connections": connections}))
    own = {"AWS_ACCESS_KEY_ID": "own", "AWS_SECRET_ACCESS_KEY": "own", "AWS_REGION": REGION}
    try:
        with Platform(cli, directory, AWS_ENDPOINT_URL=logs.url, **own) as platform:
            yield platform, logs
    finally:
        logs.close()
