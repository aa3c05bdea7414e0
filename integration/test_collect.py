"""`metertap collect` against moto's CloudWatch Logs, with a role in each account."""

import json
import random
import re
import time
import uuid
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from components.collectors import Collector
from components.emulators import ACCOUNT, REGION, Moto
from components.late_logs import FAULTS, Account, LateLogs
from components.logs import LogGroup, environment, recently, run, wanted
from components.platform import ADMIN_KEY, Platform
from components.processes import clean_environment
from components.samples import Samples
from components.stored import files_in
from conftest import ROOT


@pytest.fixture
def moto(logs_moto: Moto) -> Moto:
    return logs_moto


@pytest.fixture
def group(moto: Moto) -> LogGroup:
    return LogGroup(moto, f"/app/{uuid.uuid4().hex[:8]}")


def lines(seed: int, count: int, start: int) -> list[tuple[int, Any]]:
    samples = Samples(random.Random(seed), base_time=start - 86_400_000)
    return [(start + 500 * n, samples.line()) for n in range(count)]


def now(seconds: float = 0) -> int:
    return int((time.time() + seconds) * 1000)


def record_line(customer: str) -> str:
    record = {"customerId": customer, "meterApiName": "calls", "meterValue": 1}
    return f"INFO amberflo_meter: {json.dumps(record)}"


def environment_of(logs: LateLogs) -> dict[str, str]:
    return clean_environment(
        AWS_ENDPOINT_URL=logs.url,
        AWS_ACCESS_KEY_ID="own",
        AWS_SECRET_ACCESS_KEY="own",
        AWS_REGION=REGION,
    )


def test_what_is_logged_comes_and_a_restart_goes_on(
    cli: Path, moto: Moto, group: LogGroup, tmp_path: Path
) -> None:
    group.put("web-1", lines(1, 80, recently(30)))
    settings = {"connections": [{"name": "one", "log-groups": [group.name], "start": "1h"}]}
    collector = Collector(cli, tmp_path, settings, environment(moto))
    try:
        collector.wait_for(wanted(group))
        # A few seconds late, as most log events are.
        group.put("web-2", lines(2, 20, now(-12)))
        collector.wait_for(wanted(group))
        before = files_in(collector.sink)
        (report,) = collector.stop()
        truth = wanted(group)
        assert report["delivered"] + report["rejected"] == truth.found, report
        assert report["found"] == truth.found + report["repeated"], report
        assert (report["account"], report["region"], report["logGroups"]) == (ACCOUNT, REGION, 1)
        collector.start()
        group.put("web-1", lines(3, 20, now(-12)))
        collector.wait_for(wanted(group))
        (report,) = collector.stop()
        assert report["delivered"] + report["rejected"] == wanted(group).found - truth.found, (
            "delivered again"
        )
        assert all(files_in(collector.sink)[name] == data for name, data in before.items())
    finally:
        collector.kill()


def test_a_platform_that_is_away_gets_everything_later(
    cli: Path, moto: Moto, group: LogGroup, platform: Platform, tmp_path: Path
) -> None:
    group.put("web-1", lines(4, 60, recently(30)))
    settings = {
        "sink": f"{platform.url}/ingest",
        "rejects": f"file://{tmp_path / 'rejects'}",
        "connections": [{"name": "one", "log-groups": [group.name], "start": "1h"}],
    }
    # Not where the platform would take its connections for its own.
    directory = tmp_path / "collector"
    directory.mkdir()
    collector = Collector(cli, directory, settings, environment(moto, METERTAP_API_KEY=ADMIN_KEY))
    try:
        Platform.wait_for(lambda: platform.pipeline()["received"] == len(wanted(group).records))
        platform.kill()
        group.put("web-1", lines(5, 20, now(-12)))
        Platform.wait_for(lambda: "metertap: connection one: " in collector.log.read_text())
        platform.start(int(platform.url.rsplit(":", 1)[1]))
        Platform.wait_for(lambda: platform.pipeline()["received"] >= len(wanted(group).records), 60)
        figures = platform.pipeline()
        assert figures["received"] - figures["duplicate"] == len(wanted(group).records)
        Platform.wait_for(lambda: "all is well again" in collector.log.read_text())
    finally:
        collector.kill()


