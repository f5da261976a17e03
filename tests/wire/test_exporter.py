#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`sealane exporter`: what it serves is what `sealane show` says, to whomever asks, and strangers cannot wear it out."""

import json
import re
import signal
import socket
import subprocess
import time

import packets
from exporter import (MONITORING, OPENMETRICS, PROMETHEUS, PROMTOOL, Exporter, Prometheus, listed, samples)
from gateway import ALPHA, BETA, COMMAND_LIMIT, RELAY, SEALANE, Bench, Link, need, wait_until
from tap import Skip, Tap, equal

# Numbers of `sealane show` that are no metrics: they name things, or say again what metrics say.
NO_METRIC = {"gateway": {"pid"}, "peers": {"rekeys_child", "child_sas", "child_sas_in_use"}, "ports": {"vlan"},
             "workers": {"worker", "packets_per_s"}, "drops": set(), "ike": set()}


def named(template, **labels):
    return template + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def arguments(tap, bench, exporter):
    def fails(what, code, text, *words):
        with tap.case(what):
            done = subprocess.run([SEALANE, "exporter", *words], capture_output=True, text=True, timeout=COMMAND_LIMIT)
            equal((done.returncode, done.stdout), (code, ""), "status and output")
            equal(done.stderr, f"sealane: exporter: {text}\n", "what it says")
    hint = "(try 'sealane --help')"
    fails("an address that is taken", 1, f"cannot listen on 127.0.0.1:{exporter.port}: Address already in use "
          "(choose another with --listen ADDRESS:PORT)", "--listen", f"127.0.0.1:{exporter.port}")
    for address in "localhost:9464", "127.0.0.1:0", "127.0.0.1:99999", "[::1", "::1:9464x", "":
        fails(f"no address: '{address}'", 2, f"'{address}' is no address, expected --listen 127.0.0.1:9464 or "
              f"[::1]:9464 {hint}", "--listen", address)
    fails("a gateway without a name", 2, f"expected the name of a gateway after --gateway {hint}", "--gateway", "")
    fails("an option it does not know", 2, f"unknown option '--port', expected --listen, --gateway or --list {hint}",
          "--port")
    with tap.case("an IPv6 address"):
        try:
            six = bench.add(Exporter(bench, "alpha.test", "::1"))
        except OSError as error:
            raise Skip(f"no IPv6 here: {error}") from error
        six.start()
        assert f"listening on http://[::1]:{six.port}/\n" in six.log_text(), six.log_text()
        equal(six.samples(), {"sealane_up": 0}, "samples")
        equal(six.stop(), 0, "exit status after SIGTERM")


def without_gateway(tap, exporter):
    with tap.case("without a gateway there is sealane_up 0 and nothing else"):
        equal(exporter.samples(), {"sealane_up": 0}, "samples")
        status = exporter.status()
        equal((status["up"], set(status)), (False, {"up", "reason", "time_ms"}), "status")
        assert "no gateway 'alpha.test' is running here" in status["reason"], status
    with tap.case("which is logged once"):
        exporter.samples()
        equal(exporter.log_text().count("no gateway 'alpha.test' is running here"), 1, "lines of the log")


def agreement(tap, link, exporter):
    show = {what: link.alpha.show(what) for what in ("peers", "ports", "drops", "ike", "workers")}
    found = exporter.samples()
    with tap.case("peers are as sealane show has them"):
        peer = show["peers"][0]
        for way, word in ("rx", "receive"), ("tx", "transmit"):
            for what in "packets", "bytes":
                equal(found[named(f"sealane_peer_{word}_{what}_total", peer="beta.test")], peer[f"{way}_{what}"],
                      f"{way}_{what}")
        assert found[named("sealane_peer_transmit_packets_total", peer="beta.test")] >= 30, found
        equal(found[named("sealane_peer_up", peer="beta.test")], 1, "up")
        equal(found[named("sealane_peer_inner_mtu_bytes", peer="beta.test")], packets.INNER_MTU, "inner MTU")
        shaken = time.time() - found[named("sealane_peer_last_handshake_timestamp_seconds", peer="beta.test")]
        assert abs(shaken - peer["last_handshake_s"]) < 5, f"{shaken}, {peer}"
    with tap.case("every reason to drop is there, also those that never happened"):
        equal({name: found[named("sealane_dropped_packets_total", reason=name)] for name in link.alpha.drops()},
              link.alpha.drops(), "drops")
        assert link.alpha.drops()["no-route"] == 3, link.alpha.drops()
    with tap.case("so is every counter of IKE"):
        for entry in show["ike"]:
            state = entry["name"] in ("established", "half-open")
            name = named("sealane_ike_sas", state=entry["name"]) if state else \
                named("sealane_ike_events_total", event=entry["name"])
            equal(found[name], entry["count"], name)
    with tap.case("workers are in balance: in + cut = out + dropped"):
        total = {what: sum(value for name, value in found.items() if name.startswith(f"sealane_worker_{what}_packets_total"))
                 for what in ("in", "out", "cut", "dropped")}
        equal(total["in"] + total["cut"], total["out"] + total["dropped"], str(total))
        equal(total["in"], sum(show["workers"][0][what] for what in ("rx_wire", "rx_plain", "from_control", "handed_in")),
              "in")
    with tap.case("sessions are counted by peer"):
        equal(found[named("sealane_peer_sessions_in_use", peer="beta.test")], 1, "in use")
        equal(found[named("sealane_peer_sessions", peer="beta.test")], len(link.alpha.show("sessions")), "sessions")
        for reason in "replay", "late", "bad-icv":
            equal(found[named("sealane_peer_refused_packets", peer="beta.test", reason=reason)], 0, reason)
    with tap.case("status.json says the same"):
        status = exporter.status()
        equal((status["up"], status["gateway"]["name"]), (True, "alpha.test"), "status")
        equal(status["peers"][0]["tx_bytes"], show["peers"][0]["tx_bytes"], "tx_bytes")


