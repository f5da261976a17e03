# SPDX-License-Identifier: BSD-3-Clause
"""
python3 -m faults PROGRAM FOLDER PREFIX [--quick] [--table FILE] [--only TEXT]: injects faults into the laboratory, one after the
other, and says as TAP what came of each. Started by test_faults.sh and scripts/faults.sh.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "wire"))

from tap import Tap  # noqa: E402

from .bench import SAMPLE, Bench, wait_until  # noqa: E402
from .cases import all_faults  # noqa: E402
from .record import check  # noqa: E402

ACCOUNTING = Path(__file__).resolve().parents[1] / "accounting.py"


def one(bench, fault):
    """Injects it and waits for recovery. Returns how long that took, the longest gap and how many pings it cost."""
    injected = time.time()
    began = fault.inject(bench)
    answered = wait_until(lambda: bench.pings.steady(began), fault.limit + 10, "pings are answered again")
    took = answered - began
    assert took <= fault.limit, f"pings are answered {took:.2f} s later; allowed are {fault.limit:g} s"
    bench.wait_up()
    time.sleep(0.3)
    gap, lost = bench.pings.gap(injected, time.time())
    return took, gap, lost


def accounts(bench):
    for gateway in bench.gateways:
        run = subprocess.run([str(ACCOUNTING), bench.program, f"{gateway.name}.example"], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


def table(rows, held, total, summary):
    lines = ["# Faults, and what came of them", "",
             "Written by `sudo scripts/faults.sh --output tests/lab/faults.md`. Host A pings host B fifty times a second. *Answered",
             "again after* counts from the moment the fault ends, or the command that starts a dead gateway again; the start of the",
             "process, which takes a second or two on a busy machine, is part of it. *Longest silence* is what the host sees, the",
             "fault itself included.", "",
             "| fault | | answered again after | longest silence | pings lost |", "| --- | --- | ---: | ---: | ---: |"]
    for fault, took, gap, lost in rows:
        lines.append(f"| {fault.family} | {fault.name} | {took:.2f} s | {gap:.2f} s | {lost} |")
    return "\n".join([*lines, "", f"Faults survived: {held} of {total}. {summary}", ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("prefix")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table")
    parser.add_argument("--only")
    options = parser.parse_args()
    faults = [f for f in all_faults() if (f.quick or not options.quick) and (options.only or "") in f"{f.family}: {f.name}"]
    tap, rows, summary = Tap(), [], ""
    bench = Bench(options.program, options.folder, options.prefix)
    try:
        with tap.case("two gateways link up over the wire that is watched"):
            bench.start()
        for fault in faults if not tap.failed else []:
            with tap.case(f"{fault.family}: {fault.name}"):
                took, gap, lost = one(bench, fault)
                rows.append((fault, took, gap, lost))
                tap.note(f"answered after {took:.2f} s; longest silence {gap:.2f} s, {lost} pings lost")
        bench.pings.stop()
        time.sleep(1)
        with tap.case("both account for every packet"):
            accounts(bench)
        bench.close()
        bench.wire.close()
        with tap.case("nothing in clear was on the wire, and no key has sealed twice with one counter"):
            summary = check(bench.wire.frames, [gateway.keylog for gateway in bench.gateways], SAMPLE)
            tap.note(summary)
    finally:
        bench.close()
    tap.note(f"faults survived: {len(rows)} of {len(faults)}")
    if options.table:
        Path(options.table).write_text(table(rows, len(rows), len(faults), summary))
    tap.finish()


main()
