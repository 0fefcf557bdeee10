"""DeepSeek's pattern, three splits in sequence, and its file, against Hugging Face's own library."""

import json
import pickle
from itertools import permutations

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, pre_tokenizers

import bytestride as bs

THIRD = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
    "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
EXPRESSIONS = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", THIRD]
# Of each class some, and what stands at the edges of the ranges.
CHARACTERS = (
    "aZéÉ中文一龥\u9fa6\u4dffあが\u3040\u3097\u3099\u309b\u309fアヴ\u30a0・ー\u30ff\u3100\u303f"
    "019٣½Ⅷ .,'!\"$+^_`|~-/。，£€😀\u0301\u0903\u20dd \t\n\r\u00a0\u3000\u0085\u2028\x0b\x00\x1c\x7f\u200b\ufeff\ue000\u0378"
)
CASES = [
    "don't .abcé ..abc £abc $x 'S",
    "in 2024, 1234567 of ١٢٣٤ ½½½½",
    "a  1  中  b \r\n\r\n  c\n 9\n中 \n",
    "東京タワー・スカイツリー 2024年ab中文カナcd",
    "\x00\x00a\x00\x00 \x00.\u200b\u200b中\u200b1",
    "\u3040\u3040あ\u3097\u30a0\u30a0\n が\u3099\u0301",
]


def train_peer(documents, added=()):
    """A tokenizer of Hugging Face's, with the pretokenizer, post-processor and decoder of DeepSeek's file."""
    peer = tokenizers.Tokenizer(tokenizers.models.BPE())
    peer.normalizer = tokenizers.normalizers.Sequence([])
    splits = [pre_tokenizers.Split(Regex(expression), "isolated") for expression in EXPRESSIONS]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    peer.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level])
    peer.post_processor = tokenizers.processors.ByteLevel(add_prefix_space=True, trim_offsets=False)
    peer.decoder = tokenizers.decoders.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet, show_progress=False)
    peer.train_from_iterator(documents, trainer)
    peer.add_tokens([token for token in added if not token.special])
    peer.add_special_tokens([token for token in added if token.special])
    return peer


@pytest.fixture(scope="module")
def texts(documents):
    return [*documents, *CASES]


@pytest.fixture(scope="module")
def peer(texts):
    return train_peer(texts)


@pytest.fixture(scope="module")
def ours(peer, tmp_path_factory):
    path = tmp_path_factory.mktemp("deepseek") / "tokenizer.json"
    peer.save(str(path))
    return bs.Tokenizer.load(path)


def test_its_file_gives_its_ids_and_offsets(ours, peer, texts):
    assert ours.pattern == "deepseek"
    for text in [*texts, "".join(texts)]:
        expected = peer.encode(text)
        ids, spans = ours.encode_with_offsets(text)
        assert ids.tolist() == expected.ids
        assert [tuple(span) for span in spans.tolist()] == expected.offsets


def test_two_characters_and_three_of_any_classes_give_its_ids(ours, peer):
    texts = ["".join(pair) for pair in permutations(CHARACTERS, 2)]
    texts += [f"{a}{b}{a}{a}{b}{b}a{b}" for a, b in permutations(CHARACTERS, 2)]
    batch = ours.encode_batch(texts)
    for text, ids, expected in zip(texts, batch, peer.encode_batch(texts), strict=True):
        assert ids.tolist() == expected.ids, text


@settings(max_examples=500)
@given(st.text(st.sampled_from(CHARACTERS), max_size=60) | st.text(max_size=60))
def test_random_text_gives_its_ids(ours, peer, text):
    assert ours.encode(text).tolist() == peer.encode(text).ids


def test_training_learns_its_merges_and_each_reads_the_other(ours, texts, tmp_path):
    trained = bs.train(iter(texts), 900, pattern="deepseek")
    assert trained == ours
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    steps = json.loads(path.read_text())["pre_tokenizer"]["pretokenizers"]
    assert [step["pattern"]["Regex"] for step in steps[:-1]] == EXPRESSIONS
    assert bs.Tokenizer.load(path) == pickle.loads(pickle.dumps(trained)) == trained
    again = tokenizers.Tokenizer.from_file(str(path))
    for text in texts:
        assert again.encode(text).ids == trained.encode(text).tolist()


def test_counts_carry_the_pattern(texts, tmp_path):
    counts = bs.count_words(iter(texts), pattern="deepseek")
    counts.save(tmp_path / "counts")
    assert bs.WordCounts.load(tmp_path / "counts") == counts
    assert bs.train(counts, 400) == bs.train(iter(texts), 400, pattern="deepseek")


# -- added tokens -----------------------------------------------------------------------------------------------

ADDED = [
    AddedToken("<s>", special=True, normalized=False),
    AddedToken("<think>", special=False, normalized=True),
    AddedToken("</think>", special=False, normalized=False),
    AddedToken("中文", special=False, normalized=True),
]


