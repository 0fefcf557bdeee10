"""Counting words and learning merges: against the naive reference, Hugging Face, and by hand."""

import json
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import bytestride as bs
import reference
from bytestride._core import _learn

PATTERN = r"\s?\w+|\s|[^\w\s]+"
# As Oniguruma reads it: `{1,3}+` is a repetition of a repetition there, and `$` the end of a line.
PORTABLE_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
)
TEXTS = st.lists(st.text(alphabet="abc é\n,", max_size=30), max_size=8)


def learn(documents, merges=None, **options):
    return _learn(bs.count_words(iter(documents), PATTERN), merges, **options)


def tokens(merges):
    spelled = [bytes([byte]) for byte in reference.BYTES]
    for left, right, _ in merges:
        spelled.append(spelled[left] + spelled[right])
    return spelled[256:]


# -- counts --------------------------------------------------------------------------------------------------


@given(TEXTS, st.integers(1, 5))
def test_counts_are_those_of_a_plain_counter(texts, threads):
    plain = reference.Counter(word for text in texts for word in reference.split(text, PATTERN))
    counts = bs.count_words(iter(texts), PATTERN, threads=threads)
    assert counts.items() == sorted(plain.items())
    assert (len(counts), counts.total) == (len(plain), plain.total())
    assert all(counts[word] == plain[word] and word in counts for word in counts)
    by_frequency = sorted(plain.items(), key=lambda item: (-item[1], item[0]))
    assert [counts.most_common(n) for n in (0, 2, None)] == [[], by_frequency[:2], by_frequency]


@given(TEXTS, TEXTS)
def test_counts_of_parts_add_up_to_those_of_the_whole(some, others):
    whole = bs.count_words(iter(some + others), PATTERN)
    assert bs.count_words(iter(some), PATTERN) + bs.count_words(iter(others), PATTERN) == whole


@given(TEXTS, st.integers(0, 4))
def test_pruning_leaves_what_is_frequent(texts, min_count):
    counts = bs.count_words(iter(texts), PATTERN)
    expected = [(word, count) for word, count in counts.items() if count >= min_count]
    assert counts.pruned(min_count).items() == expected
    with pytest.raises(ValueError, match="min_count"):
        counts.pruned(-1)


def test_sources_have_weights(tmp_path):
    for name, text in (("one.txt", "a a b"), ("two.txt", "b")):
        (tmp_path / name).write_text(text)
    paths = [tmp_path / "one.txt", tmp_path / "two.txt"]
    one, two = (bs.count_words(path, "gpt2") for path in paths)
    weighted = bs.count_words(paths, "gpt2", weights=[0.5, 3])
    assert weighted == one.scaled(0.5) + two.scaled(3)
    assert bs.train(paths, pattern="gpt2", weights=[2, 0]).merges == bs.train(one.scaled(2)).merges
    for source, weights in ((paths, [1]), ([b"a"], [1]), (iter(["a"]), [1])):
        with pytest.raises(ValueError, match="weights: "):
            bs.count_words(source, "gpt2", weights=weights)
    with pytest.raises(ValueError, match="weight"):
        bs.count_words(paths, "gpt2", weights=[1, -1])
    with pytest.raises(ValueError, match=r"weights: .*counts\.scaled"):
        bs.train(one, weights=[1])


# -- more words than memory ----------------------------------------------------------------------------------


@pytest.fixture
def many_words(tmp_path):
    """A file with more distinct words, short and long, than the smallest tables hold."""
    numbers = random.Random(3)
    letters = "abcdefghij"
    words = ("".join(numbers.choices(letters, k=numbers.randint(3, 24))) for _ in range(150_000))
    path = tmp_path / "many.txt"
    path.write_text(" ".join(words))
    return path


def test_counts_and_merges_are_the_same_with_little_memory(many_words):
    expected = bs.count_words(many_words, "gpt2")
    told = []
    small = bs.count_words(many_words, "gpt2", max_memory="1MB", progress=lambda *state: told.append(state))
    assert small == expected
    assert told[-1][0] == "adding up"
    documents = many_words.read_text().split(" ", 1000)
    assert bs.count_words(iter(documents), max_memory=1, threads=3) == bs.count_words(iter(documents))
    merges = bs.train(many_words, 2000, pattern="gpt2", max_memory="1MB").merges
    assert merges == bs.train(expected, 2000).merges
    with pytest.raises(ValueError, match="max_memory"):
        bs.count_words(many_words, max_memory="much")


