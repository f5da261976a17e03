# SPDX-License-Identifier: BSD-3-Clause
"""
Messages to an IKE SA that stands: by people who have not its keys, which must change nothing; and by the peer itself, which
may end its own link, and nothing else.
"""

import os
import struct

import ike_peer as ike
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from gateway import ALPHA, BETA
from hostile import GAMMA_IP, aged, datagram, flip, ike_frame, in_udp
from hostile_init import offering_body, points

INFO, CREATE = ike.INFORMATIONAL, ike.CREATE_CHILD_SA
STRANGER_SPI = b"\x12\x34\x56\x78"


def answer_is(sa, exchange, number, wanted=lambda payloads: payloads == []):
    """The answer to request `number` of ours, authentic, and what is wanted."""
    def right(_, msg):
        head = ike.header_of(msg)
        return head[4:7] == (exchange, ike.RESPONSE, number) and wanted(sa.open(msg))
    return right


def says(*kinds):
    return lambda payloads: ike.errors(payloads) == list(kinds)


def dropped(s, what, msgs, reason="bad-integrity", src=ALPHA.wire):
    s.check(what, [ike_frame(msg, src) for msg in msgs], {reason: len(msgs)}, cases=len(msgs))


def request(s, what, payloads, wanted=lambda found: found == [], exchange=INFO, counters=None):
    """An authentic request, of which the answer is known, and after which the SA is as it was."""
    number = s.sa.next_id
    s.sa.next_id += 1
    s.check(what, [ike_frame(s.sa.seal(exchange, payloads, number))], counters,
            answers=[answer_is(s.sa, exchange, number, wanted)])


# ---- Without the keys ------------------------------------------------------------------------------------------------

def bits(s):
    def reason(bit, msg, number):
        byte = bit // 8
        if byte < 16:
            return "unknown-sa"
        if byte == 16 or 24 <= byte < 28 or byte in (30, 31):
            return "malformed"
        if byte == 17:
            return "malformed" if bit % 8 < 4 else "bad-integrity"
        if byte == 18:
            return "bad-integrity" if msg[18] == CREATE else "malformed"
        if byte == 19:
            return {ike.INITIATOR | ike.RESPONSE: "unexpected", 0: "unknown-sa"}.get(msg[19], "bad-integrity")
        if 20 <= byte < 24:
            return "bad-integrity" if int.from_bytes(msg[20:24], "big") == number - 1 else "unexpected"
        return "bad-integrity"
    for byte in range(28 + 4 + 8 + 1 + 16):
        msg, number, counters = s.sa.seal(INFO, [], s.sa.next_id), s.sa.next_id, {}
        flipped = [flip(msg, byte * 8 + bit) for bit in range(8)]
        for bit, other in enumerate(flipped):
            why = reason(byte * 8 + bit, other, number)
            counters[why] = counters.get(why, 0) + 1
        s.check(f"byte {byte} of a protected message, each bit", [ike_frame(other) for other in flipped], counters, cases=8)
    msg = s.sa.seal(INFO, [], s.sa.next_id)
    dropped(s, "cut to every length", [msg[:length] for length in range(len(msg))], "malformed")

    def saying(length):
        return msg[:24] + struct.pack("!I", length) + msg[28:30] + struct.pack("!H", length - 28) + msg[32:length]
    short = [msg[:24] + struct.pack("!I", length) + msg[28:length] for length in range(28, 32)]
    dropped(s, "cut to every length, which it states", short + [saying(length) for length in range(32, len(msg))],
            "malformed")


