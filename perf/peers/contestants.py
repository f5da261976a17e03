# SPDX-License-Identifier: BSD-3-Clause
"""Who is measured, how each is started, and how what it prints is read.

Every contestant seals or opens packets in place on one core, so their cycles can stand beside each other; what else
each does with a packet differs and is said with the tables:

  bare      the AES-GCM call of ipsec-mb alone, over the packets that Sealane has before it (from `sealane bench`)
  sealane   a worker's whole loop: receive, parse, route, session, headers, AES-GCM, replay window, send
  dpdk      dpdk-test-crypto-perf: DPDK's driver crypto_aesni_gcm with its queues, no packets around it
  openssl   openssl speed: EVP, one call after the other over the same bytes

All cycles are TSC cycles. Tools that tell only operations a second are converted with the TSC rate.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from peers.rounds import Step

PYTHON = "/usr/bin/python3"
STACKS = ("cryptography", "pynacl")
DPDK = ("dpdk-test-crypto-perf", "--no-pci", "--no-telemetry", "--vdev=crypto_aesni_gcm", "-m", "128")
NO_HUGE = ("--no-huge", "--file-prefix=sealane-peers")
DPDK_POOL_LEAST = 1024  # its tool makes no smaller one
BITS = {"aes128": 128, "aes256": 256}


@dataclass(frozen=True)
class Packets:
    """What a number of cycles is about; equal ones are the same measurement made again."""
    contestant: str
    direction: str
    size: int
    sessions: int = 1
    workers: int = 1
    burst: int = 32
    cipher: str = "aes128"
    source: str = "recycle"


@dataclass(frozen=True)
class Operation:
    """What a number of microseconds is about."""
    stack: str
    name: str


class Contestants:
    def __init__(self, build, cores, tsc_hz, huge_pages):
        """
        cores: one CPU of each core, the one for single workers last. huge_pages: whether there are enough for DPDK's
        tool; `sealane bench` takes them by itself.
        """
        self.build, self.cores, self.tsc_hz = Path(build), cores, tsc_hz
        self.dpdk_command = DPDK + (("--in-memory",) if huge_pages else NO_HUGE)

    def pinned(self, count=1):
        cpus = tuple(self.cores[-count:])
        return cpus, ("taskset", "-c", ",".join(map(str, cpus)))

    # ---- Sealane, and the bare loop inside it --------------------------------------------------------------------

    def sealane(self, figure):
        cpus, prefix = self.pinned(figure.workers)
        command = (str(self.build / "app" / "sealane"), "bench", "--size", str(figure.size),
                   "--sessions", str(figure.sessions), "--workers", str(figure.workers), "--burst", str(figure.burst),
                   "--cipher", figure.cipher, "--direction", figure.direction, "--source", figure.source,
                   "--time", f"{seconds_of(figure):.2f}", "--json")
        return Step(prefix + command, cpus, lambda text: self.read_sealane(figure, json.loads(text)))

    def read_sealane(self, figure, told):
        for name in ("size", "sessions", "workers", "burst", "cipher", "direction", "source"):
            if told[name] != getattr(figure, name):
                raise ValueError(f"sealane bench measured {name} {told[name]!r}, asked was {getattr(figure, name)!r}")
        bare = Packets(**{**vars(figure), "contestant": "bare"})
        return {
            figure: {"cycles": told["cycles_per_packet"], "mpps": told["mpps"], "overhead": told["overhead_cycles"],
                     "dropped_inside": told["rounds_dropped"] / (told["rounds"] + told["rounds_dropped"])},
            bare: {"cycles": told["bare_cycles_per_packet"],
                   "mpps": figure.workers * self.tsc_hz / told["bare_cycles_per_packet"] / 1e6},
        }

    # ---- dpdk-test-crypto-perf -----------------------------------------------------------------------------------

    def dpdk(self, figure):
        """Its main thread spins while it waits for the worker, so it stays away from the worker's CPU if it can."""
        cpus, _ = self.pinned()
        others = ",".join(map(str, self.cores[:-1] or self.cores))
        operations = int(min(1e6, 2e8 / figure.size))
        command = self.dpdk_command + ("--lcores", f"0@({others}),1@{cpus[0]}", "--",
                   "--devtype", "crypto_aesni_gcm", "--ptest", "throughput", "--optype", "aead",
                   "--aead-algo", "aes-gcm", "--aead-op", {"seal": "encrypt", "open": "decrypt"}[figure.direction],
                   "--aead-key-sz", str(BITS[figure.cipher] // 8), "--aead-iv-sz", "12", "--aead-aad-sz", "12",
                   "--digest-sz", "16", "--burst-sz", str(figure.burst), "--buffer-sz", str(figure.size),
                   "--pool-sz", str(max(batch_of(figure.size), DPDK_POOL_LEAST)),
                   "--total-ops", str(operations), "--silent", "--csv-friendly")
        return Step(command, cpus, lambda text: {figure: read_dpdk(text, figure.size)})

    # ---- openssl speed -------------------------------------------------------------------------------------------

    def openssl(self, figure):
        cpus, prefix = self.pinned()
        command = ("openssl", "speed", "-mr", "-elapsed", "-seconds", "1", "-aead",
                   "-evp", f"aes-{BITS[figure.cipher]}-gcm", "-bytes", str(figure.size))
        return Step(prefix + command, cpus, lambda text: {figure: self.read_openssl(text, figure.size)})

    def read_openssl(self, text, size):
        """Its last line: +F:number:AES-128-GCM:bytes a second."""
        name, _, _, rate = text.split()[-1].split(":")
        if name != "+F":
            raise ValueError(f"openssl speed ended with {text.split()[-1]!r}")
        per_second = float(rate) / size
        return {"cycles": self.tsc_hz / per_second, "mpps": per_second / 1e6}

    # ---- Messages and handshakes: Python's packages, and our primitives ------------------------------------------

    def python_stack(self, stack):
        cpus, prefix = self.pinned()
        script = Path(__file__).parent / "python_stack.py"
        command = prefix + (PYTHON, str(script), stack)
        return Step(command, cpus, lambda text: read_operations(stack, text))

    def primitives(self):
        cpus, prefix = self.pinned()
        command = prefix + (str(self.build / "perf" / "peers" / "primitives"),)
        return Step(command, cpus, lambda text: read_operations("sealane", text))

    def whole_handshake(self):
        """Both ends with all their messages: the micro benchmark of the IKE engine."""
        cpus, prefix = self.pinned()
        command = prefix + (str(self.build / "perf" / "bench_handshake"), "--benchmark_filter=^handshake/",
                            "--benchmark_min_time=0.05", "--benchmark_format=json")
        return Step(command, cpus, read_whole_handshake)


def batch_of(size):
    """How many packets `sealane bench` works on in turn; DPDK's tool gets as many, so that caches help both alike."""
    return min(2048, 1 << ((4 << 20) // size).bit_length() - 1)


def seconds_of(figure):
    """
    A moment, but some twenty of the rounds that `sealane bench` makes inside. It is short because
    that program leaves out slow moments, and what it is compared with cannot: a step should fall into one moment.
    """
    return 0.03 + 0.3 * figure.size / 8900 + (0.5 if figure.sessions > 1000 else 0)


def read_dpdk(text, size):
    """A heading that begins with #, and under it: lcore, bytes, burst, ..., Mops, Gbit/s, cycles."""
    lines = [line for line in text.splitlines() if "," in line]
    heading = next(line for line in lines if line.startswith("#"))
    names = [name.strip() for name in heading.lstrip("#").split(",")]
    row = dict(zip(names, lines[-1].split(",")))
    if int(row["Buffer Size(B)"]) != size or int(row["Failed Enq"]) or int(row["Failed Deq"]):
        raise ValueError(f"dpdk-test-crypto-perf says {row}")
    return {"cycles": float(row["Cycles/Buf"]), "mpps": float(row["Ops(Millions)"])}


def read_operations(stack, text):
    return {Operation(stack, name): {"microseconds": value} for name, value in json.loads(text).items()}


def read_whole_handshake(text):
    (told,) = json.loads(text)["benchmarks"]
    if told["time_unit"] != "ns":
        raise ValueError(f"bench_handshake tells {told['time_unit']}, expected ns")
    return {Operation("sealane", "whole handshake"): {"microseconds": told["real_time"] / 1e3}}
