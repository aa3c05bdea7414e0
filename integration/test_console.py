"""The console in a real browser, against the real server with real data."""

import calendar
import csv
import gzip
import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from components.audits import audit_note
from components.browser import NARROW, SCREENS, Visitor, Wire, chromium, sign_in_link
from components.connected import connected
from components.diagnoses import diagnosis_note, finding
from components.emulators import Ministack
from components.overlay import Overlay
from components.platform import ADMIN_KEY, DAY, Platform, recent
from components.processes import clean_environment, free_port
from conftest import ROOT

HOUR = DAY // 24
# What a log line can hold: a script, an attribute, a formula, a right-to-left override, many bytes, an emoji.
HOSTILE = (
    "<script>window.pwned=1</script>",
    '" onmouseover="window.pwned=1" x="',
    "=HYPERLINK(1)",
    "a\u202egnp.exe",
    "é" * 128,
    "👩‍🚀🧾",
    "{{#rows}}{{{body}}}",
    # What combines with a quotation mark or a bracket must not hide it from escaping.
    'x"\u0301 onfocus="window.pwned=1" autofocus="\u0301',
    "\u0d4e<form action=/console/sign-out id=injected \u0d4e>",
)


@pytest.fixture(autouse=True)
def every_digit() -> Iterator[None]:
    with localcontext(prec=200):
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser, platform: Platform) -> Iterator[Visitor]:
    visitor = Visitor(browser, platform.url).sign_in()
    yield visitor
    visitor.close()


def record(value: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "meterApiName": "ApiCalls",
        "customerId": "acme",
        "meterValue": value,
        "meterTimeInMillis": recent(3) + 5 * HOUR,
    } | more


def fill_platform(platform: Platform) -> None:
    """Something of everything that a screen can show."""
    platform.define("ApiCalls", dimensions=["method", "region"])
    platform.define("Seats", meterType="latest")
    platform.define("Old", lockingStatus="open")
    platform.post("/customers", {"customerId": "acme", "customerName": "Acme Inc", "traits": {"plan": "pro"}})
    source = {
        "account": "123456789012",
        "logGroup": "/app/api",
        "logStream": "api-1",
        "eventId": "38",
        "timestamp": recent(3),
        "ordinal": 0,
    }
    records = [
        record(
            Decimal(index) / 8,
            uniqueId=f"u{index}",
            customerId=("acme", "globex")[index % 2],
            meterTimeInMillis=recent(3) + index * HOUR,
            dimensions={"method": "GET", "region": "eu"} if index % 3 else {"method": "POST"},
            source=source | {"eventId": str(index)},
        )
        for index in range(40)
    ]
    platform.send(records)
    platform.send(records[:3])
    platform.send([records[5] | {"dimensions": {**records[5]["dimensions"], CANCEL: "true"}}])
    platform.send([record(meterApiName="Seats", uniqueId="s"), record(meterApiName="NobodyDefined")])
    bad = [record("many"), record(meterTimeInMillis="soon"), record(customerId=None), record(meterVlaue=1)]
    assert platform.ingest(json.dumps(bad).encode()).status_code == 200
    platform.post("/audits", audit_note())
    for region in ("eu-central-1", "us-east-1", "eu-central-1"):
        platform.post("/diagnoses", diagnosis_note(region=region))


CANCEL = "aflo.cancel_previous_resource_event"


# Signing in


def test_the_printed_link_signs_in_once(browser: Browser, platform: Platform) -> None:
    link = sign_in_link(platform)
    visitor = Visitor(browser, platform.url)
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("heading", name="Overview")).to_be_visible()
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_label("Key")).to_be_visible()
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("alert")).to_contain_text("used before")
    visitor.close()


