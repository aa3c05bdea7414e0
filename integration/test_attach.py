"""`metertap attach` and `detach` against moto's CloudWatch Logs, and a fake for what moto does not have."""

import json
import os
import pty
import random
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from components.emulators import ACCOUNT, REGION, Moto
from components.logs import Command, environment, run
from components.processes import Service
from components.subscriptions import Group, Refused, Subscriptions
from conftest import ROOT

PATTERN = "%amberflo_meter|meter_record_for_cw|meter_record_for_stream%"
TERMS = "?amberflo_meter ?meter_record_for_cw ?meter_record_for_stream"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/metertap-logs"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/metertap"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:metertap-agent"
OTHER = f"arn:aws:logs:{REGION}:999988887777:destination:meters"
OWN_DESTINATION = f"arn:aws:logs:{REGION}:{ACCOUNT}:destination:meters"
AGENT_LOG = "/aws/lambda/metertap-agent"
FAST = ("--rate", "1000")
SEED = int(os.environ.get("METERTAP_SEED") or 1)
KILLS = int(os.environ.get("METERTAP_KILL_RUNS") or 5)

Filters = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture
def fake() -> Iterator[Subscriptions]:
    """Some log groups, the agent's among them, behind a stream."""
    server = Subscriptions()
    server.groups = {name: Group() for name in ("/app/a", "/app/b", "/app/c", AGENT_LOG)}
    server.mappings = [FUNCTION]
    yield server
    server.close()


@dataclass
class Account:
    """A stream, an agent and log groups of a name of their own in moto."""

    moto: Moto
    stream: str
    function: str
    prefix: str

    @property
    def client(self) -> Any:
        return self.moto.client("logs")

    def create(self, count: int) -> list[str]:
        names = [f"{self.prefix}{number:03d}" for number in range(count)]
        for name in names:
            self.client.create_log_group(logGroupName=name)
        return names

    def filters(self, names: list[str]) -> Filters:
        client = self.client
        return {
            name: {
                one["filterName"]: one
                for one in client.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
            }
            for name in names
        }


@pytest.fixture
def account(logs_moto: Moto) -> Account:
    name = f"attach-{uuid.uuid4().hex[:6]}"
    kinesis, functions, iam = (logs_moto.client(service) for service in ("kinesis", "lambda", "iam"))
    kinesis.create_stream(StreamName=name, ShardCount=1)
    stream = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    function = functions.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{name}",
        Handler="bootstrap",
        Code={"ZipFile": b"none"},
    )["FunctionArn"]
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream, StartingPosition="TRIM_HORIZON"
    )
    return Account(logs_moto, stream, function, f"/{name}/")


@pytest.fixture
def metertap(cli: Path, tmp_path: Path) -> Callable[..., Command]:
    def call(server: Moto | Subscriptions, *arguments: str, **settings: str) -> Command:
        return run(cli, tmp_path, environment(server, **settings), *arguments)

    return call


def to_stream(arn: str = STREAM) -> tuple[str, ...]:
    return ("--destination-arn", arn, "--role-arn", ROLE, *FAST)


def to_function(arn: str = FUNCTION) -> tuple[str, ...]:
    return ("--destination-arn", arn, *FAST)


def signs(output: str) -> dict[str, str]:
    """What the plan says of each log group: its sign."""
    return {match[2]: match[1] for match in re.finditer(r"^([-+~=!]) (/\S+)", output, re.M)}


# Against moto


def test_without_a_word_of_consent_nothing_is_done(
    metertap: Callable[..., Command], account: Account
) -> None:
    names = account.create(2)
    done = metertap(account.moto, "attach", "--prefix", account.prefix, *to_stream(account.stream))
    assert done.status == 64 and "--yes" in done.errors
    assert signs(done.output) == dict.fromkeys(names, "+")
    for told in (PATTERN, account.stream, ROLE):
        assert told in done.output
    assert account.filters(names) == {name: {} for name in names}


THEIRS = {"filterName": "theirs", "filterPattern": "ERROR", "destinationArn": FUNCTION}
OURS_BY_NAME = {"filterName": "metertap", "filterPattern": "", "destinationArn": FUNCTION}


