"""The interface of tiktoken 0.14: `from bytestride.compat import tiktoken` in place of `import tiktoken`.

The encodings come with the package, so nothing is downloaded. Ids, decoded texts, offsets and the rules for
special tokens are those of tiktoken, with these differences:

- `encode_with_unstable` does not exist, for tiktoken itself calls it unstable.
- `encode_to_numpy` takes texts with lone surrogates, as `encode` does.
- Text that `pat_str` does not match is encoded, too, where tiktoken leaves it out.
- Ranks and special tokens of an `Encoding` must be different tokens with different ids up to 16,777,215, with
  all 256 bytes among the ranks; a name of a special token that files write as bytes, such as `é`, is refused.
"""

import os
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property, lru_cache
from itertools import pairwise
from operator import index
from typing import Literal, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from bytestride import Ragged, Tokenizer, bundled
from bytestride import encoding_name_for_model as _name_for_model

__all__ = [
    "Encoding",
    "encoding_for_model",
    "encoding_name_for_model",
    "get_encoding",
    "list_encoding_names",
]

_Allowed = Literal["all"] | AbstractSet[str]
_Disallowed = Literal["all"] | Collection[str]

_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
_NONE: AbstractSet[str] = frozenset()

_encodings: dict[str, "Encoding"] = {}
_lock = threading.Lock()


