# SPDX-License-Identifier: BSD-3-Clause
"""The faults. Each is a function that injects one, ends it, and returns the moment (wall clock) from which recovery counts."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .bench import Stalled, wait_until
from .wire import AUTH, CREATE, INFORMATIONAL, INIT


@dataclass(frozen=True)
class Fault:
    family: str
    name: str
    inject: Callable
    limit: float  # seconds within which pings are answered again
    quick: bool = False  # part of the short selection


# ---- kill -9 in a phase ------------------------------------------------------------------------------------------------

HANDSHAKE = [(INIT, False), (INIT, True), (AUTH, False), (AUTH, True)]
REKEY = [(CREATE, False), (CREATE, True), (INFORMATIONAL, False), (INFORMATIONAL, True)]
NAMES = {INIT: "IKE_SA_INIT", AUTH: "IKE_AUTH", CREATE: "CREATE_CHILD_SA", INFORMATIONAL: "Delete"}


def killer(bench, victims, dead):
    def act(side):
        for who in victims:
            gateway = bench.gateways[side if who == "sender" else 1 - side]
            gateway.kill()
            dead.append(gateway)
    return act


def kill_at(bench, message, victims, provoke):
    """When that message is on the wire its sender, its receiver or both die, and it is lost."""
    exchange, response = message
    dead = []
    bench.wire.set_trap(lambda side, ike: ike.exchange == exchange and ike.response == response, killer(bench, victims, dead))
    provoke(bench)
    if not bench.wire.caught.wait(15):
        raise TimeoutError("that message never came")
    for gateway in dead:
        gateway.process.wait()
    began = time.time()
    for gateway in dead:
        gateway.start()
    return began


def handshake(bench):
    bench.alpha.killed()
    bench.alpha.start()


def rekey(*options):
    def provoke(bench):
        bench.alpha.ask("rekey", bench.alpha.peer, *options, check=False)  # it may die before it answers
    return provoke


def kills():
    quick = {(INIT, True, "receiver"), (AUTH, True, "both"), (CREATE, False, "sender"), (INFORMATIONAL, False, "receiver")}
    for family, provoke, messages in (("handshake", handshake, HANDSHAKE), ("child rekey", rekey(), REKEY),
                                      ("IKE rekey", rekey("--ike"), REKEY)):
        for exchange, response in messages:
            for victims in (("sender",), ("receiver",), ("sender", "receiver")):
                who = victims[0] if len(victims) == 1 else "both"
                yield Fault(f"kill -9 in a {family}" if family != "IKE rekey" else "kill -9 in an IKE rekey",
                            f"{NAMES[exchange]} {'response' if response else 'request'} on the wire: {who}",
                            lambda b, m=(exchange, response), v=victims, p=provoke: kill_at(b, m, v, p),
                            10, family != "IKE rekey" and (exchange, response, who) in quick)


# ---- Gateways that die, or stand still ---------------------------------------------------------------------------------


def kill_and_start(number, pause):
    def inject(bench):
        gateway = bench.gateways[number]
        gateway.killed()
        time.sleep(pause)
        began = time.time()
        gateway.start()
        return began
    return inject


def both_restart(bench):
    for gateway in bench.gateways:
        gateway.killed()
    began = time.time()
    for gateway in bench.gateways:
        gateway.start()
    return began


def stall(number, worker, seconds):
    def inject(bench):
        with Stalled(bench.gateways[number].thread(worker)):
            time.sleep(seconds)
        return time.time()
    return inject


def stop_process(number, seconds):
    def inject(bench):
        bench.gateways[number].process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        bench.gateways[number].process.send_signal(signal.SIGCONT)
        return time.time()
    return inject


def caller_only(bench):
    """Beta does not know where alpha is: alpha has to find out that it has started anew."""
    beta, whole = bench.beta, bench.beta.conf.read_text()
    beta.conf.write_text("".join(line for line in whole.splitlines(True) if not line.startswith("endpoint")))
    beta.killed()
    began = time.time()
    beta.start()
    wait_until(lambda: bench.pings.steady(began), 60, "pings are answered")
    beta.conf.write_text(whole)
    beta.ask("reload")
    return began


# ---- Ports and cables --------------------------------------------------------------------------------------------------


def port_down(where, port, seconds):
    def inject(bench):
        bench.port(where, port, False)
        time.sleep(seconds)
        bench.port(where, port, True)
        return time.time()
    return inject


def cable_out(seconds):
    def inject(bench):
        bench.wire.blocked = True
        time.sleep(seconds)
        bench.wire.blocked = False
        return time.time()
    return inject


# ---- Rings and buffers -------------------------------------------------------------------------------------------------


def flood(bench, seconds):
    """Pings to the gateway itself, which its control thread answers: 100 a second each, though nobody answers."""
    command = ["ip", "netns", "exec", bench.ns("host-a"), "ping", "-f", "-q", "-w", str(seconds), "10.1.0.1"]
    return [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(20)]


def ring_full(bench):
    """The control thread stands still while packets for it come: its ring fills, and the rest is dropped as ring-full.

    Of echoes 1000 a second pass the worker's gate, and the ring has room for 6144 packets."""
    pings = flood(bench, 9)
    with Stalled(bench.alpha.thread(False)):
        time.sleep(8)
    began = time.time()
    for ping in pings:
        ping.wait(15)
    wait_until(lambda: any(d["name"] == "ring-full" and d["packets"] > 0 for d in bench.alpha.show("drops")), 5,
               "drops are counted as ring-full")
    return began


