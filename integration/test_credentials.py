"""Whose access key is used in the end, against botocore: with real requests to a made-up STS and its like.

The key that STS gives tells of the role and of the key that asked for it, so that a chain is seen whole.
"""

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import botocore.session
import pytest

from test_endpoints import probe

END = "2030-01-01T00:00:00Z"


class Givers(BaseHTTPRequestHandler):
    """STS, the endpoint of a container, and the metadata of an instance (version 2)."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.answer("token")

    def do_GET(self) -> None:
        given = {"AccessKeyId": "CONTAINER", "SecretAccessKey": "s", "Token": "t", "Expiration": END}
        if self.path == "/container":
            return self.answer(json.dumps(given))
        if self.path.endswith("/security-credentials/"):
            return self.answer("role")
        self.answer(json.dumps(given | {"Code": "Success", "AccessKeyId": "INSTANCE"}))
        return None

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        action, role = form["Action"][0], form["RoleArn"][0].rsplit("/", 1)[1]
        caller = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization") or "")
        key = (
            f"{role}.{caller[1] if caller else form['WebIdentityToken'][0]}.{form.get('ExternalId', [''])[0]}"
        )
        self.answer(
            f"<{action}Response><{action}Result><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>i</AssumedRoleId>"
            f"</AssumedRoleUser><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{END}</Expiration></Credentials></{action}Result>"
            f"</{action}Response>"
        )

    def answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def givers() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Givers)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


ROLE = "role_arn = arn:aws:iam::123456789012:role/"
CONFIG = f"""
[default]
region = eu-central-1
[profile keys]
aws_access_key_id = KEYS
aws_secret_access_key = s
[profile role]
{ROLE}one
source_profile = keys
external_id = ours
[profile chain]
{ROLE}two
source_profile = role
[profile self]
{ROLE}own
source_profile = self
aws_access_key_id = SELF
aws_secret_access_key = s
[profile instance]
{ROLE}three
credential_source = Ec2InstanceMetadata
[profile container]
{ROLE}four
credential_source = EcsContainer
[profile token]
{ROLE}five
web_identity_token_file = TOKEN
[profile over]
{ROLE}six
source_profile = token
[profile empty]
region = eu-central-1
"""
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}
TOKEN = {"AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod"}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "GIVERS/container"}
PROFILES = ("keys", "role", "chain", "self", "instance", "container", "token", "over", "empty")


# Each profile alone and beside each other source; a container that a profile asks must be there.
@pytest.mark.parametrize(
    ("profile", "beside"),
    [
        (profile, beside)
        for profile in (None, *PROFILES)
        for beside in ("", "environment", "container", "token")
        if profile != "container" or beside == "container"
    ],
)
def test_the_key_is_that_of_botocore(
    profile: str | None, beside: str, givers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jwt").write_text("A.JWT")
    config = CONFIG.replace("TOKEN", str(tmp_path / "jwt"))
    (tmp_path / "config").write_text(config)
    given: dict[str, str] = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_ENDPOINT_URL_STS": givers,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": givers,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    } | ({"AWS_PROFILE": profile} if profile else {})
    for name, settings in {"environment": ENVIRONMENT, "container": CONTAINER, "token": TOKEN}.items():
        if name == beside:
            given |= {
                key: value.replace("GIVERS", givers).replace("TOKEN", str(tmp_path / "jwt"))
                for key, value in settings.items()
            }
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = botocore.session.Session().get_credentials()
    key = found.get_frozen_credentials().access_key if found else None
    files = {str(tmp_path / "config"): config, str(tmp_path / "jwt"): "A.JWT"}
    (answer,) = probe([{"environment": given, "files": files, "services": []}])
    assert answer.get("key") == key, answer
