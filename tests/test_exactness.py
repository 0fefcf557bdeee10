"""Ids are those of tiktoken and Hugging Face, on much text of every kind; `make fuzz-encode` compares more of it."""

import os
import random
import string
import subprocess
import sys
import time
import unicodedata
from itertools import chain, islice, pairwise
from pathlib import Path

import pytest

import bytestride as bs
import fuzz_encode
from fuzz_encode import HUGGING_FACE, TIKTOKEN

STRINGS = 20_000
PATTERNS = [*TIKTOKEN, *HUGGING_FACE]
ALL_CHARACTERS = [chr(point) for point in chain(range(0xD800), range(0xE000, 0x110000))]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return fuzz_encode.learned(tmp_path_factory.mktemp("learned"))


@pytest.fixture(scope="module")
def joining(tmp_path_factory):
    return fuzz_encode.joining(tmp_path_factory.mktemp("joining"))


@pytest.fixture(scope="module")
def of_real_text(documents, tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "real.tiktoken"
    bs.train(iter(documents), 8000, pattern="gpt2").save(path)
    return fuzz_encode.of_ranks(path)


def compare(pair, texts):
    texts = iter(texts)
    while batch := list(islice(texts, 20_000)):
        pair.compare(batch)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_made_up_texts_have_the_ids_of_the_peers(pattern, learned):
    pair = learned[pattern]()
    assert list(fuzz_encode.fuzz(pair, STRINGS, "sample"))[-1] == STRINGS


@pytest.mark.parametrize("pattern", PATTERNS)
def test_real_texts_have_the_ids_of_the_peers(pattern, of_real_text, library_texts):
    assert sum(map(len, library_texts)) > 5_000_000
    of_real_text[pattern]().compare(library_texts)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_characters_at_the_edges_of_classes_stand_beside_others_as_with_the_peers(pattern, joining):
    pairs = pairwise(ALL_CHARACTERS)
    edges = [pair for pair in pairs if len(set(map(unicodedata.category, pair))) > 1]
    compare(joining[pattern](), fuzz_encode.beside_samples(sorted(set(chain(*edges)))))


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_character_stands_beside_others_as_with_the_peers(pattern, joining):
    compare(joining[pattern](), fuzz_encode.beside_samples(ALL_CHARACTERS))


def test_a_difference_is_told_on_a_short_text(learned):
    cl100k, llama3 = learned["cl100k"](), learned["llama3"]()
    mixed = fuzz_encode.Pair("a mixture", cl100k.load, llama3.theirs)
    with pytest.raises(fuzz_encode.DifferenceError, match=r"a mixture differs on '\\n '\n"):
        mixed.compare(["the same", "some text and then\n  "])


# -- memory -----------------------------------------------------------------------------------------------------

RANDOM_WORDS = """
import sys
import numpy as np
import bytestride as bs

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

def words(size):
    letters = numbers.integers(ord("a"), ord("z") + 1, size, np.uint8)
    letters[numbers.random(size, np.float32) < 0.15] = ord(" ")
    return letters.tobytes()

chunk, amount = 1 << 22, int(sys.argv[2])
numbers = np.random.default_rng(0)
tokenizer = bs.Tokenizer.load(sys.argv[1])
# As much as a chunk and its ids take, before the tokenizer has seen any text.
room = (words(chunk), np.ones(chunk, np.uint32))
del room
before, tokens = peak(), 0
for _ in range(amount // chunk):
    tokens += len(tokenizer.encode(words(chunk)))
print(peak() - before, tokens)
"""


HOSTILE = {
    "one letter": "a",
    "spaces": " ",
    "newlines": "\n",
    "letters": string.ascii_letters,
    "digits": string.digits,
    "punctuation": string.punctuation,
    "Han": [chr(point) for point in range(0x4E00, 0x9FA6)],
    "emoji": [person + "\u200d" for person in "👨👩🧑👧👦💻🚀"],
    "marks": [chr(point) for point in range(0x300, 0x370)],
    "blanks": " \n\t",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("pattern", ["o200k", "gpt2", None])
def test_hostile_texts_take_time_in_proportion_to_their_length(kind, pattern, library_texts, tmp_path):
    path = tmp_path / "tokenizer.json"
    bs.train(iter(library_texts[:100]), 2000, pattern=pattern).save(path)
    text = "".join(random.Random(kind).choices(HOSTILE[kind], k=800_000))

    def least_seconds(text):
        taken = []
        for _ in range(3):
            tokenizer = bs.Tokenizer.load(path)
            # Of the processor, so that it does not matter what else runs.
            began = time.process_time()
            tokenizer.encode(text)
            taken.append(time.process_time() - began)
        return min(taken)

    # Sixteen times as much: if time grew with the square, it would be 256.
    assert least_seconds(text) < 60 * least_seconds(text[:50_000]) + 0.05


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell peaks of memory")
def test_random_words_do_not_fill_the_memory(pytestconfig, library_texts, tmp_path):
    bs.train(iter(library_texts), 30_000).save(tmp_path / "tokenizer.json")
    amount = pytestconfig.getoption("random_megabytes") * 1_000_000
    command = [sys.executable, "-c", RANDOM_WORDS, str(tmp_path / "tokenizer.json"), str(amount)]
    grown, tokens = map(int, subprocess.check_output(command).split())
    assert tokens > amount / 10
    # Each thread has a cache of 16 MiB, and as much for ids and long words, with 4 MiB to find them.
    threads = len(os.sched_getaffinity(0))
    assert grown < (32 + 36 * threads) << 20
