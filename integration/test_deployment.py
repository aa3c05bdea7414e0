"""The CloudFormation template deployed, with permissions enforced: what it carries, and what it may."""

import contextlib
import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.deployed import CODE, Invocation, Stack, deployable, make_numbers, upload
from components.emulators import ACCOUNT, REGION, Ministack, Moto
from components.samples import Event, Line, envelope, kinesis_event, kinesis_record
from components.stored import records_in, rejects_in
from components.stubs import FaultyIngest
from components.templates import CloudFormation
from conftest import ROOT
from test_docs import check_commands
from test_templates import SETTINGS, all_statements

GOOD = 'amberflo_meter: {"customerId":"acme","meterApiName":"ApiCalls","meterValue":"0.10"}'
BROKEN = 'amberflo_meter: {"customerId":"acme","meterApiName":"ApiCalls","meterValue":"many"}'


@pytest.fixture(scope="module")
def account(cloud: Ministack, package: Path) -> Ministack:
    """The account with the agent's zip in a bucket."""
    upload(cloud, package.read_bytes())
    return cloud


def wait_until(is_so: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


# What it carries


def test_a_log_line_becomes_a_record_by_way_of_the_stream(account: Ministack, logs_moto: Moto) -> None:
    """moto ships log events to a Kinesis stream, which ministack does not; from there on it is the stack."""
    stack = Stack(account, "by-stream", BatchingWindowSeconds=0)
    kinesis, logs = logs_moto.client("kinesis"), logs_moto.client("logs")
    kinesis.create_stream(StreamName="by-stream", ShardCount=1)
    logs.create_log_group(logGroupName="/service/by-stream")
    logs.create_log_stream(logGroupName="/service/by-stream", logStreamName="web-1")
    logs.put_subscription_filter(
        logGroupName="/service/by-stream",
        filterName="metertap",
        filterPattern="?amberflo_meter",
        destinationArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/by-stream",
    )
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="/service/by-stream",
        logStreamName="web-1",
        logEvents=[{"timestamp": now, "message": GOOD}, {"timestamp": now + 1, "message": BROKEN}],
    )
    shard = kinesis.get_shard_iterator(
        StreamName="by-stream", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    for record in kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"]:
        account.client("kinesis").put_record(StreamName="by-stream", Data=record["Data"], PartitionKey="p")
    found = stack.wait_for_objects(2)
    [record], [reject] = records_in(found), rejects_in(found)
    assert (record["customerId"], record["meterApiName"], str(record["meterValue"])) == (
        "acme",
        "ApiCalls",
        "0.1",
    )
    assert record["source"]["logGroup"] == "/service/by-stream" and record["meterTimeInMillis"] == now
    assert (reject["reason"], reject["message"]) == ("invalidValue", BROKEN)
    # The line that alarms look at, in the log group that they look at it in.
    logs = account.client("logs")
    events = wait_until(
        lambda: logs.filter_log_events(logGroupName=stack.outputs["AgentLogName"], filterPattern="delivered")[
            "events"
        ]
    )
    [line] = [json.loads(event["message"]) for event in events]
    assert (line["metertap"], line["delivered"], line["rejected"]) == ("delivered", 1, 1)
    assert_retention_and_mapping(account, stack)


def assert_retention_and_mapping(account: Ministack, stack: Stack) -> None:
    stream = account.client("kinesis").describe_stream_summary(StreamName=stack.name)[
        "StreamDescriptionSummary"
    ]
    assert stream["RetentionPeriodHours"] == 168
    [mapping] = account.client("lambda").list_event_source_mappings(EventSourceArn=stream["StreamARN"])[
        "EventSourceMappings"
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True and mapping["MaximumRecordAgeInSeconds"] == 518400
    failures = f"arn:aws:s3:::{stack.outputs['FailedBatchesName']}"
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == failures


def test_a_log_line_becomes_a_record_directly(account: Ministack) -> None:
    """ministack itself ships log events to a function; its patterns want every term, so there is one."""
    stack = Stack(account, "directly", Mode="direct", Tags="amberflo_meter")
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/service/directly")
    logs.create_log_stream(logGroupName="/service/directly", logStreamName="web-1")
    logs.put_subscription_filter(
        logGroupName="/service/directly",
        filterName="metertap",
        filterPattern="?amberflo_meter",
        destinationArn=stack.outputs["FunctionArn"],
    )
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="/service/directly",
        logStreamName="web-1",
        logEvents=[{"timestamp": now, "message": text} for text in (GOOD, "nothing to be billed", BROKEN)],
    )
    found = stack.wait_for_objects(2)
    [record], [reject] = records_in(found), rejects_in(found)
    assert record["source"]["logGroup"] == "/service/directly" and reject["reason"] == "invalidValue"
    # CloudWatch Logs alone may call it, and for this account alone.
    policy = json.loads(account.client("lambda").get_policy(FunctionName="directly-agent")["Policy"])
    [statement] = policy["Statement"]
    assert statement["Principal"] == {"Service": "logs.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"AWS:SourceAccount": account.account}
    config = account.client("lambda").get_function_event_invoke_config(
        FunctionName="directly-agent", Qualifier="$LATEST"
    )
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 21600)


def created(group: str, **more: Any) -> str:
    """What CloudTrail tells EventBridge of a new log group."""
    return json.dumps(
        {
            "version": "0",
            "id": "1",
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.logs",
            "account": "111122223333",
            "time": "2026-01-02T10:00:00Z",
            "region": REGION,
            "resources": [],
            "detail": {
                "eventSource": "logs.amazonaws.com",
                "eventName": "CreateLogGroup",
                "requestParameters": {"logGroupName": group} | more,
            },
        }
    )


@pytest.mark.parametrize("mode", ["stream", "direct"])
def test_a_new_log_group_is_subscribed(mode: str, account: Ministack) -> None:
    """Nobody but AWS may send events of `aws.logs`: the pattern is tried, and the machine started by hand."""
    stack = Stack(account, f"follows-{mode}", Mode=mode, FollowLogGroups="/")
    events, logs, machines = (account.client(name) for name in ("events", "logs", "stepfunctions"))
    rule = events.describe_rule(Name=stack.ids["FollowRule"].split("/")[-1])
    [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == stack.ids["FollowMachine"] and rule["State"] == "ENABLED"
    group = f"/service/new-{mode}"

    def matches(event: str) -> bool:
        return events.test_event_pattern(EventPattern=rule["EventPattern"], Event=event)["Result"]

    assert matches(created(group)) and not matches(created("no-prefix"))
    assert not matches(created(group).replace("CreateLogGroup", "DeleteLogGroup"))
    for name in (group, f"{group}-rare"):
        logs.create_log_group(logGroupName=name)
    for event in (
        created(group, logGroupClass="STANDARD"),
        created(group),
        created(f"{group}-rare", logGroupClass="INFREQUENT_ACCESS"),
        created(stack.outputs["AgentLogName"]),
    ):
        run = machines.start_execution(stateMachineArn=target["Arn"], input=event)["executionArn"]
        done = wait_until(
            lambda run=run: (
                state
                if (state := machines.describe_execution(executionArn=run))["status"] != "RUNNING"
                else None
            )
        )
        assert done["status"] == "SUCCEEDED", done

    def filters(name: str) -> list[dict[str, Any]]:
        return logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]

    [made] = filters(group)
    assert made["filterName"] == "metertap"
    assert made["filterPattern"] == "%amberflo_meter|meter_record_for_cw|meter_record_for_stream%"
    destination, role = ("StreamArn", stack.outputs.get("LogsRoleArn", ""))
    assert made["destinationArn"] == stack.outputs["FunctionArn" if mode == "direct" else destination]
    assert made["roleArn"] == role
    assert not filters(f"{group}-rare") and not filters(stack.outputs["AgentLogName"])


def test_plain_http_and_the_public_are_refused(account: Ministack) -> None:
    stack = Stack(account, "closed")
    s3 = account.client("s3")
    for name in ("BucketName", "FailedBatchesName"):
        bucket = stack.outputs[name]
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        [statement] = policy["Statement"]
        assert statement["Effect"] == "Deny" and statement["Condition"]["Bool"] == {
            "aws:SecureTransport": "false"
        }
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert all(block.values()) and len(block) == 4
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_with_a_key_of_ones_own(account: Ministack) -> None:
    """ministack asks nobody whether they may use a key, and forgets that the buckets are encrypted."""
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack = Stack(account, "encrypted", KmsKeyArn=key)
    assert has_delivered(stack.invoke(an_event()))
    assert f'"Resource": "{key}"' in json.dumps(stack.policy("AgentRole", "agent"))


def test_the_alarm_that_ministack_refuses(logs_moto: Moto) -> None:
    """Botocore and moto take it as it stands."""
    alarm = CloudFormation(**CODE).resources()["AlarmDropped"]["Properties"]
    cloudwatch = logs_moto.client("cloudwatch")
    cloudwatch.put_metric_alarm(**alarm)
    [stored] = cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    assert stored["Metrics"][0]["Expression"] == alarm["Metrics"][0]["Expression"]


# What it may


@pytest.fixture(scope="module")
def sinks(
    account: Ministack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, Any]]]:
    """Parameters for each kind of sink, and the sinks themselves."""
    s3, iam, secrets = account.client("s3"), account.client("iam"), account.client("secretsmanager")
    for bucket in ("ours-elsewhere", "theirs-by-role", "theirs-by-key"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def may_write(bucket: str) -> str:
        actions = ["s3:PutObject", "s3:PutObjectAcl"]
        place = f"arn:aws:s3:::{bucket}/team/ingest/records/*"
        statement = {"Effect": "Allow", "Action": actions, "Resource": place}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account.account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "us"}},
    }
    role = iam.create_role(
        RoleName="writer",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName="writer", PolicyName="p", PolicyDocument=may_write("theirs-by-role"))
    iam.create_user(UserName="writer")
    iam.put_user_policy(UserName="writer", PolicyName="p", PolicyDocument=may_write("theirs-by-key"))
    key = iam.create_access_key(UserName="writer")["AccessKey"]
    held = {"accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"]}
    assert account.authority
    api = FaultyIngest(account.authority.server(tmp_path_factory.mktemp("tls"), "127.0.0.1"))
    yield {
        "made here": {},
        "a bucket of ours": {"SinkBucket": "ours-elsewhere/team/"},
        "theirs, by role": {
            "SinkBucket": "theirs-by-role/team/",
            "SinkRegion": REGION,
            "SinkRoleArn": role,
            "SinkExternalId": "us",
            "SinkAcl": "bucket-owner-full-control",
        },
        "theirs, by key": {
            "SinkBucket": "theirs-by-key/team/",
            "SinkCredentialsSecretArn": secrets.create_secret(Name="sink", SecretString=json.dumps(held))[
                "ARN"
            ],
        },
        "an API": {
            "IngestUrl": f"{api.url}/ingest",
            "ApiKeySecretArn": secrets.create_secret(Name="key", SecretString=api.key)["ARN"],
        },
    }
    api.close()


