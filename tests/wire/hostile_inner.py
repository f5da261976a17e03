# SPDX-License-Identifier: BSD-3-Clause
"""
What a peer seals is authentic, and still not to be believed: an authenticated peer speaks for its own prefixes and for
nothing else, and what comes out must be a packet.
"""

import struct

import esp
from gateway import ALPHA, BETA
from hostile import ICMP, aged, checksum, datagram, in_udp, ipv4, udp, with_checksum

IPV6 = 41
HOST, SRC = BETA.host, ALPHA.host


def sealed(s, inners, next_header=esp.IPV4, **outer):
    return [in_udp(s.child.seal(inner, next_header=next_header), **outer) for inner in inners]


def refused(s, what, reason, inners, next_header=esp.IPV4):
    s.check(what, sealed(s, inners, next_header), {reason: len(inners)}, cases=len(inners))


def delivered(s, what, inners, outs=None):
    s.check(what, sealed(s, inners), plain=outs or [aged(inner) for inner in inners], cases=len(inners))


def headers(s):
    good = datagram()
    refused(s, "versions that are not 4", "bad-inner",
            [with_checksum(bytes([version << 4 | 5]) + good[1:]) for version in range(16) if version != 4])
    refused(s, "headers shorter than one", "bad-inner",
            [bytes([0x40 | words]) + good[1:] for words in range(5)])
    long = ipv4(SRC, HOST, udp(7000, 7001, bytes(80)))
    delivered(s, "headers with options, whatever they say",
              [with_checksum(bytes([0x40 | words]) + long[1:]) for words in range(5, 16)])
    refused(s, "headers longer than the packet", "bad-inner",
            [with_checksum(bytes([0x40 | words]) + ipv4(SRC, HOST, b"")[1:]) for words in range(6, 16)])
    for at in 10, 11:
        refused(s, f"byte {at}, of the checksum", "bad-inner",
                [good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1:] for bit in range(8)])
    refused(s, "each bit before it, with the checksum of before", "bad-inner",
            [good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1:]
             for at in (*range(10), *range(12, 20)) for bit in range(8)])


def lengths(s):
    good = datagram(payload=bytes(60))

    def stating(total):
        return with_checksum(good[:2] + struct.pack("!H", total) + good[4:])
    refused(s, "lengths below that of the header", "bad-inner", [stating(total) for total in range(20)])
    delivered(s, "every shorter length: the rest is padding", [stating(total) for total in range(20, len(good) + 1)],
              [aged(stating(total)[:total]) for total in range(20, len(good) + 1)])
    beyond = [len(good) + more for more in (1, 2, 3, 4, 16, 100, 1400)] + [0x7fff, 0x8000, 0xffff]
    refused(s, "lengths beyond the packet", "bad-inner", [stating(total) for total in beyond])
    refused(s, "every number of bytes too few", "bad-inner", [good[:size] for size in range(len(good))])


def sources(s):
    refused(s, "sources that are not the peer's", "selector",
            [datagram(src) for src in ("10.2.0.77", "10.2.255.254", "10.3.0.1", "10.0.255.255", "9.255.255.255", BETA.plain,
                                       BETA.wire, ALPHA.wire, "192.0.2.77", "8.8.8.8", "172.16.0.1", "192.168.1.1",
                                       "169.254.1.1", "100.64.0.1", "223.255.255.255", "1.0.0.0", "126.255.255.255",
                                       "128.0.0.0", "11.1.0.9", "10.65.0.9", "138.1.0.9")])
    refused(s, "sources that nobody has", "martian",
            [datagram(src) for src in ("0.0.0.0", "0.1.0.9", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.1.2.3",
                                       "240.0.0.1", "255.255.255.255")])
    delivered(s, "the first and the last of the peer's",
              [datagram(src) for src in ("10.1.0.0", "10.1.0.1", "10.1.255.255", ALPHA.plain)])


