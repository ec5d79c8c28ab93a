"""Every remedy of the runbook, executed on the fault that it is for, cures it.

The blocks come from docs/runbook.md as they stand; only the zeros are replaced by an id. Here: the faults.
Not here: whether a check sees every fault (tests/integration/checks, tests/integration/monitoring).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.settings import FILES
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.months.month import Month
from soleflip_assets.partitioning.conversion import convert
from tests.conftest import Databases, connect
from tests.e2e.documents import RUN, Block, Shell, blocks
from tests.e2e.processes import SOLEFLIP, clean_environment

# Dagster's own use of what it deprecates; Apprise imports imghdr.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

RUNBOOK = "docs/runbook.md"
ZEROS = "00000000-0000-0000-0000-000000000000"
BYPASSED = "SET session_replication_role = replica"
CHECKS = {
    *(validation.name for validation in VALIDATIONS),
    *(monitor.name for monitor in MONITORS),
}

# Breaks something; the id that the remedy asks for, if it does.
Fault = Callable[[Connection], str | None]


def past_the_triggers(*statements: str) -> Fault:
    """Statements that no trigger sees; the last one says which id is wrong."""

    def break_it(shop: Connection) -> str | None:
        execute_statement(shop, BYPASSED)
        ids = [shop.execute(text(statement)) for statement in statements]
        execute_statement(shop, "SET session_replication_role = origin")
        return str(ids[-1].scalar_one()) if ids[-1].returns_rows else None

    return break_it


def by_hand(*statements: str) -> Fault:
    """Statements of somebody who knows nothing of us."""

    def break_it(shop: Connection) -> None:
        for statement in statements:
            execute_statement(shop, statement)

    return break_it


def view_with(before: str, after: str) -> Fault:
    """The view as somebody made it who meant well."""
    made = SqlFile("phase2/81_stock_metrics_view.sql").statements
    return by_hand(DROPPED, *(statement.replace(before, after) for statement in made))


def changed(table: str, assignment: str, key: str = "stock_id") -> str:
    return (
        f"UPDATE inventory.{table} SET {assignment} WHERE {key} = "
        "(SELECT min(stock_id::text)::uuid FROM inventory.stock_financial"
        " JOIN inventory.stock_lifecycle USING (stock_id) JOIN inventory.stock_metrics USING (stock_id)"
        " WHERE stock_id IN (SELECT stock_id FROM inventory.stock_lifecycle GROUP BY 1 HAVING count(*) = 1)"
        " AND stock_id IN (SELECT stock_id FROM inventory.stock_financial GROUP BY 1 HAVING count(*) = 1))"
        f" RETURNING {key}"
    )


OVERSOLD = """
    WITH held AS (
      SELECT stock_id, id FROM inventory.stock_reservation WHERE status = 'active' ORDER BY id LIMIT 1
    ), cut AS (
      UPDATE inventory.stock SET quantity = 0 FROM held WHERE stock.id = held.stock_id
    ) SELECT id FROM held
"""
TOO_FEW = """
    UPDATE inventory.stock SET reserved_quantity = reserved_quantity - 1
    WHERE id = (SELECT stock_id FROM inventory.stock_reservation WHERE status = 'active' LIMIT 1)
