#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Hundreds of peers leave a gateway with two workers at once: two hundred that never answered, and one with a child SA for each of
thirty flows. Again and again; nothing of them stays, and a peer that nobody has touched loses nothing.
"""

import subprocess
from collections import Counter

import packets
from gateway import ALPHA, BETA, COMMAND_LIMIT, GAMMA, RELAY, SEALANE, Bench, Link, need, strangers_key, wait_until
from running import Traffic
from tap import Tap, equal

STRANGERS, FLOWS, ROUNDS, WORKERS = 200, 30, 3, 2
SETTLE_LIMIT = 40
UDP = 17


class Crowd(Link):
    """Alpha and beta as ever, and gamma on the same wire, of which alpha's configuration does not know at first."""

    def __init__(self, bench):
        self.wire = bench.relay("wire", "abc", queues=(WORKERS, WORKERS, 1))
        self.lan_a, self.lan_b = (bench.relay(f"lan-{side}", side, queues=(WORKERS,)) for side in "ab")
        self.alpha = bench.gateway(ALPHA, BETA, self.wire, self.lan_a, workers=WORKERS, memory=512)
        self.beta = bench.gateway(BETA, ALPHA, self.wire, self.lan_b, workers=WORKERS)
        self.gamma = bench.gateway(GAMMA, ALPHA, self.wire, bench.relay("lan-c", "c"), peer_lines="start = none")
        self.alpha.configure(self.beta.public_key, self.beta.name)
        self.beta.configure(self.alpha.public_key, self.alpha.name)
        self.gamma.configure(self.alpha.public_key, self.alpha.name)
        self.alone = self.alpha.conf.read_text()
        self.crowded = self.alone + self.gamma_of_alpha() + "".join(map(self.stranger, range(STRANGERS)))

    def gamma_of_alpha(self):
        flows = "".join(f"[flow port{port}]\npeer = {GAMMA.name}\nprotocol = tcp\nremote-port = {port}\n"
                        for port in range(1000, 1000 + FLOWS))
        return (f"\n[peer {GAMMA.name}]\npublic-key = {self.gamma.public_key}\nendpoint = {GAMMA.wire}\n"
                f"prefixes = {GAMMA.net}\n{flows}")

    @staticmethod
    def stranger(number):
        return (f"[peer stranger{number}.test]\npublic-key = {strangers_key()}\nendpoint = 192.0.2.{20 + number}\n"
                f"prefixes = 172.{16 + number // 100}.{number % 100}.0/24\n")

    def reload(self, text):
        self.alpha.conf.write_text(text)
        done = subprocess.run([SEALANE, "reload", "--gateway", ALPHA.name], env=self.alpha.bench.env, capture_output=True,
                              text=True, timeout=COMMAND_LIMIT)
        equal((done.returncode, done.stderr), (0, ""), "status and stderr of the reload")
        # As many lines as an answer takes; the last one is in the log in any case.
        return done.stdout

    def slots(self):
        return self.alpha.show_gateway()["session_slots_in_use"]

    def sessions(self):
        """Those of alpha with beta."""
        return sorted(session["spi_in"] for session in self.alpha.show("sessions") if session["peer"] == BETA.name)


def missing(sent, come):
    """What is not there, or there twice."""
    wanted, found = Counter(map(packets.aged, sent)), Counter(come)
    return sorted((wanted - found).elements()), sorted((found - wanted).elements())


def come_and_go(tap, link, traffic, number):
    sessions, slots = link.sessions(), link.slots()
    with tap.case(f"round {number}: {STRANGERS + 1} peers come, of which one has {FLOWS} flows"):
        link.reload(link.crowded)
        traffic.until(lambda: link.slots() >= slots + FLOWS + 1, "all SAs with gamma are there")
        equal(len(link.alpha.show("peers")), STRANGERS + 2, "peers")
    with tap.case(f"round {number}: they leave at once"):
        link.reload(link.alone)
        equal([peer["name"] for peer in link.alpha.show("peers")], [BETA.name], "peers")
        traffic.until(lambda: link.slots() == slots, "their sessions are gone")
        equal(link.sessions(), sessions, "sessions with beta")
    with tap.case(f"round {number}: gamma has heard it"):
        wait_until(lambda: link.gamma.show("sessions") == [], SETTLE_LIMIT, "it has no session")


def nothing_stays(tap, link):
    with tap.case("no handshake, no packet buffer and no slot is kept"):
        def at_rest():
            counters = {entry["name"]: entry["count"] for entry in link.alpha.show("ike")}
            return counters["half-open"] == 0 and counters["established"] == 1 and link.alpha.show_gateway()["mbufs_in_use"] == 0
        wait_until(at_rest, SETTLE_LIMIT, "the gateway is at rest")
        equal(link.slots(), len(link.alpha.show("sessions")), "slots in use")


def nothing_lost(tap, link, traffic):
    with tap.case("every packet of the untouched peer has come out once, both ways"):
        wait_until(lambda: len(link.at_b()) >= len(traffic.there) and len(link.at_a()) >= len(traffic.back), SETTLE_LIMIT,
                   "the last packets come out")
        equal(missing(traffic.there, link.at_b()), ([], []), "packets lost or doubled towards beta")
        back = [packet for packet in link.at_a() if packet[9] == UDP]
        equal(missing(traffic.back, back), ([], []), "packets lost or doubled towards alpha")
        # What IKE sends to addresses that nobody has.
        counted = {name for name, count in link.alpha.drops().items() if count}
        assert counted <= {"no-neighbour"}, f"reasons of drops at alpha: {counted}"
    with tap.case("all packets are accounted for"):
        for gateway in link.alpha, link.beta:
            gateway.check_accounting()


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        link = Crowd(bench)
        link.gamma.start()
        link.start()
        link.gamma.wait_running()
        wait_until(lambda: len(link.sessions()) >= WORKERS and link.slots() == len(link.sessions()), SETTLE_LIMIT,
                   "every worker has an SA")
        traffic = Traffic(link)
        for number in range(1, ROUNDS + 1):
            come_and_go(tap, link, traffic, number)
        nothing_lost(tap, link, traffic)
        nothing_stays(tap, link)
    tap.finish()


main()
