"""Random writes from two sessions, every form of them: the log is what a model in Python says.

The model knows what each statement does to rows and nothing of triggers. Each transaction's events, in the
order of their numbers, are the versions that its statements made; one that was rolled back left none; and
folded, the events are the table. Each run of the suite draws the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from psycopg.types.json import Jsonb

from tests.conftest import Databases
from tests.integration.history.conftest import session, with_log, without_rows

Row = dict[str, Any]
Event = tuple[Any, ...]

VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "quantity": st.sampled_from([1, 5, 8, 9]),
    "purchase_price": st.none() | st.integers(0, 3).map(lambda cents: Decimal(cents) / 4),
    "status": st.sampled_from(["in_stock", "reserved", "sold"]),
    "detailed_status": st.none() | st.sampled_from(["available", "packed"]),
    "location": st.none() | st.sampled_from(["A-1", "B-2"]),
    "listed_on_platforms": st.none() | st.sampled_from([[], [{"platform": "goat"}]]),
    # Not kept, but named where they changed.
    "notes": st.none() | st.sampled_from(["worn", "new"]),
    "status_history": st.none() | st.sampled_from([[], [{"to_status": "sold"}]]),
    "ours_alone": st.none() | st.integers(0, 1),
}
NOT_KEPT = {"notes", "status_history", "ours_alone"}
KEPT = [name for name in VALUES if name not in NOT_KEPT]
JSON = {"listed_on_platforms", "status_history"}
# A column that no version of this project has heard of, and a trigger that writes a row again.
MEDDLING = """
ALTER TABLE inventory.stock ADD ours_alone integer;
CREATE FUNCTION public.capped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.quantity > 7 THEN
    UPDATE inventory.stock SET quantity = 7 WHERE id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER capped AFTER UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.capped();
