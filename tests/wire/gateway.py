# SPDX-License-Identifier: BSD-3-Clause
"""Two gateways, the wire between them and the hosts behind them, as processes of an ordinary user.

    host A                                                                        host B
    10.1.0.9 --- plain [alpha] wire --- relay, which records --- wire [beta] plain --- 10.2.0.9

Every port is a DPDK virtual device: memif towards a relay, or a pcap file. No root, no huge pages, no network.
A Bench owns everything that is started; leaving it stops the processes and removes the files, whatever happened. Set
SEALANE_KEEP=1 to keep the folder. Nothing here waits without a limit.
"""

import base64
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import esp
import packets
from tap import bail_out

BUILD = Path(os.environ.get("SEALANE_BUILD", Path(__file__).resolve().parents[2] / "build"))
SEALANE = BUILD / "app" / "sealane"
RELAY = BUILD / "tests" / "wire" / "relay"

START_LIMIT = 15.0  # seconds until a program must be up
STOP_LIMIT = 10.0
COMMAND_LIMIT = 10.0

# Of a worker; the others go on when there are no packets.
PACKET_COUNTERS = ("worker", "rx_wire", "rx_plain", "from_control", "handed_in", "cut", "tx_wire", "tx_plain", "drops",
                   "to_control", "handed_out")


def preload(name, **env):
    """The environment of a gateway into which a fault of the wire tests' folder is preloaded."""
    module = BUILD / "tests" / "wire" / f"{name}.so"
    need(module)
    asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # it need not come first
    return {"LD_PRELOAD": str(module), "ASAN_OPTIONS": asan, **{name: str(value) for name, value in env.items()}}


def need(*programs):
    for program in programs:
        if not os.access(program, os.X_OK):
            bail_out(f"{program} is missing: build it first (ninja -C build)")


@dataclass(frozen=True)
class Site:
    """What lies on one side: the gateway's addresses and a host behind it."""
    name: str
    side: str  # of the relay
    wire: str
    wire_mac: str
    plain: str
    plain_mac: str
    net: str
    host: str
    host_mac: str


ALPHA = Site("alpha.test", "a", "192.0.2.1", "02:00:00:00:01:01", "10.1.0.1", "02:00:00:00:01:02", "10.1.0.0/16",
             "10.1.0.9", "02:00:00:00:01:09")
BETA = Site("beta.test", "b", "192.0.2.2", "02:00:00:00:02:01", "10.2.0.1", "02:00:00:00:02:02", "10.2.0.0/16",
            "10.2.0.9", "02:00:00:00:02:09")
GAMMA = Site("gamma.test", "c", "192.0.2.3", "02:00:00:00:03:01", "10.3.0.1", "02:00:00:00:03:02", "10.3.0.0/16",
             "10.3.0.9", "02:00:00:00:03:09")


