"""What commands read."""

import sys
from collections.abc import Iterable
from pathlib import Path


def readable(corpus: Iterable[str], folder: Path) -> list[str]:
    """`corpus`, with what is typed on the terminal (input `-`) as a file in `folder`.

    The core would wait for the terminal on a thread that Ctrl-C cannot reach; Python's own read it ends.
    """
    inputs = list(corpus)
    if "-" in inputs and sys.stdin.isatty():
        typed = folder / "typed.txt"
        typed.write_bytes(sys.stdin.buffer.read())
        return [str(typed) if source == "-" else source for source in inputs]
    return inputs
