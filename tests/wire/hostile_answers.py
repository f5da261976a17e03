# SPDX-License-Identifier: BSD-3-Clause
"""
The gateway calls gamma, and others answer: before gamma does, or in gamma's name. Nothing that is not authentic ends its
attempt, and nobody but gamma gets a link. In the end gamma does.
"""

import os
import struct

import esp
import ike_peer as ike
from gateway import ALPHA, BETA
from hostile import GAMMA_IP, GAMMA_NET, aged, datagram, ike_frame, in_udp, is_call
from hostile_auth import ORDER, replaced, small_points
from hostile_init import patched, points, with_length
from hostile_sa import answer_is, says

GAMMA = "gamma.test"
SPI = b"\x55\0\0\1"


def call(s):
    """The gateway's IKE_SA_INIT request to gamma, and gamma's IKE SA."""
    s.repeated = ()
    s.order("down", GAMMA)
    s.settle()
    s.order("up", GAMMA)
    msg = s.ike_message(GAMMA_IP, is_call)
    sa = ike.IkeSa(initiator=False)
    sa.take_init(msg)
    s.repeated = (msg,)
    return sa


def is_request(sa, exchange, number, wanted=lambda payloads: True):
    """A request of the gateway's under this IKE SA."""
    def right(place, msg):
        return place == GAMMA_IP and ike.header_of(msg)[4:7] == (exchange, ike.INITIATOR, number) and wanted(sa.open(msg))
    return right


def initial(sa, payloads, spi_r=None, flags=ike.RESPONSE, number=0, spi_i=None):
    return ike.message(spi_i or sa.spi_i, sa.spi_r if spi_r is None else spi_r, ike.IKE_SA_INIT, flags, number,
                       ike.first_of(payloads), ike.chain(payloads))


def dropped(s, what, msgs, reason="malformed", src=GAMMA_IP):
    s.check(what, [ike_frame(msg, src) for msg in msgs], {reason: len(msgs)} if reason else {}, cases=len(msgs))


# ---- IKE_SA_INIT -----------------------------------------------------------------------------------------------------

def before_the_right_one(s):
    sa = call(s)
    good = sa.init_payloads()
    request = s.repeated[0]
    kinds = (1, 4, 5, 7, 9, 11, 14, 17, 24, 34, 35, 36, 37, 38, 39, 43, 44, 100, 8192, 16383)
    dropped(s, "errors in the clear", [initial(sa, [ike.notify(kind)], spi_r=bytes(8)) for kind in kinds], None)
    dropped(s, "errors in the clear, of an SA", [initial(sa, [ike.notify(kind)]) for kind in kinds], None)
    dropped(s, "INVALID_KE_PAYLOAD with groups it has not asked for",
            [initial(sa, [ike.notify(ike.INVALID_KE_PAYLOAD, data)], spi_r=bytes(8))
             for data in (b"\0\0", b"\0\1", b"\0\2", b"\0\x0e", b"\0\x13", b"\0\x1f", b"\xff\xff", b"", b"\0",
                          bytes(100))], None)
    dropped(s, "cookies that are none", [initial(sa, [ike.notify(ike.COOKIE, bytes(size))], spi_r=bytes(8))
                                         for size in (0, 65, 66, 1000)])
    dropped(s, "nothing", [initial(sa, []), initial(sa, [(ike.VENDOR, b"?")]), initial(sa, [ike.notify(16388, bytes(20))])])
    dropped(s, "for another SPI", [initial(sa, good, spi_i=os.urandom(8)), initial(sa, good, spi_i=sa.spi_r),
                                   initial(sa, good, spi_i=s.sa.spi_r)], "unknown-sa")
    dropped(s, "from another address", [initial(sa, good)], "unknown-sa", ALPHA.wire)
    dropped(s, "from its own address", [initial(sa, good)], "martian", BETA.wire)
    s.check("from other ports", [ike_frame(initial(sa, good), GAMMA_IP, sport=port) for port in (1, 500, 4501)],
            {"unknown-sa": 3}, cases=3)
    dropped(s, "other message IDs", [initial(sa, good, number=number) for number in (1, 2, 2 ** 32 - 1)], "unknown-sa")
    dropped(s, "as if by the initiator", [initial(sa, good, flags=ike.RESPONSE | ike.INITIATOR)], "unknown-sa")
    dropped(s, "its own request", [request] * 3, "unexpected")
    dropped(s, "its own request, as an answer", [patched(request, 19, ike.RESPONSE)])
    dropped(s, "without an SPI", [initial(sa, good, spi_r=bytes(8))])
    for number in range(3):
        dropped(s, f"without payload {number + 1}; with two",
                [initial(sa, good[:number] + good[number + 1:]), initial(sa, good + [good[number]])])
    msg = initial(sa, good)
    dropped(s, "cut to every length, which it states", [with_length(msg[:length]) for length in range(28, len(msg))])
    dropped(s, "protected payloads; critical ones", [initial(sa, good + [extra])
                                                     for extra in ((46, bytes(40)), (53, bytes(40)), (99, b"", True))])
    proposals(s, sa)
    weak, _ = points()
    dropped(s, "public values of small order", [initial(sa, [good[0], ike.ke(point), good[2]]) for point in weak])
    dropped(s, "public values of other lengths",
            [initial(sa, [good[0], ike.ke(bytes([9] * size)), good[2]]) for size in (*range(32), *range(33, 68), 256)])
    dropped(s, "other groups", [initial(sa, [good[0], ike.ke(bytes([9] * 32), group), good[2]])
                                for group in (0, 2, 14, 19, 32, 65535)])
    dropped(s, "nonces of other lengths", [initial(sa, [good[0], good[1], (ike.NONCE, bytes(size))])
                                           for size in (*range(16), 257, 300)])
    clear = [ike.message(sa.spi_i, sa.spi_r, exchange, ike.RESPONSE, number, ike.first_of(payloads), ike.chain(payloads))
             for exchange in (35, 36, 37) for number in (0, 1) for payloads in ([ike.notify(24)], [ike.delete(1)])]
    dropped(s, "answers to what it has not asked yet", clear, "unknown-sa")
    demand_cookies(s, sa)


