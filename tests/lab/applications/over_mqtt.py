# SPDX-License-Identifier: BSD-3-Clause
"""Messages over MQTT: requests and replies are published with one QoS, and pass through a broker on the server's host."""

import queue
import socket
import threading

import paho.mqtt.client as mqtt

PORT = 1883
PATIENCE = 30


def connected(address, name):
    """A client whose loop runs in a thread."""
    # paho 2 wants to be told which arguments its callbacks have.
    version = getattr(mqtt, "CallbackAPIVersion", None)
    client = mqtt.Client(version.VERSION1, client_id=name) if version else mqtt.Client(client_id=name)
    client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.max_inflight_messages_set(1000)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect(address, PORT, keepalive=60)
    client.loop_start()
    if not ready.wait(PATIENCE):
        raise TimeoutError("the broker does not answer")
    return client


def subscribe(client, topic, qos):
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.subscribe(topic, qos)
    if not ready.wait(PATIENCE):
        raise TimeoutError("the subscription is not confirmed")


def serve(addresses, answer):
    """Every QoS: a reply has that of its request."""
    client = connected(addresses[0], "responder")

    def on_message(_client, _data, message):
        client.publish(message.topic.replace("request/", "reply/", 1), answer(message.payload), message.qos)

    client.on_message = on_message
    subscribe(client, "request/#", 2)


class Client:
    qos = None

    def __init__(self, address, number):
        self.name = f"{number}-{threading.get_native_id()}"
        self.replies = queue.SimpleQueue()
        self.client = connected(address, self.name)
        self.client.on_message = lambda _client, _data, message: self.replies.put(message.payload)
        subscribe(self.client, f"reply/{self.name}", self.qos)

    def exchange(self, request):
        self.client.publish(f"request/{self.name}", request, self.qos)
        return self.replies.get(timeout=PATIENCE)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class AtMostOnce(Client):
    qos = 0


class AtLeastOnce(Client):
    qos = 1


class ExactlyOnce(Client):
    qos = 2
