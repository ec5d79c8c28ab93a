"""What the UI shows of a check or an asset: numbers, tables, explanations, links to SQL.

Here: turning what was found into Dagster's metadata. Not here: finding it.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import dagster as dg
from dagster import BetaWarning

from soleflip_assets.checks.question import Answer
from soleflip_assets.deploying.catalog import State
from soleflip_assets.deploying.changes import Outcome
from soleflip_assets.ground import runbook
from soleflip_assets.ground.sql_files import SqlFile

OWNERS = ["team:inventory-data"]
# What comes before the first step.
FIRST = " First: "


class Markdown(str):
    """A text that the UI renders."""

    __slots__ = ()


def check_result(
    spec: dg.AssetCheckSpec, answer: Answer, *, severity: dg.AssetCheckSeverity, advice: str
) -> dg.AssetCheckResult:
    """An answer, as Dagster records it.

    Args:
        spec: the check.
        answer: what came of it.
        severity: how bad it is if it failed.
        advice: what it means then, in a sentence.
    """
    return dg.AssetCheckResult(
        passed=answer.passed,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=severity,
        description=None if answer.passed else explanation(spec.name, advice, answer.observed),
        metadata={
            **({} if answer.passed else {"what_to_do": what_to_do(spec.name)}),
            **metadata_of(answer.observed),
        },
    )


def evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """A result as the event log keeps it, for who records it past a check's own step."""
    assert result.asset_key is not None
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=str(result.check_name),
        passed=bool(result.passed),
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def what_to_do(section: str) -> dg.MetadataValue[Any]:
    """A link to a section of the runbook, for a page of the UI."""
    return dg.MetadataValue.url(runbook.link(section))


def explanation(section: str, meaning: str, observed: Mapping[str, Any]) -> str:
    """What a failure means, the first ids that are wrong, and what to do first.

    Args:
        section: of the runbook.
        meaning: of the failure, in a sentence.
        observed: what was compared. The UI shows its ``examples`` only after a click.
    """
    examples = observed.get("examples")
    instance = f" For instance: {', '.join(map(str, examples))}." if examples else ""
    step = runbook.first_step(section)
    return f"{meaning}{instance}" + (f"{FIRST}{step}" if step else "")


def metadata_of(observed: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """What was observed, for the UI: numbers stay numbers, so that it plots them; no examples are no news."""
    return {
        name: _metadata(value)
        for name, value in observed.items()
        if not (name == "examples" and not value)
    }


def _metadata(value: Any) -> dg.MetadataValue[Any]:  # noqa: PLR0911 one return a type
    match value:
        case None:
            return dg.MetadataValue.null()
        case int():
            return dg.MetadataValue.int(value)
        case Decimal() if value == value.to_integral_value():
            return dg.MetadataValue.int(int(value))
        case Decimal() | float():
            return dg.MetadataValue.float(round(float(value), 3))
        case datetime():
            return dg.MetadataValue.timestamp(value)
        case list():
            return dg.MetadataValue.md(_listed(value))
        case Markdown():
            return dg.MetadataValue.md(value)
        case _:
            return dg.MetadataValue.text(str(value))


def _listed(values: list[Any]) -> str:
    """A table of rows, a list of anything else."""
    if values and all(isinstance(value, Mapping) for value in values):
        return markdown_table([*values[0]], [[*row.values()] for row in values])
    return "\n".join(f"- {value}" for value in values) or "none"


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Iterable[int] | None = None
) -> str:
    """A Markdown table.

    Args:
        header: the names of the columns.
        rows: their cells; a number gets its thousands set apart, and three decimals if it has any.
        numbers: the positions of the columns that are set to the right; those of numbers if left out.
    """
    cells = list(rows)
    if numbers is None:
        first = cells[0] if cells else ()
        numbers = [place for place, value in enumerate(first) if isinstance(value, int | float)]
    right = {*numbers}
    ruler = ["---:" if place in right else "---" for place in range(len(header))]
    lines = [header, ruler, *([_cell(value) for value in row] for row in cells)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


@contextmanager
def accept_beta() -> Iterator[None]:
    """For the three parts of Dagster that are marked beta and have no stable equivalent.

    They are the link from an asset to a file, the observation of several external assets in one step, and the
    backfill of several partitions in one run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        yield


def sql_metadata(files: Sequence[SqlFile]) -> dict[str, object]:
    """Links to the SQL files that make an asset, and their text for who has no checkout."""
    with accept_beta():
        references = dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(file.location), label=f"sql/{file.path}")
                for file in files
            ]
        )
    return {
        "dagster/code_references": references,
        "sql": dg.MetadataValue.md("\n".join(f"```sql\n{file.text}```\n" for file in files)),
    }


def outcome_metadata(outcomes: Sequence[Outcome]) -> dict[str, dg.MetadataValue[Any]]:
    """What a deployment step did, for the materialization; nothing of a mere refresh."""
    if not outcomes:
        return {}
    found = {
        state.value: [name for outcome in outcomes for name in outcome.names(state)]
        for state in State
    }
    return {
        "steps_applied": dg.MetadataValue.int(sum(outcome.applied for outcome in outcomes)),
        **{
            state: dg.MetadataValue.text(", ".join(names))
            for state, names in found.items()
            if names
        },
    }
