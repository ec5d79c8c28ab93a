"""Which tests run on which version of PostgreSQL: each case on one of the two, each file on both."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.conftest import VERSIONS, on_the_other_version


def _item(version: str, case: str, *, both: bool = False) -> pytest.Item:
    name = f"test_it[{version}-{case}]"
    item = SimpleNamespace(
        name=name,
        nodeid=name,
        path=Path("tests/test_a.py"),
        callspec=SimpleNamespace(params={"databases_of_each_version": version}),
        get_closest_marker=lambda _: both or None,
    )
    return cast("pytest.Item", item)


def _kept(items: list[pytest.Item]) -> list[str]:
    left_out = on_the_other_version(items)
    return [item.nodeid for item in items if item.nodeid not in left_out]


@pytest.mark.parametrize("cases", [["incremental", "materialized"], ["15", "18", "x-15", "x"]])
def test_each_case_runs_once_and_each_version_half_of_them(cases: list[str]) -> None:
    kept = _kept([_item(version, case) for version in VERSIONS for case in cases])
    assert sorted(name[len("test_it[18-") : -1] for name in kept) == sorted(cases)
    for version in VERSIONS:
        assert sum(name.startswith(f"test_it[{version}-") for name in kept) == len(cases) / 2


def test_what_is_marked_runs_on_both() -> None:
    items = [_item(version, "a", both=True) for version in VERSIONS]
    assert _kept(items) == ["test_it[18-a]", "test_it[15-a]"]
