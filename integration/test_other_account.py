"""A meter bucket of another account: its own credentials, region and ACL, and rejects that stay with us."""

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from components.emulators import REGION, Moto
from components.runtime_api import Agent
from components.samples import Event, Line, envelope, kinesis_event, kinesis_record
from components.stored import kind_of, records_in, rejects_in
from components.stubs import FaultyIngest, FaultyS3

THEIRS = "s3://their-meters/team/"
OURS = "s3://our-rejects/team/"
SINK_REGION = "us-west-2"
EVENT = kinesis_event(
    [
        kinesis_record(
            1,
            envelope(
                [
                    Event(
                        "1",
                        1_767_225_600_000,
                        Line('amberflo_meter: {"customerId":"c","meterApiName":"Calls","meterValue":1}'),
                    ),
                    Event("2", 1_767_225_600_001, Line("amberflo_meter: {broken")),
                ],
                "/app/shop",
                "web-1",
            ),
        )
    ]
)


@dataclass
class Put:
    """One PutObject as it arrived."""

    bucket: str
    kind: str
    access_key: str
    region: str
    token: str | None
    acl: str | None


def puts(s3: FaultyS3) -> list[Put]:
    found = []
    for request in s3.requests:
        headers = request["headers"]
        scope = re.search(r"Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request", headers["authorization"])
        assert scope, headers["authorization"]
        found.append(
            Put(
                request["path"].split("/")[1],
                kind_of(request["path"]),
                scope[1],
                scope[2],
                headers.get("x-amz-security-token"),
                headers.get("x-amz-acl"),
            )
        )
    return found


@pytest.fixture
def settings(moto: Moto, s3: FaultyS3) -> dict[str, str]:
    return {
        "METERTAP_SINK": THEIRS,
        "METERTAP_REJECTS": OURS,
        "METERTAP_SINK_REGION": SINK_REGION,
        "METERTAP_SINK_ACL": "bucket-owner-full-control",
        "METERTAP_PROVENANCE": "false",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "OURKEY",
        "AWS_SECRET_ACCESS_KEY": "our-secret",
        "AWS_ENDPOINT_URL_S3": s3.url,
        "AWS_ENDPOINT_URL_STS": moto.url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": moto.url,
    }


def deliver(agent: Agent, s3: FaultyS3) -> tuple[Put, list[Put]]:
    """One event; the put of its records and those of what stays with us."""
    answer = agent.invoke(EVENT)
    assert answer.kind == "response" and answer.failed_from is None, f"{answer}\n{list(agent.output)[-5:]}"
    assert len(records_in(s3.objects)) == 1 and len(rejects_in(s3.objects)) == 1
    seen = puts(s3)
    theirs = [put for put in seen if put.kind == "records"]
    ours = [put for put in seen if put.kind != "records"]
    assert [put.bucket for put in theirs] == ["their-meters"] and {put.bucket for put in ours} == {
        "our-rejects"
    }
    assert {put.kind for put in ours} == {"rejects", "manifest"}, "the manifest is kept beside the rejects"
    for put in ours:
        assert (put.access_key, put.region, put.token) == ("OURKEY", REGION, None), put
    return theirs[0], ours


@pytest.mark.parametrize(
    "secret",
    [
        {"accessKeyId": "THEIRKEY", "secretAccessKey": "their-secret"},
        {"AWS_ACCESS_KEY_ID": "THEIRKEY", "AWS_SECRET_ACCESS_KEY": "their-secret"},
        {"accessKeyId": "THEIRKEY", "secretAccessKey": "their-secret", "sessionToken": "their-token"},
    ],
    ids=["camel-case", "as-in-the-environment", "with-a-token"],
)
def test_credentials_from_a_secret(
    secret: dict[str, str],
    settings: dict[str, str],
    moto: Moto,
    agent: Callable[..., Agent],
    s3: FaultyS3,
    request: pytest.FixtureRequest,
) -> None:
    manager = moto.client("secretsmanager")
    created = manager.create_secret(Name=f"their-{request.node.name}", SecretString=json.dumps(secret))
    one = agent(**settings, METERTAP_SINK_CREDENTIALS_SECRET_ARN=created["ARN"])
    put, _ = deliver(one, s3)
    assert (put.access_key, put.region) == ("THEIRKEY", SINK_REGION)
    assert put.token == secret.get("sessionToken")
    assert put.acl == "bucket-owner-full-control"
    assert not [line for line in one.output if "their-secret" in line or "our-secret" in line], (
        "a secret in the log"
    )


