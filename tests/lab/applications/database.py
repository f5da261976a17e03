# SPDX-License-Identifier: BSD-3-Clause
"""A database client: Redis, with its own command line and benchmark."""

import csv

from applications.figures import Figures
from applications.payload import payload, same
from applications.places import Failed

PORT = 6379
VALUE_SIZE = 2 << 20
INCREMENTS = 500
CONNECTIONS, BYTES = 8, 1024
EXPECTED_RATE = 4000  # requests a second: redis-benchmark counts requests instead of seconds


class Redis:
    name, title, unit = "redis", "Redis: redis-cli, redis-benchmark", "requests"

    def __init__(self, place):
        self.place = place
        self.marker = place.marker(self.name)
        self.value = payload(self.marker, VALUE_SIZE)

    def serve(self):
        folder = self.place.work / self.name
        folder.mkdir()
        self.place.start("redis-server", "--bind", *self.place.addresses, "--port", PORT, "--save", "", "--appendonly", "no",
                         "--protected-mode", "no", "--daemonize", "no", "--dir", folder, log=self.name, port=PORT)

    def cli(self, way, *words, stdin=b""):
        return self.place.client.run("redis-cli", "-h", way.address, "-p", PORT, *words, stdin=stdin)

    def check(self, way):
        key = f"{self.marker}-{way.name}"
        if self.cli(way, "-x", "SET", key, stdin=self.value) != b"OK\n":
            raise Failed("the value was not stored")
        came = self.cli(way, "GET", key)
        # One connection, one request after the other.
        counted = self.cli(way, stdin=b"DEL count\n" + f"INCR {key}-count\n".encode() * INCREMENTS).split()
        self.cli(way, "DEL", key, f"{key}-count")
        return {"value": same("value", came, self.value + b"\n"),
                "counter": same("counter", b" ".join(counted[-INCREMENTS:]),
                                b" ".join(b"%d" % number for number in range(1, INCREMENTS + 1)))}

    def benchmark(self, way, connections, seconds):
        count = max(100, round(seconds * EXPECTED_RATE))
        told = self.place.client.run("redis-benchmark", "-h", way.address, "-p", PORT, "-c", connections, "-n", count,
                                     "-d", BYTES, "-t", "set", "--csv", patience=60 + 4 * seconds)
        return next(csv.DictReader(told.decode().splitlines()))

    def measure(self, way, seconds):
        one, many = (self.benchmark(way, connections, seconds / 2) for connections in (1, CONNECTIONS))
        return Figures(float(many["rps"]), float(one["p50_latency_ms"]) * 1000, float(one["p99_latency_ms"]) * 1000)
