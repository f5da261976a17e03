# SPDX-License-Identifier: BSD-3-Clause
"""A line chart as SVG text: axes with units, a legend, quartiles as whiskers; for light and dark pages.

Colours are classes, and a media query turns them for readers who prefer dark. The chart has a background of its own,
because the page it ends up on need not follow that preference.
"""

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, BOTTOM = 78, 24, 76  # margins of the plot; the upper one depends on the legend
MARGIN = 20  # of the words around the plot
CHAR = 6.7  # width of a character of the legend, on average

# name: (on light, on dark)
COLOURS = {
    "grey": ("#6e7781", "#9198a1"),
    "blue": ("#0969da", "#58a6ff"),
    "green": ("#1a7f37", "#3fb950"),
    "orange": ("#bc4c00", "#f0883e"),
    "purple": ("#8250df", "#be8fff"),
}
TEXT, MUTED, GRID, PAPER = ("#1f2328", "#e6edf3"), ("#59636e", "#9198a1"), ("#d8dee4", "#30363d"), ("#ffffff", "#0d1117")


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    low: float  # quartiles
    high: float


@dataclass(frozen=True)
class Series:
    name: str  # in the legend; empty: not there
    colour: str
    points: list
    dashed: bool = False
    marker: str = "circle"  # or square, none


@dataclass(frozen=True)
class Chart:
    title: str
    subtitle: str
    x_label: str
    y_label: str
    x_ticks: list  # numbers
    series: list
    footnote: str = ""
    x_log: bool = False
    y_log: bool = False


# ---- Scales ----------------------------------------------------------------------------------------------------------

class Scale:
    """From values to pixels."""

    def __init__(self, low, high, start, end, log):
        self.turn = math.log2 if log else float
        self.low, self.high = self.turn(low), self.turn(high)
        self.start, self.end = start, end

    def __call__(self, value):
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (self.turn(value) - self.low) / (self.high - self.low) * (self.end - self.start)


def nice_ticks(top):
    """0 and on in steps of 1, 2, 2.5 or 5 times a power of ten, at most seven of them, the last not below top."""
    power = 10.0 ** math.floor(math.log10(top / 6))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * 6 >= top)
    return [step * n for n in range(math.ceil(top / step - 1e-9) + 1)]


def log_ticks(low, high):
    """1, 2, 5, 10, 20, 50, ...: from the last not above low to the first not below high."""
    every = [factor * 10.0 ** power for power in range(-6, 12) for factor in (1, 2, 5)]
    first = max(tick for tick in every if tick <= low)
    last = min(tick for tick in every if tick >= high)
    return [tick for tick in every if first <= tick <= last]


def number(value):
    """As a reader writes it: 0.5, 1420, 64 000."""
    return f"{value:.10g}" if value < 10000 else f"{value:,.10g}".replace(",", "\u202f")


# ---- Drawing ---------------------------------------------------------------------------------------------------------

def style():
    def rules(at):
        yield f".paper {{ fill: {PAPER[at]}; }} .grid {{ stroke: {GRID[at]}; }} .axis {{ stroke: {MUTED[at]}; }}"
        yield f"text {{ fill: {MUTED[at]}; }} .strong {{ fill: {TEXT[at]}; }}"
        for name, colour in COLOURS.items():
            yield f".{name} {{ stroke: {colour[at]}; fill: {colour[at]}; }}"
    common = ["text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; }",
              ".title { font-size: 16px; font-weight: 600; }",
              ".line { stroke-width: 2; stroke-linejoin: round; } polyline.line { fill: none; }",
              ".dashed { stroke-dasharray: 6 4; }",
              ".whisker { stroke-width: 1; }"]
    dark = "\n".join("  " + rule for rule in rules(1))
    return "\n".join(common + list(rules(0)) + ["@media (prefers-color-scheme: dark) {", dark, "}"])


def text(x, y, words, kind="", anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def marker(series, x, y, tip=""):
    inside = f"<title>{escape(tip)}</title>" if tip else ""
    if series.marker == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{series.colour}">{inside}</circle>'
    if series.marker == "square":
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" class="{series.colour}">{inside}</rect>'
    return ""


def line_class(series):
    return f"line {series.colour}" + (" dashed" if series.dashed else "")


def legend(all_series, top):
    """Entries from left to right, in as many rows as they need; returns what is drawn, and where the plot may begin."""
    drawn, x, y = [], MARGIN, top
    for series in all_series:
        width = 34 + CHAR * len(series.name) + 12
        if x + width > WIDTH - RIGHT and x > MARGIN:
            x, y = MARGIN, y + 20
        drawn += [line(x, y - 4, x + 26, y - 4, line_class(series)), marker(series, x + 13, y - 4),
                  text(x + 34, y, series.name, "strong")]
        x += width
    return drawn, y + 18


def axes(chart, x_scale, y_scale, y_ticks, top):
    floor = HEIGHT - BOTTOM
    for tick in y_ticks:
        y = y_scale(tick)
        yield line(LEFT, y, WIDTH - RIGHT, y, "grid")
        yield text(LEFT - 8, y + 4, number(tick), anchor="end")
    for tick in chart.x_ticks:
        x = x_scale(tick)
        yield line(x, floor, x, floor + 5, "axis")
        yield text(x, floor + 20, number(tick), anchor="middle")
    yield line(LEFT, floor, WIDTH - RIGHT, floor, "axis")
    yield text((LEFT + WIDTH - RIGHT) / 2, floor + 40, chart.x_label, anchor="middle")
    middle = (top + floor) / 2
    yield text(20, middle, chart.y_label, anchor="middle", more=f' transform="rotate(-90 20 {middle:.1f})"')


def curve(series, x_scale, y_scale, unit):
    places = [(x_scale(point.x), y_scale(point.y), point) for point in series.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    yield f'<polyline points="{path}" class="{line_class(series)}"/>'
    for x, y, point in places:
        if point.low != point.high:
            yield line(x, y_scale(point.low), x, y_scale(point.high), f"whisker {series.colour}")
        yield marker(series, x, y, f"{series.name}: {point.y:.4g} {unit} at {number(point.x)}")


def draw(chart):
    """The chart as the text of an SVG file. Series without points are left out."""
    series = [one for one in chart.series if one.points]
    values = [value for one in series for point in one.points for value in (point.y, point.low, point.high)] or [1]
    y_ticks = log_ticks(min(values), max(values)) if chart.y_log else nice_ticks(max(values))
    keys, top = legend([one for one in series if one.name], 72)
    x_scale = Scale(chart.x_ticks[0], chart.x_ticks[-1], LEFT + 24, WIDTH - RIGHT - 24, chart.x_log)
    y_scale = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, top, chart.y_log)
    body = [text(MARGIN, 28, chart.title, "title strong"), text(MARGIN, 46, chart.subtitle), *keys,
            *axes(chart, x_scale, y_scale, y_ticks, top)]
    for one in series:
        body += curve(one, x_scale, y_scale, chart.y_label)
    body.append(text(MARGIN, HEIGHT - 12, chart.footnote))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img">',
        f"<title>{escape(chart.title)}</title>", f"<desc>{escape(chart.subtitle)}</desc>",
        f"<style>\n{style()}\n</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" class="paper"/>', *body, "</svg>", ""])
