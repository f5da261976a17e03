# SPDX-License-Identifier: BSD-3-Clause
"""All applications at once over one way, again and again until the time is over: each checks, then runs at full speed."""

import threading
import time
import traceback

from applications.places import Failed

SPELL = 2  # seconds at full speed between two checks


class Worker(threading.Thread):
    def __init__(self, application, way, until):
        super().__init__(name=application.name, daemon=True)
        self.application, self.way, self.until = application, way, until
        self.checks, self.failure = 0, None

    def run(self):
        try:
            while True:
                self.application.check(self.way)
                self.checks += 1
                if time.monotonic() > self.until:
                    break
                self.application.measure(self.way, SPELL)
        except Failed as failure:
            self.failure = str(failure)
        except Exception:
            self.failure = traceback.format_exc()


def run(applications, way, seconds):
    """{name: {how many checks it passed, and what then was wrong}}"""
    workers = [Worker(application, way, time.monotonic() + seconds) for application in applications]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {worker.name: {"checks": worker.checks, "failure": worker.failure} for worker in workers}
