# SPDX-License-Identifier: BSD-3-Clause
"""Rounds: contestants run in turns, each between two probes; what ran while the machine was slow does not count.

A machine with other tenants changes its speed for seconds at a time. Two programs measured one after the other are
then compared with the weather. So every contestant runs once in each round, after a short wait for a quiet moment when
there is none, and the median is taken over the rounds in which the probe was near its best of the whole run.
"""

import shlex
import statistics
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass

SLOW = 1.10  # a round counts when no probe around it was slower than this many times the best
ENOUGH = 5  # quiet rounds for a median


@dataclass(frozen=True)
class Step:
    """One run of one contestant: `read` turns what it printed into {figure: {quantity: value}}."""
    command: tuple
    cpus: tuple
    read: object


@dataclass(frozen=True)
class Sample:
    values: dict
    probes: tuple  # (cpu, cycles) pairs, before and after


class StepFailed(Exception):
    pass


def output_of(command, timeout=120):
    """What a command prints on stdout. One that fails is told with the end of what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise StepFailed(f"{shlex.join(command)}\nended with status {done.returncode}:\n{said}")
    return done.stdout


def summary(values):
    """Median and quartiles of a few numbers; of none, nothing is known."""
    if not values:
        return None
    if len(values) == 1:
        low = middle = high = values[0]
    else:
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "q1": low, "q3": high}


class Rounds:
    def __init__(self, probe, say=lambda text, done=False: None, patience=0):
        """patience: how many seconds to wait for a quiet moment, each time."""
        self.probe_command, self.say, self.patience = probe, say, patience
        self.samples = defaultdict(list)  # by figure
        self.figures = defaultdict(set)  # what a step has measured
        self.commands = {}  # by figure
        self.failures = {}  # by step, what the last run said that failed; a later one that works takes it away
        self.best = {}  # fewest cycles of the probe, by cpu

    def probe(self, cpus):
        seen = tuple((cpu, float(output_of(("taskset", "-c", str(cpu), str(self.probe_command))))) for cpu in cpus)
        for cpu, cycles in seen:
            self.best[cpu] = min(cycles, self.best.get(cpu, cycles))
        return seen

    def wait_for_quiet(self, cpus):
        """The last probe before a step: a quiet one, if there is any in time."""
        until = time.monotonic() + self.patience
        while True:
            probes = self.probe(cpus)
            if self.slowness(probes) <= SLOW or time.monotonic() >= until:
                return probes

    def run(self, step):
        before = self.wait_for_quiet(step.cpus)
        try:
            printed = output_of(step.command)
        except StepFailed as failure:
            self.failures[step] = str(failure)
            return
        self.failures.pop(step, None)
        probes = before + self.probe(step.cpus)
        for figure, values in step.read(printed).items():
            self.samples[figure].append(Sample(values, probes))
            self.commands[figure] = shlex.join(step.command)
            self.figures[step].add(figure)

    def run_all(self, title, steps, count):
        """Every step once a round; then those again that have too few quiet rounds, at most as often."""
        started = time.monotonic()
        for number in range(1, 2 * count + 1):
            if number > count:
                steps = [step for step in steps if self.is_starved(step, min(count, ENOUGH))]
            for at, step in enumerate(steps, 1):
                self.say(f"{title}: round {number}, step {at} of {len(steps)}")
                self.run(step)
        self.say(f"{title}: {time.monotonic() - started:.0f} s", done=True)

    def is_starved(self, step, enough):
        figures = self.figures[step]
        return not figures or any(len(self.quiet(figure)) < enough for figure in figures)

    def slowness(self, probes):
        """The slowest probe, as a multiple of the best on its core."""
        return max(cycles / self.best[cpu] for cpu, cycles in probes)

    def is_quiet(self, sample):
        return self.slowness(sample.probes) <= SLOW

    def quiet(self, figure):
        return [sample for sample in self.samples[figure] if self.is_quiet(sample)]

    def report(self, figure):
        """One figure for the report: median and quartiles of every quantity over the rounds that count, and all rounds."""
        samples = self.quiet(figure)
        quantities = self.samples[figure][0].values
        return {
            "command": self.commands[figure],
            "rounds": len(self.samples[figure]),
            "dropped": len(self.samples[figure]) - len(samples),
            **{name: summary([sample.values[name] for sample in samples]) for name in quantities},
            "samples": [{"slowness": round(self.slowness(sample.probes), 3), **sample.values} for sample in self.samples[figure]],
        }
