"""Two versions of the application at once: what one writes, the other one reads, without loops or losses."""

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import OPERATIONS, Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.steps import EXPAND, deploy
from soleflip_assets.sample.sample import create_legacy_schema
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import await_row, ignore, run_deployment
from tests.integration.phase2.state import contents

Values = dict[str, Any]
Tables = dict[str, dict[str, Values]]

FINANCIAL, LIFECYCLE, METRICS, STOCK = (
    "stock_financial",
    "stock_lifecycle",
    "stock_metrics",
    "stock",
)

# Times that tie, lie in the past and lie in the future: they decide which of several rows counts.
times = st.sampled_from(["2024-01-01 00:00Z", "2025-06-01 00:00Z", "2099-01-01 00:00Z"])
letters = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | letters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=6,
).map(json.dumps)
jsonb = st.none() | documents
money = st.decimals(0, 999, places=2).map(float)
percent = st.none() | st.decimals(-99, 200, places=2).map(float)
days = st.none() | st.integers(0, 999)

COLUMNS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    FINANCIAL: {
        "purchase_price": money,
        "gross_purchase_price": money,
        "vat_amount": money,
        "profit_per_shelf_day": st.none() | money,
        "roi": percent,
        "created_at": times,
        "updated_at": times,
    },
    LIFECYCLE: {
        "shelf_life_days": days,
        "listed_on_platforms": jsonb,
        "status_history": jsonb,
        "created_at": times,
        "updated_at": times,
    },
    METRICS: {"available_quantity": st.integers(0, 9), "reserved_quantity": st.integers(0, 5)},
    STOCK: {
        "quantity": st.integers(5, 9),
        "purchase_price": st.none() | money,
        "gross_purchase_price": st.none() | money,
        "vat_amount": st.none() | money,
        "profit_per_shelf_day": st.none() | money,
        "roi_percentage": percent,
        "shelf_life_days": days,
        "listed_on_platforms": jsonb,
        "status_history": jsonb,
        "reserved_quantity": st.integers(0, 5),
    },
}

LEGACY = (FINANCIAL, LIFECYCLE, METRICS)

EXAMPLES = int(os.environ.get("SOLEFLIP_EXAMPLES", "20"))

TYPES = defaultdict(
    lambda: "numeric",
    dict.fromkeys(("created_at", "updated_at"), "timestamptz")
    | dict.fromkeys(("listed_on_platforms", "status_history"), "jsonb")
    | dict.fromkeys(("id", "stock_id", "product_id", "size_id"), "uuid")
    | {"status": "text"},
)
JSON_COLUMNS = {"listed_on_platforms", "status_history"}

# What a new legacy row takes over from stock where it says nothing itself.
COMPLETED_FROM = {
    FINANCIAL: {"profit_per_shelf_day": "profit_per_shelf_day", "roi": "roi_percentage"},
    LIFECYCLE: {
        name: name for name in ("shelf_life_days", "listed_on_platforms", "status_history")
    },
    METRICS: {},
}

legacy_tables = st.sampled_from([FINANCIAL, LIFECYCLE, METRICS])
choices = st.integers(0, 99)


def whole_rows(table: str) -> st.SearchStrategy[list[tuple[str, Values]]]:
    """One to three rows for one INSERT; stock_metrics has room for one."""
    rows = st.fixed_dictionaries(COLUMNS[table]).map(lambda values: (table, values))
    return st.lists(rows, min_size=1, max_size=1 if table == METRICS else 3)


def some_columns(table: str) -> st.SearchStrategy[tuple[str, Values]]:
    """At least one column for an UPDATE."""
    values = st.fixed_dictionaries({}, optional=COLUMNS[table]).filter(bool)
    return values.map(lambda values: (table, values))


