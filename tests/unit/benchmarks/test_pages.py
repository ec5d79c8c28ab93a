"""The figures in README and docs/ are those that the benchmarks kept."""

import re
from pathlib import Path

import pytest

from benchmarks.pages import ROOT, pages, rewritten
from benchmarks.results import Measured, Results, Section

_UNMARKED = re.compile(r"\d[\d.,]* (?:ms|s|MB|%|times)\b")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_is_as_the_benchmark_writes_it(page: Path) -> None:
    """Else: python -m benchmarks.pages."""
    text = page.read_text(encoding="utf-8")

    assert rewritten(text) == text


def test_every_figure_of_the_page_of_figures_is_some_benchmarks() -> None:
    text = (ROOT / "docs/measured.md").read_text(encoding="utf-8")
    # A figure's comment stands between it and its unit.
    assert _UNMARKED.findall(text) == []
    assert text.count("<!--1000000.") >= 10


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    values = {"refresh_time": 1234.5, "share": 0.0832}
    section = Measured(
        Section("Refresh", "in words", values), "2026-03-10 12:00 UTC", seconds=60.0, load=0.25
    )
    Results(1_172, "a machine", {"refresh": section}).write(tmp_path)
    return tmp_path


def test_figure_is_written_with_its_source(kept: Path) -> None:
    page = (
        "It took 7<!--1172.refresh_time--> s, 1.5<!--1172.share--> of it there, at most "
        "9<!--must.refresh_0_ms--> ms.\n\n<!--sources-->\n<!--end of sources-->\n"
    )

    written = rewritten(page, kept)

    assert written.startswith(
        "It took 1,234<!--1172.refresh_time--> s, 0.083<!--1172.share--> of it there, at most "
        "5.0<!--must.refresh_0_ms--> ms."
    )
    (row,) = (line for line in written.splitlines() if line.startswith("| Refresh"))
    assert "2026-03-10 12:00 UTC" in row
    assert "`soleflip bench --rows 1172 --only refresh`" in row
    assert rewritten(written, kept) == written


def test_figure_that_nobody_measured_is_refused(kept: Path) -> None:
    with pytest.raises(KeyError, match="never_measured"):
        rewritten("It took 7<!--1172.never_measured--> s.", kept)
