"""Letting months leave: a prune that dies anywhere is resumed, and nothing goes that no file holds."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.log import KEY, STOCK_EVENT, make_log_months
from soleflip_assets.history.prune import Pruned, prune
from soleflip_assets.months import archive
from soleflip_assets.months.archive import ArchiveError, digest_of_file, digest_of_table
from soleflip_assets.months.leaving import Leaving, archive_path
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import list_months
from tests.conftest import connect
from tests.integration.history.conftest import session
from tests.integration.history.test_install import number
from tests.integration.history.test_months import NEW, clock
from tests.integration.phase2.deaths import Crash, CrashError
from tests.integration.phase2.deployment import ignore

CHANGES = re.compile(r"ALTER|DROP|INSERT|UPDATE|COMMIT")
FIRST = Month.of(datetime.now(UTC))
LATER = (FIRST + 4).begin


def run_prune(engine: Engine, folder: Path, keep: int | None = 1) -> Pruned:
    with Deployer(engine, ignore) as deployer:
        return prune(deployer, keep, folder, now=LATER)


@pytest.fixture
def aged(empty_shop: URL) -> URL:
    """A log with events in its first month and in one four months later."""
    with connect(empty_shop) as connection, session(empty_shop) as shop:
        make_log_months(connection, LATER)
        shop.execute(NEW, [50])
        shop.execute(
            "UPDATE inventory.stock SET listed_on_platforms = '[{\"a\": 1.50}]', purchase_price = 1.5, "
            "gross_purchase_price = 'NaN', purchase_date = '20226-05-01', delivery_date = '-infinity'"
        )
        with clock(shop, LATER.isoformat()):
            shop.execute(NEW, [5])
    return empty_shop


def test_month_that_is_made_again_leaves_the_file_of_what_had_left(
    aged: URL, tmp_path: Path
) -> None:
    """As the runbook says of events for which no month is made, of a clock that stood wrong."""
    run_prune(create_database_engine(aged), tmp_path)
    (first,) = tmp_path.rglob(f"stock_event_{FIRST.suffix}.parquet")
    before = digest_of_file(first)
    with session(aged) as shop:
        shop.execute(
            "SELECT inventory_ops.make_month('inventory_ops.stock_event', %s)", [FIRST.first_day]
        )
        shop.execute(
            "INSERT INTO inventory_ops.stock_event (occurred_at, transaction_id, kind, stock_id) "
            "VALUES (%s, pg_current_xact_id(), 'delete', gen_random_uuid())",
            [FIRST.begin],
        )
    run_prune(create_database_engine(aged), tmp_path)

    second = first.with_stem(f"{first.stem}_2")
    assert digest_of_file(first) == before
    assert digest_of_file(second).rows == 1
    with connect(aged) as connection:
        leaving = Leaving(STOCK_EVENT, FIRST, STOCK_EVENT.partition(FIRST))
        assert archive_path(connection, tmp_path, leaving) == first.with_stem(f"{first.stem}_3")
        connection.exec_driver_sql("UPDATE inventory_ops.archived_month SET dropped_at = NULL")
        assert archive_path(connection, tmp_path, leaving) == second


def test_month_is_in_its_file_value_for_value(aged: URL, tmp_path: Path) -> None:
    with connect(aged) as connection:
        before = digest_of_table(connection, STOCK_EVENT.partition(FIRST), KEY)
    run_prune(create_database_engine(aged), tmp_path)

    (file,) = tmp_path.rglob(f"stock_event_{FIRST.suffix}.parquet")
    assert digest_of_file(file) == before
    assert before.rows == 100
    assert file.stat().st_mode & 0o077 == 0
    with session(aged) as shop:
        assert number(shop, "SELECT count(*) FROM inventory_ops.stock_event") == 5


@pytest.mark.parametrize("when", ["before", "after"])
def test_dying_at_any_change_loses_nothing_and_is_resumed(
    aged: URL, tmp_path: Path, when: str
) -> None:
    with connect(aged) as connection:
        first = digest_of_table(connection, STOCK_EVENT.partition(FIRST), KEY)
    deaths, done = 0, False
    while not done:
        engine = create_database_engine(aged)
        crash = Crash(engine, CHANGES, deaths + 1, when)
        try:
            run_prune(engine, tmp_path)
            done = crash.count <= deaths
        except CrashError:
            deaths += 1
        # At each moment the events are in the database, or in a file that gives them back.
        files = list(tmp_path.rglob(f"stock_event_{FIRST.suffix}.parquet"))
        with connect(aged) as connection:
            name = f"to_regclass('inventory_ops.stock_event_{FIRST.suffix}')"
            there = connection.exec_driver_sql(f"SELECT {name} IS NOT NULL").scalar_one()
            assert there or digest_of_file(files[0]) == first
            if not there:
                done = True
    assert deaths >= 3
    run_prune(create_database_engine(aged), tmp_path)
    with connect(aged) as connection:
        assert list_months(connection, STOCK_EVENT)[0].month == FIRST + 3
        left = "SELECT count(*) FROM inventory_ops.archived_month WHERE dropped_at IS NULL"
        assert connection.exec_driver_sql(left).scalar_one() == 0
        assert run_prune(create_database_engine(aged), tmp_path).months == []


def test_detach_that_was_cut_short_is_finished(aged: URL, tmp_path: Path) -> None:
    """A reader that stays holds it up beyond its patience; the month is then neither in nor out."""
    with session(aged) as reader, connect(aged) as connection:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM inventory_ops.stock_event")
        connection.exec_driver_sql("SET lock_timeout = '200ms'")
        with pytest.raises(Exception, match="timeout"):
            connection.exec_driver_sql(
                f"ALTER TABLE inventory_ops.stock_event DETACH PARTITION "
                f"inventory_ops.stock_event_{FIRST.suffix} CONCURRENTLY"
            )
        reader.execute("COMMIT")
        assert list_months(connection, STOCK_EVENT)[0].detach_pending

    assert (
        f"stock_event_{FIRST.suffix}"
        in run_prune(create_database_engine(aged), tmp_path, None).months[0]
    )
    (file,) = tmp_path.rglob(f"stock_event_{FIRST.suffix}.parquet")
    assert digest_of_file(file).rows == 100


def test_event_that_came_after_the_file_was_written_is_in_it(
    aged: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a writer whose clock stands wrong, between the archive and the detaching."""
    written = archive.digest_of_file
    late = [True]

    def write_late(path: Path) -> archive.Digest:
        digest = written(path)
        if late.pop() if late else False:
            with session(aged) as shop, clock(shop, FIRST.begin.isoformat()):
                shop.execute(NEW, [1])
        return digest

    monkeypatch.setattr(archive, "digest_of_file", write_late)
    run_prune(create_database_engine(aged), tmp_path)
    (file,) = tmp_path.rglob(f"stock_event_{FIRST.suffix}.parquet")
    assert written(file).rows == 101


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-20], lambda data: data.replace(b"PAR1", b"PARX")]
)
def test_file_that_does_not_give_back_what_was_written_stops_the_month(
    aged: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[bytes], bytes]
) -> None:
    write = archive._write

    def write_badly(*arguments: object) -> archive.Digest:
        digest = write(*arguments)  # type: ignore[arg-type]
        path = arguments[-1]
        assert isinstance(path, Path)
        path.write_bytes(harm(path.read_bytes()))
        return digest

    monkeypatch.setattr(archive, "_write", write_badly)
    with pytest.raises(ArchiveError, match="Nothing was dropped"):
        run_prune(create_database_engine(aged), tmp_path)
    with connect(aged) as connection:
        assert list_months(connection, STOCK_EVENT)[0].month == FIRST


