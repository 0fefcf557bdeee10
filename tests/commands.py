"""The command line in tests: its commands, and how one is run as a process of its own."""

import subprocess
import sys

COMMANDS = (
    "prepare",
    "train",
    "encode",
    "decode",
    "count",
    "evaluate",
    "inspect",
    "validate",
    "convert",
    "windows",
    "merge",
    "verify",
    "export",
    "bench",
)
END = "<|endoftext|>"


def run(*arguments, stdin=b""):
    arguments = [one if isinstance(one, bytes) else str(one) for one in arguments]
    command = [sys.executable, "-m", "bytestride", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
