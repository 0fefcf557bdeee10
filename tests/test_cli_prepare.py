"""`bytestride prepare`: what it prints and writes, what it refuses, and how it goes on after Ctrl-C."""

import random
import re
import sys

import numpy as np
import pytest

import bytestride as bs
from bytestride.cli import main
from bytestride.progress import Progress
from commands import END, run


def test_prepare_writes_tokenizer_store_and_windows(prepared, documents, tokenizer):
    out, printed = prepared
    assert sorted(path.name for path in out.iterdir()) == [
        "corpus.bin",
        "corpus.idx",
        "corpus.json",
        "corpus.tokenizer.json",
    ]
    store = bs.TokenStore.open(out / "corpus")
    assert len(store) == len(documents)
    assert tokenizer.vocab_size == 1000
    end = tokenizer.special_tokens[END]
    for index, document in enumerate(documents):
        assert store[index][-1] == end
        np.testing.assert_array_equal(store[index][:-1], tokenizer.encode(document))
    assert f"{len(store.tokens):,} of uint16" in printed
    assert f"{len(bs.windows(store, 64)):,} of 64 tokens" in printed


def test_the_python_that_prepare_prints_reads_its_windows(prepared):
    out, printed = prepared
    code = printed.partition("To read it:\n\n")[2]
    assert len(code.splitlines()) == 3
    names = {}
    exec(code, names)
    windows = bs.windows(bs.TokenStore.open(out / "corpus"), 64)
    assert names["inputs"].shape == (32, 64)
    assert names["inputs"].dtype == np.int64
    assert len(names["windows"]) == len(windows)


def test_prepare_measures_bytes_per_token(prepared, documents):
    out, printed = prepared
    store = bs.TokenStore.open(out / "corpus")
    text_bytes = sum(len(document.encode()) for document in documents)
    assert f"bytes per token  {text_bytes / len(store.tokens):.2f}\n" in printed


def test_prepare_with_a_tokenizer_does_not_train(corpus, tokenizer_file, tokenizer, tmp_path, capsys):
    assert main(["prepare", str(corpus), "--out", str(tmp_path / "x"), "--tokenizer", tokenizer_file]) == 0
    assert "merging" not in capsys.readouterr().out
    assert bs.Tokenizer.load(tmp_path / "x" / "corpus.tokenizer.json").fingerprint == tokenizer.fingerprint


def test_existing_output_is_kept_unless_forced(corpus, tmp_path, capsys):
    out = tmp_path / "data"
    arguments = ["prepare", str(corpus), "--out", str(out), "--vocab-size", "300"]
    assert main(arguments) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main([*arguments, "--bos", END]) == 1
    error = f"error: {out / 'corpus.bin'}: exists already; --force overwrites it\n"
    assert capsys.readouterr().err == error
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert main([*arguments, "--bos", END, "--force"]) == 0
    assert (out / "corpus.bin").read_bytes() != before["corpus.bin"]


def test_standard_input_cannot_be_both_trained_on_and_encoded(tmp_path, capsys):
    assert main(["prepare", "-", "--out", str(tmp_path / "x")]) == 2
    assert "standard input can be read only once" in capsys.readouterr().err
    done = run("prepare", "/dev/stdin", "--out", tmp_path / "x", stdin=b"some text")
    assert done.returncode == 2
    assert b"/dev/stdin can be read only once" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--vocab-size", "16384"),
        ("--pattern", "gpt2"),
        ("--digits", "3"),
        ("--digits-from", "right"),
        ("--superwords-from", "300"),
        ("--special", "<pad>"),
        ("--min-frequency", "2"),
    ],
)
def test_prepare_with_a_tokenizer_refuses_what_only_training_follows(
    option, value, corpus, tokenizer_file, tmp_path, capsys
):
    out = tmp_path / "x"
    arguments = ["prepare", str(corpus), "--out", str(out), "--tokenizer", tokenizer_file, option, value]
    assert main(arguments) == 2
    assert f"{option}: is for training" in capsys.readouterr().err
    assert not out.exists()


def test_prepare_refuses_to_train_on_what_it_leaves_out(corpus, tmp_path, capsys):
    assert main(["prepare", str(corpus), "--out", str(tmp_path / "x"), "--on-error", "skip"]) == 2
    assert "--on-error: training leaves nothing out" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_prepare_of_less_than_a_window_says_so(tokenizer_file, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("a b")
    arguments = ["prepare", str(tmp_path / "text.txt"), "--out", str(tmp_path / "x"), "-t", tokenizer_file]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert re.search("windows +0 of 256 tokens, 256 from start to start: the first would need 257", shown.out)
    assert "Written:" in shown.out
    assert "To read it" not in shown.out
    assert shown.err == ""


def test_a_failed_prepare_leaves_no_folder(tmp_path, capsys):
    assert main(["prepare", str(tmp_path / "missing"), "--out", str(tmp_path / "a" / "b")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "a" / "b").exists()


def test_an_interrupted_prepare_goes_on_encoding_and_ends_with_the_same_files(tmp_path, monkeypatch):
    words = random.Random(5).choices([f"word{number}" for number in range(5_000)], k=400_000)
    # Encoding takes some times as long as it is between two reports.
    (tmp_path / "text.txt").write_text(" ".join(words) * 40)
    starts = []

    class Interrupting(Progress):
        def __call__(self, phase, done, total):
            super().__call__(phase, done, total)
            if phase == "encoding" and done > total / 8:
                raise KeyboardInterrupt

    class Noting(Progress):
        def __call__(self, phase, done, total):
            super().__call__(phase, done, total)
            starts.extend([done / total] if phase == "encoding" and done else [])

    def prepare(name, progress):
        out = tmp_path / name
        options = ["--out", str(out), "--vocab-size", "300", "--threads", "1"]
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules["bytestride.cli.prepare"], "Progress", progress)
            code = main(["prepare", str(tmp_path / "text.txt"), *options])
        return code, {path.name: path.read_bytes() for path in out.iterdir()}

    code, whole = prepare("whole", Progress)
    assert code == 0
    code, partial = prepare("again", Interrupting)
    assert code == 130
    assert sorted(partial) == ["corpus.bin.partial", "corpus.idx.partial", "corpus.journal.partial"]
    assert prepare("again", Noting) == (0, whole)
    assert starts[0] > 1 / 9