class TwoVersions(RuleBasedStateMachine):
    """Both versions write on one connection; after each write all tables are looked at.

    A write changes the rows that it names; beyond these, one to a legacy table changes stock rows only, and
    one to stock changes at most the newest legacy row of each table. Nothing else moves.
    """

    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__()
        self.connection = self.engine.connect()
        self.savepoints: list[tuple[Any, Tables]] = []

    def teardown(self) -> None:
        self.connection.close()

    @initialize()
    def three_stock_rows(self) -> None:
        self.connection.execute(text("DELETE FROM inventory.stock"))
        for _ in range(3):
            self._insert(STOCK, [{"quantity": 5}])
        self.connection.commit()
        self.committed = self.seen = self._tables()

    @rule(rows=legacy_tables.flatmap(whole_rows), choice=choices)
    def insert_legacy(self, rows: list[tuple[str, Values]], choice: int) -> None:
        table = rows[0][0]
        target = self._choose(self.seen[STOCK], choice)
        taken = {row["stock_id"] for row in self.seen[METRICS].values()}
        if target is None or (table == METRICS and target in taken):
            return
        stock = self.seen[STOCK][target]
        ids = self._insert(table, [values | {"stock_id": target} for _, values in rows])
        # What a new row leaves out is not thereby deleted: it is taken over from stock.
        expected = [
            _as_read(values)
            | {
                name: stock[source]
                for name, source in COMPLETED_FROM[table].items()
                if values[name] is None
            }
            for _, values in rows
        ]
        self._look({table: dict(zip(ids, expected, strict=True))}, {target})

    @rule(change=legacy_tables.flatmap(some_columns), choice=choices)
    def update_legacy(self, change: tuple[str, Values], choice: int) -> None:
        table, values = change
        if row := self._choose(self.seen[table], choice):
            self._update(table, row, values)
            self._look({table: {row: _as_read(values)}}, {self.seen[table][row]["stock_id"]})

    @rule(table=legacy_tables, choice=choices, other=choices)
    def move_legacy(self, table: str, choice: int, other: int) -> None:
        row, target = self._choose(self.seen[table], choice), self._choose(self.seen[STOCK], other)
        taken = {row["stock_id"] for row in self.seen[METRICS].values()}
        if row and target and not (table == METRICS and target in taken):
            self._update(table, row, {"stock_id": target})
            left = self.seen[table][row]["stock_id"]
            self._look({table: {row: {"stock_id": target}}}, {left, target})

    @rule(table=legacy_tables, choice=choices)
    def delete_legacy(self, table: str, choice: int) -> None:
        if row := self._choose(self.seen[table], choice):
            self._delete(table, row)
            self._look({table: {row: None}}, {self.seen[table][row]["stock_id"]})

    @rule(rows=whole_rows(STOCK))
    def insert_stock(self, rows: list[tuple[str, Values]]) -> None:
        values = [values for _, values in rows]
        ids = self._insert(STOCK, values)
        self._look({STOCK: dict(zip(ids, map(_as_read, values), strict=True))})

    @rule(change=some_columns(STOCK), choice=choices)
    def update_stock(self, change: tuple[str, Values], choice: int) -> None:
        if row := self._choose(self.seen[STOCK], choice):
            self._update(STOCK, row, change[1])
            self._look({STOCK: {row: _as_read(change[1])}})

    @rule(choice=choices)
    def delete_stock(self, choice: int) -> None:
        if row := self._choose(self.seen[STOCK], choice):
            self._delete(STOCK, row)
            self._look({STOCK: {row: None}})

    @rule()
    def commit(self) -> None:
        self.connection.commit()
        self.committed = self.seen
        self.savepoints.clear()

    @rule()
    def roll_back(self) -> None:
        self.connection.rollback()
        self.savepoints.clear()
        self.seen = self._tables()
        assert self.seen == self.committed

    @rule()
    def set_savepoint(self) -> None:
        self.savepoints.append((self.connection.begin_nested(), self.seen))

    @precondition(lambda self: self.savepoints)
    @rule()
    def roll_back_to_savepoint(self) -> None:
        savepoint, seen = self.savepoints.pop()
        savepoint.rollback()
        self.seen = self._tables()
        assert self.seen == seen

    @invariant()
    def both_sides_agree(self) -> None:
        for validation in VALIDATIONS:
            if validation.asset_key.path[-1] == STOCK:
                verdict = validation.ask(self.connection)
                assert verdict.passed, (validation.name, dict(verdict.observed))

    @invariant()
    def new_columns_are_carried_back(self) -> None:
        """The validations start from the legacy rows; where stock has content, there has to be one."""
        assert self.connection.execute(text(NOT_CARRIED_BACK)).scalar_one() == 0

    def _look(
        self,
        written: Mapping[str, Mapping[str, Values | None]],
        stock_rows: AbstractSet[str] = frozenset(),
    ) -> None:
        """What was written is there, and nothing moved that had no reason to.

        Args:
            written: by table and id, what was written; None for a row that was deleted.
            stock_rows: the stock rows that a write to a legacy table is about.
        """
        before, self.seen = self.seen, self._tables()
        for table, rows in written.items():
            for row, values in rows.items():
                assert (row in self.seen[table]) == (values is not None)
                for name, value in (values or {}).items():
                    assert self.seen[table][row][name] == value, name

        reason = {table: set(rows) for table, rows in written.items()}
        if STOCK in written:
            reason |= {
                table: self._carried_back(before, table, written[STOCK])
                | self._carried_back(self.seen, table, written[STOCK])
                for table in LEGACY
            }
        else:
            reason[STOCK] = set(stock_rows)
        for table in self.seen:
            ignored = reason.get(table, set())
            assert _without(self.seen[table], ignored) == _without(before[table], ignored), table

    @staticmethod
    def _carried_back(tables: Tables, table: str, stock: Mapping[str, Values | None]) -> set[str]:
        """What a write to stock may change in a legacy table: the newest rows, or all of a deleted row."""
        rows: dict[str, list[str]] = {}
        for row, values in sorted(tables[table].items(), key=_age):
            rows.setdefault(values["stock_id"], []).append(row)
        return {
            row
            for stock_id, written in stock.items()
            for row in rows.get(stock_id, [])[-1 if written is not None else 0 :]
        }

    @staticmethod
    def _choose(rows: Mapping[str, Values], choice: int) -> str | None:
        return sorted(rows)[choice % len(rows)] if rows else None

    def _tables(self) -> Tables:
        return {
            table: {
                row.id: row.content
                for row in self.connection.execute(
                    text(f"SELECT id::text, to_jsonb(t) AS content FROM inventory.{table} AS t")
                )
            }
            for table in COLUMNS
        }

    def _insert(self, table: str, rows: Sequence[Values]) -> list[str]:
        """One statement for all rows."""
        ids = [str(uuid4()) for _ in rows]
        fixed = {"product_id": ids[0], "size_id": ids[0], "status": "in_stock"}
        complete = [
            {"id": id_} | (fixed if table == STOCK else {}) | row
            for id_, row in zip(ids, rows, strict=True)
        ]
        names = ", ".join(complete[0])
        values = ", ".join(
            f"({', '.join(_parameter(name, number) for name in complete[0])})"
            for number, row in enumerate(complete)
        )
        self.connection.execute(
            text(f"INSERT INTO inventory.{table} ({names}) VALUES {values}"),
            {f"{name}_{n}": value for n, row in enumerate(complete) for name, value in row.items()},
        )
        return ids

    def _update(self, table: str, row: str, values: Values) -> None:
        changes = ", ".join(f"{name} = {_parameter(name, 0)}" for name in values)
        self.connection.execute(
            text(f"UPDATE inventory.{table} SET {changes} WHERE id = CAST(:row AS uuid)"),
            {"row": row} | {f"{name}_0": value for name, value in values.items()},
        )

    def _delete(self, table: str, row: str) -> None:
        self.connection.execute(
            text(f"DELETE FROM inventory.{table} WHERE id = CAST(:row AS uuid)"), {"row": row}
        )


