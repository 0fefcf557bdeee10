"""`bytestride convert`: a tokenizer in another format."""

from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import print_facts, reading_facts, refuse_existing, vocabulary_fact


def _ids_of(special: list[str] | None) -> dict[str, int] | None:
    """The argument `special_tokens` from texts like `<|end|>=100257`; names may hold the sign, too.

    Example:
        >>> from bytestride.cli.convert import _ids_of
        >>> _ids_of(["<|end|>=7", "===8"])
        {'<|end|>': 7, '==': 8}
    """
    ids = {}
    for text in special or ():
        name, _, number = text.rpartition("=")
        if not (name and number.isascii() and number.isdigit()):
            message = f"{text!r} is no special token with its id; expected one like '<|end|>=100257'"
            raise typer.BadParameter(message)
        ids[name] = int(number)
    return ids or None


def convert(
    tokenizer: Annotated[str, typer.Argument(help="A tokenizer's file or folder, or a bundled name.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file to write: a .tiktoken file by its ending, else a tokenizer.json; into a folder "
            "that is there, vocab.json and merges.txt.",
        ),
    ] = Path("tokenizer.json"),
    pattern: Annotated[
        str | None,
        typer.Option(
            help="How text is split, where the file does not say it (.tiktoken, vocab.json with merges.txt): "
            f"{options.PATTERNS}, or any regular expression.",
        ),
    ] = None,
    special: Annotated[
        list[str] | None,
        typer.Option(
            help="A special token and its id, as NAME=ID, where the file does not say them; repeat for more."
        ),
    ] = None,
    force: options.Force = False,
) -> None:
    """Write a tokenizer in another format, with the same ids.

    Example: bytestride convert ranks.tiktoken --pattern cl100k --special "<|end|>=100257"
    """
    refuse_existing([out / "vocab.json", out / "merges.txt"] if out.is_dir() else [out], force=force)
    loaded = bs.Tokenizer.load(tokenizer, pattern=pattern, special_tokens=_ids_of(special))
    loaded.save(out)
    print_facts([("written", str(out)), vocabulary_fact(loaded), *reading_facts(loaded, out)])
