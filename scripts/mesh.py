#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
All configurations of a full mesh, from one inventory file.

    scripts/mesh.py INVENTORY DIR

writes DIR/NODE/NODE.conf, NODE.key (mode 0600) and peers.d/OTHER.conf for each node, ready to be copied to it:
`sealane run NODE.conf`. Run again after a change, it writes only the files that change, and names them; keys that are
there are kept. Nothing is written before all of it has passed `sealane check`. DIR holds the private keys of all nodes:
keep it as safe as these.

    [defaults]                          ; what no node says otherwise
    wire-port     = 0000:3b:00.0
    plain-port    = 0000:3b:00.1
    wire-next-hop = 192.0.2.254
    eal           = -l 2-4 -a 0000:3b:00.0 -a 0000:3b:00.1

    [node alpha.example]
    wire-address  = 192.0.2.1/24
    plain-address = 10.1.0.1/16

    [node beta.example]
    wire-address  = 192.0.2.2/24
    plain-address = 10.2.0.1/16
    plain-routes  = 10.9.0.0/16 via 10.2.0.254
    endpoint      = 198.51.100.7        ; where the others find it; default: its first wire-address of a family they have

Keys of [wire] and [plain] have that word before them. Those of [gateway] and of [peer NAME] stand as they are; the latter
go into every [peer NAME] section of that node, so in [defaults] they are those of all links. `prefixes` is what lies behind
a node; default: the networks of plain-address and plain-routes.

A node in the middle of a key roll (`sealane rotate-identity`: NODE.key.next or NODE.key.old is there) is known to the
others by both keys. Files in peers.d that were not written here stay as they are, and so does the folder of a node that
is no longer in the inventory.

