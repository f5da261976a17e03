#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The Debian package, as TAP: built by scripts/package.sh, judged by lintian, and in a clean root of this Debian release
installed, started, linked to another gateway, removed and purged. systemd cannot run there; the gateways are started as its
unit would start them.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "wire"))

from tap import Skip, Tap, equal  # noqa: E402

BUILD_LIMIT, INSTALL_LIMIT, COMMAND_LIMIT, LINK_LIMIT = 600, 600, 60, 30
FILES = ["/usr/bin/sealane", "/lib/systemd/system/sealane@.service", "/usr/share/man/man1/sealane.1.gz",
         "/usr/share/man/man1/sealane-run.1.gz", "/usr/share/man/man5/sealane.conf.5.gz",
         "/usr/share/bash-completion/completions/sealane", "/usr/share/doc/sealane/examples/lab.conf",
         "/usr/share/doc/sealane/copyright"]


def call(*command, limit=COMMAND_LIMIT, **options):
    """Runs a command and returns what it prints; says all of it when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


# ---- A root of its own -------------------------------------------------------------------------------------------------


def release():
    return re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE).group(1)


def mirror():
    """The one that this machine uses."""
    lines = call("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {release()}",
                 "Component: main").split()
    return lines[0] if lines else "http://deb.debian.org/debian"


class Root:
    """A minimal Debian in a folder. Its mounts are in a mount namespace of each command's own."""

    def __init__(self, folder):
        self.folder = folder
        call("debootstrap", "--variant=minbase", release(), folder, mirror(), limit=INSTALL_LIMIT)
        (folder / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (folder / "usr/sbin/policy-rc.d").chmod(0o755)

    def command(self, text):
        mounts = "; ".join(f"mount --rbind /{what} {self.folder}/{what}" for what in ("proc", "sys", "dev"))
        return ["unshare", "--mount", "sh", "-ec", f'{mounts}; exec chroot {self.folder} sh -ec "$1"', "sh", text]

    def run(self, text, limit=COMMAND_LIMIT):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return call(*self.command(text), limit=limit, env=env)

    def start(self, text, log):
        return subprocess.Popen(self.command("exec " + text), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def has(self, path):
        return os.path.lexists(self.folder / path.lstrip("/"))

    def install(self, package):
        shutil.copy(package, self.folder / "tmp")
        self.run(f"apt-get install -y -qq --no-install-recommends /tmp/{package.name}", limit=INSTALL_LIMIT)


# ---- Gateways in it ----------------------------------------------------------------------------------------------------


def wait_until(condition, limit, what):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit} s")
        time.sleep(0.2)


class Gateway:
    """sealane run /etc/sealane/NAME.conf, as the unit starts it."""

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.log = open(root.folder / f"{name}.log", "w+b")
        root.run(f"sealane check /etc/sealane/{name}.conf")
        self.process = root.start(f"sealane run /etc/sealane/{name}.conf", self.log)

    def peers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.said()}")
        try:
            return json.loads(self.root.run(f"sealane show peers --json --gateway {self.name}"))["peers"]
        except RuntimeError:
            return None

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(COMMAND_LIMIT)


def configure(root, name, number, peer, role):
    """A gateway whose wire leads straight to its peer."""
    public = root.run(f"sealane pubkey < /etc/sealane/{peer}.key").strip()
    (root.folder / f"etc/sealane/{name}.conf").write_text(f"""\
[gateway]
name = {name}
private-key = {name}.key
eal = --no-huge --no-pci -m 256 --lcores 0@({cpus()}),1@({cpus()}) \
--vdev=net_memif0,role={role},socket=/tmp/wire.sock,socket-abstract=no --vdev=net_null0,no-rx=1
[wire]
port = net_memif0
address = 192.0.2.{number}/24
[plain]
port = net_null0
address = 10.{number}.0.1/16
[peer {peer}]
public-key = {public}
endpoint = 192.0.2.{3 - number}
prefixes = 10.{3 - number}.0.0/16
""")