def completeness(tap, link, exporter):
    """The table against what the gateway says; a field that is new in `sealane show` belongs into app/exporter/metrics.c."""
    table, found = listed(), {name.split("{")[0] for name in exporter.samples()}
    show = {what: link.alpha.show(what)[0] for what in ("peers", "ports", "drops", "workers")}
    with tap.case("every number of sealane show is a metric"):
        for section, entry in show.items():
            known = {field for source, fields in table.values() if source == section for field in fields}
            missing = {field for field, value in entry.items() if isinstance(value, int)} - known - NO_METRIC[section]
            assert not missing, f"{section}: {missing} in no metric"
    with tap.case("and every metric whose field is there has a sample"):
        for name, (section, fields) in table.items():
            if section not in show or any(field in show[section] for field in fields):
                equal(name in found or not section, bool(section) or name in found, name)
    with tap.case("no metric has a sample without being listed"):
        equal(found - set(table), set(), "unlisted")


def formats(tap, exporter):
    with tap.case("OpenMetrics is served to who asks for it, plain text to others"):
        new, old = OPENMETRICS + "; version=1.0.0; charset=utf-8", "text/plain; version=0.0.4; charset=utf-8"
        for accept, wanted in ((None, old), ("*/*", old), ("text/html", old), (OPENMETRICS, new),
                               (f"{OPENMETRICS};version=1.0.0,{OPENMETRICS};version=0.0.1;q=0.75,"
                                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", new), (OPENMETRICS + ";q=0", old),
                               (f"text/plain;q=0.3, {OPENMETRICS} ;q=0.2", old), (OPENMETRICS + "x", old),
                               (OPENMETRICS + "; version=2.0.0", old), (OPENMETRICS + ";q=" + "9" * 400, new)):
            response, body = exporter.request("/metrics", headers={"Accept": accept} if accept else {})
            equal(response.getheader("Content-Type"), wanted, f"for {accept}")
            equal(body.endswith(b"\n# EOF\n"), wanted == new, f"EOF for {accept}")
    with tap.case("both formats have the same samples"):
        equal(set(samples(exporter.text(None))), set(exporter.samples()), "samples")
    with tap.case("families have TYPE, HELP and, where the name ends in one, UNIT"):
        text = exporter.text()
        for family, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
            assert re.search(rf"^# HELP {family} \S.*\.$", text, re.MULTILINE), f"{family} has no HELP"
            suffix = {"counter": "_total", "info": "_info", "gauge": ""}[kind]
            assert re.search(rf"^{family}{suffix}(\{{.*)? \S+$", text, re.MULTILINE), f"{family} has no sample"
            unit = re.search(r"_(seconds|bytes|packets)$", family)
            equal(unit and unit[1], (re.findall(rf"^# UNIT {family} (\S+)$", text, re.MULTILINE) or [None])[0], family)
    with tap.case("promtool has nothing against it"):
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=exporter.text(None), capture_output=True, text=True,
                              timeout=COMMAND_LIMIT)
        equal((done.returncode, done.stdout + done.stderr), (0, ""), "promtool")


def strangers(tap, exporter):
    with tap.case("only GET and HEAD, only what is there"):
        for method, path, wanted in (("GET", "/", 200), ("HEAD", "/", 200), ("HEAD", "/metrics", 200),
                                     ("GET", "/metrics?x=1", 200), ("GET", "/metrics/", 404), ("GET", "/../etc/passwd", 404),
                                     ("POST", "/metrics", 405), ("DELETE", "/", 405), ("OPTIONS", "/", 405)):
            response, body = exporter.request(path, method)
            equal(response.status, wanted, f"{method} {path}")
            equal(bool(body), method != "HEAD", f"body of {method} {path}")
    with tap.case("a body is not read"):
        response, _ = exporter.request("/metrics", "POST", body=b"x" * 1000)
        equal(response.status, 405, "status")
    with tap.case("headers of any size are not kept"):
        response, _ = exporter.request("/metrics", headers={"X": "y" * 60000})
        assert response.status in (413, 431), response.status
    with tap.case("connections that say nothing are few, the others wait, and it goes on"):
        # All of them end at once: that was once a listener that nobody looked at any more.
        before = len(exporter.open_files())
        idle = [socket.create_connection((exporter.host, exporter.port), timeout=3) for _ in range(60)]
        wait_until(lambda: len(exporter.open_files()) >= before + 30, 5, "connections are taken")
        assert len(exporter.open_files()) <= before + 33, f"{len(exporter.open_files()) - before} connections"
        exporter.process.send_signal(signal.SIGSTOP)
        for connection in idle:
            connection.close()
        exporter.process.send_signal(signal.SIGCONT)
        wait_until(lambda: answers(exporter), 5, "the exporter answers again")