def proposals(s, sa):
    good = sa.init_payloads()
    cipher, prf, group = ike.IKE_TRANSFORMS
    lists = [[(1, 20, 192), prf, group], [(1, 20), prf, group], [(1, 12, 256), prf, group], [(1, 18, 256), prf, group],
             [(1, 11), prf, group],
             [cipher, (2, 2), group], [cipher, (2, 1), group], [cipher, prf, (4, 14)], [cipher, prf, (4, 0)], [cipher,
                                                                                                               prf], [cipher, group],
             [prf, group], [cipher, prf, group, (3, 12)], [cipher, prf, group, ike.ESN], [cipher, prf, group, (6, 1)],
             [cipher, ike.AES_GCM_128, prf, group], [cipher, prf, prf, group], [cipher, prf, group, group]]
    dropped(s, "proposals that it has not made", [initial(sa, [(ike.SA, ike.proposals(entries)), *good[1:]])
                                                  for entries in lists])
    one = good[0][1]
    bodies = [patched(one, 4, 0), patched(one, 4, 2), patched(one, 4, 255), patched(one, 5, 3), one[:8], one + one,
              ike.proposals(
        ike.IKE_TRANSFORMS, ike.IKE_TRANSFORMS), patched(one, 7, 2), patched(one, 7, 255), ike.proposals(ike.IKE_TRANSFORMS,
                                                                                                         spi=bytes(8))]
    dropped(s, "broken ones", [initial(sa, [(ike.SA, body), *good[1:]]) for body in bodies])


def demand_cookies(s, sa):
    """Anybody can; it follows three demands."""
    for number in range(3):
        cookie = bytes([number]) * (number * 31 + 1)

        def returned(place, msg):
            payloads = ike.read_chain(ike.header_of(msg)[2], msg[ike.HEADER_LEN:])
            s.repeated += (msg,)
            return ike.notifies(payloads)[ike.COOKIE] == cookie and chain_of(payloads[1:]) == chain_of(first)
        first = ike.read_chain(ike.SA, s.repeated[0][ike.HEADER_LEN:])
        s.check(f"a demand for a cookie, {number + 1}", [ike_frame(initial(sa, [ike.notify(ike.COOKIE, cookie)], bytes(8)),
                                                                   GAMMA_IP)],
                answers=[returned], calls=True)
    dropped(s, "more demands", [initial(sa, [ike.notify(ike.COOKIE, bytes([number] * 8))], spi_r=bytes(8))
                                for number in range(7)], "unexpected")
    # Gamma answers what came last, and signs over it.
    sa.init_request = s.repeated[-1]
    goes_on(s, sa)


def chain_of(payloads):
    return [(kind, bytes(body)) for kind, body in payloads]


# ---- IKE_AUTH --------------------------------------------------------------------------------------------------------

