"""What post-processors do to a text and its offsets, beside Hugging Face's library."""

import itertools
import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import bytestride as bs
from hugging_face import ALPHABET, assert_equal, check, load, own_ends, texts_to_compare, trained

BLANKS = [
    " a",
    "  a",
    "a  b ",
    "   ",
    "\u3000a\u3000 b",
    "\n a\n\n  b",
    " Mask",
    "a  Mask  b",
    "a\u3000\u00a0Mask\u3000b",
    "Ġa ĠĠ",
    " <pad>  <pad> x",
]


def byte_level(documents, post_processor, *, prefix_space=False, **parts):
    peer = trained(
        documents,
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 500, "special_tokens": ["<s>", "</s>", "<lang>"]},
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=prefix_space),
        decoder=decoders.ByteLevel(),
        **parts,
    )
    peer.post_processor = post_processor
    return peer


@pytest.mark.parametrize("prefix_space", [False, True])
@pytest.mark.parametrize(("trims", "keeps"), list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("kind", ["bytes", "roberta", "sequence", "twice"])
def test_offsets_leave_white_space_out(kind, trims, keeps, prefix_space, documents, tmp_path):
    trim = {"trim_offsets": trims, "add_prefix_space": keeps}
    template = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    roberta = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), **trim)
    post_processor = {
        "bytes": processors.ByteLevel(**trim),
        "roberta": roberta,
        "sequence": processors.Sequence([processors.ByteLevel(**trim), template]),
        "twice": processors.Sequence([processors.ByteLevel(**trim), roberta]),
    }[kind]
    peer = byte_level(documents, post_processor, prefix_space=prefix_space)
    check(peer, documents, tmp_path, [*texts_to_compare(documents)[-150:], *BLANKS])


@pytest.mark.parametrize("missing", ["trim_offsets", "add_prefix_space"])
def test_one_of_roberta_that_lacks_a_flag_leaves_white_space_in(missing, documents, tmp_path):
    """The library reads it as BERT's."""
    peer = byte_level(documents, processors.RobertaProcessing(("</s>", 1), ("<s>", 0)))
    file = json.loads(peer.to_str())
    del file["post_processor"][missing]
    check(Tokenizer.from_str(json.dumps(file)), documents, tmp_path, BLANKS)
    path = tmp_path / "lacks.json"
    path.write_text(json.dumps(file))
    assert_equal(Tokenizer.from_file(str(path)), bs.Tokenizer.load(path), BLANKS)


NORMALIZERS = {
    "strip": normalizers.Strip(),
    "longer": normalizers.Replace("a", "  a "),
    "shorter": normalizers.Replace("  ", " "),
    "nfkc": normalizers.NFKC(),
}


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.parametrize("keeps", [False, True])
def test_offsets_leave_out_white_space_that_a_normalizer_made(name, keeps, documents, tmp_path):
    post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=keeps)
    peer = byte_level(documents, post_processor, prefix_space=True, normalizer=NORMALIZERS[name])
    check(peer, documents, tmp_path, [*texts_to_compare(documents)[-150:], *BLANKS])


@pytest.mark.parametrize("normalized", [False, True])
def test_added_tokens_lose_the_white_space_that_they_took(normalized, documents, tmp_path):
    peer = byte_level(
        documents, processors.ByteLevel(trim_offsets=True), normalizer=normalizers.Replace("x", " ")
    )
    peer.add_tokens(
        [
            AddedToken("Mask", lstrip=True, rstrip=True, normalized=normalized),
            AddedToken(" <pad> ", normalized=normalized),
        ]
    )
    check(peer, documents, tmp_path, [*BLANKS, " Mask", "x x Maskx b", "  <pad> xx"])


def test_offsets_of_characters_leave_white_space_out(documents, tmp_path):
    peer = trained(
        documents,
        models.BPE(unk_token="<unk>"),
        {"special_tokens": ["<unk>"]},
        pre_tokenizer=pre_tokenizers.Split(" ", "merged_with_next"),
    )
    peer.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=True)
    check(peer, documents, tmp_path, [*texts_to_compare(documents)[-150:], *BLANKS])


def test_spans_in_bytes_leave_the_same_out(documents, tmp_path):
    trim = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
    ours = load(byte_level(documents, trim), tmp_path)
    for text in [*documents[-8:], *BLANKS]:
        places = [0, *itertools.accumulate(len(character.encode()) for character in text)]
        _, in_bytes = ours.encode_with_offsets(text, unit="byte")
        _, in_characters = ours.encode_with_offsets(text)
        for (start, end), (first, last) in zip(in_bytes.tolist(), in_characters.tolist(), strict=True):
            assert places[first] <= start <= end <= places[last], text
            assert text.encode()[start:end].strip(b" ") == text.encode()[start:end], text


TEMPLATES = {
    "two before": ("<s> <lang> $A </s>", [("<s>", 0), ("</s>", 1), ("<lang>", 2)]),
    "two behind": ("$A </s> <lang>", [("</s>", 1), ("<lang>", 2)]),
    "one twice": ("<s> <s> $A", [("<s>", 0)]),
    "only the text": ("$A", []),
    "several ids": ("<both> $A", [{"id": "<both>", "ids": [0, 2], "tokens": ["<s>", "<lang>"]}]),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_put_several_tokens_around_a_text(name, documents, tmp_path):
    single, special_tokens = TEMPLATES[name]
    template = processors.TemplateProcessing(single=single, special_tokens=special_tokens)
    peer = byte_level(documents[:2], template)
    ours = load(peer, tmp_path)
    expected = peer.encode("some text").ids
    ends = own_ends(ours)
    assert ours.encode("some text", **ends).tolist() == expected
    assert [ids.tolist() for ids in ours.encode_batch(["some text"] * 2, **ends)] == [expected] * 2
    assert len(ours.encode("some text", **ends, max_tokens=1)) == 1
    ours.save(tmp_path / "again.json")
    assert bs.Tokenizer.load(tmp_path / "again.json") == ours
    again = Tokenizer.from_file(str(tmp_path / "again.json"))
    assert again.encode("some text").ids == expected
    assert_equal(again, ours, documents[:2])


def test_documents_of_a_store_stand_between_all_of_them(documents, tmp_path):
    template = processors.TemplateProcessing(
        "<s> <lang> $A </s>", special_tokens=[("<s>", 0), ("<lang>", 2), ("</s>", 1)]
    )
    ours = load(byte_level(documents[:2], template), tmp_path)
    (tmp_path / "text.txt").write_text("one;two")
    store = ours.encode_files(tmp_path / "text.txt", tmp_path / "corpus", separator=";", bos=True, eos=True)
    expected = [ours.encode(text, bos=True, eos=True).tolist() for text in ("one", "two")]
    assert [ids.tolist() for ids in store] == expected
    assert expected[0][:2] == [0, 2]
    again = bs.TokenStore.open(tmp_path / "corpus")
    again.verify()
    ragged = ours.encode_file(tmp_path / "text.txt", separator=";", bos=True, eos=True)
    assert [ids.tolist() for ids in ragged] == expected


def test_tokens_without_a_decoder_have_spaces_between(documents, tmp_path):
    peer = byte_level(documents, processors.ByteLevel())
    peer.decoder = None
    ours = check(peer, documents, tmp_path, documents[-8:])
    assert ours.decode(ours.encode("to the end")) == peer.decode(peer.encode("to the end").ids)
