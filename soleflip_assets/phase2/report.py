"""The deployment report: the seed's summary, written from what was measured.

Every figure in it was read from the database or the ledger while it was written; none is projected. Here:
the text. Not here: measuring, which is sql/report, the validations and the ledger.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying import ledger
from soleflip_assets.ground.amounts import told_bytes
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.ground.explain import explain
from soleflip_assets.ground.private_files import private_folder, write_private_file
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.metrics.mode import current_mode
from soleflip_assets.phase2.retirement import (
    BACKUP_RETIREMENT,
    DEPLOYED_14_DAYS,
    DEPLOYED_30_DAYS,
    LEGACY_RETIREMENT,
)


def write_report(connection: Connection, folder: Path, run_id: str) -> Path:
    """Measure, and write the report as Markdown.

    Args:
        connection: SoleFlip's database, with Phase 2 deployed.
        folder: where to; made if it is not there.
        run_id: of the Dagster run; names the file, so a run that is retried replaces its report.
    """
    path = private_folder(folder) / f"phase2_{run_id[:8]}.md"
    write_private_file(path, _report(connection))
    return path


def _report(connection: Connection) -> str:
    entries = ledger.entries(connection)
    attempts = query_file(connection, "ledger/steps.sql")
    sections = [
        _overview(connection, entries, attempts),
        *_adoption(entries),
        _schema_changes(connection),
        _migration(connection, entries),
        _queries(connection),
        _validations(connection),
        _backups(connection),
        _removal(connection),
        _errors(attempts),
        _rollback(connection, entries),
    ]
    return "\n\n".join(sections) + "\n"


def _overview(
    connection: Connection, entries: dict[str, RowMapping], attempts: Sequence[RowMapping]
) -> str:
    server = query_one(connection, "monitoring/server.sql")
    dump = entries["database_dump"]["details"] if "database_dump" in entries else None
    rows = [
        ("Database", f"{server['database']}, PostgreSQL {server['version']}"),
        ("Deployed by", ", ".join(sorted({row["executed_by"] for row in attempts}))),
        ("Version", f"soleflip-assets {ledger.VERSION}"),
        ("First step started", _time(attempts[0]["started_at"])),
        ("Last step finished", _time(_finished(attempts))),
        ("Steps in the ledger", str(len(entries))),
    ]
    if dump:
        rows += [
            ("Dump", f"`{_name(dump)}`, in the folder dumps of SOLEFLIP_HOME"),
            ("Dump size", f"{told_bytes(dump['bytes'])} in {dump['seconds']:.1f} s"),
            ("Dump SHA-256", f"`{dump['sha256']}`"),
        ]
    return (
        f"# Phase 2: schema consolidation\n\nWritten {_time(datetime.now(UTC))}.\n\n"
        + markdown_table(("", ""), rows)
    )


def _adoption(entries: dict[str, RowMapping]) -> list[str]:
    """What was there already, made by hand; nothing where nothing was."""
    if ledger.ADOPTION not in entries:
        return []
    entry = entries[ledger.ADOPTION]
    details = entry["details"]
    moved = details.get("moved", {})
    rows = [
        (
            part["name"],
            part["verdict"],
            f"`{moved[part['name']]}`" if moved.get(part["name"]) else "",
        )
        for part in details["parts"]
    ]
    retired = [
        f"- {step}: found dropped {_time(entry['started_at'])}; by whom and when is not known"
        for step in details["retired"]
    ]
    told = entries.get("preference")
    if told:
        retired.append(f"- where both sides said something, {told['details']['prefer']} counted")
    return [
        "\n\n".join(
            [
                f"## Adopted\n\nFound {_time(entry['started_at'])}: {details['state']}.",
                markdown_table(("Object", "What became of it", "Now"), rows),
                *(["\n".join(retired)] if retired else []),
            ]
        )
    ]


def _schema_changes(connection: Connection) -> str:
    columns = markdown_table(
        ("Column of inventory.stock", "Type", "Default", "Comment"),
        (
            (row["name"], row["type"], row["default_value"] or "", row["description"])
            for row in query_file(connection, "report/columns.sql")
        ),
    )
    indexes = markdown_table(
        ("Index", "Definition", "Valid", "Size"),
        (
            (
                row["name"],
                f"`{row['definition']}`",
                "yes" if row["valid"] else "**no**",
                told_bytes(row["bytes"]),
            )
            for row in query_file(connection, "report/indexes.sql")
        ),
    )
    view, mode = query_one(connection, "report/view.sql"), current_mode(connection)
    return (
        f"## Schema changes\n\n### Columns\n\n{columns}\n\n### Indexes\n\n{indexes}\n\n### View\n\n"
        f"`inventory.stock_metrics_view` is {mode}: {view['rows']:,} records, "
        f"{told_bytes(view['bytes'])}, as of {_time(view['last_refresh'])}. With "
        f"`SELECT inventory.refresh_stock_metrics();` {mode.refresh}."
    )


def _migration(connection: Connection, entries: dict[str, RowMapping]) -> str:
    stock = query_one(connection, "report/stock.sql")
    copied = query_file(connection, "report/backups.sql")
    before = [(row["backup"].removesuffix("_backup"), f"{row['rows']:,}") for row in copied]
    after = [
        ("inventory.stock", f"{stock['rows']:,}"),
        ("with listings", f"{stock['rows_with_listings']:,}"),
        ("with status history", f"{stock['rows_with_history']:,}"),
        ("with reserved units", f"{stock['rows_reserved']:,}"),
    ]
    if "backfill" in entries:
        done = entries["backfill"]["details"]
        told = (
            f"The backfill visited {done['visited']:,} stock rows and changed {done['changed']:,}."
        )
    else:
        told = "The legacy tables were gone: there was nothing to carry over."
    return (
        "## Data migration\n\nBefore, when the backups were copied or adopted:\n\n"
        f"{markdown_table(('Table', 'Records'), before)}\n\nAfter:\n\n"
        f"{markdown_table(('', 'Records'), after)}\n\n{told}"
    )


def _queries(connection: Connection) -> str:
    plans = [(file, explain(connection, file)) for file in sql_files("headline_queries")]
    return "## Headline queries\n\nExecuted once each, on this database:\n\n" + markdown_table(
        ("Query", "Plan", "Rows", "Milliseconds"),
        (
            (file.name, f"`{plan.node}`", str(plan.rows), f"{plan.milliseconds:.3f}")
            for file, plan in plans
        ),
    )


def _validations(connection: Connection) -> str:
    return "## Validations\n\n" + markdown_table(
        ("", "Validation", "Asset", "Observed"),
        (
            (
                "✅" if answer.passed else "❌",
                validation.name,
                validation.asset_key.to_user_string(),
                ", ".join(
                    f"{name} {_number(value)}"
                    for name, value in answer.observed.items()
                    if value is not None
                ),
            )
            for validation, answer in ask_all(connection, VALIDATIONS)
        ),
    )


def _backups(connection: Connection) -> str:
    return "## Backups\n\n" + markdown_table(
        ("Table", "Records", "Size", "Content", "Copied"),
        (
            (
                row["backup"],
                f"{row['rows']:,}",
                told_bytes(row["bytes"]),
                f"`{row['content']}`",
                _time(row["copied_at"]),
            )
            for row in query_file(connection, "report/backups.sql")
        ),
    )


def _removal(connection: Connection) -> str:
    known = {"now": None, "deployed_at": ledger.deployed_at(connection)}
    legacy, backups = (
        f"they {ledger.told_retired(retired)}"
        if (retired := ledger.retired(connection, retirement.file.name))
        else f"not before {_time(question.ask(connection, known).observed['until'])}"
        for retirement, question in (
            (LEGACY_RETIREMENT, DEPLOYED_14_DAYS),
            (BACKUP_RETIREMENT, DEPLOYED_30_DAYS),
        )
    )
    return (
        "## What may be dropped when\n\n"
        f"- the three legacy tables: {legacy}\n"
        f"- the three backups: {backups}; always after the legacy tables\n\n"
        "`soleflip drop-legacy` and `soleflip drop-backups` say what else is to come, and drop them with "
        "`--yes`. Never with `CASCADE`: it takes along whatever depends on them."
    )


def _errors(attempts: Sequence[RowMapping]) -> str:
    died = [row for row in attempts if row["finished_at"] is None]
    if not died:
        return "## Errors\n\nNone: every step that was started is finished."
    return (
        "## Errors\n\nStarted and not finished, then resumed by a later run:\n\n"
        + markdown_table(
            ("Step", "Started", "By"),
            ((row["step"], _time(row["started_at"]), row["executed_by"]) for row in died),
        )
    )


def _rollback(connection: Connection, entries: dict[str, RowMapping]) -> str:
    database = query_one(connection, "monitoring/server.sql")["database"]
    dump = _name(entries["database_dump"]["details"]) if "database_dump" in entries else "DUMP"
    return (
        "## How to roll back\n\n"
        "Until the legacy tables are dropped they hold all that is written, by old and new versions of the "
        "application alike: start the old version again, and it works. `soleflip revert` then takes the new "
        f"columns, indexes and the view out of {database} again and loses nothing written since.\n\n"
        "For a disaster, the first line restores the dump into a new database beside this one and proves it; "
        "the second one also swaps the names, once nobody is connected:\n\n"
        f"```bash\nsoleflip restore {dump}\nsoleflip restore {dump} --replace\n```"
    )


def _name(dump: Mapping[str, Any]) -> str:
    """Of the file: the folder is another one for whoever reads this elsewhere."""
    return Path(dump["path"]).name


def _finished(attempts: Sequence[RowMapping]) -> datetime:
    finished: datetime = max(row["finished_at"] for row in attempts if row["finished_at"])
    return finished


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _number(value: Any) -> str:
    match value:
        case int():
            return f"{value:,}"
        case datetime():
            return _time(value)
        case _:
            return str(value)
