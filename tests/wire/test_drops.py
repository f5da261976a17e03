#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
What must not pass does not pass, and is counted under the reason that explains it: hostile frames on beta's wire, sealed
by scapy and by hand with the session's own keys, and packets on alpha's plain side that nobody may have. Then traffic
still flows.
"""

import esp
import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, wait_until
from scapy.layers.inet import ICMP, IP, UDP
from tap import Tap, equal

SETTLE_LIMIT = 6
WINDOW = 4096


class Target:
    """Beta's wire: packets sealed as alpha would seal them, under sequence numbers of our choice."""

    def __init__(self, link):
        self.link, self.beta = link, link.beta
        self.sa, _ = link.alpha.sas()
        self.seq = 1000

    def next_seq(self):
        self.seq += 1
        return self.seq

    def inner(self, src=ALPHA.host, dst=BETA.host):
        return packets.datagram(src, dst, b"from scapy")

    def frame(self, packet):
        return esp.wire_frame(packet, ALPHA.wire_mac, BETA.wire_mac)

    def seal(self, inner, seq=None):
        return esp.outer(self.sa, esp.seal_by_scapy(self.sa, inner, self.next_seq() if seq is None else seq))

    def seal_clear(self, clear):
        return esp.outer(self.sa, esp.seal_clear(self.sa, clear, self.next_seq()))

    def inject(self, wire_packets):
        self.link.wire.inject("b", [self.frame(packet) for packet in wire_packets])


def delta(gateway, before):
    now = gateway.drops()
    return {name: count - before[name] for name, count in now.items() if count != before[name]}


def accepted(target, packet, inner):
    """One sealed packet must come out at host B, as its inner packet and as nothing else."""
    before, drops = len(target.link.at_b()), target.beta.drops()
    target.inject([packet])
    wait_until(lambda: len(target.link.at_b()) > before, SETTLE_LIMIT, "the packet comes out")
    equal(target.link.at_b()[before:], [packets.aged(inner, 1)], "what came out")
    equal(delta(target.beta, drops), {}, "drops")


def refused(gateway, send, output, count, *reasons):
    """Sends; exactly count packets must be dropped, for the reasons given only, and nothing may come out."""
    before, came_out = gateway.drops(), len(output())
    send()
    wait_until(lambda: sum(delta(gateway, before).values()) >= count, SETTLE_LIMIT,
               f"{count} drops as {' or '.join(reasons)}")
    gateway.check_accounting()
    found = delta(gateway, before)
    equal(set(found) - set(reasons), set(), f"reasons in {found} beside {reasons}")
    equal(sum(found.values()), count, f"drops {found}")
    equal(len(output()), came_out, "packets at the host")


def refused_on_wire(target, wire_packets, *reasons):
    frames = [target.frame(packet) for packet in wire_packets]
    refused_frames(target, frames, *reasons)


def refused_frames(target, frames, *reasons):
    refused(target.beta, lambda: target.link.wire.inject("b", frames), target.link.at_b, len(frames), *reasons)


# ---- The wire side ----

def good_packets(tap, target):
    with tap.case("a packet sealed by scapy is accepted"):
        packet = target.seal(target.inner())
        accepted(target, packet, target.inner())
    with tap.case("an inner packet of the largest size is accepted"):
        inner = bytes(IP(src=ALPHA.host, dst=BETA.host) / UDP() / bytes(packets.INNER_MTU - 28))
        accepted(target, target.seal(inner), inner)
    with tap.case("255 bytes of padding are accepted"):
        inner = target.inner()
        clear = inner + bytes(range(1, 256)) + bytes([255, esp.IPV4])
        accepted(target, target.seal_clear(clear), inner)


def neighbours(tap, target):
    late, never = "10.2.0.55", "10.2.0.56"

    def asked(host):
        return any(packets.asks_for(frame, host) for frame in target.link.lan_b.frames())
    with tap.case("packets for a host not known yet wait for its ARP answer, in order"):
        inner = [packets.datagram(ALPHA.host, late, b"patience", number) for number in range(3)]
        target.inject([target.seal(packet) for packet in inner])
        wait_until(lambda: asked(late), SETTLE_LIMIT, "the gateway asks for the host")
        equal(target.link.at_b(late), [], "packets before the answer")
        target.link.announce_b(late)
        wait_until(lambda: len(target.link.at_b(late)) >= len(inner), SETTLE_LIMIT, "the packets come out")
        equal(target.link.at_b(late), [packets.aged(packet, 1) for packet in inner], "what came out")
    with tap.case("packets for a host that never answers are dropped in the end"):
        packet = target.seal(packets.datagram(ALPHA.host, never, b"in vain"))
        refused(target.beta, lambda: target.inject([packet]), lambda: target.link.at_b(never), 1, "no-neighbour")
        assert asked(never), "the gateway has not asked for the host"


