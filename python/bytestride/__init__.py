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
    extend,
    merge,
    mix,
    pack,
    train,
    windows,
)
from bytestride.evaluation import Evaluation, evaluate
from bytestride.models import encoding_for_model, encoding_name_for_model
from bytestride.packed import Packed

__all__ = [
    "Batches",
    "Evaluation",
    "Mix",
    "Packed",
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
    "extend",
    "merge",
    "mix",
    "pack",
    "train",
    "windows",
]
