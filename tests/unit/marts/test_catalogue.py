"""The files of sql/marts say all that is said of a mart anywhere."""

import pytest

from soleflip_assets.ground.settings import FILES
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.marts.catalogue import MARTS, PICTURED, Mart, documented

every_mart = pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)


@every_mart
def test_mart_comes_after_those_that_it_reads(mart: Mart) -> None:
    before = {known.name for known in MARTS[: MARTS.index(mart)]}
    marts = {known.name for known in MARTS}
    assert {name for name in mart.reads if name in marts} <= before


@every_mart
def test_mart_is_one_select_and_has_what_it_is_compared_with(mart: Mart) -> None:
    assert mart.select.startswith(("SELECT", "WITH"))
    assert mart.adds_up.description
    assert len(mart.adds_up.statements) == 1


def test_nothing_is_compared_that_is_no_mart() -> None:
    assert {file.name for file in sql_files("marts/adds_up")} == {mart.name for mart in MARTS}
    assert {*PICTURED} <= {mart.name for mart in MARTS}


def test_page_of_the_marts_says_what_the_files_say() -> None:
    assert documented() in (FILES / "docs" / "marts.md").read_text(encoding="utf-8")
