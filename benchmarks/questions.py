"""Ten everyday questions, each as a competent model would ask our server and as it would have to ask the peer.

Both return what they found, which has to be the same; the functions that read it from an answer are pure, and
tests/test_benchmarks.py gives them wrong answers. The peer shows no totals (they are in headers), so its lists are read
until a page is not full; its pages are as large as hosts let into a conversation, 25,000 tokens.
"""

import csv
import io
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from benchmarks.asking import Asker
from sim_mcp.sandbox import Sandbox

PAGE = 70
"""SIMs or events of the peer that stay under 25,000 tokens."""
CUSTOMER, CUSTOMER_ID = "Alpenwerk Devices", 13886
A_MONTH_AGO, FIRST_DAY, LAST_DAY = "2026-10-23", "2026-11-16", "2026-11-22"
_SUSPENDED = 2
_ROUNDING_MB = 0.01
"""What rounded volumes may add up to beside their total."""


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


def agree(question: str, ours: object, peer: object) -> None:
    """Check that both found the same, and anything at all.

    Raises:
        AssertionError: They did not.
    """
    assert ours, f"{question}: nothing was found, but {ours!r}"
    assert ours == peer, f"{question}: {ours!r} is not {peer!r}"


def card(asker: Asker, key: str) -> str:
    """Return the ICCID of a scenario's SIM, 20 digits as printed on the card."""
    return str(asker.scenarios[key]["iccid_with_luhn"])


def three(asker: Asker) -> list[tuple[int, str]]:
    """Return id and ICCID of three activated SIMs, which both sides get."""
    rows = asker.world.store.rows(
        "SELECT id, iccid, luhn FROM sim WHERE status = 1 AND customer = ? ORDER BY id LIMIT 3 OFFSET 40", CUSTOMER_ID
    )
    return [(int(str(number)), f"{iccid}{luhn}") for number, iccid, luhn in rows]


async def why_offline(asker: Asker) -> object:
    """Ask us why a SIM is offline."""
    return diagnosed_cause(await asker.ask("diagnose_sim", sim=card(asker, "quota_exhausted")))


def diagnosed_cause(diagnosis: Mapping[str, Any]) -> str:
    """Return `data quota used up` if that is the first finding, and certain; otherwise the finding itself."""
    first = diagnosis["findings"][0]
    is_quota = first["cause"].startswith("The data quota of the device is used up") and first["sure"] == "certain"
    return "data quota used up" if is_quota else str(first["cause"])


async def why_offline_peer(asker: Asker) -> object:
    """Read the SIM, its connectivity, its newest events and, for they say so, its quota."""
    sim = await one(asker, card(asker, "quota_exhausted"))
    await asker.ask("get_endpoint_connectivity", endpoint_id=sim["endpoint"]["id"])
    await asker.ask("list_sim_events", sim_id=sim["id"], sort="-timestamp", per_page=20)
    quota = await asker.ask("get_endpoint_data_quota", endpoint_id=sim["endpoint"]["id"])
    return cause_by_quota(quota)


def cause_by_quota(quota: Mapping[str, Any]) -> str:
    """Return `data quota used up` if a quota of the API is, otherwise its status."""
    status = str(quota["status"]["description"])
    return "data quota used up" if status == "EXHAUSTED" else status


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
            return wasteful(found)


