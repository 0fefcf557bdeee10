"""SentencePiece models trained here: ids and texts are those of the library that trained them."""

import io
import itertools
import pickle
import struct

import pytest
import sentencepiece

import bytestride as bs
from fuzz_text import Texts

MADE_UP = 400


def train(documents, **options):
    """A model as bytes."""
    model = io.BytesIO()
    chosen = {
        "model_type": "bpe",
        "vocab_size": 1200,
        "character_coverage": 0.98,
        "minloglevel": 2,
        "hard_vocab_limit": False,
    } | options
    sentences = (line for document in documents for line in document.splitlines() if len(line) < 500)
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=sentences, model_writer=model, **chosen)
    return model.getvalue()


def both(model, folder):
    path = folder / "tokenizer.model"
    path.write_bytes(model)
    return bs.Tokenizer.load(path), sentencepiece.SentencePieceProcessor(model_proto=model)


def texts_to_compare(documents):
    made_up = Texts("pieces").batch(MADE_UP)
    plain = [
        "",
        " ",
        "a",
        "  a  b ",
        "▁a ▁ b",
        "▁",
        "\n\n x",
        "ＡＢＣ ①②",
        "e\u0301",
        "ﬁ",
        "x<sep>y <sep>",
        "<s>a</s>",
    ]
    return [*documents[-20:], *plain, *made_up]


def assert_equal(ours, peer, texts):
    for text in texts:
        expected = peer.encode(text)
        assert ours.encode(text).tolist() == expected, text
        assert ours.decode(expected) == peer.decode(expected), text
        stream = ours.stream_decoder()
        assert "".join(map(stream.push, expected[:500])) + stream.finish() == peer.decode(expected[:500]), (
            text
        )
        ids, spans = ours.encode_with_offsets(text, unit="byte")
        assert ids.tolist() == expected
        assert (spans[:, 0] <= spans[:, 1]).all()
        assert spans.max(initial=0) <= len(text.encode())


NORMALIZATIONS = ("nmt_nfkc", "identity", "nfkc_cf")


@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize(("prefix", "extra"), list(itertools.product([True, False], repeat=2)))
def test_ids_and_texts_are_those_of_sentencepiece(
    normalization, byte_fallback, prefix, extra, documents, tmp_path
):
    model = train(
        documents[-30:],
        byte_fallback=byte_fallback,
        normalization_rule_name=normalization,
        add_dummy_prefix=prefix,
        remove_extra_whitespaces=extra,
        user_defined_symbols=["<sep>", "import", "\n"],
    )
    ours, peer = both(model, tmp_path)
    assert ours.vocab_size == peer.vocab_size()
    assert_equal(ours, peer, texts_to_compare(documents))


@pytest.mark.parametrize(
    "options", [{"split_by_whitespace": False}, {"split_digits": True}, {"character_coverage": 1.0}]
)
def test_other_trainings(options, documents, tmp_path):
    ours, peer = both(train(documents[-30:], byte_fallback=True, **options), tmp_path)
    assert_equal(ours, peer, texts_to_compare(documents))


@pytest.fixture(scope="module")
def model(documents):
    return train(
        documents[-30:],
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
    )


def piece(text, score):
    """A piece as a model holds it, to be put behind a model."""
    text = text.encode()
    message = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", score) + b"\x18\x01"
    return b"\x0a" + bytes([len(message)]) + message


@pytest.mark.parametrize("lengths", [(2, 3, 4, 5, 6), (2, 4, 8, 16), (3, 5), (2, 3, 5, 8), (4, 2)])
def test_pieces_of_one_score_merge_from_the_left(lengths, model, documents, tmp_path):
    """As the runs of spaces do in the models of Llama 2 and Mistral."""
    model += b"".join(piece("▁" * length, -1e9) for length in lengths)
    ours, peer = both(model, tmp_path)
    spaces = [f"a{' ' * count}b{' ' * (count // 2)}" for count in range(40)]
    assert_equal(ours, peer, [*spaces, *texts_to_compare(documents)])