def test_file_with_another_value_is_no_archive(
    aged: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows, in one of which one value is another."""
    arrow = import_module("pyarrow")
    array = arrow.array
    harmed: list[str] = []

    def harm(values: tuple[object, ...], kind: object) -> object:
        if kind == arrow.int32() and not harmed and values[0] is not None:
            harmed.append(str(values[0]))
            values = (int(str(values[0])) + 1, *values[1:])
        return array(values, kind)

    monkeypatch.setattr(arrow, "array", harm)
    with pytest.raises(ArchiveError, match="another digest"):
        run_prune(create_database_engine(aged), tmp_path)
    assert harmed
    with connect(aged) as connection:
        assert list_months(connection, STOCK_EVENT)[0].month == FIRST


def test_without_parquet_it_says_what_to_install(
    aged: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"install soleflip-assets\[warehouse\]"):
        run_prune(create_database_engine(aged), tmp_path)
    with connect(aged) as connection:
        assert list_months(connection, STOCK_EVENT)[0].month == FIRST


def test_dry_run_and_no_retention_change_nothing(aged: URL, tmp_path: Path) -> None:
    with Deployer(create_database_engine(aged), ignore) as deployer:
        before = list_months(deployer.connection, STOCK_EVENT)
        found = prune(deployer, 1, tmp_path, dry_run=True, now=LATER)
        assert found.months[0] == f"stock_event_{FIRST.suffix} ({FIRST})"
        assert prune(deployer, None, tmp_path, now=LATER).months == []
        assert list_months(deployer.connection, STOCK_EVENT) == before
    assert list(tmp_path.rglob("*.parquet")) == []


def test_clock_that_stands_in_the_future_lets_nothing_go(aged: URL, tmp_path: Path) -> None:
    """What to keep is counted from the newest month that has events."""
    with Deployer(create_database_engine(aged), ignore) as deployer:
        far = datetime(2051, 1, 1, tzinfo=UTC)
        assert prune(deployer, 4, tmp_path, now=far).months == []
