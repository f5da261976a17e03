#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway is killed without a word and started again: the link comes back by itself, with new keys. And it waits a moment for
a wire that is not there yet.
"""

import signal
import time

import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, START_LIMIT, Bench, Link, need, wait_until
from tap import Tap, equal

BACK_LIMIT = 5.0  # seconds from the start of the new process until packets pass both ways
PAUSE = 0.1


class Traffic:
    """A packet each way every PAUSE seconds, as hosts would send that know of nothing."""

    def __init__(self, link):
        self.link, self.number = link, 100

    def once(self):
        self.number += 1
        # The host behind the restarted gateway is heard of again as well: hosts repeat their ARP requests.
        self.link.announce()
        self.link.send_a([packets.datagram(ALPHA.host, BETA.host, b"there", self.number)])
        self.link.send_b([packets.datagram(BETA.host, ALPHA.host, b"back", self.number)])
        time.sleep(PAUSE)

    def until_both_arrive(self, limit):
        first, deadline = self.number + 1, time.monotonic() + limit
        while True:
            self.once()
            arrived = [any(number(packet) >= first for packet in side()) for side in (self.link.at_a, self.link.at_b)]
            if all(arrived):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {limit:g} s: (towards alpha, towards beta) = {arrived}")


def number(packet):
    return int.from_bytes(packet[4:6], "big")


def kill_and_restart(tap, link, traffic, gateway):
    side = {"a": "alpha", "b": "beta"}[gateway.site.side]
    old = link.alpha.sas()
    with tap.case(f"{side} is killed: the other keeps running, nothing plain leaves"):
        gateway.kill()
        for _ in range(5):
            traffic.once()
        for other in {link.alpha, link.beta} - {gateway}:
            other.alive()
        kinds = {packets.wire_kind(frame) for frame in link.wire.frames()}
        assert kinds <= {"arp", "ike", "esp"}, f"kinds of frames on the wire: {sorted(kinds)}"
    with tap.case(f"{side} is started again: traffic is back both ways within {BACK_LIMIT:g} s"):
        gateway.start()
        traffic.until_both_arrive(BACK_LIMIT)
    with tap.case(f"{side}: the new session has new keys, and each end one session in use"):
        link.alpha.wait_up()
        link.beta.wait_up()
        new = link.alpha.sas()
        assert {sa.key for sa in new}.isdisjoint(sa.key for sa in old), "a key is used again"
        equal(link.beta.sas(), (new[1], new[0]), "beta's view of the session")


def late_wire(tap):
    with Bench(tap) as bench:
        link = Link(bench)
        with tap.case("a wire that is connected late: the first message is not sent into the void"):
            link.wire.process.send_signal(signal.SIGSTOP)
            for gateway in link.alpha, link.beta:
                gateway.start()
                socket = bench.dir / "run" / "dpdk" / f"sealane-{gateway.name}" / "dpdk_telemetry.v2"
                wait_until(socket.exists, START_LIMIT, "the EAL runs")
            time.sleep(0.5)
            link.wire.process.send_signal(signal.SIGCONT)
            link.alpha.wait_up()
            link.beta.wait_up()
            equal([gateway.drops()["tx-full"] for gateway in (link.alpha, link.beta)], [0, 0], "frames that the wire did not take")


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        link = Link(bench).start()
        traffic = Traffic(link)
        with tap.case("traffic flows both ways"):
            traffic.until_both_arrive(BACK_LIMIT)
        for gateway in link.beta, link.alpha:
            kill_and_restart(tap, link, traffic, gateway)
        with tap.case("a clean stop says goodbye: the other end has no session left"):
            equal(link.beta.stop(), 0, "exit status")
            link.alpha.wait_log("link down", 5)
            equal([s for s in link.alpha.show("sessions") if s["in_use"]], [], "sessions of alpha in use")
        with tap.case("the accounting holds at the end"):
            link.alpha.check_accounting()
    late_wire(tap)
    tap.finish()


main()
