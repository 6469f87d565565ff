"""What a person does on the approval page, in Chromium."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from mcp import Client
from playwright.async_api import Browser, BrowserContext, Page, expect

from sim_mcp.server.app import build_server
from tests.browser.plan_keeper import START, Served, deletion, plan, rows
from tests.changes.test_approval import suspend
from tests.support import Fleet, structured

APPROVE = re.compile("^(Suspend|Delete) ")


async def test_approving_by_mouse(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(plan()))
    await expect(tab).to_have_title("Suspend 3 SIMs? | sim-mcp")
    assert served.keeper.asked == []
    await tab.get_by_role("button", name=APPROVE).click()
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    assert served.keeper.decided == ["approved p1"]


async def test_rejecting_by_mouse(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(deletion()))
    await tab.get_by_role("button", name="Reject").click()
    await expect(tab.get_by_role("heading", name="Rejected")).to_be_visible()
    assert served.keeper.decided == ["rejected p1"]


async def test_approving_by_keyboard_alone(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(deletion()))
    assert await tab.evaluate("document.activeElement === document.body"), "nothing is preselected"
    await tab.keyboard.press("Enter")
    reached = []
    for _ in range(3):
        await tab.keyboard.press("Tab")
        reached.append(await tab.evaluate("document.activeElement.id || document.activeElement.className"))
        outline = await tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "what has the focus shows it"
        if reached[-1] == "typed":
            await tab.keyboard.type("3")
    assert reached == ["query", "typed", "approve final"]
    assert served.keeper.asked == []
    await tab.keyboard.press("Enter")
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    assert served.keeper.decided == ["approved p1"]


async def test_a_double_click_decides_once(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(plan()))
    await tab.get_by_role("button", name=APPROVE).dblclick()
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    assert served.keeper.asked == ["approve p1 ''"]


async def test_typing_nothing_sends_nothing_and_mistyping_decides_nothing(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(deletion()))
    await tab.get_by_role("button", name=APPROVE).click()
    assert served.keeper.asked == []
    typed = tab.get_by_label("To confirm, type the number of SIMs to delete.")
    await typed.fill("4")
    await tab.get_by_role("button", name=APPROVE).click()
    await expect(tab.get_by_role("alert")).to_contain_text("does not match. Nothing was decided.")
    assert served.keeper.decided == []
    await expect(typed).to_be_focused()
    await expect(typed).to_have_value("")
    await typed.fill("3")
    await tab.get_by_role("button", name=APPROVE).click()
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    assert served.keeper.decided == ["approved p1"]


async def test_going_back_after_deciding_shows_what_was_decided(served: Served, tab: Page) -> None:
    await tab.goto("about:blank")
    await tab.goto(await served.link(plan()))
    await tab.get_by_role("button", name=APPROVE).click()
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    await tab.reload()
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    assert served.keeper.asked == ["approve p1 ''"]


async def test_searching_among_three_thousand(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(plan(summary="Set 3,000 SIMs to Suspended", rows=rows(3000))))
    shown = tab.locator("tbody tr:visible")
    await expect(shown).to_have_count(3000)
    query = tab.get_by_label("Find a SIM")
    await query.fill("8988 3030-000 0000 2999")
    await expect(shown).to_have_count(1)
    await expect(tab.locator("#found")).to_have_text("1 of 3,000 shown. A decision is about all of them.")
    await query.fill("TRACKER-299 suspended")
    await expect(shown).to_have_count(11)
    await query.fill("no such thing")
    await expect(shown).to_have_count(0)
    await query.fill("")
    await expect(shown).to_have_count(3000)
    await expect(tab.locator("#found")).to_have_text("")


async def test_the_countdown_ends_in_nothing_to_press(served: Served, tab: Page) -> None:
    await tab.clock.install(time=START)
    await tab.goto(await served.link(plan()))
    countdown, spoken = tab.get_by_role("timer"), tab.locator("#spoken")
    await expect(countdown).to_contain_text("in 1")
    await tab.clock.pause_at(START + timedelta(minutes=1))
    await tab.clock.run_for("13:02")
    await expect(tab.get_by_role("button", name=APPROVE)).to_be_enabled()
    await expect(countdown).to_contain_text("in 0:5")
    await expect(spoken).to_have_text("1 min left to decide")
    await tab.clock.run_for("01:00")
    await expect(countdown).to_have_text(", expired")
    await expect(spoken).to_have_text("The time to decide is over. Nothing was decided.")
    for name in (APPROVE, re.compile("Reject")):
        await expect(tab.get_by_role("button", name=name)).to_be_disabled()
    assert served.keeper.asked == []


async def test_without_scripts_the_page_does_all_but_search_and_count(served: Served, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    tab = await context.new_page()
    await tab.goto(await served.link(deletion()))
    await expect(tab.get_by_text("12:15:00 UTC")).to_be_visible()
    await expect(tab.get_by_label("Find a SIM")).to_be_hidden()
    await tab.get_by_label("To confirm").fill("3")
    await tab.get_by_role("button", name=APPROVE).click()
    await expect(tab.get_by_role("heading", name="Approved")).to_be_visible()
    assert served.keeper.decided == ["approved p1"]
    await context.close()


async def test_injected_names_are_text(served: Served, tab: Page) -> None:
    name = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    hostile = plan(rows=(replace(rows(1)[0], device=name, organisation="\u202edednepsuS"), *rows(2)), client=name)
    await tab.goto(await served.link(hostile))
    await expect(tab.get_by_role("cell", name=name)).to_have_count(1)
    await expect(tab.get_by_role("cell", name="dednepsuS", exact=True)).to_have_count(1)
    await expect(tab.locator("img")).to_have_count(0)
    await expect(tab).to_have_title("Suspend 3 SIMs? | sim-mcp")


async def test_the_sims_are_read_out_as_a_table_below_what_happens_to_them(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(plan()))
    await expect(tab.get_by_role("table", name="SIMs of this group")).to_be_visible()
    await expect(tab.get_by_role("columnheader")).to_have_count(2)
    await expect(tab.get_by_role("rowheader")).to_have_count(3)
    await expect(tab.get_by_role("region", name="3 SIMs: Activated to Suspended")).to_have_count(1)
    await expect(tab.get_by_role("region", name="Your decision")).to_have_count(1)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1200, 900)])
async def test_what_is_asked_and_the_buttons_are_in_sight_without_and_after_scrolling(
    served: Served, tab: Page, width: int, height: int
) -> None:
    await tab.set_viewport_size({"width": width, "height": height})
    await tab.goto(await served.link(replace(deletion(), rows=rows(200), act="Delete 200 SIMs", sims=200)))
    await expect(tab.get_by_role("heading", name="Delete 200 SIMs?")).to_be_in_viewport()
    await expect(tab.get_by_text("This cannot be undone.", exact=True)).to_be_in_viewport()
    for _ in range(2):
        for button in (APPROVE, re.compile("Reject")):
            await expect(tab.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)
        await tab.evaluate("scrollTo(0, document.body.scrollHeight)")


async def test_the_time_is_told_in_utc_and_in_the_zone_of_the_person(served: Served, browser: Browser) -> None:
    context = await browser.new_context(timezone_id="Europe/Berlin", locale="en-GB")
    tab = await context.new_page()
    await tab.goto(await served.link(plan()))
    await expect(tab.locator(".until")).to_contain_text("Until 12:15:00 UTC (13:15 your time), in 1")
    await context.close()


async def test_the_result_appears_as_it_happens(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(plan()))
    await tab.get_by_role("button", name=APPROVE).click()
    status = tab.get_by_role("status")
    await expect(status).to_contain_text("Waiting for Claude Desktop 1.4")
    one, *others = rows(3)
    done = replace(one, outcome="changed", now="Suspended", note="read back: done")
    served.keeper.plans["p1"] = plan(state="approved", rows=(done, *others))
    await expect(status).to_contain_text("1 of 3 SIMs done")
    every = tuple(replace(row, outcome="changed", now="Suspended", note="read back: done") for row in rows(3))
    served.keeper.plans["p1"] = plan(state="approved", rows=every)
    await expect(status).to_contain_text("3 of 3 SIMs done")
    await expect(status.get_by_role("row")).to_have_count(4)
    await expect(tab.get_by_text("You can close this tab.")).to_be_visible()


async def test_the_result_of_a_change_that_a_server_makes_appears(fleet: Fleet, tab: Page) -> None:
    async with Client(build_server(fleet.settings())) as client:
        waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy", "went_silent")))
        await tab.goto(waiting["approve_at"])
        await expect(tab.get_by_text("SANDBOX", exact=True)).to_be_visible()
        await tab.get_by_role("button", name="Suspend 2 SIMs").click()
        await expect(tab.get_by_role("status")).to_contain_text("Waiting for mcp")
        await client.call_tool("continue_change", {"plan": waiting["plan"]})
        await expect(tab.get_by_role("status")).to_contain_text("2 of 2 SIMs done")
        await expect(tab.get_by_text("You can close this tab.")).to_be_visible()


async def test_a_result_that_nobody_fetched_in_time_is_told_as_that(served: Served, tab: Page) -> None:
    await tab.goto(await served.link(plan()))
    await tab.get_by_role("button", name=APPROVE).click()
    await expect(tab.get_by_role("status")).to_contain_text("Waiting for")
    served.keeper.plans["p1"] = plan(state="expired")
    await expect(tab.get_by_role("status")).to_contain_text("Nobody went on with it in time")


async def test_a_page_elsewhere_can_neither_post_nor_frame_it(served: Served, context: BrowserContext) -> None:
    link = await served.link(plan())
    tab = await context.new_page()
    await tab.goto(link)
    form = await tab.locator('input[name="form"]').first.input_value()
    await context.route(
        "http://evil.example/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"""
        <iframe src="{link}"></iframe>
        <form method="post" action="{link}/decision">
        <input name="form" value="{form}"><input name="decision" value="approve"><button>Win</button></form>""",
        ),
    )
    elsewhere = await context.new_page()
    await elsewhere.goto("http://evil.example/")
    framed = await elsewhere.locator("iframe").element_handle()
    frame = await framed.content_frame()
    assert frame is None or await frame.get_by_role("button").count() == 0
    await elsewhere.get_by_role("button", name="Win").click()
    await expect(elsewhere.get_by_role("heading", name="Nothing was decided")).to_be_visible()
    assert served.keeper.asked == []


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_hangs_over_the_edge(served: Served, tab: Page, width: int) -> None:
    await tab.set_viewport_size({"width": width, "height": 800})
    long = replace(rows(1)[0], device="very-long-name-without-a-blank-" * 4, organisation="Acme " * 20)
    await tab.goto(await served.link(replace(deletion(), rows=(long, *rows(30)))))
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
