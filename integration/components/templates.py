"""The deployment templates, evaluated: what each would make of given parameters.

CloudFormation is evaluated here, as far as our template uses it. Terraform is evaluated by `terraform.go`,
with Terraform's own libraries, and told in CloudFormation's words, so that the two can be compared. What is
known only after it was made stands as a mark: `${Bucket}`, `${Bucket.Arn}`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from components.processes import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
CLOUDFORMATION = ROOT / "Sources/metertap/Templates/cloudformation.yaml"
TERRAFORM = ROOT / "Sources/metertap/Templates/terraform.tf"
# As Stacks name it by default in these tests, and the module by its own default.
NAME = "metertap"
Resources = dict[str, dict[str, Any]]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with CloudFormation's short forms: `!Sub x` is `{"Fn::Sub": "x"}`."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        value = value.split(".", 1) if suffix == "GetAtt" else value
    else:
        value = loader.construct_sequence(node, deep=True)  # type: ignore[arg-type]
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)
_NOTHING = object()


class CloudFormation:
    """The template with parameters; `known` replaces marks, such as `AWS::Region`, by values."""

    def __init__(self, text: str | None = None, known: dict[str, str] | None = None, **parameters: Any):
        self.template = yaml.load(text or CLOUDFORMATION.read_text(), _Loader)
        declared = self.template["Parameters"]
        unknown = parameters.keys() - declared.keys()
        assert not unknown, f"the template has no parameter {unknown}"
        self.parameters = {name: one["Default"] for name, one in declared.items() if "Default" in one}
        self.parameters |= parameters
        missing = declared.keys() - self.parameters.keys()
        assert not missing, f"no value for parameter {missing}"
        self.known = {"AWS::StackName": NAME} | (known or {})

    def resources(self) -> Resources:
        return {
            name: {"Type": one["Type"], "Properties": self.value(one["Properties"])}
            for name, one in self.template["Resources"].items()
            if self.is_made(one)
        }

    def outputs(self) -> dict[str, Any]:
        return {
            name: self.value(one["Value"])
            for name, one in self.template["Outputs"].items()
            if self.is_made(one)
        }

    def is_made(self, part: dict[str, Any]) -> bool:
        return "Condition" not in part or self.holds({"Condition": part["Condition"]})

    def mark(self, name: str) -> Any:
        if name in self.parameters:
            return self.parameters[name]
        return self.known.get(name, f"${{{name}}}")

    def holds(self, condition: dict[str, Any]) -> bool:
        [(name, value)] = condition.items()
        match name:
            case "Condition":
                return self.holds(self.template["Conditions"][value])
            case "Fn::Equals":
                return str(self.value(value[0])) == str(self.value(value[1]))
            case "Fn::And":
                return all(map(self.holds, value))
            case "Fn::Not":
                return not self.holds(value[0])
        raise AssertionError(f"{name} is not evaluated here")

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [found for found in map(self.value, node) if found is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1 and (function := next(iter(node))) in ("Ref", *_FUNCTIONS):
            return _FUNCTIONS[function](self, node[function])
        return {name: v for name, one in node.items() if (v := self.value(one)) is not _NOTHING}

    def _ref(self, name: str) -> Any:
        return _NOTHING if name == "AWS::NoValue" else self.mark(name)

    def _substituted(self, given: Any) -> str:
        text, own = (given, {}) if isinstance(given, str) else (given[0], self.value(given[1]))
        return re.sub(r"\$\{([\w:.]+)\}", lambda m: str(own[m[1]] if m[1] in own else self.mark(m[1])), text)

    def _split(self, given: Any) -> list[str]:
        return self.value(given[1]).split(given[0])

    def _joined(self, given: Any) -> str:
        return given[0].join(self.value(given[1]))

    def _if(self, given: Any) -> Any:
        return self.value(given[1] if self.holds({"Condition": given[0]}) else given[2])


_FUNCTIONS: dict[str, Callable[[CloudFormation, Any], Any]] = {
    "Ref": CloudFormation._ref,
    "Fn::GetAtt": lambda self, given: self.mark(".".join(given)),
    "Fn::If": CloudFormation._if,
    "Fn::Join": CloudFormation._joined,
    "Fn::Split": CloudFormation._split,
    "Fn::Sub": CloudFormation._substituted,
}


# Terraform


class Terraform:
    """`terraform.go`, built once into a directory."""

    def __init__(self, directory: Path):
        self.program = directory / "terraform"
        subprocess.run(
            [Path(sys.executable).parent / "go", "build", "-o", self.program, "terraform.go"],
            cwd=Path(__file__).parent,
            # Debian's package of the libraries is laid out for the time before modules.
            env=clean_environment(
                GO111MODULE="off", GOPATH="/usr/share/gocode", GOTOOLCHAIN="local", GOTELEMETRY="off"
            ),
            check=True,
        )

    def formatted(self, file: Path) -> str:
        return self._run("format", file).stdout

    def evaluated(self, file: Path, **variables: Any) -> dict[str, Any]:
        done = self._run("evaluate", file, json.dumps(variables))
        if done.returncode:
            raise ValueError(done.stderr)
        return json.loads(done.stdout)

    def _run(self, what: str, file: Path, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, what, file], input=given, capture_output=True, text=True, check=False
        )


def snake(name: str) -> str:
    """AgentRole to agent_role: a parameter, resource or output of both templates."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def in_words_of_cloudformation(evaluated: dict[str, Any]) -> Resources:
    """What Terraform would make, with CloudFormation's types, names and properties.

    An attribute that is not translated is an error, so that none is overlooked. Generated names are left out:
    CloudFormation makes them up by itself, Terraform from a prefix.
    """
    made: Resources = {}
    parts = []
    for address, given in evaluated["resources"].items():
        kind, name = address.split(".")
        attributes = _Attributes(address, _marks(given))
        if kind in _PARTS:
            parts.append((kind, camel(name), attributes))
            continue
        type_, translate = _KINDS[kind]
        made[camel(name)] = {"Type": type_, "Properties": translate(attributes)}
        attributes.must_be_used()
    for kind, name, attributes in parts:
        _PARTS[kind](made[name]["Properties"], attributes, name)
        attributes.must_be_used()
    for one in made.values():
        one["Properties"] = {name: v for name, v in one["Properties"].items() if v is not None}
    return made


