"""The way from Dagster's definitions to the warehouse's work, which only what uses it goes.

Not here: the work.
"""

from typing import TYPE_CHECKING

from soleflip_assets.ground.resource import Database

if TYPE_CHECKING:
    from soleflip_assets.warehouse.work import Work


def open_work(database: Database) -> "Work":
    """The work on the environment's warehouse, loaded from a database."""
    # Its packages take seconds and a hundred megabytes, which a refresh of the metrics need not wait for.
    from soleflip_assets.warehouse.work import Work  # noqa: PLC0415

    return Work.on(database)
