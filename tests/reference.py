"""Naive references: the plainest code that says what the fast code must give."""

import re
from collections import Counter
from itertools import pairwise
from math import inf

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


def train(documents, merges=None, min_frequency=2, max_token_bytes=None, regex=r"(?s).+"):
    """The merges as (left, right, id): before each, all pairs are counted again."""
    words = [[BYTES.index(byte) for byte in word] for text in documents for word in split(text, regex)]
    lengths, learned = [1] * 256, []
    while merges is None or len(learned) < merges:
        pairs = Counter(pair for word in words for pair in pairwise(word))
        fits = [p for p in pairs if lengths[p[0]] + lengths[p[1]] <= (max_token_bytes or inf)]
        best = min(fits, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < min_frequency:
            break
        learned.append((*best, len(lengths)))
        lengths.append(lengths[best[0]] + lengths[best[1]])
        words = [join(word, *learned[-1]) for word in words]
    return learned


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
