"""What `metertap doctor` looks at: a right set-up in ministack, in both modes, and ways to break it.

Each injection breaks one thing and mends it again. It names the check that must find it, how bad that is, and
words of the remedy; `also` are checks that find what follows from it, and `hides` those that cannot see their
part any more.
"""

import base64
import contextlib
import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.audits import audit_note
from components.deployed import Stack, upload
from components.emulators import REGION, Ministack
from components.logs import run
from components.overlay import Overlay
from components.platform import ADMIN_KEY, Platform
from components.processes import clean_environment
from components.samples import Event, Line, envelope
from components.stored import records_in

PATTERN = "%amberflo_meter|meter_record_for_cw|meter_record_for_stream%"
TERMS = "?amberflo_meter ?meter_record_for_cw ?meter_record_for_stream"
STREAM_GROUPS, DIRECT_GROUPS = ("/app/api", "/app/shop"), ("/direct/api",)
HOUR = 3_600_000


def record(customer: str = "acme", tag: str = "amberflo_meter", **more: Any) -> str:
    """A line with a record."""
    told = {"customerId": customer, "meterApiName": "ApiCalls", "meterValue": 1} | more
    return f"INFO {tag}: {json.dumps(told)}"


def now() -> int:
    return int(time.time() * 1000)


@dataclass
class Report:
    """What the doctor said."""

    status: int
    findings: list[dict[str, Any]]
    looked: dict[str, Any]

    @property
    def checks(self) -> set[str]:
        return {finding["check"] for finding in self.findings}

    def told(self) -> str:
        return "\n".join(json.dumps(finding) for finding in self.findings)


