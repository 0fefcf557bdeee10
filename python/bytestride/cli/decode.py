"""`bytestride decode`: ids → text."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import load_tokenizer, tokenizer_for


def decode(
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer",
            "-t",
            help="A tokenizer.json, another tokenizer file or folder, or a bundled name. "
            "(default: the one beside the store)",
        ),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Argument(help="The ids of a text. (default: lines of standard input)", show_default=False),
    ] = None,
    store: Annotated[Path | None, typer.Option(help="Decode documents of this token store instead.")] = None,
    document: Annotated[
        list[int] | None,
        typer.Option(help="A document of the store, from 0; repeat for more. (default: all)", min=0),
    ] = None,
    separator: Annotated[str, typer.Option(help="Text to put between documents.")] = "\n",
    dtype: options.RawDtype = None,
) -> None:
    """Decode ids into text, byte for byte.

    The ids are those given, or lines of standard input (a document each), or the documents of a token store.

    Examples: bytestride decode --tokenizer tokenizer.json 39 68 75 75 78

    bytestride decode --store data/corpus --document 0
    """
    if store is not None and ids:
        raise typer.BadParameter("give either ids or --store", param_hint="IDS")
    for option, value in (("--document", document), ("--dtype", dtype)):
        if value and store is None:
            raise typer.BadParameter("needs --store", param_hint=option)
    if store is not None:
        opened = bs.TokenStore.open(store, dtype=dtype)
        loaded = tokenizer_for(opened, tokenizer)
        documents = _stored(opened, document)
    elif tokenizer is None:
        raise typer.BadParameter("needed unless --store has one", param_hint="--tokenizer")
    else:
        loaded = load_tokenizer(tokenizer)
        documents = map(parse_ids, [" ".join(ids)] if ids else sys.stdin)
    for index, document_ids in enumerate(documents):
        if index > 0:
            sys.stdout.buffer.write(os.fsencode(separator))
        sys.stdout.buffer.write(loaded.decode_bytes(document_ids))
    if sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _stored(store: bs.TokenStore, chosen: list[int] | None) -> Iterator[options.Ids]:
    for document in range(len(store)) if chosen is None else chosen:
        if document >= len(store):
            message = f"{document} is beyond the store's {len(store):,} documents, counted from 0"
            raise typer.BadParameter(message, param_hint="--document")
        yield store[document]


def parse_ids(line: str) -> options.Ids:
    """The ids in a line of text, with spaces or commas between, also as a Python or JSON list.

    Example:
        >>> from bytestride.cli.decode import parse_ids
        >>> parse_ids("[3, 14]").tolist()
        [3, 14]
    """
    ids = [
        _parse_id(word)
        for word in re.split(r"[\s,]+", line.strip().removeprefix("[").removesuffix("]"))
        if word
    ]
    return np.array(ids, dtype=np.uint32)


def _parse_id(word: str) -> int:
    if not re.fullmatch("[0-9]+", word) or int(word) > np.iinfo(np.uint32).max:
        message = f"{word!r} is no token id; expected a whole number from 0 to 4294967295"
        raise ValueError(message)
    return int(word)
