"""A PostgreSQL of the tests' own, from the machine's packages, in a temporary directory."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import psycopg
from psycopg import conninfo
from pydantic import SecretStr

from tests.support import free_port

UNPRIVILEGED = "postgres"
"""PostgreSQL refuses to run as root; Debian's package makes this user."""


_SORTED_AS_PEOPLE_DO = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")


class Server:
    """One cluster; it may be stopped, restarted, and frozen."""

    def __init__(self, home: Path) -> None:
        self.data = home / "data"
        self._log = home / "log"
        self.port = free_port()
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "tests", "--no-sync", *_SORTED_AS_PEOPLE_DO)
        (self.data / "postgresql.auto.conf").write_text(
            f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
            # A test's database need not outlive the machine.
            "fsync = off\nmax_connections = 200\n"
        )
        self.start()

    @property
    def version(self) -> str:
        with psycopg.connect(self.url("postgres")) as db:
            return f"{db.info.server_version / 10000:.4g}"

    def url(self, database: str) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"

    def new(self, name: str, template: str = "template1") -> str:
        """Make a database and return its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)

    def ask_for_passwords(self, user: str) -> None:
        """Let a user in by password alone."""
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute("SELECT pg_reload_conf()")

    def start(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-l", self._log, "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def _run(self, program: str, *words: object) -> None:
        if os.getuid() == 0:
            owner = pwd.getpwnam(UNPRIVILEGED)
            user: dict[str, object] = {"user": owner.pw_uid, "group": owner.pw_gid}
            os.chown(self.data.parent, owner.pw_uid, owner.pw_gid)
        else:
            user = {}
        subprocess.run(  # type: ignore[call-overload]  # the keywords are of its own.
            [found(program), *map(str, words)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.data.parent,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            **user,
        )


def found(program: str) -> str:
    """Return the program: Debian keeps those of each version in a directory of its own."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    where = os.pathsep.join([*map(str, reversed(versions)), os.environ["PATH"]])
    file = shutil.which(program, path=where)
    if file is None:
        raise RuntimeError(f"{program} is not installed: apt-get install postgresql")
    return file


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run a cluster until the block ends."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        server = Server(Path(home))
        try:
            yield server
        finally:
            server.stop()


def database_of(url: str) -> str:
    """Return the name of the database in an address."""
    return str(conninfo.conninfo_to_dict(url)["dbname"])


async def heard_by_somebody(place: SecretStr, servers: int = 1) -> None:
    """Wait until so many servers listen to what is decided and written."""
    query = "SELECT count(*) >= %s FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%%'"
    async with await psycopg.AsyncConnection.connect(place.get_secret_value(), autocommit=True) as db:
        with anyio.fail_after(10):
            while await (await db.execute(query, (servers,))).fetchone() != (True,):  # noqa: ASYNC110  # it tells nobody.
                await anyio.sleep(0.05)
