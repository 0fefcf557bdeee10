"""The commands that make tokenizers or tell of them: `train`, `convert`, `evaluate`, `inspect`."""

import pytest

import bytestride as bs
from bytestride.cli import main
from commands import END, run

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


@pytest.mark.parametrize("command", ["train", "prepare"])
def test_a_pattern_that_is_not_known_ends_a_command(command, corpus, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([command, str(corpus), "--out", str(out), "--pattern", "gpt4"]) == 1
    assert 'pattern: "gpt4" is no known name; expected gpt2, cl100k' in capsys.readouterr().err
    assert not out.exists()


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


# -- evaluate ------------------------------------------------------------------------------------------------


def test_evaluate_reads_standard_input_and_pipes_for_every_pattern(tmp_path):
    text = b"hello 12345 World's"
    path = tmp_path / "text.txt"
    path.write_bytes(text)
    options = ["--tokenizer", "gpt2", "--tokenizer", "cl100k_base"]
    expected = run("evaluate", path, *options).stdout
    assert expected.count(b"19") == 2, "bytes of text, twice"
    assert run("evaluate", "-", *options, stdin=text).stdout == expected
    assert run("evaluate", "/dev/stdin", *options, stdin=text).stdout == expected


# -- inspect -------------------------------------------------------------------------------------------------


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
