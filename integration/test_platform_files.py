"""What the platform writes is its owner's alone."""

import os
import stat
import subprocess
from pathlib import Path

from components.platform import Platform, recent
from components.processes import Service, clean_environment, free_port

RECORD = {"meterApiName": "A", "customerId": "c", "meterValue": 1, "meterTimeInMillis": recent()}


def modes(directory: Path) -> dict[str, int]:
    found = {
        str(path.relative_to(directory)): stat.S_IMODE(path.lstat().st_mode) for path in directory.rglob("*")
    }
    return {".": stat.S_IMODE(directory.stat().st_mode)} | found


def check(directory: Path) -> None:
    found = modes(directory)
    assert {"metertap.sqlite", "metertap.sqlite-wal", "metertap.sqlite-shm", "lock"} <= set(found)
    assert found.pop(".") == 0o700
    assert set(found.values()) == {0o600}, {name: oct(mode) for name, mode in found.items()}


def test_files_are_private_also_those_that_were_not(cli: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Platform(cli, tmp_path) as platform:
            platform.send([RECORD])
            check(platform.data)
            platform.kill()
            for path in (platform.data, *platform.data.iterdir()):
                path.chmod(0o777 if path.is_dir() else 0o666)
            platform.start()
            platform.send([RECORD])
            check(platform.data)
            backup, again = tmp_path / "backup.sqlite", tmp_path / "again"
            command(cli, "backup", "--data", platform.data, backup)
            assert stat.S_IMODE(backup.stat().st_mode) == 0o600
            backup.chmod(0o644)
            command(cli, "restore", "--data", again, backup)
            assert modes(again) == {".": 0o700, "metertap.sqlite": 0o600}
    finally:
        os.umask(before)


def command(cli: Path, *arguments: str | Path) -> None:
    done = subprocess.run(
        [cli, *arguments], env=clean_environment(), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_shared_directory_stays_as_it_is(cli: Path, tmp_path: Path) -> None:
    """Whoever names a directory that holds something else is told, and keeps it."""
    data = tmp_path / "data"
    data.mkdir(0o755)
    data.chmod(0o755)
    (data / "notes").write_text("mine")
    (data / "notes").chmod(0o644)
    with Platform(cli, tmp_path):
        found = modes(data)
    assert (found.pop("."), found.pop("notes")) == (0o755, 0o644)
    assert set(found.values()) == {0o600}
    assert "run chmod 700 on it" in (tmp_path / "platform.log").read_text()


def test_the_admin_key_follows_no_link(cli: Path, tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for target in (elsewhere, None):
        for path in (*data.glob("*"), elsewhere):
            path.unlink(missing_ok=True)
        data.mkdir(exist_ok=True)
        if target:
            elsewhere.write_text("theirs")
        (data / "admin-key").symlink_to(elsewhere)
        port = free_port()
        service = Service(
            [str(cli), "up", "--data", str(data), "--port", str(port)],
            tmp_path / "log",
            clean_environment(AWS_CONFIG_FILE=os.devnull),
        )
        try:
            service.wait_until((data / "metertap.sqlite-wal").exists)
            service.wait_until(lambda: not (data / "admin-key").is_symlink())
            service.wait_until(lambda: (data / "admin-key").read_text().startswith("mtk_"))
        finally:
            service.stop()
        assert stat.S_IMODE((data / "admin-key").lstat().st_mode) == 0o600
        assert (elsewhere.read_text() if target else elsewhere.exists()) == ("theirs" if target else False)


def test_a_lock_that_is_a_link_is_refused(cli: Path, tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    data.mkdir()
    (data / "lock").symlink_to(elsewhere)
    done = subprocess.run(
        [cli, "up", "--data", data, "--port", str(free_port())],
        env=clean_environment(AWS_CONFIG_FILE=os.devnull),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0 and not elsewhere.exists()
