"""Where each service is called and with whose key, against botocore's rules for endpoints and its session."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError

from conftest import ROOT

PROBE = Path(os.environ.get("METERTAP_SIGNATURE_PROBE", ROOT / ".build/debug/signature-probe"))
SEED = int(os.environ.get("METERTAP_SEED") or 1)
SERVICES = (
    "s3", "sts", "sqs", "secretsmanager", "lambda", "resourcegroupstaggingapi", "logs", "kinesis",
    "cloudwatch", "iam",
)  # fmt: skip
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}


def probe(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = "".join(json.dumps({"files": {}, "services": SERVICES} | line) + "\n" for line in lines)
    done = subprocess.run(
        [PROBE, "settings"], input=text, capture_output=True, text=True, timeout=120, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def rules(service: str) -> EndpointProvider:
    loader = botocore.session.get_session().get_component("data_loader")
    return EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"), loader.load_data("partitions")
    )


def regions() -> Iterator[str]:
    loader = botocore.session.get_session().get_component("data_loader")
    for partition in loader.load_data("partitions")["partitions"]:
        yield from (name for name in partition["regions"] if not name.endswith("-global"))


def test_every_host_of_every_partition() -> None:
    """Each service in each region that botocore knows, and in one that it does not know yet."""
    asked = [
        (region, fips, dual)
        for region in (*regions(), "eu-nowhere-7", "cn-west-9")
        for fips in (False, True)
        for dual in (False, True)
    ]
    assert len(asked) > 180
    lines = [
        {
            "environment": KEYS
            | {
                "AWS_REGION": region,
                "AWS_USE_FIPS_ENDPOINT": str(fips).lower(),
                "AWS_USE_DUALSTACK_ENDPOINT": str(dual).upper(),
            }
        }
        for region, fips, dual in asked
    ]
    ours = probe(lines)
    for service in SERVICES:
        provider = rules(service)
        more: dict[str, Any] = {"s3": {"Bucket": "bkt"}, "sts": {"UseGlobalEndpoint": False}}.get(service, {})
        for (region, fips, dual), answer in zip(asked, ours, strict=True):
            try:
                found = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual, **more)
            except BotoCoreError:
                assert answer["hosts"][service].startswith("error "), (service, region, fips, dual)
                continue
            signed = region
            if service == "iam":
                signed = found.properties["authSchemes"][0]["signingRegion"]
            assert answer["hosts"][service] == f"{found.url} {signed}", (service, region, fips, dual)


@pytest.mark.parametrize(
    "region", ["EU", "eu", "mars-1", "xx-north-1", "us-east-1a", "eu-central-1.evil.example"]
)
def test_what_is_no_region_is_never_called(region: str) -> None:
    (answer,) = probe([{"environment": KEYS | {"AWS_REGION": region}}])
    assert set(answer["hosts"].values()) == {"error InvalidRegion"}


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_a_kind_of_host_is_asked_for_or_refused(name: str) -> None:
    base = KEYS | {"AWS_REGION": "eu-central-1"}
    (bad, with_url) = probe([
        {"environment": base | {name: "yes"}},
        {"environment": base | {name: "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}},
    ])  # fmt: skip
    assert bad["error"] == "InvalidSetting" and not bad["hosts"]
    assert set(with_url["hosts"].values()) == {"error InvalidEndpoint"}


# Settings that are composed at random


IDS = {
    "s3": "S3", "sts": "STS", "sqs": "SQS", "secretsmanager": "SECRETS_MANAGER", "lambda": "LAMBDA",
    "resourcegroupstaggingapi": "RESOURCE_GROUPS_TAGGING_API", "logs": "CLOUDWATCH_LOGS",
    "kinesis": "KINESIS", "cloudwatch": "CLOUDWATCH", "iam": "IAM",
}  # fmt: skip


def composed(rng: random.Random) -> tuple[dict[str, str], str, str]:
    """An environment, a config file and a credentials file."""
    environment = {"AWS_EC2_METADATA_DISABLED": "true"}
    urls = (f"http://h{number}.example:{number}" for number in range(8_000, 9_000))
    for service, name in IDS.items():
        if rng.random() < 0.15:
            environment[f"AWS_ENDPOINT_URL_{name}"] = next(urls)
        assert service
    if rng.random() < 0.3:
        environment["AWS_ENDPOINT_URL"] = next(urls)
    if rng.random() < 0.2:
        environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = rng.choice(("true", "false", "TRUE"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        # botocore reads the second alone; the CLI's sibling SDKs read the first.
        if name == "AWS_DEFAULT_REGION" and rng.random() < 0.5:
            environment[name] = rng.choice(("eu-west-1", "us-gov-west-1", "cn-north-1"))
    if rng.random() < 0.5:
        environment |= {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}
    profile = rng.choice(("default", "one", "two words"))
    if profile != "default" or rng.random() < 0.5:
        environment["AWS_PROFILE"] = profile
    config, credentials = [], []
    for name in ("default", "one", "two words"):
        config.append(
            "[default]"
            if name == "default"
            else f"[profile {name}]"
            if " " not in name
            else f'[profile "{name}"]'
        )
        config.append(f"region = {rng.choice(('ap-south-1', 'eusc-de-east-1'))}")
        if rng.random() < 0.5:
            config += [f"aws_access_key_id = CONFIG{name[:3]}", "aws_secret_access_key = s"]
        if rng.random() < 0.4:
            config.append(f"endpoint_url = {next(urls)}")
        if rng.random() < 0.5:
            config.append("services = mine")
        if rng.random() < 0.2:
            config.append(f"ignore_configured_endpoint_urls = {rng.choice(('true', 'false'))}")
        if rng.random() < 0.5:
            config += ["s3 =", "  max_concurrent_requests = 20", "  addressing_style = virtual"]
        if rng.random() < 0.5:
            credentials += [f"[{name}]", f"aws_access_key_id = SHARED{name[:3]}", "aws_secret_access_key = s"]
    config.append("[services mine]")
    for name in rng.sample(list(IDS.values()), 4):
        config += [f"{name.lower()} =", f"  endpoint_url = {next(urls)}"]
    return environment, "\n".join(config) + "\n", "\n".join(credentials) + "\n"


def wanted(
    environment: dict[str, str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, str], Any]:
    """What botocore makes of it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(directory / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(directory / "credentials"))
    session = botocore.session.Session()
    found = session.get_credentials()
    hosts = {}
    for service in ("s3", "logs", "secretsmanager"):
        client = session.create_client(
            service,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(s3={"addressing_style": "path"}),
        )
        hosts[service] = client.meta.endpoint_url
    return hosts, found.access_key if found else None


@pytest.mark.parametrize("run", range(25))
def test_settings_mean_what_they_mean_to_botocore(
    run: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, config, credentials = composed(random.Random(SEED + run))
    (tmp_path / "config").write_text(config)
    (tmp_path / "credentials").write_text(credentials)
    files = {"/config": config, "/credentials": credentials}
    places = {"AWS_CONFIG_FILE": "/config", "AWS_SHARED_CREDENTIALS_FILE": "/credentials"}
    (answer,) = probe([{"environment": environment | places, "files": files}])
    hosts, key = wanted(environment, tmp_path, monkeypatch)
    assert answer.get("key") == key, (environment, config, credentials)
    for service, url in hosts.items():
        ours = answer["hosts"][service].split(" ")[0].replace("//bkt.", "//")
        assert ours == url, (service, environment, config)
