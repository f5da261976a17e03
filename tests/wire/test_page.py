#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The page of `sealane exporter` in a real browser: what it shows of a live gateway, of a strange one and of none."""

import html
import json
import re
import subprocess
import threading
from pathlib import Path

import packets
from exporter import CHROMIUM, OPENMETRICS, Exporter, page_dom
from gateway import ALPHA, BETA, RELAY, SEALANE, START_LIMIT, Bench, Link, need, stop_process, wait_until
from tap import Tap, equal

UNIT = Path(__file__).resolve().parents[1] / "unit"
HOSTILE = 'a "quoted" \\ name\n<script>document.title="broken"</script><img src=x onerror="document.title=\'broken\'">'


class Traffic:
    """Packets both ways, and some that are dropped, for as long as a page is looked at."""

    def __init__(self, link):
        self.link, self.done = link, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        there = [packets.datagram(ALPHA.host, BETA.host, b"x" * 1200, number) for number in range(50)]
        back = [packets.datagram(BETA.host, ALPHA.host, b"x" * 600, number) for number in range(25)]
        lost = [packets.datagram(ALPHA.host, "10.77.0.1", b"x", 1)]
        while not self.done.is_set():
            self.link.send_a(there + lost)
            self.link.send_b(back)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class FakeGateway:
    """Answers on a telemetry socket what no real gateway would."""

    def __init__(self, bench, name, answers):
        self.log = bench.dir / f"{name}.log"
        file = bench.dir / f"{name}.json"
        file.write_text(json.dumps(answers))
        self.command = ["/usr/bin/python3", UNIT / "telemetry_server.py", bench.dir / "run", name, file]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=open(self.log, "wb"),
                                        stderr=subprocess.STDOUT)
        wait_until(lambda: b"ready" in self.log.read_bytes(), START_LIMIT, "the server is ready")
        return self

    def stop(self):
        self.process.stdin.close()
        return stop_process(self.process)


