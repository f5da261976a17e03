#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Measures Sealane beside its peers and writes the report; scripts/bench.sh builds first and calls this.

    compare.py BUILD OUTPUT [--quick]

BUILD is the build folder. OUTPUT gets report.json with everything, report.md with tables, and four SVG plots.
The exit status is 1 when something could not be measured at all.
"""

import json
import shlex
import sys
import time
from pathlib import Path

from peers.contestants import STACKS, Contestants, Packets
from peers.rounds import Rounds, output_of
from report import machine, plots, tables

ROOT = Path(__file__).resolve().parent.parent

FULL = {"sizes": (64, 128, 256, 512, 1024, 1420, 4096, 8900), "sessions": (1, 1000, 16000, 64000),
        "ciphers": ("aes128", "aes256"), "bursts": (32, 256), "rounds": 8, "patience": 3, "micro_seconds": 0.05}
QUICK = {"sizes": (64, 1024, 1420, 8900), "sessions": (1, 1000), "ciphers": ("aes128", "aes256"), "bursts": (32,),
         "rounds": 1, "patience": 0, "micro_seconds": 0.001}


def worker_counts(cores):
    """1, 2, 4, ... and all of them."""
    return sorted({2 ** n for n in range(cores.bit_length()) if 2 ** n <= cores} | {cores})


def packet_figures(plan, cores):
    """What is measured of Sealane; a figure that several tables need is measured once."""
    small_and_full = (64, 1420)
    wanted = [{"size": size} for size in plan["sizes"]]
    wanted += [{"size": size, "sessions": count} for size in small_and_full for count in plan["sessions"]]
    wanted += [{"size": size, "workers": count} for size in small_and_full for count in worker_counts(cores)]
    wanted += [{"size": size, "cipher": cipher, "burst": burst}
               for size in small_and_full for cipher in plan["ciphers"] for burst in plan["bursts"]]
    figures = [Packets("sealane", direction, **what) for what in wanted for direction in ("seal", "open")]
    figures += [Packets("sealane", "seal", size, source="pcap") for size in small_and_full]
    return list(dict.fromkeys(figures))


def steps_of(plan, contestants):
    """One round. At each size the peers follow Sealane at once; what has no peer comes after."""
    figures = packet_figures(plan, len(contestants.cores))
    for figure in figures:
        yield contestants.sealane(figure)
        if figure in (Packets("sealane", figure.direction, size) for size in plan["sizes"]):
            yield contestants.dpdk(Packets("dpdk", figure.direction, figure.size))
            if figure.direction == "seal":
                yield contestants.openssl(Packets("openssl", "seal", figure.size))
    for stack in STACKS:
        yield contestants.python_stack(stack)
    yield contestants.primitives()
    yield contestants.whole_handshake()


def measure_micro(build, cpu, seconds):
    """Every micro benchmark program of perf/ once, its own JSON kept as it is but for the name of this host."""
    for program in sorted(path for path in (build / "perf").glob("bench_*") if path.is_file()):
        say(f"micro benchmarks: {program.name}")
        command = ("taskset", "-c", str(cpu), str(program), f"--benchmark_min_time={seconds}", "--benchmark_format=json")
        told = json.loads(output_of(command, timeout=1200))
        told["context"].pop("host_name", None)
        yield {"program": program.name, "command": shlex.join(command), "result": told}


def with_gbps(packets, figure):
    """Bits of inner packets; a gigabit is 10^9."""
    rate = packets["mpps"]
    return {**packets, "gbps": rate and {name: value * figure.size * 8 / 1e3 for name, value in rate.items()}}


def report_of(rounds, about, plan, quick, micro):
    figures = [(figure, {**vars(figure), **rounds.report(figure)}) for figure in rounds.samples]
    return {
        "format": 1,
        "quick": quick,
        "machine": about,
        "plan": plan,
        "probe_best": {str(cpu): cycles for cpu, cycles in sorted(rounds.best.items())},
        "packets": [with_gbps(told, figure) for figure, told in figures if isinstance(figure, Packets)],
        "operations": [told for figure, told in figures if not isinstance(figure, Packets)],
        "micro": micro,
        "failures": list(rounds.failures.values()),
    }


def say(text, done=False):
    """Progress: lines that replace each other on a terminal, elsewhere only what is done."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\n" if done else "", file=sys.stderr, flush=True)
    elif done:
        print(text, file=sys.stderr, flush=True)


def write(output, report):
    output.mkdir(parents=True, exist_ok=True)
    files = {"report.json": json.dumps(report, indent=1) + "\n", "report.md": tables.page(report), **plots.plots(report)}
    for name, text in files.items():
        (output / name).write_text(text)


def main():
    build, output, quick = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["--quick"]
    plan, started = QUICK if quick else FULL, time.monotonic()
    about = machine.describe(ROOT, build / "app" / "sealane")
    contestants = Contestants(build, about["cores"], about["tsc_hz"], about["huge_pages"])
    about["dpdk_ipsec_mb"] = machine.dpdk_ipsec_mb(contestants.dpdk_command)
    rounds = Rounds(build / "perf" / "peers" / "probe", say, plan["patience"])
    rounds.run_all("rounds", list(steps_of(plan, contestants)), plan["rounds"])
    micro = list(measure_micro(build, about["cores"][-1], plan["micro_seconds"]))
    report = report_of(rounds, about, plan, quick, micro)
    write(output, report)
    say(f"{output / 'report.md'}: {time.monotonic() - started:.0f} s in all", done=True)
    for failure in report["failures"]:
        print(failure, file=sys.stderr)
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
