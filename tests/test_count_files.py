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


BINARY = {
    "gzip": gzip.compress(b"text"),
    "zstd": b"\x28\xb5\x2f\xfd text",
    "Parquet": b"PAR1\x15 text",
    "NumPy": b"\x93NUMPY text",
    "counts": b"BYTCOUNT\x01\0\0\0 text",
}


@pytest.mark.parametrize("kind", BINARY)
def test_what_begins_as_no_text_is_an_error_unless_it_is_meant(tokenizer, tmp_path, kind):
    path = tmp_path / "text.txt"
    path.write_bytes(BINARY[kind])
    with pytest.raises(ValueError, match=rf"text.txt, byte 0: it begins as .*{kind}"):
        tokenizer.count_files(path)
    [count] = tokenizer.count_files(path, format="text")
    assert count.tokens == tokenizer.count(BINARY[kind])


@pytest.mark.parametrize("suffix", ["gzip", "zstd", "pq", "feather", "npy", "bin", "rar"])
def test_names_of_no_text_are_errors(tokenizer, tmp_path, suffix):
    path = tmp_path / f"text.{suffix}"
    path.write_text("text")
    with pytest.raises(
        ValueError, match=f"text.{suffix}: .{suffix} is (neither text nor|no suffix of compressed)"
    ):
        tokenizer.count_files(path)


def test_text_may_begin_like_a_binary_file(tokenizer, tmp_path):
    path = tmp_path / "text.txt"
    for text in ("PAR1 is a gene.", "BYTCOUNT"):
        path.write_text(text)
        assert tokenizer.count_files(path)[0].tokens == tokenizer.count(text)


def test_a_compressed_pipe_needs_no_name(tokenizer, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[gzip.compress(b"some text")])
    writer.start()
    [count] = tokenizer.count_files(pipe)
    writer.join()
    assert count.tokens == tokenizer.count("some text")


def test_a_folder_gives_files_by_all_of_their_suffix_and_no_pipes(tokenizer, tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one"))
    (tmp_path / "b.txt").write_text("two")
    os.mkfifo(tmp_path / "c.txt")

    def names(**options):
        return [Path(count.path).name for count in tokenizer.count_files(tmp_path, **options)]

    assert names() == ["a.txt.gz", "b.txt"]
    assert names(suffixes=[".txt.gz"]) == names(suffixes=[".GZ"]) == ["a.txt.gz"]


def test_separators_may_be_any_bytes(tokenizer, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"one\xfftwo\xffthree")
    [count] = tokenizer.count_files(path, separator=b"\xff")
    assert count.documents == 3
    with pytest.raises(ValueError, match="separator: holds a lone surrogate"):
        tokenizer.count_files(path, separator="\udcff")
