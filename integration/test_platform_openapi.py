"""The description of the API is true: schemathesis runs all its checks against the live server."""

import subprocess
from pathlib import Path

import pytest
import requests

from components.emulators import tool
from components.platform import ADMIN_KEY, Platform

HOOKS = Path(__file__).parent / "reference" / "schemathesis_hooks.py"
EXAMPLES = 40


def run(platform: Platform, directory: Path, *arguments: str) -> None:
    command = [
        tool("schemathesis"),
        "run",
        f"{platform.url}/openapi.yaml",
        f"--header=X-API-KEY: {ADMIN_KEY}",
        f"--max-examples={EXAMPLES}",
        "--request-timeout=20",
        "--no-color",
        *arguments,
    ]
    done = subprocess.run(
        command,
        cwd=directory,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "SCHEMATHESIS_HOOKS": str(HOOKS), "HOME": str(directory)},
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]


@pytest.mark.timeout(600)
def test_every_operation(cli: Path, tmp_path: Path, seed: int) -> None:
    with Platform(cli, tmp_path, "--retention-days", "36500") as platform:
        check_operations(platform, tmp_path, seed)


def check_operations(platform: Platform, tmp_path: Path, seed: int) -> None:
    """`/events/stream` never ends and is tested on its own; ingest answers 200 and keeps what it rejects."""
    customers = ("/customers", "/customers/{id}")
    apart = ("/events/stream", "/ingest", "/keys/{id}", *customers)
    run(platform, tmp_path, f"--seed={seed}", *(f"--exclude-path={path}" for path in apart))
    # A customer that is deleted, or never was, is an empty object with 200: what Amberflo's SDKs expect.
    paths = [f"--include-path={path}" for path in customers]
    run(platform, tmp_path, f"--seed={seed}", *paths, "--exclude-checks=use_after_free")
    run(
        platform,
        tmp_path,
        f"--seed={seed}",
        "--include-path=/ingest",
        "--exclude-checks=negative_data_rejection",
    )
    platform.pipeline()
    # Comes last: it may well revoke the key that it uses.
    run(platform, tmp_path, f"--seed={seed}", "--include-path=/keys", "--include-path=/keys/{id}")


def test_the_document_names_what_there_is(platform: Platform) -> None:
    answer = requests.get(f"{platform.url}/openapi.yaml", timeout=5)
    assert answer.headers["Content-Type"] == "application/yaml"
    assert "\t" not in answer.text and "/usage/sparse/batch:" in answer.text
