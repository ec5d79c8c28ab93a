"""Containers by podman, for the tests that run one thing of deploy/ in them.

Here: the engine, Debian where no registry of images can be reached, and what docs/production.md leaves to an
administrator of the databases. Not here: what is run in the containers, which each test says.
"""

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import FILES
from soleflip_assets.sample.sample import create_legacy_schema, fill
from tests.conftest import program
from tests.e2e.processes import awaited

HERE = Path(__file__).with_name("containers")
# Where this machine's pip looks, and whom it trusts: what installs has to know, the files do not.
KNOWN = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
ADMINISTRATOR = "not-for-production"

# Passwords are the users' names.
_STORAGE = """
CREATE ROLE dagster_storage LOGIN PASSWORD 'dagster_storage';
ALTER DATABASE dagster OWNER TO dagster_storage;
"""
_LOGINS = """
CREATE ROLE deployer LOGIN PASSWORD 'deployer' IN ROLE soleflip_owner;
ALTER ROLE deployer SET role = soleflip_owner;
CREATE ROLE dagster LOGIN PASSWORD 'dagster' IN ROLE soleflip_orchestrator;
"""


def run(
    *command: str | Path, variables: Mapping[str, str] | None = None, seconds: int = 900
) -> str:
    """What a program says; an error says all of it."""
    done = subprocess.run(
        command,
        env={**os.environ, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


def known() -> list[str]:
    """Options that show a container what is known of this machine."""
    return [f"--volume={path}:{path}:ro" for path in KNOWN if Path(path).exists()]


@dataclass
class Podman:
    """The engine, with limits that also hold in a container itself.

    Attributes:
        folder: for what is made on the way.
        told: what was done and how long it took, a row each.
    """

    folder: Path
    told: list[tuple[str, str]] = field(default_factory=list)

    @property
    def variables(self) -> Mapping[str, str]:
        """Of the environment of what calls the engine."""
        return {"CONTAINERS_CONF": str(HERE / "containers.conf")}

    def podman(self, *arguments: str | Path, seconds: int = 120) -> str:
        return run(
            program("podman", "podman"), *arguments, variables=self.variables, seconds=seconds
        )

    def build(self, file: Path, tag: str, context: Path, options: Sequence[str] = ()) -> None:
        """Make an image."""
        self.podman(
            "build", "--isolation=chroot", *options, f"--file={file}", f"--tag={tag}", context,
            seconds=1800,
        )  # fmt: skip

    def has_image(self, name: str) -> bool:
        with suppress(AssertionError):
            self.podman("image", "inspect", name)
            return True
        return False

    def make_debian(self) -> None:
        """The image ``localhost/bookworm``, unless it is there: Debian from debootstrap."""
        if self.has_image("localhost/bookworm"):
            return
        root = self.folder / "bookworm"
        run(program("debootstrap", "debootstrap"), "--variant=minbase", "bookworm", str(root))
        archive = self.folder / "bookworm.tar"
        run("tar", "--create", f"--file={archive}", f"--directory={root}", ".")
        self.podman("import", str(archive), "localhost/bookworm")
        shutil.rmtree(root)
        archive.unlink()

    def inspect(self, container: str) -> Any:
        return json.loads(self.podman("inspect", container))[0]

    def tell(self, what: str, begun: float, said: str = "") -> None:
        self.told.append((what, f"{time.monotonic() - begun:,.0f} s{said and f': {said}'}"))


def copy_checkout(folder: Path) -> None:
    """What is in the repository, as it is in the working tree."""
    for name in run("git", "-C", FILES, "ls-files").splitlines():
        if (FILES / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FILES / name, folder / name)


def machine() -> str:
    """Where a test was run."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def make_databases(server: str) -> None:
    """What docs/production.md and docs/roles.md leave to an administrator, and a shop before Phase 2.

    Args:
        server: the administrator's URL without a database; one named ``dagster`` is there.
    """
    with psycopg.connect(f"{server}/postgres", autocommit=True) as administrator:
        administrator.execute(_STORAGE.encode())
        administrator.execute("CREATE DATABASE soleflip")
    engine = create_database_engine(make_url(f"{server}/soleflip"))
    with engine.begin() as connection:
        create_legacy_schema(connection)
        fill(connection, "production")
    engine.dispose()
    files = ("10_roles", "20_ownership", "30_privileges")
    run("psql", f"{server}/soleflip", *(f"--file={FILES}/sql/roles/{file}.sql" for file in files))
    with psycopg.connect(f"{server}/soleflip", autocommit=True) as administrator:
        administrator.execute(_LOGINS.encode())
        administrator.execute("GRANT CREATE ON DATABASE soleflip TO soleflip_owner")


def await_tick(server: str, seconds: float) -> None:
    """One that begins after now: schedules and sensors are looked after.

    Args:
        server: the administrator's URL without a database.
        seconds: how long that may take.
    """
    # Dagster's times are UTC without saying so.
    now = datetime.now(UTC).replace(tzinfo=None)
    ticks = (
        "SELECT count(*) FROM job_ticks WHERE status IN ('SUCCESS', 'SKIPPED') AND timestamp > %s"
    )

    def has_ticked() -> bool:
        with psycopg.connect(f"{server}/dagster") as connection:
            row = connection.execute(ticks, [now]).fetchone()
        return row is not None and row[0] > 0

    awaited(has_ticked, seconds)
