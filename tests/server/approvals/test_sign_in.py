"""Who is taken for whom on the pages: by whose cookie, from which form, back from which sign-in."""

from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.changes.record.record_file import RecordFile
from sim_mcp.principal import Principal
from sim_mcp.server.approvals.sessions import Sessions
from tests.server.approvals.people import ALL, ANY_HOLDER, Browser, Desk, desk_of
from tests.server.signin.issuing import Issuer, served
from tests.support import Fleet, structured

ALICE = Principal("https://login.example.com", "alice", "alice@example.com", frozenset({"sims:write"}))
SESSION = "sim-mcp-session"


def cookies_of(response: httpx.Response) -> SimpleCookie:
    found = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        found.load(line)
    return found


def request_with(cookie: str, name: str = SESSION) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"{name}={cookie}".encode())]})


async def cookie_from(sessions: Sessions) -> str:
    response = Response()
    await sessions.begin(response, ALICE)
    return response.headers["set-cookie"].partition("=")[2].partition(";")[0]


def form_in(page: httpx.Response) -> str:
    return page.text.partition('name="form" value="')[2].partition('"')[0]


async def waiting_page(desk: Desk, browser: Browser, name: str = "alice") -> httpx.Response:
    async with desk.client(name) as client:
        waiting = await desk.suspending(client)
    page = await browser.open(waiting["approve_at"])
    assert form_in(page)
    return page


async def nothing_was_decided(desk: Desk) -> bool:
    async with desk.client("alice") as client:
        told = structured(await client.call_tool("continue_change", {}))
    return told["state"] == "waiting for approval" and await desk.fleet.writes() == []


