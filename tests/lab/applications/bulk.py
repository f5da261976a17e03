# SPDX-License-Identifier: BSD-3-Clause
"""iperf3 over TCP and UDP: a file that must arrive, throughput, and how long packets take."""

import contextlib
import json
import struct
import subprocess
import time

from applications.capture import udp_payloads
from applications.figures import of_latencies
from applications.payload import EVERY, payload
from applications.places import SPAWNED, Failed

UNIQUE = 64  # bytes at the beginning of a block, with its number, that are nowhere else
GREETINGS = 4  # over a wire that loses a few of a hundred


class Unheard(Failed):
    """iperf3 greets its server with one datagram and waits half a minute for one in return; neither is ever repeated."""


class Iperf:
    """Each test has a server of its own, for one that has not noticed the end of the test before is busy."""
    unit, flags, file_flags = "Mbit", (), ()

    def __init__(self, place):
        self.place = place
        self.marker = place.marker(self.name)
        self.file = payload(self.marker, self.file_size)
        self.source = place.work / f"{self.name}.file"

    def serve(self):
        self.source.write_bytes(self.file)

    @contextlib.contextmanager
    def server(self, way, *words):
        with self.place.log(self.name) as log:
            server = self.place.server.spawn("iperf3", "-s", "-1", "-B", way.address, "-p", self.port, *words,
                                             stdout=log, stderr=log)
        try:
            self.place.server.wait_for_listener(server, self.port)
            yield
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(10)
        finally:
            server.kill()
            server.wait()
            SPAWNED.discard(server)

    def client(self, way, seconds, *words):
        told = json.loads(self.place.client.run("iperf3", "-c", way.address, "-p", self.port, "-t", seconds, *self.flags, "--json",
                                                "--connect-timeout", 10000, *words, patience=90 + 2 * seconds))
        # It ends with status 0 all the same.
        if error := told.get("error"):
            raise Unheard(error) if error.startswith("unable to read from stream socket") else Failed(error)
        return told

    def check(self, way):
        target = self.place.work / f"{self.name}.{way.name}"
        target.unlink(missing_ok=True)
        with self.server(way, "-F", target):
            self.client(way, 30, "-F", self.source, *self.file_flags)
        return self.judge(target.read_bytes())


class Tcp(Iperf):
    """Latency is the round trip time that the sender's kernel has measured under this load."""
    name, title, port = "iperf-tcp", "iperf3, TCP; latency is the loaded round trip", 5201
    file_size, block_size = 4 << 20, 8192
    file_flags = ("-b", "100M", "-l", block_size, "-w", "200K")

    def judge(self, came):
        """A true beginning: iperf3 ends a test by another connection, which can overtake the last of the data."""
        at = 0
        for start in range(0, len(self.file), self.block_size):
            at = self.after_block(came, at, self.file[start:start + self.block_size])
        if at != len(came) or at < len(self.file) / 2:
            raise Failed(f"{len(came)} bytes arrived of {len(self.file)}")
        return {"stream": "a true beginning"}

    def after_block(self, came, at, block):
        """Where it ends. When a socket takes only a part of a block, iperf3 sends the rest from the block's beginning."""
        left = len(block)
        while left and at < len(came):
            again = came.find(block[:min(left, UNIQUE)], at + 1, at + left)
            length = (again if again >= 0 else min(at + left, len(came))) - at
            if came[at:at + length] != block[:length]:
                raise Failed(f"byte {at} and those after it are not what was sent")
            at, left = at + length, left - length
        return at

    def measure(self, way, seconds):
        with self.server(way):
            told = self.client(way, max(1, round(seconds)), "-i", 0.1)
        trips = [interval["streams"][0]["rtt"] / 1e6 for interval in told["intervals"]]
        return of_latencies(told["end"]["sum_received"]["bits_per_second"] / 1e6, trips)


class Udp(Iperf):
    """Latency is one way, from iperf3's own time stamp to the arrival at the host: the hosts share one clock."""
    name, title, port = "iperf-udp", "iperf3, UDP, 50 Mbit/s offered; latency is one way", 5202
    size = 1200  # of a datagram; what the smallest wire carries too
    flags = ("-u", "-l", size, "-b", "50M")
    header = struct.Struct("!III")  # seconds, microseconds, number from 1
    file_size, file_flags = size * EVERY, ("-b", "2M")  # gently: the receiver's buffer holds nearly half a second of it

    def judge(self, came):
        """Each datagram holds its part of the file, behind the header; on a lossy wire some are missing, none comes twice."""
        numbers = set()
        for at in range(0, len(came) - self.size + 1, self.size):
            datagram = came[at:at + self.size]
            number = self.header.unpack_from(datagram)[2]
            start = (number - 1) * self.size
            if number in numbers or datagram[self.header.size:] != self.file[start + self.header.size:start + self.size]:
                raise Failed(f"datagram {number} came twice, or is not what was sent")
            numbers.add(number)
        wanted = len(self.file) // self.size
        if len(numbers) < 0.7 * wanted:
            raise Failed(f"{len(numbers)} datagrams came of {wanted}")
        return {"datagrams": "all true"}

    def check(self, way):
        return self.until_heard(super().check, way)

    def measure(self, way, seconds):
        return self.until_heard(self.measure_once, way, seconds)

    def until_heard(self, function, *arguments):
        for _ in range(GREETINGS - 1):
            with contextlib.suppress(Unheard):
                return function(*arguments)
        return function(*arguments)

    def measure_once(self, way, seconds):
        capture = self.place.work / f"{self.name}.pcap"
        with self.place.log("tcpdump") as log:
            witness = self.place.server.spawn("tcpdump", "-i", "any", "-y", "LINUX_SLL", "-n", "-Z", "root", "-s", 96, "-U",
                                              "-w", capture, f"udp and dst port {self.port}", stdout=log, stderr=log)
        while not (capture.exists() and capture.stat().st_size):
            time.sleep(0.05)
        try:
            with self.server(way):
                told = self.client(way, max(1, round(seconds)))
        finally:
            witness.terminate()
            witness.wait(20)
            SPAWNED.discard(witness)
        found = list(self.latencies(capture.read_bytes()))
        capture.unlink()
        return of_latencies(told["end"]["sum"]["bits_per_second"] / 1e6 * (1 - told["end"]["sum"]["lost_percent"] / 100), found)

    def latencies(self, capture):
        to_monotonic = time.time() - time.monotonic()
        for arrived, length, octets in udp_payloads(capture):
            if length == self.size:
                seconds, microseconds, _ = self.header.unpack_from(octets)
                yield arrived - to_monotonic - seconds - microseconds / 1e6
