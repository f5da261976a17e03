# SPDX-License-Identifier: BSD-3-Clause
"""What is sent, and what is looked for on the wire: random bytes with a marker in every packet."""

import hashlib
import mmap
import random

from applications.places import Failed

EVERY = 512  # bytes from one marker to the next: at least one whole marker in a packet


def payload(marker, size, seed=0):
    """The same bytes for the same arguments."""
    mark = marker.encode()
    block = mark + random.Random(f"{marker} {seed}").randbytes(EVERY - len(mark))
    # Blocks differ, or one that comes in the place of another would not be noticed.
    blocks = (mark + number.to_bytes(8, "big") + block[len(mark) + 8:] for number in range(-(-size // EVERY)))
    return b"".join(blocks)[:size]


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def same(what, found, wanted):
    """The digest of what arrived, which must be what was sent."""
    if found != wanted:
        at = next((n for n, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))
        raise Failed(f"{what}: {len(found)} bytes arrived of {len(wanted)}, the first that differs is {at}")
    return digest(found)


def count_in(capture, marker):
    """How often the marker is in a file."""
    count, at, mark = 0, 0, marker.encode()
    with open(capture, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
        while (at := octets.find(mark, at)) >= 0:
            count, at = count + 1, at + len(mark)
    return count
