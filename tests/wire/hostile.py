# SPDX-License-Identifier: BSD-3-Clause
"""
One gateway against a world that is all ours: whatever lies on its wire is played here, frame by frame. There is

    alpha.test, 192.0.2.1    an honest peer, with whom the link is up all the time
    gamma.test, 192.0.2.3    a peer that the gateway calls
    others on the wire       who are nobody

Each case sends something and says what must come of it: which counters rise, by how much, and no others; what comes out
at the host behind the gateway; what is answered. To know that the gateway is done with it, an honest packet and an honest
IKE request of alpha's go last. The gateway takes one thing after the other, so when both have come through nothing more
can come of the case; and the link is seen to stand after every one.
"""

import contextlib
import glob
import json
import os
import socket
import struct
import subprocess
import time
from base64 import b64decode, b64encode

import esp
import ike_peer as ike
import packets
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from gateway import ALPHA, BETA, SEALANE, wait_until

LIMIT = 15  # seconds for what takes milliseconds
POLL = 0.0005
IKE_A_SECOND, IKE_AT_ONCE = 240, 240  # messages; the gateway's gate lets a little more pass
GAMMA_IP, GAMMA_NET = "192.0.2.3", "10.3.0.0/16"
WORLD_MAC = ALPHA.wire_mac  # all stations on the wire have one MAC
MARKER = bytes(4)
IKE_PORT, NAT_PORT = 500, 4500
UDP, ICMP, ESP = 17, 1, 50
# Of the IKE counters those that say why a message was dropped or what became of it; the others count messages.
IKE_REASONS = ("malformed", "unknown-sa", "unexpected", "bad-integrity", "auth-failures", "cookies-sent", "turned-away",
               "retransmits")


# ---- Bytes -----------------------------------------------------------------------------------------------------------

def address(text):
    return bytes(int(part) for part in text.split("."))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def with_checksum(packet):
    """An IPv4 packet whose header checksum is right for what its header says."""
    length = (packet[0] & 15) * 4
    header = packet[:10] + bytes(2) + packet[12:length]
    return header[:10] + struct.pack("!H", checksum(header)) + packet[12:]


def ipv4(src, dst, payload, proto=UDP, ttl=64, number=1, fragment=0, tos=0, options=b"", version=4, total=None):
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | size // 4, tos, size + len(payload) if total is None else total,
                       number, fragment, ttl, proto, 0, address(src), address(dst)) + options
    return with_checksum(head + payload)


def udp(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def datagram(src=ALPHA.host, dst=BETA.host, payload=b"honest", number=1, **fields):
    return ipv4(src, dst, udp(7000, 7001, payload), number=number, **fields)


def aged(packet):
    """What it is behind one router."""
    return with_checksum(packet[:8] + bytes([packet[8] - 1]) + packet[9:])


def frame(packet, dst=BETA.wire_mac, src=WORLD_MAC, kind=0x0800):
    mac = bytes.fromhex(dst.replace(":", "")) + bytes.fromhex(src.replace(":", ""))
    return mac + struct.pack("!H", kind) + packet


def on_wire(payload, src=ALPHA.wire, proto=UDP, **fields):
    """A frame for the gateway with this in an IPv4 packet."""
    return frame(ipv4(src, BETA.wire, payload, proto, **fields))


def in_udp(payload, src=ALPHA.wire, sport=NAT_PORT, dport=NAT_PORT, **fields):
    return on_wire(udp(sport, dport, payload), src, **fields)


def ike_frame(msg, src=ALPHA.wire, port=NAT_PORT, sport=None):
    return in_udp((MARKER if port == NAT_PORT else b"") + msg, src, sport or port, port)


def is_ike(data):
    """Whether the gateway takes it for IKE, over IPv4 without options."""
    return data[12:14] == b"\x08\x00" and data[23:24] == b"\x11" and (
        data[36:38] == b"\x01\xf4" or data[36:38] == b"\x11\x94" and data[42:46] == bytes(4))


def arp_answer(data, mac, unless=None):
    """The answer to this ARP frame, in a list, of the station with this MAC; none when it asks nothing, or for `unless`."""
    asker_mac, asker, asked = data[22:28], data[28:32], data[38:42]
    if data[20:22] != b"\0\1" or (unless and asked == address(unless)):
        return []
    own = bytes.fromhex(mac.replace(":", ""))
    return [asker_mac + own + b"\x08\x06\0\1\x08\0\6\4\0\2" + own + asked + asker_mac + asker + bytes(18)]


def flip(data, bit):
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 0x80 >> bit % 8]) + data[at + 1:]