def goes_on(s, sa):
    """Gamma's right answer: the gateway names itself, and gamma finds it authentic."""
    asked = []

    def right(payloads):
        asked[:] = payloads
        sa.auth_is_by(s.gateway_key, payloads)
        return True
    s.check("the right answer", [ike_frame(sa.init_message(), GAMMA_IP)], answers=[is_request(sa, ike.IKE_AUTH, 1, right)])
    s.expect("gateway", "its name", ike.body_of(asked, ike.IDI), ike.identity(BETA.name.encode()))
    s.expect("gateway", "whom it looks for", ike.body_of(asked, ike.IDR), ike.identity(GAMMA.encode()))
    return asked


def calling(s):
    """An IKE SA in which the gateway waits for the answer to its IKE_AUTH, and what that asks for."""
    sa = call(s)
    asked = []

    def keep(payloads):
        asked[:] = payloads
        return True
    s.send([ike_frame(sa.init_message(), GAMMA_IP)])
    msg = s.ike_message(GAMMA_IP, is_request_bytes(ike.IKE_AUTH))
    keep(sa.open(msg))
    s.repeated = (*s.repeated, msg)
    s.settle()
    return sa, asked


def is_request_bytes(exchange):
    return lambda msg: ike.header_of(msg)[4:6] == (exchange, ike.INITIATOR)


def honest(s, sa, name=GAMMA.encode(), net=GAMMA_NET, transforms=ike.ESP_TRANSFORMS, spi=SPI):
    id_body = ike.identity(name)
    return [(ike.IDR, id_body), ike.auth(sa.sign(s.gamma_key, id_body)),
            (ike.SA, ike.proposals(transforms, protocol=ike.PROTO_ESP, spi=spi)),
            (ike.TSI, ike.selectors(ike.prefix_selector(BETA.net))), (ike.TSR, ike.selectors(ike.prefix_selector(net)))]


def auth_answer(sa, payloads, number=1, key=None):
    return sa.seal(ike.IKE_AUTH, payloads, number, response=True, key=key)


def while_it_waits(s):
    """Its IKE_AUTH is out, and who answers has not the keys; then gamma answers."""
    sa, asked = calling(s)
    good = honest(s, sa)
    keys = [os.urandom(36), bytes(36), sa.sk_ei, s.sa.sk_er]
    dropped(s, "sealed with other keys", [auth_answer(sa, payloads, key=key) for key in keys
                                          for payloads in (good, [ike.notify(ike.AUTHENTICATION_FAILED)],
                                                           [])], "bad-integrity")
    clear = [ike.message(sa.spi_i, sa.spi_r, ike.IKE_AUTH, ike.RESPONSE, 1, ike.first_of(payloads), ike.chain(payloads))
             for payloads in (good, [], *([ike.notify(kind)] for kind in (1, 7, 14, 24, 38, 43)))]
    dropped(s, "in the clear", clear)
    msg = auth_answer(sa, good)
    dropped(s, "each byte behind its headers wrong", [patched(msg, at, msg[at] ^ 1) for at in range(32, len(msg))],
            "bad-integrity")
    other = [auth_answer(sa, good, number) for number in (0, 2, 3, 2 ** 32 - 1)]
    other += [sa.seal(exchange, [ike.notify(24)], 1, response=True) for exchange in (36, 37)]
    other += [sa.seal(exchange, [ike.delete(1)], number) for exchange in (35, 36, 37) for number in (0, 1)]
    dropped(s, "what it does not wait for, authentic", other, "unexpected")
    request = s.repeated[-1]
    dropped(s, "its own request", [request], "unknown-sa")
    dropped(s, "its own request, as an answer", [patched(request, 19, ike.RESPONSE)], "bad-integrity")
    dropped(s, "IKE_SA_INIT once more, also another one", [sa.init_response, initial(sa, ike.IkeSa(False).init_payloads())],
            "unknown-sa")
    dropped(s, "errors to IKE_SA_INIT", [initial(sa, [ike.notify(kind)], spi_r=bytes(8)) for kind in (7, 14, 17, 24)],
            "unknown-sa")
    s.check("and then gamma", [ike_frame(msg, GAMMA_IP)])
    s.repeated = ()
    s.expect("gamma", "its state", s.telemetry.ask(f"peer,{GAMMA}")["state"], "up")
    cross_traffic(s, sa, asked)