def destinations(s):
    refused(s, "destinations that are not ours", "selector",
            [datagram(dst=dst) for dst in ("10.1.0.77", "10.1.255.255", "10.3.0.9", "10.1.255.254", "10.4.0.0", BETA.wire,
                                           ALPHA.wire, "192.0.2.3", "8.8.8.8", "10.0.0.9", "10.130.0.9", "223.255.255.255")])
    refused(s, "destinations that nobody has", "martian",
            [datagram(dst=dst) for dst in ("0.0.0.0", "0.2.0.9", "127.0.0.1", "224.0.0.1", "224.0.0.251", "239.255.255.250",
                                           "240.0.0.1", "255.255.255.255")])
    refused(s, "both are one", "martian",
            [datagram(ip, ip) for ip in (HOST, SRC, BETA.plain, BETA.wire, ALPHA.wire, "10.3.0.1", "8.8.8.8", "127.0.0.1")])
    refused(s, "both are turned round", "selector", [datagram(HOST, SRC), datagram("10.2.0.1", "10.1.0.1")])
    own = [ipv4(SRC, BETA.plain, udp(7000, port, b"?")) for port in (7, 53, 161, 500, 4500, 65535)]
    own += [ipv4(SRC, BETA.plain, bytes(20), proto) for proto in (2, 6, 47, 50, 89, 255)]
    refused(s, "the gateway itself, which serves nobody", "not-for-us", own)


def echo(kind, src=SRC, dst=BETA.plain, sum_off=0, code=0, **fields):
    body = struct.pack("!BBHHH", kind, code, 0, 1, 1) + b"ping"
    body = body[:2] + struct.pack("!H", checksum(body) ^ sum_off) + body[4:]
    return ipv4(src, dst, body, ICMP, **fields)


def pings(s):
    refused(s, "what is no ping of the gateway", "not-for-us",
            [echo(0), echo(3), echo(13), echo(17), echo(8, sum_off=1), echo(8, code=1), echo(8, fragment=0x2000),
             echo(8, fragment=1), echo(8, options=b"\1" * 4), ipv4(SRC, BETA.plain, b"\x08\0\xf7\xff", ICMP)])
    s.fence(sealed(s, [echo(8)]))
    answer = s.child.open(s.until(lambda: s.esp_in and s.esp_in.pop(0), "an answer to the ping"))
    # The answer is sealed as if a host had sent it, so it has passed a router.
    s.expect("a ping of the gateway", "its answer", (answer[12:20], answer[20]),
             (echo(8)[16:20] + echo(8)[12:16], 0))
    s.cases += 1


def hops(s):
    for ttl in 0, 1:
        inner = datagram(ttl=ttl)
        s.fence(sealed(s, [inner]))
        told = s.child.open(s.until(lambda: s.esp_in and s.esp_in.pop(0), "the error"))
        s.expect(f"time to live {ttl}", "what its sender hears", (told[9], told[20:22], told[28:28 + len(inner)]),
                 (ICMP, b"\x0b\0", inner))
        s.check(f"time to live {ttl}", [], {"expired": 1})
    delivered(s, "times to live that are enough", [datagram(ttl=ttl) for ttl in (2, 3, 64, 128, 254, 255)])
    silent = [ipv4(SRC, HOST, struct.pack("!BBH", kind, 0, 0xffff ^ kind << 8) + bytes(28), ICMP, ttl=1)
              for kind in (3, 5, 11, 12)]
    silent += [datagram(ttl=1, fragment=offset) for offset in (1, 185, 0x1fff)]
    refused(s, "out of hops, but nobody is to hear of it", "expired", silent)


def congestion(s):
    """RFC 6040, figure 4, whole."""
    merged = {(inner, outer): inner for inner in range(4) for outer in range(4)}
    merged.update({(1, 3): 3, (2, 3): 3, (2, 1): 1})
    for (inner, outer), becomes in merged.items():
        frames = sealed(s, [datagram(tos=0xb8 | inner)], tos=outer)
        if (inner, outer) == (0, 3):
            s.check("marked, but cannot say so", frames, {"ecn": 1})
        else:
            s.check(f"ECN {inner} in {outer}", frames, plain=[aged(datagram(tos=0xb8 | becomes))])


