"""A tokenizer by its name, and what files of a folder or repository say of it, as transformers 5 reads them.

Beside a `tokenizer.json` stand `tokenizer_config.json`, `config.json`, templates of chats, and in older
repositories `special_tokens_map.json` and `added_tokens.json`. They name the tokens that have a use and
the side of padding; what they leave open, a class of transformers may say, which they name, too
(`classes`). Such a class also puts parts of its own in place of the file's. That is done here for
Llama's, where it makes other ids, and for the space before a text.

(transformers 5.24, `tokenization_utils_tokenizers.py`, `tokenization_utils_base.py`.)
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from bytestride import Tokenizer, bundled
from bytestride.compat.classes import CLASSES, Class, class_of

__all__ = ["NAMED_TOKENS", "SETTINGS", "Pretrained", "find_pretrained", "write_chat_template"]

# A file, and a folder of others that have names.
_CHAT_TEMPLATE = "chat_template.jinja"
_CHAT_TEMPLATES = "additional_chat_templates"

# In the order in which transformers adds them.
NAMED_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# What a tokenizer states of itself.
SETTINGS = (
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
    *SETTINGS,
    "add_prefix_space",
    "additional_special_tokens",
    "clean_up_tokenization_spaces",
    "legacy",
    "max_len",
    "model_specific_special_tokens",
}
# Arguments that say where a file of the Hub comes from.
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
_SIDES = {"padding_side": "padding", "truncation_side": "truncation"}
_KEPT = ("model_max_length", "chat_template", "split_special_tokens", "clean_up_tokenization_spaces")
# What there is of a file but its model, which may stand behind it.
_PARTS = {"added_tokens", "normalizer", "pre_tokenizer", "truncation", "padding"}
# Classes that do not take the padding token of a file.
_WITHOUT_PAD = ("GPT2Tokenizer", "CodeGenTokenizer")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


@dataclass(frozen=True)
class Pretrained:
    """A tokenizer, and what the files say about how it is used."""

    file: Path
    tokenizer: Tokenizer
    settings: dict[str, Any]


def find_pretrained(name: str, options: Mapping[str, Any]) -> Pretrained:
    """The tokenizer of a folder, of a bundled name, or of a repository on the Hub.

    Args:
        name: The folder or name.
        options: What `from_pretrained` takes besides.

    Raises:
        FileNotFoundError: There is no such tokenizer.
        OSError: The Hub cannot be reached, or refuses.
        TypeError: An option is none.
        ValueError: A file is malformed or not supported.
    """
    hub = {option: options[option] for option in _HUB_OPTIONS if option in options}
    changes = {option: options[option] for option in options if option not in {*hub, *_WITHOUT_MEANING}}
    strange = next((one for one in changes if one not in _CHANGES and not one.endswith("_token")), None)
    if strange is not None:
        message = f"from_pretrained() got an unexpected keyword argument {strange!r}"
        raise TypeError(message)
    if name in bundled():
        return _changed_bundled(name, changes)
    if Path(name).is_file():
        message = f"{name}: is a file; expected a folder with a tokenizer.json, or a name"
        raise ValueError(message)
    found = _read(name, hub, changes)
    if found is None:
        message = (
            f"{name}: no folder with a tokenizer.json, no bundled name ({', '.join(bundled())}), and "
            "nothing that huggingface_hub has, which must be installed for names of the Hub"
        )
        raise FileNotFoundError(message)
    return found


def _changed_bundled(name: str, changes: Mapping[str, Any]) -> Pretrained:
    """A bundled tokenizer; where what is to be changed is part of a file, that of a file which says so."""
    tokenizer, settings = Tokenizer.load(name), _of_bundled(name)
    tokens = (token for use, token in changes.items() if _is_use(use, token) and token is not None)
    is_plain = {*changes} <= {*SETTINGS} - {"extra_special_tokens"}
    if is_plain and all(_content(token) in tokenizer.special_tokens for token in tokens):
        return Pretrained(Path(name), tokenizer, {**settings, **changes})
    kind = {"tokenizer_class": "GPT2Tokenizer"} if name == "gpt2" else {}
    with TemporaryDirectory() as folder:
        tokenizer.save(Path(folder, "tokenizer.json"))
        Path(folder, "tokenizer_config.json").write_text(json.dumps(settings | kind), "utf-8")
        found = _read(folder, {}, changes)
    if found is None:
        message = f"{name}: what was written is gone"
        raise FileNotFoundError(message)
    return found


def _of_bundled(name: str) -> dict[str, Any]:
    """The settings of a tokenizer that comes with the package; of GPT-2's those of its repository."""
    end = "<|endoftext|>"
    settings: dict[str, Any] = {"bos_token": end, "eos_token": end}
    return {**settings, "unk_token": end, "model_max_length": 1024} if name == "gpt2" else settings


