"""The lives of a home: `soleflip up` stopped, started again, started twice, killed, on a shop with faults."""

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.commands.processes import LOCK, at_work_in, read
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.running.process import Process
from tests.conftest import connect
from tests.e2e.processes import Up, awaited, processes_of

# Two migrated prices that differ: a blocking check fails.
DAMAGE = """
UPDATE inventory.stock SET gross_purchase_price = gross_purchase_price + 1
WHERE id = (SELECT min(id::text)::uuid FROM inventory.stock WHERE gross_purchase_price IS NOT NULL)
"""


def test_home_is_left_found_again_killed_and_mended(home: Path) -> None:
    """Three lives of one home: stopped by SIGTERM, killed, and with something wrong (D4 and U3)."""
    first = Up(home, SOLEFLIP_SAMPLE="busy")
    try:
        first.await_url()
        assert len(processes_of(home)) > 5
        done = _work_done(home, first.database_url)
    finally:
        assert first.stop(signal.SIGTERM) == 0
    assert processes_of(home) == []

    second = Up(home)
    try:
        second.await_url()
        assert _work_done(home, second.database_url) == done
        _require_refusal_of_another(second)
        # The daemon asks the one code server: no interpreter of its own, now or a minute later.
        assert second.child("code-server").is_running()
        # They share what they have loaded.
        (parent,) = {second.child(name).ppid() for name in ("code-server", "webserver", "daemon")}
        assert parent in [child.pid for child in psutil.Process(second.process.pid).children()]
        assert not [line for line in processes_of(home) if "dagster api grpc" in line]
        _damage(second.database_url)
        second.process.kill()
        second.process.communicate(timeout=60)
        # The warden ends what is left, and the server of PostgreSQL that nobody uses any more.
        awaited(lambda: not processes_of(home), 90, pause=1)
    finally:
        second.end()

    third = Up(home)
    try:
        assert third.await_url() == f"http://127.0.0.1:{third.port}/assets/operations/health"
        assert any("financial_data_consistent" in line and "✗" in line for line in third.lines)
        assert any(line.startswith("The deployment failed") for line in third.lines)
    finally:
        assert third.stop(signal.SIGINT) == 1
    assert processes_of(home) == []
    assert not [folder for folder in read(home / LOCK).get("folders", []) if Path(folder).exists()]


def _require_refusal_of_another(running: Up) -> None:
    another = Up(running.home)
    output, _ = another.process.communicate(timeout=60)
    assert another.process.returncode == 2
    assert f"process {running.process.pid}, since " in output
    assert f"http://127.0.0.1:{running.port}" in output


def _work_done(home: Path, url: URL) -> dict[str, list[Any]]:
    """What a deployment leaves behind, with what would change if it were made again."""
    queries = {
        "ledger": "SELECT id, step, started_at FROM inventory_ops.ledger ORDER BY id",
        "backups": "SELECT backup, content, copied_at FROM inventory_ops.backup ORDER BY 1",
        "objects": "SELECT oid, relname FROM pg_class WHERE relnamespace = 'inventory'::regnamespace"
        " ORDER BY oid",
    }
    with connect(url) as connection:
        found = {
            name: [tuple(row) for row in connection.exec_driver_sql(query)]
            for name, query in queries.items()
        }
    assert all(found.values())
    return {**found, "dumps": sorted(path.name for path in (home / "dumps").iterdir())}


def _damage(url: URL) -> None:
    """Past the triggers, which would carry it over."""
    with connect(url) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        assert connection.exec_driver_sql(DAMAGE).rowcount == 1


def test_what_a_killed_up_and_its_killed_warden_left_is_ended_by_the_next(home: Path) -> None:
    """Whoever leads a group of that number by now is left alone, if it is somebody else."""
    sleeper = ["sh", "-c", "sleep 1000 & echo; wait"]
    left, other = (
        subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.PIPE) for _ in range(2)
    )
    for process in (left, other):
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    # As process 1 does with orphans: a zombie is still a member of its group.
    threading.Thread(target=left.wait).start()
    sleeps = [psutil.Process(process.pid).children()[0] for process in (left, other)]
    children = [
        {"name": "left", "pid": left.pid, "start": Process.numbered(left.pid).start},
        {"name": "other", "pid": other.pid, "start": "of another process"},
    ]
    (home / LOCK).write_text(json.dumps({"pid": 1, "children": children}))
    try:
        with at_work_in(home, 3000) as (_, ended):
            assert ended == 1
            awaited(lambda: not sleeps[0].is_running())
            assert sleeps[1].is_running()
    finally:
        sleeps[1].terminate()
        other.wait(10)


def test_lock_that_is_a_link_is_not_followed(home: Path) -> None:
    target = home / "precious"
    target.write_text("kept")
    (home / LOCK).symlink_to(target)
    with pytest.raises(ConfigurationError, match="cannot be opened"), at_work_in(home, 3000):
        pass
    assert target.read_text() == "kept"
