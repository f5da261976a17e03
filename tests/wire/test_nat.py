#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway behind a NAT that gives it another port in the middle of a session: the other end follows, ESP included. It follows
nobody who repeats from elsewhere what the gateway has sent.
"""

import time

import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, wait_until
from scapy.layers.inet import IP, UDP
from tap import Tap, equal

KEEPALIVE_LIMIT = 25  # seconds; one is due 20 s after the link is up (RFC 3948 4)
FOLLOW_LIMIT = 10  # seconds; alpha asks for a sign of life after one


def ports_of_esp_from(link, site):
    """(Source, destination) ports of the sealed packets that this gateway has sent, in their order."""
    sent = []
    for frame in link.wire.frames():
        packet = packets.ip_of(frame)
        if (packet is None or packet[9] != 17 or packets.ip_text(packet[12:16]) != site.wire
                or len(packet) < 32 or packet[28:32] == bytes(4)):
            continue
        sent.append((int.from_bytes(packet[20:22], "big"), int.from_bytes(packet[22:24], "big")))
    return sent


def keepalives(link, source):
    """How many there were from this address."""
    count = 0
    for frame in link.wire.frames():
        packet = packets.ip_of(frame)
        if packet is None or packet[9] != 17 or packet[12:16] != bytes(source):
            continue
        ports = int.from_bytes(packet[20:22], "big"), int.from_bytes(packet[22:24], "big")
        count += ports == (4500, 4500) and int.from_bytes(packet[24:26], "big") == 9 and packet[28] == 0xFF
    return count


ATTACKER = "192.0.2.66"


def from_elsewhere(frame):
    """The same from the attacker's address and port, as it would be behind no NAT."""
    packet = IP(packets.ip_of(frame))
    packet.src, packet.chksum = ATTACKER, None
    packet[UDP].sport = 5555
    return frame[:14] + bytes(packet)


def is_moved_by_nobody(tap, link):
    """All that alpha has sent on port 4500, in this session and before, once more from elsewhere."""
    heard = [frame for frame in link.wire.frames() if packets.wire_kind(frame) in ("ike", "esp")
             and packets.ip_text(packets.ip_of(frame)[12:16]) == ALPHA.wire]
    kinds = [packets.wire_kind(frame) for frame in heard]
    with tap.case("what alpha has sent, repeated from elsewhere, moves nobody"):
        assert {"ike", "esp"} == set(kinds), kinds
        replays = link.beta.drops()["replay"]
        link.wire.inject("b", [from_elsewhere(frame) for frame in heard])
        wait_until(lambda: link.beta.drops()["replay"] > replays, FOLLOW_LIMIT, "ESP is seen to be repeated")
        link.beta.quiet_workers()
        link.flows(3)
        equal(ports_of_esp_from(link, BETA)[-1], (4500, 31001), "ports that beta seals from and to")
        assert ATTACKER not in link.beta.log_text(), "beta's log has the attacker's address"
        equal({port for _, port in ports_of_esp_from(link, BETA)}, {31000, 31001}, "ports that beta has sealed to")
    tap.note(f"{len(heard)} frames repeated: {kinds.count('ike')} of IKE, {kinds.count('esp')} of ESP")


def follows_under_traffic(tap, link):
    """Packets both ways while the NAT forgets. Those from alpha lose nothing; those to alpha do until beta follows."""
    number, came = 1000, len(link.at_a())
    link.wire.order("nat a 31001")
    began = time.monotonic()
    with tap.case("the NAT forgets, under traffic both ways: beta learns from alpha's liveness check where alpha is now"):
        while len(link.at_a()) == came:
            assert time.monotonic() < began + FOLLOW_LIMIT, f"beta does not follow within {FOLLOW_LIMIT} s"
            number += 1
            link.send_a([packets.datagram(ALPHA.host, BETA.host, b"there", number)])
            link.send_b([packets.datagram(BETA.host, ALPHA.host, b"back", number)])
            time.sleep(0.02)
        took = time.monotonic() - began
        link.beta.wait_log(r"peer has moved to 192\.0\.2\.1:31001", FOLLOW_LIMIT)
    with tap.case("no packet from alpha is lost meanwhile"):
        sent = {packets.aged(packets.datagram(ALPHA.host, BETA.host, b"there", n)) for n in range(1001, number + 1)}
        wait_until(lambda: sent <= set(link.at_b()), FOLLOW_LIMIT, "they come through")
    tap.note(f"{took:.2f} s until packets reach alpha again, dpd-delay 1s; {number - 1000} each way meanwhile")


def moves(tap):
    with Bench(tap) as bench:
        ports = {"peer_lines": "source-port = per-sa"}
        link = Link(bench, {"dpd_delay": "1s", **ports}, {"dpd_delay": "0", **ports})
        link.wire.order("nat a 31000")
        link.start()
        with tap.case("packets pass both ways through the NAT"):
            link.flows(1)
            equal({port for _, port in ports_of_esp_from(link, BETA)}, {31000}, "ports that beta seals to")
        with tap.case("neither end has a source port of its own for the SA, as it would have without a NAT"):
            for site in ALPHA, BETA:
                equal({port for port, _ in ports_of_esp_from(link, site)}, {4500}, f"ports that {site.name} seals from")
        before = link.beta.session()
        follows_under_traffic(tap, link)
        with tap.case("packets pass both ways again, in the same session"):
            link.flows(2)
            equal(ports_of_esp_from(link, BETA)[-1], (4500, 31001), "ports that beta seals from and to")
            equal(link.beta.session()["spi_out"], before["spi_out"], "SPI")
        is_moved_by_nobody(tap, link)
        with tap.case("alpha, and only alpha, keeps the NAT awake"):
            wait_until(lambda: keepalives(link, [192, 0, 2, 1]) > 0, KEEPALIVE_LIMIT, "a keepalive of alpha")
            equal(keepalives(link, [192, 0, 2, 2]), 0, "keepalives of beta")
        with tap.case("no packet is lost uncounted"):
            link.alpha.check_accounting()
            link.beta.check_accounting()


def main():
    tap = Tap()
    need(SEALANE, RELAY)
    moves(tap)
    tap.finish()


main()