def _read(name: str, hub: Mapping[str, Any], changes: Mapping[str, Any]) -> Pretrained | None:
    """What is called `name`, a folder or a repository on the Hub; `None` if there is no `tokenizer.json`.

    Args:
        name: The folder or repository.
        hub: Where in the Hub to look.
        changes: What goes before the configuration, by the names that it has there.
    """
    file = _file(name, "tokenizer.json", hub)
    if file is None:
        return None
    config = _object(name, "tokenizer_config.json", hub)
    model = _object(name, "config.json", hub)
    raw = file.read_bytes()
    head = _head(raw)
    asked = {**config, **changes}
    kind = class_of(asked, model, has_bytes=b'"ByteLevel"' in raw)
    older: dict[str, Any] = {}
    added: dict[str, Any] = {}
    if "added_tokens_decoder" not in config:
        older = _object(name, "special_tokens_map.json", hub)
        added = _object(name, "added_tokens.json", hub)
    try:
        tokens = _Tokens.read(asked, older)
        tokens.uses |= {use: token for use, token in _uses(older).items() if not changes.get(use)}
        described = _described(config.get("added_tokens_decoder"), added, tokens, head)
        tokens.add_older(older)
    except ValueError as error:
        message = f"{name}: {error}"
        raise ValueError(message) from None
    settings = _settings(asked, kind, head, tokens)
    if "chat_template" not in changes:
        settings |= _chat_template(name, hub)
    edits = _Edits(head, asked, kind)
    for token in described:
        edits.describe(token)
    # A configuration that describes tokens says all that there is to say of those in the file.
    marked = {token["content"] for token in described} if "added_tokens_decoder" in config else None
    edits.name(settings, tokens.flags, marked)
    # Without a head there is no good file, which is then said.
    tokenizer = edits.apply(file, raw) if head and edits.are_needed() else Tokenizer.load(file)
    return Pretrained(file, tokenizer, settings)


@dataclass
class _Tokens:
    """The special tokens that files list: some by their use, and others; and how they stand in a text."""

    uses: dict[str, str | None]
    extra: list[str]
    flags: dict[str, Mapping[str, Any]]

    @classmethod
    def read(cls, config: Mapping[str, Any], older: Mapping[str, Any]) -> Self:
        """From what the configuration says, and besides it the `special_tokens_map.json`."""
        made = cls({}, [], {})
        for file in (config, older):
            written: dict[str, Any] = {use: token for use, token in file.items() if _is_use(use, token)}
            for listed in (file.get("extra_special_tokens"), file.get("model_specific_special_tokens")):
                written |= {use: token for use, token in made._listed(listed).items() if use not in written}
            # An older name for the same, which counts where the configuration does not use the new one.
            if file is config and not made.extra:
                made._listed(file.get("additional_special_tokens"))
            for use, token in written.items():
                if use not in made.uses:
                    made.uses[use] = None if token in (None, "") else made._name(token)
        return made

    def add_older(self, older: Mapping[str, Any]) -> None:
        """The tokens of a `special_tokens_map.json` by the older name, which count if there are no others."""
        if not self.extra:
            self._listed(older.get("additional_special_tokens"))

    def special(self) -> set[str]:
        """The names of all so far."""
        return {*filter(None, self.uses.values()), *self.extra}

    def _listed(self, listed: Any) -> Mapping[str, Any]:
        """Takes a list, or gives the object that may stand there instead."""
        if isinstance(listed, Mapping):
            return listed
        if not isinstance(listed, list | tuple | None):
            message = f"extra_special_tokens: expected a list or an object, not {listed!r}"
            raise ValueError(message)  # noqa: TRY004 (a fault of a file)
        self.extra = list(dict.fromkeys([*self.extra, *map(self._name, listed or ())]))
        return {}

    def _name(self, token: Any) -> str:
        if isinstance(token, Mapping) and isinstance(token.get("content"), str):
            self.flags.setdefault(token["content"], token)
        return _content(token)


