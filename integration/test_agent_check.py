"""Whether the agent could deliver: it asks its sink, and stores nothing."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.emulators import REGION, Ministack, SeaweedFS
from components.platform import ADMIN_KEY, Platform
from components.runtime_api import Agent
from components.samples import Event, Line, envelope, kinesis_event, kinesis_record
from components.stubs import FaultyIngest, FaultyS3
from conftest import WRITER_SECRET

CHECK = {"metertap": "check"}
#: One record and one reject.
EVENT = kinesis_event([kinesis_record("1", gzip.compress(envelope(
    [Event("0" * 56, 1_767_225_600_000, Line(f"amberflo_meter: {value}"))
     for value in ('{"customerId":"c","meterApiName":"m","meterValue":1}', '{"customerId":"c"}')],
    "/app", "web-1",
)))])  # fmt: skip


def check(one: Agent) -> dict[str, Any]:
    answer = one.invoke(CHECK)
    assert answer.kind == "response", answer
    told = answer.body
    assert told["metertap"] == "check"
    assert told["version"]
    return told


def as_writer(server: SeaweedFS) -> dict[str, str]:
    """The identity that may write below one prefix, and neither read nor list."""
    return {
        "METERTAP_SINK": f"s3://{server.bucket}/{server.prefix}",
        "METERTAP_PROVENANCE": "false",
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "111122223333",
        "AWS_SECRET_ACCESS_KEY": WRITER_SECRET,
    }


def keys_in(server: SeaweedFS) -> list[str]:
    listed = server.admin.list_objects_v2(Bucket=server.bucket, Prefix=server.prefix)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def test_writer_is_told_writable_and_nothing_is_stored(
    agent: Callable[..., Agent], seaweedfs: SeaweedFS
) -> None:
    told = check(agent(**as_writer(seaweedfs)))
    assert [told[place]["writable"] for place in ("sink", "rejects", "manifest")] == [True] * 3, told
    assert keys_in(seaweedfs) == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"METERTAP_SINK": "s3://meters/other/"}, "AccessDenied"),
        ({"METERTAP_SINK": "s3://nowhere/team/"}, "AccessDenied|NoSuchBucket"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
    ],
    ids=["prefix", "bucket", "secret"],
)
def test_what_the_server_refuses_is_told(
    agent: Callable[..., Agent], seaweedfs: SeaweedFS, settings: dict[str, str], code: str
) -> None:
    told = check(agent(**as_writer(seaweedfs) | settings))
    for place in ("sink", "rejects"):
        assert told[place]["writable"] is False, told
        assert told[place]["errorKind"] == "configuration"
        assert any(one in told[place]["error"] for one in code.split("|")), told


@pytest.mark.parametrize("left_out", ["records", "rejects", "manifest"])
def test_each_permission_of_the_agent_is_asked_for(
    agent: Callable[..., Agent], cloud: Ministack, left_out: str
) -> None:
    """With IAM enforced: of three statements one is missing, and that place alone is not writable."""
    bucket, name, iam = f"checked-without-{left_out}", f"agent-without-{left_out}", cloud.client("iam")
    cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    folders = {"records": "ingest/records", "rejects": "rejects", "manifest": "manifest"}
    statements = [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/{folder}/*"}
        for kind, folder in folders.items()
        if kind != left_out
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    told = check(
        agent(
            METERTAP_SINK=f"s3://{bucket}/",
            METERTAP_PROVENANCE="false",
            AWS_ENDPOINT_URL_S3=cloud.url,
            AWS_CA_BUNDLE=str(cloud.ca),
            AWS_ACCESS_KEY_ID=key["AccessKeyId"],
            AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
        )
    )
    places = {"records": "sink", "rejects": "rejects", "manifest": "manifest"}
    assert {kind: told[place]["writable"] for kind, place in places.items()} == {
        kind: kind != left_out for kind in places
    }, told
    assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket=bucket)


def test_an_api_is_asked_without_a_record(
    agent: Callable[..., Agent], platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rejects = tmp_path_factory.mktemp("rejects")
    settings = {"METERTAP_SINK": f"{platform.url}/ingest", "METERTAP_REJECTS": f"file://{rejects}"}
    told = check(agent(**settings, METERTAP_API_KEY=ADMIN_KEY))
    assert told["sink"]["writable"] is True, told
    assert platform.get("/pipeline")["received"] == 0
    told = check(agent(**settings, METERTAP_API_KEY="wrong"))
    assert told["sink"]["writable"] is False, told
    assert "401" in told["sink"]["error"]
    assert not [path for path in rejects.rglob("*") if path.is_file()]


def fields(request: dict[str, Any]) -> dict[str, str]:
    """The header fields but for what depends on the body and the time, and the words that are signed."""
    own = ("content-length", "content-md5", "x-amz-content-sha256", "x-amz-date", "authorization")
    kept = {name: value for name, value in request["headers"].items() if name not in own}
    for name in kept:
        if name.startswith("x-amz-meta-"):
            kept[name] = "a number"
    signed = re.search(r"SignedHeaders=([^,]+)", request["headers"].get("authorization", ""))
    return kept | {"names": " ".join(sorted(request["headers"])), "signed": signed[1] if signed else ""}


def test_a_check_of_a_bucket_sends_what_the_work_sends(s3_agent: Callable[..., Agent], s3: FaultyS3) -> None:
    """On the wire: a bucket may refuse what lacks a header, or has one."""
    one = s3_agent(METERTAP_PROVENANCE="false", METERTAP_SINK_ACL="bucket-owner-full-control",
                   METERTAP_REJECTS="s3://kept/team/")  # fmt: skip
    told = check(one)
    assert [told[place]["writable"] for place in ("sink", "rejects", "manifest")] == [True] * 3, told
    asked = {folder(request): fields(request) for request in s3.requests}
    assert not s3.snapshot()
    s3.reset()
    assert one.invoke(EVENT).kind == "response"
    worked = {folder(request): fields(request) for request in s3.requests}
    assert worked == asked
    assert len(worked) == 3


def folder(request: dict[str, Any]) -> str:
    """Bucket and folder of a key, without the date and the name."""
    return re.sub(r"/(\d{4}-\d\d-\d\d/[^/]+|metertap-check)$", "", request["path"])


def test_a_check_of_an_api_sends_what_the_work_sends(
    agent: Callable[..., Agent], ingest: FaultyIngest, tmp_path: Path
) -> None:
    one = agent(
        METERTAP_SINK=f"{ingest.url}/ingest",
        METERTAP_API_KEY=ingest.key,
        METERTAP_REJECTS=f"file://{tmp_path}",
    )
    assert check(one)["sink"]["writable"] is True
    (asked,) = ingest.requests
    ingest.reset()
    one.invoke(EVENT)
    (worked,) = ingest.requests
    assert fields(asked) == fields(worked)
    assert (asked["method"], asked["path"]) == (worked["method"], worked["path"])
