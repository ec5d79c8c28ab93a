"""Random writes of both versions, from two sessions, at every isolation level: what was meant is there.

The model knows the contract and nothing of the triggers: from what the tables held and what was written it
says what stock must hold. While two transactions are open at once it only asks that both sides agree, and
that nobody is told more than that they must try again. Nothing depends on the clock of this side or on random
ids: the same draws do the same again.

Each run of the suite draws the same, so that what it finds stays to be found. SOLEFLIP_MACHINE_SECONDS
lets it draw anew for so long, and makes a failing example smaller.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count as count_up
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.steps import deploy
from soleflip_assets.sample.sample import create_legacy_schema
from tests.conftest import Databases
from tests.integration.phase2.deployment import ignore
from tests.integration.phase2.sides import (
    FINANCIAL,
    JSON,
    LIFECYCLE,
    OTHER,
    PRICES,
    Row,
    S,
    age,
    differences,
    rows,
    run,
)

ASKED = os.environ.get("SOLEFLIP_MACHINE_SECONDS")
SECONDS = float(ASKED or "0")

# lock_not_available, serialization_failure, deadlock_detected, unique_violation: try again.
REFUSALS = {"55P03", "40001", "40P01", "23505"}

Facts = dict[str, Any]

LEGACY = {
    "stock_lifecycle": LIFECYCLE,
    "stock_financial": FINANCIAL,
    "stock_metrics": {"reserved_quantity": "reserved_quantity"},
}
TYPES = dict.fromkeys(JSON, "jsonb") | {
    "updated_at": "timestamptz",
    "created_at": "timestamptz",
    "id": "uuid",
    "stock_id": "uuid",
}

# What a row cannot be without.
REQUIRED: Mapping[str, dict[str, Any]] = {
    "stock_financial": dict.fromkeys(PRICES, Decimal(0)),
    "stock_metrics": {"available_quantity": 0, "reserved_quantity": 0},
    "stock_lifecycle": {},
}

DATED = """
CREATE FUNCTION public.dated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER dated BEFORE UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.dated();
CREATE TRIGGER dated BEFORE UPDATE ON inventory.stock_lifecycle FOR EACH ROW EXECUTE FUNCTION public.dated();
CREATE TRIGGER dated BEFORE UPDATE ON inventory.stock_financial FOR EACH ROW EXECUTE FUNCTION public.dated();
CREATE TRIGGER dated BEFORE UPDATE ON inventory.stock_metrics FOR EACH ROW EXECUTE FUNCTION public.dated();
"""
MEDDLING = """
CREATE FUNCTION public.capped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.reserved_quantity > NEW.quantity THEN
    UPDATE inventory.stock SET reserved_quantity = quantity WHERE id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER capped AFTER UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.capped();
CREATE FUNCTION public.logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.reserved_quantity <> OLD.reserved_quantity THEN
    UPDATE inventory.stock_lifecycle SET status_history = jsonb_build_array(NEW.reserved_quantity)
    WHERE stock_id = NEW.stock_id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER logged BEFORE UPDATE ON inventory.stock_metrics FOR EACH ROW EXECUTE FUNCTION public.logged();
CREATE FUNCTION public.sold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.shelf_life_days = 0 THEN
    NEW.listed_on_platforms := NULL;
    UPDATE inventory.stock_financial SET roi = NULL WHERE stock_id = NEW.id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER sold BEFORE UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.sold();
