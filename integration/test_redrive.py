"""`metertap redrive`: what Lambda gave up, rejects and failed requests, once more through the pipeline."""

import gzip
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from components.emulators import REGION, Ministack, SeaweedFS
from components.logs import Command, run
from components.platform import ADMIN_KEY, Platform
from components.processes import clean_environment
from components.runtime_api import Agent
from components.samples import (
    Event,
    Line,
    Reject,
    Samples,
    direct_event,
    envelope,
    kinesis_event,
    kinesis_record,
)
from components.stored import contents, files_in, record_key, records_in, reject_key, rejects_in
from conftest import ROOT

GROUP, STREAM = "/app/shop", "web-1"
BATCH = {
    "shardId": "shardId-000000000001",
    "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
    "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
    "approximateArrivalOfFirstRecord": "2026-01-02T03:04:05.678Z",
    "approximateArrivalOfLastRecord": "2026-01-02T03:06:07.890Z",
    "batchSize": 500,
    "streamArn": "arn:aws:kinesis:eu-central-1:123456789012:stream/logs",
}


def failure(**more: Any) -> bytes:
    """A record as Lambda writes it, with the members of AWS's own example."""
    return json.dumps(
        {
            "requestContext": {
                "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
                "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:metertap",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": "2026-01-02T04:05:06.021Z",
        }
        | more
    ).encode()


def stream_failure(event: dict[str, Any]) -> bytes:
    return failure(KinesisBatchInfo=BATCH, payload=json.dumps(event))


def direct_failure(event: dict[str, Any]) -> bytes:
    return failure(requestPayload=event, responsePayload={"errorType": "deliveryFailed"})


def stream_key(number: int) -> str:
    shard = "aws/lambda/0b1c2d3e-uuid/shardId-000000000001"
    return f"{shard}/2026/01/02/2026-01-02T04.05.{number:02}-f5a1-{number}"


DIRECT_KEY = "aws/lambda/async/metertap/2026/01/02/2026-01-02T04.05.06-f5a1"


def events(seed: int, count: int = 40) -> list[Event]:
    return Samples(random.Random(seed)).events(count)


def kinesis(of: list[Event], number: int = 1) -> dict[str, Any]:
    half = len(of) // 2
    parts = [of[:half], of[half:]]
    return kinesis_event(
        [
            kinesis_record(100 * number + index, gzip.compress(envelope(part, GROUP, STREAM)))
            for index, part in enumerate(parts)
        ]
    )


def write(directory: Path, objects: dict[str, bytes]) -> str:
    for key, data in objects.items():
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"file://{directory}"


def redrive(cli: Path, directory: Path, url: str, *more: str, **settings: str) -> Command:
    return run(cli, directory, clean_environment(**settings), "redrive", url, *more)


def waiting(directory: Path) -> set[str]:
    return {key for key in files_in(directory) if not key.startswith("redriven/")}


def test_what_lambda_gave_up_is_delivered_as_by_the_agent(
    cli: Path, agent: Callable[..., Agent], tmp_path: Path
) -> None:
    direct = direct_event(gzip.compress(envelope(events(1), GROUP, STREAM)))
    given_up = [kinesis(events(2), 1), kinesis(events(3), 2), direct]
    by_agent, sink, failures = tmp_path / "agent", tmp_path / "sink", tmp_path / "failures"
    real = agent(METERTAP_SINK=f"file://{by_agent}")
    for event in given_up:
        assert real.invoke(event).kind == "response"
    objects = {
        stream_key(1): stream_failure(given_up[0]),
        stream_key(2): stream_failure(given_up[1]),
        DIRECT_KEY: direct_failure(direct),
        "readme.txt": b"not ours",
        "ingest/records/2026-01-02/a.ndjson.gz": b"not looked at",
    }
    url = write(failures, objects)
    to = ("--sink", f"file://{sink}")

    asked = redrive(cli, tmp_path, url, *to)
    assert asked.status == 64, asked
    assert "nothing was done" in asked.errors and "RetryAttemptsExhausted" in asked.output
    assert not sink.exists() and files_in(failures) == objects

    plan = redrive(cli, tmp_path, url, *to, "--json").json
    found = contents(files_in(by_agent))
    assert {(item["kind"], item["state"]) for item in plan["plan"]} == {
        ("streamFailure", "ready"),
        ("directFailure", "ready"),
    }
    assert sum(item["records"] for item in plan["plan"]) == len(found.records)
    assert sum(item["events"] for item in plan["plan"]) == 120
    assert plan["others"] == 1 and "done" not in plan

    done = redrive(cli, tmp_path, url, *to, "--yes", "--json")
    assert done.status == 0, done
    figures = done.json["done"]
    assert figures["objects"] == 3
    assert figures["records"] + figures["rejects"] == figures["delivered"] + figures["rejected"]
    assert files_in(sink) == files_in(by_agent), "the same objects with the same bytes"
    moved = {f"redriven/{key}": data for key, data in objects.items() if key.startswith("aws/")}
    kept = {key: data for key, data in objects.items() if not key.startswith("aws/")}
    assert files_in(failures) == moved | kept

    again = redrive(cli, tmp_path, url, *to, "--yes")
    assert again.status == 0 and "Nothing waits." in again.output
    assert files_in(sink) == files_in(by_agent)


def test_records_count_once_however_often_they_are_redriven(
    cli: Path, seaweedfs: SeaweedFS, platform: Platform, tmp_path: Path
) -> None:
    """From S3 to an ingest API; broken off by kill -9 in between."""
    count = 6
    logged = events(100, 40 * count)
    for number in range(count):
        seaweedfs.admin.put_object(
            Bucket=seaweedfs.bucket,
            Key=seaweedfs.prefix + stream_key(number),
            Body=stream_failure(kinesis(logged[40 * number : 40 * (number + 1)], number)),
        )
    settings = {
        "AWS_ENDPOINT_URL": seaweedfs.url,
        "AWS_ACCESS_KEY_ID": "ADMINKEY",
        "AWS_SECRET_ACCESS_KEY": "admin-secret",
        "AWS_REGION": "eu-central-1",
        "METERTAP_URL": platform.url,
        "METERTAP_API_KEY": ADMIN_KEY,
        "METERTAP_REJECTS": f"file://{tmp_path / 'rejects'}",
    }
    url = f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}"
    plan = redrive(cli, tmp_path, url, "--json", **settings).json
    records = sum(item["records"] for item in plan["plan"])
    assert len(plan["plan"]) == count and records > 100

    broken = subprocess.Popen(
        [cli, "redrive", url, "--yes"],
        env=clean_environment(**settings),
        cwd=tmp_path,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not seaweedfs.objects("redriven/") and broken.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(broken.pid, signal.SIGKILL)
    broken.wait()

    # Twice from where they are, then for good.
    for more in (("--keep",), ("--keep",), ()):
        done = redrive(cli, tmp_path, url, "--yes", "--json", *more, **settings)
        assert done.status == 0, done
    figures = platform.pipeline()
    assert figures["received"] - figures["duplicate"] == records, figures
    assert figures["duplicate"] > 0, figures
    keys = [key.removeprefix(seaweedfs.prefix) for key in seaweedfs.objects()]
    assert sorted(keys) == sorted(f"redriven/{stream_key(number)}" for number in range(count))


def rejects_of_an_agent(agent: Callable[..., Agent], sink: Path) -> list[Event]:
    """Rejects of every reason that a line can have, and of two tags in one message."""
    samples = Samples(random.Random(7))
    lines = [samples.line(kind) for kind in sorted(samples.broken) for _ in range(3)]
    # The customers are missing; one message has valid and invalid ones among them.
    record, text = samples.record()
    lost = json.dumps({"meterApiName": "calls", "meterValue": 3, "meterTimeInMillis": 1_767_225_600_000})
    lines += [
        Line(f"amberflo_meter {lost}", (Reject("missingCustomer"),)),
        Line(f"amberflo_meter [{text},{lost},7,{lost}]", (record, Reject("missingCustomer"))),
    ]
    made = [Event(f"{37 * 10**54 + n:056d}", 1_767_225_700_000 + n, line) for n, line in enumerate(lines)]
    answer = agent(METERTAP_SINK=f"file://{sink}").invoke(kinesis(made))
    assert answer.kind == "response"
    return made


def test_rejects_are_read_again_with_the_settings_of_now(
    cli: Path, agent: Callable[..., Agent], tmp_path: Path
) -> None:
    sink, other = tmp_path / "sink", tmp_path / "other"
    made = rejects_of_an_agent(agent, sink)
    before = files_in(sink)
    url = f"file://{sink}"
    same = redrive(cli, tmp_path, url, "--sink", url, "--yes", "--json")
    assert same.status == 0, same
    assert [item["state"] for item in same.json["plan"]] == ["unchanged"]
    assert files_in(sink) == before, "what is rejected for the same reasons stays"

    lenient = {"METERTAP_ALLOW_MISSING_CUSTOMER": "true"}
    agent(METERTAP_SINK=f"file://{other}", **lenient).invoke(kinesis(made))
    wanted = files_in(other)
    done = redrive(cli, tmp_path, url, "--sink", url, "--yes", "--json", **lenient)
    assert done.status == 0, done
    figures = done.json["done"]
    assert figures["records"] + figures["rejects"] == figures["delivered"] + figures["rejected"]
    assert figures["records"] + figures["rejects"] == len(rejects_in(before))
    assert figures["records"] >= 3
    after = {key: data for key, data in files_in(sink).items() if not key.startswith("redriven/")}
    assert keys_of(records_in(after)) == keys_of(records_in(wanted))
    assert len(records_in(after)) == len(records_in(wanted)), "no record is there twice"
    assert {reject_key(one) for one in rejects_in(after)} == {reject_key(one) for one in rejects_in(wanted)}
    for _ in range(2):
        again = redrive(cli, tmp_path, url, "--sink", url, "--yes", **lenient)
        assert again.status == 0 and "unchanged" in again.output
        assert {k: v for k, v in files_in(sink).items() if not k.startswith("redriven/")} == after


def test_a_copy_that_was_rejected_before_counts_once(
    cli: Path, agent: Callable[..., Agent], platform: Platform, tmp_path: Path
) -> None:
    """A reject from before loggers' templates were known: its message holds a record that was delivered."""
    platform.define("calls")
    record = json.dumps({"meterApiName": "calls", "customerId": "c", "meterValue": 3})
    template, cut = "amberflo_meter: %s", f"amberflo_meter: {record[:20]}"
    lost = json.dumps({"meterApiName": "calls", "meterValue": 4})
    whole = [
        json.dumps({"msg": template, "formatted": f"amberflo_meter: {record}"}),
        json.dumps({"formatted": f"amberflo_meter: {record}", "short": cut}),
        f"amberflo_meter: {lost}",
    ]
    alone, ordinals = [template, cut, whole[2]], [0, 1, 0]

    def logged(messages: list[str]) -> dict[str, Any]:
        made = [
            Event(f"{37 * 10**54 + n:056d}", 1_767_225_700_000 + n, Line(message, ()))
            for n, message in enumerate(messages)
        ]
        return kinesis(made)

    sink, rejects = tmp_path / "sink", tmp_path / "rejects"
    assert agent(METERTAP_SINK=f"file://{sink}").invoke(logged(whole)).kind == "response"
    delivered = records_in(files_in(sink))
    assert len(delivered) == 2 and len(rejects_in(files_in(sink))) == 1
    platform.ingest(json.dumps(delivered, default=str).encode())

    # As they were written: each with its place among the values, and with its whole message.
    assert agent(METERTAP_SINK=f"file://{rejects}").invoke(logged(alone)).kind == "response"
    [(key, data)] = [item for item in files_in(rejects).items() if item[0].startswith("rejects/")]
    old = [json.loads(text) for text in gzip.decompress(data).splitlines()]
    assert len(old) == 3
    for reject in old:
        number = int(reject["source"]["eventId"]) % 10
        reject |= {"message": whole[number], "ordinal": ordinals[number]}
    waiting_objects = {key: gzip.compress("".join(json.dumps(one) + "\n" for one in old).encode())}
    url = write(tmp_path / "waiting", waiting_objects)
    settings = {
        "METERTAP_URL": platform.url,
        "METERTAP_API_KEY": ADMIN_KEY,
        "METERTAP_REJECTS": f"file://{tmp_path / 'left'}",
        "METERTAP_ALLOW_MISSING_CUSTOMER": "true",
    }
    done = redrive(cli, tmp_path, url, "--yes", "--json", **settings)
    assert done.status == 0, done
    [item] = done.json["plan"]
    assert (item["state"], item["repeated"], item["records"], item["rejects"]) == ("ready", 2, 1, 0)
    assert waiting(tmp_path / "waiting") == set(), "nothing holds up the plan"
    # The platform itself asks for a customer: the third line reached it, and is its reject.
    figures = platform.pipeline()
    assert (figures["counted"], figures["duplicate"], figures["rejected"]) == (2, 0, 1), figures
    again = redrive(cli, tmp_path, url, "--yes", **settings)
    assert again.status == 0 and "Nothing waits." in again.output


def keys_of(records: list[dict[str, Any]]) -> set[Any]:
    return {record_key({"customerId": None} | record) for record in records}


def test_failed_requests_are_matched_and_delivered(cli: Path, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    key = "ingest/records/2026-01-02/1-2-0123456789abcdef.ndjson.gz"
    lines = [
        {"uniqueId": f"id-{n}", "meterApiName": "calls", "customerId": "c", "meterValue": Decimal("0.1")}
        | {"meterTimeInMillis": 1_767_225_600_000 + n}
        for n in range(3)
    ]
    text = "".join(json.dumps(line, default=str).replace('"0.1"', "0.10") + "\n" for line in lines)
    reason = f"failed-requests/2026-01-03/{key}.reason.txt"
    objects = {
        key: gzip.compress(text.encode()),
        reason: b"The meter calls\nis not defined.",
        "failed-requests/2026-01-03/ingest/records/gone.ndjson.reason.txt": b"why",
    }
    url = write(bucket, objects)
    plan = redrive(cli, tmp_path, url, "--sink", url)
    assert plan.status == 64 and f"{key}: The meter calls is not defined." in plan.output
    done = redrive(cli, tmp_path, url, "--sink", url, "--yes", "--json")
    assert done.status == 65, "the object of one of them is not there"
    item = next(item for item in done.json["plan"] if item["state"] == "ready")
    assert item["about"] == key and item["records"] == 3 and item["recordIds"] == ["id-0", "id-1", "id-2"]
    after = files_in(bucket)
    new = set(after) - set(objects) - {f"redriven/{reason}"}
    assert len(new) == 1 and reason not in after and f"redriven/{reason}" in after
    assert gzip.decompress(after[new.pop()]).decode() == text, "the lines are what they were, to the digit"
    assert redrive(cli, tmp_path, url, "--sink", url, "--yes").status == 65
    assert files_in(bucket) == after


def test_what_cannot_be_delivered_is_told_and_costs_nothing_else(cli: Path, tmp_path: Path) -> None:
    failures, sink = tmp_path / "failures", tmp_path / "sink"
    whole = stream_failure(kinesis(events(5)))
    rejected = gzip.compress(b'{"reason":"invalidValue"}\n')
    damaged = {
        stream_key(1): whole[: len(whole) // 2],
        stream_key(2): failure(KinesisBatchInfo=BATCH),
        stream_key(3): stream_failure({"Records": [{"eventSource": "aws:sqs", "body": "x"}]}),
        "rejects/2026-01-02/a-b-0123456789abcdef.ndjson.gz": rejected,
        "rejects/2026-01-02/c-d-0123456789abcdef.ndjson.gz": rejected[:-10],
    }
    url = write(failures, damaged | {stream_key(4): whole})
    done = redrive(cli, tmp_path, url, "--sink", f"file://{sink}", "--yes")
    assert done.status == 65, done
    assert waiting(failures) == set(damaged)
    assert records_in(files_in(sink))
    for part in (
        BATCH["shardId"],
        BATCH["startSequenceNumber"],
        BATCH["endSequenceNumber"],
        BATCH["streamArn"],
    ):
        assert str(part) in done.output
    assert "--from 2026-01-02T02:04:05Z --to 2026-01-02T03:21:07Z" in done.output
    assert "aws:sqs" in done.output or "SQS" in done.output
    states = {item["key"]: item["state"] for item in redrive(
        cli, tmp_path, url, "--sink", f"file://{sink}", "--json").json["plan"]}  # fmt: skip
    assert states == {key: "metadata" if key == stream_key(2) else "damaged" for key in damaged}


def test_nothing_is_finished_that_is_not_durable(cli: Path, tmp_path: Path) -> None:
    url = write(tmp_path / "failures", {stream_key(1): stream_failure(kinesis(events(6)))})
    sink = tmp_path / "sink"
    sink.write_text("a file where the directory should be")
    refused = redrive(cli, tmp_path, url, "--sink", f"file://{sink}", "--yes")
    assert refused.status in (69, 78), refused
    assert waiting(tmp_path / "failures") == {stream_key(1)}
    sink.unlink()
    deleted = redrive(cli, tmp_path, url, "--sink", f"file://{sink}", "--yes", "--delete")
    assert deleted.status == 0 and files_in(tmp_path / "failures") == {}


@pytest.mark.parametrize("more", [("--keep", "--delete"), ("--sink", "-", "--rejects", "file:///r")])
def test_what_makes_no_sense_is_refused(cli: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    assert redrive(cli, tmp_path, "file:///x", "--sink", "file:///y", *more).status == 64


def test_the_platform_tells_what_waits(cli: Path, tmp_path: Path) -> None:
    bucket, failures = tmp_path / "bucket", tmp_path / "failures"
    write(bucket, {"failed-requests/2026-01-03/x.ndjson.reason.txt": b"why"})
    url = write(failures, {stream_key(1): b"1", stream_key(2): b"2"})
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}", "--failures", url) as platform:
        platform.wait_for(
            lambda: len([p for p in platform.get("/pipeline")["waiting"] if p["complete"]]) == 2
        )
        first, second = platform.get("/pipeline")["waiting"]
        assert first["name"] == f"file://{bucket}/" and second["name"] == f"{url}/"
        assert [(kind["kind"], kind["objects"]) for kind in first["kinds"]] == [("failedRequest", 1)]
        assert [(kind["kind"], kind["objects"]) for kind in second["kinds"]] == [("streamFailure", 2)]
        assert second["kinds"][0]["oldestTimeInMillis"] > 1_700_000_000_000
        assert redrive(cli, tmp_path, url, "--sink", url).status == 65
        (failures / stream_key(1)).unlink()
        platform.wait_for(lambda: platform.get("/pipeline")["waiting"][1]["kinds"][0]["objects"] == 1)


def documented() -> list[dict[str, Any]]:
    """The statements of the policy in docs/operations.md."""
    [text] = re.findall(r"```json\n(\{\n  \"Version.*?)```", (ROOT / "docs/operations.md").read_text(), re.S)
    return json.loads(text)["Statement"]


def test_each_documented_permission_is_needed(cli: Path, tmp_path: Path) -> None:
    """Without one of them redrive says which, and what waits waits still; with all of them it is done."""
    account = Ministack(tmp_path, secret="root-secret", enforcing=True)
    try:
        s3, iam = account.client("s3"), account.client("iam")
        bucket, key = "metertap-failures", stream_key(1)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        statements = documented()
        for left_out in (*(one["Sid"] for one in statements), ""):
            s3.put_object(Bucket=bucket, Key=key, Body=stream_failure(kinesis(events(7))))
            kept = [one for one in statements if one["Sid"] != left_out]
            user = f"redriver-{left_out}"
            iam.create_user(UserName=user)
            policy = json.dumps({"Version": "2012-10-17", "Statement": kept})
            iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy)
            keys = iam.create_access_key(UserName=user)["AccessKey"]
            done = redrive(
                cli,
                tmp_path,
                f"s3://{bucket}/",
                *("--sink", f"file://{tmp_path}/meters", "--yes"),
                AWS_ENDPOINT_URL=account.url,
                AWS_CA_BUNDLE=str(account.ca),
                AWS_REGION=REGION,
                AWS_ACCESS_KEY_ID=keys["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
            )
            waits = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
            if left_out:
                [statement] = [one for one in statements if one["Sid"] == left_out]
                assert done.status == 77 and key in waits, (left_out, done.status, done.errors, waits)
                assert "AccessDenied" in done.errors, (statement["Action"], done.errors)
            else:
                assert done.status == 0 and waits == [f"redriven/{key}"], (done.errors, waits)
    finally:
        account.stop()
