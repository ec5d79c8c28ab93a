"""What the benchmark of an idle `soleflip up` writes into README."""

import pytest

from benchmarks.idle import README, Found, Look, into_readme

LOOK = Look({"daemon": 300.4, "webserver": 148, "PostgreSQL": 44}, {"daemon": 1, "PostgreSQL": 2})
FOUND = Found(first=15.6, next=12.2, state=142, first_look=LOOK, looks=[LOOK], seconds=600)


def test_rows_of_readme_are_renewed_and_nothing_else() -> None:
    before = README.read_text(encoding="utf-8").splitlines()
    after = into_readme(README.read_text(encoding="utf-8"), FOUND).splitlines()
    renewed = [
        line for line in after if line.startswith(("| from the start", "| memory", "| state after"))
    ]

    assert "| memory | 450 MB: the processes of Python; 40 MB: PostgreSQL |" in renewed
    assert "16 s the first time, 12 s the next" in renewed[0]
    assert "| state after the first start | 140 MB |" in renewed
    assert len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) <= len(renewed)


def test_row_that_readme_has_no_more_is_missed() -> None:
    with pytest.raises(ValueError, match="from the start to the page"):
        into_readme("# Another page", FOUND)
