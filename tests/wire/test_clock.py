#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The clock of both gateways is set, forward and back by more than a day, under traffic and around a rekey. Nothing hangs on it
but the stamps of the log: no packet is lost, no session ends or is replaced before its time.
"""

import datetime
import re
import time

from gateway import RELAY, SEALANE, Bench, Link, need, preload, wait_until
from packets import aged
from running import Traffic
from tap import Tap, equal

HOUR = 3600
STEPS = (("30 hours forward", 30 * HOUR), ("52 hours back", -22 * HOUR), ("to the right time", 0))
SECONDS = 1  # of traffic after each step
LOST = 2  # frames that the wire loses, to draw out a rekey
SLACK = 10  # seconds by which an age may differ on a busy machine


class Clock:
    """Two gateways whose clock can be set."""

    def __init__(self, bench):
        self.file = bench.dir / "clock"
        # What is due by time is due far behind the end of this test, and well before a step would bring it about.
        options = {"dpd_delay": "1s", "peer_lines": "rekey-after-time = 1h", "env": preload("clock_step", CLOCK_STEP=self.file)}
        self.link = Link(bench, dict(options), dict(options)).start()
        self.gateways = self.link.alpha, self.link.beta
        self.link.flows(1)
        # Both ends connect, so there may have been two links.
        wait_until(lambda: all(len(gateway.show("sessions")) == 1 for gateway in self.gateways), SLACK, "one session is left")

    def set(self, seconds):
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds}\n")
        new.rename(self.file)
        self.offset = seconds

    def sessions(self):
        return [gateway.session()["spi_out"] for gateway in self.gateways]

    def peers(self):
        return [gateway.show("peers")[0] for gateway in self.gateways]


def ages(clock):
    """Of everything that has one in `show`: (what, seconds)."""
    found = []
    for gateway in clock.gateways:
        found.append((f"uptime of {gateway.name}", gateway.show_gateway()["uptime_s"]))
        found.append((f"state of {gateway.name}", gateway.show("peers")[0]["since_s"]))
        found.append((f"age of the session of {gateway.name}", gateway.session()["age_s"]))
    return found


def check_ages(before, after, elapsed):
    for (what, old), (_, new) in zip(before, after):
        assert abs(new - old - elapsed) <= SLACK, f"{what}: {old} s, {new} s after {elapsed:.1f} s"


def stamp_of_last_line(gateway, text):
    lines = [line for line in gateway.log_text().splitlines() if text in line]
    return datetime.datetime.strptime(re.match(r"\d\d:\d\d:\d\d", lines[-1])[0], "%H:%M:%S")


def check_stamps(clock, text):
    """The log tells the time that was set, as far as it tells the time: without the day."""
    expected = datetime.datetime.now() + datetime.timedelta(seconds=clock.offset)
    for gateway in clock.gateways:
        stamp = stamp_of_last_line(gateway, text)
        off = (expected - stamp).seconds
        assert min(off, 24 * HOUR - off) <= 2 * SLACK, f"{gateway.name} says {stamp:%H:%M:%S}, expected {expected:%H:%M:%S}"


def step(tap, clock, traffic, name, seconds):
    link, rekeys = clock.link, [peer["rekeys"] for peer in clock.peers()]
    sessions, before, began = clock.sessions(), ages(clock), time.monotonic()
    clock.set(seconds)
    with tap.case(f"{name}: the session stays, and every age goes on as it was"):
        traffic.until(lambda: time.monotonic() > began + SECONDS, "some seconds")
        equal(clock.sessions(), sessions, "SPIs")
        equal([peer["rekeys"] for peer in clock.peers()], rekeys, "rekeys")
        check_ages(before, ages(clock), time.monotonic() - began)
    with tap.case(f"{name}: a rekey by hand is done at once, and the log tells the new time"):
        link.alpha.rekey()
        traffic.until(lambda: [peer["rekeys"] for peer in clock.peers()] == [count + 1 for count in rekeys], "the rekey")
        assert all(old != new for old, new in zip(sessions, clock.sessions())), "the sessions are the same"
        check_stamps(clock, "child SA")


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        clock = Clock(bench)
        link, traffic = clock.link, Traffic(clock.link)
        for name, seconds in STEPS:
            step(tap, clock, traffic, name, seconds)
        with tap.case("a step in the midst of a rekey: it is done"):
            rekeys = [peer["rekeys"] + 1 for peer in clock.peers()]
            link.wire.order(f"drop b {LOST}")
            link.alpha.rekey()
            clock.set(30 * HOUR)
            traffic.until(lambda: [peer["rekeys"] for peer in clock.peers()] == rekeys, "the rekey")
        with tap.case("the link came up once and stayed"):
            for peer, handshakes in zip(clock.peers(), traffic.handshakes):
                equal((peer["state"], peer["handshakes"], peer["failures"]), ("up", handshakes, 0), peer["name"])
        with tap.case("both account for every packet, and have dropped none"):
            for gateway in clock.gateways:
                gateway.check_accounting()
                equal({drop: count for drop, count in gateway.drops().items() if count}, {}, f"drops of {gateway.name}")
        with tap.case("no packet was lost, but for those that the wire lost"):
            lost = link.wire.stats()["b"]["dropped"]
            assert lost <= LOST, f"{lost} frames lost by the wire"
            wait_until(lambda: len(link.at_b()) >= len(traffic.there) + 1 - lost and len(link.at_a()) > len(traffic.back),
                       SLACK, "the last packets come out")
            missing = set(map(aged, traffic.there)) - set(link.at_b()), set(map(aged, traffic.back)) - set(link.at_a())
            assert len(missing[0]) <= lost and not missing[1], f"{[len(some) for some in missing]} missing, {lost} lost"
        tap.note(f"{len(STEPS) + 1} steps of the clock, {len(traffic.there)} packets each way")
    tap.finish()


main()
