"""Months are made before they are needed and leave when their time is over; no write fails."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.checks.question import Answer
from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.resource import OwnerDatabase
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.months.archive import Digest, digest_of_file
from soleflip_assets.months.month import Month
from soleflip_assets.partitioning import keeping
from soleflip_assets.partitioning.jobs import archiver, keep_partitions, keep_table, partition_table
from soleflip_assets.partitioning.keeping import kept, make_months, overdue, prune
from soleflip_assets.partitioning.monitor import MONITOR
from soleflip_assets.partitioning.names import Keep
from soleflip_assets.partitioning.record import Managed, managed_table
from soleflip_assets.partitioning.session import PartitioningError, partitioner
from tests.conftest import Databases, connect
from tests.integration.partitioning.tables import (
    back,
    engine_of,
    ignore,
    name_of,
    partitions,
    rows_of,
    shop,
    to_partitions,
)

EVENTS = "logging.event_store"
INSERT = "INSERT INTO logging.event_store (event_type, timestamp) VALUES ('x', '{}')"


@pytest.fixture
def shop_url(databases_of_each_version: Databases) -> URL:
    """A shop with events in partitions, kept for 60 days."""
    url = shop(databases_of_each_version)
    to_partitions(url, EVENTS, "timestamp", "60d")
    return url


def managed(connection: Connection, table: str = EVENTS) -> Managed:
    found = managed_table(connection, name_of(table))
    assert found is not None
    return found


def at(url: URL, moment: datetime) -> list[Month]:
    """Make the months of another day."""
    with partitioner(engine_of(url)) as connection:
        return make_months(connection, managed(connection), moment)


def test_three_months_ahead_are_there_after_a_conversion(shop_url: URL) -> None:
    this_month = Month.of(datetime.now(UTC))
    with connect(shop_url) as connection:
        months = kept(connection, managed(connection)).months
    # This month and the next are in the first partition.
    assert months == [this_month + 2, this_month + 3]


def test_bounds_are_utc_whatever_the_session_s_time_zone(shop_url: URL) -> None:
    """A row of the last microsecond is in its month, one of the next in the next."""
    month = Month.of(datetime.now(UTC)) + 2
    with connect(shop_url) as connection:
        connection.exec_driver_sql("SET timezone = 'America/St_Johns'")
        for moment, name in (
            (f"{month + 1}-01 00:00:00+00", f"event_store_{(month + 1).suffix}"),
            (f"{month}-01 00:00:00+00", f"event_store_{month.suffix}"),
        ):
            found = connection.exec_driver_sql(
                INSERT.format(moment) + " RETURNING tableoid::regclass::text"
            ).scalar_one()
            assert found == f"logging.{name}"
            last = connection.exec_driver_sql(
                "INSERT INTO logging.event_store (event_type, timestamp) "
                f"VALUES ('x', timestamptz '{moment}' - interval '1 microsecond') RETURNING "
                "tableoid::regclass::text"
            ).scalar_one()
            assert last != f"logging.{name}"


def test_a_row_that_is_in_no_month_goes_into_the_rest_and_moves_when_its_month_is_made(
    shop_url: URL,
) -> None:
    """A write never fails; no trigger takes the move for a change; every row is there once at each moment."""
    later = Month.of(datetime.now(UTC)) + 6
    with connect(shop_url) as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER gone AFTER DELETE ON logging.event_store REFERENCING OLD TABLE AS n "
            "FOR EACH STATEMENT EXECUTE FUNCTION logging.note()"
        )
        connection.exec_driver_sql(INSERT.format(f"{later}-15"))
        connection.exec_driver_sql(INSERT.format("9999-01-01"))
        connection.exec_driver_sql(INSERT.format("-infinity"))
        before = rows_of(connection, EVENTS)
        assert kept(connection, managed(connection)).rows_in_rest == 2
        connection.exec_driver_sql("TRUNCATE logging.audit")

        made = at(shop_url, datetime.now(UTC))

        assert later in made
        assert max(made) == later + 3
        assert rows_of(connection, EVENTS) == before
        found = kept(connection, managed(connection))
        assert (found.rows_in_rest, found.missing_months) == (1, [])
        assert connection.exec_driver_sql("SELECT count(*) FROM logging.audit").scalar_one() == 0
        assert (
            connection.exec_driver_sql(
                f"SELECT count(*) FROM logging.event_store_{later.suffix}"
            ).scalar_one()
            == 1
        )


def test_too_many_rows_in_the_rest_stay_until_somebody_says_that_all_may_wait(
    shop_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_ROWS_MOVED", 5)
    later = Month.of(datetime.now(UTC)) + 5
    with connect(shop_url) as connection:
        for day in range(1, 9):
            connection.exec_driver_sql(INSERT.format(f"{later}-0{day}"))
        with pytest.raises(PartitioningError, match=r"--months --wait"):
            at(shop_url, datetime.now(UTC))
        with partitioner(engine_of(shop_url)) as owner:
            assert later in make_months(owner, managed(owner), datetime.now(UTC), wait=True)
        assert kept(connection, managed(connection)).rows_in_rest == 0


def test_months_are_made_as_they_come_and_leave_when_their_time_is_over(shop_url: URL) -> None:
    """Two years in the clock of a test: three months ahead always, none for longer than it is kept."""
    start = Month.of(datetime.now(UTC))
    with connect(shop_url) as connection:
        for month in start.to(start + 24):
            now = month.begin.replace(day=20)
            connection.exec_driver_sql(INSERT.format(now.isoformat()))
            with partitioner(engine_of(shop_url)) as owner:
                keep_table(owner, managed(owner), now, unexpected, ignore)
            found = kept(connection, managed(connection))
            assert found.last_month == max(month + 3, start + 3)
            assert found.missing_months == []
            assert found.rows_in_rest == 0
            assert overdue(found.managed, found.partitions, now) == []
        left = connection.exec_driver_sql(
            "SELECT min(timestamp), count(*) FROM logging.event_store"
        ).one()

    # 60 days before the 20th are in the month before the last one; its predecessor ended 50 to 51 days ago.
    assert Month.of(left[0]) == start + 22
    assert left[1] == 3


def unexpected(_: Connection, table: object, column: str) -> None:
    raise AssertionError(f"{table} is archived by {column}")


def test_row_for_a_month_that_has_left_is_kept_in_the_rest(shop_url: URL) -> None:
    now = (Month.of(datetime.now(UTC)) + 6).begin
    with connect(shop_url) as connection:
        with partitioner(engine_of(shop_url)) as owner:
            keep_table(owner, managed(owner), now, unexpected, ignore)
        assert not any("until" in name for name in partitions(connection, EVENTS))
        connection.exec_driver_sql(INSERT.format("2020-01-01"))

        assert kept(connection, managed(connection)).rows_in_rest == 1


@pytest.mark.parametrize(
    ("keep", "now", "limit"),
    [
        ("60d", datetime(2027, 3, 2, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("12mo", datetime(2027, 3, 31, 23, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("1mo", datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_retention_counts_from_the_end_of_a_month(
    keep: str, now: datetime, limit: datetime
) -> None:
    assert keeping._limit(Keep.parse(keep), now) == limit


def test_month_is_archived_and_recorded_before_it_is_dropped_and_kept_where_that_fails(
    shop_url: URL, tmp_path: Path
) -> None:
    """Its file lies by database, so that two of them with the same tables do not replace each other's."""
    now = (Month.of(datetime.now(UTC)) + 6).begin
    with connect(shop_url) as connection:
        connection.exec_driver_sql("UPDATE inventory_ops.partitioned_table SET archive = true")
        rows = rows_of(connection, EVENTS)[0]
        with partitioner(engine_of(shop_url)) as owner:
            make_months(owner, managed(owner), now)
            with pytest.raises(ZeroDivisionError):
                prune(owner, managed(owner), now, lambda *_: 1 / 0)  # type: ignore[arg-type]
            found = kept(owner, managed(owner))
            assert len(found.detached) > 1
            first = found.detached[0]
            assert rows_of(owner, str(first))[0] == rows
            dropped = prune(owner, managed(owner), now, archiver(tmp_path, ignore))

        assert dropped == found.detached
        assert kept(connection, managed(connection)).detached == []
        records = query_file(connection, "months/archived.sql", relation=EVENTS)
    folder = tmp_path / str(shop_url.database) / "logging"
    files = sorted(folder / f"{table.name.removesuffix('_detached')}.parquet" for table in dropped)
    assert sorted(folder.iterdir()) == files
    assert sorted(Path(record["path"]) for record in records) == files
    for record in records:
        assert digest_of_file(Path(record["path"])) == Digest(record["rows"], record["sha256"])
        assert record["dropped_at"] is not None
    # The first partition has all rows, and ends with next month.
    assert records[0]["rows"] == rows
    months = [Month.of(record["month"]) for record in records]
    assert months == list((Month.of(datetime.now(UTC)) + 1).to(months[-1]))


