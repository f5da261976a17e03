# SPDX-License-Identifier: BSD-3-Clause
"""The page: what compare.py has measured, in two tables of Markdown, and what they say."""

DIRECT, SEALANE = "direct", "sealane"  # the ways between the hosts
METHOD = "method"  # the direct one, with the published method in the application


def table(heads, rows):
    """The first column is words, the others are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def count(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.1f}"


def milliseconds(value, sign=""):
    """From microseconds; three digits that mean something."""
    digits = next((digits for least, digits in ((100000, 0), (10000, 1), (1000, 2)) if abs(value) >= least), 3)
    return f"{value / 1000:{sign}.{digits}f}"


def through_gateways(told):
    rows = []
    for one in told["applications"]:
        direct, sealane = one["ways"][DIRECT], one["ways"][SEALANE]
        rows.append([one["title"], "yes" if one["same_result"] else "**no**",
                     f"{one['markers_on_wire']} of {one['markers_at_host']}",
                     f"{count(direct['rate'])} {one['unit']}/s", f"{count(sealane['rate'])}",
                     milliseconds(direct["median"]), milliseconds(sealane["median"]), milliseconds(one["added_median"], "+"),
                     milliseconds(direct["p99"]), milliseconds(sealane["p99"]), milliseconds(one["added_p99"], "+")])
    return table(["application", "same result", "markers seen on the wire", "direct", "Sealane", "median ms, direct", "Sealane",
                  "added", "p99 ms, direct", "Sealane", "added"], rows)


def beside_method(told):
    rows = []
    for one in told["applications"]:
        if METHOD in one["ways"]:
            plain, sealane, method = (one["ways"][way] for way in (DIRECT, SEALANE, METHOD))
            rows.append([one["title"], *(count(way["rate"]) for way in (plain, sealane, method)),
                         *(f"{milliseconds(way['median'])} / {milliseconds(way['p99'])}" for way in (plain, sealane, method))])
    return table(["messages of 1 KiB", "unprotected, a second", "**Sealane**, a second", "in the application, a second",
                  "unprotected, median / p99 ms", "**Sealane**", "in the application"], rows)


def page(told):
    caution = "\n**A quick run, which shows that it works. Its figures are not to be quoted.**\n" if told["quick"] else ""
    return f"""\
# Applications through Sealane

    {told["command"]}

measured this on {told["date"]}, {told["rounds"]} rounds of {told["seconds"]:g} s for each application and way, at commit
{told["commit"]}. The machine: {told["cores"]} cores, Linux {told["kernel"]}; {told["machine"]}.
{caution}
## Behind two gateways, and without

{through_gateways(told)}

The applications are those of the distribution and run unchanged, with the same settings, between the same two hosts, which
are network namespaces: *direct* on a cable from one to the other, *Sealane* through two gateways, each with one worker and its
two ports on cables (`net_af_packet`, interrupts of the kernel and no NIC). Hosts, gateways and programs share the cores, so
this is what a gateway costs when it has no core for itself.

- *Same result*: the digests of everything that came out of the application are those without gateways, and right.
- *Markers seen on the wire*: what an application sends in clear contains a marker again and again; counted in captures at
  host A and between the gateways. HTTPS and ssh seal their payload themselves, there the marker is in what they send before
  they do: the name of the server, and the version.
- *Latency* is that of one request at a time, from request to reply, unless the line says otherwise; the rates are those of
  some connections at once (8 for wrk and Redis, 4 for messages, else one). *Added* is the median over the rounds of the
  difference in that round.
- The host's interface has an MTU of 1400 towards its gateway and of 1500 on the cable.
- The rounds, with all their figures, are in the `applications.json` that the command writes beside its table.

## Beside the method in the application

{beside_method(told)}

Three times the same client and server in Python: unprotected over the cable; the same through Sealane; and over the cable with
each message sealed and opened in the application, by X25519, Ed25519, HKDF-SHA-256, AES-256-GCM and counters
(`tests/lab/applications/method.py`, with the package `cryptography`). MQTT's messages pass through a broker on host B. The
method needs no more hops and no more processes; the gateways, which do their work beside the application, have to do it here
on the very cores that the application needs.
"""
