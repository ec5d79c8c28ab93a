"""Each way of writing that once got lost between old and new, and its neighbours.

A case is what the application has of its own (triggers), what is written, and what stock says then. After
each statement both sides must say the same, and nothing may have happened to another stock row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Engine

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.phase2.steps import deploy
from tests.conftest import Databases
from tests.integration.phase2.deployment import ignore
from tests.integration.phase2.sides import OTHER, S, differences, rows, run, side_of, small_shop


class Case(NamedTuple):
    """What is written; what stock says then; triggers of the application; what a legacy table says."""

    writes: Sequence[str]
    stock: Mapping[str, Any]
    triggers: str = ""
    legacy: Mapping[str, Mapping[str, Any]] = {}


def json(*value: Any) -> dict[str, Any]:
    return {"json": [*value]}


def trigger(moment: str, table: str, body: str, name: str = "application") -> str:
    """A trigger of the application's; ours are called soleflip_..., and fire in the order of names."""
    return f"""
    CREATE OR REPLACE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      {body}
      RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END
    $$;
    CREATE TRIGGER {name} {moment} ON inventory.{table} FOR EACH ROW EXECUTE FUNCTION public.{name}();
    """


STOCK = "UPDATE inventory.stock SET {} " + f"WHERE id = '{S}'"
METRICS, LIFECYCLE, FINANCIAL = (
    f"UPDATE inventory.{table} SET {{}} WHERE stock_id = '{S}'"
    for table in ("stock_metrics", "stock_lifecycle", "stock_financial")
)
NO_METRICS = f"DELETE FROM inventory.stock_metrics WHERE stock_id = '{S}'"
NO_LIFECYCLE = f"DELETE FROM inventory.stock_lifecycle WHERE stock_id = '{S}'"
OLDER = f"""
INSERT INTO inventory.stock_lifecycle
  (stock_id, shelf_life_days, listed_on_platforms, status_history, updated_at)
VALUES ('{S}', 777, '["older"]', '["older"]', '2020-01-01Z')"""
OLDER_FINANCIAL = f"""
INSERT INTO inventory.stock_financial
  (stock_id, purchase_price, gross_purchase_price, vat_amount, roi, profit_per_shelf_day, updated_at)
VALUES ('{S}', 7, 7, 7, 7, 7, '2020-01-01Z')"""
# The one that counts comes last.
TWO_MORE = f"""
INSERT INTO inventory.stock_lifecycle (id, stock_id, listed_on_platforms, created_at, updated_at) VALUES
  ('f0000000-0000-4000-8000-000000000001', '{S}', '[1]', '2090-01-01Z', '2090-01-01Z'),
  ('e0000000-0000-4000-8000-000000000002', '{S}', '[2]', '2091-01-01Z', '2091-01-01Z')"""
TWO_MORE_FINANCIAL = f"""
INSERT INTO inventory.stock_financial
  (stock_id, purchase_price, gross_purchase_price, vat_amount, updated_at)
VALUES ('{S}', 1, 1, 1, '2090-01-01Z'), ('{S}', 2, 2, 0, '2091-01-01Z')"""
AS_BEFORE = {
    "shelf_life_days": 30,
    "listed_on_platforms": json("old"),
    "status_history": json("first"),
    "reserved_quantity": 5,
    "purchase_price": 50,
    "gross_purchase_price": 60,
    "vat_amount": 10,
    "roi_percentage": 20,
}

SOLD = trigger(
    "BEFORE UPDATE",
    "stock",
    "IF NEW.status = 'sold' THEN NEW.quantity := 0; NEW.reserved_quantity := 0; END IF;",
)
LOGGED = trigger(
    "BEFORE UPDATE",
    "stock",
    "IF NEW.status <> OLD.status THEN NEW.status_history := "
    "coalesce(NEW.status_history, '[]') || jsonb_build_array(NEW.status); END IF;",
)
CAPPED = """IF NEW.reserved_quantity > NEW.quantity THEN
    UPDATE inventory.stock SET reserved_quantity = quantity WHERE id = NEW.id; END IF;"""
APPENDING = """UPDATE inventory.stock_lifecycle
    SET status_history = status_history || jsonb_build_array(NEW.reserved_quantity), updated_at = now()
    WHERE stock_id = NEW.stock_id;"""
