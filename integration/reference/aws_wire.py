"""Reads requests of AWS as the service would, and writes its answers, by botocore's models of the services.

botocore has the other halves: it writes requests and reads answers. Here each call is read by its model, so
that `botocore.validate` can check the parameters and `botocore.serialize` must write the same request again;
an answer is made up of every member that the model has, and `botocore.parsers` must read the same again.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import botocore.session
from botocore import parsers, serialize, validate
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, Shape

NOW = datetime(2026, 1, 1, tzinfo=UTC)
#: Which of the protocols that a service has Metertap speaks.
PROTOCOLS = {"monitoring": "json", "sqs": "json"}
#: What S3 calls the root of an answer, which its model does not say.
ROOTS = {"ListObjectsV2": "ListBucketResult"}
NAMES = {
    "secretsmanager": "secretsmanager",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}


@dataclass
class Call:
    """A request as its model reads it."""

    operation: OperationModel
    protocol: str
    parameters: dict[str, Any]
    problems: list[str] = field(default_factory=list)


class Models:
    """The models of the services, by the names in signatures."""

    def __init__(self) -> None:
        self.loader = botocore.session.get_session()
        self.models: dict[str, Any] = {}

    def model(self, service: str) -> Any:
        if service not in self.models:
            self.models[service] = self.loader.get_service_model(NAMES.get(service, service))
        return self.models[service]

    def read(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Call:
        """What a request asks for; `headers` have names in lower case."""
        model = self.model(service)
        protocol = PROTOCOLS.get(service, model.metadata["protocol"])
        if protocol == "json":
            prefix, _, name = headers["x-amz-target"].partition(".")
            operation = model.operation_model(name)
            call = Call(operation, protocol, {})
            if prefix != model.metadata["targetPrefix"]:
                call.problems.append(f"{name}: {prefix} is not {model.metadata['targetPrefix']}")
            expected = f"application/x-amz-json-{model.metadata['jsonVersion']}"
            if headers["content-type"] != expected:
                call.problems.append(f"{name}: {headers['content-type']} is not {expected}")
            call.parameters = members(operation.input_shape, json.loads(body), call.problems, name)
        elif protocol == "query":
            form = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
            operation = model.operation_model(dict(form)["Action"])
            call = Call(operation, protocol, {})
            call.parameters = read_form(operation, dict(form), model.metadata["apiVersion"], call.problems)
        else:
            call = read_rest(model, protocol, method, target, headers, body)
        self.check(call, service, method, target, headers, body)
        return call

    def check(
        self, call: Call, service: str, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> None:
        name, shape = call.operation.name, call.operation.input_shape
        if shape:
            report = validate.ParamValidator().validate(call.parameters, shape)
            if report.has_errors():
                call.problems.append(f"{name}: {report.generate_report()}")
        if call.problems:
            return
        written = serialize.create_serializer(call.protocol, False).serialize_to_request(
            call.parameters, call.operation
        )
        call.problems += differences(name, call.protocol, written, method, target, headers, body)


def differences(
    name: str,
    protocol: str,
    written: dict[str, Any],
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
) -> list[str]:
    """Where a request is not what botocore writes for the same parameters."""
    parts = urlsplit(target)
    theirs = urlsplit(written["url_path"])
    found = []
    if method != written["method"]:
        found.append(f"{name}: {method} is not {written['method']}")
    if unquote(parts.path) != unquote(theirs.path):
        found.append(f"{name}: {parts.path} is not {theirs.path}")
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    asked = parse_qsl(theirs.query, keep_blank_values=True)
    asked += [(key, str(value)) for key, value in (written["query_string"] or {}).items()]
    if query != sorted(asked):
        found.append(f"{name}: the query {query} is not {sorted(asked)}")
    for key, value in written["headers"].items():
        # botocore says with x-amzn-query-mode that it wants the codes of an older protocol.
        if protocol != "query" and key != "x-amzn-query-mode" and headers.get(key.lower()) != str(value):
            found.append(f"{name}: the header {key} is {headers.get(key.lower())}, not {value}")
    theirs_body = written["body"]
    if protocol == "query":
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        same = form == {key: str(value) for key, value in theirs_body.items()}
    elif protocol in ("json", "rest-json") and theirs_body and "payload" not in name:
        same = body == theirs_body or json.loads(body) == json.loads(theirs_body)
    elif protocol == "rest-xml" and isinstance(theirs_body, bytes) and theirs_body.startswith(b"<"):
        same = tree(ElementTree.fromstring(body)) == tree(ElementTree.fromstring(theirs_body))
    else:
        same = body == (theirs_body if isinstance(theirs_body, bytes) else b"")
    if not same:
        found.append(f"{name}: the body {body[:300]!r} is not {theirs_body!r}")
    return found


def tree(element: ElementTree.Element) -> tuple[str, str, list[Any]]:
    """An element with its children in any order within it."""
    return element.tag, (element.text or "").strip(), sorted(map(tree, element))


# Reading


def members(shape: Shape, value: Any, problems: list[str], path: str) -> Any:
    """JSON as parameters: blobs and times are decoded, what the model does not have is a problem."""
    if shape.type_name == "structure":
        known = {
            member.serialization.get("name", name): (name, member) for name, member in shape.members.items()
        }
        result = {}
        for key, inner in value.items():
            if key not in known:
                problems.append(f"{path}: the model has no member {key}")
                continue
            name, member = known[key]
            result[name] = members(member, inner, problems, f"{path}.{key}")
        return result
    if shape.type_name == "list":
        return [members(shape.member, item, problems, f"{path}[]") for item in value]
    if shape.type_name == "map":
        return {key: members(shape.value, item, problems, f"{path}.{key}") for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64decode(value)
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, UTC)
    return value


def scalar(shape: Shape, text: str) -> Any:
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[text]
    if shape.type_name == "timestamp":
        return datetime.fromisoformat(text)
    return text


def read_form(
    operation: OperationModel, form: dict[str, str], version: str, problems: list[str]
) -> dict[str, Any]:
    """Members and lists of scalars, which is all that is sent."""
    if form.pop("Version") != version:
        problems.append(f"{operation.name}: not the version {version}")
    result: dict[str, Any] = {}
    shapes = operation.input_shape.members if operation.input_shape else {}
    for key, text in form.items():
        name, _, rest = key.partition(".")
        if key == "Action":
            continue
        if name not in shapes:
            problems.append(f"{operation.name}: the model has no member {name}")
        elif rest:
            result.setdefault(name, []).append(scalar(shapes[name].member, text))
        else:
            result[name] = scalar(shapes[name], text)
    return result


def pattern(uri: str) -> re.Pattern[str]:
    text = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", re.escape(urlsplit(uri).path))
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", text) + "$")


def find(
    model: Any, method: str, path: str, query: dict[str, str], headers: dict[str, str]
) -> tuple[Any, Any]:
    """The operation of a request line, and the parts of its path."""
    best: tuple[int, Any, Any] | None = None
    for name in model.operation_names:
        operation = model.operation_model(name)
        match = operation.http["method"] == method and pattern(operation.http["requestUri"]).match(path)
        fixed = dict(parse_qsl(urlsplit(operation.http["requestUri"]).query, keep_blank_values=True))
        if not match or any(query.get(key) != value for key, value in fixed.items()):
            continue
        required = [
            operation.input_shape.members[key].serialization for key in operation.input_shape.required_members
        ]
        sent = [
            place.get("name", "").lower() in headers
            if place.get("location") == "header"
            else place["name"] in query
            for place in required
            if place.get("location") in ("header", "querystring")
        ]
        score = 10 * len(fixed) + len(sent)
        if all(sent) and (best is None or score > best[0]):
            best = (score, operation, match)
    assert best, f"no operation for {method} {path} {query}"
    return best[1], best[2]


def read_rest(
    model: Any, protocol: str, method: str, target: str, headers: dict[str, str], body: bytes
) -> Call:
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    operation, match = find(model, method, unquote(parts.path), query, headers)
    shape, name = operation.input_shape, operation.name
    call = Call(operation, protocol, {})
    fixed = dict(parse_qsl(urlsplit(operation.http["requestUri"]).query, keep_blank_values=True))
    places: dict[str, str] = {}
    content: dict[str, Any] = {}
    for member, inner in shape.members.items():
        place = inner.serialization.get("location")
        key = inner.serialization.get("name", member)
        if place == "uri":
            call.parameters[member] = match[key]
        elif place == "querystring" and key in query:
            call.parameters[member] = scalar(inner, query[key])
            places[key] = member
        elif place == "header" and key.lower() in headers:
            call.parameters[member] = scalar(inner, headers[key.lower()])
        elif place == "headers":
            found = {n[len(key) :]: v for n, v in headers.items() if n.startswith(key.lower())}
            if found:
                call.parameters[member] = found
        elif place is None:
            content[key] = (member, inner)
    for key in query:
        if key not in places and key not in fixed:
            call.problems.append(f"{name}: the model has no query parameter {key}")
    payload = shape.serialization.get("payload")
    if payload:
        inner = shape.members[payload]
        if body:
            call.parameters[payload] = (
                body if inner.type_name == "blob" else read_xml(inner, ElementTree.fromstring(body))
            )
    elif body:
        call.parameters |= members(shape, json.loads(body), call.problems, name)
    return call


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def read_xml(shape: Shape, element: ElementTree.Element) -> Any:
    if shape.type_name != "structure":
        return scalar(shape, element.text or "")
    result: dict[str, Any] = {}
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        found = [child for child in element if local(child.tag) == key]
        if not found:
            continue
        if member.type_name == "list":
            result[name] = [read_xml(member.member, child) for child in found]
        else:
            result[name] = read_xml(member, found[0])
    return result


# Answering


def made_up(shape: Shape | None, path: str = "", depth: int = 0) -> Any:
    """A value with every member that the model has; texts tell where they stand."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        if shape.is_document_type or depth > 6:
            return {}
        names = list(shape.members)
        if shape.is_tagged_union:
            names = names[:1]
        return {name: made_up(shape.members[name], f"{path}.{name}".lstrip("."), depth + 1) for name in names}
    if shape.type_name == "list":
        return [made_up(shape.member, f"{path}.{index}", depth + 1) for index in range(2)]
    if shape.type_name == "map":
        return {"key": made_up(shape.value, f"{path}.key", depth + 1)}
    return {
        "string": path,
        "character": "c",
        "blob": b"%s" % path.encode(),
        "timestamp": NOW,
        "boolean": True,
        "integer": 7,
        "long": 1_767_225_600_007,
        "float": 1.5,
        "double": 1.5,
    }[shape.type_name]


