# SPDX-License-Identifier: BSD-3-Clause
"""Messages over gRPC: unary calls, or both directions of one stream. Messages are bytes, so no generated code is needed."""

import queue
from concurrent.futures import ThreadPoolExecutor

import grpc

PORT = 50051
SERVICE, UNARY, STREAM = "sealane.Echo", "Unary", "Stream"
LIMIT = [("grpc.max_receive_message_length", 64 << 20)]
PATIENCE = 30


def in_target(address):
    return f"ipv6:[{address}]:{PORT}" if ":" in address else f"ipv4:{address}:{PORT}"


def serve(addresses, answer):
    def unary(request, _context):
        return answer(request)

    def stream(requests, _context):
        for request in requests:
            yield answer(request)

    # Without serializers requests and replies are bytes.
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=LIMIT)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {
        UNARY: grpc.unary_unary_rpc_method_handler(unary),
        STREAM: grpc.stream_stream_rpc_method_handler(stream)})])
    for address in addresses:
        target = f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"
        if server.add_insecure_port(target) == 0:
            raise OSError(f"cannot listen on {target}")
    server.start()
    return server  # which ends when nobody holds it


class UnaryClient:
    def __init__(self, address, number):
        # Each client a connection of its own, which is one of each distinct set of options.
        self.channel = grpc.insecure_channel(in_target(address), options=LIMIT + [("sealane.client", number)])
        self.call = self.channel.unary_unary(f"/{SERVICE}/{UNARY}")

    def exchange(self, request):
        return self.call(request, timeout=PATIENCE)

    def close(self):
        self.channel.close()


class StreamClient(UnaryClient):
    def __init__(self, address, number):
        super().__init__(address, number)
        self.requests = queue.SimpleQueue()
        self.replies = self.channel.stream_stream(f"/{SERVICE}/{STREAM}")(iter(self.requests.get, None))

    def exchange(self, request):
        self.requests.put(request)
        return next(self.replies)

    def close(self):
        self.requests.put(None)
        super().close()
