"""The command line: what it prints and writes, how it ends, and that it leaves nothing half-done."""

import gzip
import json
import os
import random
import re
import signal
import string
import subprocess
import sys
import time

import numpy as np
import pytest

import bytestride as bs
from bytestride.cli import main
from bytestride.cli.references import Reference
from bytestride.progress import Progress

COMMANDS = (
    "prepare",
    "train",
    "encode",
    "decode",
    "count",
    "evaluate",
    "inspect",
    "validate",
    "convert",
    "windows",
    "merge",
    "verify",
    "export",
    "bench",
)
END = "<|endoftext|>"


def run(*arguments, stdin=b""):
    arguments = [one if isinstance(one, bytes) else str(one) for one in arguments]
    command = [sys.executable, "-m", "bytestride", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    """The folder that one run of `prepare` made, and what it printed."""
    out = tmp_path_factory.mktemp("prepared") / "data"
    done = run("prepare", corpus, "--out", out, "--vocab-size", 1000, "--eos", END, "--max-length", 64)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"", "quiet in a pipe"
    return out, done.stdout.decode()


@pytest.fixture
def tokenizer_file(prepared):
    return str(prepared[0] / "corpus.tokenizer.json")


@pytest.fixture
def tokenizer(tokenizer_file):
    return bs.Tokenizer.load(tokenizer_file)


# -- prepare -------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("prepare", "--bos"),
        ("prepare", "--eos"),
        ("prepare", "--special"),
        ("train", "--special"),
        ("encode", "--bos"),
        ("encode", "--eos"),
    ],
)
def test_an_empty_special_token_is_wrong_usage(command, option, corpus, tokenizer_file, tmp_path, capsys):
    out = tmp_path / "x"
    tokenizer = ["--tokenizer", tokenizer_file] if command == "encode" else []
    assert main([command, str(corpus), "--out", str(out), *tokenizer, option, ""]) == 2
    assert f"'{option}': expected a special token" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "encode", "count", "evaluate", "prepare"])
def test_standard_input_cannot_be_read_twice(command, tokenizer_file, tmp_path, capsys):
    options = {
        "train": ["--out", str(tmp_path / "t.json")],
        "prepare": ["--tokenizer", tokenizer_file, "--out", str(tmp_path / "x")],
    }
    assert main([command, "-", "-", *options.get(command, ["--tokenizer", tokenizer_file])]) == 2
    assert "standard input can be read only once" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_evaluate_reads_standard_input_and_pipes_for_every_pattern(tmp_path):
    text = b"hello 12345 World's"
    path = tmp_path / "text.txt"
    path.write_bytes(text)
    options = ["--tokenizer", "gpt2", "--tokenizer", "cl100k_base"]
    expected = run("evaluate", path, *options).stdout
    assert expected.count(b"19") == 2, "bytes of text, twice"
    assert run("evaluate", "-", *options, stdin=text).stdout == expected
    assert run("evaluate", "/dev/stdin", *options, stdin=text).stdout == expected


# -- train ---------------------------------------------------------------------------------------------------


def test_train_writes_what_the_function_trains(corpus, tmp_path, capsys):
    out = tmp_path / "t.json"
    options = ["--vocab-size", "400", "--pattern", "gpt2", "--special", "<a>", "--special", "<b>"]
    assert main(["train", str(corpus), "--out", str(out), *options]) == 0
    trained = bs.train(corpus, 400, pattern="gpt2", special_tokens=["<a>", "<b>"])
    assert bs.Tokenizer.load(out).fingerprint == trained.fingerprint
    assert "400 tokens (142 merges, 2 special)" in capsys.readouterr().out


