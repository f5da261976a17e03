#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The instruments prove themselves before they prove anything else: the relay, and the two openers of ESP."""

from cryptography.exceptions import InvalidTag

import esp
import packets
from gateway import ALPHA, BETA, RELAY, Bench, need, wait_until
from tap import Tap, equal

SA = esp.Sa(ALPHA.wire, BETA.wire, 0x11223344, bytes(range(36)))


def on_wire(packet):
    return esp.wire_frame(packet, ALPHA.wire_mac, BETA.wire_mac)


def sealed(seq):
    inner = packets.datagram(ALPHA.host, BETA.host, b"sealed", seq)
    return on_wire(esp.outer(SA, esp.seal_by_scapy(SA, inner, seq)))


def ike():
    return on_wire(esp.outer(SA, bytes(4) + b"an IKE message"))


def openers(tap):
    inner = packets.datagram(ALPHA.host, BETA.host, b"inner", 1)
    for esn in True, False:
        for key_len in 16, 32:
            sa = esp.Sa(ALPHA.wire, BETA.wire, 0x11223344, bytes(range(key_len + 4)), esn)
            high = 5 if esn else 0
            seq = high << 32 | 7
            with tap.case(f"scapy and cryptography agree, AES-{key_len * 8}, esn {esn}"):
                by_hand = esp.seal_clear(sa, esp.trailer(inner), seq)
                by_scapy = packets.esp_of(on_wire(esp.outer(sa, esp.seal_by_scapy(sa, inner, seq))))
                equal(by_hand, by_scapy, "sealed")
                equal(esp.open_by_scapy(sa, by_hand, high), inner, "opened by scapy")
                equal(esp.open_by_aesgcm(sa, by_scapy, high), (seq, seq, inner, esp.IPV4), "opened by cryptography")
    with tap.case("a wrong bit is seen"):
        bad = bytearray(esp.seal_clear(SA, esp.trailer(inner), 1))
        bad[20] ^= 1
        try:
            esp.open_by_aesgcm(SA, bytes(bad))
        except InvalidTag:
            pass
        else:
            raise AssertionError("it opened")


class Line:
    """Two ends and the wire between them, all three relays."""

    def __init__(self, bench):
        self.wire = bench.relay("wire")
        self.a, self.b = bench.relay("end-a", "a", self.wire), bench.relay("end-b", "b", self.wire)
        wait_until(lambda: self.up("a") and self.up("b"), 5, "the relay is attached at both sides")

    def up(self, side):
        return self.wire.stats()[side]["up"]

    def passes(self, frames, expected):
        """Sends frames from a; exactly the expected ones must come out at b, in that order."""
        before = len(self.b.frames())
        self.a.inject("a", frames)
        wait_until(lambda: len(self.b.frames()) >= before + len(expected), 5, "frames arrive")
        equal(self.b.frames()[before:], expected, "frames at b")


def impairments(tap, line):
    one, two, three = sealed(1), sealed(2), sealed(3)
    with tap.case("frames pass unchanged and in order"):
        line.passes([one, ike(), two, b"runt"], [one, ike(), two, b"runt"])
    with tap.case("and the other way round"):
        line.b.inject("b", [one, two])
        wait_until(lambda: len(line.a.frames()) == 2, 5, "frames arrive")
        equal(line.a.frames(), [one, two], "frames at a")
    with tap.case("drop loses the next frames"):
        line.wire.order("drop b 2")
        line.passes([one, two, three], [three])
    with tap.case("dup doubles ESP only"):
        line.wire.order("dup b 1")
        line.passes([ike(), one, two], [ike(), one, one, two])
    with tap.case("swap exchanges two ESP frames, IKE passes"):
        line.wire.order("swap b")
        line.passes([one, ike(), two, three], [ike(), two, one, three])
    with tap.case("flip changes one bit of one ESP frame"):
        line.wire.order("flip b -1")
        line.passes([ike(), one, two], [ike(), one[:-1] + bytes([one[-1] ^ 1]), two])
    with tap.case("the record holds what was sent, not what was done to it"):
        equal(line.wire.frames().count(one), 6, "records of one frame")
        equal(line.wire.stats()["b"]["dropped"], 2, "dropped")
        equal(line.wire.stats()["b"]["lost"], 0, "lost")
    with tap.case("frames injected at the wire reach that side only"):
        before = len(line.wire.frames())
        line.wire.inject("a", [three])
        wait_until(lambda: line.a.frames()[-1] == three, 5, "the frame arrives")
        equal(len(line.wire.frames()), before, "records")


def killed_end(tap, line):
    with tap.case("an end may be killed and come back"):
        line.b.process.kill()
        line.b.process.wait(5)
        wait_until(lambda: not line.up("b"), 5, "the relay notices")
        line.a.inject("a", [sealed(4)])
        line.b.start()
        wait_until(lambda: line.up("b"), 5, "the relay is attached again")
        line.passes([sealed(5)], [sealed(5)])
        equal(line.wire.stats()["b"]["lost"], 1, "lost")


def main():
    tap = Tap()
    need(RELAY)
    openers(tap)
    with Bench(tap) as bench:
        line = Line(bench)
        impairments(tap, line)
        killed_end(tap, line)
    tap.finish()


main()