def wasteful(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of SIMs by reason, of the reasons that count towards the total."""
    groups = {row["why"]: row["sims"] for row in report["groups"] if row["why"] != "factory_test_ending"}
    assert sum(groups.values()) == report["total"], report
    return groups


async def waste_peer(asker: Asker) -> object:
    """Read the activated SIMs, the disabled devices, the price, and the usage of each SIM in an enabled device.

    SIMs activated within 30 days are left alone, as ours does.
    """
    sims = await pages(asker, "list_sims", q="status:1")
    disabled = {device["id"] for device in await pages(asker, "list_endpoints", q="status:1")}
    await asker.ask("get_active_tariff_plan")
    found: Counter[str] = Counter()
    for sim in sims:
        device = sim.get("endpoint", {}).get("id")
        if device is None:
            found["no_device"] += 1
        elif device in disabled:
            found["disabled_device"] += 1
        elif sim["activation_date"] < A_MONTH_AGO and not (await usage(asker, sim))[1]:
            found["no_traffic"] += 1
    return dict(found)


async def by_day(asker: Asker) -> object:
    """Ask us for the days."""
    found = await asker.ask("get_sim_daily_usage", sim=card(asker, "healthy"), start=FIRST_DAY, end=LAST_DAY)
    return daily_mb((day["date"], day.get("data_mb", 0)) for day in found["days"])


async def by_day_peer(asker: Asker) -> object:
    """Find the SIM, then read its days."""
    sim = await one(asker, card(asker, "healthy"))
    found = await asker.ask("get_sim_daily_stats", sim_id=sim["id"], start_date=FIRST_DAY, end_date=LAST_DAY)
    days = [day for day in found["result"] if day["date"] != "TOTAL"]
    return daily_mb((day["date"], day["data"]["volume"]) for day in days)


def daily_mb(days: Iterable[tuple[str, float | str]]) -> dict[str, float]:
    """Return the data of each day in MB, rounded to what both sides write."""
    return {day: round(float(volume), 2) for day, volume in days}


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
    return condensed(await asker.ask("get_sim_timeline", sim=card(asker, "healthy"), start=f"{FIRST_DAY}T00:00:00Z"))


def condensed(timeline: Mapping[str, Any]) -> dict[str, float]:
    """Return the events, data sessions, rejections and MB of a timeline, whose entries have to add up to its totals."""
    totals = timeline["totals"]
    sessions = [entry for entry in timeline["entries"] if entry["what"] == "data session"]
    assert sum(entry.get("count", 1) for entry in sessions) == totals["data_sessions"], timeline
    assert abs(sum(entry.get("data_mb", 0) for entry in sessions) - totals["data_mb"]) < _ROUNDING_MB, timeline
    return {
        "events": totals["events"],
        "sessions": totals["data_sessions"],
        "rejections": totals["rejections"],
        "mb": round(totals["data_mb"], 2),
    }


async def lately_peer(asker: Asker) -> object:
    """Find the SIM, then read the events of a week; condensing them is left to the model."""
    sim = await one(asker, card(asker, "healthy"))
    week = f"from:{FIRST_DAY}T00:00:00Z,until:{LAST_DAY}T23:59:59Z"
    return condensed_by_hand(await pages(asker, "list_sim_events", sim_id=sim["id"], q=week, sort="-timestamp"))


def condensed_by_hand(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the same from the events of the API."""
    opened = [event for event in events if event["event_type"]["description"] == "Create PDP Context"]
    ended = [event for event in events if event["event_type"]["description"] == "Delete PDP Context"]
    refused = [event for event in events if "reject" in event["description"]]
    return {
        "events": len(events),
        "sessions": len([event for event in opened if event not in refused]),
        "rejections": len(refused),
        "mb": round(sum(float(event["detail"]["volume"]["total"]) for event in ended), 2),
    }


async def as_csv(asker: Asker) -> object:
    """Ask us for the file."""
    answer = await asker.ask("export_sims", status="suspended")
    return iccids_in(await anyio.Path(answer["path"]).read_text("utf-8-sig"), answer["rows"])


def iccids_in(file: str, rows: int) -> set[str]:
    """Return the ICCIDs in a CSV file of suspended SIMs, which has to have as many rows as its answer claims."""
    found = list(csv.DictReader(io.StringIO(file)))
    assert len(found) == rows, f"{len(found)} rows, not {rows}"
    assert {row["status"] for row in found} <= {"Suspended"}, found
    return {row["iccid"] for row in found}


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
    return iccids_in(file.getvalue(), len(sims))


async def suspending(asker: Asker) -> object:
    """Ask us, where the operator lets the host ask the person."""
    sims = three(asker)
    answer = await asker.ask("set_sim_status", sims=[iccid for _, iccid in sims], status="suspended")
    return {**answer["counts"], "in the sandbox": suspended_in(asker.world, [number for number, _ in sims])}


async def suspending_peer(asker: Asker) -> object:
    """Change each and read it back; nothing asks anybody."""
    after, ids = [], [number for number, _ in three(asker)]
    for number in ids:
        await asker.ask("update_sim", sim_id=number, status={"id": 2})
        after.append((await asker.ask("get_sim", sim_id=number))["status"]["description"])
    return {"changed": after.count("Suspended"), "in the sandbox": suspended_in(asker.world, ids)}


def suspended_in(world: Sandbox, ids: Sequence[int]) -> int:
    """Return how many of the SIMs are suspended in the sandbox itself, whatever an answer says."""
    found = [world.store.sim(number) for number in ids]
    return sum(sim is not None and sim.status == _SUSPENDED for sim in found)


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
