"""What the files of a folder or repository say of a tokenizer, as transformers 5 reads them.

Beside a `tokenizer.json` stand `tokenizer_config.json`, `config.json`, and in older repositories
`special_tokens_map.json` and `added_tokens.json`. They name the tokens that have a use and the side of
padding; what they leave open, a class of transformers may say, which they name, too (`classes`). Such a
class also puts parts of its own in place of the file's. That is done here for Llama's, where it makes other
ids, and for the space before a text.

(transformers 5.24, `tokenization_utils_tokenizers.py`, `tokenization_utils_base.py`.)
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bytestride import Tokenizer
from bytestride.compat.classes import CLASSES, Class, class_of

__all__ = ["NAMED_TOKENS", "Pretrained", "read_pretrained"]

# In the order in which transformers adds them.
NAMED_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_SIDES = {"padding_side": "padding", "truncation_side": "truncation"}
_KEPT = ("model_max_length", "chat_template")
_ABOUT_THE_SPLIT = ("add_prefix_space", "legacy")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


@dataclass(frozen=True)
class Pretrained:
    """A tokenizer, and what the files say about how it is used."""

    file: Path
    tokenizer: Tokenizer
    settings: dict[str, Any]


def read_pretrained(name: str, hub: Mapping[str, Any], changes: Mapping[str, Any]) -> Pretrained | None:
    """What is called `name`, a folder or a repository on the Hub; `None` if there is no `tokenizer.json`.

    Args:
        name: The folder or repository.
        hub: Where in the Hub to look.
        changes: Settings that go before those of the files, and `add_prefix_space` and `legacy`.
    """
    file = _file(name, "tokenizer.json", hub)
    if file is None:
        return None
    config = _object(name, "tokenizer_config.json", hub)
    model = _object(name, "config.json", hub)
    raw = file.read_bytes()
    head = _head(raw)
    kind = class_of(config, model, has_bytes=b'"ByteLevel"' in raw)
    known = CLASSES.get(kind, Class())
    described = list((config.get("added_tokens_decoder") or {}).values())
    if not _are_tokens(described):
        message = f"{name}: tokenizer_config.json: added_tokens_decoder: expected tokens with their content"
        raise ValueError(message)
    if "added_tokens_decoder" not in config:
        named = _object(name, "special_tokens_map.json", hub)
        config = {**named, **config, **_tokens(named)}
        in_file = {token["content"] for token in head.get("added_tokens") or ()}
        added = _object(name, "added_tokens.json", hub)
        described = [{"content": token, "normalized": True} for token in added if token not in in_file]
    settings = {
        **_settings(config, known, head),
        **{option: value for option, value in changes.items() if option not in _ABOUT_THE_SPLIT},
    }
    wanted = [settings.get(token) for token in NAMED_TOKENS]
    wanted += [*settings["model_specific_special_tokens"].values(), *settings["extra_special_tokens"]]
    strange = next((token for token in wanted if not isinstance(token, str | None)), None)
    if strange is not None:
        message = f"{name}: expected a token's name, not {strange!r}"
        raise ValueError(message)
    edits = _Edits(head, {**config, **changes}, kind, [token for token in wanted if token], described)
    # Without a head there is no good file, which is then said.
    tokenizer = edits.apply(file, raw) if head and edits.are_needed() else Tokenizer.load(file)
    return Pretrained(file, tokenizer, settings)


def _settings(config: Mapping[str, Any], known: Class, head: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the configuration gives, or else the `tokenizer.json`, or else the class."""
    settings: dict[str, Any] = {name: config[name] for name in _KEPT if config.get(name) is not None}
    if "model_max_length" not in config and config.get("max_len") is not None:
        settings["model_max_length"] = config["max_len"]
    padding = head.get("padding") or {}
    in_file = {} if known.tokens or "pad_token" in config else {"pad_token": padding.get("pad_token")}
    settings |= {**known.tokens, **in_file, **_tokens(config)}
    for side, part in _SIDES.items():
        direction = (head.get(part) or {}).get("direction")
        otherwise = known.padding_side if part == "padding" else "right"
        settings[side] = config.get(side) or (str(direction).lower() if direction else otherwise)
    extra = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    more = {name: config[name] for name in config if name.endswith("_token") and name not in NAMED_TOKENS}
    if isinstance(extra, Mapping):
        more |= extra
    listed = () if isinstance(extra, Mapping) else map(_content, extra)
    own = {name: _content(token) for name, token in more.items() if isinstance(_content(token), str)}
    settings["model_specific_special_tokens"] = own
    settings["extra_special_tokens"] = list(listed)
    return settings


def _tokens(written: Mapping[str, Any]) -> dict[str, Any]:
    """The tokens that have a use; a null says that there is none."""
    return {name: _content(written[name]) for name in NAMED_TOKENS if name in written}


def _content(token: Any) -> Any:
    """A token's name, which may be written as an object that has it as its content."""
    return token["content"] if isinstance(token, Mapping) and "content" in token else token


def _head(raw: bytes) -> dict[str, Any]:
    """The parts of a `tokenizer.json` but for its model, which is nearly all of it and mostly stands last."""
    before = re.match(rb'\s*\{.*?(?="model"\s*:)', raw, re.DOTALL)
    try:
        head: dict[str, Any] = json.loads(before[0] + b'"model": null}') if before else {}
    except ValueError:
        head = {}
    if "added_tokens" not in head:
        try:
            head = {**json.loads(raw), "model": None}
        except (ValueError, TypeError):
            head = {}
    limits = (head.get(part) for part in _SIDES.values())
    is_good = all(part is None or isinstance(part, Mapping) for part in limits)
    # Who reads the tokenizer says what is wrong with it.
    return head if is_good and _are_tokens(head.get("added_tokens", [])) else {}