def an_event() -> dict[str, Any]:
    lines = [Event(str(i), int(time.time() * 1000), Line(text)) for i, text in enumerate((GOOD, BROKEN))]
    return kinesis_event([kinesis_record(1, gzip.compress(envelope(lines, "/app/shop", "web-1")))])


def has_delivered(done: Invocation) -> bool:
    return done.answer == {"batchItemFailures": []} and done.accounting["delivered"] == 1


@pytest.mark.parametrize(
    "sink", ["made here", "a bucket of ours", "theirs, by role", "theirs, by key", "an API"]
)
def test_its_permissions_suffice(sink: str, sinks: dict[str, dict[str, Any]], account: Ministack) -> None:
    stack = Stack(account, f"may-{list(sinks).index(sink)}", **sinks[sink])
    done = stack.invoke(an_event())
    assert has_delivered(done), (done, account.service.tail())
    kinds = {key.split("/")[0] for key in stack.objects()}
    assert "rejects" in kinds and ("ingest" in kinds) == (sink == "made here")
    if bucket := sinks[sink].get("SinkBucket"):
        assert [key for key in stack.objects(bucket.split("/")[0]) if key.startswith("team/ingest/records/")]


# Each statement with a sink for which it is needed.
NEEDED = {
    "WriteRecords": "made here",
    "WriteRejects": "made here",
    "WriteRecordsElsewhere": "a bucket of ours",
    "AssumeSinkRole": "theirs, by role",
    "WriteManifests": "theirs, by role",
    "ReadSinkCredentials": "theirs, by key",
    "ReadApiKey": "an API",
}
# What AWS does in our roles, which no emulator checks; docs/deploy-on-aws.md names the pages that ask for it.
DONE_BY_AWS = {
    *("WriteToStream", "EncryptForStream", "WriteOwnLog", "ReadStream", "DecryptStream", "EncryptObjects"),
    *(
        "KeepFailedBatches",
        "CheckBucketOfFailedBatches",
        "StartFollowing",
        "Subscribe",
        "LetLogsWriteToStream",
    ),
}


