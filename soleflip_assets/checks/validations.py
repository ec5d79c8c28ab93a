"""Validations: the files of sql/checks/, run and turned into Dagster asset checks.

A validation is one file. Its name is the check's name; its header says what it proves (first paragraph),
for which asset (``Asset:``), what a failure means (``Means:``) and, where it reads tables that are retired
one day, by which step (``Until:``); its one row has a boolean ``passed``, the numbers that were compared,
and ``examples``, the first few ids that are wrong. Where one scan serves several checks, they share a file:
its header says of each, under ``Check:`` and its name, what it ``Proves:`` and ``Means:``, and its row has a
JSON object of that name. To add a check, add a file. Here: running them. Not here: what any of them compares.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import dagster as dg
from psycopg import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.shown import explanation, metadata_of
from soleflip_assets.deploying import ledger
from soleflip_assets.ground.database import Database, query_one, undone
from soleflip_assets.ground.sql_files import SqlFile, sql_files

# What PostgreSQL answers when the schema itself is wrong: an object or column that a check reads is
# missing, or the view was emptied. That is a finding. Every other error means that the check could not be
# made, and is raised.
_SCHEMA_FINDINGS = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
    errors.ObjectNotInPrerequisiteState,
)


@dataclass(frozen=True)
class Validation:
    """One check of a file of sql/checks/.

    Attributes:
        file: which; often it holds no other.
        name: the check's name.
        description: what it proves.
        meaning: what a failure means, in a sentence.
    """

    file: SqlFile
    name: str
    description: str
    meaning: str

    @property
    def asset_key(self) -> dg.AssetKey:
        """The asset that it validates."""
        return dg.AssetKey(self.file.fields["asset"].split("/"))

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """Blocking: nothing downstream is built on data that failed its validation."""
        return dg.AssetCheckSpec(
            self.name, asset=self.asset_key, description=self.description, blocking=True
        )

    def run(self, connection: Connection) -> "Verdict":
        """Compare.

        Raises:
            sqlalchemy.exc.DBAPIError: the comparison could not be made; that says nothing of the data.
        """
        (verdict,) = run_validations(connection, [self])
        return verdict


@dataclass(frozen=True)
class Verdict:
    """What a validation found.

    Attributes:
        validation: which.
        passed: whether the data is right.
        observed: the numbers compared, by name.
    """

    validation: Validation
    passed: bool
    observed: Mapping[str, Any]

    @property
    def result(self) -> dg.AssetCheckResult:
        """As Dagster records it."""
        return dg.AssetCheckResult(
            passed=self.passed,
            asset_key=self.validation.asset_key,
            check_name=self.validation.name,
            severity=dg.AssetCheckSeverity.ERROR,
            description=None
            if self.passed
            else explanation(self.validation.meaning, self.observed),
            metadata=metadata_of(self.observed),
        )


def run_validations(
    connection: Connection, validations: Iterable[Validation]
) -> Iterator["Verdict"]:
    """Compare; each file is run once, however many of its checks are asked for.

    Args:
        connection: where.
        validations: which, those of one file next to each other.

    Raises:
        sqlalchemy.exc.DBAPIError: a comparison could not be made; that says nothing of the data.
    """
    for file, checks in groupby(validations, key=lambda validation: validation.file):
        passed, observed = _row(connection, file, {})
        for check in checks:
            if isinstance(found := observed.get(check.name), dict):
                yield Verdict(
                    check,
                    passed=bool(found["passed"]),
                    observed={name: value for name, value in found.items() if name != "passed"},
                )
            else:
                yield Verdict(check, passed=bool(passed), observed=observed)


def observe(
    connection: Connection, file: SqlFile, **parameters: Any
) -> tuple[bool, dict[str, Any]]:
    """Run a file of sql/ that says ``passed``.

    A file with a field ``Until:`` reads tables that are retired one day. It names the ledger's step that
    retires them, and from that day passes with the date: a table that is gone without such an entry fails.

    Args:
        connection: where.
        file: one statement that gives one row.
        parameters: of the statement.

    Returns:
        Whether it passed, and the numbers that were compared, by name.

    Raises:
        sqlalchemy.exc.DBAPIError: the comparison could not be made; that says nothing of the data.
    """
    passed, row = _row(connection, file, parameters)
    return bool(passed), row


def _row(
    connection: Connection, file: SqlFile, parameters: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """``passed``, if the file says so for all it holds, and the rest of its row."""
    until = file.fields.get("until")
    if until and (retired := ledger.retired(connection, until)):
        return True, dict(retired)
    try:
        with undone(connection):
            query_one(connection, "monitoring/whole_tables.sql")
            row = dict(query_one(connection, file.path, **parameters))
    except DBAPIError as error:
        if not isinstance(error.orig, _SCHEMA_FINDINGS):
            raise
        return False, {"error": str(error.orig).strip()}
    return row.pop("passed", None), row


def _remember(connection: Connection, verdict: Verdict) -> None:
    """Keep the verdict where the retirement gates look for it; nowhere before the first deployment."""
    if ledger.exists(connection):
        query_one(
            connection,
            "retirement/record_validation.sql",
            name=verdict.validation.name,
            passed=verdict.passed,
        )


def _validations(file: SqlFile) -> Iterator[Validation]:
    if not file.checks:
        yield Validation(file, file.name, file.description, file.fields["means"])
    for check in file.checks:
        yield Validation(file, check["check"], check["proves"], check["means"])


VALIDATIONS: Sequence[Validation] = [
    validation for file in sql_files("checks") for validation in _validations(file)
]


def validations_of(key: dg.AssetKey) -> list[Validation]:
    """The validations of one asset."""
    return [validation for validation in VALIDATIONS if validation.asset_key == key]


def validation_checks(*keys: dg.AssetKey) -> dg.AssetSelection:
    """The validations of some assets, for a job; without what else is checked of them."""
    return dg.AssetSelection.checks(
        *(validation.spec.key for key in keys for validation in validations_of(key))
    )


def build_asset_checks(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The asset checks of one asset, as one step that opens one connection.

    Args:
        key: the asset; ``inventory/stock`` gives a step named ``validate_inventory_stock``.
    """
    validations = validations_of(key)

    @dg.multi_asset_check(
        name="validate_" + "_".join(key.path),
        specs=[validation.spec for validation in validations],
        can_subset=True,
    )
    def validate(
        context: dg.AssetCheckExecutionContext, database: Database
    ) -> Iterator[dg.AssetCheckResult]:
        selected = {check.name for check in context.selected_asset_check_keys}
        with database.connect() as connection:
            for verdict in run_validations(
                connection, (check for check in validations if check.name in selected)
            ):
                _remember(connection, verdict)
                yield verdict.result

    return validate
