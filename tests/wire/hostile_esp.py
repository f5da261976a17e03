# SPDX-License-Identifier: BSD-3-Clause
"""
Hostile ESP: replayed, from other times, cut, forged, disguised; and what is authentic, and still makes no sense. The
packets are sealed by python3-cryptography.
"""

import os
import struct

import esp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from gateway import ALPHA, BETA, PCAP_MAC
from hostile import ESP, GAMMA_IP, NAT_PORT, UDP, aged, datagram, flip, frame, in_udp, ipv4, on_wire, udp, with_checksum

WINDOW = 4096
EPOCH = 1 << 32
ESP_MIN = 16 + 2 + 16
ETHER_LEN, IP_AT, UDP_AT, ESP_AT = 14, 14, 34, 42


def honest(s, seq=None, **fields):
    """(frame, what comes out)"""
    inner = datagram(number=s.child.seq & 0xffff, **fields)
    return in_udp(s.child.seal(inner, seq)), aged(inner)


def both(pairs):
    """Two lists of a list of pairs."""
    return [one for one, _ in pairs], [other for _, other in pairs]


def expand(top, seq):
    """RFC 4303 A2.2: what the low half of a number stands for, the smallest one that is not older than the window."""
    bottom = top - WINDOW + 1
    return bottom + (seq - bottom) % EPOCH


def reason_of(top, seq):
    """Why a packet of this number is dropped whose ICV is wrong, if no number has been skipped up to the top."""
    found = expand(top, seq)
    if found <= 0:
        return "late"
    if found <= top:
        return "replay"
    return "late" if found > top + (1 << 31) - 1 else "bad-icv"


def jump(s, ahead):
    """All that the window holds is forgotten."""
    s.child.next(ahead)
    s.fence()
    return s.child.seq


# ---- Sequence numbers ------------------------------------------------------------------------------------------------

def replays(s):
    top = jump(s, 3 * WINDOW)
    distances = [1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1023, 1024, 2047, 2048, 4000]
    frames, plain = both([honest(s, top - distance) for distance in distances])
    s.check("late, but for the first time", frames, plain=plain, cases=len(frames))
    for times in 1, 2:
        s.check("again", frames, {"replay": len(frames)}, cases=len(frames))
    top = jump(s, 3 * WINDOW)
    (last, out), (first, _) = honest(s, top - WINDOW + 1), honest(s, top - WINDOW)
    s.check("the ends of the window", [last, last, first], {"replay": 1, "late": 1}, [out], cases=3)
    frames, _ = both([honest(s, top - distance) for distance in (WINDOW + 64, 2 * WINDOW, 2 * WINDOW + 64, 2 * WINDOW + 1)])
    s.check("behind the window, where its ring comes round", frames, {"late": len(frames)}, cases=len(frames))


def duplicates(s):
    for copies in 2, 3, 8, 31, 32, 33, 64, 65, 200:
        packet, out = honest(s)
        s.check(f"{copies} in one burst", [packet] * copies, {"replay": copies - 1}, [out])
    for count in 2, 7, 16, 40:
        frames, plain = both([honest(s) for _ in range(count)])
        s.check(f"{count} packets, each twice", [packet for packet in frames for _ in "ab"], {"replay": count}, plain)
        frames, plain = both([honest(s) for _ in range(count)])
        s.check(f"{count} packets, all again", frames * 2, {"replay": count}, plain)
        s.check(f"{count} packets, backwards", frames[::-1], {"replay": count})
    packet, out = honest(s)
    s.check("a forged twin goes before", [flip(packet, -1), packet], {"bad-icv": 1}, [out])
    s.check("a forged twin comes after", [flip(packet, -1)], {"replay": 1})


