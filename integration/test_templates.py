"""The deployment templates: printed, well-formed, and the same as CloudFormation and as Terraform."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.emulators import tool
from components.processes import clean_environment
from components.templates import (
    CLOUDFORMATION,
    TERRAFORM,
    CloudFormation,
    Resources,
    Terraform,
    in_words_of_cloudformation,
    snake,
)
from conftest import ROOT

REQUIRED = {"CodeBucket": "zips", "CodeKey": "metertap-lambda.zip"}
KEY = {"KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"}
API = {
    "IngestUrl": "https://meters.example/ingest",
    "ApiKeySecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-AbCdEf",
}
THEIR_BUCKET_BY_ROLE = {
    "SinkBucket": "theirs/team/",
    "SinkRegion": "us-west-2",
    "SinkRoleArn": "arn:aws:iam::210987654321:role/writer",
    "SinkExternalId": "us",
    "SinkAcl": "bucket-owner-full-control",
    "SinkEncryption": "aws:kms",
}
THEIR_BUCKET_BY_KEY = {
    "SinkBucket": "theirs/",
    "SinkCredentialsSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sink-AbCdEf",
}
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
# All that a parameter other than a number decides, on and off.
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "direct": {"Mode": "direct"},
    "draining": {"Mode": "draining"},
    "draining, followed, with a key": {"Mode": "draining", "FollowLogGroups": "/app/", **KEY},
    "a boundary": {"PermissionsBoundaryArn": BOUNDARY, "FollowLogGroups": "/"},
    "direct, followed, with a key": {"Mode": "direct", "FollowLogGroups": "/app/", "Tags": "usage", **KEY},
    "followed, with a key": {"FollowLogGroups": "/", "Tags": "a,b_c", **KEY},
    "API": {**API, "AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms"},
    "their bucket, by role": THEIR_BUCKET_BY_ROLE,
    "their bucket, by key": THEIR_BUCKET_BY_KEY,
    "a bucket of ours": {"SinkBucket": "ours/team/eu/"},
    "all numbers": {
        "Shards": 3,
        "StreamRetentionHours": 48,
        "BatchingWindowSeconds": 60,
        "ParallelizationFactor": 4,
        "MaximumRecordAgeSeconds": 3600,
        "MemorySize": 1769,
        "Timeout": 120,
        "LogRetentionDays": 7,
        "KeepDays": 30,
        "RejectsAlarmThreshold": 5,
        "SilenceHours": 6,
        "Architecture": "arm64",
        "AllowMissingCustomer": "true",
    },
}


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return Terraform(tmp_path_factory.mktemp("terraform"))


# Printed and well-formed


@pytest.mark.parametrize(("kind", "file"), [("cloudformation", CLOUDFORMATION), ("terraform", TERRAFORM)])
def test_the_command_prints_the_template(kind: str, file: Path, cli: Path) -> None:
    done = subprocess.run([cli, "template", kind], capture_output=True, env=clean_environment(), check=True)
    assert done.stdout == file.read_bytes()


def test_another_kind_is_refused(cli: Path) -> None:
    done = subprocess.run([cli, "template", "pulumi"], capture_output=True, text=True, check=False)
    assert done.returncode == 64 and "cloudformation" in done.stderr and not done.stdout


def test_cloudformation_has_no_findings() -> None:
    done = subprocess.run(
        [tool("cfn-lint"), "--include-checks", "I", "--", CLOUDFORMATION],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr


def test_terraform_is_formatted(terraform: Terraform) -> None:
    """By the library that `terraform fmt` formats with; and by the program, where it is at hand."""
    assert terraform.formatted(TERRAFORM) == TERRAFORM.read_text(), "run terraform fmt, or tofu fmt"
    for program in filter(shutil.which, ("terraform", "tofu")):
        subprocess.run([program, "fmt", "-check", "-diff", TERRAFORM], check=True)


def test_terraform_names_nothing_that_is_not_there(terraform: Terraform) -> None:
    """A reference to a resource that is not declared is what `terraform validate` would find first."""
    text = TERRAFORM.read_text()
    declared = set(re.findall(r'^resource "(\w+)" "(\w+)"', text, re.M))
    named = set(re.findall(r"(?<!data\.)\b(aws_\w+)\.(\w+)\b", text))
    assert named <= declared, named - declared
    # One that is made on a condition is named by its number, any other without.
    counted = {
        (kind, name)
        for kind, name, body in re.findall(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}', text, re.M | re.S)
        if re.match(r"\s+count\s+=", body)
    }
    for kind, name, index in re.findall(r"(?<!data\.)\b(aws_\w+)\.(\w+)(\[0\])?\.", text):
        assert ((kind, name) in counted) == bool(index), f"{kind}.{name}{index}"


# The same


def both(terraform: Terraform, file: Path, settings: dict[str, Any]) -> tuple[Resources, Resources]:
    parameters = REQUIRED | settings
    ours = CloudFormation(**parameters).resources()
    for one in ours.values():
        if body := one["Properties"].get("DashboardBody"):
            one["Properties"]["DashboardBody"] = json.loads(body)
    variables = {snake(name): value for name, value in parameters.items()}
    if "allow_missing_customer" in variables:
        variables["allow_missing_customer"] = variables["allow_missing_customer"] == "true"
    theirs = in_words_of_cloudformation(terraform.evaluated(file, **variables))
    theirs["Dashboard"]["Properties"]["DashboardBody"] = json.loads(
        theirs["Dashboard"]["Properties"]["DashboardBody"]
    )
    return ours, theirs


def differences(ours: Resources, theirs: Resources) -> list[str]:
    found = [f"{name} is only in one of the two" for name in sorted(ours.keys() ^ theirs.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        found += compared(name, ours[name], theirs[name])
    return found


def compared(path: str, ours: Any, theirs: Any) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            line
            for name in sorted(ours.keys() | theirs.keys())
            for line in compared(f"{path}.{name}", ours.get(name), theirs.get(name))
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            line
            for i, pair in enumerate(zip(ours, theirs, strict=True))
            for line in compared(f"{path}[{i}]", *pair)
        ]
    return [] if type(ours) is type(theirs) and ours == theirs else [f"{path}: {ours!r} and {theirs!r}"]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_both_make_the_same_resources(settings: dict[str, Any], terraform: Terraform) -> None:
    ours, theirs = both(terraform, TERRAFORM, settings)
    assert not (found := differences(ours, theirs)), "\n".join(found)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ('"kinesis:GetRecords",', ""),
        ("threshold           = 3600000", "threshold           = 360000"),
        ("bisect_batch_on_function_error     = true", "bisect_batch_on_function_error     = false"),
        ('Action    = "s3:*"', 'Action    = "s3:PutObject"'),
        ('"Delivered"\n', '"Rejected"\n'),
        ("default     = 518400", "default     = 86400"),
        ("restrict_public_buckets = true", "restrict_public_buckets = false"),
        ("noncurrent_days = 30", "noncurrent_days = 31"),
        ("retention_in_days = var.log_retention_days", "retention_in_days = 30 + var.keep_days"),
        (
            'resource "aws_s3_bucket_versioning" "bucket"',
            'resource "aws_s3_bucket_versioning" "failed_batches"',
        ),
    ],
)
def test_a_difference_would_be_found(text: str, other: str, terraform: Terraform, tmp_path: Path) -> None:
    whole = TERRAFORM.read_text()
    assert text in whole
    (tmp_path / "main.tf").write_text(whole.replace(text, other, 1))
    assert differences(*both(terraform, tmp_path / "main.tf", {}))


def test_both_have_the_same_parameters(terraform: Terraform) -> None:
    parameters = CloudFormation(**REQUIRED).template["Parameters"]
    variables = terraform.evaluated(TERRAFORM, **{snake(k): v for k, v in REQUIRED.items()})["variables"]
    assert variables.keys() == {"name", *map(snake, parameters)}
    in_words = {parameter: snake(parameter) for parameter in parameters if "_" in snake(parameter)}
    for parameter, declared in parameters.items():
        variable = variables[snake(parameter)]
        flag = declared.get("AllowedValues") == ["true", "false"]
        default = {"true": True, "false": False}[declared["Default"]] if flag else declared.get("Default")
        assert variable.get("default") == default, parameter
        assert variable["type"] == ("bool" if flag else declared["Type"].lower()), parameter
        text = re.sub(r"\w+", lambda m: in_words.get(m[0], m[0]), declared["Description"])
        assert variable["description"] == text, parameter


def limits(declared: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Values that a parameter takes, and some that it does not."""
    if "AllowedValues" in declared:
        other = -1 if declared["Type"] == "Number" else "nonsense"
        return declared["AllowedValues"], [other]
    taken, refused = [], []
    if "MinValue" in declared:
        taken, refused = [declared["MinValue"]], [declared["MinValue"] - 1]
    if "MaxValue" in declared:
        taken, refused = [*taken, declared["MaxValue"]], [*refused, declared["MaxValue"] + 1]
    if "MinLength" in declared:
        taken, refused = ["x" * declared["MinLength"]], ["x" * (declared["MinLength"] - 1)]
    if "AllowedPattern" in declared:
        refused = ["no such form !"]
    return taken, refused


