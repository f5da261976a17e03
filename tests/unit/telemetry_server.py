#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The other end of `sealane show`: answers on a socket as DPDK's telemetry does, with what a JSON file says.

    telemetry_server.py RUNTIME_DIR NAME ANSWERS

ANSWERS maps commands to data; what is not in it is answered null. The data "hang up" closes the connection instead,
"not JSON" and "something else" answer with that. It prints "ready" once it listens, and ends when its standard input
does.
"""
import json
import os
import socket
import sys
import threading

runtime, name, answers_file = sys.argv[1:]
with open(answers_file, encoding="utf-8") as f:
    answers = json.load(f)


PAGE = 2  # of a list, as the gateway pages its own: shorter, so that the tests turn pages


def find(command):
    name, _, skipped = command.partition(",")
    if command not in answers and skipped.isdigit() and isinstance(answers.get(name), list):
        return answers[name][int(skipped):][:PAGE]
    return answers.get(command if command in answers or not skipped.isdigit() else name)


def answer(command):
    data = find(command)
    if data == "not JSON":
        return b"{"
    key = "/other" if data == "something else" else command.split(",")[0]
    return json.dumps({key: data}).encode()


def serve(connection):
    with connection:
        connection.send(json.dumps({"version": "DPDK 22.11.0", "pid": 1, "max_output_len": 16384}).encode())
        while command := connection.recv(1024).decode():
            if find(command) == "hang up":
                return
            connection.send(answer(command))


folder = os.path.join(runtime, "dpdk", "sealane-" + name)
os.makedirs(folder)
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(os.path.join(folder, "dpdk_telemetry.v2"))
server.listen()
print("ready", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
