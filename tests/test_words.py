"""The word tokenizer, and `Ragged` batches."""

import copy
import doctest
import json
import pickle
import re
import sys
import unicodedata

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs

SPECIAL = ("[BOS]", "[EOS]", "[PAD]", "[UNK]")
# Characters that this Python's Unicode knows: about newer ones, two versions of Unicode may differ.
known_text = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=40)


@pytest.fixture
def hello():
    return bs.WordTokenizer.train("Hello, world!")


@pytest.mark.parametrize("name", ["WordTokenizer", "Ragged"])
def test_examples_of_the_docstrings_run(name):
    found = doctest.DocTestFinder().find(getattr(bs, name), name, module=False, globs={})
    results = [doctest.DocTestRunner().run(test) for test in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


# -- split ---------------------------------------------------------------------------------------------------


def test_words_and_punctuation_marks_stand_alone_and_spaces_go():
    assert bs.WordTokenizer.split("Hello, world!") == ["Hello", ",", "world", "!"]
    assert bs.WordTokenizer.split("don't stop--ever…\n") == ["don", "'", "t", "stop", "-", "-", "ever", "…"]
    assert bs.WordTokenizer.split(" \n") == []


@given(text=known_text)
def test_split_finds_what_the_regular_expression_finds(text):
    assert bs.WordTokenizer.split(text) == re.findall(r"\w+|[^\w\s]", text)


def test_every_character_is_of_the_class_that_python_says():
    known = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cn", "Cs")]
    text = "".join(f"{character}a " for character in known)
    assert bs.WordTokenizer.split(text) == re.findall(r"\w+|[^\w\s]", text)


def test_lone_surrogates_become_the_replacement_character():
    assert bs.WordTokenizer.split("a\ud800b \ud83d\ude00") == ["a", "\ufffd", "b", "😀"]


# -- train ---------------------------------------------------------------------------------------------------


def test_the_vocabulary_is_alphabetical_with_the_special_tokens_last(hello):
    assert hello.vocabulary == {"!": 0, ",": 1, "Hello": 2, "world": 3} | {
        t: 4 + i for i, t in enumerate(SPECIAL)
    }
    assert list(hello.vocabulary.values()) == list(range(8))
    assert hello.special_tokens == {"[BOS]": 4, "[EOS]": 5, "[PAD]": 6, "[UNK]": 7}
    assert hello.vocab_size == 8
    assert repr(hello) == "WordTokenizer(4 words, 4 special tokens)"


@given(texts=st.lists(known_text, max_size=5))
def test_the_vocabulary_is_that_of_a_sorted_set(texts):
    expected = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)})
    assert list(bs.WordTokenizer.train(texts, special_tokens=()).vocabulary) == expected


def test_files_and_texts_give_the_same_vocabulary(tmp_path):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("Ünder the\r\nsea,\n\nthe", encoding="utf-8")
    second.write_text("", encoding="utf-8")
    expected = bs.WordTokenizer.train(["Ünder the\r\nsea,\n\nthe"])
    assert bs.WordTokenizer.train(first) == expected
    assert bs.WordTokenizer.train([first, second]) == expected
    assert bs.WordTokenizer.train(iter(["sea, the", first])) == expected


def test_bad_sources_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        bs.WordTokenizer.train(tmp_path / "missing.txt")
    with pytest.raises(IsADirectoryError):
        bs.WordTokenizer.train(tmp_path)
    (tmp_path / "latin.txt").write_bytes(b"good line\nna\xefve")
    with pytest.raises(ValueError, match=r"latin\.txt, byte 12: expected UTF-8 text"):
        bs.WordTokenizer.train([tmp_path / "latin.txt"])
    for source in (b"bytes", 3, None, [3], [b"bytes"]):
        with pytest.raises(
            TypeError, match=r"text_or_files: expected a str, a pathlib.Path, or a list of them, not"
        ):
            bs.WordTokenizer.train(source)


def test_bad_special_tokens_are_errors():
    for special, message in [
        (("x", "x"), 'special_tokens: "x" is given twice'),
        (("",), "special_tokens: an empty text"),
        (("world",), 'special_tokens: "world" is also a word of the text'),
    ]:
        with pytest.raises(ValueError, match=message):
            bs.WordTokenizer.train("Hello, world!", special)


