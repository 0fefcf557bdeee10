"""Files of every kind that Hugging Face's library writes: ids, offsets and texts are those of that library.

Each test builds a tokenizer with the library itself, trains it on real text, and compares what both make of that text
and of made-up ones.
"""

import itertools
import json
import pickle

import pytest
import tokenizers
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

import bytestride as bs
from fuzz_text import Texts

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABET = pre_tokenizers.ByteLevel.alphabet()
MADE_UP = 400


def texts_to_compare(documents):
    made_up = Texts("every kind").batch(MADE_UP)
    return [*documents[-12:], "", " ", "a", "  a  b ", "▁a ▁ b", "\n\n x", *made_up]


def trained(documents, model, trainer=None, **parts):
    """A tokenizer of the library's, trained on some of the documents."""
    peer = Tokenizer(model)
    for name, part in parts.items():
        setattr(peer, name, part)
    options = {"vocab_size": 900, "show_progress": False} | (trainer or {})
    peer.train_from_iterator(documents[-20:], trainers.BpeTrainer(**options))
    return peer


def load(peer, folder):
    path = folder / "tokenizer.json"
    peer.save(str(path))
    return bs.Tokenizer.load(path)


def up_to_whole_characters(peer, ids, count):
    """About `count` ids, not cut among tokens of single bytes.

    Where such a run is not UTF-8 as a whole, decoding makes each of its bytes a replacement character; a stream has
    handed out the characters before by then.
    """
    while count < len(ids) and peer.id_to_token(ids[count]).startswith("<0x"):
        count += 1
    return ids[:count]


def assert_equal(peer, ours, texts):
    """The same ids, offsets and decoded texts, also through a file of ours."""
    peer.encode_special_tokens = True
    for text in texts:
        expected = peer.encode(text, add_special_tokens=False)
        try:
            ids, spans = ours.encode_with_offsets(text)
        except ValueError as error:
            raise AssertionError(f"{error} in {text!r}") from error
        assert ids.tolist() == expected.ids, text
        assert ours.encode(text).tolist() == expected.ids, text
        assert ours.count(text) == len(expected.ids)
        assert [tuple(span) for span in spans.tolist()] == expected.offsets, text
        decoded = peer.decode(expected.ids, skip_special_tokens=False)
        assert ours.decode(ids) == decoded, text
        stream = ours.stream_decoder()
        some = up_to_whole_characters(peer, expected.ids, 500)
        assert "".join(map(stream.push, some)) + stream.finish() == ours.decode(some), text
    batch = ours.encode_batch(texts, threads=2)
    assert [ids.tolist() for ids in batch] == [ours.encode(text).tolist() for text in texts]


def check(peer, documents, folder, texts=None):
    ours = load(peer, folder)
    texts = texts_to_compare(documents) if texts is None else texts
    assert_equal(peer, ours, texts)
    # What we write, the library reads alike, and so do we.
    ours.save(folder / "again.json")
    again = bs.Tokenizer.load(folder / "again.json")
    assert again == ours
    copy = pickle.loads(pickle.dumps(ours))
    assert copy == ours
    assert copy.encode(texts[-1]).tolist() == ours.encode(texts[-1]).tolist()
    theirs = Tokenizer.from_file(str(folder / "again.json"))
    assert_equal(theirs, again, texts[:40])
    return ours


# -- normalizers ------------------------------------------------------------------------------------------------

NORMALIZERS = {
    "nfc": normalizers.NFC(),
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "lowercase": normalizers.Lowercase(),
    "strip": normalizers.Strip(left=True, right=True),
    "strip left": normalizers.Strip(left=True, right=False),
    "strip right": normalizers.Strip(left=False, right=True),
    "strip accents": normalizers.StripAccents(),
    "nmt": normalizers.Nmt(),
    "bert": normalizers.BertNormalizer(),
    "bert kept": normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=True, lowercase=False
    ),
    "replace": normalizers.Replace(" ", "▁"),
    "replace longer": normalizers.Replace("the", "<that one>"),
    "replace matches": normalizers.Replace(Regex(r"\s+"), " "),
    "replace nothing": normalizers.Replace(Regex(r"x*"), "-"),
    "prepend": normalizers.Prepend("▁"),
    "all": normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\d"), "0"),
            normalizers.Prepend("▁"),
            normalizers.Strip(),
        ]
    ),
}


# The library itself gives up on text that an empty match put there.
@pytest.mark.parametrize("name", [name for name in NORMALIZERS if name != "replace nothing"])
def test_normalizers_before_bytes(name, documents, tmp_path):
    peer = trained(
        documents,
        models.BPE(),
        {"initial_alphabet": ALPHABET},
        normalizer=NORMALIZERS[name],
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    )
    check(peer, documents, tmp_path)


