"""What `make run` starts: it works while one watches, and ends with figures that are those of the files."""

import re
import signal
import subprocess
import time
from pathlib import Path

from components.processes import clean_environment, free_port
from components.stored import files_in, records_in, rejects_in


def test_the_demo_ends_with_what_is_in_the_bucket(cli: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(
            [cli, "up", "--demo", "--data", "data", "--port", str(free_port())],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
        )
    try:
        deadline = time.monotonic() + 30
        while not re.search(r"received [1-9]\S* and counts [1-9]", output.read_text()):
            assert demo.poll() is None and time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(15) == 0, output.read_text()
    finally:
        demo.kill()
        demo.wait()
    last = output.read_text().splitlines()[-1]
    objects = files_in(tmp_path / "data" / "bucket")
    records, rejects = records_in(objects), rejects_in(objects)
    assert records and rejects
    assert re.fullmatch(
        rf"[\d,]+ log lines: {len(records):,} records are in data/bucket/ingest/records, "
        rf"{len(rejects):,} rejects in data/bucket/rejects\.",
        last,
    ), last
