#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
What only root can see of a running gateway, as TAP: which capabilities are left, what is in its core, and whether it still
calls itself alive when a worker stands still. The gateways run on virtual devices that need no namespace.
"""

import base64
import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "wire"))

import esp  # noqa: E402
import packets  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key  # noqa: E402
from gateway import ALPHA, BETA, RELAY, SEALANE, START_LIMIT, Bench, Link, need, wait_until  # noqa: E402
from service import Listener  # noqa: E402
from tap import Skip, Tap, equal  # noqa: E402

CAP_IPC_LOCK = 1 << 14
GCORE_LIMIT = 60  # seconds
PPK = os.urandom(32)


# ---- Threads -----------------------------------------------------------------------------------------------------------


def threads(pid):
    """The lines of /proc/PID/task/TID/status of every thread, by TID."""
    found = {}
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = (line.split(":\t", 1) for line in status.read_text().splitlines())
        found[int(status.parent.name)] = {line[0]: line[1] for line in lines if len(line) == 2}
    return found


PTRACE_INTERRUPT, PTRACE_SEIZE, PTRACE_DETACH = 0x4207, 0x4206, 17


class Stopped:
    """One thread of a process stands still, as one that has lost its way would."""

    def __init__(self, tid):
        self.tid, self.libc = tid, ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(self, request):
        if self.libc.ptrace(request, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"ptrace {request:#x}")

    def __enter__(self):
        self.ptrace(PTRACE_SEIZE)
        self.ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.tid, 0x40000000)  # __WALL

    def __exit__(self, *_):
        self.ptrace(PTRACE_DETACH)


# ---- Cores -------------------------------------------------------------------------------------------------------------


def core_of(gateway):
    """Its memory and registers, as a debugger writes them down: all that a core of the kernel would have."""
    prefix = gateway.dir / "core"
    subprocess.run(["gcore", "-o", prefix, str(gateway.process.pid)], check=True, capture_output=True, timeout=GCORE_LIMIT)
    (core,) = gateway.dir.glob("core.*")
    content = core.read_bytes()
    core.unlink()
    return content


def identity_keys(gateway):
    """The private key as it is in the file, and what Ed25519 makes of it."""
    key = load_pem_private_key(gateway.key.read_bytes(), None)
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    digest = bytearray(hashlib.sha512(seed).digest())
    scalar = bytearray(digest[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    return {"the seed": seed, "its digest": bytes(digest[:32]), "the prefix": bytes(digest[32:]), "the scalar": bytes(scalar),
            "the end of the file": gateway.key.read_text().splitlines()[1].encode()[-40:]}


def session_keys(gateway):
    """Those of ESP and of IKE, as logged, without salt. The key schedule of AES begins with the key: expanded ones are found."""
    keys = {f"the ESP key of SPI {spi:#x}": sa.key[:-4] for spi, sa in esp.read_keylog(gateway.keylog).items()}
    for line in (gateway.keylog / "ikev2_decryption_table").read_text().splitlines():
        fields = line.split(",")
        for name, field in zip(("SK_ei", "SK_er"), fields[2:4]):
            keys[f"{name} of {fields[0]}"] = bytes.fromhex(field)[:-4]
    return keys


PAGE = 4096


def secret_pages(pid):
    """The pages of memory that is kept out of cores, as the kernel says, which are in use."""
    with open(f"/proc/{pid}/smaps") as maps, open(f"/proc/{pid}/pagemap", "rb") as pagemap, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line):
                first, last = (int(address, 16) // PAGE for address in found.groups())
            elif re.match(r"[0-9a-f]+-", line):
                first = last = 0
            # libsodium's guarded page has a canary before the object that libsodium compares with one elsewhere. What else is
            # in it identity_keys() knows.
            elif line.startswith("VmFlags") and " dd" in line and last - first > 1:
                pagemap.seek(first * 8)
                present = memoryview(pagemap.read((last - first) * 8)).cast("Q")
                for i, entry in enumerate(present):
                    if entry >> 63:
                        memory.seek((first + i) * PAGE)
                        yield memory.read(PAGE)


def secret_words(pid):
    """All of what is there that looks random, in pieces of 16 bytes at every eighth, by their first 8 bytes."""
    words = {}
    for page in secret_pages(pid):
        if not any(page):
            continue
        for at in range(0, PAGE - 8, 8):
            piece = page[at:at + 16]
            if len(set(piece)) >= 12 and len(set(piece[:8])) >= 6:
                words.setdefault(int.from_bytes(piece[:8], "little"), piece)
    return words


def strays(core, words):
    """The pieces of secret memory that are in the core: copies in a stack, a heap, a register."""
    zero, found = bytes(PAGE), set()
    for at in range(0, len(core), PAGE):
        page = core[at:at + PAGE]
        if page != zero:
            found.update(words.keys() & set(memoryview(page[:len(page) // 8 * 8]).cast("Q")))
    return [words[word] for word in found if words[word] in core]


def no_keys_in_cores(tap, link):
    if not shutil.which("gcore"):
        raise Skip("no gdb here")
    for gateway, peer in ((link.alpha, link.beta), (link.beta, link.alpha)):
        words = secret_words(gateway.process.pid)
        core = core_of(gateway)
        # What is no secret is there: this is the memory of that gateway.
        assert core.count(gateway.name.encode()) > 0 and core.count(peer.name.encode()) > 0, "no core of this gateway"
        assert core.count(base64.b64decode(peer.public_key)) > 0, "the public key of the peer is not in it"
        keys = identity_keys(gateway) | session_keys(gateway) | {"the PPK": PPK, "its text": PPK.hex().encode()}
        equal(sum(name.startswith("the ESP") for name in keys) >= 4, True, "there are logged ESP keys")
        equal(sum(name.startswith("SK_") for name in keys) >= 2, True, "there are logged IKE keys")
        found = [f"{name} at {core.find(key):#x}" for name, key in keys.items() if key in core]
        assert not found, f"{gateway.name}: {', '.join(found)}"
        assert len(words) > 100, f"only {len(words)} pieces of secret memory"
        found = [f"{piece.hex()} at {core.find(piece):#x}" for piece in strays(core, words)]
        assert not found, f"{gateway.name}: {len(found)} pieces of secret memory: {', '.join(found[:8])}"
        tap.note(f"{gateway.name}: {len(core) >> 20} MiB, {len(keys)} keys and {len(words)} pieces of secret memory looked for")


# ---- What is gone ------------------------------------------------------------------------------------------------------

PRESENT_OR_SWAPPED = 3 << 62


def written_memory(pid):
    """All memory that the process can write to and has touched, secret or not, freed or not, in runs of pages."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb") as pagemap, \
            open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) .w", line)
            if not found:
                continue
            first, last = (int(address, 16) // PAGE for address in found.groups())
            pagemap.seek(first * 8)
            entries = memoryview(pagemap.read((last - first) * 8)).cast("Q")
            at = 0
            while at < len(entries):
                end = at
                while end < len(entries) and entries[end] & PRESENT_OR_SWAPPED:
                    end += 1
                if end > at:
                    memory.seek((first + at) * PAGE)
                    yield memory.read((end - at) * PAGE)
                at = end + 1


def still_there(gateway, keys):
    """Which of these keys are in its memory, and how much that is. Whoever looks for them has them in his own only."""
    found, size = set(), 0
    for run in written_memory(gateway.process.pid):
        size += len(run)
        found |= {name for name, key in keys.items() if key in run}
    return found, size


def down_leaves_nothing(tap, link):
    """When the link is taken down nothing is left of the keys of any SA, in no memory whatever."""
    keys = {gateway: session_keys(gateway) for gateway in (link.alpha, link.beta)}
    live, _ = still_there(link.alpha, keys[link.alpha])
    assert sum(name.startswith("the ESP") for name in live) >= 2, f"of a live link only {live} is found: this cannot find any"
    subprocess.run([SEALANE, "down", link.alpha.peer_name, "--gateway", link.alpha.name], env=link.alpha.bench.env, check=True,
                   capture_output=True, timeout=START_LIMIT)
    for gateway in (link.alpha, link.beta):
        # What may still be on its way is taken for some seconds. Beta may begin a new link, which is refused.
        wait_until(lambda: not still_there(gateway, keys[gateway])[0], 2 * START_LIMIT, "all keys are gone")
        found, size = still_there(gateway, keys[gateway] | {"its name": gateway.name.encode()})
        equal(found, {"its name"}, "what is found")
        tap.note(f"{gateway.name}: {size >> 20} MiB of memory, none of {len(keys[gateway])} keys of SAs in it")


# ---- The tests ---------------------------------------------------------------------------------------------------------


def capabilities(link):
    for gateway in (link.alpha, link.beta):
        for tid, status in threads(gateway.process.pid).items():
            for which in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                # That one stays where the limit for locked memory cannot be raised.
                left = int(status[which], 16) & ~CAP_IPC_LOCK
                assert left == 0, f"{gateway.name}: thread {tid} ({status['Name']}) has {which} {left:#x}"
            equal(status["NoNewPrivs"], "1", f"no_new_privs of thread {tid} ({status['Name']})")


def worker_of(gateway):
    (tid,) = [tid for tid, status in threads(gateway.process.pid).items() if status["Name"].startswith(("rte-worker", "lcore-worker"))]
    return tid


def flows(link, number):
    link.announce()  # hosts repeat their ARP requests
    link.flows(number, START_LIMIT)


def watchdog(tap, link, listener):
    alive = lambda said: said.get("WATCHDOG") == "1"  # noqa: E731
    alpha = link.alpha
    with tap.case("a worker that stands still ends the signs of life"):
        listener.wait(alive, START_LIMIT)
        with Stopped(worker_of(alpha)):
            listener.listen(1.5)  # one may have been on its way
            assert not any(alive(said) for said in listener.listen(3)), "it still calls itself alive"
            alpha.wait_log("worker 0 has not moved", 5)
    with tap.case("they go on when it does"):
        listener.wait_new(alive, START_LIMIT)
        alpha.wait_log("all workers move again", 5)
        flows(link, 2)
    with tap.case("a control thread that stands still ends them, too"):
        with Stopped(alpha.process.pid):
            listener.listen(0.5)
            assert not any(alive(said) for said in listener.listen(3)), "it still calls itself alive"
        listener.wait_new(alive, START_LIMIT)


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    if os.geteuid() != 0:
        with tap.case("a gateway as root sees it"):
            raise Skip("needs root")
        tap.finish()
    with Bench(tap) as bench:
        listener = Listener(bench)
        with_ppk = {"peer_lines": "ppk = link.ppk\nppk-id = link"}
        link = Link(bench, with_ppk, with_ppk)
        for gateway in (link.alpha, link.beta):
            (gateway.dir / "link.ppk").touch(0o600)
            (gateway.dir / "link.ppk").write_text(PPK.hex() + "\n")
        link.beta.start()
        bench.env |= listener.env()
        link.alpha.start()
        link.alpha.wait_up()
        link.beta.wait_up()
        link.announce()
        link.flows(1)
        with tap.case("no thread has a capability left, nor a way to get one"):
            capabilities(link)
        link.alpha.rekey()
        link.alpha.rekey("--ike")
        wait_until(lambda: len(esp.read_keylog(link.alpha.keylog)) >= 4, START_LIMIT, "keys are replaced")
        flows(link, 3)
        with tap.case("no key, and nothing else of secret memory, is in a core of either gateway"):
            no_keys_in_cores(tap, link)
        watchdog(tap, link, listener)
        with tap.case("once the link is taken down no key of any of its SAs is in any memory of either gateway"):
            down_leaves_nothing(tap, link)
        with tap.case("without any capability it stops cleanly"):
            equal((link.alpha.stop(), link.beta.stop()), (0, 0), "exit statuses")
        listener.close()
    tap.finish()


main()
