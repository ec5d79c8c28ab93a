"""Who reads several tables reads what one load left, beside another load, and after one that died.

And what is written is on the disk before the catalog names it, and only where something is new.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.store import LastLoad, StoredTable, Warehouse
from tests.integration.warehouse.kept import Loading
from tests.integration.warehouse.test_loading import THREE

Connection = psycopg.Connection[Any]

RESERVE = (
    "INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)"
    " SELECT id, 1, 'active' FROM inventory.stock ORDER BY id LIMIT 1"
)
COUNTS = """
SELECT
  (SELECT count(*) FROM stock_event) AS stock,
  (SELECT count(*) FROM reservation_event) AS reservations,
  load_state.loaded_at AS loaded_at
FROM load_state
"""


def _read(loading: Loading) -> dict[str, Any]:
    with duckdb_engine(loading.warehouse) as engine:
        (row,) = engine.query(COUNTS).to_pylist()
        return dict(row)


@pytest.fixture
def before(loading: Loading, shop: Connection) -> dict[str, Any]:
    """What one load left; both logs have something new since."""
    loading.load()
    found = _read(loading)
    shop.execute(THREE)
    shop.execute(RESERVE)
    return found


def _is_newer(loading: Loading, before: dict[str, Any]) -> bool:
    now = _read(loading)
    written = (now["stock"] - before["stock"], now["reservations"] - before["reservations"])
    return written == (3, 1) and bool(now["loaded_at"] > before["loaded_at"])


def test_engine_that_is_opened_beside_a_load_reads_what_the_one_before_left(
    loading: Loading, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Warehouse.find

    def find_beside_a_load(
        self: Warehouse, name: str, last: LastLoad | None = None
    ) -> StoredTable | None:
        found = find(self, name, last)
        if name == "raw.reservation_event":
            # When this table was looked up, and others were not yet, all of a load comes in between.
            monkeypatch.undo()
            loading.load()
        return found

    monkeypatch.setattr(Warehouse, "find", find_beside_a_load)
    assert _read(loading) == before
    assert _is_newer(loading, before)


def test_load_that_died_between_two_commits_is_read_when_it_was_finished(
    loading: Loading, before: dict[str, Any]
) -> None:
    dies = load(loading.warehouse, loading.shop, loading.told.append)
    assert next(dies).rows == 3
    assert isinstance(dies, Iterator)
    dies.close()  # type: ignore[attr-defined]
    assert len(loading.events()) == before["stock"] + 3
    assert _read(loading) == before
    loading.load()
    assert _is_newer(loading, before)


def test_table_in_which_nothing_is_new_is_not_written(loading: Loading, shop: Connection) -> None:
    loading.load()
    first, files = loading.warehouse.last_load, _files(loading)
    assert first
    loading.load()
    second = loading.warehouse.last_load
    assert second
    assert (_files(loading), second.snapshots) == (files, first.snapshots)
    assert second.at > first.at
    shop.execute(THREE)
    loading.load()
    third = loading.warehouse.last_load
    assert third
    changed = {name for name in third.snapshots if third.snapshots[name] != first.snapshots[name]}
    assert changed == {"raw.stock_event"}


def _files(loading: Loading) -> set[Path]:
    return {path for path in Path(loading.warehouse.folder).rglob("*") if path.is_file()}


@contextmanager
def _on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """At each commit of a database, see that every file and folder has been synced; how many there were."""
    synced: set[int] = set()
    commits: list[int] = []
    fsync = os.fsync

    def remember(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def look(_connection: object) -> None:
        written = [*folder.rglob("*")]
        commits.append(len(written))
        assert {path for path in written if path.stat().st_ino not in synced} == set()

    monkeypatch.setattr(os, "fsync", remember)
    event.listen(Engine, "commit", look)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", look)


def test_files_are_on_the_disk_before_the_catalog_names_them(
    loading: Loading, shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _on_the_disk(Path(loading.warehouse.folder), monkeypatch) as commits:
        loading.load()
        shop.execute(THREE)
        loading.load()
    assert commits[-1] > commits[0]
    assert commits[-1] > 40