def cross_traffic(s, sa, asked):
    """Two peers: neither speaks for the other, nor reaches it through here."""
    to, back = sa.child_keys()
    _, spi, _ = ike.read_proposal(ike.body_of(asked, ike.SA))
    gamma = esp.Sa(GAMMA_IP, BETA.wire, int.from_bytes(spi, "big"), back)
    sent = [datagram("10.3.0.9", BETA.host), datagram(ALPHA.host, BETA.host), datagram("10.3.0.9", ALPHA.host),
            datagram(ALPHA.host, "10.3.0.9")]
    frames = [in_udp(esp.seal_clear(gamma, esp.trailer(inner), number), GAMMA_IP) for number, inner in enumerate(sent, 1)]
    s.check("gamma as gamma, as alpha, to alpha, and both", frames, {"selector": 3}, [aged(sent[0])], cases=4)
    s.check("all again, from alpha's address", [in_udp(esp.seal_clear(gamma, esp.trailer(inner), number)) for number,
                                                inner in enumerate(sent, 1)],
            {"replay": 4}, cases=4)
    s.check("alpha as gamma, and to gamma", [in_udp(s.child.seal(datagram("10.3.0.9"))),
                                             in_udp(s.child.seal(datagram(dst="10.3.0.9")))],
            {"selector": 2}, cases=2)
    key = gamma.key
    mixed = esp.Sa(GAMMA_IP, BETA.wire, s.child.send.spi, key)
    s.check("gamma's key under alpha's SPI", [in_udp(esp.seal_clear(mixed, esp.trailer(sent[0]), s.child.seq + 5),
                                                     GAMMA_IP)], {"bad-icv": 1})
    s.check("alpha's Delete under gamma's SA", [ike_frame(sa.seal(ike.INFORMATIONAL, [ike.delete(
        ike.PROTO_ESP, s.child.receive.spi.to_bytes(4, "big"))], 0), GAMMA_IP)], answers=[lambda place,
                                                                                          msg: place == GAMMA_IP and sa.open(msg) == []])
    s.check("gamma's own Delete", [ike_frame(sa.seal(ike.INFORMATIONAL, [ike.delete(ike.PROTO_IKE)], 1), GAMMA_IP)],
            answers=[lambda place, msg: place == GAMMA_IP and sa.open(msg) == []])
    s.order("down", GAMMA)
    s.settle()


def disbelieved(s):
    """Whoever made the key exchange is not gamma: the gateway says so, and has no link."""
    def wrong(what, make):
        sa, _ = calling(s)
        msg = auth_answer(sa, make(sa, honest(s, sa)))
        s.check(what, [ike_frame(msg, GAMMA_IP)], {"auth-failures": 1},
                answers=[is_request(sa, ike.INFORMATIONAL, 2, says(ike.AUTHENTICATION_FAILED))])
        s.expect(what, "state of gamma", s.telemetry.ask(f"peer,{GAMMA}")["state"] != "up", True)

    def signed(what, make):
        wrong(what, lambda sa, payloads: replaced(payloads, ike.AUTH,
                                                  ike.auth(make(sa, ike.body_of(payloads, ike.AUTH)[-64:]))[1]))
    name = ike.identity(GAMMA.encode())
    signed("S + L", lambda sa, right: right[:32] + (int.from_bytes(right[32:], "little") + ORDER).to_bytes(32, "little"))
    signed("S + 8 L", lambda sa, right: right[:32] + (int.from_bytes(right[32:], "little") + 8 * ORDER).to_bytes(32,
                                                                                                                 "little"))
    for point in small_points()[:7]:
        signed(f"R of small order, {point.hex()}", lambda sa, right: point + bytes(32))
    for bit in (0, 7, 255, 256, 300, 504, 511):
        signed(f"bit {bit}", lambda sa, right: (int.from_bytes(right, "little") ^ 1 << bit).to_bytes(64, "little"))
    for length in (0, 63, 65):
        signed(f"{length} bytes", lambda sa, right: (right + right)[:length])
    signed("by alpha's key", lambda sa, right: s.alpha_key.sign(sa.octets(False, name)))
    signed("over what the initiator signs", lambda sa, right: s.gamma_key.sign(sa.octets(True, name)))
    signed("over another answer", lambda sa, right: s.gamma_key.sign(sa.octets(False, name,
                                                                               initial(sa, sa.init_payloads()[::-1]))))
    signed("over its own nonce", lambda sa, right: s.gamma_key.sign(sa.init_response + sa.nonce_r + ike.prf(sa.sk_pr, name)))
    wrong("the gateway's own signature", lambda sa, payloads: replaced(
        payloads, ike.AUTH, ike.body_of(sa.open(s.repeated[-1]), ike.AUTH)))
    wrong("method 2", lambda sa, payloads: replaced(payloads, ike.AUTH, ike.auth(bytes(64), method=2)[1]))
    wrong("ECDSA", lambda sa, payloads: replaced(payloads, ike.AUTH,
                                                 ike.auth(bytes(64), bytes.fromhex("300a06082a8648ce3d040302"))[1]))
    for other in (b"alpha.test", b"beta.test", b"", b"gamma.test\0", b"GAMMA.test"):
        wrong(f"named {other!r}", lambda sa, payloads: honest(s, sa, other))
    for kind in (1, 3, 11):
        wrong(f"kind {kind}", lambda sa, payloads: replaced(payloads, ike.IDR, ike.identity(GAMMA.encode(), kind)))
    s.repeated = ()
    s.order("down", GAMMA)
    s.settle()


