#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/bench.sh --quick works and its report is well-formed; what is slow is dropped. No timing is asserted."""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "wire"))

from peers.contestants import Contestants, Packets, read_dpdk  # noqa: E402
from peers.rounds import Rounds, Sample, Step, summary  # noqa: E402
from report import chart, tables  # noqa: E402
from report.figures import Figures  # noqa: E402
from tap import Tap, equal  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
FIGURE_KEYS = {"contestant", "direction", "size", "sessions", "workers", "burst", "cipher", "source", "command", "rounds",
               "dropped", "cycles", "mpps", "gbps", "samples"}
MACHINE_KEYS = {"date", "commit", "cpu", "cores", "tsc_hz", "kernel", "dpdk", "crypto", "dpdk_ipsec_mb", "openssl",
                "cryptography", "pynacl"}
STACK_OPERATIONS = {f"{what} {size}" for what in ("seal", "open") for size in (64, 1024, 65536)}
PRIMITIVES = {"x25519", "hkdf", "sign", "verify", "handshake"}
LINES = {"throughput": 5, "cycles": 5, "sessions": 4, "workers": 6}


def refused(function, *arguments):
    try:
        function(*arguments)
    except ValueError:
        return
    raise AssertionError("was taken for a result")


# ---- The parts -------------------------------------------------------------------------------------------------------

def slow_rounds_are_dropped():
    rounds = Rounds("unused")
    rounds.best = {1: 100.0, 2: 200.0}
    rounds.commands["figure"] = "command"
    quiet, slow = [((1, 109.0), (2, 219.0)), ((1, 100.0),)], [((1, 111.0),), ((1, 100.0), (2, 221.0))]
    for cycles, probes in zip((10.0, 20.0, 1000.0, 2000.0), quiet + slow):
        rounds.samples["figure"].append(Sample({"cycles": cycles}, probes))
    told = rounds.report("figure")
    equal((told["rounds"], told["dropped"]), (4, 2), "rounds and dropped")
    equal(told["cycles"], {"median": 15.0, "q1": 12.5, "q3": 17.5}, "cycles")
    equal([sample["slowness"] for sample in told["samples"]], [1.095, 1.0, 1.11, 1.105], "slowness")


def nothing_left_is_not_a_number():
    equal(summary([]), None, "summary of nothing")
    rounds = Rounds("unused")
    rounds.best, rounds.commands["figure"] = {1: 1.0}, "command"
    rounds.samples["figure"].append(Sample({"cycles": 5.0}, ((1, 2.0),)))
    equal(rounds.report("figure")["cycles"], None, "cycles")
    equal(tables.number(None), "—", "in a table")


def script(directory, name, text):
    path = Path(directory) / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def lost_rounds_are_run_again(directory):
    """A probe that is slow from the second to the fourth time; a round has two, so the third is the first quiet one."""
    cpu = min(os.sched_getaffinity(0))
    probe = script(directory, "probe", f'echo >>"{directory}/probes"; n=$(wc -l <"{directory}/probes")\n'
                                       "case $n in 2 | 3 | 4) echo 300 ;; *) echo 100 ;; esac\n")
    rounds = Rounds(probe)
    step = Step(("echo", "7"), (cpu,), lambda text: {"figure": {"cycles": float(text)}})
    rounds.run_all("test", [step], 2)
    told = rounds.report("figure")
    equal((told["rounds"], told["dropped"], told["cycles"]["median"]), (4, 2, 7.0), "rounds, dropped, cycles")


def quiet_moments_are_waited_for(directory):
    """The third and fourth probe are slow, those before the second run: it begins after the fifth."""
    cpu = min(os.sched_getaffinity(0))
    probe = script(directory, "moody", f'echo >>"{directory}/moods"; n=$(wc -l <"{directory}/moods")\n'
                                       "case $n in 3 | 4) echo 300 ;; *) echo 100 ;; esac\n")
    rounds = Rounds(probe, patience=60)
    step = Step(("echo", "7"), (cpu,), lambda text: {"figure": {"cycles": float(text)}})
    rounds.run_all("test", [step, step], 1)
    told = rounds.report("figure")
    equal((told["rounds"], told["dropped"]), (2, 0), "rounds, dropped")


