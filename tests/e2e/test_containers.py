"""deploy/compose.yaml as it stands, by podman: built, brought up on nothing, deployed to, each part killed.

Opt-in, since it builds images for minutes: `make containers` sets CONTAINERS to the file that says what came
of it (needs root, podman, podman-compose). An engine that reaches no registry is given Debian under the names
that the files use; that is all that is put in their place.
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy.engine import make_url

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import FILES
from soleflip_assets.sample.sample import create_legacy_schema, fill
from tests.conftest import program
from tests.e2e.processes import awaited

pytestmark = pytest.mark.skipif(
    "CONTAINERS" not in os.environ, reason="set CONTAINERS, to the file that tells of it"
)

HERE = Path(__file__).with_name("containers")
PROJECT = "soleflip"
ADMINISTRATOR = "not-for-production"
COMPOSE: dict[str, Any] = yaml.safe_load((FILES / "deploy" / "compose.yaml").read_text())
# What stands in for an image of a registry, each made from its file.
BASES = {
    "docker.io/library/python:3.12-slim-bookworm": "python.Containerfile",
    "docker.io/library/postgres:15": "postgres.Containerfile",
}
# Where this machine's pip looks, and whom it trusts: a build has to know, the files do not.
KNOWN = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
WELL_AGAIN_SECONDS = 240

ROLES = """
CREATE ROLE dagster_storage LOGIN PASSWORD 'storage';
ALTER DATABASE dagster OWNER TO dagster_storage;
"""
LOGINS = """
CREATE ROLE deployer LOGIN PASSWORD 'deployer' IN ROLE soleflip_owner;
ALTER ROLE deployer SET role = soleflip_owner;
CREATE ROLE dagster LOGIN PASSWORD 'dagster' IN ROLE soleflip_orchestrator;
"""
TICKS = "SELECT count(*) FROM job_ticks WHERE status IN ('SUCCESS', 'SKIPPED') AND timestamp > %s"


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


@dataclass
class Project:
    """The compose project, in a checkout of its own.

    Attributes:
        folder: where its deploy/ is.
        variables: of the engine's environment.
        told: what was done and how long it took, a row each.
    """

    folder: Path
    variables: Mapping[str, str]
    told: list[tuple[str, str]] = field(default_factory=list)

    def compose(self, *arguments: str, seconds: int = 900) -> str:
        file = str(self.folder / "deploy" / "compose.yaml")
        return run(
            program("podman-compose", "podman-compose"), "--file", file, *arguments,
            variables=self.variables, seconds=seconds,
        )  # fmt: skip

    def podman(self, *arguments: str, seconds: int = 120) -> str:
        return run("podman", *arguments, variables=self.variables, seconds=seconds)

    def build(self, file: Path, tag: str, context: Path, known: Sequence[str] = ()) -> None:
        """Make an image; what is known of this machine is read while that lasts."""
        mounts = [f"--volume={path}:{path}:ro" for path in known if Path(path).exists()]
        options = ["--isolation=chroot", *mounts, f"--file={file}", f"--tag={tag}"]
        self.podman("build", *options, str(context), seconds=1800)

    def tell(self, what: str, begun: float, said: str = "") -> None:
        self.told.append((what, f"{time.monotonic() - begun:,.0f} s{said and f': {said}'}"))

    def container(self, service: str) -> str:
        """Its name, whichever way the engine joins the parts."""
        names = self.podman("ps", "--all", "--format={{.Names}}").split()
        (name,) = (
            name for name in names if name in {f"{PROJECT}_{service}_1", f"{PROJECT}-{service}-1"}
        )
        return name

    def state(self, service: str) -> Any:
        return json.loads(self.podman("inspect", self.container(service)))[0]["State"]

    def execute(self, service: str, *command: str, seconds: int = 300, **variables: str) -> str:
        passed = [f"--env={name}={value}" for name, value in variables.items()]
        return self.podman("exec", *passed, self.container(service), *command, seconds=seconds)

    def is_well(self, service: str) -> bool:
        """By the command of the files' own health check."""
        _, *command = COMPOSE["services"][service]["healthcheck"]["test"]
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.execute(service, *command, seconds=30)
            return True
        return False

    def await_well(self, services: Sequence[str]) -> None:
        for service in services:
            awaited(lambda service=service: self.is_well(service), WELL_AGAIN_SECONDS)  # type: ignore[misc]

    def kill(self, service: str) -> None:
        """End its first process, as a crash does, and see that it is another one that runs then."""
        before = self.state(service)["Pid"]
        # Whoever says `podman kill` may want it to stay down.
        os.kill(before, signal.SIGKILL)
        awaited(lambda: self.state(service)["Pid"] not in {0, before}, WELL_AGAIN_SECONDS)

    def database(self, name: str, user: str = "postgres", password: str = ADMINISTRATOR) -> str:
        """Where this machine reaches it: the files publish no port of it."""
        networks = json.loads(self.podman("inspect", self.container("postgres")))[0][
            "NetworkSettings"
        ]
        (network,) = networks["Networks"].values()
        return f"postgresql://{user}:{password}@{network['IPAddress']}/{name}"

    def ticks_since(self, moment: datetime) -> int:
        with psycopg.connect(self.database("dagster")) as connection:
            row = connection.execute(TICKS, [moment.replace(tzinfo=None)]).fetchone()
        assert row is not None
        return int(row[0])

    def await_tick(self) -> None:
        """One that began after now: schedules and sensors are looked after."""
        now = datetime.now(UTC)
        awaited(lambda: self.ticks_since(now), WELL_AGAIN_SECONDS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project up on an empty machine's state; all of it is taken away afterwards."""
    program("podman", "podman")
    folder = tmp_path_factory.mktemp("checkout")
    for name in run("git", "-C", FILES, "ls-files").splitlines():
        if (FILES / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FILES / name, folder / name)
    _configure(folder / "deploy")
    project = Project(folder, {"CONTAINERS_CONF": str(HERE / "containers.conf")})
    _make_bases(project)
    begun = time.monotonic()
    project.build(folder / "deploy" / "Containerfile", PROJECT, folder, KNOWN)
    project.tell("`deploy/Containerfile` built", begun)
    try:
        yield project
    finally:
        project.compose("down", "--volumes")


def _configure(deploy: Path) -> None:
    """As docs/production.md says, with passwords; the databases' host is that of compose.yaml."""
    for name in ("dagster.env", "soleflip.env"):
        text = (deploy / f"{name}.example").read_text().replace("127.0.0.1:5432", "postgres")
        for user, password in (("dagster_storage", "storage"), ("dagster", "dagster")):
            text = text.replace(f"{user}:CHANGE-ME", f"{user}:{password}")
        (deploy / name).write_text(text)
    (deploy / "postgres.env").write_text(f"POSTGRES_PASSWORD={ADMINISTRATOR}\n")


def _make_bases(project: Project) -> None:
    """Debian under the names of images that are not here and cannot be pulled."""
    for name, file in BASES.items():
        with suppress(AssertionError):
            project.podman("image", "inspect", name)
            continue
        with suppress(AssertionError, subprocess.TimeoutExpired):
            project.podman("pull", name)
            continue
        begun = time.monotonic()
        _make_debian(project)
        project.build(HERE / file, name, HERE)
        project.tell(f"`{name}` could not be pulled; made from debootstrap", begun)


def _make_debian(project: Project) -> None:
    with suppress(AssertionError):
        project.podman("image", "inspect", "localhost/bookworm")
        return
    root = project.folder / "bookworm"
    run(program("debootstrap", "debootstrap"), "--variant=minbase", "bookworm", str(root))
    archive = project.folder / "bookworm.tar"
    run("tar", "--create", f"--file={archive}", f"--directory={root}", ".")
    project.podman("import", str(archive), "localhost/bookworm")
    shutil.rmtree(root)
    archive.unlink()


def test_compose_project_comes_up_deploys_ticks_and_outlives_each_container(
    project: Project,
) -> None:
    services = [*COMPOSE["services"]]
    begun = time.monotonic()
    project.compose("up", "--detach", "postgres")
    project.await_well(["postgres"])
    _make_databases(project)
    project.compose("up", "--detach")
    project.await_well(services)
    project.tell("`up` until all five are well", begun)

    owner = project.database("soleflip", "deployer", "deployer")
    begun = time.monotonic()
    project.execute(
        "code-server", "soleflip", "deploy", SOLEFLIP_OWNER_DATABASE_URL=owner, seconds=600
    )
    project.execute("code-server", "soleflip", "verify", "--quiet")
    project.tell("`soleflip deploy` and `verify` in the code server's container", begun)
    begun = time.monotonic()
    project.await_tick()
    project.tell("the next tick", begun)

    for service in services:
        begun = time.monotonic()
        project.kill(service)
        project.await_well(services)
        project.await_tick()
        project.tell(f"`{service}` killed: it and all others well, and a tick after that", begun)

    ready = [
        project.execute(service, "soleflip", "health", component, "--ready").partition(".")[0]
        for service, component in (
            ("code-server", "code-server"),
            ("webserver", "webserver"),
            ("daemon", "daemon"),
            ("code-server", "database"),
        )
    ]
    project.execute("code-server", "soleflip", "refresh")
    project.execute("code-server", "soleflip", "verify", "--quiet")
    _write_down(project, ready)


def _make_databases(project: Project) -> None:
    """What docs/production.md and docs/roles.md leave to an administrator, and a shop before Phase 2."""
    with psycopg.connect(project.database("postgres"), autocommit=True) as administrator:
        administrator.execute(ROLES.encode())
        administrator.execute("CREATE DATABASE soleflip")
    engine = create_database_engine(make_url(project.database("soleflip")))
    with engine.begin() as connection:
        create_legacy_schema(connection)
        fill(connection, "production")
    engine.dispose()
    files = ("10_roles", "20_ownership", "30_privileges")
    url = project.database("soleflip")
    run("psql", url, *(f"--file={FILES}/sql/roles/{file}.sql" for file in files))
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(LOGINS.encode())
        administrator.execute("GRANT CREATE ON DATABASE soleflip TO soleflip_owner")


def _write_down(project: Project, ready: Sequence[str]) -> None:
    """What came of it, for the file that CONTAINERS names."""
    label = '--format={{index .Labels "soleflip.stands-in"}}'
    made = [
        f"`{name}`" for name in BASES if "yes" in project.podman("image", "inspect", label, name)
    ]
    images = (
        f"No registry of images can be reached from this machine: {' and '.join(made)} were made from Debian "
        "bookworm under those names (`tests/e2e/containers/`), so Python is 3.11 and PostgreSQL Debian's 15. "
        "The files of deploy/ are as they stand."
        if made
        else "The images are those that the files name."
    )
    engine = project.podman("--version").strip()
    compose = run("podman-compose", "--version").splitlines()[0].strip()
    answers = ", ".join(f"*{said.removeprefix('✓ ')}*" for said in ready)
    text = f"""# Containers

Written by `make containers` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {engine}, {compose},
{platform.system()} {platform.machine()}, {os.cpu_count()} cores. {images}

{markdown_table(("what", "took"), project.told)}

Killed is the first process of a container, by SIGKILL from outside. Well is what the health checks of
compose.yaml say, which the test executes itself. At the end `soleflip health … --ready` said: {answers};
`soleflip refresh` and `soleflip verify` succeeded.
"""
    Path(os.environ["CONTAINERS"]).write_text(text, encoding="utf-8")
