"""`bytestride count`: how many tokens files have."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.inputs import readable
from bytestride.cli.output import LISTED, left_out_facts, load_tokenizer, print_facts
from bytestride.progress import Progress


@dataclass
class Count:
    """What was counted in one file, or in all."""

    path: str
    documents: int
    tokens: int
    bytes: int
    skipped: int


def count(
    tokenizer: options.TokenizerFile,
    corpus: options.OptionalCorpus = None,
    separator: options.Separator = None,
    text_field: options.TextField = "text",
    format: options.Format = "auto",
    suffix: options.Suffix = None,
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    on_error: options.OnError = "raise",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Count tokens, documents and bytes on disk of each input and of all; a folder counts as one input.

    An input without text counts as nothing.

    Example: bytestride count --tokenizer tokenizer.json src/*.py
    """
    loaded = load_tokenizer(tokenizer)
    reading = options.Reading(
        format=format,
        text_field=text_field,
        separator=separator,
        suffixes=suffix,
        threads=threads,
        max_memory=max_memory,
    )
    counts, partial = [], []
    for source in corpus or ["-"]:
        with tempfile.TemporaryDirectory(prefix="bytestride-") as folder, Progress() as progress:
            inputs = readable([source], Path(folder))
            files = loaded.count_files(inputs, on_error=on_error, progress=progress, **reading)
        counts.append(_sum(source, files, sum(phase.done for phase in progress.phases)))
        partial += [file for file in files if file.skipped]
    total = _sum("total", counts, sum(one.bytes for one in counts))
    if as_json:
        print(json.dumps({"files": [asdict(one) for one in counts], "total": asdict(total)}, indent=2))
    else:
        for row in _table(counts, total):
            print(row)
    # Standard output has the counts and nothing else.
    print_facts(_skipped_facts(total.skipped, partial), file=sys.stderr)


def _sum(name: str, parts: Sequence[Count | bs.FileCount], size: int) -> Count:
    """One count of several, which have `size` bytes."""
    return Count(
        name,
        sum(one.documents for one in parts),
        sum(one.tokens for one in parts),
        size,
        sum(one.skipped for one in parts),
    )


def _skipped_facts(count: int, files: list[bs.FileCount]) -> list[tuple[str, str]]:
    """How much could not be read and was left out, and how much of which files."""
    rest = sum(file.skipped for file in files[LISTED:])
    cases = [f"{file.skipped:,} of {file.path}" for file in files[:LISTED]]
    return left_out_facts(count, cases, f"and {rest:,} more" if rest else None)


def _table(counts: list[Count], total: Count) -> Iterator[str]:
    """The counts as lines of aligned columns, with a total where there is more than one."""
    rows = [(f"{one.tokens:,}", f"{one.documents:,}", f"{one.bytes:,}", one.path) for one in counts]
    if len(counts) > 1:
        rows.append((f"{total.tokens:,}", f"{total.documents:,}", f"{total.bytes:,}", total.path))
    rows.insert(0, ("tokens", "documents", "bytes", "input"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
