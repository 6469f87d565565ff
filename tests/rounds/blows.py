"""What befalls the servers in the middle of a change, and what mends it."""

import signal
import time
from dataclasses import dataclass, field
from typing import Literal

import anyio
import anyio.to_thread
import psycopg
from anyio.abc import TaskGroup

from tests.replicas.database import Server
from tests.rounds.site import Replica, Site

Kind = Literal["kill", "freeze", "database", "limiter", "proxy"]
KINDS: tuple[Kind, ...] = ("kill", "freeze", "database", "limiter", "proxy")

LIMITER_AWAY_S = 3.0
"""Longer than a server waits for it."""

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT granted%%' AND pid <> %s"


@dataclass
class Blows:
    """Strike the server that works on the change, or what it works with."""

    site: Site
    sims: int
    database: Server
    group: TaskGroup
    restarts: bool
    """Whether a server that was killed is started again."""
    struck: list[Replica] = field(default_factory=list)
    """The servers that were killed or frozen."""
    frozen: list[Replica] = field(default_factory=list)

    async def strike(self, kind: Kind, *, waiting: bool = False) -> None:
        """Strike it as it works; or, if it is waiting, as it waits for a person."""
        match kind:
            case "kill" | "freeze":
                await self._strike_server(kind, waiting=waiting)
            case "database":
                await anyio.to_thread.run_sync(self.database.restart)
            case "limiter":
                self.group.start_soon(anyio.to_thread.run_sync, self._keep_limiter_away)
            case "proxy":
                await self.site.restart_proxy()

    def wake(self) -> None:
        """Let those that were frozen go on."""
        while self.frozen:
            self.frozen.pop().send(signal.SIGCONT)

    async def _strike_server(self, kind: Literal["kill", "freeze"], *, waiting: bool) -> None:
        victim = await self._victim(waiting=waiting)
        if victim is None:
            return
        self.struck.append(victim)
        if kind == "freeze":
            victim.send(signal.SIGSTOP)
            self.frozen.append(victim)
            return
        victim.kill()
        if self.restarts:
            victim.start()

    async def _victim(self, *, waiting: bool) -> Replica | None:
        """Return the server at work; None where a second blow finds all the work done."""
        while True:
            found = self.site.planned_by() if waiting else await self.site.at_work()
            if found is not None or await self._all_sent():
                return found
            await anyio.sleep(0.02)

    async def _all_sent(self) -> bool:
        return len({write["path"] for write in await self.site.fleet.writes()}) >= self.sims

    def _keep_limiter_away(self) -> None:
        """Cut its connections and hold its tables, as if it restarted: it is kept in the database of the record."""
        place = self.site.fleet.database_url
        assert place is not None
        with psycopg.connect(place.get_secret_value()) as db:
            db.execute("LOCK TABLE paces IN ACCESS EXCLUSIVE MODE")
            db.execute(_CUT, (db.info.backend_pid,))
            time.sleep(LIMITER_AWAY_S)
