"""No number from outside ends a process: the least, the greatest and the absurd, wherever one is read.

The operations and their members come from `openapi.yaml`, the console's pages and forms from the pages, and
the options of the commands from their help, so that new ones are in here by themselves.
"""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests
import yaml

from components.logs import run
from components.platform import ADMIN_KEY, Platform, recent
from components.processes import clean_environment

# As JSON and as text; the last ones are no JSON numbers at all.
ABSURD = [
    *(
        "0",
        "-1",
        "2147483648",
        "9007199254740993",
        "253402300799999",
        "253402300800000",
        "9223372036854775807",
    ),
    *("-9223372036854775808", "18446744073709551616", "1e308", "1" * 400, "1.5", "null", '""', '"x"', "NaN"),
]
TEXTS = [text.strip('"') for text in ABSURD]
GREATEST = 2**63 - 1
HOLE = "the-place-of-a-number"
# They never end.
STREAMS = ("/events/stream",)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a document that has no members."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if not members:
        yield path
        return
    for key, member in members:
        yield from places(member, (*path, key))


def variants(document: Any) -> Iterator[str]:
    """A document with each of its values replaced by each absurd one."""
    for path in places(document):
        changed = deepcopy({"root": document})
        parent: Any = changed
        for key in ("root", *path)[:-1]:
            parent = parent[key]
        parent[("root", *path)[-1]] = HOLE
        text = json.dumps(changed["root"])
        for value in ABSURD:
            yield text.replace(f'"{HOLE}"', value)