def contents(s):
    """What is in an IP packet is its receiver's affair."""
    delivered(s, "protocols 0 to 255", [ipv4(SRC, HOST, bytes(24), proto) for proto in range(256)])
    delivered(s, "fragments", [datagram(fragment=value) for value in (0x2000, 0x2001, 1, 0x1fff, 0x3fff, 0x4000, 0x8000,
                                                                      0xffff)])
    syn = struct.pack("!HHIIBBHHH", 7000, 80, 1, 0, 0xf0, 2, 1000, 0, 0) + b"\2\4\5\xb4" + bytes(36)
    delivered(s, "SYNs cut to every length", [ipv4(SRC, HOST, syn[:size], 6) for size in range(len(syn))])
    options = [b"\2\0\0\0", b"\2\1\0\0", b"\2\3\0\0", b"\2\xff\0\0", b"\3\0\0\0", b"\xfe\xff\0\0", b"\1\1\1\2", b"\0\2\4\5"]
    delivered(s, "SYNs with broken options", [ipv4(SRC, HOST, syn[:12] + b"\x60" + syn[13:20] + text, 6)
                                              for text in options])
    delivered(s, "SYNs with headers of every length but the right one",
              [ipv4(SRC, HOST, syn[:12] + bytes([words << 4]) + syn[13:20], 6) for words in range(16)])


def large(s):
    """A peer on larger links may seal what does not fit the plain one, whose MTU is 1500."""
    delivered(s, "what just fits", [datagram(payload=bytes(size - 28), fragment=flags) for size in (1499, 1500)
                                    for flags in (0, 0x4000)])
    for size in 1501, 1504, 1800, 1900:
        inner = datagram(payload=bytes(size - 28), fragment=0x4000)
        s.fence(sealed(s, [inner]))
        told = s.child.open(s.until(lambda: s.esp_in and s.esp_in.pop(0), "the error"))
        s.expect(f"{size} bytes", "what its sender hears", (told[9], told[20:22], told[26:28]),
                 (ICMP, b"\3\4", struct.pack("!H", 1500)))
        s.check(f"{size} bytes, not to be cut", [], {"too-big": 1})
        inner = datagram(payload=bytes(range(256)) * 7 + bytes(size - 28 - 1792) if size > 1820 else bytes(size - 28))
        s.fence(sealed(s, [inner]))
        parts = [s.plain_in.pop(0) for _ in range(len(s.plain_in))]
        s.expect(f"{size} bytes, cut", "parts", (len(parts), b"".join(part[20:] for part in parts)), (2, inner[20:]))
        s.expect(f"{size} bytes, cut", "sizes", [len(part) <= 1500 and checksum(part[:20]) == 0 for part in parts],
                 [True] * 2)
        s.cases += 1


def six(s):
    """The SA is for IPv4."""
    def packet(src, dst, version=6, length=None, payload=bytes(16)):
        return struct.pack("!IHBB", version << 28, len(payload) if length is None else length, 59, 64) + src + dst + payload
    one, two = (bytes.fromhex("20010db8") + bytes(11) + bytes([number]) for number in (1, 2))
    lo, local, group = bytes(15) + b"\1", b"\xfe\x80" + bytes(14), b"\xff\2" + bytes(13) + b"\1"
    mapped = bytes(10) + b"\xff\xff\x0a\1\0\x09"
    refused(s, "IPv6 that is not in the SA", "selector", [packet(one, two), packet(two, one)], IPV6)
    refused(s, "IPv6 that nobody has", "martian",
            [packet(*pair) for pair in ((lo, two), (one, lo), (local, two), (one, local), (group, two), (one, group),
                                        (bytes(16), two), (one, bytes(16)), (one, one), (mapped, two))], IPV6)
    refused(s, "IPv6 of other versions", "bad-inner", [packet(one, two, version) for version in range(16) if version != 6],
            IPV6)
    refused(s, "IPv6 longer than it is", "bad-inner", [packet(one, two, length=size) for size in (17, 18, 100, 0xffff)],
            IPV6)
    refused(s, "IPv6 cut to every length", "bad-inner", [packet(one, two)[:size] for size in range(56)], IPV6)
    refused(s, "IPv6 called IPv4, and IPv4 called IPv6", "bad-inner", [packet(one, two)])
    refused(s, "IPv4 called IPv6", "bad-inner", [datagram()], IPV6)


FAMILIES = (
    ("inner: headers", headers), ("inner: lengths", lengths), ("inner: sources", sources),
    ("inner: destinations", destinations), ("inner: pings", pings), ("inner: hops", hops),
    ("inner: congestion marks", congestion), ("inner: contents", contents), ("inner: larger than the plain link", large),
    ("inner: IPv6", six),
)
