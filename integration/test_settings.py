"""Settings: flag, environment, YAML file, default, in this order; and how the following of events ends."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.platform import ADMIN_KEY, Platform, recent
from components.processes import Service, clean_environment, free_port

SECRET = "a-secret-of-sixteen-bytes"


def run(cli: Path, directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(cli), *arguments],
        env=clean_environment(**environment),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def checked(cli: Path, directory: Path, *arguments: str, **environment: str) -> dict[str, tuple[Any, Any]]:
    done = run(cli, directory, "config", "check", "--json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return {one["setting"]: (one["value"], one["origin"]) for one in json.loads(done.stdout)}


def test_the_order_of_origins(cli: Path, tmp_path: Path) -> None:
    standard = checked(cli, tmp_path)
    assert standard["port"] == ("8080", "default") and standard["bucket"] == (None, None)
    (tmp_path / "metertap.yaml").write_text("port: 1000\nretention-days: 30\nhost: 127.0.0.2\nbucket:\n")
    both = checked(cli, tmp_path, METERTAP_PORT="2000", METERTAP_HOST="")
    assert both["port"] == ("2000", "METERTAP_PORT")
    assert both["host"] == ("127.0.0.2", "metertap.yaml")
    assert both["retention-days"] == ("30", "metertap.yaml")
    assert both["bucket"] == (None, None)
    (tmp_path / "other.yaml").write_text("port: 3000\n")
    other = checked(cli, tmp_path, "--config", "other.yaml")
    assert other["port"] == ("3000", "other.yaml") and other["host"] == ("127.0.0.1", "default")


def test_secrets_are_masked(cli: Path, tmp_path: Path) -> None:
    (tmp_path / "metertap.yaml").write_text(f"admin-key: {SECRET}\n")
    for arguments in ([], ["--json"]):
        done = run(cli, tmp_path, "config", "check", *arguments, METERTAP_API_KEY=SECRET + "2")
        assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
        assert done.stdout.count("********") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot: 80\n", "prot is no setting"),
        ("port: 99999\n", "port in metertap.yaml must be a number from 0 to 65535"),
        ("port: [80]\n", "port must be one value"),
        ("behind-proxy: maybe\n", "behind-proxy in metertap.yaml must be true or false"),
        ("- port\n", "must hold settings as name: value"),
        ("port: 'x\n", "is no YAML"),
        ("host: 0.0.0.0\n", "--behind-proxy"),
        ("bucket: ftp://x\n", "bucket in metertap.yaml"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Path, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "metertap.yaml").write_text(text)
    for command in (["config", "check"], ["up"]):
        done = run(cli, tmp_path, *command)
        assert done.returncode == 78 and told in done.stderr, done.stderr


def test_a_wrong_flag_or_a_missing_file(cli: Path, tmp_path: Path) -> None:
    wrong = run(cli, tmp_path, "up", "--port", "99999")
    assert wrong.returncode == 64 and "--port must be a number" in wrong.stderr
    missing = run(cli, tmp_path, "config", "check", "--config", "absent.yaml")
    assert missing.returncode == 74 and "absent.yaml" in missing.stderr


def test_the_platform_and_its_commands_follow_the_file(cli: Path, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "metertap.yaml").write_text(
        f"data: {tmp_path / 'from-file'}\nport: {free_port()}\nadmin-key: {SECRET}\napi-key: {SECRET}\n"
        f"url: http://127.0.0.1:{port}\n"
    )
    # The flag wins over the file's port; the rest is the file's.
    service = Service([str(cli), "up", "--port", str(port)], tmp_path / "up.log")
    try:
        service.wait_until(lambda: run(cli, tmp_path, "keys", "list").returncode == 0)
        assert (tmp_path / "from-file" / "metertap.sqlite").is_file()
        assert "METERTAP_ADMIN_KEY" in run(cli, tmp_path, "keys", "list").stdout
        refused = run(cli, tmp_path, "keys", "list", METERTAP_API_KEY="another")
        assert refused.returncode == 77
        away = run(cli, tmp_path, "keys", "list", "--url", f"http://127.0.0.1:{free_port()}")
        assert away.returncode == 69
        copied = run(cli, tmp_path, "backup", "copy.sqlite")
        assert copied.returncode == 0 and (tmp_path / "copy.sqlite").is_file()
    finally:
        service.stop()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_following_ends_well(cli: Path, platform: Platform, tmp_path: Path, ending: signal.Signals) -> None:
    platform.send([{"meterApiName": "m", "customerId": "c", "meterValue": 1, "meterTimeInMillis": recent()}])
    log = tmp_path / "follow.log"
    environment = clean_environment(METERTAP_URL=platform.url, METERTAP_API_KEY=ADMIN_KEY)
    service = Service([str(cli), "events", "--follow", "--json"], log, environment)
    try:
        Platform.wait_for(lambda: log.read_text().count("\n") == 1)
        platform.send(
            [{"meterApiName": "m", "customerId": "d", "meterValue": 2, "meterTimeInMillis": recent()}]
        )
        Platform.wait_for(lambda: log.read_text().count("\n") == 2)
        service.process.send_signal(ending)
        assert service.process.wait(20) == 0
    finally:
        service.stop()