def failures_are_told(directory):
    cpu = min(os.sched_getaffinity(0))
    rounds = Rounds(script(directory, "steady", "echo 100\n"))
    broken = Step((script(directory, "broken", "echo no such device; exit 3\n"),), (cpu,), lambda text: {})
    rounds.run_all("test", [broken], 1)
    (failure,) = rounds.failures.values()
    assert "status 3" in failure and "no such device" in failure, failure


def others_answers_are_refused():
    heading = ("#lcore id,Buffer Size(B),Burst Size,Enqueued,Dequeued,Failed Enq,Failed Deq,Ops(Millions),"
               "Throughput(Gbps),Cycles/Buf")
    text = f"EAL: talk, talk\n{heading}\n\n1,64,32,1000,1000,0,0,16.250,8.320,160.000\n\n"
    equal(read_dpdk(text, 64), {"cycles": 160.0, "mpps": 16.25}, "what dpdk-test-crypto-perf says")
    refused(read_dpdk, text, 1420)
    refused(read_dpdk, text.replace("1000,0,0", "1000,7,0"), 64)
    contestants = Contestants("build", [0], 2e9, False)
    equal(contestants.read_openssl("+H:64\n+F:25:AES-128-GCM:64000000.00\n", 64), {"cycles": 2000.0, "mpps": 1.0}, "openssl")
    told = {**vars(Packets("sealane", "seal", 64)), "cycles_per_packet": 200.0, "bare_cycles_per_packet": 100.0,
            "overhead_cycles": 99.0, "mpps": 10.0, "rounds": 3, "rounds_dropped": 1}
    contestants.read_sealane(Packets("sealane", "seal", 64), told)
    refused(contestants.read_sealane, Packets("sealane", "open", 64), told)


def messages_are_counted_in_packets():
    def packets(size, mpps):
        return {**vars(Packets("sealane", "seal", size)), "mpps": {"median": mpps, "q1": mpps, "q3": mpps}}

    figures = Figures({"packets": [packets(64, 10.0), packets(1420, 2.0), packets(8900, 0.5)], "operations": []})
    equal([ours for _, ours in tables.message_times(figures, "seal", 64)], [0.1], "64 bytes")
    # 65536 bytes are 46.2 packets of 1420 and 7.4 of 8900.
    equal([ours for _, ours in tables.message_times(figures, "seal", 65536)], [23.5, 16.0], "64 KiB")


def points_are_where_they_belong():
    equal(chart.nice_ticks(43.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0], "ticks")
    equal(chart.log_ticks(60.0, 900.0), [50.0, 100.0, 200.0, 500.0, 1000.0], "logarithmic ticks")
    points = [chart.Point(1, 10, 8, 12), chart.Point(10, 40, 40, 40), chart.Point(100, 20, 20, 20)]
    text = chart.draw(chart.Chart("T <&>", "s", "x", "y", [1, 10, 100], [chart.Series("line", "blue", points)], x_log=True))
    root = xml.etree.ElementTree.fromstring(text)
    (polyline,) = root.iter(SVG + "polyline")
    (x1, y1), (x2, y2), (x3, y3) = [tuple(map(float, pair.split(","))) for pair in polyline.get("points").split()]
    equal(round(x2 - x1, 1), round(x3 - x2, 1), "steps of a logarithmic axis")
    equal(round((y1 - y3) / (y1 - y2), 2), round((20 - 10) / (40 - 10), 2), "heights")
    assert y2 < y3 < y1, "larger values are higher up"


# ---- The whole -------------------------------------------------------------------------------------------------------

