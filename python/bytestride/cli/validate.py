"""`bytestride validate`: our ids beside those of the reference library, on the user's own text."""

import importlib.metadata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli.output import load_tokenizer, plural, quoted
from bytestride.cli.references import Reference, Special, reference

# As diff and cmp have it, this is apart from errors.
DIFFERENT = 3
# Texts are compared in stretches of whole lines, for the references are slow and take memory.
CHARACTERS_AT_ONCE = 1 << 18
# How much of a difference is shown.
CONTEXT_CHARACTERS = 24
CONTEXT_TOKENS = 4


@dataclass
class Difference:
    """The first place where two lists of ids are not the same."""

    text: str
    place: int
    line: int
    special: Special
    ours: list[int]
    others: list[int]
    position: int


def validate(
    tokenizer: Annotated[str, typer.Argument(help="A tokenizer's file or folder, or a bundled name.")],
    text: Annotated[list[Path], typer.Argument(help="Files of text, in UTF-8.")],
) -> None:
    """Compare ids with those of the reference library, which must be installed.

    For a tokenizer.json, or vocab.json and merges.txt, that is tokenizers; for ranks and bundled names
    tiktoken; for a .model sentencepiece; for a tekken.json mistral-common.

    Names of special tokens are taken as text first, then as tokens. The first difference is shown with its
    context, and the exit code is 3.

    Example: bytestride validate tokenizer.json notes.txt corpus/*.txt
    """
    loaded = load_tokenizer(tokenizer)
    other = reference(tokenizer, loaded)
    print(f"{tokenizer} beside {other.package} {importlib.metadata.version(other.package)}")
    for path in text:
        compared = 0
        for stretch, line in _stretches(path):
            for special in other.policies:
                difference = _difference(loaded, other, stretch, line, special)
                if difference is not None:
                    _print_difference(path, loaded, other, difference)
                    raise typer.Exit(DIFFERENT)
            compared += loaded.count(stretch)
        print(f"{path}: equal, {plural(compared, 'token')}")


def _stretches(path: Path) -> Iterator[tuple[str, int]]:
    """The text of a file in stretches of whole lines, each with the number of its first line."""
    try:
        # Line ends stay what they are.
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at byte {error.start}, and the references take characters only"
        raise ValueError(message) from None
    start, line = 0, 1
    while start < len(text):
        end = text.find("\n", start + CHARACTERS_AT_ONCE) + 1 or len(text)
        yield text[start:end], line
        line += text.count("\n", start, end)
        start = end


def _difference(
    tokenizer: bs.Tokenizer, other: Reference, text: str, line: int, special: Special
) -> Difference | None:
    """The first difference in a text that begins at `line`, if there is one."""
    ours: list[int] = tokenizer.encode(text, special=special).tolist()
    others = other.encode(text, special)
    if ours == others:
        return None
    pairs = enumerate(zip_longest(ours, others))
    position = next(number for number, (mine, theirs) in pairs if mine != theirs)
    _, spans = tokenizer.encode_with_offsets(text, special=special)
    place = int(spans[position, 0]) if position < len(spans) else len(text)
    line += text.count("\n", 0, place)
    return Difference(text, place, line, special, ours, others, position)


def _print_difference(path: Path, tokenizer: bs.Tokenizer, other: Reference, found: Difference) -> None:
    how = "" if found.special == "text" else ", names of special tokens as tokens"
    print(f"{path}: DIFFERENT at line {found.line}{how}")
    before = found.text[max(0, found.place - CONTEXT_CHARACTERS) : found.place]
    behind = found.text[found.place : found.place + CONTEXT_CHARACTERS]
    rows = [("text", f"{before!r} + {behind!r}")]
    start = max(0, found.position - CONTEXT_TOKENS)
    for name, ids in (("bytestride", found.ours), (other.package, found.others)):
        window = ids[start : found.position + CONTEXT_TOKENS]
        rows.append((name, f"{_shown(ids, start, window)}  {_spelled(tokenizer.bytes_of, window)}"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")


def _shown(ids: list[int], start: int, window: list[int]) -> str:
    before = "… " if start > 0 else ""
    behind = " …" if start + len(window) < len(ids) else ""
    return f"{before}{' '.join(map(str, window))}{behind}"


def _spelled(bytes_of: Callable[[int], bytes], ids: list[int]) -> str:
    """The tokens of ids with bars between, as far as they exist."""
    parts = []
    for token in ids:
        try:
            parts.append(quoted(bytes_of(token)))
        except KeyError:
            parts.append(f"no token {token}")
    return "│".join(parts)