def worker_behind(bench):
    """The worker stands still while the control thread has commands for it: DPD, ARP and rekeys go on."""
    with Stalled(bench.alpha.thread(True)):
        bench.alpha.ask("rekey", bench.alpha.peer)
        time.sleep(3)
    return time.time()


# ---- Disks and files ---------------------------------------------------------------------------------------------------


class FullDisk:
    """A file system with no room at all."""

    def __init__(self, bench):
        self.dir = bench.dir / "full"

    def __enter__(self):
        self.dir.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(self.dir)], check=True)
        return self

    def fill(self):
        with open(self.dir / "rest", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.dir)], check=True)
        shutil.rmtree(self.dir)


def log_disk_full(bench):
    """Nowhere to log to, and to write keys to: the gateway goes on."""
    alpha = bench.alpha
    with FullDisk(bench) as disk:
        alpha.killed()
        alpha.start(log=disk.dir / "log")
        bench.wait_up()
        disk.fill()
        alpha.ask("rekey", alpha.peer)
        wait_until(lambda: alpha.show("peers")[0]["rekeys"] > 0, 5, "keys are replaced though nothing can be logged")
        began = time.time()
        wait_until(lambda: bench.pings.steady(began), 10, "pings are answered")
        alpha.killed()
    began = time.time()
    alpha.start()
    return began


def keylog_disk_full(bench):
    """It says so once, and goes on. What alpha cannot log, beta does, for it has the same keys."""
    alpha = bench.alpha
    with FullDisk(bench) as disk:
        alpha.killed()
        (disk.dir / "keys").mkdir(mode=0o700)
        alpha.start(keylog=disk.dir / "keys")
        bench.wait_up()
        disk.fill()
        for _ in range(40):  # until the last page of the files is full, too
            before = alpha.show("peers")[0]["rekeys"]
            alpha.ask("rekey", alpha.peer)
            wait_until(lambda: alpha.show("peers")[0]["rekeys"] > before, 5, "keys are replaced")
            if alpha.logged("cannot write all keys to the key log"):
                break
        assert alpha.logged("cannot write all keys to the key log: No space left on device"), "it does not say so"
        alpha.killed()
    began = time.time()
    alpha.start()
    return began


def capture_disk_full(bench):
    with FullDisk(bench) as disk:
        disk.fill()
        run = bench.alpha.ask("capture", "--port", "plain", "--time", "5s", str(disk.dir / "rest2"), check=False)
        lines = run.stderr.strip().splitlines()
        assert run.returncode == 1 and "No space left" in lines[-1], f"capture ended with {run.returncode}: {run.stderr}"
    return time.time()


