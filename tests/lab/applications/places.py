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


class Host:
    def __init__(self, namespace):
        self.namespace = namespace

    def command(self, *words):
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def run(self, *words, stdin=b"", patience=PATIENCE):
        """What a command prints, as bytes. It must succeed."""
        try:
            done = subprocess.run(self.command(*words), input=stdin, capture_output=True, timeout=patience)
        except subprocess.TimeoutExpired as late:
            said = ((late.stdout or b"") + (late.stderr or b"")).decode(errors="replace")[-500:]
            raise Failed(f"{words[0]} has not ended after {patience} s: {said}") from None
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace").strip()[-500:]
            raise Failed(f"{' '.join(map(str, words))}: status {done.returncode}: {said}")
        return done.stdout

    def spawn(self, *words, **pipes):
        """A program in the background. Its namespace is where it is found when all is over."""
        return subprocess.Popen(self.command(*words), **{"stdin": subprocess.DEVNULL, **pipes})

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
