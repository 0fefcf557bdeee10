"""Tokenizers of Hugging Face's library that cross all parts a tokenizer.json may have.

Each is like one that is published, with other parts beside: normalizers, pretokenizers, settings of the model,
post-processors and decoders. Each has four pairs of added tokens that occur in real text, with the next four of the
32 combinations of flags; so all combinations are there.
"""

import itertools

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from hugging_face import ALPHABET, BYTES, FLAGS, without_special_bytes
from published import PATTERNS

ENDS = ["<unk>", "<s>", "</s>"]
COMBINATIONS = list(itertools.product((False, True), repeat=len(FLAGS)))
# That text becomes by merging, too, and that it does not.
ADDED = [["the", "of the"], ["return", "if ("], ["。", "。」"], ["://", "= "]]
# The longest text to learn from: without a pretokenizer each is one word.
LONGEST = 3000


def _bytes(*, use_regex=True, prefix=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex)


def _template(single):
    return processors.TemplateProcessing(
        single=single, special_tokens=[(token, id) for id, token in enumerate(ENDS)]
    )


def _llama_2():
    """The whole text is one piece, and bytes stand for unknown characters."""
    return {
        "model": {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True},
        "trainer": {"max_token_length": 12},
        "normalizer": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        "post_processor": _template("<s> $A"),
        "decoder": decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        ),
    }


def _gemma():
    """As Llama 2, but cut before spaces, and whole words win over merges."""
    return {
        "model": {
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": True,
        },
        "normalizer": normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", "▁")]),
        "pre_tokenizer": pre_tokenizers.Split("▁", "merged_with_next"),
        "post_processor": _template("<s> <s> $A </s>"),
        "decoder": decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
    }


def _metaspace():
    return {
        "model": {"unk_token": "<unk>", "byte_fallback": True},
        "normalizer": normalizers.Sequence(
            [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(r" {2,}"), " ")]
        ),
        "pre_tokenizer": pre_tokenizers.Sequence(
            [
                pre_tokenizers.Metaspace(prepend_scheme="first"),
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.Punctuation("isolated"),
            ]
        ),
        "post_processor": processors.Sequence([_template("$A </s>")]),
        "decoder": decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]),
    }


def _llama_3():
    """Whole words win over merges, and the template comes after the offsets."""
    return {
        "model": {"ignore_merges": True},
        "normalizer": normalizers.NFC(),
        "pre_tokenizer": pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(PATTERNS["llama3"]), "isolated"), _bytes(use_regex=False)]
        ),
        "post_processor": processors.Sequence(
            [processors.ByteLevel(trim_offsets=False), _template("<s> $A")]
        ),
        "decoder": decoders.ByteLevel(),
    }


def _falcon():
    return {
        "model": {},
        "pre_tokenizer": pre_tokenizers.Sequence(
            [
                pre_tokenizers.Punctuation("contiguous"),
                _bytes(),
                pre_tokenizers.Digits(individual_digits=False),
                pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
            ]
        ),
        "post_processor": processors.ByteLevel(trim_offsets=True),
        "decoder": decoders.ByteLevel(),
    }


def _gpt_1():
    """Words that say where they end, of characters; what has no token is one unknown token each."""
    return {
        "model": {"unk_token": "<unk>", "end_of_word_suffix": "</w>"},
        "normalizer": normalizers.BertNormalizer(lowercase=True),
        "pre_tokenizer": pre_tokenizers.BertPreTokenizer(),
        "post_processor": processors.BertProcessing(("</s>", 2), ("<s>", 1)),
        "decoder": decoders.BPEDecoder("</w>"),
    }


def _clip():
    """Words that say where they end, of bytes; what is no word is left out."""
    return {
        "model": {"unk_token": "<unk>", "end_of_word_suffix": "</w>"},
        "normalizer": normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
        ),
        "pre_tokenizer": pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(
                    Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"),
                    "removed",
                    invert=True,
                ),
                _bytes(),
            ]
        ),
        "post_processor": processors.RobertaProcessing(
            ("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=False
        ),
        "decoder": decoders.ByteLevel(),
    }


def _scripts():
    """Words whose later tokens say so, cut where the script changes; unknown characters in a row are one token."""
    return {
        "model": {"unk_token": "<unk>", "fuse_unk": True, "continuing_subword_prefix": "##"},
        "trainer": {"limit_alphabet": 2000},
        "normalizer": normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]
        ),
        "pre_tokenizer": pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.UnicodeScripts()]
        ),
        "post_processor": _template("<s> $A </s>"),
        "decoder": decoders.WordPiece("##", cleanup=False),
    }


def _roberta():
    """A space before the first word, bytes, and offsets without white space."""
    return {
        "model": {},
        "normalizer": normalizers.Replace("\t", "    "),
        "pre_tokenizer": pre_tokenizers.Sequence(
            [pre_tokenizers.Split("\n", "merged_with_previous"), _bytes(prefix=True)]
        ),
        "post_processor": processors.RobertaProcessing(
            ("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=True
        ),
        "decoder": decoders.ByteLevel(),
    }


VARIANTS = {
    maker.__name__.strip("_"): maker
    for maker in (_llama_2, _gemma, _metaspace, _llama_3, _falcon, _gpt_1, _clip, _scripts, _roberta)
}


def trained(name, texts, vocab_size):
    """The variant `name`, learned from texts."""
    parts = VARIANTS[name]()
    settings = parts.pop("model")
    affixes = {key: settings[key] for key in settings if key.endswith(("prefix", "suffix"))}
    of_bytes = "ByteLevel" in repr(parts["decoder"])
    options = {"vocab_size": vocab_size, "show_progress": False, **affixes, **parts.pop("trainer", {})}
    options["special_tokens"] = [*ENDS, *(BYTES if settings.get("byte_fallback") else [])]
    if of_bytes:
        options["initial_alphabet"] = ALPHABET
    peer = Tokenizer(models.BPE(**settings))
    for part, value in parts.items():
        setattr(peer, part, value)
    pieces = (text[at : at + LONGEST] for text in texts for at in range(0, len(text), LONGEST))
    peer.train_from_iterator(pieces, trainers.BpeTrainer(**options))
    return with_added_tokens(without_special_bytes(peer), name)


def with_added_tokens(peer, name):
    first = list(VARIANTS).index(name) * len(ADDED)
    for number, tokens in enumerate(ADDED, first):
        flags = dict(zip(FLAGS, COMBINATIONS[number % len(COMBINATIONS)], strict=True))
        peer.add_tokens([AddedToken(token, **flags) for token in tokens])
    return peer