class Description:
    """`openapi.yaml`, and a value for each of its schemas."""

    def __init__(self, text: str):
        self.document = yaml.safe_load(text)

    def whole(self, node: Any) -> Any:
        while "$ref" in node:
            target = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            node = target
        return node

    def sample(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        schema = self.whole(schema)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return self.sample(schema[word][0], name, depth)
        if "allOf" in schema:
            parts = [self.sample(part, name, depth) for part in schema["allOf"]]
            objects = [part for part in parts if isinstance(part, dict)]
            return {k: v for part in objects for k, v in part.items()} if objects else parts[0]
        if "example" in schema:
            return schema["example"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if kind == "object":
            members = schema.get("properties", {}) if depth < 6 else {}
            return {key: self.sample(member, key, depth + 1) for key, member in members.items()}
        if kind == "array":
            return [self.sample(schema.get("items", {}), name, depth + 1)]
        if kind == "boolean":
            return True
        if kind in ("integer", "number"):
            milliseconds = recent(1)
            wanted = milliseconds if "Millis" in name else milliseconds // 1000 if "Seconds" in name else 1
            later = 3600 if name == "endTimeInSeconds" else 0
            return max(schema.get("minimum", wanted), wanted) + later
        return {"meterApiName": "M", "groupBy": "d"}.get(name, "1")

    def operations(self) -> Iterator[tuple[str, str, list[Any], Any]]:
        """Method, path, parameters, and a body or nothing."""
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                if method not in ("get", "put", "post", "delete", "patch"):
                    continue
                parameters = operations.get("parameters", []) + operation.get("parameters", [])
                body = self.whole(operation.get("requestBody", {})).get("content", {}).get("application/json")
                yield (
                    method.upper(),
                    path,
                    [self.whole(one) for one in parameters],
                    self.sample(body["schema"]) if body else None,
                )


def check(answer: requests.Response) -> None:
    request = answer.request
    assert answer.status_code < 500, (
        answer.status_code,
        request.method,
        request.url,
        request.body,
        answer.text[:500],
    )


def fill(platform: Platform) -> None:
    platform.define("M", dimensions=["d"])
    platform.define("T", meterType="event_duration", timeoutInMinutes=60)
    time = recent(1)
    source = {"logGroup": "/a", "logStream": "s", "eventId": "1", "timestamp": time, "ordinal": 0}
    record = {"meterApiName": "M", "customerId": "c", "meterValue": 1, "meterTimeInMillis": time}
    platform.send(
        [record | {"dimensions": {"d": str(n)}, "uniqueId": str(n), "source": source} for n in range(3)]
    )
    # The last moment that a record may have, the largest value, and sources that say anything of their times.
    huge = record | {"meterValue": 10**36 - 1, "meterTimeInMillis": 253402300799999}
    sources = [
        source | {"timestamp": time, "ordinal": time} for time in (GREATEST, -GREATEST - 1, 253402300799999)
    ]
    platform.send([huge | {"uniqueId": f"huge {n}", "source": one} for n, one in enumerate(sources)])
    series = record | {"meterApiName": "T", "uniqueId": "T"}
    platform.send([series, series | {"uniqueId": "end", "meterTimeInMillis": 253402300799999}])
    platform.ingest(b"no record")


def test_a_place_that_no_answer_gave(platform: Platform) -> None:
    fill(platform)
    for token in (f"{GREATEST}.1.0", f"{-GREATEST - 1}.1.0", f"1.{GREATEST}.0", f"1.1.{GREATEST}"):
        for order in ("true", "false"):
            query = {"meterApiName": "M", "nextPageToken": token, "isAscending": order}
            check(platform.request("GET", "/usage/events", params=query))
    assert platform.get("/usage/events", meterApiName="M")["rows"]


@pytest.mark.timeout(300)
def test_every_place_of_every_operation(platform: Platform) -> None:
    fill(platform)
    description = Description(platform.request("GET", "/openapi.yaml").text)
    tried = 0
    for method, path, parameters, body in description.operations():
        sample = json.dumps(body) if body is not None else None
        needed = [one for one in parameters if one["in"] == "query" and one.get("required")]
        usual = {one["name"]: description.sample(one["schema"], one["name"]) for one in needed}
        if path.startswith("/usage"):
            # What is varied below is an answer, so that more is read than the first thing that is wrong.
            answer = platform.request(method, path, params=usual, data=sample)
            assert answer.status_code == 200, (path, sample, answer.text)
        for one in parameters:
            for value in [*TEXTS, f"{GREATEST}.1.0", f"{GREATEST}.{GREATEST}"]:
                query = dict(usual)
                target = re.sub(r"\{\w+\}", "1", path)
                if one["in"] == "path":
                    target = path.replace(f"{{{one['name']}}}", quote(value, safe=""))
                else:
                    query[one["name"]] = value
                streams = path in STREAMS
                with platform.request(method, target, params=query, data=sample, stream=streams) as answer:
                    check(answer) if not streams else None
                tried += 1
        for text in variants(body) if body is not None else ():
            target = re.sub(r"\{\w+\}", "1", path)
            check(platform.request(method, target, params=usual, data=text.encode()))
            tried += 1
    assert tried > 2000
    # What was taken in must also be read again.
    for path in ("/events", "/rejects", "/audits", "/diagnoses", "/keys", "/meters", "/metrics", "/changes"):
        check(platform.request("GET", path, params={"limit": 1000} if path == "/events" else None))
    everything = {"startTimeInSeconds": "0", "timeGroupingInterval": "MONTH"}
    check(platform.request("GET", "/usage/all", params=everything))
    platform.pipeline()


class Page(HTMLParser):
    """The links and forms of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and values.get("href", "").startswith("/console/"):
            self.links.append(values["href"])
        elif tag == "form":
            self.forms.append((values.get("method", "get").upper(), values.get("action", ""), {}))
        elif tag in ("input", "select", "textarea") and self.forms and "name" in values:
            self.forms[-1][2][values["name"]] = values.get("value", "")


@pytest.mark.timeout(300)
def test_every_page_and_form_of_the_console(platform: Platform) -> None:
    fill(platform)
    session = requests.Session()
    session.headers["Origin"] = platform.url
    session.post(f"{platform.url}/console/sign-in", data={"key": ADMIN_KEY}, timeout=20)
    values = [*TEXTS, "1970-01-01", "0000-01-01", "9999-12-31", f"{GREATEST}.1", f"{-GREATEST - 1}.1"]
    week = {"meter": "M", "from": "1970-01-01", "to": "1970-01-02", "interval": "week", "compare": "1"}
    found = ["/console/overview", f"/console/usage?{'&'.join(f'{k}={v}' for k, v in week.items())}"]
    found += ["/console/usage/figure?meter=M&from=2026-01-01&to=2026-01-02&after=1.1"]
    known: set[Any] = set()
    tried = 0

    def ask(method: str, path: str, fields: dict[str, str]) -> requests.Response:
        nonlocal tried
        tried += 1
        more = {"params": fields} if method == "GET" else {"data": fields}
        answer = session.request(method, platform.url + path, timeout=30, allow_redirects=False, **more)
        check(answer)
        return answer

    while found:
        parts = urlsplit(found.pop())
        fields = dict(parse_qsl(parts.query, keep_blank_values=True))
        kind = ("GET", re.sub(r"\d+", "1", parts.path), *sorted(fields))
        if kind in known or "sign-out" in parts.path:
            continue
        known.add(kind)
        page = Page(ask("GET", parts.path, fields).text)
        found += page.links
        if re.search(r"/\d+", parts.path):
            for value in TEXTS:
                ask("GET", re.sub(r"/\d+", f"/{quote(value, safe='')}", parts.path, count=1), fields)
        forms = [("GET", parts.path, fields), *page.forms]
        for method, action, members in forms:
            path = action or parts.path
            kind = ("form", method, re.sub(r"\d+", "1", path), *sorted(members))
            if kind in known or re.search("sign-out|revoke|delete|sign-in|stream", path):
                continue
            known.add(kind)
            for name in members:
                for value in values:
                    ask(method, path, members | {name: value})
    assert tried > 500
    check(platform.request("GET", "/health"))


def kinesis_events(envelope: str) -> Iterator[str]:
    """What Lambda hands on of a record of a stream, with each of its members replaced."""
    data = base64.b64encode(gzip.compress(envelope.encode())).decode()
    arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/logs"
    member = {
        "data": data,
        "partitionKey": "1",
        "sequenceNumber": "1",
        "approximateArrivalTimestamp": recent(1) / 1000,
    }
    more = {"eventSource": "aws:kinesis", "eventID": "shard:1", "eventSourceARN": arn}
    yield from variants({"Records": [{"kinesis": member, **more}]})


def reject(**more: Any) -> dict[str, Any]:
    """A reject that is a record by now."""
    record = {"meterApiName": "M", "customerId": "c", "meterValue": 1, "meterTimeInMillis": recent(1)}
    source = {"account": "1", "logGroup": "/a", "logStream": "s", "eventId": "1", "timestamp": recent(1)}
    return {
        "reason": "missingCustomer",
        "detail": "",
        "tag": "amberflo_meter",
        "ordinal": 0,
        "source": source,
        "timestamp": recent(1),
        "message": f"amberflo_meter {json.dumps(record)}",
    } | more


def test_every_number_of_what_waits_in_a_bucket(cli: Path, tmp_path: Path) -> None:
    waits = tmp_path / "waits" / "rejects" / "2026-01-01"
    waits.mkdir(parents=True)
    texts = [
        reject(timestamp=time) | {"source": reject()["source"] | {"timestamp": time}}
        for time in (GREATEST, -1)
    ]
    lines = [*map(json.dumps, texts), *variants(reject())]
    for number, line in enumerate(lines):
        (waits / f"{number}.ndjson.gz").write_bytes(gzip.compress(line.encode() + b"\n"))
    for number, text in enumerate(kinesis_events("{}")):
        (tmp_path / "waits" / f"event-{number}.json").write_text(text)
    url = f"file://{tmp_path / 'waits'}"
    settings = clean_environment()
    plan = run(
        cli, tmp_path, settings, "redrive", url, "--sink", f"file://{tmp_path / 'sink'}", "--yes", "--json"
    )
    assert 0 <= plan.status < 128 and plan.json["plan"], plan


def test_every_number_of_an_object_in_the_bucket(cli: Path, tmp_path: Path) -> None:
    record = json.loads(reject()["message"].removeprefix("amberflo_meter "))
    lines = [*variants(record | {"source": reject()["source"] | {"ordinal": 0, "timeDerived": True}})]
    lines += [*variants(reject())]
    folder = tmp_path / "bucket" / "ingest" / "records" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "lines.ndjson").write_text("\n".join(lines) + "\n")
    columns = [*record]
    rows = [
        ",".join(value if name == column else str(record[name]) for name in columns)
        for column in columns
        for value in TEXTS
    ]
    (folder / "rows.csv").write_text("\n".join([",".join(columns), *rows]) + "\n")
    with Platform(cli, tmp_path, "--bucket", f"file://{tmp_path / 'bucket'}") as platform:
        platform.define("M")
        platform.wait_until_ready()
        assert platform.pipeline()["received"] > len(lines)
        assert [*platform.events()]
        everything = {"startTimeInSeconds": "0", "timeGroupingInterval": "MONTH"}
        check(platform.request("GET", "/usage/all", params=everything))


def test_every_number_of_a_log_event(cli: Path, tmp_path: Path) -> None:
    record = json.loads(reject()["message"].removeprefix("amberflo_meter "))
    event = {"id": "1", "timestamp": recent(1), "message": "HERE"}
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "/a",
        "logStream": "s",
        "subscriptionFilters": ["f"],
        "logEvents": [event],
    }
    lines = [f"amberflo_meter {text}" for text in variants(record | {"values": {"a": 1}})]
    # Gaps as wide as numbers can be, of two producers.
    for source in "pq":
        counted = variants(record | {"sequence": {"source": source, "number": 1}})
        lines += [f"amberflo_meter {text}" for text in counted]
    messages = [f"{text} amberflo_meter {json.dumps(record)}" for text in TEXTS]
    texts = [
        text.replace("HERE", f"amberflo_meter {json.dumps(record)}".replace('"', '\\"'))
        for text in variants(envelope)
    ]
    events = [*kinesis_events(json.dumps(envelope))]
    for number, text in enumerate(events):
        (tmp_path / f"event-{number}").write_text(text)
    done = run(cli, tmp_path, clean_environment(), "extract", *(f"event-{n}" for n in range(len(events))))
    assert 0 <= done.status < 128, done
    for name, content in (("lines", [*lines, *messages]), ("envelopes", texts)):
        path = tmp_path / name
        path.write_text("\n".join(content) + "\n")
        done = run(cli, tmp_path, clean_environment(), "extract", str(path))
        assert 0 <= done.status < 128, done


def options(cli: Path, directory: Path) -> Iterator[tuple[list[str], str]]:
    """Every command and each of its options with a value, as the help names them."""
    waiting: list[list[str]] = [[]]
    while waiting:
        command = waiting.pop()
        text = run(cli, directory, clean_environment(), *command, "--help").output
        subcommands = re.search(r"\nSUBCOMMANDS:\n(.*?)(\n\n|\Z)", text, re.DOTALL)
        if subcommands:
            waiting += [[*command, one] for one in re.findall(r"^  ([a-z-]+)", subcommands[1], re.MULTILINE)]
        for option in sorted(set(re.findall(r"(--[a-z-]+) <", text))):
            yield command, option


@pytest.mark.timeout(300)
def test_every_option_of_every_command(cli: Path, tmp_path: Path, platform: Platform) -> None:
    """With a platform to ask and no AWS; those that never end are left out."""
    fill(platform)
    settings = clean_environment(
        METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY, AWS_EC2_METADATA_DISABLED="true"
    )
    number = re.compile("from|to$|limit|days|port|period|watch|rate$|interval")
    found = [(command, option) for command, option in options(cli, tmp_path) if number.search(option)]
    assert len(found) > 10
    # What a command needs besides, such that it ends.
    sink = f"file://{tmp_path}/sink"
    config = tmp_path / "collect.yaml"
    config.write_text("connections: [{name: a, region: eu-central-1, log-groups: [/a]}]")
    needed = {
        "usage": ["M"],
        "audit": ["--log-group", "/a"],
        "backfill": ["--log-group", "/a", "--sink", sink, "--rejects", f"{tmp_path}/rejects"],
        "collect": ["--state", f"{tmp_path}/state", "--sink", sink, "--config", str(config)],
        "up": ["--data", f"{tmp_path}/up", "--tls-cert", "/missing", "--tls-key", "/missing"],
    }
    times = ("0000-01-01", "0001-01", "9999-12-31", "9999-12", "1000000d", "999999999d" * 200)
    for command, option in found:
        more = needed.get(command[0], []) if command else []
        for value in (*TEXTS[:4], TEXTS[6], TEXTS[7], TEXTS[10], "", *times):
            done = run(cli, tmp_path, settings, *command, *more, f"{option}={value}")
            assert 0 <= done.status < 128, (command, option, value, done)
