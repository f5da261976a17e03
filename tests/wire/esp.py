# SPDX-License-Identifier: BSD-3-Clause
"""ESP as two other implementations see it: scapy's SecurityAssociation and AES-GCM by python3-cryptography."""

import csv
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import Ether

NAT_PORT = 4500
IPV4 = 4
DUMMY = 59


@dataclass(frozen=True)
class Sa:
    """One direction of a child SA, as the key log gives it."""
    src: str
    dst: str
    spi: int
    key: bytes  # AES key and 4 bytes of salt
    esn: bool = True

    def aad(self, seq):
        low, high = seq & 0xffffffff, seq >> 32
        return struct.pack("!III", self.spi, high, low) if self.esn else struct.pack("!II", self.spi, low)

    def nonce(self, iv):
        return self.key[-4:] + iv

    def scapy(self, seq):
        return SecurityAssociation(ESP, spi=self.spi, seq_num=seq & 0xffffffff, crypt_algo="AES-GCM",
                                   crypt_key=self.key, esn_en=self.esn, esn=seq >> 32,
                                   tunnel_header=IP(src=self.src, dst=self.dst))


def read_sas(folder, esn=True):
    """The SAs of a key log folder, in the order they were logged."""
    path = Path(folder) / "esp_sa"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    return [Sa(row[1], row[2], int(row[3], 16), bytes.fromhex(row[5][2:]), esn) for row in rows]


def read_keylog(folder, esn=True):
    """The same by SPI, where it is known that no two have one: each end chooses its own, so both may choose the same."""
    return {sa.spi: sa for sa in read_sas(folder, esn)}


def spi_of(esp):
    return int.from_bytes(esp[0:4], "big")


def open_by_scapy(sa, esp, high=0):
    """The inner packet of an ESP packet; raises when the ICV is wrong."""
    return bytes(sa.scapy(high << 32).decrypt(IP(src=sa.src, dst=sa.dst, proto="esp") / ESP(esp)))


def open_by_aesgcm(sa, esp, high=0):
    """(sequence number, IV, inner packet, next header) of an ESP packet; raises when the ICV is wrong."""
    seq = high << 32 | int.from_bytes(esp[4:8], "big")
    iv = esp[8:16]
    clear = AESGCM(sa.key[:-4]).decrypt(sa.nonce(iv), esp[16:], sa.aad(seq))
    pad_len, next_header = clear[-2], clear[-1]
    inner, pad = clear[:-2 - pad_len], clear[-2 - pad_len:-2]
    if pad != bytes(range(1, pad_len + 1)):
        raise ValueError("the padding is not 1, 2, 3 ... (RFC 4303 2.4)")
    return seq, int.from_bytes(iv, "big"), inner, next_header


def seal_by_scapy(sa, inner, seq):
    """The ESP packet that carries inner under a chosen sequence number."""
    sealed = sa.scapy(seq).encrypt(IP(inner), iv=seq.to_bytes(8, "big"))
    return bytes(sealed)[20:]


def seal_clear(sa, clear, seq):
    """ESP over exactly these bytes, trailer included: for packets that scapy would not make."""
    iv = seq.to_bytes(8, "big")
    sealed = AESGCM(sa.key[:-4]).encrypt(sa.nonce(iv), clear, sa.aad(seq))
    return struct.pack("!II", sa.spi, seq & 0xffffffff) + iv + sealed


def trailer(inner, next_header=IPV4):
    """inner with padding to four bytes, pad length and next header (RFC 4303 2.4 to 2.6)."""
    pad_len = -(len(inner) + 2) % 4
    return inner + bytes(range(1, pad_len + 1)) + bytes([pad_len, next_header])


def outer(sa, esp):
    """An outer IPv4 packet around ESP in UDP."""
    return bytes(IP(src=sa.src, dst=sa.dst) / UDP(sport=NAT_PORT, dport=NAT_PORT, chksum=0) / esp)


def reseat_checksum(packet):
    """The same IPv4 packet with a header checksum that is right again."""
    fixed = IP(packet)
    fixed.chksum = None
    return bytes(fixed)


def wire_frame(packet, src_mac, dst_mac):
    return bytes(Ether(src=src_mac, dst=dst_mac, type=0x0800)) + packet