def message_ids(s):
    for _ in range(6):
        s.fence()
    for exchange in INFO, CREATE, ike.IKE_AUTH:
        number = s.sa.next_id
        others = [number + ahead for ahead in (1, 2, 3, 100, 1 << 16, 1 << 31, -2, -3, -4)] + [0, 2 ** 32 - 1]
        dropped(s, f"requests of exchange {exchange} out of turn, authentic",
                [s.sa.seal(exchange, [], other) for other in others],
                "unexpected")
    dropped(s, "IKE_AUTH once more, in turn", [s.sa.seal(ike.IKE_AUTH, [], s.sa.next_id)], "unexpected")
    dropped(s, "exchanges that are not there, authentic", [s.sa.seal(kind, [], s.sa.next_id)
                                                           for kind in (0, 33, 38, 43, 44, 255)],
            "malformed")
    dropped(s, "IKE_SA_INIT, protected", [s.sa.seal(ike.IKE_SA_INIT, [], 0)], "malformed")
    answers = [s.sa.seal(exchange, [], other, response=True) for exchange in (INFO, CREATE, ike.IKE_AUTH)
               for other in (0, 1, 2, number, number + 1, 2 ** 32 - 1)]
    dropped(s, "answers nobody waits for, authentic", answers, "unexpected")
    # What has been answered is answered once more, whatever it says now.
    last = s.sa.next_id - 1
    for what, payloads in (("nothing", []), ("Delete", [ike.delete(ike.PROTO_IKE)]), ("Delete of the child SA",
                           [ike.delete(ike.PROTO_ESP, s.child.receive.spi.to_bytes(4, "big"))]),
                           ("AUTHENTICATION_FAILED", [ike.notify(ike.AUTHENTICATION_FAILED)])):
        last = s.sa.next_id - 1
        s.check(f"the last request again, which says {what} now", [ike_frame(s.sa.seal(INFO, payloads, last))] * 3,
                {"retransmits": 3},
                answers=[answer_is(s.sa, INFO, last)] * 3, cases=3)


def hostile_payloads(s):
    spi = s.child.receive.spi.to_bytes(4, "big")
    return [[ike.delete(ike.PROTO_IKE)], [ike.delete(ike.PROTO_ESP, spi)], [ike.notify(ike.AUTHENTICATION_FAILED)],
            [ike.notify(ike.INVALID_SYNTAX)], [ike.notify(ike.INITIAL_CONTACT)],
            [ike.notify(ike.REKEY_SA, protocol=ike.PROTO_ESP, spi=spi)], []]


def spoofed(s):
    """Deletes and errors by somebody who has seen everything on the wire."""
    sa = s.sa
    keys = [sa.sk_er, bytes(36), os.urandom(36), s.child.send.key, s.child.receive.key, sa.sk_d + bytes(4),
            sa.sk_pi + bytes(4),
            sa.sk_ei[:32] + bytes(4), sa.sk_ei[:31] + bytes([sa.sk_ei[31] ^ 1]) + sa.sk_ei[32:]]
    for src in ALPHA.wire, GAMMA_IP, "192.0.2.77":
        for exchange in INFO, CREATE:
            msgs = [sa.seal(exchange, payloads, sa.next_id, key=key) for payloads in hostile_payloads(s) for key in keys]
            dropped(s, f"sealed with other keys, exchange {exchange}, from {src}", msgs, src=src)
        clear = [ike.message(sa.spi_i, sa.spi_r, exchange, ike.INITIATOR, sa.next_id, ike.first_of(payloads),
                             ike.chain(payloads))
                 for payloads in hostile_payloads(s) for exchange in (INFO, CREATE)]
        dropped(s, f"in the clear, from {src}", clear, "malformed", src)
    answers = [ike.message(sa.spi_i, sa.spi_r, INFO, flags, sa.next_id, ike.first_of(payloads), ike.chain(payloads))
               for payloads in hostile_payloads(s) for flags in (ike.RESPONSE | ike.INITIATOR,)]
    dropped(s, "answers in the clear", answers, "unexpected")
    vendor = ike.chain([(ike.VENDOR, b"before")])
    sealed = sa.seal(INFO, [], sa.next_id)
    beside = ike.message(sa.spi_i, sa.spi_r, INFO, ike.INITIATOR, sa.next_id, ike.VENDOR,
                         bytes([ike.SK]) + vendor[1:] + sealed[ike.HEADER_LEN:])
    behind = sealed[:24] + struct.pack("!I", len(sealed) + len(vendor)) + sealed[28:] + vendor
    dropped(s, "payloads in the clear before and behind", [beside, behind], "malformed")
    tiny = [ike.message(sa.spi_i, sa.spi_r, INFO, ike.INITIATOR, sa.next_id, ike.SK,
                        struct.pack("!BBH", 0, 0, 4 + size) + bytes(size))
            for size in range(25)]
    dropped(s, "too short to be sealed", tiny, "malformed")


