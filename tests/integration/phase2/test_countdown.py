"""How long the old tables stay, as the first deployment already says it."""

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.definitions import defs
from soleflip_assets.ground.settings import DATABASE_URL, HOME


# Dagster's own use of its deprecated attribute, where a resource is torn down.
@pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")
def test_days_are_counted_from_the_first_deployment_on(
    legacy: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U5: asked before the view was there, no gate knew since when, and 0 days were left."""
    monkeypatch.setenv(DATABASE_URL, legacy.render_as_string(hide_password=False))
    monkeypatch.setenv(HOME, str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        deployed = defs.resolve_job_def("deploy_phase2").execute_in_process(instance=instance)

    found = {one.check_name: one.metadata for one in deployed.get_asset_check_evaluations()}
    for name, days, gate in (
        ("legacy_tables_retirement", 14.0, "deployed_14_days"),
        ("backup_tables_retirement", 30.0, "deployed_30_days"),
    ):
        assert found[name]["days_left"].value == days
        assert "()" not in str(found[name][gate].value)
        assert str(found[name][gate].value).startswith("not met (since ")
    validated = str(found["legacy_tables_retirement"]["validations_passed_within_a_day"].value)
    assert validated.startswith("met: ")
