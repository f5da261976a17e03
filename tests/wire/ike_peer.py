# SPDX-License-Identifier: BSD-3-Clause
"""
A second implementation of IKEv2 (RFC 7296) in the profile of the gateway, small enough to be read at one go, with
python3-cryptography for the primitives. It speaks correctly, and says whatever else a test wants: every message is a list of
payloads that can be changed, under keys that are right or not. It keeps no timers and sends nothing by itself.

A payload is (type, body) or (type, body, critical).
"""

import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HEADER = struct.Struct("!8s8sBBBBII")
HEADER_LEN = 28
VERSION = 0x20

NONE, SA, KE, IDI, IDR, CERT, CERTREQ, AUTH, NONCE, NOTIFY, DELETE = 0, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42
VENDOR, TSI, TSR, SK, CP, EAP, SKF = 43, 44, 45, 46, 47, 48, 53

IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37
INITIATOR, RESPONSE = 0x08, 0x20
PROTO_IKE, PROTO_AH, PROTO_ESP = 1, 2, 3
ID_FQDN = 2

UNSUPPORTED_CRITICAL_PAYLOAD, INVALID_SYNTAX, NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD = 1, 7, 14, 17
AUTHENTICATION_FAILED, NO_ADDITIONAL_SAS, TS_UNACCEPTABLE, TEMPORARY_FAILURE, CHILD_SA_NOT_FOUND = 24, 35, 38, 43, 44
INITIAL_CONTACT, COOKIE, REKEY_SA, FRAGMENTATION_SUPPORTED = 16384, 16390, 16393, 16430

# Transforms: (type, number) or (type, number, bits of the key).
AES_GCM_256, AES_GCM_128 = (1, 20, 256), (1, 20, 128)
PRF_SHA256, INTEG_NONE, X25519, NO_GROUP, ESN, NO_ESN = (2, 5), (3, 0), (4, 31), (4, 0), (5, 1), (5, 0)
IKE_TRANSFORMS = (AES_GCM_256, PRF_SHA256, X25519)
ESP_TRANSFORMS = (AES_GCM_256, ESN)

ED25519_ALGORITHM = bytes.fromhex("300506032b6570")  # RFC 8420 A
SIGNATURE_METHOD = 14  # RFC 7427

KEY_LEN, SALT_LEN, HASH_LEN, IV_LEN, ICV_LEN = 32, 4, 32, 8, 16


# ---- The primitives of the profile -----------------------------------------------------------------------------------

def prf(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key, seed, length):
    """RFC 7296 2.13."""
    out, block, number = b"", b"", 1
    while len(out) < length:
        block = prf(key, block + seed + bytes([number]))
        out += block
        number += 1
    return out[:length]


def cut(data, *lengths):
    parts, at = [], 0
    for length in lengths:
        parts.append(data[at:at + length])
        at += length
    return parts


# ---- Messages --------------------------------------------------------------------------------------------------------

def generic(following, body, critical=False):
    return struct.pack("!BBH", following, 0x80 if critical else 0, 4 + len(body)) + body


def first_of(payloads):
    return payloads[0][0] if payloads else NONE


def chain(payloads):
    following = [payload[0] for payload in payloads[1:]] + [NONE]
    return b"".join(generic(next_type, *payload[1:]) for next_type, payload in zip(following, payloads))


def read_chain(first, data):
    """The payloads that begin with type `first`, as (type, body)."""
    payloads = []
    while first != NONE:
        following, _, length = struct.unpack_from("!BBH", data)
        if length < 4 or length > len(data):
            raise ValueError("a payload does not fit")
        payloads.append((first, data[4:length]))
        first, data = following, data[length:]
    if data:
        raise ValueError(f"{len(data)} bytes behind the last payload")
    return payloads


def message(spi_i, spi_r, exchange, flags, number, first, data, version=VERSION):
    return HEADER.pack(spi_i, spi_r, first, version, exchange, flags, number, HEADER_LEN + len(data)) + data


def header_of(msg):
    """(SPIi, SPIr, first payload, version, exchange, flags, message ID, length)"""
    return HEADER.unpack_from(msg)


def body_of(payloads, kind):
    """The body of the first payload of a type, or None."""
    return next((payload[1] for payload in payloads if payload[0] == kind), None)


def notify(kind, data=b"", protocol=0, spi=b""):
    return NOTIFY, struct.pack("!BBH", protocol, len(spi), kind) + spi + data


