"""deploy/compose.yaml as it stands, by podman: built, brought up on nothing, deployed to, each part killed.

Opt-in, since it builds images for minutes: `make containers` sets CONTAINERS to the file that says what came
of it (needs root, podman, podman-compose). An engine that reaches no registry is given Debian under the names
that the files use, whose digests are left out then; that is all that is put in their place.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.ground.settings import FILES
from tests.conftest import program
from tests.e2e.podman import (
    ADMINISTRATOR,
    HERE,
    Podman,
    await_tick,
    copy_checkout,
    known,
    machine,
    make_databases,
    run,
)
from tests.e2e.processes import awaited

pytestmark = pytest.mark.skipif(
    "CONTAINERS" not in os.environ, reason="set CONTAINERS, to the file that tells of it"
)

PROJECT = "soleflip"
COMPOSE: dict[str, Any] = yaml.safe_load((FILES / "deploy" / "compose.yaml").read_text())
# What stands in for an image of a registry, each made from its file.
BASES = {
    "docker.io/library/python:3.12-slim-bookworm": "python.Containerfile",
    "docker.io/library/postgres:15": "postgres.Containerfile",
}
WELL_AGAIN_SECONDS = 240


class Project(Podman):
    """The compose project, in a checkout of its own: the engine's folder."""

    def compose(self, *arguments: str, seconds: int = 900) -> str:
        file = str(self.folder / "deploy" / "compose.yaml")
        return run(
            program("podman-compose", "podman-compose"), "--file", file, *arguments,
            variables=self.variables, seconds=seconds,
        )  # fmt: skip

    def container(self, service: str) -> str:
        """Its name, whichever way the engine joins the parts."""
        names = self.podman("ps", "--all", "--format={{.Names}}").split()
        (name,) = (
            name for name in names if name in {f"{PROJECT}_{service}_1", f"{PROJECT}-{service}-1"}
        )
        return name

    def state(self, service: str) -> Any:
        return self.inspect(self.container(service))["State"]

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

    @property
    def server(self) -> str:
        """Where this machine reaches the databases, as administrator: the files publish no port of them."""
        networks = self.inspect(self.container("postgres"))["NetworkSettings"]["Networks"]
        (network,) = networks.values()
        return f"postgresql://postgres:{ADMINISTRATOR}@{network['IPAddress']}"

    def await_tick(self) -> None:
        await_tick(self.server, WELL_AGAIN_SECONDS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project up on an empty machine's state; all of it is taken away afterwards."""
    program("podman", "podman")
    folder = tmp_path_factory.mktemp("checkout")
    copy_checkout(folder)
    _configure(folder / "deploy")
    project = Project(folder)
    _make_bases(project)
    begun = time.monotonic()
    project.build(folder / "deploy" / "Containerfile", PROJECT, folder, known())
    project.tell("`deploy/Containerfile` built", begun)
    try:
        yield project
    finally:
        project.compose("down", "--volumes")


def _configure(deploy: Path) -> None:
    """As docs/production.md says, with passwords; the databases' host is that of compose.yaml."""
    for name in ("dagster.env", "soleflip.env"):
        text = (deploy / f"{name}.example").read_text().replace("127.0.0.1:5432", "postgres")
        for user in ("dagster_storage", "dagster"):
            text = text.replace(f"{user}:CHANGE-ME", f"{user}:{user}")
        (deploy / name).write_text(text)
    (deploy / "postgres.env").write_text(f"POSTGRES_PASSWORD={ADMINISTRATOR}\n")


def _make_bases(project: Project) -> None:
    """Debian under the names of images that are not here and cannot be pulled."""
    for name, file in BASES.items():
        if project.has_image(name):
            continue
        with suppress(AssertionError, subprocess.TimeoutExpired):
            project.podman("pull", name)
            continue
        begun = time.monotonic()
        project.make_debian()
        project.build(HERE / file, name, HERE)
        project.tell(f"`{name}` could not be pulled; made from debootstrap", begun)
    for path in (project.folder / "deploy" / file for file in ("Containerfile", "compose.yaml")):
        text = path.read_text()
        for name in _stand_ins(project):
            text = re.sub(rf"{re.escape(name)}@sha256:\w+", name, text)
        path.write_text(text)


def _stand_ins(project: Project) -> list[str]:
    """The images that were made here under another's name; they have not its digest."""
    label = '--format={{index .Labels "soleflip.stands-in"}}'
    return [name for name in BASES if "yes" in project.podman("image", "inspect", label, name)]


def test_compose_project_comes_up_deploys_ticks_and_outlives_each_container(
    project: Project,
) -> None:
    services = [*COMPOSE["services"]]
    begun = time.monotonic()
    project.compose("up", "--detach", "postgres")
    project.await_well(["postgres"])
    make_databases(project.server)
    project.compose("up", "--detach")
    project.await_well(services)
    project.tell("`up` until all five are well", begun)

    owner = project.server.replace(f"postgres:{ADMINISTRATOR}", "deployer:deployer") + "/soleflip"
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


def _write_down(project: Project, ready: Sequence[str]) -> None:
    """What came of it, for the file that CONTAINERS names."""
    made = [f"`{name}`" for name in _stand_ins(project)]
    images = (
        f"No registry of images can be reached from this machine: {' and '.join(made)} were made from Debian "
        "bookworm under those names (`tests/e2e/containers/`), so Python is 3.11 and PostgreSQL Debian's 15. "
        "The files of deploy/ are as they stand, but for the digests of those two."
        if made
        else "The images are those that the files name."
    )
    engine = project.podman("--version").strip()
    compose = run("podman-compose", "--version").splitlines()[0].strip()
    answers = ", ".join(f"*{said.removeprefix('✓ ')}*" for said in ready)
    text = f"""# Containers

Written by `make containers` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {engine}, {compose},
{machine()}. {images}

{markdown_table(("what", "took"), project.told)}

Killed is the first process of a container, by SIGKILL from outside. Well is what the health checks of
compose.yaml say, which the test executes itself. At the end `soleflip health … --ready` said: {answers};
`soleflip refresh` and `soleflip verify` succeeded.
"""
    Path(os.environ["CONTAINERS"]).write_text(text, encoding="utf-8")
