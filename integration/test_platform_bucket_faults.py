"""Intake from a bucket or a directory when some of its objects can't be read, or are still being written."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from components.emulators import REGION, Moto
from components.platform import Platform, recent, to_json
from test_platform_bucket import make_queue, settings_of, waiting

HEADER = "meterApiName,customerId,meterValue,meterTimeInMillis,uniqueId,note\n"


def line(number: int, value: int = 1) -> dict[str, Any]:
    return {
        "meterApiName": "calls",
        "customerId": "c",
        "meterValue": value,
        "meterTimeInMillis": recent() + number,
        "uniqueId": f"id-{number}",
    }


def row(number: int, value: int, note: str = "") -> str:
    quoted = note.replace('"', '""')
    return f'calls,c,{value},{recent() + number},id-{number},"{quoted}"\n'


def total(platform: Platform) -> int:
    query = {
        "meterApiName": "calls",
        "timeGroupingInterval": "MONTH",
        "timeRange": {"startTimeInSeconds": recent(20) // 1000},
    }
    return int(sum(one["groupValue"] for one in platform.post("/usage", query)["clientMeters"]))


def unopened(platform: Platform) -> dict[str, str]:
    return {one["key"]: one["reason"] for one in platform.pipeline()["unopenedObjects"]}


def age(path: Path) -> None:
    """Makes a file look as if nobody had written to it for two minutes."""
    then = time.time() - 120
    os.utime(path, (then, then))


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    path = tmp_path / "bucket"
    path.mkdir()
    return path


@pytest.fixture
def reader(cli: Path, tmp_path: Path, bucket: Path) -> Iterator[Platform]:
    """A platform that reads the directory."""
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls")
        yield platform


def test_what_is_no_file_holds_up_nothing(cli: Path, tmp_path: Path, bucket: Path) -> None:
    (bucket / "a-link.ndjson").symlink_to("nowhere")
    os.mkfifo(bucket / "b-pipe.ndjson")
    (bucket / "c-device.ndjson").symlink_to("/dev/zero")
    (bucket / "d-folder.ndjson").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        # The path of a socket is short.
        here = os.open(bucket, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/e-socket.ndjson")
        os.close(here)
    (bucket / "z.ndjson").write_bytes(to_json(line(1)))
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls")
        platform.wait_for(lambda: platform.pipeline()["counted"] == 1)
        platform.wait_until_ready()
        found = unopened(platform)
        assert set(found) == {"a-link.ndjson", "b-pipe.ndjson", "c-device.ndjson", "e-socket.ndjson"}
        assert "link" in found["a-link.ndjson"] and "regular file" in found["b-pipe.ndjson"]
        assert len(list(bucket.glob("failed-requests/*/*.reason.txt"))) == 4
        # What becomes readable is read.
        (bucket / "nowhere").write_bytes(to_json(line(2)))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 2)
        platform.wait_for(lambda: "a-link.ndjson" not in unopened(platform))
        ready = platform.request("GET", "/ready")
        assert ready.status_code == 200 and "can't be opened" in ready.text


def test_a_directory_that_is_not_there_is_not_ready(cli: Path, tmp_path: Path) -> None:
    bucket = tmp_path / "misspelt"
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls")
        platform.wait_for(lambda: "doesn't exist" in platform.request("GET", "/ready").text)
        assert platform.request("GET", "/ready").status_code == 503
        bucket.mkdir()
        (bucket / "a.ndjson").write_bytes(to_json(line(1)))
        platform.wait_until_ready()
        platform.wait_for(lambda: platform.pipeline()["counted"] == 1)


def test_names_are_bytes(bucket: Path, reader: Platform, tmp_path: Path) -> None:
    names = ["caf\u00e9.ndjson", "cafe\u0301.ndjson", "a\u0300/\u0301x.ndjson", "\u00e0/\u0301x.ndjson"]
    for number, name in enumerate(names):
        path = bucket / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(to_json(line(number)))
    raw = os.fsencode(bucket)
    for number, name in enumerate(
        (b"caf\xe9.ndjson", b"caf\xe8.ndjson", b"d\xff/x.ndjson", b"caf%E9.ndjson")
    ):
        path_bytes = raw + b"/" + name
        os.makedirs(os.path.dirname(path_bytes), exist_ok=True)
        with open(path_bytes, "wb") as file:
            file.write(to_json(line(10 + number)))
    # The same size and time, so that names alone tell the files apart.
    for folder, _, files in os.walk(raw):
        for name in files:
            os.utime(os.path.join(folder, name), (1_700_000_000, 1_700_000_000))
    reader.wait_for(lambda: reader.pipeline()["counted"] == 8)
    shown = {event["intake"]["object"] for event in reader.events()}
    assert {*names, "caf%E9.ndjson", "caf%E8.ndjson", "d%FF/x.ndjson"} == shown
    # A name with a line feed forges no line of the log, also where its file can't be read.
    (bucket / "x\nwarning forged : no such thing\x1b[2J.ndjson").symlink_to("nowhere")
    reader.wait_for(lambda: any("forged" in key for key in unopened(reader)))
    log = (tmp_path / "platform.log").read_text()
    assert "\\u{a}warning forged" in log and "\\u{1b}" in log
    assert not any(one.startswith("warning forged") for one in log.splitlines())


def test_a_file_that_is_being_written_counts_once(bucket: Path, reader: Platform) -> None:
    """A real process appends byte by byte, while the platform looks every second."""
    notes = ["", 'two\nlines, and "quotes"', "x"]
    text = HEADER + "".join(row(number, 1234 + number, notes[number % 3]) for number in range(12))
    lines = "".join(json.dumps(line(100 + number, 1234)) + "\n" for number in range(6))
    for name, content in (("usage.csv", text), ("usage.ndjson", lines)):
        (bucket.parent / name).write_text(content)
    program = (
        "import sys, time\n"
        "pairs = zip(sys.argv[1::2], sys.argv[2::2])\n"
        "files = [(open(a, 'rb').read(), open(b, 'ab', buffering=0)) for a, b in pairs]\n"
        "for place in range(max(len(data) for data, _ in files)):\n"
        "    for data, file in files:\n"
        "        file.write(data[place:place + 1])\n"
        "    time.sleep(0.01)\n"
    )
    arguments = []
    for name in ("usage.csv", "usage.ndjson"):
        arguments += [str(bucket.parent / name), str(bucket / name)]
    writer = subprocess.Popen([sys.executable, "-c", program, *arguments])
    seen = set()
    while writer.poll() is None:
        seen.add(int(reader.pipeline()["counted"]))
        time.sleep(0.2)
    assert writer.returncode == 0
    reader.wait_for(lambda: reader.pipeline()["counted"] == 18)
    figures = reader.pipeline()
    assert (figures["rejected"], figures["duplicate"]) == (0, 0)
    assert total(reader) == sum(1234 + number for number in range(12)) + 6 * 1234
    assert len(seen) > 2, "rows are read before the file is whole"


def test_what_is_not_whole_waits_until_nobody_writes(bucket: Path, reader: Platform) -> None:
    started = HEADER + row(1, 5) + f"calls,c,12,{recent() + 2},id-2,"
    (bucket / "a.csv").write_text(started)
    array = to_json([line(number) for number in range(10, 20)])
    (bucket / "b.json").write_bytes(array[:-20])
    (bucket / "c.ndjson.gz").write_bytes(gzip.compress(to_json(line(30)))[:-9])
    (bucket / "d.ndjson").write_bytes(to_json(line(40)) + b"\n" + to_json(line(41))[:-5])
    (bucket / "z.ndjson").write_bytes(to_json(line(50)))
    reader.wait_for(lambda: reader.pipeline()["counted"] == 3)
    time.sleep(2)
    figures = reader.pipeline()
    assert (figures["received"], figures["rejected"]) == (3, 0)
    assert not list(bucket.glob("failed-requests/*/*")), "none of them is given up"
    # One is finished, the others were given up by whoever wrote them.
    (bucket / "b.json").write_bytes(array)
    reader.wait_for(lambda: reader.pipeline()["counted"] == 13)
    for name in ("a.csv", "c.ndjson.gz", "d.ndjson"):
        age(bucket / name)
    reader.wait_for(lambda: reader.pipeline()["received"] == 15)
    reader.wait_for(lambda: list(bucket.glob("failed-requests/*/c.ndjson.gz.reason.txt")))
    figures = reader.pipeline()
    assert (figures["counted"], figures["rejected"], figures["duplicate"]) == (14, 1, 0)
    assert total(reader) == 5 + 12 + 12


def test_a_file_that_is_written_anew_is_read_anew(bucket: Path, reader: Platform) -> None:
    """A shell's redirection writes into the same file: what was there doesn't matter."""
    path = bucket / "usage.csv"
    path.write_text(HEADER + row(1, 10) + row(2, 10) + "calls,c")
    reader.wait_for(lambda: reader.pipeline()["counted"] == 2)
    path.write_text(HEADER + row(1, 10) + row(3, 10) + row(4, 10))
    reader.wait_for(lambda: reader.pipeline()["counted"] == 4)
    assert total(reader) == 40


def test_a_large_file_is_read_in_pieces(bucket: Path, reader: Platform) -> None:
    """Rows across the edges of pieces, with line breaks in them."""
    count = 30_000
    rows = (row(number, 1, f"{number}\n" * (number % 7)) for number in range(count))
    (bucket / "large.csv").write_text(HEADER + "".join(rows))
    (bucket / "large.ndjson").write_bytes(
        b"".join(to_json(line(number)) + b"\n" for number in range(count, 2 * count))
    )
    reader.wait_for(lambda: reader.pipeline()["received"] == 2 * count, 60)
    figures = reader.pipeline()
    assert (figures["counted"], figures["rejected"], figures["duplicate"]) == (2 * count, 0, 0)


class Archive:
    """In front of moto, for what it can't answer: some objects are in an archive class."""

    def __init__(self, moto: Moto):
        self.archived: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.command == "GET" and any(self.path.endswith(name) for name in outer.archived):
                    text = (
                        b"<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the "
                        b"object's storage class</Message></Error>"
                    )
                    return self.send(403, {"Content-Type": "application/xml"}, text)
                headers = {key: value for key, value in self.headers.items() if key != "Connection"}
                answer = requests.request(
                    self.command, moto.url + self.path, data=body, headers=headers, timeout=30
                )
                kept = {
                    key: value for key, value in answer.headers.items() if key in ("Content-Type", "ETag")
                }
                self.send(answer.status_code, kept, answer.content)

            def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def test_an_archived_object_holds_up_no_other(cli: Path, tmp_path: Path, moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="archived", CreateBucketConfiguration={"LocationConstraint": REGION})
    for number, name in enumerate(("a", "b", "c", "d", "z")):
        s3.put_object(Bucket="archived", Key=f"team/{name}.ndjson", Body=to_json(line(number)))
    # Its first letter makes one character with the prefix's slash.
    s3.put_object(Bucket="archived", Key="team/\u0301x.ndjson", Body=to_json(line(9)))
    archive = Archive(moto)
    archive.archived = {f"/{name}.ndjson" for name in "abcd"}
    settings = {**settings_of(moto), "AWS_ENDPOINT_URL": archive.url}
    with Platform(cli, tmp_path, "--bucket", "s3://archived/team/", **settings) as platform:
        platform.define("calls")
        platform.wait_for(lambda: platform.pipeline()["counted"] == 2)
        platform.wait_until_ready()
        assert set(unopened(platform)) == {f"{name}.ndjson" for name in "abcd"}
        assert "storage class" in unopened(platform)["a.ndjson"]
        archive.archived = set()
        platform.wait_for(lambda: platform.pipeline()["counted"] == 6)
        platform.wait_for(lambda: not unopened(platform))
    archive.server.shutdown()