def config_removed(bench):
    """Reload is refused, and nothing changes; a start says what is missing."""
    alpha, kept = bench.alpha, Path(f"{bench.alpha.conf}.kept")
    alpha.conf.rename(kept)
    reload = alpha.ask("reload", check=False)
    assert reload.returncode == 1 and str(alpha.conf) in reload.stderr, f"reload: {reload.returncode}, {reload.stderr}"
    assert alpha.is_up(), "the link is down"
    alpha.killed()
    again = subprocess.run(alpha.command(), capture_output=True, text=True, timeout=20)
    assert again.returncode == 1 and str(alpha.conf) in again.stderr, f"start: {again.returncode}, {again.stderr}"
    kept.rename(alpha.conf)
    began = time.time()
    alpha.start()
    return began


# ---- Who and where -----------------------------------------------------------------------------------------------------


def new_key(bench):
    """Beta comes back with another key pair: refused, until it has its own again."""
    beta, key = bench.beta, bench.beta.dir / "gateway.key"
    own = key.read_bytes()
    beta.killed()
    key.write_bytes(subprocess.run([bench.program, "genkey"], check=True, capture_output=True).stdout)
    beta.start()
    wait_until(lambda: bench.alpha.logged("has not signed with the key we have for it")
               or bench.alpha.logged('"beta.example" refused'), 15, "alpha refuses it")
    time.sleep(1)
    assert not bench.alpha.is_up() or not bench.beta.is_up(), "there is a link with a stranger"
    beta.killed()
    key.write_bytes(own)
    began = time.time()
    beta.start()
    return began


def new_address(bench):
    """Beta comes back at another address, and alpha is told."""
    alpha, beta = bench.alpha, bench.beta
    confs = {gateway: gateway.conf.read_text() for gateway in (alpha, beta)}
    beta.killed()
    beta.conf.write_text(confs[beta].replace("192.0.2.2/24", "192.0.2.77/24"))
    alpha.conf.write_text(confs[alpha].replace("192.0.2.2", "192.0.2.77"))
    beta.start()
    began = time.time()
    alpha.ask("reload")
    wait_until(lambda: bench.pings.steady(began), 20, "pings are answered")
    beta.killed()
    for gateway, text in confs.items():
        gateway.conf.write_text(text)
    beta.start()
    began = time.time()
    alpha.ask("reload")
    return began


def all_faults():
    yield from kills()
    yield Fault("a gateway dies", "alpha, back at once", kill_and_start(0, 0), 10, True)
    yield Fault("a gateway dies", "beta, back after 3 s", kill_and_start(1, 3), 10)
    yield Fault("a gateway dies", "beta, which does not know where alpha is (dpd-delay 10s)", caller_only, 20)
    yield Fault("a gateway dies", "both, at the same moment", both_restart, 10, True)
    yield Fault("a gateway stands still", "alpha's worker, 3 s", stall(0, True, 3), 3, True)
    yield Fault("a gateway stands still", "beta's worker, 3 s", stall(1, True, 3), 3)
    yield Fault("a gateway stands still", "alpha's worker, 3 s, with a rekey", worker_behind, 3)
    yield Fault("a gateway stands still", "alpha's control thread, 3 s", stall(0, False, 3), 3)
    yield Fault("a gateway stands still", "beta, all of it, 5 s", stop_process(1, 5), 3)
    yield Fault("a gateway stands still", "beta, all of it, 50 s", stop_process(1, 50), 10)
    yield Fault("rings full", "alpha's control thread stands still under a flood", ring_full, 3)
    yield Fault("links", "alpha's wire port down for 2 s", port_down("alpha", "wire0", 2), 5, True)
    yield Fault("links", "the other end of that cable down for 2 s", port_down("between", "port-a", 2), 5)
    yield Fault("links", "alpha's plain port down for 2 s", port_down("alpha", "plain0", 2), 5)
    yield Fault("links", "no cable for 5 s", cable_out(5), 2)
    yield Fault("links", "no cable for 60 s: the link is given up", cable_out(60), 6)
    yield Fault("disks and files", "the log's disk is full", log_disk_full, 10)
    yield Fault("disks and files", "the key log's disk is full", keylog_disk_full, 10)
    yield Fault("disks and files", "the capture's disk is full", capture_disk_full, 2, True)
    yield Fault("disks and files", "the configuration is gone", config_removed, 10)
    yield Fault("who and where", "beta with another key pair, then with its own", new_key, 10)
    yield Fault("who and where", "beta at another address", new_address, 15)