"""
BLOATED = (
    (
        "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)"
        " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'sold'"
        " FROM generate_series(1, 30000)"
    ),
    "SELECT inventory.refresh_stock_metrics()",
    "DELETE FROM inventory.stock WHERE status = 'sold'",
    "SELECT inventory.refresh_stock_metrics()",
    "ANALYZE inventory.stock_metrics_view",
)
SLOW = (
    "INSERT INTO inventory_ops.metrics_refresh (horizon, started_at, finished_at)"
    " SELECT pg_current_xact_id(), now() - ago, now() - ago + took FROM (VALUES"
    + ", ".join(f"(interval '{hours} h', interval '2 s')" for hours in range(12, 1, -1))
    + ", (interval '1 min', interval '50 s')) AS refreshes (ago, took)"
)
DROPPED = "DROP MATERIALIZED VIEW inventory.stock_metrics_view"
TWICE = (
    SqlFile("phase2/81_stock_metrics_view.sql")
    .statements[2]
    .replace(
        "FROM inventory.stock s", "FROM inventory.stock s CROSS JOIN generate_series(1, 2) AS twice"
    )
    .replace("WITH NO DATA", "WITH DATA")
)
ORPHANED = (
    "SELECT stock_id FROM inventory.stock_financial"
    " WHERE NOT EXISTS (SELECT FROM inventory.stock WHERE stock.id = stock_id)"
)
LEFT_OVER = "CREATE TABLE inventory_ops.stock_metrics_read_model (stock_id uuid PRIMARY KEY)"


@dataclass(frozen=True)
class Remedy:
    """What the runbook says to do about a fault.

    Attributes:
        check: which finds it, and whose section that is.
        fault: breaks something.
        blocks: those of the section that are executed, by their place in it.
        mode: how the metrics are kept.
    """

    check: str
    fault: Fault
    blocks: Sequence[int]
    mode: Mode = Mode.MATERIALIZED

    def __str__(self) -> str:
        return f"{self.check}-{'-'.join(map(str, self.blocks))}"


def month_is_gone(shop: Connection) -> None:
    """A table in partitions by month, of which somebody dropped a month to come."""
    shop.exec_driver_sql(
        "CREATE TABLE public.tick (id bigint PRIMARY KEY, seen_at timestamptz NOT NULL)"
    )
    convert(shop.engine, "public.tick", "seen_at", lambda _: None, keep=None, archive=False)
    shop.exec_driver_sql(f"DROP TABLE public.tick_{(Month.of(datetime.now(UTC)) + 2).suffix}")


REMEDIES = [
    Remedy("financial_data_consistent",
           past_the_triggers(changed("stock", "gross_purchase_price = 1, roi_percentage = NULL", "id")), [0]),
    Remedy("financial_data_consistent",
           past_the_triggers(changed("stock_financial", "gross_purchase_price = 1")), [1]),
    Remedy("financial_data_consistent",
           past_the_triggers(changed("stock", "id = gen_random_uuid()", "id"), ORPHANED), [2]),
    Remedy("lifecycle_data_migrated",
           past_the_triggers(changed("stock", "listed_on_platforms = NULL", "id")), [0]),
    Remedy("lifecycle_data_migrated",
           past_the_triggers(changed("stock_lifecycle", "status_history = '[]'")), [1]),
    Remedy("reserved_quantities_migrated",
           past_the_triggers(changed("stock", "reserved_quantity = NULL", "id")), [0]),
    Remedy("reserved_quantities_migrated",
           past_the_triggers(changed("stock_metrics", "available_quantity = 99")), [1]),
    Remedy("records_with_reservations", past_the_triggers(OVERSOLD), [0, 1]),
    Remedy("reservations_match_ledger", by_hand(TOO_FEW), [0]),
    Remedy("stock_records_kept",
           past_the_triggers("DELETE FROM inventory.stock WHERE id = "
                             "(SELECT min(id::text)::uuid FROM inventory.stock) RETURNING id"), [0]),
    Remedy("mode_is_whole", by_hand(LEFT_OVER), [0]),
    Remedy("view_records", by_hand(DROPPED, TWICE), [0]),
    Remedy("view_records", by_hand("DELETE FROM inventory_ops.metrics_refresh"), [0]),
    Remedy("view_count_matches_stock_count",
           view_with("FROM inventory.stock s", "FROM inventory.stock s WHERE s.quantity > 1"), [0]),
    Remedy("view_count_matches_stock_count",
           view_with("FROM inventory.stock s", "FROM inventory.stock s WHERE s.quantity > 1"), [1]),
    Remedy("view_rows_match_query",
           view_with("  s.reserved_quantity,", "  s.reserved_quantity + 1 AS reserved_quantity,"), [0]),
    *(Remedy(f"{table}_backup_complete", by_hand(f"DELETE FROM inventory.{table}_backup"), [0])
      for table in ("stock_financial", "stock_lifecycle", "stock_metrics")),
    Remedy("view_not_bloated", by_hand(*BLOATED), [0]),
    Remedy("refresh_duration_steady", by_hand(SLOW), [0, 1]),
    Remedy("triggers_not_bypassed",
           past_the_triggers(changed("stock", "quantity = quantity + 1", "id"),
                             "SELECT inventory_ops.compare_stock_metrics()::text"), [0], Mode.INCREMENTAL),
    Remedy("stock_schema_as_deployed", by_hand("DROP INDEX inventory.idx_stock_listed_platforms"), [0]),
    Remedy("stock_metrics_view_schema_as_deployed",
           by_hand("DROP INDEX inventory.idx_stock_metrics_view_available"), [0]),
    Remedy("headline_queries_use_indexes", by_hand("DROP INDEX inventory.idx_stock_value"), [0, 1]),
    Remedy("partitions_kept", month_is_gone, [0]),
    Remedy("index_usage",
           by_hand("UPDATE pg_index SET indisvalid = false"
                   " WHERE indexrelid = 'inventory.idx_stock_value'::regclass"), [0]),
]  # fmt: skip


def blocks_of(section: str) -> list[Block]:
    """The blocks of a section that are to be run, in order."""
    lines = (FILES / RUNBOOK).read_text(encoding="utf-8").splitlines()
    first = lines.index(f"## {section}") + 1
    last = next(
        (number for number, line in enumerate(lines[first:], first) if line.startswith("## ")),
        len(lines),
    )
    return [
        block
        for block in blocks(RUNBOOK)
        if block.language in RUN and first < int(block.place.rpartition(":")[2]) <= last
    ]


@pytest.fixture
def shop(request: pytest.FixtureRequest, databases: Databases) -> URL:
    """A busy shop in the mode of the remedy."""
    return databases.deployed("busy", request.getfixturevalue("remedy").mode)


@pytest.fixture
def shell(shop: URL, databases: Databases, tmp_path: Path) -> Shell:
    """A terminal, with a copy of the shop as it was restored."""
    url = shop.render_as_string(hide_password=False)
    storage = databases.dagster().render_as_string(hide_password=False)
    environment = clean_environment(
        SOLEFLIP_HOME=str(tmp_path), SOLEFLIP_DATABASE_URL=url, DAGSTER_POSTGRES_URL=storage
    )
    environment["PATH"] = f"{SOLEFLIP.parent}:{EMBEDDED_PROGRAMS}:{environment['PATH']}"
    restored = databases.deployed("busy").render_as_string(hide_password=False)
    return Shell(environment, {"RESTORED": restored}, url, lambda _: None, tmp_path)


def passed(shop: Connection, check: str) -> bool:
    """Whether a check passes now."""
    for validation in VALIDATIONS:
        if validation.name == check:
            ((_, answer),) = ask_all(shop, [validation])
            return answer.passed
    (monitor,) = (monitor for monitor in MONITORS if monitor.name == check)
    result: dg.AssetCheckResult = monitor.result(shop)
    return bool(result.passed)


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
def test_remedy_cures_the_fault_that_it_is_for(remedy: Remedy, shop: URL, shell: Shell) -> None:
    chosen = [blocks_of(remedy.check)[place] for place in remedy.blocks]
    with connect(shop) as connection:
        assert passed(connection, remedy.check)
        wrong = remedy.fault(connection)
        assert not passed(connection, remedy.check)

    for block in chosen:
        shell.run(replace(block, text=block.text.replace(ZEROS, wrong or ZEROS)))

    with connect(shop) as connection:
        assert passed(connection, remedy.check), shell.output


# What is to be looked at only, what another test executes, and what needs a role or a day.
EXECUTED_ELSEWHERE = {
    "no_transaction_holds_back": "tests/integration/monitoring/test_watch.py",
    "vacuum_keeps_up": "tests/e2e/test_documents.py",
    "view_is_fresh": "tests/integration/metrics/test_seed_queries.py",  # that a refresh makes it new
}


def test_every_block_of_a_check_is_executed_on_its_fault() -> None:
    executed = {(remedy.check, place) for remedy in REMEDIES for place in remedy.blocks}
    sections = re.findall(
        r"^## (\w+)$", (FILES / RUNBOOK).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(sections) & CHECKS == CHECKS
    there = {
        (check, place)
        for check in CHECKS - EXECUTED_ELSEWHERE.keys()
        for place, _ in enumerate(blocks_of(check))
    }
    assert executed == there