class Encoding:
    """A tokenizer with tiktoken's methods: ids as lists, and an error for special tokens not allowed.

    `get_encoding` and `encoding_for_model` give those that come with the package, `Encoding.of` makes one of
    any `bytestride.Tokenizer`, and this constructor one of ranks, as tiktoken's does. Picklable; not to be
    changed.

    Args:
        name: What `repr` calls it.
        pat_str: How text is split: a regular expression, or a name as `bytestride.train` takes it.
        mergeable_ranks: The rank, which is also the id, of each token.
        special_tokens: Ids of the special tokens by name.
        explicit_n_vocab: If given and not 0, how many tokens there must be, special ones among them, without
            gaps.

    Raises:
        ValueError: The ranks are not those of a tokenizer, or not as many as `explicit_n_vocab` says.
        TypeError: A rank is no integer.

    Example:
        >>> from bytestride.compat import tiktoken
        >>> enc = tiktoken.get_encoding("cl100k_base")
        >>> enc.encode("hello world"), enc.decode([15339, 1917])
        ([15339, 1917], 'hello world')
        >>> chat = tiktoken.Encoding(
        ...     name="cl100k_im",
        ...     pat_str=enc._pat_str,
        ...     mergeable_ranks=enc._mergeable_ranks,
        ...     special_tokens={**enc._special_tokens, "<|im_start|>": 100264, "<|im_end|>": 100265},
        ... )
        >>> chat.encode("<|im_end|>", allowed_special="all")
        [100265]
    """

    def __init__(
        self,
        name: str,
        *,
        pat_str: str,
        mergeable_ranks: Mapping[bytes, int],
        special_tokens: Mapping[str, int],
        explicit_n_vocab: int | None = None,
    ) -> None:
        if b"" in mergeable_ranks:
            raise ValueError("mergeable_ranks: a token is empty")
        lines = (b"%s %d\n" % (b64encode(token), index(rank)) for token, rank in mergeable_ranks.items())
        self._adopt(name, Tokenizer._from_ranks(b"".join(lines), pat_str, special_tokens))  # noqa: SLF001
        counted = len(mergeable_ranks) + len(special_tokens)
        if explicit_n_vocab and not explicit_n_vocab == counted == self.n_vocab:
            message = (
                f"explicit_n_vocab: {explicit_n_vocab}, but there are {counted} tokens with ids up to "
                f"{self.max_token_value}"
            )
            raise ValueError(message)

    @classmethod
    def of(cls, tokenizer: Tokenizer, name: str = "bytestride") -> Self:
        """The encoding that gives the ids of `tokenizer`.

        Example:
            >>> import bytestride as bs
            >>> from bytestride.compat import tiktoken
            >>> tokenizer = bs.train([b"low lower lowest"] * 2, 260)
            >>> tiktoken.Encoding.of(tokenizer, "low").encode("lowest")
            [257, 68, 82, 83]
        """
        encoding = cls.__new__(cls)
        cls._adopt(encoding, name, tokenizer)
        return encoding

    def _adopt(self, name: str, tokenizer: Tokenizer) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self._special_tokens = tokenizer.special_tokens
        self.special_tokens_set = set(self._special_tokens)
        self._special_ids = frozenset(self._special_tokens.values())
        self.max_token_value = tokenizer.max_id

    def __repr__(self) -> str:
        return f"<Encoding {self.name!r}>"

    def __reduce__(self) -> tuple[Callable[..., "Encoding"], tuple[object, ...]]:
        if _encodings.get(self.name) is self:
            return get_encoding, (self.name,)
        return type(self).of, (self.tokenizer, self.name)

    # -- encoding --------------------------------------------------------------------------------------------

    def encode_ordinary(self, text: str) -> list[int]:
        """The ids of a text in which nothing is a special token.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").encode_ordinary("hello world")
            [31373, 995]
        """
        ids: list[int] = self.tokenizer.encode(_checked(text)).tolist()
        return ids

    def encode(
        self, text: str, *, allowed_special: _Allowed = _NONE, disallowed_special: _Disallowed = "all"
    ) -> list[int]:
        """The ids of a text, and an error where it holds a special token that is not allowed.

        Args:
            text: The text.
            allowed_special: The special tokens that are encoded as such, `"all"` for all.
            disallowed_special: Texts that raise; `"all"` for all special tokens that are not allowed, `()`
                for none, which makes text of them.

        Raises:
            ValueError: The text holds what is disallowed.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> enc = tiktoken.get_encoding("gpt2")
            >>> enc.encode("<|endoftext|>", allowed_special="all")
            [50256]
            >>> enc.encode("<|endoftext|>", disallowed_special=())
            [27, 91, 437, 1659, 5239, 91, 29]
        """
        ids: list[int] = self.encode_to_numpy(
            text, allowed_special=allowed_special, disallowed_special=disallowed_special
        ).tolist()
        return ids

    def encode_to_numpy(
        self, text: str, *, allowed_special: _Allowed = _NONE, disallowed_special: _Disallowed = "all"
    ) -> NDArray[np.uint32]:
        """As `encode`, but a new `uint32[n]`.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").encode_to_numpy("hello world")
            array([31373,   995], dtype=uint32)
        """
        allowed, disallowed = self._rules(allowed_special, disallowed_special)
        _refuse(_checked(text), disallowed)
        return self.tokenizer.encode(text, special=allowed)

    def encode_ordinary_batch(self, text: Iterable[str], *, num_threads: int = 8) -> list[list[int]]:
        """As `encode_ordinary`, of many texts on several threads.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").encode_ordinary_batch(["hello world", "goodbye world"])
            [[31373, 995], [11274, 16390, 995]]
        """
        return _lists(self.tokenizer.encode_batch(map(_checked, text), threads=num_threads))

    def encode_batch(
        self,
        text: Iterable[str],
        *,
        num_threads: int = 8,
        allowed_special: _Allowed = _NONE,
        disallowed_special: _Disallowed = "all",
    ) -> list[list[int]]:
        """As `encode`, of many texts on several threads.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").encode_batch(["hello world", "goodbye world"])
            [[31373, 995], [11274, 16390, 995]]
        """
        allowed, disallowed = self._rules(allowed_special, disallowed_special)
        texts = list(text)
        for one in texts:
            _refuse(_checked(one), disallowed)
        return _lists(self.tokenizer.encode_batch(texts, threads=num_threads, special=allowed))

    def encode_single_token(self, text_or_bytes: str | bytes) -> int:
        """The id of a token, special or not.

        Raises:
            KeyError: There is no such token.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").encode_single_token("hello")
            31373
        """
        return self.tokenizer.id_of(text_or_bytes)

    def _rules(self, allowed: _Allowed, disallowed: _Disallowed) -> tuple[AbstractSet[str], frozenset[str]]:
        """The special tokens to encode, and the texts to refuse."""
        if isinstance(allowed, str) and allowed != "all":
            raise TypeError(f'allowed_special: expected "all" or a set of names, not {allowed!r}')
        named = self.special_tokens_set if allowed == "all" else frozenset(allowed)
        refused = self.special_tokens_set - named if disallowed == "all" else disallowed or ()
        return named & self.special_tokens_set, frozenset(refused)

    # -- decoding --------------------------------------------------------------------------------------------

    def decode(self, tokens: Sequence[int], errors: str = "replace") -> str:
        """The text of ids; `errors` is what `bytes.decode` does with bytes that are not UTF-8.

        Raises:
            KeyError: An id is no token.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode([31373, 995])
            'hello world'
        """
        return self.tokenizer.decode(tokens, errors)

    def decode_bytes(self, tokens: Sequence[int]) -> bytes:
        """The bytes of ids.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode_bytes([31373, 995])
            b'hello world'
        """
        return self.tokenizer.decode_bytes(tokens)

    def decode_single_token_bytes(self, token: int) -> bytes:
        """The bytes of one token, special or not.

        Raises:
            KeyError: There is no such token.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode_single_token_bytes(31373)
            b'hello'
        """
        return self.tokenizer.bytes_of(token)

    def decode_tokens_bytes(self, tokens: Iterable[int]) -> list[bytes]:
        """The bytes of each of many ids.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode_tokens_bytes([31373, 995])
            [b'hello', b' world']
        """
        return [self.tokenizer.bytes_of(token) for token in tokens]

    def decode_with_offsets(self, tokens: Iterable[int]) -> tuple[str, list[int]]:
        """The text of ids, and at which of its characters each token begins.

        A token that begins inside a character has the place of that character.

        Raises:
            UnicodeDecodeError: The tokens are not UTF-8 together.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode_with_offsets([31373, 995])
            ('hello world', [0, 5])
        """
        parts = self.decode_tokens_bytes(tokens)
        offsets, begun = [], 0
        for part in parts:
            begins_inside = part[0] in _CONTINUATION_BYTES
            offsets.append(max(0, begun - begins_inside))
            begun += len(part.translate(None, _CONTINUATION_BYTES))
        return b"".join(parts).decode(), offsets

    def decode_batch(
        self, batch: Iterable[Sequence[int]], *, errors: str = "replace", num_threads: int = 8
    ) -> list[str]:
        """As `decode`, of many; `num_threads` is taken for compatibility, one thread does it.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode_batch([[31373], [995]])
            ['hello', ' world']
        """
        del num_threads
        return self.tokenizer.decode_batch(batch, errors)

    def decode_bytes_batch(self, batch: Iterable[Sequence[int]], *, num_threads: int = 8) -> list[bytes]:
        """As `decode_bytes`, of many; `num_threads` is taken for compatibility, one thread does it.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").decode_bytes_batch([[31373], [995]])
            [b'hello', b' world']
        """
        del num_threads
        return [self.tokenizer.decode_bytes(tokens) for tokens in batch]

    # -- the vocabulary --------------------------------------------------------------------------------------

    def token_byte_values(self) -> list[bytes]:
        """The bytes of all ordinary tokens, sorted as bytes; a new list.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").token_byte_values()[98:100]
            [b' (*', b' (+']
        """
        return sorted(self._mergeable_ranks)

    @property
    def eot_token(self) -> int:
        """The id of `<|endoftext|>`; `KeyError` if there is none."""
        return self._special_tokens["<|endoftext|>"]

    @property
    def n_vocab(self) -> int:
        """One more than the largest id, which is not always how many tokens there are."""
        return self.max_token_value + 1

    def is_special_token(self, token: int) -> bool:
        """Whether an id is that of a special token.

        Example:
            >>> from bytestride.compat import tiktoken
            >>> tiktoken.get_encoding("gpt2").is_special_token(50256)
            True
        """
        return token in self._special_ids

    @property
    def _pat_str(self) -> str:
        """What tiktoken's own documentation uses to extend an encoding; so are the ranks below."""
        match self.tokenizer.expressions:
            case []:
                return "(?s:.+)"
            case [one]:
                return one
        message = "several expressions split the text in turn, which tiktoken cannot say in one"
        raise ValueError(message)

    @cached_property
    def _mergeable_ranks(self) -> dict[bytes, int]:
        ranks = self.tokenizer.vocabulary
        return {token: rank for token, rank in ranks.items() if rank not in self._special_ids}


