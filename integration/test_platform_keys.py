"""Keys stay revoked, and nobody's session ends by another's."""

from pathlib import Path

import requests

from components.platform import ADMIN_KEY, Platform


def test_a_revoked_admin_key_stays_revoked(cli: Path, tmp_path: Path) -> None:
    with Platform(cli, tmp_path) as platform:
        other = platform.post("/keys", {"name": "other", "rights": ["admin"]})["key"]
        (first,) = [key["id"] for key in platform.get("/keys") if key["name"] == "METERTAP_ADMIN_KEY"]
        platform.delete(f"/keys/{first}")
        for _ in range(2):
            platform.restart()
            assert platform.request("GET", "/meters").status_code == 401
            platform.session.headers["X-API-KEY"] = other
            assert [key["name"] for key in platform.get("/keys")] == ["other"]
        log = (tmp_path / "platform.log").read_text()
        assert "METERTAP_ADMIN_KEY holds a key that was revoked" in log and ADMIN_KEY not in log


def sign_in(platform: Platform, key: str) -> requests.Session:
    session = requests.Session()
    session.headers["Sec-Fetch-Site"] = "same-origin"
    answer = session.post(
        f"{platform.url}/console/sign-in", data={"key": key}, timeout=10, allow_redirects=False
    )
    assert answer.status_code == 303
    return session


def is_in(platform: Platform, session: requests.Session) -> bool:
    url = f"{platform.url}/console/settings"
    return session.get(url, timeout=10, allow_redirects=False).status_code == 200


def test_sign_ins_end_no_session_of_another(platform: Platform) -> None:
    reader = platform.post("/keys", {"name": "reader", "rights": ["read"]})["key"]
    admin = sign_in(platform, ADMIN_KEY)
    first = sign_in(platform, reader)
    many = requests.Session()
    many.headers["Sec-Fetch-Site"] = "same-origin"
    for _ in range(1_001):
        many.post(f"{platform.url}/console/sign-in", data={"key": reader}, timeout=10, allow_redirects=False)
    assert is_in(platform, admin) and is_in(platform, many)
    assert not is_in(platform, first), "one key's sessions have a limit"


def test_sessions_by_link_can_be_ended(platform: Platform, tmp_path: Path) -> None:
    (link,) = [
        word
        for word in (tmp_path / "platform.log").read_text().split()
        if word.startswith(f"{platform.url}/console/sign-in?link=")
    ]
    linked = requests.Session()
    assert linked.get(link, timeout=10, allow_redirects=False).status_code == 303
    admin = sign_in(platform, ADMIN_KEY)
    assert is_in(platform, linked)
    reader = sign_in(platform, platform.post("/keys", {"name": "reader", "rights": ["read"]})["key"])
    end = f"{platform.url}/console/settings/sessions/end"
    assert reader.post(end, timeout=10, allow_redirects=False).status_code == 403
    assert is_in(platform, linked)
    page = admin.get(f"{platform.url}/console/settings", timeout=10).text
    assert "Sessions opened by a sign-in link: 1." in page
    assert admin.post(end, timeout=10, allow_redirects=False).status_code == 303
    assert not is_in(platform, linked) and is_in(platform, admin)
    assert "sessions/end" not in admin.get(f"{platform.url}/console/settings", timeout=10).text
