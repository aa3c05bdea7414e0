"""The real components: moto, ministack and seaweedfs, each on free loopback ports."""

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config

from components.certificates import Authority
from components.processes import Service, clean_environment, free_port

REGION = "eu-central-1"
ACCOUNT = "123456789012"


def tool(name: str) -> str:
    """A program that the requirements put beside this interpreter."""
    return str(Path(sys.executable).parent / name)


def client(
    service: str,
    url: str,
    key: str = "test",
    secret: str = "test",
    token: str | None = None,
    ca: Path | None = None,
) -> Any:
    """A boto3 client that fails quickly and takes nothing from the caller's environment."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        verify=str(ca) if ca else None,
        config=Config(
            retries={"max_attempts": 2, "mode": "standard"},
            connect_timeout=3,
            read_timeout=60,
            s3={"addressing_style": "path"},
        ),
    )


class Moto:
    """CloudWatch Logs with subscription filters to Kinesis, Secrets Manager, STS.

    Used for the plumbing from `PutLogEvents` to a Kinesis record. It delivers every event whatever the filter
    pattern says, sends no CONTROL_MESSAGE, and its event ids are integers that start at 0.
    """

    def __init__(self, directory: Path):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.service = Service(
            [tool("moto_server"), "-H", "127.0.0.1", "-p", str(port)], directory / "moto.log"
        )
        self.service.wait_until(lambda: self.client("sts").get_caller_identity()["Account"] == ACCOUNT)

    def client(self, service: str, account: str = ACCOUNT) -> Any:
        """A client with the credentials of an account: those of a role in it, where it is another one."""
        if account == ACCOUNT:
            return client(service, self.url)
        role = f"arn:aws:iam::{account}:role/tests"
        made = client("sts", self.url).assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
        return client(service, self.url, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def stop(self) -> None:
        self.service.stop()


class Ministack:
    """Lambda with a Kinesis event source mapping that runs a `provided.al2023` bootstrap natively.

    A function's own AWS_ACCESS_KEY_ID is dropped, as on AWS. What the function gets instead is the account's
    number as access key, this server's AWS_SECRET_ACCESS_KEY as secret, and an *empty* AWS_SESSION_TOKEN; so
    the S3 server knows an identity of that name. It takes no notice of `batchItemFailures`: tests of retries
    use the fake Runtime API.

    With `enforcing`, requests are signed and permitted as on AWS, by policies with their resources and
    conditions; a function acts in its role, and the server speaks TLS alone. Unchecked is what it does
    in the name of AWS: it reads streams, delivers log events, and writes a function's log.
    """

    def __init__(self, directory: Path, secret: str, enforcing: bool = False):
        port = free_port()
        self.url = f"http{'s' if enforcing else ''}://127.0.0.1:{port}"
        self.account = "111122223333"
        self.secret = secret
        self.authority = Authority() if enforcing else None
        self.ca: Path | None = None
        (directory / "tmp").mkdir()
        command = [sys.executable, "-m", "hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{port}"]
        environment = {
            "GATEWAY_PORT": str(port),  # names its code cache: without it two instances would share one
            "TMPDIR": str(directory / "tmp"),
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": secret,
        }
        if self.authority:
            self.authority.server(directory, "127.0.0.1")
            certificate = str(directory / "server.pem")
            command += ["--certfile", certificate, "--keyfile", certificate]
            self.ca = directory / "ca.pem"
            self.ca.write_bytes(self.authority.certificate)
            # A function gets the server's environment, and so speaks with this server and no other.
            environment |= {"AUTH": "true", "AWS_ENDPOINT_URL": self.url, "AWS_CA_BUNDLE": str(self.ca)}
        self.service = Service(command, directory / "ministack.log", clean_environment(**environment))
        self.service.wait_until(lambda: "StreamNames" in self.client("kinesis").list_streams())

    def client(self, service: str) -> Any:
        return client(service, self.url, self.account, self.secret, ca=self.ca)

    def s3_of(self, session: dict[str, str]) -> Any:
        """S3 for whoever holds temporary credentials, as STS gives them."""
        keys = (session["AccessKeyId"], session["SecretAccessKey"])
        return client("s3", self.url, *keys, session["SessionToken"], self.ca)

    def stop(self) -> None:
        self.service.stop()


class SeaweedFS:
    """An S3 server that verifies signatures, with an admin and a writer that is confined to one prefix.

    Its `Write` action includes DELETE; GET, LIST and HEAD are refused to the writer.
    """

    bucket = "meters"
    prefix = "team/"
    #: What a collector of streams needs, by the names of the statements in its documented policy.
    collector_rights: ClassVar[dict[str, list[str]]] = {
        "SeeLeases": [f"List:{bucket}"],
        "ReadLeases": [f"Read:{bucket}/{prefix}leases/*"],
        "WriteLeases": [f"Write:{bucket}/{prefix}leases/*"],
        "WriteRecordsRejectsManifests": [
            f"Write:{bucket}/{prefix}ingest/*",
            f"Write:{bucket}/{prefix}rejects/*",
            f"Write:{bucket}/{prefix}manifest/*",
        ],
    }
    #: The access key that all of them have, and for each the one that lacks it; each is its own secret.
    collector_keys: ClassVar[dict[str, str]] = {
        left_out: f"COLLECTOR{index}" for index, left_out in enumerate(("", *collector_rights))
    }

    def __init__(self, directory: Path, writer_key: str, writer_secret: str):
        # The gRPC port of each part is its port + 10000.
        ports = [free_port(below=55000) for _ in range(4)]
        self.url = f"http://127.0.0.1:{ports[3]}"
        config = directory / "s3.json"
        write = f"Write:{self.bucket}/{self.prefix}*"
        identities = [
            ("admin", "ADMINKEY", "admin-secret", ["Admin", "Read", "List", "Tagging", "Write"]),
            ("writer", writer_key, writer_secret, [write]),
        ]
        for left_out, key in self.collector_keys.items():
            rights = [right for name, right in self.collector_rights.items() if name != left_out]
            identities.append((key, key, key, [action for right in rights for action in right]))
        config.write_text(
            json.dumps(
                {
                    "identities": [
                        {
                            "name": name,
                            "credentials": [{"accessKey": key, "secretKey": secret}],
                            "actions": actions,
                        }
                        for name, key, secret, actions in identities
                    ]
                }
            )
        )
        (directory / "data").mkdir()
        self.service = Service(
            [
                *(
                    tool("weed"),
                    "server",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    f"-dir={directory / 'data'}",
                ),
                *(f"-master.port={ports[0]}", f"-volume.port={ports[1]}", f"-filer.port={ports[2]}"),
                *("-s3", f"-s3.port={ports[3]}", f"-s3.config={config}", "-master.telemetry=false"),
                # Two servers at a time would fight for the fixed ports of these.
                *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                *("-volume.max=20", "-master.volumeSizeLimitMB=64"),
            ],
            directory / "seaweedfs.log",
        )
        self.admin = client("s3", self.url, "ADMINKEY", "admin-secret")
        self.writer = client("s3", self.url, writer_key, writer_secret)
        self.service.wait_until(lambda: "Buckets" in self.admin.list_buckets())
        self.admin.create_bucket(Bucket=self.bucket)
        # The first write waits until the volume server has told the master about itself.
        self.service.wait_until(
            lambda: bool(self.admin.put_object(Bucket=self.bucket, Key="ready", Body=b"1"))
        )

    def objects(self, under: str = "") -> dict[str, bytes]:
        """Key to bytes of all that lies below the writer's prefix and `under`."""
        found = {}
        for page in self.admin.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix + under
        ):
            for entry in page.get("Contents", []):
                found[entry["Key"]] = self.admin.get_object(Bucket=self.bucket, Key=entry["Key"])[
                    "Body"
                ].read()
        return found

    def clear(self) -> None:
        for key in self.objects():
            self.admin.delete_object(Bucket=self.bucket, Key=key)

    def stop(self) -> None:
        self.service.stop()
