"""Naive references: the plainest code that says what the fast code must give."""

from collections import Counter
from itertools import pairwise
from math import inf

import regex as re

PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = PRINTABLE + [byte for byte in range(256) if byte not in PRINTABLE]


def split(text, regex):
    """The pretokens of a text as bytes: matches, and what stands between them."""
    cuts = sorted({0, len(text), *(cut for match in re.finditer(regex, text) for cut in match.span())})
    return [text[start:end].encode() for start, end in pairwise(cuts)]


def join(ids, left, right, joined):
    """`ids` with each `left, right` replaced, from left to right."""
    out = []
    for token in ids:
        if out and (out[-1], token) == (left, right):
            out[-1] = joined
        else:
            out.append(token)
    return out


def train(
    documents,
    merges=None,
    min_frequency=2,
    max_token_bytes=None,
    regex=r"(?s).+",
    *,
    times=None,
    superwords_from=None,
    superwords=None,
):
    """The merges as (left, right, id): before each, all pairs are counted again.

    A document counts as often as `times` says. Behind `superwords_from` merges, the pretokens are those of the
    expression `superwords`, and tokens reach into four words at most; before, `regex` splits each of these.
    """
    times = times or [1] * len(documents)
    pieces, of_pieces = documents, times
    if superwords_from is not None:
        runs = [split(text, superwords) for text in documents]
        pieces = [run.decode() for some in runs for run in some]
        of_pieces = [count for some, count in zip(runs, times, strict=True) for _ in some]
    words = _words(pieces, of_pieces, regex)
    learned = []
    limit = merges if superwords_from is None else min(inf if merges is None else merges, superwords_from)
    _learn(words, learned, limit, lambda token: len(token) <= (max_token_bytes or inf), min_frequency)
    if superwords_from is not None:
        words = _words(documents, times, superwords)
        for merge in learned:
            words = [(join(word, *merge), count) for word, count in words]

        def fits(token):
            return len(token) <= (max_token_bytes or inf) and len(re.findall(rb"(?<!\A) (?=[^ ])", token)) < 4

        _learn(words, learned, merges, fits, min_frequency)
    return learned


def _words(documents, times, regex):
    return [
        ([BYTES.index(byte) for byte in word], count)
        for text, count in zip(documents, times, strict=True)
        for word in split(text, regex)
    ]


def _learn(words, learned, limit, fits, min_frequency):
    """Adds merges to `learned` until there are `limit`."""
    spelled = [bytes([byte]) for byte in BYTES]
    for left, right, _ in learned:
        spelled.append(spelled[left] + spelled[right])
    while limit is None or len(learned) < limit:
        pairs = Counter()
        for word, count in words:
            for pair in pairwise(word):
                pairs[pair] += count
        possible = [pair for pair in pairs if fits(spelled[pair[0]] + spelled[pair[1]])]
        best = min(possible, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < max(min_frequency, 1):
            break
        learned.append((*best, len(spelled)))
        spelled.append(spelled[best[0]] + spelled[best[1]])
        words = [(join(word, *learned[-1]), count) for word, count in words]


def encode(text, merges, regex=r"(?s).+"):
    """The ids of a text: in each pretoken every merge is applied, in the order learned."""
    words = [[BYTES.index(byte) for byte in word] for word in split(text, regex)]
    for merge in merges:
        words = [join(word, *merge) for word in words]
    return [token for word in words for token in word]


def window_starts(tokens, max_length, stride, *, pad):
    """Where windows start: the complete ones, and with `pad` those that show a pair none before shows."""
    starts, shown = [], set()
    for start in range(0, tokens, stride):
        targets = [target for target in range(start + 1, start + max_length + 1) if target < tokens]
        if len(targets) == max_length or (pad and not shown.issuperset(targets)):
            starts.append(start)
        shown.update(targets)
    return starts


def windows(tokens, max_length, stride, pad_id=None):
    """All windows as two lists of lists, inputs and targets."""
    starts = window_starts(len(tokens), max_length, stride, pad=pad_id is not None)
    padded = [*tokens, *[pad_id] * (max_length + 1)]
    inputs = [padded[start : start + max_length] for start in starts]
    targets = [padded[start + 1 : start + max_length + 1] for start in starts]
    return inputs, targets
