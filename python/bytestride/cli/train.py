"""`bytestride train`: text → tokenizer.json."""

from pathlib import Path
from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import phase_facts, print_facts, reading_facts, refuse_existing, vocabulary_fact
from bytestride.progress import Progress


def train(
    corpus: options.Corpus,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("tokenizer.json"),
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
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    force: options.Force = False,
) -> None:
    """Train a byte-level BPE tokenizer and write it as a tokenizer.json.

    Example: bytestride train books/*.txt --vocab-size 32768 --special "<|endoftext|>"
    """
    refuse_existing([out], force=force)
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
        special_tokens=options.special_tokens(special),
        min_frequency=min_frequency,
    )
    with Progress() as progress:
        tokenizer = bs.train(corpus, progress=progress, **learning, **reading)
    tokenizer.save(out)
    print_facts(
        [
            ("written", str(out)),
            vocabulary_fact(tokenizer, asked=vocab_size),
            *phase_facts(progress.phases),
            *reading_facts(tokenizer, out),
        ]
    )