def test_only_keys_open_the_door(browser: Browser, platform: Platform) -> None:
    visitor = Visitor(browser, platform.url)
    page = visitor.open("events?meter=a%26b")
    page.get_by_label("Key").fill("not a key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("no key")
    page.get_by_label("Key").fill(ADMIN_KEY)
    page.get_by_role("button", name="Sign in").click()
    # It leads to where one wanted to go.
    expect(page.get_by_label("Meter")).to_have_value("a&b")
    visitor.close()


def test_a_sign_in_leads_to_no_other_host(platform: Platform) -> None:
    for target in ("https://example.com/", "//example.com/", "/console/../x\\", "/\\example.com"):
        answer = requests.post(
            f"{platform.url}/console/sign-in",
            data={"key": ADMIN_KEY, "next": target},
            headers={"Origin": platform.url},
            allow_redirects=False,
            timeout=10,
        )
        assert answer.headers["Location"] == "/console/overview", target


def test_a_key_to_read_changes_nothing_and_a_revoked_one_sees_nothing(
    browser: Browser, platform: Platform
) -> None:
    fill_platform(platform)
    key = platform.post("/keys", {"name": "reader", "rights": ["read"]})
    visitor = Visitor(browser, platform.url).sign_in(key["key"])
    page = visitor.open("meters")
    expect(page.get_by_text("Define a meter")).to_have_count(0)
    cookie = {one["name"]: one["value"] for one in visitor.context.cookies()}
    forms = ("meters/new", "customers/new", "settings/keys", "rejects/mend", "rejects/dismiss", "start/key")
    for path in (*forms, "doctor/look"):
        answer = requests.post(
            f"{platform.url}/console/{path}",
            cookies=cookie,
            headers={"Origin": platform.url},
            data={"name": "x"},
            timeout=10,
        )
        assert answer.status_code == 403, path
    platform.delete(f"/keys/{key['id']}")
    page.goto(f"{platform.url}/console/events")
    expect(page.get_by_label("Key")).to_be_visible()
    visitor.close()


def test_a_small_body_does_not_become_a_large_form(platform: Platform) -> None:
    small = gzip.compress(b"a&" * 500_000)
    assert len(small) < 8192
    answer = requests.post(
        f"{platform.url}/console/sign-in",
        data=small,
        headers={"Origin": platform.url, "Content-Encoding": "gzip"},
        timeout=10,
    )
    assert answer.status_code == 413


def test_forged_requests_do_nothing(visitor: Visitor, platform: Platform) -> None:
    cookie = {one["name"]: one["value"] for one in visitor.context.cookies()}
    [made] = [one for one in visitor.context.cookies() if one["name"].startswith("metertap")]
    assert made["httpOnly"] and made["sameSite"] == "Strict"
    form = {"name": "evil", "rights": "admin"}
    url = f"{platform.url}/console/settings/keys"
    for headers in (
        {},
        {"Origin": "http://example.com"},
        {"Origin": "null"},
        {"Origin": platform.url, "Sec-Fetch-Site": "same-site"},
    ):
        answer = requests.post(url, cookies=cookie, data=form, headers=headers, timeout=10)
        assert answer.status_code == 403, headers
    assert [key["name"] for key in platform.get("/keys")] == ["METERTAP_ADMIN_KEY"]
    answer = requests.get(f"{platform.url}/console/events", cookies=cookie, timeout=10)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# From nothing to a figure


def test_onboarding_leads_from_nothing_to_the_first_event(browser: Browser, platform: Platform) -> None:
    visitor = Visitor(browser, platform.url, permissions=["clipboard-read", "clipboard-write"])
    visitor.page.goto(sign_in_link(platform))
    page = visitor.page
    page.get_by_role("link", name="Get started").first.click()
    expect(page.get_by_role("status")).to_contain_text("Nothing has come in yet")
    page.get_by_role("button", name="Make an ingest key").click()
    page.get_by_role("button", name="Copy").click()
    secret = page.evaluate("navigator.clipboard.readText()")
    assert secret == page.locator("[data-secret]").text_content()
    command = page.locator("[data-command]").text_content()
    assert command
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "1 records were ingested"
    # It turns green by itself.
    expect(page.get_by_role("status")).to_contain_text("It is there: event 1, 1 of ApiCalls for acme")
    page.get_by_role("link", name="define the meter").click()
    expect(page.get_by_label("Name in records")).to_have_value("ApiCalls")
    page.get_by_label("Label").fill("API calls")
    page.get_by_role("button", name="Define").click()
    expect(page.get_by_role("status")).to_contain_text("API calls is defined")
    page.get_by_role("link", name="Usage of API calls").click()
    assert page.locator("[data-total]").text_content() == "1"
    # The key that onboarding made can send records and nothing else.
    answer = requests.get(f"{platform.url}/meters", headers={"X-API-KEY": secret}, timeout=10)
    assert answer.status_code == 403
    visitor.close()


def test_a_line_can_be_tried(visitor: Visitor) -> None:
    page = visitor.open("start")
    line = (
        "reading amberflo_meter config; "
        'amberflo_meter: {"customerId":"acme","meterApiName":"A","meterValue":2,"indx":1}'
        ' amberflo_meter={"customerId":"acme","meterApiName":"A","meterValue":"many"} amberflo_meter: {oops'
    )
    page.get_by_label("A line of your log").fill(line)
    page.get_by_role("button", name="Try it").click()
    found = page.locator("#try .findings")
    expect(found).to_contain_text("2 of A for acme")
    expect(found).to_contain_text("Reject: invalidValue")
    expect(found).to_contain_text("Reject: malformedJSON")
    expect(found).to_contain_text("Mention")
    expect(found).to_contain_text("indx")
    assert page.locator(".tried").text_content() == line
    assert page.locator(".tried .tag").all_text_contents() == ["amberflo_meter"] * 4
    assert page.locator(".tried .fault").all_text_contents() == [": {oops"]


def test_onboarding_fills_in_the_policies_of_the_documents(visitor: Visitor) -> None:
    """What the page shows is what docs/deploy-by-hand.md says, with the names of the user."""
    names = {
        "account": "111122223333",
        "region": "us-west-2",
        "bucket": "our-meters",
        "prefix": "a/b/",
        "stream": "taps",
        "function": "tap",
        "logGroup": "/aws/ecs/web",
    }
    page = visitor.open("start")
    for name, value in names.items():
        page.locator(f"input[name={name}]").fill(value)
    page.get_by_role("button", name="Fill in").click()
    document = (ROOT / "docs/deploy-by-hand.md").read_text()
    for word, value in {
        "AWS_REGION": names["region"],
        "ACCOUNT": names["account"],
        "BUCKET": names["bucket"],
        "PREFIX": names["prefix"],
        "FAILURES": names["bucket"] + "-failed",
        "FUNCTION": names["function"],
        "STREAM_ARN": f"arn:aws:kinesis:{names['region']}:{names['account']}:stream/{names['stream']}",
    }.items():
        document = re.sub(rf"\$\{{?{word}\b\}}?", value, document)
    for name in ("logs", "agent"):
        written = re.search(rf"> policy-{name}\.json <<END\n(.*?)^END$", document, re.M | re.S)
        shown = page.locator(f"[data-policy={name}]").text_content()
        assert written and shown
        assert json.loads(shown) == json.loads(written[1])
    command = page.locator("[data-filter-command]").text_content() or ""
    assert "--filter-pattern '%amberflo_meter|meter_record_for_cw|meter_record_for_stream%'" in command
    assert '--log-group-name "/aws/ecs/web"' in command and "stream/taps" in command
    hostile = page.goto(page.url.split("?")[0] + "?logGroup=%22%3Btouch%20x%24(y)%60z%60")
    assert hostile
    assert '"touchxyz"' in (page.locator("[data-filter-command]").text_content() or "")


def test_the_snippets_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for language in ("python", "javascript", "java", "go", "swift"):
        block = re.search(rf"^```{language}\n(.*?)^```$", readme, re.M | re.S)
        assert block
        assert (ROOT / f"Sources/Console/Snippets/{language}.txt").read_text() == block[1], language


# Events


def test_a_line_of_the_sample_application_is_seen_live(browser: Browser, cli: Path, tmp_path: Path) -> None:
    begin = 1000 * time.time()

    def is_live() -> bool:
        """The two weeks that the demo writes at first are no live lines, and are behind us."""
        newest = platform.get("/events", limit=500)["events"]
        return len(newest) == 500 and all(one["meterTimeInMillis"] >= begin for one in newest)

    with Platform(cli, tmp_path, "--demo") as platform:
        platform.wait_for(is_live)
        visitor = Visitor(browser, platform.url).sign_in()
        page = visitor.open("events")
        expect(page.locator("[data-state]")).to_have_text("live")
        # When a row is put in, against when the server took its record in; both clocks are this machine's.
        page.evaluate(
            """() => {
              window.delays = [];
              new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(row => {
                const received = row.querySelector("time");
                if (received) window.delays.push(Date.now() - Date.parse(received.dateTime));
              }))).observe(document.querySelector("[data-rows]"), { childList: true });
            }"""
        )
        platform.wait_for(lambda: page.evaluate("window.delays.length") >= 50)
        delays = page.evaluate("window.delays")
        assert max(delays) <= 2_000, sorted(delays)[-5:]
        row = page.locator("[data-rows] tr").first
        expect(row).to_contain_text("/sample/")
        visitor.close()


def test_live_events_pause_resume_and_survive_a_lost_connection(browser: Browser, platform: Platform) -> None:
    platform.define("ApiCalls")
    wire = Wire(int(platform.url.rsplit(":", 1)[1]))
    visitor = Visitor(browser, f"http://127.0.0.1:{wire.port}").sign_in()
    page = visitor.open("events?customer=acme")
    state, rows = page.locator("[data-state]"), page.locator("[data-rows] tr")
    expect(state).to_have_text("live")
    platform.send([record(uniqueId="1"), record(uniqueId="2", customerId="globex")])
    expect(rows.locator(".id")).to_have_text(["1"])
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("paused")
    platform.send([record(uniqueId="3"), record(uniqueId="4")])
    platform.wait_for(lambda: platform.pipeline()["received"] == 4)
    assert rows.locator(".id").all_text_contents() == ["1"]
    page.get_by_role("button", name="Resume").click()
    expect(rows.locator(".id")).to_have_text(["4", "3", "1"])
    wire.cut()
    platform.send([record(uniqueId="5")])
    expect(rows.locator(".id")).to_have_text(["5", "4", "3", "1"], timeout=20_000)
    expect(state).to_have_text("live")
    wire.close()
    visitor.problems = [one for one in visitor.problems if "ERR_" not in one]
    visitor.close()


def test_events_are_filtered_paged_and_opened(visitor: Visitor, platform: Platform) -> None:
    fill_platform(platform)
    page = visitor.open("events")

    def shown(**filters: str) -> list[dict[str, Any]]:
        visitor.open("events")
        for label, value in filters.items():
            page.get_by_label(label.replace("_", " "), exact=True).fill(value)
        page.get_by_role("button", name="Filter").click()
        numbers = [int(text) for text in page.locator("[data-rows] .id").all_text_contents()]
        known = {event["number"]: event for event in platform.events()}
        return [known[number] for number in numbers]

    assert {event["meterApiName"] for event in shown(Meter="Seats")} == {"Seats"}
    assert {event["customerId"] for event in shown(Customer="globex")} == {"globex"}
    posts = shown(Dimension="method=POST")
    assert posts and all(event["dimensions"]["method"] == "POST" for event in posts)
    # Forty records, and the cancel of one.
    assert len(shown(Log_group="/app/api")) == 41
    visitor.open("events")
    page.get_by_label("From (UTC)").fill(
        time.strftime("%Y-%m-%dT%H:%M", time.gmtime(recent(3) / 1000 + 36_000))
    )
    page.get_by_role("button", name="Filter").click()
    assert page.locator("[data-rows] .id").count() == 30
    visitor.open("events")
    page.get_by_label("State").select_option("undefined")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("[data-rows] tr")).to_have_count(1)
    # A cancel leads to the record that it took back, and back.
    visitor.open("events")
    page.get_by_label("State").select_option("cancel")
    page.get_by_role("button", name="Filter").click()
    page.locator("[data-rows] .id").click()
    page.get_by_role("main").get_by_role("link", name=re.compile("event 6")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("taken back")
    # One opened: where it came from, and what came again.
    visitor.open("events/1")
    facts = page.get_by_role("main")
    for text in ("123456789012", "/app/api", "api-1", "u0", "Duplicates that were dropped: 1"):
        expect(facts).to_contain_text(text)
    page.get_by_role("link", name="Usage of its day").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ApiCalls")


def test_times_are_in_the_viewers_zone_and_in_utc(browser: Browser, platform: Platform) -> None:
    time_of_use = recent(3) + 23 * HOUR
    platform.send([record(uniqueId="1", meterTimeInMillis=time_of_use)])
    visitor = Visitor(browser, platform.url, timezone_id="Asia/Tokyo", locale="en-GB").sign_in()
    page = visitor.open("events/1")
    shown = page.locator("dt:text-is('Time of use') + dd time")
    utc = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time_of_use // 1000))
    tokyo = time.strftime("%d/%m/%Y, %H:%M:%S", time.gmtime(time_of_use // 1000 + 9 * 3600))
    expect(shown).to_have_text(tokyo)
    expect(shown).to_have_attribute("title", utc)
    page.get_by_role("button", name="Show all times in UTC").click()
    expect(shown).to_have_text(utc)
    # The choice holds on the next page.
    visitor.open("events/1")
    expect(shown).to_have_text(utc)
    visitor.close()


def test_pages_of_events_hold_each_record_once(visitor: Visitor, platform: Platform) -> None:
    platform.send([record(uniqueId=str(index)) for index in range(120)])
    page = visitor.open("events")
    seen: list[int] = []
    while True:
        seen += [int(text) for text in page.locator("[data-rows] .id").all_text_contents()]
        older = page.get_by_role("link", name="Older")
        if not older.count():
            break
        older.click()
    assert seen == list(range(120, 0, -1))


# Usage


def values(page: Page) -> list[Decimal]:
    """The values of all records behind a figure, page by page."""
    found: list[Decimal] = []
    while True:
        rows = page.locator("table tbody tr td:nth-child(6)").all_text_contents()
        found += [Decimal(text.replace(",", "").replace("\u2212", "-")) for text in rows]
        following = page.get_by_role("link", name="Next")
        if not following.count():
            return found
        following.click()


def figure(page: Page) -> Decimal:
    text = page.locator("[data-figure]").text_content()
    assert text
    return Decimal(text.replace(",", "").replace("\u2212", "-"))


def test_a_figure_opens_down_to_its_events(visitor: Visitor, platform: Platform) -> None:
    fill_platform(platform)
    platform.send(
        [record(Decimal("0.1"), uniqueId=f"many{index}", customerId="acme") for index in range(130)]
        + [record(Decimal("123456789012345678901234567890.000000000000000000000000000001"), uniqueId="long")]
    )
    counted = [event for event in platform.events() if event["state"] == "counted"]
    truth = sum(event["meterValue"] for event in counted if event["meterApiName"] == "ApiCalls")
    page = visitor.open("usage?meter=ApiCalls")
    page.locator("[data-total]").click()
    assert figure(page) == truth == sum(values(page))
    expect(visitor.open("usage?meter=ApiCalls").locator("[data-total]")).to_have_text(f"{truth:,f}")
    # Every bucket, as the table and as the chart open it.
    visitor.open("usage?meter=ApiCalls&view=table&interval=day")
    links = page.get_by_role("region", name="Usage by bucket").get_by_role("link")
    paths = [link.get_attribute("href") for link in links.all()]
    total = Decimal(0)
    for path in paths:
        page.goto(platform.url + (path or ""))
        assert figure(page) == sum(values(page))
        total += figure(page)
    assert total == truth
    visitor.open("usage?meter=ApiCalls&interval=day")
    assert [link.get_attribute("href") for link in page.locator("svg.chart a").all()] == paths
    # Every group, also that of the records that lack the dimension.
    for by in ("customerId", "region"):
        visitor.open(f"usage?meter=ApiCalls&by={by}")
        links = page.get_by_role("region", name="Usage by group").locator("td.num a")
        paths = [link.get_attribute("href") for link in links.all()]
        assert len(paths) == 2
        total = Decimal(0)
        for path in paths:
            page.goto(platform.url + (path or ""))
            expect(page.locator("[data-recount]")).to_have_text(
                page.locator("[data-figure]").text_content() or ""
            )
            assert figure(page) == sum(values(page))
            total += figure(page)
        assert total == truth
    # Opened by hand: the greatest group, then only this one.
    visitor.open("usage?meter=ApiCalls&by=method")
    page.get_by_role("link", name="Only GET").click()
    expect(page.get_by_role("main")).to_contain_text("method = GET")
    visitor.open("usage?meter=Seats")
    page.locator("[data-total]").click()
    expect(page.get_by_role("main")).to_contain_text("the figure is the same")


def test_what_a_page_says_is_only_is_all_that_it_shows(visitor: Visitor, platform: Platform) -> None:
    platform.define("ApiCalls", dimensions=["region"])
    platform.define("Seats", meterType="latest", dimensions=["plan"])
    platform.send(
        [
            record(1, uniqueId="1", dimensions={"region": "eu"}),
            record(10, uniqueId="2", dimensions={"region": ""}),
            record(100, uniqueId="3"),
            record(7, uniqueId="4", meterApiName="Seats"),
        ]
    )
    page = visitor.page
    for name, value in (("eu", "1"), ("(empty)", "10"), ("(without)", "100")):
        visitor.open("usage?meter=ApiCalls&by=region")
        page.get_by_role("link", name=f"Only {name}").click()
        expect(page.locator("[data-total]")).to_have_text(value)
        page.locator("[data-total]").click()
        assert figure(page) == sum(values(page)) == Decimal(value)
        page.get_by_role("link", name="Usage of this meter").click()
        expect(page.locator("[data-total]")).to_have_text(value)
    # What another meter does not have is left out instead of failing.
    visitor.open("usage?meter=ApiCalls&by=region&aggregation=UNIQUE&dim.region=eu")
    page.get_by_label("Meter").select_option("Seats")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("[data-total]")).to_have_text("7")


def test_the_time_before_is_as_many_buckets(visitor: Visitor, platform: Platform) -> None:
    platform.define("ApiCalls")
    day = time.gmtime(recent(1) / 1000)
    months = [(day.tm_year * 12 + day.tm_mon - 1 - back) for back in range(3)]
    starts = [calendar.timegm((month // 12, month % 12 + 1, 1, 0, 0, 0)) * 1000 for month in months]
    platform.send(
        [
            record(10**place, uniqueId=str(place), meterTimeInMillis=start)
            for place, start in enumerate(starts)
        ]
    )
    name = time.strftime("%Y-%m-%d", time.gmtime(starts[0] // 1000 + 14 * 86400))
    page = visitor.open(f"usage?meter=ApiCalls&interval=month&from={name}&to={name}&compare=1")
    expect(page.locator("[data-total]")).to_have_text("1")
    shown = page.locator(".stats dd").all_text_contents()
    assert shown[1] == "10"


def test_usage_compares_and_exports(visitor: Visitor, platform: Platform) -> None:
    fill_platform(platform)
    platform.send([record(2, uniqueId="before", meterTimeInMillis=recent(40))])
    day = time.strftime("%Y-%m-%d", time.gmtime(recent(3) / 1000))
    page = visitor.open(f"usage?meter=ApiCalls&from={day}&compare=1&view=lines")
    expect(page.get_by_role("main")).to_contain_text("The time before")
    page.get_by_role("link", name="Last month").click()
    page.go_back()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(waiting.value.path().open(newline="")))
    assert rows[0] == ["bucket", "meterApiName", "customerId", "value"]
    shown = page.locator("[data-total]").text_content()
    assert f"{sum(Decimal(row[3]) for row in rows[1:]):,f}" == f"{Decimal((shown or '').replace(',', '')):,f}"
    # The address says all of it, so that it can be sent to somebody.
    other = visitor.context.new_page()
    visitor.watch(other)
    other.goto(page.url)
    assert other.locator("[data-total]").text_content() == shown


# Definitions


def test_a_meter_is_defined_changed_locked_and_deleted(visitor: Visitor, platform: Platform) -> None:
    platform.send([record(7)])
    page = visitor.open("meters")
    page.get_by_role("link", name="Define ApiCalls").click()
    page.get_by_label("Label").fill("Calls")
    page.get_by_label("Figure").select_option("active_users")
    page.get_by_role("button", name="Define").click()
    expect(page.get_by_role("alert")).to_contain_text("aggregationDimensions")
    assert page.get_by_label("Label").input_value() == "Calls"
    page.get_by_label("Figure").select_option("sum_of_all_usage")
    page.get_by_label("Dimensions, one on each line").fill("method\nregion")
    page.get_by_role("button", name="Define").click()
    page.get_by_role("link", name="Calls", exact=True).click()
    page.get_by_label("Label").fill("API calls")
    page.get_by_label("Status").select_option("close_to_changes")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("main")).to_contain_text("This meter is locked")
    assert page.get_by_label("Status").locator("option").all_text_contents() == [
        "closed to changes",
        "deprecated",
    ]
    page.get_by_label("Figure").select_option("max")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("only its label")
    page.get_by_label("Figure").select_option("sum_of_all_usage")
    page.get_by_label("Status").select_option("deprecated")
    page.get_by_role("button", name="Save").click()
    [meter] = platform.get("/meters")
    assert meter["label"] == "API calls" and meter["dimensions"] == ["method", "region"]
    page.get_by_text("Delete this meter").click()
    page.get_by_role("button", name="Delete the meter").click()
    assert platform.get("/meters") == []
    assert platform.pipeline()["undefined"] == 1
    who = {change["what"]: change["who"] for change in platform.get("/changes")["changes"]}
    assert who["meter.create"] == who["meter.delete"] == "METERTAP_ADMIN_KEY"


def test_a_customer_is_defined_changed_searched_and_deleted(visitor: Visitor, platform: Platform) -> None:
    platform.define("ApiCalls")
    now = int(time.time() * 1000)
    platform.send([record(7, customerId="acme & söhne", meterTimeInMillis=now)])
    page = visitor.open("customers")
    page.get_by_role("link", name="acme & söhne").click()
    expect(page.get_by_role("region", name="Usage of each meter")).to_contain_text("7")
    page.get_by_label("Name", exact=True).fill("Acme & Söhne GmbH")
    page.get_by_label("Traits, one on each line").fill("plan=pro\nsize=a=b")
    page.get_by_role("button", name="Define").click()
    [customer] = platform.get("/customers")
    assert customer["customerId"] == "acme & söhne" and customer["traits"] == {"plan": "pro", "size": "a=b"}
    # What lines cannot say stays when nobody edits it.
    platform.put("/customers", customer | {"traits": {"a=b": "c"}})
    visitor.open("customers")
    page.get_by_role("link", name="Acme & Söhne GmbH").click()
    page.get_by_label("Name", exact=True).fill("Acme")
    page.get_by_label("in business").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("changed")
    assert platform.get("/customers")[0]["traits"] == {"a=b": "c"}
    visitor.open("customers")
    page.get_by_label("Search").fill("ACME")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("main")).to_contain_text("disabled")
    page.get_by_role("link", name="Acme").click()
    page.get_by_text("Delete this customer").click()
    page.get_by_role("button", name="Delete the customer").click()
    assert platform.get("/customers") == []


# Rejects


def test_a_reject_is_edited_and_counted(visitor: Visitor, platform: Platform) -> None:
    platform.define("ApiCalls")
    platform.ingest(json.dumps([record("many"), record("few"), record(meterVlaue=1)]).encode())
    page = visitor.open("rejects")
    expect(page.get_by_role("region", name="Groups of rejects")).to_contain_text("2")
    expect(page.locator("#ignored")).to_contain_text("meterVlaue")
    page.get_by_role("region", name="Groups of rejects").get_by_role("link", name="invalidValue").click()
    page.get_by_role("region", name="Rejects", exact=True).get_by_role("link").first.click()
    assert page.locator("mark.fault").text_content() == '"few"'
    line = page.get_by_label("The line", exact=True)
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("alert")).to_contain_text("invalidValue")
    line.fill(line.input_value().replace('"few"', "2.5"))
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("status").first).to_contain_text("1 records are stored")
    visitor.open("usage?meter=ApiCalls")
    assert page.locator("[data-total]").text_content() == "3.5"


def test_what_waits_in_buckets_is_shown_with_its_command(
    browser: Browser, visitor: Visitor, cli: Path, tmp_path: Path
) -> None:
    expect(visitor.open("rejects").locator("#waiting")).to_contain_text("No bucket is known")
    failures = tmp_path / "<b>failures</b> & more"
    for name in ("1", "2"):
        file = failures / "aws/lambda/mapping/shardId-000000000000/2026/01/02" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    places = ("--bucket", f"file://{bucket}", "--failures", f"file://{failures}")
    directory = tmp_path / "other"
    directory.mkdir()
    with Platform(cli, directory, *places) as platform:
        platform.wait_for(lambda: all(place["complete"] for place in platform.get("/pipeline")["waiting"]))
        other = Visitor(browser, platform.url).sign_in()
        waiting = other.open("rejects").locator("#waiting")
        row = waiting.get_by_role("row", name="Batches that Lambda gave up")
        expect(row).to_contain_text(f"file://{failures}/")
        expect(row.get_by_role("cell").nth(1)).to_have_text("2")
        assert waiting.locator("code").all_text_contents() == [f"metertap redrive 'file://{failures}/'"]
        other.close()


def test_many_rejects_are_edited_at_once(visitor: Visitor, platform: Platform) -> None:
    platform.define("ApiCalls")
    lines = [record("1 call", uniqueId=f"r{index}") for index in range(10)] + [
        record("unknown", uniqueId="x")
    ]
    platform.ingest(json.dumps(lines).encode())
    page = visitor.open("rejects")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_label("Replace").fill(" call")
    page.get_by_label("by", exact=True).fill("")
    page.get_by_role("button", name="Edit the chosen ones").click()
    # What was edited by hand stays when a text is replaced in all lines.
    first = page.locator("textarea.code").last
    first.fill(first.input_value().replace("r0", "R0"))
    page.get_by_label("Replace").fill("r9")
    page.get_by_label("by", exact=True).fill("R9")
    page.get_by_role("button", name="Replace in the lines below").click()
    page.get_by_role("button", name="Store all").click()
    # What is right is stored; what is not comes back with what is wrong.
    expect(page.get_by_role("status")).to_contain_text("10 records are stored")
    expect(page.locator("textarea.code")).to_have_count(1)
    page.get_by_label("The line", exact=True).fill(json.dumps(record(5, uniqueId="x")))
    page.get_by_role("button", name="Store").click()
    figures = platform.pipeline()
    assert (figures["counted"], figures["rejected"], figures["resolvedRejects"]) == (11, 0, 11)
    assert {event["uniqueId"] for event in platform.events()} >= {"R0", "r1", "R9", "x"}


# Audits


def test_an_audit_is_shown_until_a_later_one_is_clean(visitor: Visitor, platform: Platform) -> None:
    audit = {
        "account": "123456789012",
        "logGroup": "/app/api",
        "from": recent(3),
        "to": recent(2),
        "found": 1000,
        "missing": 7,
        "different": 0,
        "extra": 0,
        "repaired": 0,
    }
    platform.send([record()])
    platform.define("ApiCalls")
    platform.post("/audits", audit)
    page = visitor.open("overview")
    expect(page.locator(".findings")).to_contain_text("An audit of /app/api is not clean")
    expect(page.locator("#audits")).to_contain_text("7 missing")
    platform.post("/audits", audit | {"repaired": 7})
    visitor.open("overview")
    expect(page.get_by_role("status")).to_contain_text("Everything is all right")
    expect(page.locator("#audits li")).to_have_count(1)
    expect(page.locator("#audits")).to_contain_text("clean, 7 repaired")
    # One that told its main figures alone has a page too.
    page.locator("#audits li a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Audit of /app/api")
    expect(page.locator("main")).to_contain_text("1,000")


def test_no_audit_yet_says_how_to_run_one(visitor: Visitor) -> None:
    page = visitor.open("audits")
    expect(page.locator("main")).to_contain_text("None has reported yet")
    expect(page.locator("pre")).to_contain_text("metertap audit --log-group")
    page.goto(f"{visitor.url}/console/audits/7")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_an_audit_shows_records_that_are_not_after_their_tag(visitor: Visitor, platform: Platform) -> None:
    note = audit_note(missing=0, mentions=1_234, recordNotBehindTag=3)
    platform.post("/audits", note)
    platform.post("/audits", note | {"recordNotBehindTag": 0})
    page = visitor.open("audits")
    rows = page.locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("clean")
    expect(rows.nth(1)).to_contain_text("3 not after their tag")
    rows.nth(1).get_by_role("link").click()
    expect(page.locator(".facts")).to_contain_text("1,234")
    expect(page.locator("main")).to_contain_text("a record that isn't after its tag: 3")


def test_an_audit_shows_what_is_missing_where_and_why(visitor: Visitor, platform: Platform) -> None:
    note = audit_note()
    platform.post("/audits", note)
    platform.post("/audits", note | {"repaired": note["missing"]})
    page = visitor.open("audits")
    rows = page.locator("tbody tr")
    assert rows.count() == 2
    expect(rows.nth(0)).to_contain_text(f"clean, {note['missing']} repaired")
    expect(rows.nth(1)).to_contain_text(f"{note['missing']} missing")
    rows.nth(1).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{note['missing']} missing")
    # The classes add up to what was found.
    shown = page.get_by_role("region", name="Classes").locator("tbody tr")
    counts = [int(count.replace(",", "")) for count in shown.locator("td.num").all_text_contents()]
    assert len(counts) == 9 and sum(counts) == note["found"]
    figures = re.findall(r"[\d,]+", page.locator(".sum").text_content() or "")
    assert [int(one.replace(",", "")) for one in figures] == [note["found"], *filter(None, counts)]
    # The hole is where it is: between 41 and 45 percent of the day.
    gap = page.locator(".timeline .gap")
    expect(gap.locator("title")).to_contain_text("10:00 to")
    box, picture = gap.bounding_box(), page.locator(".timeline").bounding_box()
    assert box and picture
    share = (box["x"] - picture["x"]) / picture["width"]
    assert 0.41 < share < 0.42 and box["width"] / picture["width"] > 0.02
    assert page.locator(".timeline .lost").count() == 4
    for reason in note["reasons"]:
        expect(page.locator("main")).to_contain_text(reason)
    missing = page.get_by_role("region", name="Missing records").locator("tbody tr")
    assert missing.count() == 40
    expect(missing.first).to_contain_text("acme")
    expect(page.locator("main")).to_contain_text(f"{note['missing'] - 40} more are named")
    command = page.locator("pre").text_content() or ""
    assert "--log-group '/app/shop'" in command and command.endswith("--repair")
    # The repair bears on the bill: it stands among the changes.
    [change, *_] = platform.get("/changes")["changes"]
    assert (change["what"], change["subject"]) == ("audit.repair", "/app/shop")
    assert change["after"] == {"audit": 2, "repaired": note["missing"]}
    page = visitor.open("audits/2")
    assert page.locator("pre").count() == 0
    page.get_by_role("link", name="the log of changes").click()
    expect(page.locator("#changes")).to_contain_text("audit.repair")


def test_what_an_audit_tells_is_text_and_bounded(visitor: Visitor, platform: Platform) -> None:
    note = audit_note(
        logGroup=HOSTILE[1], account=HOSTILE[7], missingStreams=list(HOSTILE), reasons=list(HOSTILE)
    )
    for one in note["missingRecords"]:
        one |= {
            "customerId": HOSTILE[0],
            "logStream": HOSTILE[6],
            "meterApiName": HOSTILE[8],
            "eventId": HOSTILE[2],
        }
    platform.post("/audits", note)
    for path in ("audits", "audits/1", "overview"):
        page = visitor.open(path)
        assert page.evaluate("window.pwned") is None
        assert page.locator("#injected").count() == 0
    many = note["missingRecords"] * 20
    kept = platform.post("/audits", note | {"missingRecords": many})
    assert len(kept["detail"]["missingRecords"]) == 100
    for wrong in (
        {"reasons": ["x" * 2_001]},
        {"timeline": [{"from": -1, "found": 0, "missing": 0}]},
        {"gaps": [{"from": 1, "to": 2, "missing": -1}]},
        {"received": -1},
    ):
        assert platform.request("POST", "/audits", data=json.dumps(note | wrong)).status_code == 400, wrong
    assert platform.request("GET", "/audits/99").status_code == 404


# The doctor


@pytest.fixture
def empty_region(cloud: Ministack) -> Iterator[dict[str, str]]:
    """The settings of AWS for a region in which no test has a log group."""
    account = Overlay(cloud)
    yield {
        "AWS_ENDPOINT_URL": account.url,
        "AWS_ACCESS_KEY_ID": cloud.account,
        "AWS_SECRET_ACCESS_KEY": cloud.secret,
        "AWS_REGION": "eu-west-3",
    }
    account.close()


def test_no_diagnosis_yet_says_how_to_get_one(visitor: Visitor) -> None:
    page = visitor.open("doctor")
    expect(page.locator("main")).to_contain_text("Nobody has looked yet")
    expect(page.locator("pre")).to_have_text(f"metertap doctor --url {visitor.url}")
    # It was started without a region of AWS.
    expect(page.get_by_role("button", name="Look")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("AWS_REGION")
    page.goto(f"{visitor.url}/console/doctor/7")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_a_diagnosis_says_what_is_wrong_what_follows_and_what_to_do(
    browser: Browser, platform: Platform
) -> None:
    note = diagnosis_note()
    platform.post("/diagnoses", note)
    visitor = Visitor(browser, platform.url, permissions=["clipboard-read", "clipboard-write"]).sign_in()
    expect(visitor.page.get_by_label("What needs a look")).to_contain_text("The doctor found 1 loss")
    page = visitor.open("doctor")
    expect(page.get_by_role("heading", level=2)).to_have_text("123456789012, eu-central-1 meters are lost")
    expect(page.locator("main")).to_contain_text("12 log groups, 1 stream and 1 agent with 51 checks")
    expect(page.locator("main")).to_contain_text("by METERTAP_ADMIN_KEY")
    titles = ["What loses meters 1", "What is a risk 1", "What was not looked at 1", "Worth knowing 1"]
    expect(page.get_by_role("heading", level=3)).to_have_text(titles)
    cards = page.get_by_role("article")
    assert [card.locator(".about code").text_content() for card in cards.all()] == [
        "filter-pattern",
        "stream-retention",
        "failure-destination",
        "filter-twice",
    ]
    worst = next(one for one in note["findings"] if one["severity"] == "loss")
    for text in (worst["finding"], worst["consequence"], worst["subject"]):
        expect(cards.first).to_contain_text(text)
    # Each command stands alone and is copied whole; a word of code is none.
    commands = re.findall(r"`([^`]* [^`]*)`", worst["remedy"])
    assert len(commands) == 2 and cards.first.locator("pre").all_text_contents() == commands
    expect(cards.first.locator("dd code")).to_have_text("METERTAP_TAGS")
    cards.first.get_by_role("button", name="Copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == commands[0]
    expect(cards.first.get_by_text(worst["evidence"][0])).not_to_be_visible()
    cards.first.get_by_text("What shows it").click()
    expect(cards.first.get_by_text(worst["evidence"][0])).to_be_visible()
    # A later one takes its place; where nothing is wrong there is no finding on the overview.
    platform.post("/diagnoses", diagnosis_note(findings=[]))
    visitor.open("doctor")
    expect(page.locator("main")).to_contain_text("Nothing that loses meters was found")
    expect(page.get_by_role("article")).to_have_count(0)
    expect(visitor.open("overview").locator("main")).not_to_contain_text("The doctor found")
    visitor.open("doctor")
    page.get_by_role("listitem").get_by_role("link").click()
    expect(page.get_by_role("article")).to_have_count(4)
    visitor.close()


def test_each_account_and_region_has_its_latest_diagnosis(visitor: Visitor, platform: Platform) -> None:
    clean = {"findings": []}
    for more in (
        {"account": ""} | clean,
        {"account": "", "region": "us-east-1"} | clean,
        {"region": "us-east-1"},
        {"account": "999999999999"} | clean,
        clean,
        {},
    ):
        platform.post("/diagnoses", diagnosis_note(**more))
    page = visitor.open("doctor")
    rows = page.get_by_role("region", name="Accounts and regions").locator("tbody tr")
    # The worst first; where the account could not be asked for, what came later tells more.
    assert rows.locator("th").all_text_contents() == [
        "123456789012, eu-central-1",
        "123456789012, us-east-1",
        "999999999999, eu-central-1",
    ]
    expect(rows.first.locator("td.num")).to_have_text(["1", "1", "1", "1"])
    expect(page.get_by_role("heading", level=2)).to_have_count(4)
    expect(page.get_by_text("Earlier diagnoses").locator("xpath=..").get_by_role("listitem")).to_have_count(3)
    expect(visitor.open("overview").get_by_label("What needs a look")).to_contain_text("us-east-1")


def test_what_a_diagnosis_tells_is_text_and_bounded(visitor: Visitor, platform: Platform) -> None:
    findings = [
        finding(
            text,
            severity,
            subject=text,
            finding=text,
            consequence=f"`{text}`",
            remedy=f"Do `run {text}` or `{text}`",
            evidence=list(HOSTILE),
        )
        for text, severity in zip(HOSTILE, ("loss", "risk", "unknown", "note") * 3, strict=False)
    ]
    platform.post("/diagnoses", diagnosis_note(account=HOSTILE[1], region=HOSTILE[8], findings=findings))
    for path in ("doctor", "doctor/1", "overview"):
        page = visitor.open(path)
        assert page.evaluate("window.pwned") is None
        assert page.locator("#injected").count() == 0
        assert "\u202e" not in page.inner_text("body"), path
    many = [finding("many", "risk", evidence=["x"] * 30)] * 300 + [finding("worst", "loss")]
    kept = platform.post("/diagnoses", diagnosis_note(findings=many, severity="note", unheard="of"))
    assert (kept["severity"], kept["counts"]["risk"], len(kept["findings"])) == ("loss", 300, 200)
    assert kept["findings"][0]["check"] == "worst" and len(kept["findings"][1]["evidence"]) == 20
    expect(visitor.open("doctor/2").locator("main")).to_contain_text("101 more findings")
    assert platform.get("/diagnoses/2") == kept
    listed = platform.get("/diagnoses", limit=1)
    assert listed == [{name: value for name, value in kept.items() if name != "findings"}]
    for wrong in (
        {"findings": [finding("x", "loss", remedy="x" * 4_001)]},
        {"findings": [finding("x", "loss", evidence=["x" * 4_001])]},
        {"findings": [finding("x" * 513, "loss")]},
        {"findings": [finding("x", "dreadful")]},
        {"findings": [finding("x", "note")] * 5_001},
        {"account": "x" * 513},
        {"time": -1},
        {"looked": {"logGroups": -1, "streams": 0, "functions": 0, "checks": 0}},
    ):
        answer = platform.request("POST", "/diagnoses", data=json.dumps(diagnosis_note(**wrong)))
        assert answer.status_code == 400, wrong
    assert platform.request("GET", "/diagnoses/99").status_code == 404
    read = platform.post("/keys", {"name": "reader", "rights": ["read"]})["key"]
    note = json.dumps(diagnosis_note())
    assert platform.request("POST", "/diagnoses", data=note, headers={"X-API-KEY": read}).status_code == 403
    for _ in range(50):
        platform.post("/diagnoses", diagnosis_note(findings=[]))
    assert len(platform.get("/diagnoses", limit=1_000)) == 51


def test_the_console_looks_itself(
    browser: Browser, cli: Path, empty_region: dict[str, str], tmp_path: Path
) -> None:
    with Platform(cli, tmp_path, **empty_region) as platform:
        for settings in ({}, {"java_script_enabled": False}):
            visitor = Visitor(browser, platform.url, **settings).sign_in()
            page = visitor.open("doctor")
            page.get_by_role("button", name="Look").click()
            expect(page.get_by_role("heading", level=2).first).to_contain_text("111122223333, eu-west-3")
            expect(page.get_by_role("article").first).to_contain_text(
                "has a subscription filter named metertap"
            )
            expect(page.get_by_role("button", name="Look again")).to_be_visible()
            visitor.close()
        Platform.wait_for(lambda: len(platform.get("/diagnoses")) == 2)
        assert {one["who"] for one in platform.get("/diagnoses")} == {"METERTAP_ADMIN_KEY"}


def test_the_doctor_tells_the_platform(cli: Path, platform: Platform, empty_region: dict[str, str]) -> None:

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment(METERTAP_API_KEY=ADMIN_KEY, **empty_region, **more)
        command = [cli, "doctor", "--json"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    assert "told" not in run().stderr and platform.get("/diagnoses") == []
    told = run(METERTAP_URL=platform.url)
    assert "told" not in told.stderr
    kept = platform.get("/diagnoses/1")
    report = json.loads(told.stdout)
    assert report == {name: kept[name] for name in report}
    assert [one["check"] for one in report["findings"]] == ["filter-present"]
    # One that is away is a line more, and what could not be read of it.
    alone = run(METERTAP_URL=f"http://127.0.0.1:{free_port()}")
    assert alone.returncode == told.returncode == 65 and "the platform was not told" in alone.stderr
    assert json.loads(alone.stdout)["findings"][0] == report["findings"][0]


# Settings


def test_a_key_is_shown_once_and_revoked(visitor: Visitor, platform: Platform) -> None:
    page = visitor.open("settings")
    page.get_by_label("Name of a new key").fill("agent")
    page.get_by_role("button", name="Make a key").click()
    secret = page.locator("[data-secret]").text_content() or ""
    assert platform.request("POST", "/ingest", data=b"{}", headers={"X-API-KEY": secret}).status_code == 200
    page = visitor.open("settings")
    assert secret not in page.content()
    page.get_by_label("Revoke agent", exact=True).click()
    page.get_by_role("button", name="Revoke agent for good").click()
    expect(page.get_by_role("status")).to_contain_text("opens nothing")
    assert platform.request("POST", "/ingest", data=b"{}", headers={"X-API-KEY": secret}).status_code == 401
    expect(page.locator("#changes")).to_contain_text("key.revoke")


def test_a_platform_pulls_from_connections_itself(browser: Browser, cli: Path, tmp_path: Path) -> None:
    with connected(cli, tmp_path) as (platform, logs):
        Platform.wait_for(lambda: platform.pipeline()["received"] == 40)
        for scheme in ("light", "dark"):
            visitor = Visitor(browser, platform.url, color_scheme=scheme).sign_in()
            page = visitor.open("connections")
            found = Axe().run(page).response["violations"]
            assert not found, [one["id"] for one in found]
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="web <b>shop</b>"))
        expect(row).to_contain_text("following")
        expect(row).to_contain_text("222222222222")
        expect(page.get_by_label("What fails")).to_contain_text("AccessDenied")
        expect(page.get_by_role("row").filter(has_text="first")).to_contain_text("40")
        expect(visitor.open("overview").get_by_label("What needs a look")).to_contain_text(
            "The connection closed fails"
        )
        logs.accounts["3" * 12].fault = lambda: None
        Platform.wait_for(lambda: "failing" not in visitor.open("connections").content())
        visitor.close()
        phone = Visitor(browser, platform.url, viewport=NARROW).sign_in()
        page = phone.open("connections")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        phone.close()


# For everybody


def paths(platform: Platform) -> list[str]:
    """Every screen with data in it, and pages of errors."""
    [meter, *_] = platform.get("/meters")
    figure_path = "usage/figure?meter=ApiCalls&from=2026-01-01&to=2030-01-01&interval=month"
    return [
        *SCREENS,
        f"meters/{meter['id']}",
        "customer?id=acme",
        "customer?id=globex",
        "events/1",
        "events/6",
        "rejects/mend?id=1&id=2",
        "audits/1",
        "doctor/1",
        figure_path,
        "events/99999",
        "usage?meter=none",
        "nothing-here",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, platform: Platform, scheme: str) -> None:
    def check(path: str) -> None:
        page = visitor.open(path)
        found = axe.run(page).response["violations"]
        assert not found, (path, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found])

    axe = Axe()
    visitor = Visitor(browser, platform.url, color_scheme=scheme)
    check("sign-in")
    visitor.sign_in()
    for path in SCREENS:
        check(path)
    fill_platform(platform)
    for path in paths(platform):
        check(path)
    visitor.close()


def test_everything_is_reached_by_keyboard_and_focus_is_seen(visitor: Visitor, platform: Platform) -> None:
    fill_platform(platform)
    for path in paths(platform):
        page = visitor.open(path)
        wanted = page.evaluate(
            """() => {
              const kinds = "a[href], button, input, select, textarea, summary, [tabindex='0']";
              window.wanted = [...document.querySelectorAll(kinds)].filter(one => one.type !== "hidden"
                && !one.closest("[disabled]") && !one.closest("details:not([open]) > :not(summary)")
                && one.getClientRects().length > 0);
              window.seen = new Set();
              window.invisible = [];
              return window.wanted.length;
            }"""
        )
        for _ in range(wanted + 8 * page.locator("input[type=date]").count() + 4):
            page.keyboard.press("Tab")
            page.evaluate(
                """() => {
                  const one = document.activeElement;
                  if (one === document.body || window.seen.has(one)) return;
                  window.seen.add(one);
                  const style = getComputedStyle(one);
                  const area = one.querySelector(".area");
                  const isSeen = (style.outlineStyle !== "none" && style.outlineWidth !== "0px")
                    || (area && getComputedStyle(area).stroke !== "none");
                  if (!isSeen) window.invisible.push(one.outerHTML.slice(0, 120));
                }"""
            )
        missed = page.evaluate(
            "window.wanted.filter(one => !window.seen.has(one)).map(one => one.outerHTML.slice(0, 120))"
        )
        assert not missed, (path, missed[:5])
        assert not page.evaluate("window.invisible"), (path, page.evaluate("window.invisible"))


def test_a_reject_is_mended_by_keyboard_alone(visitor: Visitor, platform: Platform) -> None:
    platform.ingest(json.dumps([record("many")]).encode())
    page = visitor.open("rejects")
    tab_to(page, "input[name=id]")
    page.keyboard.press("Space")
    tab_to(page, "text=Edit the chosen ones")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mend?**")
    tab_to(page, "textarea")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(json.dumps(record(3)))
    tab_to(page, "button:text-is('Store')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rejects")
    assert platform.pipeline()["rejected"] == 0


def test_a_reject_is_dismissed_on_its_page(visitor: Visitor, platform: Platform) -> None:
    platform.ingest(json.dumps([record("many"), record("more")]).encode())
    numbers = [reject["id"] for reject in platform.get("/rejects")["rejects"]]
    page = visitor.open("rejects/mend?" + "&".join(f"id={number}" for number in numbers))
    page.get_by_label("Why").fill("a test of ours")
    page.get_by_role("button", name="Dismiss all").click()
    page.wait_for_url("**/rejects")
    expect(page.get_by_text("2 rejects are dismissed.")).to_be_visible()
    figures = platform.pipeline()
    assert (figures["rejected"], figures["dismissedRejects"]) == (2, 2)
    assert {one["dismissReason"] for one in platform.get("/rejects", state="dismissed")["rejects"]} == {
        "a test of ours"
    }


def tab_to(page: Page, selector: str) -> None:
    target = page.locator(selector).first
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{selector} is not reached")


def test_pages_fit_a_phone_and_work_without_scripts(browser: Browser, platform: Platform) -> None:
    fill_platform(platform)
    for settings in ({"viewport": NARROW}, {"java_script_enabled": False}):
        visitor = Visitor(browser, platform.url, **settings).sign_in()
        for path in paths(platform):
            page = visitor.open(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            if settings.get("viewport"):
                assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
        visitor.close()


def test_hostile_text_is_text_everywhere(visitor: Visitor, platform: Platform) -> None:
    records = []
    for index, text in enumerate(HOSTILE):
        source = {
            "account": "1",
            "logGroup": text,
            "logStream": text,
            "eventId": text,
            "timestamp": recent(3),
            "ordinal": 0,
        }
        records.append(
            record(
                index + 1,
                meterApiName=text,
                customerId=text,
                uniqueId=text,
                dimensions={text: cut(text * 400, 1024), "empty": ""},
                source=source,
            )
        )
        platform.define(text, dimensions=[text])
        platform.post("/customers", {"customerId": text, "customerName": text, "traits": {text: text}})
        platform.post("/keys", {"name": text, "rights": ["read"]})
    platform.send(records)
    bad = [record("many", **{text: text}, customerId=text) for text in HOSTILE]
    platform.ingest(json.dumps(bad).encode())
    page = visitor.page
    for path in ("overview", "events", "meters", "customers", "rejects", "settings", "start"):
        visitor.open(path)
        for text in ("<script>", '" onmouseover="', "=HYPERLINK", "⟨U+202E⟩gnp", "👩‍🚀🧾", "{{#rows}}"):
            if path in ("events", "meters", "customers", "settings"):
                assert text in page.inner_text("main") or text in page.content(), (path, text)
        assert "\u202e" not in page.inner_text("body"), path
    for number in range(1, len(HOSTILE) + 1):
        visitor.open(f"events/{number}")
    visitor.open("rejects/mend?" + "&".join(f"id={number}" for number in range(1, len(HOSTILE) + 1)))
    # What is edited is the line itself, not what is shown of it.
    assert [
        json.loads(box.input_value())["customerId"] for box in page.locator("textarea.code").all()
    ] == list(HOSTILE)
    for meter in platform.get("/meters"):
        visitor.open(f"meters/{meter['id']}")
        name = requests.utils.quote(meter["meterApiName"], safe="")
        for query in (f"meter={name}", f"meter={name}&by={name}", f"meter={name}&customer={name}&view=table"):
            visitor.open(f"usage?{query}")
            expect(page.locator("[data-total]")).not_to_have_text("0")
        page.locator("[data-total]").click()
        expect(page.get_by_role("main")).to_contain_text("the figure is the same")
        visitor.open(f"customer?id={name}")
        check_csv(visitor, platform, f"usage/export?meter={name}&by={name}&for=spreadsheet")
        for name in ("pwned", "injected"):
            assert page.evaluate(f"window.{name}") is None


def cut(text: str, size: int) -> str:
    """As much of a text as fits into so many bytes."""
    return text.encode()[:size].decode(errors="ignore")


def check_csv(visitor: Visitor, platform: Platform, path: str) -> None:
    """No cell is taken for a formula by a spreadsheet."""
    cookies = {one["name"]: one["value"] for one in visitor.context.cookies()}
    answer = requests.get(f"{platform.url}/console/{path}", cookies=cookies, timeout=10)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
    assert len(rows) > 1 and all(len(row) == 4 for row in rows)
    for row in rows:
        for cell in row:
            assert not re.match(r"[=+@\t\r]|-(?![0-9.]+$)", cell), row