def test_500_log_groups_attached_detached_and_attached_again(
    cli: Path, metertap: Callable[..., Command], fake: Subscriptions, tmp_path: Path, seed: int
) -> None:
    """With others' filters among them, broken off by SIGKILL at random points, and gone on with."""
    print("seed", seed)
    chance = random.Random(seed)
    fake.groups = {f"/app/{number:03d}": Group() for number in range(500)}
    others, foreign = chance.sample(sorted(fake.groups), 50), chance.sample(sorted(fake.groups), 10)
    for name in others:
        fake.groups[name].filters["theirs"] = dict(THEIRS)
    for name in foreign:
        fake.groups[name].filters["metertap"] = dict(OURS_BY_NAME)
    before = deepcopy(fake.groups)

    def check(attached: bool) -> None:
        for name, group in fake.groups.items():
            wanted = dict(before[name].filters)
            if attached and name not in foreign:
                ours = {"filterPattern": PATTERN, "destinationArn": STREAM, "roleArn": ROLE}
                wanted["metertap"] = ours | {
                    "logGroupName": name,
                    "filterName": "metertap",
                    "distribution": "Random",
                }
            assert group.filters == wanted, name

    attach = ("attach", "--prefix", "/app/", "--yes", *to_stream())
    detach = ("detach", "--yes", "--destination-arn", STREAM, *FAST)
    for arguments, attached in ((attach, True), (detach, False), (attach, True)):
        for _ in range(max(1, KILLS // 5)):
            # A run makes 500 calls to look, and two for each log group to act.
            last = fake.calls.total() + chance.randrange(1_500)
            killed = subprocess.Popen(
                [cli, *arguments],
                env=environment(fake),
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while killed.poll() is None and fake.calls.total() < last:
                time.sleep(0.001)
            killed.kill()
            killed.wait()
        done = metertap(fake, *arguments)
        # Ten of them are somebody else's: told, and left.
        assert done.status == (65 if attached else 0), done.errors
        assert {name for name, sign in signs(done.output).items() if sign == "!"} == set(foreign)
        check(attached)
        writings = fake.calls["PutSubscriptionFilter"] + fake.calls["DeleteSubscriptionFilter"]
        again = metertap(fake, *arguments)
        assert again.status == done.status and "Nothing to do." in again.output
        assert set(signs(again.output)) == set(foreign)
        assert fake.calls["PutSubscriptionFilter"] + fake.calls["DeleteSubscriptionFilter"] == writings
    assert "= 490 as they should be" in again.output


def test_moto_takes_the_same(metertap: Callable[..., Command], account: Account) -> None:
    names = account.create(60)
    ours_by_name = OURS_BY_NAME | {"destinationArn": account.function}
    for name, theirs in ((names[3], THEIRS | {"destinationArn": account.function}), (names[5], ours_by_name)):
        account.client.put_subscription_filter(logGroupName=name, **theirs)
    before = account.filters(names)
    attach = ("attach", "--prefix", account.prefix, "--yes", *to_stream(account.stream))
    detach = ("detach", "--prefix", account.prefix, "--yes", "--destination-arn", account.stream, *FAST)
    for arguments, status, count in ((attach, 65, 59), (attach, 65, 59), (detach, 0, 0), (attach, 65, 59)):
        done = metertap(account.moto, *arguments)
        assert done.status == status and signs(done.output)[names[5]] == "!", done.errors
        after = account.filters(names)
        ours = [
            found.pop("metertap") for name, found in after.items() if name != names[5] and "metertap" in found
        ]
        assert after == before, "another's filter changed"
        assert len(ours) == count
        for one in ours:
            assert (one["destinationArn"], one["roleArn"]) == (account.stream, ROLE)
            assert one["filterPattern"] == PATTERN


def test_the_log_of_the_agent_is_never_attached(metertap: Callable[..., Command], account: Account) -> None:
    name = account.function.split(":")[-1]
    own = f"/aws/lambda/{name}"
    account.client.create_log_group(logGroupName=own)
    [other] = account.create(1)
    groups = ("--log-group", own, "--log-group", other)
    for destination in (to_stream(account.stream), to_function(account.function)):
        # A name of its own for each, so that both have a place.
        name_of_filter = destination[1].split(":")[2]
        done = metertap(
            account.moto, "attach", *groups, "--yes", "--filter-name", name_of_filter, *destination
        )
        assert done.status == 0, done.errors
        assert signs(done.output) == {own: "!", other: "+"}
        assert f"{own}  is the log of {name}, which would feed itself" in done.output
    assert not account.filters([own])[own] and len(account.filters([other])[other]) == 2


def test_a_function_gets_its_permission_and_loses_it(
    metertap: Callable[..., Command], account: Account
) -> None:
    first, second = account.create(2)
    functions = account.moto.client("lambda")
    name = account.function.split(":")[-1]
    target = ("--yes", *to_function(account.function))

    def statements() -> list[dict[str, Any]]:
        try:
            return json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
        except functions.exceptions.ResourceNotFoundException:
            return []

    for _ in range(2):
        assert metertap(account.moto, "attach", "--prefix", account.prefix, *target).status == 0
        [statement] = statements()
        assert statement["Sid"] == "metertap-attach" and statement["Action"] == "lambda:InvokeFunction"
        assert statement["Principal"] == {"Service": "logs.amazonaws.com"}
        assert statement["Condition"] == {
            "ArnLike": {"AWS:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"},
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
        }
    assert metertap(account.moto, "detach", "--log-group", first, *target).status == 0
    assert len(statements()) == 1, "the other log group needs it still"
    done = metertap(account.moto, "detach", *target)
    assert signs(done.output).items() >= {(second, "-")} and "- permission metertap-attach" in done.output
    assert not statements() and account.filters([first, second]) == {first: {}, second: {}}


@pytest.mark.parametrize(
    ("source", "suffices"),
    [
        (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*", True),
        (f"arn:aws:logs:{REGION}:{ACCOUNT}:*", True),
        (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app/*", False),
    ],
)
def test_a_permission_that_is_there_suffices(
    source: str, suffices: bool, metertap: Callable[..., Command], account: Account
) -> None:
    """As the template gives it. What attach did not give, detach does not take."""
    account.create(1)
    functions = account.moto.client("lambda")
    name = account.function.split(":")[-1]
    functions.add_permission(
        FunctionName=name,
        StatementId="theirs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceAccount=ACCOUNT,
        SourceArn=source,
    )

    def names() -> set[str]:
        policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
        return {statement["Sid"] for statement in policy["Statement"]}

    target = ("--yes", *to_function(account.function))
    done = metertap(account.moto, "attach", "--prefix", account.prefix, *target)
    assert done.status == 0 and ("permission" in done.output) is not suffices, done
    assert names() == ({"theirs"} if suffices else {"theirs", "metertap-attach"})
    done = metertap(account.moto, "detach", *target)
    assert done.status == 0 and names() == {"theirs"}


def test_log_groups_are_chosen_by_tags(metertap: Callable[..., Command], account: Account) -> None:
    names = account.create(4)
    value = uuid.uuid4().hex
    for name, tags in zip(names, ({"t": value, "u": "1"}, {"t": value}, {"t": "x"}, {}), strict=True):
        if tags:
            arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
            account.client.tag_resource(resourceArn=arn, tags=tags)
    for chosen, wanted in (
        (("--tag", f"t={value}"), names[:2]),
        (("--tag", f"t={value}", "--tag", "u"), names[:1]),
        (("--tag", f"t={value}", "--log-group", names[1]), names[1:2]),
        (("--tag", "t", "--prefix", account.prefix), names[:3]),
    ):
        done = metertap(account.moto, "attach", *chosen, *to_stream(account.stream))
        assert signs(done.output) == dict.fromkeys(wanted, "+"), done.errors


def test_new_log_groups_are_followed(cli: Path, account: Account, tmp_path: Path) -> None:
    [first] = account.create(1)
    log = tmp_path / "watch.log"
    arguments = ["attach", "--prefix", account.prefix, "--yes", "--watch", "1", *to_stream(account.stream)]
    service = Service([str(cli), *arguments], log, environment(account.moto))
    try:
        service.wait_until(lambda: "looking for new log groups" in log.read_text())
        new = f"{account.prefix}new"
        account.client.create_log_group(logGroupName=new)
        service.wait_until(lambda: f"+ {new}" in log.read_text())
        account.client.delete_log_group(logGroupName=new)
        account.client.create_log_group(logGroupName=new)
        service.wait_until(lambda: log.read_text().count(f"+ {new}") == 2)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0
        filters = account.filters([first, new])
        assert all("metertap" in found for found in filters.values())
    finally:
        service.stop()


def test_tags_of_ones_own_are_escaped_where_they_must_be(
    metertap: Callable[..., Command], account: Account
) -> None:
    names = account.create(1)
    arguments = ("attach", "--prefix", account.prefix, "--yes", *to_stream(account.stream))
    metertap(account.moto, *arguments)
    done = metertap(account.moto, *arguments, METERTAP_TAGS="usage-meter, other.one")
    assert done.status == 0 and f"~ {names[0]}  its pattern is {PATTERN}" in done.output
    assert account.filters(names)[names[0]]["metertap"]["filterPattern"] == r"%usage-meter|other\.one%"


# Against the fake


def test_a_quota_is_what_the_service_says(metertap: Callable[..., Command], fake: Subscriptions) -> None:
    theirs = {"filterPattern": "", "destinationArn": "arn:theirs"}
    fake.groups["/app/b"].filters = {name: {"filterName": name} | theirs for name in ("x", "y")}
    fake.groups["/app/c"].filters = {name: {"filterName": name} | theirs for name in ("x", "y")}
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", *to_stream())
    assert done.status == 65 and "takes no further filter beside x, y" in done.output
    assert fake.calls["PutSubscriptionFilter"] == 2, "the second full one was tried"
    assert "metertap" in fake.groups["/app/a"].filters
    fake.limit = 5
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", *to_stream())
    assert (done.status, done.output.count("beside x, y, which stay")) == (0, 2), done.errors
    assert all(set(fake.groups[name].filters) == {"x", "y", "metertap"} for name in ("/app/b", "/app/c"))
    # Ours is changed in place, also when there is no room for another.
    fake.limit = 3
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", "--tags", "mine", *to_stream())
    assert (done.status, set(signs(done.output).values())) == (0, {"~"})
    assert fake.groups["/app/b"].filters["metertap"]["filterPattern"] == "%mine%"


def test_filters_of_terms_are_moved_to_the_regular_expression(
    metertap: Callable[..., Command], account: Account
) -> None:
    """What earlier versions made is changed with a plan, once, and nothing of others is."""
    names = account.create(3)
    ours = {"filterName": "metertap", "destinationArn": account.stream, "roleArn": ROLE}
    for name in names[:2]:
        account.client.put_subscription_filter(logGroupName=name, filterPattern=TERMS, **ours)
    attach = ("attach", "--prefix", account.prefix, *to_stream(account.stream))
    plan = metertap(account.moto, *attach)
    assert plan.status == 64 and signs(plan.output) == {names[0]: "~", names[1]: "~", names[2]: "+"}
    assert f"its pattern is {TERMS}, which may miss a coloured or prefixed tag" in plan.output
    assert account.filters(names[:1])[names[0]]["metertap"]["filterPattern"] == TERMS
    done = metertap(account.moto, *attach, "--yes")
    assert done.status == 0 and "1 attached, 2 changed." in done.output
    for filters in account.filters(names).values():
        assert [one["filterPattern"] for one in filters.values()] == [PATTERN]
    again = metertap(account.moto, *attach, "--yes")
    assert again.status == 0 and "Nothing to do." in again.output


def test_without_room_for_a_regular_expression_it_takes_terms(
    metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    """The plan says so, what is there stays, and as soon as there is room the filter is moved."""
    reason = "by terms, because the log group takes no further filter with a regular expression"
    ours = {"filterName": "metertap", "filterPattern": TERMS, "destinationArn": STREAM, "roleArn": ROLE}
    fake.groups["/app/a"].metric_patterns = [f"%error-{number}%" for number in range(5)]
    fake.groups["/app/b"].metric_patterns = ["%a%"] * 4 + ["b", "c"]
    fake.groups["/app/c"].metric_patterns = ["%a%"] * 5
    fake.groups["/app/c"].filters["metertap"] = dict(ours)
    attach = ("attach", "--prefix", "/app/", *to_stream())
    plan = metertap(fake, *attach)
    assert signs(plan.output) == {"/app/a": "+", "/app/b": "+", "/app/c": "="}
    for name in ("/app/a", "/app/c"):
        assert re.search(rf"^. {name}  {reason}", plan.output, re.M)
    assert f"  by terms     {TERMS}" in plan.output
    for count in (2, 0):
        done = metertap(fake, *attach, "--yes")
        assert done.status == 0, done.errors
        assert (f"{count} attached." if count else "Nothing to do.") in done.output
        made = {
            name: group.filters["metertap"]["filterPattern"]
            for name, group in fake.groups.items()
            if group.filters
        }
        assert made == {"/app/a": TERMS, "/app/b": PATTERN, "/app/c": TERMS}
    # A log group without metric filters costs no call.
    assert fake.calls["DescribeMetricFilters"] <= 3 * 5
    fake.groups["/app/a"].metric_patterns.pop()
    done = metertap(fake, *attach, "--yes")
    assert f"~ /app/a  its pattern is {TERMS}" in done.output and "1 changed." in done.output
    assert fake.groups["/app/a"].filters["metertap"]["filterPattern"] == PATTERN


@pytest.mark.parametrize("known", [True, False])
def test_a_refusal_tells_of_regular_expressions_what_may_not_be_read(
    known: bool, metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    fake.groups["/app/a"].metric_patterns = ["%a%"] * 5
    if not known:
        actions = ("DescribeLogGroups", "DescribeSubscriptionFilters", "PutSubscriptionFilter")
        fake.allowed = {f"logs:{action}" for action in actions} | {
            "lambda:ListEventSourceMappings",
            "lambda:GetFunctionConfiguration",
        }
    done = metertap(fake, "attach", "--log-group", "/app/a", "--yes", *to_stream())
    assert done.status == 0, done.errors
    assert "by terms, because" in done.output and "1 attached." in done.output
    assert fake.groups["/app/a"].filters["metertap"]["filterPattern"] == TERMS
    assert fake.calls["PutSubscriptionFilter"] == (1 if known else 2)


def test_what_cannot_be_subscribed_or_looks_elsewhere_is_told(
    metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    fake.groups["/app/b"].logGroupClass = "INFREQUENT_ACCESS"
    ours = {
        "filterName": "metertap",
        "filterPattern": PATTERN,
        "destinationArn": STREAM,
        "roleArn": ROLE,
        "distribution": "ByLogStream",
        "applyOnTransformedLogs": True,
    }
    fake.groups["/app/c"].filters = {"metertap": ours}
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", *to_stream())
    assert done.status == 65
    assert "! /app/b  is of the class INFREQUENT_ACCESS" in done.output
    assert "~ /app/c  it looks at transformed log events" in done.output
    put = fake.groups["/app/c"].filters["metertap"]
    assert put["distribution"] == "ByLogStream" and "applyOnTransformedLogs" not in put
    assert fake.groups["/app/a"].filters["metertap"]["distribution"] == "Random"


def test_the_log_group_that_a_function_names_is_its_own(
    metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    fake.function_logs["metertap-agent"] = "/app/b"
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", *to_stream())
    assert done.status == 0 and signs(done.output)["/app/b"] == "!"
    assert not fake.groups["/app/b"].filters


def test_a_destination_of_another_account(metertap: Callable[..., Command], fake: Subscriptions) -> None:
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", "--destination-arn", OTHER, *FAST)
    assert done.status == 0, done.errors
    for name in ("/app/a", "/app/b", "/app/c"):
        put = fake.groups[name].filters["metertap"]
        assert put["destinationArn"] == OTHER and "roleArn" not in put
    assert not fake.calls["ListEventSourceMappings"]
    assert metertap(fake, "detach", "--yes", "--destination-arn", OTHER, *FAST).status == 0
    assert not any(group.filters for group in fake.groups.values())


def test_a_destination_of_ones_own_account(metertap: Callable[..., Command], fake: Subscriptions) -> None:
    """The agent behind it logs in this account: its log group is left alone, as with the stream itself."""
    fake.destinations = {f"{OWN_DESTINATION}-2": "arn:aws:firehose:x:y:z", OWN_DESTINATION: STREAM}
    chosen = ("--prefix", "/", "--yes", "--destination-arn", OWN_DESTINATION, *FAST)
    done = metertap(fake, "attach", *chosen)
    assert done.status == 0, done.errors
    assert signs(done.output)[AGENT_LOG] == "!" and not fake.groups[AGENT_LOG].filters
    assert "metertap" in fake.groups["/app/a"].filters
    fake.groups[AGENT_LOG].filters = {}
    fake.allowed = {
        f"logs:{name}"
        for name in ("DescribeLogGroups", "DescribeSubscriptionFilters", "PutSubscriptionFilter")
    }
    unknown = metertap(fake, "attach", *chosen)
    assert unknown.status == 0 and "it would feed itself" in unknown.errors
    fake.allowed = None
    policy = metertap(fake, "attach", "--account-policy", "--yes", "--destination-arn", OWN_DESTINATION)
    assert policy.status == 0 and AGENT_LOG in fake.policies["metertap"]["selectionCriteria"]


def test_a_role_at_a_destination_is_no_difference(
    metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    """An organisation's destination has a role of its own; the sender's may be there or not."""
    chosen = ("attach", "--log-group", "/app/a", "--yes", "--destination-arn", OTHER, *FAST)
    assert metertap(fake, *chosen, "--role-arn", ROLE).status == 0
    assert fake.groups["/app/a"].filters["metertap"]["roleArn"] == ROLE
    assert "as they should be" in metertap(fake, *chosen).output
    fake.groups["/app/a"].filters["metertap"]["filterPattern"] = "old"
    assert metertap(fake, *chosen).status == 0
    assert fake.groups["/app/a"].filters["metertap"]["roleArn"] == ROLE
    del fake.groups["/app/a"].filters["metertap"]["roleArn"]
    assert "as they should be" in metertap(fake, *chosen, "--role-arn", ROLE).output


@pytest.mark.parametrize("ending", ["", ":*"])
def test_a_log_group_is_named_by_its_arn(
    metertap: Callable[..., Command], fake: Subscriptions, ending: str
) -> None:
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app/a{ending}"
    assert metertap(fake, "attach", "--log-group", arn, "--yes", *to_stream()).status == 0
    assert [name for name, group in fake.groups.items() if group.filters] == ["/app/a"]
    other = metertap(fake, "attach", "--log-group", arn.replace(ACCOUNT, "1" * 12), "--yes", *to_stream())
    assert other.status == 78 and "no log group" in other.errors


# Refusals

NOT_YET = (
    "Could not deliver test message to specified Kinesis stream. Check if the stream is in ACTIVE state."
)
NO_ROLE_YET = "Make sure you have given CloudWatch Logs permission to"
REFUSALS = {
    "not yet": lambda: Refused("InvalidParameterException", 400, NOT_YET),
    "aborted": lambda: Refused("OperationAbortedException", 409, "Please try again"),
    "away": lambda: Refused("ServiceUnavailableException", 503, "away"),
    "denied": lambda: Refused("AccessDeniedException", 403, "not on this one"),
    "invalid": lambda: Refused("InvalidParameterException", 400, "Invalid filter pattern"),
    "resource policy": lambda: Refused("InvalidOperationException", 400, "not here"),
    "no role yet": lambda: Refused("ValidationException", 400, f"{NO_ROLE_YET} assume the provided role."),
}
PASSING = ("not yet", "no role yet", "aborted", "away")


@dataclass
class Moods:
    """How often each log group refuses an operation still, and in which way."""

    kind: dict[str, str]
    left: dict[str, int]
    operation: str

    def __call__(self, operation: str, group: str) -> Refused | None:
        if operation != self.operation or self.left.get(group, 0) <= 0:
            return None
        self.left[group] -= 1
        return REFUSALS[self.kind[group]]()


@pytest.mark.parametrize("operation", ["PutSubscriptionFilter", "DescribeSubscriptionFilters"])
def test_each_refusal_is_of_one_log_group(
    metertap: Callable[..., Command], fake: Subscriptions, operation: str
) -> None:
    """50 log groups with each kind of refusal at random: the others are done; the same command goes on."""
    rng = random.Random(SEED)
    fake.groups = {f"/app/{number:02d}": Group() for number in range(50)}
    # A test message is sent when a filter is put.
    kinds = [kind for kind in REFUSALS if not kind.endswith("yet") or operation.startswith("Put")]
    kind = {name: rng.choice(kinds) for name in fake.groups if rng.random() < 0.4}
    # A destination may not be there at all.
    left = {name: rng.choice((1, 2, 1_000) if kind[name] == "not yet" else (1, 2)) for name in kind}
    fake.refusal = moods = Moods(kind, left, operation)
    chosen = ("--prefix", "/app/", "--yes", *to_stream())
    done = metertap(fake, "attach", *chosen)
    lost = {name for name, group in fake.groups.items() if "metertap" not in group.filters}
    assert lost <= kind.keys(), done.output
    assert {name for name in kind if kind[name] in PASSING and moods.left[name] == 0} & lost == set()
    assert done.status == (65 if lost else 0), done.errors
    told = done.output[done.output.rindex("  role  ") :] if operation.startswith("Put") else done.output
    assert {name for name, sign in signs(told).items() if sign == "!"} == lost, done.output
    moods.left = {}
    done = metertap(fake, "attach", *chosen)
    assert done.status == 0 and all("metertap" in group.filters for group in fake.groups.values()), (
        done.output
    )
    if lost:
        assert signs(done.output) == dict.fromkeys(lost, "+")
    moods.operation = "DeleteSubscriptionFilter"
    moods.left = {name: 1 for name in kind}
    done = metertap(fake, "detach", *chosen[:3], "--destination-arn", STREAM, *FAST)
    left_on = {name for name, group in fake.groups.items() if group.filters}
    # What passes for a put alone is no reason to wait when a filter is taken away.
    assert left_on <= {name for name in kind if kind[name] not in ("aborted", "away")}
    assert done.status == (65 if left_on else 0), (done.status, done.errors)
    moods.left = {}
    assert metertap(fake, "detach", *chosen[:3], "--destination-arn", STREAM, *FAST).status == 0
    assert not any(group.filters for group in fake.groups.values())


def test_a_watcher_ends_only_by_a_signal(cli: Path, fake: Subscriptions, tmp_path: Path) -> None:
    fake.groups = {"/app/a": Group(), "/app/b": Group()}
    kind = {"/app/a": "denied", "/app/new": "invalid", "/app/later": "away"}
    fake.groups["/app/named"] = Group()
    fake.refusal = moods = Moods(kind, dict.fromkeys(kind, 1_000), "PutSubscriptionFilter")
    log = tmp_path / "watch.log"
    named = ["--log-group", "/app/named", "--prefix", "/app/"]
    arguments = ["attach", *named, "--yes", "--watch", "1", *to_stream(), *FAST]
    service = Service([str(cli), *arguments], log, environment(fake))
    try:
        service.wait_until(lambda: "looking for new log groups" in log.read_text())
        del fake.groups["/app/named"]
        assert fake.groups["/app/b"].filters and not fake.groups["/app/a"].filters
        fake.groups |= {"/app/new": Group(), "/app/well": Group()}
        service.wait_until(lambda: fake.groups["/app/well"].filters)
        service.wait_until(lambda: "! /app/new" in log.read_text())
        fake.allowed = {"logs:PutSubscriptionFilter"}
        service.wait_until(lambda: "New log groups are not attached" in log.read_text())
        fake.allowed = None
        service.wait_until(lambda: "can be listed again" in log.read_text())
        moods.left = {}
        service.wait_until(lambda: fake.groups["/app/a"].filters and fake.groups["/app/new"].filters)
        service.wait_until(lambda: "+ /app/new" in log.read_text())
        text = log.read_text()
        assert text.count("! /app/new") == 1 and text.count("New log groups are not attached") == 1, text
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0
    finally:
        service.stop()


def test_a_watcher_leaves_the_agents_own_log_alone(cli: Path, fake: Subscriptions, tmp_path: Path) -> None:
    """Also where it begins without a log group, and may not list them yet."""
    fake.destinations = {OWN_DESTINATION: STREAM}
    fake.groups, later = {}, fake.groups
    fake.refusal = lambda operation, group: (
        Refused("AccessDeniedException", 403)
        if operation == "DescribeLogGroups" and not fake.groups
        else None
    )
    log = tmp_path / "watch.log"
    arguments = [
        "attach",
        "--prefix",
        "/",
        "--yes",
        "--watch",
        "1",
        "--destination-arn",
        OWN_DESTINATION,
        *FAST,
    ]
    service = Service([str(cli), *arguments], log, environment(fake))
    try:
        service.wait_until(lambda: "looking for new log groups" in log.read_text())
        service.wait_until(lambda: fake.calls["DescribeLogGroups"] >= 4)
        assert log.read_text().count("New log groups are not attached") == 1
        fake.groups = later
        service.wait_until(lambda: "metertap" in fake.groups["/app/c"].filters)
        service.wait_until(lambda: f"! {AGENT_LOG}" in log.read_text())
        assert not fake.groups[AGENT_LOG].filters
        other = {"filterPattern": "", "destinationArn": "x"}
        full = {name: other | {"filterName": name} for name in "ab"}
        fake.groups["/app/full"] = Group(filters=full)
        service.wait_until(lambda: "! /app/full" in log.read_text())
        fake.groups["/app/full"].filters.pop("a")
        service.wait_until(lambda: "metertap" in fake.groups["/app/full"].filters)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0
    finally:
        service.stop()


def test_the_policy_of_the_account(metertap: Callable[..., Command], fake: Subscriptions) -> None:
    policy = ("--account-policy", "--yes")
    for expected in ("+ account policy metertap", "= account policy metertap"):
        done = metertap(fake, "attach", *policy, *to_stream())
        assert done.status == 0 and expected in done.output, done.errors
    [made] = fake.policies.values()
    assert json.loads(made["policyDocument"]) == {
        "DestinationArn": STREAM,
        "RoleArn": ROLE,
        "FilterPattern": PATTERN,
        "Distribution": "Random",
    }
    assert made["selectionCriteria"] == f'LogGroupName NOT IN ["{AGENT_LOG}"]' and made["scope"] == "ALL"
    assert fake.calls["PutAccountPolicy"] == 1
    changed = metertap(fake, "attach", *policy, "--tags", "mine", *to_stream())
    assert f"~ account policy metertap  its pattern is {PATTERN}" in changed.output
    refused = metertap(fake, "detach", "--account-policy", "--destination-arn", STREAM)
    assert refused.status == 64 and fake.policies
    assert metertap(fake, "detach", *policy, "--destination-arn", STREAM).status == 0 and not fake.policies
    theirs = {"policyName": "theirs", "policyDocument": json.dumps({"DestinationArn": STREAM})}
    fake.policies["theirs"] = theirs
    done = metertap(fake, "attach", *policy, *to_stream())
    assert done.status == 65 and "! account policy theirs  is not ours" in done.output
    assert metertap(fake, "detach", *policy, "--destination-arn", STREAM).status == 0
    assert fake.policies == {"theirs": theirs}


def test_calls_stay_within_the_quota(metertap: Callable[..., Command], fake: Subscriptions) -> None:
    fake.per_second = 5
    fake.groups = {f"/app/{number}": Group() for number in range(9)}
    start = time.monotonic()
    done = metertap(fake, "attach", "--prefix", "/app/", "--yes", *to_stream()[:4])
    assert done.status == 0 and "9 attached." in done.output
    # 9 readings for the plan and 9 more before the writings, five a second. On a busy machine calls may still
    # meet in one second; then the service is asked again.
    assert time.monotonic() - start > 17 / 5 and fake.throttled <= 2


def test_a_person_is_asked(cli: Path, fake: Subscriptions, tmp_path: Path) -> None:
    arguments = ["attach", "--log-group", "/app/a", *to_stream()]
    for answer, status in (("n\n", 64), ("y\n", 0)):
        person, terminal = pty.openpty()
        process = subprocess.Popen(
            [cli, *arguments],
            env=environment(fake),
            cwd=tmp_path,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
        os.write(person, answer.encode())
        assert process.wait(30) == status
        os.close(person)
        os.close(terminal)
        assert ("metertap" in fake.groups["/app/a"].filters) is (status == 0)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--prefix", "/app/"), 64, "--destination-arn is missing"),
        (("--destination-arn", STREAM, "--role-arn", ROLE), 64, "--prefix"),
        (("--prefix", "/", "--destination-arn", STREAM), 64, "--role-arn is missing"),
        (
            ("--prefix", "/", "--destination-arn", FUNCTION, "--role-arn", ROLE),
            64,
            "not for a Lambda function",
        ),
        (("--prefix", "/", "--destination-arn", "arn:x"), 64, "no ARN"),
        (("--prefix", "/", "--account-policy", *to_stream()), 64, "leave out"),
        (("--log-group", "/none", *to_stream()), 78, "/none"),
        (("--prefix", "/none", *to_stream()), 65, ""),
        (("--prefix", "/", "--tags", "a;b", *to_stream()), 64, "tag"),
        (("--prefix", "/", "--tags", ",".join(["tag"] * 260), *to_stream()), 64, "longer than the 1024"),
        (("--prefix", "/", "--watch", "0", *to_stream()), 64, "--watch"),
        (("--prefix", "/", "--pattern", "x", *to_stream()), 64, "--explain"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...], status: int, told: str, metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    done = metertap(fake, "attach", *arguments)
    assert done.status == status and told in done.errors, done.errors
    assert not any(group.filters for group in fake.groups.values())


# What the pattern takes


def test_lines_are_explained(metertap: Callable[..., Command], fake: Subscriptions, tmp_path: Path) -> None:
    lines = [
        'INFO amberflo_meter: {"customerId":"c","meterApiName":"m","meterValue":1}',
        json.dumps({"message": 'meter_record_for_cw {"customerId":"c","meterApiName":"m","meterValue":1}'}),
        "reading amberflo_meter config",
        "amberflo_meter: {broken",
        "nothing here",
    ]
    (tmp_path / "app.log").write_text("\n".join(lines))
    done = metertap(fake, "attach", "--explain", "app.log")
    assert done.status == 0, done.errors
    told = [line[: line.index("  ", 2)] for line in done.output.splitlines()[1:-1]]
    assert told == ["+ 1 record", "+ 1 record", "+ 1 mention", "+ 1 reject", "  nothing"]
    assert "4 of 5 lines are handed on." in done.output
    lost = metertap(fake, "attach", "--explain", "app.log", "--pattern", "amberflo_meter -reading")
    assert (
        lost.status == 65 and "! 1 record" in lost.output and "leaves out the lines marked !" in lost.errors
    )
    # The escaped line break before the tag makes it part of a longer word, which AWS promises for no term.
    nested = json.dumps({"m": 'a\namberflo_meter {"customerId":"c","meterApiName":"m","meterValue":1}'})
    unsure = metertap(fake, "attach", "--explain", nested, "--pattern", TERMS)
    assert unsure.status == 65 and "? 1 record" in unsure.output and "whole words" in unsure.errors
    sure = metertap(fake, "attach", "--explain", nested)
    assert sure.status == 0 and "+ 1 record" in sure.output and not sure.errors
    one = metertap(fake, "attach", "--explain", lines[0])
    assert one.status == 0 and "1 of 1 lines" in one.output
    bad = metertap(fake, "attach", "--explain", "x", "--pattern", "a-b")
    assert bad.status == 64 and "at character 2" in bad.errors
    assert not fake.calls


# Permissions

COMMANDS: dict[str, tuple[str, ...]] = {
    "stream": ("attach", "--tag", "team", "--yes", *to_stream()),
    "function": ("attach", "--prefix", "/app/", "--yes", "--filter-name", "direct", *to_function()),
    "policy": ("attach", "--account-policy", "--yes", *to_stream()),
    "own destination": (
        "attach",
        "--prefix",
        "/app/",
        "--yes",
        "--filter-name",
        "own",
        "--destination-arn",
        OWN_DESTINATION,
        *FAST,
    ),
    "no stream": ("detach", "--yes", "--destination-arn", STREAM, *FAST),
    "no function": ("detach", "--yes", "--filter-name", "direct", *to_function()),
    "no policy": ("detach", "--account-policy", "--yes", "--destination-arn", STREAM, *FAST),
}
NEEDED = {
    "logs:DescribeLogGroups": "stream",
    "logs:DescribeSubscriptionFilters": "stream",
    "logs:PutSubscriptionFilter": "stream",
    "logs:DeleteSubscriptionFilter": "no stream",
    "tag:GetResources": "stream",
    "lambda:ListEventSourceMappings": "stream",
    "lambda:GetFunctionConfiguration": "stream",
    "lambda:GetPolicy": "function",
    "lambda:AddPermission": "function",
    "lambda:RemovePermission": "no function",
    "logs:DescribeAccountPolicies": "policy",
    "logs:PutAccountPolicy": "policy",
    "logs:DeleteAccountPolicy": "no policy",
}
# Asked for only where a log group has many metric filters; without it a refusal tells the same.
OPTIONAL = {"logs:DescribeMetricFilters", "logs:DescribeDestinations"}
# Checked by AWS when CloudWatch Logs is given the role, by no call of ours: API_PutSubscriptionFilter.html.
BY_AWS = {"iam:PassRole"}


def documented() -> dict[str, Any]:
    [text] = re.findall(r"```json\n(.*?)```", (ROOT / "docs/attach.md").read_text(), re.S)
    return json.loads(text)


def test_every_documented_permission_is_needed_and_no_other(
    metertap: Callable[..., Command], fake: Subscriptions
) -> None:
    actions = {statement["Action"] for statement in documented()["Statement"]}
    assert actions == NEEDED.keys() | BY_AWS | OPTIONAL
    fake.groups["/app/a"].tags = {"team": "x"}
    fake.destinations = {OWN_DESTINATION: STREAM}
    fake.limit = 3
    fake.allowed = actions
    before: dict[str, Any] = {}
    for name, command in COMMANDS.items():
        before[name] = deepcopy((fake.groups, fake.policies, fake.statements))
        done = metertap(fake, *command)
        assert done.status == 0, (name, done.errors)
    for left_out, name in NEEDED.items():
        fake.groups, fake.policies, fake.statements = deepcopy(before[name])
        fake.allowed = actions - {left_out}
        done = metertap(fake, *COMMANDS[name])
        assert done.status == 77 and left_out.split(":")[1] in done.errors, (left_out, done.errors)


def test_permissions_are_enforced_by_moto(cli: Path, fake: Subscriptions, tmp_path: Path) -> None:
    """What moto can check: it knows the tagging API by another name, and refuses Lambda's signatures."""
    actions = {
        statement["Action"].replace("tag:", "tagging:")
        for statement in documented()["Statement"]
        if statement["Action"].startswith(("logs:", "tag:"))
    }
    enforced = {action for action in actions if "AccountPolic" not in action} - OPTIONAL
    enforcing = Moto(tmp_path)
    try:
        enforcing.client("kinesis").create_stream(StreamName="metertap", ShardCount=1)
        logs, iam, keys = enforcing.client("logs"), enforcing.client("iam"), {}
        logs.create_log_group(logGroupName="/app/a", tags={"team": "x"})
        for left_out in ("", *sorted(enforced)):
            name = left_out.replace(":", "-") or "all"
            iam.create_user(UserName=name)
            statement = {"Effect": "Allow", "Action": sorted(actions - {left_out}), "Resource": "*"}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
            keys[left_out] = iam.create_access_key(UserName=name)["AccessKey"]
        requests.post(f"{enforcing.url}/moto-api/reset-auth", data="0", timeout=10)

        def call(left_out: str, *command: str) -> Command:
            settings = environment(
                enforcing,
                AWS_ENDPOINT_URL_LAMBDA=fake.url,
                AWS_ACCESS_KEY_ID=keys[left_out]["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=keys[left_out]["SecretAccessKey"],
            )
            return run(cli, tmp_path, settings, *command)

        for left_out in sorted(enforced):
            name = NEEDED[left_out.replace("tagging:", "tag:")]
            if name.startswith("no "):
                assert call("", *COMMANDS[name.removeprefix("no ")]).status == 0
            done = call(left_out, *COMMANDS[name])
            assert done.status == 77 and left_out.split(":")[1] in done.errors, (left_out, done.errors)
            assert call("", *COMMANDS["no stream"]).status == 0
        for command in ("stream", "no stream"):
            done = call("", *COMMANDS[command])
            assert done.status == 0, done.errors
    finally:
        enforcing.stop()
