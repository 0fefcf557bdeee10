"""From raw text to training-ready token windows."""

from bytestride._core import Batches, Windows, __version__, windows

__all__ = ["Batches", "Windows", "__version__", "windows"]