# A row that is dated in the future, and written to, is the newest no more.
DATED = "NEW.updated_at := clock_timestamp();"
IN_2099 = f"""
INSERT INTO inventory.stock_lifecycle
  (id, stock_id, shelf_life_days, listed_on_platforms, status_history, created_at, updated_at)
SELECT id::uuid, '{S}', days, listed::jsonb, history::jsonb, '2099-01-01Z', '2099-01-01Z'
FROM (VALUES
  ('a0000000-0000-4000-8000-000000000001', NULL, '[1]', '[1]'),
  ('b0000000-0000-4000-8000-000000000001', 2, NULL, '[2]'),
  ('c0000000-0000-4000-8000-000000000001', NULL::integer, '[3]', NULL)
) AS row (id, days, listed, history)"""
FINANCIAL_IN_2099 = f"""
INSERT INTO inventory.stock_financial
  (id, stock_id, purchase_price, gross_purchase_price, vat_amount, roi, created_at, updated_at)
SELECT id::uuid, '{S}', price, price, 0, roi, '2099-01-01Z', '2099-01-01Z'
FROM (VALUES
  ('a0000000-0000-4000-8000-000000000001', 1, 1),
  ('b0000000-0000-4000-8000-000000000001', 2, NULL)
) AS row (id, price, roi)"""
# A function in the SET of a statement that writes to the other side of the same row.
WRITING = """
CREATE FUNCTION public.answer(target uuid) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  {}
  RETURN 7;
END $$"""
HISTORY_FROM_STOCK = """IF NEW.status <> OLD.status THEN UPDATE inventory.stock_lifecycle
    SET status_history = status_history || jsonb_build_array(NEW.status), updated_at = now()
    WHERE stock_id = NEW.id; END IF;"""

