"""The seed's headline queries against the four-table join that they replace, and a primary-key read."""

import statistics

from harness import Connection, Shop, latencies, table

from soleflip_assets.metrics.mode import Mode
from soleflip_assets.sql_files import SqlFile

TIMES = 400

_JOIN = """
    FROM inventory.stock AS s
    LEFT JOIN inventory.stock_financial AS f ON f.stock_id = s.id
    LEFT JOIN inventory.stock_lifecycle AS l ON l.stock_id = s.id
    LEFT JOIN inventory.stock_metrics AS m ON m.stock_id = s.id
"""
JOINS = {
    "inventory_lookup": f"""
        SELECT s.id, s.product_id, s.quantity, m.reserved_quantity, m.available_quantity, s.status,
          l.listed_on_platforms, l.status_history {_JOIN} WHERE s.status = 'in_stock' LIMIT 10
        """,
    "metrics": f"""
        SELECT s.id, s.quantity, m.available_quantity, m.reserved_quantity, f.gross_purchase_price,
          m.expected_profit {_JOIN} WHERE m.available_quantity > 0 LIMIT 10
        """,
    "platform_listings": f"""
        SELECT s.id, s.product_id, l.listed_on_platforms {_JOIN}
        WHERE l.listed_on_platforms @> '[{{"platform": "stockx"}}]' LIMIT 10
        """,
}
FLOOR = "SELECT id FROM inventory.stock WHERE id = (SELECT id FROM bench_ids WHERE n = 1)"


def run(shop: Shop) -> str:
    """Measure, and return Markdown; ``bench_ids`` is refresh.py's."""
    rows = []
    with shop.connect() as connection:
        rows.append(["primary-key read", "", *_percentiles(connection, FLOOR), ""])
        for name, join in JOINS.items():
            old = _percentiles(connection, join)
            rows.append([name, "four-table join", *old, ""])
            (statement,) = SqlFile(f"headline_queries/{name}.sql").statements
            for mode in Mode if name == "metrics" else [Mode.MATERIALIZED]:
                shop.keep(mode)
                connection.execute("VACUUM ANALYZE")
                new = _percentiles(connection, statement)
                label = f"Phase 2, {mode}" if name == "metrics" else "Phase 2"
                rows.append([name, label, *new, f"**{float(old[0]) / float(new[0]):.1f}**"])
    header = ["query", "", "p50, ms", "p99, ms", "times as fast at p50"]
    return f"## Queries\n\nPrepared, warm, {TIMES} times each, client included.\n\n{table(header, rows)}"


def _percentiles(connection: Connection, statement: str) -> tuple[str, str]:
    latencies(connection, statement, 20)
    measured = latencies(connection, statement, TIMES)
    cuts = statistics.quantiles(measured, n=100)
    return f"{cuts[49]:.3f}", f"{cuts[98]:.3f}"
