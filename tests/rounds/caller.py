"""Who asks for the change, and asks again until they are told that it is done; each answer has to be true."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import httpx
import httpx2
from mcp import MCPError
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from tests.processes.test_serving import Era
from tests.rounds.site import Site
from tests.support import structured, text_of

Way = Literal["policy", "form", "page"]
"""Who agrees: nobody has to, who asks in a form, or a colleague on the approval pages."""

POLICY: dict[Way, str] = {
    "policy": 'default = "allow"\n',
    "form": 'default = "ask"\n',
    "page": 'default = "ask"\napprover = "another"\n',
}
AGREED: dict[Way, set[str]] = {
    "policy": {"the operator's policy"},
    # Where the form breaks, who asked finds the page.
    "form": {"a person, by form: alice@example.com", "a person, on the approval page: alice@example.com"},
    "page": {"a person, on the approval page: bob@example.com"},
}
NAME = "alice"
BROKEN = (MCPError, httpx2.HTTPError, OSError, anyio.BrokenResourceError, ExceptionGroup)
"""What a client says where the proxy or the server went away in the middle."""

ASKS_AGAIN_AFTER_S = 1.0
Happens = Callable[[], Coroutine[Any, Any, None]]


async def nothing() -> None: ...


@dataclass
class Caller:
    """Somebody whose client speaks to the proxy alone."""

    site: Site
    sims: dict[str, int]
    era: Era
    way: Way
    before_the_yes: Happens = nothing
    """What happens while a form of theirs is open."""
    told: list[dict[str, Any]] = field(default_factory=list)
    not_told: list[str] = field(default_factory=list)
    """What they heard instead of an answer."""

    async def ask(self) -> None:
        """Have the SIMs suspended; the answer may never come."""
        await self._call("set_sim_status", {"sims": [*self.sims], "status": "suspended"})

    async def ask_again(self) -> None:
        """Ask how it stands, and have what is left gone on with, until it is said to be done."""
        while True:
            rows = await self.stands()
            if rows == []:  # it broke before there was a plan.
                await self.ask()
            for row in rows or ():
                if row["state"] == "done":
                    return
                if row["state"] == "waiting" and self.way == "form":
                    await press(self.site, NAME)
                if row.get("left") or row["state"] == "waiting":
                    await self._call("continue_change", {"plan": row["plan"]})
                elif row.get("in_doubt", 0) == len(self.sims) - await self.arrived():
                    return  # what is in doubt never arrived, and nobody sends it again.
            await anyio.sleep(ASKS_AGAIN_AFTER_S)

    async def stands(self) -> list[dict[str, Any]] | None:
        """Return how the changes stand, as list_changes tells it; None where no answer came."""
        answer = await self._call("list_changes", {})
        return None if answer is None else list(answer["changes"])

    async def arrived(self) -> int:
        """How many of the SIMs emnify was asked to change."""
        return len({write["path"] for write in await self.site.fleet.writes()})

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        before = await self.arrived()
        try:
            async with self.site.client(NAME, self.era, elicitation_callback=self._agree) as client:
                answer = await client.call_tool(tool, arguments, progress_callback=heard)
        except BROKEN as broken:
            self.not_told.append(f"{tool}: {broken!r}")
            return None
        if answer.is_error:
            self.not_told.append(f"{tool}: {text_of(answer)}")
            return None
        found = structured(answer)
        self.told.append(found)
        for said in found.get("changes", [found]):
            self._check(said, before, await self.arrived())
        return found

    def _check(self, said: dict[str, Any], before: int, after: int) -> None:
        """Compare what was said of the change with what arrived before it was asked for, and until it was said."""
        counts = said.get("counts") or {}
        assert counts.get("changed", 0) <= after, said
        assert said.get("left", 0) <= len(self.sims) - before, said
        if said["state"] == "done":
            assert sum(counts.values()) == len(self.sims), said
        if said["state"] == "waiting for approval":
            assert before == 0, said

    async def _agree(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context, params
        await self.before_the_yes()
        return ElicitResult(action="accept", content={"agree": True})


async def heard(progress: float, total: float | None, message: str | None) -> None: ...


async def press(site: Site, name: str) -> None:
    """Have somebody open the approvals and agree to the one plan there, as often as it takes to be heard."""
    with anyio.fail_after(300):
        while True:
            try:
                async with site.browser(name) as browser:
                    page = await browser.open(f"{site.address}/approvals")
                    plan = page.text.partition('<a href="/approvals/')[2][:8]
                    if plan:
                        seen = await browser.open(f"{site.address}/approvals/{plan}")
                        answer = await browser.press(seen, "approve")
                        if answer.is_success:
                            return
            except (httpx.HTTPError, AssertionError):
                pass
            await anyio.sleep(ASKS_AGAIN_AFTER_S)