def test_both_refuse_the_same_values(terraform: Terraform) -> None:
    module = TERRAFORM.read_text()
    for name, declared in CloudFormation(**REQUIRED).template["Parameters"].items():
        if declared.get("AllowedValues") == ["true", "false"]:
            continue  # a bool
        taken, refused = limits(declared)
        for value in taken:
            terraform.evaluated(TERRAFORM, **{snake(n): v for n, v in (REQUIRED | {name: value}).items()})
        for value in refused:
            with pytest.raises(ValueError, match=snake(name)):
                terraform.evaluated(TERRAFORM, **{snake(n): v for n, v in (REQUIRED | {name: value}).items()})
        if pattern := declared.get("AllowedPattern"):
            assert f'regex("^({pattern})$", var.{snake(name)})' in module, name


def test_both_have_the_same_outputs(terraform: Terraform) -> None:
    for mode in ("stream", "draining", "direct"):
        template = CloudFormation(**REQUIRED, Mode=mode)
        ours = {snake(name): value for name, value in template.outputs().items()}
        evaluated = terraform.evaluated(TERRAFORM, **{snake(k): v for k, v in REQUIRED.items()}, mode=mode)
        outputs = {name: one.get("value") for name, one in evaluated["outputs"].items()}
        assert {name for name, value in outputs.items() if value} == ours.keys()
        for name, declared in template.template["Outputs"].items():
            assert evaluated["outputs"][snake(name)]["description"] == declared["Description"]


