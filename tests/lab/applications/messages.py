# SPDX-License-Identifier: BSD-3-Clause
"""HTTP, gRPC and MQTT as Python programs use them: a message goes to a server and comes back with its digest.

These are the applications that the published method was made for: over a way that is `sealed` they protect each message
themselves, and are otherwise the same. Their client and server are programs of their own, message_client and
message_server, on the hosts.
"""

import hashlib
import json

from applications.figures import Figures
from applications.places import PYTHON, Failed

PATIENCE = 60  # seconds beyond those it measures, for a client


def identities(place):
    """The client's and the server's keys, made from the token of this run."""
    from applications.method import identity
    return [identity(hashlib.sha256(f"{end} {place.token}".encode()).digest()) for end in ("client", "server")]


class Messages:
    unit = "messages"
    serves = True  # some have their server in common

    def __init__(self, place):
        self.place = place
        self.marker = place.marker(self.name)

    def serve(self):
        if not self.serves:
            return
        self.before_serving()
        with self.place.log(self.transport) as file:
            process = self.place.server.spawn(PYTHON, "-m", "applications.message_server", self.place.file,
                                              self.transport, stdout=-1, stderr=file)
        if process.stdout.readline() != b"ready\n":
            raise Failed(f"the server for {self.transport} has ended with status {process.wait()}")

    def before_serving(self):
        pass

    def client(self, way, *words, seconds=0):
        told = self.place.client.run(
            PYTHON, "-m", "applications.message_client", self.place.file, self.name, way.address,
            "sealed" if way.sealed else "plain", *words, patience=2 * seconds + PATIENCE)
        return json.loads(told)

    def check(self, way):
        return self.client(way, "check", seconds=20)

    def measure(self, way, seconds):
        return Figures(**self.client(way, "measure", seconds, seconds=seconds))


class HttpMessages(Messages):
    name, title, transport, client_class = "http-messages", "HTTP/1.1: http.client, http.server", "http", "Client"


class GrpcUnary(Messages):
    name, title, transport, client_class = "grpc-unary", "gRPC, unary: grpcio", "grpc", "UnaryClient"


class GrpcStream(Messages):
    name, title, transport, client_class = "grpc-stream", "gRPC, streaming: grpcio", "grpc", "StreamClient"
    serves = False


class Mqtt0(Messages):
    name, title, transport, client_class = "mqtt-0", "MQTT, QoS 0: mosquitto, paho", "mqtt", "AtMostOnce"

    def before_serving(self):
        from applications.over_mqtt import PORT
        configuration = self.place.work / "mosquitto.conf"
        listeners = "".join(f"listener {PORT} {address}\n" for address in self.place.addresses)
        configuration.write_text("allow_anonymous true\nset_tcp_nodelay true\nmax_inflight_messages 0\n"
                                 f"persistence false\nuser root\n{listeners}")
        self.place.start("mosquitto", "-c", configuration, log="mosquitto", port=PORT)


class Mqtt1(Mqtt0):
    name, title, client_class = "mqtt-1", "MQTT, QoS 1: mosquitto, paho", "AtLeastOnce"
    serves = False


class Mqtt2(Mqtt0):
    name, title, client_class = "mqtt-2", "MQTT, QoS 2: mosquitto, paho", "ExactlyOnce"
    serves = False


KINDS = (HttpMessages, GrpcUnary, GrpcStream, Mqtt0, Mqtt1, Mqtt2)
