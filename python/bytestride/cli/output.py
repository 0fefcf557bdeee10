"""What commands print and write: facts in two columns, sizes for people, no file overwritten by accident."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import numpy as np
import typer

import bytestride as bs
from bytestride.progress import Phase

# Enough for four digits of an average; reading all of a large store would take longer than it is worth.
SAMPLE_TOKENS = 1 << 26
KILO = 1000
# How many errors that were passed over are shown.
LISTED = 10
# Of control characters, which a browser does not show.
PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}
# What a terminal would obey; some of it has no picture.
OBEYED = PICTURES | {code: f"\\x{code:x}" for code in range(0x80, 0xA0)}


def print_facts(facts: Iterable[tuple[str, str]], file: TextIO | None = None) -> None:
    """Prints names and values in two columns, on standard output if not to a `file`."""
    facts = list(facts)
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        print(f"{name:<{width}}  {value}", file=file)


def quoted(token: bytes) -> str:
    """A token as Python writes it: as text, or as bytes where it begins or ends inside a character."""
    try:
        return repr(token.decode())
    except UnicodeDecodeError:
        return repr(token)


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    Example:
        >>> from bytestride.cli.output import plural
        >>> plural(1, "window"), plural(1234, "window")
        ('1 window', '1,234 windows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def human_size(size: float) -> str:
    """A size in bytes with three digits and a decimal unit.

    Example:
        >>> from bytestride.cli.output import human_size
        >>> human_size(999), human_size(31_970_800)
        ('999 B', '32.0 MB')
    """
    if size < KILO:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= KILO
        if size < KILO:
            return f"{size:.1f} {unit}"
    return f"{size / KILO:.1f} TB"


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Raises FileExistsError if one of `paths` exists, unless `force` is given."""
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        message = f"{existing[0]}: exists already; --force overwrites it"
        raise FileExistsError(message)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; its file takes the place of `path` when all of it is there."""
    if path.exists() and not path.is_file():  # a device or a pipe
        yield path
        return
    target = path.resolve()
    sibling = target.with_name(f".{target.stem}-{os.getpid()}{target.suffix}")
    try:
        yield sibling
        sibling.replace(target)
    except OSError as error:
        if error.filename == str(sibling):
            error.filename = str(path)
        raise
    finally:
        sibling.unlink(missing_ok=True)


STORE_ENDINGS = (".bin", ".idx", ".json", ".tokenizer.json")


def store_files(prefix: Path) -> list[Path]:
    """The files of the token store `prefix`.

    Raises:
        ValueError: It is not the beginning of file names.
    """
    if not prefix.name:
        message = f"--out: {str(prefix)!r} names a folder; expected what the names of the files begin with"
        raise ValueError(message)
    return [prefix.with_name(prefix.name + ending) for ending in STORE_ENDINGS]


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Makes `folder`, and if that was all that came of it, takes it away again."""
    existed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if not existed:
            with suppress(OSError):  # not empty: something of worth is in it
                folder.rmdir()
        raise


def bytes_per_token(tokenizer: bs.Tokenizer, store: bs.TokenStore) -> float:
    """Bytes of text that a token of `store` stands for on average; special tokens stand for none."""
    tokens = store.shards[0][:SAMPLE_TOKENS]
    occurrences = np.bincount(tokens)
    ids = np.flatnonzero(occurrences)
    special = set(tokenizer.special_tokens.values())
    lengths = [0 if token in special else len(tokenizer.bytes_of(token)) for token in ids.tolist()]
    return float(occurrences[ids] @ np.array(lengths, dtype=np.int64)) / max(len(tokens), 1)


def vocabulary_fact(tokenizer: bs.Tokenizer, *, asked: int = 0) -> tuple[str, str]:
    """What the vocabulary is made of, and whether it is smaller than `asked`."""
    parts = [plural(len(tokenizer.merges), "merge"), f"{len(tokenizer.special_tokens)} special"]
    if tokenizer.vocab_size < asked:
        parts.append(f"{asked:,} were asked, but no further pair is frequent enough")
    return "vocabulary", f"{plural(tokenizer.vocab_size, 'token')} ({', '.join(parts)})"