"""

# Times that tie, lie in the past and in the future: they decide which of several rows counts.
times = st.sampled_from([None, "2024-01-01 00:00Z", "2025-06-01 00:00Z", "2099-01-01 00:00Z"])
money = st.integers(0, 3).map(Decimal)
documents = st.none() | st.sampled_from(["[]", "[1]", '{"a": null}', "null"])
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "shelf_life_days": st.none() | st.integers(0, 3),
    "listed_on_platforms": documents,
    "status_history": documents,
    "purchase_price": st.none() | money,
    "gross_purchase_price": st.none() | money,
    "vat_amount": st.none() | money,
    "profit_per_shelf_day": st.none() | money,
    "roi_percentage": st.none() | st.integers(-1, 2).map(Decimal),
    "reserved_quantity": st.integers(0, 5),
    "quantity": st.integers(5, 7),
    "roi": st.none() | st.integers(-1, 2).map(Decimal),
    "updated_at": times,
    "created_at": times,
}


def facts_of(table: str) -> list[str]:
    return [*LEGACY[table].values()]


def some_values(names: Sequence[str], *, financial: bool = False) -> st.SearchStrategy[Facts]:
    """One value or more."""
    strategies = {n: money if financial and n in PRICES else VALUES[n] for n in names}
    return st.fixed_dictionaries({}, optional=strategies).filter(bool)


stock_values = some_values(["quantity", "reserved_quantity", *FINANCIAL, *LIFECYCLE])
legacy_tables = st.sampled_from([*LEGACY])
sessions = st.integers(0, 1)
choices = st.integers(0, 99)


def legacy_values(table: str) -> st.SearchStrategy[tuple[str, Facts]]:
    names = [*facts_of(table), *(("updated_at", "created_at") if table != "stock_metrics" else ())]
    return some_values(names, financial=table == "stock_financial").map(
        lambda values: (table, values)
    )


def literal(name: str, value: Any) -> str:
    if value is None:
        return f"CAST(NULL AS {TYPES.get(name, 'numeric')})"
    return f"CAST('{value}' AS {TYPES.get(name, 'numeric')})"


def assigned(values: Facts) -> str:
    return ", ".join(f"{name} = {literal(name, value)}" for name, value in values.items())


def in_csv(value: Any) -> str:
    """A value as COPY takes it; none is NULL."""
    return "" if value is None else '"' + str(value).replace('"', '""') + '"'


def copy(session: Connection, statement: str, lines: str) -> None:
    """COPY lines into a table; what it meets is told as for any statement."""
    driver: Any = session.connection.driver_connection
    try:
        with driver.cursor().copy(statement) as copying:
            copying.write(lines)
    except psycopg.Error as error:
        raise DBAPIError(statement, {}, error) from error


def known(value: Any, name: str) -> Any:
    """A price of 0 in stock_financial says nothing."""
    return None if name in PRICES and value == 0 else value


class Sides(RuleBasedStateMachine):
    """Two sessions that write; what each statement does to stock is foretold."""

    engine: ClassVar[Engine]
    foretold: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.sessions = [self.engine.connect() for _ in range(2)]
        self.numbers = count_up(1)

    def teardown(self) -> None:
        for session in self.sessions:
            session.close()

    @initialize()
    def two_stock_rows(self) -> None:
        with self.engine.begin() as connection:
            run(connection, "DELETE FROM inventory.stock")
            # Of the example before, with the same ids.
            run(connection, "DELETE FROM inventory_ops.stock_trace")
            for stock_id in (S, OTHER):
                run(
                    connection,
                    (
                        "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
                        f"SELECT id, id, id, 5, 'x' FROM CAST('{stock_id}' AS uuid) AS id"
                    ),
                )

    @rule(
        number=sessions,
        level=st.sampled_from(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]),
    )
    def begin(self, number: int, level: str) -> None:
        session = self.sessions[number]
        if not session.in_transaction():
            run(session, f"SET TRANSACTION ISOLATION LEVEL {level}")

    @rule(number=sessions)
    def commit(self, number: int) -> None:
        self._end(self.sessions[number].commit, number)

    @rule(number=sessions)
    def roll_back(self, number: int) -> None:
        self._end(self.sessions[number].rollback, number)

    @rule(number=sessions, choice=choices, values=stock_values)
    def update_stock(self, number: int, choice: int, values: Facts) -> None:
        self._write(
            number,
            choice,
            lambda stock, _: (
                f"UPDATE inventory.stock SET {assigned(values)} WHERE id = '{stock['id']}'",
                {**stock, **parsed(values)},
            ),
        )

    @rule(number=sessions, choice=choices, values=stock_values)
    def merge_stock(self, number: int, choice: int, values: Facts) -> None:
        self._write(
            number,
            choice,
            lambda stock, _: (
                (
                    f"MERGE INTO inventory.stock AS s USING (SELECT CAST('{stock['id']}' AS uuid) "
                    f"AS id) AS n ON s.id = n.id "
                    f"WHEN MATCHED THEN UPDATE SET {assigned(values)}"
                ),
                {**stock, **parsed(values)},
            ),
        )

    @rule(number=sessions, choice=choices, values=stock_values)
    def replace_stock(self, number: int, choice: int, values: Facts) -> None:
        """Deleted, with its legacy rows, and added again under its id: nothing of before comes back."""

        def plan(stock: Row, _: Mapping[str, list[Row]]) -> tuple[str, Row]:
            row = {"quantity": 5} | values
            return (
                (
                    f"DELETE FROM inventory.stock WHERE id = '{stock['id']}';"
                    f"INSERT INTO inventory.stock (id, product_id, size_id, status, {', '.join(row)}) "
                    f"SELECT id, id, id, 'x', {', '.join(literal(n, v) for n, v in row.items())} "
                    f"FROM CAST('{stock['id']}' AS uuid) AS id"
                ),
                {
                    **dict.fromkeys(stock),
                    "id": stock["id"],
                    "reserved_quantity": 0,
                    **parsed(row),
                },
            )

        self._write(number, choice, plan)

    @rule(number=sessions, choice=choices, values=stock_values, on_legacy=st.booleans())
    def write_and_think_better_of_it(
        self, number: int, choice: int, values: Facts, on_legacy: bool
    ) -> None:
        """What is rolled back to a savepoint has never been, on either side."""

        def plan(stock: Row, _: Mapping[str, list[Row]]) -> tuple[str, Row]:
            changed = (
                "UPDATE inventory.stock_lifecycle SET listed_on_platforms = '[7]', "
                f"updated_at = '2098-01-01Z' WHERE stock_id = '{stock['id']}'"
                if on_legacy
                else f"UPDATE inventory.stock SET {assigned(values)} WHERE id = '{stock['id']}'"
            )
            return f"SAVEPOINT better; {changed}; ROLLBACK TO SAVEPOINT better", stock

        self._write(number, choice, plan)

    @rule(
        number=sessions,
        choice=choices,
        written=legacy_tables.flatmap(legacy_values),
        leading=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=2),
        copied=st.booleans(),
    )
    def insert_legacy(
        self,
        number: int,
        choice: int,
        written: tuple[str, Facts],
        leading: Sequence[int],
        copied: bool,
    ) -> None:
        """One row or two; how an id begins decides which of several rows of the same moment counts."""
        table, values = written

        def plan(stock: Row, tables: Mapping[str, list[Row]]) -> tuple[str, Row] | None:
            if table == "stock_metrics" and tables[table]:
                return None
            needed: dict[str, Any] = REQUIRED[table]
            dates = {n: v for n, v in values.items() if n in ("updated_at", "created_at") and v}
            row = (
                needed
                | {n: v for n, v in values.items() if n not in ("updated_at", "created_at")}
                | dates
            )
            new = [
                {"id": self._new_id(first), "stock_id": str(stock["id"])} | row
                for first in (leading[:1] if table == "stock_metrics" else leading)
            ]
            listed = ", ".join(
                f"({', '.join(literal(n, v) for n, v in one.items())})" for one in new
            )
            # A default is the transaction's time: its rows tie, and those of a later one are newer.
            now = run(self.sessions[number], "SELECT now()").scalar_one()
            added = [
                dict.fromkeys(facts_of(table))
                | {"updated_at": now, "created_at": now}
                | parsed(one)
                for one in new
            ]
            columns = f"inventory.{table} ({', '.join(new[0])})"
            lines = "\n".join(",".join(map(in_csv, one.values())) for one in new)
            inserted = f"INSERT INTO {columns} VALUES {listed}"
            return (
                f"COPY {columns} FROM STDIN (FORMAT csv)\n{lines}\n" if copied else inserted,
                after_legacy(
                    table,
                    stock,
                    [*tables[table], *added],
                    {str(a["id"]): {n for n in facts_of(table) if a[n] is not None} for a in added},
                ),
            )

        self._write(number, choice, plan)

    @rule(
        number=sessions,
        choice=choices,
        which=choices,
        written=legacy_tables.flatmap(legacy_values),
        upsert=st.booleans(),
    )
    def update_legacy(
        self, number: int, choice: int, which: int, written: tuple[str, Facts], upsert: bool
    ) -> None:
        table, values = written

        def plan(stock: Row, tables: Mapping[str, list[Row]]) -> tuple[str, Row] | None:
            if not tables[table]:
                return None
            row = sorted(tables[table], key=lambda row: row["id"])[which % len(tables[table])]
            changed = {**row, **parsed(values)}
            names = {n for n in facts_of(table) if changed[n] != row[n]}
            others = [one for one in tables[table] if one is not row]
            if upsert:
                columns = (
                    "id, stock_id"
                    + {
                        "stock_financial": ", purchase_price, gross_purchase_price, vat_amount",
                        "stock_metrics": ", available_quantity, reserved_quantity",
                        "stock_lifecycle": "",
                    }[table]
                )
                statement = (
                    f"INSERT INTO inventory.{table} ({columns}) SELECT {columns} FROM "
                    f"inventory.{table} WHERE id = '{row['id']}' "
                    f"ON CONFLICT (id) DO UPDATE SET {assigned(values)}"
                )
            else:
                statement = (
                    f"UPDATE inventory.{table} SET {assigned(values)} WHERE id = '{row['id']}'"
                )
            return statement, after_legacy(
                table, stock, [*others, changed], {str(row["id"]): names}
            )

        self._write(number, choice, plan)

    @rule(number=sessions, choice=choices, written=legacy_tables.flatmap(legacy_values))
    def update_all_legacy_rows(self, number: int, choice: int, written: tuple[str, Facts]) -> None:
        """In one statement, which also may make another one of them count."""
        table, values = written

        def plan(stock: Row, tables: Mapping[str, list[Row]]) -> tuple[str, Row] | None:
            if not tables[table]:
                return None
            changed = [{**row, **parsed(values)} for row in tables[table]]
            return (
                f"UPDATE inventory.{table} SET {assigned(values)} WHERE stock_id = '{stock['id']}'",
                after_legacy(
                    table,
                    stock,
                    changed,
                    {
                        str(new["id"]): {n for n in facts_of(table) if new[n] != old[n]}
                        for old, new in zip(tables[table], changed, strict=True)
                    },
                ),
            )

        self._write(number, choice, plan)

    @rule(number=sessions, choice=choices, which=choices, table=legacy_tables)
    def delete_legacy(self, number: int, choice: int, which: int, table: str) -> None:
        def plan(stock: Row, tables: Mapping[str, list[Row]]) -> tuple[str, Row] | None:
            if not tables[table]:
                return None
            row = sorted(tables[table], key=lambda row: row["id"])[which % len(tables[table])]
            gone: dict[str, dict[str, Any]] = {
                "stock_lifecycle": dict.fromkeys(JSON),
                "stock_metrics": {"reserved_quantity": 0},
                "stock_financial": {},
            }
            last = len(tables[table]) == 1
            return f"DELETE FROM inventory.{table} WHERE id = '{row['id']}'", {
                **stock,
                **(gone[table] if last else {}),
            }

        self._write(number, choice, plan)

    @rule(number=sessions, choice=choices, values=stock_values, reserved=st.integers(0, 5))
    def write_both_sides_at_once(
        self, number: int, choice: int, values: Facts, reserved: int
    ) -> None:
        """In one statement; stock_metrics has a fact of its own there."""

        def plan(stock: Row, tables: Mapping[str, list[Row]]) -> tuple[str, Row] | None:
            if not tables["stock_metrics"] or "reserved_quantity" in values:
                return None
            return (
                (
                    f"WITH new AS (UPDATE inventory.stock SET {assigned(values)} WHERE id = "
                    f"'{stock['id']}' RETURNING 1) "
                    f"UPDATE inventory.stock_metrics SET reserved_quantity = {reserved} WHERE "
                    f"stock_id = '{stock['id']}'"
                ),
                {**stock, **parsed(values), "reserved_quantity": reserved},
            )

        self._write(number, choice, plan)

    def _new_id(self, first: int) -> str:
        return str(UUID(int=(first << 112) + next(self.numbers)))

    def _write(
        self,
        number: int,
        choice: int,
        plan: Callable[[Row, Mapping[str, list[Row]]], tuple[str, Row] | None],
    ) -> None:
        session = self.sessions[number]
        alone = not self.sessions[1 - number].in_transaction()
        try:
            run(session, "SET LOCAL lock_timeout = '50ms'")
            stocks = sorted(rows(session, "stock"), key=lambda row: row["id"])
            stock = stocks[choice % len(stocks)]
            others = [row for row in stocks if row is not stock]
            tables = {
                table: [row for row in rows(session, table) if row["stock_id"] == stock["id"]]
                for table in LEGACY
            }
            if (planned := plan(stock, tables)) is None:
                return
            statement, expected = planned
            if statement.startswith("COPY "):
                copy(session, *statement.split("\n", 1))
            else:
                run(session, statement)
            assert differences(session) == [], statement
            found = {row["id"]: row for row in rows(session, "stock")}
            if self.foretold and alone:
                assert found[stock["id"]] == expected, statement
                assert [found[row["id"]] for row in others] == others
        except DBAPIError as error:
            session.rollback()
            state = getattr(error.orig, "sqlstate", None)
            if state not in REFUSALS or (alone and state != "40001"):
                raise

    def _end(self, how: Callable[[], None], number: int) -> None:
        try:
            how()
        except DBAPIError as error:
            self.sessions[number].rollback()
            if getattr(error.orig, "sqlstate", None) not in REFUSALS:
                raise
        with self.engine.connect() as observer:
            assert differences(observer) == []


def parsed(values: Mapping[str, Any]) -> Facts:
    """Values as they are read back."""
    return {
        name: {"json": json.loads(value)}
        if name in JSON and value is not None
        else datetime.fromisoformat(value)
        if name in ("updated_at", "created_at") and isinstance(value, str)
        else value
        for name, value in values.items()
        if name != "available_quantity"
    }


def after_legacy(
    table: str, stock: Row, left: Sequence[Row], written: Mapping[str, set[str]]
) -> Row:
    """What stock holds after legacy rows were written.

    Args:
        table: the legacy table.
        stock: what stock held.
        left: the stock row's legacy rows afterwards.
        written: by id of a row, the facts that changed in it.
    """
    by_age = sorted(left, key=age, reverse=True)
    counting = by_age[0]
    becomes = dict(stock)
    for new, old in LEGACY[table].items():
        if old in written.get(str(counting["id"]), ()):
            if new in PRICES and (stock[new] or 0) == counting[old]:
                continue
            becomes[new] = counting[old]
        elif stock[new] is None and any(old in names for names in written.values()):
            becomes[new] = next(
                (row[old] for row in by_age if known(row[old], old) is not None), None
            )
    return becomes


@pytest.mark.parametrize("triggers", ["", DATED, MEDDLING], ids=["alone", "dated", "meddling"])
def test_both_sides_always_say_the_same(
    databases_of_each_version: Databases, triggers: str
) -> None:
    engine = create_database_engine(databases_of_each_version.empty())
    with engine.begin() as connection:
        create_legacy_schema(connection)
        for table in ("stock_lifecycle", "stock_financial"):
            run(
                connection,
                f"ALTER TABLE inventory.{table} ALTER updated_at DROP NOT NULL, ALTER created_at "
                f"DROP NOT NULL",
            )
    with Deployer(engine, ignore) as deployer:
        deploy(deployer)
    with engine.begin() as connection:
        run(connection, triggers or "SELECT 1")
    Sides.engine = engine
    Sides.foretold = not triggers
    # Six parametrisations share the time.
    end = time.monotonic() + SECONDS / 6
    while True:
        run_state_machine_as_test(
            Sides,
            settings=settings(
                max_examples=15,
                stateful_step_count=25,
                deadline=None,
                database=None,
                derandomize=not ASKED,
                # To make an example smaller took three minutes.
                phases=[Phase.generate, *([Phase.shrink] if ASKED else [])],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )
        if time.monotonic() > end:
            return
