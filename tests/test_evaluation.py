"""What a tokenizer is worth: against encoding the whole text, and by hand."""

import json
import math
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs
from bytestride.cli import main
from bytestride.cli.evaluate import compression

TEXTS = st.lists(st.text(alphabet="abc é\n,'s<|>", max_size=40), max_size=6)


@given(TEXTS, TEXTS, st.sampled_from(["gpt2", "cl100k", "o200k", None]))
def test_figures_are_those_of_the_encoded_text(training, texts, pattern):
    tokenizer = bs.train(iter(training), 280, pattern=pattern, special_tokens=["<|end|>"])
    evaluation = bs.evaluate(tokenizer, iter(texts))
    ids = [id_ for text in texts for id_ in tokenizer.encode(text).tolist()]
    seen = Counter(ids)
    assert {id_: count for id_, count in enumerate(evaluation.occurrences.tolist()) if count} == seen
    assert evaluation.tokens == len(ids)
    assert evaluation.bytes == sum(len(text.encode()) for text in texts)
    assert evaluation.words == bs.count_words(iter(texts), pattern).total
    assert evaluation.vocab_size == tokenizer.vocab_size - 1
    assert len(evaluation.unseen) == evaluation.vocab_size - len(seen)
    assert evaluation.used == pytest.approx(len(seen) / evaluation.vocab_size)
    lengths = Counter(len(tokenizer.bytes_of(id_)) for id_ in ids)
    assert {size: count for size, count in enumerate(evaluation.lengths.tolist()) if count} == lengths
    assert len(evaluation.unreachable) == 0


def test_efficiency_is_one_for_equally_frequent_tokens_and_nothing_for_a_single_one():
    tokenizer = bs.train([], 256)
    every_byte = bs.evaluate(tokenizer, bs.WordCounts({bytes([byte]): 7 for byte in range(256)}))
    assert every_byte.renyi_efficiency == pytest.approx(1)
    assert bs.evaluate(tokenizer, bs.WordCounts({"a": 9})).renyi_efficiency == pytest.approx(0)
    two = bs.evaluate(tokenizer, bs.WordCounts({"a": 3, "b": 1}))
    expected = math.log(0.75**2.5 + 0.25**2.5) / -1.5 / math.log(256)
    assert two.renyi_efficiency == pytest.approx(expected)
    nothing = bs.evaluate(tokenizer, [])
    assert (nothing.renyi_efficiency, nothing.bytes_per_token, nothing.tokens_per_word) == (0, 0, 0)


@pytest.mark.parametrize(
    "options", [{"format": "jsonl"}, {"separator": "x"}, {"text_field": "body"}, {"suffixes": [".txt"]}]
)
def test_counts_come_without_arguments_for_reading_text(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name}: is for text that is read"):
        bs.evaluate(bs.Tokenizer.load("gpt2"), bs.WordCounts({"a": 1}, "gpt2"), **options)


def test_large_counts_are_added_exactly_or_refused():
    tokenizer = bs.Tokenizer.load("gpt2")
    largest = bs.evaluate(tokenizer, bs.WordCounts({"abcd": 2**61 - 1}, "gpt2"))
    assert largest.bytes == 2**63 - 4
    assert largest.tokens == 2**62 - 2
    for word, times in (("qzxv", 2**62), ("hello", 2**63), ("abcd", 2**61)):
        with pytest.raises(ValueError, match=rf"^source: its words are {len(word) * times:,} bytes"):
            bs.evaluate(tokenizer, bs.WordCounts({word: times}, "gpt2"))


def test_tokens_that_no_text_comes_to_are_found(tmp_path):
    # "bc" merges before "ab", so nothing ever becomes "abc", which is "ab" and "c".
    learned = bs.WordCounts({"bc": 9, "ab": 5}, "gpt2")
    path = tmp_path / "made.json"
    bs.train(learned, 258).save(path)
    made = json.loads(path.read_text())
    made["model"]["vocab"]["abc"] = 258
    made["model"]["merges"].append(["ab", "c"] if isinstance(made["model"]["merges"][0], list) else "ab c")
    path.write_text(json.dumps(made))
    evaluation = bs.evaluate(bs.Tokenizer.load(path), [b"abc ab bc"])
    assert evaluation.unreachable.tolist() == [258]


def test_counts_of_another_pattern_are_an_error():
    with pytest.raises(ValueError, match="counted with cl100k, but the tokenizer splits with gpt2"):
        bs.evaluate(bs.train([], pattern="gpt2"), bs.WordCounts({"a": 1}))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"normalizer": {"type": "NFC"}}, "a normalizer"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, "pretokenizers that no pattern"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "pretokenizers that .*, and a vocabulary of characters"),
    ],
)
def test_a_tokenizer_that_does_more_than_split_and_merge_is_an_error(change, part, tmp_path):
    path = tmp_path / "made.json"
    bs.train([b"abc"], pattern="gpt2").save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    tokenizer = bs.Tokenizer.load(path)
    for work in (lambda: bs.evaluate(tokenizer, [b"abc"]), lambda: bs.extend(tokenizer, [b"abc"], 1)):
        with pytest.raises(ValueError, match=f"tokenizer: it has {part}.*; expected one that only splits"):
            work()


def test_counts_beyond_2_to_the_53_stay_exact():
    large = 2**60 + 1
    evaluation = bs.evaluate(bs.train([], 256, pattern="gpt2"), bs.WordCounts({"ab": large}, "gpt2"))
    assert (evaluation.tokens, evaluation.bytes) == (2 * large, 2 * large)


def test_the_curve_ends_where_the_training_cannot_be_cut(documents):
    tokenizer = bs.train(iter(documents), 2000, pattern="gpt2")
    counts = bs.count_words(iter(documents), "gpt2")
    curve = compression(tokenizer, counts, None)
    assert [size for size, _ in curve] == [500, 1000, 2000]
    assert np.all(np.diff([value for _, value in curve]) > 0)
    assert curve[-1][1] == bs.evaluate(tokenizer, counts).bytes_per_token


@pytest.fixture
def files(documents, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(documents[0])
    tokenizer = tmp_path / "made.json"
    bs.train(text, 600, pattern="gpt2").save(tokenizer)
    return text, tokenizer


def test_the_command_prints_a_table(files, capsys):
    text, tokenizer = files
    assert main(["evaluate", str(text), "-t", str(tokenizer), "-t", "cl100k_base"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-1] == "cl100k_base"
    assert lines[1].split() == ["vocabulary", f"{bs.Tokenizer.load(tokenizer).vocab_size}", "100,256"]
    assert lines[2].split()[1] == f"{text.stat().st_size:,}"


def test_the_command_draws_or_says_what_is_missing(files, capsys, tmp_path):
    text, tokenizer = files
    plot = tmp_path / "plot.png"
    code = main(["evaluate", str(text), "-t", str(tokenizer), "--plot", str(plot)])
    if find_spec("matplotlib") is None:
        assert code == 1
        assert "pip install 'bytestride[plot]'" in capsys.readouterr().err
        return
    assert code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert main(["evaluate", str(text), "-t", str(tokenizer), "--plot", str(plot)]) == 1
    assert "exists already" in capsys.readouterr().err