def answers(exporter):
    try:
        return exporter.is_up()
    except OSError:
        return False


def operators_files(tap):
    """Dashboard and alerts name nothing that the exporter does not have."""
    table = listed()
    for file in "alerts.yml", "dashboard.json":
        with tap.case(f"{file} names metrics that there are"):
            used = set(re.findall(r"\bsealane_[a-z_]+", (MONITORING / file).read_text()))
            assert len(used) > 8, used
            equal(used - set(table), set(), "unknown metrics")
    with tap.case("the dashboard is JSON, and every panel asks something"):
        dashboard = json.loads((MONITORING / "dashboard.json").read_text())
        for panel in dashboard["panels"]:
            assert all("sealane_" in target["expr"] for target in panel["targets"]), panel["title"]
        assert len(dashboard["panels"]) > 10, len(dashboard["panels"])
    for what, file in ("rules", "alerts.yml"), ("config", "prometheus.yml"):
        with tap.case(f"promtool check {what} {file}"):
            done = subprocess.run([PROMTOOL, "check", what, MONITORING / file], capture_output=True, text=True,
                                  timeout=COMMAND_LIMIT)
            equal(done.returncode, 0, done.stdout + done.stderr)
    with tap.case("alerts go off when they should, and only then"):
        done = subprocess.run([PROMTOOL, "test", "rules", MONITORING / "alerts_test.yml"], capture_output=True, text=True,
                              timeout=COMMAND_LIMIT)
        equal(done.returncode, 0, done.stdout + done.stderr)


def scraped(tap, prometheus):
    with tap.case("a real Prometheus scrapes it and answers a query"):
        wait_until(lambda: prometheus.query('sealane_peer_transmit_packets_total{peer="beta.test"} >= 30'), 15,
                   "Prometheus has the packets")
        equal(prometheus.query("up"), [1], "up")
        equal(prometheus.query('sealane_peer_up{peer="beta.test"}'), [1], "peer is up")
    with tap.case("it evaluates every rule"):
        def healths():
            data = prometheus.api("rules")
            found = {rule["name"]: rule["health"] for group in data["groups"] for rule in group["rules"]}
            return found if "unknown" not in found.values() else None
        found = wait_until(healths, 10, "rules are evaluated")
        equal({name for name, health in found.items() if health != "ok"}, set(), "rules in trouble")
        assert len(found) > 10, found


def gateway_gone(tap, link, exporter, prometheus):
    with tap.case("a gateway that hangs is a gateway that does not answer"):
        link.alpha.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            equal(exporter.samples(), {"sealane_up": 0}, "samples")
            assert time.monotonic() - began < 8, f"after {time.monotonic() - began:.1f} s"
        finally:
            link.alpha.process.send_signal(signal.SIGCONT)
        wait_until(exporter.is_up, 10, "it answers again")
    with tap.case("one that ended, too; Prometheus sees it"):
        equal(link.alpha.stop(), 0, "exit status of the gateway")
        wait_until(lambda: exporter.samples() == {"sealane_up": 0}, 5, "sealane_up is 0")
        wait_until(lambda: prometheus.query("sealane_up == 0"), 10, "Prometheus knows")
        wait_until(lambda: prometheus.query('ALERTS{alertname="SealaneGatewayDown"}'), 10, "the alert is pending")
    with tap.case("SIGTERM ends the exporter with 0"):
        equal(exporter.stop(), 0, "exit status")


def main():
    tap = Tap()
    need(SEALANE, RELAY, PROMETHEUS, PROMTOOL)
    operators_files(tap)
    with Bench(tap) as bench:
        exporter = bench.add(Exporter(bench, "alpha.test")).start()
        prometheus = bench.add(Prometheus(bench, exporter)).start()
        arguments(tap, bench, exporter)
        without_gateway(tap, exporter)
        link = Link(bench).start()
        link.send_a([packets.datagram(ALPHA.host, BETA.host, b"x" * 100, number) for number in range(30)])
        link.send_b([packets.datagram(BETA.host, ALPHA.host, b"x" * 50, number) for number in range(20)])
        link.send_a([packets.datagram(ALPHA.host, "10.77.0.1", b"x", number) for number in range(3)])
        wait_until(lambda: len(link.at_b()) == 30 and len(link.at_a()) >= 20, 5, "packets come through")
        link.alpha.quiet_workers()
        agreement(tap, link, exporter)
        completeness(tap, link, exporter)
        formats(tap, exporter)
        strangers(tap, exporter)
        scraped(tap, prometheus)
        gateway_gone(tap, link, exporter, prometheus)
    tap.finish()


main()