def far_future(s):
    for ahead in 1, 2, 63, 64, 65, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW - 1, 2 * WINDOW, 2 * WINDOW + 1, 1 << 20, \
            1 << 24, (1 << 31) - 2, (1 << 31) - 1, 1 << 31, EPOCH - 2 * WINDOW:
        before, seq = s.child.seq, s.child.next(ahead)
        packet, out = honest(s, seq)
        forged = flip(in_udp(s.child.seal(datagram(), seq + 1)), -1)
        s.check(f"{ahead + 1} ahead and forged; {ahead} ahead, twice", [forged, packet, packet],
                {reason_of(before, seq + 1): 1, "replay": 1}, [out], cases=3)
        s.check(f"the last one before that, {ahead} ago", [honest(s, before)[0]],
                {reason_of(s.child.seq, before): 1})
    # The low half is all that travels: 2^32 ahead looks like now.
    for beyond in 0, -1, -WINDOW + 10:
        jump(s, 2 * WINDOW)
        reason = "bad-icv" if beyond < -1 else "replay"
        s.fence()
        s.check(f"2^32 ahead of what is {-beyond} ago", [honest(s, s.child.seq + EPOCH + beyond)[0]], {reason: 1})
    for beyond in 1, 100, WINDOW, 1 << 20:
        s.check(f"2^32 + {beyond} ahead", [honest(s, s.child.seq + EPOCH + beyond)[0]], {"bad-icv": 1})


def forged_high(child, inner, seq, high):
    """Sealed as if its high half were another."""
    aad = struct.pack("!III", child.send.spi, high & 0xffffffff, seq & 0xffffffff)
    return seal_with(child, inner, seq, aad)


def seal_with(child, inner, seq, aad, key=None):
    iv = seq.to_bytes(8, "big")
    key = key or child.send.key
    sealed = AESGCM(key[:-4]).encrypt(key[-4:] + iv, esp.trailer(inner), aad)
    return struct.pack("!II", child.send.spi, seq & 0xffffffff) + iv + sealed


