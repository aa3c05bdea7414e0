"""An older Debian's root directory, made once with debootstrap from the mirror that apt uses here."""

import os
import shutil
import subprocess
from pathlib import Path

from components.processes import clean_environment


def mirrors() -> list[str]:
    """The package archives that this machine's apt is set up with, Debian's own first."""
    shown = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(COMPONENT)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = sorted({tuple(line.split()) for line in shown.splitlines() if line.endswith("Debian main")})
    return list(dict.fromkeys(row[0] for row in rows if "security" not in row[0]))


def older_debian(directory: Path, suite: str = "bullseye") -> Path:
    """The root below `directory`: the essential packages of `suite`, unpacked.

    The first stage of debootstrap is enough: the C library and its name-service modules are there, and no
    program of that system is run.
    """
    root = directory / suite
    if (root / "complete").exists():
        return root
    directory.mkdir(parents=True, exist_ok=True)
    environment = clean_environment()
    environment |= {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    problems = []
    for mirror in mirrors():
        shutil.rmtree(root, ignore_errors=True)
        made = subprocess.run(
            ["/usr/sbin/debootstrap", "--foreign", "--variant=minbase", suite, root, mirror],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode == 0:
            if (root / "proc").is_symlink():  # where debootstrap may not mount it
                (root / "proc").unlink()
                (root / "proc").mkdir()
            (root / "complete").touch()
            return root
        problems.append(f"{mirror}: {made.stdout[-800:]}{made.stderr[-800:]}")
    raise RuntimeError("debootstrap failed:\n" + "\n".join(problems))
