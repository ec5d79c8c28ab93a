"""``soleflip resync``, as a command. Not here: what is carried where (phase2/resync.py)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import click

from soleflip_assets.commands.terminal import (
    conclude,
    counted,
    examples,
    fail,
    lines_of,
    listed,
    say,
)
from soleflip_assets.commands.work import as_owner, run
from soleflip_assets.ground.settings import Settings
from soleflip_assets.phase2.resync import Difference, Resynced


@click.command(
    epilog=examples(
        ("soleflip resync --dry-run", "what differs, and what would be written"),
        ("soleflip resync", "all that differs"),
        ("soleflip resync 0b9f3c52-4a8e-4c39-9a52-0d2f3b0a7e11", "one stock row"),
    )
)
@click.argument("stock_ids", metavar="[STOCK_ID]...", type=click.UUID, nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only say what differs; change nothing.")
@as_owner
def resync(stock_ids: Sequence[UUID], *, dry_run: bool) -> None:
    """Carry stock rows again to wherever they differ.

    For rows that are right in stock, after somebody wrote past the triggers: the remedy of
    financial_data_consistent, lifecycle_data_migrated, reserved_quantities_migrated, and of
    triggers_not_bypassed. Where the legacy row is right, write that to stock with an ordinary UPDATE first.

    The legacy row that counts is given what stock says; what stock does not know it takes from the newest
    legacy row that does. Units that active reservations say are held, and nothing is freed. Where the
    metrics are incremental, the read model is compared and repaired. Readers and writers go on meanwhile.

    Writes: stock and the three legacy tables, where they differ; a file in SOLEFLIP_HOME/reports with what
    each fact was before. Works as the owner (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when something is left that a person has to decide, or a row stayed locked.
    """
    ids = [str(one) for one in stock_ids]
    config = {"ops": {"carry_again": {"config": {"stock_ids": ids, "dry_run": dry_run}}}}
    done = run("resync_stock", config)
    result: Resynced = done.output("carry_again")
    for line in lines_of([str(one) for one in result.cured], most=10):
        say(f"  {line}")
    if result.left:
        fail(*left_for_a_person(result.left))
    record = done.op_metadata("carry_again").get("record")
    conclude(
        _verdict(result, dry_run=dry_run),
        report=Settings.from_environment().reports / record if record else "",
        run=done.link,
        then="`soleflip resync` writes it"
        if dry_run and result.cured
        else "`soleflip verify`; then find who writes past the triggers"
        if result.cured
        else "",
    )


def left_for_a_person(left: Sequence[Difference]) -> Iterator[str]:
    """A sentence for each kind of what a person has to decide."""
    remedies = {
        False: "find out for whom the units are held, then correct stock or stock_reservation.",
        True: "bring the stock row back from the dump, or delete the old rows: the runbook says how, under "
        "financial_data_consistent.",
    }
    for is_orphan, remedy in remedies.items():
        if those := [str(one) for one in left if one.is_orphan is is_orphan]:
            yield (
                f"{counted(len(those), 'difference')} cannot be cured without a person "
                f"({listed(those, most=2)}): {remedy}"
            )


def _verdict(result: Resynced, *, dry_run: bool) -> str:
    """What was carried, or would be."""
    model = result.read_model or 0
    if not result.cured and not model:
        return "Nothing differs: stock, legacy tables, reservations and metrics say the same."
    facts = f"{counted(len(result.cured), 'fact')} of {counted(result.rows, 'stock row')}"
    rows = f", and {counted(model, 'row')} of the read model" if model else ""
    if dry_run:
        return f"Nothing was changed; {facts}{rows} would be."
    return f"Carried {facts}{rows}."
