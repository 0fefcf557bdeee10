"""What a tokenizer is worth on a text: how much it compresses, and how well its vocabulary is used.

All of it follows from the words of the text and how often each occurs, so each distinct word is encoded once,
however long the text is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bytestride._core import Tokenizer, WordCounts, count_words

# Words that are encoded at a time: enough for all threads, and little memory.
WORDS_AT_ONCE = 1 << 17
# The order of Rényi's entropy that went best with results in translation (Zouhar et al. 2023, "Tokenization
# and the Noiseless Channel").
RENYI_ORDER = 2.5

# What `count_words` takes.
Source = str | PathLike[str] | Sequence[str | PathLike[str]] | Iterable[str] | Iterable[bytes]


@dataclass(frozen=True)
class Evaluation:
    """How a tokenizer does on a text.

    Special tokens take no part: text that looks like one is text, and `vocab_size` is without them. So it is
    with added tokens that are not marked as special, which `encode` finds in any text: where a text holds
    their names, it gives other tokens than are counted here.

    Example:
        >>> import bytestride as bs
        >>> evaluation = bs.evaluate(bs.train([], 256, pattern="gpt2"), [b"abc abc"])
        >>> evaluation.bytes_per_token, evaluation.tokens_per_word, len(evaluation.unseen)
        (1.0, 3.5, 252)
    """

    vocab_size: int
    """How many tokens there are."""
    bytes: int
    """Bytes of text."""
    words: int
    """Pretokens of the text, as the tokenizer's pattern cuts it."""
    tokens: int
    """Tokens that the text is encoded to."""
    occurrences: NDArray[np.int64] = field(repr=False)
    """How often each id occurs: int64[ids]."""
    unreachable: NDArray[np.int64] = field(repr=False)
    """The ids that no text is encoded to: int64[n], ascending. Their own bytes merge to something else."""
    lengths: NDArray[np.int64] = field(repr=False)
    """How many tokens of the text have so many bytes: int64[longest + 1]."""
    ids: NDArray[np.int64] = field(repr=False)
    """All ids that are not special: int64[vocab_size], ascending."""

    @property
    def bytes_per_token(self) -> float:
        """How many bytes of text a token stands for on average; 0 without text."""
        return self.bytes / max(self.tokens, 1)

    @property
    def tokens_per_word(self) -> float:
        """How many tokens a pretoken has on average, which others call fertility; 0 without text."""
        return self.tokens / max(self.words, 1)

    @property
    def unseen(self) -> NDArray[np.int64]:
        """The ids that do not occur in the text: int64[n], ascending."""
        unseen: NDArray[np.int64] = self.ids[self.occurrences[self.ids] == 0]
        return unseen

    @property
    def used(self) -> float:
        """The share of the vocabulary that occurs in the text."""
        return 1 - len(self.unseen) / self.vocab_size

    @property
    def renyi_efficiency(self) -> float:
        """Rényi's entropy of the tokens, of order 2.5, as a share of what equally frequent ones would have.

        Near 1 where no tokens are much more frequent than others, 0 where there is but one.
        """
        seen = self.occurrences[self.occurrences > 0] / max(self.tokens, 1)
        if len(seen) == 0:
            return 0.0
        entropy = np.log(np.sum(seen**RENYI_ORDER)) / (1 - RENYI_ORDER)
        return float(entropy / np.log(self.vocab_size))