def notifies(payloads):
    """{type: data} of all notifies."""
    found = {}
    for kind, body in payloads:
        if kind == NOTIFY:
            found[int.from_bytes(body[2:4], "big")] = body[4 + body[1]:]
    return found


def errors(payloads):
    return [kind for kind in notifies(payloads) if kind < 16384]


def transform(entry, more):
    attribute = struct.pack("!HH", 0x8000 | 14, entry[2]) if len(entry) > 2 else b""
    return struct.pack("!BBHBBH", 3 if more else 0, 0, 8 + len(attribute), entry[0], 0, entry[1]) + attribute


def proposal(transforms, protocol=PROTO_IKE, spi=b"", number=1, more=False):
    body = b"".join(transform(entry, at + 1 < len(transforms)) for at, entry in enumerate(transforms))
    return struct.pack("!BBHBBBB", 2 if more else 0, 0, 8 + len(spi) + len(body), number, protocol, len(spi),
                       len(transforms) & 255) + spi + body


def proposals(*lists, protocol=PROTO_IKE, spi=b""):
    """The body of an SA payload that offers these lists of transforms."""
    return b"".join(proposal(transforms, protocol, spi, number, number < len(lists))
                    for number, transforms in enumerate(lists, 1))


def read_proposal(body):
    """(protocol, SPI, transforms) of an SA payload with one proposal."""
    _, _, length, _, protocol, spi_len, count = struct.unpack_from("!BBHBBBB", body)
    spi, rest, found = body[8:8 + spi_len], body[8 + spi_len:length], []
    for _ in range(count):
        _, _, size, kind, _, number = struct.unpack_from("!BBHBBH", rest)
        bits = (int.from_bytes(rest[10:12], "big"),) if size == 12 else ()
        found.append((kind, number, *bits))
        rest = rest[size:]
    return protocol, spi, found


def ke(public, group=31):
    return KE, struct.pack("!HH", group, 0) + public


def selector(first, last, protocol=0, ports=(0, 65535)):
    return struct.pack("!BBHHH", 7, protocol, 16, *ports) + first + last


def selectors(*entries):
    """The body of a TS payload."""
    return bytes([len(entries), 0, 0, 0]) + b"".join(entries)


def prefix_selector(prefix):
    """10.1.0.0/16 as a selector."""
    address, bits = prefix.split("/")
    first = int.from_bytes(bytes(int(part) for part in address.split(".")), "big")
    last = first | (1 << (32 - int(bits))) - 1
    return selector(first.to_bytes(4, "big"), last.to_bytes(4, "big"))


def identity(name, kind=ID_FQDN):
    return struct.pack("!BBH", kind, 0, 0) + name


def delete(protocol, *spis):
    size = len(spis[0]) if spis else 0
    return DELETE, struct.pack("!BBH", protocol, size, len(spis)) + b"".join(spis)


def auth(signature, algorithm=ED25519_ALGORITHM, method=SIGNATURE_METHOD):
    return AUTH, struct.pack("!BBH", method, 0, 0) + bytes([len(algorithm)]) + algorithm + signature