def test_every_permission_is_accounted_for() -> None:
    assert NEEDED.keys() | DONE_BY_AWS == all_statements().keys() and not NEEDED.keys() & DONE_BY_AWS
    assert len(SETTINGS) > 5


@pytest.mark.parametrize("statement", NEEDED)
def test_each_permission_is_needed(
    statement: str, sinks: dict[str, dict[str, Any]], account: Ministack
) -> None:
    stack = Stack(account, f"without-{statement.lower()}", **sinks[NEEDED[statement]])
    action = next(
        one["Action"] for one in stack.policy("AgentRole", "agent")["Statement"] if one["Sid"] == statement
    )
    stack.take_away(statement)
    done = stack.invoke(an_event())
    assert not (isinstance(done.answer, dict) and done.answer.get("batchItemFailures") == []), done
    told = done.log + json.dumps(done.answer) + account.service.tail(20_000)
    assert f"not authorized to perform: {action}" in told, told
    # Nothing is acknowledged, and nothing else was written in its place.
    if statement == "WriteRecords":
        assert not [key for key in stack.objects() if key.startswith("ingest/")]


def test_the_agent_may_read_nothing(account: Ministack) -> None:
    """A stolen role sees neither records nor rejects, and cannot delete them."""
    stack = Stack(account, "stolen")
    assert has_delivered(stack.invoke(an_event()))
    key = next(iter(stack.objects()))
    iam, sts = account.client("iam"), account.client("sts")
    trust = json.loads(
        json.dumps(iam.get_role(RoleName=stack.ids["AgentRole"])["Role"]["AssumeRolePolicyDocument"])
    )
    trust["Statement"][0]["Principal"] = {"AWS": f"arn:aws:iam::{account.account}:root"}
    iam.update_assume_role_policy(RoleName=stack.ids["AgentRole"], PolicyDocument=json.dumps(trust))
    role = f"arn:aws:iam::{account.account}:role/{stack.ids['AgentRole']}"
    taken = sts.assume_role(RoleArn=role, RoleSessionName="thief")["Credentials"]
    s3 = account.s3_of(taken)
    place = {"Bucket": stack.outputs["BucketName"]}
    for attempt in (
        lambda: s3.get_object(**place, Key=key),
        lambda: s3.list_objects_v2(**place),
        lambda: s3.delete_object(**place, Key=key),
        lambda: s3.put_object(**place, Key="elsewhere/x", Body=b"x"),
    ):
        with pytest.raises(ClientError) as refused:
            attempt()
        assert refused.value.response["Error"]["Code"] == "AccessDenied"


