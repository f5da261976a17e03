# SPDX-License-Identifier: BSD-3-Clause
"""The wire between two gateways: forwards every frame between two interfaces of this namespace, keeps all of them, and can do
something at the moment a certain message of IKE comes by."""

import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

INIT, AUTH, CREATE, INFORMATIONAL = 34, 35, 36, 37
EXCHANGES = {INIT: "IKE_SA_INIT", AUTH: "IKE_AUTH", CREATE: "CREATE_CHILD_SA", INFORMATIONAL: "INFORMATIONAL"}
ARP, IPV4 = 0x0806, 0x0800
ICMP, UDP, ESP = 1, 17, 50
ALL_PROTOCOLS = 3


@dataclass(frozen=True)
class Ike:
    """A message of IKE as an onlooker sees it."""
    spi_i: bytes
    spi_r: bytes
    payload: int  # the first
    exchange: int
    response: bool
    initiator: bool  # sent by the initiator of the IKE SA
    id: int
    data: bytes

    def __str__(self):
        return f"{EXCHANGES.get(self.exchange, self.exchange)} {'response' if self.response else 'request'}"


def parse_ike(data):
    if len(data) < 28:
        return None
    payload, _, exchange, flags, number, _ = struct.unpack("!BBBBII", data[16:28])
    return Ike(data[:8], data[8:16], payload, exchange, bool(flags & 0x20), bool(flags & 0x08), number, data)


def parse(frame):
    """("esp", bytes), ("ike", Ike), ("arp", None), ("icmp", None) or ("other", what)."""
    (kind,) = struct.unpack("!H", frame[12:14])
    if kind == ARP:
        return "arp", None
    if kind != IPV4:
        return "other", f"Ethernet type {kind:#06x}"
    length, protocol = struct.unpack("!H", frame[16:18])[0], frame[23]
    packet = frame[14 + 4 * (frame[14] & 15):14 + length]
    if protocol == ICMP:
        return "icmp", None
    if protocol == ESP:
        return "esp", packet
    if protocol != UDP:
        return "other", f"IP protocol {protocol}"
    port, data = struct.unpack("!H", packet[2:4])[0], packet[8:]
    if port == 500:
        return "ike", parse_ike(data)
    if port != 4500:
        return "other", f"UDP port {port}"
    if data == b"\xff":
        return "keepalive", None
    return ("ike", parse_ike(data[4:])) if data[:4] == bytes(4) else ("esp", data)


class Wire(threading.Thread):
    """Runs until close(). frames: (0 or 1, which side has sent it; the frame)."""

    def __init__(self, *ports):
        super().__init__(daemon=True)
        self.frames = []
        self.trap = None
        self.blocked = False
        self.caught = threading.Event()
        self.failure = None
        self.sockets = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS)) for _ in ports]
        for one, port in zip(self.sockets, ports):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 8 << 20)
            one.bind((port, 0))
        self.stopping, self.stop_end = os.pipe()

    def set_trap(self, wanted, act):
        """Once, when wanted(side, Ike) of a message is true: act(side), and the message goes no further."""
        self.caught.clear()
        self.trap = (wanted, act)

    def spring(self, side, frame):
        kind, ike = parse(frame)
        if kind != "ike" or ike is None or not self.trap[0](side, ike):
            return False
        act, self.trap = self.trap[1], None
        act(side)
        self.caught.set()
        return True

    def forward(self, side):
        frame, address = self.sockets[side].recvfrom(65536)
        if address[2] == socket.PACKET_OUTGOING:
            return
        self.frames.append((side, frame))
        if self.trap and self.spring(side, frame) or self.blocked:
            return
        try:
            self.sockets[1 - side].send(frame)
        except OSError:
            pass  # the port is down

    def run(self):
        try:
            while True:
                ready, _, _ = select.select([*self.sockets, self.stopping], [], [])
                if self.stopping in ready:
                    return
                for one in ready:
                    try:
                        self.forward(self.sockets.index(one))
                    except OSError:
                        time.sleep(0.01)  # the port is down; it tells once
        except Exception as error:  # whoever waits for it shall know
            self.failure = error

    def close(self):
        os.write(self.stop_end, b"x")
        self.join(5)
        if self.failure:
            raise self.failure
