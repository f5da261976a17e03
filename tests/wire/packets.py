# SPDX-License-Identifier: BSD-3-Clause
"""Packets that go into the gateways, and what is read from the pcaps that come out."""

import random
import struct
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.utils import PcapWriter

INNER_MTU = 1438  # of a wire with MTU 1500: 1500 - IP 20 - UDP 8 - ESP 8 - IV 8 - trailer 2 - ICV 16
FRAME_MIN = 60
BROADCAST = "ff:ff:ff:ff:ff:ff"

PCAP_HEADER_LEN = 24
PCAP_RECORD = struct.Struct("=IIII")  # seconds, fraction, bytes in the file, bytes on the wire

ETHER_LEN = 14
ETHERTYPE_IPV4 = b"\x08\x00"
ETHERTYPE_ARP = b"\x08\x06"


def write_pcap(path, frames):
    """Writes Ethernet frames (bytes) as they are."""
    with PcapWriter(str(path), linktype=1) as out:
        for frame in frames:
            out.write(frame)
        if not frames:
            out.write_header(None)


def read_pcap(path):
    """All Ethernet frames of a pcap, as bytes. A record that is still being written is left out."""
    data = Path(path).read_bytes()
    frames, at = [], PCAP_HEADER_LEN
    while at + PCAP_RECORD.size <= len(data):
        length = PCAP_RECORD.unpack_from(data, at)[2]
        at += PCAP_RECORD.size
        if at + length > len(data):
            break
        frames.append(data[at:at + length])
        at += length
    return frames


def ip_of(frame):
    """The IPv4 packet of a frame without Ethernet padding, or None."""
    if frame[12:14] != ETHERTYPE_IPV4 or len(frame) < ETHER_LEN + 20:
        return None
    length = int.from_bytes(frame[16:18], "big")
    return frame[ETHER_LEN:ETHER_LEN + length]


def ip_text(address):
    return ".".join(str(byte) for byte in address)


def ip_packets(frames, dst):
    """The IPv4 packets for one address, in order."""
    wanted = bytes(int(part) for part in dst.split("."))
    packets = (ip_of(frame) for frame in frames)
    return [packet for packet in packets if packet is not None and packet[16:20] == wanted]


def aged(packet, routers=2):
    """What an IPv4 packet without options is after so many routers; a tunnel has one at each end."""
    header = bytearray(packet[:20])
    header[8] -= routers
    header[10:12] = bytes(2)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    header[10:12] = struct.pack("!H", total ^ 0xFFFF)
    return bytes(header) + packet[20:]


def frame(packet, src_mac, dst_mac, pad=True):
    """An Ethernet frame around an IPv4 packet; short ones padded, as a NIC does it."""
    head = bytes(Ether(src=src_mac, dst=dst_mac, type=0x0800))
    data = head + bytes(packet)
    return data.ljust(FRAME_MIN, b"\0") if pad else data


def announce(host_ip, host_mac, gateway_ip):
    """An ARP request from a host to its gateway, from which the gateway learns the host's MAC."""
    arp = ARP(op="who-has", psrc=host_ip, hwsrc=host_mac, pdst=gateway_ip)
    return bytes(Ether(src=host_mac, dst=BROADCAST) / arp).ljust(FRAME_MIN, b"\0")


def is_arp(data):
    return data[12:14] == ETHERTYPE_ARP


def asks_for(data, ip):
    """It is an ARP request for this address."""
    return is_arp(data) and Ether(data)[ARP].op == 1 and Ether(data)[ARP].pdst == ip


def wire_kind(data):
    """'arp', 'ike', 'esp' for what may be on the wire between gateways; anything else as a description."""
    if is_arp(data):
        return "arp"
    packet = ip_of(data)
    if packet is None:
        return "ethertype " + data[12:14].hex()
    udp = packet[(packet[0] & 15) * 4:]
    if packet[9] != 17 or len(udp) < 12 or udp[0:4] != b"\x11\x94\x11\x94":
        return f"protocol {packet[9]} ports {udp[0:4].hex()}"
    return "ike" if udp[8:12] == bytes(4) else "esp"


def esp_of(data):
    """The ESP packet (SPI to ICV) inside the UDP of a frame of kind 'esp'."""
    packet = ip_of(data)
    head = (packet[0] & 15) * 4
    length = int.from_bytes(packet[head + 4:head + 6], "big")
    return packet[head + 8:head + length]


def destination_of(data):
    """The address that a frame with an IPv4 packet is for, as text."""
    return ".".join(str(byte) for byte in ip_of(data)[16:20])


def datagram(src, dst, payload=b"hello", number=1, sport=7000):
    """A small UDP packet, told apart by its IP identification."""
    return bytes(IP(src=src, dst=dst, id=number) / UDP(sport=sport, dport=7001) / payload)


def mixture(src, dst, count, seed=1):
    """IPv4 packets of every kind and size up to INNER_MTU, and the random payloads they carry."""
    rand = random.Random(seed)
    sizes = [20, 21, 28, 29, 40, 41, 64, INNER_MTU - 2, INNER_MTU - 1, INNER_MTU]
    sizes += [rand.randint(20, INNER_MTU) for _ in range(count - len(sizes))]
    packets, payloads = [], []
    for number, size in enumerate(sizes):
        layers = [IP(proto=253), IP() / UDP(sport=1024 + number, dport=53),
                  IP() / TCP(sport=1024 + number, dport=80, seq=number), IP() / ICMP(id=7, seq=number)]
        fits = [layer for layer in layers if len(layer) <= size]
        packet = rand.choice(fits)
        packet[IP].src, packet[IP].dst, packet[IP].id = src, dst, number
        payload = rand.randbytes(size - len(packet))
        packets.append(bytes(packet / payload) if payload else bytes(packet))
        payloads.append(payload)
    return packets, payloads


def shared_runs(payloads, data, length=16):
    """How many runs of `length` bytes of the payloads are found in data."""
    runs = {payload[at:at + length] for payload in payloads for at in range(len(payload) - length + 1)}
    return sum(data[at:at + length] in runs for at in range(len(data) - length + 1))
