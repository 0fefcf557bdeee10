"""Encoding and decoding: against the naive reference, against the peers, and what bad input meets."""

import base64
import copy
import json
import os
import pickle
import threading

import numpy as np
import pytest
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import bytestride as bs
from published import PATTERNS

END = "<|endoftext|>"


@pytest.fixture(scope="module", params=PATTERNS)
def trained(request, documents):
    """A tokenizer of each published pattern."""
    return bs.train(iter(documents), 1500, pattern=request.param, special_tokens=[END])


@pytest.fixture(scope="module")
def tok(documents):
    return bs.train(iter(documents), 1000, special_tokens=[END, "<|pad|>"])


@pytest.fixture(scope="module")
def saved(tok, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "tokenizer.json"
    tok.save(path)
    return path


# -- against the peers ------------------------------------------------------------------------------------------


def test_ids_are_those_of_tiktoken(trained, documents, tmp_path):
    path = tmp_path / "ranks.tiktoken"
    trained.save(path)
    lines = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    peer = tiktoken.Encoding(
        "peer", pat_str=PATTERNS[trained.pattern], mergeable_ranks=ranks, special_tokens={}
    )
    for document in documents:
        expected = peer.encode_ordinary(document)
        assert trained.encode(document).tolist() == expected
        assert peer.decode(expected) == trained.decode(expected)
    again = bs.Tokenizer.load(path, pattern=trained.pattern, special_tokens=trained.special_tokens)
    assert again.merges == trained.merges
    assert [again.encode(text).tolist() for text in documents] == [
        trained.encode(text).tolist() for text in documents
    ]


def test_ids_and_offsets_are_those_of_hugging_face(trained, documents, tmp_path):
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    peer = tokenizers.Tokenizer.from_file(str(path))
    peer.encode_special_tokens = True
    for document in documents:
        expected = peer.encode(document, add_special_tokens=False)
        ids, spans = trained.encode_with_offsets(document)
        assert ids.tolist() == expected.ids
        assert [tuple(span) for span in spans.tolist()] == expected.offsets
    assert peer.encode(f"a{END}b").ids == trained.encode(f"a{END}b").tolist()
    peer.encode_special_tokens = False
    assert peer.encode(f"a{END}b").ids == trained.encode(f"a{END}b", special="encode").tolist()


def test_a_file_of_hugging_face_gives_its_ids(documents, tmp_path):
    peer = tokenizers.Tokenizer(tokenizers.models.BPE())
    peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    peer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1200, initial_alphabet=alphabet, show_progress=False, special_tokens=["<s>", "</s>"]
    )
    peer.train_from_iterator(documents, trainer)
    peer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    path = tmp_path / "tokenizer.json"
    peer.save(str(path))
    ours = bs.Tokenizer.load(path)
    for document in documents:
        assert (
            ours.encode(document, bos=True, eos=True, special="encode").tolist() == peer.encode(document).ids
        )
    # What we write, both read alike, template and all.
    ours.save(path)
    peer = tokenizers.Tokenizer.from_file(str(path))
    again = bs.Tokenizer.load(path)
    assert again == ours
    assert peer.encode(documents[0]).ids == again.encode(documents[0], bos=True, eos=True).tolist()
    assert peer.encode("a</s>b").ids == again.encode("a</s>b", bos=True, eos=True, special="encode").tolist()


# -- against itself ---------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_come_back(tok, data):
    assert tok.decode_bytes(tok.encode(data)) == data


@settings(max_examples=300, deadline=None)
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
    with pytest.raises(KeyError, match=f"id {shown} at position 0"):
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


# -- special tokens ---------------------------------------------------------------------------------------------


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


# -- copies, threads, processes ---------------------------------------------------------------------------------


def test_copies_are_equal(tok, documents):
    assert copy.copy(tok) is tok
    assert copy.deepcopy(tok) is tok
    again = pickle.loads(pickle.dumps(tok))
    assert again == tok
    assert hash(again) == hash(tok)
    assert again.fingerprint == tok.fingerprint
    assert again.encode(documents[0]).tolist() == tok.encode(documents[0]).tolist()
    assert tok != tok.truncated(900)
    assert tok != "tok"


def test_patterns_survive_a_file(documents, tmp_path):
    for pattern in ("gpt2", "o200k", None, r"\w+|\s"):
        tok = bs.train(iter(documents[:3]), 300, pattern=pattern)
        tok.save(tmp_path / "tokenizer.json")
        again = bs.Tokenizer.load(tmp_path / "tokenizer.json")
        assert again.pattern == pattern
        assert again == tok


