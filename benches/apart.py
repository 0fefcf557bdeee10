"""A function in a process of its own: with cores of its own, caches of its own, and its own crash."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

from timing import pin


class FailedError(Exception):
    """The process crashed or took too long; the message says in a few words how."""


def call(function, *arguments, cores, seconds=None):
    """What `function(*arguments)` returns in a new process on `cores`; all of it goes through JSON.

    Raises:
        FailedError: If it raises, or panics, or is not done after `seconds`.
    """
    # By its file, since the module may be the script that was started.
    module = Path(function.__code__.co_filename).stem
    work = json.dumps([cores, module, function.__name__, arguments])
    return json.loads(run([sys.executable, __file__, work], seconds).splitlines()[-1])


def run(command, seconds=None, **options):
    """The standard output of a command; raises `FailedError` as `call` does."""
    try:
        done = subprocess.run(
            command, timeout=seconds, capture_output=True, text=True, check=False, **options
        )
    except subprocess.TimeoutExpired:
        raise FailedError(f"over {seconds:.0f} s") from None
    if done.returncode:
        last = (done.stderr.split("\n\n")[0].splitlines() or [""])[-1]
        raise FailedError(
            "panic" if "panic" in done.stderr.lower() else last or f"exit code {done.returncode}"
        )
    return done.stdout


def main():
    cores, module, name, arguments = json.loads(sys.argv[1])
    pin(cores)
    print(json.dumps(getattr(importlib.import_module(module), name)(*arguments)))


if __name__ == "__main__":
    main()
