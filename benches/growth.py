"""Training as text grows: the same files again and again, each time with other words.

Copies of a text would have no new words. So in each copy after the first some of the rarer words change one
letter, by the number of the copy: distinct words grow as a power of the text's length,
as Heaps' law has it, and the frequent words stay what they are.
"""

import hashlib
import re
from collections import Counter
from itertools import count
from pathlib import Path

import numpy as np

import apart
import report
import trainers
from timing import available_cores, peak_megabytes, timed

WORD = re.compile(rb"[A-Za-z\x80-\xff]{4,}")
LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", np.uint8)
# Words that occur more often than this in the first copy are the same in all others.
FREQUENT = 50
# One in so many of the rarer words changes in a copy.
CHANGED = 3


def grow(paths, folder, sizes):
    """Files of text of each size in megabytes, beginnings of the largest; writes what is not there yet."""
    files = {megabytes: folder / f"grown-{megabytes:g}.txt" for megabytes in sorted(sizes, reverse=True)}
    largest = next(iter(files.values()))
    for megabytes, file in files.items():
        size = int(megabytes * 1e6)
        if file.exists() and file.stat().st_size == size:
            continue
        with file.open("wb") as target:
            if file == largest:
                _write(_copies(paths), target, size)
            else:
                with largest.open("rb") as source:
                    _write(iter(lambda: source.read(1 << 24), b""), target, size)
    return dict(reversed(files.items()))


def _write(pieces, target, size):
    while (missing := size - target.tell()) > 0:
        target.write(next(pieces)[:missing])


def _copies(paths):
    """The text of the files again and again, each time with other words."""
    texts = [np.frombuffer(Path(path).read_bytes(), np.uint8) for path in paths]
    rare, places = _rare_words(texts)
    lengths = np.array([len(word) for word in rare])
    yield from texts
    for copy in count(1):
        numbers = np.random.default_rng(copy)
        is_changed = numbers.integers(CHANGED, size=len(rare)) == 0
        at, letters = numbers.integers(lengths), numbers.choice(LETTERS, len(rare))
        for text, (starts, words) in zip(texts, places, strict=True):
            changed, here = text.copy(), is_changed[words]
            changed[starts[here] + at[words[here]]] = letters[words[here]]
            yield changed


def _rare_words(texts):
    """The rarer words, and for each text where they start and which they are."""
    counts = Counter(word for text in texts for word in WORD.findall(text))
    rare = sorted(word for word, occurrences in counts.items() if occurrences <= FREQUENT and word.isascii())
    number_of = {word: number for number, word in enumerate(rare)}
    found = [
        [(match.start(), number_of[match[0]]) for match in WORD.finditer(text) if match[0] in number_of]
        for text in texts
    ]
    return rare, [np.array(pairs, np.int64).reshape(-1, 2).T for pairs in found]


def measure(path, merges, threads, options):
    """Seconds, peak of memory, and a hash of the merges of one training run."""
    trainer = trainers.Bytestride(threads=threads, options=options)
    seconds, tokenizer = timed(lambda: trainer.train(None, Path(path), merges))
    peak = peak_megabytes()
    return seconds, peak, hashlib.blake2b(repr(tokenizer.merges).encode()).hexdigest()


def distinct_words(path, threads):
    import bytestride as bs

    return len(bs.count_words(path, "gpt2", separator=trainers.END, threads=threads))


def run(paths, folder, chosen):
    """The table of growth, and whether a bound of memory leaves the merges as they are."""
    cores = available_cores()[-2:]
    rows = []
    for megabytes, path in grow(paths, chosen.folder or folder, chosen.sizes).items():
        words = apart.call(distinct_words, str(path), len(cores), cores=cores)
        row = [f"{megabytes:,.0f} MB", f"{words:,}"]
        hashes = set()
        for options in ({}, {"max_memory": chosen.max_memory}):
            seconds, peak, learned = apart.call(
                measure, str(path), chosen.merges, len(cores), options, cores=cores
            )
            hashes.add(learned)
            row += [report.duration(seconds), f"{megabytes / seconds:,.0f}", f"{peak:,.0f}"]
        if len(hashes) > 1:
            raise SystemExit(f"max_memory={chosen.max_memory} gives other merges for {megabytes} MB")
        rows.append(row)
    bounded = f"max_memory={chosen.max_memory}"
    head = ["text", "distinct words", "time", "MB/s", "peak MB", f"{bounded}: time", "MB/s", "peak MB"]
    title = f"Growth, gpt2, {len(cores)} threads"
    return report.grid(title, head, rows, ["The merges are the same with and without the bound."])
