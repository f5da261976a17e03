#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
half_open.py FROM TO UDP-PAYLOAD: sends somebody's IKE_SA_INIT once more, as from FROM, under another initiator's SPI, and
never goes on. The payload is hexadecimal, from port 4500: it begins with the non-ESP marker, which port 500 has not.
"""

import os
import socket
import sys

source, target, payload = sys.argv[1:]
message = bytes.fromhex(payload)[4:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind((source, 0))
    sock.settimeout(5)
    sock.sendto(os.urandom(8) + message[8:], (target, 500))
    sock.recv(4096)
