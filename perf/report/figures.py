# SPDX-License-Identifier: BSD-3-Clause
"""Looks figures up in a report, the content of report.json, from which tables and plots are made."""

PACKETS = {"direction": "seal", "sessions": 1, "workers": 1, "burst": 32, "cipher": "aes128", "source": "recycle"}


class Figures:
    def __init__(self, report):
        self.report = report

    def packets(self, contestant, size, **what):
        """The figure of so many bytes, by default sealed by one worker for one session; None when not measured."""
        wanted = {"contestant": contestant, "size": size, **PACKETS, **what}
        return next((one for one in self.report["packets"] if all(one[key] == wanted[key] for key in wanted)), None)

    def operation(self, stack, name):
        return next((one for one in self.report["operations"] if (one["stack"], one["name"]) == (stack, name)), None)

    def values(self, key, **what):
        """Every value of `key` among the packets with these properties and otherwise as usual, in order."""
        wanted = {name: value for name, value in {**PACKETS, **what}.items() if name != key}
        return sorted({one[key] for one in self.report["packets"] if all(one[name] == wanted[name] for name in wanted)})


def median(figure, quantity):
    """None when the figure is missing, or no round of it was quiet."""
    return figure[quantity]["median"] if figure and figure[quantity] else None