@dataclass
class Accounts:
    """Accounts of moto, each with a log group and a role that leaves one action of the policy out."""

    moto: Moto
    reader: dict[str, Any]
    connections: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, LogGroup] = field(default_factory=dict)

    def add(self, left_out: str) -> None:
        account = f"11112222333{len(self.connections)}"
        group = LogGroup(self.moto, "/app/shop", account=account)
        group.put("s", lines(len(self.connections), 20, recently()))
        self.groups[left_out] = group
        iam = self.moto.client("iam", account)
        trust = {
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]
        }
        made = iam.create_role(RoleName="metertap-read", AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(
            RoleName="metertap-read", PolicyName="p", PolicyDocument=allowed(self.reader, left_out)
        )
        self.connections.append(
            {
                "name": left_out or "all",
                "account": account,
                "role-arn": made["Role"]["Arn"],
                "external-id": "ours",
                "log-groups": ["/app/*"],
                "start": "1d",
            }
        )

    def user(self, name: str, policy: dict[str, Any], left_out: str = "") -> dict[str, str]:
        """The credentials of a user of the collector's own account."""
        iam = self.moto.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allowed(policy, left_out))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def allowed(policy: dict[str, Any], left_out: str) -> str:
    """A policy without an action; for all resources, since moto checks actions alone."""
    kept = [one | {"Resource": "*"} for one in policy["Statement"] if one["Action"] != left_out]
    # A policy needs a statement.
    nothing = [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]
    return json.dumps(policy | {"Statement": kept or nothing})


def test_roles_of_other_accounts_need_the_documented_policies(cli: Path, tmp_path: Path) -> None:
    """With permissions enforced they suffice, and without any one the connection names what it may not."""
    text = (ROOT / "docs/collect.md").read_text()
    reader, caller = (json.loads(one) for one in re.findall(r"```json\n(.*?)```", text, re.S)[:2])
    actions = [statement["Action"] for statement in reader["Statement"]]
    moto = Moto(tmp_path)
    try:
        accounts = Accounts(moto, reader)
        for left_out in ("", *actions):
            accounts.add(left_out)
        users = {
            "may": accounts.user("may", caller),
            "may-not": accounts.user("may-not", caller, "sts:AssumeRole"),
        }
        requests.post(f"{moto.url}/moto-api/reset-auth", data="0", timeout=10)
        for name, credentials in users.items():
            directory = tmp_path / name
            directory.mkdir()
            settings = {"connections": accounts.connections}
            collector = Collector(cli, directory, settings, environment(moto, **credentials))
            try:
                if name == "may":
                    collector.wait_for(wanted(accounts.groups[""]))
                collector.wait_for_problems(2)
                reports = {report["name"]: report for report in collector.stop()}
            finally:
                collector.kill()
            for action in actions:
                needed = action if name == "may" else "sts:AssumeRole"
                assert needed.split(":")[1] in reports[action]["problem"]["message"], reports[action]
            assert ("problem" in reports["all"]) == (name == "may-not"), reports["all"]
    finally:
        moto.stop()


@pytest.mark.parametrize(
    ("text", "status", "word"),
    [
        ("port: 1", 78, "has no connections"),
        ("connections: 1", 78, "must be a list"),
        ("connections: [{log-groups: [a]}]", 78, "connection 1 has no name"),
        ("connections: [{name: a}]", 78, "names no log-groups"),
        ("connections: [{name: a, log-groups: [a], role: x}]", 78, "role is no member"),
        ("connections: [{name: a, log-groups: [a], account: 1}]", 78, "12 digits"),
        ("connections: [{name: a, log-groups: [a], start: tomorrow}]", 78, "start"),
        ("connections: [{name: a, log-groups: [a]}, {name: a, log-groups: [b]}]", 78, "two connections"),
        ("interval: soon\nconnections: [{name: a, log-groups: [a]}]", 78, "interval"),
        ("sweeps: [1x]\nconnections: [{name: a, log-groups: [a]}]", 78, "sweeps"),
        ("connections: [{name: a, log-groups: [a], tags: ['a;b']}]", 64, "tag"),
        ("sink: https://h/ingest\nconnections: [{name: a, log-groups: [a]}]", 78, "METERTAP_API_KEY"),
    ],
)
def test_what_makes_no_sense_is_refused(
    cli: Path, moto: Moto, tmp_path: Path, text: str, status: int, word: str
) -> None:
    sink = "" if "sink" in text else f"sink: file://{tmp_path / 'sink'}\n"
    (tmp_path / "metertap.yaml").write_text(sink + text)
    done = run(cli, tmp_path, environment(moto), "collect")
    assert (done.status, done.output) == (status, ""), done.errors
    assert word in done.errors


