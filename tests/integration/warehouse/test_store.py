"""What the store keeps: rows and properties in one commit, older rows readable, nobody's work doubled."""

from decimal import Decimal

import pyarrow as pa
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.store import Warehouse, WarehouseError

_VALUES = pa.schema(
    {"day": pa.date32(), "euros": pa.decimal128(12, 2), "word": pa.string()}.items()
)


def _rows(*words: str) -> pa.Table:
    rows = [{"day": None, "euros": Decimal("1.50"), "word": word} for word in words]
    return pa.Table.from_pylist(rows, _VALUES)


def test_replaced_table_holds_the_new_rows_only_and_says_so_of_itself(warehouse: Warehouse) -> None:
    warehouse.replace("marts.words", _rows("old", "older"))
    before = warehouse.find("marts.words")
    table = warehouse.replace("marts.words", _rows("new"), {"soleflip.of": "today"})
    assert warehouse.read("marts.words") == _rows("new")
    # Who has found the old ones can still read them.
    assert before
    assert before.read() == _rows("old", "older")
    assert table.properties["soleflip.of"] == "today"
    with duckdb_engine(warehouse) as engine:
        assert engine.query("SELECT * FROM words") == _rows("new")


def test_table_may_become_empty_and_get_other_columns(warehouse: Warehouse) -> None:
    warehouse.replace("marts.words", _rows("old"))
    warehouse.replace("marts.words", _rows())
    assert warehouse.read("marts.words").num_rows == 0
    other = pa.table({"count": pa.array([1], pa.int64())})
    warehouse.replace("marts.words", other)
    assert warehouse.read("marts.words") == other


def test_engine_sees_a_table_as_it_was_written_whatever_is_written_after(
    warehouse: Warehouse,
) -> None:
    """Also one that was empty when the engine was opened, and one that becomes so."""
    warehouse.replace("marts.words", _rows())
    with duckdb_engine(warehouse) as engine:
        for words in (["one"], [], ["two", "three"]):
            table = warehouse.replace("marts.words", _rows(*words))
            warehouse.replace("marts.words", _rows("somebody else's"))
            engine.see("words", table)
            assert engine.query("SELECT * FROM words") == _rows(*words)


def test_second_of_two_commits_on_one_snapshot_is_refused(
    warehouse: Warehouse, catalog: URL
) -> None:
    warehouse.replace("marts.words", _rows("first"))
    one, other = (
        warehouse.find("marts.words"),
        Warehouse(warehouse.folder, catalog).find("marts.words"),
    )
    assert one
    assert other
    one.commit(add=one.write(_rows("second")), properties={})
    with pytest.raises(WarehouseError, match="Somebody else wrote"):
        other.commit(add=other.write(_rows("second")), properties={})
    assert warehouse.read("marts.words")["word"].to_pylist() == ["second", "first"]


def test_table_that_is_not_there_is_named(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"no table marts\.words yet"):
        warehouse.read("marts.words")