def bad_frames(tap, target):
    good = target.seal(target.inner())
    whole = target.frame(good)
    with tap.case("frames cut inside their headers are runts"):
        refused_frames(target, [whole[:length] for length in (15, 20, 33, 34, 38, 41)], "runt")
    with tap.case("frames shorter than an Ethernet header are runts"):
        refused_frames(target, [whole[:1], whole[:13]], "runt")
    with tap.case("a frame shorter than its IP length is a runt"):
        refused_frames(target, [whole[:-1], whole[:60]], "runt")
    with tap.case("a wrong checksum of the outer IP header"):
        bad = bytearray(good)
        bad[10] ^= 1
        refused_on_wire(target, [bytes(bad)], "bad-checksum")
    with tap.case("an outer fragment"):
        piece = IP(good)
        piece.flags, piece.chksum = "MF", None
        refused_on_wire(target, [bytes(piece)], "fragment")
    with tap.case("an outer packet for somebody else"):
        other = IP(good)
        other.dst, other.chksum = "192.0.2.77", None
        refused_on_wire(target, [bytes(other)], "not-for-us")
    with tap.case("neither IP nor ARP"):
        refused_frames(target, [whole[:12] + b"\x88\xcc" + whole[14:]], "not-ip")
    with tap.case("plain traffic on the wire"):
        refused_on_wire(target, [target.inner(), bytes(IP(src=ALPHA.wire, dst=BETA.wire) / UDP(dport=53) / b"?")],
                        "not-for-us")


def bad_esp(tap, target):
    sealed = esp.seal_by_scapy(target.sa, target.inner(), target.next_seq())
    with tap.case("ESP cut to every length is dropped as a runt or for its ICV"):
        cuts = [esp.outer(target.sa, sealed[:length]) for length in range(4, len(sealed))]
        refused_on_wire(target, cuts, "runt", "bad-icv")
    with tap.case("an unknown SPI"):
        strangers = [(target.sa.spi + number) & 0xffffffff for number in (1, 2, 256, 65536, 1 << 31)]
        cuts = [esp.outer(target.sa, spi.to_bytes(4, "big") + sealed[4:]) for spi in strangers]
        refused_on_wire(target, cuts, "no-spi")
    with tap.case("a flipped bit anywhere in IV, data or ICV"):
        places = range(8, len(sealed), 5)
        flipped = [sealed[:at] + bytes([sealed[at] ^ 0x10]) + sealed[at + 1:] for at in places]
        refused_on_wire(target, [esp.outer(target.sa, packet) for packet in flipped], "bad-icv")
    with tap.case("a forged sequence number that is new"):
        forged = sealed[:4] + (target.seq + 500).to_bytes(4, "big") + sealed[8:]
        refused_on_wire(target, [esp.outer(target.sa, forged)], "bad-icv")
    with tap.case("none of these moved the window: the packet itself is still accepted"):
        accepted(target, esp.outer(target.sa, sealed), esp.open_by_aesgcm(target.sa, sealed)[2])


def replays(tap, target):
    packet = target.seal(target.inner())
    with tap.case("a replayed packet"):
        accepted(target, packet, target.inner())
        refused_on_wire(target, [packet, packet], "replay")
    with tap.case("a packet twice in one burst comes out once"):
        packet, before, drops = target.seal(target.inner()), len(target.link.at_b()), target.beta.drops()
        target.inject([packet] * 8)
        wait_until(lambda: delta(target.beta, drops) == {"replay": 7}, SETTLE_LIMIT, "seven replays")
        equal(len(target.link.at_b()), before + 1, "packets at the host")
    target.seq += 2 * WINDOW
    top = target.next_seq()
    with tap.case("a jump ahead by more than the window is accepted"):
        accepted(target, target.seal(target.inner(), top), target.inner())
    with tap.case("the last sequence number inside the window is accepted"):
        accepted(target, target.seal(target.inner(), top - WINDOW + 1), target.inner())
    # With ESN a number below the window means the next 2^32 (RFC 4303 A2.2), so its ICV can never be right.
    late = ("late", "bad-icv") if target.sa.esn else ("late",)
    with tap.case("packets older than the window are dropped"):
        old = [target.seal(target.inner(), seq) for seq in (top - WINDOW, top - WINDOW - 1, 1001)]
        refused_on_wire(target, old, *late)
    with tap.case("sequence number zero is never accepted"):
        refused_on_wire(target, [target.seal(target.inner(), 0)], *late)


def beyond_32_bits(tap, target):
    target.seq = (1 << 32) - 3
    with tap.case("extended sequence numbers run through 2^32"):
        for _ in range(6):
            accepted(target, target.seal(target.inner()), target.inner())
    with tap.case("a replay across 2^32"):
        old = [target.seal(target.inner(), (1 << 32) - 1), target.seal(target.inner(), (1 << 32) + 1)]
        refused_on_wire(target, old, "replay")


