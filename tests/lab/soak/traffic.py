#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
traffic.py NUMBER SEED FILE: what host NUMBER (1 to 3) sends to the other two, over IPv4 and IPv6, until SIGTERM. FILE is
written again every second, as JSON, and at the end.

UDP: datagrams of all sizes up to beyond the MTU, each with a number and bytes that follow from it, so that the receiver knows
a damaged one, and one that comes twice: a replay window lets none do that. TCP: a stream that is echoed, and compared.
SIGUSR1 says that from now on nothing happens that could lose a packet: what is sent then is counted by itself.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import struct
import sys
import time

MARK = b"SOAK-IN-CLEAR"  # in whatever hosts send, and never on the wire
UDP_PORT, TCP_PORT = 7001, 7002
HEADER = struct.Struct("!13sBBBBQH")  # mark, from, to, IP version, calm, number, length
SIZES = (HEADER.size, 64, 512, 1200, 1380, 1389, 1390, 1391, 1409, 1410, 1411, 1440, 1472)
UDP_PAUSE = (0.05, 0.2)  # seconds, between two datagrams of a stream
CALM_MAX = {4: 1472, 6: 1390}  # a host that has forgotten the path MTU would lose one longer IPv6 packet to learn it
TCP_PAUSE = (0.1, 0.6)
TCP_PATIENCE = 60  # seconds; an outage makes TCP wait longer and longer
BLOCK_MAX = 6000
SEEN = 1 << 16  # numbers of a stream that are remembered

IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DONT = 10, 23, 0


def body(header, length):
    return hashlib.shake_128(header).digest(length)


def datagram(source, to, version, calm, number, size):
    header = HEADER.pack(MARK, source, to, version, calm, number, size)
    return header + body(header, size - HEADER.size)


def address(number, version):
    return f"10.{number}.0.9" if version == 4 else f"fd00:{number}::9"


class Counts:
    def __init__(self):
        self.told = {name: 0 for name in ("udp_sent", "udp_received", "udp_damaged", "udp_twice", "udp_refused",
                                          "calm_sent", "calm_received",
                                          "tcp_connections", "tcp_broken", "tcp_bytes", "tcp_damaged")}
        self.complaints = []
        self.calm = False

    def add(self, name, count=1):
        self.told[name] += count

    def complain(self, text):
        if len(self.complaints) < 20:
            self.complaints.append(f"{time.time():.3f} {text}")

    def write(self, path):
        with open(path + ".new", "w") as file:
            json.dump({**self.told, "complaints": self.complaints}, file)
        os.replace(path + ".new", path)


class Receiver(asyncio.DatagramProtocol):
    def __init__(self, own, version, counts):
        self.own, self.version, self.counts, self.seen = own, version, counts, {}

    def datagram_received(self, data, addr):
        self.counts.add("udp_received")
        if not self.is_whole(data):
            self.counts.add("udp_damaged")
            self.counts.complain(f"damaged: {len(data)} bytes from {addr[0]}: {data[:48].hex()}")
            return
        _, source, _, _, calm, number, _ = HEADER.unpack_from(data)
        seen = self.seen.setdefault(source, {})
        if number in seen:
            self.counts.add("udp_twice")
            self.counts.complain(f"number {number} from {addr[0]} came twice")
        elif calm:
            self.counts.add("calm_received")
        seen[number] = True
        if len(seen) > SEEN:
            del seen[next(iter(seen))]

    def is_whole(self, data):
        if len(data) < HEADER.size:
            return False
        mark, _, to, version, _, _, size = HEADER.unpack_from(data)
        return (mark, to, version, size) == (MARK, self.own, self.version, len(data)) and \
            data[HEADER.size:] == body(data[:HEADER.size], size - HEADER.size)


def udp_socket(own, version):
    one = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    # What is too long is cut, by the gateway (IPv4) or the sender (IPv6).
    if version == 4:
        one.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT)
    else:
        one.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DONT)
    one.setblocking(False)
    one.bind((address(own, version), UDP_PORT))
    return one


async def send_datagrams(one, own, to, version, rng, counts):
    number = 0
    while True:
        await asyncio.sleep(rng.uniform(*UDP_PAUSE))
        number += 1
        size = rng.choice(SIZES) if rng.random() < 0.5 else rng.randint(HEADER.size, 1472)
        if counts.calm:
            size = min(size, CALM_MAX[version])
        try:
            one.sendto(datagram(own, to, version, counts.calm, number, size), (address(to, version), UDP_PORT))
            counts.add("udp_sent")
            counts.add("calm_sent", int(counts.calm))
        except OSError:  # no buffer, or nobody there
            counts.add("udp_refused")


async def echo(reader, writer):
    try:
        while data := await reader.read(BLOCK_MAX):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def stream(own, to, version, rng, counts):
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection(address(to, version), TCP_PORT, local_addr=(address(own, version), 0)), TCP_PATIENCE)
    counts.add("tcp_connections")
    try:
        while True:
            block = (MARK + rng.randbytes(rng.randint(1, BLOCK_MAX)))[:BLOCK_MAX]
            writer.write(block)
            got = await asyncio.wait_for(reader.readexactly(len(block)), TCP_PATIENCE)
            if got != block:
                counts.add("tcp_damaged")
                counts.complain(f"the stream to {address(to, version)} is damaged")
                return
            counts.add("tcp_bytes", len(block))
            await asyncio.sleep(rng.uniform(*TCP_PAUSE))
    finally:
        writer.close()


async def streams(own, to, version, rng, counts):
    while True:
        try:
            await stream(own, to, version, rng, counts)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            counts.add("tcp_broken")
            print(f"{time.time():.3f} stream to {address(to, version)}: {error!r}", file=sys.stderr, flush=True)
        await asyncio.sleep(1)


async def main():
    own, seed, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    counts, end, senders = Counts(), asyncio.Event(), []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(counts, "calm", True))
    for version in 4, 6:
        one = udp_socket(own, version)
        await loop.create_datagram_endpoint(lambda version=version: Receiver(own, version, counts), sock=one)
        await asyncio.start_server(echo, address(own, version), TCP_PORT)
        for to in {1, 2, 3} - {own}:
            rng = random.Random(f"{seed} {own} {to} {version}")
            senders.append(asyncio.create_task(send_datagrams(one, own, to, version, rng, counts)))
            senders.append(asyncio.create_task(streams(own, to, version, rng, counts)))
    while not end.is_set():
        counts.write(path)
        try:
            await asyncio.wait_for(end.wait(), 1)
        except asyncio.TimeoutError:
            pass
    for sender in senders:
        sender.cancel()
    await asyncio.sleep(2)  # what is on its way
    counts.write(path)


asyncio.run(main())