# ---- What is seen of the gateway -------------------------------------------------------------------------------------

class Tail:
    """The frames that are new in a pcap that is being written."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.file.read(packets.PCAP_HEADER_LEN)
        self.rest = b""

    def frames(self):
        data = self.rest + self.file.read()
        found, at = [], 0
        while at + 16 <= len(data):
            end = at + 16 + packets.PCAP_RECORD.unpack_from(data, at)[2]
            if end > len(data):
                break
            found.append(data[at + 16:end])
            at = end
        self.rest = data[at:]
        return found


class Telemetry:
    """The gateway's counters, over a connection that stays: some dozens are read for each case."""

    def __init__(self, bench):
        def connected():
            for path in glob.glob(f"{bench.dir}/run/dpdk/*/dpdk_telemetry.v2"):
                self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self.socket.settimeout(LIMIT)
                with contextlib.suppress(OSError):
                    self.socket.connect(path)
                    return True
            return False
        wait_until(connected, LIMIT, "the gateway's telemetry socket")
        self.size = json.loads(self.socket.recv(4096))["max_output_len"] + 4096
        self.names = [("drop", name, "packets") for name in self.ask("drops")]
        self.names += [("ike_counter", name, "count") for name in self.ask("ike") if name in IKE_REASONS]

    def ask(self, command):
        self.socket.send(f"/sealane/{command}".encode())
        answer, = json.loads(self.socket.recv(self.size)).values()
        return answer

    def counters(self):
        return {name: self.ask(f"{kind},{name}")[field] for kind, name, field in self.names}


class Child:
    """A child SA of ours with the gateway: it seals under numbers of our choice."""

    def __init__(self, send, receive, esn=True):
        self.send, self.receive, self.esn = send, receive, esn
        self.seq = 0

    def next(self, ahead=1):
        self.seq += ahead
        return self.seq

    def seal(self, inner, seq=None, next_header=esp.IPV4):
        return self.seal_clear(esp.trailer(inner, next_header), seq)

    def seal_clear(self, clear, seq=None):
        return esp.seal_clear(self.send, clear, self.next() if seq is None else seq)

    def open(self, sealed):
        return esp.open_by_aesgcm(self.receive, sealed)[2]


