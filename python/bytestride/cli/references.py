"""The libraries that say what the ids of a tokenizer's file are: imported only to compare with them."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bytestride as bs

Special = Literal["text", "encode"]

# Which file of a folder says all, as `Tokenizer.load` has it.
_WHOLE_FILES = ("tokenizer.json", "tekken.json", "tokenizer.model")


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
    if path.is_dir():
        if not any((path / whole).exists() for whole in _WHOLE_FILES) and (path / "vocab.json").exists():
            return _pair(path)
        path = next((path / whole for whole in _WHOLE_FILES if (path / whole).exists()), path)
    if path.suffix == ".json":
        return _tekken(path) if path.name.startswith("tekken") else _tokenizers(path)
    if path.suffix == ".model" or ".model." in path.name:
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


def _pair(folder: Path) -> Reference:
    """Tokenizers, split as GPT-2, with the special tokens that ours finds: no file names them."""
    library = _library("tokenizers", str(folder))
    tokenizer = library.Tokenizer(
        library.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    )
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(list(bs.Tokenizer.load(folder).special_tokens))
    return _of_tokenizers(tokenizer)


def _tokenizers(path: Path) -> Reference:
    return _of_tokenizers(_library("tokenizers", str(path)).Tokenizer.from_file(str(path)))


def _of_tokenizers(tokenizer: Any) -> Reference:  # noqa: ANN401 (of a library without types)
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


def _tekken(path: Path) -> Reference:
    """Mistral's own, which never reads the names of special tokens in a text."""
    modules = "mistral_common.tokens.tokenizers.tekken"
    tokenizer = _library(modules, str(path), "mistral-common").Tekkenizer.from_file(str(path))

    def encode(text: str, special: Special) -> list[int]:
        del special
        ids: list[int] = tokenizer.encode(text, bos=False, eos=False)
        return ids

    return Reference("mistral-common", encode, ("text",))


def _library(module: str, name: str, package: str | None = None) -> Any:  # noqa: ANN401 (without types)
    """A module of a package, which is named as the module unless said otherwise."""
    package = package or module
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        message = f"{name}: the reference for it is {package}, which is not installed (pip install {package})"
        raise ValueError(message) from None
