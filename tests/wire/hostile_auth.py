# SPDX-License-Identifier: BSD-3-Clause
"""
IKE_AUTH from people who have made a key exchange, as anybody can, and want to be alpha: signatures that are none, names that
are not theirs, handshakes that were changed on their way. And alpha itself, who is believed, and asks for what it may not
have.
"""

import os
import struct

import ike_peer as ike
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway import ALPHA, BETA
from hostile import ike_frame
from hostile_sa import answer_is, says

ORDER = 2 ** 252 + 27742317777372353535851937790883648493
NAME = ALPHA.name.encode()
SPI = b"\x66\0\0\1"


def believed(found):
    return not ike.errors(found) and ike.body_of(found, ike.AUTH) is not None


def refused(s, what, change, init_change=None, kind=ike.AUTHENTICATION_FAILED, transforms=ike.IKE_TRANSFORMS):
    """A handshake whose IKE_AUTH is made by change(sa, honest payloads); it must be refused."""
    sa = s.half_open(transforms=transforms)
    if init_change:
        init_change(sa)
    msg = sa.seal(ike.IKE_AUTH, change(sa, s.auth_payloads(sa, SPI)), 1)
    counters = {"auth-failures": 1} if kind == ike.AUTHENTICATION_FAILED else {}
    s.check(what, [ike_frame(msg)], counters, answers=[answer_is(sa, ike.IKE_AUTH, 1, says(kind))])
    s.check(f"{what}: nothing is left of it", [ike_frame(sa.seal(ike.INFORMATIONAL, [], 2))], {"unknown-sa": 1}, cases=0)


def replaced(payloads, kind, *bodies):
    """Payloads with others in the place of the first of a type."""
    at = next(at for at, payload in enumerate(payloads) if payload[0] == kind)
    return payloads[:at] + [(kind, body) for body in bodies] + payloads[at + 1:]


def signature_of(payloads):
    return ike.body_of(payloads, ike.AUTH)[-64:]


def signed(s, what, make):
    """With another signature: make(sa, the right one)."""
    refused(s, what, lambda sa, payloads: replaced(payloads, ike.AUTH, ike.auth(make(sa, signature_of(payloads)))[1]))


# ---- Signatures ------------------------------------------------------------------------------------------------------

