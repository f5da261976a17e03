# SPDX-License-Identifier: BSD-3-Clause
"""The plots of a report: which figures become which lines."""

from report.chart import Chart, Point, Series, draw
from report.figures import Figures

ONE_CORE = "one core, one session, bursts of 32, AES-128-GCM; the peers seal"


def footnote(report):
    machine = report["machine"]
    kind = "a quick run, not to be quoted" if report["quick"] else "medians and quartiles"
    return f"{machine['cpu']}, TSC {machine['tsc_hz'] / 1e9:.2f} GHz, {machine['crypto'].split(',')[0]}; {kind}"


def series(figures, name, colour, quantity, x, xs, figure_at, **look):
    """A line over xs; what was not measured, or never while the machine was quiet, has no point."""
    points = []
    for value in xs:
        figure = figure_at(value)
        if figure and figure[quantity]:
            seen = figure[quantity]
            points.append(Point(value, seen["median"], seen["q1"], seen["q3"]))
    return Series(name, colour, points, **look)


def over_size(figures, quantity):
    sizes = figures.values("size", contestant="sealane")

    def one(name, colour, contestant, direction="seal", **look):
        return series(figures, name, colour, quantity, "size", sizes,
                      lambda size: figures.packets(contestant, size, direction=direction), **look)

    return sizes, [one("bare AES-GCM call", "grey", "bare", dashed=True), one("Sealane seal", "blue", "sealane"),
                   one("Sealane open", "green", "sealane", "open"),
                   one("dpdk-test-crypto-perf", "orange", "dpdk", marker="square"),
                   one("openssl speed", "purple", "openssl", marker="square")]


def over_count(figures, key, quantity):
    """Four lines, of small and full-sized packets in both directions, over the number of sessions or workers."""
    lines, counts = [], figures.values(key, contestant="sealane", size=64)
    for size, dashed, marker in ((64, False, "circle"), (1420, True, "square")):
        for direction, colour in (("seal", "blue"), ("open", "green")):
            lines.append(series(
                figures, f"{direction}, {size} bytes", colour, quantity, key, counts,
                lambda count: figures.packets("sealane", size, direction=direction, **{key: count}),
                dashed=dashed, marker=marker))
    return counts, lines


def ideals(lines):
    """What several workers would seal if each did what one does alone; one entry in the legend tells it for all."""
    names = iter(["as many times one worker"])
    for line in lines:
        if line.name.startswith("seal") and line.points:
            one = line.points[0].y / line.points[0].x
            points = [Point(point.x, one * point.x, one * point.x, one * point.x) for point in line.points]
            yield Series(next(names, ""), "grey", points, dashed=True, marker="none")


def plots(report):
    """{file name: text of the SVG}"""
    figures, foot = Figures(report), footnote(report)
    sizes, rates = over_size(figures, "gbps")
    _, cycles = over_size(figures, "cycles")
    session_counts, by_sessions = over_count(figures, "sessions", "cycles")
    worker_counts, by_workers = over_count(figures, "workers", "gbps")
    charts = {
        "throughput": Chart("Throughput over packet size", ONE_CORE, "bytes of an inner packet", "Gbit/s of inner packets",
                            sizes, rates, foot, x_log=True),
        "cycles": Chart("Cycles a packet over packet size", ONE_CORE, "bytes of an inner packet",
                        "TSC cycles a packet", sizes, cycles, foot, x_log=True, y_log=True),
        "sessions": Chart("Cycles a packet over sessions", "one worker, sessions in random order, AES-128-GCM",
                          "sessions", "TSC cycles a packet", session_counts, by_sessions, foot, x_log=True),
        "workers": Chart("Throughput over workers", "one session a worker, AES-128-GCM", "workers",
                         "Gbit/s of inner packets", worker_counts,
                         [*ideals(by_workers), *by_workers], foot),
    }
    return {f"{name}.svg": draw(chart) for name, chart in charts.items()}
