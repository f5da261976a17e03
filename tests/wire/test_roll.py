#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway's key is replaced as the README says, while packets flow: its peer learns the new public key, the gateway changes
over with `sealane rotate-identity` and a restart, its peer forgets the old one. What the peer learns and forgets costs its
link nothing; after the restart it is back at once.
"""

import re
import shutil
import subprocess
import time

import packets
from gateway import ALPHA, BETA, COMMAND_LIMIT, RELAY, SEALANE, Bench, Link, need
from tap import Tap, equal

BACK_LIMIT = 5.0  # seconds from the start of a process until packets pass both ways
AGAIN_LIMIT = 60.0  # ... after attempts that failed, of which there is soon only one in half a minute
PAUSE = 0.1


class Roll:
    """Alpha's key is rolled; packets go both ways all the time."""

    def __init__(self, bench):
        self.link = Link(bench).start()
        self.alpha, self.beta = self.link.alpha, self.link.beta
        self.number = 100

    def rotate(self, *options):
        command = [SEALANE, "rotate-identity", self.alpha.conf, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=True).stdout

    def beta_knows(self, *keys):
        self.beta.options["peer_lines"] = "\n".join(f"public-key = {key}" for key in keys[1:])
        self.beta.configure(keys[0], self.alpha.name)

    def restart(self, gateway):
        equal(gateway.stop(), 0, "exit status")
        gateway.start()
        self.until_packets_pass(BACK_LIMIT)

    def tell(self, gateway):
        subprocess.run([SEALANE, "reload", "--gateway", gateway.name], env=gateway.bench.env, timeout=COMMAND_LIMIT,
                       capture_output=True, check=True)

    def reload(self, gateway):
        """The link must not notice: the session stays, and packets pass."""
        session = gateway.session()["spi_in"]
        self.tell(gateway)
        self.until_packets_pass(1)
        equal(gateway.session()["spi_in"], session, "the session in use")

    def until_packets_pass(self, limit):
        first, deadline = self.number + 1, time.monotonic() + limit
        while True:
            self.number += 1
            # Hosts repeat their ARP requests.
            self.link.announce()
            self.link.send_a([packets.datagram(ALPHA.host, BETA.host, b"there", self.number)])
            self.link.send_b([packets.datagram(BETA.host, ALPHA.host, b"back", self.number)])
            time.sleep(PAUSE)
            arrived = [any(int.from_bytes(packet[4:6], "big") >= first for packet in side())
                       for side in (self.link.at_a, self.link.at_b)]
            if all(arrived):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {limit:g} s: (towards alpha, towards beta) = {arrived}")

    def key_of_alpha(self):
        """What beta says of it: the fingerprint in use, and how many it would take."""
        peer, = self.beta.show("peers")
        return peer["key"], peer["keys"]


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        roll = Roll(bench)
        alpha, beta = roll.alpha, roll.beta
        old = alpha.public_key
        with tap.case("before: packets flow, both tell which key is used"):
            roll.until_packets_pass(BACK_LIMIT)
            equal(roll.key_of_alpha(), (old[:8], 1), "alpha's key at beta")
            equal(alpha.show("peers")[0]["key"], beta.public_key[:8], "beta's key at alpha")
        with tap.case("1: a new key waits at alpha, nothing else has changed"):
            told = roll.rotate()
            new = re.search(r"public-key = (\S+)", told)[1]
            assert new != old, "the new key is the old one"
            assert beta.name in told, "the peer is not named"
            equal(subprocess.run([SEALANE, "pubkey"], stdin=open(f"{alpha.key}.next"), capture_output=True,
                                 text=True).stdout.strip(), new, "the key that waits")
            roll.until_packets_pass(1)
        with tap.case("2: beta knows both keys, alpha signs with the old one"):
            roll.beta_knows(new, old)
            roll.reload(beta)
            equal(roll.key_of_alpha(), (old[:8], 2), "alpha's key at beta")
        with tap.case("the key that alpha signs with is withdrawn: the link ends at once, and is back when beta knows it again"):
            session = beta.session()["spi_in"]
            roll.beta_knows(new)
            roll.tell(beta)
            equal(beta.is_up(), False, "beta is up")
            equal([s["spi_in"] for s in beta.show("sessions") if s["spi_in"] == session], [], "the session that was in use")
            beta.wait_log(r"alpha\.test.*it has not signed with the key we have for it", BACK_LIMIT)
            equal(beta.is_up(), False, "beta is up")
            roll.beta_knows(new, old)
            roll.tell(beta)
            roll.until_packets_pass(AGAIN_LIMIT)
            equal(roll.key_of_alpha(), (old[:8], 2), "alpha's key at beta")
        with tap.case("3: alpha changes over, beta says so"):
            assert old in roll.rotate("--finish"), "what beta is to forget is not told"
            roll.until_packets_pass(1)
            equal(roll.key_of_alpha(), (old[:8], 2), "alpha's key at beta before alpha has noticed")
            roll.restart(alpha)
            equal(roll.key_of_alpha(), (new[:8], 2), "alpha's key at beta")
            beta.wait_log(rf"alpha\.test.*signs with its key {re.escape(new[:8])} now, no longer with {re.escape(old[:8])}", 1)
        with tap.case("... and the link is as any other: fresh keys for packets, and for IKE"):
            alpha.rekey()
            beta.rekey("--ike")
            roll.until_packets_pass(1)
            beta.wait_log("IKE SA rekeyed", BACK_LIMIT)
            equal(roll.key_of_alpha(), (new[:8], 2), "alpha's key at beta")
        with tap.case("4: beta forgets the old key"):
            roll.beta_knows(new)
            roll.reload(beta)
            equal(roll.key_of_alpha(), (new[:8], 1), "alpha's key at beta")
        with tap.case("whoever has the old key now is nobody"):
            shutil.copy2(f"{alpha.key}.old", alpha.key)
            alpha.stop()
            alpha.start()
            beta.wait_log(r"alpha\.test.*it has not signed with the key we have for it", BACK_LIMIT)
            assert not beta.is_up(), "beta says up"
            equal(beta.show("sessions"), [], "sessions of beta")
        with tap.case("nothing plain was on the wire at any time"):
            kinds = {packets.wire_kind(frame) for frame in roll.link.wire.frames()}
            assert kinds <= {"arp", "ike", "esp"}, f"kinds of frames on the wire: {sorted(kinds)}"
    tap.finish()


main()