def reflected(s):
    number = s.sa.next_id
    msg = s.ask(s.sa.seal(INFO, [], number))
    s.sa.next_id += 1
    s.settle()
    dropped(s, "its own answer", [msg] * 2, "unknown-sa")
    turned = [msg[:19] + bytes([flags]) + msg[20:] for flags in (0, ike.INITIATOR, ike.INITIATOR | ike.RESPONSE)]
    dropped(s, "its own answer, as from alpha", turned[:1], "unknown-sa")
    dropped(s, "... as a request of alpha's that has been", turned[1:2], "unexpected")
    dropped(s, "... as an answer of alpha's", turned[2:], "unexpected")
    renumbered = msg[:19] + bytes([ike.INITIATOR]) + struct.pack("!I", s.sa.next_id) + msg[24:]
    dropped(s, "... as a request in turn", [renumbered])


# ---- With the keys ---------------------------------------------------------------------------------------------------

def harmless(s):
    """An authentic peer may say much, to no effect."""
    spi = s.child.receive.spi.to_bytes(4, "big")
    other = s.child.send.spi.to_bytes(4, "big")
    for spis in ([STRANGER_SPI], [other], [bytes(4)], [b"\xff" * 4],
                 [struct.pack("!I", number) for number in range(1000, 1300)], []):
        request(s, f"Delete of {len(spis)} SPIs that are not there",
                [(ike.DELETE, struct.pack("!BBH", 3, 4, len(spis)) + b"".join(spis))])
    request(s, "Delete of AH", [ike.delete(ike.PROTO_AH, spi)])
    request(s, "Delete of protocol 0", [ike.delete(0, spi)])
    request(s, "Deletes of nothing, 32 of them", [(ike.DELETE, struct.pack("!BBH", 3, 4, 0))] * 32)
    for kind in (1, 4, 5, 7, 9, 11, 14, 17, 34, 35, 36, 37, 38, 39, 43, 44, 45, 46, 47, 48, 8192, 16383, 16384, 16385, 16390,
                 16393,
                 16396, 16404, 16430, 40960, 65535):
        request(s, f"notify {kind}", [ike.notify(kind, b"?" * 8)])
    for kind in (ike.SA, ike.KE, ike.NONCE, ike.IDI, ike.IDR, ike.AUTH, ike.TSI, ike.TSR, ike.CERT, ike.CP, ike.EAP,
                 ike.VENDOR, 200):
        request(s, f"payload {kind}, which has no meaning here", [(kind, bytes(40))])
    request(s, "an unknown payload, critical", [(200, b"?", True)], says(ike.UNSUPPORTED_CRITICAL_PAYLOAD))
    request(s, "the same beside a Delete, which is not carried out", [ike.delete(ike.PROTO_ESP, spi), (99, b"", True)],
            says(ike.UNSUPPORTED_CRITICAL_PAYLOAD))
    for size in (1, 15, 16, 200, 255):
        number = s.sa.next_id
        s.sa.next_id += 1
        padded = s.sa.seal_plain(INFO, 0, os.urandom(size) + bytes([size]), number)
        s.check(f"padding of {size} bytes", [ike_frame(padded)], answers=[answer_is(s.sa, INFO, number)])
    wrong = [s.sa.seal_plain(INFO, 0, bytes(size) + bytes([length]), s.sa.next_id) for size in range(3)
             for length in (size + 1, 255)]
    dropped(s, "padding longer than all", wrong, "malformed")


