# SPDX-License-Identifier: BSD-3-Clause
"""What must hold of everything that was ever on the wire: nothing in clear, and no counter of a key twice."""

import csv
import hashlib
from collections import Counter, defaultdict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .wire import INIT, parse

SK, SKF = 46, 53


def rows(folder, name):
    try:
        with open(folder / name, newline="") as file:
            return [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    except FileNotFoundError:
        return []


def esp_keys(folders):
    """By SPI, every key with salt that either end has logged in any of its lives."""
    keys = defaultdict(set)
    for folder in folders:
        for row in rows(folder, "esp_sa"):
            keys[int(row[3], 16)].add(bytes.fromhex(row[5][2:]))
    return keys


def ike_keys(folders):
    """By both SPIs, the keys with salt of the initiator and of the responder."""
    keys = {}
    for folder in folders:
        for row in rows(folder, "ikev2_decryption_table"):
            keys[bytes.fromhex(row[0] + row[1])] = (bytes.fromhex(row[2]), bytes.fromhex(row[3]))
    return keys


def opens(key, packet):
    iv = packet[8:16]
    aad = packet[:4] + iv  # SPI and the 64-bit sequence number, which is the IV
    try:
        AESGCM(key[:-4]).decrypt(key[-4:] + iv, packet[16:], aad)
    except InvalidTag:
        return False
    return True


def short(key):
    return hashlib.sha256(key).hexdigest()[:12]


def check_esp(packets, keys):
    """Each opens with a key that was logged, and no (key, counter) comes twice. Returns how many keys there are."""
    seen = set()
    for packet in packets:
        key = next((key for key in keys.get(int.from_bytes(packet[:4], "big"), ()) if opens(key, packet)), None)
        assert key, f"a packet of SPI {packet[:4].hex()} opens with no key that was ever logged"
        pair = (key, packet[8:16])
        assert pair not in seen, f"key {short(key)} has sealed twice with counter {int.from_bytes(packet[8:16], 'big')}"
        seen.add(pair)
    return len({key for key, _ in seen})


def check_ike(messages, keys):
    """Sealed, but for IKE_SA_INIT, and no (key, IV) for two different messages. Returns how many keys there are."""
    seen = {}
    for m in messages:
        if m.payload not in (SK, SKF):
            assert m.exchange == INIT, f"{m} is not sealed"
            continue
        pair = keys.get(m.spi_i + m.spi_r)
        if pair is None:
            continue  # of one that the other end did not live to derive
        at = 32 if m.payload == SK else 36
        used = (pair[0 if m.initiator else 1], m.data[at:at + 8])
        assert seen.setdefault(used, m.data) == m.data, f"key {short(used[0])} has sealed two messages with IV {used[1].hex()}"
    return len({key for key, _ in seen})


def check(frames, folders, sample):
    """Raises when something does not hold. Returns what there was, as text."""
    count, esp, ike, other = Counter(), [], [], set()
    for _, frame in frames:
        assert sample not in frame, f"a frame carries what the hosts send: {frame.hex()}"
        kind, what = parse(frame)
        count[kind] += 1
        if kind == "esp":
            esp.append(what)
        elif kind == "ike" and what:
            ike.append(what)
        elif kind == "other":
            other.add(what)
    assert not other, f"on the wire: {', '.join(sorted(other))}"
    assert len(esp) > 100, f"only {len(esp)} ESP packets"
    esp_key_count, ike_key_count = check_esp(esp, esp_keys(folders)), check_ike(ike, ike_keys(folders))
    return (f"{len(frames)} frames: {', '.join(f'{number} {kind}' for kind, number in sorted(count.items()))}; "
            f"{esp_key_count} ESP keys and {ike_key_count} IKE keys, no counter twice")