async def test_without_a_sign_in_the_pages_show_nothing_and_lead_to_it(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, httpx.AsyncClient() as stranger:
        for path in ("/approvals", "/approvals/0123abcd"):
            sent = await stranger.get(f"{desk.settings.public_url}{path}")
            assert (sent.status_code, sent.text) == (303, "")
            assert sent.headers["location"] == f"/signin?to={path.replace('/', '%2F')}"
        for path in ("/approvals/waiting", "/approvals/0123abcd/result"):
            assert (await stranger.get(f"{desk.settings.public_url}{path}")).status_code == 401
        posted = await stranger.post(f"{desk.url}/0123abcd/decision", data={"decision": "approve"})
        assert posted.status_code == 401
        # MCP itself is opened by no cookie, only by tokens and keys.
        assert (await stranger.post(desk.address, json={})).status_code == 401


async def test_a_cookie_opens_the_pages_and_nothing_else(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice", ALL) as browser:
        assert (await browser.open(desk.url)).status_code == 200
        assert (await browser.http.post(desk.address, json={})).status_code == 401
        session = browser.http.cookies[SESSION]
        with_it = {"Authorization": f"Bearer {session}"}
        assert (await browser.http.post(desk.address, json={}, headers=with_it)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_only_the_form_of_the_page_itself_decides(
    fleet: Fleet, issuer: Issuer, headers: dict[str, str], status: int
) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser:
        page = await waiting_page(desk, browser)
        sent = await browser.send(f"{page.url}/decision", {"form": form_in(page), "decision": "approve"}, **headers)
        assert sent.status_code == status
        without = await browser.http.post(f"{page.url}/decision", data={"form": form_in(page), "decision": "approve"})
        assert without.status_code == 403  # no page of a browser leaves the origin out.
        assert await nothing_was_decided(desk)


async def test_a_form_decides_in_the_session_and_on_the_plan_it_was_shown_for(fleet: Fleet, issuer: Issuer) -> None:
    async with (
        desk_of(fleet, issuer) as desk,
        desk.browser("alice") as browser,
        desk.browser("alice") as elsewhere,
        desk.client("alice") as client,
    ):
        page = await waiting_page(desk, browser)
        other = await browser.open((await desk.suspending(client, "roaming_spike"))["approve_at"])
        again = await elsewhere.open(str(page.url))
        session = browser.http.cookies[SESSION]
        for form in (form_in(other), form_in(again), session, "", form_in(page)[:-2]):
            sent = await browser.send(f"{page.url}/decision", {"form": form, "decision": "approve"})
            assert sent.status_code == 403
        assert (await browser.send(f"{page.url}/decision", {"form": form_in(page)})).status_code == 400
        assert "Approved" in (await browser.press(page, "approve")).text
        # Sent again, it decides nothing any more.
        assert (await browser.press(page, "reject")).status_code == 409
        assert structured(await client.call_tool("continue_change", {"plan": page.url.path[-8:]}))["counts"] == {
            "changed": 1
        }


async def test_a_session_that_is_over_shows_and_decides_nothing(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser:
        page = await waiting_page(desk, browser)
        key = (fleet.state_dir / "session-key").read_text().strip()
        rights = desk.settings.rights
        # Kept for longer than the cookie says: the cookie alone ends it.
        kept, over = (
            Sessions(key, desk.settings.public_url or "", open_record(fleet.place), rights=rights, lasts_s=lasts_s)
            for lasts_s in (3600, -1)
        )
        session = await kept.of(request_with(browser.http.cookies[SESSION]))
        assert session is not None
        sealed = over.seal("session", -1, jti=session.id, iss=ALICE.issuer, sub="alice", name="alice", scopes=[])
        browser.http.cookies.clear()
        browser.http.cookies.set(SESSION, sealed, domain="127.0.0.1", path="/")
        sent = await browser.send(f"{page.url}/decision", {"form": form_in(page), "decision": "approve"})
        assert (sent.status_code, "not signed in any more" in sent.text) == (401, True)
        assert (await browser.http.get(page.url)).headers["location"].startswith("/signin?to=")
        assert await nothing_was_decided(desk)


async def test_who_signed_out_is_not_known_any_more(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser:
        await browser.open(desk.url)
        out = f"{desk.settings.public_url}/signin/out"
        assert (await browser.send(out, {"out": "1"}, Origin="https://evil.example")).status_code == 403
        assert (await browser.http.get(desk.url)).status_code == 200
        copied = browser.http.cookies[SESSION]
        assert (await browser.send(out, {"out": "1"})).status_code == 200
        assert (await browser.http.get(desk.url)).status_code == 303
        # Nor by a copy of the cookie.
        browser.http.cookies.set(SESSION, copied, domain="127.0.0.1", path="/")
        assert (await browser.http.get(desk.url)).status_code == 303


@pytest.mark.parametrize("change", ["state", "iss", "code", "verifier", "browser"])
async def test_only_the_sign_in_that_this_browser_began_is_finished(fleet: Fleet, issuer: Issuer, change: str) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser, desk.browser("eve") as other:
        begun = await browser.http.get(f"{desk.settings.public_url}/signin?to=/approvals")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["resource"] == [desk.settings.resource]
        back = (await browser.http.get(f"{begun.headers['location']}&who=alice")).headers["location"]
        url = httpx.URL(back)
        if change == "verifier":
            # The code of another sign-in, as somebody would plant it.
            theirs = (await other.http.get(f"{desk.settings.public_url}/signin")).headers["location"]
            planted = httpx.URL((await other.http.get(f"{theirs}&who=eve")).headers["location"]).params["code"]
            url = url.copy_merge_params({"code": planted})
        elif change != "browser":
            url = url.copy_merge_params({change: "https://evil.example"})
        finishing = other if change == "browser" else browser
        finished = await finishing.http.get(url) if change != "code" else None
        if finished is None:
            finished = await finishing.http.get(url.copy_remove_param("code").copy_merge_params({"error": "no"}))
        assert finished.status_code == 403
        assert SESSION not in cookies_of(finished)


async def test_nobody_is_sent_anywhere_but_to_a_page_of_ours(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser:
        for to in ("https://evil.example", "//evil.example", "/approvals/../mcp", "/mcp", "/approvals/x y", ""):
            page = await browser.open(str(httpx.URL(f"{desk.settings.public_url}/signin", params={"to": to})))
            assert str(page.url) == desk.url


async def test_an_issuer_that_is_away_signs_nobody_in_and_says_so(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.browser("alice") as browser:
        issuer.metadata = {"token_endpoint": "http://127.0.0.1:9/token"}
        page = await browser.open(desk.url)
        issuer.metadata = {}
        assert (page.status_code, "Nobody can sign in now" in page.text) == (503, True)


async def test_cookies_are_the_hosts_own_where_there_is_tls(tmp_path: Path) -> None:
    for public, name, secure in (
        ("https://sims.example.com", f"__Host-{SESSION}", True),
        ("http://127.0.0.1:1", SESSION, False),
    ):
        sessions, response = Sessions("k" * 32, public, RecordFile(tmp_path)), Response()
        await sessions.begin(response, ALICE)
        found = SimpleCookie()
        found.load(response.headers["set-cookie"])
        assert list(found) == [name]
        said = found[name]
        assert (bool(said["secure"]), said["httponly"], said["samesite"], said["path"], said["domain"]) == (
            secure,
            True,
            "lax",
            "/",
            "",
        )


async def test_servers_that_share_the_key_and_the_record_know_the_same_people_and_others_do_not(place: Place) -> None:
    one, other, stranger = (Sessions(key * 32, "http://127.0.0.1:1", open_record(place)) for key in "kkx")
    elsewhere = Sessions("k" * 32, "http://127.0.0.1:1", open_record(place), rights="others")
    cookie = await cookie_from(one)
    known = await other.of(request_with(cookie))
    assert known is not None
    assert known.who == ALICE
    assert await stranger.of(request_with(cookie)) is None
    assert await elsewhere.of(request_with(cookie)) is None
    assert await other.of(request_with(one.form_for(known, "0123abcd"))) is None  # a form is no session.
    assert await other.of(request_with(cookie[:-3])) is None
    assert await other.of(request_with("")) is None
    await one.end(request_with(cookie), Response())
    assert await other.of(request_with(cookie)) is None


async def test_who_may_less_by_the_settings_of_now_loses_the_rest_at_once(fleet: Fleet, issuer: Issuer) -> None:
    """What a role grants was read when somebody signed in; the server that is started with less asks again."""
    mapped = {"scope_map": {"desk": frozenset({"sims:write", "sims:approve"})}}
    async with desk_of(fleet, issuer, ANY_HOLDER, **mapped) as desk, desk.browser("bob", "desk") as browser:
        page = await waiting_page(desk, browser)
        less = desk.settings.model_copy(update={"scope_map": {"desk": frozenset({"sims:read"})}})
        async with served(less) as elsewhere:
            there = str(page.url).replace(desk.address.removesuffix("/mcp"), elsewhere.removesuffix("/mcp"))
            headers = {"Host": str(httpx.URL(desk.url).netloc, "ascii")}
            answer = await browser.http.get(there, headers=headers)
            assert (answer.status_code, answer.headers["location"][:8]) == (303, "/signin?")
        assert (await browser.http.get(page.url)).status_code == 200


async def test_where_it_cannot_be_kept_who_signed_in_nobody_is(fleet: Fleet, issuer: Issuer) -> None:
    gone, key = fleet.state_dir / "gone", SecretStr("k" * 32)
    async with (
        desk_of(fleet, issuer, state_dir=gone, session_key=key) as desk,
        desk.browser("alice") as browser,
    ):
        page = await browser.open(desk.url)
        assert (page.status_code, "You were not signed in" in page.text) == (503, True)
        assert SESSION not in browser.http.cookies