def wait_until(condition, limit, what):
    """The first true value of condition(); fails after limit seconds."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit:g} s")
        time.sleep(0.05)


def stop_process(process, signum=signal.SIGTERM):
    """Ends a process and returns its exit status; one that does not end in time is killed and gives None."""
    if process.poll() is None:
        process.send_signal(signum)
    try:
        return process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_LIMIT)
        return None


def cpus():
    return ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))


EAL = ["--no-huge", "--no-pci"]
PCAP_MAC = "02:70:63:61:70:00"  # DPDK gives it to the first net_pcap port of a process


def memif(number, role, socket, mac=None):
    text = f"--vdev=net_memif{number},role={role},socket={socket},socket-abstract=no"
    if role == "client":
        text += ",rsize=12"
    return text + (f",mac={mac}" if mac else "")


def port_of(vdev):
    """The name of the port that an EAL argument --vdev=NAME,... makes."""
    return vdev.removeprefix("--vdev=").split(",")[0]


def strangers_key():
    """The public key of nobody here."""
    key = Ed25519PrivateKey.generate().public_key()
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


class Relay:
    """
    A wire between two gateways (sides a and b) or more, or with one side the end of a gateway's line. With `far` it attaches to
    that relay, as a gateway would; else others attach to it. `queues` are those of each side: one for each worker of the
    gateway there.
    """

    def __init__(self, bench, name, sides="ab", far=None, queues=(1, 1)):
        self.name, self.sides, self.queues = name, sides, queues
        self.role = "client" if far else "server"
        self.sockets = {side: (far or self).socket(bench, side) for side in sides}
        self.pcap = bench.dir / f"{name}.pcap"
        self.log = bench.dir / f"{name}.log"
        self.env = bench.env
        self.process = None

    def socket(self, bench, side):
        # Short: the path has at most 107 bytes.
        return bench.dir / f"{self.name}-{side}.sock"

    def start(self):
        ports = [memif(i, self.role, self.sockets[side]) for i, side in enumerate(self.sides)]
        command = [RELAY, *EAL, "-m", "64", "--lcores", f"0@({cpus()})", "--no-shconf", "--no-telemetry", *ports,
                   "--", self.pcap, *map(str, self.queues)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=open(self.log, "ab"), env=self.env, text=True, bufsize=1)
        self.answer(START_LIMIT)
        return self

    def answer(self, limit=COMMAND_LIMIT):
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise TimeoutError(f"relay {self.name} does not answer")
        line = self.process.stdout.readline().strip()
        if not line.startswith("ok"):
            raise RuntimeError(f"relay {self.name}: {line or 'ended'}")
        return line[2:].strip()

    def order(self, text):
        self.process.stdin.write(text + "\n")
        return self.answer()

    def stats(self):
        return json.loads(self.order("stats"))

    def use_queue(self, side, number):
        """Frames to this side go into this queue of its gateway from now on."""
        self.order(f"queue {self.order_name(side)} {number}")

    def order_name(self, side):
        return "abcd"[self.sides.index(side)]

    def inject(self, side, frames):
        path = self.pcap.with_suffix(".inject")
        packets.write_pcap(path, frames)
        sent = int(self.order(f"inject {self.order_name(side)} {path}"))
        if sent != len(frames):
            raise RuntimeError(f"relay {self.name} injected {sent} of {len(frames)} frames")

    def frames(self):
        return packets.read_pcap(self.pcap)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.stdin.close()
            return stop_process(self.process, 0)
        return 0


class Gateway:
    """One `sealane run`, with its configuration, key log and ports."""

    def __init__(self, bench, site, peer_site, wire_vdev, plain_vdev, options):
        self.bench, self.site, self.peer_site = bench, site, peer_site
        self.name = options.pop("name", site.name)
        self.workers = options.pop("workers", 1)
        self.logs_keys = options.pop("logs_keys", True)
        self.memory = options.pop("memory", 256)  # MiB
        self.env = options.pop("env", {})
        self.options = options
        self.dir = bench.dir / site.name
        self.dir.mkdir()
        self.keylog = self.dir / "keylog"
        if self.logs_keys:
            self.keylog.mkdir()
        self.log = self.dir / "log"
        self.conf = self.dir / "sealane.conf"
        self.key = self.dir / "gateway.key"
        self.wire_vdev, self.plain_vdev = wire_vdev, plain_vdev
        self.process = None
        self.public_key = self.make_key()

    def make_key(self):
        text = subprocess.run([SEALANE, "genkey"], check=True, capture_output=True, timeout=COMMAND_LIMIT).stdout
        self.key.touch(0o600)
        self.key.write_bytes(text)
        public = subprocess.run([SEALANE, "pubkey"], input=text, check=True, capture_output=True,
                                timeout=COMMAND_LIMIT).stdout
        return public.decode().strip()

    def configure(self, peer_key, peer_name):
        options = self.options
        self.conf.write_text(f"""\
[gateway]
name = {self.name}
private-key = gateway.key

[wire]
port = {port_of(self.wire_vdev)}
address = {self.site.wire}/24

[plain]
port = {port_of(self.plain_vdev)}
address = {self.site.plain}/16
wait-for-peer = {options.get("wait_for_peer", "no")}