def text_of(dom, identity):
    """What stands in the element of this id, markup left out."""
    found = re.search(rf'id="{identity}"[^>]*>(.*?)</(?:b|i|h1|p|span|section)>', dom, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", found[1])).strip() if found else None


def live(tap, bench):
    link = Link(bench).start()
    exporter = bench.add(Exporter(bench, "alpha.test")).start()
    with Traffic(link):
        dom = page_dom(bench, f"http://127.0.0.1:{exporter.port}/", 25)
    with tap.case("the page shows the gateway and its link"):
        equal(text_of(dom, "name"), "alpha.test", "name")
        equal(text_of(dom, "live"), "live", "state")
        equal(re.sub(r"\s+", " ", text_of(dom, "links")), "1 of 1", "links up")
        assert "beta.test</h3>" in dom and "up for " in dom and "aes256gcm16" in dom, dom
        assert " ago</dd>" in dom, "no handshake"
        assert re.search(r"<b>Worker 0</b>", dom) and "net_memif0" in dom and "link up" in dom, dom
    with tap.case("a peer's throughput is there, as a number and as a line"):
        peak = int(re.search(r'<article class="peer card" data-peak="(\d+)"', dom)[1])
        assert peak > 0, dom
        assert re.search(r'class="peak">peak [0-9.]+ [kMGT]?bit/s<', dom), "no peak"
        heights = {float(y) for y in re.findall(r"[ML][0-9.]+ ([0-9.]+)", re.search(r'class="out-line" d="([^"]*)"', dom)[1])}
        assert max(heights) - min(heights) > 5, f"a flat line: {heights}"
    with tap.case("drops stand there with what they mean, others do not"):
        assert re.search(r"<code>no-route</code>.*?no peer has the destination address in its prefixes", dom, re.DOTALL), dom
        assert "<code>runt</code>" not in dom, "a reason that never happened"
    with tap.case("nothing is taken from elsewhere"):
        response, page = exporter.request("/")
        policy = response.getheader("Content-Security-Policy")
        assert "default-src 'none'" in policy and "unsafe" not in policy and "sha256-" in policy, policy
        equal(re.findall(rb"(?:src|href)=\"(?!/metrics|/status.json|data:)[^\"]*\"", page), [], "links")
    exporter.stop()
    link.alpha.stop()


def strange_answers():
    answers = json.loads((UNIT / "show_answers.json").read_text())
    peer = answers["/sealane/peer,gamma.example"]
    peer.update(last_error=HOSTILE, endpoint='1.2.3.4 "\\\n', state="down")
    del peer["tx_bytes"], peer["rx_packets"]
    peer["inner_mtu"] = "many"
    answers["/sealane/peers"].append("gone.example")
    answers["/sealane/worker,0"]["load_permille"] = 970
    return answers


def strange(tap, bench):
    bench.add(FakeGateway(bench, "strange", strange_answers())).start()
    exporter = bench.add(Exporter(bench, "strange")).start()
    with tap.case("label values are escaped"):
        text = exporter.text(OPENMETRICS)
        assert 'sealane_peer_info{peer="gamma.example",endpoint="1.2.3.4 \\"\\\\\\n",cipher=""} 1\n' in text, text
    with tap.case("what a gateway does not say has no sample, and takes nothing else away"):
        found = exporter.samples()
        gamma = {name.split("{")[0] for name in found if 'peer="gamma.example"' in name}
        assert not gamma & {"sealane_peer_transmit_bytes_total", "sealane_peer_receive_packets_total",
                            "sealane_peer_inner_mtu_bytes", "sealane_peer_last_handshake_timestamp_seconds"}, gamma
        equal(found['sealane_peer_up{peer="gamma.example"}'], 0, "up")
        equal(found['sealane_peer_receive_bytes_total{peer="beta.example"}'], 2621440, "bytes")
        equal(found['sealane_worker_load_ratio{worker="0"}'], 0.97, "load")
        for reason, count in ("replay", 3), ("late", 2), ("bad-icv", 1):
            equal(found[f'sealane_peer_refused_packets{{peer="beta.example",reason="{reason}"}}'], count, reason)
        equal(found['sealane_peer_sessions{peer="beta.example"}'], 2, "sessions")
        equal(found['sealane_peer_sessions_in_use{peer="beta.example"}'], 1, "sessions in use")
        assert not any("gone.example" in name for name in found), "a peer that is gone"
    dom = page_dom(bench, f"http://127.0.0.1:{exporter.port}/", 3)
    with tap.case("what a gateway says is text on the page, never markup"):
        assert "&lt;script&gt;document.title" in dom and "&lt;img src=x" in dom, text_of(dom, "gone")
        assert re.search(r"<title>alpha.example – Sealane</title>", dom), re.search(r"<title>.*", dom)[0]
    with tap.case("trouble comes first: links that are down, workers without time"):
        assert dom.index("gamma.example</h3>") < dom.index("beta.example</h3>"), "order"
        equal(re.sub(r"\s+", " ", text_of(dom, "links")), "1 of 2", "links up")
        assert re.search(r'class="bar bad"><i style="width: 97%;?">', dom), "the bar"
    exporter.stop()


def gone(tap, bench):
    exporter = bench.add(Exporter(bench, "alpha.test")).start()
    dom = page_dom(bench, f"http://127.0.0.1:{exporter.port}/", 3)
    with tap.case("without a gateway the page says so"):
        assert "The gateway does not answer" in text_of(dom, "gone"), text_of(dom, "gone")
        assert "no gateway 'alpha.test' is running here" in text_of(dom, "gone"), text_of(dom, "gone")
        equal(text_of(dom, "live"), "gone", "state")
        assert re.search(r'<div id="all" hidden', dom), "there is nothing to show"


def main():
    tap = Tap()
    need(SEALANE, RELAY, CHROMIUM)
    with Bench(tap) as bench:
        live(tap, bench)
        strange(tap, bench)
        gone(tap, bench)
    tap.finish()


main()
