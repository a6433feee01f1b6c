"""A PostgreSQL of the tests' own, in a temporary folder, with a socket that only they can open."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

USER = "hallpanel"
SERVING = "hallpanel_serving"  # owns nothing, and sees what the walls show
SPEED = {
    "fsync": "off",  # nothing here outlives the run
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "listen_addresses": "",
}


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL server, run by the programs in `programs` with its data under `folder`."""

    programs: Path
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Make the cluster and start it."""
        self.folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run(
            "initdb",
            *("--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--no-sync", "--no-instructions"),
        )
        options = {**SPEED, "unix_socket_directories": str(self.folder)}
        spoken = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._run("pg_ctl", "start", "--wait", "--options", spoken)

    def stop(self) -> None:
        """Stop the server where it runs; its data need no care."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def url(self, database: str, user: str = USER) -> str:
        """The address of a database, as SQLAlchemy takes it."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def command(self, statement: str) -> None:
        """Run a statement about databases, outside of any."""
        with psycopg.connect(
            host=str(self.folder), user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def create(self, name: str) -> None:
        """Make a database without tables."""
        self.copy("template0", name)

    def copy(self, template: str, name: str) -> None:
        """Make a database like another one. Copying files is fastest while nothing is synced."""
        strategy = "STRATEGY file_copy" if int(self._version()) >= 15 else ""
        self.command(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")

    def drop(self, name: str) -> None:
        """Remove a database, and any connection that a test forgot in it."""
        self.command(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _version(self) -> str:
        return (self.data / "PG_VERSION").read_text(encoding="ascii").strip()

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, as its own account where we are root."""
        as_root = os.geteuid() == 0
        log = self.folder / "log"
        with log.open("a") as out:  # a file, because the server keeps the handle and a pipe waits
            done = subprocess.run(
                [str(self.programs / program), "--pgdata", str(self.data), *arguments],
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                user="postgres" if as_root else None,
                group="postgres" if as_root else None,
                extra_groups=[] if as_root else None,
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{log.read_text(encoding='utf-8')}")
