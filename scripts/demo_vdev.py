#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The part of scripts/demo.sh --vdev after building: two gateways over DPDK's virtual devices, as an ordinary user.

    packets.pcap ── alpha ══ memif ══ relay, which records ══ memif ══ beta ── opened.pcap

It stands on what tests/wire uses: gateway.py starts and stops the processes, packets.py makes and compares packets.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "wire"))

import packets  # noqa: E402
from gateway import ALPHA, BETA, PCAP_MAC, Bench, wait_until  # noqa: E402

PACKETS = 1000
RUN_LEN = 16  # bytes; a run this long of random bytes does not occur twice by chance


class Demo:
    """Prints steps as demo.sh does, and is the `tap` that a Bench reports to."""

    def __init__(self):
        self.failed, self.summary, self.step_name = 0, [], None

    def note(self, text):
        print("\n".join("    " + line for line in str(text).splitlines()), flush=True)

    def step(self, name, function, *arguments):
        started, self.step_name = time.monotonic(), name
        print(f"  {name:34} ", end="", flush=True)
        fact = function(*arguments)
        print(f"{time.monotonic() - started:5.1f} s  {fact}", flush=True)
        self.summary.append((name, fact))

    def fail(self, error):
        self.failed += 1
        print(f"\n\nFAILED: {self.step_name}: {error}", flush=True)

    def print_summary(self):
        line = "  " + "-" * 78
        print("\n" + line)
        for name, fact in self.summary:
            print(f"  {name:34} {fact}")
        print(line + "\n")


class Scene:
    def __init__(self, bench):
        self.bench = bench
        self.opened = bench.dir / "opened.pcap"

    def make_packets(self):
        self.sent, self.payloads = packets.mixture(ALPHA.host, BETA.host, PACKETS)
        frames = [packets.frame(packet, ALPHA.host_mac, PCAP_MAC) for packet in self.sent]
        packets.write_pcap(self.bench.dir / "packets.pcap", frames)
        # Beta's pcap holds one ARP request: from it beta learns where host B is.
        packets.write_pcap(self.bench.dir / "hosts.pcap", [packets.announce(BETA.host, BETA.host_mac, BETA.plain)])
        total = sum(len(packet) for packet in self.sent)
        return f"{PACKETS} of 20 to {packets.INNER_MTU} bytes, TCP, UDP, ICMP, {total} bytes in all"

    def start(self):
        """Beta first, so that it is there when alpha's packets come; alpha reads its pcap when the link is up."""
        started = time.monotonic()
        nowhere = self.bench.dir / "unused.pcap"
        self.wire = self.bench.relay("wire")
        self.beta = self.bench.gateway(BETA, ALPHA, self.wire, pcap=(self.bench.dir / "hosts.pcap", self.opened))
        self.alpha = self.bench.gateway(ALPHA, BETA, self.wire, pcap=(self.bench.dir / "packets.pcap", nowhere),
                                        wait_for_peer="yes")
        self.alpha.configure(self.beta.public_key, self.beta.name)
        self.beta.configure(self.alpha.public_key, self.alpha.name)
        self.beta.start()
        self.beta.wait_running()
        self.alpha.start()
        self.alpha.wait_up()
        return f"IKEv2, X25519 and Ed25519; up {time.monotonic() - started:.1f} s after the first process started"

    def received(self):
        return packets.ip_packets(packets.read_pcap(self.opened), BETA.host)

    def compare(self):
        wait_until(lambda: len(self.received()) >= PACKETS, 20, "all packets come out")
        received = self.received()
        different = sum(there != packets.aged(here) for there, here in zip(received, self.sent))
        if len(received) != PACKETS or different:
            raise AssertionError(f"{len(received)} packets came out, {different} of them differ")
        return f"all {PACKETS} identical but for two hops, in order, once"

    def look_at_wire(self):
        kinds = [packets.wire_kind(frame) for frame in self.wire.frames()]
        others = [kind for kind in kinds if kind not in ("arp", "ike", "esp")]
        if others or kinds.count("esp") != PACKETS:
            raise AssertionError(f"{kinds.count('esp')} ESP packets, and {others[:5]}")
        return f"{kinds.count('esp')} ESP in UDP, {kinds.count('ike')} IKE, {kinds.count('arp')} ARP, nothing else"

    def search(self):
        wire, plain = self.wire.pcap.read_bytes(), self.opened.read_bytes()
        on_wire = packets.shared_runs(self.payloads, wire, RUN_LEN)
        in_plain = packets.shared_runs(self.payloads, plain, RUN_LEN)
        if on_wire or not in_plain:
            raise AssertionError(f"{on_wire} runs of {RUN_LEN} payload bytes on the wire, {in_plain} in beta's output")
        return f"no {RUN_LEN} bytes of any payload ({in_plain} such runs in what beta opened)"

    def stop(self):
        for gateway in self.alpha, self.beta:
            status = gateway.stop()
            if status != 0:
                raise AssertionError(f"{gateway.name} ended with status {status}")
        return "both gateways ended with status 0"


def print_show(scene):
    print("\nsealane show, at alpha:\n")
    print("\n".join("  " + line for line in scene.alpha.ask().splitlines()) + "\n")


def main():
    demo = Demo()
    with Bench(demo) as bench:
        scene = Scene(bench)
        try:
            demo.step("packets", scene.make_packets)
            demo.step("two gateways, one handshake", scene.start)
            demo.step("alpha's pcap against beta's", scene.compare)
            demo.step("what was on the wire", scene.look_at_wire)
            demo.step("payloads looked for on the wire", scene.search)
            print_show(scene)
            demo.step("stop and clean up", scene.stop)
        except Exception as error:
            demo.fail(error)
    if demo.failed:
        return 1
    demo.print_summary()
    return 0


sys.exit(main())
