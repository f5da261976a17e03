# SPDX-License-Identifier: BSD-3-Clause
"""Messages over HTTP/1.1: each is a POST, many over one connection. Python's own client and server."""

import http.client
import socket
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread

PORT = 8081


def serve(addresses, answer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or the body waits for the acknowledgement of the header
        wbufsize = -1  # header and body in one go

        def do_POST(self):
            reply = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    class Server(ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True
        request_queue_size = 64

        def __init__(self, address):
            self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            super().__init__((address, PORT), Handler)

    for address in addresses:
        Thread(target=Server(address).serve_forever, daemon=True).start()


class Client:
    def __init__(self, address, _number):
        self.connection = http.client.HTTPConnection(address, PORT, timeout=30)

    def exchange(self, request):
        self.connection.request("POST", "/echo", request)
        response = self.connection.getresponse()
        reply = response.read()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}")
        return reply

    def close(self):
        self.connection.close()
