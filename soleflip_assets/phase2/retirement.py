"""Retirement: dropping the old tables once nobody can need them any more.

A gate is one file of sql/retirement/legacy/ or sql/retirement/backups/: its header says the condition
(first paragraph) and what to do while it is not met (``Fix:``); its one row has a boolean ``passed``,
``since`` when, ``until`` when, and ``examples``. Time and history come from the ledger. Here: asking the
gates, and passing them. Not here: what a gate compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from soleflip_assets.checks.validations import VALIDATIONS, observe
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.dependents import dependents
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.ground.tables import LEGACY_TABLES, Table, backup_of

_NO_DEPENDENTS = SqlFile("retirement/legacy/no_dependents.sql")


class GateClosedError(DeploymentError):
    """The tables may not be dropped yet; the message says why, and since or until when."""


@dataclass(frozen=True)
class Gate:
    """A condition for dropping, as it is at this moment.

    Attributes:
        file: what asks for it.
        is_open: whether it is met.
        observed: ``since``, ``until`` and ``examples``, as far as there are any.
    """

    file: SqlFile
    is_open: bool
    observed: Mapping[str, Any]

    @property
    def until(self) -> datetime | None:
        """When it opens, if only time is needed."""
        return None if self.is_open else self.observed.get("until")

    def __str__(self) -> str:
        """One sentence."""
        if self.is_open:
            return f"open: {self.file.description}"
        times = [
            f"{word} {self.observed[word]:%Y-%m-%d %H:%M %Z}"
            for word in ("since", "until")
            if isinstance(self.observed.get(word), datetime)
        ]
        examples = self.observed.get("examples") or []
        found = "; ".join([*times, *examples, *filter(None, [self.observed.get("error")])])
        return f"closed ({found}): {self.file.description} {self.file.fields['fix']}"


@dataclass(frozen=True)
class Retirement:
    """Some tables, and what has to be so before they are dropped.

    Attributes:
        file: what drops them; its name is the ledger's step.
        tables: which.
        gates: the conditions.
    """

    file: SqlFile
    tables: Sequence[Table]
    gates: Sequence[SqlFile]

    @property
    def names(self) -> list[str]:
        """The tables, qualified."""
        return [f"inventory.{table.name}" for table in self.tables]


LEGACY_RETIREMENT = Retirement(
    SqlFile("retirement/drop_legacy_tables.sql"), LEGACY_TABLES, sql_files("retirement/legacy")
)
BACKUP_RETIREMENT = Retirement(
    SqlFile("retirement/drop_backup_tables.sql"),
    [backup_of(table) for table in LEGACY_TABLES],
    [*sql_files("retirement/backups"), _NO_DEPENDENTS],
)


def ask_gates(
    connection: Connection, retirement: Retirement, now: datetime | None = None
) -> list[Gate]:
    """How each gate stands.

    Args:
        connection: a database with a ledger.
        retirement: which tables.
        now: as if it were then; the server's own time if None.
    """
    known: dict[str, dict[str, Any]] = {
        "validations_passed_within_a_day": {
            "now": now,
            "validations": [validation.name for validation in VALIDATIONS],
        },
        "no_dependents": {"dependents": dependents(connection, retirement.names)},
        "restore_drill_passed": {},
        "legacy_tables_gone": {},
    }
    return [
        Gate(file, *observe(connection, file, **known.get(file.name, {"now": now})))
        for file in retirement.gates
    ]


def retire(
    deployer: Deployer, retirement: Retirement, *, dry_run: bool, now: datetime | None = None
) -> bool:
    """Drop the tables if every gate is open.

    Args:
        deployer: who drops.
        retirement: which tables.
        dry_run: only ask the gates and say what would be dropped.
        now: as if it were then; the server's own time if None.

    Returns:
        Whether they were dropped.

    Raises:
        GateClosedError: a gate is closed; the message names each one that is.
    """
    if retired := ledger.retired(deployer.connection, retirement.file.name):
        deployer.log(f"They were dropped on {retired['retired_at']:%Y-%m-%d %H:%M %Z} already.")
        return False
    gates = ask_gates(deployer.connection, retirement, now)
    for gate in gates:
        deployer.log(str(gate))
    if closed := [gate for gate in gates if not gate.is_open]:
        raise GateClosedError(
            f"{', '.join(retirement.names)} may not be dropped: "
            + " ".join(f"{gate.file.name}: {gate}" for gate in closed)
        )
    if dry_run:
        deployer.log(f"A dry run: this would drop {', '.join(retirement.names)}.")
        return False
    deployer.execute(retirement.file)
    return True
