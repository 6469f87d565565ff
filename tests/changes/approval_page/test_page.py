"""What the approval page shows, whom it obeys, and that nothing else decides."""

import ast
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_mcp.changes import approval_page
from sim_mcp.changes.approval_page.page import ApprovalPage
from sim_mcp.changes.approval_page.server import listening
from sim_mcp.changes.approval_page.view import Row
from tests.browser.plan_keeper import PlanKeeper, Served, deletion, form_on, plan, rows, serve_page
from tests.support import unencrypted

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def counter() -> AsyncIterator[Served]:
    async with serve_page() as made:
        yield made


@pytest.fixture
async def person(counter: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's manners, without the browser: cookies are kept, redirects are not followed."""
    async with unencrypted(counter.base_url) as client:
        yield client


async def send(person: httpx.AsyncClient, link: str, form: str, **said: str) -> httpx.Response:
    answers = {"form": form, "decision": "approve", **said}
    return await person.post(f"{link}/decision", data=answers, headers={"Origin": str(person.base_url)})


async def opened(person: httpx.AsyncClient, link: str) -> str:
    answer = await person.get(link)
    assert answer.status_code == 200
    return form_on(answer.text)


class _Tags(HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


async def test_reading_the_page_decides_nothing_however_often(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    for _ in range(5):
        assert (await person.get(link)).status_code == 200
        assert (await person.head(link)).status_code == 200
    assert (await person.get(f"{link}/decision", params={"decision": "approve"})).status_code == 404
    assert (await person.get(link, params={"decision": "approve"})).status_code == 200
    assert counter.keeper.asked == []


async def test_asking_for_the_head_gives_out_no_form_and_no_cookie(counter: Served, person: httpx.AsyncClient) -> None:
    answer = await person.head(await counter.link(plan()))
    assert "set-cookie" not in answer.headers
    assert answer.content == b""


async def test_what_is_asked_is_on_the_page(counter: Served, person: httpx.AsyncClient) -> None:
    asked = plan(
        act="Suspend 1 SIM",
        summary="Set 1 SIM to Suspended (and leave 1 already so, 1 refused by emnify's rules)",
        due="1.20 EUR",
        rows=(
            Row("8988303000000000011", "pump", "Acme", "Activated", "Suspended", "change", "goes offline"),
            Row("8988303000000000029", "valve", "Acme", "Suspended", "Suspended", "already", "nothing to change"),
            Row("8988303000000000037", "lamp", "Acme", "Deleted", "Deleted", "refused", "deleted SIMs stay so"),
        ),
    )
    content = (await person.get(await counter.link(asked))).text
    said = " ".join(" ".join(_Tags(content).texts).split())
    assert "<title>Suspend 1 SIM? | sim-mcp</title>" in content
    for row in asked.rows:
        assert f"{row.iccid} {row.device}" in said
        assert row.effect in said
    for word in (asked.summary, asked.service, asked.bill, "Claude Desktop 1.4", "12:15:00 UTC", "Customer Acme"):
        assert word in said
    for heading in (
        "1 SIM: Activated → to Suspended",
        "1 SIM already so: Suspended",
        "1 SIM refused by emnify\N{RIGHT SINGLE QUOTATION MARK}s rules",
    ):
        assert heading in said
    assert 'sim-mcp · emnify · workspace "Acme" (id 7) Suspend 1 SIM?' in said
    assert "Falls due now 1.20 EUR" in said
    assert "SANDBOX" not in said
    assert "undone" not in said


async def test_a_sandbox_is_said_loudly_before_and_after(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan(place="sandbox"))
    asked = (await person.get(link)).text
    await send(person, link, form_on(asked))
    for content in (asked, (await person.get(link)).text):
        assert "<title>SANDBOX: " in content
        assert "<strong>SANDBOX</strong> <span>Made-up SIMs: nothing at emnify changes.</span>" in content


async def test_the_effect_is_told_once_for_all_sims_it_is_the_same_for(
    counter: Served, person: httpx.AsyncClient
) -> None:
    content = (await person.get(await counter.link(plan(rows=rows(100))))).text
    assert content.count("goes offline") == 1
    assert content.count("All of customer Acme") == 1
    assert content.count("<tr><th") == 1 + 100


async def test_what_differs_from_sim_to_sim_stands_beside_each(counter: Served, person: httpx.AsyncClient) -> None:
    own = tuple(
        replace(row, organisation=f"Customer {number}", effect=f"it is in device {number}", verdict="refused")
        for number, row in enumerate(rows(20))
    )
    content = (await person.get(await counter.link(plan(rows=(*rows(1), *own))))).text
    said = " ".join(" ".join(_Tags(content).texts).split())
    assert content.count("<h2") == 2
    assert "20 SIMs refused by emnify\N{RIGHT SINGLE QUOTATION MARK}s rules SIMs of this group" in said
    assert "tracker-3 Customer 3 Activated → to Suspended it is in device 3" in said


@pytest.mark.parametrize(
    ("sims", "heading", "button"),
    [(100, "1 batch of 100 SIMs", "Register 100 SIMs"), (None, "1 batch: ", "Register this batch")],
)
async def test_a_batch_counts_its_sims(
    counter: Served, person: httpx.AsyncClient, sims: int | None, heading: str, button: str
) -> None:
    row = Row("#31F 6E2S 6XTR 3NEY", "", "", "not registered", "registered as Issued", "change", "they are new")
    content = (await person.get(await counter.link(plan(rows=(row,), sims=sims, act=button)))).text
    assert heading in " ".join(_Tags(content).texts)
    assert f">{button}</button>" in content
    assert "SIM (ICCID)" not in content


async def test_after_the_yes_the_page_tells_what_becomes_of_it(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    await send(person, link, await opened(person, link))
    said = " ".join(_Tags((await person.get(link)).text).texts)
    assert "Waiting for Claude Desktop 1.4" in said
    assert "continue plan" in said
    one, two, three = counter.keeper.plans["p1"].rows
    changed = replace(one, outcome="changed", now="Suspended", note="read back: done")
    moved = replace(two, outcome="moved", now="Deleted", note="it changed <since>")
    failed = replace(three, outcome="failed", now="Activated", note="emnify said no")
    counter.keeper.plans["p1"] = plan(state="approved", rows=(changed, moved, three))
    under_way = (await person.get(link)).text
    assert (await person.get(f"{link}/result")).text.strip() in under_way
    said = " ".join(" ".join(_Tags(under_way).texts).split())
    assert "2 of 3 SIMs done" in said
    assert "1 changed" in said
    assert "1 left alone: changed by somebody else meanwhile" in said
    assert "tracker-1 ✕ moved Activated → to Deleted it changed <since>" in said
    assert "read back" not in said, "what went well is listed at the end"
    assert "data-over" not in under_way
    assert "close this tab" not in said
    counter.keeper.time += timedelta(minutes=30)
    counter.keeper.plans["p1"] = plan(state="approved", rows=(changed, moved, failed))
    over = (await person.get(link)).text
    assert "3 of 3 SIMs done" in over
    assert "read back: done" in over
    assert "data-over" in over
    assert "You can close this tab" in over
    counter.keeper.time += timedelta(hours=1)
    assert (await person.get(link)).status_code == 410


async def test_only_while_something_may_come_the_page_asks_again_and_only_here(
    counter: Served, person: httpx.AsyncClient
) -> None:
    link = await counter.link(plan())
    path = link.removeprefix(counter.base_url)
    await send(person, link, await opened(person, link))
    waiting = await person.get(link)
    assert "; connect-src 'self'; form-action 'self'; " in waiting.headers["Content-Security-Policy"]
    assert f'<noscript><meta http-equiv="refresh" content="5; {path}"></noscript>' in waiting.text
    done = tuple(replace(row, outcome="changed") for row in rows(3))
    counter.keeper.plans["p1"] = plan(state="approved", rows=done)
    over = await person.get(link)
    assert "connect-src" not in over.headers["Content-Security-Policy"]
    assert "http-equiv" not in over.text


async def test_what_cannot_be_undone_says_so_in_words(counter: Served, person: httpx.AsyncClient) -> None:
    content = (await person.get(await counter.link(deletion()))).text
    assert "This cannot be undone." in content
    assert "To confirm, type the number of SIMs to delete." in content


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_the_form_decides_and_the_page_then_says_what(
    counter: Served, person: httpx.AsyncClient, decision: str
) -> None:
    link = await counter.link(plan())
    answer = await send(person, link, await opened(person, link), decision=decision)
    assert answer.status_code == 303
    after = await person.get(answer.headers["location"])
    done = {"approve": "approved", "reject": "rejected"}[decision]
    assert counter.keeper.decided == [f"{done} p1"]
    assert f"<h1>{done.capitalize()}</h1>" in after.text
    assert ("You can close this tab" in after.text) is (decision == "reject")
    assert "<form" not in after.text


async def test_a_decision_sent_twice_counts_once_and_the_second_answer_says_so(
    counter: Served, person: httpx.AsyncClient
) -> None:
    link = await counter.link(plan())
    form = await opened(person, link)
    answers: list[httpx.Response] = []

    async def press(decision: str) -> None:
        answers.append(await send(person, link, form, decision=decision))

    async with anyio.create_task_group() as both:
        both.start_soon(press, "approve")
        both.start_soon(press, "approve")
    late = await send(person, link, form, decision="reject")
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert late.status_code == 409
    assert "<h1>Approved</h1>" in late.text
    assert counter.keeper.decided == ["approved p1"]
    assert len(counter.keeper.asked) == 1


async def test_a_second_tab_learns_that_the_first_decided(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    first, second = await opened(person, link), await opened(person, link)
    assert (await send(person, link, first, decision="reject")).status_code == 303
    late = await send(person, link, second)
    assert late.status_code == 409
    assert "<h1>Rejected</h1>" in late.text
    assert counter.keeper.decided == ["rejected p1"]


async def test_a_mistyped_confirmation_decides_nothing_and_can_be_tried_again(
    counter: Served, person: httpx.AsyncClient
) -> None:
    link = await counter.link(deletion())
    form = await opened(person, link)
    answer = await send(person, link, form, typed="4")
    assert answer.status_code == 422
    assert "does not match. Nothing was decided." in answer.text
    assert counter.keeper.decided == []
    replayed = await send(person, link, form, typed="3")
    assert replayed.status_code == 403
    assert counter.keeper.decided == []
    again = await send(person, link, form_on(answer.text), typed="3")
    assert again.status_code == 303
    assert counter.keeper.decided == ["approved p1"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "{scheme}://localhost:{port}"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:{port}.evil.example"},
        {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "{own}", "Sec-Fetch-Site": "same-site"},
        {"Origin": "{own}", "Sec-Fetch-Site": "none"},
        {"Origin": "{own}", "Host": "evil.example:{port}"},
        {"Origin": "http://evil.example:{port}", "Host": "evil.example:{port}"},
        {"Origin": "http://127.0.0.1:1", "Host": "127.0.0.1:1"},
        {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"},
        {"Origin": "http://127.0.0.1.evil.example:{port}", "Host": "127.0.0.1.evil.example:{port}"},
    ],
)
async def test_a_decision_from_any_other_origin_is_refused(
    counter: Served, person: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    link = await counter.link(plan())
    form = await opened(person, link)
    filled = {"own": counter.base_url, "port": person.base_url.port, "scheme": "http"}
    sent = {name: value.format(**filled) for name, value in headers.items()}
    answer = await person.post(f"{link}/decision", data={"form": form, "decision": "approve"}, headers=sent)
    assert answer.status_code in {403, 421}
    assert counter.keeper.asked == []
    assert (await send(person, link, form)).status_code == 303, "the form itself was good"


async def test_two_origins_in_one_request_are_refused(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    form = await opened(person, link)
    headers = [("Origin", counter.base_url), ("Origin", "http://evil.example")]
    answer = await person.post(f"{link}/decision", data={"form": form, "decision": "approve"}, headers=headers)
    assert answer.status_code == 403
    assert counter.keeper.asked == []


async def test_a_browser_that_says_same_origin_is_heard(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    answers = {"form": await opened(person, link), "decision": "approve"}
    headers = {"Origin": counter.base_url, "Sec-Fetch-Site": "same-origin"}
    assert (await person.post(f"{link}/decision", data=answers, headers=headers)).status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "localhost.:{port}", "", "10.0.0.1:{port}"]
)
async def test_a_name_rebound_to_this_machine_sees_nothing(
    counter: Served, person: httpx.AsyncClient, host: str
) -> None:
    sent = {"Host": host.format(port=person.base_url.port)}
    answer = await person.get(await counter.link(plan()), headers=sent)
    assert answer.status_code == 421
    assert "SIMs" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_localhost_is_this_machine_too(counter: Served) -> None:
    link = (await counter.link(plan())).replace("127.0.0.1", "localhost")
    async with unencrypted(counter.base_url.replace("127.0.0.1", "localhost")) as person:
        assert (await send(person, link, await opened(person, link))).status_code == 303


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
async def test_only_a_form_is_read(counter: Served, person: httpx.AsyncClient, kind: str) -> None:
    link = await counter.link(plan())
    content = f"form={await opened(person, link)}&decision=approve"
    headers = {"Origin": counter.base_url, "Content-Type": kind}
    assert (await person.post(f"{link}/decision", content=content, headers=headers)).status_code == 415
    assert counter.keeper.asked == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_no_answer_to_the_form_is_long(counter: Served, person: httpx.AsyncClient, chunked: bool) -> None:
    link = await counter.link(plan())
    content = f"form={await opened(person, link)}&decision=approve&typed={'3' * 5000}".encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    headers = {"Origin": counter.base_url, "Content-Type": FORM}
    body = pieces() if chunked else content
    assert (await person.post(f"{link}/decision", content=body, headers=headers)).status_code == 413
    assert counter.keeper.asked == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "form",
        "form={form}",
        "form={form}&decision=",
        "form={form}&decision=APPROVE",
        "form={form}&decision=approve&decision=reject",
        "form={form}&form=x&decision=approve",
        "form={form}&decision=approve&a=1&b=2&c=3",
        "form={form}&decision=approve&typed=%FF",
        "form={form}&decision=approve\xff",
    ],
)
async def test_what_is_no_answer_to_the_form_decides_nothing(
    counter: Served, person: httpx.AsyncClient, content: str
) -> None:
    link = await counter.link(plan())
    sent = content.format(form=await opened(person, link)).encode("latin-1")
    headers = {"Origin": counter.base_url, "Content-Type": FORM}
    assert (await person.post(f"{link}/decision", content=sent, headers=headers)).status_code == 400
    assert counter.keeper.asked == []


async def test_only_the_form_of_this_link_decides(counter: Served, person: httpx.AsyncClient) -> None:
    link, same_plan, other_plan = await counter.link(plan()), await counter.link(plan()), await counter.link(plan("p2"))
    form = await opened(person, link)
    name, _, seal = form.partition(".")
    forged = ["", ".", name, f"{name}.", f".{seal}", f"x{form}", f"{name}.{'0' * 64}", "ü.ü", "€"]
    others = [await opened(person, same_plan), await opened(person, other_plan)]
    for wrong in forged + others:
        answer = await send(person, link, wrong)
        assert answer.status_code == 403
        assert "Set 3 SIMs" not in answer.text
    assert counter.keeper.asked == []
    assert (await send(person, link, form)).status_code == 303


async def test_a_form_without_its_cookie_decides_nothing(counter: Served, person: httpx.AsyncClient) -> None:
    link, other = await counter.link(plan()), await counter.link(plan("p2"))
    form = await opened(person, link)
    async with unencrypted(counter.base_url) as thief:
        assert (await send(thief, link, form)).status_code == 403
        await opened(thief, other)
        cookie = next(iter(thief.cookies.jar)).value
        headers = {"Origin": counter.base_url, "Cookie": f"sim_mcp_approval={cookie}"}
        answers = {"form": form, "decision": "approve"}
        assert (await thief.post(f"{link}/decision", data=answers, headers=headers)).status_code == 403
    assert counter.keeper.asked == []


async def test_the_cookie_stays_with_its_link_and_out_of_scripts(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    answer = await person.get(link)
    path = link.removeprefix(counter.base_url)
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert parts == {"httponly", "samesite=strict", "max-age=900", f"path={path}".lower()}


async def test_after_the_plan_expired_neither_link_nor_form_work(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    form = await opened(person, link)
    counter.keeper.time += timedelta(minutes=15)
    for answer in (await person.get(link), await send(person, link, form)):
        assert answer.status_code == 410
        assert "Suspended" not in answer.text
    assert counter.keeper.asked == []


async def test_a_plan_that_its_keeper_calls_expired_is_not_shown(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    form = await opened(person, link)
    counter.keeper.plans["p1"] = plan(state="expired")
    assert (await person.get(link)).status_code == 410
    assert (await send(person, link, form)).status_code == 410
    assert counter.keeper.asked == []


async def test_a_guessed_link_says_nothing_about_plans(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    guesses = [
        "/approve/p1",
        "/approve/" + "A" * 43,
        "/approve/%00",
        "/approve/%F0%9F%92%A9",
        link[:-1],
        "/",
        "/approve",
    ]
    for guess in [*guesses, f"{guesses[0]}/result", f"{link[:-1]}/result"]:
        answer = await person.get(guess)
        assert answer.status_code == 404
        assert "SIMs" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    posted = await send(person, "/approve/" + "A" * 43, await opened(person, link))
    assert posted.status_code == 404
    counter.keeper.plans.clear()
    assert (await person.get(link)).status_code == 404
    assert counter.keeper.asked == []


async def test_every_link_given_out_for_a_plan_goes_on_working(counter: Served, person: httpx.AsyncClient) -> None:
    links = [await counter.link(plan()) for _ in range(3)]
    assert len(set(links)) == 3
    for link in links:
        await opened(person, link)
    assert (await send(person, links[0], await opened(person, links[0]))).status_code == 303
    assert "<h1>Approved</h1>" in (await person.get(links[2])).text


async def test_asking_for_links_without_end_does_not_fill_the_memory(counter: Served) -> None:
    first = await counter.link(plan())
    newest = [await counter.link(plan()) for _ in range(500)][-1]
    other = await counter.link(plan("p2"))
    async with unencrypted() as person:
        assert (await person.get(first)).status_code == 404
        assert (await person.get(newest)).status_code == 200
        assert (await person.get(other)).status_code == 200
    assert len(counter.page._links) <= 65


async def test_there_is_no_link_to_a_plan_that_is_not_there() -> None:
    keeper = PlanKeeper()
    with pytest.raises(LookupError):
        await ApprovalPage(keeper, now=keeper.now).path_for("p1")


async def test_every_answer_carries_the_same_strict_headers(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    form = await opened(person, link)
    answers = [
        await person.get(link),
        await person.head(link),
        await person.get("/"),
        await person.get(link, headers={"Host": "evil.example"}),
        await person.get(f"{link}/result", headers={"Host": "evil.example"}),
        await person.post(f"{link}/decision"),
        await send(person, link, "forged"),
        await send(person, link, form),
        await send(person, link, form),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 421, 421, 403, 403, 303, 409]
    for answer in answers:
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "server" not in answer.headers


async def test_only_the_page_s_own_style_and_script_may_run(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    nonces = set()
    for _ in range(2):
        answer = await person.get(link)
        (nonce,) = set(re.findall(r"'nonce-([\w-]{22})'", answer.headers["Content-Security-Policy"]))
        assert answer.headers["Content-Security-Policy"] == (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer.text.count(f'<style nonce="{nonce}">') == answer.text.count(f'<script nonce="{nonce}">') == 1
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_the_page_needs_nothing_from_elsewhere(counter: Served, person: httpx.AsyncClient) -> None:
    content = (await person.get(await counter.link(plan()))).text
    assert not re.search(r"https?://|//[a-z]|\bsrc=|@import|url\(|\son\w+=|\sstyle=", content)
    assert re.findall(r'href="([^"]*)"', content) == ["data:,"]


TRICKS = st.sampled_from(
    [
        "</title><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' autofocus onfocus=alert(1) x='",
        "{{ 7*7 }}{% raw %}",
        "</style><style>*{display:none}",
        "\u202ednepsuS\u202c",
        "a\u200bb\x00c\x1b[31m",
        "javascript:alert(1)",
        "&lt;b&gt;&amp;",
    ]
)
TEXTS = st.text(max_size=30) | TRICKS


@given(texts=st.lists(TEXTS, min_size=14, max_size=14))
@settings(max_examples=40)
async def test_whatever_customers_write_stays_text(
    counter: Served, person: httpx.AsyncClient, texts: list[str]
) -> None:
    for state in ("waiting", "approved"):
        pages = []
        for each in (texts, ["a", "b"] * 7):
            # Whether a text is empty, and whether two are the same, decides what is shown at all.
            summary, service, bill, client, workspace, due, note, *cells = [f"x{text}" for text in each]
            iccid, device, organisation, before, after, effect, now = cells
            row = Row(iccid, device, organisation, f"1{before}", f"2{after}", "change", effect, "changed", now, note)
            named = {"summary": summary, "service": service, "bill": bill, "client": client, "act": summary, "due": due}
            counter.keeper.plans["p1"] = plan(**named, workspace=workspace, rows=(row,), state=state)
            pages.append(await person.get(await counter.link(counter.keeper.plans["p1"])))
        assert _Tags(pages[0].text).tags == _Tags(pages[1].text).tags
        assert not re.search("[\u200b\u202a-\u202e\x00\x1b]", pages[0].text)


async def test_a_name_with_markup_is_shown_as_it_was_written(counter: Served, person: httpx.AsyncClient) -> None:
    name = "<b>pump</b> & 'co' {{ 7*7 }}"
    asked = plan(rows=(replace(rows(1)[0], device=name),))
    content = (await person.get(await counter.link(asked))).text
    assert name in _Tags(content).texts
    assert name not in content


async def test_three_thousand_sims_are_all_on_the_page(counter: Served, person: httpx.AsyncClient) -> None:
    asked = plan(rows=rows(3000))
    content = (await person.get(await counter.link(asked))).text
    assert content.count('<tr><th scope="row">') == 3000
    assert all(row.iccid in content for row in asked.rows)
    assert ">3,000 SIMs: Activated" in content


async def test_whoever_waits_hears_of_the_decision_at_once(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(plan())
    heard: list[str] = []

    async def wait() -> None:
        heard.append(await counter.page.wait_for_decision("p1", 3600))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(wait)
            waiting.start_soon(wait)
            form = await opened(person, link)
            assert heard == []
            await send(person, link, form, decision="reject")
    assert heard == ["rejected", "rejected"]
    assert await counter.page.wait_for_decision("p1", 3600) == "rejected"


async def test_waiting_ends_with_the_time_with_the_plan_or_without_one(counter: Served) -> None:
    await counter.link(plan())
    with anyio.fail_after(20):
        assert await counter.page.wait_for_decision("p1", 0) == "waiting"
        assert await counter.page.wait_for_decision("nothing", 3600) == "expired"
        counter.keeper.time += timedelta(minutes=15)
        assert await counter.page.wait_for_decision("p1", 3600) == "expired"


async def test_a_mistyped_confirmation_wakes_nobody(counter: Served, person: httpx.AsyncClient) -> None:
    link = await counter.link(deletion())
    heard: list[str] = []

    async def wait() -> None:
        heard.append(await counter.page.wait_for_decision("p1", 3600))

    async with anyio.create_task_group() as waiting:
        waiting.start_soon(wait)
        answer = await send(person, link, await opened(person, link), typed="no")
        assert heard == []
        await send(person, link, form_on(answer.text), typed="3")
    assert heard == ["approved"]


async def test_the_secret_is_neither_kept_nor_logged(
    counter: Served, person: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    # httpx, on the person's side, logs what it asks for.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with caplog.at_level(logging.DEBUG, logger="uvicorn"), caplog.at_level(logging.DEBUG, logger="sim_mcp"):
        link = await counter.link(plan())
        secret = link.rpartition("/")[2]
        form = await opened(person, link)
        await send(person, link, form)
        await send(person, link, form)
        await person.get(f"{link}x")
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("uvicorn", "sim_")))
    assert secret not in logged
    assert len(secret) == 43, "256 bits"
    assert secret not in repr(counter.page._links)


class _BrokenDesk(PlanKeeper):
    async def approve(self, plan_id: str, typed: str) -> Literal["approved", "mistyped", "expired", "decided"]:
        raise OSError(28, f"No space left on device for {plan_id} {typed}")


async def test_a_decision_that_cannot_be_recorded_is_not_said_to_be_made() -> None:
    keeper = _BrokenDesk({"p1": plan()})
    page = ApprovalPage(keeper, now=keeper.now)
    async with listening(page) as base_url, unencrypted(base_url) as person:
        link = base_url + await page.path_for("p1")
        answer = await send(person, link, await opened(person, link))
        assert answer.status_code == 500
        assert "Open the link again to see whether anything was decided." in answer.text
        assert "No space" not in answer.text
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert (await send(person, link, await opened(person, link), decision="reject")).status_code == 303


@pytest.mark.parametrize(
    "sent", [b"", b"GET /approve", b"POST /x/decision HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"]
)
async def test_serving_ends_though_somebody_is_still_connected(sent: bytes) -> None:
    with anyio.fail_after(20):
        async with serve_page() as counter, unencrypted() as person:
            host, port = counter.base_url.removeprefix("http://").split(":")
            stream = await anyio.connect_tcp(host, int(port))
            await stream.send(sent)
            assert (await person.get(await counter.link(plan()))).status_code == 200
    async with stream:
        with suppress(anyio.BrokenResourceError):
            assert b"Suspend 3 SIMs?" not in b"".join([piece async for piece in stream]), "and it ends"
    with pytest.raises(OSError, match="connect"):
        await anyio.connect_tcp(host, int(port))


async def test_serving_ends_when_the_caller_is_cancelled() -> None:
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            ports: list[int] = []

            async def serve() -> None:
                async with serve_page() as counter:
                    ports.append(int(counter.base_url.rpartition(":")[2]))
                    tasks.cancel_scope.cancel()
                    await anyio.sleep_forever()

            tasks.start_soon(serve)
    with pytest.raises(OSError, match="connect"):
        await anyio.connect_tcp("127.0.0.1", ports[0])


@pytest.mark.parametrize("name", ["page", "request", "server", "view"])
def test_the_page_knows_nothing_of_the_rest_but_how_to_clean_text(name: str) -> None:
    room = Path(approval_page.__path__[0])
    tree = ast.parse((room / f"{name}.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    ours = {module for module in modules if module.startswith(("sim_mcp", "mcp"))}
    known = ("sim_mcp.sanitize", "sim_mcp.http_server")
    assert all(module in known or module.startswith("sim_mcp.changes.approval_page.") for module in ours), ours