"""

IDS_OF_A_SESSION = 6
sessions = st.integers(0, 1)
choices = st.sets(st.integers(0, IDS_OF_A_SESSION - 1), min_size=1, max_size=3)
some_values = st.sets(st.sampled_from([*VALUES]), min_size=1, max_size=4).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in sorted(names)})
)
whole_rows = st.fixed_dictionaries(dict(VALUES))


def literal(name: str, value: Any) -> Any:
    return Jsonb(value) if name in JSON and value is not None else value


class Side:
    """A session of the shop, and what the model knows of it.

    Attributes:
        rows: its rows as it sees them.
        statements: of the open transaction, each with the events that it makes.
    """

    def __init__(self, connection: psycopg.Connection[Any], number: int) -> None:
        self.connection = connection
        self.number = number
        self.rows: dict[UUID, Row] = {}
        self.committed: dict[UUID, Row] = {}
        self.statements: list[list[Event]] = []
        self.savepoints: list[tuple[dict[UUID, Row], list[list[Event]]]] = []
        self.transaction: str | None = None

    def id_of(self, choice: int) -> UUID:
        return UUID(int=1000 * (self.number + 1) + choice)

    def picked(self, choice: Iterable[int]) -> list[UUID]:
        """Rows that there are."""
        ids = sorted(self.rows)
        return sorted({ids[one % len(ids)] for one in choice}) if ids else []


class LogMachine(RuleBasedStateMachine):
    """Two sessions, each with rows of its own, that write as shops do."""

    databases: ClassVar[Databases]
    shop: ClassVar[Any]

    @initialize()
    def begin(self) -> None:
        self.sides = []
        for number, zone in enumerate(["Pacific/Auckland", "America/St_Johns"]):
            self.sides.append(Side(session(self.shop, timezone=zone), number))
        watcher = self.watcher = session(self.shop, timezone="UTC")
        watcher.execute("TRUNCATE inventory.stock CASCADE")
        for log in ("stock_event", "reservation_event"):
            watcher.execute(f"DELETE FROM inventory_ops.{log}".encode())
        row = dict.fromkeys(VALUES) | {"quantity": 5, "status": "in_stock"}
        for number in (0, 1):
            self.insert(number, {0, 1, 2, 3}, row, "insert")

    def teardown(self) -> None:
        if not hasattr(self, "sides"):
            return
        for side in self.sides:
            if side.transaction:
                self._end(side, "ROLLBACK")
            side.connection.close()
        found = self.watcher.execute("SELECT * FROM inventory_ops.log_differences()").fetchone()
        assert found is not None
        assert found[1:4] == (0, 0, 0), found
        self._compare_folded()
        self.watcher.close()

    @rule(
        number=sessions,
        level=st.sampled_from(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]),
    )
    def open(self, number: int, level: str) -> None:
        side = self.sides[number]
        if side.transaction is None:
            side.connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
            row = side.connection.execute("SELECT pg_current_xact_id()::text").fetchone()
            assert row is not None
            side.transaction = row[0]

    @rule(number=sessions, how=st.sampled_from(["COMMIT", "ROLLBACK", "PREPARE", "FORGET"]))
    def close(self, number: int, how: str) -> None:
        side = self.sides[number]
        if side.transaction is not None:
            self._end(side, how)

    @rule(number=sessions)
    def mark(self, number: int) -> None:
        side = self.sides[number]
        if side.transaction is not None:
            side.connection.execute(f"SAVEPOINT s{len(side.savepoints)}".encode())
            side.savepoints.append((deepcopy(side.rows), deepcopy(side.statements)))

    @rule(number=sessions)
    def back(self, number: int) -> None:
        side = self.sides[number]
        if side.savepoints:
            side.rows, side.statements = side.savepoints.pop()
            side.connection.execute(f"ROLLBACK TO SAVEPOINT s{len(side.savepoints)}".encode())

    @rule(number=sessions, choice=choices, row=whole_rows, by=st.sampled_from(["insert", "copy"]))
    def insert(self, number: int, choice: set[int], row: Row, by: str) -> None:
        side = self.sides[number]
        new = {side.id_of(one): dict(row) for one in sorted(choice)}
        new = {key: value for key, value in new.items() if key not in side.rows}
        if not new:
            return
        names = ["id", "product_id", "size_id", *row]

        def run(connection: psycopg.Connection[Any]) -> None:
            listed = [
                [key, key, key, *(literal(name, value[name]) for name in row)]
                for key, value in new.items()
            ]
            if by == "copy":
                with (
                    connection.cursor() as cursor,
                    cursor.copy(
                        f"COPY inventory.stock ({', '.join(names)}) FROM STDIN".encode()
                    ) as copy,
                ):
                    for one in listed:
                        copy.write_row(one)
                return
            marks = ", ".join(["%s"] * len(names))
            values = ", ".join([f"({marks})"] * len(listed))
            connection.execute(
                f"INSERT INTO inventory.stock ({', '.join(names)}) VALUES {values}".encode(),
                [value for one in listed for value in one],
            )

        self._write(side, run, [self._inserted(key, value) for key, value in new.items()])
        side.rows |= new
        self._settle(side)

    @rule(
        number=sessions,
        choice=choices,
        values=some_values,
        by=st.sampled_from(["update", "upsert", "merge"]),
    )
    def update(self, number: int, choice: set[int], values: Row, by: str) -> None:
        side = self.sides[number]
        ids = side.picked(choice)
        if not ids:
            return
        assigned = ", ".join(f"{name} = %s" for name in values)
        given = [literal(name, value) for name, value in values.items()]
        statement = {
            "update": f"UPDATE inventory.stock SET {assigned} WHERE id = ANY(%s)",
            "upsert": "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
            "SELECT id, id, id, 0, 'x' FROM unnest(%s::uuid[]) AS id "
            f"ON CONFLICT (id) DO UPDATE SET {assigned}",
            "merge": "MERGE INTO inventory.stock USING unnest(%s::uuid[]) AS chosen (id) "
            f"ON stock.id = chosen.id WHEN MATCHED THEN UPDATE SET {assigned}",
        }[by]
        parameters = [*given, ids] if by == "update" else [ids, *given]
        first, nested = [], []
        for key in ids:
            before, after = side.rows[key], side.rows[key] | values
            first += self._updated(key, before, after)
            # What the trigger makes of it.
            if after["quantity"] > 7:
                capped = after | {"quantity": 7}
                nested += self._updated(key, after, capped)
                after = capped
            side.rows[key] = after
        self._write(
            side, lambda connection: connection.execute(statement.encode(), parameters), first
        )
        if nested:
            side.statements.append(nested)
        self._settle(side)

    @rule(number=sessions, choice=st.integers(0, 5), other=st.integers(0, 5))
    def rename(self, number: int, choice: int, other: int) -> None:
        """A primary key is changed: one row is gone and another one has come."""
        side = self.sides[number]
        new = side.id_of(IDS_OF_A_SESSION + other)
        (old,) = side.picked([choice]) or [new]
        # The trigger would write the row again under its new key.
        if new in side.rows or not side.rows or side.rows[old]["quantity"] > 7:
            return
        row = side.rows.pop(old)
        side.rows[new] = row
        self._write(
            side,
            lambda connection: connection.execute(
                "UPDATE inventory.stock SET id = %s WHERE id = %s", [new, old]
            ),
            [self._deleted(old), self._inserted(new, row)],
        )
        self._settle(side)

    @rule(number=sessions, choice=choices)
    def delete(self, number: int, choice: set[int]) -> None:
        side = self.sides[number]
        ids = side.picked(choice)
        for key in ids:
            del side.rows[key]
        self._write(
            side,
            lambda connection: connection.execute(
                "DELETE FROM inventory.stock WHERE id = ANY(%s)", [ids]
            ),
            [self._deleted(key) for key in ids],
        )
        self._settle(side)

    @rule(number=sessions)
    def truncate(self, number: int) -> None:
        """Of both sessions' rows, while nobody else has a transaction open."""
        if any(side.transaction for side in self.sides):
            return
        side = self.sides[number]
        for one in self.sides:
            one.rows = {}
            one.committed = {}
        self._write(
            side,
            lambda connection: connection.execute("TRUNCATE inventory.stock CASCADE"),
            [("truncate", None, None, *(None for _ in KEPT))],
        )
        self._settle(side)

    def _write(
        self, side: Side, run: Callable[[psycopg.Connection[Any]], Any], events: list[Event]
    ) -> None:
        """One statement: in the open transaction, or in one of its own."""
        self.alone = side.transaction is None
        if self.alone:
            side.connection.execute("BEGIN")
            row = side.connection.execute("SELECT pg_current_xact_id()::text").fetchone()
            assert row is not None
            side.transaction = row[0]
        run(side.connection)
        side.statements.append(events)

    def _settle(self, side: Side) -> None:
        if self.alone:
            self._end(side, "COMMIT")

    def _end(self, side: Side, how: str) -> None:
        name = f"p{side.transaction}"
        match how:
            case "PREPARE":
                side.connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
                self._expect(side, [])
                self.watcher.execute(f"COMMIT PREPARED '{name}'".encode())
            case "FORGET":
                side.connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
                self.watcher.execute(f"ROLLBACK PREPARED '{name}'".encode())
            case _:
                side.connection.execute(how.encode())
        if how in {"COMMIT", "PREPARE"}:
            self._expect(side, side.statements)
            side.committed = deepcopy(side.rows)
        else:
            self._expect(side, [])
            side.rows = deepcopy(side.committed)
        side.transaction, side.statements, side.savepoints = None, [], []

    def _expect(self, side: Side, statements: list[list[Event]]) -> None:
        found = list(self._events(str(side.transaction)))
        for events in statements:
            # Of one statement, in any order.
            part, found = found[: len(events)], found[len(events) :]
            assert sorted(part, key=repr) == sorted(events, key=repr)
        assert found == []

    def _events(self, transaction: str) -> Iterator[Event]:
        rows = self.watcher.execute(
            f"""
            SELECT kind, stock_id, changed, {", ".join(KEPT)} FROM inventory_ops.stock_event
            WHERE transaction_id = %s::xid8 ORDER BY event_id
            """.encode(),
            [transaction],
        )
        for kind, key, changed, *values in rows:
            yield (kind, key, sorted(changed) if changed is not None else None, *values)

    @staticmethod
    def _inserted(key: UUID, row: Row) -> Event:
        return ("insert", key, None, *(row[name] for name in KEPT))

    @staticmethod
    def _deleted(key: UUID) -> Event:
        return ("delete", key, None, *(None for _ in KEPT))

    @staticmethod
    def _updated(key: UUID, before: Row, after: Row) -> list[Event]:
        changed = sorted(name for name in VALUES if before[name] != after[name])
        if not changed:
            return []
        said = {
            name: after[name]
            if name != "listed_on_platforms" or "listed_on_platforms" in changed
            else None
            for name in KEPT
        }
        return [("update", key, changed, *said.values())]

    def _compare_folded(self) -> None:
        """What the events say, one after the other, is what the table holds, listings included."""
        rows: dict[UUID, Row] = {}
        kept = ", ".join(KEPT)
        query = f"SELECT kind, stock_id, changed, {kept} FROM inventory_ops.stock_event ORDER BY event_id"
        for kind, key, changed, *values in self.watcher.execute(query.encode()):
            said = dict(zip(KEPT, values, strict=True))
            if kind == "truncate":
                rows = {}
            elif kind == "delete":
                del rows[key]
            elif kind == "update":
                if "listed_on_platforms" not in changed:
                    del said["listed_on_platforms"]
                rows[key] |= said
            else:
                rows[key] = said
        query = f"SELECT id, {', '.join(KEPT)} FROM inventory.stock"
        table = {
            key: dict(zip(KEPT, values, strict=True))
            for key, *values in self.watcher.execute(query.encode())
        }
        assert rows == table


@pytest.mark.parametrize(("version", "examples"), [("18", 60), ("15", 15)])
def test_log_is_what_the_model_says(
    servers: dict[str, Databases], version: str, examples: int
) -> None:
    url = without_rows(servers[version])
    with session(url) as connection:
        connection.execute(MEDDLING)
    LogMachine.shop = with_log(url)
    run_state_machine_as_test(
        LogMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
