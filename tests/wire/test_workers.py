#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Several workers in a gateway: whichever of them receives a packet, it is sealed or opened by the one that has the session,
in order, and every packet stays accounted for, worker by worker.
"""

import itertools
import struct

import esp
import packets
from gateway import ALPHA, BETA, PCAP_MAC, RELAY, SEALANE, Bench, Link, need, wait_until
from tap import Tap, equal

SETTLE_LIMIT = 10
CHILDREN_LIMIT = 15  # seconds until every worker has its SA; the responder lets the initiator go first
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
    sent = [packets.aged(packet) for packet in sent]
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


def each_has_an_sa(gateway):
    """Every worker of the gateway seals with an SA of its own."""
    sessions = [session for session in gateway.show("sessions") if session["in_use"] == "yes"]
    return sorted(session["worker"] for session in sessions) == list(range(gateway.workers))


def wait_for_sas(*gateways):
    for gateway in gateways:
        wait_until(lambda: each_has_an_sa(gateway), CHILDREN_LIMIT, f"an SA for each worker of {gateway.name}")


def sas_towards(gateway):
    """The logged SAs that this gateway opens, by worker."""
    open_now = {int(session["spi_in"], 16) for session in gateway.show("sessions")}
    found = {}
    for spi, sa in esp.read_keylog(gateway.keylog).items():
        if spi in open_now:
            found.setdefault(worker_of(spi), []).append(sa)
    return found


def at_home(tap, link, label):
    """Each worker of alpha has its SA: what it receives from the host it seals itself."""
    with tap.case(f"{label}: in the end every worker has an SA of its own, at both ends"):
        wait_for_sas(link.alpha, link.beta)
    with tap.case(f"{label}: then none of alpha's packets changes hands, and all its SAs seal"):
        before, came = link.alpha.quiet_workers(), len(link.at_b())
        frames = len(link.wire.frames())
        for queue in range(link.alpha.workers):
            link.lan_a.use_queue("a", queue)
            link.send_a([packet(queue, number) for number in range(PACKETS)])
        wanted = link.alpha.workers * PACKETS
        wait_until(lambda: len(link.at_b()) >= came + wanted, SETTLE_LIMIT, "all packets come out")
        for old, new in zip(before, link.alpha.quiet_workers()):
            equal((new["handed_in"], new["handed_out"]), (old["handed_in"], old["handed_out"]), "handed in and out")
            equal(new["tx_wire"] - old["tx_wire"] >= PACKETS, True, f"worker {new['worker']} has sent its own")
        spis = [esp.spi_of(packets.esp_of(frame)) for frame in link.wire.frames()[frames:]
                if packets.wire_kind(frame) == "esp" and packets.ip_text(packets.ip_of(frame)[12:16]) == ALPHA.wire]
        in_use = {int(session["spi_out"], 16) for session in link.alpha.show("sessions") if session["in_use"] == "yes"}
        equal(set(spis), in_use, "SPIs")


def inbound(tap, link, label):
    """What scapy has sealed for beta, into every queue."""
    seq = 100000
    sas = sas_towards(link.beta)

    def inject(sa, queue, inner, spi=None):
        sealed = esp.seal_by_scapy(sa, inner, seq)
        if spi is not None:
            sealed = struct.pack("!I", spi) + sealed[4:]
        link.wire.use_queue("b", queue)
        link.wire.inject("b", [esp.wire_frame(esp.outer(sa, sealed), ALPHA.wire_mac, BETA.wire_mac)])

    for worker in range(link.beta.workers):
        with tap.case(f"{label}: packets for worker {worker}, received by any, are opened by it"):
            for sa, queue in itertools.product(sas[worker], range(link.beta.workers)):
                seq += 1
                one = packets.datagram(ALPHA.host, BETA.host, b"from scapy", seq & 0xffff)
                before, handed = len(link.at_b()), total(link.beta, "handed_in")
                inject(sa, queue, one)
                wait_until(lambda: len(link.at_b()) > before, SETTLE_LIMIT, "it comes out")
                equal(link.at_b()[before:], [packets.aged(one, 1)], "what came out")
                equal(total(link.beta, "handed_in") - handed, int(queue != worker), "packets handed over")
    with tap.case(f"{label}: SPIs of other slots, and of workers that do not run, are unknown"):
        known = sas[0][0]
        # A slot from the far end of those that are handed out one after the other.
        strange = [(known.spi ^ 1 << 25) & 0x3ffffff | worker << 26 for worker in (0, 1, link.beta.workers, 63)]
        before = link.beta.drops()["no-spi"]
        for spi in strange:
            inject(known, 0, packets.datagram(ALPHA.host, BETA.host), spi)
        wait_until(lambda: link.beta.drops()["no-spi"] == before + len(strange), SETTLE_LIMIT, "all are dropped")
        link.beta.check_accounting()


def rekeyed(tap, link, label):
    with tap.case(f"{label}: sealane rekey replaces the SA of every worker"):
        old = {session["spi_in"] for session in link.alpha.show("sessions")}

        def all_new():
            new = [session for session in link.alpha.show("sessions") if session["in_use"] == "yes"]
            return each_has_an_sa(link.alpha) and not old & {session["spi_in"] for session in new}
        link.alpha.rekey()
        wait_until(all_new, CHILDREN_LIMIT, "new SAs are in use")
        link.flows(77)


def memif(tap):
    label = "three workers to two"
    with Bench(tap) as bench:
        link = Link(bench, {"workers": 3}, {"workers": 2}).start()
        with tap.case(f"{label}: they say how many they are"):
            equal([len(gateway.show("workers")) for gateway in (link.alpha, link.beta)], [3, 2], "workers")
        traffic(tap, link, label)
        at_home(tap, link, label)
        inbound(tap, link, label)
        rekeyed(tap, link, label)
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
        # Alpha begins: who has one worker does not say that it would take more SAs than one.
        self.beta = bench.gateway(BETA, ALPHA, self.wire, pcap=(hosts, self.out), peer_lines="start = none")
        self.alpha = bench.gateway(ALPHA, BETA, self.wire, pcap=(file, self.back), workers=3, wait_for_peer="yes")
        self.alpha.configure(self.beta.public_key, self.beta.name)
        self.beta.configure(self.alpha.public_key, self.alpha.name)
        self.beta.start()
        self.beta.wait_running()
        self.alpha.start()

    def received(self):
        return packets.ip_packets(packets.read_pcap(self.out), BETA.host)

    def came_back(self):
        return packets.ip_packets(packets.read_pcap(self.back), ALPHA.host)


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
        with tap.case(f"{label}: what any of them has opened goes out through worker 0"):
            wait_for_sas(run.alpha)
            back = []
            for worker, sas in sas_towards(run.alpha).items():
                back.append(packets.datagram(BETA.host, ALPHA.host, b"back", worker))
                sealed = esp.outer(sas[0], esp.seal_by_scapy(sas[0], back[-1], 5000))
                run.wire.use_queue("a", worker)
                run.wire.inject("a", [esp.wire_frame(sealed, BETA.wire_mac, ALPHA.wire_mac)])
            equal(len(back), run.alpha.workers, "workers with an SA")
            wait_until(lambda: sorted(run.came_back()) == sorted(packets.aged(packet, 1) for packet in back), SETTLE_LIMIT, "they come out")
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