def test_dead_conversion_loses_what_could_refuse_a_write(databases: Databases) -> None:
    url = shop(databases)
    with connect(url) as connection, partitioner(engine_of(url)) as owner:
        owner.exec_driver_sql(
            "INSERT INTO inventory_ops.partitioned_table (schema_name, table_name, column_name) "
            "VALUES ('logging', 'event_store', 'timestamp')"
        )
        owner.exec_driver_sql(
            "ALTER TABLE logging.event_store ADD CONSTRAINT soleflip_until_202901 "
            "CHECK (timestamp < '2029-01-01')"
        )
        assert not look(connection).passed
        keep_table(owner, managed(owner), datetime.now(UTC), unexpected, ignore)

        assert look(connection).passed
        connection.exec_driver_sql(INSERT.format("2030-01-01"))
    to_partitions(url, EVENTS, "timestamp")


def look(connection: Connection) -> Answer:
    return MONITOR.look(connection)


def _forget_a_month(connection: Connection) -> None:
    month = Month.of(datetime.now(UTC)) + 2
    connection.exec_driver_sql(f"DROP TABLE logging.event_store_{month.suffix}")
    connection.exec_driver_sql(
        f"CREATE TABLE logging.event_store_{(month + 2).suffix} PARTITION OF logging.event_store "
        f"FOR VALUES FROM ('{month + 2}-01 00:00+00') TO ('{month + 3}-01 00:00+00')"
    )