CASES: dict[str, Case] = {
    "S1 trigger changes columns that the statement does not name": Case(
        [STOCK.format("status = 'sold'")], {"quantity": 0, "reserved_quantity": 0}, SOLD
    ),
    "S1 the same with the history": Case(
        [STOCK.format("status = 'sold'"), LIFECYCLE.format("listed_on_platforms = '[1]'")],
        {"status_history": json("first", "sold"), "listed_on_platforms": json(1)},
        LOGGED,
    ),
    "S1 trigger of the legacy table changes what is not named": Case(
        [METRICS.format("total_cost = 1")],
        {"reserved_quantity": 7},
        trigger("BEFORE UPDATE", "stock_metrics", "NEW.reserved_quantity := 7;"),
    ),
    "S1 prices": Case(
        [STOCK.format("status = 'sold'")],
        {"purchase_price": 1, "roi_percentage": None},
        trigger("BEFORE UPDATE", "stock", "NEW.purchase_price := 1; NEW.roi_percentage := NULL;"),
    ),
    "S2 trigger before ours writes the row again": Case(
        [STOCK.format("reserved_quantity = 99")],
        {"reserved_quantity": 11},
        trigger("AFTER UPDATE", "stock", CAPPED),
    ),
    "S2 trigger after ours writes the row again": Case(
        [STOCK.format("reserved_quantity = 99")],
        {"reserved_quantity": 11},
        trigger("AFTER UPDATE", "stock", CAPPED, "z_application"),
    ),
    "S2 legacy row written again before ours": Case(
        [METRICS.format("reserved_quantity = 99")],
        {"reserved_quantity": 11},
        trigger(
            "AFTER UPDATE",
            "stock_metrics",
            "IF NEW.reserved_quantity > 11 THEN UPDATE inventory.stock_metrics "
            "SET reserved_quantity = 11 WHERE id = NEW.id; END IF;",
        ),
    ),
    "S2 trigger answers on the other side": Case(
        [STOCK.format("reserved_quantity = 9")],
        {"reserved_quantity": 2},
        trigger(
            "AFTER UPDATE",
            "stock",
            "IF NEW.reserved_quantity > 8 THEN UPDATE inventory.stock_metrics "
            "SET reserved_quantity = 2 WHERE stock_id = NEW.id; END IF;",
        ),
    ),
    "S2 what we carry is altered by a trigger there": Case(
        [STOCK.format("reserved_quantity = 99")],
        {"reserved_quantity": 11},
        trigger(
            "BEFORE INSERT OR UPDATE",
            "stock_metrics",
            "NEW.reserved_quantity := least(NEW.reserved_quantity, 11);",
        ),
    ),
    "S2 what we carry to stock is altered there": Case(
        [METRICS.format("reserved_quantity = 99")],
        {"reserved_quantity": 11},
        trigger(
            "BEFORE UPDATE",
            "stock",
            "NEW.reserved_quantity := least(NEW.reserved_quantity, NEW.quantity);",
        ),
    ),
    "S2 listings that we carry are altered there": Case(
        [STOCK.format("listed_on_platforms = '[1]'")],
        {"listed_on_platforms": json(1, 2)},
        trigger("BEFORE UPDATE", "stock_lifecycle", "NEW.listed_on_platforms := '[1, 2]';"),
    ),
    "S2 what we carry to stock is refused there": Case(
        [METRICS.format("reserved_quantity = 99")],
        {"reserved_quantity": 5},
        trigger(
            "BEFORE UPDATE", "stock", "IF NEW.reserved_quantity > 11 THEN RETURN NULL; END IF;"
        ),
    ),
    "S3 both sides in one statement, other facts": Case(
        [
            (
                f"WITH a AS ({STOCK.format('listed_on_platforms = NULL')} RETURNING 1) "
                + LIFECYCLE.format("status_history = '[1]'")
            )
        ],
        {"listed_on_platforms": None, "status_history": json(1)},
    ),
    "S4 reservation released, then listed": Case(
        [STOCK.format("reserved_quantity = 0"), STOCK.format("listed_on_platforms = '[]'")],
        {"reserved_quantity": 0, "listed_on_platforms": json()},
    ),
    "S5 write by the new version sets off one to another legacy table": Case(
        [STOCK.format("reserved_quantity = 3")],
        {"reserved_quantity": 3, "status_history": json("first", 3)},
        trigger("AFTER UPDATE", "stock_metrics", APPENDING),
    ),
    "S5 the same by the old version": Case(
        [METRICS.format("reserved_quantity = 3")],
        {"reserved_quantity": 3, "status_history": json("first", 3)},
        trigger(
            "AFTER UPDATE",
            "stock_metrics",
            "IF NEW.reserved_quantity <> OLD.reserved_quantity THEN " + APPENDING + " END IF;",
        ),
    ),
    "S5 before the row is written": Case(
        [STOCK.format("reserved_quantity = 3")],
        {"reserved_quantity": 3, "status_history": json("first", 3)},
        trigger("BEFORE UPDATE", "stock_metrics", APPENDING),
    ),
    "S5 before the row is written, by a function with capitals": Case(
        [STOCK.format("reserved_quantity = 3")],
        {"reserved_quantity": 3, "status_history": json("first", 3)},
        trigger("BEFORE UPDATE", "stock_metrics", APPENDING, '"Application"'),
    ),
    "S5 stock's own trigger writes the history of the old version, after": Case(
        [STOCK.format("status = 'sold'")],
        {"status_history": json("first", "sold")},
        trigger("AFTER UPDATE", "stock", HISTORY_FROM_STOCK),
    ),
    "S5 stock's own trigger writes the history of the old version, before": Case(
        [STOCK.format("status = 'sold', reserved_quantity = 1")],
        {"status": "sold", "status_history": json("first", "sold"), "reserved_quantity": 1},
        trigger("BEFORE UPDATE", "stock", HISTORY_FROM_STOCK),
    ),
    "S5 legacy table's trigger writes stock, before": Case(
        [FINANCIAL.format("purchase_price = 3")],
        {"purchase_price": 3, "vat_amount": 4},
        trigger(
            "BEFORE UPDATE",
            "stock_financial",
            "IF NEW.purchase_price <> OLD.purchase_price THEN "
            "UPDATE inventory.stock SET vat_amount = 4 WHERE id = NEW.stock_id; END IF;",
        ),
    ),
    "S5 the same fact, before": Case(
        [FINANCIAL.format("purchase_price = 3")],
        {"purchase_price": 3},
        trigger(
            "BEFORE UPDATE",
            "stock_financial",
            "UPDATE inventory.stock SET purchase_price = NEW.purchase_price WHERE id = NEW.stock_id;",
        ),
    ),
    "S7 older lifecycle row inserted": Case([OLDER], AS_BEFORE),
    "S7 older lifecycle row updated": Case(
        [
            OLDER,
            (
                "UPDATE inventory.stock_lifecycle SET shelf_life_days = 1, listed_on_platforms = '[9]', "
                "status_history = NULL WHERE shelf_life_days = 777"
            ),
        ],
        AS_BEFORE,
    ),
    "S7 older lifecycle row deleted": Case(
        [OLDER, "DELETE FROM inventory.stock_lifecycle WHERE shelf_life_days = 777"], AS_BEFORE
    ),
    "S7 newest lifecycle row deleted": Case(
        [
            OLDER,
            f"DELETE FROM inventory.stock_lifecycle WHERE shelf_life_days = 30 AND stock_id = '{S}'",
        ],
        AS_BEFORE,
    ),
    "S7 newest lifecycle row dated back": Case(
        [
            OLDER,
            (
                f"UPDATE inventory.stock_lifecycle SET updated_at = '2010-01-01Z' WHERE shelf_life_days = 30 "
                f"AND stock_id = '{S}'"
            ),
        ],
        AS_BEFORE,
    ),
    "S7 older financial row": Case(
        [
            OLDER_FINANCIAL,
            "UPDATE inventory.stock_financial SET roi = 8, vat_amount = 8 WHERE purchase_price = 7",
        ],
        AS_BEFORE,
    ),
    "S7 newest financial row deleted": Case(
        [
            OLDER_FINANCIAL,
            f"DELETE FROM inventory.stock_financial WHERE purchase_price = 50 AND stock_id = '{S}'",
        ],
        AS_BEFORE,
    ),
    "S7 all financial rows deleted": Case(
        [OLDER_FINANCIAL, f"DELETE FROM inventory.stock_financial WHERE stock_id = '{S}'"],
        AS_BEFORE,
    ),
    "S7 total cost through stock_financial": Case(
        [FINANCIAL.format("gross_purchase_price = 100, roi = 10")],
        {"gross_purchase_price": 100, "roi_percentage": 10},
        legacy={"stock_metrics": {"total_cost": 100, "expected_profit": 10}},
    ),
    "S7 total cost through stock": Case(
        [STOCK.format("gross_purchase_price = 100, roi_percentage = -1")],
        {},
        legacy={"stock_metrics": {"total_cost": 100, "expected_profit": None}},
    ),
    "S7 computed columns written by the old version": Case(
        [METRICS.format("available_quantity = 99, total_cost = 1, expected_profit = 1")],
        {},
        legacy={
            "stock_metrics": {"available_quantity": 6, "total_cost": 60, "expected_profit": 12}
        },
    ),
    "S7 quantity": Case(
        [STOCK.format("quantity = 20")],
        {"quantity": 20},
        legacy={"stock_metrics": {"available_quantity": 15}},
    ),
    "S8 newer row that says nothing": Case(
        [f"INSERT INTO inventory.stock_lifecycle (stock_id) VALUES ('{S}')"], AS_BEFORE
    ),
    "S8 newer row that says one thing": Case(
        [f"INSERT INTO inventory.stock_lifecycle (stock_id, shelf_life_days) VALUES ('{S}', 40)"],
        AS_BEFORE | {"shelf_life_days": 40},
    ),
    "S8 two rows in one statement, each says another thing": Case(
        [
            (
                f"INSERT INTO inventory.stock_lifecycle (stock_id, listed_on_platforms, "
                f"status_history, updated_at) VALUES "
                f"('{S}', '[1]', NULL, '2098-01-01Z'), ('{S}', NULL, NULL, '2099-01-01Z')"
            )
        ],
        {"status_history": json("first"), "shelf_life_days": 30},
    ),
    "several rows added in one statement": Case(
        [TWO_MORE], AS_BEFORE | {"listed_on_platforms": json(2)}
    ),
    "all rows of a stock row written in one statement": Case(
        [TWO_MORE, LIFECYCLE.format("status_history = '[3]', listed_on_platforms = NULL")],
        AS_BEFORE | {"status_history": json(3), "listed_on_platforms": None},
    ),
    "all rows written in one statement, another one comes to count": Case(
        [
            TWO_MORE,
            LIFECYCLE.format(
                "status_history = '[3]', updated_at = '2099-01-01Z', created_at = '2099-01-01Z'"
            ),
        ],
        AS_BEFORE | {"status_history": json(3), "listed_on_platforms": json(2)},
    ),
    "several financial rows added in one statement": Case(
        [TWO_MORE_FINANCIAL],
        AS_BEFORE | {"purchase_price": 2, "gross_purchase_price": 2, "vat_amount": 0},
    ),
    "both sides in one statement, a trigger of one legacy table writes another": Case(
        [
            (
                f"WITH new AS ({STOCK.format('quantity = 12')}) "
                f"{METRICS.format('reserved_quantity = 6')}"
            )
        ],
        {"quantity": 12, "reserved_quantity": 6, "status_history": json("first", 6)},
        trigger("BEFORE UPDATE", "stock_metrics", APPENDING),
    ),
    "S8 older row says what nobody else does": Case(
        [STOCK.format("listed_on_platforms = NULL"), OLDER],
        AS_BEFORE | {"listed_on_platforms": json("older")},
    ),
    "S9 both places": Case(
        [
            NO_METRICS,
            STOCK.format("reserved_quantity = 3"),
            (
                f"INSERT INTO inventory.stock_metrics (stock_id, available_quantity, "
                f"reserved_quantity) VALUES ('{S}', 8, 3)"
            ),
        ],
        {"reserved_quantity": 3},
    ),
    "S9 both places, the later wins": Case(
        [
            NO_METRICS,
            STOCK.format("reserved_quantity = 3"),
            (
                f"INSERT INTO inventory.stock_metrics (stock_id, available_quantity, "
                f"reserved_quantity) VALUES ('{S}', 8, 4)"
            ),
        ],
        {"reserved_quantity": 4},
    ),
    "S9 listings in both places": Case(
        [
            NO_LIFECYCLE,
            STOCK.format("listed_on_platforms = '[1]'"),
            f"INSERT INTO inventory.stock_lifecycle (stock_id, listed_on_platforms) VALUES ('{S}', '[2]')",
        ],
        {"listed_on_platforms": json(2)},
    ),
    "S9 new stock row in both places": Case(
        [
            (
                "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, "
                "reserved_quantity, listed_on_platforms) "
                f"SELECT 'c0000000-0000-4000-8000-000000000003', id, id, 9, 'x', 2, '[1]' FROM "
                f"inventory.stock WHERE id = '{S}'"
            ),
            (
                "INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity) "
                "VALUES ('c0000000-0000-4000-8000-000000000003', 7, 2)"
            ),
            (
                "INSERT INTO inventory.stock_lifecycle (stock_id, listed_on_platforms) "
                "VALUES ('c0000000-0000-4000-8000-000000000003', '[1]')"
            ),
        ],
        {},
    ),
    "upsert that clears": Case(
        [
            (
                "INSERT INTO inventory.stock_lifecycle (id, stock_id, listed_on_platforms, updated_at) "
                f"SELECT id, stock_id, NULL, now() FROM inventory.stock_lifecycle WHERE stock_id = '{S}' "
                "ON CONFLICT (id) DO UPDATE SET listed_on_platforms = "
                "excluded.listed_on_platforms, updated_at = now()"
            )
        ],
        AS_BEFORE | {"listed_on_platforms": None},
    ),
    "upsert that adds": Case(
        [
            (
                f"INSERT INTO inventory.stock_metrics AS m (stock_id, available_quantity, "
                f"reserved_quantity) VALUES ('{S}', 0, 1) "
                "ON CONFLICT (stock_id) DO UPDATE SET reserved_quantity = m.reserved_quantity + "
                "excluded.reserved_quantity"
            )
        ],
        {"reserved_quantity": 6},
    ),
    "upsert that does nothing": Case(
        [
            (
                f"INSERT INTO inventory.stock_metrics (stock_id, available_quantity, "
                f"reserved_quantity) VALUES ('{S}', 0, 0) "
                "ON CONFLICT DO NOTHING"
            )
        ],
        {"reserved_quantity": 5},
    ),
    "upsert in a function, of the row that was added for it": Case(
        [NO_METRICS, STOCK.format("reserved_quantity = 3"), f"SELECT public.answer('{S}')"],
        {"reserved_quantity": 4},
        WRITING.format(
            "INSERT INTO inventory.stock_metrics AS m (stock_id, available_quantity, reserved_quantity) "
            "VALUES (target, 0, 1) ON CONFLICT (stock_id) DO UPDATE "
            "SET reserved_quantity = m.reserved_quantity + excluded.reserved_quantity;"
        ),
    ),
    "upsert that was prepared, of the row that was added for it": Case(
        [
            NO_METRICS,
            STOCK.format("reserved_quantity = 3"),
            (
                "PREPARE ensured AS INSERT INTO inventory.stock_metrics "
                "(stock_id, available_quantity, reserved_quantity) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING"
            ),
            f"EXECUTE ensured('{S}')",
            "DEALLOCATE ensured",
        ],
        {"reserved_quantity": 3},
    ),
    "S9 both places, the second in a function and later": Case(
        [
            NO_METRICS,
            STOCK.format("reserved_quantity = 3"),
            "UPDATE inventory.stock_metrics SET created_at = created_at - interval '1 day'",
            f"SELECT public.answer('{S}')",
        ],
        {"reserved_quantity": 4},
        WRITING.format(
            "INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity) "
            "VALUES (target, 7, 4);"
        ),
    ),
    "function in SQL with a German name in SET": Case(
        [STOCK.format("quantity = public.zähle(id)")],
        {"quantity": 7, "reserved_quantity": 2},
        "CREATE FUNCTION public.zähle(uuid) RETURNS integer LANGUAGE sql AS $$ "
        "UPDATE inventory.stock_metrics SET reserved_quantity = 2 WHERE stock_id = $1; SELECT 7 $$",
    ),
    "cleared in stock while an older row has a value": Case(
        [OLDER, STOCK.format("listed_on_platforms = NULL, shelf_life_days = NULL")],
        AS_BEFORE | {"listed_on_platforms": None, "shelf_life_days": None},
    ),
    "cleared in the row that counts while an older row has a value": Case(
        [
            OLDER,
            (
                f"UPDATE inventory.stock_lifecycle SET listed_on_platforms = NULL WHERE shelf_life_days = 30 "
                f"AND stock_id = '{S}'"
            ),
            f"DELETE FROM inventory.stock_lifecycle WHERE shelf_life_days = 30 AND stock_id = '{S}'",
        ],
        AS_BEFORE | {"listed_on_platforms": None},
    ),
    "cleared price": Case(
        [STOCK.format("purchase_price = NULL, roi_percentage = NULL")],
        AS_BEFORE | {"purchase_price": None, "roi_percentage": None},
        legacy={"stock_financial": {"purchase_price": 0, "roi": None}},
    ),
    "last lifecycle row deleted": Case(
        [NO_LIFECYCLE], AS_BEFORE | {"listed_on_platforms": None, "status_history": None}
    ),
    "metrics row deleted": Case([NO_METRICS], AS_BEFORE | {"reserved_quantity": 0}),
    "MERGE": Case(
        [
            (
                "MERGE INTO inventory.stock_metrics AS m USING inventory.stock AS s ON m.stock_id = s.id "
                f"WHEN MATCHED AND s.id = '{S}' THEN UPDATE SET reserved_quantity = 2 "
                "WHEN NOT MATCHED THEN INSERT (stock_id, available_quantity, reserved_quantity) "
                "VALUES (s.id, 0, 1)"
            )
        ],
        {"reserved_quantity": 2},
    ),
    "MERGE that deletes": Case(
        [
            (
                "MERGE INTO inventory.stock_lifecycle AS l USING inventory.stock AS s ON l.stock_id = s.id "
                f"WHEN MATCHED AND s.id = '{S}' THEN DELETE"
            )
        ],
        {"listed_on_platforms": None},
    ),
    "one fact from both sides in turn": Case(
        [
            STOCK.format("reserved_quantity = 1"),
            METRICS.format("reserved_quantity = 2"),
            STOCK.format("reserved_quantity = 3"),
        ],
        {"reserved_quantity": 3},
    ),
    "primary key of stock changed": Case(
        [
            NO_METRICS,
            f"DELETE FROM inventory.stock_financial WHERE stock_id = '{S}'",
            NO_LIFECYCLE,
            STOCK.format(
                "id = 'c0000000-0000-4000-8000-000000000003', listed_on_platforms = '[1]'"
            ),
        ],
        {},
    ),
    "row that we date counts no more": Case(
        [IN_2099, STOCK.format("listed_on_platforms = 'null'")],
        {
            "listed_on_platforms": {"json": None},
            "status_history": json("first"),
            "shelf_life_days": 30,
        },
        trigger("BEFORE UPDATE", "stock_lifecycle", DATED),
    ),
    "row that we date counts no more, of a fact that is cleared": Case(
        [IN_2099, STOCK.format("listed_on_platforms = NULL, shelf_life_days = NULL")],
        {"listed_on_platforms": None, "shelf_life_days": None},
        trigger("BEFORE UPDATE", "stock_lifecycle", DATED),
    ),
    "row that is set aside is cleared, and dated by that": Case(
        [
            f"DELETE FROM inventory.stock_financial WHERE stock_id = '{S}'",
            STOCK.format("roi_percentage = NULL, profit_per_shelf_day = NULL"),
            (
                "INSERT INTO inventory.stock_financial (stock_id, purchase_price, gross_purchase_price, "
                "vat_amount, profit_per_shelf_day, updated_at) "
                f"VALUES ('{S}', 50, 61, 10, 9, '2025-01-01Z'), ('{S}', 50, 60, 10, 9, '2024-01-01Z')"
            ),
            STOCK.format("profit_per_shelf_day = NULL"),
        ],
        {"profit_per_shelf_day": None, "gross_purchase_price": 61},
        trigger("BEFORE UPDATE", "stock_financial", DATED),
    ),
    "row that we date counts no more, of prices": Case(
        [FINANCIAL_IN_2099, STOCK.format("purchase_price = 7, roi_percentage = NULL")],
        {"purchase_price": 7, "roi_percentage": None, "gross_purchase_price": 2},
        trigger("BEFORE UPDATE", "stock_financial", DATED),
    ),
    "metrics row deleted and stock written in one statement": Case(
        [f"WITH gone AS ({NO_METRICS}) {STOCK.format('quantity = 6')}"],
        {"reserved_quantity": 0, "quantity": 6},
    ),
    "lifecycle row deleted and stock written in one statement": Case(
        [f"WITH gone AS ({NO_LIFECYCLE}) {STOCK.format('shelf_life_days = 6')}"],
        {"listed_on_platforms": None, "status_history": None, "shelf_life_days": 6},
    ),
    "trigger that writes to stock when we add a lifecycle row": Case(
        [NO_LIFECYCLE, STOCK.format("listed_on_platforms = '[1]', shelf_life_days = 2")],
        {"listed_on_platforms": json(1), "shelf_life_days": 1},
        trigger(
            "AFTER INSERT",
            "stock_lifecycle",
            "UPDATE inventory.stock SET shelf_life_days = 1 WHERE id = NEW.stock_id;",
        ),
    ),
    "trigger that writes to stock when we add a metrics row": Case(
        [NO_METRICS, STOCK.format("reserved_quantity = 3")],
        {"reserved_quantity": 4},
        trigger(
            "AFTER INSERT",
            "stock_metrics",
            "UPDATE inventory.stock SET reserved_quantity = 4 WHERE id = NEW.stock_id;",
        ),
    ),
    "trigger that changes the metrics row that we add": Case(
        [NO_METRICS, STOCK.format("reserved_quantity = 3")],
        {"reserved_quantity": 2},
        trigger(
            "BEFORE INSERT",
            "stock_metrics",
            "NEW.reserved_quantity := 2; NEW.available_quantity := -7;",
        ),
    ),
    "other facts of metrics and stock in one statement": Case(
        [
            f"WITH part AS ({METRICS.format('reserved_quantity = 2')}) {STOCK.format('quantity = 6')}"
        ],
        {"reserved_quantity": 2, "quantity": 6},
    ),
    "fact cleared in stock_financial and another one of stock in one statement": Case(
        [f"WITH part AS ({FINANCIAL.format('roi = NULL')}) {STOCK.format('purchase_price = 7')}"],
        {"roi_percentage": None, "purchase_price": 7, "gross_purchase_price": 60},
    ),
    "fact cleared in stock_lifecycle and another one of stock in one statement": Case(
        [
            f"WITH part AS ({LIFECYCLE.format('listed_on_platforms = NULL')}) "
            + STOCK.format("status_history = '[1]'")
        ],
        {"listed_on_platforms": None, "status_history": json(1)},
    ),
    "several financial rows and another fact of stock in one statement": Case(
        [
            TWO_MORE_FINANCIAL,
            f"WITH part AS ({FINANCIAL.format('gross_purchase_price = 71, vat_amount = 3')}) "
            + STOCK.format("roi_percentage = 1"),
        ],
        {"gross_purchase_price": 71, "vat_amount": 3, "roi_percentage": 1},
    ),
    "several financial rows and a fact cleared in stock in one statement": Case(
        [
            TWO_MORE_FINANCIAL,
            f"WITH part AS ({FINANCIAL.format('gross_purchase_price = 71, vat_amount = 3')}) "
            + STOCK.format("roi_percentage = NULL"),
        ],
        {"gross_purchase_price": 71, "vat_amount": 3, "roi_percentage": None},
    ),
    "several lifecycle rows and another fact of stock in one statement": Case(
        [
            TWO_MORE,
            "WITH part AS ("
            + LIFECYCLE.format("status_history = '[3]'")
            + ") "
            + STOCK.format("listed_on_platforms = '[4]'"),
        ],
        {"status_history": json(3), "listed_on_platforms": json(4)},
    ),
    "several lifecycle rows and a fact cleared in stock in one statement": Case(
        [
            TWO_MORE,
            "WITH part AS ("
            + LIFECYCLE.format("status_history = '[3]'")
            + ") "
            + STOCK.format("listed_on_platforms = NULL"),
        ],
        {"status_history": json(3), "listed_on_platforms": None},
    ),
    "two rows of one UPDATE that clears one fact and says another": Case(
        [
            f"DELETE FROM inventory.stock_financial WHERE stock_id = '{S}'",
            STOCK.format("profit_per_shelf_day = NULL"),
            (
                "INSERT INTO inventory.stock_financial (stock_id, purchase_price, gross_purchase_price, "
                "vat_amount, updated_at) "
                f"VALUES ('{S}', 50, 60, 10, '2024-01-01Z'), ('{S}', 50, 60, 10, '2025-01-01Z')"
            ),
            FINANCIAL.format("roi = NULL, profit_per_shelf_day = 4"),
        ],
        {"roi_percentage": None, "profit_per_shelf_day": 4},
    ),
    "two rows of one INSERT, of which the newer one says that a price is 0": Case(
        [
            f"DELETE FROM inventory.stock_financial WHERE stock_id = '{S}'",
            STOCK.format("roi_percentage = NULL"),
            (
                "INSERT INTO inventory.stock_financial (stock_id, purchase_price, gross_purchase_price, "
                "vat_amount, roi, updated_at) "
                f"VALUES ('{S}', 50, 60, 10, 9, '2024-01-01Z'), ('{S}', 50, 0, 10, NULL, '2025-01-01Z')"
            ),
        ],
        {"roi_percentage": 9, "gross_purchase_price": 0},
    ),
    "two branches of one MERGE, each with another row and fact": Case(
        [
            STOCK.format("listed_on_platforms = NULL, shelf_life_days = NULL"),
            OLDER.replace("777", "NULL").replace("""'["older"]', '["older"]'""", "NULL, NULL"),
            (
                "MERGE INTO inventory.stock_lifecycle AS l USING inventory.stock AS s ON l.stock_id = s.id "
                f"WHEN MATCHED AND s.id = '{S}' AND l.updated_at < '2021-01-01Z' "
                "THEN UPDATE SET listed_on_platforms = '[1]' "
                f"WHEN MATCHED AND s.id = '{S}' THEN UPDATE SET status_history = NULL, shelf_life_days = 3"
            ),
        ],
        {"listed_on_platforms": json(1), "status_history": None, "shelf_life_days": 3},
    ),
    "upsert that clears what an older row has, and dates itself back": Case(
        [
            OLDER,
            (
                "INSERT INTO inventory.stock_lifecycle (id, stock_id, listed_on_platforms, updated_at) "
                "SELECT id, stock_id, NULL, '2001-01-01Z' FROM inventory.stock_lifecycle "
                f"WHERE stock_id = '{S}' AND shelf_life_days = 30 ON CONFLICT (id) DO UPDATE SET "
                "listed_on_platforms = excluded.listed_on_platforms, updated_at = excluded.updated_at"
            ),
        ],
        # It is set aside by then: nothing that is done to it reaches stock.
        AS_BEFORE,
    ),
    "row that a trigger deletes as soon as it is there": Case(
        [
            NO_LIFECYCLE,
            f"INSERT INTO inventory.stock_lifecycle (stock_id, shelf_life_days) VALUES ('{S}', 5)",
        ],
        {"shelf_life_days": 30},
        trigger(
            "AFTER INSERT",
            "stock_lifecycle",
            "DELETE FROM inventory.stock_lifecycle WHERE id = NEW.id;",
        ),
    ),
    "function in SET of stock writes to the metrics row": Case(
        [STOCK.format("quantity = public.answer(id)")],
        {"quantity": 7, "reserved_quantity": 2},
        WRITING.format(
            "UPDATE inventory.stock_metrics SET reserved_quantity = 2 WHERE stock_id = target;"
        ),
    ),
    "function in SET of stock writes to the lifecycle row": Case(
        [STOCK.format("shelf_life_days = public.answer(id)")],
        {"shelf_life_days": 7, "status_history": json(9)},
        WRITING.format(
            "UPDATE inventory.stock_lifecycle SET status_history = '[9]' WHERE stock_id = target;"
        ),
    ),
    "function in SET of a lifecycle row writes to stock": Case(
        [LIFECYCLE.format("shelf_life_days = public.answer(stock_id)")],
        {"shelf_life_days": 7, "status_history": json(9)},
        WRITING.format("UPDATE inventory.stock SET status_history = '[9]' WHERE id = target;"),
    ),
    "function in a DELETE writes to stock": Case(
        [f"{NO_LIFECYCLE} AND public.answer(stock_id) = 7"],
        {"status_history": None, "quantity": 3, "shelf_life_days": 30},
        WRITING.format("UPDATE inventory.stock SET quantity = 3 WHERE id = target;"),
    ),
    "function that writes to both sides in turn": Case(
        [f"SELECT public.answer('{S}')"],
        {"quantity": 3, "reserved_quantity": 1},
        WRITING.format(
            "UPDATE inventory.stock SET quantity = 3, reserved_quantity = 2 WHERE id = target; "
            "UPDATE inventory.stock_metrics SET reserved_quantity = 1 WHERE stock_id = target;"
        ),
    ),
    "function that an AFTER trigger calls answers on the other side": Case(
        [STOCK.format("reserved_quantity = 9")],
        {"reserved_quantity": 2},
        WRITING.format(
            "UPDATE inventory.stock_metrics SET reserved_quantity = 2 WHERE stock_id = target;"
        )
        + ";"
        + trigger(
            "AFTER UPDATE",
            "stock",
            "IF NEW.reserved_quantity > 8 THEN PERFORM public.answer(NEW.id); END IF;",
        ),
    ),
    "through views": Case(
        [
            f"UPDATE public.shelf SET listed_on_platforms = NULL WHERE stock_id = '{S}'",
            f"INSERT INTO public.shelf SELECT gen_random_uuid(), '{S}', 3, NULL, NULL, now(), now()",
            f"UPDATE public.item SET quantity = 2, status_history = '[3]' WHERE id = '{S}'",
        ],
        {
            "shelf_life_days": 3,
            "listed_on_platforms": None,
            "status_history": json(3),
            "quantity": 2,
        },
        """
        CREATE VIEW public.shelf AS SELECT id, stock_id, shelf_life_days, listed_on_platforms, status_history,
          created_at, updated_at FROM inventory.stock_lifecycle;
        CREATE VIEW public.item AS SELECT stock.id, stock.quantity, lifecycle.status_history
        FROM inventory.stock JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = stock.id;
        CREATE FUNCTION public.both_sides() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE inventory.stock SET quantity = NEW.quantity WHERE id = NEW.id;
          UPDATE inventory.stock_lifecycle SET status_history = NEW.status_history WHERE stock_id = NEW.id;
          RETURN NEW;
        END $$;
        CREATE TRIGGER both_sides INSTEAD OF UPDATE ON public.item
        FOR EACH ROW EXECUTE FUNCTION public.both_sides();
        """,
    ),
    "stock row deleted by a trigger's order": Case(
        ["DELETE FROM inventory.stock WHERE id = '" + S + "'"],
        {},
        trigger(
            "BEFORE DELETE",
            "stock",
            "DELETE FROM inventory.stock_lifecycle WHERE stock_id = OLD.id;",
        ),
    ),
}