def reading_facts(tokenizer: bs.Tokenizer, out: Path) -> list[tuple[str, str]]:
    """How a file is read that does not hold all of the tokenizer."""
    if out.suffix != ".tiktoken":
        return []
    specials = f", special_tokens={tokenizer.special_tokens}" if tokenizer.special_tokens else ""
    return [
        ("to read it", f"bs.Tokenizer.load({str(out)!r}, pattern={tokenizer.pattern!r}{specials})"),
        ("", "in Python, for it holds ranks only; commands read what bytestride convert makes of it"),
    ]


def load_tokenizer(name: str) -> bs.Tokenizer:
    """The tokenizer of a file, a folder or a bundled name, for commands that take nothing else of it."""
    try:
        return bs.Tokenizer.load(name)
    except ValueError as error:
        if not str(error).startswith("pattern: "):
            raise
        message = f"{error}; bytestride convert makes a tokenizer.json of it and a pattern"
        raise ValueError(message) from None


def tokenizer_for(store: bs.TokenStore, name: str | None) -> bs.Tokenizer:
    """The tokenizer `name`, or the one beside the store.

    Raises:
        ValueError: The store's tokens are known to be another's.
    """
    if name is None and store.fingerprint is None:
        message = "needed, for the store does not say whose tokens it has"
        raise typer.BadParameter(message, param_hint="--tokenizer")
    if name is None:
        return store.tokenizer
    loaded = load_tokenizer(name)
    if store.fingerprint not in {None, loaded.fingerprint}:
        message = (
            f"{name}: its fingerprint is {loaded.fingerprint}; expected {store.fingerprint}, "
            f"of the tokenizer that made the tokens of {store.path}"
        )
        raise ValueError(message)
    return loaded


def store_facts(store: bs.TokenStore) -> list[tuple[str, str]]:
    """How much a token store holds."""
    return [("documents", f"{len(store):,}"), ("tokens", f"{store.offsets[-1]:,} of {store.dtype}")]


def skipped_facts(store: bs.TokenStore) -> list[tuple[str, str]]:
    """How much of a store's inputs could not be read and was left out, and the first cases."""
    cases, rest = store.skipped, store.skipped_count - len(store.skipped[:LISTED])
    # The manifest has the first ones only, so that nothing grows with what is broken.
    where = (
        "in the manifest" if len(cases) == store.skipped_count else f"{len(cases) - LISTED:,} in the manifest"
    )
    return left_out_facts(
        store.skipped_count, cases[:LISTED], f"and {rest:,} more, {where}" if rest else None
    )


def left_out_facts(count: int, cases: Iterable[str], more: str | None) -> list[tuple[str, str]]:
    """How much could not be read and was left out, which cases these are, and that there are `more`."""
    if not count:
        return []
    lines = [f"{count:,} that could not be read:", *cases, *filter(None, [more])]
    return [("" if number else "left out", line) for number, line in enumerate(lines)]


def window_fact(store: bs.TokenStore, max_length: int, stride: int) -> tuple[str, str]:
    """How many windows a store gives, and of what shape."""
    shape = f"of {plural(max_length, 'token')}, {stride:,} from start to start"
    if not has_windows(store, max_length):
        return "windows", f"0 {shape}: the first would need {plural(max_length + 1, 'token')}"
    return "windows", f"{len(bs.windows(store, max_length, stride)):,} {shape}"


def has_windows(store: bs.TokenStore, max_length: int) -> bool:
    """Whether there are tokens for one window and its targets."""
    return int(store.offsets[-1]) > max_length


def phase_facts(phases: Iterable[Phase]) -> list[tuple[str, str]]:
    """How long each phase of a job took, and how fast it was."""
    return [(phase.name, f"{phase.seconds:.2f} s, {phase.rate}") for phase in phases]
