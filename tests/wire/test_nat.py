#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway behind a NAT that gives it another port in the middle of a session: the other end follows, ESP included."""

import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need
from tap import Tap, equal

FOLLOW_LIMIT = 10  # seconds; alpha asks for a sign of life after one


def ports_of_esp_from(link, site):
    """(Source, destination) ports of the sealed packets that this gateway has sent, in their order."""
    sent = []
    for frame in link.wire.frames():
        packet = packets.ip_of(frame)
        if (packet is None or packet[9] != 17 or packets.ip_text(packet[12:16]) != site.wire
                or packet[28:32] == bytes(4)):
            continue
        sent.append((int.from_bytes(packet[20:22], "big"), int.from_bytes(packet[22:24], "big")))
    return sent


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
        with tap.case("no packet is lost uncounted"):
            link.alpha.check_accounting()
            link.beta.check_accounting()


def main():
    tap = Tap()
    need(SEALANE, RELAY)
    moves(tap)
    tap.finish()


main()
