"""The README's plots, drawn from all results that are kept. They stand on white and on black."""

from pathlib import Path

import pygal
from pygal.style import Style

from benchmarks.results import RESULTS, Results

_GREY = "#7d8590"
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground=_GREY,
    foreground_strong=_GREY,
    foreground_subtle=_GREY,
    value_colors=(_GREY,) * 4,
    colors=("#d9730d", "#b59f00", "#8957e5", "#1f883d"),
    font_family="sans-serif",
    title_font_size=20,
    label_font_size=14,
    major_label_font_size=14,
    legend_font_size=14,
    opacity="1",
)
_WAYS = {
    "seed": "the seed's",
    "plain": "REFRESH",
    "dbt": "dbt-postgres",
    "ours": "read model",
}


def draw(folder: Path = RESULTS) -> None:
    """Draw them anew."""
    kept = [Results.kept(path) for path in folder.glob("*.json")]
    results = sorted(kept, key=lambda found: found.rows)
    _refresh(
        results,
        "ms",
        1000,
        "Seconds of a refresh after 1,000 changes, logarithmic",
        folder / "refresh_time.svg",
    )
    _refresh(results, "wal_bytes", 1e6, "Megabytes of WAL of such a refresh, logarithmic",
             folder / "refresh_wal.svg")  # fmt: skip
    _deployment(results, folder / "deployment.svg")


def _refresh(results: list[Results], unit: str, divisor: float, title: str, path: Path) -> None:
    shown = [found for found in results if f"refresh_1000_ours_{unit}" in found.values]
    chart = _chart(title, [f"{found.rows:,} rows" for found in shown])
    for key, name in _WAYS.items():
        values = [found.values.get(f"refresh_1000_{key}_{unit}") for found in shown]
        chart.add(name, [value and value / divisor for value in values])
    _write(chart, path)


def _deployment(results: list[Results], path: Path) -> None:
    shown = [found for found in results if "deployment_steps_writes_ms" in found.values]
    chart = _chart(
        "Seconds that the worst write waited, logarithmic",
        [f"{found.rows:,} rows" for found in shown],
    )
    for key, name in (("transaction", "one transaction"), ("steps", "in steps")):
        chart.add(name, [found.values[f"deployment_{key}_writes_ms"] / 1000 for found in shown])
    _write(chart, path)


def _chart(title: str, labels: list[str]) -> pygal.Bar:
    chart = pygal.Bar(
        logarithmic=True, style=_STYLE, width=720, height=380, title=title, legend_at_bottom=True,
        legend_at_bottom_columns=4, print_values=True, print_values_position="top", show_y_guides=False,
        value_formatter=lambda value: f"{value:,.3g}", js=[], disable_xml_declaration=True,
        show_y_labels=False,
    )  # fmt: skip
    chart.x_labels = labels
    return chart


def _write(chart: pygal.Bar, path: Path) -> None:
    values = [value for series, _ in chart.raw_series for value in series if value]
    # A logarithmic scale has no zero: the shortest bar would have no height.
    foot = min(values) / 4
    chart.zero, chart.range = foot, (foot, max(values))
    path.write_text(chart.render(is_unicode=True) + "\n", encoding="utf-8")
