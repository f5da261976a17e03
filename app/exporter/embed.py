#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a page as a C header: its bytes, and the Content-Security-Policy under which it works.

    embed.py PAGE.html PAGE.h

The policy names the page's inline script and style by their hashes, so nothing else is executed, whatever a gateway says.
"""
import base64
import hashlib
import re
import sys

page = open(sys.argv[1], "rb").read()


def hashes(tag):
    parts = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), page, re.DOTALL)
    return " ".join("'sha256-%s'" % base64.b64encode(hashlib.sha256(part).digest()).decode() for part in parts)


policy = "; ".join(["default-src 'none'", "script-src " + hashes(b"script"), "style-src " + hashes(b"style"),
                    "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
                    "frame-ancestors 'none'"])
with open(sys.argv[2], "w", encoding="ascii") as out:
    out.write(f'/* Made from {sys.argv[1].rsplit("/", 1)[-1]} by embed.py. */\n')
    out.write(f'#define SL_PAGE_CSP "{policy}"\n')
    out.write("static const unsigned char sl_page[] = {\n")
    for at in range(0, len(page), 20):
        out.write(" ".join(f"{byte}," for byte in page[at:at + 20]) + "\n")
    out.write("};\n")
