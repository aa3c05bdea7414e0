"""The CloudFormation template deployed in ministack: a stack, and its function invoked."""

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from components.emulators import REGION, Ministack
from components.templates import CLOUDFORMATION

CODE = {"CodeBucket": "zips", "CodeKey": "metertap-lambda.zip"}


def deployable(template: str) -> str:
    """The template without the one resource that ministack refuses: an alarm on a query."""
    text, count = re.subn(r"\n  AlarmDropped:\n(?:    .*\n)+", "\n", template)
    assert count == 1, "the template has no such alarm any more"
    return text


def upload(cloud: Ministack, package: bytes) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=CODE["CodeBucket"], CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=CODE["CodeBucket"], Key=CODE["CodeKey"], Body=package)


def make_numbers(cloud: Ministack) -> None:
    """Makes numbers of a mapping's numbers, which ministack keeps as texts where a parameter gives them."""
    functions = cloud.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        names = ("MaximumRecordAgeInSeconds", "MaximumBatchingWindowInSeconds", "ParallelizationFactor")
        numbers = {name: int(mapping[name]) for name in names if name in mapping}
        functions.update_event_source_mapping(UUID=mapping["UUID"], **numbers)


@dataclass
class Invocation:
    """What the function answered, and its log: the accounting line, or why it could not start."""

    answer: Any
    log: str

    @property
    def accounting(self) -> dict[str, Any]:
        [line] = re.findall(r'^\{"metertap":.*$', self.log, re.M)
        return json.loads(line)


class Stack:
    """A stack of the template."""

    def __init__(self, cloud: Ministack, name: str, **parameters: Any):
        self.cloud = cloud
        self.name = name
        formation = cloud.client("cloudformation")
        formation.create_stack(
            StackName=name,
            TemplateBody=deployable(CLOUDFORMATION.read_text()),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": str(value)}
                for key, value in (CODE | parameters).items()
            ],
        )
        deadline = time.monotonic() + 30
        while True:
            [stack] = formation.describe_stacks(StackName=name)["Stacks"]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                break
            assert time.monotonic() < deadline, stack
            time.sleep(0.05)
        events = formation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        assert stack["StackStatus"] == "CREATE_COMPLETE", failed
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        make_numbers(cloud)
        resources = formation.describe_stack_resources(StackName=name)["StackResources"]
        self.ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}

    def policy(self, role: str, name: str) -> dict[str, Any]:
        iam = self.cloud.client("iam")
        return iam.get_role_policy(RoleName=self.ids[role], PolicyName=name)["PolicyDocument"]

    def take_away(self, statement: str) -> None:
        """Takes a statement out of the agent's policy."""
        policy = self.policy("AgentRole", "agent")
        kept = [one for one in policy["Statement"] if one["Sid"] != statement]
        assert len(kept) == len(policy["Statement"]) - 1
        self.cloud.client("iam").put_role_policy(
            RoleName=self.ids["AgentRole"],
            PolicyName="agent",
            PolicyDocument=json.dumps(policy | {"Statement": kept}),
        )

    def invoke(self, event: dict[str, Any]) -> Invocation:
        done = self.cloud.client("lambda").invoke(
            FunctionName=self.outputs["FunctionArn"], Payload=json.dumps(event), LogType="Tail"
        )
        log = base64.b64decode(done.get("LogResult", "")).decode()
        return Invocation(json.loads(done["Payload"].read() or b"null"), log)

    def objects(self, bucket: str | None = None) -> dict[str, bytes]:
        s3 = self.cloud.client("s3")
        bucket = bucket or self.outputs["BucketName"]
        listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}

    def wait_for_objects(self, count: int, seconds: float = 30) -> dict[str, bytes]:
        deadline = time.monotonic() + seconds
        while len(found := self.objects()) < count:
            assert time.monotonic() < deadline, f"{sorted(found)}\n{self.cloud.service.tail()}"
            time.sleep(0.1)
        return found
