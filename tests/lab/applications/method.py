# SPDX-License-Identifier: BSD-3-Clause
"""The published method's own stack, inside an application: X25519, Ed25519, HKDF-SHA-256, AES-GCM and counters.

A handshake is one request and its reply: an X25519 key from each end, signed with Ed25519, and from the shared secret by
HKDF a key for each direction. A sealed message is

    session 8 | counter 8 | ciphertext | tag 16        the first 16 bytes are authenticated, the counter is the nonce

and is accepted once: a counter that has been seen, or is older than the window, is refused. All of it goes through an
`exchange`, a function from a request to its reply, so it does not matter what carries it; `Plain` has the same face and
does nothing. On the server one `Responder` answers both.
"""

import os
import threading

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

WINDOW = 4096
KEY_LEN = 32  # of AES-256, which two gateways choose too
ID_LEN = COUNTER_LEN = 8
HEADER_LEN = ID_LEN + COUNTER_LEN
PUBLIC_LEN, SIGNATURE_LEN = 32, 64

HELLO, SEALED, PLAIN = b"H", b"S", b"P"  # how a request begins
INITIATOR, RESPONDER = b"initiator", b"responder"


class Refused(Exception):
    """A message that is false, or not for the first time here."""


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def identity(seed):
    """An Ed25519 key pair from 32 bytes; each end knows the public one of the other."""
    return Ed25519PrivateKey.from_private_bytes(seed)


class Session:
    """One end's keys and counters. Several threads may use it."""

    def __init__(self, session_id, secret, transcript, own, other):
        keys = HKDF(hashes.SHA256(), 2 * KEY_LEN, salt=transcript, info=b"session").derive(secret)
        halves = {INITIATOR: keys[:KEY_LEN], RESPONDER: keys[KEY_LEN:]}
        self.id = session_id
        self.sender, self.receiver = AESGCM(halves[own]), AESGCM(halves[other])
        self.sent = self.highest = 0
        self.seen = 0  # bit n: the counter highest - n has been seen
        self.lock = threading.Lock()

    def seal(self, message):
        with self.lock:
            self.sent += 1
            counter = self.sent
        header = self.id + counter.to_bytes(COUNTER_LEN, "big")
        return header + self.sender.encrypt(nonce(counter), message, header)

    def open(self, sealed):
        if len(sealed) < HEADER_LEN or sealed[:ID_LEN] != self.id:
            raise Refused("another session's message")
        counter = int.from_bytes(sealed[ID_LEN:HEADER_LEN], "big")
        message = self.receiver.decrypt(nonce(counter), sealed[HEADER_LEN:], sealed[:HEADER_LEN])
        with self.lock:
            self.accept(counter)
        return message

    def accept(self, counter):
        """Only what is authentic moves the window."""
        ahead = counter - self.highest
        if ahead > 0:
            self.seen = (self.seen << ahead | 1) & (1 << WINDOW) - 1
            self.highest = counter
        elif -ahead >= WINDOW or self.seen >> -ahead & 1:
            raise Refused(f"the counter {counter} has been seen or is too old")
        else:
            self.seen |= 1 << -ahead


def nonce(counter):
    return counter.to_bytes(12, "big")


# ---- The client's end ------------------------------------------------------------------------------------------------

class Plain:
    """A channel that leaves messages as they are."""

    def __init__(self, exchange):
        self.exchange = exchange

    def ask(self, message):
        return self.exchange(PLAIN + message)


class Sealed:
    """A channel with a session of its own."""

    def __init__(self, exchange, own, peer):
        self.exchange = exchange
        private = X25519PrivateKey.generate()
        hello = raw(private.public_key())
        reply = exchange(HELLO + hello + own.sign(INITIATOR + hello))
        session_id, theirs, signature = split(reply, ID_LEN, PUBLIC_LEN, SIGNATURE_LEN)
        transcript = session_id + hello + theirs
        peer.verify(signature, RESPONDER + transcript)
        secret = private.exchange(X25519PublicKey.from_public_bytes(theirs))
        self.session = Session(session_id, secret, transcript, INITIATOR, RESPONDER)

    def ask(self, message):
        return self.session.open(self.exchange(SEALED + self.session.seal(message)))


def split(octets, *lengths):
    if len(octets) != sum(lengths):
        raise Refused(f"{len(octets)} bytes, expected {sum(lengths)}")
    parts = []
    for length in lengths:
        parts.append(octets[:length])
        octets = octets[length:]
    return parts


# ---- The server's end ------------------------------------------------------------------------------------------------

class Responder:
    """Answers requests with what `application` makes of their messages, plain ones and sealed ones."""

    def __init__(self, own, peer, application):
        self.own, self.peer, self.application = own, peer, application
        self.sessions = {}

    def answer(self, request):
        kind, body = request[:1], request[1:]
        if kind == PLAIN:
            return self.application(body)
        if kind == HELLO:
            return self.greet(body)
        session = self.sessions.get(body[:ID_LEN])
        if kind != SEALED or session is None:
            raise Refused("no such session")
        return session.seal(self.application(session.open(body)))

    def greet(self, body):
        hello, signature = split(body, PUBLIC_LEN, SIGNATURE_LEN)
        self.peer.verify(signature, INITIATOR + hello)
        private, session_id = X25519PrivateKey.generate(), os.urandom(ID_LEN)
        own = raw(private.public_key())
        transcript = session_id + hello + own
        secret = private.exchange(X25519PublicKey.from_public_bytes(hello))
        self.sessions[session_id] = Session(session_id, secret, transcript, RESPONDER, INITIATOR)
        return session_id + own + self.own.sign(RESPONDER + transcript)