Exit codes: 0 done, 1 the inventory is wrong or something failed (one line each, as file:line: what), 2 wrong usage.
"""
import argparse
import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GATEWAY = ["eal", "idle-sleep", "mss-clamp", "group"]
PORT = ["port", "address", "mtu", "vlan"]
WIRE, PLAIN = PORT + ["next-hop"], PORT + ["routes", "wait-for-peer"]
PEER = ["cipher", "esn", "encapsulation", "udp-checksum", "dscp", "start", "source-port", "dpd-delay", "rekey-after-time",
        "rekey-after-packets", "rekey-after-bytes"]
KEYS = (GATEWAY + ["wire-" + key for key in WIRE] + ["plain-" + key for key in PLAIN] + PEER + ["endpoint", "prefixes"])
REQUIRED = ["wire-port", "wire-address", "plain-port", "plain-address"]
NODE_ONLY = ["wire-address", "plain-address", "plain-routes", "endpoint", "prefixes"]
PREFIXES_MAX = 8
MARK = "# Written by scripts/mesh.py: changes are lost when it runs again."


class Wrong(Exception):
    """The inventory or what came of it is wrong; one complaint a line."""


class Value(str):
    """A value of the inventory, which knows the line it is from."""
    line = 0

    def __new__(cls, text, line):
        value = super().__new__(cls, text)
        value.line = line
        return value


class Node:
    def __init__(self, name, line):
        self.name, self.line = name, line
        self.values = {}
        self.public_keys = []

    def get(self, key):
        return self.values.get(key)


# ---- The inventory -----------------------------------------------------------------------------------------------------

class Inventory:
    """Nodes by name, in the order of the file. All mistakes are found before any is raised."""

    def __init__(self, path):
        self.path, self.complaints, self.nodes = path, [], {}
        self.defaults = Node(None, 0)
        self.read()
        if len(self.nodes) < 2 and not self.complaints:
            self.complain(1, f"{len(self.nodes) or 'no'} [node NAME] section, expected at least two")
        for node in self.nodes.values():
            self.complete(node)
        self.check_addresses()
        self.check_prefixes()
        self.done()

    def complain(self, line, text):
        self.complaints.append((line, f"{self.path}:{line}: {text}"))

    def done(self):
        if self.complaints:
            raise Wrong("\n".join(text for _, text in sorted(self.complaints)))

    def read(self):
        try:
            lines = Path(self.path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Wrong(f"{self.path}: cannot read the inventory: {getattr(error, 'strerror', 'it is not UTF-8')}")
        section = None
        for number, line in enumerate(lines, 1):
            line = re.split(r"\s;", line)[0].strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[":
                section = self.begin(number, line)
            elif section is None:
                self.complain(number, "this stands before any section, expected [defaults] or [node NAME] above it")
            elif section:
                self.take(section, number, line)

    def begin(self, number, line):
        """The section that begins; False after a complaint: what is in it is not worth another."""
        words = line[1:-1].split()
        if line[-1] != "]" or not (words == ["defaults"] or len(words) == 2 and words[0] == "node"):
            self.complain(number, f"'{line}' is not valid, expected [defaults] or [node NAME]")
            return False
        if words == ["defaults"]:
            if self.defaults.line:
                self.complain(number, f"[defaults] is given twice, first on line {self.defaults.line}, expected it once")
                return False
            self.defaults.line = number
            return self.defaults
        name = words[1]
        if not re.fullmatch(r"[A-Za-z0-9._@-]{1,63}", name) or name.startswith("."):
            self.complain(number, f"node '{name}' is not valid, expected a name of 1 to 63 letters, digits, '.', '-', '_' "
                                  "and '@', which does not begin with a dot")
            return False
        if name in self.nodes:
            first = self.nodes[name].line
            self.complain(number, f"node '{name}' is given twice, first on line {first}, expected another name")
            return False
        return self.nodes.setdefault(name, Node(name, number))

    def take(self, section, number, line):
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals or not text:
            self.complain(number, f"'{key}' has no value, expected KEY = VALUE")
        elif key not in KEYS:
            self.complain(number, f"unknown key '{key}', expected one of {', '.join(KEYS)}")
        elif key in NODE_ONLY and section is self.defaults:
            self.complain(number, f"{key} in [defaults], expected it in [node NAME]: each has its own")
        elif section.get(key) is not None:
            self.complain(number, f"{key} is given twice, first on line {section.get(key).line}, expected it once")
        else:
            section.values[key] = Value(text, number)

    def complete(self, node):
        """Fills in what the node does not say, and reads its addresses."""
        node.values = {**self.defaults.values, **node.values}
        for key in REQUIRED:
            if node.get(key) is None:
                self.complain(node.line, f"node '{node.name}' has no {key}, expected {key} = VALUE in it")
        node.wire = self.each(node.get("wire-address"), "wire-address", ipaddress.ip_interface)
        node.plain = self.each(node.get("plain-address"), "plain-address", ipaddress.ip_interface)
        routes = self.each(node.get("plain-routes"), "plain-routes", lambda route: ipaddress.ip_network(route.split()[0]))
        if node.get("prefixes") is not None:
            node.prefixes = self.each(node.get("prefixes"), "prefixes", ipaddress.ip_network)
        else:
            node.prefixes = [(address.network, value) for address, value in node.plain] + routes
        if len(node.prefixes) > PREFIXES_MAX:
            self.complain(node.prefixes[0][1].line, f"node '{node.name}' has {len(node.prefixes)} prefixes, expected at "
                                                    f"most {PREFIXES_MAX}")

    def each(self, value, key, convert):
        """[(what an item says, the whole value)] of a list with commas; without items that are wrong."""
        found = []
        for item in (value or "").split(",") if value is not None else []:
            try:
                found.append((convert(item.strip()), value))
            except (ValueError, IndexError):
                self.complain(value.line, f"{key} '{item.strip()}' is not valid, expected addresses such as 10.1.0.1/16 or "
                                          "networks without host bits such as 10.2.0.0/16, with commas between them")
        return found

    def check_addresses(self):
        """A wire address is one gateway's; any two gateways have a family in common."""
        seen = {}
        nodes = list(self.nodes.values())
        for node in nodes:
            for address, value in node.wire:
                other, line = seen.setdefault(address.ip, (node, value.line))
                if other is not node:
                    self.complain(value.line, f"wire-address {address.ip} is node '{other.name}''s too (line {line}), "
                                              "expected another")
            for other in nodes:
                families = {address.version for address, _ in other.wire}
                if other is node:
                    break
                if node.wire and families and not families & {address.version for address, _ in node.wire}:
                    self.complain(node.get("wire-address").line, f"wire-address has no IPv{families.pop()}, which is all "
                                  f"that node '{other.name}' has (line {other.get('wire-address').line})")

    def check_prefixes(self):
        """No address lies behind two nodes."""
        owned = [(network, value, node) for node in self.nodes.values() for network, value in node.prefixes]
        owned.sort(key=lambda entry: (entry[0].version, entry[0].network_address, entry[0].prefixlen))
        wider = None
        for entry in owned:
            if wider and wider[0].version == entry[0].version and wider[0].overlaps(entry[0]):
                first, second = sorted((wider, entry), key=lambda each: each[1].line)
                self.complain(second[1].line, f"{second[0]} behind node '{second[2].name}' overlaps {first[0]} behind node "
                              f"'{first[2].name}' (line {first[1].line}), expected separate prefixes")
            else:
                wider = entry