class World:
    """An account with an agent behind a stream, one behind log groups alone, and log groups of both."""

    def __init__(self, account: Ministack, cli: Path, package: Path, directory: Path):
        self.account, self.cli, self.directory = account, cli, directory
        upload(account, package.read_bytes())
        self.stack = Stack(account, "metertap", BatchingWindowSeconds=0)
        self.direct = Stack(account, "direct", Mode="direct")
        self.overlay = Overlay(account)
        self.logs, self.functions = account.client("logs"), account.client("lambda")
        self.kinesis, self.iam, self.s3 = (account.client(name) for name in ("kinesis", "iam", "s3"))
        #: What the doctor is called with besides.
        self.arguments: list[str] = []
        self.settings: dict[str, str] = {}
        for name in (*STREAM_GROUPS, *DIRECT_GROUPS):
            self.logs.create_log_group(logGroupName=name)
            self.write(name, record(), "GET / 200", record("umbrella"))
        self.attach(self.stack, "/app/")
        self.attach(self.direct, "/direct/")
        for name in STREAM_GROUPS:
            self.kinesis.put_record(StreamName="metertap", Data=self.delivery(name), PartitionKey=name)
        for name in DIRECT_GROUPS:
            data = base64.b64encode(self.delivery(name)).decode()
            self.direct.invoke({"awslogs": {"data": data}})
        delivered = self.stack.wait_for_objects(len(STREAM_GROUPS))
        self.delivered = records_in(delivered | self.direct.wait_for_objects(len(DIRECT_GROUPS)))
        self.platform = Platform(cli, directory)
        self.platform.define("ApiCalls")
        self.platform.send(self.delivered)
        for name in (*STREAM_GROUPS, *DIRECT_GROUPS):
            self.audited(name)
        self.measure()

    def write(self, group: str, *lines: str, at: int = 0) -> None:
        """Logs lines of a minute ago."""
        streams = self.logs.describe_log_streams(logGroupName=group)["logStreams"]
        if not any(stream["logStreamName"] == "web-1" for stream in streams):
            self.logs.create_log_stream(logGroupName=group, logStreamName="web-1")
        start = at or now() - 60_000
        events = [{"timestamp": start + index, "message": line} for index, line in enumerate(lines)]
        self.logs.put_log_events(logGroupName=group, logStreamName="web-1", logEvents=events)

    def delivery(self, group: str) -> bytes:
        """What CloudWatch Logs would deliver of it, with the ids that a reader of the log sees."""
        events = [
            Event(event["eventId"], event["timestamp"], Line(event["message"]))
            for event in self.logs.filter_log_events(logGroupName=group)["events"]
            if "amberflo_meter" in event["message"]
        ]
        return gzip.compress(envelope(events, group, "web-1", owner=self.account.account))

    def attach(self, stack: Stack, *prefixes: str) -> None:
        destination = ("--destination-arn", stack.outputs.get("StreamArn") or stack.outputs["FunctionArn"])
        role = ("--role-arn", stack.outputs["LogsRoleArn"]) if "LogsRoleArn" in stack.outputs else ()
        groups = [word for prefix in prefixes for word in ("--prefix", prefix)]
        arguments = ("attach", *groups, *destination, *role, "--rate", "1000", "--yes")
        done = run(self.cli, self.directory, self.environment(), *arguments)
        assert done.status == 0, done.errors

    def environment(self) -> dict[str, str]:
        given = {
            "AWS_ENDPOINT_URL": self.overlay.url,
            "AWS_ACCESS_KEY_ID": self.account.account,
            "AWS_SECRET_ACCESS_KEY": self.account.secret,
            "AWS_REGION": REGION,
        }
        return clean_environment(**(given | self.settings))

    def doctor(
        self, *prefixes: str, arguments: tuple[str, ...] = (), settings: dict[str, str] | None = None
    ) -> Report:
        """What the doctor says, of log groups with these prefixes."""
        groups = [word for prefix in prefixes for word in ("--prefix", prefix)]
        command = ("doctor", *groups, "--rate", "1000", "--json", *self.arguments, *arguments)
        done = run(self.cli, self.directory, self.environment() | (settings or {}), *command)
        assert done.output, done.errors
        return Report(done.status, done.json["findings"], done.json["looked"])

    def audited(self, group: str, **more: Any) -> None:
        """The platform is told of an audit."""
        self.platform.post("/audits", audit_note(account=self.account.account, logGroup=group, **more))

    def with_platform(self) -> AbstractContextManager[None]:
        """The doctor asks the platform too for a while."""
        return self.told(METERTAP_URL=self.platform.url, METERTAP_API_KEY=ADMIN_KEY)

    def user(self, name: str, statements: list[dict[str, Any]]) -> dict[str, str]:
        """Settings with the credentials of a user who may do what these statements say."""
        self.iam.create_user(UserName=name)
        document = {"Version": "2012-10-17", "Statement": statements}
        self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.overlay.allowed[key["AccessKeyId"]] = {statement["Action"] for statement in statements}
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    # What CloudWatch measures of a set-up that works

    def measure(self) -> None:
        for stack in (self.stack, self.direct):
            for name, value in {"Invocations": 40, "Errors": 0, "Throttles": 0, "Duration": 350}.items():
                self.put(value, "AWS/Lambda", name, FunctionName=f"{stack.name}-agent")
        self.put(900, "AWS/Lambda", "IteratorAge", FunctionName="metertap-agent")
        for name, value in {"IncomingBytes": 20_000, "IncomingRecords": 40}.items():
            self.put(value, "AWS/Kinesis", name, StreamName="metertap")
        self.put(900, "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", StreamName="metertap")

    def put(self, value: float, namespace: str, name: str, **dimensions: str) -> None:
        self.overlay.metrics[namespace, name, frozenset(dimensions.items())] = value

    # What injections work with

    def filter(self, group: str = "/app/shop", **changes: Any) -> None:
        """Puts our filter, as it should be or changed."""
        right = {
            "filterName": "metertap",
            "filterPattern": PATTERN,
            "destinationArn": self.stack.outputs["StreamArn"],
            "roleArn": self.stack.outputs["LogsRoleArn"],
            "distribution": "Random",
        }
        self.logs.put_subscription_filter(logGroupName=group, **(right | changes))

    @contextlib.contextmanager
    def filtered(self, group: str = "/app/shop", **changes: Any) -> Iterator[None]:
        """Another filter for a while: in place of ours, or beside it under another name."""
        self.filter(group, **changes)
        yield
        if "filterName" in changes:
            self.logs.delete_subscription_filter(logGroupName=group, filterName=changes["filterName"])
        else:
            self.filter(group)

    @contextlib.contextmanager
    def group(self, name: str, *lines: str, logGroupClass: str = "STANDARD") -> Iterator[None]:
        """One more log group for a while, attached, with lines."""
        self.logs.create_log_group(logGroupName=name, logGroupClass=logGroupClass)
        if lines:
            self.write(name, *lines)
        if logGroupClass == "STANDARD":
            self.filter(name)
        yield
        self.logs.delete_log_group(logGroupName=name)

    @property
    def mapping(self) -> dict[str, Any]:
        [mapping] = self.functions.list_event_source_mappings(FunctionName="metertap-agent")[
            "EventSourceMappings"
        ]
        return mapping

    @contextlib.contextmanager
    def mapped(self, **changes: Any) -> Iterator[None]:
        """The mapping with other settings for a while."""
        before = self.mapping
        right = {
            name: before["State"] == "Enabled" if name == "Enabled" else before.get(name) for name in changes
        }
        right = {name: {} if value is None else value for name, value in right.items()}
        self.functions.update_event_source_mapping(UUID=before["UUID"], **changes)
        yield
        self.functions.update_event_source_mapping(UUID=before["UUID"], **right)

    @contextlib.contextmanager
    def configured(self, **changes: Any) -> Iterator[None]:
        """The agent with other settings for a while."""
        before = self.functions.get_function_configuration(FunctionName="metertap-agent")
        self.configure(**changes)
        yield
        self.configure(**{name: before[name] for name in changes})

    def configure(self, **changes: Any) -> None:
        """Changes the agent, and waits until it is active again."""
        self.functions.update_function_configuration(FunctionName="metertap-agent", **changes)
        deadline = time.monotonic() + 20
        while self.functions.get_function_configuration(FunctionName="metertap-agent")["State"] != "Active":
            assert time.monotonic() < deadline
            time.sleep(0.02)

    @contextlib.contextmanager
    def without(self, statement: str) -> Iterator[None]:
        """The agent without a statement of its policy for a while."""
        right = self.stack.policy("AgentRole", "agent")["Statement"]
        self.stack.take_away(statement)
        yield
        left = self.stack.policy("AgentRole", "agent")["Statement"]
        back = [one for one in right if one["Sid"] == statement]
        document = {"Version": "2012-10-17", "Statement": left + back}
        self.iam.put_role_policy(
            RoleName=self.stack.ids["AgentRole"], PolicyName="agent", PolicyDocument=json.dumps(document)
        )

    @contextlib.contextmanager
    def stored(self, bucket: str, key: str) -> Iterator[None]:
        """One more object for a while."""
        name = self.stack.outputs[bucket]
        self.s3.put_object(Bucket=name, Key=key, Body=b"{}")
        yield
        self.s3.delete_object(Bucket=name, Key=key)

    @contextlib.contextmanager
    def told(self, *arguments: str, **settings: str) -> Iterator[None]:
        """The doctor with more arguments and settings for a while."""
        arguments_before, settings_before = self.arguments, self.settings
        self.arguments = [*arguments_before, *arguments]
        self.settings = settings_before | settings
        yield
        self.arguments, self.settings = arguments_before, settings_before

    def close(self) -> None:
        self.platform.kill()
        self.overlay.close()


