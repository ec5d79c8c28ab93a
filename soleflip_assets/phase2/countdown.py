"""How long until the old tables may be dropped: two asset checks of the deployment report.

The report is made when all else of a deployment is done: earlier, no gate could say since when it counts.

They pass whatever they find, since a table that is kept is no fault: what they are for is in their metadata,
one line for each gate, and the days until the last one opens. Not here: the gates (retirement.py).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.ground.resource import Database
from soleflip_assets.phase2.retirement import (
    BACKUP_RETIREMENT,
    LEGACY_RETIREMENT,
    Retirement,
    ask_gates,
)

REPORT_KEY = dg.AssetKey(["phase2", "deployment_report"])

_RETIREMENTS = {
    "legacy_tables_retirement": LEGACY_RETIREMENT,
    "backup_tables_retirement": BACKUP_RETIREMENT,
}

SELECTION = dg.AssetSelection.checks(*(dg.AssetCheckKey(REPORT_KEY, name) for name in _RETIREMENTS))


@dg.multi_asset_check(
    name="count_down_to_retirement",
    specs=[
        dg.AssetCheckSpec(
            name,
            asset=REPORT_KEY,
            description=f"What is still to come before {', '.join(retirement.names)} may be dropped.",
        )
        for name, retirement in _RETIREMENTS.items()
    ],
    can_subset=True,
)
def count_down_to_retirement(
    context: dg.AssetCheckExecutionContext, database: Database
) -> Iterator[dg.AssetCheckResult]:
    """Ask the gates; drop nothing."""
    selected = {check.name for check in context.selected_asset_check_keys}
    with database.connect() as connection:
        for name in _RETIREMENTS.keys() & selected:
            yield dg.AssetCheckResult(
                passed=True,
                asset_key=REPORT_KEY,
                check_name=name,
                metadata=_countdown(connection, _RETIREMENTS[name]),
            )


def _countdown(connection: Connection, retirement: Retirement) -> dict[str, Any]:
    if retired := ledger.retired(connection, retirement.file.name):
        moment = retired["retired_at"]
        return {
            "state": "found dropped" if retired["found"] else "dropped",
            "dropped_at": dg.MetadataValue.timestamp(moment) if moment else dg.MetadataValue.null(),
            "told": f"They {ledger.told_retired(retired)}.",
        }
    if ledger.deployed_at(connection) is None:
        return {"state": "Phase 2 is not deployed"}
    gates = ask_gates(connection, retirement)
    opens = max((gate.until for gate in gates if gate.until), default=None)
    left = max((opens - datetime.now(UTC)).total_seconds(), 0) / 86_400 if opens else 0.0
    return {
        "state": "may be dropped" if all(gate.is_open for gate in gates) else "waits",
        "days_left": round(left, 1),
        **({"earliest": dg.MetadataValue.timestamp(opens)} if opens else {}),
        **{gate.question.name: str(gate) for gate in gates},
    }