def test_other_pieces_of_one_score_are_named(model, tmp_path):
    path = tmp_path / "bad.model"
    path.write_bytes(model + piece("xyzxy", -1.5) + piece("zyx", -1.5))
    with pytest.raises(ValueError, match="have the same score, which is not supported"):
        bs.Tokenizer.load(path)
    path.write_bytes(model + piece("imp", -1e9) + piece("imq", -1e9))
    with pytest.raises(
        ValueError, match="begins or ends with one that others have the same score as|same score"
    ):
        bs.Tokenizer.load(path)


def test_control_pieces_are_special_tokens(model, tmp_path):
    ours, peer = both(model, tmp_path)
    assert ours.special_tokens == {"<unk>": 0, "<s>": 1, "</s>": 2}
    assert ours.encode("a b", bos=True, eos=True).tolist() == peer.encode("a b", add_bos=True, add_eos=True)
    assert ours.encode("a</s>", special="encode").tolist() == [*peer.encode("a"), 2]
    assert 2 not in ours.encode("a</s>")


def test_bytes_that_are_no_text_are_tokens(model, tmp_path):
    ours, _ = both(model, tmp_path)
    assert ours.id_of("<0xFF>") in ours.encode(b"a\xffb")
    long = "no end " * 40_000
    assert ours.count(long) == len(ours.encode(long))


def test_a_model_survives(model, documents, tmp_path):
    ours, _ = both(model, tmp_path)
    copy = pickle.loads(pickle.dumps(ours))
    assert copy == ours
    assert copy.encode(documents[0]).tolist() == ours.encode(documents[0]).tolist()
    ours.save(tmp_path / "again.model")
    assert (tmp_path / "again.model").read_bytes() == model
    assert bs.Tokenizer.load(tmp_path) == ours
    with pytest.raises(ValueError, match=r"path: a SentencePiece model can be saved as \.model only"):
        ours.save(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="tokens of bytes"):
        ours.save(tmp_path / "ranks.tiktoken")


@pytest.mark.parametrize("kind", ["unigram", "word", "char"])
def test_other_models_are_named(kind, documents, tmp_path):
    path = tmp_path / "other.model"
    path.write_bytes(train(documents[-30:], model_type=kind, vocab_size=300))
    with pytest.raises(ValueError, match=f'a model of kind "{kind}" is not supported; expected BPE'):
        bs.Tokenizer.load(path)


def test_a_damaged_model_is_an_error(model, tmp_path):
    path = tmp_path / "bad.model"
    for data, message in [
        (b"", "it has no pieces"),
        (b"\x0a", "it ends inside a field"),
        (model[: len(model) // 2], "not a SentencePiece model: "),
        (bytes(range(256)), "not a SentencePiece model"),
        (b"{}", "not a SentencePiece model"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message) as raised:
            bs.Tokenizer.load(path)
        assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize("prefix", [True, False])
def test_pieces_stand_where_their_text_does(prefix, documents, tmp_path):
    """But for the space that is put before a text, and bytes of characters, which stand for all of these."""
    options = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
    model = train(documents[-30:], byte_fallback=True, add_dummy_prefix=prefix, **options)
    ours, peer = both(model, tmp_path)
    for text in [*documents[-60:-30], "x the  cat", " cat", "the cat", "a  b ", "  two  spaces  "]:
        _, spans = ours.encode_with_offsets(text, unit="byte")
        start = -int(prefix)
        for number, (piece, span) in enumerate(zip(peer.encode(text, out_type=str), spans, strict=True)):
            is_byte = piece.startswith("<0x")
            end = start + (1 if is_byte else len(piece.replace("▁", " ").encode()))
            assert number == 0 or is_byte or span.tolist() == [start, end], (text, piece)
            start = end
        assert start == len(text.encode())
