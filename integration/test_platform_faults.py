"""A full disk, a locked database, a second process, TLS, other versions: clear answers, and nothing lost."""

import contextlib
import shutil
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from components.certificates import Authority
from components.platform import ADMIN_KEY, Platform, recent, to_json
from components.processes import clean_environment, free_port


def records(first: int, count: int = 100) -> list[dict[str, Any]]:
    return [
        {
            "meterApiName": "calls",
            "customerId": f"c{number % 7}",
            "meterValue": 1,
            "meterTimeInMillis": recent() + number * 1000,
            "uniqueId": f"id-{number}",
            "dimensions": {"filler": "x" * 500},
        }
        for number in range(first, first + count)
    ]


def counted(platform: Platform) -> int:
    return int(platform.pipeline()["counted"])


def test_a_full_disk(cli: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=True)
    try:
        with Platform(cli, disk) as platform:
            platform.define("calls")
            acknowledged, answer = 0, None
            for batch in range(1000):
                answer = platform.ingest(to_json(records(batch * 100)))
                if answer.status_code != 200:
                    break
                acknowledged += 100
            assert answer is not None and answer.status_code == 503, answer
            assert "disk" in answer.json()["errorMessage"] and answer.headers["Retry-After"]
            ready = platform.request("GET", "/ready")
            assert ready.status_code == 503 and not ready.json()["ready"]
            assert platform.request("GET", "/health").status_code == 200
            assert counted(platform) == acknowledged
            # With room again it goes on, and the batch that was refused is taken.
            subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
            platform.send(records(acknowledged))
            assert counted(platform) == acknowledged + 100
            platform.restart()
            assert counted(platform) == acknowledged + 100
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("name", ["metertap.sqlite", "metertap.sqlite-wal"])
def test_a_file_that_is_removed_meanwhile(platform: Platform, name: str) -> None:
    """What would be written into it is refused, for it would be gone with the process."""
    platform.define("calls")
    platform.send(records(0, 10))
    kept = platform.directory / "kept"
    (platform.data / name).rename(kept)
    answer = platform.ingest(to_json(records(10, 10)))
    assert answer.status_code == 503 and "was removed" in answer.json()["errorMessage"]
    platform.wait_for(lambda: platform.request("GET", "/ready").status_code == 503)
    kept.rename(platform.data / name)
    platform.send(records(10, 10))
    platform.wait_for(lambda: platform.request("GET", "/ready").status_code == 200)
    platform.restart()
    assert counted(platform) == 20


