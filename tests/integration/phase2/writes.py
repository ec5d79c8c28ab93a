"""Writes to either side, in each form that SQL has for them, and what the contract makes of each.

The contract is spelled in Python: it knows what the tables held and what is written, and nothing of triggers.
Here: one statement, or two parts of one, and what stock and the written rows hold after it. Not here: which
writes are drawn, and by whom, which is test_synchronisation_machine.py's.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tests.integration.phase2.sides import FINANCIAL, JSON, LIFECYCLE, PRICES, Row, age, rows, run

Facts = dict[str, Any]

# Table by table: what stock calls a fact, and what the legacy table does.
LEGACY: Mapping[str, Mapping[str, str]] = {
    "stock_lifecycle": LIFECYCLE,
    "stock_financial": FINANCIAL,
    "stock_metrics": {"reserved_quantity": "reserved_quantity"},
}
DATES = ("updated_at", "created_at")

_TYPES = (
    dict.fromkeys(JSON, "jsonb")
    | dict.fromkeys(DATES, "timestamptz")
    | dict.fromkeys(("id", "stock_id"), "uuid")
)
# What a row cannot be without.
_REQUIRED: Mapping[str, Facts] = {
    "stock_financial": dict.fromkeys(PRICES, Decimal(0)),
    "stock_metrics": {"available_quantity": 0, "reserved_quantity": 0},
    "stock_lifecycle": {},
}
# What stock has from the last legacy row alone, and says without it.
_GOES_WITH_THE_LAST: Mapping[str, Facts] = {
    "stock_lifecycle": dict.fromkeys(JSON),
    "stock_metrics": {"reserved_quantity": 0},
    "stock_financial": {},
}
# An id that begins so is of a row which the synchronisation added.
_OURS = "00000000-501e-"


@dataclass(frozen=True)
class Seen:
    """What one session sees: the stock rows, the legacy rows, and the time of its transaction."""

    stocks: Mapping[UUID, Row]
    tables: Mapping[str, Sequence[Row]]
    now: datetime

    @classmethod
    def by(cls, session: Connection) -> "Seen":
        return cls(
            {row["id"]: row for row in rows(session, "stock")},
            {table: sorted(rows(session, table), key=lambda row: row["id"]) for table in LEGACY},
            run(session, "SELECT now()").scalar_one(),
        )

    def of(self, table: str, stock_id: UUID) -> list[Row]:
        """The legacy rows of one stock row."""
        return [row for row in self.tables[table] if row["stock_id"] == stock_id]

    def orphans(self, tables: Iterable[str]) -> list[Row]:
        """Legacy rows whose stock row is not there."""
        return [
            row
            for table in tables
            for row in self.tables[table]
            if row["stock_id"] not in self.stocks
        ]


@dataclass(frozen=True)
class Write:
    """A statement, and what the contract says of it.

    Attributes:
        statement: the SQL; more than one statement are separated by semicolons.
        becomes: what each stock row that it is about holds then; None if it is gone.
        reads: by table and id of a legacy row, what it holds then; None if it is gone.
        facts: what it writes of these stock rows.
        lines: what COPY is given.
    """

    statement: str
    becomes: Mapping[UUID, Row | None]
    reads: Mapping[tuple[str, UUID], Row | None] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()
    lines: str = ""

    def run(self, session: Connection) -> None:
        if not self.lines:
            run(session, self.statement)
            return
        driver: Any = session.connection.driver_connection
        try:
            with driver.cursor().copy(self.statement) as copying:
                copying.write(self.lines)
        except psycopg.Error as error:
            raise DBAPIError(self.statement, {}, error) from error

    def check(self, seen: Seen) -> None:
        """See that what was to be is there.

        Args:
            seen: what its session sees after it.
        """
        held = {("stock", stock_id): row for stock_id, row in seen.stocks.items()}
        held |= {(table, row["id"]): row for table in LEGACY for row in seen.tables[table]}
        stocks = {("stock", stock_id): row for stock_id, row in self.becomes.items()}
        for key, row in {**stocks, **self.reads}.items():
            found = held.get(key)
            if found is not None and row is not None:
                found = {name: found[name] for name in row}
            assert found == row, f"{key[0]} {found}, not {row}, after {self.statement}"


def at_once(stock: Write, legacy: Write, *, stock_first: bool) -> Write:
    """Two writes as parts of one statement: of a fact that both write, either may be the later one.

    Args:
        stock: of a stock row.
        legacy: of its legacy rows, planned for what the first one makes of it.
        stock_first: which of them is the common table expression.
    """
    # Who deletes the last row writes all of its facts at once.
    both = legacy.facts if stock.facts & legacy.facts else frozenset()
    first, last = (stock, legacy) if stock_first else (legacy, stock)
    return Write(
        f"WITH part AS ({first.statement} RETURNING 1) {last.statement}",
        {
            stock_id: row and {name: value for name, value in row.items() if name not in both}
            for stock_id, row in {**stock.becomes, **legacy.becomes}.items()
        },
        {} if both else legacy.reads,
    )


# To stock --------------------------------------------------------------------------------


def update_stock(seen: Seen, stock_id: UUID, values: Facts, form: str) -> Write:
    """form: update, merge or upsert."""
    statement = {
        "update": f"UPDATE inventory.stock SET {_assigned(values)} WHERE id = '{stock_id}'",
        "merge": (
            f"MERGE INTO inventory.stock AS s USING (SELECT CAST('{stock_id}' AS uuid) AS id) AS n "
            f"ON s.id = n.id WHEN MATCHED THEN UPDATE SET {_assigned(values)}"
        ),
        "upsert": (
            f"{_insert_stock(stock_id, {'quantity': 9})} "
            f"ON CONFLICT (id) DO UPDATE SET {_assigned(values)}"
        ),
    }[form]
    row = {**seen.stocks[stock_id], **_parsed(values)}
    return Write(statement, {stock_id: row}, facts=frozenset(values))


def update_all_stock(seen: Seen, values: Facts) -> Write:
    """Every row, in one statement."""
    return Write(
        f"UPDATE inventory.stock SET {_assigned(values)}",
        {stock_id: {**row, **_parsed(values)} for stock_id, row in seen.stocks.items()},
        facts=frozenset(values),
    )


def add_stock(seen: Seen, stock_id: UUID, values: Facts, form: str) -> Write:
    """A row that is not there; its legacy rows may be. form: insert, copy, nothing or merge."""
    row = {"quantity": 5} | values
    lines = ""
    if form == "copy":
        written = dict.fromkeys(("id", "product_id", "size_id"), stock_id) | {"status": "x"} | row
        statement = f"COPY inventory.stock ({', '.join(written)}) FROM STDIN (FORMAT csv)"
        lines = _line(written)
    elif form == "merge":
        statement = (
            f"MERGE INTO inventory.stock AS s USING (SELECT CAST('{stock_id}' AS uuid) AS id) AS n "
            f"ON s.id = n.id WHEN NOT MATCHED THEN INSERT (id, product_id, size_id, status, "
            f"{', '.join(row)}) VALUES (n.id, n.id, n.id, 'x', {_literals(row)})"
        )
    else:
        statement = _insert_stock(stock_id, row)
        if form == "nothing":
            statement += " ON CONFLICT (id) DO NOTHING"
    new = _new_stock(stock_id, row)
    completed = _completed(seen, new)
    taken = {name for name in new if completed[name] != new[name]}
    return Write(statement, {stock_id: completed}, facts=frozenset({*row, *taken}), lines=lines)


def leave_stock(stock_id: UUID) -> Write:
    """What is there already stays as it is."""
    return Write(f"{_insert_stock(stock_id, {'quantity': 9})} ON CONFLICT DO NOTHING", {})


def delete_stock(seen: Seen, stock_id: UUID, form: str) -> Write:
    """Its legacy rows go with it. form: delete or merge."""
    statement = {
        "delete": f"DELETE FROM inventory.stock WHERE id = '{stock_id}'",
        "merge": (
            f"MERGE INTO inventory.stock AS s USING (SELECT CAST('{stock_id}' AS uuid) AS id) AS n "
            f"ON s.id = n.id WHEN MATCHED THEN DELETE"
        ),
    }[form]
    return Write(statement, {stock_id: None}, _gone(seen, stock_id))


def replace_stock(seen: Seen, stock_id: UUID, values: Facts, form: str) -> Write:
    """Deleted, with its legacy rows, and added again under its id: nothing of before comes back.

    form: apart (two statements) or together (one).
    """
    row = {"quantity": 5} | values
    deleted = f"DELETE FROM inventory.stock WHERE id = '{stock_id}'"
    statement = {
        "apart": f"{deleted}; {_insert_stock(stock_id, row)}",
        "together": (
            f"WITH gone AS ({deleted} RETURNING id) "
            f"INSERT INTO inventory.stock (id, product_id, size_id, status, {', '.join(row)}) "
            f"SELECT id, id, id, 'x', {_literals(row)} FROM gone"
        ),
    }[form]
    return Write(statement, {stock_id: _new_stock(stock_id, row)}, _gone(seen, stock_id))


def rename_stock(seen: Seen, stock_id: UUID, new_id: UUID, values: Facts) -> Write:
    """Its legacy rows follow it; where its new id has some, which say what it does not, they go."""
    held = seen.stocks[stock_id]
    row = {**held, "id": new_id, **_parsed(values)}
    changed = {name for name in values if row[name] != held[name]}
    return Write(
        f"UPDATE inventory.stock SET {_assigned({'id': new_id, **values})} WHERE id = '{stock_id}'",
        {stock_id: None, new_id: _completed(seen, row, but=changed)},
        {
            (table, one["id"]): None
            for table in LEGACY
            if seen.of(table, new_id)
            for one in seen.of(table, stock_id)
        },
    )


# To a legacy table -----------------------------------------------------------------------


def insert_legacy(
    seen: Seen, table: str, stock_id: UUID, values: Facts, *, ids: Sequence[UUID], form: str
) -> Write | None:
    """One row or more that say the same. form: insert, copy, merge, nothing or upsert (by stock_id)."""
    dates = {name: values[name] for name in DATES if values.get(name)}
    facts = {name: value for name, value in values.items() if name not in DATES}
    new = [
        {"id": one, "stock_id": stock_id} | _REQUIRED[table] | facts | dates
        for one in (ids[:1] if table == "stock_metrics" else ids)
    ]
    left = seen.of(table, stock_id)
    if form in ("insert", "copy", "merge"):
        # Ours gives way to a row of the writer's own; where there may be one only, also later on.
        left = [
            row
            for row in left
            if not str(row["id"]).startswith(_OURS)
            or not (table == "stock_metrics" or row["created_at"] == seen.now)
        ]
    if table == "stock_metrics" and left and form != "nothing":
        return None
    columns = f"inventory.{table} ({', '.join(new[0])})"
    statement, lines = f"INSERT INTO {columns} VALUES {_values(new)}", ""
    if form == "copy":
        statement = f"COPY {columns} FROM STDIN (FORMAT csv)"
        lines = "".join(map(_line, new))
    elif form == "merge":
        statement = (
            f"MERGE INTO inventory.{table} AS l USING (VALUES {_values(new)}) AS n ({', '.join(new[0])}) "
            f"ON l.id = n.id WHEN NOT MATCHED THEN INSERT ({', '.join(new[0])}) "
            f"VALUES ({', '.join(f'n.{name}' for name in new[0])})"
        )
    elif form == "nothing":
        statement += " ON CONFLICT DO NOTHING"
        if table == "stock_metrics" and left:
            return Write(statement, {})
    elif form == "upsert":
        key = "stock_id" if table == "stock_metrics" else "id"
        statement += f" ON CONFLICT ({key}) DO UPDATE SET updated_at = now()"
    added: list[Facts] = [
        dict.fromkeys(_facts_of(table)) | dict.fromkeys(DATES, seen.now) | _parsed(one)
        for one in new
    ]
    said = {one["id"]: _said(table, one) for one in added}
    return Write(
        statement,
        _after_legacy(seen, table, stock_id, [*left, *added], said),
        {(table, one["id"]): {name: one[name] for name in said[one["id"]]} for one in added},
        _as_stock_says(table, new[0]),
        lines,
    )


def update_legacy(seen: Seen, table: str, row: Row, values: Facts, form: str) -> Write:
    """One row. form: update, merge, upsert (by its id) or upsert by stock."""
    target = {
        "id": row["id"],
        "stock_id": row["stock_id"],
        **_REQUIRED[table],
    }
    columns = ", ".join(target)
    if form == "upsert by stock" and table != "stock_metrics":
        form = "upsert"
    key = "stock_id" if form == "upsert by stock" else "id"
    if form == "upsert by stock":
        target["id"] = UUID(int=row["id"].int ^ 1)
    upsert = (
        f"INSERT INTO inventory.{table} AS l ({columns}) VALUES {_values([target])} "
        f"ON CONFLICT ({key}) DO UPDATE SET {_assigned(values)}"
    )
    statement = {
        "update": f"UPDATE inventory.{table} SET {_assigned(values)} WHERE id = '{row['id']}'",
        "merge": (
            f"MERGE INTO inventory.{table} AS l USING (SELECT CAST('{row['id']}' AS uuid) AS id) AS n "
            f"ON l.id = n.id WHEN MATCHED THEN UPDATE SET {_assigned(values)}"
        ),
    }.get(form, upsert)
    return _updated(seen, table, [(row, values)], statement)


def update_legacy_apart(
    seen: Seen, table: str, changes: Sequence[tuple[Row, Facts]], form: str
) -> Write:
    """Several rows in one statement, each with values of its own. form: update or merge (with branches)."""
    ids = ", ".join(f"'{row['id']}'" for row, _ in changes)
    if form == "merge":
        branches = " ".join(
            f"WHEN MATCHED AND l.id = '{row['id']}' THEN UPDATE SET {_assigned(values)}"
            for row, values in changes
        )
        statement = (
            f"MERGE INTO inventory.{table} AS l USING (SELECT CAST(unnest(ARRAY[{ids}]) AS uuid) AS id) AS n "
            f"ON l.id = n.id {branches}"
        )
    else:
        assigned = ", ".join(
            f"{name} = CASE id "
            + "".join(
                f"WHEN '{row['id']}' THEN {_literal(name, values[name])} "
                for row, values in changes
                if name in values
            )
            + f"ELSE {name} END"
            for name in sorted({name for _, values in changes for name in values})
        )
        statement = f"UPDATE inventory.{table} SET {assigned} WHERE id IN ({ids})"
    return _updated(seen, table, changes, statement)


def update_legacy_rows(seen: Seen, table: str, stock_id: UUID | None, values: Facts) -> Write:
    """All rows of one stock row, or of all, which also may make another one of them count."""
    one = "" if stock_id is None else f" WHERE stock_id = '{stock_id}'"
    touched = seen.tables[table] if stock_id is None else seen.of(table, stock_id)
    return _updated(
        seen,
        table,
        [(row, values) for row in touched],
        f"UPDATE inventory.{table} SET {_assigned(values)}{one}",
    )


def delete_legacy(seen: Seen, table: str, row: Row, form: str) -> Write:
    """form: delete or merge."""
    statement = {
        "delete": f"DELETE FROM inventory.{table} WHERE id = '{row['id']}'",
        "merge": (
            f"MERGE INTO inventory.{table} AS l USING (SELECT CAST('{row['id']}' AS uuid) AS id) AS n "
            f"ON l.id = n.id WHEN MATCHED THEN DELETE"
        ),
    }[form]
    return Write(
        statement,
        _after_loss(seen, table, row),
        {(table, row["id"]): None},
        _lost_with(seen, table, row),
    )


def move_legacy(seen: Seen, table: str, row: Row, stock_id: UUID) -> Write:
    """From one stock row to another: gone there, new here."""
    moved = {**row, "stock_id": stock_id}
    said = _said(table, row)
    return Write(
        f"UPDATE inventory.{table} SET stock_id = '{stock_id}' WHERE id = '{row['id']}'",
        {
            **_after_loss(seen, table, row),
            **_after_legacy(
                seen, table, stock_id, [*seen.of(table, stock_id), moved], {row["id"]: said}
            ),
        },
        {(table, row["id"]): {name: row[name] for name in said}},
        _as_stock_says(table, said) | _lost_with(seen, table, row),
    )


# What follows ----------------------------------------------------------------------------


def _updated(seen: Seen, table: str, changes: Sequence[tuple[Row, Facts]], statement: str) -> Write:
    changed = {row["id"]: {**row, **_parsed(values)} for row, values in changes}
    written = {
        row["id"]: {name for name in _facts_of(table) if changed[row["id"]][name] != row[name]}
        for row, _ in changes
    }
    becomes: dict[UUID, Row | None] = {}
    reads: dict[tuple[str, UUID], Row | None] = {}
    for stock_id in {row["stock_id"] for row, _ in changes}:
        left = [changed.get(row["id"], row) for row in seen.of(table, stock_id)]
        becomes |= _after_legacy(seen, table, stock_id, left, written)
        counting = max(left, key=age)
        # In the others, too, whatever they were given at the same time.
        cleared = {name for name in written.get(counting["id"], ()) if counting[name] is None}
        for row in left:
            names = written.get(row["id"], set()) - (cleared if row is not counting else set())
            reads[table, row["id"]] = {name: row[name] for name in names}
    return Write(
        statement,
        becomes,
        reads,
        _as_stock_says(table, {name for _, values in changes for name in values}),
    )


def _after_legacy(
    seen: Seen,
    table: str,
    stock_id: UUID,
    left: Sequence[Row],
    written: Mapping[UUID, Collection[str]],
) -> Mapping[UUID, Row]:
    """What a stock row holds after legacy rows of its were written.

    Args:
        seen: what was there before.
        table: the legacy table.
        stock_id: the stock row, which need not be there.
        left: its legacy rows afterwards.
        written: by id of a row, the facts that changed in it.
    """
    stock = seen.stocks.get(stock_id)
    if stock is None:
        return {}
    by_age = sorted(left, key=age, reverse=True)
    counting = by_age[0]
    becomes = dict(stock)
    for new, old in LEGACY[table].items():
        if old in written.get(counting["id"], ()):
            if new in PRICES and (stock[new] or 0) == counting[old]:
                continue
            becomes[new] = counting[old]
        elif stock[new] is None and any(old in written.get(row["id"], ()) for row in left):
            becomes[new] = _newest(by_age, old)
    return {stock_id: becomes}


def _after_loss(seen: Seen, table: str, row: Row) -> Mapping[UUID, Row]:
    """What a stock row holds after one of its legacy rows is gone."""
    stock = seen.stocks.get(row["stock_id"])
    if stock is None:
        return {}
    lost = _lost_with(seen, table, row)
    without = _GOES_WITH_THE_LAST[table].items()
    return {row["stock_id"]: {**stock, **{name: value for name, value in without if name in lost}}}


def _lost_with(seen: Seen, table: str, row: Row) -> frozenset[str]:
    """What stock no longer knows once a row is gone."""
    is_last = len(seen.of(table, row["stock_id"])) == 1
    return frozenset(_GOES_WITH_THE_LAST[table] if is_last else ())


def _completed(seen: Seen, stock: Row, but: Collection[str] = ()) -> Row:
    """A stock row that has just come: what it leaves out, the legacy rows that are there before it say."""
    becomes = dict(stock)
    for table, facts in LEGACY.items():
        by_age = sorted(seen.of(table, stock["id"]), key=age, reverse=True)
        for new, old in facts.items():
            if not by_age or new in but:
                continue
            if stock[new] is None:
                becomes[new] = _newest(by_age, old)
            elif table == "stock_metrics" and stock[new] == 0:
                becomes[new] = by_age[0][old]
    return becomes


def _newest(by_age: Iterable[Row], fact: str) -> Any:
    """What the newest row says that says anything."""
    return next((row[fact] for row in by_age if _is_known(row[fact], fact)), None)


def _is_known(value: Any, fact: str) -> bool:
    """A price of 0 in stock_financial says nothing."""
    return value is not None and not (fact in PRICES and value == 0)


def _said(table: str, row: Row) -> set[str]:
    """The facts that a new row says; who has to name a price, says 0."""
    return {name for name in _facts_of(table) if row[name] is not None}


def _as_stock_says(table: str, names: Collection[str]) -> frozenset[str]:
    """What stock calls facts of a legacy table."""
    return frozenset(name for name, old in LEGACY[table].items() if old in names)


def _facts_of(table: str) -> list[str]:
    return [*LEGACY[table].values()]


def _gone(seen: Seen, stock_id: UUID) -> Mapping[tuple[str, UUID], None]:
    return {(table, row["id"]): None for table in LEGACY for row in seen.of(table, stock_id)}


def _new_stock(stock_id: UUID, values: Facts) -> Row:
    names = ("quantity", *(new for facts in LEGACY.values() for new in facts))
    return {**dict.fromkeys(names), "id": stock_id, "reserved_quantity": 0, **_parsed(values)}


# How it is spelled -----------------------------------------------------------------------


def _insert_stock(stock_id: UUID, row: Facts) -> str:
    return (
        f"INSERT INTO inventory.stock (id, product_id, size_id, status, {', '.join(row)}) "
        f"VALUES ('{stock_id}', '{stock_id}', '{stock_id}', 'x', {_literals(row)})"
    )


def _literal(name: str, value: Any) -> str:
    quoted = "NULL" if value is None else f"'{value}'"
    return f"CAST({quoted} AS {_TYPES.get(name, 'numeric')})"


def _literals(values: Facts) -> str:
    return ", ".join(_literal(name, value) for name, value in values.items())


def _values(new: Sequence[Facts]) -> str:
    return ", ".join(f"({_literals(one)})" for one in new)


def _assigned(values: Facts) -> str:
    return ", ".join(f"{name} = {_literal(name, value)}" for name, value in values.items())


def _line(values: Facts) -> str:
    """A row as COPY takes it in CSV; nothing is NULL."""
    quoted = (
        "" if one is None else '"' + str(one).replace('"', '""') + '"' for one in values.values()
    )
    return ",".join(quoted) + "\n"


def _parsed(values: Mapping[str, Any]) -> Facts:
    """Values as they are read back."""
    return {
        name: {"json": json.loads(value)}
        if name in JSON and value is not None
        else datetime.fromisoformat(value)
        if name in DATES and isinstance(value, str)
        else value
        for name, value in values.items()
        if name not in ("available_quantity", "product_id", "size_id", "status")
    }
