"""What commands read."""

import shutil
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


def is_stream(source: str) -> bool:
    """Whether an input can be read only once, as standard input and pipes."""
    return source == "-" or Path(source).is_fifo()


def kept(corpus: Iterable[str], folder: Path) -> list[str]:
    """`corpus`, with what can be read only once as files in `folder`."""
    inputs = readable(corpus, folder)
    for place, source in enumerate(inputs):
        if not is_stream(source):
            continue
        copy = folder / f"input-{place}.txt"
        with copy.open("wb") as target:
            if source == "-":
                shutil.copyfileobj(sys.stdin.buffer, target)
            else:
                with Path(source).open("rb") as pipe:
                    shutil.copyfileobj(pipe, target)
        inputs[place] = str(copy)
    return inputs
