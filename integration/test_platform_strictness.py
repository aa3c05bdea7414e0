"""What the platform doesn't know it refuses, and what it exports is what was sent."""

import copy
import csv
import io
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import requests

from components.platform import ADMIN_KEY, Platform, recent
from components.processes import clean_environment

START = recent() // 1000
USAGE = {
    "meterApiName": "ApiCalls",
    "aggregation": "SUM",
    "timeGroupingInterval": "DAY",
    "timeRange": {"startTimeInSeconds": START, "endTimeInSeconds": START + 86400},
    "filter": {"customerId": ["acme"]},
    "groupBy": ["customerId"],
    "take": {"limit": 10, "isAscending": False},
}
FOUND = {
    "meterApiName": "ApiCalls",
    "customerId": "acme",
    "meterValue": "1",
    "meterTimeInMillis": recent(),
    "uniqueId": "1",
    "dimensions": [{"name": "region", "value": "eu"}],
    "timeless": False,
}
BODIES = {
    "/usage": USAGE,
    "/usage/batch": [USAGE],
    "/usage/sparse": USAGE,
    "/usage/sparse/batch": [USAGE],
    "/events/find": {"records": [FOUND]},
    "/keys": {"name": "x", "rights": ["read"]},
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "/usage/all": {
        "startTimeInSeconds": START,
        "endTimeInSeconds": START + 86400,
        "timeGroupingInterval": "DAY",
        "groupBy": "customerId",
        "customerId": "acme",
    },
    "/usage/events": {
        "meterApiName": "ApiCalls",
        "customerId": "acme",
        "startTimeInSeconds": START,
        "endTimeInSeconds": START + 86400,
        "isAscending": "true",
        "limit": 10,
        "pageSize": 10,
    },
    "/events": {
        "meterApiName": "ApiCalls",
        "customerId": "acme",
        "source": "/aws/lambda/x",
        "dimension.region": "eu",
        "from": 0,
        "to": recent(0),
        "sourceFrom": 0,
        "sourceTo": recent(0),
        "state": "counted",
        "limit": 10,
        "cursor": 10**6,
        "isAscending": "false",
    },
    "/rejects": {
        "reason": "invalidTime",
        "state": "all",
        "source": "/aws/lambda/x",
        "sourceFrom": 0,
        "sourceTo": recent(0),
        "limit": 10,
        "cursor": 10**6,
    },
    "/meters": {"meterApiName": "ApiCalls"},
    "/customers": {"customerId": "acme"},
    "/changes": {"limit": 10, "cursor": 10**6},
    "/audits": {"limit": 10},
    "/diagnoses": {"limit": 10},
    "/keys": {},
    "/pipeline": {},
}
# The user's own names are inside of these.
FREE = ("filter",)


