#!/usr/bin/python3
"""Makes seeds for the fuzz targets from a capture of a wire and the key log of a gateway on it.

    tests/fuzz/from_capture.py CAPTURE KEYS OUT

CAPTURE is a pcap of the wire: two gateways of ours, or one and a strongSwan (the interop tests leave wire.pcap where they are
told to keep their folder). KEYS is the folder of `sealane run --keylog KEYS`. OUT gets a folder for each target; what is worth
keeping goes to tests/fuzz/corpus by `scripts/fuzz.sh --minimise`, when it has been copied to build-fuzz/found-TARGET.

IKE messages become datagrams (ike, gateway) and, opened with their keys, chains of payloads that a peer seals (peer); ESP
packets, opened, become packets between hosts (open, seal, gateway).
"""
import csv
import hashlib
import ipaddress
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP
from scapy.utils import PcapReader

ICV, SALT = 16, 4
EXCHANGES = {37: 0, 36: 1, 35: 2, 34: 3}
SK, SKF = 46, 53
HOSTS = {4: (12, 4, '10.1.0.9', '10.2.0.9'), 6: (8, 16, 'fd00:1::9', 'fd00:2::9')}
# Kinds of records, see the targets.
OPEN_RIGHT_INNER, SEAL_RIGHT_PACKET, PEER_SEALED, PEER_DATAGRAM = 3, 2, 0, 1
GATEWAY_WIRE_PACKET, GATEWAY_SEALED, GATEWAY_SETTLE = 2, 4, 0x87


def record(kind, data):
    return bytes([kind]) + struct.pack('<H', len(data)) + data


def unseal(key, nonce, sealed, aad):
    """The plaintext, or None when the key is another's."""
    try:
        return AESGCM(key[:-SALT]).decrypt(key[-SALT:] + nonce, sealed, aad)
    except InvalidTag:
        return None


def read_keys(folder):
    """IKE keys by SPIs, and ESP keys by SPI."""
    ike, esp = {}, {}
    for row in csv.reader((folder / 'ikev2_decryption_table').open()):
        ike[bytes.fromhex(row[0]) + bytes.fromhex(row[1])] = [bytes.fromhex(key.removeprefix('0x')) for key in row[2:4]]
    for row in csv.reader((folder / 'esp_sa').open()):
        esp[int(row[3], 16)] = bytes.fromhex(row[5].removeprefix('0x'))
    return ike, esp


def between_hosts(packet, back=False):
    """The packet between the hosts of the targets, whoever sent it."""
    at, size, *ends = HOSTS[packet[0] >> 4]
    ends = [ipaddress.ip_address(end).packed for end in ends]
    return packet[:at] + b''.join(reversed(ends) if back else ends) + packet[at + 2 * size:]


class Seeds:
    def __init__(self, out):
        self.out, self.shapes, self.count = out, set(), 0

    def put(self, target, data):
        folder = self.out / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
        self.count += 1

    def is_new(self, *shape):
        """One packet of a shape is enough."""
        new = shape not in self.shapes
        self.shapes.add(shape)
        return new

    def ike(self, packet, message, keys):
        first, exchange, flags, number, length = struct.unpack('!xxxxxxxxxxxxxxxxBxBBII', message[:28])
        response = flags >> 5 & 1
        if length != len(message) or exchange not in EXCHANGES or not self.is_new('ike', first, exchange, flags, len(message)):
            return
        self.put('ike', bytes([0 if response else 4]) + message)
        self.put('peer', b'\0' + record(PEER_DATAGRAM, b'\4' + message))
        self.put('gateway', b'\0' + record(GATEWAY_WIRE_PACKET + GATEWAY_SETTLE, b'\1' + packet))
        pair = keys.get(message[:16])
        if first not in (SK, SKF) or not pair:
            return
        at = 32 if first == SK else 36
        plain = unseal(pair[0 if flags & 8 else 1], message[at:at + 8], message[at + 8:], message[:at])
        if plain is None:
            return
        plain = plain[:len(plain) - 1 - plain[-1]]
        how = EXCHANGES[exchange] | response << 2
        for victim in (b'\0', b'\1'):
            self.put('peer', victim + record(PEER_SEALED, bytes([how, message[28]]) + plain))

    def esp(self, sealed, keys):
        spi, low = struct.unpack('!II', sealed[:8])
        for high in (b'', b'\0\0\0\0'):
            plain = unseal(keys[spi], sealed[8:16], sealed[16:], sealed[:4] + high + sealed[4:8]) if spi in keys else None
            if plain and plain[-1] in (4, 41):
                break
        else:
            return
        inner = plain[:len(plain) - 2 - plain[-2]]
        version = inner[0] >> 4
        if not self.is_new('esp', version, inner[9 if version == 4 else 6], inner[:2], len(inner) // 32):
            return
        packet = between_hosts(inner)
        self.put('open', b'\6\0' + record(OPEN_RIGHT_INNER, b'\1\0\0' + packet))
        self.put('seal', b'\6\0' + record(SEAL_RIGHT_PACKET, packet))
        self.put('gateway', b'\0' + record(GATEWAY_SEALED + GATEWAY_SETTLE, b'\1' + between_hosts(inner, back=True)))


def main():
    if len(sys.argv) != 4:
        sys.exit('usage: from_capture.py CAPTURE KEYS OUT')
    ike_keys, esp_keys = read_keys(pathlib.Path(sys.argv[2]))
    seeds = Seeds(pathlib.Path(sys.argv[3]))
    for frame in PcapReader(sys.argv[1]):
        packet = frame.getlayer(IP) or frame.getlayer(IPv6)
        if packet is None or not (packet.haslayer(UDP) or packet.haslayer(ESP)):
            continue
        data = bytes(packet[UDP].payload) if packet.haslayer(UDP) else bytes(packet[ESP])
        ports = (packet[UDP].sport, packet[UDP].dport) if packet.haslayer(UDP) else ()
        if 4500 in ports and data[:4] == bytes(4) and len(data) > 32:
            seeds.ike(bytes(packet), data[4:], ike_keys)
        elif 500 in ports and len(data) > 28:
            seeds.ike(bytes(packet), data, ike_keys)
        elif (4500 in ports or not ports) and len(data) > 34:
            seeds.esp(data, esp_keys)
    print(f'{seeds.count} seeds')


if __name__ == '__main__':
    main()
