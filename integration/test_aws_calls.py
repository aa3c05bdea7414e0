"""Every call to AWS against botocore's models: what is sent is valid, what is answered is understood.

`signature-probe calls` makes each call once. A server here reads the request by the service's model, has
botocore validate its parameters and write the request again, and answers with every member that the
model has, after botocore has read the answer itself. moto and the fakes take calls that AWS would refuse.
"""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.emulators import REGION
from components.processes import clean_environment
from conftest import ROOT
from reference import aws_wire

PROBE = Path(os.environ.get("METERTAP_SIGNATURE_PROBE", ROOT / ".build/debug/signature-probe"))
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[a-z0-9-]+/([a-z0-9]+)/aws4_request")

#: What the probe must have understood of an answer: places in the model's output, and other values.
UNDERSTOOD = {
    "DescribeLogGroups": [
        "logGroups.0.logGroupName",
        "logGroups.1.arn",
        "logGroups.0.logGroupClass",
        "logGroups.0.dataProtectionStatus",
        "logGroups.0.inheritedProperties.1",
        "retentionInDays: Optional(7)",
        "metricFilterCount: Optional(7)",
        "creationTime: Optional(1767225600007)",
    ],
    "DescribeLogGroups, all": ["logGroups.0.logGroupName"],
    "FilterLogEvents": ["events.0.logStreamName", "events.1.message", "events.1.eventId", "1767225600007"],
    "DescribeDestinations": ["destinations.0.targetArn", "destinations.0.roleArn"],
    "DescribeSubscriptionFilters": [
        "subscriptionFilters.0.filterName",
        "subscriptionFilters.1.filterPattern",
        "subscriptionFilters.0.destinationArn",
        "subscriptionFilters.0.roleArn",
        "subscriptionFilters.0.distribution",
        "subscriptionFilters.0.emitSystemFields.0",
        "subscriptionFilters.0.fieldSelectionCriteria",
        "applyOnTransformedLogs: Optional(true)",
    ],
    "DescribeMetricFilters": ["metricFilters.0.filterPattern", "metricFilters.1.filterPattern"],
    "DescribeAccountPolicies": ["accountPolicies.0.policyName", "accountPolicies.1.selectionCriteria"],
    "PutSubscriptionFilter": ["()"],
    "DeleteSubscriptionFilter": ["()"],
    "PutAccountPolicy": ["()"],
    "DeleteAccountPolicy": ["()"],
    "DescribeStreamSummary": [
        "StreamDescriptionSummary.StreamName",
        "StreamDescriptionSummary.StreamARN",
        "1767225600",
    ],
    "DescribeStreamSummary, how it is set up": [
        "StreamDescriptionSummary.StreamStatus",
        "retentionHours: 7",
        "openShards: 7",
        "maximumRecordKiB: Optional(7)",
        "StreamDescriptionSummary.StreamModeDetails.StreamMode",
    ],
    "ListShards": ["Shards.0.ShardId", "Shards.1.ParentShardId", "Shards.0.AdjacentParentShardId"],
    "GetShardIterator, trimHorizon": ["ShardIterator"],
    "GetShardIterator, at(1767225600250)": ["ShardIterator"],
    'GetShardIterator, after("495")': ["ShardIterator"],
    "GetRecords": ["Records.0.SequenceNumber", "NextShardIterator"],
    "ListEventSourceMappings": [
        "EventSourceMappings.0.UUID",
        "EventSourceMappings.1.FunctionArn",
        "EventSourceMappings.0.State",
        "EventSourceMappings.0.StateTransitionReason",
        "EventSourceMappings.0.LastProcessingResult",
        "EventSourceMappings.0.StartingPosition",
        "EventSourceMappings.0.DestinationConfig.OnFailure.Destination",
        "EventSourceMappings.0.FunctionResponseTypes.1",
        "maximumRecordAge: Optional(7)",
        "maximumRetries: Optional(7)",
        "bisects: Optional(true)",
        "filters: 2",
    ],
    "GetFunctionConfiguration": [
        '"Role"',
        "timeout: Optional(7)",
        "memory: Optional(7)",
        '"State"',
        '"StateReason"',
        '"LastUpdateStatus"',
        '"LastUpdateStatusReason"',
        "LoggingConfig.LogGroup",
        "Environment.Variables.key",
        "Environment.Error.Message",
    ],
    "GetFunctionConcurrency": ["Optional(7)"],
    "GetFunctionEventInvokeConfig": ["DestinationConfig.OnFailure.Destination"],
    "GetPolicy": ['"Policy"'],
    "AddPermission": ["()"],
    "RemovePermission": ["()"],
    "Invoke": ['"Payload"', '"FunctionError"'],
    "PutObject": ["created", "ETag"],
    "PutObject, replacing": ["ETag"],
    "PutObject, a check": ["()"],
    "CreateMultipartUpload": ["created", "ETag"],
    "AbortMultipartUpload": ["AccessDenied"],
    "GetObject": ["66, 111, 100, 121", "ETag", "ContentType", 'metadata: ["key": "Metadata.key"]'],
    "HeadObject": ["ETag", "bytes: 9", "ContentType", 'metadata: ["key": "Metadata.key"]'],
    "DeleteObject": ["()"],
    "CopyObject": ["()"],
    "ListObjectsV2": ["Contents.0.Key", "Contents.1.ETag", "2026-01-01T00:00:00Z", "bytes: 1767225600007"],
    "GetCallerIdentity": ['"Account"', '"Arn"'],
    "AssumeRole": ["Credentials.AccessKeyId"],
    "AssumeRoleWithWebIdentity": ["Credentials.AccessKeyId"],
    "SimulatePrincipalPolicy": ["EvaluationResults.0.EvalActionName", "EvaluationResults.1.EvalDecision"],
    "GetRole": ["Role.AssumeRolePolicyDocument"],
    "GetSecretValue": ["SecretString"],
    "ReceiveMessage": ["Messages.0.Body", "Messages.1.ReceiptHandle"],
    "GetMetricData": ["1.5"],
    "ListMetrics": ["Metrics.0.Dimensions.0.Name", "Metrics.1.Dimensions.1.Value"],
    "GetResources": ["shop"],
}