def esn_edge(s):
    for _ in range(2):
        edge = (s.child.seq // EPOCH + 1) * EPOCH
        s.child.seq = edge - 2 * WINDOW
        s.fence()
        s.child.seq = edge - 20
        before = [honest(s, edge - at) for at in (1, 3, 5, 7)]
        after = [honest(s, edge + at) for at in (0, 1, 2, 3)]
        frames, plain = both(before[:1] + after)
        s.check("across 2^32", frames, plain=plain, cases=5)
        s.child.seq = edge + 10
        s.check("again, from both sides", frames, {"replay": 5}, cases=5)
        frames, plain = both(before[1:])
        s.check("late, from before 2^32", frames, plain=plain, cases=3)
        s.check("late, and again", frames, {"replay": 3}, cases=3)
        wrong = [in_udp(forged_high(s.child, datagram(), seq, (seq >> 32) + by))
                 for seq in (edge - 9, edge + 40) for by in (1, -1, 2, 1 << 31)]
        s.check("a wrong high half, on both sides", wrong, {"bad-icv": len(wrong)}, cases=len(wrong))
        seq = edge + 41
        low, high = seq & 0xffffffff, seq >> 32
        aads = [struct.pack("!II", s.child.send.spi, low), struct.pack("!III", s.child.send.spi, low, high),
                struct.pack("!IQ", 0, seq), b"", struct.pack("!IQI", s.child.send.spi, seq, 0)]
        wrong = [in_udp(seal_with(s.child, datagram(), seq, aad)) for aad in aads]
        s.check("other associated data", wrong, {"bad-icv": len(wrong)}, cases=len(wrong))
        packet, out = honest(s, edge - 9)
        newer, out2 = honest(s, edge + 41)
        s.check("none of which has used up a number", [packet, newer], plain=[out, out2], cases=2)
        s.child.seq = edge + 50
        frames, _ = both([honest(s, edge - WINDOW - at) for at in (0, 1, 100)])
        s.fence()
        s.check("too late, from before 2^32", frames, {"late": 3}, cases=3)


def fresh_sa(s):
    """Before the first packet: s.connect() has used number 1."""
    s.connect()
    low = [honest(s, seq)[0] for seq in (0, EPOCH - 1, EPOCH - 100, EPOCH)]
    s.check("numbers before the first one", low, {"late": 4}, cases=4)
    packet, _ = honest(s, 1)
    s.check("number 1 again", [packet], {"replay": 1})


def without_esn(s):
    s.connect(esn=False)
    first, out = honest(s, 500)
    s.check("an SA without ESN: a packet, twice", [first, first], {"replay": 1}, [out], cases=2)
    aad = struct.pack("!III", s.child.send.spi, 0, 600)
    s.check("associated data of an SA with ESN", [in_udp(seal_with(s.child, datagram(), 600, aad))], {"bad-icv": 1})
    s.check("number 0", [honest(s, 0)[0]], {"late": 1})
    top = s.child.next(3 * WINDOW)
    frames, plain = both([honest(s, top), honest(s, top - WINDOW + 1), honest(s, top - WINDOW), honest(s, top - WINDOW - 1)])
    s.check("the ends of the window", frames, {"late": 2}, plain[:2], cases=4)
    s.child.seq = EPOCH - 40
    s.fence()
    old, _ = both([honest(s, seq) for seq in (1, 500, EPOCH - 39 - WINDOW - 1)])
    s.check("old ones", old, {"late": 3}, cases=3)
    last, out = honest(s, EPOCH - 10)
    wrapped, _ = both([honest(s, EPOCH + at) for at in (0, 1, 2, 100)])
    s.check("the numbers do not wrap", [last, *wrapped], {"late": 4}, [out], cases=5)
    s.check("the last one again", [last], {"replay": 1})
    s.connect()


# ---- Bytes -----------------------------------------------------------------------------------------------------------

def truncated(s):
    """Every length of an ESP packet, in UDP and without."""
    sealed = s.child.seal(datagram())
    runts = [length for length in range(len(sealed)) if length < ESP_MIN and length != 1]
    cut = [length for length in range(len(sealed)) if length >= ESP_MIN]
    s.check("in UDP, shorter than an ESP packet can be", [in_udp(sealed[:length]) for length in runts],
            {"runt": len(runts)}, cases=len(runts))
    s.check("one byte is a keepalive", [in_udp(sealed[:1])], {"dummy": 1})
    s.check("in UDP, of any other length", [in_udp(sealed[:length]) for length in cut], {"bad-icv": len(cut)},
            cases=len(cut))
    runts.append(1)
    s.check("protocol 50, shorter than an ESP packet can be", [on_wire(sealed[:length], proto=ESP) for length in runts],
            {"runt": len(runts)}, cases=len(runts))
    s.check("protocol 50, of any other length", [on_wire(sealed[:length], proto=ESP) for length in cut],
            {"bad-icv": len(cut)}, cases=len(cut))
    longer = [in_udp(sealed + bytes(more)) for more in (1, 2, 3, 4, 16, 1000)]
    s.check("longer than it was", longer, {"bad-icv": len(longer)}, cases=len(longer))
    whole = in_udp(sealed)
    s.check("the frame cut to every length", [whole[:length] for length in range(1, len(whole))],
            {"runt": len(whole) - 1}, cases=len(whole) - 1)
    s.check("none of which has used up its number", [whole], plain=[aged(datagram())])


def trailers(s):
    inner = datagram(payload=bytes(300))
    lengths = [in_udp(s.child.seal_clear(inner + bytes([length, esp.IPV4]))) for length in range(256)]
    s.check("pad lengths 0 to 255 where there is no padding", lengths, {"bad-inner": 255}, [aged(inner)], cases=256)
    short = [in_udp(s.child.seal_clear(bytes(size) + bytes([length, esp.IPV4])))
             for size in range(4) for length in (size, size + 1, 255)]
    s.check("pad lengths around the whole packet", short, {"bad-inner": len(short)}, cases=len(short))
    headers = [in_udp(s.child.seal(inner, next_header=number)) for number in range(256)]
    s.check("next headers 0 to 255", headers, {"bad-inner": 254, "dummy": 1}, [aged(inner)], cases=256)
    pads = [bytes(7), b"\xff" * 7, bytes(range(7, 0, -1)), bytes(range(7)), os.urandom(200), bytes(255)]
    frames = [in_udp(s.child.seal_clear(inner + pad + bytes([len(pad), esp.IPV4]))) for pad in pads]
    s.check("padding of other bytes, which is authentic", frames, plain=[aged(inner)] * len(pads), cases=len(pads))
    dummies = [b"", b"\0", bytes(1000), os.urandom(77), inner]
    frames = [in_udp(s.child.seal_clear(text + bytes([length, esp.DUMMY]))) for text in dummies for length in (0, 255)]
    s.check("dummies, whatever they hold", frames, {"dummy": len(frames)}, cases=len(frames))
    frames = [in_udp(s.child.seal_clear(inner + bytes(size) + bytes([0, esp.IPV4]))) for size in (1, 4, 100, 1000)]
    s.check("traffic-flow padding behind the packet", frames, plain=[aged(inner)] * len(frames), cases=len(frames))
    empty = in_udp(s.child.seal_clear(bytes([0, esp.IPV4])))
    s.check("nothing but a trailer, and not even that", [empty, in_udp(s.child.seal_clear(b"\4"))],
            {"bad-inner": 1, "runt": 1}, cases=2)


def spis(s):
    sealed = s.child.seal(datagram())[4:]
    reserved = [in_udp(struct.pack("!I", spi) + sealed) for spi in range(1, 256)]
    s.check("reserved SPIs 1 to 255", reserved, {"no-spi": 255}, cases=255)
    s.check("SPI 0 is not ESP in UDP, but IKE", [in_udp(bytes(4) + sealed)], {"malformed": 1})
    s.check("SPI 0, protocol 50", [on_wire(bytes(4) + sealed, proto=ESP)], {"no-spi": 1})
    ours = s.child.send.spi
    near = [in_udp(struct.pack("!I", ours ^ 1 << bit) + sealed) for bit in range(32)]
    s.check("each bit of the SPI flipped: slot, worker, what is random", near, {"no-spi": 32}, cases=32)
    workers = [in_udp(struct.pack("!I", (ours & ~(63 << 26)) | worker << 26) + sealed)
               for worker in range(64) if worker != ours >> 26 & 63]
    s.check("the SPI with other high bits", workers, {"no-spi": len(workers)}, cases=len(workers))
    s.check("all ones", [in_udp(b"\xff" * 4 + sealed)], {"no-spi": 1})
    back = struct.pack("!I", s.child.receive.spi) + sealed
    s.check("the SPI of the other direction", [in_udp(back), on_wire(back, proto=ESP)], {"no-spi": 2}, cases=2)


def foreign_keys(s):
    seq = s.child.seq + 5
    aad = s.child.send.aad(seq)
    keys = [os.urandom(36), bytes(36), s.child.receive.key, s.child.send.key[:32] + bytes(4),
            s.child.send.key[:31] + bytes([s.child.send.key[31] ^ 1]) + s.child.send.key[32:], s.sa.sk_ei, s.sa.sk_d + bytes(4)]
    frames = [in_udp(seal_with(s.child, datagram(), seq, aad, key)) for key in keys]
    s.check("sealed with other keys", frames, {"bad-icv": len(frames)}, cases=len(frames))
    frames = [in_udp(s.child.send.spi.to_bytes(4, "big") + struct.pack("!I", seq & 0xffffffff) + os.urandom(size))
              for size in range(ESP_MIN - 8, 200, 7)]
    s.check("noise under the right SPI", frames, {"bad-icv": len(frames)}, cases=len(frames))


# ---- Each bit of every header ----------------------------------------------------------------------------------------

def bits(s, header, first, last, expected, fix=False, base=None):
    """
    Each bit of the bytes first to last of a header that begins at byte `header` of the frame, each flipped in a packet of
    its own. expected(bit, packet) names the drop reason, or None for what is delivered. With fix the checksum of the outer
    header is right again.
    """
    for byte in range(header + first, header + last + 1):
        frames, plain, counters = [], [], {}
        for bit in range(byte * 8, byte * 8 + 8):
            whole, out = (base or honest)(s)
            flipped = flip(whole, bit)
            if fix:
                flipped = flipped[:IP_AT] + with_checksum(flipped[IP_AT:])
            reason = expected(bit - header * 8, flipped)
            frames.append(flipped)
            if reason is None:
                plain.append(out)
            else:
                counters[reason] = counters.get(reason, 0) + 1
        s.check(f"byte {byte} of the frame, each bit{', checksum right' if fix else ''}", frames, counters, plain, cases=8)


def ethernet_bits(s):
    bits(s, 0, 0, 5, lambda bit, packet: "not-for-us")
    bits(s, 0, 6, 11, lambda bit, packet: None)
    bits(s, 0, 12, 13, lambda bit, packet: "not-ip")


def ip_reason(bit, packet):
    """What becomes of a flipped bit in the outer IPv4 header when the checksum suits it. Length 20, UDP, to us."""
    byte = bit // 8
    if byte == 0 and bit < 4:
        return "not-ip"
    if byte in (0, 2, 3):  # longer or shorter headers, or packet
        return "runt"
    if byte == 6:
        return None if bit % 8 < 2 else "fragment"  # reserved, don't fragment
    return {7: "fragment", 9: "not-for-us", 10: "bad-checksum", 11: "bad-checksum", 16: "not-for-us", 17: "not-for-us",
            18: "not-for-us", 19: "not-for-us"}.get(byte)


def ip_bits(s):
    def longer_header(s):
        # With a longer header other bytes are the length of UDP, those of the sequence number or sealed ones: they must be
        # more than there is.
        while True:
            whole, out = honest(s)
            if whole[IP_AT + 56] >= 0x80:
                return whole, out

    def as_it_is(bit, packet):
        length = int.from_bytes(packet[IP_AT + 2:IP_AT + 4], "big")
        if bit < 4:
            return "not-ip"
        if bit in (5, 7) or not 20 <= length <= len(packet) - IP_AT:  # a header of 4 words, or of 1
            return "runt"
        return "bad-checksum"
    s.child.seq = (s.child.seq | 0xffffff) + 5000
    s.fence()
    bits(s, IP_AT, 0, 9, ip_reason, fix=True, base=longer_header)
    bits(s, IP_AT, 12, 19, ip_reason, fix=True)
    bits(s, IP_AT, 0, 19, as_it_is)


def udp_bits(s):
    def reason(bit, packet):
        length = int.from_bytes(packet[UDP_AT + 4:UDP_AT + 6], "big")
        if bit < 16:
            return None  # where it came from is not what makes it authentic
        if bit < 32:
            return "not-for-us"
        if bit < 48:
            return "bad-icv" if 8 + ESP_MIN <= length <= len(packet) - UDP_AT else "runt"
        return None  # RFC 3948 2.1: the checksum does not count
    bits(s, UDP_AT, 0, 7, reason)


def esp_bits(s):
    bits(s, ESP_AT, 0, 3, lambda bit, packet: "no-spi")
    s.connect()  # then no number has been skipped
    for byte in range(4):
        frames, counters, top = [], {}, s.child.seq
        for bit in range(8):
            flipped = flip(honest(s, top + 1)[0], (ESP_AT + 4 + byte) * 8 + bit)
            reason = reason_of(top, int.from_bytes(flipped[ESP_AT + 4:ESP_AT + 8], "big"))
            counters[reason] = counters.get(reason, 0) + 1
            frames.append(flipped)
        s.check(f"each bit of the sequence number, byte {byte}", frames, counters, cases=8)
    sealed = s.child.seal(datagram(payload=b"x"))
    for at in range(ESP_AT + 8, ESP_AT + len(sealed)):
        frames = [flip(in_udp(sealed), at * 8 + bit) for bit in range(8)]
        s.check(f"byte {at - ESP_AT} of ESP, each bit", frames, {"bad-icv": 8}, cases=8)
    s.check("none of which has used up its number", [in_udp(sealed)], plain=[aged(datagram(payload=b"x"))])


# ---- Around ESP ------------------------------------------------------------------------------------------------------

def outer(s):
    def sealed():
        inner = datagram(number=s.child.seq & 0xffff)
        return s.child.seal(inner), aged(inner)

    def delivered(what, wrap):
        packet, out = sealed()
        s.check(what, [wrap(packet)], plain=[out])

    def refused(what, reason, wrap):
        s.check(what, [wrap(sealed()[0])], {reason: 1})

    for source in "192.0.2.77", GAMMA_IP, BETA.wire, "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "8.8.8.8", BETA.host:
        delivered(f"authentic, from {source}", lambda packet: in_udp(packet, source))
    for port in 0, 1, 500, 4501, 65535:
        delivered(f"authentic, from port {port}", lambda packet: in_udp(packet, sport=port))
        refused(f"to port {port}", "malformed" if port == 500 else "not-for-us", lambda packet: in_udp(packet, dport=port))
    delivered("authentic, protocol 50", lambda packet: on_wire(packet, proto=ESP))
    for ttl in 0, 1, 255:
        delivered(f"outer time to live {ttl}", lambda packet: in_udp(packet, ttl=ttl))
    for dscp in 1, 46, 63:
        delivered(f"outer DSCP {dscp}", lambda packet: in_udp(packet, tos=dscp << 2))
    for options in b"\1" * 4, b"\x94\4\0\0", b"\x83\x07\4\x0a\0\0\1\0", b"\1" * 40, b"\x44\x28\5\0" + bytes(36):
        delivered(f"outer options {options[:4].hex()}", lambda packet: in_udp(packet, options=options))
    for number, offset in (0x2000, "first"), (0x2001, "middle"), (1, "last"), (0x1fff, "far"), (0x3fff, "all"), (0xa000,
                                                                                                                 "odd"):
        refused(f"an outer fragment, {offset}", "fragment", lambda packet: in_udp(packet, fragment=number))
    for flags in 0x4000, 0x8000, 0xc000:
        delivered(f"outer flags {flags:#x}", lambda packet: in_udp(packet, fragment=flags))
    others = [proto for proto in range(256) if proto not in (UDP, ESP)]
    frames = [on_wire(udp(NAT_PORT, NAT_PORT, sealed()[0]), proto=proto) for proto in others]
    s.check("outer protocols that are neither UDP nor ESP", frames, {"not-for-us": len(others)}, cases=len(others))
    for dst in "192.0.2.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", BETA.plain, BETA.host, ALPHA.wire:
        refused(f"to {dst}", "not-for-us", lambda packet: frame(ipv4(ALPHA.wire, dst, udp(NAT_PORT, NAT_PORT, packet))))
    for mac in "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", BETA.plain_mac, PCAP_MAC, "00:00:00:00:00:00":
        refused(f"a frame to {mac}", "not-for-us", lambda packet: frame(in_udp(packet)[ETHER_LEN:], mac))
    for kind in 0x8100, 0x88a8:
        tag = struct.pack("!HHH", kind, 5, 0x0800)
        refused(f"tagged {kind:#x}", "vlan", lambda packet: in_udp(packet)[:12] + tag + in_udp(packet)[ETHER_LEN:])
    for kind, reason in (0x0000, "not-ip"), (0x05dc, "not-ip"), (0x88cc, "not-ip"), (0x86dd, "not-ip"), (0xffff, "not-ip"):
        refused(f"ethertype {kind:#06x}", reason, lambda packet: frame(in_udp(packet)[ETHER_LEN:], kind=kind))
    for value in 0, 0x55, 0xfe, 0xff:
        s.check(f"a keepalive of {value:#x}", [in_udp(bytes([value]))], {"dummy": 1})


def reflected(s):
    """What the gateway has sealed comes back to it."""
    s.connect()
    back = datagram(BETA.host, ALPHA.host, b"there")
    for _ in range(4):
        s.lan.inject("b", [frame(back, BETA.plain_mac, BETA.host_mac)])
        sealed = s.until(lambda: s.esp_in and s.esp_in.pop(0), "a sealed packet")
        s.expect("reflected", "what was sealed", s.child.open(sealed), aged(back))
        s.check("its own ESP", [in_udp(sealed), on_wire(sealed, proto=ESP), in_udp(sealed, src=BETA.wire)], {"no-spi": 3},
                cases=3)
        own = s.child.send.spi.to_bytes(4, "big") + sealed[4:]
        s.check("its own ESP under its own SPI", [in_udp(own)], {reason_of(s.child.seq, int.from_bytes(own[4:8], "big")): 1})
        new = own[:4] + (s.child.seq + 2).to_bytes(4, "big") + own[8:]
        s.check("... and under a number that is new", [in_udp(new)], {"bad-icv": 1})


FAMILIES = (
    ("ESP: replayed", replays), ("ESP: duplicated in one burst", duplicates), ("ESP: from the far future", far_future),
    ("ESP: around the edge of 2^32", esn_edge), ("ESP: before the first number", fresh_sa),
    ("ESP: numbers of 32 bits", without_esn), ("ESP: truncated at every length", truncated),
    ("ESP: trailers", trailers), ("ESP: SPIs", spis), ("ESP: sealed by others", foreign_keys),
    ("ESP: each bit of the Ethernet header", ethernet_bits), ("ESP: each bit of the IP header", ip_bits),
    ("ESP: each bit of the UDP header", udp_bits), ("ESP: each bit of the packet", esp_bits),
    ("ESP: what is around it", outer), ("ESP: reflected", reflected),
)
