"""Fixtures: the executables under test and the components around them (see `requirements.txt`)."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.emulators import Ministack, Moto, SeaweedFS
from components.platform import Platform
from components.runtime_api import Agent
from components.stubs import FaultyIngest, FaultyS3

ROOT = Path(__file__).resolve().parent.parent
WRITER_SECRET = "writer-secret"


def executable(variable: str, default: str) -> Path:
    path = Path(os.environ.get(variable) or default)
    path = path if path.is_absolute() else ROOT / path
    if not path.is_file():
        pytest.exit(f"no executable at {path}: build it (make build) or name it in {variable}", 2)
    return path


@pytest.fixture(scope="session")
def bootstrap() -> Path:
    """The Lambda executable."""
    return executable("METERTAP_LAMBDA", ".build/release/metertap-lambda")


@pytest.fixture(scope="session")
def cli() -> Path:
    """The command line."""
    return executable("METERTAP_CLI", ".build/release/metertap")


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    server = Moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def logs_moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """A server for tests that write log events at will: other tests count those of `moto` from 0."""
    server = Moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    server = Ministack(tmp_path_factory.mktemp("ministack"), secret=WRITER_SECRET)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """An account in which signatures and permissions are checked."""
    server = Ministack(tmp_path_factory.mktemp("cloud"), secret="root-secret", enforcing=True)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def package(bootstrap: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that Lambda takes: that of `make lambda`, or one made here when there is a newer executable."""
    file = ROOT / "dist/metertap-lambda.zip"
    if not file.exists() or file.stat().st_mtime < bootstrap.stat().st_mtime:
        file = tmp_path_factory.mktemp("package") / file.name
        subprocess.run([sys.executable, ROOT / "scripts/make-zip", bootstrap, file], check=True)
    return file


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    # The writer's name is the access key that ministack gives to a function: its account's number.
    directory = tmp_path_factory.mktemp("seaweedfs")
    server = SeaweedFS(directory, writer_key="111122223333", writer_secret=WRITER_SECRET)
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def seaweedfs(seaweedfs_server: SeaweedFS) -> SeaweedFS:
    """The S3 server with an empty bucket."""
    seaweedfs_server.clear()
    return seaweedfs_server


@pytest.fixture
def platform(cli: Path, tmp_path: Path) -> Iterator[Platform]:
    """A platform with nothing in it."""
    server = Platform(cli, tmp_path)
    yield server
    server.kill()


@pytest.fixture
def seed() -> int:
    """What a random test begins with; METERTAP_SEED repeats one that failed."""
    return int(os.environ.get("METERTAP_SEED") or random.randrange(10**9))


@pytest.fixture
def s3() -> Iterator[FaultyS3]:
    stub = FaultyS3()
    yield stub
    stub.close()


@pytest.fixture
def ingest() -> Iterator[FaultyIngest]:
    stub = FaultyIngest()
    yield stub
    stub.close()


@pytest.fixture
def agent(bootstrap: Path) -> Iterator[Callable[..., Agent]]:
    """Makes agents behind a fake Lambda Runtime API; at the end none of them has told a tag or a payload."""
    made: list[Agent] = []

    def make(**settings: str) -> Agent:
        made.append(Agent([str(bootstrap)], **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
    for one in made:
        assert not one.told, f"the agent's own output holds a tag and would feed itself: {one.told[:3]}"


@pytest.fixture
def s3_agent(agent: Callable[..., Agent], s3: FaultyS3) -> Callable[..., Agent]:
    """Makes agents that write to the faulty S3 server."""

    def make(**settings: str) -> Agent:
        return agent(METERTAP_SINK="s3://meters/team/", AWS_ENDPOINT_URL_S3=s3.url, **settings)

    return make
