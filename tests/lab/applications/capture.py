# SPDX-License-Identifier: BSD-3-Clause
"""Reads UDP packets of either family from a capture that tcpdump has made with -y LINUX_SLL."""

import struct

FILE_HEADER_LEN, SLL_LEN, IPV6_LEN, UDP_LEN = 24, 16, 40, 8
UDP = 17


def udp_payloads(capture):
    """(time, length, as much of it as was captured) of each payload. Neither fragments nor extension headers are expected."""
    magic, = struct.unpack_from("<I", capture)
    if magic != 0xA1B2C3D4:
        raise ValueError("not a capture with microseconds of this machine's byte order")
    at = FILE_HEADER_LEN
    while at + 16 <= len(capture):
        seconds, microseconds, length, _ = struct.unpack_from("<IIII", capture, at)
        packet = capture[at + 16 + SLL_LEN:at + 16 + length]
        at += 16 + length
        if packet[0] >> 4 == 6:
            header_len, protocol = IPV6_LEN, packet[6]
        else:
            header_len, protocol = 4 * (packet[0] & 15), packet[9]
        if protocol == UDP:
            udp_length, = struct.unpack_from("!H", packet, header_len + 4)
            yield seconds + microseconds / 1e6, udp_length - UDP_LEN, packet[header_len + UDP_LEN:]