def answer(call: Call, result: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Writes a result as the service does."""
    shape = call.operation.output_shape
    status = call.operation.http.get("responseCode", 200)
    if call.protocol == "json":
        return (
            status,
            {"Content-Type": "application/x-amz-json-1.1"},
            json.dumps(to_json(shape, result)).encode(),
        )
    if call.protocol == "query":
        name = call.operation.name
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result") if shape else f"{name}Result"
        inner = to_xml(shape, result, wrapper) if shape else ""
        meta = "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        text = f"<{name}Response>{inner}{meta}</{name}Response>"
        return status, {"Content-Type": "text/xml"}, text.encode()
    headers: dict[str, str] = {}
    content = {}
    for name, member in shape.members.items() if shape else ():
        place = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if name not in result:
            continue
        if place == "header":
            headers[key] = header(member, result[name])
        elif place == "headers":
            headers |= {f"{key}{inner}": value for inner, value in result[name].items()}
        elif place == "statusCode":
            status = result[name]
        elif place is None:
            content[name] = result[name]
    payload = shape.serialization.get("payload") if shape else None
    if payload and payload in content:
        inner, value = shape.members[payload], content[payload]
        body = (
            value
            if isinstance(value, bytes)
            else to_xml(inner, value, inner.serialization.get("name", payload)).encode()
        )
    elif call.protocol == "rest-json":
        body = (
            json.dumps({k: to_json(shape.members[k], v) for k, v in content.items()}).encode()
            if content
            else b""
        )
    else:
        root = ROOTS.get(call.operation.name, shape.name if shape else "")
        body = to_xml(shape, content, root).encode() if content else b""
    return status, headers, body


def header(shape: Shape, value: Any) -> str:
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return value.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return str(value)


def to_json(shape: Shape | None, value: Any) -> Any:
    if shape is None:
        return value
    if shape.type_name == "structure":
        return {
            shape.members[name].serialization.get("name", name): to_json(shape.members[name], inner)
            for name, inner in value.items()
        }
    if shape.type_name == "list":
        return [to_json(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: to_json(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    if shape.type_name == "timestamp":
        return value.timestamp()
    return value


def to_xml(shape: Shape, value: Any, name: str) -> str:
    if shape.type_name == "structure":
        inner = "".join(
            to_xml(shape.members[key], item, shape.members[key].serialization.get("name", key))
            for key, item in value.items()
        )
        return f"<{name}>{inner}</{name}>"
    if shape.type_name == "list":
        item_name = shape.member.serialization.get("name", "member")
        if shape.serialization.get("flattened"):
            return "".join(
                to_xml(shape.member, item, shape.member.serialization.get("name", name)) for item in value
            )
        return f"<{name}>{''.join(to_xml(shape.member, item, item_name) for item in value)}</{name}>"
    if shape.type_name == "map":
        entries = "".join(
            f"<entry><key>{k}</key>{to_xml(shape.value, v, 'value')}</entry>" for k, v in value.items()
        )
        return f"<{name}>{entries}</{name}>"
    if shape.type_name == "timestamp":
        return f"<{name}>{value.strftime('%Y-%m-%dT%H:%M:%SZ')}</{name}>"
    text = header(shape, base64.b64encode(value).decode() if isinstance(value, bytes) else value)
    return f"<{name}>{escape(text)}</{name}>"


def read_again(call: Call, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """What botocore reads in an answer."""
    parser = parsers.create_parser(call.protocol)
    response = {"status_code": status, "headers": HeadersDict(headers), "body": body}
    result = parser.parse(response, call.operation.output_shape)
    result.pop("ResponseMetadata", None)
    return result
