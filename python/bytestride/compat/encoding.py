"""What a call of a tokenizer gives: rows by their names, padded, as lists, arrays or tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bytestride.compat.rows import Rows, Side, Tensors, padded, shaped, tensor

__all__ = ["BatchEncoding", "Filling", "columns_of", "encoding_of", "padded_columns"]


class BatchEncoding(dict[str, Any]):
    """What a call gives: a dict whose values are attributes, too.

    Example:
        >>> from bytestride.compat.transformers import AutoTokenizer
        >>> AutoTokenizer.from_pretrained("gpt2")("hello world").input_ids
        [31373, 995]
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def to(self, device: object) -> "BatchEncoding":
        """The same with PyTorch's tensors on another device.

        Example:
            >>> from bytestride.compat.transformers import BatchEncoding
            >>> BatchEncoding().to("cpu")
            {}
        """
        return BatchEncoding({name: tensor.to(device) for name, tensor in self.items()})


@dataclass(frozen=True)
class Filling:
    """How rows are filled up: to a length, unless they have more, at a side, with the id of a token."""

    length: int
    side: Side
    token: int


def encoding_of(
    rows: Rows, filling: Filling, wanted: Mapping[str, bool], tensors: Tensors | None, *, single: bool
) -> BatchEncoding:
    """What is wanted of rows, by name; of a `single` text not in a list of one."""
    made = BatchEncoding()
    for name, (arrays, fill) in rows.arrays(filling.token).items():
        if wanted[name]:
            full = [padded(array, filling.length, filling.side, fill) for array in arrays]
            made[name] = shaped(full, tensors, single=single)
    if wanted["length"]:
        lengths = np.array([max(len(ids), filling.length) for ids in rows.ids], np.int64)
        made["length"] = tensor(lengths, tensors) if tensors else lengths.tolist()
    return made


def columns_of(encoded: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], bool]:
    """What calls gave, by name and with an `attention_mask`; and whether it is of a single text."""
    if not isinstance(encoded, Mapping):
        encoded = {name: [row[name] for row in encoded] for name in (encoded[0] if encoded else {})}
    ids = encoded.get("input_ids", [])
    single = len(ids) > 0 and np.ndim(ids[0]) == 0
    ones = [1] * len(ids) if single else [[1] * len(row) for row in ids]
    return {**encoded, "attention_mask": encoded.get("attention_mask", ones)}, single


def padded_columns(
    columns: Mapping[str, Any], filling: Filling, tensors: Tensors | None, *, single: bool
) -> BatchEncoding:
    """The columns, those filled up that have an id for each token."""
    fills = {"input_ids": filling.token, "attention_mask": 0, "special_tokens_mask": 1}
    made = BatchEncoding()
    for name, column in columns.items():
        arrays = [np.asarray(row, np.int64) for row in ([column] if single else column)]
        if name in fills:
            arrays = [padded(array, filling.length, filling.side, fills[name]) for array in arrays]
        # As an array, a single text is no row here.
        if single and tensors is not None:
            made[name] = tensor(arrays[0], tensors)
        else:
            made[name] = shaped(arrays, tensors, single=single)
    return made
