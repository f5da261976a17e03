# SPDX-License-Identifier: BSD-3-Clause
"""Where things run: two hosts, which are network namespaces, and the ways between them."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PYTHON = "/usr/bin/python3"
PATIENCE = 60  # seconds that any command may take unless it says more


class Failed(Exception):
    """An application did not do what it should; the text says what."""


@dataclass(frozen=True)
class Way:
    """How the client reaches the server. Sealed: the application seals its messages itself, by the published method."""
    name: str
    address: str
    sealed: bool = False


def in_url(address):
    return f"[{address}]" if ":" in address else address


SPAWNED = set()


def end_all():
    """Whatever still runs: politely, and waits for it, so that nothing is left to others."""
    for process in list(SPAWNED):
        process.terminate()
    for process in list(SPAWNED):
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Host:
    def __init__(self, namespace):
        self.namespace = namespace

    def command(self, *words):
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def run(self, *words, stdin=b"", patience=PATIENCE):
        """What a command prints, as bytes. It must succeed."""
        process = self.spawn(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        late = False
        try:
            out, err = process.communicate(stdin, patience)
        except subprocess.TimeoutExpired:
            late = True
            process.kill()
            out, err = process.communicate()
        SPAWNED.discard(process)
        if late or process.returncode != 0:
            outcome = f"not ended after {patience} s" if late else f"status {process.returncode}"
            raise Failed(f"{' '.join(map(str, words))}: {outcome}: {(err or out[-500:]).decode(errors='replace').strip()[-500:]}")
        return out

    def spawn(self, *words, **pipes):
        """A program in the background, until end_all()."""
        process = subprocess.Popen(self.command(*words), **{"stdin": subprocess.DEVNULL, **pipes})
        SPAWNED.add(process)
        return process

    def wait_for_listener(self, process, port, protocol="t", patience=15):
        deadline = time.monotonic() + patience
        while not self.run("ss", "-Hln" + protocol, f"sport = :{port}").strip():
            if process.poll() is not None:
                raise Failed(f"{process.args[4]} has ended with status {process.returncode}")
            if time.monotonic() > deadline:
                raise Failed(f"{process.args[4]} does not listen on port {port}")
            time.sleep(0.05)


class Place:
    """Read from a file that whoever made the hosts has written."""

    def __init__(self, file):
        told = json.loads(Path(file).read_text())
        self.file = file
        self.work = Path(told["work"])
        self.token = told["token"]  # of this run, in every marker
        self.client, self.server = Host(told["client"]), Host(told["server"])
        self.ways = {name: Way(name, address) for name, address in told["ways"].items()}

    @property
    def addresses(self):
        """On which servers listen."""
        return [way.address for way in self.ways.values()]

    def marker(self, name):
        """Bytes that nothing else contains, and that are fit for a host name."""
        return f"marker-{name}-{self.token}"

    def log(self, name):
        return open(self.work / f"{name}.log", "ab")

    def start(self, *words, log, port, protocol="t"):
        """A server that stays, when it listens."""
        with self.log(log) as file:
            process = self.server.spawn(*words, stdout=file, stderr=file)
        self.server.wait_for_listener(process, port, protocol)
        return process
