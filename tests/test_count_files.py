"""`Tokenizer.count_files` counts what `encode_files` would write."""

import gzip
import os
import threading
from pathlib import Path

import pytest

import bytestride as bs


@pytest.fixture(scope="module")
def tokenizer():
    return bs.train([b"low lower lowest"] * 2, 260, special_tokens=["<s>"], pattern="gpt2")


@pytest.fixture
def folder(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("low;lower;;lowest;" * 50)
    (files / "b.txt").touch()
    (files / "c.jsonl").write_text('{"text": "low"}\n{"no": 1}\n{"text": ""}\n{"text": "<s>lower"}\n')
    (files / "d.txt.gz").write_bytes(gzip.compress("größe ".encode() * 40_000))
    return files


@pytest.mark.parametrize("options", [{"threads": 1, "max_memory": "2MB"}, {"threads": 3}])
def test_counts_are_those_of_the_store(tokenizer, folder, tmp_path, options):
    counts = tokenizer.count_files(folder, separator=";", on_error="skip", **options)
    assert [Path(count.path) for count in counts] == sorted(folder.iterdir())
    for count in counts:
        size = Path(count.path).stat().st_size
        assert (count.bytes, count.skipped) == (size, int(count.path.endswith("c.jsonl")))
        if size == 0:
            assert (count.documents, count.tokens) == (0, 0)
            continue
        store = tokenizer.encode_files(count.path, tmp_path / "x", separator=";", on_error="skip")
        assert (count.documents, count.tokens) == (len(store), len(store.tokens))
    assert counts[0].documents == 200
    assert counts == tokenizer.count_files(sorted(folder.iterdir()), separator=b";", on_error="skip")
    assert counts[0] != counts[1]
    assert repr(counts[1]) == (
        f"FileCount(path={str(folder / 'b.txt')!r}, documents=0, tokens=0, bytes=0, skipped=0)"
    )


def test_nothing_is_written_and_progress_is_in_bytes(tokenizer, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    seen = []
    tokenizer.count_files(folder, on_error="skip", progress=lambda *state: seen.append(state))
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert seen[-1] == ("counting", size, size)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pipe_has_no_size(tokenizer, tmp_path):
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("low lower",))
    writer.start()
    [count] = tokenizer.count_files(pipe)
    writer.join()
    assert (count.bytes, count.documents, count.tokens) == (None, 1, tokenizer.count("low lower"))


def test_errors_are_those_of_encode_files(tokenizer, folder, tmp_path):
    with pytest.raises(ValueError, match=r'c\.jsonl:2: no field "text"'):
        tokenizer.count_files(folder)
    with pytest.raises(FileNotFoundError):
        tokenizer.count_files(tmp_path / "none.txt")
    for arguments, error in [
        ({"max_memory": 1000}, "max_memory"),
        ({"threads": 0}, "threads"),
        ({"on_error": "ignore"}, "on_error"),
        ({"format": "xml"}, "format"),
        ({"separator": b""}, "separator"),
    ]:
        with pytest.raises(ValueError, match=error):
            tokenizer.count_files(folder, **arguments)
    with pytest.raises(ZeroDivisionError):
        tokenizer.count_files(folder, on_error="skip", progress=lambda *_: 1 / 0)
