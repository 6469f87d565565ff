"""Ten everyday questions, each as a competent model would ask our server and as it would have to ask the peer.

What both find is returned and has to be the same. The peer shows no totals (they are in headers), so its lists are read
until a page is not full; its pages are as large as hosts let into a conversation, 25,000 tokens.
"""

import csv
import io
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.asking import Asker

PAGE = 70
"""SIMs or events of the peer that stay under 25,000 tokens."""
CUSTOMER, CUSTOMER_ID = "Alpenwerk Devices", 13886
A_MONTH_AGO, FIRST_DAY, LAST_DAY = "2026-10-23", "2026-11-16", "2026-11-22"


@dataclass(frozen=True)
class Question:
    """Hold a question and the two ways to its answer."""

    text: str
    ours: Callable[[Asker], Awaitable[object]]
    peer: Callable[[Asker], Awaitable[object]]
    role: str = "enterprise"


async def pages(asker: Asker, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    """Read a list of the peer to its end."""
    rows: list[dict[str, Any]] = []
    number = 1
    while True:
        found = (await asker.ask(tool, **arguments, page=number, per_page=PAGE))["result"]
        rows += found
        if len(found) < PAGE:
            return rows
        number += 1


async def one(asker: Asker, iccid: str) -> dict[str, Any]:
    """Ask the peer for the SIM with an ICCID, which takes a list."""
    found: dict[str, Any] = (await asker.ask("list_sims", q=f"iccid_with_luhn:{iccid}"))["result"][0]
    return found


async def usage(asker: Asker, sim: dict[str, Any]) -> tuple[float, bool]:
    """Ask the peer for the usage of a SIM; return its data this month, and whether there was any this month or last."""
    stats = await asker.ask("get_sim_stats", sim_id=sim["id"])
    months = [stats.get(month, {}) for month in ("current_month", "last_month")]
    volumes = [float(traffic["volume"]) for month in months for traffic in month.values()]
    return float(months[0].get("data", {}).get("volume", 0)), any(volumes)


def story(asker: Asker, key: str) -> str:
    """Return the ICCID of a story as it is printed on the card."""
    return str(asker.scenarios[key]["iccid_with_luhn"])


def three(asker: Asker) -> list[tuple[int, str]]:
    """Return id and ICCID of three activated SIMs, which both sides are told."""
    rows = asker.world.store.rows(
        "SELECT id, iccid, luhn FROM sim WHERE status = 1 AND customer = ? ORDER BY id LIMIT 3 OFFSET 40", CUSTOMER_ID
    )
    return [(int(str(number)), f"{iccid}{luhn}") for number, iccid, luhn in rows]


async def why_offline(asker: Asker) -> object:
    """Ask us why a SIM is offline."""
    found = await asker.ask("diagnose_sim", sim=story(asker, "quota_exhausted"))
    return "quota" in str(found)


async def why_offline_peer(asker: Asker) -> object:
    """Read the SIM, its connectivity, its newest events and, for they say so, its quota."""
    sim = await one(asker, story(asker, "quota_exhausted"))
    await asker.ask("get_endpoint_connectivity", endpoint_id=sim["endpoint"]["id"])
    await asker.ask("list_sim_events", sim_id=sim["id"], sort="-timestamp", per_page=20)
    quota = await asker.ask("get_endpoint_data_quota", endpoint_id=sim["endpoint"]["id"])
    return quota["status"]["description"] == "EXHAUSTED"


async def counts(asker: Asker) -> object:
    """Ask us for the counts."""
    found = await asker.ask("summarize_sims", group_by=["status", "customer"], top=100)
    return {(row["status"], row["customer"]): row["sims"] for row in found["groups"]}


async def counts_peer(asker: Asker) -> object:
    """Read all SIMs and count them."""
    sims = await pages(asker, "list_sims")
    return dict(
        Counter((sim["status"]["description"], sim.get("customer_org", {"name": "none"})["name"]) for sim in sims)
    )


async def heaviest(asker: Asker) -> object:
    """Ask us for the ranking, again while it is being read."""
    while True:
        found = await asker.ask("rank_sims_by_usage", customer=CUSTOMER, top=10)
        if found.get("read") == found.get("of") is not None:
            return [row["iccid"] for row in found["sims"]]


async def heaviest_peer(asker: Asker) -> object:
    """Read the customer's SIMs, and the usage of each that was ever activated."""
    sims = await pages(asker, "list_sims", q=f"customer_org:{CUSTOMER_ID}")
    used = {sim["iccid_with_luhn"]: (await usage(asker, sim))[0] for sim in sims if sim["status"]["id"] in {1, 2, 4}}
    return sorted(used, key=lambda iccid: -used[iccid])[:10]


async def waste(asker: Asker) -> object:
    """Ask us for the report, again while it is being read."""
    while True:
        found = await asker.ask("find_waste")
        if found.get("read") == found.get("of") is not None:
            return found["total"]


async def waste_peer(asker: Asker) -> object:
    """Read the activated SIMs, the disabled devices, the price, and the usage of each SIM in an enabled device.

    SIMs activated within 30 days are left alone, as ours does.
    """
    sims = await pages(asker, "list_sims", q="status:1")
    disabled = {device["id"] for device in await pages(asker, "list_endpoints", q="status:1")}
    await asker.ask("get_active_tariff_plan")
    found = 0
    for sim in sims:
        device = sim.get("endpoint", {}).get("id")
        if device is None or device in disabled:
            found += 1
        elif sim["activation_date"] < A_MONTH_AGO:
            found += not (await usage(asker, sim))[1]
    return found


async def by_day(asker: Asker) -> object:
    """Ask us for the days."""
    found = await asker.ask("get_sim_daily_usage", sim=story(asker, "healthy"), start=FIRST_DAY, end=LAST_DAY)
    return round(sum(float(day.get("data_mb", 0)) for day in found["days"]), 1)


async def by_day_peer(asker: Asker) -> object:
    """Find the SIM, then read its days."""
    sim = await one(asker, story(asker, "healthy"))
    found = await asker.ask("get_sim_daily_stats", sim_id=sim["id"], start_date=FIRST_DAY, end_date=LAST_DAY)
    return round(sum(float(day["data"]["volume"]) for day in found["result"] if day["date"] != "TOTAL"), 1)


async def by_device(asker: Asker) -> object:
    """Ask us by a part of the device's name."""
    found = await asker.ask("find_sims", text="Hamburg Hafentor")
    return {row["iccid"] for row in found["sims"]}


async def by_device_peer(asker: Asker) -> object:
    """List the devices of that name."""
    found = await asker.ask("list_endpoints", q="name:Hamburg Hafentor", per_page=PAGE)
    return {device["sim"]["iccid_with_luhn"] for device in found["result"]}


async def suspended(asker: Asker) -> object:
    """Ask us for the list."""
    found = await asker.ask("list_sims", status="suspended", per_page=100)
    return {row["iccid"] for row in found["sims"]}


async def suspended_peer(asker: Asker) -> object:
    """Read the list."""
    return {sim["iccid_with_luhn"] for sim in await pages(asker, "list_sims", q="status:2")}


async def lately(asker: Asker) -> object:
    """Ask us for the timeline of a week."""
    found = await asker.ask("get_sim_timeline", sim=story(asker, "healthy"), start=f"{FIRST_DAY}T00:00:00Z")
    return bool(found)


async def lately_peer(asker: Asker) -> object:
    """Find the SIM, then read the events of a week; condensing them is left to the model."""
    sim = await one(asker, story(asker, "healthy"))
    week = f"from:{FIRST_DAY}T00:00:00Z,until:{LAST_DAY}T23:59:59Z"
    return bool(await pages(asker, "list_sim_events", sim_id=sim["id"], q=week, sort="-timestamp"))


async def as_csv(asker: Asker) -> object:
    """Ask us for the file."""
    return (await asker.ask("export_sims", status="suspended"))["rows"]


async def as_csv_peer(asker: Asker) -> object:
    """Read the list, then write the file in the conversation, with the columns a person would ask for."""
    sims = await pages(asker, "list_sims", q="status:2")
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(("iccid", "status", "device", "customer", "imsi", "msisdn", "activation_date"))
    for sim in sims:
        device, customer = sim.get("endpoint", {}).get("name"), sim["customer_org"]["name"]
        numbers = (sim["imsi"], sim["msisdn"], sim.get("activation_date"))
        table.writerow((sim["iccid_with_luhn"], sim["status"]["description"], device, customer, *numbers))
    asker.writes(file.getvalue())
    return len(sims)


async def suspending(asker: Asker) -> object:
    """Ask us, where the operator lets the host ask the person."""
    iccids = [iccid for _, iccid in three(asker)]
    return (await asker.ask("set_sim_status", sims=iccids, status="suspended"))["counts"]


async def suspending_peer(asker: Asker) -> object:
    """Change each and read it back; nothing asks anybody."""
    after = []
    for number, _ in three(asker):
        await asker.ask("update_sim", sim_id=number, status={"id": 2})
        after.append((await asker.ask("get_sim", sim_id=number))["status"]["description"])
    return {"changed": after.count("Suspended")}


QUESTIONS = (
    Question("Why is the SIM with this ICCID offline?", why_offline, why_offline_peer),
    Question("How many SIMs are there, by status and customer?", counts, counts_peer, "issuer"),
    Question("The ten heaviest data users of a customer this month", heaviest, heaviest_peer, "issuer"),
    Question("Which active SIMs do nothing but cost?", waste, waste_peer),
    Question("What did this SIM use on each day of last week?", by_day, by_day_peer),
    Question("Find the SIM in the device “Hamburg Hafentor”", by_device, by_device_peer),
    Question("List the suspended SIMs", suspended, suspended_peer),
    Question("What happened to this SIM last week, condensed?", lately, lately_peer),
    Question("A CSV of all suspended SIMs", as_csv, as_csv_peer),
    Question("Suspend these three SIMs and tell what became of each", suspending, suspending_peer),
)