def _parameter(name: str, number: int) -> str:
    return f"CAST(:{name}_{number} AS {TYPES[name]})"


def _as_read(values: Values) -> Values:
    """Values as to_jsonb gives them back; times left out, which PostgreSQL spells in its own way."""
    return {
        name: json.loads(value) if name in JSON_COLUMNS and value is not None else value
        for name, value in values.items()
        if TYPES[name] != "timestamptz"
    }


def _age(item: tuple[str, Values]) -> tuple[str, str, str]:
    row, values = item
    return values["updated_at"], values["created_at"], row


def _without(rows: Mapping[str, Values], ignored: AbstractSet[str]) -> dict[str, Values]:
    return {row: values for row, values in rows.items() if row not in ignored}


NOT_CARRIED_BACK = """
SELECT count(*) FROM inventory.stock
WHERE (listed_on_platforms IS NOT NULL OR status_history IS NOT NULL)
  AND NOT EXISTS (SELECT FROM inventory.stock_lifecycle WHERE stock_id = stock.id)
"""


@pytest.fixture(scope="module")
def empty_shop(databases: Databases) -> Engine:
    """Phase 2 deployed on a shop without stock."""
    engine = create_database_engine(databases.empty())
    with engine.begin() as connection:
        create_legacy_schema(connection)
    with Deployer(engine, ignore) as deployer:
        deploy(deployer)
    return engine


