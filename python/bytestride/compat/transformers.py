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
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from bytestride import Tokenizer, bundled
from bytestride.compat.pretrained import NAMED_TOKENS, read_pretrained, write_chat_template
from bytestride.compat.rows import ENDS, Rows, Side, Tensors, own_end, padded, shaped, tensor

__all__ = ["AutoTokenizer", "BatchEncoding", "PreTrainedTokenizerFast"]

_Padding = bool | Literal["longest", "max_length", "do_not_pad"]
_Truncation = bool | Literal["longest_first", "only_first", "do_not_truncate"]
_Ids = Sequence[int] | NDArray[np.integer]

_SIDES: tuple[Side, ...] = ("left", "right")
_PADDINGS: tuple[_Padding, ...] = (False, True, "longest", "max_length", "do_not_pad")
_TRUNCATIONS: tuple[_Truncation | None, ...] = (
    None,
    False,
    True,
    "longest_first",
    "only_first",
    "do_not_truncate",
)
_NO_PADDING = (False, "do_not_pad")
# Arguments of `from_pretrained` that say where a file of the Hub comes from.
_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token")
# Those that make no difference there or here: there is one implementation, no code in a repository is run,
# and a tokenizer has no weights.
_WITHOUT_MEANING = (
    "trust_remote_code",
    "use_fast",
    "from_slow",
    "torch_dtype",
    "dtype",
    "device_map",
    "resume_download",
    "proxies",
)
# What transformers says of a tokenizer without a longest text.
UNLIMITED = int(1e30)


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


def _id_of_setting(name: str) -> property:
    """The id of the token that is the setting `name`, which is set with it."""

    def read(self: "PreTrainedTokenizerFast") -> int | None:
        token = getattr(self, name)
        if token is None:
            return None
        specials = self.backend.special_tokens
        if token in specials:
            return specials[token]
        found = self._ids_by_token.get(token)
        return self.backend.id_of(token) if found is None else found

    def write(self: "PreTrainedTokenizerFast", token_id: int | None) -> None:
        setattr(self, name, None if token_id is None else self._written(int(token_id)))

    return property(read, write, doc=f"The id of `{name}`, or `None`; setting it sets `{name}`.")


