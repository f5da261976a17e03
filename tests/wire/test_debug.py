#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Debugging a live gateway: its keys, its packets and their ways, by `sealane keylog`, `capture` and `trace`. What they write is
read by tshark, and compared with what the relays have recorded.
"""

import logging
import os
import shutil
import signal
import socket
import struct
import subprocess

import esp
import packets
from gateway import ALPHA, BETA, RELAY, SEALANE, Bench, Link, Stream, need, number, wait_until
from scapy.layers.inet import IP, UDP
from scapy.utils import RawPcapNgReader
from tap import Skip, Tap, equal

LIMIT = 10

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it wants comments to end with a line


def tshark(path, *arguments, config=None, data=None):
    """The lines that tshark prints about a capture, with a folder of key logs if any, and nothing else."""
    if shutil.which("tshark") is None:
        raise Skip("no tshark")
    env = dict(os.environ, HOME="/nonexistent")
    if config is not None:
        env["WIRESHARK_CONFIG_DIR"] = str(config)
    done = subprocess.run(["tshark", *(["-i", "-"] if data is not None else ["-r", path]), *arguments], env=env,
                          input=data, capture_output=True, check=True, timeout=30)
    return done.stdout.decode().splitlines()


def fields(path, *names, show=None):
    arguments = [part for name in names for part in ("-e", name)]
    lines = tshark(path, *(["-Y", show] if show else []), "-T", "fields", *arguments)
    return [tuple(line.split("\t")) for line in lines]


def frames_in(path):
    """The bytes of every packet of a pcapng file."""
    reader = RawPcapNgReader(str(path))
    try:
        return [data for data, _ in reader]
    finally:
        reader.close()


def captured(path, comment):
    """The packets of a capture that have this comment."""
    return [data for data, (said,) in zip(frames_in(path), fields(path, "frame.comment")) if said == comment]


def there(seq):
    return packets.datagram(ALPHA.host, BETA.host, b"there", seq)


# ---- Capture ----

def both_ports(tap, link):
    path = link.alpha.dir / "ports.pcapng"
    capture = Stream(link.alpha, "capture", "--port", "wire", "--port", "plain", path)
    before = len(link.wire.frames())
    link.flows(10)
    with tap.case("a capture of both ports ends with Ctrl-C, and says how much it has"):
        equal(capture.stop(), 0, "exit status")
        last = capture.said()[-1]
        assert last.endswith("packets, 0 missed\n") and int(last.split()[2]) >= 4, last
        equal(os.stat(path).st_mode & 0o777, 0o600, "mode of the file")
    on_wire = link.wire.frames()[before:]
    with tap.case("it has what came and went on both ports, with direction and worker"):
        lines = fields(path, "frame.interface_name", "frame.packet_flags_direction", "frame.comment", show="udp")
        kinds = {(name, int(direction, 0) & 3, comment) for name, direction, comment in lines}
        wanted = {(port, direction, "worker 0") for port in ("wire", "plain") for direction in (1, 2)}
        equal(kinds, wanted, "interfaces, directions and comments")
    with tap.case("its frames are those on the wire, byte by byte"):
        sealed = [frame for frame in on_wire if packets.wire_kind(frame) == "esp"]
        equal(len(sealed), 2, "sealed frames on the wire")
        missing = [frame for frame in sealed if frame not in frames_in(path)]
        equal(missing, [], "frames that are not in it")
    with tap.case("and those of the host"):
        frame = packets.frame(packets.datagram(ALPHA.host, BETA.host, b"there", 10), ALPHA.host_mac, ALPHA.plain_mac)
        equal(frames_in(path).count(frame), 1, "the host's frame")
    with tap.case("afterwards nothing looks at packets any more"):
        equal("looked at no longer" in link.alpha.log_text(), True, "the gateway's log says so")
        size = path.stat().st_size
        link.flows(11)
        equal(path.stat().st_size, size, "bytes of the file")


def limits(tap, link):
    path = link.alpha.dir / "count.pcapng"
    with tap.case("--count ends a capture, --snaplen cuts its packets"):
        capture = Stream(link.alpha, "capture", "--port", "plain", "--count", "3", "--snaplen", "40", path)
        link.send_a([there(number) for number in range(20, 30)])
        equal(capture.ended(), 0, "exit status")
        equal([len(data) for data in frames_in(path)], [40] * 3, "bytes captured")
        equal({int(length) for (length,) in fields(path, "frame.len")}, {packets.FRAME_MIN}, "bytes of the frames")
    with tap.case("--time ends it, without packets, and the file is one"):
        capture = Stream(link.alpha, "capture", "--port", "wire", "--peer", BETA.name, "--time", "300ms", path)
        equal(capture.ended(), 0, "exit status")
        equal(capture.said()[-1].startswith("sealane: capture: 0 packets"), True, "the last line")
        equal(fields(path, "frame.number"), [], "packets")
    with tap.case("--peer leaves out what does not concern the peer"):
        capture = Stream(link.alpha, "capture", "--port", "plain", "--peer", BETA.name, path)
        link.send_a([packets.datagram(ALPHA.host, "10.9.0.1", b"elsewhere"), there(31)])
        wait_until(lambda: packets.aged(there(31)) in link.at_b(), LIMIT, "the packet comes through")
        equal(capture.stop(), 0, "exit status")
        equal({dst for (dst,) in fields(path, "ip.dst")}, {BETA.host}, "destinations")


def piped(tap, link):
    with tap.case("a capture can be piped into tshark, which dissects it"):
        capture = Stream(link.alpha, "capture", "--port", "wire", "--count", "2", "-")
        link.flows(40)
        equal(capture.ended(), 0, "exit status")
        lines = tshark(None, "-T", "fields", "-e", "frame.protocols", data=capture.out.read_bytes())
        equal(len(lines), 2, "packets")


def drops(tap, link):
    path = link.beta.dir / "drops.pcapng"
    sa, _ = link.beta_sas()
    good = esp.outer(sa, esp.seal_by_scapy(sa, there(50), 1000))
    bad = bytearray(esp.wire_frame(esp.outer(sa, esp.seal_by_scapy(sa, there(51), 1001)), ALPHA.wire_mac, BETA.wire_mac))
    bad[-1] ^= 1
    good = esp.wire_frame(good, ALPHA.wire_mac, BETA.wire_mac)
    nowhere = packets.frame(packets.datagram(BETA.host, "10.9.0.1", b"nowhere"), BETA.host_mac, BETA.plain_mac)
    foreign = packets.frame(packets.datagram("10.77.0.1", ALPHA.host, b"foreign"), BETA.host_mac, BETA.plain_mac)
    before = link.beta.drops()
    capture = Stream(link.beta, "capture", "--drops", path)
    link.wire.inject("b", [bytes(bad), good, good])
    link.lan_b.inject("b", [nowhere, foreign])

    def counted():
        now = link.beta.drops()
        return {name: now[name] - before[name] for name in now if now[name] != before[name]}
    wanted = {"bad-icv": 1, "replay": 1, "no-route": 1, "selector": 1}
    wait_until(lambda: sum(counted().values()) >= 4, LIMIT, "four packets are dropped")
    equal(capture.stop(), 0, "exit status of the capture")
    with tap.case("every drop is captured, under the reason it is counted for"):
        equal(counted(), wanted, "drops counted")
        equal(sorted(comment.split(",")[0] for (comment,) in fields(path, "frame.comment")),
              sorted("dropped: " + name for name in wanted), "comments")
    with tap.case("as the frame that was received, whatever had been made of it"):
        for comment, frame in (("dropped: bad-icv, worker 0, from wire", bytes(bad)),
                               ("dropped: replay, worker 0, from wire", good),
                               ("dropped: selector, worker 0, from plain", foreign)):
            equal(captured(path, comment), [frame], comment)
    with tap.case("or as the packet that the control thread had got"):
        equal(captured(path, "dropped: no-route, control thread"), [packets.ip_of(nowhere)], "captured")
    with tap.case("meanwhile everything else passes, and is accounted for"):
        equal(packets.aged(there(50), 1) in link.at_b(), True, "the good packet came out")
        link.beta.check_accounting()


# ---- Trace ----

def trace(link, gateway, act, *arguments, count=1):
    """What `sealane trace` prints about the packets that act() sends."""
    stream = Stream(gateway, "trace", "--count", str(count), *arguments)
    act()
    equal(stream.ended(), 0, "exit status of the trace")
    return stream.printed().splitlines()


def says(lines, *wanted):
    """Each of these begins a line, in this order, and there are no others."""
    equal(len(lines), len(wanted), f"lines of {lines}")
    for line, text in zip(lines, wanted):
        if text not in line:
            raise AssertionError(f"{line!r} does not say {text!r}")


def traces(tap, link):
    with tap.case("trace of a packet that is sealed"):
        lines = trace(link, link.alpha, lambda: link.send_a([there(60)]), "--to", BETA.host)
        session = link.alpha.session()
        inner = len(there(60))
        says(lines, f" worker 0: frame of {packets.FRAME_MIN} bytes from plain",
             f"    packet: {ALPHA.host}:7000 > {BETA.host}:7001 udp, {inner} bytes",
             f"    route: to peer {BETA.name}",
             f"    session: SPI {session['spi_out']}, sequence number {session['tx_packets']}",
             f"    sealed: {ALPHA.wire}:4500 > {BETA.wire}:4500 udp, ",
             "    sent: frame of ")
        frame = [frame for frame in link.wire.frames() if packets.wire_kind(frame) == "esp"][-1]
        equal(lines[-1], f"    sent: frame of {len(frame)} bytes to wire", "the last line")
    with tap.case("trace of a packet that is opened"):
        lines = trace(link, link.beta, lambda: link.send_a([there(61)]), "--from", "10.1.0.0/16", "--peer", ALPHA.name)
        session = link.alpha.session()
        says(lines, f" worker 0: frame of {len(frame)} bytes from wire",
             f"    packet: {ALPHA.wire}:4500 > {BETA.wire}:4500 udp, ",
             f"    session: SPI {session['spi_out']}, sequence number {session['tx_packets']}, of peer {ALPHA.name}",
             f"    opened: {ALPHA.host}:7000 > {BETA.host}:7001 udp, {inner} bytes",
             f"    sent: frame of {14 + inner} bytes to plain")
    with tap.case("trace of packets that are dropped"):
        sent = [packets.datagram("10.77.0.1", BETA.host, b"foreign"), there(62)]
        lines = trace(link, link.alpha, lambda: link.send_a(sent), "--from", "10.77.0.1")
        says(lines, " from plain", "    packet: 10.77.0.1:7000 > ", f"    route: to peer {BETA.name}",
             "    dropped: selector: ")
    with tap.case("trace of a packet that is cut"):
        large = bytes(IP(src=ALPHA.host, dst=BETA.host) / UDP() / bytes(packets.INNER_MTU))
        lines = trace(link, link.alpha, lambda: link.send_a([large]), "--to", BETA.host)
        equal([line.strip().split(":")[0] for line in lines[1:]],
              ["packet", "route", "session", "cut", "sealed", "sent"], "steps")
        assert "into 2 packets" in lines[4], lines[4]
    with tap.case("trace of what goes to the control thread"):
        lines = trace(link, link.alpha, lambda: link.announce_a())
        says(lines, " worker 0: frame of 60 bytes from plain", "    to the control thread: ")


# ---- Key log ----

def open_by_tshark(path, config, dst):
    """The sequence numbers of the packets to dst that tshark reads in ESP."""
    return tshark(path, "-Y", f"esp && ip.dst == {dst}", "-T", "fields", "-e", "esp.sequence", config=config)


def keylog(tap, link):
    gateway, keys = link.alpha, link.alpha.dir / "keys"
    path = gateway.dir / "sealed.pcapng"
    old = gateway.session()
    capture = Stream(gateway, "capture", "--port", "wire", path)
    stream = Stream(gateway, "keylog", keys)
    link.send_a([there(70)])
    wait_until(lambda: packets.aged(there(70)) in link.at_b(), LIMIT, "the packet comes through")
    with tap.case("the key log has the keys of a session that was there before"):
        wait_until(lambda: number(old["spi_out"]) in esp.read_keylog(keys), LIMIT, "the session's keys are logged")
        sa = esp.read_keylog(keys)[number(old["spi_out"])]
        frame = [frame for frame in link.wire.frames() if packets.wire_kind(frame) == "esp"][-1]
        equal(esp.open_by_aesgcm(sa, packets.esp_of(frame))[2], packets.aged(there(70), 1), "opened")
    with tap.case("and those of the ones that come"):
        gateway.rekey()
        wait_until(lambda: gateway.session()["spi_out"] != old["spi_out"], LIMIT, "there are fresh keys")
        new = gateway.session()
        link.send_a([there(71)])
        wait_until(lambda: packets.aged(there(71)) in link.at_b(), LIMIT, "the packet comes through")
        wait_until(lambda: number(new["spi_out"]) in esp.read_keylog(keys), LIMIT, "the session's keys are logged")
    gateway.rekey("--ike")
    ike = keys / "ikev2_decryption_table"
    with tap.case("the IKE SAs' too, old and new"):
        wait_until(lambda: len(ike.read_text().splitlines()) == 2, LIMIT, "keys of two IKE SAs are logged")
    with tap.case("sealane show says what goes on"):
        equal(gateway.show_gateway()["debugging"], "keys are written down, packets are captured", "what is shown")
    with tap.case("it says on both sides what it does, and its files are the user's alone"):
        assert "THE KEYS OF ALL SESSIONS ARE BEING GIVEN AWAY" in gateway.log_text(), "nothing in the gateway's log"
        assert any("READS ALL TRAFFIC" in line for line in stream.said()), stream.said()
        equal({file.name: oct(file.stat().st_mode & 0o777) for file in keys.iterdir()},
              {"esp_sa": "0o600", "ikev2_decryption_table": "0o600", "preferences": "0o600"}, "modes")
    equal((stream.stop(), capture.stop()), (0, 0), "exit statuses")
    with tap.case("tshark opens a capture with what the command prints, before and after the rekey"):
        hint = [line for line in stream.said() if "WIRESHARK_CONFIG_DIR" in line][0]
        equal(hint.split(": ")[-1].split(), [f"WIRESHARK_CONFIG_DIR={keys}", "tshark", "-r", "FILE"], "the hint")
        equal(open_by_tshark(path, keys, BETA.host), [str(old["tx_packets"] + 1), str(new["tx_packets"] + 1)],
              "sequence numbers")
    with tap.case("and reads the IKE messages of the rekeys"):
        lines = tshark(path, "-Y", "isakmp.exchangetype == 36 && isakmp.key_exchange.dh_group", "-T", "fields",
                       "-e", "isakmp.key_exchange.dh_group", config=keys)
        equal(set(lines), {"31"}, "groups of the key exchanges")
        assert len(lines) >= 4, lines
    with tap.case("and that it does no longer"):
        equal(gateway.show_gateway()["debugging"], "", "what is shown now")
    with tap.case("once it has ended no key is written any more"):
        size, current = (keys / "esp_sa").stat().st_size, gateway.session()["spi_out"]
        gateway.rekey()
        wait_until(lambda: gateway.session()["spi_out"] != current, LIMIT, "there are fresh keys")
        equal((keys / "esp_sa").stat().st_size, size, "bytes of the file")
        assert "given away no longer" in gateway.log_text(), "nothing in the gateway's log"


# ---- Who asks, and how ----

def socket_of(gateway):
    return gateway.bench.dir / "run" / "dpdk" / f"sealane-{gateway.name}" / "debug"


def ask(gateway, message):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(LIMIT)
        connection.connect(str(socket_of(gateway)))
        if message is None:
            return b""
        connection.send(message)
        return connection.recv(65536)


def request(version=1, what=1, frames=1, snaplen=65535, count=0, peer=b"", prefixes=bytes(36)):
    return struct.pack("=IIIIQ64s", version, what, frames, snaplen, count, peer) + prefixes + bytes(4)


def hostile(tap, link):
    gateway = link.alpha
    with tap.case("requests that make no sense are refused, and harm nothing"):
        garbage = [b"\0", bytes(128), b"\xff" * 128, os.urandom(128), os.urandom(4096), request(version=2),
                   request(what=3), request(frames=0), request(frames=8), request(what=2, frames=1), request(snaplen=0),
                   request(snaplen=65536), request(peer=b"x" * 64), request(peer=b"nobody"),
                   request(what=2, frames=0, prefixes=bytes([4]) + bytes(16) + bytes([33]) + bytes(18)),
                   request()[:-1], request() + b"\0"]
        for message in garbage:
            equal(ask(gateway, message)[:1], b"!", f"the answer to {message[:24]!r}")
        ask(gateway, None)
        gateway.alive()
        link.flows(80)
    with tap.case("the socket is the gateway's own user's alone"):
        equal(oct(os.stat(socket_of(gateway)).st_mode & 0o777), "0o600", "mode")


def one_at_a_time(tap, link):
    with tap.case("there is one capture or trace at a time, and the second one hears who is there"):
        first = Stream(link.alpha, "trace", "--to", "192.0.2.99")
        second = Stream(link.alpha, "capture", "--port", "wire", link.alpha.dir / "second.pcapng")
        equal(second.ended(), 1, "exit status")
        assert f"process {first.process.pid} already" in second.said()[0], second.said()
        equal(first.stop(), 0, "exit status of the first")
    with tap.case("a command that is killed leaves nothing behind"):
        first = Stream(link.alpha, "capture", "--drops", "--port", "wire", link.alpha.dir / "killed.pcapng")
        first.stop(signal.SIGKILL)
        wait_until(lambda: Stream(link.alpha, "capture", "--port", "wire", "--time", "100ms",
                                  link.alpha.dir / "next.pcapng").ended() == 0, LIMIT, "another capture is possible")
        link.flows(81)


def end(tap, link):
    path = link.alpha.dir / "last.pcapng"
    with tap.case("a gateway that stops ends what is going on, in order"):
        streams = [Stream(link.alpha, "capture", "--port", "wire", path), Stream(link.alpha, "keylog", link.alpha.dir / "k")]
        equal(link.alpha.stop(), 0, "exit status of the gateway")
        equal([stream.ended() for stream in streams], [0, 0], "exit statuses of the commands")
        frames_in(path)
    with tap.case("one that is killed does not, and the commands say so"):
        stream = Stream(link.beta, "capture", "--port", "wire", path)
        link.beta.kill()
        equal(stream.ended(), 1, "exit status")
        assert "has gone" in stream.said()[-1], stream.said()


# ---- Several workers ----

def workers(tap):
    """A packet that one worker receives for another."""
    with Bench(tap) as bench:
        link = Link(bench, {}, {"workers": 2}).start()
        sa, _ = link.alpha.sas()
        owner = sa.spi >> 26
        link.wire.use_queue("b", 1 - owner)

        def sealed(seq):
            return esp.wire_frame(esp.outer(sa, esp.seal_by_scapy(sa, there(seq), seq)), ALPHA.wire_mac, BETA.wire_mac)
        with tap.case("trace of a packet that is handed to another worker"):
            lines = trace(link, link.beta, lambda: link.wire.inject("b", [sealed(1000)]), count=2)
            says([lines[3], lines[4], lines[7], lines[8]],
                 f"    handed over: to worker {owner}, which has the session",
                 f" worker {owner}: frame of {len(sealed(1000))} bytes from wire, handed over by another worker",
                 "    opened: ", "    sent: ")
        with tap.case("a packet that is dropped there is captured as the frame it was"):
            path = link.beta.dir / "handed.pcapng"
            capture = Stream(link.beta, "capture", "--drops", "--count", "1", path)
            link.wire.inject("b", [sealed(1000)])
            equal(capture.ended(), 0, "exit status")
            equal(captured(path, f"dropped: replay, worker {owner}, from wire"), [sealed(1000)], "captured")


class DebugLink(Link):
    """Alpha writes no keys by itself; beta does, so that we can seal as alpha."""

    def __init__(self, bench):
        super().__init__(bench, {"logs_keys": False})

    def beta_sas(self):
        """The SAs of beta: (from alpha, towards alpha)."""
        towards, from_alpha = self.beta.sas()
        return from_alpha, towards


def main():
    need(SEALANE, RELAY)
    tap = Tap()
    with Bench(tap) as bench:
        link = DebugLink(bench).start()
        for group in both_ports, limits, piped, drops, traces, keylog, hostile, one_at_a_time, end:
            group(tap, link)
    workers(tap)
    tap.finish()


main()
