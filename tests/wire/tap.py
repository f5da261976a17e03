# SPDX-License-Identifier: BSD-3-Clause
"""TAP output for the test programs: one case is one line, whatever goes wrong inside it."""

import contextlib
import sys
import traceback


class Skip(Exception):
    """The case cannot be run here; the text says why."""


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def note(self, text):
        for line in str(text).rstrip("\n").split("\n"):
            print("# " + line, flush=True)

    @contextlib.contextmanager
    def case(self, name):
        """Runs the block as one test; an exception fails it and the program goes on with the next."""
        self.count += 1
        try:
            yield
        except Skip as why:
            print(f"ok {self.count} - {name} # SKIP {why}", flush=True)
        except Exception as error:
            self.failed += 1
            print(f"not ok {self.count} - {name}", flush=True)
            frame = traceback.extract_tb(sys.exc_info()[2])[-1]
            self.note(f"{type(error).__name__}: {error}")
            self.note(f"at {frame.filename}:{frame.lineno}: {frame.line}")
        else:
            print(f"ok {self.count} - {name}", flush=True)

    def finish(self):
        """Prints the plan and ends the program."""
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)


def equal(found, wanted, what):
    """An assertion whose failure says both values."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")


def bail_out(why):
    print(f"Bail out! {why}", flush=True)
    sys.exit(1)
