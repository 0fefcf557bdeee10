"""From raw text to training-ready token windows."""

from bytestride._core import __version__

__all__ = ["__version__"]
