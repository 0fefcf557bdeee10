"""The command line as a whole: what all commands refuse, how they end, and that they leave nothing half-done."""

import gzip
import os
import random
import re
import signal
import string
import subprocess
import sys
import time

import pytest

import bytestride as bs
from bytestride.cli import main
from bytestride.cli.references import Reference
from bytestride.progress import Progress
from commands import COMMANDS, run

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


# -- what several commands take or refuse --------------------------------------------------------------------


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


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are Unicode there")
@pytest.mark.parametrize("command", [["inspect", "-t", "gpt2", "--ids"], ["encode", "-t", "gpt2", "--text"]])
def test_bytes_of_an_argument_are_not_replaced(command):
    shown = run(*command, b"\xff\xfe").stdout.decode().split()
    ids = [int(word) for word in shown if word.isdecimal()]
    assert ids == bs.Tokenizer.load("gpt2").encode(b"\xff\xfe").tolist()


# -- bench ---------------------------------------------------------------------------------------------------


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
