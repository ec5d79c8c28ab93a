"""Deploy, revert, deploy again, with any data and both versions writing: every row is accounted for."""

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.preflight import run_preflight
from soleflip_assets.phase2.revert import revert
from soleflip_assets.sample.sample import create_legacy_schema
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import await_row, ignore, run_deployment

EXAMPLES = int(os.environ.get("SOLEFLIP_EXAMPLES", "5"))

# The last trigger that the synchronisation makes.
SYNCHRONISED = (
    "SELECT 1 FROM pg_trigger WHERE tgname = 'soleflip_refuse_truncation' "
    "AND tgrelid = 'inventory.stock_metrics'::regclass"
)

JSON_COLUMNS = ("listed_on_platforms", "status_history")

# Times that tie, lie in the past and lie in the future: they decide which of several rows counts.
times = st.sampled_from(["2024-01-01 00:00Z", "2025-06-01 00:00Z", "2099-01-01 00:00Z"])
letters = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | letters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=6,
).map(json.dumps)
jsonb = st.none() | any_json
money = st.decimals(0, 999, places=2).map(float)
percent = st.none() | st.decimals(-99, 200, places=2).map(float)
days = st.none() | st.integers(0, 999)


class Huge(str):
    """A document that a report of an example shows by its length."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} characters>"


prices = st.tuples(money, money, money, st.none() | money, percent)
huge = st.integers(1_000, 20_000).map(
    lambda size: Huge(json.dumps(["ü" * size, {"nested": [[[size]]]}]))
)
documents = jsonb | huge
lifecycles = st.tuples(days, documents, documents, times, times)


@dataclass(frozen=True)
class Item:
    """A stock row with its legacy rows; of several, the last one is the newest."""

    prices: tuple[Any, ...]
    financials: int
    lifecycles: Sequence[tuple[Any, ...]]
    reserved: int | None


@dataclass(frozen=True)
class Write:
    """What one version of the application writes to one column of one item, one value after the other."""

    item: int
    column: Literal["listed_on_platforms", "status_history", "reserved_quantity"]
    version: Literal["old", "new"]
    values: Sequence[Any]

    @property
    def stock_id(self) -> UUID:
        return stock_id(self.item)


items = st.builds(
    Item, prices, st.integers(0, 3), st.lists(lifecycles, max_size=3), st.none() | st.integers(0, 5)
)


def writes(version: str, column: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Write]:
    """What a version writes to a column of any item."""
    return st.builds(
        Write, st.integers(0, 7), st.just(column), st.just(version),
        st.lists(values, min_size=1, max_size=4),
    )  # fmt: skip


# The new version writes no NULL and no 0: where the backfill has not been yet, stock says so already.
any_writes = st.one_of(
    *(writes("old", column, documents) for column in JSON_COLUMNS),
    *(writes("new", column, documents.filter(bool)) for column in JSON_COLUMNS),
    writes("old", "reserved_quantity", st.integers(0, 5)),
    writes("new", "reserved_quantity", st.integers(1, 5)),
)
# One version writes a column of an item at a time: what it wrote last is then what must be found.
all_writes = st.lists(any_writes, max_size=8, unique_by=lambda write: (write.item, write.column))


def stock_id(number: int) -> UUID:
    return UUID(int=number + 1)


@pytest.fixture(scope="module")
def shop(databases: Databases) -> Engine:
    """A database of its own."""
    return create_database_engine(databases.empty())


def begin_anew(engine: Engine) -> None:
    """The legacy schema without rows, whatever the last example left."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS inventory, inventory_ops CASCADE")
        create_legacy_schema(connection)


