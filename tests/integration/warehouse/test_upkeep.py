"""Upkeep takes what nobody needs, and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.upkeep import keep
from tests.integration.warehouse.kept import Loading, logged
from tests.integration.warehouse.test_loading import THREE


def _files(loading: Loading) -> set[Path]:
    return {path for path in Path(loading.warehouse.folder).rglob("*") if path.is_file()}


def _kept(loading: Loading, days: int, in_days: int = 0) -> dict[str, Any]:
    later = datetime.now(UTC) + timedelta(days=in_days)
    found = keep(loading.warehouse, days, loading.told.append, now=later)
    return {kept.name: kept for kept in found}


def test_small_files_become_few_and_loads_go_on(
    loading: Loading, shop: psycopg.Connection[Any]
) -> None:
    for _ in range(9):
        shop.execute(THREE)
        loading.load()
    table = loading.warehouse.find("raw.stock_event")
    assert table
    many = len(table.files)
    kept = _kept(loading, days=7)["raw.stock_event"]
    assert kept.files_compacted == many >= 9
    table = loading.warehouse.find("raw.stock_event")
    assert table
    assert len(table.files) == 1
    last = loading.warehouse.last_load
    assert last
    # Who asks reads the few.
    assert last.snapshots["raw.stock_event"] == table.snapshot_id
    assert loading.events() == logged(loading.url)
    shop.execute(THREE)
    assert loading.load()["stock_event"].rows == 3
    assert loading.events() == logged(loading.url)


def test_what_the_last_load_left_can_be_read_however_old_it_is(
    loading: Loading, shop: psycopg.Connection[Any]
) -> None:
    loading.load()
    rows = len(loading.events())
    shop.execute(THREE)
    # One that dies: what it has committed is the newest, and not what is read.
    dies = load(loading.warehouse, loading.shop, loading.told.append)
    next(dies)
    dies.close()  # type: ignore[attr-defined]
    kept = _kept(loading, days=7, in_days=9)["raw.stock_event"]
    assert kept.snapshots_expired >= 1
    with duckdb_engine(loading.warehouse) as engine:
        assert engine.query("SELECT event_id FROM stock_event").num_rows == rows
    assert len(loading.events()) == rows + 3


def test_stray_files_and_old_snapshots_go_and_what_is_named_stays(
    loading: Loading, shop: psycopg.Connection[Any]
) -> None:
    loading.load()
    shop.execute(THREE)
    loading.load()
    table = loading.warehouse.find("raw.stock_event")
    assert table
    (stray,) = table.write(table.read())
    foreign = Path(stray.file_path).parent / "note.txt"
    foreign.write_text("not ours")
    assert _kept(loading, days=7)["raw.stock_event"].files_deleted == 0, "too young"
    before = _files(loading)
    kept = _kept(loading, days=7, in_days=2)["raw.stock_event"]
    assert (kept.files_deleted, kept.snapshots_expired) == (1, 0)
    assert before - _files(loading) == {Path(stray.file_path)}
    kept = _kept(loading, days=7, in_days=8)["raw.stock_event"]
    assert kept.snapshots_expired >= 1
    assert kept.files_deleted >= 1
    assert loading.events() == logged(loading.url)
    assert foreign.exists()
    assert loading.load()["stock_event"].rows == 0
