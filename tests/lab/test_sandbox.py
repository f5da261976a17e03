#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway in the bounds of its unit, as TAP, for systemd cannot be started here: whether every system call it makes is one that
the unit allows, and whether it lives without memory that is both written and executed. As root, as the unit starts it, on
devices that open all that a gateway opens: af_packet and a tap, in a network namespace.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "wire"))

from gateway import ALPHA, BETA, BUILD, COMMAND_LIMIT, SEALANE, START_LIMIT, Bench, Gateway, need, strangers_key, wait_until  # noqa: E402
from tap import Skip, Tap, equal  # noqa: E402

UNIT = BUILD / "app" / "service" / "sealane@.service"
# DPDK asks for ports of legacy devices, and goes on without.
REFUSED = {"iopl"}
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


# ---- What the unit allows ----------------------------------------------------------------------------------------------


def call_sets():
    """systemd's sets of system calls, as they are written: of calls, and of other sets."""
    sets, members = {}, None
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        word = line.strip()
        if word.startswith("@") and not line.startswith(" "):
            members = sets[word] = set()
        elif members is not None and word and not word.startswith("#"):
            members.add(word)
    return sets


def expand(sets, word):
    return set().union(*(expand(sets, member) for member in sets[word])) if word in sets else {word}


def allowed():
    """The calls that SystemCallFilter= leaves: systemd.exec(5)."""
    sets = call_sets()
    calls = expand(sets, "@default")
    for words in re.findall(r"^SystemCallFilter=(.*)", UNIT.read_text(), re.MULTILINE):
        named = set().union(*(expand(sets, word) for word in words.lstrip("~").split()))
        calls = calls - named if words.startswith("~") else calls | named
    return calls


# ---- What the gateway does ---------------------------------------------------------------------------------------------


def refuse_writing_what_runs():
    """As MemoryDenyWriteExecute=, by the kernel instead of a filter; before it is started."""
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        os.write(2, b"no MDWE in this kernel\n")


def calls_of_a_life(bench, namespace):
    """The calls of a gateway that starts, is asked, and stops."""
    gateway = bench.add(Gateway(bench, ALPHA, BETA, "--vdev=net_af_packet0,iface=veth0", "", {}))
    gateway.configure(strangers_key(), BETA.name)
    gateway.conf.write_text(gateway.conf.read_text().replace("port = \n", "port = tap:sealane0\n"))
    counts = gateway.dir / "calls"
    command = ["ip", "netns", "exec", namespace, "strace", "-f", "-qq", "-c", "-U", "name", "-o", counts, SEALANE, "run",
               gateway.conf, "--", "--no-huge", "--no-pci", "-m", "256", "--lcores",
               ",".join(f"{lcore}@({','.join(map(str, sorted(os.sched_getaffinity(0))))})" for lcore in (0, 1)),
               gateway.wire_vdev]
    gateway.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=open(gateway.log, "ab"), env=bench.env, preexec_fn=refuse_writing_what_runs)
    wait_until(lambda: gateway.ask("peers"), 2 * START_LIMIT, "it answers")
    subprocess.run(["pkill", "-TERM", "-P", str(gateway.process.pid)], check=True, timeout=COMMAND_LIMIT)
    equal(gateway.process.wait(START_LIMIT), 0, "exit status")
    return {line for line in counts.read_text().split() if re.fullmatch(r"[a-z_0-9]+", line)} - {"syscall", "total"}


def main():
    need(SEALANE)
    tap = Tap()
    missing = [tool for tool in ("strace", "systemd-analyze") if not shutil.which(tool)]
    with Bench(tap) as bench, tap.case("every system call of a gateway is one that its unit allows"):
        if os.geteuid() != 0 or missing:
            raise Skip(f"needs root{''.join(' and ' + tool for tool in missing)}")
        namespace = f"sealane-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        try:
            subprocess.run(["ip", "-n", namespace, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"], check=True)
            for interface in ("veth0", "veth1"):
                subprocess.run(["ip", "-n", namespace, "link", "set", interface, "up"], check=True)
            calls = calls_of_a_life(bench, namespace)
        finally:
            subprocess.run(["ip", "netns", "del", namespace], check=True)
        # It did what it does.
        assert {"capset", "mlock", "epoll_wait", "socket", "sendto"} <= calls, sorted(calls)
        equal(sorted(calls - allowed() - REFUSED), [], "calls that the unit refuses")
    tap.finish()


main()
