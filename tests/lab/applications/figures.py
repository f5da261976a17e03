# SPDX-License-Identifier: BSD-3-Clause
"""What one measurement of an application says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    rate: float  # of `unit` a second
    median: float  # microseconds
    p99: float


def percentile(values, share):
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def of_latencies(rate, seconds):
    """From latencies in seconds."""
    return Figures(rate, percentile(seconds, 0.5) * 1e6, percentile(seconds, 0.99) * 1e6)