class Stage:
    """The gateway, the world around it, and alpha's link."""

    def __init__(self, bench, tap):
        self.tap, self.bench = tap, bench
        self.cases = self.families = 0
        self.alpha_key, self.gamma_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        public = {name: b64encode(ike.public_bytes(key)).decode()
                  for name, key in (("alpha", self.alpha_key), ("gamma", self.gamma_key))}
        self.wire, self.lan = bench.relay("wire", "b"), bench.relay("lan-b", "b")
        self.gateway = bench.gateway(BETA, ALPHA, self.wire, self.lan, dpd_delay="0", logs_keys=False, peer_lines=f"""\
start = none

[peer gamma.test]
public-key = {public["gamma"]}
endpoint = {GAMMA_IP}
prefixes = {GAMMA_NET}
dpd-delay = 0
start = boot
""")
        self.gateway.configure(public["alpha"], ALPHA.name)
        self.gateway_key = Ed25519PublicKey.from_public_bytes(b64decode(self.gateway.public_key))
        self.wire_tail, self.lan_tail = Tail(self.wire.pcap), Tail(self.lan.pcap)
        self.sent = self.wire.pcap.with_suffix(".inject")
        self.ike_in, self.esp_in, self.plain_in, self.other_in = [], [], [], []
        self.failures, self.known = [], set()
        self.repeated = ()  # requests of the gateway that nobody answers, so that it sends them again
        self.sa = self.child = None
        self.ike_due = 0  # when all IKE that was sent so far may have been
        self.lost = False  # for good, so that no more cases are tried

    def start(self):
        self.gateway.start()
        self.gateway.wait_running()
        self.telemetry = Telemetry(self.bench)
        self.order("down", "gamma.test")
        self.lan.inject("b", [packets.announce(BETA.host, BETA.host_mac, BETA.plain)])
        self.meet(ALPHA.wire, GAMMA_IP)
        self.connect()
        return self

    def order(self, verb, peer):
        """sealane down, up."""
        subprocess.run([SEALANE, verb, peer, "--gateway", self.gateway.name], env=self.bench.env, check=True,
                       capture_output=True, timeout=LIMIT)

    # -- Frames --

    def send(self, frames):
        """IKE no faster than the gateway listens to one peer or one IKE SA: else it drops it as a flood, and rightly."""
        step = IKE_AT_ONCE if any(map(is_ike, frames)) else len(frames)
        while frames:
            self.inject(frames[:step])
            frames = frames[step:]

    def inject(self, frames):
        now = time.monotonic()
        self.ike_due = max(self.ike_due, now - IKE_AT_ONCE / IKE_A_SECOND) + sum(map(is_ike, frames)) / IKE_A_SECOND
        time.sleep(max(0, self.ike_due - now))
        records = b"".join(struct.pack("=IIII", 0, 0, len(data), len(data)) + data for data in frames)
        self.sent.write_bytes(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + records)
        count = int(self.wire.order(f"inject {self.wire.order_name('b')} {self.sent}"))
        if count != len(frames):
            raise RuntimeError(f"{count} of {len(frames)} frames were injected")

    def meet(self, *stations):
        """The gateway learns where these are, so that it can answer them at once."""
        fresh = [ip for ip in stations if ip not in self.known]
        self.send([packets.announce(ip, WORLD_MAC, BETA.wire) for ip in fresh])
        self.known.update(fresh)

    def pump(self):
        """Sorts what has come from the gateway, and answers who is asked for."""
        answers, host = [], []
        for data in self.wire_tail.frames():
            packet = packets.ip_of(data)
            if packets.is_arp(data):
                answers += arp_answer(data, WORLD_MAC, unless=BETA.wire)
            elif packet and packet[9] == UDP and packet[20:22] in (b"\x11\x94", b"\x01\xf4"):
                self.sort(packet)
            else:
                self.other_in.append(data)
        for data in self.lan_tail.frames():
            if packets.asks_for(data, BETA.host):
                host += arp_answer(data, BETA.host_mac)
            elif not packets.is_arp(data):
                self.plain_in.append(packets.ip_of(data))
        if answers:
            self.send(answers)
        if host:
            self.lan.inject("b", host)

    def sort(self, packet):
        port, payload = int.from_bytes(packet[20:22], "big"), packet[28:]
        if port == IKE_PORT or payload[:4] == MARKER:
            self.ike_in.append((packets.ip_text(packet[16:20]), payload[4 if port == NAT_PORT else 0:]))
        else:
            self.esp_in.append(payload)

    def until(self, condition, what):
        deadline = time.monotonic() + LIMIT
        while True:
            self.pump()
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {LIMIT} s")
            time.sleep(POLL)

    def ike_message(self, place, wanted=lambda msg: True):
        """Waits for an IKE message to this address, and takes it."""
        def found():
            for at, (to, msg) in enumerate(self.ike_in):
                if to == place and wanted(msg):
                    return self.ike_in.pop(at)[1]
            return None
        return self.until(found, f"an IKE message to {place}")

    def ask(self, msg, place=ALPHA.wire, port=NAT_PORT):
        """Sends a request; the answer."""
        head = ike.header_of(msg)
        self.send([ike_frame(msg, place, port)])
        return self.ike_message(place, lambda other: ike.header_of(other)[4:7:2] == (head[4], head[6]) and
                                ike.header_of(other)[0] == head[0])

    # -- Honest peers --

    def half_open(self, place=ALPHA.wire, extra=(), transforms=ike.IKE_TRANSFORMS):
        """An IKE SA of ours after IKE_SA_INIT."""
        sa = ike.IkeSa(transforms=transforms)
        sa.take_init(self.ask(sa.init_message(sa.init_payloads() + list(extra)), place))
        return sa

    def auth_payloads(self, sa, spi, key=None, name=ALPHA.name, net=ALPHA.net, esn=True, extra=()):
        """An honest IKE_AUTH request."""
        id_body = ike.identity(name.encode())
        transforms = ike.ESP_TRANSFORMS if esn else (ike.AES_GCM_256, ike.NO_ESN)
        return [(ike.IDI, id_body), ike.auth(sa.sign(key or self.alpha_key, id_body)), *extra,
                (ike.SA, ike.proposals(transforms, protocol=ike.PROTO_ESP, spi=spi)),
                (ike.TSI, ike.selectors(ike.prefix_selector(net))),
                (ike.TSR, ike.selectors(ike.prefix_selector(BETA.net)))]

    def child_of(self, sa, spi, answer, esn=True, keys=None):
        _, spi_theirs, _ = ike.read_proposal(ike.body_of(answer, ike.SA))
        to, back = keys or sa.child_keys()
        return Child(esp.Sa(ALPHA.wire, BETA.wire, int.from_bytes(spi_theirs, "big"), to, esn),
                     esp.Sa(BETA.wire, ALPHA.wire, int.from_bytes(spi, "big"), back, esn), esn)

    def establish(self, esn=True, extra=(), init_extra=()):
        """A handshake as alpha. Returns IKE SA and child SA."""
        sa, spi = self.half_open(extra=init_extra), os.urandom(3).join([b"\x77", b""])
        msg = sa.seal(ike.IKE_AUTH, self.auth_payloads(sa, spi, esn=esn, extra=extra), sa.next_id)
        answer = sa.open(self.ask(msg))
        sa.next_id += 1
        sa.auth_is_by(self.gateway_key, answer)
        return sa, self.child_of(sa, spi, answer, esn)

    def connect(self, esn=True, init_extra=()):
        """Alpha's link, made or made anew."""
        self.sa, self.child = self.establish(esn, [ike.notify(ike.INITIAL_CONTACT)], init_extra)
        self.settle()

    def settle(self):
        """Nothing is under way any more, and what has been counted so far does not matter."""
        self.fence()
        self.before = self.telemetry.counters()
        for seen in self.ike_in, self.esp_in, self.plain_in, self.other_in:
            seen.clear()

    def fence_frames(self):
        self.fence_inner = datagram(payload=os.urandom(16))
        request = self.sa.seal(ike.INFORMATIONAL, [], self.sa.next_id)
        return [in_udp(self.child.seal(self.fence_inner)), ike_frame(request)]

    def fence(self, frames=()):
        """Sends frames and behind them the honest ones; returns when these have come through."""
        self.send([*frames, *self.fence_frames()])
        wanted, number = aged(self.fence_inner), self.sa.next_id

        def answer(msg):
            return (ike.header_of(msg)[4:7] == (ike.INFORMATIONAL, ike.RESPONSE, number)
                    and msg[:8] == self.sa.spi_i)
        msg = self.ike_message(ALPHA.wire, answer)
        if self.sa.open(msg) != []:
            raise AssertionError("the answer to the honest request says something")
        self.sa.next_id += 1
        self.until(lambda: wanted in self.plain_in, "the honest packet")
        self.plain_in.remove(wanted)

    # -- Cases --

    def check(self, what, frames, counters=None, plain=(), answers=(), cases=1, calls=False):
        """
        Sends frames. Exactly these counters must rise, exactly these packets come out, and the answers be these: for
        each a function that is given the address and the message, and says whether it is right. That the gateway calls
        gamma is not looked at, unless with `calls`: it does so when its time has come.
        """
        self.cases += cases
        self.fence(frames)
        found = []

        def all_there():
            found[:] = [answer for answer in self.ike_in if answer[1] not in self.repeated and (calls or not is_call(answer[1]))]
            return len(found) >= len(answers)
        self.until(all_there, f"{what}: {len(answers)} answers")
        now = self.telemetry.counters()
        risen = {name: now[name] - count for name, count in self.before.items() if now[name] != count}
        self.before = now
        if self.repeated:
            risen.pop("retransmits", None)
        self.expect(what, "counters", risen, {name: count for name, count in (counters or {}).items() if count})
        self.expect(what, "packets at the host", self.plain_in, list(plain))
        self.expect(what, "number of answers", len(found), len(answers))
        for right, (place, msg) in zip(answers, found):
            if not right(place, msg):
                self.failures.append(f"{what}: the answer to {place} is {msg.hex()}")
        self.expect(what, "sealed packets", self.esp_in, [])
        self.expect(what, "other frames on the wire", self.other_in, [])
        for seen in self.ike_in, self.esp_in, self.plain_in, self.other_in:
            seen.clear()

    def expect(self, what, kind, found, wanted):
        if found != wanted:
            self.failures.append(f"{what}: {kind} {found!r}, expected {wanted!r}"[:600])

    def link_works(self):
        """Both ways, in the session that we have; nothing else of alpha is there."""
        self.fence()
        back = datagram(BETA.host, ALPHA.host, os.urandom(16))
        self.lan.inject("b", [packets.frame(back, BETA.host_mac, BETA.plain_mac)])
        sealed = self.until(lambda: self.esp_in and self.esp_in.pop(0), "a packet of the host, sealed")
        self.expect("link", "packet of the host", self.child.open(sealed), aged(back))
        peer = self.telemetry.ask(f"peer,{ALPHA.name}")
        found = peer["state"], peer["ike_spi_i"], peer["ike_spi_r"], peer["child_sas_in_use"]
        self.expect("link", "IKE SA in use", found, ("up", self.sa.spi_i.hex(), self.sa.spi_r.hex(), 1))

    def family(self, name, run):
        """Cases that belong together: one TAP test. The link is the same before and after, and carries traffic."""
        before, self.failures = self.cases, []
        with self.tap.case(name):
            if self.lost:
                raise AssertionError("the link is lost for good")
            try:
                run(self)
                self.link_works()
            except (TimeoutError, RuntimeError, InvalidTag, ValueError, LookupError, struct.error) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                self.lost = True
            for text in self.failures[:10]:
                self.tap.note(text)
            if self.lost:
                self.repeated = ()
                self.connect()
                self.lost = False
            if self.failures:
                raise AssertionError(f"{len(self.failures)} of the cases went wrong")
        self.families += 1
        self.tap.note(f"{self.cases - before} cases: {name}")


def is_call(msg):
    """An IKE_SA_INIT request."""
    return ike.header_of(msg)[4:6] == (ike.IKE_SA_INIT, ike.INITIATOR)


# ---- Answers ---------------------------------------------------------------------------------------------------------

def refuses(kind, data=None):
    """An answer in the clear that is this one notify."""
    def right(_, msg):
        payloads = ike.read_chain(ike.header_of(msg)[2], msg[ike.HEADER_LEN:])
        return (ike.header_of(msg)[5] == ike.RESPONSE and len(payloads) == 1 and list(ike.notifies(payloads)) == [kind]
                and (data is None or ike.notifies(payloads)[kind] == data))
    return right


def accepts(_, msg):
    """An IKE_SA_INIT answer that goes on."""
    payloads = ike.read_chain(ike.header_of(msg)[2], msg[ike.HEADER_LEN:])
    return ike.header_of(msg)[4:6] == (ike.IKE_SA_INIT, ike.RESPONSE) and ike.body_of(payloads, ike.KE) is not None
