"""Writing of token files at length: interruptions, several processes, broken inputs, tables."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bytestride as bs
from bytestride.parquet import _rows_at_once, texts

SUFFIXES = (".bin", ".idx", ".json", ".tokenizer.json")


@pytest.fixture(scope="module")
def tokenizer():
    return bs.train([b"some words and more words of some text " * 9], 300, special_tokens=["<end>"])


def files(prefix):
    return [prefix.with_name(prefix.name + suffix).read_bytes() for suffix in SUFFIXES]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Some 20 MB in every kind of file, with lines and files that are broken."""
    folder = tmp_path_factory.mktemp("corpus")
    words = random.Random(5).choices(
        ["some", "words", "and", "more", "of", "it,", "1234", "é中😀", "don't"], k=900_000
    )
    text = " ".join(words)
    lines = "\n".join(
        '{"broken": 1}' if at % 90_000 == 0 else json.dumps({"text": text[at : at + 3_000]})
        for at in range(0, len(text), 3_000)
    )
    (folder / "a.txt").write_text(text.replace("1234", "<sep>"))
    (folder / "b.jsonl").write_text(lines)
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(lines.encode(), 1))
    (folder / "d.txt.gz").write_bytes(gzip.compress(text.encode(), 1)[:-9])
    (folder / "e.txt").write_text(text)
    return folder


OPTIONS = {"separator": "<sep>", "eos": "<end>", "on_error": "skip", "max_memory": "8MB"}