COUNTED = """
import sys
import bytestride as bs
counts = bs.count_words(sys.argv[1], "gpt2", threads=2, max_memory=sys.argv[2])
status = open("/proc/self/status").read()
print(len(counts), int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


LEARNED = """
import sys
import bytestride as bs

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024

counts = bs.WordCounts.load(sys.argv[1])
before = peak()
merges = bs._core._learn(counts, 30_000)
print(peak() - before, sum(map(len, counts)), len(merges))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="tells the peak of memory in its own way")
def test_merging_takes_memory_by_the_bytes_of_the_words(many_words, library_texts, tmp_path):
    path = tmp_path / "words.counts"
    for source in (many_words, iter(library_texts)):
        bs.count_words(source, "gpt2").save(path)
        command = [sys.executable, "-c", LEARNED, path]
        grown, size, merges = map(int, subprocess.check_output(command).split())
        assert merges > 10_000
        # The list of merges, as Python has it, among it.
        assert grown < 30 * size + merges * 200


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="tells the peak of memory in its own way")
def test_counting_stays_below_its_bound(tmp_path):
    numbers = np.random.default_rng(5)
    letters = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", np.uint8)
    words = numbers.choice(letters, (1_300_000, 9))
    words[:, 8] = ord(" ")
    path = tmp_path / "words.txt"
    with path.open("wb") as file:
        for _ in range(5):
            file.write(numbers.permutation(words).tobytes())
    told = {}
    for bound in ("180MB", "8GB"):
        run = subprocess.run(
            [sys.executable, "-c", COUNTED, path, bound], capture_output=True, text=True, check=True
        )
        told[bound] = [int(number) for number in run.stdout.split()]
    assert told["180MB"][0] == told["8GB"][0]
    assert told["180MB"][1] < 180e6
    assert told["8GB"][1] > 250e6


