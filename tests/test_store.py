"""Token stores: the files by an independent reader, views and who owns them, and what is refused."""

import base64
import copy
import gc
import gzip
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs

END = 65_540


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A byte is its own token, so ids say at once what they stand for; and one special token."""
    return bytes_tokenizer(tmp_path_factory.mktemp("tokenizer"), end=256)


def bytes_tokenizer(folder, *, end):
    path = folder / "bytes.tiktoken"
    lines = [base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256)]
    path.write_bytes(b"".join(lines))
    return bs.Tokenizer.load(path, pattern="gpt2", special_tokens={"<end>": end})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def megatron_index(dtype_code, lengths, width, documents=None):
    """An index as Megatron-LM writes it, from the description of the format."""
    count = len(lengths)
    documents = range(count + 1) if documents is None else documents
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])[:-1] * width
    return b"".join(
        [
            b"MMIDIDX\x00\x00",
            struct.pack("<QBQQ", 1, dtype_code, count, len(documents)),
            np.array(lengths, dtype="<i4").tobytes(),
            starts.astype("<i8").tobytes(),
            np.array(documents, dtype="<i8").tobytes(),
        ]
    )


def megatron_documents(prefix):
    """The documents of a store, read the way Megatron-LM does."""
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, count, entries = struct.unpack_from("<QBQQ", index, 9)
    assert (version, entries) == (1, count + 1)
    dtype = {4: np.int32, 8: np.uint16}[code]
    lengths = np.frombuffer(index, np.int32, count, 34)
    starts = np.frombuffer(index, np.int64, count, 34 + 4 * count)
    documents = np.frombuffer(index, np.int64, entries, 34 + 12 * count)
    assert documents.tolist() == list(range(entries))
    data = prefix.with_name(prefix.name + ".bin").read_bytes()
    return [np.frombuffer(data, dtype, n, at) for n, at in zip(lengths, starts, strict=True)]


def write_megatron(prefix, documents, dtype="<u2"):
    code = {"<u2": 8, "<i4": 4}[dtype]
    np.concatenate(documents).astype(dtype).tofile(f"{prefix}.bin")
    width = np.dtype(dtype).itemsize
    index = megatron_index(code, [len(document) for document in documents], width)
    prefix.with_name(prefix.name + ".idx").write_bytes(index)


@pytest.fixture
def store(tmp_path):
    """The documents [1, 2], [] and [3]."""
    write_megatron(tmp_path / "small", [np.array(ids, dtype=np.int64) for ids in ([1, 2], [], [3])])
    return bs.TokenStore.open(tmp_path / "small")


def test_documents_tokens_and_offsets_are_views_of_one_map(store):
    assert len(store) == 3
    assert store.tokens.tolist() == [1, 2, 3]
    assert store.offsets.tolist() == [0, 2, 2, 3]
    assert store.offsets.dtype == np.int64
    assert [document.tolist() for document in store] == [[1, 2], [], [3]]
    assert store[-1].tolist() == store[np.int64(2)].tolist() == [3]
    assert np.shares_memory(store.tokens, store[0])
    assert np.shares_memory(store.tokens, store.tokens)
    assert np.shares_memory(store.offsets, store.offsets)
    assert store.dtype == store.tokens.dtype == np.dtype("uint16")
    assert store.fingerprint is None


@pytest.mark.parametrize("index", [3, -4, 2**63, -(2**80)])
def test_a_document_that_does_not_exist_is_an_index_error(store, index):
    with pytest.raises(IndexError, match="document .* is out of range, there are 3 documents"):
        store[index]


def test_only_integers_are_indices(store):
    for index in ("0", 1.0, slice(0, 1), None):
        with pytest.raises(TypeError, match="expected an integer"):
            store[index]


def test_no_view_can_be_written_or_made_writeable(store):
    for array in (store.tokens, store.offsets, store[0], store.tokens[1:]):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_views_outlive_the_store_and_its_files(tmp_path):
    write_megatron(tmp_path / "gone", [np.arange(50_000)])
    store = bs.TokenStore.open(tmp_path / "gone")
    tokens, document, offsets = store.tokens, store[0][10:], store.offsets
    del store
    for suffix in (".bin", ".idx"):
        (tmp_path / f"gone{suffix}").unlink()
    gc.collect()
    assert tokens.sum() == np.arange(50_000).sum()
    assert document[0] == 10
    assert offsets.tolist() == [0, 50_000]


def test_pickling_and_copying_open_the_same_files_from_anywhere(tmp_path, monkeypatch):
    write_megatron(tmp_path / "small", [np.array([1, 2, 3])])
    monkeypatch.chdir(tmp_path)
    stores = [bs.TokenStore.open("small"), bs.TokenStore.open("small.bin", dtype="uint16")]
    pickled = [pickle.dumps(store) for store in stores]
    monkeypatch.chdir("/")
    for store, data in zip(stores, pickled, strict=True):
        for other in (pickle.loads(data), copy.copy(store), copy.deepcopy(store)):
            assert other.tokens.tolist() == [1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_reads_the_store(store):
    code = (
        "import os, sys, bytestride as bs\n"
        f"store = bs.TokenStore.open({str(store.path)!r})\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(int(store.tokens.sum()))\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 6


def test_repr_says_what_is_inside(store):
    assert repr(store) == f"<bytestride.TokenStore {store.path}: 3 tokens, uint16, in 3 documents>"


def test_windows_look_at_the_map(tmp_path):
    write_megatron(tmp_path / "long", [np.arange(100)])
    store = bs.TokenStore.open(tmp_path / "long")
    assert np.shares_memory(bs.windows(store, 10).inputs, store.tokens)


@given(
    documents=st.lists(st.lists(st.integers(0, 65_535), max_size=9), min_size=1, max_size=9),
    dtype=st.sampled_from(["<u2", "<i4"]),
)
def test_megatron_files_open(tmp_path_factory, documents, dtype):
    prefix = tmp_path_factory.mktemp("megatron") / "x"
    write_megatron(prefix, [np.array(ids, dtype=np.int64) for ids in documents], dtype)
    store = bs.TokenStore.open(prefix)
    assert [document.tolist() for document in store] == documents
    assert store.dtype == {"<u2": np.uint16, "<i4": np.uint32}[dtype]
    with pytest.raises(ValueError, match="no checksums"):
        store.verify()


def test_documents_of_several_sequences_are_whole(tmp_path):
    np.arange(6, dtype="<u2").tofile(tmp_path / "x.bin")
    (tmp_path / "x.idx").write_bytes(megatron_index(8, [1, 2, 3], 2, documents=[0, 2, 3]))
    assert [document.tolist() for document in bs.TokenStore.open(tmp_path / "x")] == [[0, 1, 2], [3, 4, 5]]


@pytest.fixture
def shards(tmp_path):
    """The documents [0], [0, 1] and [0, 1, 2], each twice, in two shards of the set `set`."""
    for rank in range(2):
        write_megatron(tmp_path / f"set-{rank:05}-of-00002", [np.arange(n) + rank for n in (1, 2, 3)])
    return tmp_path


def test_shards_are_one_store(shards):
    paths = [shards / f"set-{rank:05}-of-00002" for rank in range(2)]
    documents = [[0], [0, 1], [0, 1, 2], [1], [1, 2], [1, 2, 3]]
    for store in (bs.TokenStore.open(where) for where in (shards / "set", shards, paths, map(str, paths))):
        assert [document.tolist() for document in store] == documents
        assert store.offsets.tolist() == [0, 1, 3, 6, 7, 9, 12]
        assert [tokens.tolist() for tokens in store.shards] == [[0, 0, 1, 0, 1, 2], [1, 1, 2, 1, 2, 3]]
        assert np.shares_memory(store[5], store.shards[1])
        assert not store.shards[0].flags.writeable
        assert repr(store).endswith("12 tokens, uint16, in 6 documents and 2 shards>")
        assert [document.tolist() for document in pickle.loads(pickle.dumps(store))] == documents
        with pytest.raises(ValueError, match="tokens: those of .* lie in 2 shards; expected one"):
            _ = store.tokens


def test_a_missing_shard_is_named(shards):
    for path in shards.glob("set-00000-*"):
        path.unlink()
    for where in (shards, shards / "set"):
        with pytest.raises(ValueError, match="the shard set-00000-of-00002 is missing; expected all 2"):
            bs.TokenStore.open(where)
    with pytest.raises(ValueError, match="path: no store is named"):
        bs.TokenStore.open([])
    with pytest.raises(TypeError, match="path: expected paths, not int"):
        bs.TokenStore.open(5)


def test_raw_files_in_a_list_are_a_document_each(tmp_path):
    for number in (1, 2):
        np.arange(number, dtype="<u4").tofile(tmp_path / f"{number}.bin")
    store = bs.TokenStore.open([tmp_path / "1.bin", tmp_path / "2.bin"], dtype="uint32")
    assert [document.tolist() for document in pickle.loads(pickle.dumps(store))] == [[0], [0, 1]]


def test_an_empty_raw_file_is_an_empty_store(tmp_path):
    (tmp_path / "empty.bin").touch()
    store = bs.TokenStore.open(tmp_path / "empty.bin", dtype=np.uint32)
    assert store.tokens.shape == (0,)
    assert store[0].dtype == np.uint32


def test_what_is_missing_is_a_file_not_found(tmp_path, store):
    with pytest.raises(FileNotFoundError, match=r"nothing\.bin"):
        bs.TokenStore.open(tmp_path / "nothing")
    (tmp_path / "small.idx").unlink()
    with pytest.raises(ValueError, match=r"small\.bin has no index .*small\.idx.*or a dtype"):
        bs.TokenStore.open(store.path)
    with pytest.raises(ValueError, match='dtype: expected "uint16" or "uint32", not int64'):
        bs.TokenStore.open(tmp_path / "small.bin", dtype="int64")


def test_a_data_file_cut_short_is_an_error(tmp_path, store):
    with (tmp_path / "small.bin").open("r+b") as file:
        file.truncate(4)
    with pytest.raises(ValueError, match=r"small\.bin: 4 bytes; expected 6, for the 3 tokens of uint16"):
        bs.TokenStore.open(store.path)


@given(data=st.data())
def test_no_index_of_random_bytes_does_more_than_raise(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("random")
    good = megatron_index(8, [1, 2, 3], 2)
    start = data.draw(st.integers(0, len(good)))
    index = good[:start] + data.draw(st.binary(max_size=40)) + good[start + data.draw(st.integers(0, 40)) :]
    np.arange(6, dtype="<u2").tofile(folder / "x.bin")
    (folder / "x.idx").write_bytes(index)
    try:
        assert len(bs.TokenStore.open(folder / "x").tokens) == 6
    except ValueError:
        assert index != good


def write_inputs(folder):
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"one\xff\r\n;;two")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"n": 1, "text": "thr\\u00e9e"}\n{"text": ""}\n'))
    (folder / "c.py").write_text("not of the folder's text")
    return folder


DOCUMENTS = [b"one\xff\r\n", b"", b"two", "thr\u00e9e".encode(), b""]


def test_files_hold_the_documents_for_any_reader(tmp_path, tokenizer):
    prefix = tmp_path / "corpus"
    store = tokenizer.encode_files(write_inputs(tmp_path / "in"), prefix, separator=";", eos="<end>")
    expected = [[*tokenizer.encode(document).tolist(), 256] for document in DOCUMENTS]
    assert [document.tolist() for document in store] == expected
    assert [document.tolist() for document in megatron_documents(prefix)] == expected
    assert np.fromfile(tmp_path / "corpus.bin", "<u2").tolist() == [
        token for document in expected for token in document
    ]
    assert store.fingerprint == tokenizer.fingerprint
    assert store.path == prefix
    store.verify()


def test_the_manifest_says_where_everything_is_from(tmp_path, tokenizer):
    folder = write_inputs(tmp_path / "in")
    tokenizer.encode_files([folder / "a.txt", str(folder / "*.gz")], tmp_path / "corpus", separator=b";")
    manifest = json.loads((tmp_path / "corpus.json").read_text())
    sources = [(source["path"], source["documents"], source["tokens"]) for source in manifest["sources"]]
    assert sources == [(str(folder / "a.txt"), 3, 9), (str(folder / "b.jsonl.gz"), 2, 6)]
    assert (manifest["tokens"], manifest["documents"], manifest["dtype"]) == (15, 5, "uint16")
    assert manifest["tokenizer"] == tokenizer.fingerprint


def test_the_dtype_follows_the_vocabulary(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("text")
    large = bytes_tokenizer(tmp_path, end=END)
    dtypes = [
        made.encode_files(tmp_path / "a.txt", tmp_path / "x", dtype=dtype).dtype
        for made, dtype in [(tokenizer, "auto"), (large, "auto"), (large, "uint16"), (tokenizer, np.uint32)]
    ]
    assert dtypes == [np.uint16, np.uint32, np.uint16, np.uint32]
    with pytest.raises(ValueError, match=f"dtype: id {END} does not fit in uint16"):
        large.encode_files(tmp_path / "a.txt", tmp_path / "x", dtype="uint16", eos="<end>")
    # What text may become a large id is not looked for: that there may be one is said before.
    with (tmp_path / "bytes.tiktoken").open("ab") as file:
        file.write(base64.b64encode(b"ab") + b" %d\n" % END)
    large = bs.Tokenizer.load(tmp_path / "bytes.tiktoken", pattern="gpt2")
    with pytest.raises(ValueError, match=f"dtype: id {END} does not fit in uint16"):
        large.encode_files(tmp_path / "a.txt", tmp_path / "x", dtype="uint16")


def test_the_files_do_not_depend_on_threads_or_memory(tmp_path, corpus, tokenizer):
    def files(**options):
        tokenizer.encode_files(corpus, tmp_path / "x", **options)
        return [(tmp_path / f"x{suffix}").read_bytes() for suffix in (".bin", ".idx", ".json")]

    expected = files(threads=1)
    assert files(threads=3, max_memory="1536K") == expected
    assert files(threads=2, max_memory=10**10) == expected


def test_a_corpus_of_real_text_comes_back(tmp_path, corpus, documents, tokenizer):
    store = tokenizer.encode_files(corpus, tmp_path / "x", max_memory="2 MiB")
    assert [tokenizer.decode(document) for document in store] == documents


def test_suffixes_choose_the_files_of_a_folder(tmp_path, tokenizer):
    store = tokenizer.encode_files(write_inputs(tmp_path / "in"), tmp_path / "x", suffixes=[".py"])
    assert tokenizer.decode(store[0]) == "not of the folder's text"


def test_standard_input_is_read_also_when_it_is_compressed(tmp_path):
    bytes_tokenizer(tmp_path, end=256)
    code = (
        "import sys; import bytestride as bs\n"
        "tok = bs.Tokenizer.load('bytes.tiktoken', pattern='gpt2', special_tokens={})\n"
        "store = tok.encode_files('-', 'piped', format='jsonl', text_field='body')\n"
        "sys.stdout.write(tok.decode(store.tokens))\n"
    )
    for data in (b'{"body": "piped"}', gzip.compress(b'{"body": "piped"}')):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, input=data, cwd=tmp_path, capture_output=True, check=True, timeout=60)
        assert done.stdout == b"piped"


def test_progress_is_in_bytes_of_input(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("text")
    seen = []
    tokenizer.encode_files(tmp_path / "a.txt", tmp_path / "x", progress=lambda *state: seen.append(state))
    assert seen[-1] == ("encoding", 4, 4)


@pytest.mark.parametrize("resume", [True, False])
def test_an_error_in_progress_stops_the_work_and_leaves_what_it_should(tmp_path, tokenizer, resume):
    (tmp_path / "a.txt").write_text("some words " * 3_000_000)

    def progress(_phase, done, _total):
        if done > 8 << 20:
            raise RuntimeError("enough")

    # Progress is told every 50 ms, so the job must take several times as long.
    inputs = [tmp_path / "a.txt"] * 8
    with pytest.raises(RuntimeError, match="enough"):
        tokenizer.encode_files(inputs, tmp_path / "x", resume=resume, progress=progress)
    partial = ["x.bin.partial", "x.idx.partial", "x.journal.partial"]
    assert names(tmp_path) == ["a.txt", *(partial if resume else [])]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_an_interrupt_stops_the_work_even_while_a_pipe_is_silent(tmp_path, tokenizer):
    os.mkfifo(tmp_path / "pipe")

    def interrupt():
        time.sleep(0.2)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode_files(tmp_path / "pipe", tmp_path / "x")
    assert time.monotonic() - start < 5
    assert names(tmp_path) == ["pipe"]


def test_damage_is_found_by_verify(tmp_path, corpus, tokenizer):
    tokenizer.encode_files(corpus, tmp_path / "x")
    with (tmp_path / "x.bin").open("r+b") as file:
        file.seek(1000)
        file.write(b"\x07\x07\x07\x07")
    with pytest.raises(ValueError, match=r"x\.bin, byte 0: the checksum of the \d+ bytes from here differs"):
        bs.TokenStore.open(tmp_path / "x").verify()


def test_a_store_mapped_by_others_may_be_replaced(tmp_path, tokenizer):
    source = tmp_path / "a.txt"
    source.write_text("old text")
    old = tokenizer.encode_files(source, tmp_path / "x")
    source.write_text("new")
    new = tokenizer.encode_files(source, tmp_path / "x")
    assert (tokenizer.decode(old.tokens), tokenizer.decode(new.tokens)) == ("old text", "new")


def test_files_that_are_no_store_are_never_replaced(tmp_path, tokenizer):
    source = tmp_path / "corpus.json"
    source.write_text('{"text": "mine"}')
    with pytest.raises(ValueError, match=r"prefix: .*corpus\.json exists and is not part of a token store"):
        tokenizer.encode_files(source, tmp_path / "corpus", format="jsonl")
    assert source.read_text() == '{"text": "mine"}'


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", r"a\.txt: it holds no text"),
        (
            "a.jsonl",
            b'{"text": "x"}\n{"text": 5}\n',
            r"a\.jsonl:2: invalid type: integer `5`, expected a string",
        ),
        ("a.jsonl", b'{"body": "x"}', r'a\.jsonl:1: no field "text"'),
        ("a.jsonl", b'{"text": "\\ud8"}', r"a\.jsonl:1: invalid escape"),
        ("a.txt.gz", gzip.compress(b"text" * 99)[:-9], r"a\.txt\.gz, byte \d+: the gzip data is cut short"),
        ("a.txt.zst", b"no zstd", r"a\.txt\.zst, byte 0: the zstd data is cut short or damaged"),
        ("a.json", b"{}", r"format: .*a\.json: \.json is neither text nor JSON lines"),
    ],
)
def test_malformed_inputs_are_errors_with_their_place(tmp_path, tokenizer, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        tokenizer.encode_files(tmp_path / name, tmp_path / "x")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"format": "csv"}, ValueError, 'format: "csv" is none of'),
        ({"separator": ""}, ValueError, "separator: it is empty"),
        ({"bos": True}, ValueError, "bos: the tokenizer has none of its own"),
        ({"eos": "<nothing>"}, KeyError, "<nothing>"),
        ({"dtype": "int64"}, ValueError, "dtype: expected"),
        ({"threads": 0}, ValueError, "threads: expected at least 1"),
        ({"max_memory": 1000}, ValueError, "max_memory: 1000 bytes; expected at least"),
        ({"max_memory": "much"}, ValueError, "max_memory: .*is no size"),
        ({"max_memory": "99999999999999999999G"}, ValueError, "max_memory: .*is no size"),
        ({"max_memory": -1}, ValueError, "max_memory: -1 is out of range"),
    ],
)
def test_arguments_out_of_range_are_named(tmp_path, tokenizer, options, error, message):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(error, match=message):
        tokenizer.encode_files(tmp_path / "a.txt", tmp_path / "x", **options)
    assert names(tmp_path) == ["a.txt"]


def test_inputs_that_stand_for_nothing_are_errors(tmp_path, tokenizer):
    (tmp_path / "empty").mkdir()
    for inputs, error, message in [
        (tmp_path / "missing.txt", FileNotFoundError, r"missing\.txt"),
        (tmp_path / "*.txt", ValueError, "inputs: no file matches"),
        (tmp_path / "empty", ValueError, "the folder holds no text; expected files that end in"),
        ([], ValueError, "inputs: no file is named"),
        (5, TypeError, "inputs: expected paths, not int"),
    ]:
        with pytest.raises(error, match=message):
            tokenizer.encode_files(inputs, tmp_path / "x")
    with pytest.raises(FileNotFoundError, match=r"no folder'$"):
        tokenizer.encode_files(write_inputs(tmp_path / "in"), tmp_path / "no folder" / "x")


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_full_disk_is_an_os_error_and_leaves_nothing(tmp_path):
    bytes_tokenizer(tmp_path, end=256)
    (tmp_path / "a.txt").write_text("some words " * 100_000)
    code = (
        "import resource, signal; import bytestride as bs\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "tok = bs.Tokenizer.load('bytes.tiktoken', pattern='gpt2', special_tokens={})\n"
        "try: tok.encode_files('a.txt', 'x')\n"
        "except OSError as error: print(error.errno, error.filename)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, 1 << 20))\n"
        "words = bs.WordTokenizer.train('some words ' + ' '.join(map(str, range(999))))\n"
        "counts = bs.count_words([b'%d' % number for number in range(999)])\n"
        "for kept in (tok, words, counts):\n"
        "    try: kept.save('kept.file')\n"
        "    except OSError as error: print(error.errno, error.filename)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60, text=True)
    assert done.stdout == "27 x.bin.partial\n" + 3 * "27 kept.file\n"
    assert names(tmp_path) == ["a.txt", "bytes.tiktoken"]


def test_the_tokenizer_is_at_hand(tokenizer, tmp_path):
    (tmp_path / "text.txt").write_text("some text")
    store = tokenizer.encode_files(tmp_path / "text.txt", tmp_path / "corpus")
    assert store.tokenizer == tokenizer
    tokenizer_file = tmp_path / "corpus.tokenizer.json"
    bs.train([b"other"], 257).save(tokenizer_file)
    with pytest.raises(ValueError, match="corpus.tokenizer.json: is another tokenizer than the one"):
        _ = store.tokenizer
    tokenizer_file.unlink()
    with pytest.raises(FileNotFoundError, match="corpus.tokenizer.json"):
        _ = store.tokenizer


def test_the_tokenizer_of_a_store_with_files_from_elsewhere_is_not_known(tokenizer, tmp_path):
    (tmp_path / "text.txt").write_text("some text")
    tokenizer.encode_files(tmp_path / "text.txt", tmp_path / "ours")
    np.save(tmp_path / "foreign.npy", np.arange(3, dtype="uint16"))
    for names in (["ours", "foreign.npy"], ["foreign.npy", "ours"]):
        store = bs.TokenStore.open([tmp_path / name for name in names])
        assert store.fingerprint is None
        with pytest.raises(ValueError, match="foreign.npy: there is no manifest that names its tokenizer"):
            _ = store.tokenizer


def test_a_missing_file_is_called_by_its_name(tmp_path):
    for name in ("missing.npy", "missing.ds", "missing.bin"):
        with pytest.raises(FileNotFoundError, match=rf"{name}'?$"):
            bs.TokenStore.open(tmp_path / name)


def test_what_is_not_ours_is_not_overwritten(tokenizer, tmp_path):
    (tmp_path / "text.txt").write_text("some text")
    precious = tmp_path / "c.tokenizer.json"
    precious.write_text("precious")
    with pytest.raises(
        ValueError, match="prefix: .*c.tokenizer.json exists and is not part of a token store"
    ):
        tokenizer.encode_files(tmp_path / "text.txt", tmp_path / "c")
    assert precious.read_text() == "precious"
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="prefix: .*folder.* names a folder"):
        tokenizer.encode_files(tmp_path / "text.txt", tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.tokenizer.json", "folder", "text.txt"]


@pytest.mark.parametrize("suffix", [".bin", ".idx"])
def test_files_cut_short_while_they_are_open_are_errors(tmp_path, suffix):
    tokenizer = bs.Tokenizer.load("gpt2")
    (tmp_path / "a.txt").write_text("some words " * 20_000)
    store = tokenizer.encode_files(tmp_path / "a.txt", tmp_path / "x")
    os.truncate(tmp_path / f"x{suffix}", 10)
    for call in (store.verify, lambda: store.export(tmp_path / "y.bin", "raw")):
        with pytest.raises(
            ValueError, match=rf"x\{suffix}: was cut short to 10 bytes while it was open; expected"
        ):
            call()
    raw = tmp_path / "raw.bin"
    raw.write_bytes(bytes(20_000))
    store = bs.TokenStore.open(raw, dtype="uint16")
    os.truncate(raw, 0)
    with pytest.raises(ValueError, match=r"raw\.bin: was cut short to 0 bytes"):
        store.export(tmp_path / "z.npy", "npy")


def test_a_store_whose_files_are_replaced_is_the_old_one(tmp_path):
    tokenizer = bs.Tokenizer.load("gpt2")
    (tmp_path / "a.txt").write_text("some words " * 20_000)
    (tmp_path / "b.txt").write_text("few")
    store = tokenizer.encode_files(tmp_path / "a.txt", tmp_path / "x")
    tokenizer.encode_files(tmp_path / "b.txt", tmp_path / "x")
    store.verify()
    store.export(tmp_path / "y.bin", "raw")
    assert (tmp_path / "y.bin").stat().st_size == 2 * len(store.tokens)


def test_the_tokenizer_is_found_from_any_folder(tokenizer, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    tokenizer.encode_files("a.txt", "store")
    store = bs.TokenStore.open("store")
    monkeypatch.chdir("/")
    assert store.tokenizer == tokenizer


def test_a_file_that_is_no_store_by_its_name_is_told_so(tmp_path):
    (tmp_path / "ids.raw").write_bytes(b"\x01\x00")
    with pytest.raises(ValueError, match="ids.raw: it is no token file by its name; expected a store"):
        bs.TokenStore.open(tmp_path / "ids.raw")
