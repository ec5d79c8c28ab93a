"""What Dagster loads: the domains' definitions merged, and the resources they share.

To add a domain, add a folder with a ``definitions.py`` and name it here.
"""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import dagster as dg

from soleflip_assets.alerts import definitions as alerts
from soleflip_assets.deploying.deployment import Deployment
from soleflip_assets.dumps import definitions as dumps
from soleflip_assets.ground.resource import Database, OwnerDatabase
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, HOME
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.health import definitions as health
from soleflip_assets.history import definitions as history
from soleflip_assets.housekeeping import definitions as housekeeping
from soleflip_assets.metrics import definitions as metrics
from soleflip_assets.monitoring import definitions as monitoring
from soleflip_assets.partitioning import definitions as partitioning
from soleflip_assets.phase2 import definitions as phase2
from soleflip_assets.reservations import definitions as reservations
from soleflip_assets.running.executor import in_process

DOMAINS = [
    dumps, metrics, phase2, reservations, history, partitioning, monitoring, alerts, health, housekeeping,
]  # fmt: skip

# Everything by the clock works as the orchestrator; what deploys, retires or restores names the owner.
database = Database(url=dg.EnvVar(DATABASE_URL))
owner_database = OwnerDatabase(url=dg.EnvVar(DATABASE_URL))

shared = dg.Definitions(
    resources={
        "database": database,
        "owner_database": owner_database,
        "deployment": Deployment(owner_database=owner_database),
        "dagster_storage": Database(
            url=dg.EnvVar(DAGSTER_STORAGE_URL), variable=DAGSTER_STORAGE_URL
        ),
        "state": StateFolder(path=dg.EnvVar(HOME)),
    },
    executor=in_process,
)

defs: dg.Definitions


@cache
def _merged() -> dg.Definitions:
    return dg.Definitions.merge(shared, *(domain.defs for domain in DOMAINS), *_of_extras())


def _of_extras() -> Iterator[dg.Definitions]:
    """Those of domains whose packages may be left out."""
    if find_spec("pyiceberg"):
        from soleflip_assets.marts import definitions as marts  # noqa: PLC0415 it needs the extra
        from soleflip_assets.warehouse import definitions as warehouse  # noqa: PLC0415 it needs the extra

        yield warehouse.defs
        yield marts.defs


def __getattr__(name: str) -> dg.Definitions:
    """``defs``, made when it is asked for, since it depends on settings."""
    if name == "defs":
        return _merged()
    raise AttributeError(name)


def __dir__() -> list[str]:
    """``defs`` too, for Dagster, which looks for it in here."""
    return [*globals(), "defs"]
