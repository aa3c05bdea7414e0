"""Every setting with white space, an empty part and its neighbour's form: the start ends and names it."""

import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.processes import clean_environment
from components.runtime_api import Agent
from conftest import ROOT

ROLE = "arn:aws:iam::123456789012:role/writer"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sink-AbCdEf"
BUCKETS = [
    "s3://", "s3:///", "s3:///team", "s3://meters//team", "s3://meters/team//", "s3://meters/./team", "s3://meters/..",
    "s3://arn:aws:s3:::meters/", "s3://meters:443/", "s3://Meters/", "s3://me_ters/", "s3://m/", "s3://-meters/",
    "s3://meters./", "s3://a..b/", "s3://10.0.0.1/", "s3://me ters/", f"s3://{'m' * 64}/", "s3://metérs/",
    "s3:/meters/", "S3://meters/", "meters", "meters/team", ROLE, "arn:aws:s3:::meters", "file://", "file:///",
    "file://host/x", "file:team",
]  # fmt: skip
APIS = [
    "http://example.com/ingest", "https://", "https:///ingest", "https://:443/ingest", "https://a b/ingest",
    "https://host/in gest", "https://host:x/ingest", "https://host:99999/ingest", "https://user:pw@host/ingest",
    "https://[::1/ingest", "https://host/ingest#part",
]  # fmt: skip
NO_ROLES = [
    "writer", "123456789012", SECRET, "https://host/", "arn:aws:iam::123456789012:user/writer",
    "arn:aws:iam::1234:role/writer", "arn:aws:iam::123456789012:role/",
    "arn:aws:iam:eu-central-1:123456789012:role/w",
    "arn:aws:sts::123456789012:assumed-role/w/s",
]  # fmt: skip
NO_SECRETS = [
    ROLE,
    "https://host/",
    "arn:aws:secretsmanager:EU:123456789012:secret:x",
    "arn:aws:s3:::meters",
    "a b",
]
NO_REGIONS = [
    "EU",
    "eu",
    "eu-central",
    "EU-central-1",
    "eu_central_1",
    "https://host",
    "eu-central-1a",
    "eu central 1",
]
NO_ACLS = ["full-control", "Private", "bucket-owner-full-control,private", ROLE]
NO_IDS = ["x", "a b", "a#b", "x" * 1_225]
NO_ENCRYPTIONS = ["aes256", "kms", "AWS:KMS", "arn:aws:s3:::meters", "some-key", "true"]
NO_FLAGS = ["yes", "1", "TRUE", "true,false"]
NO_TAGS = ["two words", "a,b!c", "a;b", ","]

#: What the agent takes in each variable, with what must be set beside it, and what makes no sense there.
TAKEN: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "METERTAP_SINK": ("s3://meters/team/", {}, [*BUCKETS, *APIS, "-"]),
    "METERTAP_REJECTS": ("s3://kept/team", {}, [*BUCKETS, "https://host/ingest", "-"]),
    "METERTAP_API_KEY": (
        "key", {"METERTAP_SINK": "https://host/ingest", "METERTAP_REJECTS": "s3://kept"}, [],
    ),
    "METERTAP_API_KEY_SECRET_ARN": (
        SECRET, {"METERTAP_SINK": "https://host/ingest", "METERTAP_REJECTS": "s3://kept"}, NO_SECRETS,
    ),
    "METERTAP_TAGS": ("usage,b_c", {}, NO_TAGS),
    "METERTAP_PROVENANCE": ("true", {}, NO_FLAGS),
    "METERTAP_ALLOW_MISSING_CUSTOMER": ("false", {}, NO_FLAGS),
    "METERTAP_LOG_LEVEL": ("error", {}, ["ERROR", "debug", "true"]),
    "METERTAP_SINK_REGION": ("us-gov-west-1", {}, NO_REGIONS),
    "METERTAP_SINK_CREDENTIALS_SECRET_ARN": (SECRET, {"METERTAP_REJECTS": "s3://kept"}, NO_SECRETS),
    "METERTAP_SINK_ROLE_ARN": (ROLE, {"METERTAP_REJECTS": "s3://kept"}, NO_ROLES),
    "METERTAP_SINK_EXTERNAL_ID": (
        "us:1", {"METERTAP_SINK_ROLE_ARN": ROLE, "METERTAP_REJECTS": "s3://kept"}, NO_IDS,
    ),
    "METERTAP_SINK_ACL": ("bucket-owner-full-control", {"METERTAP_REJECTS": "s3://kept"}, NO_ACLS),
    "METERTAP_SINK_ENCRYPTION": ("arn:aws:kms:eu-central-1:123456789012:key/k", {}, NO_ENCRYPTIONS),
    "METERTAP_REJECTS_ENCRYPTION": ("aws:kms:dsse", {}, NO_ENCRYPTIONS),
}  # fmt: skip


def spaced(value: str) -> Iterator[str]:
    for space in (" ", "\t", "\n", "\r\n", "\u00a0", "\u2028"):
        yield value + space
        yield space + value
    yield value[:2] + "\n" + value[2:]
    yield value[:2] + "\x7f" + value[2:]
    yield value[:2] + "\u200b" + value[2:]