def test_special_tokens_keep_their_ids_in_a_file(tok, tmp_path):
    ranks, path = tmp_path / "x.tiktoken", tmp_path / "tokenizer.json"
    tok.save(ranks)
    for ids in ([998, 999], [999, 998], [1000, 1005]):
        names = dict(zip(("<a>", "<b>"), ids, strict=True))
        ours = bs.Tokenizer.load(ranks, pattern="cl100k", special_tokens=names)
        ours.save(path)
        assert bs.Tokenizer.load(path).special_tokens == names
        peer = tokenizers.Tokenizer.from_file(str(path))
        assert peer.encode("x<b>y<a>").ids == ours.encode("x<b>y<a>", special="encode").tolist()


def test_threads_share_a_tokenizer(tok, documents):
    expected = [tok.encode(text).tolist() for text in documents]
    wrong = []

    def work():
        wrong.extend(
            text for text, ids in zip(documents, expected, strict=True) if tok.encode(text).tolist() != ids
        )

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_encodes(tok, documents):
    text = "".join(documents)
    expected = tok.encode(text).tolist()
    child = os.fork()
    if child == 0:
        os._exit(0 if tok.encode(text).tolist() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_tokenizer_cannot_be_changed(tok):
    with pytest.raises(AttributeError):
        tok.vocab_size = 3


# -- files that are not what they should be ---------------------------------------------------------------------


def broken(saved, change):
    """The saved tokenizer.json with a change."""
    file = json.loads(saved.read_text())
    change(file)
    return json.dumps(file).encode()


def set_in(*keys, value):
    def change(file):
        for key in keys[:-1]:
            file = file[key]
        file[keys[-1]] = value

    return change


def add_merge(merge):
    return lambda file: file["model"]["merges"].append(merge)


def deep(depth):
    """A sequence in a sequence in a sequence, as deep as JSON may be."""
    return {"type": "Sequence", "normalizers": [deep(depth - 1)]} if depth else {"type": "Other"}


BAD_BYTES = ("empty", "truncated", "binary", "deep", "no model")
BAD_FILES = {
    "empty": (lambda _: b"", "not a tokenizer.json: EOF"),
    "truncated": (lambda saved: saved.read_bytes()[:5000], "not a tokenizer.json"),
    "binary": (lambda _: bytes(range(256)), "not a tokenizer.json"),
    "deep": (lambda _: b'{"model":' + b"[" * 100_000, "not a tokenizer.json"),
    "no model": (lambda _: b"{}", "missing field `model`"),
    "wrong type": (set_in("model", "vocab", value=[1, 2]), "expected a map from tokens to ids"),
    "id of text": (set_in("model", "vocab", "!", value="0"), "invalid type: string"),
    "negative id": (set_in("model", "vocab", "!", value=-1), "invalid value: integer `-1`"),
    "huge id": (set_in("model", "vocab", "!", value=4_000_000_000), "id 4000000000 is too large"),
    "id beyond 32 bits": (set_in("model", "vocab", "!", value=2**32), "invalid value: integer `4294967296`"),
    "duplicate id": (set_in("model", "vocab", "!", value=1), "two tokens have id 1"),
    "missing byte": (
        lambda file: file["model"]["vocab"].pop("!"),
        '"!" is not in|Hugging Face would give it 997',
    ),
    "unknown merge": (add_merge(["xyzzy", "!"]), '"xyzzy" is not in the vocabulary'),
    "merge of unknown result": (add_merge(["!", "xyzzy"]), '"xyzzy" is not in the vocabulary'),
    "merge without space": (add_merge("abc"), "expected a merge as"),
    "merge of three": (add_merge(["a", "b", "c"]), "expected two tokens"),
    "other model": (set_in("model", "type", value="WordPiece"), '"WordPiece".* is not supported'),
    "byte fallback": (
        lambda file: (
            set_in("pre_tokenizer", value=None)(file),
            set_in("model", "byte_fallback", value=True)(file),
            file["model"]["vocab"].update({"<0x00>": 998}),
            set_in("added_tokens", value=[])(file),
        ),
        'byte_fallback without the token "<0x01>" is not supported',
    ),
    "normalizer": (set_in("normalizer", value={"type": "Other"}), "normalizer: .* is not supported"),
    "bad map": (
        set_in("normalizer", value={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "the charsmap of 3 bytes is cut short",
    ),
    "bad base64": (
        set_in("normalizer", value={"type": "Precompiled", "precompiled_charsmap": "?"}),
        "normalizer: invalid base64",
    ),
    "bad expression": (
        set_in("normalizer", value={"type": "Replace", "pattern": {"Regex": "("}, "content": ""}),
        "normalizer: pattern: .*",
    ),
    "deep sequence": (
        set_in("normalizer", value=deep(100)),
        "recursion limit exceeded|normalizer: .* is not supported",
    ),
    "other numbers": (
        set_in("added_tokens", 0, "id", value=5000),
        "has id 5000, and Hugging Face would give it 998",
    ),
    "other pretokenizer": (
        set_in("pre_tokenizer", value={"type": "Lattice"}),
        "pre_tokenizer: .*Lattice",
    ),
    "other decoder": (set_in("decoder", value={"type": "WordPiece"}), "decoder: .* is not supported"),
    "special twice": (
        lambda file: file["added_tokens"].append({"id": 5000, "content": END, "special": True}),
        "stands twice",
    ),
    "added and special": (
        lambda file: file["added_tokens"].append({"id": 5000, "content": END}),
        "stands twice",
    ),
    "template": (
        set_in(
            "post_processor",
            value={
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "<none>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                ],
            },
        ),
        '"<none>" is not among the added tokens',
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_tokenizer_json_is_an_error_that_names_it(kind, saved, tmp_path):
    make, message = BAD_FILES[kind]
    path = tmp_path / "bad.json"
    path.write_bytes(make(saved) if kind in BAD_BYTES else broken(saved, make))
    with pytest.raises(ValueError, match=message) as raised:
        bs.Tokenizer.load(path)
    assert str(raised.value).startswith(str(path))


BAD_RANKS = {
    b"": "no tokens",
    b"IQ==": "x.tiktoken:1: expected base64, a space and a rank",
    b"IQ== 0\n!!! 1": "x.tiktoken:2: invalid base64",
    b"IQ== zero": "x.tiktoken:1: expected a rank",
    b"IQ== -1": "x.tiktoken:1: expected a rank",
    b"IQ== 99999999999": "x.tiktoken:1: expected a rank",
    b"IQ== 20000000": "id 20000000 is too large",
    b"IQ== 0\nIg== 0": "two tokens have id 0",
    b"IQ== 0\nIQ== 1": "ids 0 and 1 are the same token",
    b"IQ== 0": "no token for the byte 0x00",
}


@pytest.mark.parametrize("data", BAD_RANKS)
def test_a_bad_rank_file_is_an_error_with_its_line(data, tmp_path):
    path = tmp_path / "x.tiktoken"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=BAD_RANKS[data]):
        bs.Tokenizer.load(path, pattern="gpt2")


def test_loading_says_what_is_missing(tmp_path, tok):
    with pytest.raises(FileNotFoundError):
        bs.Tokenizer.load(tmp_path / "none.json")
    with pytest.raises(IsADirectoryError):
        bs.Tokenizer.load(tmp_path)
    path = tmp_path / "x.tiktoken"
    tok.save(path)
    with pytest.raises(ValueError, match="pattern: needed for .*x.tiktoken"):
        bs.Tokenizer.load(path)
    with pytest.raises(ValueError, match="pattern: "):
        bs.Tokenizer.load(path, pattern="(")


def test_a_file_appears_only_when_it_is_whole(tok, tmp_path):
    with pytest.raises(FileNotFoundError):
        tok.save(tmp_path / "none" / "tokenizer.json")
    tok.save(tmp_path / "tokenizer.json")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_regex_that_backtracks_without_end_is_an_error():
    tok = bs.train([b"aa"], 257, pattern=r"(?=(a+)+\1b)x|(a|aa)+$(?<=b)")
    with pytest.raises(ValueError, match="pattern: .* gives up on the text"):
        tok.encode("a" * 64)


def test_truncation_is_the_shorter_training(documents):
    long = bs.train(iter(documents), 900, pattern="gpt2", special_tokens=[END])
    for size in (257, 300, 899, 900):
        assert long.truncated(size) == bs.train(iter(documents), size, pattern="gpt2", special_tokens=[END])
    for size in (256, 901):
        with pytest.raises(ValueError, match="vocab_size: .* is not between 257 and 900"):
            long.truncated(size)


def test_repr_tells(tok):
    assert repr(tok) == "<bytestride.Tokenizer: 1000 tokens, 2 special, pattern cl100k>"
    assert len(tok) == tok.vocab_size == 1000


# -- what once went wrong ---------------------------------------------------------------------------------------


def small_file(tmp_path, tokens, merges, **model):
    """A tokenizer.json of the 256 bytes and some more tokens."""
    path = tmp_path / "small.json"
    bs.train([b""], 256, pattern=None).save(path)
    file = json.loads(path.read_text())
    file["model"]["vocab"].update(tokens)
    file["model"]["merges"] = merges
    file["model"].update(model)
    path.write_text(json.dumps(file))
    return path


def test_a_rank_file_is_refused_where_it_would_change_ids(tmp_path):
    tok = bs.Tokenizer.load(small_file(tmp_path, {"xyz": 256}, []))
    assert len(tok.encode("xyz")) == 3
    with pytest.raises(ValueError, match="a .tiktoken file cannot hold it"):
        tok.save(tmp_path / "x.tiktoken")
    taken = bs.Tokenizer.load(small_file(tmp_path, {"xyz": 256}, [], ignore_merges=True))
    taken.save(tmp_path / "x.tiktoken")
    again = bs.Tokenizer.load(tmp_path / "x.tiktoken", pattern="gpt2")
    assert again.encode("xyz").tolist() == taken.encode("xyz").tolist() == [256]


def test_truncation_keeps_the_rules(tmp_path):
    path = small_file(
        tmp_path,
        {"bc": 256, "ab": 257, "abc": 258, "zz": 259},
        [["b", "c"], ["a", "b"], ["ab", "c"], ["z", "z"]],
        ignore_merges=True,
    )
    tok = bs.Tokenizer.load(path)
    assert tok.encode("abc").tolist() == tok.truncated(259).encode("abc").tolist() == [258]
    path = small_file(tmp_path, {"abc": 256, "ab": 257}, [["ab", "c"], ["a", "b"]])
    with pytest.raises(ValueError, match="only a vocabulary in the order of its training"):
        bs.Tokenizer.load(path).truncated(257)


def test_truncation_keeps_bos_and_eos(tmp_path):
    path = tmp_path / "tokenizer.json"
    bs.train([b"low lower lowest"] * 2, 262, special_tokens=["<s>", "</s>"]).save(path)
    file = json.loads(path.read_text())
    around = [{"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>")]
    single = [around[0], {"Sequence": {"id": "A", "type_id": 0}}, around[1]]
    file["post_processor"] = {"type": "TemplateProcessing", "single": single}
    path.write_text(json.dumps(file))
    shorter = bs.Tokenizer.load(path).truncated(259)
    assert shorter.special_tokens == {"<s>": 257, "</s>": 258}
    assert shorter.encode("", bos=True, eos=True).tolist() == [257, 258]


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
    [(["<x>", "<x>"], "stands twice"), (["a"], "is a byte"), ([""], "a name is empty")],
)
def test_bad_special_names_are_known_before_training(names, message):
    def documents():
        raise AssertionError("the text was read")
        yield b""

    with pytest.raises(ValueError, match=f"special_tokens: .*{message}"):
        bs.train(documents(), 300, special_tokens=names)
    with pytest.raises(ValueError, match="max_token_bytes: is 0"):
        bs.train(documents(), 300, max_token_bytes=0)


def test_a_special_name_that_a_file_could_not_hold_is_refused():
    with pytest.raises(ValueError, match='the special token "Ġ" .* is what files write for token 220'):
        bs.train([b""], 257, special_tokens=["Ġ"])


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


def test_any_number_of_threads_may_be_asked_for(tok, documents):
    expected = tok.encode_batch(documents, threads=1)
    for threads in (5000, 2**62):
        assert tok.encode_batch(documents, threads=threads) == expected
        assert bs.train(iter(documents[:2]), 300, threads=threads).vocab_size == 300


def test_ids_may_be_decoded_while_they_are_written(tok):
    windows = bs.windows(np.arange(900, dtype=np.uint16), 64, 1)
    out = np.zeros((2, 800, 64), np.int64)
    indices = np.arange(800)
    writer = threading.Thread(target=lambda: [windows.gather(indices, out=out) for _ in range(50)])
    writer.start()
    while writer.is_alive():
        assert len(tok.decode_bytes(out[0, 0, :4])) > 0
    writer.join()


def test_threads_may_save_to_one_path(tok, tmp_path):
    path = tmp_path / "tokenizer.json"
    failures = []

    def save():
        try:
            tok.save(path)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert bs.Tokenizer.load(path) == tok
    assert list(tmp_path.iterdir()) == [path]


def test_io_errors_name_the_file_as_given(tmp_path):
    missing = str(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError) as raised:
        bs.Tokenizer.load(missing)
    assert raised.value.filename == missing