@pytest.fixture(scope="module")
def undisturbed(corpus, tokenizer, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("undisturbed") / "x"
    tokenizer.save(prefix.with_name("tokenizer.json"))
    return tokenizer.encode_files(corpus, prefix, **OPTIONS)


def test_what_is_broken_is_left_out_and_told(undisturbed, corpus):
    per_file = len((corpus / "b.jsonl").read_text().split('{"broken": 1}')) - 1
    assert undisturbed.skipped_count == len(undisturbed.skipped) == 2 * per_file + 1
    assert undisturbed.skipped[0].startswith(f'{corpus / "b.jsonl"}:1: no field "text"')
    assert "d.txt.gz, byte " in undisturbed.skipped[-1]
    manifest = json.loads(undisturbed.path.with_name("x.json").read_text())
    assert [source.get("skipped", 0) for source in manifest["sources"]] == [0, per_file, per_file, 1, 0]
    assert manifest["skipped"] == undisturbed.skipped
    undisturbed.verify()


def test_without_leave_the_first_broken_line_is_an_error(corpus, tokenizer, tmp_path):
    with pytest.raises(ValueError, match=r'b\.jsonl:1: no field "text"'):
        tokenizer.encode_files(corpus, tmp_path / "x", **{**OPTIONS, "on_error": "raise"})
    with pytest.raises(ValueError, match='on_error: "ignore" is neither "raise" nor "skip"'):
        tokenizer.encode_files(corpus, tmp_path / "x", on_error="ignore")


SCRIPT = """
import sys, bytestride as bs
tokenizer, corpus, prefix = sys.argv[1:4]
print(end="ready", flush=True)
bs.Tokenizer.load(tokenizer).encode_files(
    corpus, prefix, separator="<sep>", eos="<end>", on_error="skip", max_memory="8MB", threads=2
)
"""


def killed_until_done(undisturbed, corpus, prefix, delays):
    """Runs the job again and again, each run killed after the next of `delays`, the last one not."""
    tokenizer = undisturbed.path.with_name("tokenizer.json")
    command = [sys.executable, "-c", SCRIPT, str(tokenizer), str(corpus), str(prefix)]
    for number, delay in enumerate([*delays, None]):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.read(5)
            try:
                code = process.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        assert code in {0, -signal.SIGKILL}
        if prefix.with_name(prefix.name + ".json").exists():
            assert files(prefix) == files(undisturbed.path)
        else:
            with pytest.raises((FileNotFoundError, ValueError)):
                bs.TokenStore.open(prefix)
        if code == 0:
            return number
    raise AssertionError


def test_a_killed_run_goes_on_and_ends_with_the_same_files(undisturbed, corpus, tmp_path):
    kills = killed_until_done(undisturbed, corpus, tmp_path / "x", [0.03, 0.1, 0.06, 0.12])
    assert kills > 0
    assert files(tmp_path / "x") == files(undisturbed.path)
    assert names(tmp_path) == sorted(f"x{suffix}" for suffix in SUFFIXES)


@pytest.mark.slow
@pytest.mark.parametrize("round", range(10))
def test_runs_killed_at_fifty_moments_end_with_the_same_files(undisturbed, corpus, tmp_path, round):
    """Five kills a round, each at a random moment of what a whole run takes."""
    start = time.monotonic()
    assert killed_until_done(undisturbed, corpus, tmp_path / "timed", []) == 0
    whole = time.monotonic() - start
    kills, number = 0, 0
    while kills < 5:
        moments = random.Random(1000 * round + number)
        delays = [moments.uniform(0, whole) for _ in range(5 - kills)]
        prefix = tmp_path / f"x{number}"
        kills += killed_until_done(undisturbed, corpus, prefix, delays)
        number += 1
        assert files(prefix) == files(undisturbed.path)


def test_an_interrupted_run_goes_on_where_it_was(corpus, tokenizer, tmp_path):
    # Progress is told every 50 ms, so the second half must take several times as long.
    inputs = [corpus] * 6
    whole = tokenizer.encode_files(inputs, tmp_path / "whole", **OPTIONS)

    def interrupt(_phase, done, total):
        if total / 2 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode_files(inputs, tmp_path / "x", threads=1, progress=interrupt, **OPTIONS)
    partial = (tmp_path / "x.bin.partial").stat().st_size
    seen = []
    tokenizer.encode_files(
        inputs, tmp_path / "x", progress=lambda _phase, done, _total: seen.append(done), **OPTIONS
    )
    assert partial > 1_000_000
    assert min(done for done in seen if done) > 5_000_000, "the first half is not read again"
    assert files(tmp_path / "x") == files(whole.path)


def test_a_full_disk_is_an_error_and_the_work_goes_on_when_there_is_room(undisturbed, corpus, tmp_path):
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))\n"
    tokenizer = undisturbed.path.with_name("tokenizer.json")
    command = [sys.executable, "-c", limited + SCRIPT, str(tokenizer), str(corpus), str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "File too large" in done.stderr
    assert "x.bin.partial" in done.stderr
    assert (tmp_path / "x.bin.partial").stat().st_size == 4 << 20
    assert killed_until_done(undisturbed, corpus, tmp_path / "x", []) == 0
    assert files(tmp_path / "x") == files(undisturbed.path)


@pytest.mark.parametrize("world_size", [2, 7])
def test_several_processes_write_what_one_does(undisturbed, corpus, tokenizer, tmp_path, world_size):
    for rank in range(world_size):
        if rank > 0:
            with pytest.raises(ValueError, match=f"the shard x-0000{rank}-of-0000{world_size} is missing"):
                bs.TokenStore.open(tmp_path / "x")
        tokenizer.encode_files(corpus, tmp_path / "x", rank=rank, world_size=world_size, **OPTIONS)
    shards = bs.TokenStore.open(tmp_path / "x")
    shards.verify()
    assert shards.skipped == undisturbed.skipped
    assert np.array_equal(np.concatenate(shards.shards), undisturbed.tokens)
    assert np.array_equal(shards.offsets, undisturbed.offsets)
    assert shards.tokenizer == tokenizer
    (tmp_path / "merged").mkdir()
    merged = bs.merge(tmp_path / "x", tmp_path / "merged/x")
    assert merged.path == tmp_path / "merged/x"
    assert files(tmp_path / "merged/x") == files(undisturbed.path)


def test_shards_and_whole_stores_of_one_name_are_kept_apart(corpus, tokenizer, tmp_path):
    tokenizer.encode_files(corpus, tmp_path / "x", **OPTIONS)
    with pytest.raises(ValueError, match=r"prefix: .*x lies there whole, in .*x\.bin; expected nothing else"):
        tokenizer.encode_files(corpus, tmp_path / "x", rank=0, world_size=2, **OPTIONS)
    for rank in range(2):
        tokenizer.encode_files(corpus, tmp_path / "y", rank=rank, world_size=2, **OPTIONS)
    for write in (
        lambda: tokenizer.encode_files(corpus, tmp_path / "y", **OPTIONS),
        lambda: bs.merge(tmp_path / "y", tmp_path / "y"),
    ):
        with pytest.raises(ValueError, match="prefix: .*y lies there in 2 shards; expected nothing else"):
            write()
    # Copied there by hand.
    for path in list(tmp_path.glob("x.*")):
        path.rename(path.with_name("y" + path.name.removeprefix("x")))
    for use in (bs.TokenStore.open, lambda path: bs.merge(path, tmp_path / "z")):
        with pytest.raises(ValueError, match="y: y lies here whole and in 2 shards; expected one of both"):
            use(tmp_path / "y")


def test_shards_do_not_have_the_name_of_a_folder(corpus, tokenizer, tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match='prefix: ".*x" names a folder; expected the start of a file name'):
        tokenizer.encode_files(corpus, tmp_path / "x", rank=0, world_size=2, **OPTIONS)
    (tmp_path / "x").rmdir()
    for rank in range(2):
        tokenizer.encode_files(corpus, tmp_path / "x", rank=rank, world_size=2, **OPTIONS)
    (tmp_path / "x").mkdir()
    tokenizer.encode_files(corpus, tmp_path / "x/old", **OPTIONS)
    with pytest.raises(ValueError, match="x: a folder, and the name of 2 shards beside it"):
        bs.TokenStore.open(tmp_path / "x")
    assert len(bs.TokenStore.open(f"{tmp_path / 'x'}/").shards) == 1


def test_a_store_does_not_have_the_name_of_a_folder_either(corpus, tokenizer, tmp_path):
    store = tokenizer.encode_files(corpus, tmp_path / "x", **OPTIONS)
    (tmp_path / "x").mkdir()
    (tmp_path / "text.txt").write_text("old")
    tokenizer.encode_files(tmp_path / "text.txt", tmp_path / "x/old")
    with pytest.raises(ValueError, match="x: a folder, and the name of a store beside it"):
        bs.TokenStore.open(tmp_path / "x")
    assert len(bs.TokenStore.open(tmp_path / "x.bin")) == len(store)
    assert len(bs.TokenStore.open(f"{tmp_path / 'x'}/")) == 1


def test_shards_of_different_jobs_are_no_store(tokenizer, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "abcd":
        (tmp_path / "in" / f"{name}.txt").write_text(name * 40)
    for rank in range(2):
        tokenizer.encode_files(tmp_path / "in", tmp_path / "x", rank=rank, world_size=2)
    assert len(bs.TokenStore.open(tmp_path / "x")) == 4
    (tmp_path / "in/e.txt").write_text("e" * 40)
    tokenizer.encode_files(tmp_path / "in", tmp_path / "x", rank=0, world_size=2)
    message = (
        "x-00001-of-00002: a shard of another job: the number of all inputs is 4; expected 5, "
        "as in .*x-00000-of-00002: encode again"
    )
    paths = [tmp_path / f"x-0000{rank}-of-00002" for rank in range(2)]
    for use in (
        lambda: bs.TokenStore.open(tmp_path / "x"),
        lambda: bs.TokenStore.open(paths),
        lambda: bs.merge(tmp_path / "x", tmp_path / "y"),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    tokenizer.encode_files(tmp_path / "in", tmp_path / "x", rank=1, world_size=2)
    assert len(bs.TokenStore.open(tmp_path / "x")) == 5


def test_ranks_that_do_not_exist_are_errors(corpus, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="world_size: is 0, expected at least 1"):
        tokenizer.encode_files(corpus, tmp_path / "x", world_size=0)
    with pytest.raises(ValueError, match="rank: 2; expected less than world_size, which is 2"):
        tokenizer.encode_files(corpus, tmp_path / "x", rank=2, world_size=2)
    with pytest.raises(ValueError, match="rank: -1 is out of range"):
        tokenizer.encode_files(corpus, tmp_path / "x", rank=-1)
    with pytest.raises(ValueError, match="inputs: - cannot be shared"):
        tokenizer.encode_files("-", tmp_path / "x", rank=0, world_size=2)


def test_damaged_shards_are_not_merged(tokenizer, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"some text of {name}")
        tokenizer.encode_files(tmp_path / f"{name}.txt", tmp_path / name)
    both = bs.merge([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    assert [tokenizer.decode(ids) for ids in both] == ["some text of a", "some text of b"]
    with (tmp_path / "b.bin").open("r+b") as file:
        file.write(b"\0")
    with pytest.raises(ValueError, match=r"b\.bin, byte 0: the checksum"):
        bs.merge([tmp_path / "a", tmp_path / "b"], tmp_path / "other")
    assert not (tmp_path / "other.bin").exists()


TEXTS = ["one", "", None, "three \u00e9\u4e2d", "some words " * 30_000, "last"]


def write_table(path, kind, **options):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = pa.array(TEXTS)
    table = pa.table({"n": pa.array(range(6)), "text": texts.cast(kind(pa))})
    pq.write_table(table, path, **options)


KINDS = {
    "string": lambda pa: pa.string(),
    "large_string": lambda pa: pa.large_string(),
    "binary": lambda pa: pa.binary(),
    "string_view": lambda pa: pa.string_view(),
    "dictionary": lambda pa: pa.dictionary(pa.int32(), pa.string()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_rows_of_parquet_are_documents(tokenizer, tmp_path, kind, rows):
    write_table(tmp_path / "t.parquet", KINDS[kind], row_group_size=rows)
    seen = []
    store = tokenizer.encode_files(
        tmp_path,
        tmp_path / "x",
        on_error="skip",
        max_memory="2MB",
        progress=lambda *state: seen.append(state),
    )
    assert [tokenizer.decode(ids) for ids in store] == [text for text in TEXTS if text is not None]
    assert store.skipped == [f'{tmp_path / "t.parquet"}: row 2 has no "text"; expected a string']
    size = (tmp_path / "t.parquet").stat().st_size
    assert seen[-1] == ("encoding", size, size)
    with pytest.raises(ValueError, match=r't\.parquet: row 2 has no "text"; expected a string'):
        tokenizer.encode_files(tmp_path / "t.parquet", tmp_path / "y")


def test_a_column_is_found_by_its_own_name(tokenizer, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": pa.array([{"b": "no"}]), "a.b": pa.array(["yes"])}), path)
    store = tokenizer.encode_files(path, tmp_path / "x", text_field="a.b")
    assert tokenizer.decode(store[0]) == "yes"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), path)
    with pytest.raises(ValueError, match="2 columns are called 'text'; expected one"):
        tokenizer.encode_files(path, tmp_path / "y")


def test_where_all_is_left_out_the_error_says_why(tokenizer, tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"content": "a"}\n' * 3)
    with pytest.raises(ValueError, match=r'holds no text; .*; 3 left out, .*t\.jsonl:1: no field "text"'):
        tokenizer.encode_files(path, tmp_path / "x", on_error="skip")


def test_a_store_in_the_place_of_a_shard_is_no_shard(tokenizer, tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(f"document {number}")
    for rank in range(2):
        tokenizer.encode_files(tmp_path, tmp_path / "x", rank=rank, world_size=2)
    tokenizer.encode_files(tmp_path / "0.txt", tmp_path / "x-00001-of-00002")
    for read in (bs.TokenStore.open, lambda path: bs.merge([path], tmp_path / "y")):
        with pytest.raises(
            ValueError, match="x-00001-of-00002: a store that one process wrote; expected a shard of several"
        ):
            read(tmp_path / "x")


@pytest.mark.skipif(sys.platform != "linux", reason="has names that are not Unicode")
def test_names_of_shards_are_unicode(tokenizer, tmp_path):
    (tmp_path / "t.txt").write_text("text")
    prefix = tmp_path / os.fsdecode(b"x\xe9")
    with pytest.raises(ValueError, match="prefix: .* is not UTF-8; names of shards must be"):
        tokenizer.encode_files(tmp_path / "t.txt", prefix, rank=0, world_size=2)
    assert len(tokenizer.encode_files(tmp_path / "t.txt", prefix)) == 1


def test_progress_begins_with_the_phase_that_is_meant(tokenizer, tmp_path):
    (tmp_path / "t.txt").write_text("one<sep>" * 300_000)
    prefix = tmp_path / "x"
    seen = []

    def note(*state):
        seen.append(state)

    store = tokenizer.encode_files(tmp_path / "t.txt", prefix, separator="<sep>", progress=note)
    store.export(tmp_path / "m", "megatron", progress=note)
    store.export(tmp_path / "d.ds", "datatrove", progress=note)
    bs.merge([prefix] * 3, tmp_path / "y", progress=note)
    assert {state[0] for state in seen} == {"encoding", "copying"}


def test_what_no_export_or_merge_can_do_is_said_by_its_argument(tokenizer, tmp_path):
    (tmp_path / "t.txt").write_text("text")
    store = tokenizer.encode_files(tmp_path / "t.txt", tmp_path / "x")
    for name in (tmp_path, f"{tmp_path}/"):
        with pytest.raises(ValueError, match="path: .* names a folder; expected the start of a file name"):
            store.export(name, "megatron")
    with pytest.raises(ValueError, match="stores: there are none"):
        bs.merge([], tmp_path / "y")
    (tmp_path / "x.json").unlink()
    with pytest.raises(ValueError, match="there is no manifest that says whether the tokenizer beside it"):
        bs.TokenStore.open(tmp_path / "x").tokenizer  # noqa: B018


def test_rows_behind_a_given_one_are_found(tmp_path):
    write_table(tmp_path / "t.parquet", KINDS["string"], row_group_size=2)
    for first in range(8):
        rows = [part[4] for part in texts(tmp_path / "t.parquet", "text", first)]
        assert sum(rows) == max(6 - first, 0)


def test_a_parquet_job_that_was_interrupted_goes_on(tokenizer, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = ["".join(random.Random(n).choices("0123456789 ", k=500)) for n in range(40_000)]
    # Progress is told every 50 ms, so the job must take several times as long.
    pq.write_table(pa.table({"text": rows * 6}), tmp_path / "t.parquet", row_group_size=1_000)
    whole = tokenizer.encode_files(tmp_path / "t.parquet", tmp_path / "whole")

    def interrupt(_phase, done, total):
        # Not before there is something to go on with, however slow the machine is.
        if total / 4 < done < total:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tokenizer.encode_files(
                tmp_path / "t.parquet", tmp_path / "x", max_memory="4MB", threads=1, progress=interrupt
            )
    assert (tmp_path / "x.journal.partial").exists()
    tokenizer.encode_files(tmp_path / "t.parquet", tmp_path / "x")
    assert files(tmp_path / "x") == files(whole.path)


def test_tables_that_cannot_be_read_are_errors(tokenizer, tmp_path):
    write_table(tmp_path / "t.parquet", KINDS["string"])
    with pytest.raises(ValueError, match=r"t\.parquet: no column 'body'; expected one of 'n', 'text'"):
        tokenizer.encode_files(tmp_path / "t.parquet", tmp_path / "x", text_field="body")
    with pytest.raises(ValueError, match=r"t\.parquet: the column is of int64; expected strings"):
        tokenizer.encode_files(tmp_path / "t.parquet", tmp_path / "x", text_field="n")
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    with pytest.raises(ValueError, match=r"bad\.parquet: "):
        tokenizer.encode_files(tmp_path / "bad.parquet", tmp_path / "x")
    with pytest.raises(ValueError, match="format: - cannot be read as Parquet"):
        tokenizer.encode_files("-", tmp_path / "x", format="parquet")
    with pytest.raises(FileNotFoundError):
        tokenizer.encode_files(tmp_path / "missing.parquet", tmp_path / "x")


def test_training_reads_parquet_too(tmp_path):
    write_table(tmp_path / "t.parquet", KINDS["string"])
    with pytest.raises(ValueError, match="row 2 has no"):
        bs.train(tmp_path / "t.parquet", 300)


def test_without_pyarrow_the_error_says_what_is_missing(tokenizer, tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"t\.parquet: Parquet needs pyarrow: pip install pyarrow"):
        tokenizer.encode_files(tmp_path / "t.parquet", tmp_path / "x")


def read_megatron(prefix):
    """Documents as Megatron reads them, from the format's description alone."""
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    code, sequences = index[17], int.from_bytes(index[18:26], "little")
    dtype = {8: np.dtype("<u2"), 4: np.dtype("<i4")}[code]
    lengths = np.frombuffer(index, "<i4", sequences, 34)
    pointers = np.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
    data = np.memmap(prefix.with_name(prefix.name + ".bin"), np.uint8, "r")
    return [data[at : at + n * dtype.itemsize].view(dtype) for at, n in zip(pointers, lengths, strict=True)]


def nanogpt_batch(path, block_size, starts):
    """Inputs and targets as nanoGPT cuts them from its `.bin`."""
    data = np.memmap(path, dtype=np.uint16, mode="r")
    x = np.stack([data[i : i + block_size].astype(np.int64) for i in starts])
    y = np.stack([data[i + 1 : i + 1 + block_size].astype(np.int64) for i in starts])
    return x, y


def test_readers_of_other_programs_get_our_tokens(undisturbed, tmp_path):
    documents = list(undisturbed)
    for read in (read_megatron(undisturbed.path), exported(undisturbed, tmp_path, "megatron")):
        assert len(read) == len(documents)
        assert all(np.array_equal(a, b) for a, b in zip(read, documents, strict=True))
    tokens = undisturbed.tokens
    x, y = nanogpt_batch(undisturbed.path.with_name("x.bin"), 64, [0, 1, 5_000])
    assert np.array_equal(x[2], tokens[5_000:5_064])
    assert np.array_equal(y[2], tokens[5_001:5_065])
    assert np.array_equal(exported(undisturbed, tmp_path, "npy"), tokens)
    assert np.array_equal(exported(undisturbed, tmp_path, "raw"), tokens)
    header, read = exported(undisturbed, tmp_path, "llm.c")
    assert header[:3].tolist() == [20240520, 1, len(tokens)]
    assert np.array_equal(read, tokens)
    ends, read = exported(undisturbed, tmp_path, "datatrove")
    assert np.array_equal(ends, undisturbed.offsets[1:])
    assert np.array_equal(read, tokens)
    assert np.array_equal(bs.TokenStore.open(tmp_path / "a.ds").offsets, undisturbed.offsets)


def exported(store, folder, format):
    """What a reader of `format`, written from its description, finds in the export."""
    path = folder / {"npy": "a.npy", "datatrove": "a.ds"}.get(format, f"{format}.bin")
    if format == "megatron":
        path = folder / "m"
    store.export(path, format)
    match format:
        case "megatron":
            return read_megatron(path)
        case "npy":
            return np.load(path, mmap_mode="r")
        case "raw":
            return np.fromfile(path, "<u2")
        case "llm.c":
            return np.fromfile(path, "<i4", 256), np.fromfile(path, "<u2", offset=1024)
        case "datatrove":
            return np.fromfile(f"{path}.index", "<u8"), np.fromfile(path, "<u2")


def test_exports_that_cannot_be_are_errors(undisturbed, tmp_path):
    with pytest.raises(ValueError, match='format: "arrow" is none of "raw", "npy"'):
        undisturbed.export(tmp_path / "x", "arrow")
    with pytest.raises(ValueError, match=r"path: .*x\.json stands there already; expected another path"):
        undisturbed.export(undisturbed.path, "megatron")
    with pytest.raises(FileNotFoundError):
        undisturbed.export(tmp_path / "missing" / "x", "raw")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root reads everything")
def test_a_file_without_permission_is_an_error_or_left_out(tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").write_text("more")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(PermissionError):
        tokenizer.encode_files(tmp_path, tmp_path / "x")
    store = tokenizer.encode_files(tmp_path, tmp_path / "x", on_error="skip")
    assert (len(store), store.skipped_count) == (1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="has names that are not Unicode")
def test_names_that_are_not_unicode_are_read_like_others(tokenizer, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    Path(os.fsdecode(bytes(folder) + b"/b\xe9.txt")).write_text("two")
    odd = Path(os.fsdecode(bytes(folder) + b"/b\xe9.txt"))
    for name in (folder, folder / "*.txt", [folder / "a.txt", odd]):
        store = tokenizer.encode_files(name, tmp_path / "tokens")
        assert [tokenizer.decode(ids) for ids in store] == ["one", "two"]
        sources = json.loads((tmp_path / "tokens.json").read_text("utf-8"))["sources"]
        assert [Path(source["path"]).name for source in sources] == ["a.txt", "b\ufffd.txt"]
    assert bs.count_words(odd) == bs.count_words([b"two"])


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_to_nothing_is_an_error_or_left_out(tokenizer, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    (folder / "b.txt").symlink_to("nowhere.txt")
    for name in (folder, folder / "*.txt"):
        with pytest.raises(FileNotFoundError, match="b.txt"):
            tokenizer.encode_files(name, tmp_path / "new")
        assert not [*tmp_path.glob("new*")]
        store = tokenizer.encode_files(name, tmp_path / "tokens", on_error="skip")
        assert [tokenizer.decode(ids) for ids in store] == ["one"]
        assert "b.txt" in store.skipped[0]


# -- what was called for ------------------------------------------------------------------------------------------


def test_what_is_missing_or_meaningless_is_named(tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text("some words")
    with pytest.raises(FileNotFoundError) as raised:
        tokenizer.encode_files(tmp_path / "a.txt", tmp_path / "missing" / "out")
    assert raised.value.filename == str(tmp_path / "missing")
    with pytest.raises(ValueError, match="^suffixes: there are none"):
        tokenizer.encode_files(tmp_path, tmp_path / "out", suffixes=[])
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(
        ValueError, match="a.json is by its name no plain text; encode_files takes other files"
    ):
        tokenizer.encode_file(tmp_path / "a.json")
    assert names(tmp_path) == ["a.json", "a.txt"]


def test_lines_that_are_not_quite_json_are_errors(tokenizer, tmp_path):
    path = tmp_path / "t.jsonl"
    for line in (
        b'{"text": "a\tb"}',
        b'{"text": "a\0b"}',
        b'{"te\txt": 1, "text": "a"}',
        b'{"text": "a", "other": "\xff"}',
    ):
        path.write_bytes(b'{"text": "good"}\n' + line + b"\n")
        with pytest.raises(ValueError, match=r"t\.jsonl:2: .* \(column \d+\); expected one JSON object"):
            tokenizer.encode_files(path, tmp_path / "x")
        store = tokenizer.encode_files(path, tmp_path / "x", on_error="skip")
        assert (len(store), store.skipped_count) == (1, 1)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("format", ["auto", "parquet"])
def test_parquet_compressed_as_a_whole_is_an_error_that_says_so(tokenizer, tmp_path, suffix, format):
    path = tmp_path / f"t.parquet.{suffix}"
    path.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="Parquet is not read through compression of the whole file"):
        tokenizer.encode_files(path, tmp_path / "x", format=format)


def test_exports_stand_neither_beside_shards_nor_in_their_folder(tokenizer, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"text {name}")
    texts, stores = [tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path / "stores"
    stores.mkdir()
    for rank in range(2):
        store = tokenizer.encode_files(texts, stores / "set", rank=rank, world_size=2)
    for name, format in [("set", "megatron"), ("set.bin", "raw"), ("set.npy", "npy")]:
        with pytest.raises(ValueError, match="path: .*set lies there in 2 shards"):
            store.export(stores / name, format)
    assert len(bs.TokenStore.open(stores)) == 2
    store.export(stores / "set_train_000001.bin", "llm.c")
    with pytest.raises(ValueError, match=r"a manifest \(set-.*\) and without one \(set_train_000001.bin\)"):
        bs.TokenStore.open(stores)
    assert len(bs.TokenStore.open(stores / "set")) == 2
    store.export(stores / "set.u16", "raw")


@pytest.mark.parametrize("format", ["npy", "datatrove"])
def test_an_export_beside_its_store_is_not_opened_with_it(tokenizer, tmp_path, format):
    (tmp_path / "a.txt").write_text("text")
    folder = tmp_path / "stores"
    folder.mkdir()
    store = tokenizer.encode_files(tmp_path / "a.txt", folder / "x")
    store.export(folder / f"x.{'npy' if format == 'npy' else 'ds'}", format)
    with pytest.raises(ValueError, match=r"a manifest \(x\) and without one"):
        bs.TokenStore.open(folder)


def test_an_export_through_a_link_does_not_replace_a_store(tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text("text")
    store = tokenizer.encode_files(tmp_path / "a.txt", tmp_path / "x")
    (tmp_path / "link.bin").symlink_to("x.bin")
    with pytest.raises(ValueError, match="x.json"):
        store.export(tmp_path / "link.bin", "raw")
    store.verify()


def test_a_stream_that_cannot_be_read_again_leaves_nothing(tokenizer, tmp_path):
    command = "import sys, bytestride as bs; bs.Tokenizer.load(sys.argv[1]).encode_files('-', sys.argv[2], format='jsonl')"
    lines = (json.dumps({"text": "some text " * 1000}) + "\n") * 3000 + "{bad"
    tokenizer.save(tmp_path / "tokenizer.json")
    arguments = [sys.executable, "-c", command, tmp_path / "tokenizer.json", tmp_path / "out" / "store"]
    (tmp_path / "out").mkdir()
    done = subprocess.run(arguments, input=lines.encode(), capture_output=True, check=False)
    assert b"-:3001" in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_rows_of_parquet_are_read_by_their_size(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    for length, rows in [(10, 1024), (100_000, 41), (10_000_000, 1)]:
        table = pa.table({"number": range(50), "text": [str(n) + "x" * length for n in range(50)]})
        pq.write_table(table, tmp_path / "table.parquet", use_dictionary=False)
        with pq.ParquetFile(tmp_path / "table.parquet") as file:
            assert abs(_rows_at_once(file.metadata.row_group(0), "text") - rows) <= 1


def test_without_threads_calls_are_errors_or_work_alone(tokenizer, tmp_path):
    """A stack that no system gives makes each thread impossible, whoever asks for it."""
    (tmp_path / "a.txt").write_text("some text " * 100_000)
    tokenizer.save(tmp_path / "tokenizer.json")
    command = """
import sys, numpy as np, bytestride as bs
tokenizer, text = bs.Tokenizer.load(sys.argv[1]), sys.argv[2]
w = bs.windows(np.arange(2_000_001, dtype="u4"), 1000)
assert w.gather(range(2000))[0].shape == (2000, 1000)
assert sum(len(x) for x, _ in w.batches(500, seed=1)) == 2000
assert len(tokenizer.encode_batch([open(text).read()] * 2)) == 2
refused = 0
for call in (lambda: tokenizer.encode_files(text, text + ".store"), lambda: bs.train(text, 300)):
    try:
        call()
    except OSError as error:
        assert "cannot start a thread" in str(error), error
        refused += 1
print(refused)
"""
    arguments = [sys.executable, "-c", command, tmp_path / "tokenizer.json", tmp_path / "a.txt"]
    environment = {**os.environ, "RUST_MIN_STACK": str(1 << 46)}
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    assert done.stdout.strip() == b"2", done.stderr
