# SPDX-License-Identifier: BSD-3-Clause
"""
IKE_SA_INIT from people who are nobody. Anybody can send it, so it may be anything: what is no message is dropped, what is
one is answered, and what is wanted of the answerer stays small.
"""

import os
import struct

import ike_peer as ike
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from gateway import ALPHA, BETA
from hostile import (IKE_PORT, MARKER, NAT_PORT, accepts, address, checksum, ike_frame, in_udp, ipv4, frame, on_wire,
                     refuses,
                     udp)

P = 2 ** 255 - 19
VENDOR = (ike.VENDOR, b"somebody")
TEST_NET = "192.0.2."


def strangers(s, count):
    """That many addresses that have asked for nothing yet: one may have a few half-open SAs only."""
    s.strangers = getattr(s, "strangers", 9) + count
    found = [TEST_NET + str(number) for number in range(s.strangers - count + 1, s.strangers + 1)]
    s.meet(*found)
    return found


def init(payloads=None, sa=None, change=lambda payloads: payloads):
    """An IKE_SA_INIT request of somebody new."""
    sa = sa or ike.IkeSa()
    sa.nonce_i = b"\xff" * 32
    return sa.init_message(change(sa.init_payloads()) if payloads is None else payloads)


def dropped(s, what, msgs, reason="malformed"):
    s.check(what, [ike_frame(msg) for msg in msgs], {reason: len(msgs)}, cases=len(msgs))


