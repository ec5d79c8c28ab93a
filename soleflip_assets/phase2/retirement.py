"""Retirement: dropping the old tables once nobody can need them any more.

A gate is a question of sql/retirement/legacy/ or sql/retirement/backups/: its header says what to do while it
is closed (``Fix:``), its row ``since`` when and ``until`` when it is. Time and history come from the ledger.
Views of others that read the old tables can be given stock to read instead. Here: asking the gates, and
passing them. Not here: what a gate compares, or how a view is rewritten (deploying/rewriting.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from soleflip_assets.checks.question import Answer, Question, questions_in, questions_of
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.dependents import dependents
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.deploying.rewriting import Rewriting, StandIn, rewrite, rewritings
from soleflip_assets.ground.database import query_one, undone
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.tables import LEGACY_TABLES, Table, backup_of

(_NO_DEPENDENTS,) = questions_of(SqlFile("retirement/legacy/no_dependents.sql"))
# How long each is kept is said there, and nowhere else.
(DEPLOYED_14_DAYS,) = questions_of(SqlFile("retirement/legacy/deployed_14_days.sql"))
# Of what closes a gate so many are named; the check in the UI lists them all.
_EXAMPLES = 5
(DEPLOYED_30_DAYS,) = questions_of(SqlFile("retirement/backups/deployed_30_days.sql"))

# The rows' own, which stock does not hold.
_OWN_COLUMNS = ("id", "created_at", "updated_at", "last_calculated_at")
IN_PLACE_OF_LEGACY = [
    StandIn(
        f"inventory.{table.name}",
        SqlFile(f"retirement/in_place_of/{table.name}.sql").statements,
        _OWN_COLUMNS,
    )
    for table in LEGACY_TABLES
]


class GateClosedError(DeploymentError):
    """The tables may not be dropped yet; the message says why, and since or until when."""


@dataclass(frozen=True)
class Gate:
    """A condition for dropping, as it is at this moment.

    Attributes:
        question: what asks for it.
        answer: whether it is met; ``since``, ``until`` and ``examples``, as far as there are any.
    """

    question: Question
    answer: Answer

    @property
    def is_open(self) -> bool:
        """Whether it is met."""
        return self.answer.passed

    @property
    def until(self) -> datetime | None:
        """When it opens, if only time is needed."""
        return None if self.is_open else self.answer.observed.get("until")

    @property
    def found(self) -> str:
        """Since or until when it is closed, and by what: the first few."""
        observed = self.answer.observed
        times = [
            f"{word} {observed[word]:%Y-%m-%d %H:%M %Z}"
            for word in ("since", "until")
            if isinstance(observed.get(word), datetime)
        ]
        examples = list(observed.get("examples") or [])
        if (left := len(examples) - _EXAMPLES) > 0:
            examples[_EXAMPLES:] = [f"and {left} more"]
        return "; ".join([*times, *examples, *filter(None, [observed.get("error")])])

    def __str__(self) -> str:
        """What has to be so; where it is not, why not and what to do."""
        if self.is_open:
            return f"met: {self.question.expected}"
        found = f" ({self.found})" if self.found else ""
        return f"not met{found}. Wanted: {self.question.expected} To do: {self.question.advice}"


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
    gates: Sequence[Question]

    @property
    def names(self) -> list[str]:
        """The tables, qualified."""
        return [f"inventory.{table.name}" for table in self.tables]


LEGACY_RETIREMENT = Retirement(
    SqlFile("retirement/drop_legacy_tables.sql"), LEGACY_TABLES, questions_in("retirement/legacy")
)
BACKUP_RETIREMENT = Retirement(
    SqlFile("retirement/drop_backup_tables.sql"),
    [backup_of(table) for table in LEGACY_TABLES],
    [*questions_in("retirement/backups"), _NO_DEPENDENTS],
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
    known = {
        "now": now,
        "deployed_at": ledger.deployed_at(connection),
        "validations": [validation.name for validation in VALIDATIONS],
        "dependents": dependents(connection, retirement.names),
    }
    return [Gate(question, question.ask(connection, known)) for question in retirement.gates]


def retire(
    deployer: Deployer,
    retirement: Retirement,
    *,
    dry_run: bool,
    now: datetime | None = None,
    rewrite_views: bool = False,
) -> bool:
    """Drop the tables if every gate is open.

    Args:
        deployer: drops, and records it.
        retirement: which tables.
        dry_run: only ask the gates and say what would be dropped.
        rewrite_views: before the gates are asked, and also where nothing is dropped, give the views that read
            the legacy tables the same rows from stock.
        now: as if it were then; the server's own time if None.

    Returns:
        Whether they were dropped.

    Raises:
        GateClosedError: a gate is closed; the message names each one that is.
    """
    if retired := ledger.retired(deployer.connection, retirement.file.name):
        deployer.log(f"There is nothing to drop: they {ledger.told_retired(retired)}.")
        return False
    if ledger.deployed_at(deployer.connection) is None:
        raise DeploymentError(
            "Phase 2 is not deployed here, so there is nothing to retire: run `soleflip deploy`."
        )
    if retirement is LEGACY_RETIREMENT:
        _look_at_views(deployer, rewrite_views=rewrite_views)
    gates = ask_gates(deployer.connection, retirement, now)
    for gate in gates:
        mark, stands = ("✓", gate.question.expected) if gate.is_open else ("✗", str(gate))
        deployer.log(f"{mark} {gate.question.name}: {stands}")
    if closed := [gate for gate in gates if not gate.is_open]:
        named = "; ".join(
            f"{gate.question.name} ({gate.found})" if gate.found else gate.question.name
            for gate in closed
        )
        raise GateClosedError(
            f"{', '.join(retirement.names)} may not be dropped, since {len(closed)} of {len(gates)} "
            f"conditions are not met: {named}. What to do about each is told with it."
        )
    if dry_run:
        deployer.log(f"A dry run: this would drop {', '.join(retirement.names)}.")
        return False
    deployer.execute(retirement.file)
    return True


def _look_at_views(deployer: Deployer, *, rewrite_views: bool) -> None:
    """Say of each view on the legacy tables how it could read stock; give it that, if asked to."""
    connection = deployer.connection
    if rewrite_views:
        deployer.apply_operations()
        found = deployer.in_transaction(lambda: rewrite(connection, IN_PLACE_OF_LEGACY))
    elif query_one(connection, "catalog/can_rewrite.sql")["can_rewrite"]:
        with undone(connection):
            found = rewritings(connection, IN_PLACE_OF_LEGACY)
    else:
        return
    _tell(deployer, found, rewritten=rewrite_views)


def _tell(deployer: Deployer, found: Sequence[Rewriting], *, rewritten: bool) -> None:
    for one in found:
        deployer.log(str(one))
    able = [str(one.reader) for one in found if not one.obstacle]
    if able and rewritten:
        deployer.log(f"rewritten, and read stock from now on: {', '.join(able)}")
    elif able:
        deployer.log(
            f"`soleflip drop-legacy --rewrite-views` makes them read stock: {', '.join(able)}"
        )
