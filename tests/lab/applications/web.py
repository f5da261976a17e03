# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/1.1 and HTTPS: nginx serves, curl checks, wrk measures."""

import json
from pathlib import Path

from applications.figures import Figures
from applications.payload import payload, same
from applications.places import Failed, in_url

FILE_SIZE, PAGE_SIZE = 4 << 20, 1024
CONNECTIONS = 8
SCRIPT = Path(__file__).with_name("wrk.lua")


class Http:
    """Files of /data come down, and what is PUT into /upload is stored."""
    name, title, unit = "http", "HTTP/1.1: nginx, curl, wrk", "requests"
    scheme, port, tls = "http", 8080, ""

    def __init__(self, place):
        self.place = place
        self.root = place.work / self.name
        # For HTTPS this is the one thing that the handshake tells in clear: the name of the server.
        self.marker = place.marker(self.name)
        self.host = f"{self.marker}.example"
        self.file = payload(self.marker, FILE_SIZE)

    def configuration(self):
        listen = "\n".join(f"listen {in_url(address)}:{self.port} {'ssl' if self.tls else ''};"
                           for address in self.place.addresses)
        paths = " ".join(f"{kind}_temp_path {self.root}/temp;"
                         for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
            daemon off; master_process off; user root; worker_rlimit_nofile 1024;
            pid {self.root}/pid;
            error_log stderr;
            events {{ }}
            http {{
                access_log off; sendfile on; keepalive_requests 1000000000; client_max_body_size 100m;
                {paths}
                server {{
                    {listen}
                    {self.tls}
                    location /data/ {{ root {self.root}; }}
                    location /upload/ {{ root {self.root}; dav_methods PUT; }}
                }}
            }}"""

    def serve(self):
        for folder in ("data", "upload", "temp"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "data" / "file").write_bytes(self.file)
        (self.root / "data" / "page").write_bytes(self.file[:PAGE_SIZE])
        configuration = self.root / "nginx.conf"
        configuration.write_text(self.configuration())
        self.place.start("nginx", "-e", "stderr", "-p", self.root, "-c", configuration, log=self.name, port=self.port)

    # ---- Clients -------------------------------------------------------------------------------------------------

    def curl(self, way, path, *options, stdin=b""):
        """By the server's name, as a browser would; the way decides which address that is."""
        return self.place.client.run(
            "curl", "-sSf", "--http1.1", "--max-time", "50", "--cacert", self.root / "certificate.pem",
            "--resolve", f"{self.host}:{self.port}:{in_url(way.address)}", *options,
            f"{self.scheme}://{self.host}:{self.port}{path}", stdin=stdin)

    def check(self, way):
        stored = self.root / "upload" / way.name
        self.curl(way, f"/upload/{way.name}", "-T", "-", stdin=self.file)
        return {"download": same("download", self.curl(way, "/data/file"), self.file),
                "upload": same("upload", stored.read_bytes(), self.file),
                "range": same("range", self.curl(way, "/data/file", "-r", "1000-99999"), self.file[1000:100000])}

    def wrk(self, way, connections, seconds):
        # wrk takes whole seconds only, and the shell's timeout would rob it of its figures.
        url = f"{self.scheme}://{in_url(way.address)}:{self.port}/data/page"
        said = self.place.client.run("sh", "-c", 'exec "$@" 2>&1 >/dev/null', "sh", "wrk", "-t", 1, "-c", connections,
                                     "-d", f"{max(1, round(seconds))}s", "--timeout", "10s", "-s", SCRIPT, url)
        told = json.loads(said.splitlines()[-1])
        if told["errors"]:
            raise Failed(f"wrk: {told['errors']} requests failed")
        return told

    def measure(self, way, seconds):
        one, many = (self.wrk(way, connections, seconds / 2) for connections in (1, CONNECTIONS))
        return Figures(many["rate"], one["median"], one["p99"])


class Https(Http):
    name, title = "https", "HTTPS: nginx, curl, wrk"
    scheme, port = "https", 8443

    def __init__(self, place):
        super().__init__(place)
        self.tls = (f"ssl_certificate {self.root}/certificate.pem; ssl_certificate_key {self.root}/key.pem; "
                    "ssl_protocols TLSv1.2 TLSv1.3;")

    def serve(self):
        self.root.mkdir()
        self.place.server.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                              "-noenc", "-days", 2, "-subj", "/CN=host-b", "-addext", f"subjectAltName=DNS:{self.host}",
                              "-keyout", self.root / "key.pem", "-out", self.root / "certificate.pem")
        super().serve()
