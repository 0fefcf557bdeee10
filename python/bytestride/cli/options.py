"""The options that several commands share.

Each is named like the argument of the Python function behind it; some of those arguments come in groups.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import numpy as np
import numpy.typing as npt
import typer

Ids = npt.NDArray[np.integer]

PATTERNS = "gpt2, cl100k, o200k, llama3, qwen2, deepseek"
SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Reading(TypedDict):
    """How inputs are read: arguments that `train`, `count_words`, `count_files` and `encode_files` share."""

    format: Literal["auto", "text", "jsonl", "parquet"]
    text_field: str
    separator: bytes | None
    suffixes: list[str] | None
    threads: int | None
    max_memory: int | None


class Writing(TypedDict):
    """What is written of the inputs: arguments of `encode_files`."""

    bos: str | bool
    eos: str | bool
    dtype: Literal["auto", "uint16", "uint32"]
    on_error: Literal["raise", "skip"]


class Learning(TypedDict):
    """What is learned from the inputs: arguments of `train`."""

    vocab_size: int | None
    pattern: str | None
    digits: int | None
    digits_from: Literal["left", "right"]
    superwords_from: int | None
    special_tokens: list[str]
    min_frequency: int


def size(text: str) -> int:
    """Bytes from text like `512M` or `8G`.

    Example:
        >>> from bytestride.cli.options import size
        >>> size("2G")
        2147483648
    """
    match = re.fullmatch(r"(\d+)([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if match is None:
        message = f"{text!r} is no size; expected a number of bytes like 512M or 8G"
        raise typer.BadParameter(message)
    return int(match[1]) * SIZE_UNITS[match[2].upper()]


def refuse(context: typer.Context, names: Iterable[str], message: str) -> None:
    """Says that the command was called in a wrong way if one of these parameters was given."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            (option,) = (parameter for parameter in context.command.params if parameter.name == name)
            raise typer.BadParameter(message, param_hint=option.opts[0])


def pattern_of(text: str) -> str | None:
    """The `pattern` argument that an option's text stands for: "none" is no split."""
    return None if text == "none" else text


def special_tokens(special: list[str] | None, *around_documents: str | None) -> list[str]:
    """The special tokens asked for and those put around documents, each once, in this order.

    Example:
        >>> from bytestride.cli.options import special_tokens
        >>> special_tokens(["<pad>", "<end>"], None, "<end>")
        ['<pad>', '<end>']
    """
    return list(dict.fromkeys([*(special or ()), *filter(None, around_documents)]))


def _once(corpus: list[str] | None) -> list[str] | None:
    """`corpus`, which names standard input once at most: the second time nothing would be left of it."""
    if (corpus or []).count("-") > 1:
        message = "standard input can be read only once: give - once, or the text as a file"
        raise typer.BadParameter(message)
    return corpus


def _named(tokens: str | list[str] | None) -> str | list[str] | None:
    """Special tokens as given, none of which may be empty, as a variable of the shell that is not set."""
    if "" in ([tokens] if isinstance(tokens, str) else tokens or []):
        message = "expected a special token, not an empty text"
        raise typer.BadParameter(message)
    return tokens


Corpus = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders or globs of text; - is standard input.", show_default=False, callback=_once
    ),
]
OptionalCorpus = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders or globs of text. (default: standard input)", show_default=False, callback=_once
    ),
]
TokenizerFile = Annotated[
    str,
    typer.Option(
        "--tokenizer", "-t", help="A tokenizer.json, another tokenizer file or folder, or a bundled name."
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option("--tokenizer", "-t", help="Use this tokenizer instead of training one."),
]
VocabSize = Annotated[
    int,
    typer.Option(
        help="Tokens in the vocabulary: 256 bytes, merges and special tokens. 0: until no pair is left.",
        min=0,
    ),
]
Pattern = Annotated[
    str,
    typer.Option(help=f"How text is split before merging: {PATTERNS}, none, or any regular expression."),
]
Digits = Annotated[
    int | None,
    typer.Option(
        help="Numbers in groups of at most so many digits. (default: as the pattern has it)", min=1, max=9
    ),
]
DigitsFrom = Annotated[
    Literal["left", "right"],
    typer.Option(help="From which side digits are grouped; right is as numbers are written: 12 345 678."),
]
SuperwordsFrom = Annotated[
    int | None,
    typer.Option(help="From this vocabulary size on, merge across words, up to four. (default: never)"),
]
Special = Annotated[
    list[str] | None, typer.Option(help="A special token to add; repeat for more.", callback=_named)
]
MinFrequency = Annotated[int, typer.Option(help="Merge only pairs that occur this often.", min=1)]
Separator = Annotated[
    bytes | None,
    typer.Option(
        help="Text files hold several documents with this text between. In bash, $'\\n\\n' is two line ends.",
        parser=os.fsencode,
        metavar="TEXT",
    ),
]
TextField = Annotated[
    str, typer.Option(help="The field of JSON lines (column of a table) that holds the text.")
]
Format = Annotated[
    Literal["auto", "text", "jsonl", "parquet"],
    typer.Option(help="How the inputs are read: auto goes by the file's name."),
]
Suffix = Annotated[
    list[str] | None,
    typer.Option(
        help="In folders, take the files that end so (.txt); repeat for more. (default: files of text)"
    ),
]
Bos = Annotated[
    str | None, typer.Option(help="A special token to put before each document.", callback=_named)
]
Eos = Annotated[str | None, typer.Option(help="A special token to put after each document.", callback=_named)]
Dtype = Annotated[
    Literal["auto", "uint16", "uint32"],
    typer.Option(help="Integers to write; auto is uint16 where the vocabulary allows it."),
]
Threads = Annotated[int | None, typer.Option(help="Threads to use. (default: all cores)", min=1)]
MaxMemory = Annotated[
    int | None,
    typer.Option(help="Memory to stay below, as 512M or 8G.", parser=size, metavar="SIZE"),
]
OnError = Annotated[
    Literal["raise", "skip"],
    typer.Option(help="Stop at what cannot be read, or leave it out, and say how much that is."),
]
Resume = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Go on with what an interrupted run has written.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite what exists.")]
MaxLength = Annotated[int, typer.Option(help="Tokens in a window.", min=1)]
Stride = Annotated[
    int | None,
    typer.Option(help="Tokens from the start of a window to the next. (default: --max-length)", min=1),
]
RawDtype = Annotated[
    Literal["uint16", "uint32"] | None,
    typer.Option(
        help="Integers of a file that is ids and nothing else. (default: as the files of a store say)"
    ),
]
Store = Annotated[
    Path,
    typer.Argument(
        help="A token store: the common name of its .bin, .idx and .json, or of its shards, or a folder.",
        show_default=False,
    ),
]
