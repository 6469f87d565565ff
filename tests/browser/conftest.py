"""A real Chromium, one for all tests; a fresh profile for each."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.plan_keeper import Served, serve_page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serve_page() as made:
        yield made


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context()
    made.set_default_timeout(20_000)
    yield made
    await made.close()


@pytest.fixture
async def tab(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab in which nothing may go wrong: no message on the console, no failed request."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} {request.failure}"))
    yield page
    # The browser notes answers of 4xx to a form by themselves; they are what some tests want.
    assert [said for said in complaints if "the server responded with a status of 4" not in said] == []
