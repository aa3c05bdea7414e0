"""Logs to a real rsyslogd of its own, and prints the lines that it wrote, a record separator after each.

rsyslogd writes control characters as `#` and three octal digits.
"""

import json
import logging.handlers
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIGURATION = """
global(workDirectory="{directory}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{directory}/log")
template(name="json" type="list" option.jsonf="on") {{
    property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="program" name="programname" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}}
action(type="omfile" file="{directory}/lines" template="{template}")
"""
TEMPLATES = {
    "traditional": "RSYSLOG_TraditionalFileFormat",
    "rfc3339": "RSYSLOG_FileFormat",
    "rfc5424": "RSYSLOG_SyslogProtocol23Format",
    "json": "json",
}
FORMATS = {
    "plain": "billing: %(message)s",
    "coloured": "billing: \033[32m%(message)s\033[0m",
    "tabs": "billing: %(levelname)s\t%(message)s",
}


def until(what: str, condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"rsyslogd: no {what} within {seconds} s")
        time.sleep(0.01)


def main(name: str, records: str, directory: Path) -> None:
    template, form = name.split("-")
    conf = directory / "rsyslog.conf"
    conf.write_text(CONFIGURATION.format(directory=directory, template=TEMPLATES[template]))
    daemon = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", conf, "-i", directory / "pid"])
    try:
        until("socket", (directory / "log").exists)
        log = logging.getLogger()
        log.setLevel(logging.INFO)
        log.addHandler(logging.handlers.SysLogHandler(str(directory / "log")))
        log.handlers[0].setFormatter(logging.Formatter(FORMATS[form]))
        logged = Path(records).read_text().splitlines()
        for line in logged:
            record = json.loads(line)
            log.info("amberflo_meter: %s", json.dumps(record))
        lines = directory / "lines"
        until("lines", lambda: lines.exists() and lines.read_text().count("\n") >= len(logged))
        for line in lines.read_text().splitlines():
            print(f"{line}\n\x1e")
    finally:
        daemon.terminate()
        daemon.wait()


if __name__ == "__main__":
    temporary = Path(tempfile.mkdtemp())
    try:
        main(sys.argv[1], sys.argv[2], temporary)
    finally:
        shutil.rmtree(temporary)