def endings(s):
    """What ends the link, because the peer has said it, or is broken; a new one comes up at once."""
    def ends(what, exchange, first, plain, wanted, counters):
        s.settle()
        number, old = s.sa.next_id, s.sa
        msg = s.ask(s.sa.seal_plain(exchange, first, plain + b"\0", number))
        s.expect(what, "the answer", answer_is(old, exchange, number, wanted)("", msg), True)
        now = s.telemetry.counters()
        risen = {name: now[name] - count for name, count in s.before.items() if now[name] != count}
        risen.pop("retransmits", None)  # of the gateway's own Delete, which is not waited for
        s.expect(what, "counters", risen, counters)
        s.expect(what, "state of the peer", s.telemetry.ask(f"peer,{ALPHA.name}")["state"], "down")
        s.cases += 1
        s.connect()
    ke = ike.ke(bytes(32))
    broken = {
        "a payload of length 0": (ike.NOTIFY, b"\0\0\0\0"), "a payload of length 3": (ike.NOTIFY, b"\0\0\0\3"),
        "a payload that is too long": (ike.NOTIFY, b"\0\0\0\x20" + bytes(8)), "bytes behind the last payload": (0, b"\0"),
        "SK inside SK": (ike.SK, ike.chain([(ike.SK, bytes(40))])), "SKF inside SK": (ike.SKF,
                                                                                      ike.chain([(ike.SKF, bytes(40))])),
        "two KE payloads": (ike.KE, ike.chain([ke, ke])), "a nonce of 15 bytes": (ike.NONCE,
                                                                                  ike.chain([(ike.NONCE, bytes(15))])),
        "a nonce of 257 bytes": (ike.NONCE, ike.chain([(ike.NONCE, bytes(257))])),
        "33 payloads": (ike.VENDOR, ike.chain([(ike.VENDOR, b"")] * 33)),
        "a Delete that counts wrong": (ike.DELETE, ike.chain([(ike.DELETE, b"\3\4\0\2" + bytes(4))])),
        "a Delete with SPIs of 8 bytes": (ike.DELETE, ike.chain([(ike.DELETE, b"\3\x08\0\1" + bytes(8))])),
        "a Delete of the IKE SA with an SPI": (ike.DELETE, ike.chain([(ike.DELETE, b"\1\x08\0\1" + bytes(8))])),
        "a notify whose SPI does not fit": (ike.NOTIFY, ike.chain([(ike.NOTIFY, b"\3\4\0\0")])),
    }
    for what, (first, plain) in broken.items():
        for exchange in INFO, CREATE:
            ends(f"{what}, exchange {exchange}", exchange, first, plain, says(ike.INVALID_SYNTAX), {"malformed": 1})
    failed, gone = ike.notify(ike.AUTHENTICATION_FAILED), ike.delete(ike.PROTO_IKE)
    for what, payloads, counters in (("Delete", [gone], {}), ("Delete, twice", [gone, gone], {}),
                                     ("AUTHENTICATION_FAILED", [failed], {"auth-failures": 1}), ("both", [failed, gone],
                                                                                                 {"auth-failures": 1})):
        ends(what, INFO, ike.first_of(payloads), ike.chain(payloads), lambda found: found == [], counters)
    for times in 1, 2, 100:
        spi = s.child.receive.spi.to_bytes(4, "big")
        own = s.child.send.spi.to_bytes(4, "big")
        payloads = [ike.delete(ike.PROTO_ESP, *[spi] * times)]
        ends(f"Delete of the child SA, {times} times", INFO, ike.DELETE, ike.chain(payloads),
             lambda found, own=own: found == [ike.delete(ike.PROTO_ESP, own)], {})


# ---- CREATE_CHILD_SA -------------------------------------------------------------------------------------------------