def test_the_state_belongs_to_one_process_and_one_sink(
    cli: Path, moto: Moto, group: LogGroup, tmp_path: Path
) -> None:
    group.put("s", lines(6, 5, recently()))
    settings = {"connections": [{"name": "one", "log-groups": [group.name], "start": "1d"}]}
    collector = Collector(cli, tmp_path, settings, environment(moto))
    try:
        collector.wait_for(wanted(group))
        second = run(cli, tmp_path, environment(moto), "collect")
        assert second.status == 74 and "another collector" in second.errors, second.errors
        collector.stop()
        other = run(cli, tmp_path, environment(moto), "collect", "--sink", f"file://{tmp_path / 'other'}")
        assert other.status == 74 and "remembers what was delivered to" in other.errors, other.errors
    finally:
        collector.kill()


def test_an_account_or_log_group_that_is_not_the_one_is_said(
    cli: Path, moto: Moto, group: LogGroup, tmp_path: Path
) -> None:
    group.put("s", lines(7, 5, recently()))
    connections = [
        {"name": "right", "log-groups": [group.name], "start": "1d"},
        {"name": "other", "log-groups": [group.name], "account": "999999999999"},
        {"name": "absent", "log-groups": ["/none/of/it"]},
    ]
    collector = Collector(cli, tmp_path, {"connections": connections}, environment(moto))
    try:
        collector.wait_for(wanted(group))
        reports = {report["name"]: report for report in collector.stop()}
        assert "problem" not in reports["right"]
        assert "999999999999" in reports["other"]["problem"]["message"]
        assert "No log group is named /none/of/it" in reports["absent"]["problem"]["message"]
    finally:
        collector.kill()


def test_failing_connections_do_not_delay_the_others(cli: Path, tmp_path: Path) -> None:
    """200 connections, a tenth of which fails in several ways; the others stay within two intervals."""
    interval, start = 4, now()
    accounts = [Account(f"{index:012d}", external_id="ours") for index in range(200)]
    logs = LateLogs(accounts, random.Random(1), start)
    logs.is_live = True
    faults = (*FAULTS, "slow")
    for index, account in enumerate(accounts):
        account.groups["/app/shop"] = []
        if index % 10 == 0:
            account.fault = partial(str, faults[index // 10 % len(faults)])
    connections = [
        {
            "name": account.number,
            "role-arn": account.role,
            "external-id": "ours",
            "log-groups": ["/app/*"],
        }
        for account in accounts
    ]
    variables = environment_of(logs)
    collector = Collector(cli, tmp_path, {"connections": connections, "interval": f"{interval}s"}, variables)
    arrival: dict[str, float] = {}
    try:
        Platform.wait_for(lambda: sum(account.reads > 0 for account in accounts) >= 180)
        for account in accounts:
            logs.add(account, "/app/shop", now(), record_line(account.number))
        begin = time.time()
        while time.time() < begin + 3 * interval:
            for customer in {key[1] for key in collector.found().records}:
                arrival.setdefault(customer, time.time() - begin)
            time.sleep(0.1)
        reports = {report["name"]: report for report in collector.stop()}
    finally:
        collector.kill()
        logs.close()
    for index, account in enumerate(accounts):
        report = reports[account.number]
        if index % 10 == 0:
            assert report["problem"], report
        else:
            assert "problem" not in report, report
            assert arrival[account.number] <= 2 * interval, arrival
