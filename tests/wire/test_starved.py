#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway whose packet buffers are all gone, then all but a few, in the midst of traffic: it goes on, says what it could not
do, loses nothing that it has not counted, and works again by itself when there are buffers.
"""

import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, preload, wait_until
from scapy.layers.inet import ICMP, IP
from tap import Tap, equal

SETTLE_LIMIT = 10
REPEAT_LIMIT = 30  # seconds; each repetition takes twice as long
WAITING = 100  # packets each way that come while there are no buffers
KEPT = 64  # by the worker, where it keeps some: a port takes 32 at a time


class Starved:
    """Alpha of a link, and who takes its buffers. Signs of life are off: nothing but what a test provokes is missed."""

    def __init__(self, bench):
        self.order = bench.dir / "thief"
        options = {"dpd_delay": "0"}
        self.link = Link(bench, {**options, "env": preload("mbuf_thief", MBUF_THIEF=self.order)}, dict(options)).start()
        self.alpha = self.link.alpha
        self.link.flows(1)

    def buffers(self):
        return self.alpha.show_gateway()["mbufs"]

    def in_use(self):
        return self.alpha.show_gateway()["mbufs_in_use"]

    def take(self, kept):
        self.order.write_text(f"{kept}\n")
        wait_until(lambda: self.in_use() >= self.buffers() - kept, SETTLE_LIMIT, "the buffers are taken")

    def give_back(self):
        self.order.unlink()
        wait_until(lambda: self.in_use() == 0, SETTLE_LIMIT, "every buffer is back")

    def drops(self):
        return {name: count for name, count in self.alpha.drops().items() if count}

    def no_mbuf(self):
        return self.drops().get("no-mbuf", 0)

    def wait_missed(self, before, what):
        wait_until(lambda: self.no_mbuf() > before, SETTLE_LIMIT, f"{what} is counted as no-mbuf")

    def still_up(self):
        """No end has given the other up, though one that hears nothing may have called it anew."""
        for gateway in self.link.alpha, self.link.beta:
            assert gateway.is_up(), f"the link of {gateway.name} is down"
            assert "does not answer any more" not in gateway.log_text(), f"{gateway.name} has given up"


def numbered(src, dst, first):
    return [packets.datagram(src, dst, b"in want", first + i) for i in range(WAITING)]


def none_at_all(tap, starved):
    link, alpha = starved.link, starved.alpha
    there, back = numbered(ALPHA.host, BETA.host, 1000), numbered(BETA.host, ALPHA.host, 2000)
    before = {session["spi_out"] for session in alpha.show("sessions")}
    with tap.case("no buffer is left, and the gateway still tells"):
        starved.take(0)
        assert alpha.is_up(), "the link is down"
    with tap.case("what its control thread cannot send is counted as no-mbuf: a rekey, and its repetition"):
        missed = starved.no_mbuf()
        alpha.rekey()
        starved.wait_missed(missed, "a rekey")
        link.send_a(there)
        link.send_b(back)
        starved.wait_missed(starved.no_mbuf(), "its repetition")
    with tap.case("packets wait in the rings of the ports meanwhile"):
        seen = link.at_a() + link.at_b()
        equal([packet for packet in map(packets.aged, there + back) if packet in seen], [], "came through")
        equal(set(starved.drops()), {"no-mbuf"}, "reasons of drops")
    with tap.case("when there are buffers all of them come through, and none of the buffers is lost"):
        starved.give_back()
        wait_until(lambda: set(map(packets.aged, there)) <= set(link.at_b())
                   and set(map(packets.aged, back)) <= set(link.at_a()), SETTLE_LIMIT, "the packets come through")
        equal(set(starved.drops()), {"no-mbuf"}, "reasons of drops")
    with tap.case("the keys are replaced then, and the link was never down"):
        def replaced():
            now = {session["spi_out"] for session in alpha.show("sessions")}
            return len(now) == 1 and now.isdisjoint(before)
        wait_until(replaced, REPEAT_LIMIT, "one new session")
        link.flows(2)
        starved.still_up()


def a_few(tap, starved):
    link = starved.link
    starved.take(KEPT)
    with tap.case(f"with {KEPT} buffers packets pass both ways, and pings of the gateway are answered"):
        link.flows(3)
        link.send_a([bytes(IP(src=ALPHA.host, dst=ALPHA.plain) / ICMP(id=1, seq=1) / b"ping")])
        wait_until(lambda: any(IP(packet).src == ALPHA.plain for packet in link.at_a()), SETTLE_LIMIT, "an answer comes")
    with tap.case("an error that cannot be sent is counted, and so is the packet it is about"):
        missed, lost = starved.no_mbuf(), starved.drops().get("no-route", 0)
        link.send_a([packets.datagram(ALPHA.host, "10.9.0.1")])
        starved.wait_missed(missed, "the error")
        equal(starved.drops()["no-route"], lost + 1, "drops for no-route")
    late = "10.1.0.55"
    inner = packets.datagram(BETA.host, late, b"patience", 7)
    with tap.case("a neighbour that cannot be asked for is counted"):
        missed = starved.no_mbuf()
        link.send_b([inner])
        starved.wait_missed(missed, "the question")
        equal([frame for frame in link.lan_a.frames() if packets.asks_for(frame, late)], [], "questions")
    with tap.case("it is asked for when there are buffers, and what waits for it comes out"):
        starved.order.unlink()
        wait_until(lambda: starved.in_use() <= 1, SETTLE_LIMIT, "the buffers are back")
        again = packets.datagram(BETA.host, late, b"patience", 8)
        link.send_b([again])
        wait_until(lambda: any(packets.asks_for(frame, late) for frame in link.lan_a.frames()), SETTLE_LIMIT, "a question")
        link.lan_a.inject("a", [packets.announce(late, ALPHA.host_mac, ALPHA.plain)])
        wait_until(lambda: packets.aged(again) in packets.ip_packets(link.lan_a.frames(), late), SETTLE_LIMIT,
                   "the packet comes out")
        # On a machine that stands still for seconds, the first packet has waited for too long, and that is counted.
        came = packets.ip_packets(link.lan_a.frames(), late).count(packets.aged(inner))
        equal(came + starved.drops().get("no-neighbour", 0), 1, "what became of the first packet")
    with tap.case("in the end no buffer is lost, and every packet accounted for"):
        wait_until(lambda: starved.in_use() == 0, SETTLE_LIMIT, "every buffer is back")
        link.flows(4)
        starved.still_up()
        link.alpha.check_accounting()
        link.beta.check_accounting()
        equal(set(starved.drops()) - {"no-neighbour"}, {"no-mbuf", "no-route"}, "reasons of drops")


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        starved = Starved(bench)
        none_at_all(tap, starved)
        a_few(tap, starved)
    tap.finish()


main()