def test_train_says_when_the_vocabulary_stays_smaller_than_asked(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("abab abab")
    assert main(["train", str(tmp_path / "text.txt"), "--out", str(tmp_path / "t.json")]) == 0
    assert "16,384 were asked" in capsys.readouterr().out


def test_train_says_how_a_file_of_ranks_is_read(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("abab abab")
    out = tmp_path / "ranks.tiktoken"
    arguments = [
        "train",
        str(tmp_path / "text.txt"),
        "--out",
        str(out),
        "--special",
        END,
        "--pattern",
        "gpt2",
    ]
    assert main(arguments) == 0
    (code,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("to read it")]
    read = eval(code.removeprefix("to read it"), {"bs": bs})
    trained = bs.train(tmp_path / "text.txt", pattern="gpt2", special_tokens=[END])
    for fact in ("vocabulary", "special_tokens", "pattern"):
        assert getattr(read, fact) == getattr(trained, fact)


# -- convert -------------------------------------------------------------------------------------------------


def test_convert_adds_what_a_file_of_ranks_does_not_say(tmp_path, capsys):
    trained = bs.train(iter([b"low lower lowest"] * 2), 260, pattern="gpt2")
    ranks, out = str(tmp_path / "small.tiktoken"), str(tmp_path / "small.json")
    trained.save(ranks)
    assert main(["count", "-t", ranks, str(tmp_path)]) == 1
    assert "bytestride convert makes a tokenizer.json" in capsys.readouterr().err
    given = ["--pattern", "gpt2", "--special", "<|end|>=260", "--special", "a=b=261"]
    assert main(["convert", ranks, *given, "--out", out]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"written     {out}"
    made = bs.Tokenizer.load(out)
    assert (made.pattern, made.merges) == ("gpt2", trained.merges)
    assert made.special_tokens == {"<|end|>": 260, "a=b": 261}
    assert main(["convert", ranks, *given, "--out", out]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["convert", ranks, *given, "--out", out, "--force"]) == 0


def test_convert_says_how_a_file_is_read_that_does_not_hold_all(tmp_path, capsys):
    out = tmp_path / "ranks.tiktoken"
    assert main(["convert", "cl100k_base", "--out", str(out)]) == 0
    (code,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("to read it")]
    read = eval(code.removeprefix("to read it"), {"bs": bs})
    bundled = bs.Tokenizer.load("cl100k_base")
    for fact in ("vocabulary", "special_tokens", "pattern"):
        assert getattr(read, fact) == getattr(bundled, fact)


def test_convert_writes_a_folder_of_two_files(tmp_path, capsys):
    assert main(["convert", "cl100k_base", "--out", str(tmp_path)]) == 1
    assert "split as GPT-2 does" in capsys.readouterr().err
    assert main(["convert", "gpt2", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merges.txt", "vocab.json"]
    assert main(["convert", "gpt2", "--out", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("special", ["<|end|>", "=7", "<|end|>=", "<|end|>=x", "<|end|>=-1", "<|end|>=²"])
def test_convert_refuses_a_special_token_without_its_id(tmp_path, capsys, special):
    assert main(["convert", "gpt2", "--special", special, "--out", str(tmp_path / "t.json")]) == 2
    assert "no special token with its id" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_convert_refuses_to_change_what_a_file_says(tmp_path, capsys):
    assert main(["convert", "gpt2", "--out", str(tmp_path / "t.json")]) == 0
    again = ["convert", str(tmp_path / "t.json"), "--pattern", "cl100k", "--out", str(tmp_path / "u.json")]
    assert main(again) == 1
    assert "the file has its own pattern" in capsys.readouterr().err


# -- encode and decode ---------------------------------------------------------------------------------------


def test_decode_asks_for_the_tokenizer_of_raw_ids(tmp_path, capsys):
    np.arange(5, dtype="uint16").tofile(tmp_path / "raw.bin")
    assert main(["decode", "--store", str(tmp_path / "raw.bin"), "--dtype", "uint16"]) == 2
    assert "--tokenizer: needed, for the store does not say" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--text", "a", "--dtype", "uint16"], "--dtype: is for files"),
        (["--text", "a", "--separator", " "], "--separator: is for files"),
        (["--text", "a", "--no-resume"], "--resume: is for files"),
        (["TEXT", "--rank", "0"], "--rank: needs --out"),
        (["TEXT", "--dtype", "auto"], "--dtype: needs --out"),
        (["TEXT", "--force"], "--force: needs --out"),
    ],
)
def test_encode_takes_no_option_that_would_mean_nothing(tokenizer_file, tmp_path, capsys, arguments, error):
    (tmp_path / "text.txt").write_text("some text")
    given = [str(tmp_path / "text.txt") if word == "TEXT" else word for word in arguments]
    assert main(["encode", "-t", tokenizer_file, *given]) == 2
    assert error in capsys.readouterr().err


def test_encode_writes_no_store_where_a_folder_is_meant(tokenizer_file, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("some text")
    assert (
        main(["encode", str(tmp_path / "text.txt"), "-t", tokenizer_file, "--out", f"{tmp_path}/new/"]) == 1
    )
    assert "new/" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.parametrize("text", ["Hello, world!\n", "国破山河在 👩‍👩‍👧‍👦", "  \r\n\t x"])
def test_encode_and_decode_through_pipes_give_the_text_back(tokenizer, tokenizer_file, text):
    encoded = run("encode", "--tokenizer", tokenizer_file, stdin=text.encode())
    assert [int(word) for word in encoded.stdout.split()] == tokenizer.encode(text).tolist()
    decoded = run("decode", "--tokenizer", tokenizer_file, stdin=encoded.stdout)
    assert decoded.stdout == text.encode()
    assert encoded.stderr == decoded.stderr == b""


def test_encode_prints_one_line_per_document(tokenizer, tokenizer_file):
    done = run("encode", "-t", tokenizer_file, "--separator", "|", "--eos", END, stdin=b"one|two words")
    lines = [[int(word) for word in line.split()] for line in done.stdout.decode().splitlines()]
    end = tokenizer.special_tokens[END]
    assert lines == [[*tokenizer.encode(text).tolist(), end] for text in ("one", "two words")]


def test_encode_says_what_the_printed_ids_leave_out(tokenizer, tokenizer_file):
    text = b'{"text": "a"}\nno JSON\n{"text": "b"}\n'
    done = run("encode", "--format", "jsonl", "--on-error", "skip", "--tokenizer", tokenizer_file, stdin=text)
    assert done.returncode == 0
    assert done.stdout.decode().split() == [str(tokenizer[letter]) for letter in "ab"]
    assert "left out  1 that could not be read:\n          -:2: " in done.stderr.decode()


def test_encode_text_given_as_an_option(tokenizer, tokenizer_file, capsys):
    assert main(["encode", "-t", tokenizer_file, "--text", "a b"]) == 0
    assert capsys.readouterr().out == " ".join(map(str, tokenizer.encode("a b").tolist())) + "\n"


def test_encode_writes_a_store_and_decode_reads_its_documents(
    corpus, documents, tokenizer_file, tmp_path, capsysbinary
):
    prefix = str(tmp_path / "tokens")
    assert main(["encode", str(corpus), "-t", tokenizer_file, "--out", prefix, "--dtype", "uint32"]) == 0
    assert bs.TokenStore.open(prefix).tokens.dtype == np.uint32
    capsysbinary.readouterr()
    chosen = ["--document", "0", "--document", str(len(documents) - 1), "--separator", "||"]
    assert main(["decode", "-t", tokenizer_file, "--store", prefix, *chosen]) == 0
    assert capsysbinary.readouterr().out == f"{documents[0]}||{documents[-1]}".encode()


@pytest.mark.parametrize("written", ["0 1 2", "0,1,2", "[0, 1, 2]"])
def test_decode_takes_ids_as_arguments(tokenizer, tokenizer_file, written, capsysbinary):
    assert main(["decode", "-t", tokenizer_file, written]) == 0
    assert capsysbinary.readouterr().out == tokenizer.decode_bytes(np.array([0, 1, 2]))


@pytest.mark.parametrize("word", ["x", "-1", "1.5", "4294967296"])
def test_decode_refuses_what_is_no_id(tokenizer_file, word):
    done = run("decode", "-t", tokenizer_file, stdin=word.encode())
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"error: '{word}' is no token id")


# -- count, inspect, windows ---------------------------------------------------------------------------------


def test_zstd_data_of_standard_input_may_begin_with_a_frame_to_be_skipped(tokenizer_file):
    frame = b"\x28\xb5\x2f\xfd\x20\x03\x19\0\0low"
    skipped = b"\x50\x2a\x4d\x18\4\0\0\0size"
    plain, compressed, parallel = (
        run("encode", "--tokenizer", tokenizer_file, stdin=text) for text in (b"low", frame, skipped + frame)
    )
    assert plain.stdout
    assert plain.stdout == compressed.stdout == parallel.stdout


def test_count_counts_each_input_and_all(corpus, documents, tokenizer, tokenizer_file, capsys):
    files = [str(corpus / "0000.txt"), str(corpus / "0001.txt")]
    assert main(["count", "-t", tokenizer_file, *files, "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    expected = [tokenizer.count(document) for document in documents[:2]]
    assert [one["tokens"] for one in counted["files"]] == expected
    assert counted["total"]["tokens"] == sum(expected)
    assert counted["total"]["documents"] == 2
    assert counted["total"]["bytes"] == sum(len(document.encode()) for document in documents[:2])

    assert main(["count", "-t", tokenizer_file, *files]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [row.split()[-1] for row in table] == ["input", *files, "total"]
    assert table[-1].split()[0] == f"{sum(expected):,}"


def test_count_counts_an_input_without_text_as_nothing(tmp_path, tokenizer, tokenizer_file, capsys):
    texts = {"a.txt": "low lower", "empty.txt": "", "b.jsonl": '{"text": "lowest"}\n', "empty.jsonl": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in texts]
    assert main(["count", "-t", tokenizer_file, *files, "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    first, second = tokenizer.count("low lower"), tokenizer.count("lowest")
    facts = [(one["documents"], one["tokens"], one["bytes"]) for one in counted["files"]]
    assert facts == [(1, first, 9), (0, 0, 0), (1, second, 19), (0, 0, 0)]
    assert counted["total"]["tokens"] == first + second
    # Other errors end the command: a folder without files of text is probably the wrong one.
    (tmp_path / "folder").mkdir()
    assert main(["count", "-t", tokenizer_file, str(tmp_path / "folder")]) == 1
    assert "the folder holds no text" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_count_says_what_it_left_out(tokenizer, tokenizer_file, tmp_path, capsys, as_json):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "a.txt").write_text("low")
    for number in range(12):
        (folder / f"{number:02}.jsonl").write_text('{"text": "some"}\n' + (number + 1) * "broken\n")
    arguments = ["count", "-t", tokenizer_file, str(tmp_path / "a.txt"), str(folder)] + as_json * ["--json"]
    assert main(arguments) == 1
    assert "00.jsonl:2: expected value" in capsys.readouterr().err
    assert main([*arguments, "--on-error", "skip"]) == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "left out  78 that could not be read:",
        *(f"          {number + 1} of {folder / f'{number:02}.jsonl'}" for number in range(10)),
        "          and 23 more",
    ]
    tokens = tokenizer.count("low") + 12 * tokenizer.count("some")
    if as_json:
        counted = json.loads(shown.out)
        assert [one["skipped"] for one in counted["files"]] == [0, 78]
        assert (counted["total"]["tokens"], counted["total"]["skipped"]) == (tokens, 78)
    else:
        assert shown.out.splitlines()[-1].split()[:2] == [str(tokens), "13"]


def test_count_stays_below_a_size_of_memory(corpus, tokenizer_file, capsys):
    arguments = ["count", "-t", tokenizer_file, str(corpus)]
    shown = []
    for options in ([], ["--max-memory", "2M", "--threads", "1"]):
        assert main([*arguments, *options]) == 0
        shown.append(capsys.readouterr())
    assert shown[0] == shown[1]
    assert main([*arguments, "--max-memory", "1K"]) == 1
    assert "max_memory: 1024 bytes; expected at least" in capsys.readouterr().err
    assert main([*arguments, "--max-memory", "much"]) == 2
    assert "'--max-memory': 'much' is no size" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "prepare"])
def test_a_pattern_that_is_not_known_ends_a_command(command, corpus, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([command, str(corpus), "--out", str(out), "--pattern", "gpt4"]) == 1
    assert 'pattern: "gpt4" is no known name; expected gpt2, cl100k' in capsys.readouterr().err
    assert not out.exists()


def test_inspect_shows_the_text_cut_into_tokens(tokenizer, tokenizer_file, capsys):
    text = "import os, sys"
    assert main(["inspect", "-t", tokenizer_file, text]) == 0
    shown = capsys.readouterr()
    assert shown.out.rstrip("\n").split("│") == [
        tokenizer.decode([token]) for token in tokenizer.encode(text)
    ]
    assert shown.err.startswith(f"{tokenizer.count(text)} tokens, 14 bytes")


def test_inspect_lists_ids(tokenizer, tokenizer_file, capsys):
    assert main(["inspect", "-t", tokenizer_file, "naïve", "--ids"]) == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert [int(row[0]) for row in rows] == tokenizer.encode("naïve").tolist()
    tokens = [eval(row[1]) for row in rows]
    assert tokens[:4] == ["n", "a", b"\xc3", b"\xaf"]
    assert b"".join(one if isinstance(one, bytes) else one.encode() for one in tokens) == "naïve".encode()
    assert main(["inspect", "-t", "gpt2", "naïve 中", "--ids"]) == 0
    rows = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert rows == ["'na'", "'ïve'", "' '", "'中'"]


def test_inspect_shows_what_a_terminal_would_obey(tokenizer_file, capsys):
    assert main(["inspect", "-t", tokenizer_file, "a\x1b[0m\x07\t\x9b2J\x7f\n"]) == 0
    assert capsys.readouterr().out.replace("│", "") == "a␛[0m␇⇥\\xc2\\x9b2J␡⏎\n\n"


def test_inspect_shows_what_a_terminal_would_obey_in_a_tokenizer(tmp_path, capsys):
    names = ["<\x1b[31m中>"]
    bs.train([b"low lower"], 262, pattern="low\x07|er", special_tokens=names).save(tmp_path / "t.json")
    assert main(["inspect", "-t", str(tmp_path / "t.json")]) == 0
    shown = capsys.readouterr().out
    assert "<␛[31m中>" in shown
    assert "low␇|er" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are Unicode there")
@pytest.mark.parametrize("command", [["inspect", "-t", "gpt2", "--ids"], ["encode", "-t", "gpt2", "--text"]])
def test_bytes_of_an_argument_are_not_replaced(command):
    shown = run(*command, b"\xff\xfe").stdout.decode().split()
    ids = [int(word) for word in shown if word.isdecimal()]
    assert ids == bs.Tokenizer.load("gpt2").encode(b"\xff\xfe").tolist()


def test_inspect_says_that_there_is_no_such_file(tokenizer_file, tmp_path, capsys):
    for text in ("no-file.txt", str(tmp_path / "no-file")):
        assert main(["inspect", "-t", tokenizer_file, text]) == 0
        assert f"{text} is no file; this is the text itself" in capsys.readouterr().err
    assert main(["inspect", "-t", tokenizer_file, str(tmp_path)]) == 0
    assert f"{tmp_path} is a folder; this is the text itself" in capsys.readouterr().err
    for text in ("a text.", "e.g. and/or what.txt", "3.5"):
        assert main(["inspect", "-t", tokenizer_file, text]) == 0
        assert "no file" not in capsys.readouterr().err


def test_inspect_takes_a_text_without_tokens(tokenizer_file, capsys):
    assert main(["inspect", "--tokenizer", tokenizer_file, "", "--ids"]) == 0
    assert capsys.readouterr().out == ""


def test_a_page_that_cannot_be_written_leaves_the_one_that_was_there(
    tokenizer_file, tmp_path, monkeypatch, capsys
):
    html = tmp_path / "page.html"
    html.write_text("before")

    def full(path, text, *_, **__):
        path.write_bytes(text.encode()[:100])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pathlib.Path.write_text", full)
    assert main(["inspect", "--tokenizer", tokenizer_file, "text", "--html", str(html), "--force"]) == 1
    assert capsys.readouterr().err == f"error: {html}: No space left on device\n"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_page_goes_where_a_link_or_a_pipe_points(tokenizer_file, tmp_path):
    html, link = tmp_path / "page.html", tmp_path / "link.html"
    html.write_text("before")
    link.symlink_to(html)
    options = ["inspect", "--tokenizer", tokenizer_file, "text", "--force", "--html"]
    assert main([*options, str(link)]) == 0
    assert link.is_symlink()
    assert html.read_bytes().startswith(b"<!doctype html>")
    assert run(*options, "/dev/stdout").stdout.startswith(html.read_bytes())


def test_inspect_tells_the_facts_of_a_tokenizer(tokenizer, tokenizer_file, capsys):
    assert main(["inspect", "-t", tokenizer_file]) == 0
    facts = capsys.readouterr().out
    assert "1,000 tokens (743 merges, 1 special)" in facts
    assert f"{END} = {tokenizer.special_tokens[END]}" in facts
    assert tokenizer.fingerprint in facts


def test_windows_tells_shapes_and_shows_the_first(prepared, tokenizer, capsys):
    prefix = prepared[0] / "corpus"
    assert main(["windows", str(prefix), "--max-length", "8", "--stride", "4", "--show", "1"]) == 0
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    windows = bs.windows(bs.TokenStore.open(prefix), 8, 4)
    assert facts["windows"].startswith(f"{len(windows):,} of 8 tokens, 4 ")
    assert facts["inputs"].startswith(f"uint16[{len(windows)}, 8], strides (8, 2)")
    assert facts["targets[0]"] == repr(tokenizer.decode(windows.targets[0]))
    assert "inputs[1]" not in facts


def test_windows_of_several_shards_are_shown(corpus, prepared, tokenizer_file, tokenizer, tmp_path, capsys):
    for rank in range(2):
        options = {"eos": END, "rank": rank, "world_size": 2}
        tokenizer.encode_files(corpus, tmp_path / "part", **options)
    shown = []
    for prefix in (tmp_path / "part", prepared[0] / "corpus"):
        assert main(["windows", str(prefix), "--max-length", "8", "-t", tokenizer_file]) == 0
        shown.append(capsys.readouterr().out.splitlines())
    assert any(line.startswith("inputs[1]") for line in shown[0])
    assert shown[0] == [line for line in shown[1] if "a view of the store" not in line]


def test_prepare_of_less_than_a_window_says_so(tokenizer_file, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("a b")
    arguments = ["prepare", str(tmp_path / "text.txt"), "--out", str(tmp_path / "x"), "-t", tokenizer_file]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert re.search("windows +0 of 256 tokens, 256 from start to start: the first would need 257", shown.out)
    assert "Written:" in shown.out
    assert "To read it" not in shown.out
    assert shown.err == ""


def test_a_tokenizer_that_did_not_make_the_tokens_is_refused(prepared, tokenizer, capsys):
    prefix = str(prepared[0] / "corpus")
    for arguments in (["windows", prefix], ["decode", "--store", prefix]):
        assert main([*arguments, "-t", "gpt2"]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert f"its fingerprint is {bs.Tokenizer.load('gpt2').fingerprint}" in shown.err
        assert (
            f"expected {tokenizer.fingerprint}, of the tokenizer that made the tokens of {prefix}"
            in shown.err
        )


def test_decode_takes_the_tokenizer_beside_the_store(prepared, tokenizer, capsysbinary):
    prefix = prepared[0] / "corpus"
    assert main(["decode", "--store", str(prefix), "--document", "1"]) == 0
    expected = tokenizer.decode_bytes(bs.TokenStore.open(prefix)[1])
    assert capsysbinary.readouterr().out == expected
    assert main(["decode", "1", "2"]) == 2
    assert b"needed unless --store has one" in capsysbinary.readouterr().err


def test_raw_ids_are_read_by_their_type(tokenizer, tokenizer_file, tmp_path, capsys):
    raw, npy = tmp_path / "raw.bin", tmp_path / "raw.npy"
    ids = tokenizer.encode("some words and more", dtype="uint16")
    ids.tofile(raw)
    assert main(["windows", str(raw), "--dtype", "uint16", "--max-length", "2", "--show", "1"]) == 0
    assert f"{ids[0]} {ids[1]}" in capsys.readouterr().out
    assert main(["export", str(raw), "--dtype", "uint16", "--format", "npy", "--out", str(npy)]) == 0
    assert np.array_equal(np.load(npy), ids)
    capsys.readouterr()
    assert main(["decode", "-t", tokenizer_file, "--store", str(raw), "--dtype", "uint16"]) == 0
    assert capsys.readouterr().out == "some words and more"
    assert main(["windows", str(raw)]) == 1
    assert "or a dtype to read it as raw ids" in capsys.readouterr().err


def test_bench_measures_each_step_and_the_reference(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("some words, and more of them\n" * 200)
    arguments = ["bench", str(tmp_path / "text.txt"), "-t", "gpt2", "--rounds", "1"]
    assert main(arguments) == 0
    facts = capsys.readouterr().out.splitlines()
    assert facts[0] == "1 document, 0.0 MB, 1,600 tokens of gpt2"
    steps = [
        "train 8,192 tokens",
        "encode",
        "encode a batch",
        "count",
        "decode",
        "windows",
        "encode with tiktoken",
    ]
    assert [fact.split("  ")[0] for fact in facts[1:]] == steps
    rates = [re.search(r"  ([\d,]+\.\d) (MB|million tokens)/s$", fact) for fact in facts[1:]]
    assert all(float(rate[1].replace(",", "")) > 0 for rate in rates)
    (tmp_path / "text.txt").write_text("")
    assert main(arguments) == 1
    assert "no text to measure" in capsys.readouterr().err


@pytest.mark.parametrize("megabytes", ["inf", "nan"])
def test_bench_takes_a_number_of_megabytes(megabytes, capsys):
    assert main(["bench", "--megabytes", megabytes]) == 2
    assert "--megabytes" in capsys.readouterr().err


def test_bench_takes_no_compressed_text(tmp_path, capsys):
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(b"some words"))
    assert main(["bench", str(path)]) == 2
    assert f"Invalid value for CORPUS: {path} is compressed" in capsys.readouterr().err


def test_bench_measures_no_reference_whose_ids_are_others(tmp_path, capsys, monkeypatch):
    (tmp_path / "text.txt").write_text("some words")
    other = Reference("tiktoken", lambda *_: [0])
    monkeypatch.setattr(sys.modules["bytestride.cli.bench"], "reference", lambda *_: other)
    assert main(["bench", str(tmp_path / "text.txt"), "-t", "gpt2"]) == 2
    assert "the ids of tiktoken are others" in capsys.readouterr().err


def test_shards_are_encoded_merged_verified_and_exported(corpus, prepared, tokenizer_file, tmp_path, capsys):
    for rank in ("0", "1"):
        arguments = ["encode", str(corpus), "-t", tokenizer_file, "--eos", END, "-o", str(tmp_path / "part")]
        assert main([*arguments, "--rank", rank, "--world-size", "2"]) == 0
        assert f"part-0000{rank}-of-00002.bin" in capsys.readouterr().out
    assert main([*arguments, "--rank", "1", "--world-size", "2"]) == 1
    assert "part-00001-of-00002.bin: exists already" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "part")]) == 0
    assert main(["merge", str(tmp_path / "part"), "--out", str(tmp_path / "corpus")]) == 0
    whole = bs.TokenStore.open(prepared[0] / "corpus")
    for suffix in (".bin", ".idx", ".json", ".tokenizer.json"):
        written = (tmp_path / f"corpus{suffix}").read_bytes()
        assert written == (prepared[0] / f"corpus{suffix}").read_bytes()
    exported = str(tmp_path / "corpus.npy")
    assert main(["export", str(tmp_path / "corpus"), "--format", "npy", "--out", exported]) == 0
    assert np.array_equal(np.load(exported), whole.tokens)
    assert main(["export", str(tmp_path / "corpus"), "--format", "npy", "--out", exported]) == 1
    assert "corpus.npy: exists already" in capsys.readouterr().err
    with (tmp_path / "corpus.bin").open("r+b") as file:
        file.write(b"\xff\xff")
    assert main(["verify", str(tmp_path / "corpus")]) == 1
    assert "corpus.bin, byte 0: the checksum of the " in capsys.readouterr().err


def test_encode_says_what_it_left_out(tokenizer_file, tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"text": "some"}\n' + 12 * "broken\n")
    arguments = ["encode", str(tmp_path / "a.jsonl"), "-t", tokenizer_file, "-o", str(tmp_path / "x")]
    assert main(arguments) == 1
    assert "a.jsonl:2: expected value" in capsys.readouterr().err
    assert main([*arguments, "--on-error", "skip"]) == 0
    shown = capsys.readouterr().out
    assert re.search("left out +12 that could not be read:", shown)
    assert shown.count("a.jsonl:") == 10
    assert "and 2 more, in the manifest" in shown


# -- how commands end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert "Usage: bytestride" in shown


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bytestride {bs.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.txt"], "error: missing.txt: No such file or directory"),
        (["encode", "-t", "missing.json"], "error: missing.json: No such file or directory"),
        (["windows", "missing"], "No such file or directory"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_debug_shows_where_an_error_arose(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "missing.txt"]
    if place == "environment":
        monkeypatch.setenv("BYTESTRIDE_DEBUG", "1")
    else:
        arguments.insert(0 if place == "before" else 2, "--debug")
    assert main(arguments) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["fly"], ["train"], ["train", "x", "--vocab", "lots"], []])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_output_that_nobody_reads_ends_the_command_silently(prepared, tokenizer_file):
    command = [sys.executable, "-m", "bytestride", "decode", "-t", tokenizer_file]
    command += ["--store", str(prepared[0] / "corpus")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 141


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_help_that_nobody_reads_ends_the_command_silently():
    done = subprocess.run(
        f"exec 3>&1; ({sys.executable} -m bytestride prepare --help; echo $? >&3) | true",
        shell=True,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == b"141\n"
    assert done.stderr == b""


def test_what_no_output_can_encode_is_escaped(tokenizer_file):
    command = [sys.executable, "-m", "bytestride", "inspect", "--tokenizer", tokenizer_file, "→"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
    assert done.stdout.isascii()
    assert b"\\u2502" in done.stdout or b"\\u2192" in done.stdout


@pytest.mark.parametrize("closed", [0, 2])
def test_a_command_runs_without_standard_input_or_error(closed, corpus, tokenizer_file):
    command = [sys.executable, "-m", "bytestride", "count", "--tokenizer", tokenizer_file, str(corpus)]
    expected = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, timeout=60, preexec_fn=lambda: os.close(closed)
    )
    assert done.stdout == expected


def test_ctrl_c_while_the_command_line_is_imported_says_nothing_else():
    interrupting = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from bytestride.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", interrupting], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"interrupted\n")


def test_ctrl_c_stops_within_a_second_and_leaves_nothing(tmp_path):
    text, out = tmp_path / "words.txt", tmp_path / "out"
    letters = "".join(random.Random(1).choices(string.ascii_lowercase + "     ", k=10_000_000))
    text.write_text(letters)
    command = [
        sys.executable,
        "-m",
        "bytestride",
        "prepare",
        str(text),
        "--out",
        str(out),
        "--vocab-size",
        "500000",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not out.exists():
            time.sleep(0.01)
            assert process.poll() is None
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.wait(timeout=30) == 130
        assert time.monotonic() - sent < 1.5
        assert process.stderr.read() == b"interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]


def test_importing_the_package_imports_no_command_line():
    code = (
        "import sys, bytestride; print([name for name in ('typer', 'rich', 'click') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


# -- progress ------------------------------------------------------------------------------------------------


def test_progress_shows_bars_on_a_terminal_only(capsys):
    for visible in (True, False):
        with Progress(visible=visible) as progress:
            progress("counting", 1_000_000, 2_000_000)
            progress("merging", 10, 20)
        shown = capsys.readouterr()
        assert shown.out == ""
        assert ("counting" in shown.err) == visible
        assert ("10 / 20 merges" in shown.err) == visible


def test_progress_times_each_phase_from_the_end_of_the_one_before():
    with Progress(visible=False) as progress:
        progress("counting", 1, None)
        time.sleep(0.02)
        progress("counting", 2, None)
        progress("merging", 3, 4)
    counting, merging = progress.phases
    assert (counting.done, merging.done, merging.total) == (2, 3, 4)
    assert counting.seconds >= 0.02
    assert merging.began == counting.ended


def test_every_function_that_reports_can_be_watched(corpus):
    seen = []
    bs.train(corpus, 300, progress=lambda phase, done, total: seen.append((phase, done, total)))
    phase, done, total = seen[-1]
    assert phase == "merging"
    assert (done, total) == (44, 44)
