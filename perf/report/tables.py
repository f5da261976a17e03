# SPDX-License-Identifier: BSD-3-Clause
"""The report as Markdown: the tables a reader wants first, and under them how they were made."""

import statistics

from report.figures import Figures, median

MILLISECOND = 1000  # microseconds
FEW = 3  # what the method's claim of "a few milliseconds" is taken to be
SEGMENTS = (1420, 8900)  # inner bytes of the packets that a long message travels in


# ---- Markdown --------------------------------------------------------------------------------------------------------

def table(heads, rows):
    """The first column is words, the others are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value, digits=0):
    return "—" if value is None else f"{value:.{digits}f}"


def ratio(value, base):
    return "—" if value is None or not base else f"{value / base:.2f} ×"


def microseconds(value):
    """Three digits that mean something."""
    if value is None:
        return "—"
    digits = next((digits for least, digits in ((100, 0), (10, 1), (1, 2)) if value >= least), 3)
    return f"{value:.{digits}f}"


def counted(count, what):
    return f"{count} {what}" + ("" if count == 1 else "s")


# ---- Packets ---------------------------------------------------------------------------------------------------------

def over_size(figures):
    """Cycles of everybody, and what Sealane adds to the bare call."""
    heads = ["bytes", "bare seal", "**seal**", "beyond bare", "bare open", "**open**", "beyond bare",
             "dpdk-test-crypto-perf seal", "its open", "openssl speed", "**seal, Gbit/s**", "**open, Gbit/s**"]

    def row(size):
        def cycles(contestant, direction="seal", quantity="cycles"):
            return number(median(figures.packets(contestant, size, direction=direction), quantity))

        return [str(size), cycles("bare"), cycles("sealane"), cycles("sealane", "seal", "overhead"),
                cycles("bare", "open"), cycles("sealane", "open"), cycles("sealane", "open", "overhead"),
                cycles("dpdk"), cycles("dpdk", "open"), cycles("openssl"),
                number(median(figures.packets("sealane", size), "gbps"), 1),
                number(median(figures.packets("sealane", size, direction="open"), "gbps"), 1)]

    return table(heads, [row(size) for size in figures.values("size", contestant="sealane")])


def over_count(figures, key, quantity, digits):
    """Sealane at 64 and 1420 bytes, each beside what one session or one worker does."""
    heads, columns = [key], [(size, direction) for size in (64, 1420) for direction in ("seal", "open")]
    for size, direction in columns:
        heads += [f"{direction}, {size} bytes", "to one"]

    def row(count):
        cells = [str(count)]
        for size, direction in columns:
            value, one = (median(figures.packets("sealane", size, direction=direction, **{key: n}), quantity)
                          for n in (count, 1))
            cells += [number(value, digits), ratio(value, one)]
        return cells

    return table(heads, [row(count) for count in figures.values(key, contestant="sealane", size=64)])


def variants(figures):
    """Key sizes, bursts and sources: cycles, and what is beyond the bare call."""
    heads = ["cipher, burst, source"]
    for size in (64, 1420):
        for direction in ("seal", "open"):
            heads += [f"{direction}, {size} bytes", "beyond bare"]
    kinds = sorted({(one["cipher"], one["burst"], one["source"]) for one in figures.report["packets"]
                    if one["contestant"] == "sealane"}, key=lambda kind: (kind[2] == "pcap", kind))

    def row(cipher, burst, source):
        cells = [f"{cipher}, {burst}, {source}"]
        for size in (64, 1420):
            for direction in ("seal", "open"):
                one = figures.packets("sealane", size, direction=direction, cipher=cipher, burst=burst, source=source)
                cells += [number(median(one, "cycles")), number(median(one, "overhead"))]
        return cells

    return table(heads, [row(*kind) for kind in kinds])


# ---- Messages and handshakes -----------------------------------------------------------------------------------------

def message_times(figures, direction, size):
    """(what, ours in microseconds) for a message: a packet of its size, or as many full packets as hold it."""
    def of(packet_size, packets):
        mpps = median(figures.packets("sealane", packet_size, direction=direction), "mpps")
        return packets / mpps if mpps else None

    if size <= SEGMENTS[0]:
        yield f"{direction} {size} bytes", of(size, 1)
        return
    for segment in SEGMENTS:
        packets = -(-size // segment)
        yield f"{direction} {size // 1024} KiB, {packets} packets of {segment}", of(segment, packets)


def holds(values, limit):
    known = [value for value in values if value is not None]
    if not known:
        return "—"
    return "all" if max(known) < limit else f"{sum(value < limit for value in known)} of {len(known)}"


def stacks(figures):
    """The published method's stack beside ours, in microseconds, against the method's claim."""
    rows = []

    def add(what, name, limit, ours=None):
        """Ours is an operation of that name too, unless it is given."""
        ours = ours or median(figures.operation("sealane", name), "microseconds")
        theirs = [median(figures.operation(stack, name), "microseconds") for stack in ("cryptography", "pynacl")]
        rows.append([what, *map(microseconds, [ours, *theirs]), f"< {limit / MILLISECOND:.0f} ms",
                     holds([ours, *theirs], limit)])

    for direction in ("seal", "open"):
        for size in (64, 1024, 65536):
            for what, ours in message_times(figures, direction, size):
                add(what, f"{direction} {size}", MILLISECOND, ours)
    for name, what in (("x25519", "X25519 shared secret"), ("hkdf", "HKDF-SHA-256, 64 bytes"),
                       ("sign", "Ed25519 sign"), ("verify", "Ed25519 verify")):
        add(what, name, MILLISECOND)
    add("a handshake's worth of them, both ends", "handshake", FEW * MILLISECOND)
    add("a whole IKEv2 handshake, both ends", "whole handshake", FEW * MILLISECOND)
    return table(["microseconds, medians", "Sealane", "cryptography", "PyNaCl", "claim", "holds it"], rows)


# ---- The page --------------------------------------------------------------------------------------------------------

def machine_line(machine):
    virtual = ", virtual" if "hypervisor" in machine["cpu_flags"] else ""
    huge = "huge pages" if machine["huge_pages"] else "no huge pages"
    return (f"{machine['cpu']}{virtual}, {counted(len(machine['cores']), 'core')}, TSC {machine['tsc_hz'] / 1e9:.2f} GHz, "
            f"{huge}, Linux {machine['kernel']}, DPDK {machine['dpdk']}, {machine['crypto']}; "
            f"commit {machine['commit']}, {machine['date']}.")


def median_dropped_inside(report):
    shares = [median(one, "dropped_inside") for one in report["packets"] if one["contestant"] == "sealane"]
    known = [share for share in shares if share is not None]
    return f"{100 * statistics.median(known):.0f} % (median over figures)" if known else "an unknown part"


def method(report):
    machine = report["machine"]
    rounds = sum(one["rounds"] for kind in ("packets", "operations") for one in report[kind])
    dropped = sum(one["dropped"] for kind in ("packets", "operations") for one in report[kind])
    inside = median_dropped_inside(report)
    openssl, python_openssl = (" ".join(machine[name].split()[:2]) for name in ("openssl", "cryptography_openssl"))
    return f"""\
