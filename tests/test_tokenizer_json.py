"""Files of every kind that Hugging Face's library writes: ids, offsets and texts are those of that library.

Each test builds a tokenizer with the library itself, trains it on real text, and compares what both make of that text
and of made-up ones.
"""

import itertools
import json
import pickle
import re

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
)

import bytestride as bs
from hugging_face import (
    ALPHABET,
    BYTES,
    FLAGS,
    assert_equal,
    check,
    load,
    texts_to_compare,
    trained,
    without_special_bytes,
)

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
    "replace in nothing": normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex(r"x*"), "y")]),
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
@pytest.mark.parametrize("name", [name for name in NORMALIZERS if "nothing" not in name])
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
    "thousands": pre_tokenizers.Split(Regex(r"(?=(\d{3})+(?!\d))"), "isolated"),
    "thousands, then words": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"(?=(\d{3})+(?!\d))"), "isolated"),
            pre_tokenizers.Split(Regex(r"\w+|(?=:)"), "isolated"),
        ]
    ),
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


@pytest.mark.parametrize("unknown", [None, "<unk>"])
@pytest.mark.parametrize(
    "parts",
    [
        {"pre_tokenizer": ["bytes", pre_tokenizers.Metaspace()]},
        {"pre_tokenizer": ["bytes", pre_tokenizers.Metaspace("é"), pre_tokenizers.Digits()]},
        {"normalizer": ["bytes"], "pre_tokenizer": [pre_tokenizers.Metaspace(), pre_tokenizers.Digits()]},
        {"normalizer": ["bytes", normalizers.NFKD()]},
        {"normalizer": ["bytes", normalizers.Prepend("▁"), normalizers.Replace("Ġ", " ")]},
        {"normalizer": ["bytes", normalizers.Strip()]},
        {"pre_tokenizer": ["bytes", pre_tokenizers.Punctuation(), pre_tokenizers.CharDelimiterSplit("e")]},
    ],
)
def test_other_steps_behind_bytes(parts, unknown, documents, tmp_path):
    """What they write may stand for no byte, and is then unknown or left out."""
    byte_levels = {
        "normalizer": normalizers.ByteLevel(),
        "pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    }
    sequences = {"normalizer": normalizers.Sequence, "pre_tokenizer": pre_tokenizers.Sequence}
    parts = {
        part: sequences[part]([byte_levels[part] if step == "bytes" else step for step in steps])
        for part, steps in parts.items()
    }
    trainer = {"initial_alphabet": ALPHABET, "vocab_size": 600}
    # Of texts as they are, so that most of what the steps write is unknown.
    peer = trained(
        documents,
        models.BPE(unk_token=unknown),
        trainer | {"special_tokens": ["<unk>"] * bool(unknown)},
        pre_tokenizer=pre_tokenizers.ByteLevel(),
        decoder=decoders.ByteLevel(),
    )
    peer.pre_tokenizer = parts.get("pre_tokenizer", pre_tokenizers.Sequence([]))
    if "normalizer" in parts:
        peer.normalizer = parts["normalizer"]
    check(peer, documents, tmp_path)


@pytest.mark.parametrize("expression", [r"\w", r"\W", r"[\w]", r"[^\w]", r"(?i:\w)", r"\d", r"\s"])
def test_classes_are_those_of_the_library(expression, tmp_path):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    removed = pre_tokenizers.Split(Regex(expression), "removed")
    peer = Tokenizer(models.BPE({letter: id for id, letter in enumerate(sorted(ALPHABET))}, []))
    peer.pre_tokenizer = pre_tokenizers.Sequence([removed, byte_level])
    ours = load(peer, tmp_path)
    characters = [*map(chr, range(0x3400)), *map(chr, range(0xF900, 0x11800))]
    assert [len(ids.ids) for ids in peer.encode_batch(characters)] == list(map(ours.count, characters))


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


def few_tokens_of_bytes(documents, **parts):
    return trained(
        documents[:2],
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 300},
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
        **parts,
    )


@pytest.mark.parametrize("normalizer", [None, normalizers.Lowercase(), normalizers.Replace("a", "bb")])
@pytest.mark.parametrize("flags", list(itertools.product((False, True), repeat=len(FLAGS))))
def test_added_tokens_stand_in_a_text_as_they_say(flags, normalizer, documents, tmp_path):
    flags = dict(zip(FLAGS, flags, strict=True))
    parts = {"normalizer": normalizer} if normalizer else {}
    peer = few_tokens_of_bytes(documents, **parts)
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