def test_a_role_to_assume(
    settings: dict[str, str], moto: Moto, agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    role = "arn:aws:iam::210987654321:role/meter-writer"
    one = agent(**settings, METERTAP_SINK_ROLE_ARN=role, METERTAP_SINK_EXTERNAL_ID="customer-42")
    put, _ = deliver(one, s3)
    assert put.access_key.startswith("ASIA") and put.token, put
    assert (put.region, put.acl) == (SINK_REGION, "bucket-owner-full-control")
    assumed = [role_ for role_ in assumed_roles(moto) if role_["role_arn"] == role]
    assert [role_["external_id"] for role_ in assumed] == ["customer-42"]
    deliver_again = one.invoke(EVENT)
    assert deliver_again.failed_from is None
    assert len(assumed_roles(moto)) == len(assumed), "the role is assumed once, not for every invocation"


def assumed_roles(moto: Moto) -> list[dict[str, Any]]:
    """moto's own view of what it was asked."""
    with urllib.request.urlopen(f"{moto.url}/moto-api/data.json") as answer:
        return json.load(answer)["sts"]["AssumedRole"]


@pytest.mark.parametrize("missing", ["no-such-secret", "not-json", "incomplete"])
def test_a_secret_that_cannot_be_used_delivers_nothing(
    missing: str, settings: dict[str, str], moto: Moto, agent: Callable[..., Agent], s3: FaultyS3
) -> None:
    """Whether the start or the first batch fails is open; that nothing is acknowledged is not."""
    arn = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:{missing}-AbCdEf"
    if missing != "no-such-secret":
        text = "plain words" if missing == "not-json" else '{"accessKeyId":"THEIRKEY"}'
        arn = moto.client("secretsmanager").create_secret(Name=missing, SecretString=text)["ARN"]
    one = agent(**settings, METERTAP_SINK_CREDENTIALS_SECRET_ARN=arn)
    answer = one.invoke(EVENT, deadline=5)
    if answer.kind == "response":
        assert answer.failed_from == "1"
    else:
        assert answer.kind in ("initError", "error", "ended"), answer
    assert not [put for put in puts(s3) if put.kind == "records"], "written with other credentials"
    assert not [line for line in one.output if "plain words" in line], "the secret's text in the log"


@pytest.mark.parametrize("kind", ["secret", "role", "ingest API"])
def test_rejects_need_a_place_of_their_own(
    kind: str, settings: dict[str, str], agent: Callable[..., Agent], ingest: FaultyIngest
) -> None:
    del settings["METERTAP_REJECTS"]
    if kind == "secret":
        settings["METERTAP_SINK_CREDENTIALS_SECRET_ARN"] = (
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"
        )
    elif kind == "role":
        settings["METERTAP_SINK_ROLE_ARN"] = "arn:aws:iam::210987654321:role/meter-writer"
    else:
        settings |= {"METERTAP_SINK": f"{ingest.url}/ingest", "METERTAP_API_KEY": ingest.key}
    answer = agent(**settings).started()
    assert answer and answer.kind == "initError", answer
    assert "METERTAP_REJECTS" in answer.body["errorMessage"], "the message does not name the setting"
    assert answer.body["errorType"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("METERTAP_SINK", None),
        ("METERTAP_SINK", "ftp://host/x"),
        ("METERTAP_SINK", "http://meters.example.com/ingest"),
        ("METERTAP_PROVENANCE", "perhaps"),
    ],
)
def test_a_setting_that_is_wrong_fails_the_start(
    name: str, value: str | None, settings: dict[str, str], agent: Callable[..., Agent]
) -> None:
    if value is None:
        del settings[name]
    else:
        settings[name] = value
    answer = agent(**settings).started()
    assert answer and answer.kind == "initError", answer
    assert name in answer.body["errorMessage"], f"the message does not name the setting: {answer.body}"
