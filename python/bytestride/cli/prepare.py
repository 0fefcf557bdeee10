"""`bytestride prepare`: text → tokenizer → token files → windows, in one go."""

from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.inputs import is_stream
from bytestride.cli.output import (
    bytes_per_token,
    has_windows,
    human_size,
    load_tokenizer,
    new_folder,
    phase_facts,
    print_facts,
    refuse_existing,
    skipped_facts,
    store_facts,
    store_files,
    vocabulary_fact,
    window_fact,
)
from bytestride.progress import Phase, Progress

# What only training follows.
TRAINING = (
    "vocab_size",
    "pattern",
    "digits",
    "digits_from",
    "superwords_from",
    "special",
    "min_frequency",
)


def prepare(
    context: typer.Context,
    corpus: options.Corpus,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.", show_default=False)],
    tokenizer: options.Tokenizer = None,
    vocab_size: options.VocabSize = 16_384,
    pattern: options.Pattern = "cl100k",
    digits: options.Digits = None,
    digits_from: options.DigitsFrom = "left",
    superwords_from: options.SuperwordsFrom = None,
    special: options.Special = None,
    min_frequency: options.MinFrequency = 2,
    separator: options.Separator = None,
    text_field: options.TextField = "text",
    format: options.Format = "auto",
    suffix: options.Suffix = None,
    bos: options.Bos = None,
    eos: options.Eos = None,
    dtype: options.Dtype = "auto",
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    on_error: options.OnError = "raise",
    resume: options.Resume = True,
    max_length: options.MaxLength = 256,
    stride: options.Stride = None,
    force: options.Force = False,
) -> None:
    """Make training data from text: train a tokenizer, encode the text, and show how to read the windows.

    The folder --out gets the token store corpus.bin, corpus.idx, corpus.json, and corpus.tokenizer.json.
    When interrupted while it encodes, the same command trains the same tokenizer again and goes on encoding
    where it stopped; with --no-resume it leaves nothing.

    Example: bytestride prepare books/ --out data --eos "<|endoftext|>"
    """
    if tokenizer is None:
        _refuse_for_training(corpus, on_error)
    else:
        options.refuse(context, TRAINING, "is for training, and --tokenizer is used as it is")
    prefix = out / "corpus"
    refuse_existing(store_files(prefix), force=force)
    reading = options.Reading(
        format=format,
        text_field=text_field,
        separator=separator,
        suffixes=suffix,
        threads=threads,
        max_memory=max_memory,
    )
    learning = options.Learning(
        vocab_size=vocab_size or None,
        pattern=options.pattern_of(pattern),
        digits=digits,
        digits_from=digits_from,
        superwords_from=superwords_from,
        special_tokens=options.special_tokens(special, bos, eos),
        min_frequency=min_frequency,
    )
    writing = options.Writing(bos=bos or False, eos=eos or False, dtype=dtype, on_error=on_error)
    with new_folder(out):
        with Progress() as training:
            if tokenizer is not None:
                made = load_tokenizer(tokenizer)
            else:
                made = bs.train(corpus, progress=training, **learning, **reading)
        with Progress() as encoding:
            store = made.encode_files(corpus, prefix, resume=resume, progress=encoding, **reading, **writing)
    vocabulary = vocabulary_fact(made, asked=vocab_size if tokenizer is None else 0)
    phases = [*training.phases, *encoding.phases]
    _print_summary(made, store, vocabulary, phases, (max_length, stride or max_length))


def _refuse_for_training(corpus: list[str], on_error: str) -> None:
    """Raises what keeps a tokenizer from being trained and the same inputs from being encoded."""
    for source in filter(is_stream, corpus):
        name = "standard input" if source == "-" else source
        message = f"{name} can be read only once: give --tokenizer, or the text as a file"
        raise typer.BadParameter(message, param_hint="CORPUS")
    if on_error == "skip":
        message = (
            "training leaves nothing out: train on what can be read (bytestride train), then give --tokenizer"
        )
        raise typer.BadParameter(message, param_hint="--on-error")


def _print_summary(
    tokenizer: bs.Tokenizer,
    store: bs.TokenStore,
    vocabulary: tuple[str, str],
    phases: list[Phase],
    shape: tuple[int, int],
) -> None:
    """Prints what was made, the files, and how to read windows of this length and stride."""
    print_facts(
        [
            vocabulary,
            *store_facts(store),
            ("bytes per token", f"{bytes_per_token(tokenizer, store):.2f}"),
            window_fact(store, *shape),
            *phase_facts(phases),
            *skipped_facts(store),
        ]
    )
    print("\nWritten:\n")
    print_facts((str(path), human_size(path.stat().st_size)) for path in store_files(store.path))
    if has_windows(store, shape[0]):
        print(f"\nTo read it:\n\n{_how_to_read(store.path, *shape)}")


def _how_to_read(prefix: Path, max_length: int, stride: int) -> str:
    """Python that reads the windows of the store `prefix`."""
    return (
        "import bytestride as bs\n"
        f"windows = bs.windows(bs.TokenStore.open({str(prefix)!r}), {max_length}, {stride})\n"
        f"for inputs, targets in windows.batches(32): ...  # int64[32, {max_length}] each, shuffled"
    )
