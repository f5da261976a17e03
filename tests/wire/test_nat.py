#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway behind a NAT that gives it another port in the middle of a session: the other end follows, ESP included."""

import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, wait_until
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
        link.wire.order("nat a 31001")
        with tap.case("the NAT forgets: beta learns from alpha's liveness check where alpha is now"):
            link.beta.wait_log(r"peer has moved to 192\.0\.2\.1:31001", FOLLOW_LIMIT)
        with tap.case("packets pass both ways again, in the same session"):
            link.flows(2)
            equal(ports_of_esp_from(link, BETA)[-1], (4500, 31001), "ports that beta seals from and to")
            equal(link.beta.session()["spi_out"], before["spi_out"], "SPI")
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
