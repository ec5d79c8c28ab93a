"""deploy/systemd/ as it stands, run by systemd: installed as docs/production.md says, each service killed.

Opt-in, since it installs a machine for minutes: `make systemd` sets SYSTEMD to the file that says what came
of it (needs root and podman). The machine is a container whose first process is systemd: Debian, with
PostgreSQL beside it.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

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
)
from tests.e2e.processes import awaited
from tests.e2e.topology import SERVICES

pytestmark = pytest.mark.skipif(
    "SYSTEMD" not in os.environ, reason="set SYSTEMD, to the file that tells of it"
)

NAME = "soleflip-systemd"
IMAGE = "localhost/soleflip-systemd"
PAGE = (FILES / "docs" / "production.md").read_text(encoding="utf-8")
# Those of which `soleflip health` knows whether they answer; viewers is the webserver once more.
WATCHED = ("code-server", "webserver", "daemon")
READY_SECONDS = 300
# A daemon is dead after 120 s without a heartbeat; the timer looks each minute; what is stopped hears no
# SIGTERM, and systemd waits 90 s for it.
NOTICED_SECONDS = 480


def block(section: str, number: int = 0) -> str:
    """What a section of docs/production.md shows to be typed.

    Args:
        section: its heading.
        number: which of its blocks.
    """
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return str(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)[number])


class Machine(Podman):
    """The container."""

    def execute(self, command: str, seconds: int = 120) -> str:
        """As root's shell there does, up to the first command that fails."""
        options = [
            "exec",
            "--env=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/soleflip/.venv/bin",
        ]
        return self.podman(
            *options, NAME, "bash", "-euo", "pipefail", "-c", command, seconds=seconds
        )

    @property
    def server(self) -> str:
        """Where this machine reaches its databases, as administrator."""
        (network,) = self.inspect(NAME)["NetworkSettings"]["Networks"].values()
        return f"postgresql://postgres:{ADMINISTRATOR}@{network['IPAddress']}"

    def await_boot(self) -> None:
        """No unit has failed, no job is left."""

        def is_up() -> bool:
            with suppress(AssertionError):
                return self.execute("systemctl is-system-running").strip() == "running"
            return False

        awaited(is_up, 120)

    def process(self, service: str) -> int:
        """The main process of a service; 0 where there is none."""
        return int(self.execute(f"systemctl show --property=MainPID --value soleflip-{service}"))

    def is_ready(self, component: str) -> bool:
        files = "set -a; . /etc/soleflip/dagster.env; . /etc/soleflip/soleflip.env"
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.execute(f"{files}; soleflip health {component} --ready", seconds=60)
            return True
        return False

    def await_ready(self) -> None:
        for component in (*WATCHED, "database"):
            awaited(lambda component=component: self.is_ready(component), READY_SECONDS)  # type: ignore[misc]

    def send(self, signal: str, service: str) -> int:
        """Send a signal to a service's main process, which nobody told systemd to end.

        Returns:
            The process.
        """
        before = self.process(service)
        assert before
        self.execute(f"kill -{signal} {before}")
        return before

    def await_another(self, service: str, before: int, seconds: float) -> None:
        awaited(lambda: self.process(service) not in {0, before}, seconds)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine with the checkout and its databases; it is taken away afterwards."""
    program("podman", "podman")
    machine = Machine(tmp_path_factory.mktemp("machine"))
    begun = time.monotonic()
    machine.make_debian()
    machine.build(HERE / "systemd.Containerfile", IMAGE, HERE)
    machine.tell("Debian with systemd and PostgreSQL made", begun)
    checkout = machine.folder / "soleflip"
    copy_checkout(checkout)
    # With the first capability the units' hardening is in force: without, systemd leaves most of it out and
    # says nothing. With the second one sees that it is.
    more = ["--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", *known()]
    options = ["--detach", f"--name={NAME}", "--systemd=always", *more]
    machine.podman("run", *options, IMAGE)
    try:
        machine.await_boot()
        machine.podman("cp", str(checkout), f"{NAME}:/opt/soleflip")
        password = f"ALTER ROLE postgres PASSWORD '{ADMINISTRATOR}'"
        machine.execute(f'su postgres -c "psql --quiet" <<< "{password}; CREATE DATABASE dagster"')
        make_databases(machine.server)
        yield machine
    finally:
        machine.podman("rm", "--force", "--volumes", "--time=20", NAME)


def test_units_bring_back_what_was_killed_and_what_is_stuck(installed: Machine) -> None:
    _install(installed)
    _deploy(installed)
    _require_hardened(installed)
    for service in SERVICES:
        begun = time.monotonic()
        killed = installed.send("KILL", service)
        installed.await_another(service, killed, READY_SECONDS)
        installed.await_ready()
        await_tick(installed.server, READY_SECONDS)
        installed.tell(f"`{service}` killed: another one, all ready, and a tick after that", begun)
    _let_all_get_stuck(installed)
    _upgrade(installed)
    _restart_the_machine(installed)
    _stop(installed)
    _write_down(installed)


def _install(installed: Machine) -> None:
    begun = time.monotonic()
    installed.execute(block("One machine with systemd"), seconds=1800)
    installed.tell("the page's commands, from `useradd` to the timers", begun)
    begun = time.monotonic()
    installed.await_ready()
    installed.tell("after them until `soleflip health … --ready` says so of all", begun)


def _deploy(installed: Machine) -> None:
    begun = time.monotonic()
    installed.execute(_deployment(), seconds=1800)
    installed.tell("`deploy --check`, `deploy`, `verify`", begun)
    begun = time.monotonic()
    await_tick(installed.server, READY_SECONDS)
    installed.tell("the next tick", begun)


def _deployment() -> str:
    """The page's second block, with passwords and this machine's name."""
    return re.sub(r"//(\w+):…@db", r"//\1:\1@127.0.0.1", block("One machine with systemd", 1))


def _require_hardened(installed: Machine) -> None:
    """A service sees the machine read-only, whoever runs in it."""
    for service in SERVICES:
        process = installed.process(service)
        seen = f"nsenter --target {process} --mount touch /usr/by-a-service 2>&1 || true"
        assert "Read-only file system" in installed.execute(seen)
        assert "NoNewPrivs:\t1" in installed.execute(f"cat /proc/{process}/status")


def _let_all_get_stuck(installed: Machine) -> None:
    """Alive for systemd, and yet they do nothing: SIGSTOP. The timers notice, and restart them."""
    begun = time.monotonic()
    stuck = {service: installed.send("STOP", service) for service in WATCHED}
    for service in WATCHED:
        installed.await_another(service, stuck[service], NOTICED_SECONDS)
        installed.tell(f"`{service}` stuck (SIGSTOP, all three at once): another one", begun)
        assert "Finished" in installed.execute(
            f"journalctl --no-pager --unit=soleflip-restart@{service}"
        )
    installed.await_ready()
    await_tick(installed.server, READY_SECONDS)
    installed.tell("all ready, and a tick after that", begun)


def _upgrade(installed: Machine) -> None:
    """The page's commands but for `git pull`: the checkout is what it is."""
    begun = time.monotonic()
    commands = re.sub(r"^git .*\n", "", block("Upgrades"), flags=re.MULTILINE)
    installed.execute(commands, seconds=1800)
    variables = [line for line in _deployment().splitlines() if line.startswith("export ")]
    installed.execute("\n".join([*variables, "soleflip deploy --check"]))
    installed.await_ready()
    await_tick(installed.server, READY_SECONDS)
    installed.tell("the page's upgrade: all ready, and a tick after that", begun)


