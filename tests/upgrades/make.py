"""Makes the databases of a version that is about to be released, as SQL: ``python -m tests.upgrades.make``.

One file for each state that a database can be in when the next version meets it. Run once, before the version
is released, and never again: README.md beside this file says how. Here: making them. Not here: what becomes
of them, which is test_upgrades.py's.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT
from soleflip_assets.phase2.revert import revert
from soleflip_assets.phase2.steps import deploy
from soleflip_assets.sample.sample import create_legacy_schema, fill
from tests.conftest import open_folder, programs_of

FOLDER = Path(__file__).parent
ROWS = 24

# What is done after a deployment to reach each state.
STATES: dict[str, Callable[[Deployer], object]] = {
    "materialized": lambda deployer: switch(deployer, Mode.MATERIALIZED),
    "incremental": lambda deployer: switch(deployer, Mode.INCREMENTAL),
    "reverted": revert,
    # Past the gates, which take weeks to open.
    "retired": lambda deployer: deployer.execute(LEGACY_RETIREMENT.file),
}


def make(folder: Path) -> None:
    """Write one file for each state, of the version that this code is.

    Args:
        folder: where to; made if it is not there.
    """
    folder.mkdir(exist_ok=True)
    # The oldest server's programs: what they write, every newer server reads.
    programs = programs_of("15")
    with (
        open_folder() as data,
        PostgresServer(data / "data", programs, {"fsync": "off"}).running() as server,
    ):
        for state, reach in STATES.items():
            server.create_database(state)
            url = server.url(state)
            engine = create_database_engine(url)
            with engine.begin() as connection:
                create_legacy_schema(connection)
                fill(connection, "busy", rows=ROWS)
            with Deployer(engine, log=print) as deployer:
                deploy(deployer)
                reach(deployer)
            location = url.render_as_string(hide_password=False)
            dump = subprocess.run(
                [
                    programs / "pg_dump",
                    "--no-owner",
                    "--rows-per-insert=100",
                    f"--dbname={location}",
                ],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            (folder / f"{state}.sql").write_text(_portable(dump.stdout), encoding="utf-8")


def _portable(dump: str) -> str:
    """Without psql's own commands: the file is then plain SQL, which any client runs."""
    return "".join(line for line in dump.splitlines(True) if not line.startswith("\\"))


if __name__ == "__main__":
    make(FOLDER / ledger.VERSION)
