"""The rows of a batch as transformers has them: ids between BOS and EOS, masks, spans, and padding.

How far rows are cut and padded is told by `row_limit` and `row_length`, from what a call says and the
tokenizer's `model_max_length`.
"""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bytestride import Tokenizer

__all__ = [
    "ENDS",
    "SIDES",
    "UNLIMITED",
    "Padding",
    "Rows",
    "Side",
    "Tensors",
    "Truncation",
    "one_of",
    "own_end",
    "padded",
    "row_length",
    "row_limit",
    "shaped",
    "tensor",
]

Side = Literal["left", "right"]
Tensors = Literal["np", "pt"]
Padding = bool | Literal["longest", "max_length", "do_not_pad"]
Truncation = bool | Literal["longest_first", "only_first", "do_not_truncate"]
ENDS: tuple[Literal["bos", "eos"], ...] = ("bos", "eos")
SIDES: tuple[Side, ...] = ("left", "right")
# What transformers says of a tokenizer without a longest text.
UNLIMITED = int(1e30)

_PADDINGS: tuple[Padding, ...] = (False, True, "longest", "max_length", "do_not_pad")
_TRUNCATIONS: tuple[Truncation | None, ...] = (
    None,
    False,
    True,
    "longest_first",
    "only_first",
    "do_not_truncate",
)
_NO_PADDING = (False, "do_not_pad")


class Rows:
    """The ids of texts between the BOS and EOS that they get, and where each stands in its text."""

    def __init__(self, backend: Tokenizer, *, special: Literal["text", "encode"], ends: bool) -> None:
        self.backend = backend
        self.special: Literal["text", "encode"] = special
        self.ends = [own_end(backend, end) if ends else [] for end in ENDS]
        self.ids: list[NDArray[np.int64]] = []
        self.spans: list[NDArray[np.int64]] = []

    def encode(self, texts: list[str], limit: int | None, side: Side) -> None:
        """The ids; each text has at most `limit`, and what is too much goes at `side`."""
        kept = self._kept(limit, side)
        batch = self.backend.encode_batch(texts, special=self.special, max_tokens=kept.stop)
        self.ids = [self._between(ids[kept].astype(np.int64)) for ids in batch]

    def encode_with_offsets(self, texts: list[str], limit: int | None, side: Side) -> None:
        """The ids as above, and spans in characters."""
        kept = self._kept(limit, side)
        for text in texts:
            ids, spans = self.backend.encode_with_offsets(text, special=self.special)
            self.ids.append(self._between(ids[kept].astype(np.int64)))
            before, behind = (np.zeros((len(end), 2), np.int64) for end in self.ends)
            self.spans.append(np.concatenate([before, spans[kept], behind]))

    def arrays(self, pad_id: int) -> dict[str, tuple[list[NDArray[np.int64]], int]]:
        """By transformers' names: what there is of each text, and what padding is there."""
        return {
            "input_ids": (self.ids, pad_id),
            "attention_mask": ([np.ones(len(ids), np.int64) for ids in self.ids], 0),
            "special_tokens_mask": (self._added(), 1),
            "offset_mapping": (self.spans, 0),
        }

    def _added(self) -> list[NDArray[np.int64]]:
        """Which ids were added."""
        before, behind = map(len, self.ends)
        masks = [np.zeros(len(ids), np.int64) for ids in self.ids]
        for mask in masks:
            mask[:before] = 1
            mask[len(mask) - behind :] = 1
        return masks

    def _kept(self, limit: int | None, side: Side) -> slice:
        if limit is None:
            return slice(None)
        room = limit - sum(map(len, self.ends))
        if room < 0:
            return slice(None)
        return slice(room) if side == "right" or room == 0 else slice(-room, None)

    def _between(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([self.ends[0], ids, self.ends[1]]).astype(np.int64)


def row_limit(
    truncation: Truncation | None,
    padding: Padding,
    max_length: int | None,
    model_max_length: int,
    multiple: int | None,
) -> int | None:
    """The most ids of a row, or `None`."""
    if one_of("truncation", truncation, _TRUNCATIONS) is None:
        truncation = max_length is not None and padding is False
    limit = model_max_length if max_length is None else max_length
    if truncation in {False, "do_not_truncate"} or limit >= UNLIMITED:
        return None
    if padding not in _NO_PADDING and limit % (multiple or 1):
        message = f"max_length: {limit} is no multiple of {multiple}, to which rows are padded"
        raise ValueError(message)
    return limit


def row_length(
    lengths: Iterable[int], padding: Padding, max_length: int, multiple: int | None, pad_token: str | None
) -> int:
    """How long rows of these lengths are made; 0 for no padding."""
    if one_of("padding", padding, _PADDINGS) in _NO_PADDING:
        return 0
    if pad_token is None:
        message = "padding needs a token: set tokenizer.pad_token, for example to tokenizer.eos_token"
        raise ValueError(message)
    length = max(lengths, default=0)
    if padding == "max_length":
        if max_length >= UNLIMITED:
            return 0
        length = max_length
    return -(-length // multiple) * multiple if multiple else length


def one_of(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """The value of the argument `name`, which must be one of these."""
    if value in choices:
        return value
    message = f"{name}: expected one of {', '.join(map(repr, choices))}, not {value!r}"
    raise ValueError(message)


def own_end(tokenizer: Tokenizer, end: Literal["bos", "eos"]) -> list[int]:
    """The id that the tokenizer's own rule adds at an end, or none."""
    try:
        ids: list[int] = tokenizer.encode("", bos=end == "bos", eos=end == "eos").tolist()
    except ValueError:
        return []
    return ids


def padded(array: NDArray[np.int64], length: int, side: Side, fill: int) -> NDArray[np.int64]:
    """The array with so much of `fill` at a side that it has a length, or as it is if it has more."""
    missing = max(0, length - len(array))
    around = (0, missing) if side == "right" else (missing, 0)
    return np.pad(array, [around, *[(0, 0)] * (array.ndim - 1)], constant_values=fill)


def shaped(arrays: list[NDArray[np.int64]], tensors: Tensors | None, *, single: bool) -> Any:
    """Arrays of one kind in the form that the call asks for."""
    if tensors is None:
        lists = [
            [tuple(span) for span in rows] if rows and isinstance(rows[0], list) else rows
            for rows in map(np.ndarray.tolist, arrays)
        ]
        return lists[0] if single else lists
    if len(set(map(len, arrays))) > 1:
        message = f"return_tensors={tensors!r}: the texts have unequal numbers of ids; pass padding=True"
        raise ValueError(message)
    return tensor(np.stack(arrays), tensors)


def tensor(array: NDArray[np.int64], tensors: Tensors) -> Any:
    """The array, or one of PyTorch's that shares its memory."""
    if tensors == "np":
        return array
    if tensors == "pt":
        import torch  # noqa: PLC0415 (an optional library, and slow to import)

        return torch.from_numpy(array)
    message = f'return_tensors: expected "np" or "pt", not {tensors!r}'
    raise ValueError(message)
