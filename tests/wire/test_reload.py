#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The configuration changes under a running gateway: what is bad or needs a restart is refused whole; peers are added, changed
and removed while packets of an untouched peer pass; links are taken down and up.
"""

import os
import re
import signal
import subprocess
from collections import Counter

import packets
from gateway import ALPHA, BETA, COMMAND_LIMIT, RELAY, SEALANE, Bench, Link, need, strangers_key, wait_until
from running import Traffic
from tap import Tap, equal

UDP = 17


def stranger(name, prefix):
    """A peer that does not answer."""
    return f"""
[peer {name}]
public-key = {strangers_key()}
endpoint = 192.0.2.77
prefixes = {prefix}
"""


GAMMA = stranger("gamma.test", "10.77.0.0/16")


def command(gateway, *arguments):
    """Exit code, stdout and stderr of a command to this gateway."""
    done = subprocess.run([SEALANE, *arguments, "--gateway", gateway.name], env=gateway.bench.env, capture_output=True,
                          text=True, timeout=COMMAND_LIMIT)
    return done.returncode, done.stdout, done.stderr


def edit(gateway, old, new):
    text = gateway.conf.read_text()
    assert text.count(old) == 1, f"{old} is there {text.count(old)} times"
    gateway.conf.write_text(text.replace(old, new))


def peers(gateway):
    return {peer["name"]: peer for peer in gateway.show("peers")}


def in_use(gateway):
    return [session["spi_in"] for session in gateway.show("sessions") if session["in_use"] == "yes"]


def missing(sent, come):
    """What is not there, or there twice."""
    return (sorted((Counter(map(packets.aged, sent)) - Counter(come)).elements()),
            sorted((Counter(come) - Counter(map(packets.aged, sent))).elements()))


def refusals(tap, link):
    good, sas = link.alpha.conf.read_text(), link.alpha.sas()

    def refused(what, old, new, *patterns):
        with tap.case(f"refused whole: {what}"):
            edit(link.alpha, old, new + GAMMA)
            code, out, err = command(link.alpha, "reload")
            lines = err.splitlines()
            equal((code, out), (1, ""), "status and stdout")
            equal(len(lines), len(patterns), f"lines in {err!r}")
            for line, pattern in zip(lines, patterns):
                assert re.search(pattern, line), f"{line!r} is not /{pattern}/"
            equal(list(peers(link.alpha)), [link.beta.name], "peers")
            equal(link.alpha.sas(), sas, "sessions")
        link.alpha.conf.write_text(good)

    conf = re.escape(str(link.alpha.conf))
    refused("two mistakes, with their lines", "dpd-delay = 10s", "dpd-delay = soon\nesp = yes",
            rf"^{conf}:\d+: dpd-delay 'soon' is not valid", rf"^{conf}:\d+: unknown key 'esp'")
    refused("another address", f"address = {ALPHA.wire}/24", f"address = {ALPHA.wire}/25\nmtu = 1400",
            rf"^{conf}: \[wire\] address, \[wire\] mtu changed, which needs a restart of the gateway")
    with tap.case("refused whole: many mistakes, as many lines as an answer takes, and how many more"):
        link.alpha.conf.write_text(good + "".join(f"nonsense-number-{i} = \"yes\"\n" for i in range(200)))
        code, out, err = command(link.alpha, "reload")
        lines = err.splitlines()
        more = re.fullmatch(r"and (\d+) more", lines[-1])
        equal((code, out), (1, ""), "status and stdout")
        assert more and int(more.group(1)) + len(lines) - 1 == 200, f"{len(lines)} lines, the last is {lines[-1]!r}"
    link.alpha.conf.write_text(good)
    with tap.case("refused whole: no file at all"):
        link.alpha.conf.rename(link.alpha.dir / "away")
        code, _, err = command(link.alpha, "reload")
        assert code == 1 and "cannot open" in err, f"{code}: {err}"
        (link.alpha.dir / "away").rename(link.alpha.conf)
    with tap.case("a file that says the same changes nothing"):
        edit(link.alpha, "dpd-delay = 10s", "# as before\ndpd-delay = 10000ms")
        code, out, err = command(link.alpha, "reload")
        equal((code, err), (0, ""), "status and stderr")
        assert out.endswith("0 peers added, 0 removed, 0 changed, 1 untouched\n"), out
        equal(link.alpha.sas(), sas, "sessions")
    with tap.case("SIGHUP: mistakes go to the log"):
        edit(link.alpha, "esn = yes", "esn = perhaps")
        os.kill(link.alpha.process.pid, signal.SIGHUP)
        link.alpha.wait_log(rf"error: {conf}:\d+: esn 'perhaps' is not valid", 5)
        link.alpha.wait_log("is not put into effect, for 1 reason", 5)
    link.alpha.conf.write_text(good)


def under_traffic(tap, link):
    """Whatever happens to gamma, beta's packets pass, and its sessions are the same."""
    traffic, sas = Traffic(link), link.alpha.sas()

    def changes(what, change, pattern, condition, by_signal=False):
        with tap.case(f"under traffic: {what}"):
            change()
            for _ in range(5):
                traffic.once()
            if by_signal:
                os.kill(link.alpha.process.pid, signal.SIGHUP)
                link.alpha.wait_log(pattern, 5)
            else:
                code, out, err = command(link.alpha, "reload")
                equal((code, err), (0, ""), "status and stderr")
                assert re.search(pattern, out), f"{out!r} is not /{pattern}/"
            traffic.until(condition, what)
            equal(link.alpha.sas(), sas, "sessions")

    def drops(reason):
        before = link.alpha.drops()[reason]
        link.send_a([packets.datagram(ALPHA.host, "10.77.0.9", b"to gamma", 7)])
        wait_until(lambda: link.alpha.drops()[reason] == before + 1, 5, f"a drop as {reason}")

    good = link.alpha.conf.read_text()
    changes("a peer is added, and called", lambda: link.alpha.conf.write_text(good + GAMMA),
            r"gamma.test: added\n.*1 peer added, 0 removed, 0 changed, 1 untouched",
            lambda: peers(link.alpha)["gamma.test"]["state"] == "connecting")
    with tap.case("its prefix has a route"):
        drops("no-session")
    changes("it is changed in place", lambda: edit(link.alpha, "endpoint = 192.0.2.77", "endpoint = 192.0.2.78"),
            r"gamma.test: endpoint changed\n", lambda: peers(link.alpha)["gamma.test"]["endpoint"].startswith("192.0.2.78"))
    changes("it begins anew with other prefixes", lambda: edit(link.alpha, "10.77.0.0/16", "10.77.0.0/17, 10.78.0.0/16"),
            r"gamma.test: prefixes changed, its link begins anew\n",
            lambda: peers(link.alpha)["gamma.test"]["prefixes"] == ["10.77.0.0/17", "10.78.0.0/16"])
    with tap.case("which have routes"):
        drops("no-session")
    changes("it is removed", lambda: link.alpha.conf.write_text(good), r"gamma.test: removed",
            lambda: list(peers(link.alpha)) == [link.beta.name], by_signal=True)
    with tap.case("its prefixes have no route any more"):
        drops("no-route")
    with tap.case("twenty peers come and go, again and again"):
        many = "".join(stranger(f"gamma{i}.test", f"10.{100 + i}.0.0/16") for i in range(20))
        for _ in range(3):
            link.alpha.conf.write_text(good + many)
            equal(command(link.alpha, "reload")[::2], (0, ""), "status and stderr")
            traffic.until(lambda: len(peers(link.alpha)) == 21, "peers")
            link.alpha.conf.write_text(good)
            equal(command(link.alpha, "reload")[::2], (0, ""), "status and stderr")
            traffic.until(lambda: len(peers(link.alpha)) == 1, "peers")
    with tap.case("under traffic: what is a property of sessions comes with fresh keys"):
        old = in_use(link.alpha)
        edit(link.alpha, "esn = yes", "esn = yes\nsource-port = per-sa\nrekey-after-time = 30m")
        code, out, _ = command(link.alpha, "reload")
        assert code == 0 and "source-port, rekey-after-time changed, its keys are replaced" in out, out
        traffic.until(lambda: set(in_use(link.alpha)).isdisjoint(old), "fresh keys")
    with tap.case("under traffic: every packet of the untouched peer has come out once, both ways"):
        wait_until(lambda: len(link.at_b()) >= len(traffic.there) and len(link.at_a()) >= len(traffic.back), 10,
                   "the last packets come out")
        equal(missing(traffic.there, link.at_b()), ([], []), "packets lost or doubled towards beta")
        # Host A also hears by ICMP that there is no route to gamma.
        back = [packet for packet in link.at_a() if packet[9] == UDP]
        equal(missing(traffic.back, back), ([], []), "packets lost or doubled towards alpha")
        counted = {name for name, count in link.alpha.drops().items() if count}
        # The last one is IKE's: nobody has gamma's address.
        assert counted <= {"no-session", "no-route", "no-neighbour"}, f"reasons of drops at alpha: {counted}"
        equal({name for name, count in link.beta.drops().items() if count}, set(), "reasons of drops at beta")
    with tap.case("under traffic: the link stayed up, and all packets are accounted for"):
        equal([gateway.show("peers")[0]["handshakes"] for gateway in (link.alpha, link.beta)], traffic.handshakes,
              "handshakes")
        for gateway in link.alpha, link.beta:
            gateway.check_accounting()


