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
TRIAL = 300  # requests


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

    def benchmark(self, way, connections, count):
        told = self.place.client.run("redis-benchmark", "-h", way.address, "-p", PORT, "-c", connections, "-n", count,
                                     "-d", BYTES, "-t", "set", "--csv")
        return next(csv.DictReader(told.decode().splitlines()))

    def benchmark_for(self, way, connections, seconds):
        """It wants to know how many requests: as many as a trial says there is time for."""
        rate = float(self.benchmark(way, connections, TRIAL)["rps"])
        return self.benchmark(way, connections, max(TRIAL, round(rate * seconds)))

    def measure(self, way, seconds):
        one, many = (self.benchmark_for(way, connections, seconds / 2) for connections in (1, CONNECTIONS))
        return Figures(float(many["rps"]), float(one["p50_latency_ms"]) * 1000, float(one["p99_latency_ms"]) * 1000)
