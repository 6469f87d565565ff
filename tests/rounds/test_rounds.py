"""Three servers behind HAProxy: 40 SIMs are suspended while servers, database, limiter or proxy fail in the middle."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import anyio
import anyio.to_thread
import pytest

from sim_mcp.changes.record.audit import AuditRow, audit
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.sandbox import SandboxSettings
from tests.chaos.test_kills import assert_true
from tests.processes.test_serving import Era
from tests.replicas.database import Server
from tests.rounds.blows import KINDS, Blows, Kind
from tests.rounds.caller import AGREED, POLICY, Caller, Way, press
from tests.rounds.site import site_of
from tests.support import Fleet, fleet_of

SIMS = 40
SEED = 20261125
ROUNDS = 30
PACE = "latency=0.03@PATCH"
WAYS: tuple[Way, ...] = ("policy", "form", "page")
LONGEST_S = 400
"""Until a round counts as hung, on a machine that does ten other things."""

pytestmark = pytest.mark.timeout(LONGEST_S + 200)


@dataclass(frozen=True)
class Blow:
    """What happens, once so many SIMs were written to; before the first, while a person is waited for."""

    kind: Kind
    after: int


@dataclass(frozen=True)
class Round:
    """One bad minute."""

    number: int
    way: Way
    era: Era
    blows: tuple[Blow, ...]
    patient: bool
    """Whether who asks leaves the rest to the servers, where these can go on by themselves."""
    restarts: bool

    def __str__(self) -> str:
        blows = "-".join(f"{blow.kind}@{blow.after}" for blow in self.blows)
        return f"{self.number:02d}-{self.way}-{self.era}-{blows}"


def drawn(number: int) -> Round:
    """Draw a round; each kind comes first equally often, by each way to agree."""
    draw = random.Random(SEED + number)  # noqa: S311  # to be had again, not secret.
    first, way = KINDS[number % len(KINDS)], WAYS[number // len(KINDS) % len(WAYS)]
    waits = way != "policy" and draw.random() < 0.4 and first != "limiter"
    # The limiter is missed only where there is something left to send.
    blows = [Blow(first, 0 if waits else draw.randint(1, 20 if first == "limiter" else 34))]
    if draw.random() < 0.4 and blows[0].after < 30:
        other = draw.choice([kind for kind in KINDS if kind != first])
        blows.append(Blow(other, draw.randint(blows[0].after + 1, 36)))
    # Only the modern protocol can ask by form where no sessions are kept.
    era: Era = "auto" if way == "form" or draw.random() < 0.5 else "legacy"
    by_itself = blows[0].after > 0 and all(blow.kind != "proxy" for blow in blows)
    return Round(number, way, era, tuple(blows), by_itself and draw.random() < 0.5, draw.random() < 0.5)


@pytest.mark.parametrize("bad", [drawn(number) for number in range(ROUNDS)], ids=str)
async def test_a_change_is_done_once_and_all_of_it_told_whatever_fails_meanwhile(bad: Round, server: Server) -> None:
    async with fleet_of(SandboxSettings(sims=140, seed=SEED + bad.number, limits=True)) as fleet:
        sims = await sims_in_service(fleet)
        policy = fleet.state_dir / "policy.toml"
        policy.write_text(POLICY[bad.way])
        async with site_of(fleet, SIM_MCP_POLICY=str(policy)) as site:
            caller = Caller(site, sims, bad.era, bad.way)
            with shown(caller):
                async with anyio.create_task_group() as group:
                    blows = Blows(site, SIMS, server, group, bad.restarts)
                    await happen(bad, blows, caller)
                blows.wake()
                # What woke up would send what it was about to; and hears that it is not to.
                await anyio.sleep(2)
                final = Caller(site, sims, "auto", bad.way)
                await final.ask_again()
                rows = await final.stands()
                check_servers(blows, bad)
        assert rows is not None
        (row,) = rows
        told = list(audit(fleet.place))
        check_told(told, bad, sims)
        await assert_true(fleet, sims)
        # What is in doubt is read again, and then stands there twice.
        outcomes = Counter({each.sim: each.outcome for each in told if each.event != "decided"}.values())
        assert row["counts"] == dict(outcomes)
        # A server may be struck between the record of what it is about to send, and sending it.
        assert outcomes["changed"] >= SIMS - len(bad.blows), outcomes


@contextmanager
def shown(caller: Caller) -> Iterator[None]:
    """Show what was told and logged, where a round fails."""
    try:
        yield
    finally:
        told = [{key: said.get(key) for key in ("state", "counts", "left", "changes")} for said in caller.told]
        print(*told, *caller.not_told, *(each.log for each in caller.site.replicas), sep="\n")  # noqa: T201  # as pytest does.


async def happen(bad: Round, blows: Blows, caller: Caller) -> None:
    """Have them ask, agree, and fail."""
    waiting = [blow for blow in bad.blows if blow.after == 0]

    async def struck_while_waiting() -> None:
        while waiting:
            await blows.strike(waiting.pop().kind, waiting=True)

    if bad.way == "form":
        caller.before_the_yes = struck_while_waiting
    blows.group.start_soon(asking, caller, bad)
    if bad.way == "page":
        await struck_while_waiting()
        await press(blows.site, "bob")
    for blow in bad.blows:
        if blow.after:
            await written(blows.site.fleet, blow.after)
            await blows.strike(blow.kind)


async def asking(caller: Caller, bad: Round) -> None:
    """Ask, and ask again: at once, or once the servers have done what they were asked for by themselves."""
    with anyio.fail_after(LONGEST_S):
        await caller.ask()
        if bad.patient:
            await finished(caller)
        await caller.ask_again()


async def finished(caller: Caller) -> None:
    """Wait until nothing is left of the change, without asking any server."""
    journal = Journal(caller.site.fleet.place)
    while True:
        with suppress(JournalError):  # it may be restarting.
            found = await anyio.to_thread.run_sync(changes, journal)
            if found and found[0].agreed and not found[0].left:
                return
        await anyio.sleep(0.3)


def check_servers(blows: Blows, bad: Round) -> None:
    """Another server said that it went on; and each that sent without the limiter, that it kept to its share."""
    logs = "".join(each.log for each in blows.site.replicas)
    if bad.patient and blows.struck:
        assert "another server left it in the middle; going on with it" in logs
    if bad.blows[0].kind == "limiter":
        assert "this one keeps to 1/" in logs


def check_told(told: list[AuditRow], bad: Round, sims: dict[str, int]) -> None:
    """The audit says who asked, who agreed and what came of each SIM, once."""
    assert {row.principal for row in told} == {"alice@example.com"}
    (agreed,) = {row.agreed for row in told}
    assert agreed in AGREED[bad.way]
    assert len({row.plan for row in told}) == 1
    events = Counter((row.event, row.sim[:19]) for row in told)
    assert sum(count for (event, _), count in events.items() if event == "decided") == 1
    assert {sim: count for (event, sim), count in events.items() if event == "outcome"} == dict.fromkeys(sims, 1)
    assert "sent" not in {event for event, _ in events}


async def sims_in_service(fleet: Fleet) -> dict[str, int]:
    query = {"q": "status:1", "per_page": 1000}
    listed = (await fleet.api("GET", "/sim", role="enterprise", params=query)).json()
    await fleet.faults(PACE)
    return {sim["iccid"]: sim["id"] for sim in listed[:SIMS]}


async def written(fleet: Fleet, number: int) -> None:
    """Wait until so many SIMs were written to."""
    with anyio.fail_after(LONGEST_S):
        while len(await fleet.writes()) < number:  # noqa: ASYNC110  # the sandbox tells nobody.
            await anyio.sleep(0.005)