def test_a_folder_that_takes_no_temporary_files_is_an_error(many_words, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere/to/be/found")
    with pytest.raises(OSError, match="/nowhere/to/be/found"):
        bs.count_words(many_words, "gpt2", max_memory=1)


def test_temporary_files_leave_nothing_behind(many_words, monkeypatch, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    bs.count_words(many_words, "gpt2", max_memory=1)

    def stop(phase, *_):
        if phase == "adding up":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bs.count_words(many_words, "gpt2", max_memory=1, progress=stop)
    assert list(folder.iterdir()) == []


def test_saved_and_pickled_counts_come_back(documents, tmp_path):
    counts = bs.count_words(iter(documents))
    counts.save(tmp_path / "all.counts")
    assert bs.WordCounts.load(tmp_path / "all.counts") == counts
    assert pickle.loads(pickle.dumps(counts)) == counts
    bs.count_words(reversed(documents), threads=3).save(tmp_path / "again.counts")
    assert (tmp_path / "again.counts").read_bytes() == (tmp_path / "all.counts").read_bytes()


def test_damaged_counts_are_noticed(tmp_path):
    path = tmp_path / "bad.counts"
    bs.WordCounts({"a": 1}).save(path)
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    with pytest.raises(ValueError, match=r"bad\.counts.*checksum"):
        bs.WordCounts.load(path)
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match="no file of word counts"):
        bs.WordCounts.load(path)


def test_counts_of_different_patterns_do_not_add():
    with pytest.raises(ValueError, match="pattern gpt2 do not add to words of cl100k"):
        bs.WordCounts({"a": 1}) + bs.WordCounts({"a": 1}, "gpt2")


def test_counts_beyond_64_bits_are_an_error():
    large = bs.WordCounts({"ab": 2**63})
    with pytest.raises(ValueError, match=r"2\^64"):
        large + large
    for count in (-1, 2**64, "many"):
        with pytest.raises(ValueError, match="words: a word counts"):
            bs.WordCounts({"a": count})


def test_unknown_words_and_wrong_types_are_errors():
    counts = bs.WordCounts({"a": 1}, None)
    assert repr(counts) == "WordCounts(1 words, 1 in total, pattern=None)"
    with pytest.raises(KeyError):
        counts["b"]
    with pytest.raises(TypeError):
        counts[1]
    with pytest.raises(ValueError, match="empty word"):
        bs.WordCounts({"": 1})
    with pytest.raises(ValueError, match=r'^pattern: .*"\('):
        bs.train(bs.WordCounts({"a": 1}, "("), 300)


# -- sources -------------------------------------------------------------------------------------------------


def test_documents_are_str_or_bytes_in_any_iterable():
    expected = bs.WordCounts({"a": 2, " b": 1}, "gpt2")
    assert bs.count_words([b"a b", b"a"], "gpt2") == expected
    assert bs.count_words(iter(["a b", b"a"]), "gpt2") == expected
    assert bs.count_words((text for text in ["a b", "a"]), "gpt2") == expected


def test_each_document_is_split_on_its_own():
    assert bs.count_words([b"a", b"b"], None).items() == [(b"a", 1), (b"b", 1)]


def test_more_documents_than_one_batch_holds():
    counts = bs.count_words(("word " * 1000 for _ in range(4000)), "gpt2", threads=2)
    assert counts.total == 4000 * 1001


def test_lone_surrogates_become_replacement_characters(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "a\\ud800b"}\n{"text": "\\ud83d\\ude00"}\n')
    assert bs.count_words(path, None) == bs.count_words(iter(["a\ud800b", "\U0001f600"]), None)
    assert bs.count_words(iter(["\ud800", "a\udfff"]), None).items() == [
        ("a\ufffd".encode(), 1),
        ("\ufffd".encode(), 1),
    ]


def test_no_documents_give_no_words():
    assert len(bs.count_words([])) == 0
    assert bs.train([b""]).vocab_size == 256


def test_files_globs_and_folders_are_counted_as_their_documents(documents, corpus, tmp_path):
    expected = bs.count_words(iter(documents), "gpt2")
    told = []
    assert bs.count_words(corpus, "gpt2", progress=lambda *state: told.append(state)) == expected
    size = sum(path.stat().st_size for path in corpus.iterdir())
    assert told[-1] == ("counting", size, size)
    assert bs.count_words(str(corpus / "*.txt"), "gpt2", threads=1) == expected
    assert bs.count_words(sorted(corpus.iterdir()), "gpt2", threads=5) == expected
    joined = tmp_path / "joined.txt"
    joined.write_bytes("<|end|>".join(documents).encode())
    assert bs.count_words(joined, "gpt2", separator="<|end|>") == expected
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps({"body": document}) + "\n" for document in documents))
    assert bs.count_words(str(lines), "gpt2", text_field="body") == expected
    assert bs.train(str(lines), 300, text_field="body", pattern="gpt2").vocab_size == 300


@pytest.mark.parametrize("source", ["nowhere.txt", ["to be", "or not"]])
def test_a_str_is_a_path_and_a_missing_one_an_error(source):
    with pytest.raises(FileNotFoundError) as caught:
        bs.count_words(source)
    assert "give documents as bytes or iter(documents)" in caught.value.__notes__[0]


@pytest.mark.parametrize("source", [b"text", bytearray(b"text"), 5, None, [1], [b"a", "b"]])
def test_what_is_no_source_is_a_type_error(source):
    with pytest.raises(TypeError, match="expected"):
        bs.count_words(source)


def test_an_error_in_the_iterable_comes_through():
    def documents():
        yield "a"
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        bs.count_words(documents())