def _is_use(name: str, value: Any) -> bool:
    """Whether a setting is a token's use, as `image_token` is and `add_bos_token` is not."""
    return name in NAMED_TOKENS or (name.endswith("_token") and isinstance(value, str | Mapping))


def _uses(written: Mapping[str, Any]) -> dict[str, str | None]:
    """The named tokens that a file has; or says that there are none."""
    return {use: _content(written[use]) if written[use] else None for use in NAMED_TOKENS if use in written}


def _described(
    decoder: Any, added: Mapping[str, Any], tokens: _Tokens, head: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The tokens that files describe, by id: those of the configuration, or else of `added_tokens.json`."""
    if decoder is not None:
        entries = decoder.items() if isinstance(decoder, Mapping) else [("", None)]
        is_good = all(isinstance(key, str) and key.isdigit() for key, _ in entries)
        if not is_good or not _are_tokens([token for _, token in entries]):
            message = "added_tokens_decoder: expected tokens with their content, by id"
            raise ValueError(message)
        return [token for _, token in sorted(entries, key=lambda entry: int(entry[0]))]
    if not all(isinstance(number, int) for number in added.values()):
        message = "added_tokens.json: expected ids by token"
        raise ValueError(message)
    in_file = {token["content"] for token in head.get("added_tokens") or ()}
    special = tokens.special()
    return [
        {"content": token, "normalized": token not in special, "special": token in special}
        for token in sorted(added, key=added.__getitem__)
        if token not in in_file
    ]


def _settings(
    config: Mapping[str, Any], kind: str, head: Mapping[str, Any], tokens: _Tokens
) -> dict[str, Any]:
    """The arguments that the configuration gives, or else the `tokenizer.json`, or else the class."""
    known = CLASSES.get(kind, Class())
    settings: dict[str, Any] = {name: config[name] for name in _KEPT if config.get(name) is not None}
    if "model_max_length" not in config and config.get("max_len") is not None:
        settings["model_max_length"] = config["max_len"]
    settings |= known.tokens
    if "pad_token" not in known.tokens and kind not in _WITHOUT_PAD:
        settings["pad_token"] = (head.get("padding") or {}).get("pad_token")
    settings |= {use: token for use, token in tokens.uses.items() if use in NAMED_TOKENS}
    for side, part in _SIDES.items():
        direction = (head.get(part) or {}).get("direction")
        otherwise = known.padding_side if part == "padding" else "right"
        settings[side] = config.get(side) or (str(direction).lower() if direction else otherwise)
    others = {use: token for use, token in tokens.uses.items() if use not in NAMED_TOKENS and token}
    return {**settings, "model_specific_special_tokens": others, "extra_special_tokens": tokens.extra}


def _chat_template(name: str, hub: Mapping[str, Any]) -> dict[str, Any]:
    """The setting by files of their own, which go before a configuration: one text, or several by name.

    Those of other names are looked for in folders only.
    """
    file = _file(name, _CHAT_TEMPLATE, hub)
    others = sorted(Path(name, hub.get("subfolder") or "", _CHAT_TEMPLATES).glob("*.jinja"))
    templates = {"default": file} if file else {}
    templates |= {other.stem: other for other in others}
    texts = {called: path.read_text("utf-8") for called, path in templates.items()}
    if not texts:
        return {}
    return {"chat_template": texts["default"] if [*texts] == ["default"] else texts}


def write_chat_template(folder: Path, template: str | Mapping[str, str]) -> None:
    """Writes one text, or several by name, to the files that `find_pretrained` finds them in."""
    templates = {"default": template} if isinstance(template, str) else template
    strange = next((called for called in templates if not called or Path(called).name != called), None)
    if strange is not None:
        message = f"chat_template: {strange!r} cannot be the name of a file"
        raise ValueError(message)
    for called, text in templates.items():
        is_main = called == "default"
        path = Path(folder, _CHAT_TEMPLATE if is_main else f"{_CHAT_TEMPLATES}/{called}.jinja")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def _content(token: Any) -> str:
    """A token's name, which may be written as an object that has it as its content."""
    name = token.get("content") if isinstance(token, Mapping) else token
    if not isinstance(name, str):
        message = f"expected a token's name, not {token!r}"
        raise ValueError(message)  # noqa: TRY004 (a fault of a file)
    return name


def _head(raw: bytes) -> dict[str, Any]:
    """The parts of a `tokenizer.json` but for its model, which is nearly all of it and mostly stands last."""
    before = re.match(rb'\s*\{.*?(?="model"\s*:)', raw, re.DOTALL)
    try:
        head: dict[str, Any] = json.loads(before[0] + b'"model": null}') if before else {}
    except ValueError:
        head = {}
    if not head.keys() >= _PARTS:
        try:
            head = {**json.loads(raw), "model": None}
        except (ValueError, TypeError):
            head = {}
    limits = (head.get(part) for part in _SIDES.values())
    is_good = all(part is None or isinstance(part, Mapping) for part in limits)
    # What is wrong is reported when the tokenizer itself is read.
    return head if is_good and _are_tokens(head.get("added_tokens", [])) else {}


def _flags(token: Mapping[str, Any]) -> dict[str, bool]:
    return {flag: bool(token.get(flag, False)) for flag in _FLAGS}


def _are_tokens(tokens: Any) -> bool:
    return isinstance(tokens, list) and all(
        isinstance(token, Mapping) and isinstance(token.get("content"), str) for token in tokens
    )


class _Edits:
    """Edits to a `tokenizer.json`: what other files say of tokens, and what a class changes."""

    def __init__(self, head: Mapping[str, Any], config: Mapping[str, Any], kind: str) -> None:
        self._head = head
        self._config = config
        self._kind = kind
        self._tokens = {token["content"]: dict(token) for token in head.get("added_tokens") or ()}
        self._before = json.dumps(self._tokens)

    def describe(self, token: Mapping[str, Any]) -> None:
        """Have a token stand as is described, also if the file has it; one that is special stays so."""
        name = token["content"]
        known = self._tokens.get(name, {"special": False})
        special = bool(known.get("special") or token.get("special"))
        self._tokens[name] = {**known, **_flags(token), "content": name, "special": special}

    def name(
        self, settings: Mapping[str, Any], flags: Mapping[str, Mapping[str, Any]], marked: set[str] | None
    ) -> None:
        """Have the special tokens that settings name.

        One that there is gets the mark if it has a use and is among `marked` (`None` for all), or where a
        class makes all anew.
        """
        named = [settings[use] for use in NAMED_TOKENS if settings.get(use)]
        in_use = [*named, *settings["model_specific_special_tokens"].values()]
        for name in dict.fromkeys([*in_use, *settings["extra_special_tokens"]]):
            if name not in self._tokens:
                self._tokens[name] = {**_flags(flags.get(name, {})), "content": name, "special": True}
            elif self._kind in CLASSES or (name in in_use and (marked is None or name in marked)):
                self._tokens[name]["special"] = True

    def are_needed(self) -> bool:
        """Whether the edits change anything in the file."""
        has_limits = self._head.get("truncation") or self._head.get("padding")
        return bool(has_limits) or json.dumps(self._tokens) != self._before or self._parts() != {}

    def apply(self, path: Path, raw: bytes) -> Tokenizer:
        """The tokenizer of the file with these edits."""
        file = json.loads(raw)
        file |= {"truncation": None, "padding": None, **self._parts()}
        if self._kind == "LlamaTokenizer":
            file["model"] |= {"fuse_unk": True, "byte_fallback": True, "unk_token": None}
        vocabulary = file["model"]["vocab"]
        highest = -1
        for name, token in self._tokens.items():
            # As tokenizers counts: those that the vocabulary lacks follow it, and those before them.
            token["id"] = vocabulary.get(name, max(highest + 1, len(vocabulary)))
            highest = max(highest, token["id"])
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
