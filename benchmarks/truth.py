"""What the sandbox says, to compare answers with that are given while SIMs are changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx

from tests.support import Fleet

_PLAIN = ("Issued", "Factory Test")
"""Statuses that nobody changes a SIM from or to."""
_MEGABYTE_DIGITS = 3
_TOO_MANY = 429


@dataclass
class Truth:
    """The SIMs that are asked about, which nobody changes, and those that are changed."""

    fleet: Fleet
    http: httpx.AsyncClient
    """Of somebody who signed in to the sandbox itself."""
    sims: dict[str, dict[str, Any]]
    """As the API says, by ICCID with its check digit."""
    iccids: list[str]
    changing: list[str]
    usage: dict[str, dict[str, Any]]
    """What each of the first used, before anybody was asked."""
    told_mb: list[tuple[str, float]] = field(default_factory=list)
    told_status: dict[str, str] = field(default_factory=dict)

    def question(self, turn: int, own: str) -> tuple[str, dict[str, Any]]:
        """Return a tool and its arguments, another each turn."""
        return (
            ("get_sim", {"sim": own}),
            ("get_sim_usage", {"sim": own}),
            ("list_sims", {"status": ["issued"], "per_page": 100}),
            ("summarize_sims", {"group_by": ["status"]}),
            ("find_sims", {"text": own[-8:]}),
        )[turn % 5]

    def check(self, tool: str, own: str, answer: dict[str, Any]) -> None:
        """Compare an answer with the sandbox.

        Raises:
            AssertionError: It is wrong.
        """
        getattr(self, f"_check_{tool}")(own, answer)

    def check_changed(self, iccid: str, wanted: str, changed_at: datetime, seen: dict[str, Any]) -> None:
        """Compare what a SIM reads with what it was made, unless it says that it is from before.

        Raises:
            AssertionError: It is wrong.
        """
        self.told_status[iccid] = wanted
        if (as_of := seen.get("known_as_of")) is not None and datetime.fromisoformat(as_of) <= changed_at:
            return
        assert (seen["iccid"], seen["status"].casefold()) == (iccid, wanted), f"{wanted}, but {seen['status']}: {seen}"

    async def check_afterwards(self) -> list[str]:
        """Return what was wrong that only now can be told: usage grows, and what was changed has to be so."""
        wrong = []
        asked = {iccid for iccid, _ in self.told_mb}
        after = {iccid: await _usage(self.http, self.sims[iccid]["id"]) for iccid in asked}
        for iccid, told_mb in self.told_mb:
            least, most = _month_mb(self.usage[iccid]), _month_mb(after[iccid])
            if not least <= told_mb <= most:
                wrong.append(f"get_sim_usage of {iccid}: {told_mb} MB, not {least} to {most}")
        for iccid, status in self.told_status.items():
            sim = self.fleet.world.store.sim(self.sims[iccid]["id"])
            if sim is None or sim.status != {"activated": 1, "suspended": 2}[status]:
                wrong.append(f"{iccid} is not {status}")
        return wrong

    def now(self) -> datetime:
        """Return the moment, to compare with what an answer says of itself."""
        return datetime.now(UTC)

    def _check_get_sim(self, own: str, answer: dict[str, Any]) -> None:
        right = self.sims[own]
        assert (answer["iccid"], answer["id"], answer["imsi"]) == (own, right["id"], right["imsi"]), answer
        assert answer["status"] == right["status"]["description"], answer
        device = right.get("endpoint")
        assert answer.get("device") == (device and device["name"]), answer

    def _check_get_sim_usage(self, own: str, answer: dict[str, Any]) -> None:
        assert answer["iccid"] == own, answer
        right = self.usage[own].get("last_month", {}).get("data", {}).get("volume", 0)
        told = (answer.get("last_month") or {}).get("data_mb", 0)
        assert told == round(float(right), _MEGABYTE_DIGITS), answer
        self.told_mb.append((own, (answer.get("current_month") or {}).get("data_mb", 0.0)))

    def _check_list_sims(self, own: str, answer: dict[str, Any]) -> None:
        del own
        right = {iccid for iccid, row in self.sims.items() if row["status"]["description"] == "Issued"}
        assert {sim["iccid"] for sim in answer["sims"]} == right, answer
        assert answer["total"] == len(right), answer

    def _check_summarize_sims(self, own: str, answer: dict[str, Any]) -> None:
        del own
        counted = {group["status"]: group["sims"] for group in answer["groups"]}
        assert (answer["total"], sum(counted.values())) == (len(self.sims), len(self.sims)), answer
        for status in _PLAIN:
            right = sum(row["status"]["description"] == status for row in self.sims.values())
            assert counted.get(status, 0) == right, answer

    def _check_find_sims(self, own: str, answer: dict[str, Any]) -> None:
        assert own in {sim["iccid"] for sim in answer["sims"]}, answer
        for sim in answer["sims"]:
            assert sim["iccid"] in self.sims, answer


@asynccontextmanager
async def truth_of(fleet: Fleet, number: int) -> AsyncIterator[Truth]:
    """Read so many SIMs that are in service, and as many to be changed, from an address that is limited by itself."""
    way = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(base_url=fleet.world.base_url, transport=way) as http:
        token = {"application_token": fleet.world.tokens["enterprise"]}
        login = (await http.post("/api/v1/authenticate", json=token)).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {login['auth_token']}"
        listed = (await http.get("/api/v1/sim?per_page=1000")).raise_for_status().json()
        sims = {row["iccid_with_luhn"]: row for row in listed}
        active = [iccid for iccid, row in sims.items() if row["status"]["description"] == "Activated"]
        asked, changing = active[:number], active[number : 2 * number]
        usage = {iccid: await _usage(http, sims[iccid]["id"]) for iccid in asked}
        yield Truth(fleet, http, sims, asked, changing, usage)


async def _usage(http: httpx.AsyncClient, sim_id: int) -> dict[str, Any]:
    while True:
        answer = await http.get(f"/api/v1/sim/{sim_id}/stats")
        if answer.status_code != _TOO_MANY:
            found: dict[str, Any] = answer.raise_for_status().json()
            return found
        await anyio.sleep(0.2)


def _month_mb(usage: dict[str, Any]) -> float:
    return round(float(usage.get("current_month", {}).get("data", {}).get("volume", 0)), _MEGABYTE_DIGITS)