def _marks(value: Any) -> Any:
    """`${aws_s3_bucket.bucket.arn}` to `${Bucket.Arn}`, anywhere."""
    pseudo = {
        "data.aws_region.current.id": "AWS::Region",
        "data.aws_partition.current.partition": "AWS::Partition",
        "data.aws_caller_identity.current.account_id": "AWS::AccountId",
    }

    def mark(match: re.Match[str]) -> str:
        if match[1] in pseudo:
            return f"${{{pseudo[match[1]]}}}"
        kind, name, attribute = match[1].split(".")
        # The reference to a state machine is its ARN.
        if attribute == "arn" and kind != "aws_sfn_state_machine":
            return f"${{{camel(name)}.Arn}}"
        return f"${{{camel(name)}}}"

    text = re.sub(r"\$\{((?:data|aws_)[\w.]+)\}", mark, json.dumps(value))
    return json.loads(text)


class _Attributes:
    """The attributes of a resource, which are to be taken one by one."""

    def __init__(self, address: str, given: dict[str, Any]):
        self.address = address
        self.given = dict(given)

    def __call__(self, name: str) -> Any:
        return self.given.pop(name, None)

    def block(self, name: str) -> "_Attributes | None":
        """The only block of a kind; the attributes below are to be taken from what is returned."""
        found = self.blocks(name)
        assert len(found) <= 1, f"{self.address} has {len(found)} {name}"
        return found[0] if found else None

    def blocks(self, name: str) -> "list[_Attributes]":
        found = [_Attributes(f"{self.address}.{name}", one) for one in self.given.get(name, [])]
        if found:
            self.given[name] = found
        return found

    def json(self, name: str) -> Any:
        return json.loads(self(name))

    def must_be_used(self) -> None:
        for name, value in self.given.items():
            below = isinstance(value, list) and value and all(isinstance(one, _Attributes) for one in value)
            assert below, f"{self.address}: {name} is not translated"
            for one in value:
                one.must_be_used()


def _named(attributes: _Attributes, **names: str) -> dict[str, Any]:
    """Attributes that have only another name."""
    return {name: attributes(attribute) for name, attribute in names.items()}


def _bucket(a: _Attributes) -> dict[str, Any]:
    a("bucket_prefix")
    return {}


def _encryption(bucket: dict[str, Any], a: _Attributes, _: str) -> None:
    a("bucket")
    rule = a.block("rule")
    assert rule
    default = rule.block("apply_server_side_encryption_by_default")
    assert default
    by_default = _named(default, SSEAlgorithm="sse_algorithm", KMSMasterKeyID="kms_master_key_id")
    bucket["BucketEncryption"] = {
        "ServerSideEncryptionConfiguration": [
            {
                "BucketKeyEnabled": rule("bucket_key_enabled"),
                "ServerSideEncryptionByDefault": {k: v for k, v in by_default.items() if v is not None},
            }
        ]
    }


