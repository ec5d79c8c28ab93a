"""The README's plots, drawn from all results that are kept. They stand on white and on black."""

from pathlib import Path

import pygal
from pygal.graph.graph import Graph
from pygal.style import Style

from benchmarks.results import RESULTS, Results

_GREY = "#7d8590"
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground=_GREY,
    foreground_strong=_GREY,
    foreground_subtle=_GREY,
    guide_stroke_color=_GREY,
    major_guide_stroke_color=_GREY,
    major_guide_stroke_dasharray="1,6",
    value_colors=(_GREY,) * 6,
    colors=("#d9730d", "#b59f00", "#8957e5", "#1f883d", "#2f81f7", "#cf222e"),
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

# The figures that are drawn as curves, and how many of their units are a second.
_COSTS = {
    "refresh_1000_seed_ms": ("refresh, as specified", 1000),
    "refresh_1000_ours_ms": ("refresh, incremental", 1000),
    "validations_seconds": ("all validations", 1),
    "deployment_steps_seconds": ("whole deployment", 1),
    "deployment_worst_ms": ("worst wait beside it", 1000),
}
LONGEST_WAIT_SECONDS = 0.25


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
    _costs(results, folder / "costs.svg")


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


def _costs(results: list[Results], path: Path) -> None:
    """What grows with the shop and what does not, as curves over its rows, and the longest wait allowed."""
    shown = [found for found in results if _COSTS.keys() & found.values.keys()]
    chart = _chart(
        "Seconds, logarithmic, by stock rows",
        [f"{found.rows:,} rows" for found in shown],
        pygal.Line,
        height=460, legend_at_bottom_columns=3, truncate_legend=-1, print_values=False, margin=50,
        show_y_guides=True, show_y_labels=True, y_labels=[10.0**power for power in range(-2, 3)],
    )  # fmt: skip
    for key, (name, per_second) in _COSTS.items():
        values = [found.values.get(key) for found in shown]
        chart.add(name, [value and value / per_second for value in values])
    chart.add(
        f"limit: a wait of {LONGEST_WAIT_SECONDS:g} s",
        [LONGEST_WAIT_SECONDS] * len(shown),
        stroke_style={"dasharray": "6, 6"},
        show_dots=False,
    )
    _write(chart, path)


def _chart(
    title: str, labels: list[str], kind: type[Graph] = pygal.Bar, **options: object
) -> Graph:
    look: dict[str, object] = {
        "logarithmic": True, "style": _STYLE, "width": 720, "height": 380, "title": title,
        "legend_at_bottom": True, "legend_at_bottom_columns": 4, "print_values": True,
        "print_values_position": "top", "show_y_guides": False, "show_y_labels": False, "js": [],
        "value_formatter": lambda value: f"{value:,.3g}", "disable_xml_declaration": True,
    }  # fmt: skip
    chart = kind(**look | options)
    # Else it is drawn at random, and every plot differs where nothing has changed.
    chart.uuid = title.split(",", maxsplit=1)[0].replace(" ", "-").lower()
    chart.x_labels = labels
    return chart


def _write(chart: Graph, path: Path) -> None:
    values = [value for series, _ in chart.raw_series for value in series if value]
    # A logarithmic scale has no zero: the shortest bar would have no height.
    foot = min(values) / 4
    chart.zero, chart.range = foot, (foot, max(values))
    path.write_text(chart.render(is_unicode=True) + "\n", encoding="utf-8")
