#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
What `sealane show` tells about a real link is what has happened to it: losses, rekeys, limits, neighbours, routes, the work
of the workers. And who may ask.
"""

import grp
import json
import os
import socket
import stat

import esp
import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, need, wait_until
from tap import Tap, equal

LIMIT = 10
WINDOW = 4096
HOSTS = 150  # more than a page of the telemetry holds
GROUP = grp.getgrgid(os.getgid()).gr_name
OPTIONS = {"dpd_delay": "0"}  # its questions would be lost instead of our packets


def peer(gateway):
    return gateway.show("peers")[0]


def data(count, first=1):
    return [packets.datagram(ALPHA.host, BETA.host, b"counted", number) for number in range(first, first + count)]


def ask(gateway, command):
    """What the telemetry socket answers, without the client between."""
    path = gateway.bench.dir / "run" / "dpdk" / f"sealane-{gateway.name}" / "dpdk_telemetry.v2"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(LIMIT)
        client.connect(str(path))
        client.recv(1024)  # its greeting
        client.send(command.encode())
        return json.loads(client.recv(1 << 20))[command.split(",")[0]]


def lost(gateway):
    now = peer(gateway)
    return now["rx_lost"], now["rx_missing"]


def losses(tap, link):
    with tap.case("nothing is missing at first"):
        link.send_a(data(2))
        wait_until(lambda: len(link.at_b()) == 2, LIMIT, "packets come out")
        equal(lost(link.beta), (0, 0), "lost and missing")
    with tap.case("what the wire loses is missing"):
        link.wire.order("drop b 3")
        link.send_a(data(8, 3))
        wait_until(lambda: len(link.at_b()) == 7, LIMIT, "packets come out")
        equal(lost(link.beta), (0, 3), "lost and missing")
        session = link.beta.session()
        equal((session["rx_lost"], session["rx_missing"]), (0, 3), "of the session")
        equal(lost(link.alpha), (0, 0), "lost and missing at the other end")
        assert "loss: 3 of 10 packets" in link.beta.ask("peers"), "not for people"
    with tap.case("a packet that is no use is not missing"):
        sa, _ = link.alpha.sas()
        stranger = packets.datagram("10.9.9.9", BETA.host)
        frames = [esp.outer(sa, esp.seal_by_scapy(sa, stranger, 11))]
        link.wire.inject("b", [esp.wire_frame(frame, ALPHA.wire_mac, BETA.wire_mac) for frame in frames])
        wait_until(lambda: link.beta.drops()["selector"] == 1, LIMIT, "it is dropped")
        equal(lost(link.beta), (0, 3), "lost and missing")
    with tap.case("what the window has left behind is lost"):
        sa, _ = link.alpha.sas()
        far = esp.outer(sa, esp.seal_by_scapy(sa, data(1, 12)[0], 5000))
        link.wire.inject("b", [esp.wire_frame(far, ALPHA.wire_mac, BETA.wire_mac)])
        wait_until(lambda: len(link.at_b()) == 8, LIMIT, "it comes out")
        # Of 5000 came 8 and the stranger's; in the window there is none but the last.
        equal(lost(link.beta), (5000 - 9 - (WINDOW - 1), WINDOW - 1), "lost and missing")


def rekeys(tap, link):
    with tap.case("rekeys are counted, each kind by itself"):
        before = peer(link.alpha)
        link.alpha.rekey()
        wait_until(lambda: peer(link.alpha)["rekeys_child"] > before["rekeys_child"], LIMIT, "the child SA is replaced")
        link.alpha.rekey("--ike")
        wait_until(lambda: peer(link.alpha)["rekeys_ike"] > before["rekeys_ike"], LIMIT, "the IKE SA is replaced")
        for gateway in link.alpha, link.beta:
            wait_until(lambda: (peer(gateway)["rekeys_child"], peer(gateway)["rekeys_ike"]) == (1, 1), LIMIT, "both know")
            equal(peer(gateway)["rekeys"], 2, "rekeys")
        after = [peer(gateway) for gateway in (link.alpha, link.beta)]
        assert after[0]["ike_spi_i"] != before["ike_spi_i"], "the IKE SA has its old SPI"
        equal(*[(each["ike_spi_i"], each["ike_spi_r"]) for each in after], "SPIs of the IKE SA at both ends")
    with tap.case("what an SA had lost stays known when it is gone"):
        wait_until(lambda: peer(link.beta)["child_sas"] == 1, LIMIT, "the old SA is gone")
        equal(lost(link.beta), (5000 - 9, 0), "lost and missing")
        equal(peer(link.beta)["child_sas_in_use"], 1, "child SAs in use")
    with tap.case("its slot is free again, and no packet buffer is kept"):
        for gateway in link.alpha, link.beta:
            wait_until(lambda: gateway.show_gateway()["session_slots_in_use"] == 1, LIMIT, "one slot is taken")
            resources = gateway.show_gateway()
            assert resources["session_slots"] > 100000 and 0 <= resources["mbufs_in_use"] < resources["mbufs"], resources


def limits(tap, link):
    with tap.case("a session tells what is left of it"):
        link.send_a(data(5, 20))
        link.send_b([packets.datagram(BETA.host, ALPHA.host, b"back", 1)])
        wait_until(lambda: link.alpha.session()["tx_packets"] == 5 and link.alpha.session()["rx_packets"] == 1, LIMIT,
                   "packets are counted")
        session = link.alpha.session()
        equal(session["rekey_in_packets"], 1000 - 5, "packets until the soft limit")
        equal(session["ends_in_packets"], 2000 - 5, "packets until the hard limit")
        equal(session["rekey_in_bytes"], (1 << 20) - session["tx_bytes"], "bytes until the soft limit")
        equal(session["ends_in_bytes"], (2 << 20) - session["tx_bytes"], "bytes until the hard limit")
        # Less up to 10 % at random, and what has passed.
        assert 1800 * 0.9 - 60 < session["rekey_in_s"] <= 1800, f"rekey in {session['rekey_in_s']} s"
        assert 3600 - 60 < session["ends_in_s"] <= 3600, f"ends in {session['ends_in_s']} s"
        assert 4 * 1800 * 0.9 - 60 < peer(link.alpha)["ike_rekey_in_s"] <= 4 * 1800, peer(link.alpha)


def neighbours(tap, link):
    with tap.case("neighbours of both ports, more than fit a page"):
        hosts = [f"10.1.2.{number}" for number in range(1, HOSTS + 1)]
        link.lan_a.inject("a", [packets.announce(host, ALPHA.host_mac, ALPHA.plain) for host in hosts])
        wait_until(lambda: len(link.alpha.show("neighbours")) >= HOSTS + 2, LIMIT, "all are known")
        found = {(entry["port"], entry["address"]): entry for entry in link.alpha.show("neighbours")}
        equal(set(found), {("wire", BETA.wire), ("plain", ALPHA.host)} | {("plain", host) for host in hosts}, "who is there")
        other = found["wire", BETA.wire]
        equal(other["mac"].lower(), BETA.wire_mac, "beta's MAC")
        assert other["state"] in ("reachable", "probe") and other["age_s"] <= 60, other
        equal(found["plain", hosts[0]]["mac"].lower(), ALPHA.host_mac, "a host's MAC")
    with tap.case("a page of the telemetry has 100 of them"):
        pages = [len(ask(link.alpha, "/sealane/neighbours" + behind)) for behind in ("", ",100", ",200")]
        equal(pages, [100, HOSTS + 2 - 100, 0], "entries of the pages")
    with tap.case("one that does not answer is incomplete, and then gone"):
        link.send_b([packets.datagram(BETA.host, "10.1.3.1", b"to nobody", 1)])

        def nobody():
            return [entry for entry in link.alpha.show("neighbours") if entry["address"] == "10.1.3.1"]
        wait_until(nobody, LIMIT, "it is asked for")
        equal((nobody() or [{}])[0].get("state"), "incomplete", "its state")
        wait_until(lambda: not nobody(), LIMIT, "it is given up")


def routes(tap, link):
    def route(layer, prefix, port, to="", via=""):
        return {"layer": layer, "prefix": prefix, "port": port, "peer": to, "via": via}
    with tap.case("routes of either kind"):
        equal(link.alpha.show("routes"), [
            route("inner", BETA.net, "wire", BETA.name), route("inner", "fd00:2::/64", "wire", BETA.name),
            route("inner", ALPHA.net, "plain"), route("inner", "fd00:1::/64", "plain"),
            route("inner", "fd00:9::/64", "plain", via="fd00:1::fe"),
            route("outer", "192.0.2.0/24", "wire"), route("outer", "0.0.0.0/0", "wire", via="192.0.2.254")], "routes")


def workers(tap, link):
    with tap.case("a worker tells its load"):
        before = link.alpha.show("workers")[0]
        link.send_a(data(30, 100))

        def counted():
            now = link.alpha.show("workers")[0]
            return now["rx_plain"] >= before["rx_plain"] + 30 and now["busy_cycles"] > before["busy_cycles"] and now
        now = wait_until(counted, LIMIT, "packets are counted, and what they took")
        assert now["polls"] > now["busy_polls"] > before["busy_polls"], now
        taken = now["rx_wire"] + now["rx_plain"] + now["handed_in"]
        assert before["bursts"] < now["bursts"] <= taken, now
    with tap.case("and that of the last second"):
        def busy():
            link.send_a(data(30, 200))
            load = link.alpha.show("workers")[0]
            return load["packets_per_s"] > 0 and load
        load = wait_until(busy, LIMIT, "there were packets")
        for share in "load_permille", "busy_polls_permille", "burst_fill_permille":
            assert 0 <= load[share] <= 1000, load
        assert load["burst_fill_permille"] > 0 and load["cycles_per_packet"] > 0, load
        wait_until(lambda: link.alpha.show("workers")[0]["packets_per_s"] == 0, LIMIT, "it ends with the packets")


def sections(tap, link):
    with tap.case("a port tells what its device has counted"):
        ports = {port["role"]: port for port in link.alpha.show("ports")}
        equal(ports["wire"]["link"], "up", "link")
        assert ports["wire"]["rx_packets"] > 0 and ports["plain"]["rx_packets"] > 0, ports
    for section in "peers", "sessions", "ports", "neighbours", "routes", "drops", "ike", "workers":
        with tap.case(f"{section} for people"):
            assert len((link.alpha.ask(section) or "").splitlines()) >= 2, link.alpha.ask(section)


def permissions(path):
    found = os.stat(path)
    return oct(stat.S_IMODE(found.st_mode)), found.st_gid


def access(tap, bench, link):
    dpdk = bench.dir / "run" / "dpdk"
    with tap.case("the group gets the socket, and the way to it"):
        folder = dpdk / f"sealane-{link.alpha.name}"
        equal(permissions(folder / "dpdk_telemetry.v2"), (oct(0o660), os.getgid()), "the socket")
        equal(permissions(folder), (oct(0o750), os.getgid()), "the folder")
        equal(stat.S_IMODE(dpdk.stat().st_mode) & 0o055, 0o055, "for others, of what is above it")
    with tap.case("without a group nobody gets in, whatever was before"):
        folder = dpdk / f"sealane-{link.beta.name}"
        equal(permissions(folder)[0], oct(0o700), "the folder")


def no_such_group(tap):
    with Bench(tap) as bench:
        link = Link(bench)
        with tap.case("a group that is not there is an error"):
            text = link.alpha.conf.read_text()
            link.alpha.conf.write_text(text.replace("[gateway]\n", "[gateway]\ngroup = no-such-group\n"))
            link.alpha.start()
            wait_until(lambda: link.alpha.process.poll() is not None, LIMIT, "the gateway ends")
            equal(link.alpha.process.returncode, 1, "exit status")
            log = link.alpha.log_text().strip()
            assert log.startswith(f"{link.alpha.conf}:2: group no-such-group: there is none"), log
            equal(len(log.splitlines()), 1, "lines")


def configure(link):
    """Lines beyond what all scenarios have."""
    alpha, beta = link.alpha.conf, link.beta.conf
    text = alpha.read_text().replace("[gateway]\n", f"[gateway]\ngroup = {GROUP}\n")
    text = text.replace(f"{ALPHA.plain}/16\n", f"{ALPHA.plain}/16, fd00:1::1/64\nroutes = fd00:9::/64 via fd00:1::fe\n")
    text = text.replace(f"{ALPHA.wire}/24\n", f"{ALPHA.wire}/24\nnext-hop = 192.0.2.254\n")
    alpha.write_text(text.replace(f"= {BETA.net}\n", f"= {BETA.net}, fd00:2::/64\n"))
    # A folder that an earlier run has left open.
    folder = link.beta.bench.dir / "run" / "dpdk" / f"sealane-{link.beta.name}"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    assert "endpoint" in beta.read_text()


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        lifetime = "rekey-after-time = 30m\nrekey-after-packets = 1000\nrekey-after-bytes = 1024KiB"
        link = Link(bench, {**OPTIONS, "peer_lines": lifetime}, {**OPTIONS, "peer_lines": "start = none"})
        configure(link)
        link.start()
        access(tap, bench, link)
        losses(tap, link)
        rekeys(tap, link)
        limits(tap, link)
        neighbours(tap, link)
        routes(tap, link)
        workers(tap, link)
        sections(tap, link)
    no_such_group(tap)
    tap.finish()


main()
