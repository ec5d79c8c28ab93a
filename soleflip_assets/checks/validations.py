"""Validations: the questions of sql/checks/ as Dagster asset checks that stop what is built on wrong data.

To add one, add a file. Here: their severity, and what is remembered of them. Not here: how a question is
asked (question.py), or what any of them compares.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.checks.question import Answer, Question, ask_all, questions_in
from soleflip_assets.checks.shown import check_result
from soleflip_assets.deploying import ledger
from soleflip_assets.ground.database import run_statement
from soleflip_assets.ground.resource import Database

VALIDATIONS: Sequence[Question] = questions_in("checks")


def validation_spec(validation: Question) -> dg.AssetCheckSpec:
    """A validation for Dagster. Blocking: nothing downstream is built on data that failed it."""
    return dg.AssetCheckSpec(
        validation.name,
        asset=validation.asset_key,
        description=validation.expected,
        blocking=True,
    )


def validations_of(key: dg.AssetKey) -> list[Question]:
    """The validations of one asset."""
    return [validation for validation in VALIDATIONS if validation.asset_key == key]


def validation_checks(*keys: dg.AssetKey) -> dg.AssetSelection:
    """The validations of some assets, for a job; without what else is checked of them."""
    return dg.AssetSelection.checks(
        *(validation_spec(validation).key for key in keys for validation in validations_of(key))
    )


def build_asset_checks(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The asset checks of one asset, as one step that opens one connection.

    Args:
        key: the asset; ``inventory/stock`` gives a step named ``validate_inventory_stock``.
    """
    validations = validations_of(key)

    @dg.multi_asset_check(
        name="validate_" + "_".join(key.path),
        specs=[validation_spec(validation) for validation in validations],
        can_subset=True,
    )
    def validate(
        context: dg.AssetCheckExecutionContext, database: Database
    ) -> Iterator[dg.AssetCheckResult]:
        selected = {check.name for check in context.selected_asset_check_keys}
        asked = [validation for validation in validations if validation.name in selected]
        with database.connect() as connection:
            for validation, answer in ask_all(connection, asked):
                _remember(connection, validation, answer)
                yield check_result(
                    validation_spec(validation),
                    answer,
                    severity=dg.AssetCheckSeverity.ERROR,
                    advice=validation.advice,
                )

    return validate


def _remember(connection: Connection, validation: Question, answer: Answer) -> None:
    """Keep the answer where the retirement gates look for it; nowhere before the first deployment."""
    if ledger.exists(connection):
        run_statement(
            connection,
            "retirement/record_validation.sql",
            name=validation.name,
            passed=answer.passed,
        )
