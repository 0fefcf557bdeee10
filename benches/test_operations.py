"""Single calls, as `make bench-micro` times them; `make test` runs each once to see that it works."""

import sysconfig
from pathlib import Path

import numpy as np
import pytest

import bytestride as bs

LENGTH = 1024
BATCH = 32


@pytest.fixture(scope="module")
def text():
    """Some 200 kB of Python source."""
    return (Path(sysconfig.get_path("stdlib")) / "argparse.py").read_text(encoding="utf-8") * 2


@pytest.fixture(scope="module")
def tokenizer(text):
    return bs.train(iter([text]), 2000)


@pytest.fixture(scope="module")
def tokenizer_file(tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(path)
    return path


@pytest.fixture(scope="module")
def tokens():
    return np.random.default_rng(0).integers(0, 2000, 10_000_000, dtype=np.uint16)


@pytest.mark.parametrize("size", [13, 1_000, 20_000])
def test_encode_one_text(benchmark, tokenizer, text, size):
    ids = benchmark(tokenizer.encode, text[:size])
    assert tokenizer.decode(ids) == text[:size]


def test_encode_a_batch_of_64_texts_of_1_kb(benchmark, tokenizer, text):
    texts = [text[start : start + 1_000] for start in range(0, 64_000, 1_000)]
    batch = benchmark(tokenizer.encode_batch, texts)
    assert len(batch) == 64


def test_count_20_kb(benchmark, tokenizer, text):
    assert benchmark(tokenizer.count, text[:20_000]) == len(tokenizer.encode(text[:20_000]))


def test_decode_20_kb(benchmark, tokenizer, text):
    ids = tokenizer.encode(text[:20_000])
    assert benchmark(tokenizer.decode, ids) == text[:20_000]


def test_load_a_tokenizer(benchmark, tokenizer, tokenizer_file):
    assert benchmark(bs.Tokenizer.load, tokenizer_file).fingerprint == tokenizer.fingerprint


def test_open_a_store(benchmark, tokenizer, text, tmp_path):
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    tokenizer.encode_files(tmp_path / "text.txt", tmp_path / "store")
    assert len(benchmark(bs.TokenStore.open, tmp_path / "store")) == 1


def test_make_windows(benchmark, tokens):
    windows = benchmark(bs.windows, tokens, LENGTH, 1)
    assert np.shares_memory(windows.inputs, tokens)


def test_gather_a_batch(benchmark, tokens):
    windows = bs.windows(tokens, LENGTH)
    indices = np.random.default_rng(1).integers(0, len(windows), BATCH)
    inputs, targets = benchmark(windows.gather, indices)
    assert inputs.shape == targets.shape == (BATCH, LENGTH)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
