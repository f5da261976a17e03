#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
From pcap to pcap: alpha reads plain packets from a file, beta writes what it opened to another, a relay records the wire
between them. Everything comes out as it went in, and the wire is what other implementations of ESP say it must be.
"""

import os
import shutil
import subprocess

import esp
import packets
from gateway import ALPHA, BETA, PCAP_MAC, RELAY, SEALANE, Bench, need, wait_until
from tap import Skip, Tap, equal

PACKETS = 400
TSHARK_LIMIT = 60


class Run:
    """The packets of one scenario, and where they went."""

    def __init__(self, bench, cipher, esn):
        self.sent, self.payloads = packets.mixture(ALPHA.host, BETA.host, PACKETS)
        frames = [packets.announce(ALPHA.host, ALPHA.host_mac, ALPHA.plain)]
        # Every other short frame without padding: virtual ports deliver such, too.
        frames += [packets.frame(packet, ALPHA.host_mac, PCAP_MAC, pad=i % 2 == 0)
                   for i, packet in enumerate(self.sent)]
        hosts = [packets.announce(BETA.host, BETA.host_mac, BETA.plain)]
        self.out = bench.dir / "beta-out.pcap"
        alpha_in, beta_in = bench.dir / "alpha-in.pcap", bench.dir / "beta-in.pcap"
        packets.write_pcap(alpha_in, frames)
        packets.write_pcap(beta_in, hosts)

        self.wire = bench.relay("wire")
        # Beta knows its host before the first packet comes; alpha reads its file when the link is up.
        self.beta = bench.gateway(BETA, ALPHA, self.wire, pcap=(beta_in, self.out), cipher=cipher, esn=esn)
        self.alpha = bench.gateway(ALPHA, BETA, self.wire, pcap=(alpha_in, bench.dir / "alpha-out.pcap"),
                                   wait_for_peer="yes", cipher=cipher, esn=esn)
        self.alpha.configure(self.beta.public_key, self.beta.name)
        self.beta.configure(self.alpha.public_key, self.alpha.name)

    def start(self):
        self.beta.start()
        self.beta.wait_running()
        self.alpha.start()
        self.alpha.wait_up()
        wait_until(lambda: len(self.received()) >= PACKETS, 10, f"all packets come out ({len(self.received())} did)")
        self.alpha.quiet_workers()
        self.beta.quiet_workers()

    def received(self):
        return packets.ip_packets(packets.read_pcap(self.out), BETA.host)

    def esp(self):
        frames = [frame for frame in self.wire.frames() if packets.wire_kind(frame) == "esp"]
        return [packets.esp_of(frame) for frame in frames]


def check_output(tap, run, label):
    with tap.case(f"{label}: every packet comes out as it went in, in order, once"):
        received = run.received()
        equal(len(received), PACKETS, "packets")
        wrong = [number for number in range(PACKETS) if received[number] != packets.aged(run.sent[number])]
        equal(wrong, [], "numbers of packets that differ")
    with tap.case(f"{label}: they come from the gateway's MAC, to the host's"):
        frames = [frame for frame in packets.read_pcap(run.out) if packets.ip_of(frame)]
        equal({frame[0:6].hex(":") for frame in frames}, {BETA.host_mac}, "destinations")
        equal({frame[6:12].hex(":") for frame in frames}, {PCAP_MAC}, "sources")


def check_wire(tap, run, label):
    data = run.wire.pcap.read_bytes()
    with tap.case(f"{label}: the wire holds ARP, IKE and ESP only"):
        kinds = {packets.wire_kind(frame) for frame in run.wire.frames()}
        equal(kinds, {"arp", "ike", "esp"}, "kinds of frames")
    with tap.case(f"{label}: no 16 bytes of any payload are on the wire"):
        equal(packets.shared_runs(run.payloads, data), 0, "runs found")
        plain = b"".join(packets.read_pcap(run.out))
        assert packets.shared_runs(run.payloads, plain) > 0, "the search finds nothing even in plain packets"


def check_sealed(tap, run, label, key_len):
    sa, _ = run.alpha.sas()
    sealed = run.esp()
    with tap.case(f"{label}: the key log of both ends agrees, the key has {key_len} bytes"):
        equal(sa, run.beta.sas()[1], "beta's inbound SA")
        equal(len(sa.key), key_len + 4, "bytes of key and salt")
    with tap.case(f"{label}: scapy opens every ESP packet to the plain one"):
        opened = [esp.open_by_scapy(sa, packet) for packet in sealed if esp.spi_of(packet) == sa.spi]
        equal(len(opened), PACKETS, "packets")
        assert opened == [packets.aged(packet, 1) for packet in run.sent], "a packet differs"
    with tap.case(f"{label}: so does AES-GCM by cryptography, with IV = sequence number = 1, 2, 3 ..."):
        wanted = [(seq, seq, packets.aged(inner, 1), esp.IPV4) for seq, inner in enumerate(run.sent, 1)]
        assert [esp.open_by_aesgcm(sa, packet) for packet in sealed] == wanted, "a packet differs"


def tshark(run, *arguments):
    """What tshark prints for the recorded wire, with the keys that alpha logged."""
    if shutil.which("tshark") is None:
        raise Skip("no tshark")
    command = ["tshark", "-r", run.wire.pcap, "-o", "esp.enable_encryption_decode:TRUE", *arguments]
    env = dict(os.environ, WIRESHARK_CONFIG_DIR=str(run.alpha.keylog), HOME=str(run.alpha.dir))
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=TSHARK_LIMIT)
    return done.stdout.splitlines()


def check_tshark(tap, run, label):
    with tap.case(f"{label}: tshark decrypts IKE_AUTH and reads the identities"):
        names = set(tshark(run, "-Y", "isakmp.exchangetype == 35", "-T", "fields", "-e", "isakmp.id.data.fqdn"))
        found = {name for line in names for name in line.split(",") if name}
        assert {run.alpha.name, run.beta.name} <= found, f"identities found: {sorted(found)}"
    with tap.case(f"{label}: tshark decrypts every ESP packet"):
        lines = tshark(run, "-Y", f"esp && ip.dst == {BETA.host}", "-T", "fields", "-e", "esp.sequence")
        equal(lines, [str(seq) for seq in range(1, PACKETS + 1)], "sequence numbers")


def check_counters(tap, run, label):
    with tap.case(f"{label}: every packet is accounted for at both gateways, none is dropped"):
        for gateway in run.alpha, run.beta:
            gateway.check_accounting()
            equal({name: count for name, count in gateway.drops().items() if count}, {}, f"drops of {gateway.name}")
    with tap.case(f"{label}: the sessions count them"):
        equal(run.alpha.session()["tx_packets"], PACKETS, "packets sealed by alpha")
        equal(run.beta.session()["rx_packets"], PACKETS, "packets opened by beta")
    with tap.case(f"{label}: both gateways stop cleanly on SIGTERM"):
        equal((run.alpha.stop(), run.beta.stop()), (0, 0), "exit statuses")


def scenario(tap, label, cipher, esn, key_len):
    with Bench(tap) as bench:
        run = Run(bench, cipher, esn)
        run.start()
        check_output(tap, run, label)
        check_wire(tap, run, label)
        check_sealed(tap, run, label, key_len)
        check_tshark(tap, run, label)
        check_counters(tap, run, label)


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    scenario(tap, "aes256gcm16", "aes256gcm16", "yes", 32)
    scenario(tap, "aes128gcm16", "aes128gcm16", "yes", 16)
    scenario(tap, "esn = no", "aes256gcm16, aes128gcm16", "no", 32)
    tap.finish()


main()
