#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
test_hostile.py [WORD ...]: a real gateway on a hostile wire, by families of cases; hostile.py says how. With words only the
families that have one of them in their name.
"""

import sys
import time

import hostile_answers
import hostile_auth
import hostile_esp
import hostile_init
import hostile_inner
import hostile_sa
from gateway import RELAY, SEALANE, Bench, need
from hostile import Stage
from tap import Tap, equal

MODULES = (hostile_esp, hostile_inner, hostile_init, hostile_sa, hostile_auth, hostile_answers)


def main():
    need(SEALANE, RELAY)
    tap, words = Tap(), sys.argv[1:]
    with Bench(tap) as bench:
        stage = Stage(bench, tap).start()
        for module in MODULES:
            for name, run in module.FAMILIES:
                if not words or any(word in name for word in words):
                    started = time.monotonic()
                    stage.family(name, run)
                    tap.note(f"{time.monotonic() - started:.1f} s")
        with tap.case("the accounting holds at the end"):
            stage.gateway.check_accounting()
        with tap.case("the gateway ends as it should"):
            equal(stage.gateway.stop(), 0, "exit status")
        tap.note(f"{stage.cases} cases in {stage.families} families")
    tap.finish()


main()
