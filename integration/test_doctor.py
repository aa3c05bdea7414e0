"""`metertap doctor` finds each thing that is wrong, alone and with others, and nothing on a right set-up.

`METERTAP_DOCTOR_RUNS` sets the number of random combinations (12), `METERTAP_SEED` repeats them.
"""

import contextlib
import json
import os
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from components.doctor_world import INJECTIONS, Injection, Report, World
from components.emulators import Ministack
from conftest import ROOT

RUNS = int(os.environ.get("METERTAP_DOCTOR_RUNS") or 12)
SEVERITIES = ["note", "unknown", "risk", "loss"]
STATUS = {"": 0, "note": 0, "unknown": 77, "risk": 78, "loss": 65}


@pytest.fixture(scope="module")
def world(cli: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    account = Ministack(tmp_path_factory.mktemp("doctor"), secret="root-secret", enforcing=True)
    try:
        made = World(account, cli, package, tmp_path_factory.mktemp("work"))
        yield made
        made.close()
    finally:
        account.stop()


def assert_right(report: Report) -> None:
    assert not report.findings and report.status == 0, report.told()


@pytest.mark.parametrize(("prefix", "streams", "groups"), [("/app/", 1, 2), ("/direct/", 0, 1)])
def test_nothing_is_wrong_with_a_right_set_up(prefix: str, streams: int, groups: int, world: World) -> None:
    report = world.doctor(prefix)
    assert_right(report)
    looked = report.looked
    assert (looked["logGroups"], looked["streams"], looked["functions"]) == (groups, streams, 1)


def test_without_log_groups_it_looks_at_all_that_are_attached(world: World) -> None:
    report = world.doctor()
    assert_right(report)
    assert report.looked["logGroups"] == 3


def test_nothing_is_wrong_with_what_the_platform_knows(world: World) -> None:
    with world.with_platform():
        report = world.doctor("/app/", "/direct/")
    assert_right(report)


# What is wrong


def test_every_check_is_provoked() -> None:
    source = (ROOT / "Sources/Doctor/Check.swift").read_text()
    checks = {text or name for name, text in re.findall(r'^ +case (\w+)(?: = "([\w-]+)")?$', source, re.M)}
    assert checks == {one.check for one in INJECTIONS.values()}


def with_all(world: World, injected: list[Injection]) -> Report:
    """The report is looked at when everything is mended again."""
    with contextlib.ExitStack() as broken:
        for one in injected:
            broken.enter_context(one.made(world))
        return world.doctor(injected[0].prefix)


def assert_found(report: Report, injected: list[Injection]) -> None:
    expected = set()
    for one in injected:
        expected |= {one.check} | one.also
        found = [
            finding
            for finding in report.findings
            if (finding["check"], finding["severity"]) == (one.check, one.severity)
        ]
        assert any(one.remedy in finding["remedy"] for finding in found), (one.name, report.told())
    assert report.checks <= expected, (report.checks - expected, report.told())
    severities = [SEVERITIES.index(finding["severity"]) for finding in report.findings]
    assert severities == sorted(severities, reverse=True), "the worst comes first"
    assert report.status == STATUS[SEVERITIES[max(severities)]]


@pytest.mark.parametrize("name", INJECTIONS)
def test_each_is_found(name: str, world: World) -> None:
    report = with_all(world, [INJECTIONS[name]])
    assert_found(report, [INJECTIONS[name]])
    for finding in report.findings:
        assert finding.keys() == {
            *("check", "severity", "subject", "finding", "consequence", "remedy", "evidence"),
        }
        assert all(finding.values())
        if finding["severity"] in ("loss", "risk"):
            assert re.search("bill|meters|record", finding["consequence"]), finding


def test_combinations_of_three_are_found(world: World, seed: int) -> None:
    print(f"METERTAP_SEED={seed} METERTAP_DOCTOR_RUNS={RUNS}")
    chance = random.Random(seed)
    for run in range(RUNS):
        injected: list[Injection] = []
        for one in chance.sample(list(INJECTIONS.values()), len(INJECTIONS)):
            if all(one.goes_with(other) for other in injected) and not one.alone:
                injected.append(one)
            if len(injected) == 3:
                break
        print(run, [one.name for one in injected])
        assert_found(with_all(world, injected), injected)


def test_everything_was_mended(world: World) -> None:
    """The injections undo what they do: otherwise what was found after them would prove nothing."""
    for prefix in ("/app/", "/direct/"):
        assert_right(world.doctor(prefix))


# What it must be allowed


# ministack asks for these without saying for which role or log groups; AWS knows them.
RESOURCES = {
    action: {"Resource": "*"} for action in ("iam:SimulatePrincipalPolicy", "logs:DescribeLogGroups")
}


def documented(world: World) -> list[dict[str, Any]]:
    """The statements of the policy in docs/doctor.md, one action each, for this account and its buckets."""
    [text] = re.findall(r"```json\n(.*?)```", (ROOT / "docs/doctor.md").read_text(), re.S)
    buckets = [
        f"arn:aws:s3:::{stack.outputs[name]}"
        for stack in (world.stack, world.direct)
        for name in ("BucketName", "FailedBatchesName")
    ]
    text = text.replace('"arn:aws:s3:::metertap-*"', json.dumps(buckets)).replace(
        "123456789012", world.account.account
    )
    statements = json.loads(text)["Statement"]
    return [
        statement | {"Sid": f"{statement['Sid']}{index}", "Action": action} | RESOURCES.get(action, {})
        for statement in statements
        for index, action in enumerate(
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]


def test_each_documented_permission_is_needed(world: World) -> None:
    """Without one of them the check that needs it says so and names it; with all of them nothing is wrong."""
    statements = documented(world)
    keys: dict[str, dict[str, str]] = {}
    for left_out in ("", *(one["Action"] for one in statements)):
        kept = [one for one in statements if one["Action"] != left_out]
        keys[left_out] = world.user(f"doctor-{left_out.replace(':', '-')}", kept)

    def doctor(left_out: str) -> Report:
        chosen = ("--tag", "team") if left_out == "tag:GetResources" else ()
        return world.doctor("/app/", "/direct/", arguments=chosen, settings=keys[left_out])

    assert_right(doctor(""))
    with ThreadPoolExecutor(2) as pool:
        for left_out, report in zip(keys, pool.map(doctor, keys), strict=True):
            if left_out:
                unknown = [one for one in report.findings if one["severity"] == "unknown"]
                assert any(left_out in one["remedy"] for one in unknown), (left_out, report.told())
                assert len(unknown) == len(report.findings) and report.status == 77, report.told()
