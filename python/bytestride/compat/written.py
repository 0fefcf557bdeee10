"""How a tokenizer's file writes its tokens, and which of them it has in its model.

In a file, tokens are text: bytes that are no characters, and spaces, are written as other characters. What a
`bytestride.Tokenizer` tells of that is no part of its public interface, and asked for here alone.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import cast

from bytestride import Tokenizer, bundled

__all__ = ["Written"]


class Written:
    """The tokens of a tokenizer as its file writes them."""

    def __init__(self, tokenizer: Tokenizer, file: Path | None) -> None:
        self._tokenizer = tokenizer
        self._file = file

    def name(self, token_id: int) -> str:
        """The token of an id, which must be one."""
        written = self._tokenizer._written(token_id)  # noqa: SLF001
        if written is None:
            message = f"id {token_id} is no token of this tokenizer"
            raise KeyError(message)
        return written

    def text(self, tokens: Iterable[str]) -> str:
        """The text of tokens, which need not be in the vocabulary."""
        return self._tokenizer._decode_written(list(tokens))  # noqa: SLF001

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token."""
        # An added token may have the bytes of an ordinary one, so not by `vocabulary`; and where its name is
        # normalized, another is written.
        added = self._tokenizer.special_tokens
        others = sorted({*range(self._tokenizer.max_id + 1)} - {*added.values()})
        written = ((self._tokenizer._written(token), token) for token in others)  # noqa: SLF001
        return {name: token for name, token in written if name is not None} | added

    @cached_property
    def marked_ids(self) -> list[int]:
        """The ids that are marked as special, whether they have a use or not."""
        # transformers knows these by their names, and does not find one that is written otherwise.
        names = self._tokenizer.special_tokens.items()
        return [
            token
            for name, token in names
            if self._tokenizer._is_marked(token) and self._tokenizer._written(token) == name  # noqa: SLF001
        ]

    @cached_property
    def model_size(self) -> int:
        """How many tokens there are without those that the file has added."""
        # The tokenizer itself does not tell an added token that the model has, too, from one that it has not.
        file, size = self._file, self._tokenizer.vocab_size
        if file is not None and file.suffix == ".json" and file.is_file():
            written = file.read_bytes()
        else:
            rebuild, (written, *_) = cast("tuple[object, tuple[bytes, str]]", self._tokenizer.__reduce__())
            if rebuild != Tokenizer._from_json or str(file) in bundled():  # noqa: SLF001
                return size
        vocabulary = json.loads(written).get("model", {}).get("vocab")
        return size if vocabulary is None else len(vocabulary)
