"""`bytestride bench`: how fast each step is here, on the user's own text."""

import math
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import load_tokenizer, plural, print_facts
from bytestride.cli.references import Reference, reference

MEGABYTE = 1_000_000
BATCHES, BATCH, LENGTH = 200, 32, 256
TRAINED = 8192


def bench(
    corpus: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of text. (default: the sources of Python's library)", show_default=False),
    ] = None,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", "-t", help="What to encode with: a file or a bundled name.")
    ] = "cl100k_base",
    megabytes: Annotated[float, typer.Option(help="How much text to take at most.", min=0.001)] = 10,
    rounds: Annotated[int, typer.Option(help="How often each step is timed; the median counts.", min=1)] = 5,
    threads: options.Threads = None,
) -> None:
    """Measure training, encoding, decoding and windows on this machine.

    If the reference library of the tokenizer is installed, its encoding is measured in turn with ours, after
    a check that the ids are the same. Figures of a busy machine say little.

    Example: bytestride bench books/*.txt --tokenizer o200k_base --rounds 9
    """
    if not math.isfinite(megabytes):
        message = f"expected a number of megabytes, not {megabytes}"
        raise typer.BadParameter(message, param_hint="--megabytes")
    loaded = load_tokenizer(tokenizer)
    texts = list(_texts(corpus or _standard_library(), int(megabytes * MEGABYTE)))
    size = sum(len(text.encode()) for text in texts) / MEGABYTE
    if size == 0:
        message = "there is no text to measure with"
        raise ValueError(message)
    batch = loaded.encode_batch(texts, threads=threads)
    steps = [*_own_steps(loaded, texts, size, threads), *_window_step(batch.ids)]
    with suppress(ValueError):  # none is known, or it is not installed
        other = reference(tokenizer, loaded)
        steps.append(_reference_step(other, texts, batch, size))
    tokens = plural(len(batch.ids), "token")
    print(f"{plural(len(texts), 'document')}, {size:,.1f} MB, {tokens} of {tokenizer}")
    seconds = _seconds(steps, rounds)
    print_facts(
        (step.name, f"{step.amount / taken:>9,.1f} {step.unit}")
        for step, taken in zip(steps, seconds, strict=True)
    )


@dataclass
class Step:
    """Something to time, and how much it does."""

    name: str
    run: Callable[[], object]
    amount: float
    unit: str = "MB/s"


def _own_steps(tokenizer: bs.Tokenizer, texts: list[str], size: float, threads: int | None) -> Iterator[Step]:
    yield Step(f"train {TRAINED:,} tokens", lambda: bs.train(iter(texts), TRAINED, threads=threads), size)
    yield Step("encode", lambda: [tokenizer.encode(text) for text in texts], size)
    yield Step("encode a batch", lambda: tokenizer.encode_batch(texts, threads=threads), size)
    yield Step("count", lambda: tokenizer.count_batch(texts, threads=threads), size)
    ids = tokenizer.encode_batch(texts, threads=threads).ids
    yield Step("decode", lambda: tokenizer.decode_bytes(ids), size)


def _window_step(ids: options.Ids) -> Iterator[Step]:
    """Shuffled batches, if there are enough tokens for one."""
    drawn = min(BATCHES, (len(ids) - LENGTH) // BATCH)
    if drawn > 0:
        windows, amount = bs.windows(ids, LENGTH, 1), drawn * BATCH * LENGTH / 1e6
        yield Step("windows", lambda: list(islice(windows.batches(BATCH), drawn)), amount, "million tokens/s")


def _reference_step(other: Reference, texts: list[str], batch: bs.Ragged, size: float) -> Step:
    if any(other.encode(text, "text") != ours.tolist() for text, ours in zip(texts, batch, strict=True)):
        message = f"the ids of {other.package} are others; bytestride validate shows where"
        raise typer.BadParameter(message, param_hint="--tokenizer")
    return Step(f"encode with {other.package}", lambda: [other.encode(text, "text") for text in texts], size)


def _seconds(steps: list[Step], rounds: int) -> list[float]:
    """The median time of each step; they take turns, so that a slow moment of the machine hits all alike."""
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, taken in zip(steps, times, strict=True):
            began = time.perf_counter()
            step.run()
            taken.append(time.perf_counter() - began)
    return list(map(median, times))


def _texts(paths: list[Path], most: int) -> Iterator[str]:
    """The texts of files, until there are `most` bytes; the last one is cut."""
    left = most
    for path in paths:
        if left <= 0:
            return
        if path.suffix.lower() in {".gz", ".zst"}:
            message = f"{path} is compressed; expected plain text"
            raise typer.BadParameter(message, param_hint="CORPUS")
        # A byte that is cut off its character becomes U+FFFD, for all alike.
        raw = path.read_bytes()[:left]
        left -= len(raw)
        yield raw.decode(errors="replace")


def _standard_library() -> list[Path]:
    """The sources of this Python's own library."""
    library = Path(sysconfig.get_path("stdlib"))
    return [path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts]