[peer {peer_name}]
public-key = {peer_key}
endpoint = {self.peer_site.wire}
prefixes = {self.peer_site.net}
cipher = {options.get("cipher", "aes256gcm16, aes128gcm16")}
esn = {options.get("esn", "yes")}
dpd-delay = {options.get("dpd_delay", "10s")}
{options.get("peer_lines", "")}
""")
        self.peer_name = peer_name

    def start(self):
        command = [SEALANE, "run", self.conf, *(["--keylog", self.keylog] if self.logs_keys else []), "--", *EAL,
                   "-m", str(self.memory), "--lcores", ",".join(f"{lcore}@({cpus()})" for lcore in range(1 + self.workers)),
                   self.wire_vdev, self.plain_vdev]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log, "ab"), env=self.bench.env | self.env)
        return self

    def stop(self):
        return stop_process(self.process) if self.process is not None else 0

    def kill(self):
        stop_process(self.process, signal.SIGKILL)

    # ---- What it says ----

    def ask(self, *arguments):
        """What `sealane show` prints; None while the gateway cannot be asked."""
        command = [SEALANE, "show", *arguments, "--gateway", self.name]
        done = subprocess.run(command, env=self.bench.env, capture_output=True, text=True, timeout=COMMAND_LIMIT)
        return done.stdout if done.returncode == 0 else None

    def rekey(self, *options):
        """Runs `sealane rekey` for the one peer and returns what it prints."""
        command = [SEALANE, "rekey", self.peer_name, *options, "--gateway", self.name]
        done = subprocess.run(command, env=self.bench.env, capture_output=True, text=True, timeout=COMMAND_LIMIT,
                              check=True)
        return done.stdout

    def show(self, what):
        """The list that `sealane show WHAT --json` gives; None while the gateway cannot be asked."""
        answer = self.ask(what, "--json")
        return json.loads(answer)[what] if answer is not None else None

    def show_gateway(self):
        """The paragraph about the gateway itself."""
        return json.loads(self.ask("--json"))["gateway"]

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"gateway {self.name} ended with status {self.process.returncode}")

    def is_up(self):
        self.alive()
        return any(peer["state"] == "up" for peer in self.show("peers") or [])

    def wait_running(self):
        def answers():
            self.alive()
            return self.show("workers")
        return wait_until(answers, START_LIMIT, f"gateway {self.name} answers")

    def wait_up(self, limit=START_LIMIT):
        wait_until(self.is_up, limit, f"link of gateway {self.name} is up")

    def drops(self):
        return {drop["name"]: drop["packets"] for drop in self.show("drops")}

    def session(self):
        """The session that is in use, from `show sessions`."""
        found = [session for session in self.show("sessions") if session["in_use"] == "yes"]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} sessions in use, expected 1")
        return found[0]

    def sas(self):
        """The logged SAs: (towards the peer, from the peer)."""
        esn = self.options.get("esn", "yes") == "yes"
        session, known = self.session(), esp.read_sas(self.keylog, esn)

        def logged(spi, end):
            """Both ends may have chosen the same SPI, then our address tells; that of a NAT is not ours."""
            found = [sa for sa in known if sa.spi == number(session[spi])]
            return ([sa for sa in found if getattr(sa, end) == self.site.wire] or found)[-1]

        return logged("spi_out", "src"), logged("spi_in", "dst")

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, pattern, limit):
        flags = re.IGNORECASE | re.MULTILINE
        wait_until(lambda: re.search(pattern, self.log_text(), flags), limit, f"log of {self.name} says /{pattern}/")

    # ---- The accounting identity ----

    def quiet_workers(self):
        """The workers' counters of packets, once two readings in a row agree: no traffic is on its way."""
        last = [None]

        def packets_of(worker):
            return {name: worker[name] for name in PACKET_COUNTERS}

        def stable():
            before, last[0] = last[0], [packets_of(worker) for worker in self.show("workers")]
            return before is not None and before == last[0]
        wait_until(stable, COMMAND_LIMIT, f"counters of gateway {self.name} come to rest")
        return last[0]

    def check_accounting(self):
        """Every packet that came in left, or is counted under exactly one reason."""
        workers = self.quiet_workers()
        for worker in workers:
            came = worker["rx_wire"] + worker["rx_plain"] + worker["from_control"] + worker["handed_in"] + worker["cut"]
            went = (worker["tx_wire"] + worker["tx_plain"] + worker["drops"] + worker["to_control"]
                    + worker["handed_out"])
            if came != went:
                raise AssertionError(f"{self.name} worker {worker['worker']}: {came} came, {went} went: {worker}")
        given, taken = (sum(worker[what] for worker in workers) for what in ("handed_out", "handed_in"))
        if given != taken:
            raise AssertionError(f"{self.name}: {given} packets handed out, {taken} taken: {workers}")
        # What was handed to the control thread may be dropped there; that is counted by reason, too.
        by_reason, by_worker = sum(self.drops().values()), sum(worker["drops"] for worker in workers)
        if by_reason < by_worker:
            raise AssertionError(f"{self.name}: {by_reason} drops by reason, {by_worker} by worker")