def test_the_way_from_stream_to_direct_loses_nothing() -> None:
    """What reads the stream, and writes to it, stays until direct; and the stream itself in any case."""
    stream, draining, direct = (
        CloudFormation(**REQUIRED, FollowLogGroups="/", Mode=mode).resources()
        for mode in ("stream", "draining", "direct")
    )
    way = ("Stream", "LogsRole", "Mapping", "AlarmStreamFull")
    assert {name: draining[name] for name in way} == {name: stream[name] for name in way}
    assert not direct.keys() & set(way)
    for name in ("Retries", "LogsMayInvoke"):
        assert draining[name] == direct[name]
    target = draining["FollowMachine"]["Properties"]["Definition"]["States"]["Attach"]["Parameters"]
    assert target == direct["FollowMachine"]["Properties"]["Definition"]["States"]["Attach"]["Parameters"]
    declared = CloudFormation(**REQUIRED).template["Resources"]["Stream"]
    assert declared["DeletionPolicy"] == declared["UpdateReplacePolicy"] == "Retain"


def test_every_role_has_the_boundary() -> None:
    resources = CloudFormation(**REQUIRED, **SETTINGS["a boundary"]).resources().values()
    roles = [one["Properties"] for one in resources if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 4 and all(role["PermissionsBoundary"] == BOUNDARY for role in roles)


@pytest.mark.parametrize("tags", ["usage", "usage,b_c", "a,b,c"])
def test_a_new_log_group_gets_the_pattern_of_metertap_attach(tags: str, cli: Path) -> None:
    machine = CloudFormation(**REQUIRED, FollowLogGroups="/", Tags=tags).resources()["FollowMachine"]
    pattern = machine["Properties"]["Definition"]["States"]["Attach"]["Parameters"]["FilterPattern"]
    done = subprocess.run(
        [cli, "attach", "--explain", "a line", "--tags", tags],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    )
    assert f"  pattern  {pattern}\n" in done.stdout
    assert pattern == f"%{tags.replace(',', '|')}%"


# Least privilege, as far as it can be read


def statements(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every statement of every role, by its name."""
    found = {}
    for one in CloudFormation(**REQUIRED, **settings).resources().values():
        for policy in one["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Sid"] not in found, "a name for two"
                found[statement["Sid"]] = statement
    return found


def all_statements() -> dict[str, dict[str, Any]]:
    return {name: one for settings in SETTINGS.values() for name, one in statements(settings).items()}


def test_every_statement_is_explained() -> None:
    """Each permission has a line in the page on deploying, and each wildcard is where it is said to be."""
    page = (ROOT / "docs/deploy-on-aws.md").read_text().split("## Permissions")[1]
    table = {m[1]: m[0] for m in re.finditer(r"^\| `(\w+)` \|.*$", page, re.M)}
    every = all_statements()
    assert table.keys() == every.keys()
    for name, statement in every.items():
        actions = statement["Action"]
        for action in actions if isinstance(actions, list) else [actions]:
            assert "*" not in action and f"`{action}`" in table[name], f"{name}: {action}"
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            # Objects below a prefix, the streams of a log group, log groups to come: nothing wider.
            assert resource != "*" and resource.count("*") <= 1 and "*" not in resource[:-1], resource
            if resource.endswith("*"):
                assert "*" in table[name], f"{name}: its wildcard is not explained"
