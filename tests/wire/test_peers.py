#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Who may be a peer: a wrong key or an unknown name gives no session, a line in both logs and no plain byte on the wire.
And a handshake gets through a wire that loses its messages.
"""

import re

import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, strangers_key, wait_until
from tap import Tap, equal

LOG_LIMIT = 10
WHY = r"(signed|key|identity|no peer of that name|another name)"


def no_session(tap, link, label, told):
    """told: for each gateway whose log must say why, the name it must say."""
    link.beta.start()
    link.alpha.start()
    for gateway in link.alpha, link.beta:
        gateway.wait_running()
    link.announce()
    for gateway, name in told:
        with tap.case(f"{label}: the log of {gateway.site.side} names the peer and the reason"):
            gateway.wait_log(rf"^(?=.*{re.escape(name)}).*{WHY}", LOG_LIMIT)
    secret = [packets.datagram(ALPHA.host, BETA.host, b"not for the wire", i) for i in range(5)]
    with tap.case(f"{label}: packets are dropped without a session"):
        before = link.alpha.drops()["no-session"]
        link.send_a(secret)
        wait_until(lambda: link.alpha.drops()["no-session"] == before + len(secret), 5, "drops as no-session")
        equal(link.at_b(), [], "packets at host B")
    with tap.case(f"{label}: no link, no session, nothing but ARP and IKE on the wire"):
        assert not link.alpha.is_up(), "alpha says up"
        equal(link.alpha.show("sessions"), [], "sessions of alpha")
        # Beta believes alpha, for the moment until alpha tells it that it does not believe beta.
        wait_until(lambda: not link.beta.is_up() and link.beta.show("sessions") == [], 2, "beta has no session")
        kinds = {packets.wire_kind(frame) for frame in link.wire.frames()}
        assert kinds <= {"arp", "ike"}, f"kinds of frames on the wire: {sorted(kinds)}"
        assert "ike" in kinds, "there was no handshake at all"


def wrong_key(tap):
    with Bench(tap) as bench:
        link = Link(bench)
        link.alpha.configure(strangers_key(), link.beta.name)
        no_session(tap, link, "wrong public key", [(link.alpha, link.beta.name), (link.beta, link.alpha.name)])


def unknown_name(tap):
    with Bench(tap) as bench:
        link = Link(bench, {"name": "mallory.test"})
        link.beta.configure(link.alpha.public_key, ALPHA.name)
        no_session(tap, link, "unknown identity", [(link.alpha, link.beta.name), (link.beta, "mallory.test")])


def lossy_handshake(tap):
    with Bench(tap) as bench:
        link = Link(bench)
        with tap.case("a handshake gets through a wire that loses its first messages"):
            link.wire.order("drop a 3")
            link.wire.order("drop b 3")
            link.start()
            link.flows(1)


def reordered(tap):
    with Bench(tap) as bench:
        link = Link(bench).start()
        sent = [packets.datagram(ALPHA.host, BETA.host, b"in order", number) for number in range(1, 5)]

        def send(order, expected, replays=0):
            before, drops = len(link.at_b()), link.beta.drops()["replay"]
            link.wire.order(order)
            link.send_a(sent)
            wait_until(lambda: len(link.at_b()) >= before + len(expected), 5, "packets come out")
            link.beta.quiet_workers()
            equal(link.at_b()[before:], [packets.aged(packet) for packet in expected], "packets at host B")
            equal(link.beta.drops()["replay"], drops + replays, "replays")
        with tap.case("packets the wire exchanged come out, exchanged"):
            send("swap b", [sent[1], sent[0], sent[2], sent[3]])
        with tap.case("packets the wire doubled come out once"):
            send("dup b 4", sent, replays=4)
        with tap.case("a packet the wire damaged does not come out, the others do"):
            send("flip b 60", sent[1:])
        with tap.case("packets the wire lost are lost, the others come out"):
            send("drop b 2", sent[2:])


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    wrong_key(tap)
    unknown_name(tap)
    lossy_handshake(tap)
    reordered(tap)
    tap.finish()


main()
