"""`bytestride inspect`: a text with its tokens in colour, or a tokenizer's facts."""

import sys
from collections.abc import Iterator
from itertools import cycle
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import plural, print_facts, vocabulary_fact

# Alternating backgrounds, dark letters on light grounds that differ also for eyes that see few colours.
STYLES = ("black on #9ecae1", "black on #fdd0a2", "black on #c7e9c0", "black on #dadaeb")
LONGEST_SHOWN = 8


def inspect(
    tokenizer: options.TokenizerFile,
    text: Annotated[
        str | None,
        typer.Argument(
            help="The text to show; - is standard input. (default: the tokenizer's facts)", show_default=False
        ),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="List each token's id and bytes.")] = False,
) -> None:
    """Show where a text is cut into tokens, or without a text what the tokenizer is.

    Example: bytestride inspect --tokenizer tokenizer.json "Hello, world!" --ids
    """
    loaded = bs.Tokenizer.load(tokenizer)
    if text is None:
        print_facts(_facts(loaded))
        return
    raw = sys.stdin.buffer.read() if text == "-" else text.encode(errors="replace")
    encoded = loaded.encode(raw).tolist()
    if ids:
        print_facts((str(token), repr(loaded.bytes_of(token))[1:]) for token in encoded)
    else:
        _show([_shown(loaded.bytes_of(token)) for token in encoded])
    size = len(raw) / max(len(encoded), 1)
    print(
        f"{plural(len(encoded), 'token')}, {plural(len(raw), 'byte')}, {size:.2f} bytes per token",
        file=sys.stderr,
    )


def _shown(token: bytes) -> str:
    """A token as it is printed: line ends visible, and the bytes of cut characters as escapes."""
    return token.decode(errors="backslashreplace").replace("\r", "␍").replace("\n", "⏎\n").replace("\t", "⇥")


def _show(tokens: list[str]) -> None:
    """Prints tokens with alternating backgrounds, and where there is no colour with bars between."""
    console = Console(highlight=False)
    if not console.is_terminal or console.no_color:
        print("│".join(tokens))
        return
    text = Text()
    for token, style in zip(tokens, cycle(STYLES), strict=False):
        text.append(token, style)
    console.print(text, soft_wrap=True)


def _facts(tokenizer: bs.Tokenizer) -> Iterator[tuple[str, str]]:
    yield vocabulary_fact(tokenizer)
    yield "pattern", "none" if tokenizer.pattern is None else tokenizer.pattern
    for token, identifier in tokenizer.special_tokens.items():
        yield "special", f"{token} = {identifier}"
    yield "fingerprint", tokenizer.fingerprint
    for longest in _longest(tokenizer):
        yield "long token", f"{tokenizer.id_of(longest)} {longest.decode(errors='backslashreplace')!r}"


def _longest(tokenizer: bs.Tokenizer) -> list[bytes]:
    """The longest tokens that merges made, longest first."""
    made = {left + right for left, right in tokenizer.merges}
    return sorted(made, key=lambda token: (-len(token), token))[:LONGEST_SHOWN]
