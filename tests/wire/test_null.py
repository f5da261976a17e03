#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The least a gateway can be given: ports that deliver zeros without end and swallow everything. It must count and stop."""

import time

from gateway import ALPHA, BETA, SEALANE, Bench, Gateway, need, strangers_key
from tap import Tap, equal

RUN_TIME = 2.0


def came(worker):
    return worker["rx_wire"] + worker["rx_plain"] + worker["from_control"]


def went(worker):
    return worker["tx_wire"] + worker["tx_plain"] + worker["drops"] + worker["to_control"]


def main():
    need(SEALANE)
    tap = Tap()
    with Bench(tap) as bench:
        gateway = bench.add(Gateway(bench, ALPHA, BETA, "--vdev=net_null0", "--vdev=net_null1", {}))
        gateway.configure(strangers_key(), BETA.name)
        gateway.start()
        with tap.case("it starts"):
            gateway.wait_running()
        time.sleep(RUN_TIME)
        with tap.case("frames of zeros are counted as drops, none goes anywhere"):
            first, drops, last = gateway.show("workers"), gateway.drops(), gateway.show("workers")
            assert sum(worker["rx_wire"] for worker in first) > 0, "nothing was received from the wire port"
            assert sum(worker["rx_plain"] for worker in first) > 0, "nothing was received from the plain port"
            equal({name for name, count in drops.items() if count}, {"not-ip"}, "reasons")
            for worker in last:
                # The gateway's own few ARP requests go out. The port does not clear its buffers: one may come in again.
                own = worker["from_control"]
                assert own < 100, f"{own} frames from the control thread"
                assert worker["tx_wire"] + worker["tx_plain"] <= own, worker
                assert worker["to_control"] <= own, worker
        with tap.case("while packets stream, the counters of two moments enclose each other"):
            for before, after in zip(first, last):
                assert came(before) <= went(after), f"{before} then {after}"
                assert went(before) <= came(after), f"{before} then {after}"
        with tap.case("it stops cleanly on SIGTERM"):
            equal(gateway.stop(), 0, "exit status")
    tap.finish()


main()
