"""What does not fit is refused before any work, with the name of the argument, what was expected and what came."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import bytestride as bs

SLIPS = ["GPT2", "gpt4", "cl100k-base", "abc", ""]
ENCODINGS = {
    "r50k_base": "gpt2",
    "p50k_base": "gpt2",
    "p50k_edit": "gpt2",
    "cl100k_base": "cl100k",
    "o200k_base": "o200k",
    "o200k_harmony": "o200k",
}


@pytest.fixture(scope="module")
def tok():
    return bs.train([b"low lower lowest"] * 2, 260, special_tokens=["<s>"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "a.txt").write_text("low;lower;lowest")
    return folder


class Unreadable:
    """Documents that must not be asked for."""

    def __iter__(self):
        raise AssertionError("the text was read")


# -- patterns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slip", SLIPS)
def test_a_name_that_is_no_pattern_is_refused_wherever_one_is_given(slip, tok, tmp_path):
    tok.save(tmp_path / "ranks.tiktoken")
    (tmp_path / "pair").mkdir()
    bs.Tokenizer.load("gpt2").save(tmp_path / "pair")
    expected = f'pattern: "{slip}" is no known name; expected gpt2, cl100k, o200k, .*cl100k_base'
    for call in (
        lambda: bs.train(Unreadable(), pattern=slip),
        lambda: bs.train(bs.WordCounts({}), pattern=slip),
        lambda: bs.count_words(Unreadable(), slip),
        lambda: bs.WordCounts({}, slip),
        lambda: bs.Tokenizer.load(tmp_path / "ranks.tiktoken", pattern=slip),
        lambda: bs.Tokenizer.load(tmp_path / "pair", pattern=slip),
        lambda: bs.Tokenizer.load("gpt2", pattern=slip),
    ):
        with pytest.raises(ValueError, match=expected):
            call()


@pytest.mark.parametrize(("encoding", "split"), ENCODINGS.items())
def test_the_name_of_an_encoding_is_its_split(encoding, split):
    assert bs.Tokenizer.load(encoding).pattern == split
    text = "I'll pay 12345 for a\n\n  camelCase"
    assert bs.count_words([text.encode()], encoding) == bs.count_words([text.encode()], split)
    assert bs.train([b"a"], pattern=encoding).pattern == split


def test_a_tokenizer_stands_for_its_split(tmp_path):
    plain = bs.train([b"abcabc"] * 2, 260, pattern="(?:abc)")
    plain.save(tmp_path / "tokenizer.json")
    file = (tmp_path / "tokenizer.json").read_text()
    # An expression in a file is one, whatever it looks like.
    (tmp_path / "tokenizer.json").write_text(file.replace("(?:abc)", "abc"))
    literal = bs.Tokenizer.load(tmp_path / "tokenizer.json")
    assert literal.pattern == "abc"
    assert literal.encode("xabcabc").tolist() == plain.encode("xabcabc").tolist()
    counts = bs.count_words([b"xabcabc"], literal)
    assert (counts.pattern, counts.items()) == ("abc", [(b"abc", 2), (b"x", 1)])
    assert bs.evaluate(literal, [b"xabcabc"]).words == 3
    assert bs.evaluate(literal, counts).words == 3
    assert bs.extend(literal, counts, 1).pattern == "abc"
    normalizing = file.replace('"normalizer": null', '"normalizer": {"type": "NFC"}')
    (tmp_path / "tokenizer.json").write_text(normalizing)
    with pytest.raises(ValueError, match="tokenizer: it has a normalizer; expected one that only splits"):
        bs.count_words(Unreadable(), bs.Tokenizer.load(tmp_path / "tokenizer.json"))


def test_a_bundled_encoding_keeps_its_split():
    assert bs.Tokenizer.load("gpt2", pattern="gpt2") == bs.Tokenizer.load("gpt2")
    assert bs.Tokenizer.load("cl100k_base", pattern="cl100k_base") == bs.Tokenizer.load("cl100k_base")
    with pytest.raises(ValueError, match="pattern: is o200k, but gpt2 splits with gpt2"):
        bs.Tokenizer.load("gpt2", pattern="o200k")


def test_what_a_file_says_itself_is_refused_by_its_name(tok, tmp_path):
    tok.save(tmp_path / "tokenizer.json")
    for name, value in (("pattern", "cl100k"), ("special_tokens", {"<s>": 259})):
        with pytest.raises(ValueError, match=f"^{name}: the file has its own pattern and special tokens"):
            bs.Tokenizer.load(tmp_path / "tokenizer.json", **{name: value})


# -- documents, separators, suffixes ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", [["low lower", "x"], ["is it?", "x"], ["a" * 5000], "nowhere.txt"])
def test_documents_that_were_taken_for_paths_are_told_so(source):
    with pytest.raises((OSError, ValueError)) as caught:
        bs.train(source, 300)
    assert "inputs" not in str(caught.value)
    assert caught.value.__notes__[0] == (
        "source: a str is a path, and a list of str is a list of paths; give documents as bytes or iter(documents)"
    )


def test_a_separator_is_str_or_bytes_everywhere(tok, folder, tmp_path):
    path = str(folder / "a.txt")
    merges = {}
    for separator in (";", b";"):
        counts = bs.count_words(path, separator=separator)
        assert counts.items() == [(b"low", 1), (b"lower", 1), (b"lowest", 1)]
        trained = bs.train(path, 260, separator=separator)
        merges[separator] = trained.merges
        assert bs.extend(tok, path, 1, separator=separator) == bs.extend(tok, counts, 1)
        assert bs.evaluate(tok, path, separator=separator).words == 3
        assert len(tok.encode_file(path, separator=separator)) == 3
        assert len(tok.encode_files(path, tmp_path / "store", separator=separator)) == 3
    assert merges[";"] == merges[b";"]


def test_suffixes_are_in_small_or_capital_letters(tmp_path):
    (tmp_path / "model.R").write_text("low lower")
    (tmp_path / "other.r").write_text("lowest")
    for suffixes in ([".R"], [".r"]):
        assert bs.count_words(tmp_path, suffixes=suffixes).total == 3


# -- types ------------------------------------------------------------------------------------------------------

A_TEXT = "expected str or bytes, not int"


def wrong_for_tokenizers(tok, folder):
    """Calls with an argument of another type, and what is said about it: of tokenizers and stores."""
    return [
        (lambda: tok.encode("a", special=5), 'special: expected "text", .* set of names, not int'),
        (lambda: tok.encode("a", special={5}), "special: expected names that are str, not int"),
        (lambda: tok.encode([("a", 5)]), 'special: expected "text", .* set of names, not int'),
        (
            lambda: bs.Tokenizer.load("x.tiktoken", pattern=5),
            "pattern: expected a name, .*, not int",
        ),
        (lambda: tok.encode_files(5, folder / "x"), "inputs: expected paths, not int"),
        (lambda: tok.encode_files([5], folder / "x"), "inputs: expected paths, not int"),
        (lambda: bs.merge([5], folder / "x"), "stores: expected paths, not int"),
        (lambda: bs.TokenStore.open([5]), "path: expected paths, not int"),
        (
            lambda: bs.WordTokenizer.train("a", special_tokens="<s>"),
            "special_tokens: expected a list of str, not str",
        ),
        (
            lambda: bs.Tokenizer.load("gpt2", special_tokens=["<s>"]),
            "special_tokens: expected a dict of ids by name, not list",
        ),
        (
            lambda: bs.Tokenizer.load("gpt2", special_tokens={5: 5}),
            "special_tokens: expected names that are str, not int",
        ),
        (
            lambda: tok.encode_files(folder, folder / "x", suffixes=".txt"),
            "suffixes: expected a list of str, not str",
        ),
        (lambda: tok.encode_batch(None), "texts: expected an iterable of texts, not NoneType"),
        (lambda: tok.encode_batch([5]), rf"texts\[0\]: {A_TEXT}"),
        (lambda: tok.count_batch(5), "texts: expected an iterable of texts, not int"),
        (
            lambda: bs.WordTokenizer.train("a").encode_batch(None),
            "texts: expected several strings, not NoneType",
        ),
        (lambda: tok.decode_batch(None), "batch: expected a Ragged or an iterable of ids, not None"),
        (lambda: bs.encoding_for_model(5), "model: expected a str, not int"),
        (lambda: tok.encode_file(folder / "a.txt", separator=5), f"separator: {A_TEXT}"),
        (lambda: tok.encode_files(folder, folder / "x", separator=5), f"separator: {A_TEXT}"),
        (lambda: tok.id_of(5), f"token: {A_TEXT}"),
        (lambda: 5 in tok, f"token: {A_TEXT}"),
    ]


def wrong_for_training(folder):
    """The same of counting, training and evaluating."""
    return [
        (
            lambda: bs.train([b"a"], pattern=5),
            "pattern: expected a name, .* None, not int",
        ),
        (lambda: bs.count_words([b"a"], 5), "pattern: expected a name, .*, not int"),
        (lambda: bs.WordCounts({}, 5), "pattern: expected a name, .*, not int"),
        (
            lambda: bs.train([b"a"], special_tokens="<s>"),
            "special_tokens: expected a list of str, not str",
        ),
        (
            lambda: bs.train([b"a"], special_tokens=["<s>", 5]),
            "special_tokens: expected a list of str, but one is int",
        ),
        (lambda: bs.train(folder, suffixes=".txt"), "suffixes: expected a list of str, not str"),
        (
            lambda: bs.count_words(folder, suffixes=".txt"),
            "suffixes: expected a list of str, not str",
        ),
        (lambda: bs.WordCounts(5), "words: expected a mapping from words to counts, .*, not int"),
        (lambda: bs.WordCounts([1, 2]), "words: expected a mapping .* pairs of them, not int"),
        (lambda: bs.WordCounts({5: 5}), f"words: {A_TEXT}"),
        (lambda: bs.WordCounts({})[5], f"word: {A_TEXT}"),
        (lambda: bs.train([5]), f"source: document 0: {A_TEXT}"),
        (lambda: bs.evaluate("gpt2", [b"a"]), "tokenizer: expected a Tokenizer, not str"),
        (lambda: bs.train(folder, separator=5), f"separator: {A_TEXT}"),
        (lambda: bs.train(folder, weights=5), "weights: expected a list of numbers, not int"),
        (lambda: bs.count_words(folder, weights=["a"]), "weights: expected a list of numbers, not str"),
        (lambda: bs.extend("gpt2", [b"a"], 1), "tokenizer: expected a Tokenizer, not str"),
    ]


def wrong_for_windows():
    """The same of windows, packs, mixtures and their batches."""
    windows = bs.windows(np.arange(9), 2)
    batches = windows.batches(2)
    batch = bs.Ragged(np.arange(7, dtype="uint32"), np.array([0, 2, 6, 7]))
    return [
        (
            lambda: batches.load_state_dict(5),
            "state: expected a dict of state_dict.., not int",
        ),
        (
            lambda: batches.load_state_dict(batches.state_dict() | {"shuffle": "yes"}),
            "state: shuffle: expected a bool, not str",
        ),
        (lambda: bs.Ragged([1], [0, 1]), "ids: expected a numpy array of .*, not list"),
        (
            lambda: bs.Ragged(np.ones(1, "uint32"), [0, 1]),
            "offsets: expected a numpy array .*, not list",
        ),
        (lambda: bs.windows(np.arange(9), 2, tail=3), 'tail: expected "drop" or "pad", not int'),
        (
            lambda: bs.windows(np.arange(9), 2, boundaries=3),
            'boundaries: expected "ignore" or "respect", not int',
        ),
        (
            lambda: bs.windows(np.arange(9), 2, tail="pad", pad_id="a"),
            "pad_id: expected an integer, not str",
        ),
        (lambda: bs.pack([1, 2], 4), "store: expected a TokenStore or a Ragged, not list"),
        (
            lambda: batches.load_state_dict(batches.state_dict() | {"seed": None}),
            "state: seed: expected an integer, not NoneType",
        ),
        (lambda: bs.mix(5, [1]), "sources: expected several Windows, not int"),
        (lambda: bs.mix([], 5), "weights: expected a list of numbers, not int"),
        (lambda: batch["a"], "index: expected an integer, not str"),
        (lambda: windows["a"], "index: expected an integer or a slice, not str; see gather"),
        (lambda: bs.pack(batch, 4)["a"], "index: expected an integer, not str; see gather"),
        (lambda: bs.mix([windows], [1])["a"], "index: expected an integer, not str; see gather"),
    ]


def test_another_type_is_told_with_the_name_of_the_argument(tok, folder):
    wrong = wrong_for_tokenizers(tok, folder) + wrong_for_training(folder) + wrong_for_windows()
    for call, message in wrong:
        with pytest.raises(TypeError, match=f"^{message}"):
            call()


def test_batches_have_a_seed_and_windows_are_of_tokens():
    windows = bs.windows(np.arange(9), 2)
    for name in ("seed", "epoch"):
        with pytest.raises(TypeError, match=f"^{name}: expected an integer, not NoneType"):
            windows.batches(2, **{name: None})
    with pytest.raises(TypeError, match="^tokens: expected a numpy array, .*, not Windows"):
        bs.windows(windows, 2)


@pytest.mark.parametrize(
    "given", [{"separator": "\n"}, {"format": "jsonl"}, {"text_field": "content"}, {"suffixes": [".py"]}]
)
def test_how_files_are_read_is_for_files(given, tok):
    (name,) = given
    for work in (bs.train, bs.count_words, lambda source, **options: bs.extend(tok, source, 1, **options)):
        with pytest.raises(ValueError, match=f"^{name}: is for files, and source holds documents"):
            work(iter([b"a"]), **given)
    counts = bs.count_words([b"a b"], pattern=tok)
    for work in (bs.train, lambda source, **options: bs.extend(tok, source, 1, **options)):
        with pytest.raises(ValueError, match=f"^{name}: is for files, and source has been counted"):
            work(counts, **given)


def test_digits_are_counted_from_a_side():
    with pytest.raises(ValueError, match="^digits_from: is \"up\", expected 'left' or 'right'"):
        bs.train([b"a"], digits_from="up")
    with pytest.raises(ValueError, match="^digits_from: has no meaning without digits"):
        bs.count_words([b"a"], digits_from="right")


def test_ids_may_lie_at_odd_addresses(tok):
    ids = tok.encode("low lower")
    odd = np.frombuffer(b"x" + ids.tobytes(), "<u4", offset=1)
    assert tok.decode(odd) == "low lower"


def test_a_progress_that_cannot_be_called_is_refused_before_the_job(tok, folder, tmp_path):
    message = re.escape("progress: expected a function of (phase, done, total), not int")
    counts = bs.count_words([b"low lower"])
    for call in (
        lambda: bs.train(Unreadable(), progress=5),
        lambda: bs.train(counts, progress=5),
        lambda: bs.count_words(Unreadable(), progress=5),
        lambda: bs.extend(tok, Unreadable(), 1, progress=5),
        lambda: tok.encode_file(folder / "a.txt", progress=5),
        lambda: tok.encode_files(folder, tmp_path / "new", progress=5),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    assert list(tmp_path.iterdir()) == []


# -- values -----------------------------------------------------------------------------------------------------


def test_numbers_out_of_range_are_told_as_what_they_are(tok, folder, tmp_path):
    store = tok.encode_files(folder, tmp_path / "store").path
    batch = bs.Ragged(np.arange(7, dtype="uint32"), np.array([0, 2, 6, 7]))
    packs = bs.pack(batch, 4)
    for call in (lambda: packs[99999], lambda: packs.gather([99999])):
        with pytest.raises(IndexError, match="^row 99999 is out of range, there are 2 rows"):
            call()
    windows = bs.windows(np.arange(9), 2)
    for rows, noun in (
        (batch, "text"),
        (packs, "row"),
        (windows, "window"),
        (bs.mix([windows], [1]), "window"),
        (bs.TokenStore.open(store), "document"),
    ):
        for index in (99, -99, 2**70, -(2**70), 2**200):
            shown = index if abs(index) < 2**127 else 2**127 - 1
            with pytest.raises(
                IndexError, match=f"^{noun} {shown} is out of range, there are {len(rows)} {noun}s"
            ):
                rows[index]
    with pytest.raises(KeyError, match=r"id 2\*\*63 - 1 or more at position 1 is no token"):
        tok.decode([0, 2**70])
    with pytest.raises(KeyError, match=r"id -2\*\*63 or less at position 0 is no token"):
        tok.decode([-(2**70)])
    with pytest.raises(KeyError, match=f"id {2**70} is no token"):
        tok.bytes_of(2**70)
    for id in (1000, -1, 2**70):
        with pytest.raises(KeyError, match=f"'id {id} is no token of this tokenizer"):
            tok.stream_decoder().push(id)
    with pytest.raises(KeyError, match=r"no id 2\*\*63 - 1 or more in the vocabulary"):
        bs.WordTokenizer.train("a").decode([2**70])
    with pytest.raises(ValueError, match="^n: -1 is out of range"):
        bs.WordCounts({}).most_common(-1)
    with pytest.raises(ValueError, match="^pad_id: -1 is out of range"):
        bs.Ragged(np.ones(1, "uint32"), np.array([0, 1]), -1)


def test_a_dtype_that_files_cannot_have_tells_those_that_they_can(tok, folder, tmp_path):
    with pytest.raises(ValueError, match='dtype: expected "auto", "uint16" or "uint32", not int32'):
        tok.encode_files(folder, tmp_path / "x", dtype="int32")
    with pytest.raises(ValueError, match='dtype: expected "uint16" or "uint32", not int32'):
        bs.TokenStore.open(tmp_path / "x.bin", dtype="int32")


def test_an_empty_separator_is_refused(tok, folder):
    for call in (
        lambda: bs.train(Unreadable(), separator=""),
        lambda: bs.count_words(Unreadable(), separator=b""),
        lambda: tok.encode_file(folder / "a.txt", separator=""),
    ):
        with pytest.raises(ValueError, match="separator: it is empty; expected at least one byte"):
            call()


# -- arrays ------------------------------------------------------------------------------------------------------


def apart_and_odd(numbers):
    """An array as it is, with gaps, and at an odd address."""
    numbers = np.asarray(numbers)
    odd = np.frombuffer(b"x" + numbers.tobytes(), numbers.dtype, offset=1)
    assert not odd.flags.aligned
    return [numbers, np.repeat(numbers, 2)[::2], odd]


def test_arrays_that_are_copied_may_lie_in_any_way():
    offsets = [0, 2, 4, 5, 6]
    for ids in apart_and_odd(np.arange(6, dtype="uint32")) + apart_and_odd(np.arange(6, dtype="uint16")):
        for ends in apart_and_odd(offsets):
            ragged = bs.Ragged(ids, ends)
            assert [text.tolist() for text in ragged] == [[0, 1], [2, 3], [4], [5]]
    tokens = np.arange(6, dtype="uint16")
    for ends in apart_and_odd(offsets):
        store = SimpleNamespace(tokens=tokens, offsets=ends)
        assert bs.windows(store, 1, boundaries="respect").gather([0, 1])[0].tolist() == [[0], [2]]
        assert bs.pack(store, 2, "pad").gather([1]).inputs.tolist() == [[2, 3]]
    for indices in apart_and_odd([0, 2, 4]):
        assert bs.windows(tokens, 1).gather(indices)[0].tolist() == [[0], [2], [4]]


def test_ids_of_two_dimensions_and_indices_beyond_64_bits_are_named():
    with pytest.raises(ValueError, match=r"ids: expected \[n\] uint32 or uint16, not uint32 in 2 dimensions"):
        bs.Ragged(np.zeros((2, 3), "uint32"), np.array([0, 6]))
    w = bs.windows(np.arange(9), 2)
    for index, shown in ((2**63, r"2\*\*63 - 1 or more"), (-(2**70), r"-2\*\*63 or less"), (7, "7")):
        with pytest.raises(IndexError, match=f"window {shown} is out of range, there are 4 windows"):
            w.gather([index])
