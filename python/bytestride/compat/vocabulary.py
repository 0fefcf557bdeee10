"""The tokens of a tokenizer as transformers has them: by id, as files write them, and by their use.

A special token that has a use is an attribute, such as `bos_token`, which may be set at any time; its id,
`bos_token_id`, follows.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bytestride import Tokenizer
from bytestride.compat.pretrained import NAMED_TOKENS
from bytestride.compat.written import Written

__all__ = ["Vocabulary", "is_one"]

Ids = Sequence[int] | NDArray[np.integer]


def _id_of_setting(name: str) -> property:
    """The id of the token that is the setting `name`, which is set with it."""

    def read(self: "Vocabulary") -> int | None:
        token = getattr(self, name)
        if token is None:
            return None
        specials = self.backend.special_tokens
        if token in specials:
            return specials[token]
        found = self._written.ids.get(token)
        return self.backend.id_of(token) if found is None else found

    def write(self: "Vocabulary", token_id: int | None) -> None:
        setattr(self, name, None if token_id is None else self._written.name(int(token_id)))

    return property(read, write, doc=f"The id of `{name}`, or `None`; setting it sets `{name}`.")


class Vocabulary:
    """What a tokenizer tells of its tokens; a class that inherits it sets these attributes."""

    backend: Tokenizer
    bos_token: str | None
    eos_token: str | None
    pad_token: str | None
    unk_token: str | None
    cls_token: str | None
    sep_token: str | None
    mask_token: str | None
    extra_special_tokens: list[str]
    model_specific_special_tokens: dict[str, str]
    _written: Written

    def convert_ids_to_tokens(
        self, ids: int | np.integer | Ids, skip_special_tokens: bool = False
    ) -> str | list[str]:
        """The tokens of ids as files write them: of one id a str, of several a list.

        Args:
            ids: An id, or a list or array of ids.
            skip_special_tokens: Whether to leave `all_special_tokens` out of a list.

        Raises:
            KeyError: An id is no token.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").convert_ids_to_tokens([31373, 995])
            ['hello', 'Ġworld']
        """
        if is_one(ids):
            return self._written.name(int(cast("int", ids)))
        left_out = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._written.name(int(token)) for token in cast("Ids", ids) if int(token) not in left_out]

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int | None] | None:
        """The ids of tokens as files write them; for what is no token that of `unk_token`, or `None`.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").convert_tokens_to_ids(["hello", "Ġworld", "no token"])
            [31373, 995, 50256]
        """
        if isinstance(tokens, str):
            return self._written.ids.get(tokens, self.unk_token_id)
        return [self._written.ids.get(token, self.unk_token_id) for token in tokens]

    def convert_tokens_to_string(self, tokens: Iterable[str]) -> str:
        """The text of tokens as files write them, which need not be in the vocabulary.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").convert_tokens_to_string(["hello", "Ġworld"])
            'hello world'
        """
        return self._written.text(tokens)

    def get_vocab(self) -> dict[str, int]:
        """Ids by tokens as files write them; a new dict.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").get_vocab()["Ġworld"]
            995
        """
        return dict(self._written.ids)

    def __len__(self) -> int:
        return self.backend.vocab_size

    @property
    def vocab_size(self) -> int:
        """How many tokens there are without those that a `tokenizer.json` has added; `len` counts all.

        Of the encodings that come with the package it is all, as in the repository of GPT-2.
        """
        return self._written.model_size

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """The special tokens that have a use, by the names of their attributes: `bos_token` and so on."""
        uses = {name: getattr(self, name) for name in (*NAMED_TOKENS, *self.model_specific_special_tokens)}
        return {name: token for name, token in uses.items() if token is not None}

    @property
    def all_special_tokens(self) -> list[str]:
        """The special tokens that have a use: those of `special_tokens_map`, then the extra ones."""
        return list(dict.fromkeys([*self.special_tokens_map.values(), *self.extra_special_tokens]))

    @property
    def all_special_ids(self) -> list[int | None]:
        """The ids of `all_special_tokens`."""
        return [self._written.ids.get(token, self.unk_token_id) for token in self.all_special_tokens]

    bos_token_id = _id_of_setting("bos_token")
    eos_token_id = _id_of_setting("eos_token")
    pad_token_id = _id_of_setting("pad_token")
    cls_token_id = _id_of_setting("cls_token")
    sep_token_id = _id_of_setting("sep_token")
    mask_token_id = _id_of_setting("mask_token")

    @property
    def unk_token_id(self) -> int | None:
        """The id of `unk_token`, or `None` if there is none."""
        return None if self.unk_token is None else self._written.ids.get(self.unk_token)


def is_one(ids: object) -> bool:
    """Whether this is an id and not several: an int, or an array or tensor without dimensions."""
    return isinstance(ids, int) or getattr(ids, "ndim", None) == 0
