#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
sampler.py LAB FILE NAME...: what the gateways of these names use, every two seconds until SIGTERM, as lines of JSON in FILE.
Asks as an operator's tools do, by a new connection to the telemetry socket each time.

sampler.py LAB --rest FILE LIKE NAME...: waits until they are at rest: use what they did in the file LIKE, or, where that is
"-", the same for some seconds. Then FILE has a line for each. Status 1: they are not, after two minutes.
"""

import json
import os
import re
import signal
import socket
import sys
import time

EVERY = 2.0
LIMIT = 5
REST_LIMIT, REST_SAMPLES = 120, 4


class Telemetry:
    def __init__(self, lab, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(LIMIT)
        self.socket.connect(f"{lab}/run/dpdk/sealane-{name}.example/dpdk_telemetry.v2")
        self.socket.recv(1024)

    def ask(self, command):
        self.socket.send(command.encode())
        return json.loads(self.socket.recv(1 << 20))[command.split(",")[0]]

    def each(self, names, one):
        """A long list comes in pages; an entry may be gone meanwhile."""
        found = []
        while page := self.ask(f"{names},{len(found)}" if found else names):
            found += page
        return {name: told for name in found if (told := self.ask(f"{one},{name}")) is not None}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def malloc_kib(pid):
    """Of small objects: what malloc() has from brk()."""
    heap = re.search(r"\[heap\]\n(?:.*\n)*?Rss:\s+(\d+)", open(f"/proc/{pid}/smaps").read())
    return int(heap[1]) if heap else 0


def process(pid):
    status = open(f"/proc/{pid}/status").read()
    return {"rss_kib": int(re.search(r"^VmRSS:\s+(\d+)", status, re.M)[1]),
            "malloc_kib": malloc_kib(pid),
            "locked_kib": int(re.search(r"^VmLck:\s+(\d+)", status, re.M)[1]),
            "threads": int(re.search(r"^Threads:\s+(\d+)", status, re.M)[1]),
            "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def files(lab):
    return sum(len(names) for _, _, names in os.walk(f"{lab}/run"))


def gateway(lab, name):
    pid = int(open(f"{lab}/{name}/pid").read())
    used = process(pid)
    with Telemetry(lab, name) as telemetry:
        own = telemetry.ask("/sealane/gateway")
        if own["pid"] != pid:
            raise OSError("it was restarted meanwhile")
        peers = telemetry.each("/sealane/peers", "/sealane/peer")
        ports = telemetry.each("/sealane/ports", "/sealane/port")
        drops = telemetry.each("/sealane/drops", "/sealane/drop")
        ike = {one: telemetry.ask(f"/sealane/ike_counter,{one}")["count"] for one in telemetry.ask("/sealane/ike")}
        heap = telemetry.ask("/eal/heap_info,0")
    used.update(mbufs=own["mbufs_in_use"], session_slots=own["session_slots_in_use"], peers=len(peers),
                sessions=sum(peer["child_sas"] for peer in peers.values()), ike_sas=ike["established"],
                half_open=ike["half-open"], neighbours=sum(port["neighbours"] for port in ports.values()),
                heap_blocks=heap["Alloc_count"], heap_kib=heap["Alloc_size"] // 1024, files=files(lab))
    counted = {"rekeys_child": sum(peer["rekeys_child"] for peer in peers.values()),
               "rekeys_ike": sum(peer["rekeys_ike"] for peer in peers.values()),
               "handshakes": sum(peer["handshakes"] for peer in peers.values()),
               "sealed": sum(peer["tx_packets"] for peer in peers.values()),
               "opened": sum(peer["rx_packets"] for peer in peers.values())}
    return {"time": time.time(), "gateway": name, "pid": pid, "used": used, "counted": counted, "ike": ike,
            "up": sorted(peer for peer, told in peers.items() if told["state"] == "up"),
            "drops": {reason: told["packets"] for reason, told in drops.items() if told["packets"]}}


# What is the same again whenever there is no traffic and no trouble. Not memory: that has a bound, see judge.py.
RESTING = ("threads", "descriptors", "mbufs", "session_slots", "sessions", "peers", "ike_sas", "half_open", "files")


def resting(sample):
    return {name: sample["used"][name] for name in RESTING}


def rest(lab, path, like, names):
    wanted = {}
    if like != "-":
        with open(like) as file:
            wanted = {sample["gateway"]: resting(sample) for sample in map(json.loads, file)}
    deadline, same, samples = time.monotonic() + REST_LIMIT, 0, []
    while same < REST_SAMPLES and time.monotonic() < deadline:
        before = [resting(sample) for sample in samples]
        time.sleep(1)
        try:
            samples = [gateway(lab, name) for name in names]
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"no answer: {error!r}", file=sys.stderr)
            continue
        as_before = before == [resting(sample) for sample in samples]
        as_wanted = all(resting(sample) == wanted.get(sample["gateway"], resting(sample)) for sample in samples)
        same = same + 1 if as_before and as_wanted else 0
    with open(path, "w") as file:
        for sample in samples:
            print(json.dumps(sample), file=file)
    return same >= REST_SAMPLES


def watch(lab, path, names):
    ends = []
    signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
    with open(path, "a", buffering=1) as out:
        while not ends:
            due = time.monotonic() + EVERY
            for name in names:
                try:
                    print(json.dumps(gateway(lab, name)), file=out)
                except (OSError, ValueError, KeyError, TypeError):
                    pass  # it is being restarted, or stands still for a moment
            time.sleep(max(0, due - time.monotonic()))


def main():
    lab, *arguments = sys.argv[1:]
    if arguments[0] == "--rest":
        sys.exit(0 if rest(lab, arguments[1], arguments[2], arguments[3:]) else 1)
    watch(lab, arguments[0], arguments[1:])


main()
