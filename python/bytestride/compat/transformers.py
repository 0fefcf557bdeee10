"""The interface of transformers' tokenizers: `from bytestride.compat.transformers import AutoTokenizer`.

What a data pipeline and a generating model call: texts in, `input_ids` and `attention_mask` out, padded and
truncated as the call says, and ids back into text, with the results of transformers 5. As there, the names of
special tokens in a text are the tokens unless `split_special_tokens=True` says otherwise.

What is not here, such as pairs of texts, the use of chat templates and overflowing tokens, is an error by
Python's own hand: no parameter or method of that name. A batch of unequal lengths is no array: it needs
padding.

transformers has classes that put a normalizer and a pretokenizer of their own in place of those in a
`tokenizer.json`. Here the file counts, but for `LlamaTokenizer`, and for `add_prefix_space`.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from bytestride import Tokenizer
from bytestride.compat.encoding import BatchEncoding, Filling, columns_of, encoding_of, padded_columns
from bytestride.compat.pretrained import SETTINGS, find_pretrained, write_chat_template
from bytestride.compat.rows import (
    ENDS,
    SIDES,
    UNLIMITED,
    Padding,
    Rows,
    Side,
    Tensors,
    Truncation,
    one_of,
    own_end,
    row_length,
    row_limit,
)
from bytestride.compat.vocabulary import Vocabulary, is_one
from bytestride.compat.written import Written

__all__ = ["AutoTokenizer", "BatchEncoding", "PreTrainedTokenizerFast"]


class PreTrainedTokenizerFast(Vocabulary):
    """A tokenizer with transformers' methods.

    Names of special tokens, sides and `model_max_length` are defaults for the calls and may be set at any
    time, as in `tokenizer.pad_token = tokenizer.eos_token`. The tokenizer itself, which is immutable, is
    `tokenizer.backend`.

    Args:
        tokenizer_file: A `tokenizer.json`, or whatever else `bytestride.Tokenizer.load` takes.
        tokenizer_object: A `bytestride.Tokenizer`, in place of a file.
        model_max_length: Where `truncation=True` and `padding="max_length"` end without a `max_length`.
        padding_side: Where padding stands.
        truncation_side: Which end of a text is cut off.
        bos_token: The special token that begins texts.
        eos_token: The special token that ends texts.
        pad_token: The token that fills rows.
        unk_token: What `convert_tokens_to_ids` takes unknown tokens for; texts do not depend on it.
        cls_token: The special token that stands for a whole text.
        sep_token: The special token between texts.
        mask_token: The special token in place of one to guess.
        extra_special_tokens: Further special tokens.
        model_specific_special_tokens: Further ones that have a use, by its name, which is an attribute then.
        chat_template: Kept for `save_pretrained`.
        split_special_tokens: Whether names of special tokens in texts are text where a call does not say.
        clean_up_tokenization_spaces: Taken for compatibility; as in transformers, BPE decodes without.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is not supported, both or none of file and object are given, or a side is none.
        KeyError: A name is no token.

    Example:
        >>> import bytestride as bs
        >>> from bytestride.compat.transformers import PreTrainedTokenizerFast
        >>> trained = bs.train([b"low lower lowest"] * 2, 261, special_tokens=["<pad>"])
        >>> tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, pad_token="<pad>")
        >>> tokenizer(["low", "lowest"], padding=True)["input_ids"]
        [[257, 260, 260, 260], [257, 68, 82, 83]]
    """

    is_fast = True
    model_input_names = ("input_ids", "attention_mask")

    def __init__(
        self,
        tokenizer_file: str | os.PathLike[str] | None = None,
        *,
        tokenizer_object: Tokenizer | None = None,
        model_max_length: int | None = UNLIMITED,
        padding_side: Side = "right",
        truncation_side: Side = "right",
        bos_token: str | None = None,
        eos_token: str | None = None,
        pad_token: str | None = None,
        unk_token: str | None = None,
        cls_token: str | None = None,
        sep_token: str | None = None,
        mask_token: str | None = None,
        extra_special_tokens: Sequence[str] = (),
        model_specific_special_tokens: Mapping[str, str] | None = None,
        chat_template: Any = None,
        split_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> None:
        if (tokenizer_file is None) == (tokenizer_object is None):
            message = "give either tokenizer_file or tokenizer_object"
            raise ValueError(message)
        if tokenizer_object is None:
            tokenizer_object = Tokenizer.load(os.fspath(tokenizer_file or ""))
        self.backend = tokenizer_object
        self._written = Written(tokenizer_object, None if tokenizer_file is None else Path(tokenizer_file))
        self.model_max_length = UNLIMITED if model_max_length is None else model_max_length
        self.padding_side: Side = one_of("padding_side", padding_side, SIDES)
        self.truncation_side: Side = one_of("truncation_side", truncation_side, SIDES)
        self.bos_token = bos_token
        self.eos_token = eos_token
        self.pad_token = pad_token
        self.unk_token = unk_token
        self.cls_token = cls_token
        self.sep_token = sep_token
        self.mask_token = mask_token
        self.extra_special_tokens = list(extra_special_tokens)
        self.model_specific_special_tokens = dict(model_specific_special_tokens or {})
        for use, token in self.model_specific_special_tokens.items():
            if hasattr(self, use):
                message = f"{use!r} is no name for a special token: it is one of the tokenizer's own"
                raise ValueError(message)
            setattr(self, use, token)
            setattr(self, f"{use}_id", tokenizer_object.id_of(token))
        if isinstance(chat_template, list | tuple):  # as older configurations have several
            chat_template = {template["name"]: template["template"] for template in chat_template}
        self.chat_template = chat_template
        self.split_special_tokens = split_special_tokens
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self.name_or_path = ""
        for use in ("bos_token", "eos_token", "pad_token", "cls_token", "sep_token", "mask_token"):
            name = getattr(self, use)
            if name is not None and name not in self.backend:
                message = f"{use}: {name!r} is no token of this tokenizer"
                raise KeyError(message)

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str], **changes: Any) -> Self:
        """The tokenizer of a folder, of a bundled name such as `"gpt2"`, or of a repository on the Hub.

        A folder has a `tokenizer.json` and what tells how it is used: `tokenizer_config.json`, `config.json`,
        `chat_template.jinja`, `special_tokens_map.json`, `added_tokens.json`. Special tokens that they name
        and the `tokenizer.json` lacks are added behind its own. A repository's files are taken from the local
        cache or fetched by `huggingface_hub`, if that is installed.

        Args:
            name_or_path: The folder or name.
            **changes: Arguments of the class that go before those of the configuration, `add_prefix_space`
                and `legacy`, and transformers' about the Hub: `revision`, `cache_dir`, `token` and so on.
                `use_fast`, `trust_remote_code`, `torch_dtype` and their like mean nothing here.

        Raises:
            FileNotFoundError: There is no such tokenizer.
            OSError: The Hub cannot be reached, or refuses.
            ValueError: A file is malformed or not supported.

        Example:
            >>> from bytestride.compat.transformers import PreTrainedTokenizerFast
            >>> PreTrainedTokenizerFast.from_pretrained("gpt2").eos_token
            '<|endoftext|>'
        """
        name = os.fspath(name_or_path)
        found = find_pretrained(name, changes)
        made = cls(tokenizer_object=found.tokenizer, **found.settings)
        made._written = Written(found.tokenizer, found.file)
        made.name_or_path = name
        return made

    def save_pretrained(self, folder: str | os.PathLike[str]) -> tuple[str, str]:
        """Writes `tokenizer_config.json` and `tokenizer.json` to a folder; returns their paths.

        A chat template goes into a file of its own beside them, as transformers writes it, and one that was
        there before stays if it has another name.

        Example:
            >>> import tempfile
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> folder = tempfile.mkdtemp()
            >>> _ = AutoTokenizer.from_pretrained("gpt2").save_pretrained(folder)
            >>> AutoTokenizer.from_pretrained(folder).eos_token
            '<|endoftext|>'
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        config, tokenizer = Path(folder, "tokenizer_config.json"), Path(folder, "tokenizer.json")
        settings = self._stated() | self.model_specific_special_tokens
        settings |= {"tokenizer_class": "PreTrainedTokenizerFast"}
        write_chat_template(Path(folder), settings.pop("chat_template", {}))
        config.write_text(json.dumps(settings, indent=2), "utf-8")
        self.backend.save(tokenizer)
        return str(config), str(tokenizer)

    # -- text to ids -----------------------------------------------------------------------------------------

    def __call__(
        self,
        text: str | Iterable[str],
        *,
        add_special_tokens: bool = True,
        padding: Padding = False,
        truncation: Truncation | None = None,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: Side | None = None,
        truncation_side: Side | None = None,
        return_tensors: Tensors | None = None,
        return_attention_mask: bool = True,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        split_special_tokens: bool | None = None,
    ) -> BatchEncoding:
        """The ids of a text, or of many: `input_ids` and `attention_mask`, and what else is asked for.

        Args:
            text: One text, or several.
            add_special_tokens: Whether to add the BOS and EOS of the tokenizer's own rule.
            padding: `True` or `"longest"` to the longest text, `"max_length"`, or `False`.
            truncation: Whether texts are cut at `max_length`; `None` if that is given and no padding.
            max_length: In tokens, BOS and EOS among them; `model_max_length` if not given. As in
                transformers, nothing is cut off where there is no room for BOS and EOS.
            pad_to_multiple_of: Padded rows are longer, to such a multiple.
            padding_side: In place of `self.padding_side`.
            truncation_side: In place of `self.truncation_side`.
            return_tensors: `"np"` for arrays `int64[n, length]`, `"pt"` for PyTorch's, otherwise lists.
            return_attention_mask: Which ids are no padding.
            return_special_tokens_mask: Which ids were added, as padding, BOS or EOS.
            return_offsets_mapping: Where each token stands in the characters of the text.
            return_length: How many ids each text has, padding among them.
            split_special_tokens: Whether names of special tokens in a text are text; in place of
                `self.split_special_tokens`.

        Raises:
            TypeError: A text is no `str`.
            ValueError: Padding without a `pad_token`, arrays of texts of unequal length, or a way of padding
                or truncating, a side or a length that is none.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> tokenizer = AutoTokenizer.from_pretrained("gpt2")
            >>> tokenizer.pad_token = tokenizer.eos_token
            >>> batch = tokenizer(["hello world", "a"], padding=True, return_tensors="np")
            >>> batch.input_ids, batch.attention_mask
            (array([[31373,   995],
                   [   64, 50256]]), array([[1, 1],
                   [1, 0]]))
        """
        splits = self.split_special_tokens if split_special_tokens is None else split_special_tokens
        rows = Rows(self.backend, special="text" if splits else "encode", ends=add_special_tokens)
        texts = [text] if isinstance(text, str) else list(text)
        strange = next((one for one in texts if not isinstance(one, str)), None)
        if strange is not None:
            message = f"text: expected a str or several, not {type(strange).__name__}; pairs are not here"
            raise TypeError(message)
        if max_length is not None and max_length < 0:
            message = f"max_length: expected 0 or more, not {max_length}"
            raise ValueError(message)
        padding_side = one_of("padding_side", padding_side or self.padding_side, SIDES)
        truncation_side = one_of("truncation_side", truncation_side or self.truncation_side, SIDES)
        limit = row_limit(truncation, padding, max_length, self.model_max_length, pad_to_multiple_of)
        encode = rows.encode_with_offsets if return_offsets_mapping else rows.encode
        encode(texts, limit, truncation_side)
        filling = self._filling(map(len, rows.ids), padding, max_length, pad_to_multiple_of, padding_side)
        wanted = {
            "input_ids": True,
            "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
            "length": return_length,
        }
        return encoding_of(rows, filling, wanted, return_tensors, single=isinstance(text, str))

    def encode(self, text: str, **options: Any) -> Any:
        """The `input_ids` of one text; options as for a call.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").encode("hello world")
            [31373, 995]
        """
        return self(text, **options)["input_ids"]

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text as files write them, without BOS and EOS.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").tokenize("hello world")
            ['hello', 'Ġworld']
        """
        special = "text" if self.split_special_tokens else "encode"
        return [self._written.name(token) for token in self.backend.encode(text, special=special).tolist()]

    def pad(
        self,
        encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        padding: Padding = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: Side | None = None,
        return_tensors: Tensors | None = None,
    ) -> BatchEncoding:
        """Pads what calls gave before, one text or several, as data collators do.

        Filled up are `input_ids`, `attention_mask`, `token_type_ids` and `special_tokens_mask`; others,
        such as labels, stay as they are.

        Args:
            encoded_inputs: What a call gave, or a list of that.
            padding: As for a call.
            max_length: As for a call.
            pad_to_multiple_of: As for a call.
            padding_side: In place of `self.padding_side`.
            return_tensors: As for a call.

        Raises:
            ValueError: Padding without a `pad_token`, no `input_ids`, or arrays of rows of unequal length.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<|endoftext|>")
            >>> tokenizer.pad([tokenizer("hello world"), tokenizer("a")])["input_ids"]
            [[31373, 995], [64, 50256]]
        """
        columns, single = columns_of(encoded_inputs)
        ids = columns.get("input_ids", [])
        rows = [ids] if single else ids
        side = one_of("padding_side", padding_side or self.padding_side, SIDES)
        filling = self._filling(map(len, rows), padding, max_length, pad_to_multiple_of, side)
        return padded_columns(columns, filling, return_tensors, single=single)

    def num_special_tokens_to_add(self) -> int:
        """How many ids a text gets before it and behind it.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").num_special_tokens_to_add()
            0
        """
        return sum(len(own_end(self.backend, end)) for end in ENDS)

    def _filling(
        self,
        lengths: Iterable[int],
        padding: Padding,
        max_length: int | None,
        multiple: int | None,
        side: Side,
    ) -> Filling:
        """How rows of these lengths are filled up."""
        longest = self.model_max_length if max_length is None else max_length
        length = row_length(lengths, padding, longest, multiple, self.pad_token)
        return Filling(length, side, self.pad_token_id or 0)

    # -- ids to text -----------------------------------------------------------------------------------------

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> Any:
        """The text of ids; of several rows of ids a list of texts.

        Args:
            token_ids: An id, a list or array of ids, or several of these.
            skip_special_tokens: Whether to leave special tokens out.
            clean_up_tokenization_spaces: Taken for compatibility; as in transformers, BPE decodes without.

        Raises:
            KeyError: An id is no token.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> tokenizer = AutoTokenizer.from_pretrained("gpt2")
            >>> tokenizer.decode([31373, 995, 50256], skip_special_tokens=True)
            'hello world'
            >>> tokenizer.decode([[31373], [995]])
            ['hello', ' world']
        """
        del clean_up_tokenization_spaces
        if not is_one(token_ids) and len(token_ids) > 0 and np.ndim(token_ids[0]) > 0:
            return self.batch_decode(token_ids, skip_special_tokens)
        if hasattr(token_ids, "cpu"):  # a tensor of PyTorch, which may be on another device
            token_ids = token_ids.cpu()
        ids = np.atleast_1d(np.asarray(token_ids))
        if ids.size > 0 and ids.dtype.kind not in "iu":
            message = f"token_ids: expected integers, not {ids.dtype}"
            raise TypeError(message)
        ids = ids.astype(np.int64)
        if skip_special_tokens:
            ids = ids[~np.isin(ids, self._written.marked_ids)]
        return self.backend.decode(ids)

    def batch_decode(
        self,
        sequences: Iterable[Any],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """The text of each of many rows of ids; options as of `decode`.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").batch_decode([[31373], [995]])
            ['hello', ' world']
        """
        del clean_up_tokenization_spaces
        if getattr(sequences, "ndim", None) == 1:
            return [self.decode(sequences, skip_special_tokens)]
        rows = list(sequences)
        if rows and all(map(is_one, rows)):
            # As transformers has it, ids alone are one row.
            rows = [rows]
        return [self.decode(ids, skip_special_tokens) for ids in rows]

    def _stated(self) -> dict[str, Any]:
        """The settings that say anything, by name."""
        settings = {name: getattr(self, name) for name in SETTINGS}
        return {name: value for name, value in settings.items() if value not in (None, [], False)}

    def __repr__(self) -> str:
        shown = self._stated() | {"chat_template": None}
        settings = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({self.backend!r}, {settings})"


class AutoTokenizer:
    """Finds a tokenizer by name or folder; what it gives is always a `PreTrainedTokenizerFast`.

    Example:
        >>> from bytestride.compat.transformers import AutoTokenizer
        >>> AutoTokenizer.from_pretrained("gpt2")("hello world")
        {'input_ids': [31373, 995], 'attention_mask': [1, 1]}
    """

    @staticmethod
    def from_pretrained(
        name_or_path: str | os.PathLike[str],
        **changes: Any,
    ) -> PreTrainedTokenizerFast:
        """As `PreTrainedTokenizerFast.from_pretrained`.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> len(AutoTokenizer.from_pretrained("gpt2"))
            50257
        """
        return PreTrainedTokenizerFast.from_pretrained(name_or_path, **changes)