# ---- The files of a node -------------------------------------------------------------------------------------------------

class File:
    """A file to be written. Each line may be of a line of the inventory, where its mistakes are mended."""

    def __init__(self):
        self.lines, self.origins = [], []

    def add(self, text, origin=0):
        self.lines.append(text)
        self.origins.append(origin)

    def key(self, name, value):
        if value is not None:
            self.add(f"{name} = {value}", getattr(value, "line", 0))

    def text(self):
        return "\n".join(self.lines) + "\n"


def main_file(node):
    file = File()
    file.add(MARK)
    file.add("[gateway]", node.line)
    file.add(f"name = {node.name}", node.line)
    file.add(f"private-key = {node.name}.key", node.line)
    for key in GATEWAY:
        file.key(key, node.get(key))
    file.add("include = peers.d/*.conf", node.line)
    for section, keys in ("wire", WIRE), ("plain", PLAIN):
        file.add("")
        file.add(f"[{section}]", node.line)
        for key in keys:
            file.key(key, node.get(f"{section}-{key}"))
    return file


def endpoint_of(other, node):
    """Where `node` finds `other`."""
    if other.get("endpoint") is not None:
        return other.get("endpoint")
    families = {address.version for address, _ in node.wire}
    return next(Value(str(address.ip), value.line) for address, value in other.wire if address.version in families)


def peer_file(node, other):
    """What `node` knows of `other`."""
    file = File()
    file.add(MARK)
    file.add(f"[peer {other.name}]", other.line)
    for key in other.public_keys:
        file.add(f"public-key = {key}", other.line)
    file.key("endpoint", endpoint_of(other, node))
    file.key("prefixes", Value(", ".join(str(network) for network, _ in other.prefixes), other.prefixes[0][1].line))
    for key in PEER:
        file.key(key, node.get(key))
    return file


# ---- Writing them ---------------------------------------------------------------------------------------------------------