@pytest.mark.parametrize("content", ["\n\n", " ", "\u3000\n"])
@pytest.mark.parametrize(("lstrip", "rstrip"), list(itertools.product((False, True), repeat=2)))
def test_added_tokens_of_white_space_take_more_of_it(content, lstrip, rstrip, documents, tmp_path):
    peer = few_tokens_of_bytes(documents)
    peer.add_tokens([AddedToken(content, lstrip=lstrip, rstrip=rstrip, normalized=False)])
    texts = [
        f"{before}{content * count}{behind}"
        for before in ("", "a", "\n ")
        for count in range(6)
        for behind in ("", "b", " \n")
    ]
    check(peer, documents, tmp_path, texts)


@pytest.mark.parametrize("normalizer", [None, normalizers.Lowercase()])
@pytest.mark.parametrize("normalized", [False, True])
def test_single_words_are_so_in_the_whole_text(normalized, normalizer, documents, tmp_path):
    """Where another token stands beside one, it still does when the text between tokens is looked at."""
    peer = few_tokens_of_bytes(documents, **({"normalizer": normalizer} if normalizer else {}))
    for name in ("a", "  ", "the"):
        peer.add_tokens([AddedToken(name, single_word=True, rstrip=name == "a", normalized=normalized)])
    texts = ["  a", "    a,", "x    a", " " * 44 + "a", "the  a", "a  the athe a", "  b", "b  a"]
    check(peer, documents, tmp_path, texts)


def test_an_added_token_that_the_normalizer_makes_nothing_of_is_refused(documents, tmp_path):
    peer = trained(documents[:2], models.BPE(), normalizer=normalizers.Strip())
    peer.add_tokens([AddedToken("a "), AddedToken("\n\n", normalized=True)])
    with pytest.raises(ValueError, match=r'tokenizer\.json: .*"\\n\\n" is nothing once it is normalized'):
        load(peer, tmp_path)


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


def test_the_mark_of_an_added_token_is_part_of_the_tokenizer(documents, tmp_path):
    made = [
        bs.Tokenizer.load(
            saved_with(documents, tmp_path / f"{special}.json", AddedToken("ab the", special=special))
        )
        for special in (False, True)
    ]
    assert made[0].encode("ab the").tolist() != made[1].encode("ab the").tolist()
    assert made[0].fingerprint != made[1].fingerprint
    assert made[0] != made[1]


def saved_with(documents, path, *added):
    """A file of the library's with these tokens."""
    peer = trained(documents, models.BPE())
    peer.add_tokens(list(added))
    peer.save(str(path))
    return path


@pytest.mark.parametrize("normalizer", [None, normalizers.Lowercase()])
@pytest.mark.parametrize("special", [False, True])
def test_names_of_characters_that_stand_for_bytes(special, normalizer, documents, tmp_path):
    """The library decodes them to these bytes."""
    peer = few_tokens_of_bytes(documents, **({"normalizer": normalizer} if normalizer else {}))
    names = ["größe", "<début>", "Ġx", "¤¦", "naïve café", "<｜größe｜>"]
    peer.add_tokens([AddedToken(name, special=special, normalized=False) for name in names])
    texts = [*names, "die größe <début>größe", "aĠx¤¦ naïve café<｜größe｜>é"]
    ours = check(peer, documents, tmp_path, texts)
    ids = ours.encode("<début>größe", special="encode").tolist()
    assert ids == [peer.token_to_id("<début>"), peer.token_to_id("größe")]
    assert ours.decode(ids) == peer.decode(ids, skip_special_tokens=False) != "<début>größe"


def test_a_name_that_others_would_decode_to_bytes_is_refused(tmp_path):
    for name in ("<début>", "Ġx"):
        with pytest.raises(ValueError, match=f"{name}.*others decode it to these bytes"):
            bs.train(iter(["text"]), 300, special_tokens=[name])
        with pytest.raises(ValueError, match=f"{name}.*others decode it to these bytes"):
            bs.Tokenizer.load("gpt2", special_tokens={name: 50257})
    tok = bs.train(iter(["text"]), 300, special_tokens=["<｜début｜>", "<a é>"])
    tok.save(tmp_path / "tokenizer.json")
    peer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = tok.encode("é<｜début｜><a é>", special="encode")
    assert peer.decode(ids.tolist(), skip_special_tokens=False) == tok.decode(ids) == "é<｜début｜><a é>"