def child_offer(s, transforms=(ike.AES_GCM_256, ike.X25519, ike.ESN), spi=STRANGER_SPI, public=None, rekeys=True, nonce=None,
                net=ALPHA.net, own=BETA.net):
    """A request for a child SA, as list of payloads."""
    old = s.child.receive.spi.to_bytes(4, "big")
    public = ike.public_bytes(X25519PrivateKey.generate()) if public is None else public
    return ([ike.notify(ike.REKEY_SA, protocol=ike.PROTO_ESP, spi=old)] if rekeys else []) + [
        (ike.SA, ike.proposals(transforms, protocol=ike.PROTO_ESP, spi=spi)), (ike.NONCE,
                                                                               nonce or os.urandom(32)), ike.ke(public),
        (ike.TSI, ike.selectors(ike.prefix_selector(net))), (ike.TSR, ike.selectors(ike.prefix_selector(own)))]


def ike_offer(transforms=ike.IKE_TRANSFORMS, spi=None, public=None):
    """A request for another IKE SA."""
    public = ike.public_bytes(X25519PrivateKey.generate()) if public is None else public
    return [(ike.SA, ike.proposals(transforms, spi=os.urandom(8) if spi is None else spi)), (ike.NONCE, os.urandom(32)),
            ike.ke(public)]


def without(payloads, *kinds):
    return [payload for payload in payloads if payload[0] not in kinds]


def creating(s):
    def refused(what, payloads, kind):
        request(s, what, payloads, says(kind), CREATE)
    kinds = (("child", lambda **other: child_offer(s, **other)),
             ("further child", lambda **other: child_offer(s, rekeys=False, **other)),
             ("IKE SA", ike_offer))
    cipher, prf, group = ike.IKE_TRANSFORMS
    for name, offer in kinds:
        refused(f"{name}: no SA", without(offer(), ike.SA), ike.INVALID_SYNTAX)
        refused(f"{name}: no nonce", without(offer(), ike.NONCE), ike.INVALID_SYNTAX)
        refused(f"{name}: no KE", without(offer(), ike.KE), ike.INVALID_SYNTAX)
        for body in offering_body():
            payloads = [(ike.SA, body) if payload[0] == ike.SA else payload for payload in offer()]
            refused(f"{name}: a broken proposal, {body[:16].hex()}", payloads, ike.INVALID_SYNTAX)
        for size in (1, 16, 31, 33, 64, 256):
            refused(f"{name}: a public value of {size} bytes", offer(public=bytes(size)), ike.INVALID_SYNTAX)
        for point in points()[0]:
            refused(f"{name}: a public value of small order, {point.hex()}", offer(public=point), ike.INVALID_SYNTAX)
        for number in (0, 2, 14, 19, 32, 65535):
            refused(f"{name}: group {number}", without(offer(), ike.KE) + [ike.ke(bytes(32), number)],
                    ike.INVALID_KE_PAYLOAD)
        lists = ([[cipher, prf, (4, 14)], [cipher, (2, 2), group], [(1, 12, 256), prf, group], [cipher, prf],
                  [cipher, prf, group, (3, 2)]]
                 if name == "IKE SA" else
                 [[cipher, (4, 14), ike.ESN], [(1, 12, 256), group, ike.ESN], [(1, 11), group, ike.ESN], [cipher, group],
                  [cipher, ike.ESN], [cipher, ike.NO_GROUP, ike.ESN], [cipher, group, ike.ESN, (3, 12)], [(1, 20, 192),
                                                                                                          group, ike.ESN]])
        for entries in lists:
            refused(f"{name}: {entries}", offer(transforms=entries), ike.NO_PROPOSAL_CHOSEN)
        spis = [b"", bytes(4), bytes(8), bytes(16)] if name == "IKE SA" else \
            [b"", bytes(8), *(struct.pack("!I", number) for number in (0, 1, 128, 255))]
        for spi in spis:
            refused(f"{name}: SPI {spi.hex()}", offer(spi=spi), ike.NO_PROPOSAL_CHOSEN)
    for name, offer in kinds[:2]:
        for net, own in ((BETA.net, ALPHA.net), ("10.3.0.0/16", BETA.net), (ALPHA.net, "10.3.0.0/16"),
                         ("192.0.2.0/24", "192.0.2.0/24")):
            refused(f"{name}: selectors {net}, {own}", offer(net=net, own=own), ike.TS_UNACCEPTABLE)
        for body in (bytes(4), b"\1\0\0\0", b"\2\0\0\0" + ike.selector(bytes(4), b"\xff" * 4), b"\1\0\0\0" + bytes(16),
                     b"\1\0\0\0\7\0\0\7" + bytes(12), b"\xff\0\0\0" + ike.selector(bytes(4),
                                                                                   b"\xff" * 4), b"\1\0\0\0\x08\0\0\x10" + bytes(12),
                     b"\0\0\0\0" + ike.selector(bytes(4), b"\xff" * 4)):
            for kind in ike.TSI, ike.TSR:
                payloads = [(kind, body) if payload[0] == kind else payload for payload in offer()]
                # Selectors of kinds that are unknown are skipped; then none is left.
                unknown = body[:4] == b"\1\0\0\0" and body[4:5] == b"\0" and len(body) == 20
                refused(f"{name}: broken selectors {body.hex()}", payloads,
                        ike.TS_UNACCEPTABLE if unknown and body[6:8] != b"\0\0"
                        else ike.INVALID_SYNTAX)
    for net in ("10.1.0.0/17", "10.1.0.9/32"):
        refused(f"child: narrower than what it replaces, {net}", child_offer(s, net=net), ike.TS_UNACCEPTABLE)
    old = s.child.receive.spi.to_bytes(4, "big")
    for protocol, spi in ((3, STRANGER_SPI), (3, bytes(4)), (3, s.child.send.spi.to_bytes(4, "big")), (2, old), (1, old),
                          (0, old), (3, old[:3]),
                          (3, old + b"\0"), (3, b""), (1, bytes(8))):
        refused(f"child: replaces protocol {protocol}, SPI {spi.hex()}",
                [ike.notify(ike.REKEY_SA, protocol=protocol, spi=spi)] + child_offer(s)[1:], ike.CHILD_SA_NOT_FOUND)
    s.expect("creating", "child SAs", s.telemetry.ask(f"peer,{ALPHA.name}")["child_sas"], 1)