def insert(connection: Connection, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(
        f"CAST(:{name} AS jsonb)" if name in JSON_COLUMNS else f":{name}" for name in values
    )
    connection.execute(text(f"INSERT INTO inventory.{table} ({names}) VALUES ({marks})"), values)


def insert_item(connection: Connection, number: int, item: Item) -> None:
    net, gross, vat, per_day, roi = item.prices
    insert(
        connection, "stock", id=stock_id(number), product_id=UUID(int=0), size_id=UUID(int=0),
        quantity=5, status="in_stock", purchase_price=net, gross_purchase_price=gross, vat_amount=vat,
        profit_per_shelf_day=per_day, roi_percentage=roi,
    )  # fmt: skip
    for age in range(item.financials):
        newest = age == item.financials - 1
        insert(
            connection, "stock_financial", stock_id=stock_id(number), purchase_price=net if newest else 0,
            gross_purchase_price=gross, vat_amount=vat, profit_per_shelf_day=per_day, roi=roi,
            updated_at=f"202{age}-01-01 00:00Z",
        )  # fmt: skip
    for shelf_life, listings, history, created, updated in item.lifecycles:
        insert(
            connection, "stock_lifecycle", stock_id=stock_id(number), shelf_life_days=shelf_life,
            listed_on_platforms=listings, status_history=history, created_at=created, updated_at=updated,
        )  # fmt: skip
    if item.reserved is not None:
        insert(
            connection, "stock_metrics", stock_id=stock_id(number),
            available_quantity=5 - item.reserved, reserved_quantity=item.reserved,
        )  # fmt: skip


def insert_orphans(connection: Connection, count: int) -> None:
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    for number in range(count):
        insert(connection, "stock_lifecycle", stock_id=stock_id(100 + number))


def write_all(engine: Engine, writes: Sequence[Write]) -> None:
    """What one version does, value by value; a deadlock with the other is tried again, as documented."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for write in writes:
            if write.version == "new":
                await_row(connection, SYNCHRONISED)
            for value in write.values:
                statement = statement_of(write, value)
                execute_retrying_deadlocks(connection, statement, write.stock_id, value)


def statement_of(write: Write, written: Any) -> str:
    value = "CAST(:value AS jsonb)" if write.column in JSON_COLUMNS else ":value"
    if write.version == "new":
        return f"UPDATE inventory.stock SET {write.column} = {value} WHERE id = :id"
    if write.column == "reserved_quantity":
        return (
            "INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity) "
            f"VALUES (:id, 0, {value}) ON CONFLICT (stock_id) DO UPDATE "
            "SET reserved_quantity = excluded.reserved_quantity"
        )
    newest = (
        "SELECT id FROM inventory.stock_lifecycle WHERE stock_id = :id "
        "ORDER BY updated_at DESC, created_at DESC, id DESC LIMIT 1"
    )
    change = f"updated_at = greatest(updated_at, now()) WHERE id = ({newest})"
    if written is None:
        # Where no trigger sees it, a cleared newest row is one that says nothing: an older row's value would
        # count. So all are cleared, and keep their dates: the same row counts as before.
        change = "updated_at = updated_at WHERE stock_id = :id"
    return (
        f"WITH updated AS (UPDATE inventory.stock_lifecycle SET {write.column} = {value}, "
        f"{change} RETURNING id) "
        f"INSERT INTO inventory.stock_lifecycle (stock_id, {write.column}) "
        f"SELECT :id, {value} WHERE NOT EXISTS (SELECT FROM updated)"
    )


def execute_retrying_deadlocks(
    connection: Connection, statement: str, number: UUID, value: Any
) -> None:
    while True:
        try:
            connection.execute(text(statement), {"id": number, "value": value})
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "40P01":
                raise
            time.sleep(0.01)
        else:
            return


def while_writing(engine: Engine, writes: Sequence[Write], action: Any) -> None:
    """Do something while each version writes on a connection of its own."""
    parts = [[one for one in writes if one.version == version] for version in ("old", "new")]
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write_all, engine, part) for part in parts if part]
        action()
        for writer in writers:
            writer.result()


def run_revert(engine: Engine) -> None:
    with Deployer(engine, ignore) as deployer:
        assert revert(deployer)


def require_found(engine: Engine, writes: Sequence[Write], table: str) -> None:
    """The last value of each write, in stock or in the newest legacy row."""
    newest = "ORDER BY updated_at DESC, created_at DESC, id DESC LIMIT 1"
    with engine.connect() as connection:
        for write in writes:
            source, key = (table, "id") if table == "stock" else ("stock_lifecycle", "stock_id")
            if table != "stock" and write.column == "reserved_quantity":
                source = "stock_metrics"
            query = f"SELECT {write.column} FROM inventory.{source} WHERE {key} = :id {newest}"
            found = connection.execute(text(query), {"id": write.stock_id}).scalar()
            expected = write.values[-1]
            if write.column == "reserved_quantity":
                # Nothing reserved needs no row.
                assert (found or 0) == expected, write
            else:
                assert found == (None if expected is None else json.loads(expected)), write


def require_valid(engine: Engine) -> None:
    with connect(engine.url) as connection:
        failed = [one.name for one in VALIDATIONS if not one.ask(connection).passed]
    assert not failed


def stated_of_others(shop: Engine, writes: Sequence[Write]) -> dict[tuple[str, str, str], Any]:
    """Each fact that a legacy row states about an item to which nobody wrote.

    Not the others: a deployment completes the row that counts and computes anew what is computed. Nor
    shelf_life_days, of which stock's own counts.
    """
    written = {str(write.stock_id) for write in writes}
    facts = {
        "stock_lifecycle": ("listed_on_platforms", "status_history"),
        "stock_metrics": ("reserved_quantity",),
        "stock_financial": (
            "purchase_price",
            "gross_purchase_price",
            "vat_amount",
            "profit_per_shelf_day",
            "roi",
        ),
    }
    with connect(shop.url) as connection:
        return {
            (table, row.id, name): row.content[name]
            for table, names in facts.items()
            for row in connection.execute(
                text(f"SELECT id::text, to_jsonb(t) AS content FROM inventory.{table} AS t")
            )
            for name in names
            if row.content[name] is not None and row.content["stock_id"] not in written
        }


@settings(
    max_examples=EXAMPLES, deadline=None,
    # An example takes a second: to make one smaller takes minutes. Add Phase.shrink when there is one.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    stock=st.lists(items, min_size=8, max_size=8),
    orphans=st.integers(0, 2),
    first=all_writes,
    second=all_writes,
)
def test_everything_is_accounted_for(
    shop: Engine, stock: list[Item], orphans: int, first: list[Write], second: list[Write]
) -> None:
    begin_anew(shop)
    with shop.begin() as connection:
        for number, item in enumerate(stock):
            insert_item(connection, number, item)
        insert_orphans(connection, orphans)
    with connect(shop.url) as connection:
        stopping = run_preflight(connection, Path()).stopping
        found = {one.question.name: one.observed["stock_lifecycle"] for one in stopping}
        assert found == ({"no_orphaned_rows": orphans} if orphans else {})
        connection.exec_driver_sql(
            "DELETE FROM inventory.stock_lifecycle WHERE stock_id NOT IN (SELECT id FROM inventory.stock)"
        )
    before = stated_of_others(shop, first + second)

    while_writing(shop, first, lambda: run_deployment(shop.url))
    require_valid(shop)
    require_found(shop, first, "stock")
    require_found(shop, first, "legacy")

    # The new version is stopped before its columns go; the old one is not.
    second = [Write(one.item, one.column, "old", one.values) for one in second]
    while_writing(shop, second, lambda: run_revert(shop))
    overwritten = {(one.item, one.column) for one in second}
    lasting = [one for one in first if (one.item, one.column) not in overwritten] + second
    require_found(shop, lasting, "legacy")
    after = stated_of_others(shop, first + second)
    assert {fact: after.get(fact) for fact in before} == before

    run_deployment(shop.url)
    require_valid(shop)
    require_found(shop, lasting, "stock")
