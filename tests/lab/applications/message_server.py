# SPDX-License-Identifier: BSD-3-Clause
"""python3 -m applications.message_server PLACE http|grpc|mqtt: answers messages, plain and sealed ones, until it is ended."""

import hashlib
import importlib
import signal
import sys

from applications.method import Responder
from applications.messages import identities
from applications.places import Place


def application(message):
    """What came, and its digest: the client sees that both directions were true."""
    return hashlib.sha256(message).digest() + message


def main():
    place, transport = Place(sys.argv[1]), importlib.import_module(f"applications.over_{sys.argv[2]}")
    client, server = identities(place)
    held = transport.serve(place.addresses, Responder(server, client.public_key(), application).answer)
    print("ready", flush=True)
    signal.pause()
    del held


main()