def settings_of(name: str, value: str) -> dict[str, str]:
    _, beside, _ = TAKEN[name]
    return {"METERTAP_SINK": "s3://meters/team/", "AWS_REGION": "eu-central-1"} | beside | {name: value}


def test_no_variable_of_the_agent_is_left_out() -> None:
    documented = set(
        re.findall(r"`(METERTAP_\w+)`", (ROOT / "Sources/Delivery/AgentSettings.swift").read_text())
    )
    assert documented == TAKEN.keys()


@pytest.mark.parametrize("name", TAKEN)
def test_the_agent_does_not_start(name: str, agent: Callable[..., Agent]) -> None:
    value, _, refused = TAKEN[name]
    taken = agent(**settings_of(name, value), AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    answer = taken.started()
    # What must be read from a secret cannot be here; the setting is taken.
    assert answer is None or name not in answer.body["errorMessage"], answer.body
    for wrong in itertools.chain(refused, spaced(value)):
        answer = agent(**settings_of(name, wrong)).started()
        assert answer and answer.kind == "initError", repr(wrong)
        assert name in answer.body["errorMessage"], (wrong, answer.body)


def test_an_empty_variable_is_as_good_as_none(agent: Callable[..., Agent]) -> None:
    empty = dict.fromkeys(TAKEN.keys() - {"METERTAP_SINK"}, "")
    assert agent(METERTAP_SINK="s3://meters/", AWS_REGION="eu-central-1", **empty).started() is None


def test_a_server_of_ones_own_has_regions_of_its_own(agent: Callable[..., Agent]) -> None:
    one = agent(
        METERTAP_SINK="s3://meters/", METERTAP_SINK_REGION="auto", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9"
    )
    assert one.started() is None


def checked(
    cli: Path, directory: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [cli, *arguments], env=clean_environment(**variables), cwd=directory, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip


def test_every_setting_of_the_command_line_with_white_space(cli: Path, tmp_path: Path) -> None:
    """In the environment and in a file: 78, with the name, and a secret is not told."""
    shown = checked(
        cli, tmp_path, "config", "check", "--json", METERTAP_API_KEY="k", METERTAP_ADMIN_KEY="k" * 16
    )
    names = [one["setting"] for one in json.loads(shown.stdout)]
    assert len(names) > 25
    for name in names:
        variable = "METERTAP_" + name.upper().replace("-", "_")
        for value in ("hidden\n", " hidden", "hid\u200bden"):
            done = checked(cli, tmp_path, "config", "check", **{variable: value})
            assert done.returncode == 78 and variable in done.stderr and "hidden" not in done.stderr, (
                name,
                done,
            )
        config = tmp_path / "metertap.yaml"
        config.write_text(f'{name}: "hidden\\n"\n')
        done = checked(cli, tmp_path, "config", "check")
        assert done.returncode == 78 and f"{name} in metertap.yaml" in done.stderr, (name, done.stderr)
        config.unlink()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["up", "--bucket", "{}"], "--bucket"),
        (["backfill", "--log-group", "/a", "--from", "1d", "--to", "0m", "--sink", "{}"], "--sink"),
        (["backfill", "--log-group", "/a", "--export", "{}", "--sink", "s3://meters"], "--export"),
        (["audit", "--log-group", "/a", "--from", "1d", "--to", "0m", "--bucket", "{}"], "--bucket"),
        (["redrive", "{}"], "URL"),
    ],
)  # fmt: skip
def test_every_address_of_a_command(arguments: list[str], name: str, cli: Path, tmp_path: Path) -> None:
    for wrong in itertools.chain(BUCKETS, spaced("s3://meters/team")):
        filled = [wrong if argument == "{}" else argument for argument in arguments]
        done = checked(
            cli, tmp_path, *filled, AWS_REGION="eu-central-1", AWS_ACCESS_KEY_ID="a",
            AWS_SECRET_ACCESS_KEY="b", AWS_ENDPOINT_URL="http://127.0.0.1:9",
        )  # fmt: skip
        assert done.returncode in (64, 78) and name in done.stderr, (wrong, done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("member", "refused"),
    [
        ("role-arn", [*NO_ROLES, *spaced(ROLE)]),
        ("external-id", [*NO_IDS, "us:1 "]),
        ("region", [*NO_REGIONS, *spaced("eu-central-1")]),
        ("account", ["12345678901", "1234567890123", "a" * 12, ROLE]),
        ("name", list(spaced("shop"))),
    ],
)
def test_every_member_of_a_connection_and_a_stream(
    member: str, refused: list[str], cli: Path, tmp_path: Path
) -> None:
    for value in refused:
        entry = {"name": "one", "log-groups": ["/a"], "stream": "s"} | {member: value}
        lists = {"connections": "stream", "streams": "log-groups"}
        for name, other in lists.items():
            if name == "streams" and member == "account":
                continue
            one = {key: text for key, text in entry.items() if key != other}
            (tmp_path / "metertap.yaml").write_text(json.dumps({"sink": "s3://meters", name: [one]}))
            done = checked(cli, tmp_path, "collect", AWS_REGION="eu-central-1")
            assert done.returncode == 78 and member in done.stderr, (name, value, done.stderr)
