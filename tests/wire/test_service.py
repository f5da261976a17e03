#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway as a service: what it says to who started it, what it writes to the journal, who may look into it."""

import os
import re
import resource
import signal
import subprocess

from gateway import (ALPHA, BETA, COMMAND_LIMIT, RELAY, SEALANE, START_LIMIT, Bench, Gateway, Link, need, strangers_key,
                     wait_until)
from service import Journal, Listener
from tap import Tap, equal

NULL = ("--vdev=net_null0,no-rx=1", "--vdev=net_null1,no-rx=1")


def says(name, text):
    return lambda said: re.search(text, said.get(name, "")) is not None


def life_of_a_service(tap):
    with Bench(tap) as bench:
        listener = Listener(bench)
        link = Link(bench)
        bench.env |= listener.env()
        alpha = link.alpha.start()
        with tap.case("it is ready once its workers run, and says that no peer is up"):
            ready = listener.wait(says("READY", "^1$"), START_LIMIT)
            equal(ready.get("STATUS"), "0 of 1 peer up", "status")
            assert alpha.show("workers"), "it does not answer"
        with tap.case("it says that it is alive, once a second"):
            pings = [said for said in listener.listen(4.5) if said.get("WATCHDOG") == "1"]
            assert len(pings) >= 2, f"{len(pings)} in 4.5 s"
        del bench.env["NOTIFY_SOCKET"]
        link.beta.start()
        with tap.case("its status line says that the peer is up, and when it has gone"):
            listener.wait(says("STATUS", "^1 of 1 peer up$"), START_LIMIT)
            link.beta.stop()
            listener.wait(says("STATUS", "^0 of 1 peer up$"), START_LIMIT)
        with tap.case("it says that it reads its configuration again, and how many peers there are then"):
            alpha.conf.write_text(alpha.conf.read_text() + f"[peer third.test]\npublic-key = {strangers_key()}\n"
                                  "prefixes = 10.3.0.0/16\n")
            alpha.process.send_signal(signal.SIGHUP)
            assert int(listener.wait(says("RELOADING", "^1$"), START_LIMIT)["MONOTONIC_USEC"]) > 0
            equal(listener.wait(says("READY", "^1$"), START_LIMIT)["STATUS"], "0 of 2 peers up", "status")
        with tap.case("it says that it stops"):
            equal(alpha.stop(), 0, "exit status")
            listener.wait(says("STOPPING", "^1$"), 2)
        listener.close()


def start_on_nothing(bench, **env):
    gateway = bench.add(Gateway(bench, ALPHA, BETA, *NULL, {}))
    gateway.configure(strangers_key(), BETA.name)
    bench.env |= env
    return gateway


def journal(tap):
    with Bench(tap) as bench:
        gateway = start_on_nothing(bench)
        log = Journal(gateway.log)
        bench.env |= log.env()
        gateway.start().wait_running()
        gateway.stop()
        with tap.case("in the journal every line has its priority, and no time"):
            lines = log.lines()
            assert lines, "nothing is logged"
            for line in lines:
                assert re.match(r"<[0-7]>[^<]", line) and not re.match(r"<.>\d\d:\d\d", line), line
            assert any(line.startswith("<4>THE KEYS OF ALL SESSIONS") for line in lines), lines
            assert any(line.startswith("<6>alpha.test is up") for line in lines), lines
        with tap.case("why it does not start is an error there"):
            gateway.conf.write_text(gateway.conf.read_text().replace("prefixes", "prefix"))
            begin = len(log.lines())
            gateway.start()
            equal(gateway.process.wait(START_LIMIT), 1, "exit status")
            complaints = log.lines()[begin:]
            assert complaints and all(line.startswith("<3>") for line in complaints), complaints
        with tap.case("standard error that is not the journal's has times and no priorities"):
            bench.env["JOURNAL_STREAM"] = "1:1"
            gateway.configure(strangers_key(), BETA.name)
            begin = len(log.lines())
            gateway.start().wait_running()
            gateway.stop()
            lines = log.lines()[begin:]
            assert any(re.match(r"\d\d:\d\d:\d\d\.\d\d\d sealane: alpha.test is up", line) for line in lines), lines
            assert not any(line.startswith("<") for line in lines), lines


def refusals(tap):
    with Bench(tap) as bench:
        gateway = start_on_nothing(bench, NOTIFY_SOCKET="nowhere")
        with tap.case("a NOTIFY_SOCKET that is no socket is refused"):
            gateway.start()
            equal(gateway.process.wait(START_LIMIT), 1, "exit status")
            assert "NOTIFY_SOCKET 'nowhere' is not valid" in gateway.log_text(), gateway.log_text()
        with tap.case("who listens no more is no reason to stop"):
            bench.env["NOTIFY_SOCKET"] = str(bench.dir / "gone")
            gateway.start().wait_running()
            gateway.alive()
        with tap.case("another program of the same user cannot read its memory, nor dump its core"):
            pid = gateway.process.pid
            if os.geteuid() != 0:
                try:
                    open(f"/proc/{pid}/mem", "rb").close()
                except PermissionError:
                    pass
                else:
                    raise AssertionError("its memory can be opened")
            limits = subprocess.run(["grep", "core file", f"/proc/{pid}/limits"], capture_output=True, text=True,
                                    timeout=COMMAND_LIMIT, check=True).stdout
            equal(limits.split()[4:6], ["0", "0"], "limits for cores")
            wait_until(lambda: os.stat(f"/proc/{pid}/mem").st_uid == 0, COMMAND_LIMIT, "/proc/PID belongs to root")


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))  # whoever starts it may want cores
    life_of_a_service(tap)
    journal(tap)
    refusals(tap)
    tap.finish()


main()