def test_progress_is_told_and_may_stop_the_count():
    told = []
    bs.train([b"low lower lowest"], 258, progress=lambda *state: told.append(state))
    assert told[0] == ("counting", 16, None)
    assert told[-1] == ("merging", 2, 2)

    def stop(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        bs.count_words([b"a"], progress=stop)


# -- merges --------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(TEXTS, st.none() | st.integers(0, 30), st.integers(1, 3), st.none() | st.integers(1, 6))
def test_merges_are_those_of_the_reference(texts, merges, min_frequency, max_token_bytes):
    expected = reference.train(texts, merges, min_frequency, max_token_bytes, PATTERN)
    learned = learn(texts, merges, min_frequency=min_frequency, max_token_bytes=max_token_bytes)
    assert learned == expected


@settings(max_examples=200)
@given(TEXTS, st.text(alphabet="abc é\n,", max_size=40))
def test_a_trained_tokenizer_encodes_as_the_reference(texts, text):
    tokenizer = bs.train(iter(texts), pattern=PATTERN)
    merges = reference.train(texts, regex=PATTERN)
    assert tokenizer.encode(text).tolist() == reference.encode(text, merges, PATTERN)


@pytest.mark.parametrize("text", ["aa", "aaa", "aaaa", "aaaaaaa", "abab", "ababa", "a", "", "xaaay aaa aaaa"])
def test_overlapping_pairs(text):
    merges = learn([text], min_frequency=1)
    assert merges == reference.train([text], min_frequency=1, regex=PATTERN)
    assert len(set(tokens(merges))) == len(merges)


def test_merges_do_not_depend_on_threads_or_order(documents):
    expected = learn(documents, 2000)
    shuffled = random.Random(0).sample(documents, len(documents))
    for threads in (1, 2, 5, 16):
        counts = bs.count_words(iter(shuffled), PATTERN, threads=threads)
        assert _learn(counts, 2000, threads=threads) == expected


def test_counts_beyond_32_bits_keep_their_order():
    counts = bs.WordCounts({"ab": 2**31 + 1, "cd": 2**32 + 1, "ef": 2**33, "gh": 3}, PATTERN)
    assert tokens(_learn(counts)) == [b"ef", b"cd", b"ab", b"gh"]
    scaled = bs.count_words([b"ab", b"cd cd cd", b"ef ef"], PATTERN).scaled(2**33)
    assert tokens(_learn(scaled, 3)) == [b"cd", b"ef", b" cd"]


@pytest.mark.parametrize("frequent", [10**4, 10**6, 10**9, 10**15])
def test_rare_pairs_merge_in_order_where_one_word_is_most_of_the_text(documents, frequent):
    """Then all others are far rarer than the last merges of that many bytes are guessed to be."""
    counts = bs.count_words(iter(documents), "gpt2") + bs.WordCounts({" xyzxyzzy": frequent}, "gpt2")
    # Without a limit nothing is guessed.
    every = _learn(counts)
    for merges in (10, 300, 3000):
        assert _learn(counts, merges) == every[:merges]
    every = _learn(counts, max_token_bytes=6)
    assert _learn(counts, 300, max_token_bytes=6) == every[:300]


def test_a_word_of_a_megabyte_is_not_quadratic():
    merges = _learn(bs.count_words([b"a" * 2**20], None), min_frequency=1)
    assert [len(token) for token in tokens(merges)] == [2**power for power in range(1, 21)]


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k"])
def test_merges_are_those_of_hugging_face(documents, pattern):
    tokenizers = pytest.importorskip("tokenizers")
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    splits = byte_level
    if pattern != "gpt2":
        split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PORTABLE_CL100K), "isolated")
        bytes_only = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        splits = tokenizers.pre_tokenizers.Sequence([split, bytes_only])
    for min_frequency, size in ((2, 3000), (5, 100_000)):
        theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
        theirs.pre_tokenizer = splits
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=min_frequency,
            initial_alphabet=byte_level.alphabet(),
            show_progress=False,
        )
        theirs.train_from_iterator(documents, trainer)
        model = json.loads(theirs.to_str())["model"]
        vocabulary = model["vocab"]
        expected = [
            (vocabulary[left], vocabulary[right], vocabulary[left + right]) for left, right in model["merges"]
        ]
        counts = bs.count_words(iter(documents), pattern)
        assert _learn(counts, size - 256, min_frequency) == expected


# -- train ---------------------------------------------------------------------------------------------------


def test_the_vocabulary_is_bytes_merges_and_special_tokens():
    tokenizer = bs.train([b"low lower lowest"], 260, pattern="gpt2", special_tokens=["<|end|>"])
    assert tokenizer.vocab_size == 260
    assert [tokenizer.bytes_of(id_) for id_ in (0, 255, 258)] == [b"!", b"\xad", b" low"]
    assert tokenizer.id_of("<|end|>") == 259


def test_without_a_size_all_that_repeats_is_merged():
    tokenizer = bs.train([b"abcd,abcd"], pattern=PATTERN)
    assert [tokenizer.bytes_of(id_) for id_ in range(256, tokenizer.vocab_size)] == [b"ab", b"cd", b"abcd"]