def public_bytes(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# ---- An IKE SA -------------------------------------------------------------------------------------------------------

class IkeSa:
    """One IKE SA, seen from either end: its keys, its message IDs, what is signed."""

    def __init__(self, initiator=True, transforms=IKE_TRANSFORMS):
        self.initiator, self.transforms = initiator, transforms
        self.spi_i, self.spi_r = os.urandom(8) if initiator else bytes(8), bytes(8) if initiator else os.urandom(8)
        self.private = X25519PrivateKey.generate()
        self.nonce_i, self.nonce_r = os.urandom(32), os.urandom(32)
        self.init_request = self.init_response = b""
        self.next_id, self.expected_id, self.iv = 1, 0, 0

    # -- IKE_SA_INIT --

    def init_payloads(self):
        """What an IKE_SA_INIT holds, of either end."""
        nonce = self.nonce_i if self.initiator else self.nonce_r
        return [(SA, proposals(self.transforms)), ke(public_bytes(self.private)), (NONCE, nonce)]

    def init_message(self, payloads=None):
        """Our IKE_SA_INIT, request or response; what is signed later is the last one made."""
        payloads = self.init_payloads() if payloads is None else payloads
        made = message(self.spi_i, self.spi_r, IKE_SA_INIT, INITIATOR if self.initiator else RESPONSE, 0,
                       first_of(payloads), chain(payloads))
        if self.initiator:
            self.init_request = made
        else:
            self.init_response = made
        return made

    def take_init(self, msg):
        """The other end's IKE_SA_INIT: keys. Returns its payloads."""
        spi_i, spi_r, first = header_of(msg)[:3]
        payloads = read_chain(first, msg[HEADER_LEN:])
        public, nonce = body_of(payloads, KE)[4:], body_of(payloads, NONCE)
        if self.initiator:
            self.spi_r, self.init_response, self.nonce_r = spi_r, msg, nonce
        else:
            self.spi_i, self.init_request, self.nonce_i = spi_i, msg, nonce
        self.derive(self.private.exchange(X25519PublicKey.from_public_bytes(public)))
        return payloads

    def derive(self, shared, sk_d=None):
        """RFC 7296 2.14; with the SK_d of the IKE SA that this one replaces 2.18."""
        nonces = self.nonce_i + self.nonce_r
        seed = prf(nonces, shared) if sk_d is None else prf(sk_d, shared + nonces)
        self.key_len = self.transforms[0][2] // 8
        aead = self.key_len + SALT_LEN
        stream = prf_plus(seed, nonces + self.spi_i + self.spi_r, 3 * HASH_LEN + 2 * aead)
        self.sk_d, self.sk_ei, self.sk_er, self.sk_pi, self.sk_pr = cut(stream, HASH_LEN, aead, aead, HASH_LEN, HASH_LEN)

    # -- Protection (RFC 5282) --

    def key(self, ours):
        return self.sk_ei if ours == self.initiator else self.sk_er

    def flags(self, response):
        return (INITIATOR if self.initiator else 0) | (RESPONSE if response else 0)

    def seal(self, exchange, payloads, number, response=False, key=None):
        return self.seal_plain(exchange, first_of(payloads), chain(payloads) + b"\0", number, response, key)

    def seal_plain(self, exchange, first, plain, number, response=False, key=None, fragment=b""):
        """An SK payload around these bytes, which end with the pad length; SKF around them with number and total."""
        key = key or self.key(ours=True)
        self.iv += 1
        iv = self.iv.to_bytes(IV_LEN, "big")
        length = 4 + len(fragment) + IV_LEN + len(plain) + ICV_LEN
        head = message(self.spi_i, self.spi_r, exchange, self.flags(response), number, SKF if fragment else SK, b"")
        head = head[:24] + struct.pack("!I", HEADER_LEN + length) + struct.pack("!BBH", first, 0, length) + fragment
        return head + iv + AESGCM(key[:-SALT_LEN]).encrypt(key[-SALT_LEN:] + iv, plain, head)

    def fragment(self, exchange, number, at, total, piece, first=NONE):
        """RFC 7383 2.5: piece number `at`, from 1, of `total`."""
        return self.seal_plain(exchange, first, piece + b"\0", number, fragment=struct.pack("!HH", at, total))

    def open(self, msg):
        """The payloads of a protected message of the other end."""
        if header_of(msg)[2] != SK:
            raise ValueError(f"payload {header_of(msg)[2]} where SK should be")
        key, first = self.key(ours=False), msg[HEADER_LEN]
        iv, sealed = msg[32:40], msg[40:]
        plain = AESGCM(key[:-SALT_LEN]).decrypt(key[-SALT_LEN:] + iv, sealed, msg[:32])
        return read_chain(first, plain[:-1 - plain[-1]])

    # -- IKE_AUTH --

    def octets(self, of_initiator, id_body, init=None):
        """What an end signs (RFC 7296 2.15)."""
        if of_initiator:
            return (init or self.init_request) + self.nonce_r + prf(self.sk_pi, id_body)
        return (init or self.init_response) + self.nonce_i + prf(self.sk_pr, id_body)

    def sign(self, key, id_body, init=None):
        return key.sign(self.octets(self.initiator, id_body, init))

    def auth_is_by(self, public_key, payloads):
        """Whether the other end has signed, with the key of this public one; raises if not."""
        id_body, body = body_of(payloads, IDR if self.initiator else IDI), body_of(payloads, AUTH)
        expected = auth(b"")[1]
        if body[:len(expected)] != expected:
            raise ValueError("another way to sign")
        public_key.verify(body[len(expected):], self.octets(not self.initiator, id_body))

    def child_keys(self, shared=b"", nonces=None, key_len=KEY_LEN):
        """Keys and salts of a child SA, from initiator and from responder of its exchange (RFC 7296 2.17)."""
        aead = key_len + SALT_LEN
        return cut(prf_plus(self.sk_d, shared + (nonces or self.nonce_i + self.nonce_r), 2 * aead), aead, aead)
