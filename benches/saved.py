"""What was measured so far, in a file: a bench that runs for long is run in parts, until all is there."""

import json
import sys
import time
from pathlib import Path


class Saved:
    """Values by key, kept in `path` as soon as they are there; after `seconds` none is measured any more.

    Without a path nothing is kept, and all is measured at once.
    """

    def __init__(self, path, seconds):
        self.path, self.end = path, time.monotonic() + (seconds or float("inf"))
        self.values = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}

    def value(self, measure, *key):
        """The value of this key: what is kept, or else `measure()`."""
        name = " ".join(map(str, key))
        if name not in self.values:
            if time.monotonic() > self.end:
                print(f"{len(self.values)} values are in {self.path}; run this again for the others")
                sys.exit(1)
            self.values[name] = measure()
            if self.path:
                self.path.write_text(json.dumps(self.values, indent=1), encoding="utf-8")
        return self.values[name]


def add_arguments(parser):
    """The options that `Saved` needs."""
    parser.add_argument("--saved", type=Path, help="a file for what is measured; another run goes on there")
    parser.add_argument("--seconds", type=float, help="with --saved: stop after so long (never)")