def small_points():
    """Encodings of the points of small order of Ed25519."""
    p = 2 ** 255 - 19
    numbers = [0, 1, p - 1, p, p + 1] + [int.from_bytes(bytes.fromhex(text), "little") for text in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
    points = [number.to_bytes(32, "little") for number in numbers]
    return points + [point[:31] + bytes([point[31] | 0x80]) for point in points]


def signatures(s):
    for multiple in range(1, 16):
        def same_value(sa, right):
            number = int.from_bytes(right[32:], "little") + multiple * ORDER
            return right[:32] + (number % 2 ** 256).to_bytes(32, "little")
        signed(s, f"S + {multiple} L, which is the same number", same_value)
    for bit in range(0, 512, 5):
        signed(s, f"bit {bit} of it", lambda sa, right: (int.from_bytes(right, "little") ^ 1 << bit).to_bytes(64, "little"))
    for point in small_points():
        signed(s, f"R of small order, S of 0, {point.hex()}", lambda sa, right: point + bytes(32))
        signed(s, f"R of small order, {point.hex()}", lambda sa, right: point + right[32:])
    signed(s, "zeros", lambda sa, right: bytes(64))
    signed(s, "ones", lambda sa, right: b"\xff" * 64)
    signed(s, "S of 0", lambda sa, right: right[:32] + bytes(32))
    signed(s, "S of L", lambda sa, right: right[:32] + ORDER.to_bytes(32, "little"))
    signed(s, "S of L - 1", lambda sa, right: right[:32] + (ORDER - 1).to_bytes(32, "little"))
    signed(s, "-S", lambda sa, right: right[:32] + (ORDER - int.from_bytes(right[32:], "little")).to_bytes(32, "little"))
    signed(s, "-R", lambda sa, right: right[:31] + bytes([right[31] ^ 0x80]) + right[32:])
    signed(s, "halves exchanged", lambda sa, right: right[32:] + right[:32])
    signed(s, "backwards", lambda sa, right: right[::-1])
    for length in (0, 1, 31, 32, 63, 65, 96, 128, 512):
        signed(s, f"{length} bytes of it", lambda sa, right: (right + right * 8)[:length])


def algorithms(s):
    """The right signature under the name of another algorithm, or another way to say the same."""
    names = {
        "ECDSA with SHA-256": "300a06082a8648ce3d040302", "RSA with SHA-256": "300d06092a864886f70d01010b0500", "Ed448": "300506032b6571",
        "X25519": "300506032b656e", "Ed25519 with NULL": "300706032b65700500", "Ed25519 without SEQUENCE": "06032b6570",
        "SEQUENCE of nothing": "3000", "nothing": "", "a long form of its length": "30810506032b6570", "another tag": "310506032b6570",
        "a longer OID": "300606042b657000", "zeros": "00" * 7, "255 bytes": "30" * 255,
    }
    for name, text in names.items():
        refused(s, name, lambda sa, payloads: replaced(
            payloads, ike.AUTH, ike.auth(signature_of(payloads), bytes.fromhex(text))[1]))
    for length in (0, 1, 6, 8, 71, 255):
        refused(s, f"its length said to be {length}", lambda sa, payloads: replaced(
            payloads, ike.AUTH, (lambda body: body[:4] + bytes([length]) + body[5:])(ike.body_of(payloads, ike.AUTH))))
    for method in (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 15, 128, 142, 255):
        refused(s, f"method {method}", lambda sa, payloads: replaced(
            payloads, ike.AUTH, ike.auth(signature_of(payloads), method=method)[1]))
    for method in (1, 2, 3, 14):
        refused(s, f"method {method}, the bare signature",
                lambda sa, payloads: replaced(payloads, ike.AUTH, bytes([method, 0, 0, 0]) + signature_of(payloads)))
    refused(s, "method 2, a shared key that is empty", lambda sa, payloads: replaced(
        payloads, ike.AUTH, b"\2\0\0\0" + ike.prf(ike.prf(b"", b"Key Pad for IKEv2"), sa.octets(True, ike.identity(NAME)))))
    refused(s, "an AUTH payload of nothing", lambda sa, payloads: replaced(payloads, ike.AUTH, b"\x0e\0\0\0"))
    refused(s, "no AUTH payload", lambda sa, payloads: replaced(payloads, ike.AUTH))
    refused(s, "EAP in its place", lambda sa, payloads: replaced(payloads, ike.AUTH) + [(ike.EAP, b"\1\1\0\5\1")])
    refused(s, "a certificate in its place", lambda sa, payloads: replaced(payloads,
                                                                           ike.AUTH) + [(ike.CERT, b"\4" + bytes(40))])


def octets(s):
    """Signed with alpha's key, but over something else than this handshake."""
    def over(what, make):
        signed(s, what, lambda sa, right: s.alpha_key.sign(make(sa, ike.identity(NAME))))
    over("nothing", lambda sa, name: b"")
    over("the request alone", lambda sa, name: sa.init_request)
    over("without the name", lambda sa, name: sa.init_request + sa.nonce_r)
    over("with another name", lambda sa, name: sa.octets(True, ike.identity(b"gamma.test")))
    over("with the name in the clear", lambda sa, name: sa.init_request + sa.nonce_r + name)
    over("its own nonce", lambda sa, name: sa.init_request + sa.nonce_i + ike.prf(sa.sk_pi, name))
    over("no nonce", lambda sa, name: sa.init_request + ike.prf(sa.sk_pi, name))
    over("the key of the other end", lambda sa, name: sa.init_request + sa.nonce_r + ike.prf(sa.sk_pr, name))
    over("the derived key", lambda sa, name: sa.init_request + sa.nonce_r + ike.prf(sa.sk_d, name))
    over("what the answerer signs", lambda sa, name: sa.octets(False, name))
    over("the answer", lambda sa, name: sa.init_response + sa.nonce_r + ike.prf(sa.sk_pi, name))
    over("the marker before it", lambda sa, name: bytes(4) + sa.octets(True, name))
    for at in range(0, 110, 5):
        over(f"byte {at} of its request was another", lambda sa, name: sa.octets(True, name, sa.init_request[:at] + bytes(
            [sa.init_request[at] ^ 1]) + sa.init_request[at + 1:]))
    before = s.half_open()
    old = before.sign(s.alpha_key, ike.identity(NAME))
    signed(s, "that of an earlier handshake", lambda sa, right: old)
    stranger = Ed25519PrivateKey.generate()
    signed(s, "by a stranger's key", lambda sa, right: stranger.sign(sa.octets(True, ike.identity(NAME))))
    signed(s, "by gamma's key", lambda sa, right: s.gamma_key.sign(sa.octets(True, ike.identity(NAME))))


def downgrades(s):
    """A third party has changed IKE_SA_INIT on its way: what alpha has signed is not what came."""
    both = (ike.AES_GCM_256, ike.AES_GCM_128, ike.PRF_SHA256, ike.X25519)
    weak = (ike.AES_GCM_128, ike.PRF_SHA256, ike.X25519)

    def sent(transforms, extra=()):
        def make(sa):
            # What alpha believes to have sent.
            payloads = [(ike.SA, ike.proposals(transforms)), *sa.init_payloads()[1:], *extra]
            sa.init_request = ike.message(sa.spi_i, bytes(8), ike.IKE_SA_INIT, ike.INITIATOR, 0, ike.SA, ike.chain(payloads))
        return make

    def change(sa, payloads):
        return replaced(payloads, ike.AUTH, ike.auth(sa.sign(s.alpha_key, ike.identity(NAME)))[1])
    refused(s, "256 bits taken out", change, sent(both), transforms=weak)
    refused(s, "256 bits for 128", change, sent(ike.IKE_TRANSFORMS), transforms=weak)
    refused(s, "128 bits for 256", change, sent(weak))
    refused(s, "a choice added", change, sent(both))
    refused(s, "no integrity added", change, sent((*ike.IKE_TRANSFORMS, ike.INTEG_NONE)))
    refused(s, "a better group taken out", change, sent((*ike.IKE_TRANSFORMS[:2], (4, 32), ike.X25519)))
    refused(s, "a second proposal taken out", change,
            lambda sa: setattr(sa, "init_request", ike.message(sa.spi_i, bytes(8), ike.IKE_SA_INIT, ike.INITIATOR, 0, ike.SA,
                                                               ike.chain(
                [(ike.SA, ike.proposals(ike.IKE_TRANSFORMS, weak)), *sa.init_payloads()[1:]]))))
    for kind in (16388, 16389, ike.FRAGMENTATION_SUPPORTED, 16431, 16435, 16438):
        refused(s, f"notify {kind} taken out", change, sent(ike.IKE_TRANSFORMS, [ike.notify(kind, bytes(2))]))
    refused(s, "a cookie put in", lambda sa, payloads: change(sa, payloads), lambda sa: setattr(
        sa, "init_request", sa.init_message([ike.notify(ike.COOKIE, bytes(33))] + sa.init_payloads())))
    other = os.urandom(8)
    refused(s, "another SPI", change, lambda sa: setattr(sa, "init_request", other + sa.init_request[8:]))
    refused(s, "another minor version", change, lambda sa: setattr(
        sa, "init_request", sa.init_request[:17] + b"\x21" + sa.init_request[18:]))


def identities(s):
    def named(what, body, sign_as=None, key=None, id_r=None):
        def change(sa, payloads):
            made = replaced(payloads, ike.IDI, body)
            signature = sa.sign(key or s.alpha_key, sign_as or body)
            made = replaced(made, ike.AUTH, ike.auth(signature)[1])
            return made + ([(ike.IDR, id_r)] if id_r else [])
        refused(s, what, change)
    for kind in (0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 200, 201, 255):
        named(f"kind {kind}", ike.identity(NAME, kind))
    for name in (b"", b"a", NAME[:-1], NAME + b"x", NAME + b"\0", b"\0" + NAME, NAME.upper(), b"Alpha.test", NAME + b".",
                 b" " + NAME,
                 NAME + b"\n", NAME * 20, b"*", b"%s%n", b"..", b"beta.test", b"gamma.test", b"x" * 255, b"x" * 256, b"x" * 1000,
                 "álpha.test".encode(), b"\xff" * 20, b"\x1b[2J" + NAME):
        named(f"{name[:20]!r} of {len(name)} bytes", ike.identity(name))
    named("alpha's name, gamma's key", ike.identity(NAME), key=s.gamma_key)
    named("gamma's name, alpha's key", ike.identity(b"gamma.test"))
    named("reserved bytes that were not signed", b"\2\1\2\3" + NAME, ike.identity(NAME))
    for id_r in (b"gamma.test", b"", NAME, b"beta.tes", b"beta.test\0"):
        named(f"it looks for {id_r!r}", ike.identity(NAME), id_r=ike.identity(id_r))
    for kind in (1, 3, 11):
        named(f"it looks for beta, kind {kind}", ike.identity(NAME), id_r=ike.identity(b"beta.test", kind))
    refused(s, "no name", lambda sa, payloads: replaced(payloads, ike.IDI), kind=ike.INVALID_SYNTAX)


# ---- Half-open SAs ---------------------------------------------------------------------------------------------------

def half_open(s):
    """Only who has made the key exchange can go on with it, and only with IKE_AUTH."""
    sa = s.half_open()
    s.settle()
    honest = s.auth_payloads(sa, SPI)
    forged = [sa.seal(ike.IKE_AUTH, honest, 1, key=key) for key in (os.urandom(36), bytes(36), sa.sk_er, s.sa.sk_ei)]
    s.check("sealed with other keys", [ike_frame(msg) for msg in forged], {"bad-integrity": len(forged)}, cases=len(forged))
    msg = sa.seal(ike.IKE_AUTH, honest, 1)
    flipped = [msg[:at] + bytes([msg[at] ^ 1]) + msg[at + 1:] for at in range(32, len(msg))]
    s.check("each byte behind its headers wrong", [ike_frame(other) for other in flipped], {"bad-integrity": len(flipped)},
            cases=len(flipped))
    early = [sa.seal(exchange, [], number) for exchange, number in
             ((ike.INFORMATIONAL, 1), (ike.CREATE_CHILD_SA, 1), (ike.IKE_AUTH, 0), (ike.IKE_AUTH, 2),
              (ike.IKE_AUTH, 2 ** 32 - 1))]
    early += [sa.seal(ike.INFORMATIONAL, [ike.delete(ike.PROTO_IKE)], 1), sa.seal(ike.IKE_AUTH, [], 1, response=True)]
    s.check("what is not its turn", [ike_frame(other) for other in early], {"unexpected": len(early)}, cases=len(early))
    clear = [ike.message(sa.spi_i, sa.spi_r, ike.IKE_AUTH, ike.INITIATOR, 1, ike.first_of(payloads), ike.chain(payloads))
             for payloads in (honest, [ike.notify(ike.AUTHENTICATION_FAILED)], [])]
    s.check("in the clear", [ike_frame(other) for other in clear], {"malformed": len(clear)}, cases=len(clear))
    whole = sa.seal_plain(ike.IKE_AUTH, ike.IDI, ike.chain(honest) + b"\0", 1, fragment=struct.pack("!HH", 1, 1))
    s.check("in fragments, which were not agreed", [ike_frame(whole)], {"malformed": 1})
    s.check("and then as it should be", [ike_frame(msg)], answers=[answer_is(sa, ike.IKE_AUTH, 1, believed)])
    s.check("once more", [ike_frame(msg)], {"retransmits": 1}, answers=[answer_is(sa, ike.IKE_AUTH, 1, believed)])
    s.check("its request of before once more", [ike_frame(sa.init_request)], answers=[lambda place, other: True])
    s.connect()
    for what, plain, first in (("a broken chain", b"\0\0\0\0", ike.IDI),
                               ("two names", ike.chain([(ike.IDI, ike.identity(NAME))] * 2), ike.IDI),
                               ("SK inside", ike.chain([(ike.SK, bytes(40))]), ike.SK)):
        sa = s.half_open()
        s.check(what, [ike_frame(sa.seal_plain(ike.IKE_AUTH, first, plain + b"\0", 1))], {"malformed": 1},
                answers=[answer_is(sa, ike.IKE_AUTH, 1, says(ike.INVALID_SYNTAX))])
    sa = s.half_open()
    s.check("an unknown payload, critical", [ike_frame(sa.seal(ike.IKE_AUTH, [*s.auth_payloads(sa, SPI), (99, b"", True)],
                                                               1))],
            answers=[answer_is(sa, ike.IKE_AUTH, 1, says(ike.UNSUPPORTED_CRITICAL_PAYLOAD))])


# ---- Authentic, and too demanding ------------------------------------------------------------------------------------

def children(s):
    """Alpha is believed, and gets no child SA. It closes what it got."""
    def none(what, kind, change):
        sa = s.half_open()
        msg = sa.seal(ike.IKE_AUTH, change(s.auth_payloads(sa, SPI)), 1)

        def right(found):
            return ike.errors(found) == [kind] and ike.body_of(found, ike.SA) is None and sa.auth_is_by(s.gateway_key,
                                                                                                        found) is None
        s.check(what, [ike_frame(msg)], answers=[answer_is(sa, ike.IKE_AUTH, 1, right)])
        s.check(f"{what}: closed", [ike_frame(sa.seal(ike.INFORMATIONAL, [ike.delete(ike.PROTO_IKE)], 2))],
                answers=[answer_is(sa, ike.INFORMATIONAL, 2)], cases=0)

    def offered(body):
        return lambda payloads: replaced(payloads, ike.SA, body)

    def selected(kind, body):
        return lambda payloads: replaced(payloads, kind, body)
    cipher = ike.AES_GCM_256
    for kind in (ike.SA, ike.TSI, ike.TSR):
        none(f"no payload {kind}", ike.INVALID_SYNTAX, lambda payloads: replaced(payloads, kind))
    lists = [[cipher, ike.ESN, (3, 12)], [(1, 11), ike.ESN], [(1, 12, 256), (3, 12), ike.ESN], [(1, 20, 192), ike.ESN],
             [cipher, ike.ESN, ike.X25519],
             [cipher, ike.ESN, (4, 14)], [ike.ESN], [cipher], [cipher, (5, 2)], [cipher, ike.ESN, (2, 5)], [cipher, ike.ESN,
                                                                                                            (6, 0)], [(1, 18, 256), ike.ESN],
             [(1, 28, 256), ike.ESN]]
    for entries in lists:
        none(f"{entries}", ike.NO_PROPOSAL_CHOSEN, offered(ike.proposals(entries, protocol=ike.PROTO_ESP, spi=SPI)))
    for protocol in (0, 1, 2, 4, 255):
        none(f"protocol {protocol}", ike.NO_PROPOSAL_CHOSEN, offered(ike.proposals(ike.ESP_TRANSFORMS, protocol=protocol,
                                                                                   spi=SPI)))
    for spi in (b"", b"\1", bytes(8), bytes(4), b"\0\0\0\1", b"\0\0\0\xff"):
        none(f"SPI {spi.hex()}", ike.NO_PROPOSAL_CHOSEN, offered(ike.proposals(ike.ESP_TRANSFORMS, protocol=ike.PROTO_ESP,
                                                                               spi=spi)))
    good = ike.proposals(ike.ESP_TRANSFORMS, protocol=ike.PROTO_ESP, spi=SPI)
    for body in (good[:8], good[:-1], good + b"\0", good[:7] + b"\0" + good[8:], good[:7] + b"\xff" + good[8:]):
        none(f"broken, {body.hex()}", ike.INVALID_SYNTAX, offered(body))
    for net in ("10.2.0.0/16", "10.3.0.0/16", "192.0.2.0/24", "127.0.0.0/8", "224.0.0.0/4"):
        none(f"alpha's side {net}", ike.TS_UNACCEPTABLE, selected(ike.TSI, ike.selectors(ike.prefix_selector(net))))
    for net in ("10.1.0.0/16", "10.3.0.0/16", "192.0.2.0/24", "127.0.0.0/8", "8.8.8.8/32"):
        none(f"this side {net}", ike.TS_UNACCEPTABLE, selected(ike.TSR, ike.selectors(ike.prefix_selector(net))))
    turned = ike.selectors(ike.selector(bytes([10, 1, 255, 255]), bytes([10, 1, 0, 0])))
    none("a range turned round", ike.TS_UNACCEPTABLE, selected(ike.TSI, turned))
    opaque = ike.selectors(ike.selector(bytes([10, 1, 0, 0]), bytes([10, 1, 255, 255]), ports=(65535, 0)))
    none("ports that are opaque", ike.TS_UNACCEPTABLE, selected(ike.TSI, opaque))
    for body in (b"\0\0\0\0", b"\1\0\0\0", b"\2\0\0\0" + turned[4:], b"\1\0\0\0" + turned[4:-1],
                 b"\1\0\0\0\7\0\0\0" + bytes(12)):
        none(f"selectors {body.hex()}", ike.INVALID_SYNTAX, selected(ike.TSI, body))
    none("selectors of a kind nobody knows", ike.TS_UNACCEPTABLE, selected(ike.TSI, b"\1\0\0\0\x0a\0\0\x10" + bytes(12)))


FAMILIES = (
    ("IKE_AUTH: signatures", signatures), ("IKE_AUTH: algorithms and methods", algorithms), ("IKE_AUTH: over other octets",
                                                                                             octets),
    ("IKE_AUTH: downgrades", downgrades), ("IKE_AUTH: identities", identities), ("IKE_AUTH: half-open SAs", half_open),
    ("IKE_AUTH: child SAs", children),
)
