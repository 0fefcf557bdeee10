"""From raw text to training-ready token windows."""

from bytestride._core import (
    Batches,
    Ragged,
    StreamDecoder,
    Tokenizer,
    TokenStore,
    Windows,
    WordCounts,
    WordTokenizer,
    __version__,
    count_words,
    train,
    windows,
)

__all__ = [
    "Batches",
    "Ragged",
    "StreamDecoder",
    "TokenStore",
    "Tokenizer",
    "Windows",
    "WordCounts",
    "WordTokenizer",
    "__version__",
    "count_words",
    "train",
    "windows",
]