def cpus():
    return ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))


# ---- The tests ---------------------------------------------------------------------------------------------------------


def package_itself(tap, folder):
    """Returns the package, or None."""
    package = None
    with tap.case("scripts/package.sh builds a package"):
        call(TOP / "scripts" / "package.sh", folder, limit=BUILD_LIMIT)
        (package,) = [path for path in folder.glob("sealane_*.deb")]
    if package is None:
        return None
    with tap.case("lintian finds no error"):
        call("lintian", "--fail-on", "error", "--allow-root", package, limit=INSTALL_LIMIT)
    with tap.case("it depends on the libraries of this release, not on ipsec-mb"):
        depends = call("dpkg-deb", "-f", package, "Depends")
        for library in ("librte-eal", "libsodium23", "libjansson4", "libinih1", "librte-meta-net"):
            assert library in depends, f"{library} is not in {depends}"
        assert "ipsec-mb" not in depends.lower(), depends
    return package


def life_in_a_clean_root(tap, root, package):
    with tap.case("it installs"):
        root.install(package)
        missing = [path for path in FILES if not root.has(path)]
        assert not missing, missing
        assert "sealane 0" in root.run("sealane --version")
    with tap.case("the unit starts what was installed"):
        unit = (root.folder / "lib/systemd/system/sealane@.service").read_text()
        commands = re.findall(r"^Exec\w+=(\S+)", unit, re.MULTILINE)
        assert "/usr/bin/sealane" in commands, commands
        assert "/etc/sealane/%i.conf" in unit, unit
        root.run("test -x " + " -a -x ".join(command for command in commands if "sealane" in command))
    with tap.case("the example for any machine starts, and stops cleanly"):
        root.run("cp /usr/share/doc/sealane/examples/lab.conf /etc/sealane/lab.example.conf; umask 077;"
                 " sealane genkey > /etc/sealane/lab.key")
        lab = Gateway(root, "lab.example")
        wait_until(lab.peers, LINK_LIMIT, "it answers")
        equal(lab.stop(), 0, "exit status")
    with tap.case("two gateways make a link"):
        root.run("umask 077; for name in alpha beta; do sealane genkey > /etc/sealane/$name.key; done")
        configure(root, "alpha", 1, "beta", "server")
        configure(root, "beta", 2, "alpha", "client")
        gateways = []
        try:
            for name in ("alpha", "beta"):
                gateways.append(Gateway(root, name))
                wait_until(gateways[-1].peers, LINK_LIMIT, f"{name} answers")
            for gateway in gateways:
                wait_until(lambda: any(peer["state"] == "up" for peer in gateway.peers() or []), LINK_LIMIT,
                           f"link of {gateway.name} is up: {gateway.said()}")
        finally:
            statuses = [gateway.stop() for gateway in gateways]
        equal(statuses, [0, 0], "exit statuses")


def end_in_a_clean_root(tap, root):
    with tap.case("when removed, nothing of it is left but what is the operator's"):
        root.run("dpkg --remove sealane")
        left = [path for path in FILES if root.has(path)]
        assert not left, left
        assert root.has("/etc/sealane/alpha.key"), "a private key is gone"
    with tap.case("when purged, too"):
        root.run("dpkg --purge sealane")
        listed = root.run("dpkg-query -W -f '${db:Status-Abbrev}' sealane 2>/dev/null || true")
        assert listed.strip() in ("", "un"), listed
        assert root.has("/etc/sealane/alpha.key"), "a private key is gone"


def main():
    tap = Tap()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        with tap.case("the Debian package"):
            raise Skip("needs root and debootstrap")
        tap.finish()
    folder = Path(tempfile.mkdtemp(prefix="sealane-package-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        package = package_itself(tap, folder / "package")
        if package is not None:
            root = None
            with tap.case("a clean root"):
                root = Root(folder / "root")
            if root is not None:
                life_in_a_clean_root(tap, root, package)
                end_in_a_clean_root(tap, root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.finish()


main()
