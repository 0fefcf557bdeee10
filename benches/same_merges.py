"""Whether the merges are Hugging Face's, and the same in whatever way they are learned."""

import random
import sys

import bytestride as bs
import corpus
import report
import trainers

PATTERNS = ("gpt2", "cl100k")
THREADS = (1, 2, 5, 16)
PARTS = 7


def ways(text, path, pattern, size):
    """What each way of learning is called, and its merges."""
    documents = text.texts
    for threads in THREADS:
        found = trainers.Bytestride(threads, pattern).train(text, path, size)
        yield f"{threads} thread{'s' * (threads > 1)}", found
    shuffled = random.Random(size).sample(documents, len(documents))
    yield "documents shuffled", bs.train(iter(shuffled), 256 + size, pattern=pattern)
    bounded = trainers.Bytestride(2, pattern, {"max_memory": 1})
    yield "least memory", bounded.train(text, path, size)
    counts = [bs.count_words(iter(documents[part::PARTS]), pattern) for part in range(PARTS)]
    yield f"{PARTS} counts added", bs.train(sum(counts[1:], counts[0]), 256 + size)


def run(paths, folder, megabytes, size):
    """A table with a row for each text and pattern; stops at the first difference."""
    header, rows = [], []
    for path in paths:
        text = corpus.read(path, megabytes)
        written = text.write(folder / "same.txt")
        for pattern in PATTERNS:
            peer = trainers.HuggingFace(pattern)
            expected = peer.merges(peer.train(text, written, size))
            header = ["text, pattern", "merges"]
            row = [f"{text.name}, {pattern}", f"{len(expected):,}"]
            for way, found in ways(text, written, pattern, size):
                trainers.require_equal(f"{text.name}, {pattern}, {way}", expected, found.merges)
                header.append(way)
                row.append("equal")
            rows.append(row)
            print(f"{text.name}, {pattern}: equal", file=sys.stderr, flush=True)
    title = f"Merges equal to those of tokenizers, {megabytes:g} MB"
    return report.grid(title, header, rows)
