# SPDX-License-Identifier: BSD-3-Clause
"""Real applications between two hosts (tests/lab/applications.sh makes them, and PLACE, a file that says where they are):

    python3 -m applications names
    python3 -m applications PLACE serve                        starts every server, says "ready" and stays
    python3 -m applications PLACE check NAME                   over every way, with the same right result; prints it
    python3 -m applications PLACE witness AT-HOST ON-WIRE      counts each application's marker in two captures; JSON
    python3 -m applications PLACE mixed WAY SECONDS            all at once; JSON
    python3 -m applications PLACE compare SEEN FACTS OUTPUT    measures them all; writes applications.md and .json
"""

import json
import signal
import sys
from pathlib import Path

from applications import bulk, compare, database, messages, mixed, shell, web
from applications.payload import count_in
from applications.places import Failed, Place, end_all

KINDS = (web.Http, web.Https, *messages.KINDS, database.Redis, bulk.Tcp, bulk.Udp, shell.Ssh, shell.Scp)


def serve(place, applications):
    for application in applications:
        application.serve()
    print("ready", flush=True)
    signal.pause()


def check(place, applications, name):
    application = next(one for one in applications if one.name == name)
    results = {way.name: application.check(way) for way in place.ways.values()}
    print(json.dumps(results))
    first, *others = results.values()
    if any(other != first for other in others):
        raise Failed(f"{name}: the ways differ: {results}")


def witness(place, applications, at_host, on_wire):
    print(json.dumps({one.name: {"at_host": count_in(at_host, one.marker), "on_wire": count_in(on_wire, one.marker)}
                      for one in applications}))


def run_mixed(place, applications, way, seconds):
    print(json.dumps(mixed.run(applications, place.ways[way], float(seconds))))


def run_compare(place, applications, seen, facts, output):
    seen, facts = (json.loads(Path(file).read_text()) for file in (seen, facts))
    samples = compare.measure(place, applications, facts["rounds"], facts["seconds"],
                              lambda text: print(text, file=sys.stderr, flush=True))
    compare.write(compare.report(applications, samples, seen, facts), Path(output))


COMMANDS = {"serve": serve, "check": check, "witness": witness, "mixed": run_mixed, "compare": run_compare}


def main():
    if sys.argv[1:] == ["names"]:
        print(*(kind.name for kind in KINDS), sep="\n")
        return
    if len(sys.argv) < 3 or sys.argv[2] not in COMMANDS:
        sys.exit(__doc__)
    place = Place(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        COMMANDS[sys.argv[2]](place, [kind(place) for kind in KINDS], *sys.argv[3:])
    except Failed as failure:
        sys.exit(f"{' '.join(sys.argv[2:4])}: {failure}")
    finally:
        end_all()


main()
