from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal, Protocol, Self, SupportsIndex, TypeAlias, TypeVar, final, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bytestride.packed import Packed

__all__ = [
    "Batches",
    "FileCount",
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
    "_learn",
    "bundled",
    "count_words",
    "extend",
    "merge",
    "mix",
    "pack",
    "train",
    "windows",
]

__version__: str

class _HasTokens(Protocol):
    @property
    def tokens(self) -> NDArray[np.integer]: ...

class _HasDocuments(_HasTokens, Protocol):
    @property
    def offsets(self) -> NDArray[np.int64]: ...

_RaggedIds: TypeAlias = NDArray[np.uint16 | np.uint32]
_Out: TypeAlias = NDArray[np.integer] | Sequence[NDArray[np.integer]]
_Pair: TypeAlias = tuple[NDArray[np.integer], NDArray[np.integer]]
_Item_co = TypeVar("_Item_co", covariant=True)

def windows(
    tokens: NDArray[np.integer] | _HasTokens | Ragged,
    max_length: SupportsIndex,
    stride: SupportsIndex | None = None,
    *,
    tail: Literal["drop", "pad"] = "drop",
    boundaries: Literal["ignore", "respect"] = "ignore",
    pad_id: int | None = None,
) -> Windows: ...

@final
class Windows:
    @property
    def inputs(self) -> NDArray[np.integer]: ...
    @property
    def targets(self) -> NDArray[np.integer]: ...
    @property
    def max_length(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def tail(self) -> Literal["drop", "pad"]: ...
    @property
    def boundaries(self) -> Literal["ignore", "respect"]: ...
    @property
    def pad_id(self) -> int | None: ...
    @property
    def tokens(self) -> NDArray[np.integer]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> _Pair: ...
    def gather(
        self, indices: ArrayLike, out: _Out | None = None, dtype: DTypeLike | None = None
    ) -> _Pair: ...
    def batches(
        self,
        batch_size: SupportsIndex,
        *,
        shuffle: bool = True,
        block_size: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
        epoch: SupportsIndex = 0,
        drop_last: bool = True,
        rank: SupportsIndex = 0,
        world_size: SupportsIndex = 1,
        dtype: DTypeLike | None = None,
        prefetch: SupportsIndex = 2,
        out: _Out | None = None,
    ) -> Batches[_Pair]: ...

@final
class Batches(Iterator[_Item_co]):
    def __iter__(self) -> Batches[_Item_co]: ...
    def __next__(self) -> _Item_co: ...
    @classmethod
    def __class_getitem__(cls, item: object) -> GenericAlias: ...
    def __len__(self) -> int: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

def mix(
    sources: Iterable[Windows], weights: Sequence[float], *, length: SupportsIndex | None = None
) -> Mix: ...

@final
class Mix:
    @property
    def max_length(self) -> int: ...
    @property
    def weights(self) -> list[float]: ...
    @property
    def sources(self) -> list[Windows]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex, /) -> _Pair: ...
    def origins(self, indices: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
    def gather(
        self, indices: ArrayLike, out: _Out | None = None, dtype: DTypeLike | None = None
    ) -> _Pair: ...
    def batches(
        self,
        batch_size: SupportsIndex,
        *,
        shuffle: bool = True,
        block_size: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
        epoch: SupportsIndex = 0,
        drop_last: bool = True,
        rank: SupportsIndex = 0,
        world_size: SupportsIndex = 1,
        dtype: DTypeLike | None = None,
        prefetch: SupportsIndex = 2,
        out: _Out | None = None,
    ) -> Batches[_Pair]: ...

def pack(
    store: _HasDocuments | Ragged,
    max_length: SupportsIndex,
    strategy: Literal["best_fit", "concat", "pad"] = "best_fit",
    *,
    pad_id: SupportsIndex = 0,
) -> Packs: ...

@final
class Packs:
    @property
    def max_length(self) -> int: ...
    @property
    def strategy(self) -> Literal["best_fit", "concat", "pad"]: ...
    @property
    def pad_id(self) -> int: ...
    @property
    def efficiency(self) -> float: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex, /) -> Packed: ...
    def gather(self, indices: ArrayLike, dtype: DTypeLike | None = None) -> Packed: ...
    def batches(
        self,
        batch_size: SupportsIndex,
        *,
        shuffle: bool = True,
        block_size: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
        epoch: SupportsIndex = 0,
        drop_last: bool = True,
        rank: SupportsIndex = 0,
        world_size: SupportsIndex = 1,
        dtype: DTypeLike | None = None,
        prefetch: SupportsIndex = 2,
        out: _Out | None = None,
    ) -> Batches[Packed]: ...