# -- encode and decode ---------------------------------------------------------------------------------------


def test_unknown_words_become_unk(hello):
    ids = hello.encode("Bye, world!")
    assert ids.tolist() == [7, 1, 3, 0]
    assert ids.dtype == "uint32"


def test_without_unk_an_unknown_word_is_an_error():
    words = bs.WordTokenizer.train("Hello, world!", special_tokens=())
    assert words.encode("world Hello").tolist() == [3, 2]
    with pytest.raises(KeyError, match=r'no word \\"Bye\\"|no word "Bye" in the vocabulary'):
        words.encode("Bye, world!")
    with pytest.raises(KeyError, match="Bye"):
        words.encode_batch(["world", "Bye"])


def test_bos_and_eos_on_request(hello):
    assert hello.encode("world", bos=True, eos=True).tolist() == [4, 3, 5]
    assert hello.encode("", bos=True).tolist() == [4]
    assert hello.encode("world", bos="[EOS]", eos="[PAD]").tolist() == [5, 3, 6]
    assert hello.encode_batch(["world", ""], bos=True, eos=True).ids.tolist() == [4, 3, 5, 4, 5]
    with pytest.raises(KeyError, match=r'bos: the tokenizer has no special token "world"'):
        hello.encode("world", bos="world")
    with pytest.raises(TypeError, match="eos: expected a bool or a special token, not int"):
        hello.encode("world", eos=1)
    with pytest.raises(KeyError, match=r'eos: the tokenizer has no special token "\[EOS\]"'):
        bs.WordTokenizer.train("a", special_tokens=()).encode("a", eos=True)


def test_text_never_becomes_a_special_token(hello):
    assert hello.encode("[BOS]").tolist() == [7, 7, 7]


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int32", "int64", np.uint16, np.dtype("int64")])
def test_ids_come_in_any_type_that_holds_them(hello, dtype):
    ids = hello.encode("Hello world", dtype=dtype)
    assert ids.dtype == np.dtype(dtype)
    assert ids.tolist() == [2, 3]


def test_ids_that_do_not_fit_are_an_error():
    words = bs.WordTokenizer.train(" ".join(f"w{i}" for i in range(65_536)))
    with pytest.raises(ValueError, match="dtype: id 65539 does not fit uint16"):
        words.encode("?", dtype="uint16")
    with pytest.raises(ValueError, match="dtype: float32 is not supported"):
        words.encode("?", dtype="float32")


@given(text=known_text)
def test_decoding_gives_the_words_back(text):
    words = bs.WordTokenizer.train(text)
    again = words.decode(words.encode(text))
    assert bs.WordTokenizer.split(again) == bs.WordTokenizer.split(text)


def test_decoding_sets_spaces_as_written_by_hand(hello):
    assert hello.decode(hello.encode("Hello ,world!", bos=True)) == "[BOS] Hello, world!"
    text = "Well (said the cat), [yes]: 5% of it… Right?"
    words = bs.WordTokenizer.train(text)
    assert words.decode(words.encode(text)) == text


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, lambda ids: np.array(ids, "uint16"), lambda ids: np.array(ids)[::1]]
)
def test_ids_to_decode_come_as_any_integers(hello, make):
    assert hello.decode(make([2, 3])) == "Hello world"
    assert hello.decode(make([])) == ""


def test_words_are_looked_up_as_in_a_dict(hello):
    assert len(hello) == hello.vocab_size == len(hello.vocabulary)
    for token, id in hello.vocabulary.items():
        assert token in hello
        assert hello[token] == hello.id_of(token) == id
    assert "no word" not in hello
    with pytest.raises(KeyError, match='no word "Bye" in the vocabulary'):
        hello["Bye"]
    with pytest.raises(TypeError):
        5 in hello  # noqa: B015


def test_batches_are_decoded_text_by_text(hello):
    texts = ["Hello, world!", "", "world"]
    assert hello.decode_batch(hello.encode_batch(texts)) == texts
    assert hello.decode_batch([[2], np.array([3])]) == ["Hello", "world"]
    with pytest.raises(KeyError, match="no id 99"):
        hello.decode_batch([[2], [99]])
    with pytest.raises(TypeError, match="batch: expected"):
        hello.decode_batch([2, 3])