BREAKS: dict[str, tuple[Callable[[Connection], object], str, str]] = {
    "month missing": (_forget_a_month, "ERROR", "which is between others"),
    "no partition now": (
        lambda c: c.exec_driver_sql(
            "DROP TABLE logging." + next(n for n in partitions(c, EVENTS) if "until" in n)
        ),
        "ERROR",
        "has no partition for",
    ),
    "table gone": (
        lambda c: c.exec_driver_sql("DROP TABLE logging.event_store CASCADE"),
        "ERROR",
        "is gone",
    ),
    "rows in no month": (
        lambda c: c.exec_driver_sql(INSERT.format("9999-01-01")),
        "WARN",
        "1 rows are in no month",
    ),
    "not dropped": (
        lambda c: c.exec_driver_sql("CREATE TABLE logging.event_store_202001_detached ()"),
        "WARN",
        "is not dropped",
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_monitor_sees_it(shop_url: URL, broken: str) -> None:
    act, severity, said = BREAKS[broken]
    with connect(shop_url) as connection:
        assert look(connection).passed
        act(connection)
        answer = look(connection)

    assert not answer.passed
    assert answer.observed["severity"] == severity
    assert any(said in sentence for sentence in answer.observed["examples"])


def test_monitor_passes_where_nothing_is_in_partitions(databases: Databases) -> None:
    with connect(databases.empty()) as connection:
        answer = look(connection)

    assert answer.passed
    assert answer.observed["partitioned_tables"] == 0


def test_few_rows_of_other_months_come_back_and_many_are_refused_with_the_cost(
    shop_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Month.of(datetime.now(UTC)) + 2
    with connect(shop_url) as connection:
        connection.exec_driver_sql(
            "INSERT INTO logging.event_store (event_type, timestamp) "
            f"SELECT 'x', '{later}-05' FROM generate_series(1, 9)"
        )
        before = rows_of(connection, EVENTS)
        monkeypatch.setattr("soleflip_assets.partitioning.undo.MOST_ROWS_MOVED", 5)
        with pytest.raises(
            PartitioningError, match=r"9 rows in 3 partitions .* some 1 s; nothing was changed"
        ):
            back(shop_url, EVENTS)
        assert rows_of(connection, EVENTS) == before
        back(shop_url, EVENTS, wait=True)

        assert rows_of(connection, EVENTS) == before
        assert partitions(connection, EVENTS) == []


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (
            (
                "INSERT INTO logging.event_store (id, event_type, timestamp) "
                "SELECT id, 'again', now() + interval '75 days' FROM logging.event_store LIMIT 1"
            ),
            "duplicate key value",
        ),
        (
            "CREATE VIEW logging.of_rest AS SELECT id FROM logging.event_store_rest",
            "of_rest depends on",
        ),
    ],
    ids=["a key twice", "a view of a partition"],
)
def test_way_back_that_is_barred_says_by_what_and_changes_nothing(
    shop_url: URL, meanwhile: str, said: str
) -> None:
    with connect(shop_url) as connection:
        connection.exec_driver_sql(meanwhile)
        before = rows_of(connection, EVENTS)
        with pytest.raises(PartitioningError, match=said):
            back(shop_url, EVENTS)

        assert rows_of(connection, EVENTS) == before
        assert len(partitions(connection, EVENTS)) == 4


def test_jobs_convert_keep_and_refuse_in_a_sentence(
    databases: Databases, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    url = shop(databases)
    resources = {
        "owner_database": OwnerDatabase(url=url.render_as_string(hide_password=False)),
        "state": StateFolder(path=str(tmp_path)),
    }

    def run(job: dg.JobDefinition, op: str, **config: object) -> str:
        """What went wrong; empty if nothing did."""
        done = job.execute_in_process(
            run_config={"ops": {op: {"config": config}}},
            resources=resources,
            instance=instance,
            raise_on_error=False,
        )
        failure = done.failure_data_for_node(op)
        if failure is None or failure.user_failure_data is None:
            assert done.success
            return ""
        return str(failure.user_failure_data.description)

    event_store = {"table": EVENTS, "column": "timestamp"}
    really = {"dry_run": False}
    with connect(url) as connection:
        assert "No table is named" in run(partition_table, "partition")
        assert run(partition_table, "partition", **event_store) == ""
        assert partitions(connection, EVENTS) == []
        assert run(keep_partitions, "keep") == ""
        assert "of type integer" in run(
            partition_table, "partition", table=EVENTS, column="version", **really
        )
        assert run(partition_table, "partition", **event_store, **really, keep="60d") == ""
        assert str(managed(connection).keep) == "60d"
        assert run(partition_table, "partition", **event_store, **really, keep="12mo") == ""
        assert str(managed(connection).keep) == "12mo"
        assert "take it back first" in run(
            partition_table, "partition", table=EVENTS, column="created_at", **really
        )
        assert run(keep_partitions, "keep") == ""
        assert run(partition_table, "partition", table=EVENTS, undo=True, **really) == ""
        assert partitions(connection, EVENTS) == []
        assert "not kept in partitions" in run(
            partition_table, "partition", table=EVENTS, undo=True, **really
        )