@pytest.mark.parametrize("name", NORMALIZERS)
def test_normalizers_before_characters(name, documents, tmp_path):
    peer = trained(
        documents,
        models.BPE(unk_token="<unk>"),
        {"special_tokens": ["<unk>"]},
        normalizer=NORMALIZERS[name],
        pre_tokenizer=pre_tokenizers.WhitespaceSplit(),
    )
    check(peer, documents, tmp_path)


# -- pretokenizers ----------------------------------------------------------------------------------------------

BEHAVIORS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
PRE_TOKENIZERS = {
    "whitespace": pre_tokenizers.Whitespace(),
    "whitespace split": pre_tokenizers.WhitespaceSplit(),
    "bert": pre_tokenizers.BertPreTokenizer(),
    "delimiter": pre_tokenizers.CharDelimiterSplit("e"),
    "digits": pre_tokenizers.Digits(individual_digits=False),
    "digits alone": pre_tokenizers.Digits(individual_digits=True),
    "fixed length": pre_tokenizers.FixedLength(3),
    "empty matches": pre_tokenizers.Split(Regex(r"x*"), "isolated"),
    "look ahead": pre_tokenizers.Split(Regex(r"(?=[A-Z])"), "isolated"),
    "lines": pre_tokenizers.Split(Regex(r"^\s*|,$"), "isolated"),
    "words": pre_tokenizers.Split(Regex(r"\w+"), "isolated"),
    "no words": pre_tokenizers.Split(Regex(r"\W"), "merged_with_previous"),
    "byte level": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "byte level, prefix": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "byte level, no split": pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
    "falcon": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
        ]
    ),
    **{f"punctuation {how}": pre_tokenizers.Punctuation(how) for how in BEHAVIORS},
    **{f"split {how}": pre_tokenizers.Split(" ", how) for how in BEHAVIORS},
    **{
        f"split inverted {how}": pre_tokenizers.Split(Regex(r"\p{L}+"), how, invert=True) for how in BEHAVIORS
    },
    **{
        f"metaspace {scheme} {split}": pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
        for scheme, split in itertools.product(("always", "first", "never"), (True, False))
    },
    "metaspace behind punctuation": pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation(), pre_tokenizers.Metaspace(prepend_scheme="first")]
    ),
    "metaspace behind words": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Digits(),
        ]
    ),
}


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_pretokenizers_of_characters(name, documents, tmp_path):
    peer = trained(
        documents,
        models.BPE(unk_token="<unk>", fuse_unk="split" in name),
        {"special_tokens": ["<unk>"]},
        pre_tokenizer=PRE_TOKENIZERS[name],
        decoder=decoders.Metaspace(),
    )
    check(peer, documents, tmp_path)


@pytest.mark.parametrize(
    "name", [name for name in PRE_TOKENIZERS if "byte level" not in name and name != "falcon"]
)
def test_pretokenizers_before_bytes(name, documents, tmp_path):
    steps = [PRE_TOKENIZERS[name], pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    peer = trained(
        documents,
        models.BPE(),
        {"initial_alphabet": ALPHABET},
        pre_tokenizer=pre_tokenizers.Sequence(steps),
        decoder=decoders.ByteLevel(),
    )
    check(peer, documents, tmp_path)


# -- models -----------------------------------------------------------------------------------------------------


def llama(documents, **model):
    """As Llama 2 is converted: the whole text is one piece, and bytes stand for unknown characters."""
    return trained(
        documents,
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True, **model),
        {"special_tokens": ["<unk>", "<s>", "</s>", *BYTES], "vocab_size": 1300, "max_token_length": 12},
        normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        decoder=decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        ),
    )


