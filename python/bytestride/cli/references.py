"""The libraries that say what the ids of a tokenizer's file are: imported only to compare with them."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bytestride as bs

Special = Literal["text", "encode"]


@dataclass
class Reference:
    """How another library encodes with the same tokenizer.

    Example:
        >>> from bytestride.cli.references import Reference
        >>> Reference("none", lambda text, special: []).policies
        ('text', 'encode')
    """

    package: str
    encode: Callable[[str, Special], list[int]]
    policies: tuple[Special, ...] = ("text", "encode")


def reference(name: str, loaded: bs.Tokenizer) -> Reference:
    """The library for the file `name`, from which `loaded` was read.

    Raises:
        ValueError: The library is not installed, or none is known for such files.

    Example:
        >>> import bytestride as bs
        >>> from bytestride.cli.references import reference
        >>> reference("tokens.txt", bs.Tokenizer.load("gpt2"))
        Traceback (most recent call last):
        ValueError: tokens.txt: no library is known that could be the reference for such a file
    """
    path = Path(name)
    if name in bs.bundled() or path.suffix == ".tiktoken":
        return _tiktoken(name, loaded)
    if path.is_dir() and (path / "tokenizer.json").exists():
        path /= "tokenizer.json"
    if path.suffix == ".json":
        return _tokenizers(path)
    if path.suffix == ".model":
        return _sentencepiece(path)
    message = f"{name}: no library is known that could be the reference for such a file"
    raise ValueError(message)


def _tiktoken(name: str, loaded: bs.Tokenizer) -> Reference:
    """tiktoken, with the ranks of the file or the bundled ones, for its own come from the network."""
    if len(loaded.expressions) != 1:
        message = (
            f"{name}: tiktoken splits text by one expression, and this tokenizer by {len(loaded.expressions)}"
        )
        raise ValueError(message)
    specials = loaded.special_tokens
    special_ids = set(specials.values())
    encoding = _library("tiktoken", name).Encoding(
        Path(name).stem,
        pat_str=loaded.expressions[0],
        mergeable_ranks={token: rank for token, rank in loaded.vocabulary.items() if rank not in special_ids},
        special_tokens=specials,
    )

    def encode(text: str, special: Special) -> list[int]:
        ids: list[int] = encoding.encode(
            text, allowed_special="all" if special == "encode" else set(), disallowed_special=()
        )
        return ids

    return Reference("tiktoken", encode)


def _tokenizers(path: Path) -> Reference:
    tokenizer = _library("tokenizers", str(path)).Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def encode(text: str, special: Special) -> list[int]:
        tokenizer.encode_special_tokens = special == "text"
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return Reference("tokenizers", encode)


def _sentencepiece(path: Path) -> Reference:
    """Sentencepiece, which never reads the names of its control tokens in a text."""
    processor = _library("sentencepiece", str(path)).SentencePieceProcessor(model_file=str(path))

    def encode(text: str, special: Special) -> list[int]:
        del special
        ids: list[int] = processor.encode(text)
        return ids

    return Reference("sentencepiece", encode, ("text",))


def _library(package: str, name: str) -> Any:  # noqa: ANN401 (a module without types)
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        message = f"{name}: the reference for it is {package}, which is not installed (pip install {package})"
        raise ValueError(message) from None