def _are_tokens(tokens: Any) -> bool:
    return isinstance(tokens, list) and all(
        isinstance(token, Mapping) and isinstance(token.get("content"), str) for token in tokens
    )


class _Edits:
    """What makes another tokenizer of the file: what other files say of tokens, and what a class does."""

    def __init__(
        self,
        head: Mapping[str, Any],
        config: Mapping[str, Any],
        kind: str,
        named: list[str],
        described: Iterable[Mapping[str, Any]],
    ) -> None:
        self._head = head
        self._config = config
        self._kind = kind
        self._tokens = {token["content"]: dict(token) for token in head.get("added_tokens") or ()}
        self._before = json.dumps(self._tokens)
        for token in described:
            self._describe(token)
        for name in named:
            if name in self._tokens:
                self._tokens[name]["special"] = True
            else:
                self._tokens[name] = {**dict.fromkeys(_FLAGS, False), "content": name, "special": True}

    def _describe(self, token: Mapping[str, Any]) -> None:
        known = self._tokens.get(token["content"], {"special": False})
        flags = {name: token.get(name, False) for name in _FLAGS}
        special = known["special"] or token.get("special", False)
        self._tokens[token["content"]] = {**known, **flags, "content": token["content"], "special": special}

    def are_needed(self) -> bool:
        """Whether the file is not what it says."""
        has_limits = self._head.get("truncation") or self._head.get("padding")
        return bool(has_limits) or json.dumps(self._tokens) != self._before or self._parts() != {}

    def apply(self, path: Path, raw: bytes) -> Tokenizer:
        """The tokenizer of the file with them."""
        file = json.loads(raw)
        file |= {"truncation": None, "padding": None, **self._parts()}
        if self._kind == "LlamaTokenizer":
            file["model"] |= {"fuse_unk": True, "byte_fallback": True, "unk_token": None}
        vocabulary = file["model"]["vocab"]
        following = len(vocabulary)
        for name, token in self._tokens.items():
            token["id"] = vocabulary.get(name, following)
            following += name not in vocabulary
        file["added_tokens"] = list(self._tokens.values())
        return Tokenizer._from_json(json.dumps(file).encode(), None, path)  # noqa: SLF001

    def _parts(self) -> dict[str, Any]:
        """The parts that a class has in place of the file's, if they are others."""
        if self._kind in {"LlamaTokenizer", "CodeLlamaTokenizer"}:
            parts = self._llama()
        elif self._kind in CLASSES and CLASSES[self._kind].has_prefix_space:
            parts = {"pre_tokenizer": self._with_prefix_space(self._head.get("pre_tokenizer"))}
        else:
            return {}
        return parts if any(self._head.get(name) != part for name, part in parts.items()) else {}

    def _llama(self) -> dict[str, Any]:
        has_prefix = self._config.get("add_prefix_space") is not False
        scheme = "always" if self._config.get("legacy") else "first"
        metaspace = {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": scheme if has_prefix else "never",
            "split": False,
        }
        decoders: list[dict[str, Any]] = [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ]
        if has_prefix:
            decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
        return {
            "normalizer": None,
            "pre_tokenizer": metaspace,
            "decoder": {"type": "Sequence", "decoders": decoders},
        }

    def _with_prefix_space(self, part: Any) -> Any:
        """A pretokenizer with its `ByteLevel` as the configuration wants it."""
        if not isinstance(part, Mapping):
            return part
        if part.get("type") == "ByteLevel":
            return {**part, "add_prefix_space": bool(self._config.get("add_prefix_space"))}
        if "pretokenizers" not in part:
            return part
        return {**part, "pretokenizers": [self._with_prefix_space(one) for one in part["pretokenizers"]]}


def _file(name: str, file: str, hub: Mapping[str, Any]) -> Path | None:
    """A file of a folder, or of a repository on the Hub, if there is such a one.

    Whether there is none, or the Hub does not tell, is not the same: then the error is its own.
    """
    if Path(name).is_dir():
        path = Path(name, hub.get("subfolder") or "", file)
        return path if path.exists() else None
    try:
        from huggingface_hub import errors, hf_hub_download  # noqa: PLC0415 (an optional library)
    except ModuleNotFoundError:
        return None
    try:
        return Path(hf_hub_download(name, file, **hub))
    except errors.LocalEntryNotFoundError as error:
        is_asked_to_stay_offline = isinstance(error.__cause__, errors.OfflineModeIsEnabled)
        if hub.get("local_files_only") or is_asked_to_stay_offline:
            return None
        raise
    except errors.GatedRepoError:
        raise
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError, errors.HFValidationError):
        return None


def _object(name: str, file: str, hub: Mapping[str, Any]) -> dict[str, Any]:
    """The object in a JSON file; empty if there is none."""
    path = _file(name, file, hub)
    if path is None:
        return {}
    try:
        written = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        message = f"{os.fspath(path)}: {error}"
        raise ValueError(message) from None
    if not isinstance(written, dict):
        message = f"{os.fspath(path)}: expected an object, not {type(written).__name__}"
        raise ValueError(message)  # noqa: TRY004 (a fault of the file)
    return written
