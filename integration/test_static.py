"""The executables need nothing of the machine that they run on."""

import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.certificates import Authority
from components.debian import older_debian
from components.runtime_api import Agent
from components.samples import Event, Samples, envelope, expected, kinesis_event, kinesis_record
from components.stored import contents
from components.stubs import FaultyS3
from conftest import ROOT

HOST = "s3.metertap.test"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root directory")


@pytest.mark.parametrize("name", ["bootstrap", "cli"])
def test_the_executables_are_static(name: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    told = subprocess.run(["file", "-L", path], capture_output=True, text=True, check=True).stdout
    assert "statically linked" in told or "static-pie linked" in told, told
    headers = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in headers, "it asks for a dynamic loader"
    dynamic = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in dynamic, f"it needs shared libraries:\n{dynamic}"


def test_the_zip_is_what_lambda_takes(bootstrap: Path) -> None:
    path = ROOT / "dist" / "metertap-lambda.zip"
    assert path.is_file(), f"no {path}: make lambda"
    assert path.stat().st_size < 20_000_000, f"{path.stat().st_size} bytes"
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("bootstrap")
        assert entry.external_attr >> 16 & 0o111 == 0o111, (
            f"not executable for all: {entry.external_attr >> 16:o}"
        )
        assert archive.read("bootstrap")[:4] == b"\x7fELF"


# Alone in another root directory


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls_s3(authority: Authority, tmp_path: Path) -> Iterator[FaultyS3]:
    stub = FaultyS3(tls=authority.server(tmp_path, HOST))
    yield stub
    stub.close()


FOREIGN_MODULES = """passwd: files systemd
hosts: mymachines resolve [!UNAVAIL=return] files myhostname mdns4_minimal [NOTFOUND=return] dns
networks: files
"""


def furnish(root: Path, modules: str, authority: Authority, trusted_by_system: bool) -> None:
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    # A name server that nobody is: what is in hosts must not need one.
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HOST}\n")
    (root / "etc/nsswitch.conf").write_text(modules)
    system = root / "etc/ssl/certs/ca-certificates.crt"
    system.write_bytes(authority.certificate if trusted_by_system else Authority().certificate)
    (root / "own-ca.pem").write_bytes(authority.certificate)


def inside(root: Path) -> list[str]:
    """The executable in another root directory, with the kernel's /proc there and nothing mounted that stays.

    Swift's runtime wants /proc, which every Linux system has: at its start it aborts when /proc/self/exe
    cannot be read (`Unable to obtain Swift runtime path`), and libdispatch reads its threads' state there.
    """
    (root / "proc").mkdir(exist_ok=True)
    script = 'mount -t proc proc "$1/proc" && exec chroot "$1" /bootstrap'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(root)]


def put_over_tls(root: Path, bootstrap: Path, s3: FaultyS3, **settings: str) -> None:
    """The executable, alone in `root`, resolves a name and puts an object over TLS."""
    shutil.copy2(bootstrap, root / "bootstrap")
    samples = Samples(random.Random(11))
    events = [Event(str(i), 1_767_225_600_000, samples.line("text")) for i in range(20)]
    event = kinesis_event([kinesis_record(1, envelope(events, "g", "s"))])
    agent = Agent(
        inside(root),
        METERTAP_SINK="s3://meters/team/",
        AWS_ENDPOINT_URL_S3=f"https://{HOST}:{s3.port}",
        **settings,
    )
    with agent:
        answer = agent.invoke(event, deadline=10)
        last = "\n".join(list(agent.output)[-10:])
        assert answer.kind == "response" and answer.failed_from is None, f"{answer}\n{last}"
        assert agent.starts == 1
    assert contents(s3.objects).records == expected(events, "g", "s").records


@as_root
@pytest.mark.parametrize(
    "modules", ["hosts: files dns\n", FOREIGN_MODULES], ids=["files-dns", "foreign-modules"]
)
@pytest.mark.parametrize("trust", ["AWS_CA_BUNDLE", "system store"])
def test_in_an_empty_root(
    modules: str, trust: str, authority: Authority, tls_s3: FaultyS3, bootstrap: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    furnish(root, modules, authority, trusted_by_system=trust == "system store")
    settings = {"AWS_CA_BUNDLE": "/own-ca.pem"} if trust == "AWS_CA_BUNDLE" else {}
    put_over_tls(root, bootstrap, tls_s3, **settings)


@as_root
def test_an_authority_that_is_not_trusted_is_refused(
    authority: Authority, tls_s3: FaultyS3, bootstrap: Path, tmp_path: Path
) -> None:
    """Shows that the certificates above were checked."""
    root = tmp_path / "root"
    furnish(root, "hosts: files dns\n", authority, trusted_by_system=False)
    with pytest.raises(AssertionError, match="response"):
        put_over_tls(root, bootstrap, tls_s3)
    assert not tls_s3.objects


@pytest.fixture(scope="module")
def bullseye() -> Path:
    return older_debian(ROOT / ".tools")


@as_root
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "modules", ["hosts: files dns\n", FOREIGN_MODULES], ids=["files-dns", "foreign-modules"]
)
def test_in_an_older_debian(
    modules: str, authority: Authority, tls_s3: FaultyS3, bootstrap: Path, bullseye: Path
) -> None:
    """Its C library has name-service modules of another version, which static glibc would load."""
    assert list(bullseye.glob("lib/*/libnss_files*")), (
        "no name-service modules: not the system that was asked for"
    )
    furnish(bullseye, modules, authority, trusted_by_system=True)
    put_over_tls(bullseye, bootstrap, tls_s3)
