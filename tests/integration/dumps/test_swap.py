"""Whoever connects at the very moment of the swap keeps the database, and is told of in a sentence."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.dumps import restore
from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.ground.sessions import create_database_engine
from tests.conftest import connect
from tests.integration.phase2.deployment import ignore


def test_who_connects_between_the_look_and_the_swap_is_named(deployed: URL, tmp_path: Path) -> None:
    dump = take_dump(create_database_engine(deployed), tmp_path)
    till = create_database_engine(deployed, application_name="till 3")
    connected: list[Connection] = []

    def come(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("ALTER DATABASE") and not connected:
            connected.append(till.connect())

    event.listen(Engine, "before_cursor_execute", come)
    try:
        with pytest.raises(DeploymentError, match=r"till 3.*The proven copy stays as \w+\."):
            restore.restore(deployed, dump.path, ignore, replace=True)
    finally:
        event.remove(Engine, "before_cursor_execute", come)
        connected[0].close()

    with connect(deployed) as connection:
        assert connection.exec_driver_sql("SELECT count(*) > 0 FROM inventory.stock").scalar_one()