def test_too_few_pairs_make_a_smaller_vocabulary():
    assert bs.train([b"ab ab"], 50_000, pattern=PATTERN).vocab_size == 257


def test_a_vocabulary_without_room_for_bytes_and_special_tokens_is_an_error():
    with pytest.raises(ValueError, match="vocab_size: is 257, expected at least 258"):
        bs.train([b"a"], 257, special_tokens=["<a>", "<b>"])


def test_counts_bring_their_pattern():
    counts = bs.count_words([b"to be or not to be"], "gpt2")
    assert bs.train(counts).pattern == "gpt2"
    with pytest.raises(ValueError, match="pattern: is o200k, but the words were counted with gpt2"):
        bs.train(counts, pattern="o200k")


def test_bad_arguments_are_named():
    for options in ({"threads": 0}, {"max_token_bytes": 0}, {"pattern": "("}):
        (name,) = options
        with pytest.raises(ValueError, match=name):
            bs.train([b"a"], **options)


def test_counts_keep_their_pattern():
    counts = bs.count_words([b"low lower"], pattern="gpt2")
    assert bs.train(counts, 300).pattern == "gpt2"
    assert bs.train(counts, 300, pattern="gpt2").pattern == "gpt2"
    for other in ("cl100k", None):
        with pytest.raises(ValueError, match="pattern: is .*, but the words were counted with gpt2"):
            bs.train(counts, 300, pattern=other)


def test_an_empty_corpus_gives_the_bytes_alone(tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    assert bs.train(str(tmp_path / "empty.txt"), 300).vocab_size == 256
    assert bs.train([], 300).merges == []


# -- several sizes, digits, superwords -----------------------------------------------------------------------


def test_several_sizes_are_one_training(documents):
    counts = bs.count_words(iter(documents), "gpt2")
    sizes = [1000, 300, 100_000]
    special = ["<|end|>"]
    several = bs.train(counts, sizes, special_tokens=special)
    assert several == [bs.train(counts, size, special_tokens=special) for size in sizes]
    assert several[0].truncated(300) == several[1]
    with pytest.raises(ValueError, match="vocab_size: is 256, expected at least 257"):
        bs.train(counts, [300, 256], special_tokens=special)
    with pytest.raises(ValueError, match="vocab_size: is empty"):
        bs.train(counts, [])


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "deepseek"])
@pytest.mark.parametrize(("digits", "side"), [(1, "left"), (2, "left"), (4, "left"), (3, "right")])
def test_numbers_are_grouped_as_the_expression_says(pattern, digits, side, documents, tmp_path):
    tokenizer = bs.train(iter(documents), 800, pattern=pattern, digits=digits, digits_from=side)
    written = [text.encode() for text in ("in 1234567 of 12", "١٢٣٤٥x½9", "1" * 5000)]
    counts = bs.count_words(written, pattern, digits=digits, digits_from=side)
    group = r"\p{N}" if digits == 1 else rf"\p{{N}}{{1,{digits}}}"
    ahead = rf"(?=(?:\p{{N}}{{{digits}}})*(?!\p{{N}}))" if side == "right" else ""
    assert any(group + ahead in expression for expression in tokenizer.expressions)
    if pattern != "deepseek":
        words = (
            word for text in written for word in reference.split(text.decode(), tokenizer.expressions[0])
        )
        assert dict(counts.items()) == reference.Counter(words)
    assert max(sum(map(str.isdigit, word.decode())) for word in counts) == digits
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = bs.Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded == tokenizer
    assert loaded.pattern == tokenizer.pattern
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in (*documents, "in 1234567 of 12", "١٢٣٤٥x½9"):
        assert tokenizer.encode(text).tolist() == theirs.encode(text).ids


