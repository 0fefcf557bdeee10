"""`bytestride encode`: text → token files, or ids on standard output."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.inputs import readable
from bytestride.cli.output import (
    load_tokenizer,
    phase_facts,
    print_facts,
    refuse_existing,
    skipped_facts,
    store_facts,
    store_files,
)
from bytestride.progress import Phase, Progress

# Ids are printed in pieces of this many, so that a document may be larger than memory.
PRINTED_AT_ONCE = 1 << 16


# What goes with text on the command line, and what goes with files only where their ids are written.
WITH_TEXT = {"tokenizer", "text", "bos", "eos"}
WITH_OUT = ("dtype", "resume", "rank", "world_size", "force")


def encode(
    context: typer.Context,
    tokenizer: options.TokenizerFile,
    corpus: options.OptionalCorpus = None,
    out: Annotated[
        str | None,  # not a path, which would lose a slash at the end
        typer.Option(
            "--out",
            "-o",
            help="The token store to write: the common name of its files. (default: print the ids)",
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Encode this text instead of files.")] = None,
    separator: options.Separator = None,
    text_field: options.TextField = "text",
    format: options.Format = "auto",
    suffix: options.Suffix = None,
    bos: options.Bos = None,
    eos: options.Eos = None,
    dtype: options.Dtype = "auto",
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    on_error: options.OnError = "raise",
    resume: options.Resume = True,
    rank: Annotated[int, typer.Option(help="Which of --world-size processes this is, from 0.", min=0)] = 0,
    world_size: Annotated[
        int, typer.Option(help="How many processes share the inputs; each writes a shard.", min=1)
    ] = 1,
    force: options.Force = False,
) -> None:
    """Encode text into a token store, or into ids on standard output, one line per document.

    With --out, the same command goes on where an interrupted one stopped, unless it reads a pipe. Without,
    ids are printed when all is read, and lie in the folder for temporary files until then.

    Examples: bytestride encode books/*.txt --tokenizer tokenizer.json --out corpus

    bytestride encode books/ --tokenizer tokenizer.json --out shards/corpus --rank 0 --world-size 8

    echo "some text" | bytestride encode --tokenizer tokenizer.json
    """
    if text is not None and (corpus or out):
        raise typer.BadParameter(
            "--text prints ids; it goes with neither files nor --out", param_hint="--text"
        )
    if text is not None:
        others = [name for name in context.params if name not in WITH_TEXT]
        options.refuse(context, others, "is for files, and --text is none")
    if out is None:
        options.refuse(context, WITH_OUT, "needs --out")
    loaded = load_tokenizer(tokenizer)
    if text is not None:
        print_ids(loaded.encode(os.fsencode(text), bos=bos or False, eos=eos or False))
        return
    if out is not None:
        shard = out if world_size == 1 else f"{out}-{rank:05}-of-{world_size:05}"
        refuse_existing(store_files(Path(shard)), force=force)
    reading = options.Reading(
        format=format,
        text_field=text_field,
        separator=separator,
        suffixes=suffix,
        threads=threads,
        max_memory=max_memory,
    )
    writing = options.Writing(bos=bos or False, eos=eos or False, dtype=dtype, on_error=on_error)
    with tempfile.TemporaryDirectory(prefix="bytestride-") as folder:
        with Progress() as progress:
            store = loaded.encode_files(
                readable(corpus or ["-"], Path(folder)),
                out or Path(folder, "printed"),
                resume=resume and out is not None,
                rank=rank,
                world_size=world_size,
                progress=progress,
                **reading,
                **writing,
            )
        if out is None:
            for document in range(len(store)):
                print_ids(store[document])
            # Where the ids are all that standard output has.
            print_facts(skipped_facts(store), file=sys.stderr)
        else:
            print_facts(_facts(store, progress.phases))


def _facts(store: bs.TokenStore, phases: Iterable[Phase]) -> list[tuple[str, str]]:
    """What was written and how long that took."""
    return [
        ("written", str(store_files(store.path)[0])),
        *store_facts(store),
        *phase_facts(phases),
        *skipped_facts(store),
    ]


def print_ids(ids: options.Ids) -> None:
    """Prints the ids of one document on one line."""
    for start in range(0, len(ids), PRINTED_AT_ONCE):
        sys.stdout.write(
            " " * (start > 0) + " ".join(map(str, ids[start : start + PRINTED_AT_ONCE].tolist()))
        )
    sys.stdout.write("\n")