def bad_inner(tap, target):
    with tap.case("an inner source that is not the peer's"):
        sources = "10.2.0.77", "10.9.0.1", "192.0.2.1", "0.0.0.0", "255.255.255.255"
        refused_on_wire(target, [target.seal(target.inner(src=src)) for src in sources], "selector", "martian")
    with tap.case("an inner destination that is not ours"):
        refused_on_wire(target, [target.seal(target.inner(dst=dst)) for dst in ("10.1.0.10", "10.9.0.1")], "selector")
    with tap.case("inner garbage"):
        garbage = [b"", b"\x45", bytes(20), b"\xff" * 40, b"\x46" + target.inner()[1:20],
                   target.inner()[:2] + b"\xff\xff" + target.inner()[4:]]
        refused_on_wire(target, [target.seal_clear(esp.trailer(inner)) for inner in garbage], "bad-inner")
    with tap.case("a pad length beyond the packet"):
        refused_on_wire(target, [target.seal_clear(target.inner()[:-2] + b"\xff\x04")], "bad-inner")
    with tap.case("a next header that is not IPv4"):
        clear = [esp.trailer(target.inner(), next_header) for next_header in (0, 6, 17, 255)]
        refused_on_wire(target, [target.seal_clear(text) for text in clear], "bad-inner")
    with tap.case("dummy packets (next header 59)"):
        clear = [esp.trailer(inner, esp.DUMMY) for inner in (target.inner(), b"", bytes(100))]
        refused_on_wire(target, [target.seal_clear(text) for text in clear], "dummy")


# ---- The plain side ----

def plain_side(tap, link):
    def refused_from_host(name, packet, *reasons):
        with tap.case(f"plain side: {name}"):
            refused(link.alpha, lambda: link.send_a([packet]), link.at_b, 1, *reasons)

    def changed(**fields):
        packet = IP(packets.datagram(ALPHA.host, BETA.host))
        for field, value in fields.items():
            setattr(packet, field, value)
        return bytes(packet)

    large = IP(src=ALPHA.host, dst=BETA.host, flags="DF") / UDP() / bytes(packets.INNER_MTU + 1 - 28)
    refused_from_host("no route", packets.datagram(ALPHA.host, "10.9.0.1"), "no-route")
    refused_from_host("a source that is not ours to seal", packets.datagram("10.77.0.1", BETA.host), "selector")
    refused_from_host("one byte more than fits, don't fragment", bytes(large), "too-big")
    refused_from_host("a wrong checksum", changed(chksum=0x1234), "bad-checksum")
    refused_from_host("an IP length beyond the frame", esp.reseat_checksum(changed(len=900)), "runt")
    whole = packets.frame(changed(), ALPHA.host_mac, ALPHA.plain_mac)
    frames = {
        "not-ip": ("neither IP nor ARP", whole[:12] + b"\x88\xcc" + whole[14:]),
        "not-for-us": ("a frame for another station", packets.frame(changed(), ALPHA.host_mac, "02:00:00:00:01:77")),
        "runt": ("a frame cut inside its IP header", whole[:30]),
    }
    for reason, (name, frame) in frames.items():
        with tap.case(f"plain side: {name}"):
            refused(link.alpha, lambda: link.lan_a.inject("a", [frame]), link.at_b, 1, reason)


def unreachable_peer(tap):
    """A gateway whose peer never answers: nothing of the host's may leave."""
    with Bench(tap) as bench:
        link = Link(bench)
        link.alpha.start()
        link.alpha.wait_running()
        link.announce_a()
        with tap.case("without a session packets are dropped, and nothing but ARP and IKE leaves"):
            secret = [packets.datagram(ALPHA.host, BETA.host, b"not for the wire %d" % i, i) for i in range(5)]
            refused(link.alpha, lambda: link.send_a(secret), link.at_b, len(secret), "no-session")
            kinds = {packets.wire_kind(frame) for frame in link.wire.frames()}
            assert kinds <= {"arp", "ike"}, f"kinds of frames on the wire: {sorted(kinds)}"
        with tap.case("a ping of its own plain address is still answered"):
            ping = bytes(IP(src=ALPHA.host, dst=ALPHA.plain) / ICMP(id=1, seq=1) / b"ping")
            link.send_a([ping])
            answer = wait_until(link.at_a, SETTLE_LIMIT, "an answer comes")[0]
            equal((IP(answer).src, IP(answer)[ICMP].type), (ALPHA.plain, 0), "the answer")


def with_esn(tap):
    with Bench(tap) as bench:
        link = Link(bench).start()
        with tap.case("traffic flows both ways"):
            link.flows(1)
        plain_side(tap, link)
        target = Target(link)
        for group in good_packets, neighbours, bad_frames, bad_esp, replays, bad_inner, beyond_32_bits:
            group(tap, target)
        with tap.case("traffic still flows, towards alpha at once, towards beta above the numbers we used"):
            back = packets.datagram(BETA.host, ALPHA.host, b"back", 2)
            link.send_b([back])
            wait_until(lambda: packets.aged(back) in link.at_a(), SETTLE_LIMIT, "the packet comes through")
            accepted(target, target.seal(target.inner()), target.inner())
        with tap.case("the accounting holds at both gateways"):
            link.alpha.check_accounting()
            link.beta.check_accounting()


def without_esn(tap):
    with Bench(tap) as bench:
        link = Link(bench, {"esn": "no"}, {"esn": "no"}).start()
        tap.note("again with 32-bit sequence numbers")
        replays(tap, Target(link))


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with_esn(tap)
    without_esn(tap)
    unreachable_peer(tap)
    tap.finish()


main()