@final
class FileCount:
    @property
    def path(self) -> str: ...
    @property
    def bytes(self) -> int | None: ...
    @property
    def documents(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class TokenStore:
    @classmethod
    def open(
        cls, path: _Path | Iterable[_Path], dtype: Literal["uint16", "uint32"] | DTypeLike | None = None
    ) -> TokenStore: ...
    @property
    def tokens(self) -> NDArray[np.unsignedinteger]: ...
    @property
    def shards(self) -> list[NDArray[np.unsignedinteger]]: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]: ...
    @property
    def fingerprint(self) -> str | None: ...
    @property
    def path(self) -> Path: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex, /) -> NDArray[np.unsignedinteger]: ...
    @property
    def tokenizer(self) -> Tokenizer: ...
    @property
    def skipped(self) -> list[str]: ...
    @property
    def skipped_count(self) -> int: ...
    def export(
        self,
        path: _Path,
        format: Literal["raw", "npy", "llm.c", "datatrove", "megatron"],
        *,
        progress: _Progress | None = None,
    ) -> None: ...
    def verify(self, *, progress: _Progress | None = None) -> None: ...

@final
class Ragged:
    def __new__(cls, ids: _RaggedIds, offsets: NDArray[np.int64], pad_id: int | None = None) -> Ragged: ...
    @property
    def ids(self) -> _RaggedIds: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def pad_id(self) -> int | None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex, /) -> _RaggedIds: ...
    def __iter__(self) -> Iterator[_RaggedIds]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]
    def padded(
        self,
        pad_id: SupportsIndex | None = None,
        length: SupportsIndex | None = None,
        side: Literal["right", "left"] = "right",
    ) -> tuple[_RaggedIds, NDArray[np.bool_]]: ...
    def to_arrow(self) -> Any: ...  # noqa: ANN401  # pyarrow has no types
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...
    @classmethod
    def from_arrow(cls, lists: object) -> Ragged: ...

@final
class WordTokenizer:
    @staticmethod
    def train(
        text_or_files: str | PathLike[str] | Iterable[str | PathLike[str]],
        special_tokens: Sequence[str] = ("[BOS]", "[EOS]", "[PAD]", "[UNK]"),
    ) -> WordTokenizer: ...
    @staticmethod
    def split(text: str) -> list[str]: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> WordTokenizer: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    @overload
    def encode(self, text: str, bos: bool | str = False, eos: bool | str = False) -> NDArray[np.uint32]: ...
    @overload
    def encode(
        self, text: str, bos: bool | str = False, eos: bool | str = False, dtype: DTypeLike = "uint32"
    ) -> NDArray[Any]: ...
    def encode_batch(
        self, texts: Iterable[str], bos: bool | str = False, eos: bool | str = False
    ) -> Ragged: ...
    def decode(self, ids: ArrayLike) -> str: ...
    def decode_batch(self, batch: Ragged | Iterable[ArrayLike]) -> list[str]: ...
    def id_of(self, token: str) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, token: str, /) -> int: ...
    def __contains__(self, token: str, /) -> bool: ...
    @property
    def vocabulary(self) -> dict[str, int]: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def special_tokens(self) -> dict[str, int]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

_Path: TypeAlias = str | PathLike[str]
# Paths are one, or a list or tuple; what is pulled from other iterables is documents.
_Source: TypeAlias = _Path | Sequence[_Path] | Iterable[str] | Iterable[bytes]
_Progress: TypeAlias = Callable[[str, int, int | None], object]