def notice(name: str, key: str, etag: str) -> dict[str, Any]:
    return {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": name}, "object": {"key": key, "eTag": etag}},
    }


def test_a_message_about_what_is_gone_or_older(cli: Path, tmp_path: Path, moto: Moto) -> None:
    name = "gone"
    s3, sqs = moto.client("s3"), moto.client("sqs")
    queue, _ = make_queue(moto, name)
    arguments = ("--bucket", f"s3://{name}/", "--bucket-notifications", queue)
    with Platform(cli, tmp_path, *arguments, **settings_of(moto)) as platform:
        platform.define("calls")
        platform.wait_until_ready()
        old = s3.put_object(Bucket=name, Key="b.ndjson", Body=to_json(line(1)))["ETag"].strip('"')
        new = s3.put_object(Bucket=name, Key="b.ndjson", Body=to_json(line(2)) + b"\n" + to_json(line(3)))
        records = [notice(name, "a.ndjson", "0" * 32), notice(name, "b.ndjson", old)]
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"Records": records}))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 2)
        # The message with the new tag finds it read.
        later = {"Records": [notice(name, "b.ndjson", new["ETag"].strip('"'))]}
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(later))
        platform.wait_for(lambda: waiting(moto, queue) == 0)
        figures = platform.pipeline()
        assert (figures["received"], figures["duplicate"]) == (2, 0)
        platform.wait_for(lambda: not unopened(platform), 40)
        assert platform.request("GET", "/ready").status_code == 200


def test_more_than_10_000_objects_of_one_day(cli: Path, tmp_path: Path, bucket: Path) -> None:
    """The new one is sorted behind all others."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    folder = bucket / "ingest/records" / day
    (folder / "rejects").mkdir(parents=True)
    for number in range(10_050):
        # They are listed, and not read, so that the test is short.
        (folder / f"rejects/{number:06}").touch()
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.define("calls")
        platform.wait_for(lambda: platform.request("GET", "/ready").status_code == 200, 60)
        (folder / "z.ndjson").write_bytes(to_json(line(1)))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 1, 60)
