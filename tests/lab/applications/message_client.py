# SPDX-License-Identifier: BSD-3-Clause
"""The client of the message applications, on its host:

    python3 -m applications.message_client PLACE NAME ADDRESS plain|sealed check|measure SECONDS

Prints one JSON object: the digest of all that came back, or the figures.
"""

import hashlib
import importlib
import json
import sys
import threading
import time

from applications import figures, messages, method
from applications.payload import payload
from applications.places import Place

SIZES = (0, 1, 1000, 1400, 65536, 1 << 20)
REPEAT = 5
SIZE = 1024  # of a message that is measured
CLIENTS = 4
WARM_UP = 20


def asked(channel, message):
    """What the server made of the message, which is right."""
    reply = channel.ask(message)
    if reply != hashlib.sha256(message).digest() + message:
        raise ValueError(f"a message of {len(message)} bytes came back as another of {len(reply)}")
    return reply


class Program:
    def __init__(self, place, name, address, sealed):
        kind = next(kind for kind in messages.KINDS if kind.name == name)
        transport = importlib.import_module(f"applications.over_{kind.transport}")
        self.client_class = getattr(transport, kind.client_class)
        self.address, self.sealed = address, sealed
        self.own, server = messages.identities(place)
        self.peer = server.public_key()
        self.marker = place.marker(name)

    def connect(self, number):
        client = self.client_class(self.address, number)
        channel = method.Sealed(client.exchange, self.own, self.peer) if self.sealed else method.Plain(client.exchange)
        return client, channel

    def check(self):
        client, channel = self.connect(0)
        arrived = hashlib.sha256()
        for number in range(REPEAT):
            for size in SIZES:
                arrived.update(asked(channel, payload(self.marker, size, number)))
        client.close()
        return {"replies": arrived.hexdigest()}

    # ---- Measuring -----------------------------------------------------------------------------------------------

    def latencies(self, channel, seconds):
        """Of one message after the other, as long as there is time."""
        message, found = payload(self.marker, SIZE), []
        for _ in range(WARM_UP):
            asked(channel, message)
        started = time.perf_counter()
        while not found or started < self.until:
            asked(channel, message)
            now = time.perf_counter()
            found.append(now - started)
            started = now
        return found

    def one(self, seconds):
        client, channel = self.connect(0)
        self.until = time.perf_counter() + seconds
        found = self.latencies(channel, seconds)
        client.close()
        return found

    def many(self, seconds):
        """Messages a second of several clients, each with a connection of its own."""
        connected = [self.connect(number) for number in range(1, CLIENTS + 1)]
        counts, failures = [], []

        def work(channel):
            try:
                found = self.latencies(channel, seconds)
                counts.append(len(found) / sum(found))
            except Exception as failure:
                failures.append(failure)

        self.until = time.perf_counter() + seconds
        threads = [threading.Thread(target=work, args=(channel,)) for _, channel in connected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        for client, _ in connected:
            client.close()
        return sum(counts)

    def measure(self, seconds):
        found = self.one(seconds / 2)
        return vars(figures.of_latencies(self.many(seconds / 2), found))


def main():
    place_file, name, address, protection, what, *seconds = sys.argv[1:]
    program = Program(Place(place_file), name, address, protection == "sealed")
    print(json.dumps(program.check() if what == "check" else program.measure(float(seconds[0]))))


main()
