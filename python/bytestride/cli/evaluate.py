"""`bytestride evaluate`: what tokenizers are worth on a text, as a table and as a plot."""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.inputs import kept, readable
from bytestride.cli.output import load_tokenizer, refuse_existing, replacing
from bytestride.progress import Progress

# The curve of a training run goes from its largest vocabulary down to this, each half of the one before.
LEAST_VOCABULARY = 300
FIRST_IDS = 10

Curve = list[tuple[int, float]]


def evaluate(
    corpus: options.Corpus,
    tokenizer: Annotated[
        list[str],
        typer.Option(
            "--tokenizer", "-t", help="A tokenizer file, folder or bundled name; repeat to compare several."
        ),
    ],
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw compression over vocabulary size and the lengths of tokens (.png, .svg, .pdf)."
        ),
    ] = None,
    separator: options.Separator = None,
    text_field: options.TextField = "text",
    format: options.Format = "auto",
    suffix: options.Suffix = None,
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    force: options.Force = False,
) -> None:
    """Tell how tokenizers do on a text: compression, and how their vocabularies are used.

    Example: bytestride evaluate books/*.txt -t tokenizer.json -t cl100k_base --plot compression.png
    """
    if plot is not None:
        refuse_existing([plot], force=force)
        _require_matplotlib()
    reading = options.Reading(
        format=format,
        text_field=text_field,
        separator=separator,
        suffixes=suffix,
        threads=threads,
        max_memory=max_memory,
    )
    loaded = [load_tokenizer(name) for name in tokenizer]
    counts = _counts(corpus, loaded, reading)
    evaluations = [bs.evaluate(one, counts[one.pattern], threads=threads) for one in loaded]
    for line in table(tokenizer, evaluations):
        print(line)
    if plot is not None:
        curves = [compression(one, counts[one.pattern], threads) for one in loaded]
        draw(plot, tokenizer, evaluations, curves)


def _counts(
    corpus: list[str], tokenizers: list[bs.Tokenizer], reading: options.Reading
) -> dict[str | None, bs.WordCounts]:
    """The words of the corpus by the pattern that cuts them, for each pattern that a tokenizer has."""
    by_pattern = {one.pattern: one for one in tokenizers}
    counts = {}
    with tempfile.TemporaryDirectory(prefix="bytestride-") as folder:
        # Each pattern reads all of it.
        inputs = (readable if len(by_pattern) == 1 else kept)(corpus, Path(folder))
        for pattern, one in by_pattern.items():
            with Progress() as progress:
                counts[pattern] = bs.count_words(inputs, one, progress=progress, **reading)
    return counts


def table(names: list[str], evaluations: list[bs.Evaluation]) -> list[str]:
    """A line for each fact, with a column for each tokenizer.

    Example:
        >>> import bytestride as bs
        >>> from bytestride.cli.evaluate import table
        >>> text = [b"low lower lowest"] * 2
        >>> evaluation = bs.evaluate(bs.train(text, 260, pattern="gpt2"), text)
        >>> print(table(["mine.json"], [evaluation])[1])
        vocabulary                  260
    """
    rows = [("", names)]
    rows += [(name, [form(one) for one in evaluations]) for name, form in FACTS.items()]
    left = max(len(name) for name, _ in rows)
    widths = [max(12, *(len(cells[column]) for _, cells in rows)) for column in range(len(names))]
    return [
        "  ".join(
            [f"{name:<{left}}", *(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))]
        )
        for name, cells in rows
    ]


def _some(ids: list[int]) -> str:
    """How many ids there are, and which if they are few."""
    return f"{len(ids):,}" + (f" ({', '.join(map(str, ids))})" if 0 < len(ids) <= FIRST_IDS else "")


FACTS: dict[str, Callable[[bs.Evaluation], str]] = {
    "vocabulary": lambda one: f"{one.vocab_size:,}",
    "bytes": lambda one: f"{one.bytes:,}",
    "words": lambda one: f"{one.words:,}",
    "tokens": lambda one: f"{one.tokens:,}",
    "bytes per token": lambda one: f"{one.bytes_per_token:.3f}",
    "tokens per word": lambda one: f"{one.tokens_per_word:.3f}",
    "vocabulary used": lambda one: f"{one.used:.1%}",
    "tokens never seen": lambda one: f"{len(one.unseen):,}",
    "never reachable": lambda one: _some(one.unreachable.tolist()),
    "Rényi efficiency": lambda one: f"{one.renyi_efficiency:.3f}",
}


def compression(tokenizer: bs.Tokenizer, counts: bs.WordCounts, threads: int | None) -> Curve:
    """Sizes of the vocabulary and bytes per token at each, as far as the training run can be cut shorter."""
    curve = []
    size = tokenizer.vocab_size
    while size >= LEAST_VOCABULARY:
        try:
            shorter = tokenizer.truncated(size)
        except ValueError:  # not in the order of a training
            shorter = tokenizer
        curve.append((size, bs.evaluate(shorter, counts, threads=threads).bytes_per_token))
        if shorter.vocab_size < size or shorter is tokenizer:
            break
        size //= 2
    return curve[::-1]


def _require_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        message = "--plot needs matplotlib: pip install 'bytestride[plot]'"
        raise ValueError(message)


def draw(path: Path, names: list[str], evaluations: list[bs.Evaluation], curves: list[Curve]) -> None:
    """Draws compression over vocabulary size, and how long the tokens of the text are."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (most who evaluate draw nothing)

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    over_size, over_length = figure.subplots(1, 2)
    for name, evaluation, curve in zip(names, evaluations, curves, strict=True):
        label = Path(name).name
        over_size.plot(*zip(*curve, strict=True), marker="o", label=label)
        shares = evaluation.lengths / max(evaluation.tokens, 1)
        over_length.plot(range(1, len(shares)), shares[1:], marker=".", label=label)
    over_size.set(xscale="log", xlabel="tokens in the vocabulary", ylabel="bytes of text per token")
    over_length.set(
        xlim=(0, 20), xticks=range(0, 21, 2), xlabel="bytes of a token", ylabel="share of the text's tokens"
    )
    for axes in (over_size, over_length):
        axes.grid(alpha=0.3)
        axes.legend()
    with replacing(path) as whole:
        figure.savefig(whole, dpi=150)
