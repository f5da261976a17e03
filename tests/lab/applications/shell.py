# SPDX-License-Identifier: BSD-3-Clause
"""ssh and scp, with a server of their own: its port, its keys and its configuration are nobody else's."""

import subprocess
import time

from applications.figures import of_latencies
from applications.payload import payload, same
from applications.places import Failed, in_url

FILE_SIZE = 4 << 20
LINE = b"a line of sixty-four bytes as it goes to a shell and comes back\n"
WARM_UP = 20


class Ssh:
    """Measured: a line that goes to the far host and back, as a key that is pressed does."""
    name, title, unit, port = "ssh", "ssh", "lines", 2222

    def __init__(self, place):
        self.place = place
        self.folder = place.work / self.name
        # Everything else is sealed by ssh itself; this the client says in clear before it is.
        self.marker = place.marker(self.name)
        self.file = payload(self.marker, FILE_SIZE)

    def serve(self):
        self.folder.mkdir(mode=0o700)
        for key in ("host", "client"):
            self.place.server.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.folder / key)
        (self.folder / "authorized").write_text((self.folder / "client.pub").read_text())
        # Whatever becomes of root's password on this machine, here root may log in with a key.
        (self.folder / "shadow").write_text("root:*:19000:0:99999:7:::\n")
        configuration = self.folder / "sshd_config"
        listen = "\n".join(f"ListenAddress {in_url(address)}:{self.port}" for address in self.place.addresses)
        configuration.write_text(f"""
            {listen}
            HostKey {self.folder}/host
            AuthorizedKeysFile {self.folder}/authorized
            PidFile none
            VersionAddendum {self.marker}
            PermitRootLogin prohibit-password
            PasswordAuthentication no
            StrictModes no
            UsePAM no
            PrintMotd no
            MaxStartups 100
            Subsystem sftp internal-sftp
            """)
        # /run and the passwords are private to this process: sshd wants a folder in the one.
        prepare = ('mount -t tmpfs none /run && mkdir /run/sshd && mount --bind "$1" /etc/shadow && '
                   'exec /usr/sbin/sshd -D -e -f "$2"')
        self.place.start("sh", "-c", prepare, "sh", self.folder / "shadow", configuration, log=self.name, port=self.port)

    # ---- Clients -------------------------------------------------------------------------------------------------

    def options(self):
        known = self.folder / "known_hosts"
        if not known.exists():
            known.write_text("host-b " + (self.folder / "host.pub").read_text())
        return ("-F", "none", "-i", self.folder / "client", *(word for option in (
            "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "HostKeyAlias=host-b", "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}", "ConnectTimeout=20") for word in ("-o", option)))

    def ssh_command(self, way, *words):
        return "ssh", *self.options(), "-p", self.port, "-l", "root", way.address, *words

    def check(self, way):
        client = self.place.client
        there = client.run(*self.ssh_command(way, "sha256sum"), stdin=self.file).split()[0].decode()
        back = client.run(*self.ssh_command(way, "cat"), stdin=self.file)
        if there != (back_digest := same("what cat returned", back, self.file)):
            raise Failed(f"sha256sum there says {there}, here {back_digest}")
        return {"pipe": back_digest}

    def measure(self, way, seconds):
        with self.place.log("ssh-client") as file:
            shell = self.place.client.spawn(*self.ssh_command(way, "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=file, bufsize=0)
        found = []
        try:
            for _ in range(WARM_UP):
                self.ask(shell)
            until = time.perf_counter() + seconds
            while not found or time.perf_counter() < until:
                found.append(self.ask(shell))
        finally:
            shell.stdin.close()
            shell.wait(20)
        return of_latencies(len(found) / sum(found), found)

    def ask(self, shell):
        started = time.perf_counter()
        shell.stdin.write(LINE)
        came = shell.stdout.read(len(LINE))
        if came != LINE:
            raise Failed(f"a line came back as {came!r}")
        return time.perf_counter() - started


class Scp(Ssh):
    """Measured: a whole copy of a small file, with its connection and its handshake."""
    name, title, unit = "scp", "scp", "copies"

    def __init__(self, place):
        super().__init__(place)
        self.folder = place.work / Ssh.name  # the same server
        self.marker = place.marker(Ssh.name)

    def serve(self):
        (self.folder / "file").write_bytes(self.file)
        (self.folder / "small").write_bytes(self.file[:1024])

    def copy(self, source, target):
        self.place.client.run("scp", "-q", *self.options(), "-P", self.port, source, target)

    def there(self, way, name):
        return f"root@{in_url(way.address)}:{self.folder}/{name}"

    def check(self, way):
        stored, came = (self.folder / f"{what}-{way.name}" for what in ("stored", "came"))
        self.copy(self.folder / "file", self.there(way, stored.name))
        self.copy(self.there(way, "file"), came)
        return {"upload": same("upload", stored.read_bytes(), self.file),
                "download": same("download", came.read_bytes(), self.file)}

    def measure(self, way, seconds):
        found, until = [], time.perf_counter() + seconds
        while not found or time.perf_counter() < until:
            started = time.perf_counter()
            self.copy(self.folder / "small", self.there(way, "copied"))
            found.append(time.perf_counter() - started)
        return of_latencies(len(found) / sum(found), found)
