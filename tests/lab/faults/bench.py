# SPDX-License-Identifier: BSD-3-Clause
"""Two gateways on a wire that this program forwards, a host that pings through them, and what becomes of that."""

import ctypes
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .wire import Wire

NAMES = ("alpha", "beta")
SAMPLE = bytes.fromhex("5ea1a4e0c1ea27e87a11ab1e5ec2e7aa")  # each ping carries it several times
INTERVAL = 0.02  # between pings
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


def wait_until(condition, limit, what):
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit:g} s: {what}")
        time.sleep(0.02)
    return value


class Gateway:
    def __init__(self, bench, number):
        self.bench, self.number, self.name = bench, number, NAMES[number]
        self.peer = f"{NAMES[1 - number]}.example"
        self.dir = bench.dir / self.name
        self.conf, self.keylog, self.log = self.dir / "sealane.conf", self.dir / "keys", self.dir / "log"
        self.process = None

    def command(self, *options):
        return ["ip", "netns", "exec", self.bench.ns(self.name), self.bench.program, "run", str(self.conf), *options, "--",
                "--no-huge", "-m", "256", "--no-pci", "--lcores", f"0@({self.bench.cpus}),1@({self.bench.cpus})",
                *(f"--vdev=net_af_packet{n},iface={port},qdisc_bypass=0,blocksz=65536,framesz=2048,framecnt=2048"
                  for n, port in enumerate(("wire0", "plain0")))]

    def start(self, keylog=None, log=None):
        with open(log or self.log, "ab") as file:
            self.process = subprocess.Popen(self.command("--keylog", str(keylog or self.keylog)), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=file)

    def kill(self):
        self.process.kill()

    def killed(self):
        self.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(15)

    def ask(self, *words, check=True):
        return subprocess.run([self.bench.program, *words, "--gateway", f"{self.name}.example"], check=check, timeout=15,
                              capture_output=True, text=True)

    def show(self, what):
        return json.loads(self.ask("show", what, "--json").stdout)[what]

    def is_up(self):
        shown = self.ask("show", "peers", "--json", check=False)
        return shown.returncode == 0 and json.loads(shown.stdout)["peers"][0]["state"] == "up"

    def thread(self, worker):
        """Of the worker, or of the control thread."""
        if not worker:
            return self.process.pid
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith(("rte-worker", "lcore-worker")):
                return int(task.name)
        raise RuntimeError(f"{self.name} has no worker")

    def logged(self, text):
        return text in self.log.read_text(errors="replace")


class Stalled:
    """A thread that stands still meanwhile, and its process does not."""

    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long,) * 4

    def __init__(self, tid):
        self.tid = tid

    def ptrace(self, request):
        if self.libc.ptrace(request, self.tid, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.ptrace(PTRACE_SEIZE)
        self.ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.tid, 0x40000000)  # __WALL

    def __exit__(self, *_):
        self.ptrace(PTRACE_DETACH)


class Pings:
    """From host A to host B, all the time; times are those of the wall clock, as ping prints them."""

    def __init__(self, bench):
        self.log = bench.dir / "ping"
        with open(self.log, "wb") as file:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", bench.ns("host-a"), "ping", "-D", "-i", str(INTERVAL), "-W", "1", "-p", SAMPLE.hex(),
                 "-s", "120", "10.2.0.9"], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    def answers(self):
        return [(float(t), int(seq)) for t, seq in
                re.findall(r"^\[(\d+\.\d+)\] \d+ bytes from 10\.2\.0\.9: icmp_seq=(\d+) ", self.log.read_text(), re.M)]

    def since(self, when):
        return [t for t, _ in self.answers() if t > when]

    def steady(self, when):
        """The first answer after that moment of which half a second later there are still some."""
        times = self.since(when)
        return times[0] if times and times[-1] > times[0] + 0.3 else None

    def gap(self, begun, ended):
        """The longest time without an answer, in seconds, and how many requests had none, between the two moments."""
        answers = [(t, seq) for t, seq in self.answers() if begun - 1 <= t <= ended]
        if len(answers) < 2:
            return ended - begun, 0
        sequence = sorted(seq for _, seq in answers)
        lost = sequence[-1] - sequence[0] + 1 - len(set(sequence))
        times = sorted(t for t, _ in answers)
        return max(b - a for a, b in zip(times, times[1:])), lost

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)


class Bench:
    """The laboratory of scripts/lab.sh is up, with a namespace `between` in the place of the cable; this runs in it."""

    def __init__(self, program, folder, prefix):
        self.program, self.dir, self.prefix = program, Path(folder), prefix
        self.cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        self.wire = Wire("port-a", "port-b")
        self.gateways = [Gateway(self, number) for number in (0, 1)]
        self.alpha, self.beta = self.gateways

    def ns(self, name):
        return f"{self.prefix}{name}"

    def port(self, name, port, up):
        subprocess.run(["ip", "-n", self.ns(name), "link", "set", port, "up" if up else "down"], check=True)

    def start(self):
        self.wire.start()
        for gateway in self.gateways:
            gateway.start()
        self.wait_up()
        self.pings = Pings(self)
        wait_until(lambda: self.pings.steady(0), 20, "host B answers host A")

    def wait_up(self, limit=30):
        for gateway in self.gateways:
            wait_until(gateway.is_up, limit, f"the link of {gateway.name} is up")

    def close(self):
        for gateway in self.gateways:
            if gateway.process and gateway.process.poll() is None:
                gateway.process.kill()
                gateway.process.wait()