def test_two_versions_side_by_side(empty_shop: Engine) -> None:
    TwoVersions.engine = empty_shop
    run_state_machine_as_test(
        TwoVersions,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.parametrize("table", [FINANCIAL, LIFECYCLE])
def test_rows_of_one_insert_keep_what_stock_knows(deployed: URL, table: str) -> None:
    """The second row leaves out what stock has; what the first one does to stock must not reach it."""
    values = {
        LIFECYCLE: ("listed_on_platforms", "NULL::jsonb", "'[1]'::jsonb"),
        FINANCIAL: ("roi_percentage", "NULL::numeric", "12"),
    }
    column, nothing, something = values[table]
    legacy_column = "roi" if table == FINANCIAL else column
    prices = ", purchase_price, gross_purchase_price, vat_amount" if table == FINANCIAL else ""
    with connect(deployed) as connection:
        stock = connection.execute(text("SELECT id FROM inventory.stock LIMIT 1")).scalar_one()
        connection.execute(text(f"DELETE FROM inventory.{table} WHERE stock_id = :s"), {"s": stock})
        connection.execute(
            text(f"UPDATE inventory.stock SET {column} = {something} WHERE id = :s"), {"s": stock}
        )
        connection.execute(
            text(
                f"INSERT INTO inventory.{table} (stock_id, updated_at, {legacy_column}{prices}) VALUES "
                f"(:s, '2098-01-01Z', {nothing}{', 1, 1, 1' if prices else ''}), "
                f"(:s, '2099-01-01Z', {nothing}{', 1, 1, 1' if prices else ''})"
            ),
            {"s": stock},
        )
        kept = connection.execute(
            text(f"SELECT {column} = {something} FROM inventory.stock WHERE id = :s"), {"s": stock}
        ).scalar_one()
    assert kept


def test_reservations_that_the_backfill_has_not_reached_survive_a_write_to_stock(
    legacy: URL,
) -> None:
    """Between the triggers and the backfill they are in stock_metrics only, and stock says 0."""
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, *EXPAND]:
            deployer.apply(file)
    with connect(legacy) as connection:
        query = text("SELECT stock_id, reserved_quantity FROM inventory.stock_metrics ORDER BY 1")
        reserved = connection.execute(query).all()
        connection.execute(
            text("UPDATE inventory.stock SET quantity = quantity + 1, roi_percentage = 7")
        )

        run_deployment(legacy)

        assert connection.execute(query).all() == reserved
        assert sum(row.reserved_quantity for row in reserved) > 0
        for validation in VALIDATIONS:
            assert validation.ask(connection).passed, validation.name


def test_reservation_written_while_the_backfill_holds_its_row_is_not_overwritten(
    legacy: URL,
) -> None:
    """The backfill has stored what it read, uncommitted; stock still says 0, as the old version does now."""
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, *EXPAND]:
            deployer.apply(file)
    with (
        create_database_engine(legacy).connect() as backfill,
        connect(legacy) as shop,
        connect(legacy) as observer,
        ThreadPoolExecutor() as pool,
    ):
        stock_id = observer.execute(
            text("SELECT stock_id FROM inventory.stock_metrics WHERE reserved_quantity > 0 LIMIT 1")
        ).scalar_one()
        backfill.execute(text("SELECT seen FROM inventory_ops.backfill_stock(NULL, 10000)"))

        release = pool.submit(
            shop.execute,
            text("UPDATE inventory.stock_metrics SET reserved_quantity = 0 WHERE stock_id = :id"),
            {"id": stock_id},
        )
        await_row(observer, RELEASE_WAITS_OR_IS_DONE, id=stock_id)
        backfill.commit()
        release.result()

        found = observer.execute(
            text("SELECT reserved_quantity FROM inventory.stock WHERE id = :id"), {"id": stock_id}
        ).scalar_one()
    assert found == 0


RELEASE_WAITS_OR_IS_DONE = """
SELECT 1 FROM inventory.stock_metrics WHERE stock_id = :id AND reserved_quantity = 0
UNION ALL
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def test_huge_document_is_carried_over(deployed: URL) -> None:
    document = json.dumps([{"platform": "stockx", "metadata": ["👟" * 1000] * 2000}])
    with connect(deployed) as connection:
        changed = connection.execute(
            text(
                "UPDATE inventory.stock_lifecycle SET status_history = CAST(:d AS jsonb), updated_at = now() "
                "WHERE id = (SELECT id FROM inventory.stock_lifecycle LIMIT 1) RETURNING stock_id"
            ),
            {"d": document},
        ).scalar_one()
        found = connection.execute(
            text("SELECT status_history = CAST(:d AS jsonb) FROM inventory.stock WHERE id = :id"),
            {"d": document, "id": changed},
        ).scalar_one()
    assert found


@pytest.mark.parametrize("table", LEGACY)
def test_truncation_of_a_legacy_table_is_refused(deployed: URL, table: str) -> None:
    before = contents(deployed)

    with connect(deployed) as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(f"TRUNCATE inventory.{table}"))

    assert f"inventory.{table} mirrors inventory.stock until it is retired" in str(refused.value)
    assert "HINT:  Delete the rows you mean with DELETE" in str(refused.value)
    assert contents(deployed) == before


def test_truncation_of_stock_is_refused_while_legacy_tables_hang_on_it(deployed: URL) -> None:
    before = contents(deployed)

    with (
        connect(deployed) as connection,
        pytest.raises(DBAPIError, match=r"mirrors inventory\.stock until it is retired"),
    ):
        connection.execute(text("TRUNCATE inventory.stock CASCADE"))

    assert contents(deployed) == before