def test_unknown_ids_are_errors(hello):
    for unknown in (8, -1, 2**32, 2**40):
        with pytest.raises(KeyError, match=f"no id {unknown} in"):
            hello.decode([2, unknown])
    for ids in ([0.5], "0", 3):
        with pytest.raises(TypeError, match=r"ids: expected \[n\] integers"):
            hello.decode(ids)


# -- batches -------------------------------------------------------------------------------------------------


def test_a_batch_is_flat_ids_and_offsets(hello):
    batch = hello.encode_batch(["Hello, world!", "", "world"])
    assert batch.ids.tolist() == [2, 1, 3, 0, 3]
    assert batch.offsets.tolist() == [0, 4, 4, 5]
    assert (batch.ids.dtype, batch.offsets.dtype) == (np.uint32, np.int64)
    assert [ids.tolist() for ids in batch] == [[2, 1, 3, 0], [], [3]]
    assert batch[-1].tolist() == [3]
    assert np.shares_memory(batch[0], batch.ids)
    assert (len(batch), batch.pad_id, repr(batch)) == (3, 6, "Ragged(3 texts, 5 ids of uint32)")
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"text {index} is out of range, there are 3 texts"):
            batch[index]


def test_no_array_of_a_batch_is_writeable(hello):
    batch = hello.encode_batch(["Hello"])
    for array in (batch.ids, batch.offsets, batch[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_batches_are_padded_with_pad_and_a_mask(hello):
    ids, mask = hello.encode_batch(["Hello, world!", "", "world"]).padded()
    assert ids.tolist() == [[2, 1, 3, 0], [6, 6, 6, 6], [3, 6, 6, 6]]
    assert mask.tolist() == [[True] * 4, [False] * 4, [True, False, False, False]]
    assert (ids.dtype, mask.dtype) == (np.uint32, np.bool_)
    ids, mask = hello.encode_batch(["Hello, world!", "world"]).padded(9, length=5, side="left")
    assert ids.tolist() == [[9, 2, 1, 3, 0], [9, 9, 9, 9, 3]]
    assert mask.tolist() == [[False] + [True] * 4, [False] * 4 + [True]]


@given(
    lengths=st.lists(st.integers(0, 6), max_size=6),
    side=st.sampled_from(["left", "right"]),
    more=st.integers(0, 3),
)
def test_padding_is_that_of_lists(lengths, side, more):
    rows = [list(range(1, length + 1)) for length in lengths]
    batch = bs.Ragged(
        np.array([number for row in rows for number in row], "uint32"), np.cumsum([0, *lengths])
    )
    length = max(lengths, default=0) + more
    ids, mask = batch.padded(0, length=length, side=side)
    fill = [[0] * (length - len(row)) for row in rows]
    expected = [pad + row if side == "left" else row + pad for row, pad in zip(rows, fill, strict=True)]
    assert ids.shape == mask.shape == (len(rows), length)
    assert ids.tolist() == expected
    assert np.array_equal(mask, ids > 0)


def test_bad_padding_is_an_error(hello):
    batch = hello.encode_batch(["Hello, world!"])
    for options, message in [
        ({"length": 3}, "length: 3 is too short, the longest text has 4 ids"),
        ({"length": -1}, "length: -1 is out of range"),
        ({"side": "top"}, 'side: expected "right" or "left", not "top"'),
        ({"pad_id": -100}, "pad_id: -100 is out of range"),
        ({"pad_id": 2**32}, "pad_id: 4294967296 is out of range"),
    ]:
        with pytest.raises(ValueError, match=message):
            batch.padded(**options)
    with pytest.raises(ValueError, match="pad_id: is needed"):
        bs.WordTokenizer.train("a", special_tokens=()).encode_batch(["a"]).padded()
    with pytest.raises(MemoryError):
        batch.padded(length=2**55)
    for texts in ("text", [b"text"], [1], 3):
        with pytest.raises(TypeError, match=r"texts|iterable"):
            hello.encode_batch(texts)


def test_batches_are_equal_copied_and_pickled_by_content(hello):
    batch = hello.encode_batch(["Hello", "world"])
    again = pickle.loads(pickle.dumps(batch))
    assert again == batch
    assert again.pad_id == batch.pad_id
    assert bs.Ragged(batch.ids, batch.offsets) == batch
    assert batch != hello.encode_batch(["Hello world"])
    assert batch != 3


def test_offsets_must_ascend_over_the_ids():
    ids = np.zeros(3, "uint32")
    for offsets in ([], [0], [0, 2], [1, 3], [0, 2, 1, 3], [0, 4], [0, -1, 3]):
        with pytest.raises(ValueError, match="offsets: expected offsets ascending from 0 to the 3 ids"):
            bs.Ragged(ids, np.array(offsets, "int64"))


# -- save and load -------------------------------------------------------------------------------------------


@given(
    text=known_text, special=st.lists(st.sampled_from(["[UNK]", "[PAD]", "<s> ", '"\\', "é é"]), unique=True)
)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, text, special):
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    words = bs.WordTokenizer.train(text, special)
    words.save(path)
    assert bs.WordTokenizer.load(str(path)) == words
    assert [file.name for file in path.parent.iterdir()] == ["tokenizer.json"]


def test_tokenizers_are_equal_copied_and_pickled_by_content(hello):
    same = bs.WordTokenizer.train("world! Hello,")
    other = bs.WordTokenizer.train("Hello, world!", special_tokens=())
    assert hello == same == pickle.loads(pickle.dumps(hello)) == copy.copy(hello) == copy.deepcopy(hello)
    assert hello != other
    assert hello != "Hello"
    assert len({hello, same, other}) == 2


@given(text=known_text, train=known_text)
def test_hugging_face_gives_the_same_ids(tmp_path_factory, text, train):
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    words = bs.WordTokenizer.train(train + " Hello, world!")
    words.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    theirs.encode_special_tokens = True
    assert theirs.encode(text).ids == words.encode(text).tolist()
    assert theirs.get_vocab() == words.vocabulary


def test_hugging_face_reads_and_writes_our_files(tmp_path, hello):
    path = tmp_path / "tokenizer.json"
    hello.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    assert theirs.encode("Bye, world!").ids == [7, 1, 3, 0]
    assert theirs.encode("Hello [PAD]").ids == [2, 6]  # unless told not to, it takes special tokens from text
    theirs.save(str(path))
    assert bs.WordTokenizer.load(path) == hello


def test_bad_files_are_errors_that_name_them(tmp_path, hello):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        bs.WordTokenizer.load(path)
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        hello.save(tmp_path / "missing" / "tokenizer.json")
    hello.save(path)
    text = path.read_text(encoding="utf-8")
    file = json.loads(text)

    def fails(content, message):
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        with pytest.raises(ValueError, match=r"tokenizer\.json.*" + message):
            bs.WordTokenizer.load(path)

    fails(text[: len(text) // 2], "not a word tokenizer: EOF")
    fails("[]", "not a word tokenizer")
    fails({}, "missing field `model`")
    fails(file | {"model": file["model"] | {"type": "BPE"}}, "the model is BPE, expected WordLevel")
    fails(file | {"model": file["model"] | {"vocab": {"a": 2**31}}}, "has the id")
    fails(file | {"model": file["model"] | {"vocab": ["a"]}}, "expected a map from tokens to ids")
    fails(file | {"pre_tokenizer": {"type": "Whitespace"}}, "the pre_tokenizer is")
    fails(file | {"normalizer": {"type": "Lowercase"}}, "the normalizer is")


def test_benchmark_encode(benchmark):
    words = bs.WordTokenizer.train("the quick brown fox jumps over the lazy dog.")
    text = "The quick brown fox, it jumps over the lazy dog. " * 2_000
    assert len(benchmark(words.encode, text)) == 24_000


def test_the_other_kind_of_file_is_told_with_who_reads_it(hello, tmp_path):
    words, pieces = tmp_path / "words.json", tmp_path / "pieces.json"
    hello.save(words)
    bs.train([b"low lower"], 260).save(pieces)
    with pytest.raises(ValueError, match="WordTokenizer.load reads those that it saved"):
        bs.Tokenizer.load(words)
    with pytest.raises(ValueError, match="the model is BPE, expected WordLevel; Tokenizer.load reads others"):
        bs.WordTokenizer.load(pieces)


def test_bytes_are_no_list_of_texts():
    with pytest.raises(TypeError, match="expected a str, a pathlib.Path, or a list of them, not bytes"):
        bs.WordTokenizer.train(b"a")
