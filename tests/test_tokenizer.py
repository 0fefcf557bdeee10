"""Encoding and decoding: against the naive reference, and what bad arguments meet."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bytestride as bs

END = "<|endoftext|>"


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_come_back(tok, data):
    assert tok.decode_bytes(tok.encode(data)) == data


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_any_text_comes_back(tok, text):
    ids = tok.encode(text)
    assert tok.decode(ids) == text
    assert tok.count(text) == len(ids)
    stream = tok.stream_decoder()
    assert "".join(stream.push(id) for id in ids.tolist()) + stream.finish() == text


def test_a_batch_is_its_texts_on_any_number_of_threads(tok, documents):
    texts = [*documents, "", "a", "".join(documents)]
    expected = [tok.encode(text) for text in texts]
    for threads in (1, 2, 5, None):
        batch = tok.encode_batch(texts, threads=threads)
        assert batch.ids.dtype == np.uint32
        assert batch.offsets.dtype == np.int64
        assert len(batch) == len(texts)
        assert all(np.array_equal(got, want) for got, want in zip(batch, expected, strict=True))
        assert tok.count_batch(texts, threads=threads).tolist() == [len(ids) for ids in expected]
    assert tok.decode_batch(batch) == texts
    assert [ids.tolist() for ids in tok.encode_batch(texts, max_tokens=3)] == [
        ids[:3].tolist() for ids in expected
    ]


def test_bytes_and_generators_are_texts_too(tok):
    batch = tok.encode_batch(text for text in ("hello", b"hello"))
    assert batch[0].tolist() == batch[1].tolist() == tok.encode("hello").tolist()


def test_max_tokens_is_a_prefix_and_stops_early(tok, documents):
    text = documents[0]
    whole = tok.encode(text, bos=END, eos="<|pad|>").tolist()
    assert whole[0] == tok.special_tokens[END]
    assert whole[-1] == tok.special_tokens["<|pad|>"]
    for most in (0, 1, 2, 100, len(whole) - 1, len(whole), len(whole) + 1):
        assert tok.encode(text, bos=END, eos="<|pad|>", max_tokens=most).tolist() == whole[:most]


def test_spans_in_bytes_are_the_tokens(tok, documents):
    for text in documents:
        data = text.encode()
        ids, spans = tok.encode_with_offsets(text, unit="byte")
        assert [data[start:end] for start, end in spans.tolist()] == [tok.bytes_of(id) for id in ids.tolist()]
        assert spans.dtype == np.int64
        assert spans.shape == (len(ids), 2)


def test_ids_of_16_bits(tok):
    ids = tok.encode("hello world", dtype="uint16")
    assert ids.dtype == np.uint16
    assert ids.tolist() == tok.encode("hello world", dtype=np.uint32).tolist()
    with pytest.raises(ValueError, match='dtype: expected "uint32" or "uint16"'):
        tok.encode("x", dtype="int64")


def test_batches_of_16_bits(tok, documents):
    wide = tok.encode_batch(documents)
    narrow = tok.encode_batch(documents, dtype="uint16")
    assert narrow.ids.dtype == narrow[0].dtype == np.uint16
    assert not narrow.ids.flags.writeable
    assert narrow.ids.tolist() == wide.ids.tolist()
    assert narrow.offsets.tolist() == wide.offsets.tolist()
    assert narrow == wide
    assert narrow != tok.encode_batch(documents[1:], dtype="uint16")
    assert narrow != tok.encode_batch([*documents[:-1], documents[-1] + "?"], dtype="uint16")
    assert tok.decode_batch(narrow) == documents
    again = pickle.loads(pickle.dumps(narrow))
    assert again.ids.dtype == np.uint16
    assert again == narrow
    for side in ("left", "right"):
        (ids, mask), expected = narrow.padded(65_535, side=side), wide.padded(65_535, side=side)
        assert ids.dtype == np.uint16
        assert np.array_equal(ids, expected[0])
        assert np.array_equal(mask, expected[1])
    with pytest.raises(ValueError, match="pad_id: 65536 is out of range, expected 0 to 65535"):
        narrow.padded(65_536)
    assert bs.windows(narrow, 4).tokens.dtype == np.uint16
    assert repr(narrow).endswith("ids of uint16)")
    with pytest.raises(ValueError, match=r"ids: expected \[n\] uint32 or uint16, not int64 in 1 dimensions"):
        bs.Ragged(np.array([1, 2]), np.array([0, 2]))
    large = bs.Tokenizer.load("cl100k_base")
    with pytest.raises(ValueError, match="dtype: uint16 holds ids up to 65535"):
        large.encode_batch(["x"], dtype="uint16")


def test_decoding_takes_any_integers(tok):
    ids = tok.encode("hello world")
    for dtype in ("uint16", "uint32", "int32", "int64", "uint64", "int8"):
        if ids.max() < np.iinfo(dtype).max:
            assert tok.decode(ids.astype(dtype)) == "hello world"
    assert tok.decode(ids.tolist()) == tok.decode(tuple(ids)) == "hello world"
    assert tok.decode(np.repeat(ids, 2)[::2]) == "hello world"
    assert tok.decode([]) == ""
    with pytest.raises(TypeError, match=r"ids: expected \[n\] integers"):
        tok.decode(["a"])
    with pytest.raises(TypeError, match=r"ids: expected \[n\] integers"):
        tok.decode(np.array([1.0]))
    with pytest.raises(TypeError, match=r"ids: expected \[n\] integers, not uint32 in 2 dimensions"):
        tok.decode(np.zeros((2, 2), "uint32"))


@pytest.mark.parametrize(("id", "shown"), [(1000, "1000"), (-1, "-1"), (2**32 + 5, "4294967301")])
def test_an_unknown_id_is_named(tok, id, shown):
    with pytest.raises(KeyError, match=f"id {shown} at position 1 is no token"):
        tok.decode([0, id])
    with pytest.raises(KeyError, match=f"id {shown} is no token"):
        tok.bytes_of(id)
    with pytest.raises(KeyError, match=f"id {shown} is no token"):
        tok.stream_decoder().push(id)


def test_tokens_are_looked_up_both_ways(tok):
    assert tok.bytes_of(tok.id_of(b"e")) == b"e"
    assert tok.id_of("e") == tok.id_of(b"e")
    assert tok.id_of(END) == 998
    assert tok.bytes_of(998) == END.encode()
    assert tok["e"] == tok.id_of(b"e")
    assert END in tok
    assert b"no such token" not in tok
    for look_up in (tok.id_of, tok.__getitem__):
        with pytest.raises(KeyError, match="b'no such token' is no token .* it encodes to \\["):
            look_up(b"no such token")
        with pytest.raises(KeyError, match=r", …\]"):
            look_up("Q" * 100)
        with pytest.raises(TypeError, match="expected str or bytes"):
            look_up(3)


def test_the_vocabulary_is_all_tokens(tok):
    assert tok.vocabulary == {tok.bytes_of(id): id for id in range(tok.vocab_size)}
    assert list(tok.vocabulary.values()) == list(range(tok.max_id + 1))


def test_lone_surrogates_become_the_replacement_character(tok):
    assert tok.decode(tok.encode("a\ud800b")) == "a\ufffdb"
    assert tok.decode(tok.encode("\ud83d\ude00")) == "\U0001f600"


def test_errors_of_decoding_are_those_of_bytes(tok):
    ids = tok.encode(b"a\xffb")
    assert tok.decode(ids) == "a\ufffdb"
    assert tok.decode(ids, errors="ignore") == "ab"
    with pytest.raises(UnicodeDecodeError):
        tok.decode(ids, errors="strict")


def test_special_tokens_are_what_the_call_says(tok):
    text = f"a{END}b<|pad|>"
    end, pad = tok.special_tokens[END], tok.special_tokens["<|pad|>"]
    assert not {end, pad} & set(tok.encode(text).tolist())
    ids = tok.encode(text, special="encode").tolist()
    assert ids == [*tok.encode("a"), end, *tok.encode("b"), pad]
    only = tok.encode(text, special={END}).tolist()
    assert only == [*tok.encode("a"), end, *tok.encode("b<|pad|>")]
    with pytest.raises(ValueError, match=r"holds the special token \"<\|endoftext\|>\" at byte 1"):
        tok.encode(text, special="raise")
    assert tok.encode("harmless", special="raise").tolist() == tok.encode("harmless").tolist()
    assert tok.count(text, special="encode") == len(ids)
    assert tok.decode(ids) == text


def test_bad_options_are_named(tok):
    with pytest.raises(KeyError, match="is no special token of this tokenizer, which has"):
        tok.encode("x", special={"<|nope|>"})
    with pytest.raises(KeyError, match="is no special token"):
        tok.encode("x", bos="<|nope|>")
    with pytest.raises(ValueError, match="eos: the tokenizer has none of its own"):
        tok.encode("x", eos=True)
    with pytest.raises(TypeError, match="bos: expected a bool or a name"):
        tok.encode("x", bos=3)
    with pytest.raises(ValueError, match='special: expected "text", "encode", "raise" or a set'):
        tok.encode("x", special="nope")
    with pytest.raises(ValueError, match='unit: expected "char" or "byte"'):
        tok.encode_with_offsets("x", unit="word")
    with pytest.raises(ValueError, match="threads: expected at least 1"):
        tok.encode_batch(["x"], threads=0)
    with pytest.raises(TypeError, match="text: expected str or bytes"):
        tok.encode(3)
    with pytest.raises(TypeError, match="texts: expected a list of texts"):
        tok.encode_batch("x")


def test_a_regex_that_backtracks_without_end_is_an_error():
    tok = bs.train([b"aa"], 257, pattern=r"(?=(a+)+\1b)x|(a|aa)+$(?<=b)")
    with pytest.raises(ValueError, match="pattern: .* gives up on the text"):
        tok.encode("a" * 64)


def test_repr_tells(tok):
    assert repr(tok) == "<bytestride.Tokenizer: 1000 tokens, 2 special, pattern cl100k>"
    assert len(tok) == tok.vocab_size == 1000


def test_spans_behind_surrogate_pairs_are_those_of_the_str(tok):
    text = "a\ud83d\ude00b\ud800c\U0001f600d"
    ids, spans = tok.encode_with_offsets(text)
    starts = {text[start]: (start, end) for (start, end) in spans.tolist() if end - start == 1}
    for letter in "abcd":
        assert starts[letter] == (text.index(letter), text.index(letter) + 1)
    assert spans[-1].tolist() == [7, 8]
    assert len(ids) == len(spans)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["<x>", "<x>"], "stands twice"),
        (["a"], "is a byte"),
        ([""], "a name is empty"),
        (["<début>"], "others decode it"),
    ],
)
def test_bad_special_names_are_known_before_training(names, message):
    def documents():
        raise AssertionError("the text was read")
        yield b""

    with pytest.raises(ValueError, match=f"special_tokens: .*{message}"):
        bs.train(documents(), 300, special_tokens=names)
    with pytest.raises(ValueError, match="max_token_bytes: is 0"):
        bs.train(documents(), 300, max_token_bytes=0)


def test_numbers_out_of_range_name_their_argument(tok, tmp_path):
    with pytest.raises(ValueError, match="max_tokens: -1 is out of range"):
        tok.encode("x", max_tokens=-1)
    for threads in (-1, 2**70):
        with pytest.raises(ValueError, match="threads: .* is out of range"):
            tok.encode_batch(["x"], threads=threads)
    with pytest.raises(ValueError, match="vocab_size: -1 is out of range"):
        tok.truncated(-1)
    with pytest.raises(ValueError, match="vocab_size: -1 is out of range"):
        bs.train([b"x"], -1)
    with pytest.raises(ValueError, match="min_frequency: -1 is out of range"):
        bs.train([b"x"], 300, min_frequency=-1)
    path = tmp_path / "x.tiktoken"
    tok.save(path)
    with pytest.raises(ValueError, match="special_tokens: -1 of '?\"?<a>.* is no id"):
        bs.Tokenizer.load(path, pattern="gpt2", special_tokens={"<a>": -1})
    with pytest.raises(ValueError, match='special_tokens: "<a>" has id 5, which is another token'):
        bs.Tokenizer.load(path, pattern="gpt2", special_tokens={"<a>": 5})
    with pytest.raises(KeyError, match="is no token"):
        tok.bytes_of(2**70)
    for ids in ([2**70], np.array([2**63], "uint64"), [-(2**70)]):
        with pytest.raises(KeyError, match="at position 0 is no token"):
            tok.decode(ids)
    with pytest.raises(ValueError, match="dtype: expected"):
        tok.encode("x", dtype="foo")


def test_an_error_of_the_caller_comes_through(tok):
    def ids():
        yield 1
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        tok.decode(ids())


def test_a_stream_never_takes_back_what_it_gave(tmp_path):
    """A decoder that cleans up changes text that was handed out."""
    bs.train([b"it's , low"], 256).save(tmp_path / "plain.json")
    file = json.loads((tmp_path / "plain.json").read_text("utf-8"))
    file["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "ByteLevel"},
            {"type": "Fuse"},
            {"type": "Replace", "pattern": {"String": " ,"}, "content": ","},
        ],
    }
    (tmp_path / "cleaning.json").write_text(json.dumps(file))
    tokenizer = bs.Tokenizer.load(tmp_path / "cleaning.json")
    ids = tokenizer.encode("a ,b").tolist()
    assert tokenizer.decode(ids) == "a,b"
    stream = tokenizer.stream_decoder()
    assert [stream.push(id) for id in ids[:2]] == ["a", " "]
    with pytest.raises(ValueError, match='id: changes the text before it from " " to ","'):
        stream.push(ids[2])
    # It stays as it was.
    assert stream.push(tokenizer.id_of("b")) == "b"


def test_streams_of_byte_tokens_are_whole_characters(tmp_path):
    """A run of byte tokens is U+FFFD, each of them, until its last character is complete."""
    file = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": None,
        "normalizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "unk_token": "<unk>",
            "vocab": {"<unk>": 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}, "a": 257, "b": 258},
            "merges": [],
        },
    }
    (tmp_path / "bytes.json").write_text(json.dumps(file))
    tokenizer = bs.Tokenizer.load(tmp_path / "bytes.json")
    for text in ("a\n😀b", "😀😁", "é\né", "ab"):
        ids = tokenizer.encode(text).tolist()
        stream = tokenizer.stream_decoder()
        assert "".join(map(stream.push, ids)) + stream.finish() == text
    stream = tokenizer.stream_decoder()
    cut = tokenizer.encode("a\n😀").tolist()[:-1]
    assert [stream.push(id) for id in cut] == ["a", "\n", "", "", ""]
    assert stream.finish() == "\ufffd" * 3
    assert stream.push(257) == "a"
