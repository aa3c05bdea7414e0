"""Each setting of the agent does what docs/deploy-by-hand.md says, on the executable itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.emulators import REGION, Moto
from components.runtime_api import Agent
from components.samples import Event, Line, envelope, kinesis_event, kinesis_record
from components.stored import files_in, records_in, rejects_in
from components.stubs import FaultyIngest, FaultyS3

RECORD = '{"customerId":"c","meterApiName":"Calls","meterValue":1}'
NO_CUSTOMER = '{"meterApiName":"Calls","meterValue":1}'


def of(*messages: str) -> dict[str, Any]:
    events = [Event(str(i), 1_767_225_600_000 + i, Line(text)) for i, text in enumerate(messages)]
    return kinesis_event([kinesis_record(1, envelope(events, "/app/shop", "web-1"))])


def deliver(agent: Agent, *messages: str) -> None:
    answer = agent.invoke(of(*messages))
    assert answer.failed_from is None, f"{answer}\n{list(agent.output)[-5:]}"


def test_the_key_of_an_ingest_api_from_a_secret(
    moto: Moto, agent: Callable[..., Agent], ingest: FaultyIngest, s3: FaultyS3
) -> None:
    """The line break at the end is what `file://` of the AWS CLI leaves there."""
    created = moto.client("secretsmanager").create_secret(Name="key", SecretString=f"{ingest.key}\n")
    one = agent(
        METERTAP_SINK=f"{ingest.url}/ingest",
        METERTAP_REJECTS="s3://own/team/",
        METERTAP_API_KEY_SECRET_ARN=created["ARN"],
        AWS_REGION=REGION,
        AWS_ENDPOINT_URL_S3=s3.url,
        AWS_ENDPOINT_URL_SECRETS_MANAGER=moto.url,
    )
    deliver(one, f"amberflo_meter: {RECORD}")
    assert len(ingest.snapshot()) == 1
    assert not [line for line in one.output if ingest.key in line], "the key in the log"


def test_a_key_that_cannot_be_read_fails_the_start(
    moto: Moto, agent: Callable[..., Agent], ingest: FaultyIngest
) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:no-such-key-AbCdEf"
    one = agent(
        METERTAP_SINK=f"{ingest.url}/ingest",
        METERTAP_REJECTS="s3://own/team/",
        METERTAP_API_KEY_SECRET_ARN=arn,
        AWS_REGION=REGION,
        AWS_ENDPOINT_URL_SECRETS_MANAGER=moto.url,
    )
    answer = one.started()
    assert answer and answer.kind == "initError", answer
    assert arn in answer.body["errorMessage"], f"the message does not name the secret: {answer.body}"


@pytest.fixture
def directory(tmp_path: Path) -> dict[str, str]:
    return {"METERTAP_SINK": f"file://{tmp_path}/sink"}


def test_tags(agent: Callable[..., Agent], directory: dict[str, str], tmp_path: Path) -> None:
    one = agent(**directory, METERTAP_TAGS="billing.usage, other-tag")
    deliver(one, f"billing.usage: {RECORD}", f"other-tag={RECORD}", f"amberflo_meter: {RECORD}")
    found = records_in(files_in(tmp_path / "sink"))
    assert sorted(value["source"]["eventId"] for value in found) == ["0", "1"]


def test_a_tag_that_can_be_none_fails_the_start(
    agent: Callable[..., Agent], directory: dict[str, str]
) -> None:
    answer = agent(**directory, METERTAP_TAGS="ok, two words").started()
    assert answer and answer.kind == "initError", answer
    assert "'two words'" in answer.body["errorMessage"], answer.body


@pytest.mark.parametrize(
    ("value", "records", "reasons"), [("true", 1, []), ("false", 0, ["missingCustomer"])]
)
def test_a_missing_customer(
    value: str,
    records: int,
    reasons: list[str],
    agent: Callable[..., Agent],
    directory: dict[str, str],
    tmp_path: Path,
) -> None:
    deliver(agent(**directory, METERTAP_ALLOW_MISSING_CUSTOMER=value), f"amberflo_meter: {NO_CUSTOMER}")
    objects = files_in(tmp_path / "sink")
    assert len(records_in(objects)) == records
    assert [reject["reason"] for reject in rejects_in(objects)] == reasons


def test_the_level_error_tells_only_what_went_wrong(
    agent: Callable[..., Agent], directory: dict[str, str]
) -> None:
    one = agent(**directory, METERTAP_LOG_LEVEL="error")
    quiet = one.invoke(of(f"amberflo_meter: {RECORD}"))
    assert quiet.failed_from is None and quiet.accounting is None and not one.output
    loud = one.invoke(of(f"amberflo_meter: {RECORD}", "amberflo_meter: {broken"))
    assert loud.accounting and loud.accounting["reasons"] == {"malformedJSON": 1}


@pytest.mark.parametrize("provenance", ["true", "false"])
def test_rejects_and_manifests_go_where_they_are_sent(
    provenance: str, agent: Callable[..., Agent], directory: dict[str, str], tmp_path: Path
) -> None:
    one = agent(**directory, METERTAP_REJECTS=f"file://{tmp_path}/rejects", METERTAP_PROVENANCE=provenance)
    deliver(one, f"amberflo_meter: {RECORD}", "amberflo_meter: {broken")
    folders = {
        place: {str(path.relative_to(tmp_path / place).parts[0]) for path in (tmp_path / place).rglob("*.gz")}
        for place in ("sink", "rejects")
    }
    kept = {"rejects"} if provenance == "true" else {"rejects", "manifest"}
    assert folders == {"sink": {"ingest"}, "rejects": kept}