def run_quick(output):
    build = os.environ["SEALANE_BUILD"]
    done = subprocess.run([ROOT / "scripts" / "bench.sh", "--quick", "--output", output], capture_output=True, text=True,
                          env={**os.environ, "SEALANE_BUILD": build}, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"status {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"


def check_sums(figure, quantities):
    """What can be said without knowing how fast the machine is."""
    equal(len(figure["samples"]), figure["rounds"], "samples")
    assert 0 <= figure["dropped"] <= figure["rounds"] and figure["command"], figure
    for sample in figure["samples"]:
        assert sample["slowness"] >= 1 and all(sample[name] > 0 for name in quantities), figure
    for name in quantities:
        if figure["dropped"] < figure["rounds"]:
            assert 0 < figure[name]["q1"] <= figure[name]["median"] <= figure[name]["q3"], figure


def json_is_complete(output):
    report = json.loads((output / "report.json").read_text())
    assert MACHINE_KEYS <= set(report["machine"]), set(report["machine"])
    assert re.match(r"\d+\.\d+", report["machine"]["dpdk_ipsec_mb"]), report["machine"]["dpdk_ipsec_mb"]
    assert report["failures"] == [] and report["quick"] and report["probe_best"], report["failures"]
    for figure in report["packets"]:
        assert FIGURE_KEYS <= set(figure), set(figure)
        check_sums(figure, ("cycles", "mpps"))
        hertz = [sample["cycles"] * sample["mpps"] * 1e6 / figure["workers"] for sample in figure["samples"]]
        assert all(abs(one / report["machine"]["tsc_hz"] - 1) < 0.01 for one in hertz), f"cycles and rates differ: {figure}"
    for one in report["operations"]:
        check_sums(one, ("microseconds",))
    seen = {(one["contestant"], one["direction"], one["size"]) for one in report["packets"]}
    wanted = {(who, what, size) for who in ("bare", "sealane", "dpdk") for what in ("seal", "open") for size in (64, 1420)}
    assert wanted | {("openssl", "seal", 64), ("openssl", "seal", 1420)} <= seen, wanted - seen
    operations = {(one["stack"], one["name"]) for one in report["operations"]}
    python = {(stack, name) for stack in ("cryptography", "pynacl") for name in STACK_OPERATIONS | PRIMITIVES}
    equal(operations, python | {("sealane", name) for name in PRIMITIVES | {"whole handshake"}}, "operations")
    assert all(one["result"]["benchmarks"] for one in report["micro"]) and report["micro"], "micro benchmarks"


def markdown_has_rows(output):
    text = (output / "report.md").read_text()
    sections = re.findall(r"^\| (?:.*\n\|)*.*", text, re.MULTILINE)
    equal(len(sections), 5, "tables")
    for section in sections:
        rows = [line.strip("|").split("|") for line in section.splitlines()]
        assert len(rows) > 3, section
        equal({len(row) for row in rows}, {len(rows[0])}, "cells of the rows of a table")
    for word in ("None", "nan", "inf "):
        assert word not in text, f"the report says {word}"
    for name in re.findall(r"\]\(([^)]*\.svg)\)", text):
        assert (output / name).is_file(), name


def plots_are_drawn(output):
    for name, lines in LINES.items():
        root = xml.etree.ElementTree.fromstring((output / f"{name}.svg").read_text())
        equal(root.tag, SVG + "svg", name)
        # A line of which no round was quiet is left out; it must not be there with wrong numbers.
        drawn = list(root.iter(SVG + "polyline"))
        assert len(drawn) <= lines, f"{name} has {len(drawn)} lines"
        assert not re.search(r"nan|inf|None", " ".join(line.get("points") for line in drawn)), name
        assert "prefers-color-scheme: dark" in root.find(SVG + "style").text, name


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sealane-report-") as directory:
        for name, function, arguments in (
                ("what ran while the machine was slow is dropped", slow_rounds_are_dropped, ()),
                ("when nothing is left there is no figure", nothing_left_is_not_a_number, ()),
                ("what was dropped is run again", lost_rounds_are_run_again, (directory,)),
                ("quiet moments are waited for", quiet_moments_are_waited_for, (directory,)),
                ("a contestant that fails is told", failures_are_told, (directory,)),
                ("answers to another question are refused", others_answers_are_refused, ()),
                ("long messages are counted in whole packets", messages_are_counted_in_packets, ()),
                ("a chart's points are where they belong", points_are_where_they_belong, ())):
            with tap.case(name):
                function(*arguments)
        output = Path(directory) / "results"
        for name, function in (("bench.sh --quick works", run_quick),
                               ("report.json is complete", json_is_complete),
                               ("report.md has tables with rows", markdown_has_rows),
                               ("the plots are SVG", plots_are_drawn)):
            with tap.case(name):
                function(output)
    tap.finish()


main()
