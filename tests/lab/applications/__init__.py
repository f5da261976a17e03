# SPDX-License-Identifier: BSD-3-Clause
"""Real applications between two hosts: the same ones over every way there is between them.

A *way* is an address of the server host: one leads through the gateways, another by a cable from host to host. An
application is started on the server host, checked (what arrives is what was sent) and measured over any way; it knows
nothing of gateways, and its addresses may be of either family. One module an application, or a few of a kind:

  web        HTTP/1.1 and HTTPS: nginx, curl, wrk
  messages   HTTP, gRPC and MQTT with clients and servers in Python, plain or sealed by `method`
  database   Redis with its own client and benchmark
  bulk       iperf3 over TCP and UDP
  shell      ssh and scp

`python3 -m applications` says how to run them; tests/lab/applications.sh makes the hosts.
"""