def unwanted(s):
    """Gamma is authentic, and answers what was not asked: no link, and a Delete."""
    def wrong(what, change):
        sa, _ = calling(s)
        s.check(what, [ike_frame(auth_answer(sa, change(sa, honest(s, sa))), GAMMA_IP)],
                answers=[is_request(sa, ike.INFORMATIONAL, 2, lambda found: found == [ike.delete(ike.PROTO_IKE)])])
        s.expect(what, "state of gamma", s.telemetry.ask(f"peer,{GAMMA}")["state"] != "up", True)
    cipher = ike.AES_GCM_256
    for entries in ([(1, 20, 192), ike.ESN], [(1, 12, 256), ike.ESN], [(1, 11), ike.ESN], [cipher],
                    [cipher, ike.ESN, ike.NO_ESN],
                    [cipher, ike.AES_GCM_128, ike.ESN], [cipher, ike.ESN, (3, 12)], [cipher, ike.ESN, ike.X25519]):
        wrong(f"{entries}", lambda sa, payloads: honest(s, sa, transforms=entries))
    for spi in (b"", bytes(4), b"\0\0\0\xff", bytes(8)):
        wrong(f"SPI {spi.hex()}", lambda sa, payloads: honest(s, sa, spi=spi))
    for net in (ALPHA.net, BETA.net, "0.0.0.0/0", "10.0.0.0/8", "10.2.0.0/15"):
        wrong(f"gamma's side {net}", lambda sa, payloads: honest(s, sa, net=net))
    wrong("this side is all", lambda sa, payloads: replaced(payloads, ike.TSI,
                                                            ike.selectors(ike.prefix_selector("0.0.0.0/0"))))
    for kind in (ike.SA, ike.TSI, ike.TSR):
        wrong(f"without payload {kind}", lambda sa, payloads: replaced(payloads, kind))
    for kind in (14, 34, 35, 38, 43):
        wrong(f"error {kind} in place of a child SA", lambda sa, payloads: payloads[:2] + [ike.notify(kind)])
    s.repeated = ()
    s.order("down", GAMMA)
    s.settle()


def refused(s):
    """Gamma, or who made the key exchange, refuses: authentic as far as that goes, and the attempt is over."""
    for kind in (1, 7, 14, 17, 24, 38, 43, 44, 8192):
        sa, _ = calling(s)
        s.check(f"error {kind}", [ike_frame(auth_answer(sa, [ike.notify(kind)]), GAMMA_IP)],
                {"auth-failures": int(kind == 24)})
    for what, payloads in (("nothing", []), ("no AUTH", [(ike.IDR, ike.identity(GAMMA.encode()))]),
                           ("no name", [ike.auth(bytes(64))])):
        sa, _ = calling(s)
        s.check(what, [ike_frame(auth_answer(sa, payloads), GAMMA_IP)])
    for what, first, plain in (("a broken chain", ike.IDR, bytes(4)),
                               ("two names", ike.IDR, ike.chain([(ike.IDR, bytes(8))] * 2)),
                               ("an unknown payload, critical", 99, ike.chain([(99, b"", True)]))):
        sa, _ = calling(s)
        s.check(what, [ike_frame(sa.seal_plain(ike.IKE_AUTH, first, plain + b"\0", 1, response=True), GAMMA_IP)],
                {"malformed": 1})
    s.repeated = ()
    s.order("down", GAMMA)
    s.settle()


FAMILIES = (
    ("answers: before the right one", before_the_right_one), ("answers: while it waits for IKE_AUTH", while_it_waits),
    ("answers: not gamma", disbelieved), ("answers: not what was asked", unwanted), ("answers: refusals", refused),
)