def _public_access(bucket: dict[str, Any], a: _Attributes, _: str) -> None:
    a("bucket")
    bucket["PublicAccessBlockConfiguration"] = {camel(name): a(name) for name in list(a.given)}


def _ownership(bucket: dict[str, Any], a: _Attributes, _: str) -> None:
    a("bucket")
    bucket["OwnershipControls"] = {
        "Rules": [_named(rule, ObjectOwnership="object_ownership") for rule in a.blocks("rule")]
    }


def _versioning(bucket: dict[str, Any], a: _Attributes, _: str) -> None:
    a("bucket")
    status = a.block("versioning_configuration")
    assert status
    bucket["VersioningConfiguration"] = _named(status, Status="status")


def _lifecycle(bucket: dict[str, Any], a: _Attributes, _: str) -> None:
    a("bucket")
    rules = []
    for rule in a.blocks("rule"):
        told = _named(rule, Id="id", Status="status")
        if filter_ := rule.block("filter"):
            told["Prefix"] = filter_("prefix")
        if expiration := rule.block("expiration"):
            told["ExpirationInDays"] = expiration("days")
        if old := rule.block("noncurrent_version_expiration"):
            told["NoncurrentVersionExpiration"] = _named(old, NoncurrentDays="noncurrent_days")
        if abort := rule.block("abort_incomplete_multipart_upload"):
            told["AbortIncompleteMultipartUpload"] = _named(
                abort, DaysAfterInitiation="days_after_initiation"
            )
        rules.append(told)
    bucket["LifecycleConfiguration"] = {"Rules": rules}


def _bucket_metric(bucket: dict[str, Any], a: _Attributes, _: str) -> None:
    a("bucket")
    bucket.setdefault("MetricsConfigurations", []).append({"Id": a("name")})


def _bucket_policy(a: _Attributes) -> dict[str, Any]:
    return {"Bucket": a("bucket"), "PolicyDocument": a.json("policy")}


def _stream(a: _Attributes) -> dict[str, Any]:
    mode, lifecycle = a.block("stream_mode_details"), a.block("lifecycle")
    assert mode and lifecycle and lifecycle("prevent_destroy") is True
    return {
        **_named(a, Name="name", ShardCount="shard_count", RetentionPeriodHours="retention_period"),
        "StreamModeDetails": _named(mode, StreamMode="stream_mode"),
        "StreamEncryption": _named(a, EncryptionType="encryption_type", KeyId="kms_key_id"),
    }


def _role(a: _Attributes) -> dict[str, Any]:
    a("name_prefix")
    return {
        **_named(a, Description="description", PermissionsBoundary="permissions_boundary"),
        "AssumeRolePolicyDocument": a.json("assume_role_policy"),
        "Policies": [],
    }


def _role_policy(role: dict[str, Any], a: _Attributes, name: str) -> None:
    assert a("role") == f"${{{name}}}", f"{a.address} belongs to another role"
    role["Policies"].append({"PolicyName": a("name"), "PolicyDocument": a.json("policy")})


def _log_group(a: _Attributes) -> dict[str, Any]:
    return _named(a, LogGroupName="name", RetentionInDays="retention_in_days", KmsKeyId="kms_key_id")


def _function(a: _Attributes) -> dict[str, Any]:
    logging, environment = a.block("logging_config"), a.block("environment")
    assert logging and environment
    return {
        **_named(a, FunctionName="function_name", Description="description", Runtime="runtime", Role="role"),
        **_named(a, Handler="handler", Architectures="architectures", Timeout="timeout"),
        "MemorySize": a("memory_size"),
        "Code": _named(a, S3Bucket="s3_bucket", S3Key="s3_key"),
        "LoggingConfig": _named(logging, LogGroup="log_group", LogFormat="log_format"),
        "Environment": {"Variables": environment("variables")},
    }


def _on_failure(a: _Attributes, attribute: str) -> dict[str, Any]:
    config = a.block("destination_config")
    failure = config and config.block("on_failure")
    assert failure
    return {"OnFailure": {"Destination": failure(attribute)}}


def _mapping(a: _Attributes) -> dict[str, Any]:
    return {
        **_named(a, FunctionName="function_name", EventSourceArn="event_source_arn", BatchSize="batch_size"),
        **_named(a, StartingPosition="starting_position", ParallelizationFactor="parallelization_factor"),
        "MaximumBatchingWindowInSeconds": a("maximum_batching_window_in_seconds"),
        "FunctionResponseTypes": a("function_response_types"),
        "BisectBatchOnFunctionError": a("bisect_batch_on_function_error"),
        "MaximumRetryAttempts": a("maximum_retry_attempts"),
        "MaximumRecordAgeInSeconds": a("maximum_record_age_in_seconds"),
        "DestinationConfig": _on_failure(a, "destination_arn"),
    }


