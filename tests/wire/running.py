# SPDX-License-Identifier: BSD-3-Clause
"""Numbered packets that run both ways through a link while something happens to it: none may be lost."""

import time

import packets
from gateway import ALPHA, BETA

BURST = 4      # packets each way at a time
PAUSE = 0.01   # seconds between bursts
ANNOUNCE = 1   # seconds between ARP requests of the hosts, which answer none: however long the machine stands still
LIMIT = 40     # seconds for what a test waits for


class Traffic:
    """Numbered packets both ways, as long as somebody wants."""

    def __init__(self, link):
        self.link, self.there, self.back, self.announced = link, [], [], 0
        # Both ends connect, so there may have been two handshakes.
        self.handshakes = [gateway.show("peers")[0]["handshakes"] for gateway in (link.alpha, link.beta)]
        self.ike_sas = len(ike_sas(link.alpha))

    def once(self):
        first = len(self.there) + 1
        there = [packets.datagram(ALPHA.host, BETA.host, b"there %d" % (first + i), first + i) for i in range(BURST)]
        back = [packets.datagram(BETA.host, ALPHA.host, b"back %d" % (first + i), first + i) for i in range(BURST)]
        if time.monotonic() > self.announced + ANNOUNCE:
            self.link.announce()
            self.announced = time.monotonic()
        self.link.send_a(there)
        self.link.send_b(back)
        self.there += there
        self.back += back
        time.sleep(PAUSE)

    def until(self, condition, what):
        """Sends until condition() holds, which is looked at now and then, and a little longer."""
        deadline = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {LIMIT} s")
            for _ in range(20):
                self.once()
        for _ in range(20):
            self.once()


def ike_sas(gateway):
    """The IKE SAs whose keys were logged."""
    return set((gateway.keylog / "ikev2_decryption_table").read_text().splitlines())