def without_special_bytes(peer):
    """Byte tokens are no added tokens in published files, and training can make them only so."""
    file = json.loads(peer.to_str())
    file["added_tokens"] = [token for token in file["added_tokens"] if token["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(file))


def test_bytes_stand_for_unknown_characters(documents, tmp_path):
    peer = without_special_bytes(llama([document[:3000] for document in documents]))
    ours = check(peer, documents, tmp_path)
    assert ours.decode(ours.encode("naïve 漢字 \U0001f600")) == "naïve 漢字 \U0001f600"
    assert ours.encode(b"a\xffb").tolist() == [
        *ours.encode("a").tolist(),
        ours.id_of("<0xFF>"),
        *ours.encode("b").tolist(),
    ]


def test_long_texts_of_one_piece(documents, tmp_path):
    peer = without_special_bytes(llama([document[:3000] for document in documents]))
    ours = load(peer, tmp_path)
    text = "".join(documents)[:300_000]
    assert ours.encode(text).tolist() == peer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("fuse", [True, False])
def test_unknown_characters_are_one_token_or_one_each(fuse, documents, tmp_path):
    peer = trained(
        documents,
        models.BPE(unk_token="?", fuse_unk=fuse),
        {"special_tokens": [], "initial_alphabet": ["?"], "limit_alphabet": 40},
        pre_tokenizer=pre_tokenizers.Whitespace(),
        decoder=decoders.BPEDecoder(),
    )
    texts = [text for text in texts_to_compare(documents) if text.strip()]
    check(peer, documents, tmp_path, texts)


def test_a_character_without_a_token_is_an_error_that_names_it(documents, tmp_path):
    peer = trained(documents, models.BPE(), {"limit_alphabet": 40}, pre_tokenizer=pre_tokenizers.Whitespace())
    ours = load(peer, tmp_path)
    with pytest.raises(
        ValueError, match=r"text: holds '漢' \(U\+6F22\), for which this tokenizer has no token"
    ):
        ours.encode("a 漢")
    with pytest.raises(ValueError, match=r"text: holds the byte 0xFF"):
        ours.encode(b"a\xff")


def test_whole_words_win_over_merges(documents, tmp_path):
    for model, options, steps in [
        (models.BPE(ignore_merges=True), {"initial_alphabet": ALPHABET}, pre_tokenizers.ByteLevel()),
        (
            models.BPE(ignore_merges=True, unk_token="<unk>"),
            {"special_tokens": ["<unk>"]},
            pre_tokenizers.Metaspace(),
        ),
    ]:
        peer = trained(documents, model, options, pre_tokenizer=steps, decoder=decoders.Metaspace())
        file = json.loads(peer.to_str())
        # Words that no merge makes.
        for number, word in enumerate(("Ġthe", "Ġfor", "▁the", "▁for", "▁漢字")):
            file["model"]["vocab"].setdefault(word, 5000 + number)
        file["model"]["merges"] = file["model"]["merges"][:-300]
        check(Tokenizer.from_str(json.dumps(file)), documents, tmp_path)


# -- added tokens -----------------------------------------------------------------------------------------------

FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@pytest.mark.parametrize("normalizer", [None, normalizers.Lowercase(), normalizers.Replace("a", "bb")])
@pytest.mark.parametrize("flags", list(itertools.product((False, True), repeat=len(FLAGS))))
def test_added_tokens_stand_in_a_text_as_they_say(flags, normalizer, documents, tmp_path):
    flags = dict(zip(FLAGS, flags, strict=True))
    parts = {"normalizer": normalizer} if normalizer else {}
    peer = trained(
        documents[:2],
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 300},
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
        **parts,
    )
    peer.add_tokens([AddedToken("Mask", **flags), AddedToken("ask", special=True, normalized=False)])
    peer.add_tokens([AddedToken("  ", normalized=False), AddedToken("<Mask>", normalized=True)])
    texts = [
        "Mask",
        "a Mask b",
        "aMask b",
        "a  Mask  Mask\n mask b",
        "<Mask> Mask<Mask>task",
        "a\u3000Mask\u3000b",
        "Masks mask MASK",
        "  \n Mask",
        "x  y   z",
    ]
    check(peer, documents, tmp_path, texts)
    ours = load(peer, tmp_path)
    peer.encode_special_tokens = False
    for text in texts:
        expected = peer.encode(text, add_special_tokens=False)
        ids, spans = ours.encode_with_offsets(text, special="encode")
        assert ids.tolist() == expected.ids, text
        assert [tuple(span) for span in spans.tolist()] == expected.offsets, text
        assert ours.encode(text, special="encode").tolist() == expected.ids


def test_who_wants_no_added_token_at_all_says_so(documents, tmp_path):
    peer = trained(
        documents[:2],
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 256},
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
    )
    peer.add_tokens([AddedToken("<user>", normalized=False)])
    ours = load(peer, tmp_path)
    assert ours.encode("a<user>").tolist() == [ours.id_of("a"), 256]
    assert len(ours.encode("a<user>", special=set())) == 7


@pytest.mark.parametrize("processor", ["template", "roberta", "bert"])
def test_processors_put_tokens_around_a_text(processor, documents, tmp_path):
    peer = trained(
        documents[:2],
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 300, "special_tokens": ["<s>", "</s>"]},
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
    )
    peer.post_processor = {
        "template": processors.Sequence(
            [
                processors.ByteLevel(),
                processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]),
            ]
        ),
        "roberta": processors.RobertaProcessing(("</s>", 1), ("<s>", 0)),
        "bert": processors.BertProcessing(("</s>", 1), ("<s>", 0)),
    }[processor]
    ours = load(peer, tmp_path)
    assert ours.encode("some text", bos=True, eos=True).tolist() == peer.encode("some text").ids
    ours.save(tmp_path / "again.json")
    again = tokenizers.Tokenizer.from_file(str(tmp_path / "again.json"))
    assert again.encode("some text").ids == peer.encode("some text").ids
