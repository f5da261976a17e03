#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Several workers in a gateway: whichever of them receives a packet, it is sealed or opened by the one that has the session,
in order, and every packet stays accounted for, worker by worker.
"""

import struct

import esp
import packets
from gateway import ALPHA, BETA, PCAP_MAC, RELAY, SEALANE, Bench, Link, need, wait_until
from tap import Tap, equal

SETTLE_LIMIT = 10
FLOWS = 12
PACKETS = 40  # of each flow


def packet(flow, number, src=ALPHA.host, dst=BETA.host):
    """A packet that says which of its flow it is."""
    return packets.datagram(src, dst, struct.pack("!HH", flow, number), number, 7000 + flow)


def stream(src=ALPHA.host, dst=BETA.host):
    """The packets of all flows, mixed."""
    return [packet(flow, number, src, dst) for number in range(PACKETS) for flow in range(FLOWS)]


def check_flows(received, sent):
    """All have come, once, and those of a flow in the order in which they were sent."""
    def of_flow(some, flow):
        return [one for one in some if struct.unpack("!H", one[28:30])[0] == flow]
    equal(len(received), len(sent), "packets")
    wrong = [flow for flow in range(FLOWS) if of_flow(received, flow) != of_flow(sent, flow)]
    equal(wrong, [], "flows that are not whole and in order")


def total(gateway, what):
    return sum(worker[what] for worker in gateway.show("workers"))


def no_drops(gateway):
    equal({name: count for name, count in gateway.drops().items() if count}, {}, f"drops of {gateway.name}")


def check_accounts(tap, label, *gateways):
    with tap.case(f"{label}: nothing is dropped, and every worker accounts for its packets"):
        for gateway in gateways:
            gateway.check_accounting()
            no_drops(gateway)


# ---- As many queues as workers ----

def send_through_every_queue(link):
    """The stream both ways, each part of it into another queue, but every flow always into the same."""
    for lan, side, workers, src, dst in ((link.lan_a, "a", link.alpha.workers, ALPHA, BETA),
                                         (link.lan_b, "b", link.beta.workers, BETA, ALPHA)):
        sent = stream(src.host, dst.host)
        for queue in range(workers):
            lan.use_queue(side, queue)
            lan.inject(side, [packets.frame(one, src.host_mac, src.plain_mac) for i, one in enumerate(sent)
                              if i % FLOWS % workers == queue])


def traffic(tap, link, label):
    with tap.case(f"{label}: whatever worker receives it, every packet comes through, in the order of its flow"):
        send_through_every_queue(link)
        wanted = FLOWS * PACKETS
        wait_until(lambda: len(link.at_b()) >= wanted and len(link.at_a()) >= wanted, SETTLE_LIMIT,
                   f"all packets come out ({len(link.at_b())} and {len(link.at_a())} did)")
        check_flows(link.at_b(), stream())
        check_flows(link.at_a(), stream(BETA.host, ALPHA.host))
    check_accounts(tap, label, link.alpha, link.beta)


def worker_of(spi):
    return spi >> 26


def inbound(tap, link, label):
    """What scapy has sealed for beta, into every queue."""
    sas = [sa for sa in esp.read_keylog(link.alpha.keylog).values()
           if sa.spi in {int(session["spi_out"], 16) for session in link.alpha.show("sessions")}]
    seq = 100000

    def inject(sa, queue, packet_of_sa, spi=None):
        sealed = esp.seal_by_scapy(sa, packet_of_sa, seq)
        if spi is not None:
            sealed = struct.pack("!I", spi) + sealed[4:]
        link.wire.use_queue("b", queue)
        link.wire.inject("b", [esp.wire_frame(esp.outer(sa, sealed), ALPHA.wire_mac, BETA.wire_mac)])

    for sa in sas:
        with tap.case(f"{label}: packets for worker {worker_of(sa.spi)}, received by any, are opened by it"):
            for queue in range(link.beta.workers):
                seq += 1
                one = packets.datagram(ALPHA.host, BETA.host, b"from scapy", seq & 0xffff)
                before, handed = len(link.at_b()), total(link.beta, "handed_in")
                inject(sa, queue, one)
                wait_until(lambda: len(link.at_b()) > before, SETTLE_LIMIT, "it comes out")
                equal(link.at_b()[before:], [one], "what came out")
                equal(total(link.beta, "handed_in") - handed, int(queue != worker_of(sa.spi)), "packets handed over")
    with tap.case(f"{label}: SPIs of other slots, and of workers that do not run, are unknown"):
        strange = [(sas[0].spi ^ 1 << 9) & 0x3ffffff | worker << 26 for worker in (0, 1, link.beta.workers, 63)]
        before = link.beta.drops()["no-spi"]
        for spi in strange:
            inject(sas[0], 0, packets.datagram(ALPHA.host, BETA.host), spi)
        wait_until(lambda: link.beta.drops()["no-spi"] == before + len(strange), SETTLE_LIMIT, "all are dropped")
        link.beta.check_accounting()


def memif(tap):
    label = "three workers to two"
    with Bench(tap) as bench:
        link = Link(bench, {"workers": 3}, {"workers": 2}).start()
        with tap.case(f"{label}: they say how many they are"):
            equal([len(gateway.show("workers")) for gateway in (link.alpha, link.beta)], [3, 2], "workers")
        traffic(tap, link, label)
        with tap.case(f"{label}: packets have changed hands"):
            assert total(link.alpha, "handed_in") > 0, "alpha"
        inbound(tap, link, label)
        with tap.case(f"{label}: both stop cleanly on SIGTERM"):
            equal((link.alpha.stop(), link.beta.stop()), (0, 0), "exit statuses")


# ---- One queue for all ----

class OneQueue:
    """Alpha has three workers and a plain port with one queue, which reads a file; beta has one worker."""

    def __init__(self, bench):
        self.sent = stream()
        file = bench.dir / "alpha-in.pcap"
        hosts = bench.dir / "beta-in.pcap"
        packets.write_pcap(file, [packets.announce(ALPHA.host, ALPHA.host_mac, ALPHA.plain)]
                           + [packets.frame(one, ALPHA.host_mac, PCAP_MAC) for one in self.sent])
        packets.write_pcap(hosts, [packets.announce(BETA.host, BETA.host_mac, BETA.plain)])
        self.out, self.back = bench.dir / "beta-out.pcap", bench.dir / "alpha-out.pcap"
        self.wire = bench.relay("wire", queues=(3, 1))
        self.beta = bench.gateway(BETA, ALPHA, self.wire, pcap=(hosts, self.out))
        self.alpha = bench.gateway(ALPHA, BETA, self.wire, pcap=(file, self.back), workers=3, wait_for_peer="yes")
        self.alpha.configure(self.beta.public_key, self.beta.name)
        self.beta.configure(self.alpha.public_key, self.alpha.name)
        self.beta.start()
        self.beta.wait_running()
        self.alpha.start()

    def received(self):
        return packets.ip_packets(packets.read_pcap(self.out), BETA.host)


def one_queue(tap):
    label = "one queue, three workers"
    with Bench(tap) as bench:
        run = OneQueue(bench)
        run.alpha.wait_up()
        with tap.case(f"{label}: every packet comes through, in the order of its flow"):
            wait_until(lambda: len(run.received()) >= len(run.sent), SETTLE_LIMIT, "all packets come out")
            check_flows(run.received(), run.sent)
        with tap.case(f"{label}: worker 0 receives, and the flows are spread over all"):
            workers = run.alpha.quiet_workers()
            equal([worker["rx_plain"] for worker in workers], [len(run.sent) + 1, 0, 0], "received")
            for worker in workers[1:]:
                assert worker["handed_in"] > 0, f"worker {worker['worker']} got nothing"
        with tap.case(f"{label}: what others have opened goes out through worker 0"):
            sa = esp.read_keylog(run.beta.keylog)[int(run.beta.session()["spi_out"], 16)]
            one = packets.datagram(BETA.host, ALPHA.host, b"back")
            sealed = esp.outer(sa, esp.seal_by_scapy(sa, one, 5000))
            for queue in 0, 1:
                run.wire.use_queue("a", queue)
            run.wire.inject("a", [esp.wire_frame(sealed, BETA.wire_mac, ALPHA.wire_mac)])
            wait_until(lambda: one in packets.ip_packets(packets.read_pcap(run.back), ALPHA.host), SETTLE_LIMIT,
                       "it comes out")
            equal([worker["tx_plain"] > 0 for worker in run.alpha.show("workers")], [True, False, False], "senders")
        check_accounts(tap, label, run.alpha, run.beta)


# ---- Source ports ----

def source_ports(link, site):
    """Of the ESP packets that this gateway has sent: {SPI: {ports}}."""
    found = {}
    for frame in link.wire.frames():
        ip = packets.ip_of(frame)
        if ip is None or packets.ip_text(ip[12:16]) != site.wire or ip[9] != 17 or ip[28:32] == bytes(4):
            continue
        equal(int.from_bytes(ip[22:24], "big"), 4500, "destination port")
        found.setdefault(int.from_bytes(ip[28:32], "big"), set()).add(int.from_bytes(ip[20:22], "big"))
    return found


def port_per_sa(tap):
    label = "source-port = per-sa"
    with Bench(tap) as bench:
        link = Link(bench, {"peer_lines": "source-port = per-sa"}).start()
        with tap.case(f"{label}: packets pass both ways, before and after a rekey"):
            link.flows(1)
            link.alpha.rekey()
            wait_until(lambda: link.beta.show("peers")[0]["rekeys"] == 1, SETTLE_LIMIT, "the rekey")
            link.flows(2)
        with tap.case(f"{label}: each SA has its own, an ephemeral one, and the other end keeps to 4500"):
            ours = source_ports(link, ALPHA)
            assert len(ours) >= 2, f"{len(ours)} SAs have sealed"
            assert all(len(ports) == 1 and min(ports) >= 49152 for ports in ours.values()), ours
            # Two of 16384 may be the same, but hardly.
            assert len({port for ports in ours.values() for port in ports}) > 1, ours
            equal(set.union(*source_ports(link, BETA).values()), {4500}, "beta's")
        check_accounts(tap, label, link.alpha, link.beta)


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    memif(tap)
    one_queue(tap)
    port_per_sa(tap)
    tap.finish()


main()
