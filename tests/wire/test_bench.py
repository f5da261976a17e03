#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`sealane bench`: that it measures what it says. How fast it is, no test asks."""

import json
import os
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from esp import open_by_aesgcm, open_by_scapy, read_keylog, spi_of
from gateway import SEALANE, need
from tap import Skip, Tap, equal

BATCH = 2048  # packets of a round: as many as a queue has descriptors ...
BATCH_BYTES = 4 << 20  # ... and no more than these
SCAPY_PACKETS = 64  # scapy is slow; the other implementation opens all of them
KEYS = {"size", "sessions", "workers", "burst", "cipher", "direction", "source", "cycles_per_packet",
        "cycles_per_packet_all",
        "bare_cycles_per_packet", "overhead_cycles", "mpps", "gbps", "rounds", "rounds_dropped", "packets",
        "ipsec_mb", "tsc_hz", "probe"}

RUNS = [
    ["--size", "64"],
    ["--size", "1420", "--direction", "open", "--cipher", "aes256"],
    ["--size", "8900", "--burst", "256"],
    ["--size", "8900", "--burst", "1", "--direction", "open"],
    ["--sessions", "1000"],
    ["--sessions", "1000", "--direction", "open", "--burst", "7"],
    ["--source", "pcap", "--sessions", "10"],
    ["--workers", "2", "--sessions", "10"],
    ["--workers", "2", "--sessions", "10", "--direction", "open"],
    ["--workers", "2", "--source", "pcap"],
]

WRONG = [
    ["--size", "47"], ["--size", "x"], ["--size", ""], ["--size"], ["--sessions", "0"], ["--sessions", "-1"],
    ["--burst", "257"], ["--cipher", "aes192"], ["--direction", "up"], ["--source", "nic"], ["--time", "0"],
    ["--time", "nan"], ["--nonsense"], ["extra"], ["--source", "pcap", "--direction", "open"],
    ["--source", "pcap", "--sessions", "257"], ["--workers", "2", "--sessions", "65000"],
]


def bench(*args, seconds="0.05"):
    return subprocess.run([SEALANE, "bench", "--time", seconds, *args], capture_output=True, text=True, timeout=60)


def figures(*args):
    done = bench("--json", *args)
    equal((done.returncode, done.stderr), (0, ""), "exit status and errors")
    return json.loads(done.stdout)


def check_figures(f, args):
    equal(set(f), KEYS, "keys")
    for name, value in zip(args[::2], args[1::2]):
        equal(str(f[name[2:]]), value, name)
    assert f["rounds"] > 0 and f["cycles_per_packet"] > 0 and f["bare_cycles_per_packet"] > 0, f
    assert f["packets"] >= f["rounds"] * min(BATCH, BATCH_BYTES // f["size"] // 2), f
    mpps = f["workers"] * f["tsc_hz"] / f["cycles_per_packet"] / 1e6
    assert abs(f["mpps"] - mpps) < 0.01 * mpps, f
    assert abs(f["gbps"] - mpps * f["size"] * 8 / 1000) < 0.01 * f["gbps"], f


def in_order(numbers, what):
    assert numbers == sorted(set(numbers)), f"{what} came out of order, or twice"


def captured(folder, *args):
    path = Path(folder) / "sent.pcap"
    figures("--capture", str(path), "--keylog", folder, "--sessions", "10", *args)
    return [bytes(frame) for frame in rdpcap(str(path))]


def number_of(inner):
    packet = IP(inner)
    equal((packet.len, packet[UDP].dport), (len(inner), 9), "inner packet")
    return int.from_bytes(bytes(packet[UDP].payload)[:8], "big")


def check_sealed(folder, workers):
    numbers, sequence = defaultdict(list), defaultdict(list)
    frames = captured(folder, "--size", "200", "--workers", str(workers))
    sas = read_keylog(folder)
    equal(len(sas), 10 * workers, "SAs in the key log")
    equal(len(frames), workers * BATCH, "packets of a round")
    for at, frame in enumerate(frames):
        esp = bytes(Ether(frame)[UDP].payload)
        spi = spi_of(esp)
        seq, iv, inner, _ = open_by_aesgcm(sas[spi], esp)
        equal(iv, seq, "IV")
        if at < SCAPY_PACKETS:
            equal(open_by_scapy(sas[spi], esp), inner, "what scapy finds")
        numbers[spi].append(number_of(inner))
        sequence[spi].append(seq)
    equal(len(numbers), 10 * workers, "SAs that were used")
    for spi in numbers:
        in_order(numbers[spi], "inner packets of a flow")
        in_order(sequence[spi], "sequence numbers")


def check_opened(folder):
    numbers = defaultdict(list)
    frames = captured(folder, "--size", "200", "--direction", "open")
    equal(len(frames), BATCH, "packets of a round")
    for frame in frames:
        packet = Ether(frame)
        equal((packet.dst, packet[IP].dst), ("02:00:00:00:00:09", "10.1.0.9"), "where an opened packet goes")
        numbers[packet[IP].src].append(number_of(bytes(packet[IP])))
    equal(len(numbers), 10, "flows")
    for source in numbers:
        in_order(numbers[source], f"packets of {source}")


def main():
    need(SEALANE)
    tap = Tap()
    for args in RUNS:
        with tap.case("bench " + " ".join(args)):
            if "--workers" in args and len(os.sched_getaffinity(0)) < 2:
                raise Skip("two workers need two CPUs")
            check_figures(figures(*args), args)
    with tap.case("without --json it prints a table"):
        done = bench()
        equal(done.returncode, 0, "exit status")
        for word in ("bare AES-GCM", "sealane", "overhead", "cycles/packet", "ipsec-mb"):
            assert word in done.stdout, done.stdout
    for workers in (1, 2):
        with tap.case(f"what {workers} sealed in a run opens elsewhere, in order"), tempfile.TemporaryDirectory() as folder:
            if workers > len(os.sched_getaffinity(0)):
                raise Skip("two workers need two CPUs")
            check_sealed(folder, workers)
    with tap.case("what it opened in a run is what was sealed, in order"), tempfile.TemporaryDirectory() as folder:
        check_opened(folder)
    with tap.case("a capture that cannot be written is said so"):
        done = bench("--capture", "/nowhere/sent.pcap")
        equal((done.returncode, done.stderr.count("\n")), (1, 1), "exit status and lines")
        assert "/nowhere/sent.pcap" in done.stderr, done.stderr
    with tap.case("more workers than CPUs are refused"):
        done = bench("--workers", "64")
        equal((done.returncode, done.stderr.count("\n")), (1, 1), "exit status and lines")
    for args in WRONG:
        with tap.case("refused: bench " + " ".join(args)):
            done = bench(*args)
            equal((done.returncode, done.stderr.count("\n"), done.stdout), (2, 1, ""), "exit status, lines, output")
    tap.finish()


main()
