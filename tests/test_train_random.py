"""Small corpora at random with options at random: the merges and the ids of the naive reference."""

import random
from pathlib import Path

import pytest

import bytestride as bs
import reference

# Parts of texts on which patterns, ties, and neighbours that overlap depend.
PIECES = [
    "a",
    "b",
    "ab",
    "aa",
    "the",
    " the",
    " of",
    " a",
    "b b",
    "'s",
    "'",
    " ",
    "  ",
    "\n",
    "1",
    "23",
    "4567",
    ".",
    "é",
    "中",
]
# Numbers, words and the rest apart, and one that leaves spaces unmatched.
EXPRESSIONS = (r"\p{L}+|\p{N}|[^\p{L}\p{N}]+", r" ?[a-z]+|\d+", "(?s).+", r"\p{L}\p{L}?|.")


def corpus(numbers):
    """Documents, with many repetitions."""
    pieces = numbers.sample(PIECES, numbers.randint(1, 7))
    texts = ["".join(numbers.choices(pieces, k=numbers.randint(0, 14))) for _ in range(numbers.randint(1, 5))]
    return numbers.choices(texts, k=numbers.randint(1, 8))


def options(numbers):
    """Options of `train`, and those of the reference that mean the same."""
    pattern = numbers.choice(["gpt2", "cl100k", "o200k", "llama3", "qwen2", *EXPRESSIONS])
    ours = {
        "pattern": pattern,
        "min_frequency": numbers.randint(0, 4),
        "max_token_bytes": numbers.choice([None, None, 1, 2, 3, 5, 9]),
        "threads": numbers.choice([1, 2, 5]),
        "special_tokens": numbers.choice([[], ["<|end|>"]]),
    }
    if pattern not in EXPRESSIONS and numbers.random() < 0.4:
        ours |= {"digits": numbers.randint(1, 4), "digits_from": numbers.choice(["left", "right"])}
    if numbers.random() < 0.4:
        ours["superwords_from"] = numbers.randint(0, 20) + 256 + len(ours["special_tokens"])
    merges = numbers.choice([None, *range(25)])
    return ours, merges


def sources(numbers, documents, folder: Path):
    """The documents in one of the ways to hand them over, with options, and how often each counts."""
    way = numbers.choice(["iterable", "bytes", "paths", "file"])
    if way == "iterable":
        return iter(documents), {"max_memory": numbers.choice([None, 1])}, None
    if way == "bytes":
        return [document.encode() for document in documents], {}, None
    if way == "file":
        (folder / "all.txt").write_bytes("<|end|>".join(documents).encode())
        return folder / "all.txt", {"separator": "<|end|>"}, None
    paths = [folder / f"{number}.txt" for number in range(len(documents))]
    for path, document in zip(paths, documents, strict=True):
        path.write_bytes(document.encode())
    weights = [numbers.randint(0, 3) for _ in paths]
    return paths, {"weights": weights}, weights


def check(seed, folder):
    """One corpus: `train` from a source and from added counts, all sizes, and what the tokenizer makes of the text."""
    numbers = random.Random(seed)
    documents = corpus(numbers)
    ours, merges = options(numbers)
    source, reading, times = sources(numbers, documents, folder)
    room = 256 + len(ours["special_tokens"])
    size = None if merges is None else room + merges
    tokenizer = bs.train(source, size, **ours, **reading)

    superwords_from = ours.get("superwords_from")
    shape = {name: ours[name] for name in ("digits", "digits_from") if name in ours}
    plain = bs.count_words([], ours["pattern"], **shape)
    (regex,) = bs.train(plain).expressions
    (outer,) = tokenizer.expressions
    expected = reference.train(
        documents,
        merges,
        ours["min_frequency"],
        ours["max_token_bytes"],
        regex,
        times=times,
        superwords_from=None if superwords_from is None else superwords_from - room,
        superwords=outer,
    )
    spelled = [bytes([byte]) for byte in reference.BYTES]
    for left, right, _ in expected:
        spelled.append(spelled[left] + spelled[right])
    assert tokenizer.merges == [(spelled[left], spelled[right]) for left, right, _ in expected]
    assert tokenizer.vocab_size == room + len(expected)
    for document in documents:
        assert tokenizer.encode(document).tolist() == reference.encode(document, expected, outer)

    counts = bs.WordCounts(pattern=tokenizer.pattern)
    for document, count in zip(documents, times or [1] * len(documents), strict=True):
        one = bs.count_words(
            [document.encode()], ours["pattern"], **shape, superwords=superwords_from is not None
        )
        counts += one.scaled(count)
    learning = {
        name: ours[name] for name in ("min_frequency", "max_token_bytes", "special_tokens", "threads")
    }
    sizes = [room + numbers.randint(0, 30) for _ in range(3)]
    several = bs.train(counts, sizes, superwords_from=superwords_from, **learning)
    for one, size in zip(several, sizes, strict=True):
        assert one == bs.train(counts, size, superwords_from=superwords_from, **learning)
        assert one.merges[: len(tokenizer.merges)] == tokenizer.merges[: len(one.merges)]


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_random_corpora_are_trained_as_by_the_reference(start, tmp_path):
    for seed in range(start, start + 50):
        check(seed, tmp_path)


@pytest.mark.slow
def test_ten_thousand_random_corpora_are_trained_as_by_the_reference(tmp_path):
    for seed in range(1000, 11_000):
        check(seed, tmp_path)