def _restart_the_machine(installed: Machine) -> None:
    begun = time.monotonic()
    installed.podman("restart", "--time=60", NAME)
    installed.await_boot()
    installed.await_ready()
    await_tick(installed.server, READY_SECONDS)
    timers = installed.execute("systemctl list-timers --no-legend 'soleflip-health@*'").splitlines()
    assert len(timers) == len(WATCHED)
    installed.tell("the machine restarted: all ready, and a tick after that", begun)


def _stop(installed: Machine) -> None:
    """The target is all of it: nothing of ours is left running, and no timer starts it."""
    begun = time.monotonic()
    installed.execute("systemctl stop soleflip.target")
    assert not any(installed.process(service) for service in SERVICES)
    uids = (
        'cat /proc/[0-9]*/status 2>/dev/null | grep --count "^Uid:.$(id --user soleflip)" || true'
    )
    assert installed.execute(uids).strip() == "0"
    assert installed.execute("systemctl list-timers --no-legend 'soleflip-health@*'") == ""
    assert installed.execute("systemctl list-units --failed --no-legend 'soleflip*'") == ""
    installed.tell("`systemctl stop soleflip.target`: none of them runs, no timer is left", begun)


def _write_down(installed: Machine) -> None:
    """What came of it, for the file that SYSTEMD names."""
    engine = installed.podman("--version").strip()
    version = installed.execute("systemctl --version").splitlines()[0]
    text = f"""# systemd

Written by `make systemd` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {version}, the first process
of a container ({engine}, {machine()}); Debian bookworm, its Python 3.11 and PostgreSQL 15.
The files of deploy/systemd/ and the commands of docs/production.md are as they stand, but for passwords and
`git pull`. The units' hardening was in force: each service sees the machine read-only.

{markdown_table(("what", "took"), installed.told)}

Killed is the main process, by SIGKILL. Ready is what `soleflip health … --ready` says of code server,
webserver, daemon and database.
"""
    Path(os.environ["SYSTEMD"]).write_text(text, encoding="utf-8")