def _checked(text: str) -> str:
    """The text; a list of them would be one text in parts elsewhere."""
    if not isinstance(text, str):
        raise TypeError(f"text: expected str, not {type(text).__name__}")
    return text


def _refuse(text: str, disallowed: frozenset[str]) -> None:
    """Raises ValueError if `text` holds one of the texts that are `disallowed`."""
    if not disallowed:
        return
    prefix, finder = _finder(disallowed)
    # Looking for what all have in common is much faster than the expression, and most texts do not hold it.
    found = finder.search(text) if prefix in text else None
    if found is not None:
        _raise_disallowed(found.group())


@lru_cache(maxsize=128)
def _finder(texts: frozenset[str]) -> tuple[str, re.Pattern[str]]:
    """What all `texts` begin with, and an expression that finds any of them."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    prefix = os.path.commonprefix(longest_first)  # noqa: RUF071 (of characters)
    return prefix, re.compile("|".join(map(re.escape, longest_first)))


def _raise_disallowed(token: str) -> NoReturn:
    message = (
        f"Encountered text corresponding to disallowed special token {token!r}.\n"
        f"To encode it as the special token, pass allowed_special={{{token!r}, ...}}; to encode it as text, "
        f"pass disallowed_special=(enc.special_tokens_set - {{{token!r}}}), or () for no check at all."
    )
    raise ValueError(message)


def _lists(batch: Ragged) -> list[list[int]]:
    ids, offsets = batch.ids.tolist(), batch.offsets.tolist()
    return [ids[start:end] for start, end in pairwise(offsets)]


def get_encoding(encoding_name: str) -> Encoding:
    """The encoding of a name, the same object each time.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> from bytestride.compat import tiktoken
        >>> tiktoken.get_encoding("o200k_base")
        <Encoding 'o200k_base'>
    """
    if encoding_name not in bundled():
        message = f"Unknown encoding {encoding_name}; there are {', '.join(bundled())}"
        raise ValueError(message)
    with _lock:
        if encoding_name not in _encodings:
            _encodings[encoding_name] = Encoding.of(Tokenizer.load(encoding_name), encoding_name)
        return _encodings[encoding_name]


def list_encoding_names() -> list[str]:
    """The names that `get_encoding` takes.

    Example:
        >>> from bytestride.compat import tiktoken
        >>> "cl100k_base" in tiktoken.list_encoding_names()
        True
    """
    return bundled()


def encoding_name_for_model(model_name: str) -> str:
    """The name of the encoding that a model uses.

    Raises:
        KeyError: No encoding is known for the model.

    Example:
        >>> from bytestride.compat import tiktoken
        >>> tiktoken.encoding_name_for_model("gpt-4o")
        'o200k_base'
    """
    return _name_for_model(model_name)


def encoding_for_model(model_name: str) -> Encoding:
    """The encoding that a model uses.

    Raises:
        KeyError: No encoding is known for the model.

    Example:
        >>> from bytestride.compat import tiktoken
        >>> tiktoken.encoding_for_model("gpt-4")
        <Encoding 'cl100k_base'>
    """
    return get_encoding(encoding_name_for_model(model_name))