def evaluate(
    tokenizer: Tokenizer,
    source: Source | WordCounts,
    *,
    format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
    separator: str | bytes | None = None,
    text_field: str = "text",
    suffixes: Sequence[str] | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: Callable[[str, int, int | None], object] | None = None,
) -> Evaluation:
    """How a tokenizer does on a text.

    Args:
        tokenizer: the tokenizer.
        source: what `count_words` takes, or counts that were made with the tokenizer's pattern.
        format: as in `count_words`, like all that follow.
        separator: what stands between documents of a text file.
        text_field: the field with the document, in JSON lines.
        suffixes: which files of a folder are read.
        threads: how many threads work.
        max_memory: about how much memory counting may take.
        progress: called as `progress(phase, done, total)` while words are counted.

    Raises:
        FileNotFoundError: A path does not exist.
        TypeError: `tokenizer` is no `Tokenizer`.
        ValueError: The counts were made with another pattern, come with an argument for reading text, or are
            of 2^63 bytes of text or more; a file is malformed; or the tokenizer does more than split and
            merge (it has a normalizer, say).

    Example:
        >>> import bytestride as bs
        >>> text = [b"low lower lowest"] * 2
        >>> evaluation = bs.evaluate(bs.train(text, 260, pattern="gpt2"), text)
        >>> evaluation.bytes, evaluation.words, evaluation.tokens
        (32, 6, 12)
    """
    if not isinstance(tokenizer, Tokenizer):
        message = f"tokenizer: expected a Tokenizer, not {type(tokenizer).__name__}"
        raise TypeError(message)
    for_pretokens = tokenizer._for_pretokens()  # noqa: SLF001 (the package's own)
    counts = source
    if not isinstance(counts, WordCounts):
        counts = count_words(
            counts,
            tokenizer,
            format=format,
            separator=separator,
            text_field=text_field,
            suffixes=suffixes,
            threads=threads,
            max_memory=max_memory,
            progress=progress,
        )
    else:
        _check_pattern(counts, tokenizer)
        _check_unread(
            format=format != "auto", separator=separator, text_field=text_field != "text", suffixes=suffixes
        )
    _check_size(counts)
    occurrences = _occurrences(for_pretokens, counts, tokenizer.max_id + 1, threads)
    return _evaluation(for_pretokens, counts, occurrences, threads)


def _check_pattern(counts: WordCounts, tokenizer: Tokenizer) -> None:
    if counts.pattern != tokenizer.pattern:
        message = (
            f"source: was counted with {counts.pattern}, but the tokenizer splits with {tokenizer.pattern}"
        )
        raise ValueError(message)


def _check_unread(**given: object) -> None:
    """Raises ValueError if arguments are given that only files follow."""
    for name, value in given.items():
        if value:
            message = f"{name}: is for text that is read, and source has been counted"
            raise ValueError(message)


def _check_size(counts: WordCounts) -> None:
    """Raises ValueError if sums may not fit in int64; none of them is above the bytes of the text."""
    size = sum(len(word) * times for word, times in counts.items())
    if size > np.iinfo(np.int64).max:
        message = f"source: its words are {size:,} bytes with their counts; expected less than 2^63"
        raise ValueError(message)


def _occurrences(
    for_pretokens: Tokenizer, counts: WordCounts, ids: int, threads: int | None
) -> NDArray[np.int64]:
    """How often each id occurs in words with these counts."""
    occurrences = np.zeros(ids, np.int64)
    for words, times in _columns(counts):
        batch = for_pretokens.encode_batch(words, threads=threads)
        # Not bincount, whose weights are floats.
        np.add.at(occurrences, batch.ids, np.repeat(times, np.diff(batch.offsets)))
    return occurrences


def _columns(counts: WordCounts) -> Iterator[tuple[list[bytes], NDArray[np.int64]]]:
    """Words and counts, some at a time."""
    pairs = iter(counts.items())
    while some := list(islice(pairs, WORDS_AT_ONCE)):
        words, times = zip(*some, strict=True)
        yield list(words), np.array(times, np.int64)


def _evaluation(
    for_pretokens: Tokenizer, counts: WordCounts, occurrences: NDArray[np.int64], threads: int | None
) -> Evaluation:
    # In the order of the ids.
    tokens = list(for_pretokens.vocabulary)
    ids = np.array(list(for_pretokens.vocabulary.values()), np.int64)
    batch = for_pretokens.encode_batch(tokens, threads=threads)
    firsts = batch.ids[batch.offsets[:-1]]
    is_itself = (np.diff(batch.offsets) == 1) & (firsts == ids)
    lengths = np.zeros(max(map(len, tokens)) + 1, np.int64)
    np.add.at(lengths, [len(token) for token in tokens], occurrences[ids])
    return Evaluation(
        vocab_size=len(ids),
        bytes=int(lengths @ np.arange(len(lengths))),
        words=counts.total,
        tokens=int(occurrences.sum()),
        occurrences=occurrences,
        unreachable=ids[~is_itself],
        lengths=lengths,
        ids=ids,
    )
