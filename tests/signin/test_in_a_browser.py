"""In Chromium: a client is sent away with 401, its person signs in and asks, a second person signs in and approves."""

import re

from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import browser
from tests.signin.conftest import Desk
from tests.signin.signing_in import Memory, Person, signed_in
from tests.support import structured, text_of

__all__ = ["browser"]


async def sign_in(tab: Page, name: str) -> None:
    """Do what the issuer asks for, as far as it asks."""
    await tab.locator('input[name="login"]').fill(name)
    await tab.locator('input[name="password"]').fill("any")
    await tab.get_by_role("button", name="Sign-in").click()
    await tab.get_by_role("button", name="Continue").click()


async def test_from_401_through_sign_in_to_an_approval_by_a_second_person(desk: Desk, browser: Browser) -> None:
    sim = desk.fleet.scenarios["no_device"]
    first, second = await browser.new_context(), await browser.new_context()
    for context in (first, second):
        context.set_default_timeout(30_000)
    async with signed_in(desk.address, Person("alice"), Memory()) as client:
        ours = desk.address.removesuffix("/mcp")
        approvals, live = f"{ours}/approvals", f"{ours}/approvals/live"
        bobs = await second.new_page()
        complaints: list[str] = []
        bobs.on("pageerror", lambda error: complaints.append(str(error)))
        # The issuer's own pages load a font from elsewhere; ours load nothing.
        bobs.on("console", lambda said: complaints.append(said.text) if said.location["url"].startswith(ours) else None)
        streams: list[str] = []
        bobs.on("response", lambda got: streams.append(got.headers["content-type"]) if got.url == live else None)
        await bobs.goto(approvals)
        await sign_in(bobs, "bob")
        await expect(bobs.get_by_text("Nothing waits")).to_be_visible()
        # Where the stream does not get through, the page looks by itself.
        watching = await first.new_page()
        await watching.route(live, lambda route: route.abort())
        await watching.goto(approvals)
        await sign_in(watching, "alice")
        await expect(watching.get_by_text("Nothing waits")).to_be_visible()

        waiting = structured(await client.call_tool("delete_sims", {"sims": [sim["iccid"]]}))
        # It appears by itself, one press away.
        link = bobs.get_by_role("link", name="Delete 1 SIM")
        await expect(link).to_be_visible(timeout=30_000)
        assert streams[0].startswith("text/event-stream")
        await expect(watching.get_by_role("link", name="Delete 1 SIM")).to_be_visible(timeout=30_000)

        alices = await first.new_page()
        await alices.goto(waiting["approve_at"])
        await expect(alices.get_by_text("Somebody else has to approve this")).to_be_visible()
        await expect(alices.get_by_role("button", name=re.compile("^Delete"))).to_have_count(0)

        await link.click()
        await expect(bobs.get_by_text("alice@example.com")).to_be_visible()
        await bobs.locator("#typed").fill(sim["iccid_with_luhn"][-4:])
        await bobs.get_by_role("button", name="Delete 1 SIM").click()
        await expect(bobs.get_by_role("heading", name="Approved")).to_be_visible()
        await expect(watching.get_by_text("Nothing waits")).to_be_visible(timeout=30_000)

        told = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
        assert (told["counts"], told["agreed"]) == ({"changed": 1}, "a person, on the approval page: bob@example.com")
        # The page tells what came of it, without a press.
        await expect(bobs.get_by_text("1 of 1 SIM done")).to_be_visible(timeout=30_000)
        await bobs.goto(approvals)
        await expect(bobs.get_by_text("Nothing waits")).to_be_visible()
        await bobs.get_by_role("button", name="Sign out").click()
        await expect(bobs.get_by_role("heading", name="You are signed out")).to_be_visible()
        assert complaints == []
    await first.close()
    await second.close()
    assert len(await desk.fleet.writes()) == 1


async def test_who_has_no_token_enters_one_in_a_browser_and_their_client_goes_on(
    own_tokens_desk: Desk, browser: Browser
) -> None:
    desk, context = own_tokens_desk, await browser.new_context()
    context.set_default_timeout(30_000)
    good, wrong = desk.fleet.world.tokens["enterprise"], "not-a-token-of-anybody"
    async with signed_in(desk.address, Person("alice"), Memory()) as client:
        told = re.search(r"Enter one at (\S+), where you sign in", text_of(await client.call_tool("list_sims", {})))
        assert told is not None
        tab, complaints = await context.new_page(), list[str]()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        ours = desk.address.removesuffix("/mcp")
        tab.on("console", lambda said: complaints.append(said.text) if said.location["url"].startswith(ours) else None)
        await tab.goto(told[1])
        await sign_in(tab, "alice")
        await expect(tab.get_by_text("No token of yours is kept.")).to_be_visible()
        field = tab.get_by_label("Application token")
        assert await field.get_attribute("type") == "password"
        await field.fill(wrong)
        await tab.get_by_role("button", name="Keep").click()
        await expect(tab.get_by_role("alert")).to_contain_text("emnify does not accept this token. Nothing was kept.")
        assert (await client.call_tool("list_sims", {})).is_error
        await tab.get_by_label("Application token").fill(good)
        await tab.get_by_role("button", name="Keep").click()
        await expect(tab.get_by_role("status")).to_contain_text("Kept for field. It belongs to ")
        assert not {good, wrong} & {word.strip("\"'<>") for word in (await tab.content()).split()}

        assert structured(await client.call_tool("list_sims", {}))["total"] == 60
        await tab.goto(f"{ours}/approvals")
        await tab.get_by_role("link", name="Your emnify tokens").click()
        await expect(tab.get_by_text("last used 2")).to_be_visible()
        assert good not in await tab.content()
        await tab.get_by_role("button", name="Remove").click()
        await expect(tab.get_by_text("No token of yours is kept.")).to_be_visible()
        assert (await client.call_tool("list_sims", {})).is_error
        # The browser notes by itself that a form was answered with 422.
        assert [said for said in complaints if "a status of 422" not in said] == []
    await context.close()