class PreTrainedTokenizerFast:
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
        self._file = None if tokenizer_file is None else Path(tokenizer_file)
        self.backend = tokenizer_object
        self.model_max_length = UNLIMITED if model_max_length is None else model_max_length
        self.padding_side: Side = _one_of("padding_side", padding_side, _SIDES)
        self.truncation_side: Side = _one_of("truncation_side", truncation_side, _SIDES)
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
        hub = {option: changes.pop(option) for option in _HUB_OPTIONS if option in changes}
        changes = {option: value for option, value in changes.items() if option not in _WITHOUT_MEANING}
        if name in bundled():
            made = cls(name, **{**_of_bundled(name), **changes})
        else:
            strange = next(
                (one for one in changes if one not in _CHANGES and not one.endswith("_token")), None
            )
            if strange is not None:
                message = f"from_pretrained() got an unexpected keyword argument {strange!r}"
                raise TypeError(message)
            found = read_pretrained(name, hub, changes)
            if found is None:
                message = (
                    f"{name}: no folder with a tokenizer.json, no bundled name ({', '.join(bundled())}), and "
                    "nothing that huggingface_hub has, which must be installed for names of the Hub"
                )
                raise FileNotFoundError(message)
            made = cls(tokenizer_object=found.tokenizer, **found.settings)
            made._file = found.file
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
        padding: _Padding = False,
        truncation: _Truncation | None = None,
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
        padding_side = _one_of("padding_side", padding_side or self.padding_side, _SIDES)
        truncation_side = _one_of("truncation_side", truncation_side or self.truncation_side, _SIDES)
        limit = self._limit(truncation, max_length, padding, pad_to_multiple_of)
        encode = rows.encode_with_offsets if return_offsets_mapping else rows.encode
        encode(texts, limit, truncation_side)
        length = self._padded_length(rows.ids, padding, max_length, pad_to_multiple_of)
        wanted = {
            "input_ids": True,
            "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
        }
        made = BatchEncoding()
        for name, (arrays, fill) in rows.arrays(self.pad_token_id or 0).items():
            if wanted[name]:
                full = [padded(array, length, padding_side, fill) for array in arrays]
                made[name] = shaped(full, return_tensors, single=isinstance(text, str))
        if return_length:
            lengths = np.array([max(len(ids), length) for ids in rows.ids], np.int64)
            made["length"] = tensor(lengths, return_tensors) if return_tensors else lengths.tolist()
        return made

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
        return [self._written(token) for token in self.backend.encode(text, special=special).tolist()]

    def pad(
        self,
        encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        padding: _Padding = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: Side | None = None,
        return_tensors: Tensors | None = None,
    ) -> BatchEncoding:
        """Pads what calls gave before, one text or several, as data collators do.

        Args:
            encoded_inputs: What a call gave, or a list of that.
            padding: As for a call.
            max_length: As for a call.
            pad_to_multiple_of: As for a call.
            padding_side: In place of `self.padding_side`.
            return_tensors: As for a call.

        Raises:
            ValueError: Padding without a `pad_token`, or arrays of rows of unequal length.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<|endoftext|>")
            >>> tokenizer.pad([tokenizer("hello world"), tokenizer("a")])["input_ids"]
            [[31373, 995], [64, 50256]]
        """
        columns = encoded_inputs
        if not isinstance(columns, Mapping):
            columns = {name: [row[name] for row in columns] for name in (columns[0] if columns else {})}
        ids = columns.get("input_ids", [])
        single = len(ids) > 0 and np.ndim(ids[0]) == 0
        rows = [ids] if single else list(ids)
        side = _one_of("padding_side", padding_side or self.padding_side, _SIDES)
        length = self._padded_length(rows, padding, max_length, pad_to_multiple_of)
        ones = [[1] * len(row) for row in rows]
        columns = {**columns, "attention_mask": columns.get("attention_mask", ones[0] if single else ones)}
        fills = {"input_ids": self.pad_token_id or 0, "attention_mask": 0, "special_tokens_mask": 1}
        made = BatchEncoding()
        for name, column in columns.items():
            arrays = [np.asarray(row, np.int64) for row in ([column] if single else column)]
            if name in fills:
                arrays = [padded(array, length, side, fills[name]) for array in arrays]
            # As an array, a single text is no row here.
            if single and return_tensors is not None:
                made[name] = tensor(arrays[0], return_tensors)
            else:
                made[name] = shaped(arrays, return_tensors, single=single)
        return made

    def num_special_tokens_to_add(self) -> int:
        """How many ids a text gets before it and behind it.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").num_special_tokens_to_add()
            0
        """
        return sum(len(own_end(self.backend, end)) for end in ENDS)

    def _limit(
        self, truncation: _Truncation | None, max_length: int | None, padding: _Padding, multiple: int | None
    ) -> int | None:
        """The most ids of a text, or `None`."""
        if _one_of("truncation", truncation, _TRUNCATIONS) is None:
            truncation = max_length is not None and padding is False
        limit = self.model_max_length if max_length is None else max_length
        if truncation in {False, "do_not_truncate"} or limit >= UNLIMITED:
            return None
        if padding not in _NO_PADDING and limit % (multiple or 1):
            message = f"max_length: {limit} is no multiple of {multiple}, to which rows are padded"
            raise ValueError(message)
        return limit

    def _padded_length(
        self, rows: Sequence[_Ids], padding: _Padding, max_length: int | None, multiple: int | None
    ) -> int:
        """How long rows are made; 0 for no padding."""
        if _one_of("padding", padding, _PADDINGS) in _NO_PADDING:
            return 0
        if self.pad_token is None:
            message = "padding needs a token: set tokenizer.pad_token, for example to tokenizer.eos_token"
            raise ValueError(message)
        length = max(map(len, rows), default=0)
        if padding == "max_length":
            wanted = self.model_max_length if max_length is None else max_length
            if wanted >= UNLIMITED:
                return 0
            length = wanted
        return -(-length // multiple) * multiple if multiple else length

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
        if not _is_one(token_ids) and len(token_ids) > 0 and np.ndim(token_ids[0]) > 0:
            return self.batch_decode(token_ids, skip_special_tokens)
        if hasattr(token_ids, "cpu"):  # a tensor of PyTorch, which may be on another device
            token_ids = token_ids.cpu()
        ids = np.atleast_1d(np.asarray(token_ids, dtype=np.int64))
        if skip_special_tokens:
            ids = ids[~np.isin(ids, self._marked_ids)]
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
        return [self.decode(ids, skip_special_tokens) for ids in sequences]

    def convert_ids_to_tokens(
        self, ids: int | np.integer | _Ids, skip_special_tokens: bool = False
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
        if _is_one(ids):
            return self._written(int(cast("int", ids)))
        left_out = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._written(int(token)) for token in cast("_Ids", ids) if int(token) not in left_out]

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int | None] | None:
        """The ids of tokens as files write them; for what is no token that of `unk_token`, or `None`.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").convert_tokens_to_ids(["hello", "Ġworld", "no token"])
            [31373, 995, 50256]
        """
        if isinstance(tokens, str):
            return self._id_of(tokens)
        return [self._id_of(token) for token in tokens]

    def convert_tokens_to_string(self, tokens: Iterable[str]) -> str:
        """The text of tokens as files write them, which need not be in the vocabulary.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").convert_tokens_to_string(["hello", "Ġworld"])
            'hello world'
        """
        return self.backend._decode_written(list(tokens))  # noqa: SLF001

    def _written(self, token_id: int) -> str:
        written = self.backend._written(token_id)  # noqa: SLF001
        if written is None:
            message = f"id {token_id} is no token of this tokenizer"
            raise KeyError(message)
        return written

    def _id_of(self, token: str) -> int | None:
        return self._ids_by_token.get(token, self.unk_token_id)

    @cached_property
    def _ids_by_token(self) -> dict[str, int]:
        # An added token may have the bytes of an ordinary one, so not by `vocabulary`; and where its name is
        # normalized, another is written.
        added = self.backend.special_tokens
        others = sorted({*range(self.backend.max_id + 1)} - {*added.values()})
        written = ((self.backend._written(token), token) for token in others)  # noqa: SLF001
        return {name: token for name, token in written if name is not None} | added

    # -- the vocabulary --------------------------------------------------------------------------------------

    def get_vocab(self) -> dict[str, int]:
        """Ids by tokens as files write them; a new dict.

        Example:
            >>> from bytestride.compat.transformers import AutoTokenizer
            >>> AutoTokenizer.from_pretrained("gpt2").get_vocab()["Ġworld"]
            995
        """
        return dict(self._ids_by_token)

    def __len__(self) -> int:
        return self.backend.vocab_size

    @property
    def vocab_size(self) -> int:
        """How many tokens there are without those that a `tokenizer.json` has added; `len` counts all.

        Of the encodings that come with the package it is all, as in the repository of GPT-2.
        """
        return self._model_size

    @cached_property
    def _model_size(self) -> int:
        # The tokenizer itself does not tell an added token that the model has, too, from one that it has not.
        file = self._file
        if file is not None and file.suffix == ".json" and file.is_file():
            written = file.read_bytes()
        else:
            rebuild, (written, *_) = cast("tuple[object, tuple[bytes, str]]", self.backend.__reduce__())
            if rebuild != Tokenizer._from_json or str(file) in bundled():  # noqa: SLF001
                return len(self)
        vocabulary = json.loads(written).get("model", {}).get("vocab")
        return len(self) if vocabulary is None else len(vocabulary)

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
        return [self._id_of(token) for token in self.all_special_tokens]

    @cached_property
    def _marked_ids(self) -> list[int]:
        """The ids that `decode` leaves out: all that are marked as special, with a use or without."""
        # There, they are known by their names, and one that is written otherwise is not found.
        names = self.backend.special_tokens.items()
        return [
            token
            for name, token in names
            if self.backend._is_marked(token) and self.backend._written(token) == name  # noqa: SLF001
        ]

    bos_token_id = _id_of_setting("bos_token")
    eos_token_id = _id_of_setting("eos_token")
    pad_token_id = _id_of_setting("pad_token")
    cls_token_id = _id_of_setting("cls_token")
    sep_token_id = _id_of_setting("sep_token")
    mask_token_id = _id_of_setting("mask_token")

    @property
    def unk_token_id(self) -> int | None:
        """The id of `unk_token`, or `None` if there is none."""
        return None if self.unk_token is None else self._ids_by_token.get(self.unk_token)

    def _stated(self) -> dict[str, Any]:
        """The settings that say anything, by name."""
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return {name: value for name, value in settings.items() if value not in (None, [], False)}

    def __repr__(self) -> str:
        shown = self._stated() | {"chat_template": None}
        settings = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({self.backend!r}, {settings})"


_SETTINGS = (
    *NAMED_TOKENS,
    "extra_special_tokens",
    "chat_template",
    "split_special_tokens",
    "model_max_length",
    "padding_side",
    "truncation_side",
)


# What a call may say in place of a configuration, besides tokens by their use.
_CHANGES = {
    *_SETTINGS,
    "add_prefix_space",
    "additional_special_tokens",
    "clean_up_tokenization_spaces",
    "legacy",
    "max_len",
    "model_specific_special_tokens",
}


def _of_bundled(name: str) -> dict[str, Any]:
    """The settings of a tokenizer that comes with the package; of GPT-2's those of its repository."""
    end = "<|endoftext|>"
    settings = {"bos_token": end, "eos_token": end}
    return {**settings, "unk_token": end, "model_max_length": 1024} if name == "gpt2" else settings


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


def _is_one(ids: object) -> bool:
    """Whether this is an id and not several: an int, or an array or tensor without dimensions."""
    return isinstance(ids, int) or getattr(ids, "ndim", None) == 0


def _one_of(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """The value of the argument `name`, which must be one of these."""
    if value in choices:
        return value
    message = f"{name}: expected one of {', '.join(map(repr, choices))}, not {value!r}"
    raise ValueError(message)