def honest_rekey(s):
    """After all that was refused an honest wish is granted, and the old child SA closed."""
    private, nonce, spi = X25519PrivateKey.generate(), os.urandom(32), b"\x77\1\2\3"
    number = s.sa.next_id
    msg = s.sa.seal(CREATE, child_offer(s, spi=spi, public=ike.public_bytes(private), nonce=nonce), number)
    answer = s.sa.open(s.ask(msg))
    s.sa.next_id += 1
    shared = private.exchange(X25519PublicKey.from_public_bytes(ike.body_of(answer, ike.KE)[4:]))
    old, keys = s.child, s.sa.child_keys(shared, nonce + ike.body_of(answer, ike.NONCE))
    s.child = s.child_of(s.sa, spi, answer, keys=keys)
    request(s, "the old one is deleted", [ike.delete(ike.PROTO_ESP, old.receive.spi.to_bytes(4, "big"))],
            lambda found: found == [ike.delete(ike.PROTO_ESP, old.send.spi.to_bytes(4, "big"))])
    s.check("what was still under way through the old one", [in_udp(old.seal(datagram()))], plain=[aged(datagram())])


# ---- Fragments -------------------------------------------------------------------------------------------------------

def fragments(s):
    dropped(s, "fragments where none were agreed", [s.sa.fragment(INFO, s.sa.next_id, 1, 2, bytes(8))], "malformed")
    s.connect(init_extra=[ike.notify(ike.FRAGMENTATION_SUPPORTED)])
    notify = ike.chain([ike.notify(40960, bytes(range(200)))])

    def piece(at, total, data=None, number=None, first=ike.NOTIFY):
        data = notify[(at - 1) * len(notify) // total:at * len(notify) // total] if data is None else data
        return s.sa.fragment(INFO, s.sa.next_id if number is None else number, at, total, data, first if at == 1 else 0)

    def whole(what, *pieces, counters=None):
        number = s.sa.next_id
        msgs = [piece(*one) for one in pieces]
        s.sa.next_id += 1
        s.check(what, [ike_frame(msg) for msg in msgs], counters, answers=[answer_is(s.sa, INFO, number)])
    for at, total in ((0, 0), (0, 1), (1, 0), (2, 1), (65, 64), (1, 65), (65, 65), (1, 255), (1, 256), (1, 65535),
                      (65535, 65535),
                      (0, 65535), (65535, 1), (256, 256)):
        dropped(s, f"fragment {at} of {total}", [s.sa.fragment(INFO, s.sa.next_id, at, total, bytes(8))], "malformed")
    dropped(s, "empty ones", [piece(1, 2, b""), piece(2, 2, b"")], "malformed")
    key = os.urandom(36)
    dropped(s, "sealed with other keys", [s.sa.seal_plain(INFO, ike.NOTIFY, bytes(9), s.sa.next_id, key=key,
                                                          fragment=struct.pack("!HH", at, 3))
                                          for at in (1, 2, 3)])
    for at in range(28, 40):
        msg = piece(1, 2)
        flipped = [flip(msg, at * 8 + bit) for bit in range(8)]
        counters = {}
        for other in flipped:
            number, total = struct.unpack("!HH", other[32:36])
            why = "malformed" if at in (30, 31) or not 1 <= number <= total <= 64 else "bad-integrity"
            counters[why] = counters.get(why, 0) + 1
        s.check(f"byte {at} of a fragment, each bit", [ike_frame(other) for other in flipped], counters, cases=8)
    whole("two", (1, 2), (2, 2))
    whole("two, backwards", (2, 2), (1, 2))
    whole("one of one", (1, 1))
    whole("64", *((at, 64) for at in range(1, 65)))
    whole("64, backwards, each twice", *((at, 64) for at in range(64, 1, -1) for _ in "ab"), (1, 64))
    whole("each three times, others among them", (1, 3), (1, 3), (3, 3), (1, 3, b"other"), (3, 3, b"other"), (3, 3), (2, 3))
    whole("fewer of the same, which are too late", (1, 3), (1, 2), (2, 2), (1, 1), (2, 3), (3, 3))
    whole("more of the same, which begin anew", (1, 2), (1, 3), (2, 2), (2, 3), (3, 3))
    for number, reason in ((s.sa.next_id + 1, "unexpected"), (s.sa.next_id + 2 ** 31, "unexpected")):
        dropped(s, f"of message {number}", [piece(1, 2, number=number), piece(2, 2, number=number)], reason)
    last = s.sa.next_id - 1
    s.check("of the last message: one asks for its answer", [ike_frame(piece(at, 3, number=last)) for at in (1, 2, 3)],
            {"retransmits": 1},
            answers=[answer_is(s.sa, INFO, last)], cases=3)
    s.check("incomplete", [ike_frame(piece(at, 4)) for at in (1, 2, 4)], cases=3)
    large = [piece(at, 64, bytes(1400), first=ike.VENDOR) for at in range(1, 7)]
    s.check("more than a message can hold", [ike_frame(msg) for msg in large], {"malformed": 1}, cases=6)
    s.check("all the same, again and again", [ike_frame(piece(2, 2))] * 50, cases=50)


FAMILIES = (
    ("IKE SA: each bit of a message", bits), ("IKE SA: message IDs", message_ids), ("IKE SA: spoofed Deletes and errors",
                                                                                    spoofed),
    ("IKE SA: reflected", reflected), ("IKE SA: what an authentic peer may say", harmless), ("IKE SA: what ends it",
                                                                                             endings),
    ("IKE SA: CREATE_CHILD_SA", creating), ("IKE SA: an honest rekey", honest_rekey), ("IKE SA: fragments", fragments),
)
