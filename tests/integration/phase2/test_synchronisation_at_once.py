"""One statement that writes a fact in stock and, in another part, some of several legacy rows.

What stock's part wrote stays, and what the other part wrote of another fact is kept: whichever part comes
first, and whatever the rows that are left say. Here: such statements, each on both versions of PostgreSQL.
Not here: random ones, which test_synchronisation_machine.py draws, and statements of one part
(test_synchronisation_cases.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.phase2.steps import deploy
from tests.conftest import Databases
from tests.integration.phase2.deployment import ignore
from tests.integration.phase2.sides import OTHER, S, differences, rows, run, side_of, small_shop

# Of three rows the second one counts.
OLDER, COUNTING, OLDEST = (f"{n}0000000-0000-4000-8000-000000000000" for n in "123")
THREE_ROWS = f"""
DELETE FROM inventory.{{table}} WHERE stock_id = '{S}';
INSERT INTO inventory.{{table}} (id, stock_id, {{known}}{{fact}}, {{other}}, updated_at)
SELECT id::uuid, '{S}', {{values}}'2'::{{type}}, '1'::{{type}}, date::timestamptz
FROM (VALUES
  ('{OLDER}', '2025-06-01Z'), ('{COUNTING}', '2025-07-01Z'), ('{OLDEST}', '2025-05-01Z')
) AS row (id, date)"""


@dataclass(frozen=True)
class Table:
    """A legacy table: two facts, as stock and as it calls them, and what else a row needs."""

    name: str
    facts: Mapping[str, str]
    type: str
    known: str = ""
    values: str = ""

    def read(self, value: str | None) -> Any:
        """A value as it is read back."""
        if value is None:
            return None
        return {"json": int(value)} if self.type == "jsonb" else int(value)

    def spelled(self, statement: str) -> str:
        fact, other = self.facts.values()
        return statement.format(
            table=self.name, known=self.known, fact=fact, other=other, values=self.values, type=self.type
        )  # fmt: skip


TABLES = (
    Table(
        "stock_lifecycle",
        {name: name for name in ("listed_on_platforms", "status_history")},
        "jsonb",
    ),
    Table(
        "stock_financial",
        {"roi_percentage": "roi", "profit_per_shelf_day": "profit_per_shelf_day"},
        "numeric",
        "purchase_price, gross_purchase_price, vat_amount, ",
        "50, 60, 10, ",
    ),
)


def _delete(*ids: str) -> str:
    return "DELETE FROM inventory.{table} WHERE id IN ('" + "', '".join(ids) + "')"


def _insert(fact: str, other: str, *dates: str) -> str:
    values = f"{{values}}{fact}::{{type}}, {other}::{{type}}"
    new = ", ".join(
        f"(gen_random_uuid(), '{S}', {values}, '{date}'::timestamptz)" for date in dates
    )
    return (
        "INSERT INTO inventory.{table} (id, stock_id, {known}{fact}, {other}, updated_at) VALUES "
        + new
    )


NEWER, NEWEST, OLD, ANCIENT = "2030-01-01Z", "2031-01-01Z", "2025-06-15Z", "2001-01-01Z"
DATES = {
    "a newer row": [NEWER],
    "an older row": [OLD],
    "two newer rows": [NEWER, NEWEST],
    "two older rows": [ANCIENT, OLD],
    "an older and a newer row": [ANCIENT, NEWER],
}
# The legacy part, and what it makes of the other fact.
PARTS: dict[str, tuple[str, str]] = {
    "deletes the row that counts": (_delete(COUNTING), "1"),
    "deletes a row that is set aside": (_delete(OLDER), "1"),
    "deletes two rows": (_delete(COUNTING, OLDER), "1"),
    "dates the row that counts back": (
        f"UPDATE inventory.{{table}} SET updated_at = '{ANCIENT}' WHERE id = '{COUNTING}'",
        "1",
    ),
    "moves the row that counts": (
        f"UPDATE inventory.{{table}} SET stock_id = '{OTHER}' WHERE id = '{COUNTING}'",
        "1",
    ),
    "writes each row": (f"UPDATE inventory.{{table}} SET {{other}} = '5' WHERE stock_id = '{S}'", "5"),
    "writes a row that is set aside": (
        f"UPDATE inventory.{{table}} SET {{other}} = '5' WHERE id = '{OLDER}'", "1",
    ),
    **{
        f"inserts {name} that say nothing": (_insert("NULL", "NULL", *dates), "1")
        for name, dates in DATES.items()
    },
    **{
        f"inserts {name} that say another fact": (
            _insert("NULL", "'5'", *dates),
            "5" if {NEWER, NEWEST} & {*dates} else "1",
        )
        for name, dates in DATES.items()
    },
}  # fmt: skip
# What stock's part makes of the fact.
WRITTEN = {"clears": None, "writes": "9"}


@pytest.fixture
def connection(databases_of_each_version: Databases) -> Iterator[Connection]:
    """A transaction in the small shop with Phase 2 deployed."""
    engine = small_shop(databases_of_each_version.empty())
    with Deployer(engine, ignore) as deployer:
        deploy(deployer)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_what_stock_is_given_stays(connection: Connection) -> None:
    for table, (told, value), (part, (legacy, left)), stock_first in product(
        TABLES, WRITTEN.items(), PARTS.items(), (True, False)
    ):
        fact, other = table.facts
        run(connection, "SAVEPOINT before")
        run(connection, table.spelled(THREE_ROWS))
        assert differences(connection) == []
        assert (side_of(connection, "stock") or {})[fact] == table.read("2")
        assigned = "NULL" if value is None else f"'{value}'"
        parts = [
            f"UPDATE inventory.stock SET {fact} = {assigned} WHERE id = '{S}'", table.spelled(legacy),
        ]  # fmt: skip
        first, last = parts if stock_first else reversed(parts)

        run(connection, f"WITH part AS ({first}) {last}")

        case = (
            f"stock {told} {fact}, the other part {part}, {'it' if stock_first else 'stock'} last"
        )
        assert differences(connection) == [], case
        stock = side_of(connection, "stock") or {}
        assert (stock[fact], stock[other]) == (table.read(value), table.read(left)), case
        if value is None:
            found = [row for row in rows(connection, table.name) if str(row["stock_id"]) == S]
            assert {str(row[table.facts[fact]]) for row in found} == {"None"}, case
        run(connection, "ROLLBACK TO SAVEPOINT before")
