#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The published method's stack, with which applications are compared, protects what it says: or the comparison is unfair."""

import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire")]

from applications.method import HEADER_LEN, HELLO, SEALED, WINDOW, Plain, Refused, Responder, Sealed, identity  # noqa: E402
from tap import Tap, equal  # noqa: E402

SECRET = b"what nobody else may read"


class Wire:
    """Carries requests to a responder, and remembers them."""

    def __init__(self, client=b"c", server=b"s", known=b"c"):
        self.client, self.server = identity(client * 32), identity(server * 32)
        self.responder = Responder(self.server, identity(known * 32).public_key(), lambda message: message[::-1])
        self.requests, self.replies = [], []
        self.change = lambda octets: octets

    def exchange(self, request):
        self.requests.append(request)
        self.replies.append(self.responder.answer(self.change(request)))
        return self.replies[-1]

    def connect(self, peer=None):
        return Sealed(self.exchange, self.client, (peer or self.server).public_key())


def refused(kind, function, *arguments):
    try:
        function(*arguments)
    except kind:
        return
    raise AssertionError(f"{function.__name__} was not refused")


def flipped(octets, at):
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1:]


def hides(tap):
    with tap.case("a sealed message arrives and is not seen; a plain one is"):
        wire = Wire()
        equal(wire.connect().ask(SECRET), SECRET[::-1], "the reply")
        assert not any(SECRET in octets or SECRET[::-1] in octets for octets in wire.requests + wire.replies)
        equal(Plain(wire.exchange).ask(SECRET), SECRET[::-1], "the reply")
        assert SECRET in wire.requests[-1]
    with tap.case("the same message never looks the same, in either direction or session"):
        wire = Wire()
        for channel in (wire.connect(), wire.connect()):
            for _ in range(3):
                channel.ask(SECRET)
        sealed = [octets[1 + HEADER_LEN:] for octets in wire.requests] + [octets[HEADER_LEN:] for octets in wire.replies]
        equal(len(set(sealed)), len(sealed), "different ones")


def refuses(tap):
    with tap.case("every changed byte of a message is refused"):
        wire = Wire()
        channel = wire.connect()
        for at in range(1, 1 + HEADER_LEN + len(SECRET) + 16):
            wire.change = lambda octets, at=at: flipped(octets, at)
            refused((InvalidTag, Refused), channel.ask, SECRET)
    with tap.case("a message is accepted once"):
        wire = Wire()
        wire.connect().ask(SECRET)
        refused(Refused, wire.exchange, wire.requests[-1])
    with tap.case("messages may overtake each other within the window, and not beyond"):
        wire = Wire()
        channel = wire.connect()
        early = [SEALED + channel.session.seal(b"%d" % n) for n in range(3)]
        for _ in range(WINDOW - 3):
            channel.session.seal(b"")
        channel.ask(SECRET)
        refused(Refused, wire.exchange, early[0])
        for request in early[:0:-1]:
            wire.exchange(request)
            refused(Refused, wire.exchange, request)
    with tap.case("a client with another key is refused, and so is a server"):
        refused(InvalidSignature, Wire(known=b"x").connect)
        wire = Wire()
        refused(InvalidSignature, wire.connect, identity(b"x" * 32))
    with tap.case("every changed byte of a handshake is refused"):
        wire = Wire()
        wire.connect()
        for at in range(1, len(wire.requests[0])):
            refused(InvalidSignature, wire.responder.answer, flipped(wire.requests[0], at))
    with tap.case("what no session sealed is refused"):
        wire = Wire()
        for request in (b"", b"S", b"S" + bytes(64), b"X" + SECRET, HELLO, HELLO + bytes(95)):
            refused(Refused, wire.exchange, request)


def main():
    tap = Tap()
    hides(tap)
    refuses(tap)
    tap.finish()


main()
