"""The ledger: what was deployed, when, by whom, from which text. State lives here and in no one's memory."""

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, RowMapping

from soleflip_assets.ground.database import query_file, query_one, run_statement

VERSION = version("soleflip-assets")


def exists(connection: Connection) -> bool:
    """Whether there is a ledger."""
    return bool(query_one(connection, "ledger/exists.sql")["ledger_exists"])


def entries(connection: Connection) -> dict[str, RowMapping]:
    """The newest entry of each step of the current deployment; none before the first one."""
    if not exists(connection):
        return {}
    return {row["step"]: row for row in query_file(connection, "ledger/steps.sql")}


def deployed_at(connection: Connection) -> datetime | None:
    """When Phase 2 was first deployed to its last step; None if it is not, or is being taken back.

    To mend it later does not begin the deployment anew.
    """
    if not exists(connection):
        return None
    moment: datetime | None = query_one(connection, "ledger/deployed_at.sql")["deployed_at"]
    return moment


def retired(connection: Connection, step: str) -> RowMapping | None:
    """When a retirement step was carried out, and by whom; None if it was not.

    Args:
        connection: SoleFlip's database.
        step: ``drop_legacy_tables`` or ``drop_backup_tables``.
    """
    if not exists(connection):
        return None
    return next(iter(query_file(connection, "retirement/retired.sql", step=step)), None)


def start(
    connection: Connection, step: str, checksum: str, details: Mapping[str, Any] | None = None
) -> int:
    """Record that a step begins.

    Args:
        connection: SoleFlip's database.
        step: its name.
        checksum: of its text.
        details: where it resumes.

    Returns:
        The entry's number, for :func:`save_progress` and :func:`finish`.
    """
    row = query_one(
        connection,
        "ledger/start_step.sql",
        step=step,
        checksum=checksum,
        version=VERSION,
        details=json.dumps(details or {}),
    )
    return int(row["id"])


def save_progress(connection: Connection, entry: int, details: Mapping[str, Any]) -> None:
    """Record how far a step has come, in the caller's transaction."""
    run_statement(connection, "ledger/save_progress.sql", id=entry, details=json.dumps(details))


def finish(connection: Connection, entry: int, details: Mapping[str, Any]) -> None:
    """Record that a step is done; what is in ``details`` is added to what was saved before."""
    run_statement(connection, "ledger/finish_step.sql", id=entry, details=json.dumps(details))
