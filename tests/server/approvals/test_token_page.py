"""People enter their own emnify tokens on a page: tried before they are kept, and never shown, to nobody."""

import logging

import pytest

from tests.server.approvals.people import CHANGES
from tests.server.signin.issuing import Issuer
from tests.server.upstreams.desk import FIELD, desk_of
from tests.support import Fleet, structured


async def test_a_token_is_kept_once_emnify_took_it_and_is_never_shown(
    fleet: Fleet, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = fleet.world.tokens["enterprise"]
    async with (
        desk_of(fleet, issuer) as desk,
        desk.client("alice") as client,
        desk.public.browser("alice") as browser,
    ):
        first = await browser.open(desk.page())
        assert "No token of yours is kept." in first.text
        kept = await desk.enter(browser, token)
        assert kept.status_code == 200
        assert "Kept for field. It belongs to " in kept.text
        assert "(id " in kept.text
        pages = [kept.text, (await browser.open(desk.page())).text]
        assert "not used yet" in pages[1]
        assert structured(await client.call_tool("list_sims", {}))["total"] == 60
        pages.append((await browser.open(desk.page())).text)
        assert "last used 2" in pages[2]
        assert 'href="/tokens"' in (await browser.open(desk.public.url)).text
        removed = await desk.send(browser, {"action": "remove"})
        assert "No token of yours is kept." in removed.text
        assert not any(token in page for page in pages)
    assert not any(token in record.getMessage() for record in caplog.records if record.name.startswith("sim_mcp"))
    written = [file.read_bytes() for file in fleet.state_dir.rglob("*") if file.is_file()]
    assert not any(token.encode() in content for content in written)


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("not-a-token-of-anybody", "emnify does not accept this token. Nothing was kept."),
        ("Bearer abc.def", "What you entered is no token"),
        ("", "What you entered is no token: it is empty"),
        ("x" * 17_000, "it is too long"),
    ],
)
async def test_what_emnify_does_not_take_is_not_kept(fleet: Fleet, issuer: Issuer, token: str, told: str) -> None:
    async with desk_of(fleet, issuer) as desk, desk.public.browser("alice") as browser:
        refused = await desk.enter(browser, token)
        assert (refused.status_code, told in refused.text) == (422, True), refused.text
        assert not token or token not in refused.text
        assert "No token of yours is kept." in (await browser.open(desk.page())).text


async def test_the_page_says_whose_a_token_is_and_refuses_one_of_another_organisation(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with desk_of(fleet, issuer) as desk, desk.public.browser("alice") as browser:
        told = (await desk.enter(browser, fleet.world.tokens["enterprise"])).text
        organisation = int(told.partition("(id ")[2].partition(")")[0])
        await desk.send(browser, {"action": "remove"})
    strict = FIELD.model_copy(update={"organisation": organisation})
    async with desk_of(fleet, issuer, strict) as desk, desk.public.browser("alice") as browser:
        refused = await desk.enter(browser, fleet.world.tokens["reseller"])
        assert refused.status_code == 422
        assert f"and the workspace field is that of id {organisation}. Nothing was kept." in refused.text
        assert "No token of yours is kept." in refused.text
        kept = await desk.enter(browser, fleet.world.tokens["enterprise"])
        assert "which is that of this workspace" in kept.text


async def test_nobody_sees_or_changes_what_another_entered(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.public.browser("alice") as alice, desk.public.browser("bob") as bob:
        await desk.enter(alice, fleet.world.tokens["enterprise"])
        assert "No token of yours is kept." in (await bob.open(desk.page())).text
        form = (await alice.open(desk.page())).text.partition('name="form" value="')[2].partition('"')[0]
        # The form of one session removes and keeps nothing in another.
        await bob.open(desk.page())
        sent = await bob.send(desk.page(), {"form": form, "action": "remove"})
        assert sent.status_code == 403
        await desk.send(bob, {"action": "remove"})
        assert "A token of yours is kept." in (await alice.open(desk.page())).text


async def test_only_the_form_of_the_page_keeps_or_removes(fleet: Fleet, issuer: Issuer) -> None:
    token = fleet.world.tokens["enterprise"]
    async with desk_of(fleet, issuer) as desk, desk.public.browser("alice") as alice:
        fields = {"token": token, "action": "keep", "form": "made-up"}
        unknown = await alice.send(desk.page(), fields)
        assert (unknown.status_code, "not signed in" in unknown.text) == (401, True)
        page = await alice.open(desk.page())
        fields["form"] = page.text.partition('name="form" value="')[2].partition('"')[0]
        elsewhere = await alice.send(desk.page(), fields, Origin="http://elsewhere.example")
        assert elsewhere.status_code == 403
        assert (await alice.http.post(desk.page(), data=fields)).status_code == 403  # it does not say from where.
        assert (await alice.send(desk.page(), {**fields, "form": "made-up"})).status_code == 403
        assert (await alice.send(desk.page(), {**fields, "action": "else"})).status_code == 400
        assert (await alice.send(desk.page("borg"), fields)).status_code == 404
        assert "No token of yours is kept." in (await alice.open(desk.page())).text
        assert (await alice.send(desk.page(), fields)).status_code == 200


async def test_a_workspace_takes_tokens_of_those_alone_whom_it_is_open_to(fleet: Fleet, issuer: Issuer) -> None:
    closed = FIELD.model_validate({"name": "field", "own_tokens": True, "allow": [{"subject": "alice"}]})
    async with desk_of(fleet, issuer, closed) as desk, desk.public.browser("bob", CHANGES) as bob:
        refused = await bob.open(desk.page())
        assert (refused.status_code, "field" in refused.text) == (404, False)
        every = await bob.open(desk.page().removesuffix("/field"))
        assert "No workspace that is open to you takes a token of yours." in every.text


async def test_who_tries_tokens_in_a_row_has_to_wait(fleet: Fleet, issuer: Issuer) -> None:
    async with desk_of(fleet, issuer) as desk, desk.public.browser("alice") as alice:
        tried = [(await desk.enter(alice, f"not-a-token-{number}")).status_code for number in range(6)]
        assert tried == [422, 422, 422, 422, 422, 429]
        assert (await desk.enter(alice, fleet.world.tokens["enterprise"])).status_code == 429
