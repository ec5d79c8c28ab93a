"""Charts as SVG that stands in a page: lines, bars and bars that lie, drawn by pygal.

Colours are the page's (``--one`` …), so that a chart is light or dark as the page is; where there is no page
they are the light ones. No script, and no link to anywhere. Here: what every chart looks like. Not here: what
is drawn, which is pictures.py's.
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import pygal

# pygal looks for plugins of its own by a hook into every import, in a form that Python warns of.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"
]

_WIDTH = 560
_HEIGHT = 300
# A bar that lies, and what is above and below all of them.
_BAR = 26
_AROUND = 70

_LONGEST_NAME = 34
# Dates beside each other: more would not be read.
_DATES = 7

_STYLE = pygal.style.Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink, #1d2430)",
    foreground_strong="var(--ink, #1d2430)",
    foreground_subtle="var(--muted, #5b6472)",
    font_family="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    label_font_size=14,
    major_label_font_size=14,
    legend_font_size=14,
    value_font_size=13,
    value_label_font_size=13,
    guide_stroke_color="var(--grid, #dfe3e8)",
    major_guide_stroke_color="var(--grid, #dfe3e8)",
    guide_stroke_dasharray="none",
    major_guide_stroke_dasharray="none",
    opacity=".9",
    opacity_hover="1",
    stroke_opacity="1",
    stroke_width="2.5",
    colors=(
        "var(--one, #1f6feb)",
        "var(--two, #d9622b)",
        "var(--three, #2a9d8f)",
        "var(--four, #8b6fc4)",
        "var(--five, #8a93a0)",
    ),
)

_SCRIPT = re.compile(r"<script.*?</script>|<!--.*?-->", re.DOTALL)
_OPENED = re.compile(r"<svg[^>]*>")
_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)

Value = float | None


@dataclass(frozen=True)
class Chart:
    """What is drawn: a series is a name and a value for each label; None is a gap, never a zero.

    Attributes:
        kind: ``line``, ``bar``, ``stacked`` or ``lying`` (bars from left to right).
        labels: below the axis, or beside the bars that lie.
        series: names and values.
        axis: how a value is written.
        fill: whether a line's area is filled.
    """

    kind: str
    labels: Sequence[str]
    series: Sequence[tuple[str, Sequence[Value]]]
    axis: Callable[[float], str]
    fill: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return all(value is None for _, values in self.series for value in values)


def drawn(chart: Chart, name: str, title: str, description: str) -> str:
    """A chart as one SVG element.

    Args:
        chart: what is drawn.
        name: unique in the page.
        title: what a screen reader says first.
        description: what it says then: the figures in a sentence.
    """
    plot = _plot(chart)
    plot.uuid = name
    for label, values in chart.series:
        plot.add(label, [_shown(value, coloured=chart.kind == "lying") for value in values])
    svg = plot.render(disable_xml_declaration=True, is_unicode=True)
    svg = _SCRIPT.sub("", svg)
    svg = _TITLE.sub("", svg)
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="chart-{name}" class="pygal-chart"'
        f' role="img" aria-labelledby="{name}-title" aria-describedby="{name}-description"'
        f' viewBox="0 0 {_WIDTH} {_height(chart)}">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-description">{escape(description)}</desc>'
    )
    return _OPENED.sub(lambda _: opened, svg, count=1)


def _shown(value: Value, *, coloured: bool) -> Value | dict[str, object]:
    """A value as pygal draws it; a bar that lies to the left, a loss, in a colour of its own."""
    if value is not None and value < 0 and coloured:
        return {"value": value, "color": "var(--two, #d2601f)"}
    return value


def _plot(chart: Chart) -> "pygal.Graph":
    lying = chart.kind == "lying"
    made = {
        "line": pygal.Line,
        "bar": pygal.Bar,
        "stacked": pygal.StackedBar,
        "lying": pygal.HorizontalBar,
    }[chart.kind]
    several = len(chart.series) > 1
    plot = made(
        style=_STYLE,
        js=[],
        width=_WIDTH,
        height=_height(chart),
        margin=6,
        margin_right=14,
        explicit_size=False,
        show_legend=several,
        legend_at_bottom=True,
        legend_at_bottom_columns=min(len(chart.series), 3),
        legend_box_size=11,
        value_formatter=chart.axis,
        fill=chart.fill,
        # A line needs two points beside each other; one that stands alone is drawn as a dot.
        show_dots=any(_has_a_lone_point(values) for _, values in chart.series),
        dots_size=4,
        range=_range(chart),
        include_x_axis=chart.kind != "line",
        show_x_guides=lying,
        show_y_guides=not lying,
        rounded_bars=2,
        spacing=8,
        truncate_label=-1,
        truncate_legend=-1,
        max_scale=6,
        order_min=0,
    )
    labels = _beside(chart) if lying else list(chart.labels)
    plot.x_labels = labels
    named = [label for label in labels if label]
    if not lying and len(named) > _DATES:
        # From the last one back, since that is now.
        plot.x_labels_major = named[:: -1 - len(named) // _DATES]
        plot.show_minor_x_labels = False
    return plot


def _has_a_lone_point(values: Sequence[Value]) -> bool:
    known = [value is not None for value in (None, *values, None)]
    return any(
        is_known and not before and not after
        for before, is_known, after in zip(known, known[1:], known[2:], strict=False)
    )


def _height(chart: Chart) -> int:
    return _AROUND + _BAR * max(len(chart.labels), 1) if chart.kind == "lying" else _HEIGHT


def _range(chart: Chart) -> tuple[float, float] | None:
    """From zero, unless it goes below: a picture must not make a change larger than it is."""
    known = [value for _, values in chart.series for value in values if value is not None]
    if not known or chart.kind == "stacked":
        return None
    return (min(0.0, float(min(known))), max(float(max(known)), 1.0))


def _beside(chart: Chart) -> list[str]:
    """Each name with its value, which has no room in a short bar."""
    ((_, values),) = chart.series
    return [
        f"{_short(label)}  {chart.axis(value)}" if value is not None else _short(label)
        for label, value in zip(chart.labels, values, strict=True)
    ]


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 1]}…"
