#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
judge.py DIR SECONDS SEED FAILED: reads what soak.sh has left in DIR, prints the report, and ends with status 1 when anything is
not as it must be. FAILED is how many steps have not gone well.
"""

import collections
import json
import os
import re
import statistics
import sys

GATEWAYS = ("alpha", "beta", "gamma")
OLDEST = "gamma"  # it is never restarted
RESOURCES = ("rss_kib", "malloc_kib", "locked_kib", "threads", "descriptors", "mbufs", "session_slots", "sessions", "peers", "ike_sas", "half_open",
             "neighbours", "heap_blocks", "heap_kib", "files")
# Of the gateway that is never restarted, from the end of its first minute, or fifth, to the end. Rings, and tables by SPI, which
# take some 12 MiB, are touched page by page for hours. What is kept by mistake is mostly small, and shows in malloc_kib.
GROWTH_MAX_KIB = {"rss_kib": 12 * 1024, "malloc_kib": 256, "locked_kib": 2048, "heap_kib": 1024}
# Never more, for a gateway with two peers, three strangers and a few SAs being replaced with each.
PEAKS = {"descriptors": 64, "threads": 16, "mbufs": 2000, "session_slots": 120, "ike_sas": 30, "half_open": 40, "neighbours": 20, "files": 32}

# What may explain that packets are dropped for this reason: kinds of steps, and of impairments.
EXPLAINED = {
    "replay": {"doubled"},
    "bad-icv": {"damaged"},
    "no-session": {"kill", "stop", "outage", "reload", "down", "stall", "lost", "damaged"},
    "no-spi": {"kill", "stop", "outage", "reload", "down", "stall", "delayed", "damaged"},
    "closed": {"down"},
    "no-route": {"reload"},
    "selector": {"reload"},
    "no-neighbour": {"outage", "plain", "kill", "stop", "reload"},
    "link-flood": {"outage", "plain", "kill", "stop", "stall", "reload"},  # all that hosts have asked meanwhile, at once
    "tx-full": {"outage", "plain"},
    "too-big": {"traffic"},  # hosts try
    "not-for-us": {"traffic", "outage", "damaged"},  # a bridge that does not know yet, or any more, who is where
    "limit": set(),
}


class Judge:
    def __init__(self):
        self.wrong = []

    def must(self, good, text):
        print(f"  {'ok ' if good else 'NOT'} {text}")
        if not good:
            self.wrong.append(text)

    def never(self, count, what):
        self.must(count == 0, f"{count} {what}")


def read_json(folder, name):
    with open(os.path.join(folder, name)) as file:
        return json.load(file)


def read_lines(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return file.read().splitlines()


def lives(samples):
    """Samples of each process, by gateway."""
    found = {name: collections.OrderedDict() for name in GATEWAYS}
    for sample in samples:
        found[sample["gateway"]].setdefault(sample["pid"], []).append(sample)
    return found


def over_lives(processes, field):
    """Sums of counters: of each process what it said last."""
    total = collections.Counter()
    for samples in processes.values():
        total.update(samples[-1][field])
    return total


def slope(samples, name):
    """The least squares line through the samples, as growth from its first to its last."""
    times, values = [s["time"] for s in samples], [s["used"][name] for s in samples]
    if len(set(times)) < 3:
        return 0
    mean_time, mean_value = statistics.fmean(times), statistics.fmean(values)
    rise = sum((t - mean_time) * (v - mean_value) for t, v in zip(times, values)) / sum((t - mean_time) ** 2 for t in times)
    return rise * (times[-1] - times[0])


def judge_steps(judge, steps, failures, failed):
    print(f"\nsteps: {len(steps)}")
    print(f"  {'kind':10} {'count':>6} {'until all was well, s: median':>30} {'max':>6}")
    for kind in sorted({step[1] for step in steps}):
        took = [int(step[3]) / 10 for step in steps if step[1] == kind]
        print(f"  {kind:10} {len(took):6} {statistics.median(took):30.1f} {max(took):6.1f}")
    for line in failures:
        print(f"    {line}")
    judge.never(failed, "steps have not gone well")
    judge.must(len(steps) > 0, "there were steps")


def judge_traffic(judge, hosts, wire, impaired):
    total = collections.Counter()
    for host in hosts:
        total.update({name: value for name, value in host.items() if name != "complaints"})
    print("\ntraffic:")
    print(f"  UDP: {total['udp_sent']} datagrams sent, {total['udp_received']} received; TCP: {total['tcp_bytes']} bytes echoed over "
          f"{total['tcp_connections']} connections, {total['tcp_broken']} broken")
    judge.must(total["udp_received"] > 0 and total["tcp_bytes"] > 0, "packets came through")
    judge.never(total["udp_damaged"] + total["tcp_damaged"], "datagrams or streams were changed")
    judge.never(total["udp_twice"], "datagrams came twice")
    judge.must(total["calm_sent"] == total["calm_received"] > 0,
               f"in the calm at the end {total['calm_sent']} datagrams were sent, {total['calm_received']} received")
    print(f"  wire: {wire['frames']} frames, {wire['esp']} ESP of {wire['sas']} SAs, {wire['ike']} IKE, {wire['arp']} ARP; then "
          + ", ".join(f"{count} {kind}" for kind, count in sorted(impaired.items())))
    judge.must(wire["esp"] > 0, "the wire was watched")
    judge.never(wire["in_clear"], "frames in clear")
    judge.never(wire["others"], "frames that are neither sealed nor ARP")
    judge.never(wire["repeated"], "sequence numbers used twice")
    judge.must(wire["not_seen"] <= wire["frames"] // 100, f"{wire['not_seen']} frames missed by who watches")
    for told in [*hosts, wire]:
        for complaint in told["complaints"]:
            print(f"    {complaint}")


def judge_drops(judge, processes, causes):
    print("\ndrops:")
    total = {name: over_lives(processes[name], "drops") for name in GATEWAYS}
    for reason in sorted({reason for counts in total.values() for reason in counts}):
        counts = [total[name][reason] for name in GATEWAYS]
        print(f"  {reason:14}" + "".join(f" {count:9}" for count in counts))
        judge.must(EXPLAINED.get(reason, set()) & causes, f"{reason} is explained")


def judge_resources(judge, processes, before, after):
    print(f"\nresources: at rest before, largest since, at rest after\n  {'':14}" + "".join(f" {name:>26}" for name in GATEWAYS))
    for resource in RESOURCES:
        row = []
        for name in GATEWAYS:
            most = max(s["used"][resource] for samples in processes[name].values() for s in samples)
            row.append((before[name]["used"][resource], most, after[name]["used"][resource]))
        print(f"  {resource:14}" + "".join(f" {first:8} {most:8} {last:8}" for first, most, last in row))
    for resource, most in PEAKS.items():
        peak = max(s["used"][resource] for name in GATEWAYS for samples in processes[name].values() for s in samples)
        judge.must(peak <= most, f"{resource} were never more than {most}: {peak}")
    for resource in ("threads", "descriptors", "mbufs", "session_slots", "sessions", "peers", "ike_sas", "half_open", "files"):
        same = all(before[name]["used"][resource] == after[name]["used"][resource] for name in GATEWAYS)
        judge.must(same, f"{resource} are as before")
    samples = list(processes[OLDEST].values())
    judge.must(len(samples) == 1, f"{OLDEST} was one process all the time")
    samples = samples[-1]
    samples = [s for s in samples if s["time"] >= samples[0]["time"] + min(60, (samples[-1]["time"] - samples[0]["time"]) / 5)]
    for resource, most in GROWTH_MAX_KIB.items():
        grown = slope(samples, resource)
        judge.must(grown <= most, f"{resource} of {OLDEST} has grown by {grown:.0f} KiB in {samples[-1]['time'] - samples[0]['time']:.0f} s "
                   f"(of at most {most}), from {samples[0]['used'][resource]} to {samples[-1]['used'][resource]}")


def main():
    folder, seconds, seed, failed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    judge = Judge()
    samples = [json.loads(line) for line in read_lines(folder, "samples.jsonl")]
    before, after = ({s["gateway"]: s for s in map(json.loads, read_lines(folder, name))}
                     for name in ("rest-before.jsonl", "rest-after.jsonl"))
    samples += after.values()
    processes = lives(samples)
    steps = [line.split("\t") for line in read_lines(folder, "steps")]
    impaired = {kind: int(count) for kind, count in (line.split() for line in read_lines(folder, "impaired"))}
    causes = {step[1] for step in steps} | {kind for kind, count in impaired.items() if count} | {"traffic"}
    counted = sum((over_lives(processes[name], "counted") for name in GATEWAYS), collections.Counter())
    print(f"{seconds / 60:g} minutes, seed {seed}: {counted['handshakes']} handshakes, {counted['rekeys_child']} child SAs and "
          f"{counted['rekeys_ike']} IKE SAs replaced, {sum(len(processes[name]) - 1 for name in GATEWAYS)} restarts, "
          f"{counted['sealed']} packets sealed, {counted['opened']} opened, {len(samples)} samples")
    judge_steps(judge, steps, read_lines(folder, "failures"), failed)
    judge_traffic(judge, [read_json(folder, f"traffic-{name}.json") for name in GATEWAYS], read_json(folder, "wire.json"), impaired)
    judge_drops(judge, processes, causes)
    judge_resources(judge, processes, before, after)
    errors = [line for name in GATEWAYS for line in read_lines(folder, f"{name}.log") if re.search(r"\berror: |assert|Sanitizer", line)]
    print("\nlogs:")
    for line in errors[:10]:
        print(f"    {line}")
    judge.never(len(errors), "errors logged")
    print(f"\n{'PASSED' if not judge.wrong else 'FAILED: ' + '; '.join(judge.wrong)}")
    sys.exit(1 if judge.wrong else 0)


main()
