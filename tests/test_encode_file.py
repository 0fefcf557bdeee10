"""`Tokenizer.encode_file`: a text file's documents as ids in memory."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import bytestride as bs

TEXT = "low lower lowest, über 東京 \n\n the end  " * 50


@pytest.fixture(scope="module")
def tokenizer():
    return bs.train(iter([TEXT]), 400, special_tokens=["<|end|>"])


def documents():
    """Documents of every length, empty ones among them, a megabyte together."""
    return [TEXT[at % 90 :] * (at % 11) for at in range(120)]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("separator", ["<|end|>", b"\0"])
def test_ids_are_those_of_each_document(tmp_path, tokenizer, threads, separator):
    texts = documents()
    end = separator if isinstance(separator, bytes) else separator.encode()
    path = tmp_path / "text.txt"
    path.write_bytes(b"".join(text.encode() + end for text in texts))
    assert path.stat().st_size > 1_000_000
    found = tokenizer.encode_file(path, separator=separator, threads=threads, eos="<|end|>")
    expected = tokenizer.encode_batch(texts, threads=1, eos="<|end|>")
    assert np.array_equal(found.offsets, expected.offsets)
    assert np.array_equal(found.ids, expected.ids)


@pytest.mark.skipif(sys.platform != "linux", reason="has files that say they are empty")
def test_pipes_and_files_that_the_system_makes_up_are_read(tmp_path, tokenizer):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TEXT,), kwargs={"encoding": "utf-8"})
    writer.start()
    (ids,) = tokenizer.encode_file(path)
    assert ids.tolist() == tokenizer.encode(TEXT).tolist()
    writer.join()
    (ids,) = tokenizer.encode_file("/proc/version")
    assert tokenizer.decode(ids) == Path("/proc/version").read_text()


def test_a_file_without_a_separator_is_one_document(tmp_path, tokenizer):
    path = tmp_path / "text"
    text = TEXT * 300
    path.write_text(text, encoding="utf-8", newline="")
    found = tokenizer.encode_file(str(path), threads=3)
    assert len(found) == 1
    assert np.array_equal(found.ids, tokenizer.encode(text))


def test_an_empty_file_has_no_document(tmp_path, tokenizer):
    path = tmp_path / "empty.txt"
    path.touch()
    assert len(tokenizer.encode_file(path)) == 0
    assert len(tokenizer.encode_file(path, separator="\n")) == 0


@pytest.mark.parametrize("name", ["text.jsonl", "text.txt.gz", "text.zst", "text.parquet"])
def test_what_is_no_plain_text_is_refused_by_name(tmp_path, tokenizer, name):
    path = tmp_path / name
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match=name):
        tokenizer.encode_file(path)


def test_bad_arguments_are_named(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_bytes(b"text")
    with pytest.raises(FileNotFoundError, match="missing"):
        tokenizer.encode_file(tmp_path / "missing.txt")
    with pytest.raises(OSError, match="Is a directory"):
        tokenizer.encode_file(tmp_path)
    with pytest.raises(ValueError, match="separator"):
        tokenizer.encode_file(path, separator="")
    with pytest.raises(ValueError, match="threads"):
        tokenizer.encode_file(path, threads=0)
    with pytest.raises(KeyError, match="nothing"):
        tokenizer.encode_file(path, eos="nothing")


def test_progress_is_told_in_bytes(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode() * 2000)
    told = []
    tokenizer.encode_file(path, threads=2, progress=lambda *state: told.append(state))
    assert told[-1] == ("encoding", path.stat().st_size, path.stat().st_size)
