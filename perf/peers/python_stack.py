#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The published method's own stack: microseconds of each of its operations, as one JSON object.

    python_stack.py cryptography|pynacl [SECONDS]

It seals and opens messages and makes handshakes in Python, by the packages `cryptography` (AES-128-GCM) and PyNaCl
(XChaCha20-Poly1305, the AEAD it offers). What can be made once, such as a key object, is made once and off the clock.
PyNaCl has no HKDF; there it is Python's own hmac, as its users write it. SECONDS is how long each operation is
repeated (default 0.05); its time is the median over batches of about a millisecond.
"""

import hmac
import json
import os
import statistics
import sys
import time

SIZES = (64, 1024, 65536)
BATCH = 0.001
AAD = bytes(12)
TRANSCRIPT = bytes(400)  # about what an IKE_AUTH signature covers


def nonces(length):
    """A counter, as the method has it: no nonce occurs twice with one key."""
    count = 0
    while True:
        count += 1
        yield count.to_bytes(length, "big")


class Cryptography:
    def __init__(self):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        self.hashes, self.HKDF, self.X25519PrivateKey = hashes, HKDF, X25519PrivateKey
        self.aead, self.nonces = AESGCM(os.urandom(16)), nonces(12)
        self.signer = Ed25519PrivateKey.generate()
        self.verifier = self.signer.public_key()

    def seal(self, nonce, message):
        return self.aead.encrypt(nonce, message, AAD)

    def open(self, nonce, sealed):
        return self.aead.decrypt(nonce, sealed, AAD)

    def key_pair(self):
        private = self.X25519PrivateKey.generate()
        return private, private.public_key()

    def shared(self, private, public):
        return private.exchange(public)

    def hkdf(self, secret):
        return self.HKDF(self.hashes.SHA256(), 64, salt=TRANSCRIPT[:32], info=b"session").derive(secret)

    def sign(self, octets):
        return self.signer.sign(octets)

    def verify(self, signature, octets):
        self.verifier.verify(signature, octets)


class PyNaCl:
    def __init__(self):
        from nacl import bindings, public, signing
        self.bindings, self.public = bindings, public
        self.key = os.urandom(bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES)
        self.nonces = nonces(bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
        self.signer = signing.SigningKey.generate()
        self.verifier = self.signer.verify_key

    def seal(self, nonce, message):
        return self.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(message, AAD, nonce, self.key)

    def open(self, nonce, sealed):
        return self.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, AAD, nonce, self.key)

    def key_pair(self):
        private = self.public.PrivateKey.generate()
        return private, private.public_key

    def shared(self, private, public):
        return self.bindings.crypto_scalarmult(bytes(private), bytes(public))

    def hkdf(self, secret):
        """RFC 5869, 64 bytes."""
        prk = hmac.digest(TRANSCRIPT[:32], secret, "sha256")
        first = hmac.digest(prk, b"session\x01", "sha256")
        return first + hmac.digest(prk, first + b"session\x02", "sha256")

    def sign(self, octets):
        return self.signer.sign(octets).signature

    def verify(self, signature, octets):
        self.verifier.verify(octets, signature)


def handshake(stack):
    """What two ends cannot do without: a key pair, the shared secret, its keys, a signature and a check, at each."""
    ends = [stack.key_pair(), stack.key_pair()]
    secrets = [stack.shared(ends[0][0], ends[1][1]), stack.shared(ends[1][0], ends[0][1])]
    keys = [stack.hkdf(secret) for secret in secrets]
    for _ in ends:
        stack.verify(stack.sign(TRANSCRIPT), TRANSCRIPT)
    return keys


def check(stack):
    """Known to work before it is timed: both ends get the same keys, and nothing false is accepted."""
    keys = handshake(stack)
    assert keys[0] == keys[1] and len(keys[0]) == 64
    nonce = next(stack.nonces)
    sealed = stack.seal(nonce, b"message")
    assert stack.open(nonce, sealed) == b"message" and len(sealed) == len(b"message") + 16
    signature = stack.sign(TRANSCRIPT)
    for refused in (lambda: stack.open(nonce, bytes([sealed[0] ^ 1]) + sealed[1:]),
                    lambda: stack.verify(signature, TRANSCRIPT + b"x")):
        try:
            refused()
        except Exception:
            continue
        raise AssertionError("something false was accepted")


def operations(stack):
    """(name, function without arguments) of everything that is timed."""
    for size in SIZES:
        message, nonce = os.urandom(size), next(stack.nonces)
        sealed = stack.seal(nonce, message)
        yield f"seal {size}", lambda message=message: stack.seal(next(stack.nonces), message)
        yield f"open {size}", lambda nonce=nonce, sealed=sealed: stack.open(nonce, sealed)
    (private, _), (_, public) = stack.key_pair(), stack.key_pair()
    secret, signature = stack.shared(private, public), stack.sign(TRANSCRIPT)
    yield "x25519", lambda: stack.shared(private, public)
    yield "hkdf", lambda: stack.hkdf(secret)
    yield "sign", lambda: stack.sign(TRANSCRIPT)
    yield "verify", lambda: stack.verify(signature, TRANSCRIPT)
    yield "handshake", lambda: handshake(stack)


def seconds_of(function, count):
    started = time.perf_counter()
    for _ in range(count):
        function()
    return time.perf_counter() - started


def microseconds(function, seconds):
    count = 1
    while seconds_of(function, count) < BATCH:
        count *= 2
    batches, until = [], time.perf_counter() + seconds
    while not batches or time.perf_counter() < until:
        batches.append(seconds_of(function, count) / count * 1e6)
    return statistics.median(batches)


def main():
    stack = {"cryptography": Cryptography, "pynacl": PyNaCl}[sys.argv[1]]()
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.05
    check(stack)
    print(json.dumps({name: microseconds(function, seconds) for name, function in operations(stack)}))


main()
