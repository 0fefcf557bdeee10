"""`bytestride merge`, `verify` and `export`: what is done with token stores as files."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import phase_facts, print_facts, refuse_existing, store_facts, store_files
from bytestride.progress import Progress

ExportFormat = Literal["raw", "npy", "llm.c", "datatrove", "megatron"]
BESIDE = {"datatrove": ["", ".index"], "megatron": [".bin", ".idx"]}


def merge(
    stores: Annotated[
        list[Path],
        typer.Argument(help="Token stores, the common name of shards, or a folder.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The token store to write: the common name of its files.")
    ],
    force: options.Force = False,
) -> None:
    """Copy token stores, such as the shards of several processes, into one.

    Example: bytestride merge shards/corpus --out corpus
    """
    refuse_existing(store_files(out), force=force)
    with Progress() as progress:
        merged = bs.merge(stores, out, progress=progress)
    print_facts([("written", str(store_files(out)[0])), *store_facts(merged), *phase_facts(progress.phases)])


def verify(store: options.Store) -> None:
    """Read all of a token store and compare it with its checksums.

    Example: bytestride verify data/corpus
    """
    opened = bs.TokenStore.open(store)
    with Progress() as progress:
        opened.verify(progress=progress)
    print_facts([("whole", str(store)), *store_facts(opened), *phase_facts(progress.phases)])


def export(
    store: options.Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; for megatron its prefix.")],
    format: Annotated[
        ExportFormat,
        typer.Option(help="Whose files: nanoGPT reads raw ids, numpy npy, modded-nanogpt llm.c."),
    ],
    dtype: options.RawDtype = None,
    force: options.Force = False,
) -> None:
    """Write the tokens of a store in the format of another program.

    Example: bytestride export data/corpus --format llm.c --out corpus_train_000001.bin
    """
    written = [out.with_name(out.name + ending) for ending in BESIDE.get(format, [""])]
    refuse_existing(written, force=force)
    opened = bs.TokenStore.open(store, dtype=dtype)
    with Progress() as progress:
        opened.export(out, format, progress=progress)
    files = [("written", str(path)) for path in written]
    print_facts([*files, *store_facts(opened), *phase_facts(progress.phases)])
