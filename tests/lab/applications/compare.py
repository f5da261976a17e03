# SPDX-License-Identifier: BSD-3-Clause
"""Measures every application over every way, in turns.

In a round each application runs over each way, one after the other, and the order of the ways changes from round to round:
what the machine does meanwhile meets all of them. What is added is taken round by round; all figures are medians.
"""

import dataclasses
import json
import os
import platform
import statistics
from collections import defaultdict
from datetime import datetime, timezone

from applications.figures import Figures
from applications.messages import Messages
from applications.page import DIRECT, METHOD, SEALANE, page


def ways_of(place, application):
    """The published method protects messages by itself, over the cable."""
    ways = list(place.ways.values())
    if isinstance(application, Messages):
        ways.append(dataclasses.replace(place.ways[DIRECT], name=METHOD, sealed=True))
    return ways


def measure(place, applications, rounds, seconds, say):
    samples = defaultdict(list)  # by application and way, one a round
    for number in range(rounds):
        for application in applications:
            ways = ways_of(place, application)
            shift = number % len(ways)
            for way in ways[shift:] + ways[:shift]:
                say(f"round {number + 1} of {rounds}: {application.name}, {way.name}")
                samples[application.name, way.name].append(application.measure(way, seconds))
    return samples


# ---- The report ------------------------------------------------------------------------------------------------------

def middle(samples):
    return Figures(*(statistics.median(getattr(one, field) for one in samples) for field in ("rate", "median", "p99")))


def added(with_it, without, field):
    return statistics.median(getattr(a, field) - getattr(b, field) for a, b in zip(with_it, without))


def row_of(application, samples, seen):
    own = {way: samples[application.name, way] for way in (DIRECT, SEALANE, METHOD) if (application.name, way) in samples}
    return {
        "name": application.name, "title": application.title, "unit": application.unit,
        "same_result": seen[application.name]["same_result"],
        "markers_at_host": seen[application.name]["at_host"], "markers_on_wire": seen[application.name]["on_wire"],
        "added_median": added(own[SEALANE], own[DIRECT], "median"), "added_p99": added(own[SEALANE], own[DIRECT], "p99"),
        "ways": {way: dataclasses.asdict(middle(found)) for way, found in own.items()},
        "rounds": {way: [dataclasses.asdict(one) for one in found] for way, found in own.items()},
    }


def report(applications, samples, seen, facts):
    return {**facts, "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "cores": os.cpu_count(),
            "kernel": platform.release(), "applications": [row_of(one, samples, seen) for one in applications]}


def write(told, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "applications.json").write_text(json.dumps(told, indent=1) + "\n")
    (folder / "applications.md").write_text(page(told))