- Cycles are TSC cycles a packet; bytes are those of the inner IP packet. Everybody ran on the same core, in turns, in
  one run; several workers have a core each. Figures are medians over the rounds whose probe, before and after, was
  within 10 % of its best: {dropped} of {rounds} measurements were dropped. A dash is a figure of which none was left.
  Quartiles, all rounds and the command of every figure are in `report.json`.
- *bare* is the AES-GCM call of ipsec-mb alone, on the packets Sealane has; *seal* and *open* are a worker's whole loop, with
  receiving, routing, headers, replay window and sending. *Beyond bare* is measured pair by pair, so it is not exactly the
  difference of the two medians. Where it is negative the bare loop is no baseline.
- `dpdk-test-crypto-perf` drives DPDK's `crypto_aesni_gcm` with ipsec-mb {machine['dpdk_ipsec_mb']}: AES-GCM behind
  DPDK's queues, no packets around it. What it opens was never sealed, so every tag is false; it does not look. Its main
  thread spins, on another core where there is one.
- `openssl speed` is {openssl}: EVP, one call after the other over one buffer.
- The peers' tools tell the mean of a run, `sealane bench` the median of the quiet moments inside it; it left out {inside}
  of them. Runs are kept short, so that both see one state of the machine, but on a busy one this favours Sealane.
- Python {machine['python']}, cryptography {machine['cryptography']} (AES-128-GCM, {python_openssl}), PyNaCl
  {machine['pynacl']} (XChaCha20-Poly1305; HKDF by Python's hmac): one call after the other.
  Sealane's time of a message is what a worker spends on its packets in a stream, a message being the bytes of inner
  packets; 64 KiB count as so many full packets. The claims are the method's: below a millisecond a message, a few
  (here {FEW}) a handshake."""


def page(report):
    figures = Figures(report)
    parts = ["# How fast Sealane is", machine_line(report["machine"])]
    if report["quick"]:
        parts.append("**A quick run, which shows that measuring works. Its figures are not to be quoted.**")
    parts += [
        "## Over packet size", "One worker, one session, bursts of 32, AES-128-GCM; cycles a packet.", over_size(figures),
        "![throughput](throughput.svg)", "![cycles](cycles.svg)",
        "## Over sessions", "One worker, sessions in random order; cycles a packet.",
        over_count(figures, "sessions", "cycles", 0), "![sessions](sessions.svg)",
        "## Over workers", "One session a worker; Gbit/s.",
        over_count(figures, "workers", "gbps", 1), "![workers](workers.svg)",
        "## Keys, bursts and sources", "One worker, one session; cycles a packet.", variants(figures),
        "## Messages and handshakes", stacks(figures),
        "## How it was measured", method(report)]
    return "\n\n".join(parts) + "\n"
