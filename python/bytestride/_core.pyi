import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self, TypeAlias, final

__version__: str

_Path: TypeAlias = str | os.PathLike[str]
_Source: TypeAlias = _Path | Iterable[_Path] | Iterable[str] | Iterable[bytes]
_Progress: TypeAlias = Callable[[str, int, int | None], object]

@final
class Tokenizer:
    @property
    def vocab_size(self) -> int: ...

@final
class WordCounts:
    def __new__(
        cls,
        words: Mapping[bytes, int] | Mapping[str, int] | Iterable[tuple[bytes | str, int]] | None = None,
        pattern: str | None = "cl100k",
    ) -> Self: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def total(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, word: bytes | str, /) -> int: ...
    def __contains__(self, word: bytes | str, /) -> bool: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def items(self) -> list[tuple[bytes, int]]: ...
    def most_common(self, n: int | None = None) -> list[tuple[bytes, int]]: ...
    def scaled(self, weight: float) -> WordCounts: ...
    def save(self, path: _Path) -> None: ...
    @classmethod
    def load(cls, path: _Path) -> WordCounts: ...
    def __add__(self, other: WordCounts, /) -> WordCounts: ...
    def __eq__(self, other: object, /) -> bool: ...
    @classmethod
    def _from_bytes(cls, bytes: bytes) -> WordCounts: ...

def count_words(
    source: _Source,
    pattern: str | None = "cl100k",
    *,
    separator: str | None = None,
    text_field: str = "text",
    threads: int | None = None,
    progress: _Progress | None = None,
) -> WordCounts: ...
def train(
    source: _Source | WordCounts,
    vocab_size: int | None = None,
    *,
    pattern: str | None = "cl100k",
    special_tokens: Iterable[str] = (),
    min_frequency: int = 2,
    max_token_bytes: int | None = None,
    separator: str | None = None,
    text_field: str = "text",
    threads: int | None = None,
    progress: _Progress | None = None,
) -> Tokenizer: ...
def _learn(
    counts: WordCounts,
    merges: int | None = None,
    min_frequency: int = 2,
    max_token_bytes: int | None = None,
    threads: int | None = None,
) -> list[tuple[int, int, int]]: ...