def test_a_locked_database(platform: Platform) -> None:
    platform.define("calls")
    platform.send(records(0))
    other = sqlite3.connect(platform.data / "metertap.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = platform.ingest(to_json(records(100)))
    assert answer.status_code == 503 and "holds the database" in answer.json()["errorMessage"]
    assert platform.request("GET", "/ready").status_code == 503
    assert counted(platform) == 100, "reading goes on"
    other.execute("ROLLBACK")
    platform.send(records(100))
    assert counted(platform) == 200


def test_ready_tells_strangers_little_and_costs_them_nothing(cli: Path, tmp_path: Path) -> None:
    bucket = tmp_path / "secret-bucket"
    bucket.mkdir()
    with Platform(cli, tmp_path, "--bucket", f"file://{bucket}") as platform:
        platform.wait_until_ready()
        probes = probe_count(platform)
        for _ in range(200):
            answer = requests.get(f"{platform.url}/ready", timeout=5)
            assert (answer.status_code, answer.json()) == (200, {"ready": True})
        assert probe_count(platform) <= probes + 2
        wrong = requests.get(f"{platform.url}/ready", headers={"X-API-KEY": "wrong"}, timeout=5)
        assert (wrong.status_code, wrong.json()) == (200, {"ready": True})
        assert [check["name"] for check in platform.get("/ready")["checks"]] == ["write", "disk", "bucket"]


def probe_count(platform: Platform) -> int:
    with contextlib.closing(sqlite3.connect(platform.data / "metertap.sqlite")) as database:
        return database.execute("SELECT value FROM setting WHERE name = 'probe'").fetchone()[0]


def test_a_damaged_database_is_not_ready(platform: Platform) -> None:
    platform.define("calls")
    for batch in range(10):
        platform.send(records(batch * 100))
    assert platform.stop() == 0
    file = platform.data / "metertap.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name IN ('record', 'identity')"
        pages = [page for (page,) in database.execute(query)]
    platform.start()
    with file.open("r+b") as damaged:
        for page in pages:
            damaged.seek((page - 1) * 4096)
            damaged.write(b"\xff" * 4096)
    answer = platform.ingest(to_json(records(2000)))
    assert answer.status_code == 500 and "nothing was stored" in answer.json()["errorMessage"]
    ready = platform.request("GET", "/ready")
    assert ready.status_code == 503 and "restore a backup" in ready.text, ready.text
    assert requests.get(f"{platform.url}/ready", timeout=5).json() == {"ready": False}
    assert platform.request("GET", "/health").status_code == 200


def test_a_clean_stop(cli: Path, tmp_path: Path) -> None:
    with Platform(cli, tmp_path) as platform:
        stream = platform.request("GET", "/events/stream", stream=True)
        stop = threading.Event()
        answered: list[int] = []

        def send() -> None:
            first = 0
            while not stop.is_set():
                try:
                    answer = requests.post(
                        f"{platform.url}/ingest",
                        data=to_json(records(first)),
                        headers={"X-API-KEY": ADMIN_KEY},
                        timeout=10,
                    )
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    answered.append(first)
                first += 100

        client = threading.Thread(target=send)
        client.start()
        time.sleep(0.5)
        assert platform.stop() == 0
        stop.set()
        client.join()
        stream.close()
        platform.start()
        assert platform.pipeline()["received"] >= 100 * len(answered) > 0


def up(cli: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(cli), "up", "--port", str(free_port()), *arguments],
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_starts_that_are_refused(cli: Path, platform: Platform, tmp_path: Path) -> None:
    second = up(cli, "--data", str(platform.data))
    assert second.returncode == 78 and "another metertap works on" in second.stderr
    open_door = up(cli, "--data", str(tmp_path / "a"), "--host", "0.0.0.0")
    assert open_door.returncode == 78 and "--behind-proxy" in open_door.stderr
    weak = up(cli, "--data", str(tmp_path / "b"), METERTAP_ADMIN_KEY="short")
    assert weak.returncode == 78 and "short" not in weak.stderr.replace("shorter", "")
    platform.kill()
    database = sqlite3.connect(platform.data / "metertap.sqlite")
    database.execute("INSERT INTO grdb_migrations VALUES ('99')")
    database.commit()
    database.close()
    newer = up(cli, "--data", str(platform.data))
    assert newer.returncode != 0 and "later version" in newer.stderr


def test_the_first_admin_key(cli: Path, tmp_path: Path) -> None:
    with Platform(cli, tmp_path) as platform:
        platform.kill()
    # A start without METERTAP_ADMIN_KEY on a fresh directory makes a key that only its owner can read.
    data = tmp_path / "fresh"
    port = free_port()
    process = subprocess.Popen(
        [str(cli), "up", "--data", str(data), "--port", str(port)],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        lines = [process.stdout.readline(), process.stdout.readline()]
        key = (data / "admin-key").read_text().strip()
        assert (data / "admin-key").stat().st_mode & 0o777 == 0o600
        assert not any(key in line for line in lines)
        answer = requests.get(f"http://127.0.0.1:{port}/meters", headers={"X-API-KEY": key}, timeout=5)
        assert answer.status_code == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_tls(cli: Path, tmp_path: Path) -> None:
    authority = Authority()
    authority.server(tmp_path, "localhost")
    bundle, certificate = tmp_path / "authority.pem", tmp_path / "server.pem"
    bundle.write_bytes(authority.certificate)
    port = free_port()
    host = ["--host", "0.0.0.0", "--port", str(port)]
    # One file holds both.
    tls = ["--tls-cert", str(certificate), "--tls-key", str(certificate)]
    process = subprocess.Popen(
        [str(cli), "up", "--data", str(tmp_path / "data"), *host, *tls],
        env=clean_environment(METERTAP_ADMIN_KEY=ADMIN_KEY),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout and "https://" in process.stdout.readline()
        url = f"https://localhost:{port}/meters"
        answer = requests.get(url, headers={"X-API-KEY": ADMIN_KEY}, verify=str(bundle), timeout=5)
        assert answer.json() == []
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=5)
    finally:
        process.kill()
        process.wait()


def test_a_backup_during_ingest(cli: Path, tmp_path: Path) -> None:
    with Platform(cli, tmp_path) as platform:
        platform.define("calls", dimensions=["filler"])
        stop = threading.Event()
        acknowledged = [0]

        def send() -> None:
            while not stop.is_set():
                platform.send(records(acknowledged[0]))
                acknowledged[0] += 100

        client = threading.Thread(target=send)
        client.start()
        time.sleep(1)
        before = acknowledged[0]
        backup = tmp_path / "backup.sqlite"
        command = [str(cli), "backup", "--data", str(platform.data), str(backup)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = acknowledged[0] + 100
        stop.set()
        client.join()
        assert "records" in done.stdout
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        assert again.returncode == 78 and "exists" in again.stderr
        everything = acknowledged[0]
    restored = tmp_path / "restored"
    subprocess.run([str(cli), "restore", "--data", str(restored / "data"), str(backup)], check=True)
    with Platform(cli, restored) as platform:
        held = counted(platform)
        assert before <= held <= after and held % 100 == 0, (before, held, after)
        events = {event["uniqueId"] for event in platform.events()}
        assert events == {f"id-{number}" for number in range(held)}
        # What came after it is sent again, and counts once.
        for first in range(0, everything, 1000):
            platform.send(records(first, min(1000, everything - first)))
        assert counted(platform) == everything
    # The log of a database that was moved away must not be played into the backup.
    (restored / "data" / "metertap.sqlite").rename(tmp_path / "moved.sqlite")
    (restored / "data" / "metertap.sqlite-wal").touch()
    again = subprocess.run(
        [str(cli), "restore", "--data", str(restored / "data"), str(backup)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 78 and "sqlite-wal exists" in again.stderr
    # A damaged backup is refused.
    shutil.copy(backup, tmp_path / "damaged.sqlite")
    with (tmp_path / "damaged.sqlite").open("r+b") as file:
        file.seek(0)
        file.write(b"no database at all")
    refused = subprocess.run(
        [str(cli), "restore", "--data", str(tmp_path / "other"), str(tmp_path / "damaged.sqlite")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 65 and "damaged" in refused.stderr
    assert not (tmp_path / "other" / "metertap.sqlite").exists()