@pytest.fixture(scope="module")
def shop(databases: Databases) -> Engine:
    """The small shop with Phase 2 deployed."""
    engine = small_shop(databases.empty())
    with Deployer(engine, ignore) as deployer:
        deploy(deployer)
    return engine


@pytest.fixture
def connection(shop: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back in the end."""
    with shop.connect() as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("name", CASES)
def test_case(connection: Connection, name: str) -> None:
    case = CASES[name]
    before = [row for row in rows(connection, "stock") if str(row["id"]) == OTHER]
    assert differences(connection) == []
    if case.triggers:
        run(connection, case.triggers)

    for statement in case.writes:
        run(connection, statement)
        assert differences(connection) == []

    for table, expected in {"stock": case.stock, **case.legacy}.items():
        found = side_of(connection, table) or {}
        if table == "stock" and expected and (extra := expected.keys() - found.keys()):
            columns = run(
                connection, f"SELECT {', '.join(extra)} FROM inventory.stock WHERE id = '{S}'"
            )
            found = {**found, **columns.mappings().one()}
        assert {name: found[name] for name in expected} == dict(expected)
    assert [row for row in rows(connection, "stock") if str(row["id"]) == OTHER] == before


# How the writer's session reads a backslash in our functions, and how PostgreSQL prints names to them.
SETTINGS_OF_A_WRITER = """
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SET LOCAL quote_all_identifiers = on
"""


@pytest.mark.parametrize(
    "name", [name for name in CASES if name.startswith(("S5", "S9", "upsert", "function"))]
)
def test_case_in_a_session_with_settings_of_its_own(connection: Connection, name: str) -> None:
    """Where what is read is text: the statement of the client, and who is at work."""
    run(connection, SETTINGS_OF_A_WRITER)
    test_case(connection, name)
