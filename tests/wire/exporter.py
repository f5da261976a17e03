# SPDX-License-Identifier: BSD-3-Clause
"""`sealane exporter` as a part of a bench, and what reads it: a client of HTTP, Prometheus, Chromium."""

import http.client
import json
import os
import re
import socket
import subprocess
import urllib.parse
from pathlib import Path

from gateway import COMMAND_LIMIT, SEALANE, START_LIMIT, stop_process, wait_until

OPENMETRICS = "application/openmetrics-text"
MONITORING = Path(__file__).resolve().parents[2] / "scripts" / "monitoring"
CHROMIUM = "/usr/bin/chromium"
PROMETHEUS, PROMTOOL = "/usr/bin/prometheus", "/usr/bin/promtool"
PAGE_LIMIT = 60.0


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Exporter:
    def __init__(self, bench, gateway=None, host="127.0.0.1"):
        self.host, self.port = host, free_port(host)
        self.log = bench.dir / f"exporter-{self.port}.log"
        listen = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.command = [SEALANE, "exporter", "--listen", listen] + (["--gateway", gateway] if gateway else [])
        self.env = bench.env
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log, "wb"), env=self.env)
        wait_until(lambda: "listening on" in self.log_text(), START_LIMIT, "the exporter listens")
        return self

    def stop(self):
        return stop_process(self.process) if self.process is not None else 0

    def log_text(self):
        return self.log.read_text(errors="replace")

    def open_files(self):
        return os.listdir(f"/proc/{self.process.pid}/fd")

    def request(self, path, method="GET", headers=None, body=None):
        """The response, and its body as bytes."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=COMMAND_LIMIT)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def text(self, accept=OPENMETRICS):
        response, body = self.request("/metrics", headers={"Accept": accept} if accept else {})
        assert response.status == 200, response.status
        return body.decode()

    def samples(self):
        return samples(self.text())

    def status(self):
        return json.loads(self.request("/status.json")[1])

    def is_up(self):
        return self.samples().get("sealane_up") == 1


def samples(text):
    """{'name{labels}': value} of the text of /metrics."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = re.fullmatch(r'([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})?) (-?[0-9.]+)', line).groups()
            assert name not in found, f"{name} is there twice"
            found[name] = float(value)
    return found


def listed():
    """The table of the exporter: {name of a sample: (section of `sealane show`, its fields)}."""
    text = subprocess.run([SEALANE, "exporter", "--list"], check=True, capture_output=True, text=True,
                          timeout=COMMAND_LIMIT).stdout
    metrics = {}
    for entry in re.split(r"\n(?=\S)", text):
        source = re.search(r"^    from: (\w+) (.*)$", entry, re.MULTILINE)
        metrics[entry.split()[0]] = (source[1], source[2].split(", ")) if source else (None, [])
    return metrics


class Prometheus:
    """A real one, which scrapes an exporter every second."""

    def __init__(self, bench, exporter):
        self.dir = bench.dir / "prometheus"
        self.dir.mkdir()
        self.port = free_port()
        self.log = bench.dir / "prometheus.log"
        self.config = self.dir / "prometheus.yml"
        example = (MONITORING / "prometheus.yml").read_text()
        self.config.write_text(example.replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s")
                               .replace("127.0.0.1:9464", f"127.0.0.1:{exporter.port}")
                               .replace("[alerts.yml]", f"[{MONITORING / 'alerts.yml'}]"))
        self.process = None

    def start(self):
        command = [PROMETHEUS, f"--config.file={self.config}", f"--storage.tsdb.path={self.dir / 'data'}",
                   f"--web.listen-address=127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(self.log, "wb"),
                                        stderr=subprocess.STDOUT, cwd=self.dir)
        return self

    def stop(self):
        return stop_process(self.process) if self.process is not None else 0

    def api(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=COMMAND_LIMIT)
        try:
            connection.request("GET", "/api/v1/" + path)
            return json.loads(connection.getresponse().read())["data"]
        except OSError:  # it is not up yet
            return None
        finally:
            connection.close()

    def query(self, expression):
        """The values of an instant query, by all their labels but those that Prometheus adds."""
        data = self.api("query?query=" + urllib.parse.quote(expression))
        return [float(sample["value"][1]) for sample in data["result"]] if data else []


def page_dom(bench, url, seconds):
    """The document of a page after so many of its own seconds, without its script and style."""
    profile = bench.dir / "chromium"
    profile.mkdir(exist_ok=True)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--virtual-time-budget={seconds * 1000}",
               "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PAGE_LIMIT,
                          env=dict(os.environ, HOME=str(profile)))
    assert done.returncode == 0, f"chromium ended with {done.returncode}: {done.stderr[-500:]}"
    return re.sub(r"<(script|style)>.*?</\1>", "", done.stdout, flags=re.DOTALL)
