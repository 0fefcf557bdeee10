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
    bundled,
    count_words,
    merge,
    mix,
    pack,
    train,
    windows,
)
from bytestride.evaluation import Evaluation, evaluate
from bytestride.models import encoding_for_model, encoding_name_for_model

__all__ = [
    "Batches",
    "Evaluation",
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
    "bundled",
    "count_words",
    "encoding_for_model",
    "encoding_name_for_model",
    "evaluate",
    "merge",
    "mix",
    "pack",
    "train",
    "windows",
]