def down_and_up(tap, link):
    beta = link.beta.name
    with tap.case("down: the link is closed, at both ends, and stays so"):
        equal(command(link.alpha, "down", beta), (0, f"{beta}: link taken down, until 'sealane up'\n", ""), "its words")
        equal(peers(link.alpha)[beta]["state"], "closed", "state")
        wait_until(lambda: not link.beta.is_up(), 5, "beta's link is down")
        equal((link.alpha.show("sessions"), link.beta.show("sessions")), ([], []), "sessions")
        link.beta.wait_log("refused IKE_AUTH: TEMPORARY_FAILURE", 10)
    with tap.case("down: traffic is dropped for that reason, and asks for no handshake"):
        before = link.alpha.drops()["closed"]
        link.send_a([packets.datagram(ALPHA.host, BETA.host, b"closed", i) for i in range(3)])
        wait_until(lambda: link.alpha.drops()["closed"] == before + 3, 5, "drops as closed")
        equal(peers(link.alpha)[beta]["state"], "closed", "state")
    with tap.case("down: a reload leaves it so, also one that begins it anew"):
        edit(link.alpha, "dpd-delay = 10s", "dpd-delay = 9s")
        equal(command(link.alpha, "reload")[0], 0, "status")
        equal(peers(link.alpha)[beta]["state"], "closed", "state")
        edit(link.alpha, "dpd-delay = 9s", "dpd-delay = 10s\nencapsulation = esp")
        equal(command(link.alpha, "reload")[0], 0, "status")
        equal(peers(link.alpha)[beta]["state"], "closed", "state")
        before = link.alpha.drops()["closed"]
        link.send_a([packets.datagram(ALPHA.host, BETA.host, b"closed", 9)])
        wait_until(lambda: link.alpha.drops()["closed"] == before + 1, 5, "a drop as closed")
    with tap.case("up: the link is there again, and carries packets"):
        equal(command(link.alpha, "up", beta), (0, f"{beta}: link may come up\n", ""), "its words")
        link.alpha.wait_up()
        link.beta.wait_up()
        link.flows(100)
    with tap.case("a link that begins anew while it is up is soon there again"):
        edit(link.alpha, "encapsulation = esp", "encapsulation = udp")
        equal(command(link.alpha, "reload")[0], 0, "status")
        wait_until(lambda: link.alpha.is_up() and link.beta.is_up() and len(link.beta.show("sessions")) == 1, 10, "both up")
        link.flows(101)
    with tap.case("nobody of that name"):
        code, out, err = command(link.alpha, "down", "nobody.test")
        equal((code, out), (1, ""), "status and stdout")
        assert "no peer 'nobody.test'" in err, err
    with tap.case("wrong usage"):
        for arguments in ["down"], ["up"], ["up", "a", "b"], ["reload", "x"]:
            equal(command(link.alpha, *arguments)[0], 2, f"status of {arguments}")


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        link = Link(bench).start()
        refusals(tap, link)
        under_traffic(tap, link)
    with Bench(tap) as bench:
        down_and_up(tap, Link(bench).start())
    tap.finish()


main()