# Injections


@dataclass(frozen=True)
class Injection:
    """One thing that is wrong."""

    name: str
    made: Callable[[World], AbstractContextManager[None]]
    check: str
    severity: str
    remedy: str
    also: frozenset[str] = frozenset()
    #: What it changes; two that change the same are not tried together.
    touches: frozenset[str] = frozenset()
    hides: frozenset[str] = frozenset()
    prefix: str = "/app/"
    #: Whether it may be tried with others.
    alone: bool = False

    def goes_with(self, other: "Injection") -> bool:
        if self.alone or other.alone or self.touches & other.touches or self.prefix != other.prefix:
            return False
        return self.check not in other.hides and other.check not in self.hides


INJECTIONS: dict[str, Injection] = {}
ALL_OF_THE_AGENT = frozenset(
    {
        *("mapping-enabled", "mapping-responses", "mapping-bisects", "mapping-age", "mapping-filter"),
        *(
            "mapping-start",
            "failure-destination",
            "function-active",
            "function-concurrency",
            "function-errors",
        ),
        *("function-timeout", "function-memory", "function-settings", "function-role", "sink-writable"),
        *(
            "rejects-writable",
            "dead-letters",
            "rejects-waiting",
            "failed-requests",
            "own-log",
            "iterator-age",
        ),
    }
)


def injection(
    check: str,
    severity: str,
    remedy: str,
    *,
    also: tuple[str, ...] = (),
    touches: tuple[str, ...] = (),
    hides: tuple[str, ...] | frozenset[str] = (),
    **more: Any,
) -> Callable[[Callable[[World], AbstractContextManager[None]]], None]:
    """Adds an injection: a function of the world that breaks it for a while."""

    def add(made: Callable[[World], AbstractContextManager[None]]) -> None:
        name = made.__name__
        INJECTIONS[name] = Injection(
            name, made, check, severity, remedy, frozenset(also), frozenset(touches), frozenset(hides), **more
        )

    return add


# Who calls


