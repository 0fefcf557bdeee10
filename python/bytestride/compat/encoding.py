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
    if encoded and "input_ids" not in encoded:
        message = f"encoded_inputs: expected input_ids among them, not only {', '.join(encoded)}"
        raise ValueError(message)
    ids = encoded.get("input_ids", [])
    single = len(ids) > 0 and np.ndim(ids[0]) == 0
    ones = [1] * len(ids) if single else [[1] * len(row) for row in ids]
    return {**encoded, "attention_mask": encoded.get("attention_mask", ones)}, single


def padded_columns(
    columns: Mapping[str, Any], filling: Filling, tensors: Tensors | None, *, single: bool
) -> BatchEncoding:
    """The columns: those with a number for each token filled up, others, such as labels, as they are."""
    fills = {"input_ids": filling.token, "attention_mask": 0, "token_type_ids": 0, "special_tokens_mask": 1}
    made = BatchEncoding()
    for name, column in columns.items():
        if name not in fills:
            made[name] = _as_it_is(name, column, tensors)
            continue
        arrays = [np.asarray(row, np.int64) for row in ([column] if single else column)]
        arrays = [padded(array, filling.length, filling.side, fills[name]) for array in arrays]
        # As an array, a single text is no row here.
        if single and tensors is not None:
            made[name] = tensor(arrays[0], tensors)
        else:
            made[name] = shaped(arrays, tensors, single=single)
    return made


def _as_it_is(name: str, column: Any, tensors: Tensors | None) -> Any:
    """A column that is not filled up, as plain objects or as one array."""
    plain = column.tolist() if hasattr(column, "tolist") else column
    if isinstance(plain, list | tuple):
        plain = [row.tolist() if hasattr(row, "tolist") else row for row in plain]
    if tensors is None:
        return plain
    try:
        if tensors == "pt":
            import torch  # noqa: PLC0415 (an optional library, and slow to import)

            return torch.tensor(plain)
        return tensor(np.array(plain), tensors)
    except (TypeError, ValueError) as error:
        message = f"return_tensors={tensors!r}: {name} is not filled up, and its rows make no array: {error}"
        raise ValueError(message) from None
