"""A disk that fills up in the middle of the backfill: a clear error, and the next run goes on."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.phase2 import backfill
from tests.conftest import connect
from tests.integration.phase2.deployment import run_deployment
from tests.integration.phase2.state import State, logical

SPACE_FOR_HALF_THE_BACKFILL = 200 * 1024


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 64 MiB on which PostgreSQL may write."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a disk of a given size")
    with tempfile.TemporaryDirectory(prefix="soleflip-disk-") as folder:
        Path(folder).chmod(0o755)
        place = Path(folder) / "disk"
        place.mkdir()
        try:
            mount(place, f"size=64m,mode=0700,uid={pwd.getpwnam('postgres').pw_uid}")
        except subprocess.CalledProcessError:
            pytest.skip("this container may not mount anything")
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def legacy_on_disk(legacy: URL, disk: Path) -> Iterator[URL]:
    """A busy shop whose stock lies on that disk, which has room for half of what the backfill writes."""
    with connect(legacy) as connection:
        connection.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        connection.exec_driver_sql("ALTER TABLE inventory.stock SET TABLESPACE small")
        connection.exec_driver_sql("CHECKPOINT")
    used = shutil.disk_usage(disk).used
    mount(disk, f"remount,size={used + SPACE_FOR_HALF_THE_BACKFILL}")
    yield legacy
    with connect(legacy) as connection:
        connection.exec_driver_sql("ALTER TABLE inventory.stock SET TABLESPACE pg_default")
        connection.exec_driver_sql("DROP TABLESPACE small")


def test_full_disk_stops_the_backfill_and_the_next_run_finishes_it(
    legacy_on_disk: URL, disk: Path, undisturbed: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_FIRST_BATCH", 100)
    monkeypatch.setattr(backfill, "_BATCH_SIZES", (100, 100))
    with pytest.raises(OperationalError, match=r"could not extend file .*No space left on device"):
        run_deployment(legacy_on_disk)
    with connect(legacy_on_disk) as connection:
        visited = connection.exec_driver_sql(
            "SELECT (details ->> 'visited')::integer FROM inventory_ops.ledger WHERE step = 'backfill'"
        ).scalar_one()
    assert 0 < visited < 1172

    mount(disk, "remount,size=64m")
    run_deployment(legacy_on_disk)

    assert logical(legacy_on_disk) == undisturbed
