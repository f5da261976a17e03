#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
accounting.py SEALANE GATEWAY: every packet that a worker of this gateway received has left it or is counted under one
drop reason. Waits until two readings agree, so that no traffic is on its way.
"""

import json
import subprocess
import sys
import time

LIMIT = 10.0

# Of a worker; the others go on when there are no packets.
PACKETS = ("rx_wire", "rx_plain", "from_control", "handed_in", "cut", "tx_wire", "tx_plain", "drops", "to_control",
           "handed_out")


def show(program, gateway, what):
    command = [program, "show", what, "--json", "--gateway", gateway]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=LIMIT).stdout)[what]


def at_rest(program, gateway):
    deadline, last = time.monotonic() + LIMIT, None
    while time.monotonic() < deadline:
        workers = [{name: worker[name] for name in PACKETS} for worker in show(program, gateway, "workers")]
        if workers == last:
            return workers
        last = workers
        time.sleep(0.1)
    sys.exit(f"the counters of {gateway} do not come to rest: {last}")


def main():
    program, gateway = sys.argv[1:]
    workers = at_rest(program, gateway)
    for worker in workers:
        came = worker["rx_wire"] + worker["rx_plain"] + worker["from_control"] + worker["handed_in"] + worker["cut"]
        went = (worker["tx_wire"] + worker["tx_plain"] + worker["drops"] + worker["to_control"]
                + worker["handed_out"])
        if came != went:
            sys.exit(f"{gateway}: {came} packets came, {went} went: {worker}")
    if sum(worker["rx_wire"] for worker in workers) == 0:
        sys.exit(f"{gateway}: no packet came")
    if sum(worker["handed_in"] for worker in workers) != sum(worker["handed_out"] for worker in workers):
        sys.exit(f"{gateway}: not every packet that was handed out was taken: {workers}")


main()