def test_digits_that_go_with_nothing_are_errors():
    for options, message in (
        ({"digits": 0}, "digits: is 0, expected 1 to 9"),
        ({"digits": 2, "pattern": "a|b"}, "digits: are for published patterns"),
        ({"digits": 2, "digits_from": "middle"}, 'digits_from: is "middle", expected'),
    ):
        with pytest.raises(ValueError, match=message):
            bs.count_words([b"1"], **options)
    with pytest.raises(ValueError, match="digits: are part of the pattern"):
        bs.train(bs.WordCounts({"1": 1}), digits=1)
    assert bs.train([], pattern="llama3", digits=1).pattern == "qwen2"


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k", "llama3", r"\s?\p{L}+|\s|[^\p{L}\s]+"])
def test_superwords_reach_across_words_and_encode_as_elsewhere(pattern, documents, tmp_path):
    tokenizer = bs.train(
        iter(documents), 2000, pattern=pattern, superwords_from=1000, special_tokens=["<|end|>"]
    )
    plain = bs.train(iter(documents), 2000, pattern=pattern, special_tokens=["<|end|>"])
    tokens = [tokenizer.bytes_of(id_) for id_ in range(1999)]
    superwords = [token for token in tokens[999:] if b" " in token.strip()]
    assert len(superwords) > 50
    assert max(token.count(b" ", 1) for token in superwords) <= 3
    if "|" not in pattern:
        # What is cut anew is cut as before, so the first merges are those of any training.
        assert tokenizer.merges[:743] == plain.merges[:743]
    assert sum(tokenizer.count_batch(documents)) < sum(plain.count_batch(documents))
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = bs.Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded == tokenizer
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in documents:
        assert tokenizer.encode(text).tolist() == theirs.encode(text).ids == loaded.encode(text).tolist()


def test_progress_counts_superwords_behind_the_other_merges():
    seen = []
    text = [b"the cat sat on the mat, the cat sat on the hat"] * 50
    made = bs.train(iter(text), 290, superwords_from=270, progress=lambda *state: seen.append(state))
    assert seen[-1] == ("merging", len(made.merges), 34)
    assert {total for phase, _, total in seen if phase == "merging"} == {34}
    assert len(made.merges) > 14
    bs.train(iter(text), 260, superwords_from=270, progress=lambda *state: seen.append(state))
    assert seen[-1] == ("merging", 4, 4)


def test_superwords_reach_into_four_words_at_most():
    tokenizer = bs.train([b"one two three four. a b c d e. " * 9], pattern="gpt2", superwords_from=300)
    assert max(len(tokenizer.bytes_of(id_).split()) for id_ in range(tokenizer.vocab_size)) == 4


def test_superwords_come_from_added_counts_and_go_on_by_extending(documents):
    half = len(documents) // 2
    parts = [
        bs.count_words(iter(part), "gpt2", superwords=True) for part in (documents[:half], documents[half:])
    ]
    whole = bs.train(iter(documents), 1500, pattern="gpt2", superwords_from=1000, threads=1)
    assert bs.train(parts[0] + parts[1], 1500, superwords_from=1000) == whole
    assert bs.train(parts[0] + parts[1], 1500, pattern="gpt2", superwords_from=1000, threads=5) == whole
    assert bs.extend(whole.truncated(1200), parts[0] + parts[1], 300) == whole
    assert whole.truncated(700) == bs.train(iter(documents), 700, pattern="gpt2", superwords_from=1000)
    with pytest.raises(ValueError, match="superwords: need counts of words in a row"):
        bs.train(bs.count_words(iter(documents), "gpt2"), superwords_from=1000)
    with pytest.raises(ValueError, match="superwords_from: is 255"):
        bs.train(iter(documents), superwords_from=255)
    for pattern in (None, "deepseek"):
        with pytest.raises(ValueError, match="superwords: reach across pretokens of one expression"):
            bs.train(iter(documents), pattern=pattern, superwords_from=1000)


# -- extend --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["json", "tiktoken"])
def test_extending_keeps_every_id_and_goes_on(documents, tmp_path, suffix):
    half = len(documents) // 2
    path = tmp_path / f"first.{suffix}"
    bs.train(iter(documents[:half]), 1000, pattern="gpt2").save(path)
    first = bs.Tokenizer.load(path, pattern="gpt2" if suffix == "tiktoken" else None)
    extended = bs.extend(first, iter(documents[half:]), 500)
    assert extended.vocab_size == first.vocab_size + 500
    assert all(extended.bytes_of(id_) == first.bytes_of(id_) for id_ in range(1000))
    assert extended.merges[:744] == first.merges
    counts = bs.count_words(iter(documents[half:]), "gpt2")
    assert bs.extend(first, counts, 500, threads=1) == extended
    # Encoding is the old one, and then the new merges, in their order.
    merges = [(extended.id_of(a), extended.id_of(b), extended.id_of(a + b)) for a, b in extended.merges[744:]]
    for word in (word.decode(errors="replace") for word, _ in counts.most_common(300)):
        ids = first.encode(word).tolist()
        for merge in merges:
            ids = reference.join(ids, *merge)
        assert extended.encode(word).tolist() == ids
    assert len(extended.encode(documents[-1])) < len(first.encode(documents[-1]))


