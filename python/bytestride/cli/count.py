"""`bytestride count`: how many tokens files have."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.inputs import readable
from bytestride.cli.output import load_tokenizer
from bytestride.progress import Progress

# What `encode_files` says of inputs without a document.
NO_TEXT = ": it holds no text"


@dataclass
class Count:
    """What was counted in one file, or in all."""

    path: str
    documents: int
    tokens: int
    bytes: int


def count(
    tokenizer: options.TokenizerFile,
    corpus: options.OptionalCorpus = None,
    separator: options.Separator = None,
    text_field: options.TextField = "text",
    format: options.Format = "auto",
    suffix: options.Suffix = None,
    threads: options.Threads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Count tokens, documents and bytes on disk of each input and of all; a folder counts as one input.

    An input without text counts as nothing.

    Example: bytestride count --tokenizer tokenizer.json src/*.py
    """
    loaded = load_tokenizer(tokenizer)
    reading = options.Reading(
        format=format, text_field=text_field, separator=separator, suffixes=suffix, threads=threads
    )
    counts = [_count(loaded, source, reading) for source in corpus or ["-"]]
    if as_json:
        print(
            json.dumps({"files": [asdict(one) for one in counts], "total": asdict(_total(counts))}, indent=2)
        )
        return
    for row in _table(counts):
        print(row)


def _count(tokenizer: bs.Tokenizer, source: str, reading: options.Reading) -> Count:
    """Counts one input by way of a token store that is thrown away: every format, in bounded memory."""
    with tempfile.TemporaryDirectory(prefix="bytestride-") as folder, Progress() as progress:
        prefix = Path(folder, "counted")
        inputs = readable([source], Path(folder))
        documents = tokens = 0
        try:
            store = tokenizer.encode_files(inputs, prefix, progress=progress, **reading)
            documents, tokens = len(store), len(store.tokens)
        except ValueError as error:
            # No store can be made of nothing, but nothing can be counted.
            if NO_TEXT not in str(error):
                raise
        size = sum(phase.done for phase in progress.phases)
        return Count(source, documents, tokens, size)


def _total(counts: Iterable[Count]) -> Count:
    counts = list(counts)
    return Count(
        "total",
        sum(one.documents for one in counts),
        sum(one.tokens for one in counts),
        sum(one.bytes for one in counts),
    )


def _table(counts: list[Count]) -> Iterator[str]:
    """The counts as lines of aligned columns, with a total where there is more than one."""
    rows = [(f"{one.tokens:,}", f"{one.documents:,}", f"{one.bytes:,}", one.path) for one in counts]
    if len(counts) > 1:
        total = _total(counts)
        rows.append((f"{total.tokens:,}", f"{total.documents:,}", f"{total.bytes:,}", total.path))
    rows.insert(0, ("tokens", "documents", "bytes", "input"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