def _invoke_config(a: _Attributes) -> dict[str, Any]:
    return {
        **_named(a, FunctionName="function_name", Qualifier="qualifier"),
        "MaximumRetryAttempts": a("maximum_retry_attempts"),
        "MaximumEventAgeInSeconds": a("maximum_event_age_in_seconds"),
        "DestinationConfig": _on_failure(a, "destination"),
    }


def _permission(a: _Attributes) -> dict[str, Any]:
    return {
        **_named(a, FunctionName="function_name", Action="action", Principal="principal"),
        **_named(a, SourceAccount="source_account", SourceArn="source_arn"),
    }


def _rule(a: _Attributes) -> dict[str, Any]:
    return {
        **_named(a, Name="name", Description="description", State="state"),
        "EventPattern": a.json("event_pattern"),
        "Targets": [],
    }


def _target(rule: dict[str, Any], a: _Attributes, name: str) -> None:
    assert a("rule") == f"${{{name}}}"
    rule["Targets"].append(_named(a, Id="target_id", Arn="arn", RoleArn="role_arn"))


def _machine(a: _Attributes) -> dict[str, Any]:
    return {
        **_named(a, StateMachineName="name", StateMachineType="type", RoleArn="role_arn"),
        "Definition": a.json("definition"),
    }


def _metric_filter(a: _Attributes) -> dict[str, Any]:
    transformation = a.block("metric_transformation")
    assert transformation
    return {
        **_named(a, FilterName="name", LogGroupName="log_group_name", FilterPattern="pattern"),
        "MetricTransformations": [
            _named(transformation, MetricName="name", MetricNamespace="namespace", MetricValue="value")
        ],
    }


def _alarm(a: _Attributes) -> dict[str, Any]:
    same = "alarm_name alarm_description namespace metric_name statistic period evaluation_periods threshold"
    told = {camel(name): a(name) for name in same.split()}
    told |= {camel(name): a(name) for name in ("comparison_operator", "treat_missing_data", "alarm_actions")}
    dimensions = a("dimensions")
    if dimensions is not None:
        told["Dimensions"] = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    queries = a.blocks("metric_query")
    if queries:
        told["Metrics"] = [
            _named(query, Id="id", Expression="expression", Period="period", ReturnData="return_data")
            for query in queries
        ]
    return told


def _dashboard(a: _Attributes) -> dict[str, Any]:
    return {"DashboardName": a("dashboard_name"), "DashboardBody": a("dashboard_body")}


_KINDS: dict[str, tuple[str, Callable[[_Attributes], dict[str, Any]]]] = {
    "aws_cloudwatch_dashboard": ("AWS::CloudWatch::Dashboard", _dashboard),
    "aws_cloudwatch_event_rule": ("AWS::Events::Rule", _rule),
    "aws_cloudwatch_log_group": ("AWS::Logs::LogGroup", _log_group),
    "aws_cloudwatch_log_metric_filter": ("AWS::Logs::MetricFilter", _metric_filter),
    "aws_cloudwatch_metric_alarm": ("AWS::CloudWatch::Alarm", _alarm),
    "aws_iam_role": ("AWS::IAM::Role", _role),
    "aws_kinesis_stream": ("AWS::Kinesis::Stream", _stream),
    "aws_lambda_event_source_mapping": ("AWS::Lambda::EventSourceMapping", _mapping),
    "aws_lambda_function": ("AWS::Lambda::Function", _function),
    "aws_lambda_function_event_invoke_config": ("AWS::Lambda::EventInvokeConfig", _invoke_config),
    "aws_lambda_permission": ("AWS::Lambda::Permission", _permission),
    "aws_s3_bucket": ("AWS::S3::Bucket", _bucket),
    "aws_s3_bucket_policy": ("AWS::S3::BucketPolicy", _bucket_policy),
    "aws_sfn_state_machine": ("AWS::StepFunctions::StateMachine", _machine),
}

# What is a resource of its own in Terraform and a property in CloudFormation, under the same name.
_PARTS: dict[str, Callable[[dict[str, Any], _Attributes, str], None]] = {
    "aws_cloudwatch_event_target": _target,
    "aws_iam_role_policy": _role_policy,
    "aws_s3_bucket_lifecycle_configuration": _lifecycle,
    "aws_s3_bucket_metric": _bucket_metric,
    "aws_s3_bucket_ownership_controls": _ownership,
    "aws_s3_bucket_public_access_block": _public_access,
    "aws_s3_bucket_server_side_encryption_configuration": _encryption,
    "aws_s3_bucket_versioning": _versioning,
}