def answered(s, what, msgs, *rights):
    """Each from an address of its own."""
    frames = [ike_frame(msg, src) for msg, src in zip(msgs, strangers(s, len(msgs)))]
    s.check(what, frames, answers=list(rights) * (len(msgs) // len(rights)), cases=len(msgs))


def refused(s, what, msgs, kind, data=None):
    s.check(what, [ike_frame(msg) for msg in msgs], answers=[refuses(kind, data)] * len(msgs), cases=len(msgs))


def with_length(msg, length=None):
    return msg[:24] + struct.pack("!I", len(msg) if length is None else length) + msg[28:]


def patched(msg, at, *values):
    return msg[:at] + bytes(values) + msg[at + len(values):]


# ---- Headers ---------------------------------------------------------------------------------------------------------

def headers(s):
    msg = init()
    dropped(s, "lengths that are not its own",
            [with_length(msg, length) for length in (0, 1, 27, 28, len(msg) - 1, len(msg) + 1, 8193, 65535, 2 ** 31,
                                                     2 ** 32 - 1)])
    dropped(s, "major versions", [patched(msg, 17, major << 4) for major in range(16) if major != 2])
    answered(s, "minor versions", [patched(init(), 17, 0x21), patched(init(), 17, 0x2f)], accepts)
    dropped(s, "exchanges that do not exist", [patched(msg, 18, kind) for kind in range(256) if kind not in range(34, 38)])
    dropped(s, "exchanges that need an SA", [patched(msg, 18, kind) for kind in (35, 36, 37)], "unknown-sa")
    dropped(s, "an initiator without an SPI", [bytes(8) + msg[8:]])
    dropped(s, "a responder's SPI", [patched(msg, 8 + at, 1) for at in range(8)])
    dropped(s, "message IDs", [patched(msg, 20, *struct.pack("!I", number)) for number in (1, 2, 255, 2 ** 31, 2 ** 32 - 1)])
    dropped(s, "flags of no initiator", [patched(msg, 19, flags) for flags in range(256) if not flags & 0x28])
    dropped(s, "flags of an answer", [patched(msg, 19, flags) for flags in range(256) if flags & 0x20], "unknown-sa")
    answered(s, "flags that are reserved", [patched(init(), 19, 8 | flag) for flag in (1, 2, 4, 0x10, 0x40, 0x80)], accepts)
    dropped(s, "cut to every length", [msg[:length] for length in range(len(msg))])
    dropped(s, "cut to every length, which it states", [with_length(msg[:length]) for length in range(28, len(msg))])
    dropped(s, "longer than it says", [msg + bytes(more) for more in (1, 2, 4, 28, 500)])
    dropped(s, "bytes behind the last payload", [with_length(msg + bytes(more)) for more in range(1, 9)])


def chains(s):
    msg, payloads = init(), ike.IkeSa().init_payloads()
    starts, at = [], ike.HEADER_LEN
    for payload in payloads:
        starts.append((at, 4 + len(payload[1])))
        at += starts[-1][1]
    for number, (at, length) in enumerate(starts):
        wrong = [0, 1, 2, 3, length - 1, length + 1, length + 4, 0x7fff, 0xffff]
        dropped(s, f"payload {number + 1} of other lengths",
                [patched(msg, at + 2, *struct.pack("!H", other)) for other in wrong])
    swallowed = [patched(msg, at + 2, *struct.pack("!H", length + sum(more for _,
                                                                      more in starts[number + 1:number + 1 + count])))
                 for number, (at, length) in enumerate(starts) for count in range(1, 3 - number)]
    dropped(s, "payloads in which others lie", swallowed)
    dropped(s, "no payload, though there are bytes", [patched(msg, 16, 0)])
    dropped(s, "a payload that is not there", [patched(msg, starts[-1][0], kind) for kind in (33, 40, 41, 43, 46, 200)])
    for number in range(3):
        dropped(s, f"without payload {number + 1}; with two",
                [init(payloads[:number] + payloads[number + 1:]), init(payloads + [payloads[number]])])
    dropped(s, "nothing at all", [init([]), init([VENDOR])])
    dropped(s, "more than 32 payloads", [init(payloads + [VENDOR] * more) for more in (30, 31, 60)])
    answered(s, "32 payloads", [init(payloads + [VENDOR] * 29)], accepts)
    dropped(s, "protected payloads", [init(payloads + [(kind, bytes(size))]) for kind in (46, 53) for size in (0, 40)])
    answered(s, "in other orders", [init(change=lambda three: three[::-1]),
                                    init(change=lambda three: three[1:] + three[:1])],
             accepts)
    dropped(s, "payloads shorter than their own fields",
            [init(payloads + [(kind, bytes(size))]) for kind in (35, 36, 39, 41, 42, 44, 45) for size in range(4)])
    dropped(s, "notifies whose SPI does not fit",
            [init(payloads + [(ike.NOTIFY, bytes([3, size]) + bytes(2) + bytes(size - 1))]) for size in (1, 4, 200, 255)])
    dropped(s, "deletes that count wrong",
            [init(payloads + [(ike.DELETE, body)]) for body in (b"\3\4\0\1", b"\3\4\0\2\0\0\0\0", b"\3\4\0\0\0\0\0\0",
                                                                b"\3\x08\0\1" + bytes(8),
                                                                b"\1\0\0\1", b"\1\x08\0\1" + bytes(8), b"\3\4\xff\xff\0\0\0\0")])
    answered(s, "deletes and identities in the clear, which mean nothing",
             [init(change=lambda three: three + [extra]) for extra in
              (ike.delete(ike.PROTO_IKE), ike.delete(ike.PROTO_ESP, s.child.receive.spi.to_bytes(4, "big")),
               (ike.IDI, ike.identity(b"alpha.test")), ike.notify(ike.AUTHENTICATION_FAILED))], accepts)


def critical(s):
    known = {*range(33, 49), 53}
    unknown = [kind for kind in range(1, 256) if kind not in known]
    payloads = ike.IkeSa().init_payloads()
    s.check("every unknown payload, critical", [ike_frame(init(payloads + [(kind, b"?", True)])) for kind in unknown],
            answers=[refuses(ike.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([kind])) for kind in unknown], cases=len(unknown))
    groups = [unknown[at:at + 28] for at in range(0, len(unknown), 28)]
    answered(s, "every unknown payload, not critical",
             [init(change=lambda three: three + [(kind, b"?") for kind in group]) for group in groups], accepts)
    s.cases += len(unknown) - len(groups)
    answered(s, "known payloads, critical", [init(change=lambda three: [(kind, body, True) for kind, body in three])] +
             [init(change=lambda three: three + [(kind, b"?", True)]) for kind in (37, 38, 43, 47, 48)], accepts)
    reserved = init()
    answered(s, "reserved bits beside the critical one", [patched(reserved, 29, 0x7f)], accepts)
    dropped(s, "critical, but malformed elsewhere",
            [init([(200, b"?", True)] + payloads + [payloads[0]]), with_length(init([(200, b"?", True)]) + b"\0")])


# ---- Proposals -------------------------------------------------------------------------------------------------------

def offering(body):
    return init(change=lambda three: [(ike.SA, body)] + three[1:])


def broken_proposals(s):
    good = ike.proposals(ike.IKE_TRANSFORMS)
    size, count_at = len(good), 7
    first = 8  # the first transform, of 12 bytes
    dropped(s, "no proposal, or part of one", [offering(good[:length]) for length in range(size)])
    dropped(s, "proposals of other lengths",
            [offering(good[:2] + struct.pack("!H", length) + good[4:])
             for length in (0, 1, 7, 8, 9, 20, size - 1, size + 1, 0xffff)])
    dropped(s, "marks of more proposals", [offering(patched(good, 0, more)) for more in (1, 2, 3, 4, 255)])
    dropped(s, "bytes behind the last proposal", [offering(good + bytes(more))
                                                  for more in (1, 4, 8)] + [offering(good + good)])
    dropped(s, "other numbers of transforms", [offering(patched(good, count_at, count))
                                               for count in range(256) if count != 3])
    dropped(s, "SPIs longer than the proposal", [offering(patched(good, 6, length)) for length in (size, 100, 255)])
    dropped(s, "transforms of other lengths",
            [offering(patched(good, first + 2, 0, length)) for length in (0, 1, 7, 9, 10, 11, 13, 16, 20, 28, size, 255)])
    dropped(s, "marks of more transforms", [offering(patched(good, first, more)) for more in (0, 1, 2, 4, 255)] +
            [offering(patched(good, first + 12, more)) for more in (0, 2)] + [offering(patched(good, first + 20, 3))])
    long_attribute = struct.pack("!HH", 14, 60000)
    dropped(s, "an attribute longer than its transform",
            [offering(good[:first + 8] + long_attribute + good[first + 12:])])
    many = [ike.PRF_SHA256] * 300
    dropped(s, "65 transforms and more",
            [offering(ike.proposals((*ike.IKE_TRANSFORMS, *many[:more]))) for more in (62, 63, 97, 126, 150, 200)])
    dropped(s, "17 proposals and more", [offering(ike.proposals(*[ike.IKE_TRANSFORMS] * count)) for count in (17, 18, 40)])
    answered(s, "64 transforms; 16 proposals", [offering(ike.proposals((*ike.IKE_TRANSFORMS, *many[:61]))),
                                                offering(ike.proposals(*[ike.IKE_TRANSFORMS] * 16))], accepts)


def offering_body():
    """SA payloads that are none, for other exchanges."""
    good = ike.proposals(ike.IKE_TRANSFORMS)
    return [good[:8], good[:20], good[:-1], good + b"\0", patched(good, 0, 1), patched(good, 7, 0), patched(good, 7, 255),
            patched(good, 6, 255), patched(good, 10, 0, 7), patched(good, 10, 0,
                                                                    0), ike.proposals(*[ike.IKE_TRANSFORMS] * 17)]


def weak_proposals(s):
    """What holds nothing of the profile, although some of it does."""
    cipher, prf, group = ike.IKE_TRANSFORMS
    lists = [[(1, number, 256), prf, group] for number in (0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 21, 28, 255,
                                                           1024, 65535)]
    lists += [[(1, 20, bits), prf, group] for bits in (0, 1, 16, 40, 64, 127, 129, 160, 192, 255, 257, 512, 65535)]
    lists += [[(1, 20), prf, group]]
    lists += [[cipher, (2, number), group] for number in (0, 1, 2, 3, 4, 6, 7, 8, 255, 65535)]
    lists += [[cipher, (2, 5, 128), group]]
    lists += [[cipher, prf, (4, number)] for number in (0, 1, 2, 5, 14, 15, 19, 20, 21, 22, 24, 25, 30, 32, 35, 36, 37, 255,
                                                        65535)]
    lists += [[cipher, prf, group, (3, number)] for number in (1, 2, 5, 8, 12, 14, 65535)]
    lists += [[cipher, prf, group, extra] for extra in ((5, 0), (5, 1), (6, 1), (7, 35), (13, 1), (255, 0), (0, 0))]
    lists += [[cipher, prf], [cipher, group], [prf, group], [cipher], [prf], [group], [ike.INTEG_NONE]]
    refused(s, "transforms that are not ours, or too few", [offering(ike.proposals(entries)) for entries in lists],
            ike.NO_PROPOSAL_CHOSEN)
    good = ike.IKE_TRANSFORMS
    refused(s, "other protocols, and SPIs where none may be",
            [offering(ike.proposals(good, protocol=protocol)) for protocol in (0, 2, 3, 4, 255)] +
            [offering(ike.proposals(good, spi=bytes(length))) for length in (1, 4, 8, 16, 200)], ike.NO_PROPOSAL_CHOSEN)
    one = ike.proposals(good)
    twice = one[:2] + struct.pack("!H", len(one) + 4) + one[4:11] + b"\x10" + one[12:20] + one[16:20] + one[20:]
    refused(s, "a key length twice; other attributes; a long one",
            [offering(twice)] + [offering(one[:16] + attribute + one[20:])
                                 for attribute in (b"\x80\x0f\1\0", b"\x80\1\1\0", b"\0\x0e\0\0")],
            ike.NO_PROPOSAL_CHOSEN)

    def chose(*wanted):
        def right(place, msg):
            payloads = ike.read_chain(ike.header_of(msg)[2], msg[ike.HEADER_LEN:])
            return accepts(place, msg) and set(ike.read_proposal(ike.body_of(payloads, ike.SA))[2]) == set(wanted)
        return right
    weak = [(1, 3), (1, 12, 128), (2, 2), (4, 2), (4, 14)]
    mixed = [(list(good) + weak, chose(*good)), (weak + list(good), chose(*good)),
             ([ike.AES_GCM_128, ike.AES_GCM_256, prf, group], chose(ike.AES_GCM_128, prf, group)),
             ([cipher, prf, group, ike.INTEG_NONE, (3, 12)], chose(cipher, prf, group, ike.INTEG_NONE))]
    for entries, right in mixed:
        answered(s, f"good ones among weak ones: {entries}", [offering(ike.proposals(entries))], right)
    answered(s, "the second proposal is the good one", [offering(ike.proposals(weak, good))], chose(*good))


# ---- Key exchange and nonces -----------------------------------------------------------------------------------------

def exchanging(body):
    return init(change=lambda three: [three[0], (ike.KE, body), three[2]])


def key_exchanges(s):
    group = struct.pack("!HH", 31, 0)
    dropped(s, "KE payloads of every length but one",
            [exchanging((group + os.urandom(32) + bytes(300))[:length]) for length in range(305) if length != 36])
    refused(s, "groups nobody has asked for",
            [exchanging(struct.pack("!HH", number, 0) + bytes(32))
             for number in (0, 1, 2, 14, 19, 20, 21, 30, 32, 33, 255, 256, 7936, 65535)],
            ike.INVALID_KE_PAYLOAD, b"\0\x1f")
    refused(s, "their values of any length", [exchanging(struct.pack("!HH", 14, 0) + bytes(length))
                                              for length in (1, 31, 256, 1000)],
            ike.INVALID_KE_PAYLOAD, b"\0\x1f")
    answered(s, "reserved bytes of KE", [exchanging(b"\0\x1f\xff\xff" + ike.public_bytes(X25519PrivateKey.generate()))],
             accepts)


def is_weak(point):
    """What another implementation says of it."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError:
        return True
    return False


def points():
    """(the points of small order, in every encoding; others that are nearly like them)"""
    eight = [bytes.fromhex(text) for text in ("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                                              "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")]
    numbers = [0, 1, P - 1, P, P + 1] + [int.from_bytes(point, "little") for point in eight]
    weak = [number.to_bytes(32, "little") for number in numbers]
    weak += [point[:31] + bytes([point[31] | 0x80]) for point in weak]
    others = [number.to_bytes(32, "little") for number in (2, 9, P - 2, P + 2, 2 * P - 1, 2 * P, 2 * P + 1)]
    return weak, others


def weak_points(s):
    weak, others = points()
    s.expect("points", "of small order, for another implementation", [is_weak(point) for point in weak + others],
             [True] * len(weak) + [False] * len(others))
    dropped(s, "public values of small order", [exchanging(struct.pack("!HH", 31, 0) + point) for point in weak])
    answered(s, "public values near them", [exchanging(struct.pack("!HH", 31, 0) + point) for point in others], accepts)


def nonces(s):
    def saying(length):
        return init(change=lambda three: three[:2] + [(ike.NONCE, bytes(length))])
    dropped(s, "nonces too short or too long", [saying(length) for length in (*range(16), *range(257, 300), 1000)])
    answered(s, "the shortest and the longest", [saying(length) for length in (16, 17, 255, 256)], accepts)


# ---- Cookies ---------------------------------------------------------------------------------------------------------

def cookies(s):
    place, other = strangers(s, 2)
    for number in range(8):
        s.check(f"half-open SA {number + 1}", [ike_frame(init(), place)], answers=[accepts])
    sa = ike.IkeSa()
    payloads = sa.init_payloads()

    def asking(*cookie, sa=sa, payloads=payloads):
        return sa.init_message([*(ike.notify(ike.COOKIE, data) for data in cookie), *payloads])

    def demanded(what, msgs, src=place):
        s.check(what, [ike_frame(msg, src) for msg in msgs], {"cookies-sent": len(msgs)},
                answers=[refuses(ike.COOKIE)] * len(msgs), cases=len(msgs))
    cookie = ike.notifies(ike.read_chain(ike.NOTIFY, s.ask(asking(), place)[ike.HEADER_LEN:]))[ike.COOKIE]
    s.settle()
    demanded("no cookie", [asking()])
    demanded("each byte of it wrong", [asking(patched(cookie, at, cookie[at] ^ 1)) for at in range(len(cookie))])
    demanded("each length of it", [asking((cookie + bytes(70))[:length]) for length in range(70) if length != len(cookie)])
    demanded("each version but its own", [asking(patched(cookie, 0, number))
                                          for number in range(256) if number != cookie[0]])
    demanded("behind a wrong one", [asking(bytes(33), cookie)])
    elsewhere = ike.IkeSa()
    demanded("of another SPI", [asking(cookie, sa=elsewhere)])
    demanded("of another nonce", [asking(cookie, payloads=payloads[:2] + [(ike.NONCE, bytes(32))])])
    for number in range(7):
        s.check(f"half-open SA {number + 1} of another address", [ike_frame(init(), other)], answers=[accepts])
    s.check("half-open SA 8 of it", [ike_frame(init(), other)], answers=[accepts])
    demanded("of another address", [asking(cookie)], other)
    s.check("the right one", [ike_frame(asking(cookie), place)], answers=[accepts])
    s.check("the right one again is the same request", [ike_frame(asking(cookie), place)], {"retransmits": 1},
            answers=[accepts])
    for number in range(7):
        more = ike.IkeSa()
        msg = more.init_message()
        fresh = ike.notifies(ike.read_chain(ike.NOTIFY, s.ask(msg, place)[ike.HEADER_LEN:]))[ike.COOKIE]
        s.settle()
        returned = more.init_message([ike.notify(ike.COOKIE, fresh)] + more.init_payloads())
        s.check(f"half-open SA {number + 10}", [ike_frame(returned, place)], answers=[accepts])
    last = ike.IkeSa()
    fresh = ike.notifies(ike.read_chain(ike.NOTIFY, s.ask(last.init_message(), place)[ike.HEADER_LEN:]))[ike.COOKIE]
    s.settle()
    returned = last.init_message([ike.notify(ike.COOKIE, fresh)] + last.init_payloads())
    s.check("no more than 16 for one address, with whatever cookie", [ike_frame(returned, place)] * 3, {"turned-away": 3},
            cases=3)


# ---- In disguise -----------------------------------------------------------------------------------------------------

def ports(s):
    msg = b"\x12" + init()[1:]
    s.check("IKE without its marker is ESP", [in_udp(msg)], {"no-spi": 1})
    s.check("... even if its SPI looks like one", [in_udp(MARKER + msg[4:])], {"malformed": 1})
    s.check("a marker on port 500", [in_udp(MARKER + msg, sport=IKE_PORT, dport=IKE_PORT)], {"malformed": 1})
    s.check("two markers", [in_udp(MARKER * 2 + msg)], {"malformed": 1})
    s.check("a marker, and less than a message", [in_udp(MARKER + bytes(size)) for size in range(28)], {"malformed": 28},
            cases=28)
    s.check("less than a message on port 500", [in_udp(bytes(size), dport=IKE_PORT) for size in range(28)],
            {"malformed": 28},
            cases=28)
    sealed = s.child.seal(bytes(40))
    s.check("ESP on port 500", [in_udp(sealed, dport=IKE_PORT), in_udp(sealed, sport=IKE_PORT, dport=IKE_PORT)],
            {"malformed": 2}, cases=2)
    s.check("noise", [in_udp(MARKER + os.urandom(size)) for size in (28, 100, 1000, 1400)], {"malformed": 4}, cases=4)
    places = strangers(s, 3)
    s.check("from its own port to the other one, and to port 500",
            [ike_frame(init(), places[0], sport=IKE_PORT), ike_frame(init(), places[1], IKE_PORT, NAT_PORT),
             ike_frame(init(), places[2], IKE_PORT)], answers=[accepts] * 3, cases=3)

    def summed(payload, off):
        src, = strangers(s, 1)
        datagram = udp(NAT_PORT, NAT_PORT, payload)
        pseudo = address(src) + address(BETA.wire) + struct.pack("!BBH", 0, 17, len(datagram))
        padded = pseudo + datagram + bytes(len(datagram) % 2)
        return on_wire(datagram[:6] + struct.pack("!H", (checksum(padded) or 0xffff) ^ off) + datagram[8:], src)
    s.check("a UDP checksum that is right", [summed(MARKER + init(), 0)], answers=[accepts])
    s.check("UDP checksums that are wrong", [summed(MARKER + init(), 1 << bit) for bit in range(16)], {"bad-checksum": 16},
            cases=16)
    nobody = ["0.0.0.0", "127.0.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", BETA.wire]
    s.check("from where no answer can go", [ike_frame(init(), src, port) for src in nobody for port in (IKE_PORT, NAT_PORT)],
            {"martian": 2 * len(nobody)}, cases=2 * len(nobody))
    s.check("to addresses that are not its own", [frame(ipv4(ALPHA.wire, dst, udp(NAT_PORT, NAT_PORT, MARKER + init())))
                                                  for dst in (BETA.plain, "192.0.2.255",
                                                              "224.0.0.1")], {"not-for-us": 3}, cases=3)


def without_sa(s):
    """Protected messages of SAs that are not there."""
    frames, sa = [], s.sa
    for exchange in (ike.IKE_AUTH, ike.CREATE_CHILD_SA, ike.INFORMATIONAL):
        for spi_i, spi_r in ((os.urandom(8), os.urandom(8)), (os.urandom(8), sa.spi_r), (sa.spi_i, os.urandom(8)),
                             (sa.spi_r, sa.spi_i), (sa.spi_i, bytes(8)), (sa.spi_r, sa.spi_r)):
            for flags in (0, 8, 0x20, 0x28):
                frames.append(ike_frame(ike.message(spi_i, spi_r, exchange, flags, sa.next_id, ike.SK, bytes(60))))
    s.check("SPIs that do not belong together", frames, {"unknown-sa": len(frames)}, cases=len(frames))
    sa = s.half_open(*strangers(s, 1))
    s.settle()
    back = [ike_frame(sa.init_response, src) for src in (ALPHA.wire, "192.0.2.3", "192.0.2.77")]
    s.check("its own IKE_SA_INIT answer, back", back, {"unknown-sa": len(back)}, cases=len(back))


FAMILIES = (
    ("IKE_SA_INIT: headers", headers), ("IKE_SA_INIT: chains of payloads", chains), ("IKE_SA_INIT: critical payloads",
                                                                                     critical),
    ("IKE_SA_INIT: broken proposals", broken_proposals), ("IKE_SA_INIT: weak proposals", weak_proposals),
    ("IKE_SA_INIT: key exchanges of every length", key_exchanges), ("IKE_SA_INIT: points of small order", weak_points),
    ("IKE_SA_INIT: nonces", nonces), ("IKE_SA_INIT: cookies", cookies), ("IKE: in disguise", ports),
    ("IKE: SAs that are not there", without_sa),
)
