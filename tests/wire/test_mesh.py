#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Three gateways on one wire, with the configurations that scripts/mesh.py has written from an inventory: every one has a link
with every other, and packets pass between all hosts.
"""

import itertools
import subprocess
from pathlib import Path

import packets
from gateway import ALPHA, BETA, GAMMA, RELAY, SEALANE, START_LIMIT, Bench, need, port_of, wait_until
from tap import Tap, equal

SITES = ALPHA, BETA, GAMMA
MESH = Path(__file__).resolve().parents[2] / "scripts" / "mesh.py"


class Fleet:
    def __init__(self, bench):
        self.bench = bench
        self.wire = bench.relay("wire", "abc")
        self.lans, self.gateways = {}, {}
        for site in SITES:
            self.lans[site] = bench.relay(f"lan-{site.side}", site.side)
            self.gateways[site] = bench.gateway(site, None, self.wire, self.lans[site])

    def write(self):
        """The inventory, and what comes of it."""
        some = self.gateways[ALPHA]
        nodes = "".join(f"[node {site.name}]\nwire-address = {site.wire}/24\nplain-address = {site.plain}/16\n"
                        for site in SITES)
        inventory = self.bench.dir / "fleet.ini"
        inventory.write_text(f"[defaults]\nwire-port = {port_of(some.wire_vdev)}\nplain-port = {port_of(some.plain_vdev)}\n"
                             f"{nodes}")
        done = subprocess.run([MESH, "--sealane", SEALANE, inventory, self.bench.dir / "fleet"], capture_output=True,
                              text=True, timeout=START_LIMIT)
        equal((done.returncode, done.stderr), (0, ""), "exit code and complaints of mesh.py")
        for site, gateway in self.gateways.items():
            gateway.conf = self.bench.dir / "fleet" / site.name / f"{site.name}.conf"

    def start(self):
        for gateway in self.gateways.values():
            gateway.start()
        for site, gateway in self.gateways.items():
            gateway.wait_running()
            wait_until(lambda gateway=gateway: self.links(gateway) == {"up"}, START_LIMIT, f"all links of {site.name}")
            self.lans[site].inject(site.side, [packets.announce(site.host, site.host_mac, site.plain)])

    @staticmethod
    def links(gateway):
        gateway.alive()
        return {peer["state"] for peer in gateway.show("peers") or []}

    def arrives(self, site, packet):
        return packets.aged(packet) in packets.ip_packets(self.lans[site].frames(), site.host)


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        fleet = Fleet(bench)
        with tap.case("mesh.py writes three configurations"):
            fleet.write()
        with tap.case("each gateway has a link with both others"):
            fleet.start()
            for site, gateway in fleet.gateways.items():
                equal({peer["name"] for peer in gateway.show("peers")}, {other.name for other in SITES} - {site.name},
                      f"peers of {site.name}")
        for number, (here, there) in enumerate(itertools.permutations(SITES, 2), 1):
            with tap.case(f"a packet from {here.name} reaches {there.name}"):
                packet = packets.datagram(here.host, there.host, b"through the mesh", number)
                fleet.lans[here].inject(here.side, [packets.frame(packet, here.host_mac, here.plain_mac)])
                wait_until(lambda: fleet.arrives(there, packet), 5, "it comes out")
        with tap.case("nothing but ESP, IKE and ARP was on the wire"):
            kinds = {packets.wire_kind(frame) for frame in fleet.wire.frames()}
            equal(kinds, {"arp", "ike", "esp"}, "kinds of frames on the wire")
    tap.finish()


main()
