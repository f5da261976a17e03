#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
find_samples.py FILE COUNT HAYSTACK: how many of COUNT runs of 32 bytes, taken evenly from all over FILE, are found in
HAYSTACK. Prints the number.
"""

import mmap
import sys

SAMPLE_LEN = 32


def mapped(path):
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def main():
    source, count, haystack = mapped(sys.argv[1]), int(sys.argv[2]), mapped(sys.argv[3])
    step = (len(source) - SAMPLE_LEN) // count
    samples = [source[number * step:number * step + SAMPLE_LEN] for number in range(count)]
    print(sum(haystack.find(sample) >= 0 for sample in samples))


main()