@injection("credentials", "unknown", "aws sts get-caller-identity", alone=True)
def a_key_that_nobody_has(world: World) -> AbstractContextManager[None]:
    return world.told(AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")


@injection("clock", "risk", "NTP")
@contextlib.contextmanager
def a_clock_that_is_slow(world: World) -> Iterator[None]:
    world.overlay.ahead = 120
    yield
    world.overlay.ahead = 0


# The log groups


@injection("log-group-exists", "loss", "letter by letter")
def a_name_that_is_misspelt(world: World) -> AbstractContextManager[None]:
    return world.told("--log-group", "/app/APi")


@injection("log-group-class", "loss", "class STANDARD")
def a_log_group_of_infrequent_access(world: World) -> AbstractContextManager[None]:
    return world.group("/app/rare", logGroupClass="INFREQUENT_ACCESS")


@injection("log-group-receives", "risk", "aws logs tail /app/idle")
def a_log_group_that_receives_nothing(world: World) -> AbstractContextManager[None]:
    return world.group("/app/idle")


@injection("log-retention", "risk", "put-retention-policy --log-group-name /app/shop")
@contextlib.contextmanager
def log_events_that_are_kept_for_three_days(world: World) -> Iterator[None]:
    world.logs.put_retention_policy(logGroupName="/app/shop", retentionInDays=3)
    yield
    world.logs.delete_retention_policy(logGroupName="/app/shop")


def protected(group: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(_: dict[str, Any], answer: dict[str, Any]) -> None:
        for one in answer["logGroups"]:
            if one["logGroupName"] == group:
                one["dataProtectionStatus"] = "ACTIVATED"

    return change


@injection("data-protection", "risk", "get-data-protection-policy", touches=("data protection",))
def a_data_protection_policy(world: World) -> AbstractContextManager[None]:
    return world.overlay.changed("DescribeLogGroups", protected("/app/shop"))


@injection("data-protection", "loss", "get-data-protection-policy", touches=("data protection",))
@contextlib.contextmanager
def a_customer_that_is_masked(world: World) -> Iterator[None]:
    with (
        world.group("/app/masked", record("*" * 16)),
        world.overlay.changed("DescribeLogGroups", protected("/app/masked")),
    ):
        yield


@injection("own-log", "risk", "delete-subscription-filter --log-group-name /aws/lambda/metertap-agent")
@contextlib.contextmanager
def an_agent_that_feeds_itself(world: World) -> Iterator[None]:
    own = "/aws/lambda/metertap-agent"
    world.filter(own)
    yield
    world.logs.delete_subscription_filter(logGroupName=own, filterName="metertap")


# Their filters


@injection("filter-present", "loss", "metertap attach", touches=("filter",))
@contextlib.contextmanager
def a_filter_that_is_missing(world: World) -> Iterator[None]:
    world.logs.delete_subscription_filter(logGroupName="/app/shop", filterName="metertap")
    yield
    world.filter()


@injection("filter-pattern", "loss", "metertap backfill", touches=("filter",))
def a_pattern_that_misses_records(world: World) -> AbstractContextManager[None]:
    return world.filtered(filterPattern="ERROR")


@injection("filter-pattern", "risk", "sets the pattern", touches=("filter",))
def a_pattern_that_misses_a_tag(world: World) -> AbstractContextManager[None]:
    return world.filtered(filterPattern="amberflo_meter")


@injection("filter-terms", "risk", "sets the pattern", touches=("filter",))
def a_pattern_of_terms(world: World) -> AbstractContextManager[None]:
    return world.filtered(filterPattern=TERMS)


@injection("filter-match", "loss", "--filter-pattern ''", touches=("filter",))
def a_service_that_does_not_find_what_it_should(world: World) -> AbstractContextManager[None]:
    """By the pattern it misses one of the records that a reading without it finds."""

    def change(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["logGroupName"] == "/app/shop" and request.get("filterPattern") == PATTERN:
            answer["events"] = [event for event in answer["events"] if "umbrella" not in event["message"]]

    return world.overlay.changed("FilterLogEvents", change)


def filters(**more: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(request: dict[str, Any], answer: dict[str, Any]) -> None:
        for one in answer["subscriptionFilters"]:
            if request["logGroupName"] == "/app/api":
                one.update(more)

    return change


@injection("filter-scope", "risk", "what was logged")
def a_filter_on_transformed_log_events(world: World) -> AbstractContextManager[None]:
    return world.overlay.changed("DescribeSubscriptionFilters", filters(applyOnTransformedLogs=True))


@injection("filter-scope", "risk", "If all are meant", also=("centralized",))
def a_filter_of_one_account(world: World) -> AbstractContextManager[None]:
    criteria = '@aws.account = "999988887777"'
    return world.overlay.changed("DescribeSubscriptionFilters", filters(fieldSelectionCriteria=criteria))


@injection("centralized", "risk", "Subscribe either")
def copies_of_another_account(world: World) -> AbstractContextManager[None]:
    return world.overlay.changed("DescribeSubscriptionFilters", filters(emitSystemFields=["@aws.account"]))


@injection("filter-destination", "loss", "--destination-arn", touches=("filter",))
def a_filter_to_firehose(world: World) -> AbstractContextManager[None]:
    arn = f"arn:aws:firehose:{REGION}:{world.account.account}:deliverystream/archive"
    return world.filtered(destinationArn=arn)


@injection("stream-active", "loss", "metertap attach", also=("filter-role",), touches=("filter",))
def a_filter_to_a_stream_that_is_gone(world: World) -> AbstractContextManager[None]:
    return world.filtered(destinationArn=world.stack.outputs["StreamArn"] + "-old")


@injection("filter-role", "loss", "put-role-policy", touches=("role",))
@contextlib.contextmanager
def a_role_that_may_not_write(world: World) -> Iterator[None]:
    role, name = world.stack.ids["LogsRole"], "write-to-stream"
    right = world.stack.policy("LogsRole", name)
    world.iam.delete_role_policy(RoleName=role, PolicyName=name)
    yield
    world.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(right))


@injection("filter-role", "loss", "update-assume-role-policy", touches=("role",))
@contextlib.contextmanager
def a_role_that_trusts_another_service(world: World) -> Iterator[None]:
    role = world.stack.ids["LogsRole"]
    right = world.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    wrong = json.dumps(right).replace("logs.amazonaws.com", "lambda.amazonaws.com")
    world.iam.update_assume_role_policy(RoleName=role, PolicyDocument=wrong)
    yield
    world.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(right))


def theirs(world: World) -> dict[str, str]:
    return {
        "filterPattern": "ERROR",
        "destinationArn": f"arn:aws:firehose:{REGION}:{world.account.account}:deliverystream/archive",
    }


@injection("filter-limit", "loss", "quota", touches=("filter",))
@contextlib.contextmanager
def no_room_for_our_filter(world: World) -> Iterator[None]:
    with contextlib.ExitStack() as others:
        for name in ("archive", "search"):
            others.enter_context(world.filtered(filterName=name, **theirs(world)))
        others.enter_context(a_filter_less(world))
        yield


@contextlib.contextmanager
def a_filter_less(world: World) -> Iterator[None]:
    world.logs.delete_subscription_filter(logGroupName="/app/shop", filterName="metertap")
    yield
    world.filter()


@injection("filter-limit", "note", "quota", touches=("filter",))
def no_room_for_another_filter(world: World) -> AbstractContextManager[None]:
    return world.filtered(filterName="archive", **theirs(world))


@injection("filter-twice", "note", "Keep one", touches=("filter",))
def two_filters_to_the_agent(world: World) -> AbstractContextManager[None]:
    return world.filtered(filterName="by-hand")


@injection("filter-twice", "note", "Keep one", touches=("filter",))
@contextlib.contextmanager
def an_account_policy_beside_the_filters(world: World) -> Iterator[None]:
    document = {
        "DestinationArn": world.stack.outputs["StreamArn"],
        "RoleArn": world.stack.outputs["LogsRoleArn"],
        "FilterPattern": PATTERN,
        "Distribution": "Random",
    }
    world.overlay.policies.append(
        {
            "policyName": "metertap",
            "policyType": "SUBSCRIPTION_FILTER_POLICY",
            "policyDocument": json.dumps(document),
            "selectionCriteria": 'LogGroupName NOT IN ["/aws/lambda/metertap-agent"]',
            "scope": "ALL",
        }
    )
    yield
    world.overlay.policies.clear()


def delivery(world: World, metric: str) -> AbstractContextManager[None]:
    dimensions = {
        "LogGroupName": "/app/shop",
        "DestinationType": "Kinesis Data Stream",
        "FilterName": "metertap",
    }
    return world.overlay.measured(7, "AWS/Logs", metric, **dimensions)


@injection("delivery-errors", "loss", "metertap audit --log-group /app/shop --repair")
def log_events_that_could_not_be_delivered(world: World) -> AbstractContextManager[None]:
    return delivery(world, "DeliveryErrors")


@injection("delivery-throttling", "risk", "more shards")
def deliveries_that_had_to_wait(world: World) -> AbstractContextManager[None]:
    return delivery(world, "DeliveryThrottling")


# What applications write


@injection(
    "tags-written",
    "loss",
    "METERTAP_TAGS",
    touches=("agent",),
    # What is not looked for is neither right nor wrong.
    hides=("filter-pattern", "filter-match", "records-valid", "record-time", "data-protection"),
)
def a_tag_that_the_agent_is_not_told(world: World) -> AbstractContextManager[None]:
    variables = world.functions.get_function_configuration(FunctionName="metertap-agent")["Environment"][
        "Variables"
    ]
    return world.configured(Environment={"Variables": variables | {"METERTAP_TAGS": "meter_record_for_cw"}})


@injection("near-misses", "risk", "Write a tag right before the object")
def records_without_a_tag(world: World) -> AbstractContextManager[None]:
    line = record().split(": ", 1)[1]
    return world.group("/app/untagged", line)


@injection("near-misses", "risk", "METERTAP_TAGS of the agent")
def a_tag_in_another_spelling(world: World) -> AbstractContextManager[None]:
    return world.group("/app/spelt", record(), record(tag="AMBERFLO_METER"))


@injection("near-misses", "risk", "a word of its own")
def a_tag_within_a_longer_word(world: World) -> AbstractContextManager[None]:
    return world.group("/app/prefixed", record(), record(tag="my_amberflo_meter"))


@injection("records-valid", "loss", "--explain")
def records_that_are_rejects(world: World) -> AbstractContextManager[None]:
    return world.group("/app/bad", record(), record(meterValue="many"))


@injection("record-time", "risk", "meterTimeInMillis")
def records_of_tomorrow(world: World) -> AbstractContextManager[None]:
    return world.group("/app/early", record(meterTimeInMillis=now() + 3 * HOUR))


@injection(
    "identity-time",
    "risk",
    "meterTimeInMillis",
    touches=("agent",),
    hides=("rejects-waiting", "failed-requests"),
)
@contextlib.contextmanager
def an_id_without_a_time_toward_amberflo(world: World) -> Iterator[None]:
    def change(_: dict[str, Any], answer: dict[str, Any]) -> None:
        secret = f"arn:aws:secretsmanager:{REGION}:{world.account.account}:secret:key-AbCdEf"
        answer["Environment"]["Variables"] |= {
            "METERTAP_SINK": "https://ingest.amberflo.io/ingest",
            "METERTAP_API_KEY_SECRET_ARN": secret,
        }

    with (
        world.group("/app/own-ids", record(uniqueId="order-1")),
        world.overlay.changed("GetFunctionConfiguration", change),
    ):
        yield


@injection("silence", "risk", "log level")
def log_events_without_records(world: World) -> AbstractContextManager[None]:
    return world.group("/app/quiet", "GET / 200", "GET / 404")


# The stream


@injection("stream-retention", "risk", "increase-stream-retention-period", also=("mapping-age",))
@contextlib.contextmanager
def a_stream_that_keeps_a_day(world: World) -> Iterator[None]:
    world.kinesis.decrease_stream_retention_period(StreamName="metertap", RetentionPeriodHours=24)
    yield
    world.kinesis.increase_stream_retention_period(StreamName="metertap", RetentionPeriodHours=168)


@injection("stream-throughput", "risk", "Random")
def a_shard_without_room(world: World) -> AbstractContextManager[None]:
    metric = "WriteProvisionedThroughputExceeded"
    return world.overlay.measured(7, "AWS/Kinesis", metric, StreamName="metertap")


def summary(**more: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda _, answer: answer["StreamDescriptionSummary"].update(more)


@injection("stream-record-size", "risk", "update-max-record-size")
def records_that_fit_no_invocation(world: World) -> AbstractContextManager[None]:
    return world.overlay.changed("DescribeStreamSummary", summary(MaxRecordSizeInKiB=10_240))


@injection("stream-active", "loss", "deploy the agent again")
def a_stream_that_is_being_deleted(world: World) -> AbstractContextManager[None]:
    return world.overlay.changed("DescribeStreamSummary", summary(StreamStatus="DELETING"))


@injection("stream-reader", "loss", "create-event-source-mapping", touches=("agent",), hides=ALL_OF_THE_AGENT)
@contextlib.contextmanager
def a_stream_that_nobody_reads(world: World) -> Iterator[None]:
    age = ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", frozenset({("StreamName", "metertap")}))
    right, read = world.mapping, world.overlay.metrics.pop(age)
    world.functions.delete_event_source_mapping(UUID=right["UUID"])
    yield
    kept = ("BatchSize", "FunctionResponseTypes", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds")
    kept += ("BisectBatchOnFunctionError", "DestinationConfig", "EventSourceArn", "StartingPosition")
    world.functions.create_event_source_mapping(
        FunctionName="metertap-agent", **{name: right[name] for name in kept}
    )
    world.overlay.metrics[age] = read


@injection("iterator-age", "risk", "--parallelization-factor", touches=("age",))
def an_agent_that_is_hours_behind(world: World) -> AbstractContextManager[None]:
    return world.overlay.measured(5 * HOUR, "AWS/Lambda", "IteratorAge", FunctionName="metertap-agent")


@injection("iterator-age", "loss", "--parallelization-factor", touches=("age",))
def an_agent_that_is_days_behind(world: World) -> AbstractContextManager[None]:
    metric = "GetRecords.IteratorAgeMilliseconds"
    return world.overlay.measured(100 * HOUR, "AWS/Kinesis", metric, StreamName="metertap")


# The mapping


@injection("mapping-enabled", "loss", "--enabled", touches=("mapping state",))
def a_mapping_that_is_disabled(world: World) -> AbstractContextManager[None]:
    return world.mapped(Enabled=False)


def mappings(**more: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(_: dict[str, Any], answer: dict[str, Any]) -> None:
        for one in answer["EventSourceMappings"]:
            one.update(more)

    return change


@injection("mapping-enabled", "loss", "names the cause", touches=("mapping state",))
def a_batch_that_stands_still(world: World) -> AbstractContextManager[None]:
    result = "PROBLEM: Function call failed"
    return world.overlay.changed("ListEventSourceMappings", mappings(LastProcessingResult=result))


@injection("mapping-responses", "risk", "ReportBatchItemFailures")
def an_answer_that_nobody_looks_at(world: World) -> AbstractContextManager[None]:
    return world.mapped(FunctionResponseTypes=[])


@injection("mapping-bisects", "risk", "--bisect-batch-on-function-error")
def batches_that_are_never_halved(world: World) -> AbstractContextManager[None]:
    return world.mapped(BisectBatchOnFunctionError=False)


@injection("mapping-age", "risk", "--maximum-record-age-in-seconds", touches=("mapping age",))
def records_that_are_given_up_after_a_minute(world: World) -> AbstractContextManager[None]:
    return world.mapped(MaximumRecordAgeInSeconds=60)


@injection("mapping-age", "risk", "--maximum-retry-attempts -1", touches=("mapping age",))
def batches_that_are_given_up_after_three_attempts(world: World) -> AbstractContextManager[None]:
    return world.mapped(MaximumRetryAttempts=3)


@injection("mapping-filter", "loss", "--filter-criteria")
def a_mapping_with_a_filter(world: World) -> AbstractContextManager[None]:
    return world.mapped(FilterCriteria={"Filters": [{"Pattern": '{"data": {"level": ["INFO"]}}'}]})


@injection("mapping-start", "note", "TRIM_HORIZON")
def a_mapping_that_began_with_the_newest(world: World) -> AbstractContextManager[None]:
    return world.overlay.changed("ListEventSourceMappings", mappings(StartingPosition="LATEST"))


@injection(
    "failure-destination",
    "risk",
    "--destination-config",
    touches=("failure destination",),
    hides=("dead-letters",),
)
def batches_that_are_given_up_without_a_trace(world: World) -> AbstractContextManager[None]:
    return world.mapped(DestinationConfig={})


@injection(
    "failure-destination",
    "risk",
    "--destination-config",
    also=("function-role",),
    touches=("failure destination", "agent's role"),
    hides=("dead-letters",),
)
def batches_that_are_given_up_into_a_queue(world: World) -> AbstractContextManager[None]:
    queue = f"arn:aws:sqs:{REGION}:{world.account.account}:failed"
    return world.mapped(DestinationConfig={"OnFailure": {"Destination": queue}})


# The function


def configuration(**more: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda _, answer: answer.update(more)


@injection("function-active", "loss", "makes it active", touches=("agent",))
def a_function_that_failed(world: World) -> AbstractContextManager[None]:
    change = configuration(State="Failed", StateReason="The key of its variables is gone")
    return world.overlay.changed("GetFunctionConfiguration", change)


@injection(
    "function-concurrency", "loss", "delete-function-concurrency", hides=("sink-writable", "rejects-writable")
)
@contextlib.contextmanager
def a_function_that_is_stopped(world: World) -> Iterator[None]:
    world.functions.put_function_concurrency(FunctionName="metertap-agent", ReservedConcurrentExecutions=0)
    yield
    world.functions.delete_function_concurrency(FunctionName="metertap-agent")


@injection("function-errors", "risk", "aws logs tail")
def invocations_that_failed(world: World) -> AbstractContextManager[None]:
    return world.overlay.measured(3, "AWS/Lambda", "Errors", FunctionName="metertap-agent")


@injection("function-timeout", "risk", "--timeout", touches=("agent",))
def a_timeout_of_nine_seconds(world: World) -> AbstractContextManager[None]:
    return world.configured(Timeout=9)


@injection("function-timeout", "risk", "--timeout", touches=("agent",))
def invocations_that_nearly_time_out(world: World) -> AbstractContextManager[None]:
    return world.overlay.measured(58_000, "AWS/Lambda", "Duration", FunctionName="metertap-agent")


@injection("function-memory", "risk", "--memory-size")
@contextlib.contextmanager
def invocations_that_nearly_take_all_memory(world: World) -> Iterator[None]:
    group, stream = "/aws/lambda/metertap-agent", "2026/01/02/[$LATEST]full"
    line = "REPORT RequestId: 1\tDuration: 9 ms\tMemory Size: 512 MB\tMax Memory Used: 509 MB"
    world.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    world.logs.put_log_events(
        logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": now() - 1_000, "message": line}]
    )
    yield
    world.logs.delete_log_stream(logGroupName=group, logStreamName=stream)


@injection(
    "function-settings",
    "loss",
    "--environment",
    also=("sink-writable",),
    touches=("agent",),
    # Without its settings nobody knows where it writes.
    hides=("sink-writable", "rejects-writable", "rejects-waiting", "failed-requests"),
)
def a_sink_that_is_none(world: World) -> AbstractContextManager[None]:
    variables = world.functions.get_function_configuration(FunctionName="metertap-agent")["Environment"][
        "Variables"
    ]
    return world.configured(Environment={"Variables": variables | {"METERTAP_SINK": "ftp://meters"}})


@injection("function-role", "loss", "role's policy", touches=("agent's role",))
def a_role_that_may_not_read_the_stream(world: World) -> AbstractContextManager[None]:
    return world.without("ReadStream")


# Where records go, and what waits


@injection("sink-writable", "loss", "allow s3:PutObject", touches=("agent's role",))
def a_sink_that_may_not_be_written(world: World) -> AbstractContextManager[None]:
    return world.without("WriteRecords")


@injection("rejects-writable", "loss", "allow s3:PutObject", touches=("agent's role",))
def rejects_that_may_not_be_written(world: World) -> AbstractContextManager[None]:
    return world.without("WriteRejects")


@injection("dead-letters", "loss", "metertap redrive")
def a_batch_that_lambda_gave_up(world: World) -> AbstractContextManager[None]:
    mapping = world.mapping["UUID"]
    key = f"aws/lambda/{mapping}/shardId-000000000000/2026/01/02/2026-01-02T10.00.00-1"
    return world.stored("FailedBatchesName", key)


@injection("rejects-waiting", "loss", "metertap redrive")
def rejects_that_wait(world: World) -> AbstractContextManager[None]:
    return world.stored("BucketName", f"rejects/{time.strftime('%Y-%m-%d')}/10/1.ndjson.gz")


@injection("failed-requests", "loss", "metertap redrive")
def an_object_that_the_reader_refused(world: World) -> AbstractContextManager[None]:
    return world.stored("BucketName", f"failed-requests/{time.strftime('%Y-%m-%d')}/1.ndjson.gz.reason.txt")


@injection("audit-due", "risk", "metertap audit --log-group", touches=("platform",))
@contextlib.contextmanager
def a_log_group_that_was_never_audited(world: World) -> Iterator[None]:
    with world.group("/app/new", record()), world.with_platform():
        yield


@injection("event-identity", "risk", "Use one way", also=("audit-due",), touches=("platform",))
@contextlib.contextmanager
def an_audit_that_found_other_ids(world: World) -> Iterator[None]:
    world.audited("/app/shop", matchedByContent=3)
    with world.with_platform():
        yield
    world.audited("/app/shop")


@injection("event-identity", "risk", "Use one way", also=("audit-due",), touches=("platform",))
@contextlib.contextmanager
def a_record_with_another_id(world: World) -> Iterator[None]:
    name = f"/app/twice-{now()}"
    with world.group(name, record()), world.with_platform():
        [event] = world.logs.filter_log_events(logGroupName=name)["events"]
        one = next(one for one in world.delivered if one["source"]["logGroup"] == "/app/shop")
        source = one["source"] | {"logGroup": name, "eventId": "1", "timestamp": event["timestamp"]}
        world.platform.send([one | {"uniqueId": name, "source": source}])
        world.audited(name)
        yield


@injection("audit-due", "unknown", "again", touches=("platform",))
def a_platform_that_does_not_know_the_key(world: World) -> AbstractContextManager[None]:
    return world.told(METERTAP_URL=world.platform.url, METERTAP_API_KEY="wrong")


# Direct mode


@injection("function-may-be-called", "loss", "add-permission", prefix="/direct/")
@contextlib.contextmanager
def a_function_that_logs_may_not_call(world: World) -> Iterator[None]:
    statements = json.loads(world.functions.get_policy(FunctionName="direct-agent")["Policy"])["Statement"]
    for statement in statements:
        world.functions.remove_permission(FunctionName="direct-agent", StatementId=statement["Sid"])
    yield
    for statement in statements:
        world.functions.add_permission(
            FunctionName="direct-agent",
            StatementId=statement["Sid"],
            Action=statement["Action"],
            Principal=statement["Principal"]["Service"],
            SourceAccount=statement["Condition"]["StringEquals"]["AWS:SourceAccount"],
            SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
        )


@injection("failure-destination", "risk", "put-function-event-invoke-config", prefix="/direct/")
@contextlib.contextmanager
def events_that_are_given_up_without_a_trace(world: World) -> Iterator[None]:
    version = {"FunctionName": "direct-agent", "Qualifier": "$LATEST"}
    right = world.functions.get_function_event_invoke_config(**version)
    kept = version | {name: right[name] for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")}
    world.functions.put_function_event_invoke_config(**kept)
    yield
    destination = {"DestinationConfig": right["DestinationConfig"]}
    world.functions.put_function_event_invoke_config(**kept, **destination)


@injection("function-concurrency", "risk", "put-function-concurrency", prefix="/direct/")
def calls_that_were_throttled(world: World) -> AbstractContextManager[None]:
    return world.overlay.measured(5, "AWS/Lambda", "Throttles", FunctionName="direct-agent")