def test_extending_with_what_was_trained_on_is_training_longer(documents):
    whole = bs.train(iter(documents), 1500, pattern="gpt2")
    assert bs.extend(whole.truncated(700), iter(documents), 800) == whole


def test_special_tokens_stay_and_are_not_made_of_text():
    tokenizer = bs.train([b"<|end|>"], 260, special_tokens=["<|end|>"], pattern=None)
    extended = bs.extend(tokenizer, [b"<|end|>"] * 9, 50)
    assert extended.special_tokens == tokenizer.special_tokens
    assert extended.encode("<|end|>", special="encode").tolist() == [tokenizer.id_of("<|end|>")]
    assert b"<|end|>" not in [left + right for left, right in extended.merges]


def test_what_cannot_be_extended_is_an_error():
    tokenizer = bs.train([], pattern="gpt2")
    with pytest.raises(ValueError, match="counted with cl100k, but the tokenizer splits with gpt2"):
        bs.extend(tokenizer, bs.WordCounts({"a": 1}), 5)
    with pytest.raises(ValueError, match="merges"):
        bs.extend(tokenizer, [b"a"], -1)
    with pytest.raises(ValueError, match="weights"):
        bs.extend(tokenizer, bs.WordCounts({"a": 1}, "gpt2"), 5, weights=[1])


def test_counts_of_counts_keep_their_pattern():
    counts = bs.WordCounts({"a": 1}, "gpt2")
    assert bs.WordCounts(counts, "gpt2") == counts
    with pytest.raises(ValueError, match="pattern: expected gpt2, which cut these words, not cl100k"):
        bs.WordCounts(counts)


def test_paths_are_a_list(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(TypeError, match=r"source: item 0 is a path; paths go into a list, as list\(paths\)"):
        bs.train(tmp_path.glob("*.txt"), 260)
    assert bs.train(list(tmp_path.glob("*.txt")), 260).vocab_size == 256


@pytest.mark.parametrize("options", [{}, {"superwords_from": 280}])
def test_pairs_that_spell_a_special_token_do_not_merge(options):
    documents = [b"a pad b pad the pad"] * 9
    tokenizer = bs.train(iter(documents), 300, special_tokens=["pad", "the"], **options)
    tokens = {tokenizer.bytes_of(id) for id in range(256, tokenizer.vocab_size - 2)}
    assert tokenizer.id_of("pad") == tokenizer.vocab_size - 2
    assert b" pad" in tokens
    assert not tokens & {b"pad", b"the"}
    both = bs.train(iter(documents), [258, 300], special_tokens=["pad", "the"], **options)
    assert both[1].fingerprint == tokenizer.fingerprint
    assert tokenizer.decode(tokenizer.encode("a pad the")) == "a pad the"


def test_superwords_are_never_learned_unasked():
    counts = bs.count_words([b"a b a b"], superwords=True)
    tokenizer = bs.train(counts, 260, superwords_from=257)
    for source, options in [(counts, {}), ([b"a b a b"], {"pattern": tokenizer})]:
        with pytest.raises(ValueError, match="superwords_from: expected a number of tokens"):
            bs.train(source, 260, **options)


def test_a_mapping_is_no_source():
    with pytest.raises(TypeError, match=r"source: is a mapping.*WordCounts\(source\)"):
        bs.train({"ab": 1000}, 257)
    with pytest.raises(TypeError, match="texts: is a mapping"):
        bs.train([b"ab"], 256).encode_batch({"ab": 1})


def test_counts_are_summed():
    parts = [bs.WordCounts({"a": 1}), bs.WordCounts({"a": 2, "b": 1})]
    assert sum(parts) == bs.WordCounts({"a": 3, "b": 1})
    with pytest.raises(TypeError):
        sum(parts, 1)


def test_a_text_in_the_place_of_a_path_is_not_all_shown():
    with pytest.raises(OSError, match="no path is as long as this text") as raised:
        bs.train("hello world " * 1000)
    assert len(str(raised.value)) < 120