class Mesh:
    def __init__(self, inventory, folder, sealane):
        self.inventory, self.folder, self.sealane = inventory, Path(folder), sealane
        self.written = []

    def run(self, *arguments, stdin=b""):
        return subprocess.run([self.sealane, *arguments], input=stdin, capture_output=True)

    def must(self, what, *arguments, stdin=b""):
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise Wrong(f"{what}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def write(self):
        """Everything beside DIR first; what is good goes to its place file by file."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}.", dir=self.folder.parent))
        try:
            for node in self.inventory.nodes.values():
                self.copy(node, draft / node.name)
            files = {node.name: self.fill(node, draft / node.name) for node in self.inventory.nodes.values()}
            for name in files:
                self.check(draft / name, files[name])
            self.inventory.done()
            for name in files:
                self.put_in_place(draft / name, self.folder / name)
        finally:
            shutil.rmtree(draft)

    def copy(self, node, draft):
        """What is there already, and a key in any case."""
        there = self.folder / node.name
        if there.is_dir():
            shutil.copytree(there, draft)
        (draft / "peers.d").mkdir(parents=True, exist_ok=True)
        draft.chmod(0o700)
        for old in (draft / "peers.d").glob("*.conf"):
            if is_ours(old):
                old.unlink()
        key = draft / f"{node.name}.key"
        if not key.exists():
            put(key, self.must("cannot make a key", "genkey"))
        for path in key, Path(f"{key}.next"), Path(f"{key}.old"):
            if path.exists():
                public = self.must(there / path.name, "pubkey", stdin=path.read_bytes()).decode().strip()
                node.public_keys.append(public)

    def fill(self, node, draft):
        """Writes the configuration into the draft; returns its files by name."""
        files = {f"{node.name}.conf": main_file(node)}
        for other in self.inventory.nodes.values():
            if other is not node:
                files[f"peers.d/{other.name}.conf"] = peer_file(node, other)
        for name, file in files.items():
            if (draft / name).exists() and not is_ours(draft / name):
                self.inventory.complain(node.line, f"{self.folder / node.name / name} was not written by mesh.py, expected "
                                                   "another name for it")
            put(draft / name, file.text().encode())
        return files

    def check(self, draft, files):
        """`sealane check`; what it complains of is said of the line of the inventory that it came from."""
        done = self.run("check", f"{draft}/{draft.name}.conf")
        if done.returncode == 0:
            return
        there = self.folder / draft.name
        for line in done.stderr.decode(errors="replace").replace(f"{draft}/", f"{there}/").splitlines():
            found = re.fullmatch(rf"{re.escape(str(there))}/([^:]*):(\d+): (.*)", line)
            file = files.get(found[1]) if found else None
            origin = file.origins[int(found[2]) - 1] if file and int(found[2]) <= len(file.origins) else 0
            if origin:
                # What is wrong with a default is wrong in many files.
                if all(seen != origin for seen, _ in self.inventory.complaints):
                    what = re.sub(r" [(]line .*?[)]", "", found[3])
                    self.inventory.complain(origin, f"{what} (in {draft.name}/{found[1]})")
            else:
                self.inventory.complaints.append((0, line))

    def put_in_place(self, draft, there):
        """Replaces each file that differs, and removes those of nodes that are gone."""
        (there / "peers.d").mkdir(parents=True, exist_ok=True)
        there.chmod(0o700)
        wanted = sorted(path.relative_to(draft) for path in draft.rglob("*") if path.is_file())
        for name in wanted:
            if not (there / name).exists() or (there / name).read_bytes() != (draft / name).read_bytes():
                new = not (there / name).exists()
                os.replace(draft / name, there / name)
                self.written.append(f"{there / name}: {'new' if new else 'changed'}")
        for path in sorted((there / "peers.d").glob("*.conf")):
            if path.relative_to(there) not in wanted:
                path.unlink()
                self.written.append(f"{path}: removed")


def is_ours(path):
    return path.read_bytes().startswith(MARK.encode())


def put(path, content):
    """Nobody else needs to read what is in DIR (see umask in main())."""
    path.write_bytes(content)


# ---- The command ------------------------------------------------------------------------------------------------------------

def find_sealane(given):
    built = Path(__file__).resolve().parent.parent / "build" / "app" / "sealane"
    found = shutil.which(given or "sealane") or (not given and shutil.which(str(built)))
    if not found:
        raise Wrong(f"there is no {given or 'sealane'}, expected --sealane PATH or sealane in PATH")
    return found


def main():
    parser = argparse.ArgumentParser(prog="mesh.py", description="Writes all configurations of a full mesh, from one "
                                     "inventory file. The head of this file explains the inventory.")
    parser.add_argument("inventory", metavar="INVENTORY")
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--sealane", metavar="PATH", help="the program that makes keys and checks configurations")
    arguments = parser.parse_args()
    os.umask(0o077)
    try:
        inventory = Inventory(arguments.inventory)
        mesh = Mesh(inventory, arguments.folder, find_sealane(arguments.sealane))
        mesh.write()
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"mesh.py: {error}", file=sys.stderr)
        return 1
    for line in mesh.written:
        print(line)
    print(f"{arguments.folder}: {len(inventory.nodes)} nodes, {len(mesh.written) or 'no'} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
