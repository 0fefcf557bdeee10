"""From raw text to training-ready token windows."""

from bytestride._core import Batches, Ragged, TokenStore, Windows, WordTokenizer, __version__, windows

__all__ = ["Batches", "Ragged", "TokenStore", "Windows", "WordTokenizer", "__version__", "windows"]
