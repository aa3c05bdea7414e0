"""What `metertap extract` does with input that is no text, compressed twice, or printed by the AWS CLI."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import random
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

RECORD = '{"customerId":"acme","meterApiName":"ApiCalls","meterValue":1}'
LINES = f"2026-01-02T10:00:00Z amberflo_meter: {RECORD}\n".encode() * 3
EVENT = {"id": "1" * 56, "timestamp": 1_767_348_000_000, "message": f"amberflo_meter: {RECORD}"}
ENVELOPE = {
    "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/app/api", "logStream": "s",
    "subscriptionFilters": ["f"], "logEvents": [EVENT],
}  # fmt: skip


def extract(cli: Path, directory: Path, data: bytes, *flags: str) -> tuple[int, list[dict], list[dict]]:
    rejects = directory / "rejects.ndjson"
    rejects.unlink(missing_ok=True)
    command = [
        str(cli),
        "extract",
        "--provenance",
        "--rejects",
        str(rejects),
        "--summary",
        str(directory / "s"),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METERTAP_")}
    done = subprocess.run(
        [*command, *flags], input=data, capture_output=True, env=environment, check=False, timeout=60
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, records, [json.loads(line) for line in rejects.read_bytes().splitlines()]


def zipped(data: bytes) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("app.log", data)
    return output.getvalue()


BINARY = random.Random(1).randbytes(20_000)
UNREADABLE = {
    "zip": (zipped(LINES), "a zip archive"),
    "bzip2": (bz2.compress(LINES), "bzip2"),
    "xz": (lzma.compress(LINES), "xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + BINARY, "zstd"),
    "zlib": (zlib.compress(LINES), "zlib"),
    "lz4": (b"\x04\x22\x4d\x18" + BINARY, "lz4"),
    "UTF-16 with a mark": (LINES.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (LINES.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16, big end first": (LINES.decode().encode("utf-16-be"), "UTF-16"),
    "UTF-32": (LINES.decode().encode("utf-32"), "UTF-32"),
    "Parquet": (b"PAR1" + BINARY, "Parquet"),
    "unknown": (BINARY, "unknown binary form"),
}


@pytest.mark.parametrize(
    "flags", [(), ("--format", "lines"), ("--format", "event")], ids=["auto", "lines", "event"]
)
@pytest.mark.parametrize("kind", UNREADABLE)
def test_input_that_is_no_text_is_told(cli: Path, tmp_path: Path, kind: str, flags: tuple[str, ...]) -> None:
    data, name = UNREADABLE[kind]
    for written in (data, gzip.compress(data)):
        status, records, [reject] = extract(cli, tmp_path, written, *flags)
        assert (status, records, reject["reason"]) == (65, [], "undecodable")
        assert name in reject["detail"]
        assert base64.b64decode(reject["data"]) == data[: 64 << 10]


@pytest.mark.parametrize("kind", [kind for kind in UNREADABLE if kind != "unknown"])
def test_an_envelope_that_is_no_text_is_told(cli: Path, tmp_path: Path, kind: str) -> None:
    data, name = UNREADABLE[kind]
    event = {"awslogs": {"data": base64.b64encode(gzip.compress(data)).decode()}}
    status, records, [reject] = extract(cli, tmp_path, json.dumps(event).encode())
    assert (status, records, reject["reason"]) == (65, [], "undecodable")
    assert name in reject["detail"]


def test_text_in_old_encodings_and_in_colours_is_text(cli: Path, tmp_path: Path) -> None:
    for before in (
        "Привет мир ".encode("cp1251") * 20, "日本語のログ".encode("shift-jis") * 20, b"\xff\xfe",
        b"\x1b[32mINFO\x1b[0m " * 20, b"\0\0 ",
    ):  # fmt: skip
        line = b"2026-01-02T10:00:00Z " + before + f" amberflo_meter: {RECORD}\n".encode()
        status, records, rejects = extract(cli, tmp_path, line)
        assert (status, len(records), rejects) == (0, 1, []), before


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_gzip_within_gzip_is_read(cli: Path, tmp_path: Path, times: int) -> None:
    lines, envelope = LINES, json.dumps(ENVELOPE).encode()
    for _ in range(times):
        lines, envelope = gzip.compress(lines), gzip.compress(envelope)
    assert len(extract(cli, tmp_path, lines)[1]) == 3
    assert len(extract(cli, tmp_path, envelope)[1]) == 1
    event = {"awslogs": {"data": base64.b64encode(envelope).decode()}}
    status, records, _ = extract(cli, tmp_path, json.dumps(event).encode())
    assert (status, records[0]["source"]["eventId"]) == (0, EVENT["id"])


def test_gzip_without_end_is_told(cli: Path, tmp_path: Path) -> None:
    data = LINES
    for _ in range(12):
        data = gzip.compress(data)
    status, records, [reject] = extract(cli, tmp_path, data)
    assert (status, records, reject["reason"]) == (65, [], "undecodable")
    event = {"awslogs": {"data": base64.b64encode(data).decode()}}
    status, records, [reject] = extract(cli, tmp_path, json.dumps(event).encode())
    assert (status, records, reject["reason"]) == (65, [], "undecodable")


@pytest.mark.parametrize(
    ("event", "service"),
    [
        (
            {
                "invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:eu-west-1:1:deliverystream/d",
                "region": "eu-west-1",
                "records": [{"recordId": "r", "approximateArrivalTimestamp": 1, "data": "YWJj"}],
            },
            "Firehose",
        ),
        ({"Records": [{"eventSource": "aws:sqs", "body": "x"}]}, "aws:sqs"),
        ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "aws:s3"),
    ],
    ids=["Firehose", "SQS", "S3"],
)  # fmt: skip
def test_an_event_of_another_service_is_told(cli: Path, tmp_path: Path, event: dict, service: str) -> None:
    status, records, [reject] = extract(cli, tmp_path, json.dumps(event).encode())
    assert (status, records, reject["reason"]) == (65, [], "undecodable")
    assert service in reject["detail"]


PRINTED = {
    "events": [
        {
            "logStreamName": "s", "timestamp": EVENT["timestamp"], "message": EVENT["message"],
            "ingestionTime": EVENT["timestamp"] + 1, "eventId": EVENT["id"],
        }
    ],
    "searchedLogStreams": [],
}  # fmt: skip


@pytest.mark.parametrize("indent", [None, 4])
def test_what_the_aws_cli_prints_has_the_identities_of_the_agent(
    cli: Path, tmp_path: Path, indent: int
) -> None:
    [expected] = extract(cli, tmp_path, json.dumps(ENVELOPE).encode())[1]
    printed = json.dumps(PRINTED, indent=indent).encode()
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/app/api:*"
    status, records, rejects = extract(cli, tmp_path, printed, "--source", arn)
    assert (status, records, rejects) == (0, [expected], [])
    status, [record], _ = extract(cli, tmp_path, printed, "--source", "/app/api")
    assert (status, record["meterTimeInMillis"]) == (0, EVENT["timestamp"])
    assert record["source"] == expected["source"] | {"account": ""}


def test_an_envelope_may_be_written_in_any_way(cli: Path, tmp_path: Path) -> None:
    """White space, members in any order and unknown ones, among them copies of the message."""
    [expected] = extract(cli, tmp_path, json.dumps(ENVELOPE).encode())[1]
    unknown = {"extractedFields": {"tag": "amberflo_meter:", "record": RECORD, "n": [1, {}]}, "entity": None}
    for event in (
        dict(reversed(EVENT.items())), EVENT | unknown, unknown | EVENT,
        {"message": EVENT["message"], **unknown, "id": EVENT["id"], "timestamp": EVENT["timestamp"], "x": 1},
    ):  # fmt: skip
        for indent in (None, 1):
            for separators in ((",", ":"), (" , ", " : "), None):
                envelope = ENVELOPE | {"logEvents": [event, event | {"message": "nothing"}, event]}
                data = json.dumps(envelope, indent=indent, separators=separators).encode()
                status, records, rejects = extract(cli, tmp_path, data)
                assert (status, records, rejects) == (0, [expected, expected], []), data