_Text: TypeAlias = str | bytes
_Pattern: TypeAlias = str | Tokenizer | None
_Special: TypeAlias = Literal["text", "encode", "raise"] | Iterable[str]
_Spans: TypeAlias = list[tuple[_Text, _Special]] | tuple[tuple[_Text, _Special], ...]
_Ids: TypeAlias = NDArray[np.integer[Any]] | Iterable[int]

def bundled() -> list[str]: ...

@final
class Tokenizer:
    @classmethod
    def load(
        cls,
        path: _Path,
        *,
        pattern: _Pattern = None,
        special_tokens: Mapping[str, int] | None = None,
    ) -> Tokenizer: ...
    @staticmethod
    def _from_json(json: bytes, pattern: str | None = None, path: _Path | None = None) -> Tokenizer: ...
    @staticmethod
    def _from_sentencepiece(model: bytes, _pattern: str | None = None) -> Tokenizer: ...
    @staticmethod
    def _from_ranks(lines: bytes, pattern: str, special_tokens: Mapping[str, int]) -> Tokenizer: ...
    def save(self, path: _Path) -> None: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def max_id(self) -> int: ...
    @property
    def vocabulary(self) -> dict[bytes, int]: ...
    @property
    def special_tokens(self) -> dict[str, int]: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def expressions(self) -> list[str]: ...
    @property
    def merges(self) -> list[tuple[bytes, bytes]]: ...
    @property
    def fingerprint(self) -> str: ...
    def id_of(self, token: _Text) -> int: ...
    def bytes_of(self, id: int) -> bytes: ...
    def _decode_written(self, tokens: list[str]) -> str: ...
    def _written(self, id: int) -> str | None: ...
    def _is_marked(self, id: int) -> bool: ...
    def truncated(self, vocab_size: int) -> Tokenizer: ...
    def _for_pretokens(self) -> Tokenizer: ...
    @overload
    def encode(
        self,
        text: _Text | _Spans,
        *,
        special: _Special = "text",
        bos: bool | str = False,
        eos: bool | str = False,
        max_tokens: int | None = None,
        truncation_side: Literal["right", "left"] = "right",
        dtype: Literal["uint32"] = "uint32",
    ) -> NDArray[np.uint32]: ...
    @overload
    def encode(
        self,
        text: _Text | _Spans,
        *,
        special: _Special = "text",
        bos: bool | str = False,
        eos: bool | str = False,
        max_tokens: int | None = None,
        truncation_side: Literal["right", "left"] = "right",
        dtype: DTypeLike,
    ) -> NDArray[np.uint16 | np.uint32]: ...
    def encode_batch(
        self,
        texts: Iterable[_Text | _Spans],
        *,
        threads: int | None = None,
        special: _Special = "text",
        bos: bool | str = False,
        eos: bool | str = False,
        max_tokens: int | None = None,
        truncation_side: Literal["right", "left"] = "right",
        dtype: DTypeLike = "uint32",
    ) -> Ragged: ...
    def encode_file(
        self,
        path: _Path,
        *,
        separator: _Text | None = None,
        bos: bool | str = False,
        eos: bool | str = False,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> Ragged: ...
    def count(self, text: _Text | _Spans, *, special: _Special = "text") -> int: ...
    def count_batch(
        self, texts: Iterable[_Text | _Spans], *, threads: int | None = None, special: _Special = "text"
    ) -> NDArray[np.int64]: ...
    def count_files(
        self,
        inputs: _Path | Iterable[_Path],
        *,
        format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
        text_field: str = "text",
        separator: _Text | None = None,
        suffixes: Sequence[str] | None = None,
        threads: int | None = None,
        max_memory: int | str | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        progress: _Progress | None = None,
    ) -> list[FileCount]: ...
    def encode_files(
        self,
        inputs: _Path | Iterable[_Path],
        prefix: _Path,
        *,
        format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
        text_field: str = "text",
        separator: _Text | None = None,
        suffixes: Sequence[str] | None = None,
        bos: bool | str = False,
        eos: bool | str = False,
        dtype: DTypeLike | Literal["auto"] = "auto",
        threads: int | None = None,
        max_memory: int | str | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        resume: bool = True,
        rank: int = 0,
        world_size: int = 1,
        progress: _Progress | None = None,
    ) -> TokenStore: ...
    def encode_with_offsets(
        self,
        text: _Text | _Spans,
        unit: Literal["char", "byte"] = "char",
        *,
        special: _Special = "text",
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def decode(self, ids: _Ids, errors: str = "replace") -> str: ...
    def decode_bytes(self, ids: _Ids) -> bytes: ...
    def decode_batch(self, batch: Ragged | Iterable[_Ids], errors: str = "replace") -> list[str]: ...
    def stream_decoder(self) -> StreamDecoder: ...
    def __len__(self) -> int: ...
    def __getitem__(self, token: _Text, /) -> int: ...
    def __contains__(self, token: _Text, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Tokenizer: ...
    def __deepcopy__(self, memo: object) -> Tokenizer: ...

@final
class StreamDecoder:
    def push(self, id: int) -> str: ...
    def finish(self) -> str: ...

@final
class WordCounts:
    def __new__(
        cls,
        words: Mapping[bytes, int] | Mapping[str, int] | Iterable[tuple[bytes | str, int]] | None = None,
        pattern: _Pattern = "cl100k",
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
    def pruned(self, min_count: int) -> WordCounts: ...
    def save(self, path: _Path) -> None: ...
    @classmethod
    def load(cls, path: _Path) -> WordCounts: ...
    def __add__(self, value: WordCounts, /) -> WordCounts: ...
    def __radd__(self, value: WordCounts | Literal[0], /) -> WordCounts: ...
    def __eq__(self, other: object, /) -> bool: ...
    @classmethod
    def _from_bytes(cls, data: bytes, /) -> WordCounts: ...

def count_words(
    source: _Source,
    pattern: _Pattern = "cl100k",
    *,
    digits: int | None = None,
    digits_from: Literal["left", "right"] = "left",
    superwords: bool = False,
    format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
    separator: _Text | None = None,
    text_field: str = "text",
    suffixes: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: _Progress | None = None,
) -> WordCounts: ...
def merge(
    stores: _Path | Iterable[_Path], prefix: _Path, *, progress: _Progress | None = None
) -> TokenStore: ...
@overload
def train(
    source: _Source | WordCounts,
    vocab_size: int | None = None,
    *,
    pattern: _Pattern = "cl100k",
    digits: int | None = None,
    digits_from: Literal["left", "right"] = "left",
    superwords_from: int | None = None,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 2,
    max_token_bytes: int | None = None,
    format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
    separator: _Text | None = None,
    text_field: str = "text",
    suffixes: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: _Progress | None = None,
) -> Tokenizer: ...
@overload
def train(
    source: _Source | WordCounts,
    vocab_size: Sequence[int],
    *,
    pattern: _Pattern = "cl100k",
    digits: int | None = None,
    digits_from: Literal["left", "right"] = "left",
    superwords_from: int | None = None,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 2,
    max_token_bytes: int | None = None,
    format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
    separator: _Text | None = None,
    text_field: str = "text",
    suffixes: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: _Progress | None = None,
) -> list[Tokenizer]: ...
def extend(
    tokenizer: Tokenizer,
    source: _Source | WordCounts,
    merges: int,
    *,
    min_frequency: int = 2,
    max_token_bytes: int | None = None,
    format: Literal["auto", "text", "jsonl", "parquet"] = "auto",
    separator: _Text | None = None,
    text_field: str = "text",
    suffixes: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: _Progress | None = None,
) -> Tokenizer: ...
def _learn(
    counts: WordCounts,
    merges: int | None = None,
    min_frequency: int = 2,
    max_token_bytes: int | None = None,
    threads: int | None = None,
    words: int | None = None,
) -> list[tuple[int, int, int]]: ...
