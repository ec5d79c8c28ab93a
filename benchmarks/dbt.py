"""A dbt project whose one model is the seed's view, as dbt-postgres keeps a materialized view."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shop import Shop
from soleflip_assets.ground.sql_files import SqlFile

_SCHEMA = "dbt_bench"
_PROJECT = """
name: bench
version: "1.0.0"
profile: bench
models:
  bench:
    +materialized: materialized_view
    +on_configuration_change: apply
    +indexes:
      - {columns: [stock_id], unique: true}
      - {columns: [available_quantity]}
flags: {send_anonymous_usage_stats: false}
"""
_PROFILE = """
bench:
  target: shop
  outputs:
    shop: {{type: postgres, host: "{host}", port: 5432, user: postgres, password: "", dbname: "{database}",
            schema: {schema}, threads: 1}}
"""


@dataclass(frozen=True)
class Dbt:
    """The project, and the program that runs it.

    Attributes:
        program: dbt.
        folder: of the project.
        shop: where its view is.
    """

    program: str
    folder: Path
    shop: Shop

    @classmethod
    @contextmanager
    def project(cls, program: str, shop: Shop, folder: Path) -> Iterator["Dbt"]:
        """A project; its view is gone after the block."""
        project = folder / "dbt"
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text(_PROJECT)
        (project / "profiles.yml").write_text(
            _PROFILE.format(host=shop.url.query["host"], database=shop.url.database, schema=_SCHEMA)
        )
        (project / "models" / "stock_metrics_view.sql").write_text(_query_of_view())
        yield cls(program, project, shop)

    @property
    def view(self) -> str:
        """The materialized view that it keeps."""
        return f"{_SCHEMA}.stock_metrics_view"

    def run(self) -> float:
        """Run dbt.

        Returns:
            Milliseconds that the model took.
        """
        done = subprocess.run(
            [self.program, "--quiet", "run", "--project-dir", self.folder, "--profiles-dir", self.folder],
            cwd=self.folder, env=os.environ | {"DO_NOT_TRACK": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"dbt failed: {done.stdout}{done.stderr}")
        results = json.loads((self.folder / "target" / "run_results.json").read_text())
        (model,) = results["results"]
        return 1000 * float(model["execution_time"])

    def drop(self) -> None:
        """Drop what it made."""
        with self.shop.connect() as connection:
            connection.execute(f"DROP SCHEMA {_SCHEMA} CASCADE".encode())


def _query_of_view() -> str:
    """The seed's query."""
    (create,) = (
        statement
        for statement in SqlFile("phase2/81_stock_metrics_view.sql").statements
        if statement.startswith("CREATE MATERIALIZED VIEW")
    )
    found = re.search(r"\bAS\n(SELECT\n.*)\nWITH NO DATA", create, re.DOTALL)
    assert found is not None
    return found[1]
