#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
wire.py FILE PORT...: watches what comes from the gateways to these ports of the bridge between them, until SIGTERM. Nothing
but ARP and UDP port 4500 may be there, nothing that hosts have sent, and no sequence number twice in one SA: that would be
one nonce for two packets. FILE is written again every second, as JSON.
"""

import collections
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

MARK = b"SOAK-IN-CLEAR"
ETH_P_ALL, ETH_P_ARP, ETH_P_IP, UDP, IKE_PORT = 3, 0x0806, 0x0800, 17, 4500
PACKET_OUTGOING, SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 4, 263, 6, 33
SAS = 1000  # that are remembered, with all their numbers
FORGET = 2  # seconds: an SPI may come again in another SA, after a restart

told = {name: 0 for name in ("frames", "esp", "ike", "arp", "in_clear", "others", "repeated", "not_seen", "sas")}
complaints = []
sas = collections.OrderedDict()


def complain(text):
    if len(complaints) < 20:
        complaints.append(f"{time.time():.3f} {text}")


def esp(port, spi, number):
    """Sequence numbers grow to millions only in an SA with many packets: those here live for seconds."""
    now = time.monotonic()
    told["esp"] += 1
    last, numbers = sas.pop((port, spi), (0, None))
    if numbers is None or (number == 1 and now - last > FORGET):
        numbers = set()
        told["sas"] += 1
    if number in numbers:
        told["repeated"] += 1
        complain(f"{port}: sequence number {number} of SPI {spi:08x} again")
    numbers.add(number)
    sas[port, spi] = now, numbers
    if len(sas) > SAS:
        sas.popitem(last=False)


def frame(port, data):
    told["frames"] += 1
    if MARK in data:
        told["in_clear"] += 1
        complain(f"{port}: in clear: {data[:80].hex()}")
    kind, = struct.unpack_from("!H", data, 12)
    if kind == ETH_P_ARP:
        told["arp"] += 1
        return
    udp = 14 + 4 * (data[14] & 15)
    if kind != ETH_P_IP or data[23] != UDP or struct.unpack_from("!H", data, udp + 2)[0] != IKE_PORT or len(data) < udp + 16:
        told["others"] += 1
        complain(f"{port}: neither ARP nor sealed: {data[:80].hex()}")
        return
    spi, number = struct.unpack_from("!II", data, udp + 8)
    if spi == 0:
        told["ike"] += 1
    else:
        esp(port, spi, number)


def listen(port):
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    one.bind((port, 0))
    return one


def write(path, ports):
    for one in ports:
        told["not_seen"] += struct.unpack("II", one.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
    with open(path + ".new", "w") as file:
        json.dump({**told, "complaints": complaints}, file)
    os.replace(path + ".new", path)


def receive(one):
    try:
        data, (port, _, kind, _, _) = one.recvfrom(65536)
    except OSError:  # the port has gone down
        return
    if kind != PACKET_OUTGOING:
        frame(port, data)


def main():
    path, ports = sys.argv[1], [listen(port) for port in sys.argv[2:]]
    ends = []
    signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
    written = 0
    with selectors.DefaultSelector() as selector:
        for one in ports:
            selector.register(one, selectors.EVENT_READ)
        while not ends:
            for key, _ in selector.select(0.5):
                receive(key.fileobj)
            if time.monotonic() - written > 1:
                write(path, ports)
                written = time.monotonic()
    write(path, ports)


main()