def test_several_names_of_one_token(tmp_path):
    """The library writes and looks for one; what is ours keeps all, and the first is the one for both."""
    harmony = bs.Tokenizer.load("o200k_harmony")
    path = tmp_path / "harmony.json"
    harmony.save(path)
    assert bs.Tokenizer.load(path) == harmony
    peer = tokenizers.Tokenizer.from_file(str(path))
    for text in ("<|endofprompt|>", "a<|endofprompt|>b<|start|>"):
        ids = harmony.encode(text, special="encode").tolist()
        assert ids == peer.encode(text).ids
        assert harmony.decode(ids) == peer.decode(ids, skip_special_tokens=False) == text
    names = {"<|end of all texts|>": 50256, "<|a|>": 50256}
    tok = bs.Tokenizer.load("gpt2", special_tokens=names)
    for text in ("1<|a|>2", "1<|a|>\u00e92", "<|end of all texts|><|a|>"):
        ids, spans = tok.encode_with_offsets(text, special="encode")
        assert ids.tolist() == tok.encode(text, special="encode").tolist()
        assert [text[start:end] for start, end in spans.tolist()] == re.findall(r"<[^>]*>|.", text)


def test_a_file_of_no_tokens_at_all(tmp_path):
    path = tmp_path / "empty.json"
    tokenizers.Tokenizer(models.BPE()).save(str(path))
    empty = bs.Tokenizer.load(path)
    assert (empty.max_id, empty.encode("", dtype="uint16").tolist()) == (0, [])


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


# -- added tokens that merges make, too -------------------------------------------------------------------------

MERGED = ["t", "h", "e", "th", "the", "r", "re", "there", "▁", "▁the"]
MERGES = [("t", "h"), ("th", "e"), ("r", "e"), ("the", "re"), ("▁", "the")]


@pytest.mark.parametrize("of_bytes", [False, True])
@pytest.mark.parametrize("ignore_merges", [False, True])
@pytest.mark.parametrize("normalizer", [None, normalizers.Lowercase(), normalizers.Prepend("▁")])
@pytest.mark.parametrize("flags", list(itertools.product((False, True), repeat=len(FLAGS))))
def test_added_tokens_of_the_vocabulary_are_on_the_way_to_others(
    flags, normalizer, ignore_merges, of_bytes, tmp_path
):
    """As the runs of spaces in Gemma's file, which its normalizer makes out of other characters."""
    flags = dict(zip(FLAGS, flags, strict=True))
    parts = [
        part for part in (MERGED if not of_bytes else [*ALPHABET, *MERGED]) if not (of_bytes and "▁" in part)
    ]
    vocab = {token: id for id, token in enumerate(dict.fromkeys(["<unk>", *sorted(parts)]))}
    merges = [pair for pair in MERGES if pair[0] in vocab]
    peer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", ignore_merges=ignore_merges))
    if normalizer:
        peer.normalizer = normalizer
    if of_bytes:
        peer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        peer.decoder = decoders.ByteLevel()
    peer.add_tokens([AddedToken("the", **flags), AddedToken("not there", special=True)])
    ours = load(peer, tmp_path)
    assert ours.vocab_size == peer.get_vocab_size()
    texts = ["the", "there", "THE there", "the re", "other", "they", "not there", " the"]
    assert_equal(peer, ours, texts)
    peer.encode_special_tokens = False
    for text in texts:
        expected = peer.encode(text, add_special_tokens=False).ids
        assert ours.encode(text, special="encode").tolist() == expected, text
    ours.save(tmp_path / "again.json")
    again = bs.Tokenizer.load(tmp_path / "again.json")
    assert again == ours
    assert_equal(Tokenizer.from_file(str(tmp_path / "again.json")), again, texts)
    # Who wants no added token gets what merging gives.
    plain = json.loads(peer.to_str())
    plain = Tokenizer.from_str(json.dumps({**plain, "added_tokens": []}))
    for text in texts:
        assert ours.encode(text, special=set()).tolist() == plain.encode(text).ids, text


def test_a_part_of_the_file_may_look_like_vocabulary_and_merges(documents, tmp_path):
    peer = trained(
        documents,
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 300, "special_tokens": ["<s>"]},
        normalizer=normalizers.NFC(),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    )
    file = json.loads(peer.to_str())
    like = {"merges": None, "vocab": None}
    file["decoder"] = {
        "type": "Sequence",
        **like,
        "model": like,
        "decoders": [file["decoder"] | {"model": like} | like],
    }
    file["normalizer"] |= {"model": like} | like
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    tok = bs.Tokenizer.load(tmp_path / "tokenizer.json")
    tok.save(tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["decoder"] == file["decoder"]
    assert again["model"]["vocab"].keys() | {"<s>"} == file["model"]["vocab"].keys()
    for copy in (bs.Tokenizer.load(tmp_path / "again.json"), pickle.loads(pickle.dumps(tok))):
        assert copy == tok
        assert copy.decode(copy.encode(documents[0])) == documents[0]
