"""`bytestride inspect`: a text with its tokens in colour, here or as a page, or a tokenizer's facts."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sized
from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import (
    OBEYED,
    load_tokenizer,
    plural,
    print_facts,
    quoted,
    refuse_existing,
    replacing,
    vocabulary_fact,
)
from bytestride.cli.page import page

# Alternating backgrounds, dark letters on light grounds that differ also for eyes that see few colours.
STYLES = ("black on #9ecae1", "black on #fdd0a2", "black on #c7e9c0", "black on #dadaeb")
LONGEST_SHOWN = 8
VISIBLE = OBEYED | {ord("\n"): "⏎\n", ord("\t"): "⇥"}
# A path, or a name that ends as those of texts do.
LIKE_A_FILE = re.compile(r"\S*[/\\]\S*|\S+\.(txt|md|jsonl?|csv|html?|py|rs)")


def inspect(
    tokenizer: Annotated[
        list[str],
        typer.Option(
            "--tokenizer",
            "-t",
            help="A tokenizer.json, another tokenizer file or folder, or a bundled name; repeat to compare.",
            show_default=False,
        ),
    ],
    text: Annotated[
        str | None,
        typer.Argument(
            help="The text, or a file that holds it; - is standard input. (default: the tokenizer's facts)",
            show_default=False,
        ),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="List each token's id and bytes.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page for a browser, which needs no network.", show_default=False),
    ] = None,
    force: options.Force = False,
) -> None:
    """Show where a text is cut into tokens, or without a text what the tokenizer is.

    Examples: bytestride inspect --tokenizer gpt2 "Hello, world!" --ids

    bytestride inspect --tokenizer gpt2 --tokenizer o200k_base notes.txt --html notes.html
    """
    for option, given in (("--ids", ids), ("--html", html)):
        if given and text is None:
            raise typer.BadParameter("needs a text", param_hint=option)
    if ids and html:
        raise typer.BadParameter("lists tokens here, and a page has them all", param_hint="--ids")
    loaded = {name: load_tokenizer(name) for name in tokenizer}
    if text is None:
        for called, one in loaded.items():
            _print_name(called, loaded)
            print_facts(_facts(one))
        return
    name, raw = _read(text)
    if html is not None:
        refuse_existing([html], force=force)
        made = page(_characters(name, raw), loaded, name)
        with replacing(html) as path:
            # A name of a file may hold what is no character.
            path.write_text(made, "utf-8", errors="backslashreplace")
        print_facts([("written", str(html))])
        return
    for called, one in loaded.items():
        _print_name(called, loaded)
        _print_text(one, raw, ids=ids)


def _print_name(name: str, loaded: Sized) -> None:
    """Prints the name of a tokenizer if there are others."""
    if len(loaded) > 1:
        print(f"{name}:")


def _read(text: str) -> tuple[str, bytes]:
    """What the text is called, and its bytes; a name of a file stands for what is in it, which is said."""
    if text == "-":
        return "standard input", sys.stdin.buffer.read()
    if _is(Path.is_file, text):
        print(f"the text of the file {text}:", file=sys.stderr)
        return text, Path(text).read_bytes()
    if LIKE_A_FILE.fullmatch(text):
        what = "is a folder" if _is(Path.is_dir, text) else "is no file"
        print(f"{text} {what}; this is the text itself:", file=sys.stderr)
    return "text", os.fsencode(text)


def _is(kind: Callable[[Path], bool], text: str) -> bool:
    try:
        return kind(Path(text))
    except (OSError, ValueError):  # what no name of a file can be
        return False


def _characters(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        message = f"{name}: not UTF-8 at byte {error.start}, and a page can show characters only"
        raise ValueError(message) from None


def _print_text(tokenizer: bs.Tokenizer, raw: bytes, *, ids: bool) -> None:
    encoded = tokenizer.encode(raw).tolist()
    if ids:
        print_facts((str(token), quoted(tokenizer.bytes_of(token))) for token in encoded)
    else:
        _show([_shown(tokenizer.bytes_of(token)) for token in encoded])
    size = len(raw) / max(len(encoded), 1)
    print(
        f"{plural(len(encoded), 'token')}, {plural(len(raw), 'byte')}, {size:.2f} bytes per token",
        file=sys.stderr,
    )


def _shown(token: bytes) -> str:
    """A token as it is printed: control characters visible, and the bytes of cut characters as escapes."""
    return token.decode(errors="backslashreplace").translate(VISIBLE)


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
    yield "pattern", "none" if tokenizer.pattern is None else tokenizer.pattern.translate(OBEYED)
    for token, identifier in tokenizer.special_tokens.items():
        yield "special", f"{token.translate(OBEYED)} = {identifier}"
    yield "fingerprint", tokenizer.fingerprint
    for longest in _longest(tokenizer):
        yield "long token", f"{tokenizer.id_of(longest)} {quoted(longest)}"


def _longest(tokenizer: bs.Tokenizer) -> list[bytes]:
    """The longest tokens that merges made, longest first."""
    made = {left + right for left, right in tokenizer.merges}
    return sorted(made, key=lambda token: (-len(token), token))[:LONGEST_SHOWN]
