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
    """Counts one input, of all of whose files there is one count."""
    with tempfile.TemporaryDirectory(prefix="bytestride-") as folder, Progress() as progress:
        files = tokenizer.count_files(readable([source], Path(folder)), progress=progress, **reading)
        documents, tokens = sum(file.documents for file in files), sum(file.tokens for file in files)
        return Count(source, documents, tokens, sum(phase.done for phase in progress.phases))


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