def objects(value: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """All objects of a document whose members are the API's, each with where it is."""
    if isinstance(value, list):
        return [found for index, one in enumerate(value) for found in objects(one, f"{path}[{index}]")]
    if not isinstance(value, dict):
        return []
    inner = [(name, one) for name, one in value.items() if name not in FREE]
    return [(path, value)] + [
        found for name, one in inner for found in objects(one, f"{path}.{name}" if path else name)
    ]


def refused(answer: requests.Response, *names: str) -> None:
    assert answer.status_code == 400, answer.text
    message = answer.json()["errorMessage"]
    assert all(f'"{name}"' in message for name in names), message


def send(platform: Platform, path: str, body: Any) -> requests.Response:
    return platform.request("POST", path, data=body if isinstance(body, str) else json.dumps(body))


def test_a_member_that_is_not_known_is_refused_at_every_depth(platform: Platform) -> None:
    platform.define("ApiCalls", dimensions=["region"])
    for path, body in BODIES.items():
        assert send(platform, path, body).status_code == 200, path
        for index, (place, members) in enumerate(objects(body)):
            for name in members:
                for misspelt in (name + "s", name.upper(), f"x{name}"):
                    broken = copy.deepcopy(body)
                    objects(broken)[index][1][misspelt] = members[name]
                    where = f"{place}." if place else ""
                    refused(send(platform, path, broken), where + misspelt, where + name)
            # Twice is as bad: only one of them would count.
            name = next(iter(members))
            text = json.dumps(members)
            twice = f'{{"{name}":{json.dumps(members[name])},{text[1:]}'
            answer = send(platform, path, json.dumps(body).replace(text, twice, 1))
            refused(answer, f"{place}.{name}" if place else name)
    # No second way in: what the check can't read isn't decoded either.
    odd = json.dumps(USAGE | {"filters": {}})
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        answer = platform.request("POST", "/usage", data=odd.encode(encoding))
        assert answer.status_code == 400, answer.text
    refused(
        send(platform, "/usage", json.dumps(USAGE).replace('"acme"]', '"acme"],"customerId":[]')),
        "filter.customerId",
    )
    refused(send(platform, "/usage/batch", [USAGE, USAGE | {"filters": {}}]), "[1].filters", "[1].filter")
    refused(send(platform, "/usage", USAGE | {"customerFilter": "acme"}), "customerFilter", "filter")
    assert len(platform.get("/keys")) == 1 + 1, "what was refused made no key"


def test_a_parameter_that_is_not_known_is_refused(platform: Platform) -> None:
    platform.define("ApiCalls")
    platform.send([{**FOUND, "meterValue": 1, "dimensions": {"region": "eu"}}])
    for path, parameters in PARAMETERS.items():
        assert platform.request("GET", path, params=parameters).status_code == 200, path
        for name in parameters:
            misspelt = name.replace("dimension.", "dimensions.") if "." in name else name + "s"
            expected = (misspelt, "dimension." if "." in name else name)
            refused(platform.request("GET", path, params={**parameters, misspelt: "1"}), *expected)
            twice = [*parameters.items(), (name, parameters[name])]
            refused(platform.request("GET", path, params=twice), name)
        refused(platform.request("GET", path, params={**parameters, "colour": "red"}), "colour")
    refused(platform.request("POST", "/usage?customerId=acme", data=json.dumps(USAGE)), "customerId")
    # Those that look at the platform from outside may add what they like.
    for path in ("/health", "/ready", "/metrics", "/openapi.yaml"):
        assert platform.request("GET", path, params={"t": "1"}).ok


def test_what_carries_along_is_taken(platform: Platform) -> None:
    """Records keep their ignored keys; meters and customers may have more than is known here."""
    meter = platform.post(
        "/meters", {**platform.define("ApiCalls"), "meterApiName": "B", "label": "B", "team": "x"}
    )
    assert platform.put("/meters", {**meter, "team": {"a": [1]}})["meterApiName"] == "B"
    customer = {"customerId": "acme", "customerName": "Acme", "test": True, "traits": {"any": "name"}}
    assert platform.post("/customers?autoCreateCustomerInStripe=true", customer)["traits"] == {"any": "name"}
    answer = platform.request(
        "POST", "/ingest?source=x", json=[{**FOUND, "meterValue": 1, "dimensions": {}, "odd": 1}]
    )
    assert answer.text == "1 records were ingested"
    assert {"key": "odd", "records": 1} in platform.get("/pipeline")["ignoredKeys"]
    reject = platform.request("POST", "/ingest", json=[{"meterApiName": "ApiCalls"}])
    assert reject.headers["X-Rejected-Records"] == "1"
    found = platform.get("/rejects")["rejects"][0]["id"]
    line = json.dumps({**FOUND, "meterValue": 2, "dimensions": {}})
    refused(send(platform, f"/rejects/{found}/retry", {"lines": line}), "lines", "line")
    assert platform.post(f"/rejects/{found}/retry", {"line": line}) == {"records": 1}


NAMES = [
    "Acme\r\n=HYPERLINK(1)",
    "\r\n",
    "+49 30 1234",
    "'+49 30 1234",
    "49 30 1234",
    "''",
    "'",
    '"\u0301quoted"',
    'a"b,c',
    ",\u0301",
    "\n\u0301x",
    "=1+1",
    "-1+1",
    "-5",
    "@SUM(A1)",
    "\t=1",
    " leading and trailing ",
    "\uff1d1",
    "e\u0301",
    "\u00e9",
    "\x00\x1f",
    "\u2028",
    "\ufeffx",
]
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))


def check_names(given: list[str], sent: list[str], spreadsheet: bool) -> None:
    if spreadsheet:
        assert not any(name.startswith(FORMULA) for name in given)
        given = [name.removeprefix("'") for name in given]
    assert sorted(given) == sorted(sent)


def usage(cli: Path, platform: Platform, *arguments: str) -> bytes:
    environment = clean_environment(METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    done = subprocess.run(
        [cli, "usage", *arguments], env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_csv_gives_back_what_was_sent(platform: Platform, cli: Path) -> None:
    platform.define("ApiCalls", label="=label", dimensions=["region"])
    for name in NAMES:
        platform.post("/customers", {"customerId": name, "customerName": f"{name} "})
    values = {name: index + 1 for index, name in enumerate(NAMES)}
    platform.send(
        [
            {
                "meterApiName": "ApiCalls",
                "customerId": name,
                "meterValue": value,
                "meterTimeInMillis": recent(1),
            }
            | {"uniqueId": name, "dimensions": {"region": name}}
            for name, value in values.items()
        ]
    )
    page = requests.Session()
    page.headers["Sec-Fetch-Site"] = "same-origin"
    assert page.post(f"{platform.url}/console/sign-in", data={"key": ADMIN_KEY}, timeout=10).ok
    day = time.strftime("%Y-%m-%d", time.gmtime(recent(1) / 1000))
    for spreadsheet in (False, True):
        for key in ("customerId", "region"):
            more = {"for": "spreadsheet"} if spreadsheet else {}
            answer = page.get(
                f"{platform.url}/console/usage/export",
                params={"meter": "ApiCalls", "by": key, "from": day, **more},
                timeout=10,
            )
            assert answer.headers["Content-Type"].startswith("text/csv"), answer.text
            header, *lines = rows(answer.content)
            assert header == ["bucket", "meterApiName", key, "value"]
            totals = {line[2]: 0 for line in lines}
            for line in lines:
                totals[line[2]] += int(line[3])
            check_names(list(totals), NAMES, spreadsheet)
            if not spreadsheet:
                assert totals == values
        flags = ["--spreadsheet"] if spreadsheet else []
        printed = usage(cli, platform, "--csv", "--period", day[:7], *flags)
        header, *lines = rows(printed)
        assert header == ["period", "customerId", "customerName", "meterApiName", "label", "value"]
        check_names([line[1] for line in lines], NAMES, spreadsheet)
        check_names([line[2] for line in lines], [f"{name} " for name in NAMES], spreadsheet)
        printed = usage(cli, platform, "ApiCalls", "--csv", "--by", "region", *flags)
        check_names(list({line[1] for line in rows(printed)[1:]}), NAMES, spreadsheet)
