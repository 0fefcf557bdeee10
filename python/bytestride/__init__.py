"""From raw text to training-ready token windows."""

from bytestride._core import (
    Batches,
    Mix,
    Packs,
    Ragged,
    StreamDecoder,
    Tokenizer,
    TokenStore,
    Windows,
    WordCounts,
    WordTokenizer,
    __version__,
    count_words,
    mix,
    pack,
    train,
    windows,
)

__all__ = [
    "Batches",
    "Mix",
    "Packs",
    "Ragged",
    "StreamDecoder",
    "TokenStore",
    "Tokenizer",
    "Windows",
    "WordCounts",
    "WordTokenizer",
    "__version__",
    "count_words",
    "mix",
    "pack",
    "train",
    "windows",
]
