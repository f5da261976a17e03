#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway whose cryptography computes wrongly does not start: for each primitive, and for each way in which it can be wrong, the
real start path says which it is in one line, ends with status 1, and neither opens a port nor lets a packet through.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "wire"))

from tap import Tap, bail_out, equal  # noqa: E402

FAULTY = Path(sys.argv[1])
LIMIT = 60.0  # seconds

WRONG = "a cryptographic self test failed: this CPU or library computes wrong results, do not use it"
BROKEN = "libsodium or ipsec-mb failed to start, or ipsec-mb is not the version built for: build again"
NO_AES = "this CPU lacks AES instructions (AESNI and PCLMULQDQ): run on a CPU, or a virtual CPU, that has them"


def gcm(bits):
    faults = [f"gcm{bits}_{way} {what}" for way in ("enc", "dec") for what in ("data", "icv", "long data", "long icv")]
    return faults + [f"gcm{bits}_pre"]


# What is said, by what is wrong.
FAULTS = {
    f"AES-128-GCM: {WRONG}": gcm(128),
    f"AES-256-GCM: {WRONG}": gcm(256),
    f"X25519: {WRONG}": ["crypto_scalarmult_curve25519_base", "crypto_scalarmult_curve25519",
                         "crypto_scalarmult_curve25519 weak point"],
    f"Ed25519: {WRONG}": ["crypto_sign_ed25519_seed_keypair", "crypto_sign_ed25519_detached",
                          "crypto_sign_ed25519_verify_detached yes", "crypto_sign_ed25519_verify_detached no"],
    f"HMAC-SHA-256: {WRONG}": ["crypto_auth_hmacsha256_final"],
    f"HKDF-SHA-256: {WRONG}": ["crypto_auth_hmacsha256_update second block"],
    f"SHA-1: {WRONG}": ["sha1"],
    f"comparison: {WRONG}": ["sodium_memcmp yes", "sodium_memcmp no"],
    f"wiping: {WRONG}": ["sodium_memzero"],
    f"random numbers: {WRONG}": ["randombytes_buf"],
    BROKEN: ["ipsec-mb self test", "sodium_init"],
    NO_AES: ["no aes instructions"],
}

CONFIGURATION = """\
[gateway]
name = alpha.test
private-key = gateway.key

[wire]
port = net_pcap0
address = 192.0.2.1/24

[plain]
port = net_pcap1
address = 10.1.0.1/16

[peer beta.test]
public-key = {public}
endpoint = 192.0.2.2
prefixes = 10.2.0.0/16
"""


class Start:
    """A gateway that would ask for its peer's MAC at once, on a wire that is a file."""

    def __init__(self, folder):
        self.dir = folder
        self.out = [folder / "wire.pcap", folder / "plain.pcap"]
        self.key, self.conf = folder / "gateway.key", folder / "alpha.conf"
        empty = folder / "empty.pcap"
        empty.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
        self.vdevs = [f"--vdev=net_pcap{i},rx_pcap={empty},tx_pcap={out}" for i, out in enumerate(self.out)]
        (folder / "run").mkdir(0o700)
        self.env = dict(os.environ, RUNTIME_DIRECTORY=str(folder / "run"))
        self.env.pop("SEALANE_FAULT", None)
        self.key.touch(0o600)
        self.key.write_bytes(self.tool("genkey"))
        public = self.tool("pubkey", self.tool("genkey")).decode().strip()  # somebody else's
        self.conf.write_text(CONFIGURATION.format(public=public))

    def tool(self, name, text=b""):
        return subprocess.run([FAULTY, name], input=text, check=True, capture_output=True, timeout=LIMIT, env=self.env).stdout

    def command(self):
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        return [FAULTY, "run", self.conf, "--", "--no-huge", "--no-pci", "-m", "256", "--lcores", f"0@({cpus}),1@({cpus})",
                *self.vdevs]

    def run(self, fault):
        return subprocess.run(self.command(), env=self.env | {"SEALANE_FAULT": fault}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT)

    def sent(self):
        """What has been written to the two ports; files that are not there have nobody opened them."""
        return [out.stat().st_size if out.exists() else -1 for out in self.out]


def refuses(start, fault, says):
    done = start.run(fault)
    lines = done.stderr.splitlines()
    equal(lines[:1], [f"fault: {fault}"], "the fault takes place")
    equal(lines[1:], [f"sealane: {says}"], "what it says")
    equal(done.stdout, "", "standard output")
    equal(done.returncode, 1, "exit status")
    equal(start.sent(), [-1, -1], "bytes sent to its ports (-1: not even opened)")
    equal(list((start.dir / "run").iterdir()), [], "what DPDK has left: it was not even started")


def runs_without(start):
    """The same copy without a fault opens its ports and speaks: the cases before mean something."""
    with open(start.dir / "log", "wb") as log:
        process = subprocess.Popen(start.command(), env=start.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + LIMIT
        while start.sent()[0] <= 24:  # the header of a pcap file
            assert process.poll() is None and time.monotonic() < deadline, (start.dir / "log").read_text()
            time.sleep(0.05)
        process.terminate()
        equal(process.wait(LIMIT), 0, "exit status")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def main():
    if not os.access(FAULTY, os.X_OK):
        bail_out(f"{FAULTY} is missing: build it first")
    tap = Tap()
    folder = Path(tempfile.mkdtemp(prefix="sealane-", dir="/tmp"))
    try:
        start = Start(folder)
        count = 0
        for says, faults in FAULTS.items():
            with tap.case(f"{says.split(':')[0]}: it does not start"):
                for fault in faults:
                    refuses(start, fault, says)
                    count += 1
        with tap.case("other commands do not either"):
            for command in ("genkey", "pubkey"):
                done = subprocess.run([FAULTY, command], input=start.key.read_bytes(), capture_output=True, timeout=LIMIT,
                                      env=start.env | {"SEALANE_FAULT": "crypto_sign_ed25519_detached"})
                equal((done.returncode, done.stdout), (1, b""), f"sealane {command}")
        with tap.case("without a fault it starts, and sends"):
            runs_without(start)
        tap.note(f"{count} faults in {len(FAULTS)} families, each refused")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.finish()


main()
