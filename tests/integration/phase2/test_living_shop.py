"""A shop that goes on selling: while the view is refreshed and validated, and while Phase 2 is deployed."""

import itertools
import os
import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2 import backfill
from tests.conftest import connect
from tests.integration.phase2.deployment import run_deployment
from tests.integration.phase2.shop import (
    COMINGS_AND_GOINGS,
    EXPECTED_ERRORS,
    FINANCIALS,
    LIFECYCLES_AND_METRICS,
    NEW_COLUMNS,
    PRICES,
    PRICES_IN_BOTH,
    QUANTITIES,
    open_shop,
)

SECONDS = float(os.environ.get("SOLEFLIP_SOAK_SECONDS", "8"))

OLD_VERSION = (*LIFECYCLES_AND_METRICS, *FINANCIALS, *QUANTITIES, *PRICES, *COMINGS_AND_GOINGS)
NEW_VERSION = (*NEW_COLUMNS, *QUANTITIES, *PRICES, *COMINGS_AND_GOINGS)

# Before Phase 2 is there, nothing but the application keeps stock and stock_financial in step.
OLD_VERSION_ALONE = (*LIFECYCLES_AND_METRICS, *QUANTITIES, *PRICES_IN_BOTH, *COMINGS_AND_GOINGS)


def failures(connection: Connection) -> dict[str, Any]:
    return {
        validation.name: dict(answer.observed)
        for validation, answer in ask_all(connection, VALIDATIONS)
        if not answer.passed
    }


def pending_changes(connection: Connection) -> int:
    (validation,) = (one for one in VALIDATIONS if one.name == "view_rows_match_query")
    return int(validation.ask(connection).observed["pending_changes"])


def test_no_validation_fails_once_while_both_versions_write(deployed: URL) -> None:
    rounds = pending = 0
    with (
        open_shop(deployed, [OLD_VERSION, OLD_VERSION, NEW_VERSION, NEW_VERSION]) as traffic,
        connect(deployed) as platform,
    ):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert failures(platform) == {}
            pending += pending_changes(platform)
            platform.execute(text("SELECT inventory.refresh_stock_metrics()"))
            assert failures(platform) == {}
            rounds += 1
    with connect(deployed) as platform:
        assert failures(platform) == {}

    assert rounds > 3
    assert pending > 0
    assert traffic.committed > 100 * rounds / SECONDS
    assert traffic.rolled_back > 0


def test_deployment_beside_the_old_version(legacy: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that it wrote meanwhile is lost, and nothing fails, during the deployment or after it."""
    monkeypatch.setattr(backfill, "_FIRST_BATCH", 50)
    monkeypatch.setattr(backfill, "_BATCH_SIZES", (50, 50))

    with open_shop(legacy, [OLD_VERSION_ALONE, OLD_VERSION_ALONE, QUANTITIES]) as traffic:
        while not traffic.committed:
            time.sleep(0.01)
        run_deployment(legacy)
        with connect(legacy) as platform:
            assert failures(platform) == {}
            deployed_after = traffic.committed
            while traffic.committed < deployed_after + 200:
                assert failures(platform) == {}
    with connect(legacy) as platform:
        assert failures(platform) == {}


def reserve(
    url: URL, stock_ids: Sequence[UUID], committed: dict[UUID, int], stop: threading.Event
) -> None:
    """Write reservations as the old version does, and note what was committed."""
    with create_database_engine(url).connect() as connection:
        for number, stock_id in enumerate(itertools.cycle(stock_ids)):
            if stop.is_set():
                return
            try:
                connection.execute(
                    text(
                        "UPDATE inventory.stock_metrics SET reserved_quantity = :n WHERE stock_id = :id"
                    ),
                    {"id": stock_id, "n": number % 7},
                )
                connection.commit()
                committed[stock_id] = number % 7
            except OperationalError as error:
                connection.rollback()
                if getattr(error.orig, "sqlstate", None) not in EXPECTED_ERRORS:
                    raise


def test_what_one_writer_wrote_during_the_deployment_is_what_both_sides_say(
    legacy: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what nobody wrote is what it was; while another writer keeps touching all these stock rows."""
    monkeypatch.setattr(backfill, "_FIRST_BATCH", 50)
    monkeypatch.setattr(backfill, "_BATCH_SIZES", (50, 50))
    with connect(legacy) as connection:
        expected = {
            row.stock_id: row.reserved_quantity
            for row in connection.execute(
                text("SELECT stock_id, reserved_quantity FROM inventory.stock_metrics")
            )
        }
    stop = threading.Event()
    written: dict[UUID, int] = {}
    clerk = threading.Thread(target=reserve, args=(legacy, [*expected][::2], written, stop))

    with open_shop(legacy, [QUANTITIES, PRICES]) as traffic:
        clerk.start()
        try:
            while not (traffic.committed and written):
                time.sleep(0.01)
            run_deployment(legacy)
        finally:
            stop.set()
            clerk.join()

    with connect(legacy) as connection:
        found = connection.execute(
            text(
                "SELECT stock.id, stock.reserved_quantity AS new, stock_metrics.reserved_quantity AS old "
                "FROM inventory.stock JOIN inventory.stock_metrics ON stock_metrics.stock_id = stock.id"
            )
        ).all()
    assert {row.id: row.new for row in found} == expected | written
    assert {row.id: row.old for row in found} == expected | written
