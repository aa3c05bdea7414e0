"""Takes pictures of every screen: `make screenshots` writes them to out/screenshots, README's to docs/images.

Each screen is shown with much data (the demo's), with none, and with an error; on a desk and on a phone;
light and dark.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from components.audits import audit_note
from components.browser import NARROW, SCREENS, WIDE, Visitor, chromium
from components.connected import connected
from components.diagnoses import diagnosis_note
from components.platform import Platform
from conftest import ROOT, executable

OUTPUT = ROOT / "out/screenshots"
ERRORS = {
    "not-found": "nothing-here",
    "no-such-meter": "usage?meter=none",
    "no-time": "events?from=yesterday",
}


def shoot(browser: Browser, platform: Platform, kind: str, paths: dict[str, str]) -> None:
    for scheme in ("light", "dark"):
        for size in (WIDE, NARROW):
            visitor = Visitor(browser, platform.url, viewport=size, color_scheme=scheme).sign_in()
            for name, path in paths.items():
                page = visitor.open(path)
                if path == "events":
                    page.get_by_text("live", exact=True).wait_for()
                    page.get_by_role("button", name="Pause").click()
                page.wait_for_timeout(200)
                page.screenshot(path=OUTPUT / f"{kind}-{name}-{size['width']}-{scheme}.png")
            visitor.close()


def named(path: str) -> str:
    return path.translate(str.maketrans("/?=&", "----"))


def main() -> None:
    cli = executable("METERTAP_CLI", ".build/release/metertap")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    screens = {named(path): path for path in SCREENS}
    with chromium() as browser, tempfile.TemporaryDirectory() as directory:
        empty = Path(directory) / "empty"
        full = Path(directory) / "full"
        empty.mkdir()
        full.mkdir()
        with Platform(cli, empty) as platform:
            shoot(browser, platform, "empty", screens)
            shoot(browser, platform, "error", ERRORS)
        with Platform(cli, full, "--demo") as platform:
            platform.wait_for(lambda: platform.pipeline()["rejected"] >= 3, 120)
            platform.post("/audits", audit_note())
            platform.post("/audits", audit_note(logGroup="/app/web", missing=0, gaps=[], reasons=[]))
            platform.post("/diagnoses", diagnosis_note(region="us-east-1", findings=[]))
            platform.post("/diagnoses", diagnosis_note())
            platform.post("/diagnoses", diagnosis_note())
            meters = {meter["meterApiName"]: meter["id"] for meter in platform.get("/meters")}
            more = {
                "event": "events/1",
                "meter": f"meters/{meters['ApiCalls']}",
                "customer": "customer?id=acme",
                "mend": "rejects/mend?id=1",
                "audit": "audits/1",
                "diagnosis": "doctor/2",
                "figure": "usage/figure?meter=ApiCalls&from=2020-01-01&to=2100-01-01&interval=month",
            }
            shoot(browser, platform, "full", screens | more)
        pulling = Path(directory) / "pulling"
        pulling.mkdir()
        with connected(cli, pulling) as (platform, _):
            platform.wait_for(lambda: platform.pipeline()["received"] == 40)
            shoot(browser, platform, "pulling", {"connections": "connections"})
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    for name in ("overview", "usage", "events"):
        shutil.copy(OUTPUT / f"full-{name}-1440-light.png", images / f"{name}.png")
    count = len(list(OUTPUT.iterdir()))
    print(f"{count} pictures are in {OUTPUT.relative_to(ROOT)}; README's are in docs/images")


if __name__ == "__main__":
    sys.exit(main())