def test_added_tokens_that_are_not_special_are_found_like_special_ones(texts, tmp_path):
    peer = train_peer(texts[-20:], ADDED)
    path = tmp_path / "tokenizer.json"
    peer.save(str(path))
    ours = bs.Tokenizer.load(path)
    assert {token.content for token in ADDED} == set(ours.special_tokens)
    for text in ("a<think>b  </think>\n中文<s>", "<s><thin<think>></think", "国中文字 <think", *texts[-20:]):
        assert ours.encode(text, special="encode").tolist() == peer.encode(text).ids
    # They are part of any text, unless it is said which tokens are wanted.
    assert ours.encode("<think>").tolist() == [ours.special_tokens["<think>"]]
    assert ours.special_tokens["<think>"] not in ours.encode("<think>", special=set())

    # What is saved keeps the mark apart, for others and for itself.
    for tokenizer in (ours, pickle.loads(pickle.dumps(ours))):
        tokenizer.save(path)
        marks = {token["content"]: token["special"] for token in json.loads(path.read_text())["added_tokens"]}
        assert marks == {token.content: token.special for token in ADDED}
        assert bs.Tokenizer.load(path) == ours
    again = tokenizers.Tokenizer.from_file(str(path))
    assert all(again.token_to_id(name) == id for name, id in ours.special_tokens.items())
    ids = ours.encode("<s>a<think>中文", special="encode").tolist()
    assert again.encode("<s>a<think>中文").ids == ids
    assert again.decode(ids) == peer.decode(ids) == "a<think>中文"


@pytest.mark.parametrize(
    ("late", "early"),
    [("<ab", "b>"), ("<ab>", "ab"), ("ab", "ab>"), ("b>", "<ab"), ("ab", "<ab>"), ("<ab>", "<cd>")],
)
def test_normalized_tokens_are_found_in_what_the_others_leave(tmp_path, late, early):
    added = [AddedToken(late, normalized=True), AddedToken(early, normalized=False)]
    peer = train_peer(["a"], added)
    path = tmp_path / "tokenizer.json"
    peer.save(str(path))
    ours = bs.Tokenizer.load(path)
    for order in permutations([late, early, late[:-1], early[1:], "b>"]):
        text = "".join(order)
        assert ours.encode(text, special="encode").tolist() == peer.encode(text).ids, text


# -- other sequences --------------------------------------------------------------------------------------------


def change(ours, path, changed):
    """A file of `ours` with other steps of the pretokenizer."""
    ours.save(path)
    file = json.loads(path.read_text())
    changed(file["pre_tokenizer"]["pretokenizers"])
    path.write_text(json.dumps(file))


def swapped(steps):
    steps[0], steps[1] = steps[1], steps[0]


def of_the_first_deepseek(steps):
    steps[:2] = [
        steps[0] | {"pattern": {"Regex": expression}}
        for expression in ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}")
    ]
    steps.pop(-2)


OTHERS = {
    "other order": swapped,
    "one fewer": lambda steps: steps.pop(0),
    "other expression": lambda steps: steps[0]["pattern"].update(Regex=r"\p{N}{1,2}"),
    "another one behind": lambda steps: steps[3].update(use_regex=True),
    "that of the first DeepSeek": of_the_first_deepseek,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_sequences_give_their_ids(ours, texts, tmp_path, kind):
    path = tmp_path / "tokenizer.json"
    change(ours, path, OTHERS[kind])
    other, peer = bs.Tokenizer.load(path), tokenizers.Tokenizer.from_file(str(path))
    assert other.pattern != "deepseek"
    samples = [*CASES, *texts[:3], *("".join(pair) * 2 for pair in permutations(CHARACTERS, 2))]
    for text in samples:
        assert other.encode(text).tolist() == peer.encode(text).ids, text
    # The pattern is one text, which training, counting and files take back.
    other.save(path)
    assert bs.Tokenizer.load(path) == other
    counts = bs.count_words(iter(samples), pattern=other.pattern)
    counts.save(tmp_path / "counts")
    assert bs.WordCounts.load(tmp_path / "counts").pattern == other.pattern
    assert bs.train(counts, 300).pattern == other.pattern


OF_STEPS = {
    "a text": lambda steps: steps[0].update(pattern={"String": r"\p{N}{1,3}"}),
    "other behaviour": lambda steps: steps[1].update(behavior="MergedWithNext"),
    "inverted": lambda steps: steps[1].update(invert=True),
    "only matches": lambda steps: steps[2].update(behavior="Removed", invert=True),
    "a space before": lambda steps: steps[3].update(add_prefix_space=True),
    "two in one": lambda steps: steps[0]["pattern"].update(Regex="a\x1eb"),
    "a name": lambda steps: steps[0]["pattern"].update(Regex="deepseek"),
}


@pytest.mark.parametrize("kind", OF_STEPS)
def test_pretokenizers_that_are_no_pattern_give_their_ids(ours, texts, tmp_path, kind):
    path = tmp_path / "tokenizer.json"
    change(ours, path, OF_STEPS[kind])
    other, peer = bs.Tokenizer.load(path), tokenizers.Tokenizer.from_file(str(path))
    assert other.pattern is None
    for text in [*CASES, *texts[:3]]:
        assert other.encode(text).tolist() == peer.encode(text).ids, text