class Stream:
    """A `sealane keylog`, `capture` or `trace` at a gateway, running."""

    def __init__(self, gateway, *arguments):
        self.name = "-".join(Path(str(part)).name for part in arguments)
        self.out, self.log = (gateway.dir / f"{self.name[:80]}.{what}" for what in ("out", "err"))
        command = [SEALANE, *arguments, "--gateway", gateway.name]
        self.process = subprocess.Popen(command, env=gateway.bench.env, stdin=subprocess.DEVNULL,
                                        stdout=open(self.out, "wb"), stderr=open(self.log, "wb"))
        gateway.bench.add(self)
        wait_until(lambda: self.said() or self.process.poll() is not None, START_LIMIT, f"{self.name} begins")

    def said(self):
        """Its lines on stderr, as far as they are whole."""
        return [line for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def printed(self):
        return self.out.read_text()

    def ended(self):
        """Waits for it to end by itself; its exit status."""
        return self.process.wait(STOP_LIMIT)

    def stop(self, signum=signal.SIGINT):
        return stop_process(self.process, signum)


def number(value):
    """An SPI as a number, whether JSON has it as one or as 0x text."""
    return value if isinstance(value, int) else int(value, 0)


@dataclass
class Bench:
    """Everything one scenario starts, in a folder of its own."""
    tap: object
    parts: list = field(default_factory=list)

    def __enter__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sealane-", dir="/tmp"))
        (self.dir / "run").mkdir(0o700)
        # DPDK keeps its sockets there, whoever we are: scenarios that run at once do not meet.
        self.env = dict(os.environ, RUNTIME_DIRECTORY=str(self.dir / "run"))
        self.failed_before = self.tap.failed
        return self

    def __exit__(self, kind, error, trace):
        for part in reversed(self.parts):
            part.stop()
        if kind is not None and issubclass(kind, Exception):
            with self.tap.case("the scenario is set up"):
                raise error
        if self.tap.failed > self.failed_before:
            self.show_logs()
        if os.environ.get("SEALANE_KEEP"):
            self.tap.note(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        return kind is not None and issubclass(kind, Exception)

    def show_logs(self):
        for part in self.parts:
            if part.log.exists():
                self.tap.note(f"--- {part.log.relative_to(self.dir)}")
                lines = part.log.read_text(errors="replace").splitlines()
                self.tap.note("\n".join([line for line in lines if not line.startswith("EAL: ")][-15:]))

    def add(self, part):
        self.parts.append(part)
        return part

    def relay(self, name, sides="ab", far=None, queues=(1, 1)):
        return self.add(Relay(self, name, sides, far, queues[:len(sides)])).start()

    def gateway(self, site, peer_site, wire, lan=None, pcap=None, **options):
        """A gateway whose plain port is a relay's side, or else reads and writes pcaps."""
        wire_vdev = memif(0, "client", wire.sockets[site.side], site.wire_mac)
        if lan is not None:
            plain_vdev = memif(1, "client", lan.sockets[site.side], site.plain_mac)
        else:
            plain_vdev = f"--vdev=net_pcap0,rx_pcap={pcap[0]},tx_pcap={pcap[1]}"
        return self.add(Gateway(self, site, peer_site, wire_vdev, plain_vdev, dict(options)))


class Link:
    """The topology of the page above with relays on both plain sides, so that a test decides when a packet comes."""

    def __init__(self, bench, alpha_options=None, beta_options=None):
        a, b = ((options or {}).get("workers", 1) for options in (alpha_options, beta_options))
        self.wire = bench.relay("wire", queues=(a, b))
        self.lan_a, self.lan_b = bench.relay("lan-a", "a", queues=(a,)), bench.relay("lan-b", "b", queues=(b,))
        self.alpha = bench.gateway(ALPHA, BETA, self.wire, self.lan_a, **(alpha_options or {}))
        self.beta = bench.gateway(BETA, ALPHA, self.wire, self.lan_b, **(beta_options or {}))
        self.alpha.configure(self.beta.public_key, self.beta.name)
        self.beta.configure(self.alpha.public_key, self.alpha.name)

    def start(self):
        self.beta.start()
        self.alpha.start()
        self.alpha.wait_up()
        self.beta.wait_up()
        self.announce()
        return self

    def announce(self):
        """Both hosts make themselves known to their gateways."""
        self.announce_a()
        self.announce_b()

    def announce_a(self):
        self.lan_a.inject("a", [packets.announce(ALPHA.host, ALPHA.host_mac, ALPHA.plain)])

    def announce_b(self, host=BETA.host):
        self.lan_b.inject("b", [packets.announce(host, BETA.host_mac, BETA.plain)])

    def send_a(self, inner):
        """Packets from host A to its gateway."""
        self.lan_a.inject("a", [packets.frame(packet, ALPHA.host_mac, ALPHA.plain_mac) for packet in inner])

    def send_b(self, inner):
        self.lan_b.inject("b", [packets.frame(packet, BETA.host_mac, BETA.plain_mac) for packet in inner])

    def at_a(self):
        """What has come out for host A."""
        return packets.ip_packets(self.lan_a.frames(), ALPHA.host)

    def at_b(self, host=BETA.host):
        return packets.ip_packets(self.lan_b.frames(), host)

    def flows(self, number, limit=5):
        """One packet each way must come through both gateways."""
        there = packets.datagram(ALPHA.host, BETA.host, b"there", number)
        back = packets.datagram(BETA.host, ALPHA.host, b"back", number)
        self.send_a([there])
        self.send_b([back])
        wait_until(lambda: packets.aged(there) in self.at_b() and packets.aged(back) in self.at_a(), limit,
                   "packets come through")
