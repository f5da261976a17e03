# SPDX-License-Identifier: BSD-3-Clause
"""What machine this is, and which versions of everything are measured: a figure means nothing without."""

import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path

HUGE_PAGES_MIB = 600  # free; what the hungriest contestant takes


def said(*command):
    """What a command prints, one line; "unknown" when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def cores():
    """One CPU of each core this process may run on: two threads of one core would share what is measured."""
    firsts = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list")
        firsts.setdefault(siblings.read_text().strip() if siblings.exists() else str(cpu), cpu)
    return sorted(firsts.values())


def cpu():
    """Its name, and family and model beside it where a virtual machine hides the name."""
    info = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    return f"{info['model name']} (family {info['cpu family']}, model {info['model']})"


def cpu_flags():
    flags = re.search(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE).group(1).split()
    return [flag for flag in ("aes", "vaes", "vpclmulqdq", "avx512f", "hypervisor") if flag in flags]


def huge_page_mib():
    """What is free of the usual kind, in MiB."""
    memory = dict(re.findall(r"^(\w+):\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE))
    return int(memory["HugePages_Free"]) * int(memory["Hugepagesize"]) // 1024


def commit(root):
    head = said("git", "-C", root, "rev-parse", "--short", "HEAD")
    changes = said("git", "-C", root, "status", "--porcelain", "--untracked-files=no")
    return head if head == "unknown" or not changes else f"{head} with changes"


def dpdk_ipsec_mb(command):
    """The version that DPDK's driver brings along, which need not be ours; its tool says so at start."""
    done = subprocess.run([*command, "--", "-h"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = re.search(r"library version used: (\S+)", done.stdout + done.stderr)
    return found.group(1) if found else "unknown"


def python_packages():
    from cryptography.hazmat.backends.openssl import backend
    return {"python": platform.python_version(), "cryptography": importlib.metadata.version("cryptography"),
            "cryptography_openssl": backend.openssl_version_text(), "pynacl": importlib.metadata.version("pynacl")}


def describe(root, sealane):
    """For report.json. `sealane` is the program; a moment of its bench tells the TSC rate and its libraries."""
    told = json.loads(said(sealane, "bench", "--json", "--time", "0.1"))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit(root),
        "cpu": cpu(),
        "cpu_flags": cpu_flags(),
        "cpus": os.cpu_count(),
        "cores": cores(),
        "tsc_hz": told["tsc_hz"],
        "huge_pages": huge_page_mib() >= HUGE_PAGES_MIB,
        "kernel": platform.release(),
        "dpdk": said("pkg-config", "--modversion", "libdpdk"),
        "crypto": told["ipsec_mb"],
        "openssl": said("openssl", "version"),
        **python_packages(),
    }
