#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Keys rotate under running traffic: by time at both ends, by packets, by hand. Not a packet is lost to it, and other
implementations open what went through every one of the sessions with the keys that were logged.
"""

import esp
import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, wait_until
from running import Traffic, ike_sas
from tap import Tap, equal


def rekeys(gateway):
    return gateway.show("peers")[0]["rekeys"]


def check_traffic(tap, link, traffic, label):
    with tap.case(f"{label}: every packet comes out once, both ways"):
        wait_until(lambda: len(link.at_b()) >= len(traffic.there) and len(link.at_a()) >= len(traffic.back), 10,
                   "the last packets come out")
        assert sorted(link.at_b()) == sorted(map(packets.aged, traffic.there)), "packets towards beta differ"
        assert sorted(link.at_a()) == sorted(map(packets.aged, traffic.back)), "packets towards alpha differ"
    with tap.case(f"{label}: none is dropped, and all are accounted for"):
        for gateway in link.alpha, link.beta:
            gateway.check_accounting()
            equal({name: count for name, count in gateway.drops().items() if count}, {}, f"drops of {gateway.name}")
    with tap.case(f"{label}: the link came up once and stayed"):
        for gateway, handshakes in zip((link.alpha, link.beta), traffic.handshakes):
            peer = gateway.show("peers")[0]
            found = (peer["state"], peer["handshakes"], peer["failures"])
            equal(found, ("up", handshakes, 0), f"peer of {gateway.name}")


def check_sealed(tap, link, traffic, label, least):
    """Everything on the wire, opened by scapy with alpha's key log."""
    known = {(sa.dst, sa.spi): sa for sa in esp.read_sas(link.alpha.keylog)}
    sealed = [(packets.destination_of(frame), packets.esp_of(frame)) for frame in link.wire.frames()
              if packets.wire_kind(frame) == "esp"]
    names = [(dst, esp.spi_of(packet)) for dst, packet in sealed]
    with tap.case(f"{label}: scapy opens every packet of at least {least} sessions each way to the plain one"):
        equal(set(known.values()), set(esp.read_sas(link.beta.keylog)), "key log of beta")
        opened = [esp.open_by_scapy(known[sa], packet) for sa, (_, packet) in zip(names, sealed)]
        sent = [packets.aged(packet, 1) for packet in traffic.there + traffic.back]
        assert sorted(opened) == sorted(sent), "a packet differs"
        used = {known[sa] for sa in names}
        for source in ALPHA.wire, BETA.wire:
            count = sum(sa.src == source for sa in used)
            assert count >= least, f"{count} sessions from {source}"
        equal(len({sa.key for sa in known.values()}), len(known), "different keys")
    with tap.case(f"{label}: each session begins to count at 1 and repeats nothing"):
        seen = [(sa, packet[4:16]) for sa, (_, packet) in zip(names, sealed)]
        equal(len(set(seen)), len(seen), "different sequence numbers")
        first = {sa: min(seq for other, seq in seen if other == sa) for sa in set(names)}
        equal({seq[0:4] for seq in first.values()}, {bytes([0, 0, 0, 1])}, "first sequence numbers")


def by_time(tap):
    label = "every 2 s at both ends"
    with Bench(tap) as bench:
        options = {"peer_lines": "rekey-after-time = 2s"}
        link = Link(bench, dict(options), dict(options)).start()
        traffic = Traffic(link)
        with tap.case(f"{label}: child SAs and the IKE SA are replaced again and again"):
            # An IKE SA lives four times as long as a child SA.
            traffic.until(lambda: rekeys(link.alpha) >= 6 and len(ike_sas(link.alpha)) > traffic.ike_sas, "rekeys")
            assert rekeys(link.beta) >= 5, f"{rekeys(link.beta)} rekeys seen by beta"
        check_traffic(tap, link, traffic, label)
        check_sealed(tap, link, traffic, label, 4)


def by_packets(tap):
    label = "every 500 packets at one end"
    with Bench(tap) as bench:
        link = Link(bench, {"peer_lines": "rekey-after-packets = 500"}).start()
        traffic = Traffic(link)
        with tap.case(f"{label}: child SAs are replaced, the IKE SA stays"):
            traffic.until(lambda: rekeys(link.alpha) >= 3, "rekeys")
            equal(len(ike_sas(link.alpha)), traffic.ike_sas, "IKE SAs")
        check_traffic(tap, link, traffic, label)
        check_sealed(tap, link, traffic, label, 3)


def by_hand(tap):
    label = "by hand"
    with Bench(tap) as bench:
        link = Link(bench).start()
        traffic = Traffic(link)
        with tap.case(f"{label}: sealane rekey replaces the child SA"):
            old = link.alpha.sas()
            equal(link.alpha.rekey(), f"{link.beta.name}: rekeying the child SA\n", "its words")
            traffic.until(lambda: rekeys(link.alpha) == 1 and rekeys(link.beta) == 1, "the rekey")
            new = link.alpha.sas()
            assert {sa.key for sa in new}.isdisjoint(sa.key for sa in old), "a key is used again"
            equal(link.beta.sas(), (new[1], new[0]), "beta's view of the session")
        with tap.case(f"{label}: sealane rekey --ike replaces the IKE SA, and no session"):
            equal(link.beta.rekey("--ike"), f"{link.alpha.name}: rekeying the IKE SA\n", "its words")
            traffic.until(lambda: rekeys(link.alpha) == 2 and rekeys(link.beta) == 2, "the rekey")
            equal(link.alpha.sas(), new, "sessions")
            equal(len(ike_sas(link.alpha)), traffic.ike_sas + 1, "IKE SAs")
            equal(ike_sas(link.beta), ike_sas(link.alpha), "beta's keys of them")
        with tap.case(f"{label}: the new IKE SA rekeys, too, at both ends at once"):
            link.alpha.rekey()
            link.beta.rekey()
            traffic.until(lambda: rekeys(link.alpha) >= 3 and rekeys(link.beta) >= 3, "the rekey")
        check_traffic(tap, link, traffic, label)


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    by_time(tap)
    by_packets(tap)
    by_hand(tap)
    tap.finish()


main()