class Models(aws_wire.Models):
    """Answers, and keeps what was wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.operations: set[str] = set()
        self.lock = threading.Lock()

    def respond(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        scope = SCOPE.search(headers.get("authorization", ""))
        service = scope[1] if scope else "sts"  # the only call that is not signed is one of STS
        call = self.read(service, method, target, headers, body)
        name = call.operation.name
        result = self.result(call)
        status, fields, content = aws_wire.answer(call, result)
        again = aws_wire.read_again(call, status, fields, content)
        if name in ("GetObject", "Invoke"):  # their bodies are streams there
            again, result = (
                {k: v for k, v in one.items() if k not in ("Body", "Payload")} for one in (again, result)
            )
        if again != result:
            self.problems.append(f"{name}: botocore reads {again}, not {result}")
        self.problems += call.problems
        self.operations.add(name)
        if name == "UploadPart" and call.parameters["Key"] == "aborted":
            return 403, {}, b"<Error><Code>AccessDenied</Code><Message>m</Message></Error>"
        if headers.get("content-md5", "").startswith("1B2M2Y8A"):  # the digest of nothing: a check
            return 400, {}, b"<Error><Code>BadDigest</Code><Message>m</Message></Error>"
        return status, fields, content

    def result(self, call: aws_wire.Call) -> dict[str, Any]:
        """Every member, but where it would lead nowhere: the second page has no token."""
        result = aws_wire.made_up(call.operation.output_shape)
        asked = call.parameters
        if any(
            name in asked
            for name in ("nextToken", "NextToken", "PaginationToken", "Marker", "ContinuationToken")
        ):
            for name in ("nextToken", "NextToken", "PaginationToken", "NextMarker", "NextContinuationToken"):
                result.pop(name, None)
            if "IsTruncated" in result:
                result["IsTruncated"] = False
                result.pop("Marker", None)
        for mark in ("MetricDataResults",):
            for found in result.get(mark, []):
                found["Id"] = "m0"
        if "ResourceTagMappingList" in result:
            for found in result["ResourceTagMappingList"]:
                found["ResourceARN"] = f"arn:aws:logs:{REGION}:123456789012:log-group:shop"
        if call.operation.name == "Invoke":
            result["StatusCode"] = 200
        if call.operation.name in ("HeadObject", "GetObject"):
            result["ContentLength"] = len(b"Body") if call.operation.name == "GetObject" else 9
            for name in ("ContentEncoding",):
                result.pop(name, None)
        return result


class Server(ThreadingHTTPServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Models, dict[str, str]]]:
    """The models after all calls, and what the probe says of each."""
    models = Models()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def handle_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with models.lock:
                try:
                    status, fields, content = models.respond(self.command, self.path, headers, body)
                except Exception as error:
                    models.problems.append(f"{self.command} {self.path} {body[:300]!r}: {error!r}")
                    status, fields, content = 400, {}, b"{}"
            self.send_response(status)
            for name, value in fields.items():
                if name != "Content-Length":
                    self.send_header(name, value)
            length = fields.get("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_call

        def log_message(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    environment = clean_environment(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}", AWS_REGION=REGION,
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret",
    )  # fmt: skip
    try:
        done = subprocess.run(
            [PROBE, "calls"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            input="",
            check=True,
        )
        yield models, dict(line.split("\t", 1) for line in done.stdout.splitlines())
    finally:
        server.shutdown()
        server.server_close()


def test_each_request_is_one_that_botocore_writes(made: tuple[Models, dict[str, str]]) -> None:
    models, _ = made
    assert not models.problems, "\n".join(models.problems)


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_each_answer_is_understood(made: tuple[Models, dict[str, str]], name: str) -> None:
    said = made[1][name]
    assert said.startswith("failed") == (name == "AbortMultipartUpload"), said
    for value in UNDERSTOOD[name]:
        assert value in said, f"{value} is not in {said}"


def test_no_call_is_left_out(made: tuple[Models, dict[str, str]]) -> None:
    """Every operation that is named in the sources was called, and every line of the probe is looked at."""
    models, said = made
    assert said.keys() == UNDERSTOOD.keys()
    known = {
        name
        for service in (
            "logs",
            "kinesis",
            "lambda",
            "s3",
            "sts",
            "iam",
            "secretsmanager",
            "sqs",
            "monitoring",
            "tagging",
        )
        for name in models.model(service).operation_names
    }
    sources = "".join(path.read_text() for path in (ROOT / "Sources/AWS").glob("*.swift"))
    named = set(re.findall(r'"([A-Z][A-Za-z0-9]+)"', sources)) & known
    assert named - models.operations == set()
