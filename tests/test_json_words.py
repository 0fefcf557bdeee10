"""Models whose tokens tell where in a word they stand, as GPT-1's and CLIP's, and characters without a token."""

import itertools
import json

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import bytestride as bs
from hugging_face import ALPHABET, assert_equal, check, load, texts_to_compare, trained

AFFIXES = [("", "</w>"), ("##", ""), ("##", "</w>"), ("#", "/")]
# What a text must not be mistaken for.
SPELLED = ["a## b</w> c", "##", "</w>", "#a/ #/a a/#", "### //// #/#/ a#b/c", "x", "</w></w> ######"]


def affixes(prefix, suffix):
    both = {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix}
    return {name: affix for name, affix in both.items() if affix}


def words(documents, prefix, suffix, **model):
    return trained(
        documents,
        models.BPE(**affixes(prefix, suffix), **model),
        {**affixes(prefix, suffix), "special_tokens": ["<unk>"], "limit_alphabet": 120},
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
        decoder=decoders.WordPiece(prefix) if prefix else decoders.BPEDecoder(suffix),
    )


@pytest.mark.parametrize(("prefix", "suffix"), AFFIXES)
@pytest.mark.parametrize("unknown", ["one each", "fused", "none"])
def test_tokens_tell_where_in_a_word_they_stand(prefix, suffix, unknown, documents, tmp_path):
    model = {
        "one each": {"unk_token": "<unk>"},
        "fused": {"unk_token": "<unk>", "fuse_unk": True},
        "none": {},
    }
    peer = words(documents, prefix, suffix, **model[unknown])
    check(peer, documents, tmp_path, [*texts_to_compare(documents), *SPELLED])


def test_gpt_1(documents, tmp_path):
    peer = words(documents, "", "</w>", unk_token="<unk>")
    peer.normalizer = normalizers.BertNormalizer(lowercase=True)
    ours = check(peer, documents, tmp_path)
    assert ours.id_of("the</w>") == peer.token_to_id("the</w>")
    assert ours.decode(ours.encode("The  word, THE END")) == "the word , the end"


def test_clip(documents, tmp_path):
    """A byte-level vocabulary whose words end in `</w>`; its unknown token is the one at the end of a text."""
    end = "<|endoftext|>"
    peer = trained(
        documents,
        models.BPE(unk_token=end, end_of_word_suffix="</w>"),
        {
            "initial_alphabet": ALPHABET,
            "end_of_word_suffix": "</w>",
            "special_tokens": ["<|startoftext|>", end],
            "vocab_size": 1500,
        },
        normalizer=normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
        ),
        pre_tokenizer=pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(
                    Regex(
                        r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
                    ),
                    "removed",
                    invert=True,
                ),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        ),
        decoder=decoders.ByteLevel(),
    )
    peer.post_processor = processors.RobertaProcessing(
        (end, 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False
    )
    ours = check(peer, documents, tmp_path, [*texts_to_compare(documents), "a photo of a cat's 2 mats"])
    text = "a photo of the cat"
    assert ours.encode(text, bos=True, eos=True).tolist() == peer.encode(text).ids


@pytest.mark.parametrize(("prefix", "suffix"), AFFIXES)
def test_a_text_may_spell_what_marks_words(prefix, suffix, tmp_path):
    """Learned from texts of little else, so that tokens come about both ways."""
    pieces = ["#", "##", "/", "</w>", "a", "b", "a#", "##b", "b/"]
    texts = [" ".join(map("".join, itertools.product(pieces, repeat=2))), " ".join(pieces * 20)] * 3
    peer = trained(
        texts,
        models.BPE(unk_token="<unk>", **affixes(prefix, suffix)),
        {**affixes(prefix, suffix), "special_tokens": ["<unk>"], "vocab_size": 200},
        pre_tokenizer=pre_tokenizers.WhitespaceSplit(),
    )
    words = ["".join(word) for word in itertools.product(pieces, repeat=3)]
    ours = load(peer, tmp_path)
    assert_equal(peer, ours, [" ".join(words), *words])


def test_what_words_cannot_have_is_refused_by_name(documents, tmp_path):
    file = json.loads(words(documents, "##", "", unk_token="<unk>").to_str())
    path = tmp_path / "tokenizer.json"
    for change, message in [
        ({"ignore_merges": True}, "ignore_merges in words with a prefix or suffix is not supported"),
        ({"dropout": 0.1}, "dropout is not supported"),
        ({"merges": [["a", "b"]]}, r"merge 0 \(\"a\", \"b\"\): \"b\" has no prefix \"##\""),
        (
            {"merges": [["a", "<unk>"]], "vocab": {**file["model"]["vocab"], "ank>": 5000}},
            "of the unknown token",
        ),
    ]:
        path.write_text(json.dumps({**file, "model": {**file["model"], **change}}))
        with pytest.raises(ValueError, match=message):
            bs.Tokenizer.load(path)


# -- characters without a token ---------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", ["whitespace", "metaspace", None])
def test_characters_without_a_token_are_left_out_where_no_token_is_unknown(steps, documents, tmp_path):
    """What is left merges as if they had never been there, and counts its places so: Hugging Face's way."""
    parts = {
        "whitespace": {"pre_tokenizer": pre_tokenizers.Whitespace()},
        "metaspace": {"pre_tokenizer": pre_tokenizers.Metaspace(), "decoder": decoders.Metaspace()},
        None: {},
    }[steps]
    some = [document[:2000] for document in documents]
    peer = trained(some, models.BPE(), {"limit_alphabet": 40, "max_token_length": 8}, **parts)
    ours = check(peer, documents, tmp_path, [text[:3000] for text in texts_to_compare(documents)])
    assert ours.encode("th漢e").tolist() == ours.encode("the").tolist()
    with pytest.raises(ValueError, match=r"text: holds the byte 0xFF"):
        ours.encode(b"a\xff")


def test_an_unknown_token_that_is_not_there_is_an_error_that_names_the_character(documents, tmp_path):
    peer = trained(documents, models.BPE(), {"limit_alphabet": 40}, pre_tokenizer=pre_tokenizers.Whitespace())
    file = json.loads(peer.to_str())
    file["model"]["unk_token"] = "<none>"
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(file))
    with pytest.raises(
        ValueError, match=r"text: holds '漢' \(U\+6F22\), for which this tokenizer has no token"
    ):
        bs.Tokenizer.load(path).encode("a 漢")


# -- scripts ----------------------------------------------------------------------------------------------------


def test_scripts_are_those_of_the_library(documents, tmp_path):
    """Unknown characters of a piece are one token, so that ids and offsets show where pieces end."""
    peer = Tokenizer(models.BPE(vocab={"<unk>": 0}, merges=[], unk_token="<unk>", fuse_unk=True))
    peer.pre_tokenizer = pre_tokenizers.UnicodeScripts()
    ours = load(peer, tmp_path)
    characters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    blocks = [characters[start : start + 5000] for start in range(0, len(characters), 5000)]
    texts = ["".join(block) for block in blocks]
    texts += ["".join(f"a{character}漢" for character in block[::7]) for block in blocks[:20]]
    for text in [*texts, *texts_to_compare(documents), "Apples are りんご 林檎", "   ", " a", "。 a "]:
        expected = peer.encode(text)
        ids, spans = ours.encode_with_offsets(text)
        assert ids.tolist() == expected.ids, text[:50]
        assert [tuple(span) for span in spans.tolist()] == expected.offsets, text[:50]
