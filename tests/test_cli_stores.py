"""The commands between text, ids and token stores: `encode`, `decode`, `count`, `windows`, `merge` and so on."""

import json
import re

import numpy as np
import pytest

import bytestride as bs
from bytestride.cli import main
from commands import END, run

# -- encode and decode ---------------------------------------------------------------------------------------


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


def test_zstd_data_of_standard_input_may_begin_with_a_frame_to_be_skipped(tokenizer_file):
    frame = b"\x28\xb5\x2f\xfd\x20\x03\x19\0\0low"
    skipped = b"\x50\x2a\x4d\x18\4\0\0\0size"
    plain, compressed, parallel = (
        run("encode", "--tokenizer", tokenizer_file, stdin=text) for text in (b"low", frame, skipped + frame)
    )
    assert plain.stdout
    assert plain.stdout == compressed.stdout == parallel.stdout


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
    (tmp_path / "a.jsonl").write_text('{"text": "some"}\n' + 1500 * "broken\n")
    assert main([*arguments, "--on-error", "skip", "--force"]) == 0
    assert "and 1,490 more, 990 in the manifest" in capsys.readouterr().out


# -- count ---------------------------------------------------------------------------------------------------


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


# -- stores --------------------------------------------------------------------------------------------------


def test_decode_asks_for_the_tokenizer_of_raw_ids(tmp_path, capsys):
    np.arange(5, dtype="uint16").tofile(tmp_path / "raw.bin")
    assert main(["decode", "--store", str(tmp_path / "raw.bin"), "--dtype", "uint16"]) == 2
    assert "--tokenizer: needed, for the store does not say" in capsys.readouterr().err


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


def test_a_separator_may_be_any_bytes(tokenizer_file, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"one\xfftwo\xffthree")
    counted = run("count", path, "--tokenizer", tokenizer_file, "--separator", b"\xff", "--json")
    assert json.loads(counted.stdout)["total"]["documents"] == 3, counted
    out = tmp_path / "store"
    run("encode", path, "--tokenizer", tokenizer_file, "--separator", b"\xff", "--out", out)
    assert run("decode", "--store", out, "--separator", b"\xff").stdout == path.read_bytes()


def test_a_folder_is_no_name_of_a_store(tokenizer_file, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("text")
    assert main(["encode", str(tmp_path / "a.txt"), "--tokenizer", str(tokenizer_file), "--out", "."]) != 0
    assert "names a folder" in capsys.readouterr().err
