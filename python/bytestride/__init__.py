"""From raw text to training-ready token windows."""

from bytestride._core import Tokenizer, WordCounts, __version__, count_words, train

__all__ = ["Tokenizer", "WordCounts", "__version__", "count_words", "train"]
