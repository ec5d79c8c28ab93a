"""Two writers of one stock row at once, where no foreign key keeps its legacy rows.

It ends as if one had come after the other, or the later one is refused and has to try again. Each pair is
written one after the other first, which says what may come of it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.phase2.steps import deploy
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import ignore
from tests.integration.phase2.sides import Row, differences, rows, run, small_shop
from tests.integration.phase2.writes import LEGACY

# Of the stock row {one} and another one, {two}; those of a table are of {table} and its {fact}.
ADDED = (
    "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, {stocks}) "
    "VALUES ('{one}', '{one}', '{one}', 9, 'x', {new})"
)
STOCK = {
    "added": ADDED.replace(", {stocks}", "").replace(", {new}", ""),
    "added with its fact": ADDED,
    "renamed": "UPDATE inventory.stock SET id = '{one}' WHERE id = '{two}'",
    "written": "UPDATE inventory.stock SET {stocks} = {new} WHERE id = '{two}'",
    "deleted": "DELETE FROM inventory.stock WHERE id = '{two}'",
}
ROWS = {
    "added": "INSERT INTO inventory.{table} (stock_id, {columns}) VALUES ('{one}', {row})",
    "added to the other": "INSERT INTO inventory.{table} (stock_id, {columns}) VALUES ('{two}', {row})",
    "written": "UPDATE inventory.{table} SET {fact} = {old} WHERE stock_id = '{two}'",
    "deleted": "DELETE FROM inventory.{table} WHERE stock_id = '{two}'",
    "moved": "UPDATE inventory.{table} SET stock_id = '{one}' WHERE stock_id = '{two}'",
}
# By table: what a row needs, with the fact that is written; how stock calls that, and what it says.
FACTS = {
    "stock_lifecycle": ("listed_on_platforms", """'["row"]'""", "listed_on_platforms", """'["stock"]'"""),
    "stock_financial": ("roi, purchase_price, gross_purchase_price, vat_amount", "7, 0, 0, 0",
                        "roi_percentage", "8"),
    "stock_metrics": ("reserved_quantity, available_quantity", "2, 0", "reserved_quantity", "3"),
}  # fmt: skip
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
REFUSED = {"40001", "40P01"}
# A second row of stock_metrics, or a second stock row of an id: whoever comes later cannot have it.
TWICE = "23505"

# Those that are about one id at least.
PAIRS = [
    (of_stock, of_rows)
    for of_stock, of_rows in product(STOCK, ROWS)
    if any(one in STOCK[of_stock] and one in ROWS[of_rows] for one in ("{one}", "{two}"))
]

State = dict[str, list[Any]]


@dataclass
class Shop:
    """A deployed shop whose legacy tables have no foreign key, two writers, and who watches them."""

    writers: Sequence[Connection]
    observer: Connection
    pool: ThreadPoolExecutor


@pytest.fixture(scope="module")
def shop(databases: Databases) -> Iterator[Shop]:
    engine = small_shop(databases.empty(), rows="SELECT 1")
    with engine.begin() as connection:
        for table in LEGACY:
            run(
                connection,
                f"ALTER TABLE inventory.{table} DROP CONSTRAINT {table}_stock_id_fkey",
            )
    with Deployer(engine, ignore) as deployer:
        deploy(deployer)
    with (
        engine.connect() as first,
        engine.connect() as second,
        connect(engine.url) as observer,
        ThreadPoolExecutor(1) as pool,
    ):
        yield Shop((first, second), observer, pool)
    engine.dispose()


class Pair:
    """Two writes to new rows, the only ones there are: of stock, and of a legacy table."""

    def __init__(self, shop: Shop, table: str, of_stock: str, of_rows: str, *, swapped: bool):
        self.shop = shop
        self.ids = str(uuid4()), str(uuid4())
        columns, row, stocks, new = FACTS[table]
        words = {
            "one": self.ids[0], "two": self.ids[1], "table": table, "columns": columns, "row": row,
            "fact": columns.partition(",")[0], "old": row.partition(", ")[0], "stocks": stocks, "new": new,
        }  # fmt: skip
        self.writes = [STOCK[of_stock].format(**words), ROWS[of_rows].format(**words)]
        if swapped:
            self.writes.reverse()
        before = [
            *(f"DELETE FROM inventory.{one}" for one in ("stock", *LEGACY)),
            ADDED.format(**words | {"one": self.ids[1], "new": "DEFAULT"}),
            ROWS["added to the other"].format(**words),
        ]
        run(shop.observer, "; ".join(before))

    def state(self) -> State:
        """What both sides say of the two, but for ids and dates of legacy rows."""
        assert differences(self.shop.observer) == []
        return {
            table: sorted(map(self._told, rows(self.shop.observer, table)), key=str)
            for table in ("stock", *LEGACY)
        }

    def _told(self, row: Row) -> dict[str, Any]:
        whose = self.ids.index(str(row.get("stock_id", row["id"])))
        left_out = {"id", "stock_id", "created_at", "updated_at"}
        return {"of": whose} | {name: row[name] for name in row if name not in left_out}

    def one_after_the_other(self) -> State | None:
        """None if one is refused, as it would be at any time."""
        for write in self.writes:
            if refusal(partial(run, self.shop.observer, write)):
                return None
        return self.state()

    def at_once(self, level: str) -> list[str | None]:
        """Each in a transaction that has begun before the other ends; what each is refused with."""
        first, second = self.shop.writers
        for session in (first, second):
            run(session, f"SET TRANSACTION ISOLATION LEVEL {level}")
            rows(session, "stock")
        number = run(second, "SELECT pg_backend_pid()").scalar_one()
        refused = refusal(partial(run, first, self.writes[0]))
        writing = self.shop.pool.submit(refusal, partial(run, second, self.writes[1]))
        while not (writing.done() or is_waiting(self.shop.observer, number)):
            time.sleep(0.001)
        ended = [refused or refusal(first.commit)]
        first.rollback()
        ended.append(writing.result() or refusal(second.commit))
        second.rollback()
        return ended


def refusal(action: Callable[[], object]) -> str | None:
    """What something is refused with."""
    try:
        action()
    except DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", ""))
    return None


def is_waiting(observer: Connection, number: int) -> bool:
    """Whether a session waits for another one's lock."""
    waits = f"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {number}"
    return bool(run(observer, waits).scalar_one())


@pytest.mark.parametrize("table", LEGACY)
def test_writers_at_once_end_as_if_one_came_after_the_other(shop: Shop, table: str) -> None:
    """Each of stock with each of the legacy table, either first, at each isolation level."""
    for of_stock, of_rows in PAIRS:
        in_turn = [
            Pair(shop, table, of_stock, of_rows, swapped=swapped).one_after_the_other()
            for swapped in (False, True)
        ]
        for swapped, level in product((False, True), LEVELS):
            pair = Pair(shop, table, of_stock, of_rows, swapped=swapped)

            ended = pair.at_once(level)

            told = (
                f"{level}: stock {of_stock}, row {of_rows}, {'row' if swapped else 'stock'} first: "
                f"{ended}"
            )
            found = pair.state()
            assert {*ended} <= {None, *REFUSED, TWICE}, told
            assert (TWICE not in ended) or (None in in_turn), told
            assert any(ended) or found in in_turn, told