# The page on deploying


def test_the_commands_of_the_page(account: Ministack, package: Path, cli: Path, tmp_path: Path) -> None:
    """From an empty account to the first clean audit. CloudWatch Logs' part, its delivery, is played here."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "metertap-lambda.zip").symlink_to(package)
    logs, kinesis = account.client("logs"), account.client("kinesis")

    def the_world(command: str) -> None:
        template = tmp_path / "template.yaml"
        if command.startswith("metertap template"):
            template.write_text(deployable(template.read_text()))
        make_numbers(account)
        if command.startswith("aws logs put-log-events"):
            # What was logged is delivered as the filter says, under the ids that a reader of the log sees.
            filters = logs.describe_subscription_filters(logGroupName="/app/api")["subscriptionFilters"]
            events = [
                Event(event["eventId"], event["timestamp"], Line(event["message"]))
                for event in logs.filter_log_events(logGroupName="/app/api")["events"]
            ]
            data = envelope(events, "/app/api", "web-1", owner=account.account)
            stream = filters[0]["destinationArn"].split("/")[-1]
            kinesis.put_record(StreamName=stream, Data=gzip.compress(data), PartitionKey="p")

    # `aws cloudformation deploy` sleeps for 5 and 30 s between its looks whether a stack is there.
    impatient = tmp_path / "impatient"
    impatient.mkdir()
    (impatient / "sitecustomize.py").write_text(
        "import time\nsleep = time.sleep\ntime.sleep = lambda seconds: sleep(min(seconds, 0.1))\n"
    )
    settings = {
        "PYTHONPATH": str(impatient),
        "AWS_ENDPOINT_URL": account.url,
        "AWS_CA_BUNDLE": str(account.ca),
        "AWS_ACCESS_KEY_ID": account.account,
        "AWS_SECRET_ACCESS_KEY": account.secret,
    }
    try:
        check_commands(ROOT / "docs/deploy-on-aws.md", cli, tmp_path, "console aws", settings, the_world)
    finally:
        if (pid := tmp_path / "up.pid").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
