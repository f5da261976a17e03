# SPDX-License-Identifier: BSD-3-Clause
"""What starts a service, as far as the service can tell: a socket for what it says about itself, and a journal."""

import os
import socket
import time


class Listener:
    """The other end of sd_notify(3)."""

    def __init__(self, bench):
        self.path = bench.dir / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.said = []  # (when, assignments)
        self.next = 0   # of them, for wait()

    def env(self):
        return {"NOTIFY_SOCKET": str(self.path)}

    def listen(self, seconds):
        """What is said until then; wait() will hear it, too, unless it has."""
        deadline = time.monotonic() + seconds
        begin = len(self.said)
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                text = self.socket.recv(4096).decode()
            except (TimeoutError, BlockingIOError):
                break
            self.said.append((time.monotonic(), dict(line.split("=", 1) for line in text.splitlines())))
        return [what for _, what in self.said[begin:]]

    def wait(self, what, limit):
        """The next assignments that what(assignments) wants; those before are passed over, those behind stay for others."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            self.listen(0.2)
            while self.next < len(self.said):
                self.next += 1
                if what(self.said[self.next - 1][1]):
                    return self.said[self.next - 1][1]
        raise TimeoutError(f"not said within {limit:g} s; said was {[what for _, what in self.said]}")

    def wait_new(self, what, limit):
        """The same of what is said from now on."""
        self.next = len(self.said)
        return self.wait(what, limit)

    def close(self):
        self.socket.close()


class Journal:
    """A file that takes standard error, and which the program is told is the journal's."""

    def __init__(self, path):
        self.path = path
        path.touch()
        status = os.stat(path)
        self.stream = f"{status.st_dev}:{status.st_ino}"

    def env(self):
        return {"JOURNAL_STREAM": self.stream}

    def lines(self):
        return self.path.read_text().splitlines()
