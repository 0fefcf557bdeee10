"""Token files of other programs, written here from the descriptions of their formats."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs

TYPES = {"uint16": (20240520, 1), "uint32": (20240801, 7)}


def write_llm_c(path, ids, magic, version, count=None):
    header = np.zeros(256, "<i4")
    header[:3] = magic, version, len(ids) if count is None else count
    path.write_bytes(header.tobytes() + ids.tobytes())


def write_datatrove(path, documents, dtype):
    path.write_bytes(b"".join(np.array(ids, dtype).tobytes() for ids in documents))
    ends = np.cumsum([len(ids) for ids in documents], dtype="<u8")
    path.with_name(path.name + ".index").write_bytes(ends.tobytes())


def assert_holds(path, documents, dtype):
    store = bs.TokenStore.open(path)
    assert [document.tolist() for document in store] == documents
    assert store.tokens.dtype == dtype
    assert not store.tokens.flags.writeable
    assert store.fingerprint is None
    assert pickle.loads(pickle.dumps(store)).tokens.tolist() == store.tokens.tolist()
    with pytest.raises(ValueError, match="no checksums"):
        store.verify()


@pytest.mark.parametrize("dtype", TYPES)
@given(documents=st.lists(st.lists(st.integers(0, 65_535), max_size=9), max_size=9))
def test_files_of_other_programs_hold_their_ids(tmp_path_factory, dtype, documents):
    folder = tmp_path_factory.mktemp("formats")
    ids = np.array([token for document in documents for token in document], dtype)
    np.save(folder / "a.npy", ids)
    assert_holds(folder / "a.npy", [ids.tolist()], dtype)
    write_llm_c(folder / "a.bin", ids, *TYPES[dtype])
    assert_holds(folder / "a.bin", [ids.tolist()], dtype)
    write_datatrove(folder / "a.ds", documents, dtype)
    # Without any id there is nothing that tells the type.
    assert_holds(folder / "a.ds", documents, dtype if len(ids) else "uint16")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_npy_open(tmp_path, version):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(5, dtype="uint32"), version=version)
    assert_holds(tmp_path / "a.npy", [[0, 1, 2, 3, 4]], "uint32")


def test_windows_look_at_a_file_with_a_header(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100, dtype="uint16"))
    store = bs.TokenStore.open(tmp_path / "a.npy")
    w = bs.windows(store, 10)
    assert np.shares_memory(w.inputs, store.tokens)
    assert w.targets[-1].tolist() == list(range(81, 91))


def test_a_dtype_is_for_files_that_do_not_tell_theirs(tmp_path):
    ids = np.arange(600, dtype="uint16")
    np.save(tmp_path / "a.npy", ids)
    write_llm_c(tmp_path / "b.bin", ids, 20240520, 1)
    tok = bs.Tokenizer.load("gpt2")
    (tmp_path / "text.txt").write_text("some text")
    tok.encode_files(tmp_path / "text.txt", tmp_path / "store")
    for name, dtype, message in (
        ("a.npy", "uint16", "a.npy is a .npy file, which has its own"),
        ("b.bin", "uint16", "b.bin has the header of llm.c"),
        ("store", "uint16", "store is a store, which has its own"),
        ("store.bin", "uint32", "store.bin has ids of uint16, as .*store.idx says"),
    ):
        with pytest.raises(ValueError, match=f"^dtype: .*{message}"):
            bs.TokenStore.open(tmp_path / name, dtype=dtype)
    raw = bs.TokenStore.open(tmp_path / "store.bin", dtype="uint16")
    assert raw[0].tolist() == tok.encode("some text").tolist()


def fails(path, message):
    with pytest.raises(ValueError, match=message):
        bs.TokenStore.open(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3, "int64"), r"a\.npy: the header is .*int|i8.*; expected ids of uint16 or uint32"),
        (np.zeros(3, ">u2"), "expected ids of uint16 or uint32"),
        (np.zeros(3, "float32"), "expected ids of uint16 or uint32"),
        (np.zeros((3, 2), "uint16"), "expected an array of one dimension"),
        (np.zeros((3, 1), "uint16"), "expected an array of one dimension"),
        (np.zeros((), "uint16"), "expected an array of one dimension"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    fails(tmp_path / "a.npy", message)


@given(data=st.data())
def test_no_damaged_npy_does_more_than_raise(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.npy"
    np.save(path, np.arange(4, dtype="uint16"))
    good = path.read_bytes()
    end = data.draw(st.integers(0, len(good)))
    path.write_bytes(good[:end] + data.draw(st.binary(max_size=12)))
    # Whatever white space there is behind the header.
    if path.read_bytes()[:128].strip() != good[:128].strip() or len(path.read_bytes()) != len(good):
        fails(path, r"a\.npy: ")


def test_a_header_with_more_than_a_dict_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(4, dtype="uint16"))
    good = path.read_bytes()
    path.write_bytes(good[:124] + bytes(12))
    fails(path, r"a\.npy: the header is .*; expected a dict")
    path.write_bytes(good[:10] + b"x" + good[11:])
    fails(path, r"a\.npy: the header is .*; expected a dict")


def test_damaged_files_are_refused(tmp_path):
    ids = np.arange(5, dtype="uint16")
    path = tmp_path / "a.bin"
    write_llm_c(path, ids, 20240520, 7)
    fails(path, r"a\.bin, byte 4: version 7; expected 1 with magic 20240520, 7 with 20240801")
    write_llm_c(path, ids, 20240801, 7)
    fails(path, r"a\.bin: 1034 bytes; expected 1024 and 5 ids of uint32")
    write_llm_c(path, ids, 20240520, 1, count=6)
    fails(path, r"a\.bin: 1034 bytes; expected 1024 and 6 ids of uint16")
    write_llm_c(path, ids, 20240520, 1, count=-1)
    fails(path, r"a\.bin, byte 8: -1 ids; expected 0 or more")
    write_llm_c(path, ids, 0, 1)
    fails(path, "dtype: .* has no index")
    assert len(bs.TokenStore.open(path, dtype="uint16").tokens) == 517

    path = tmp_path / "a.ds"
    path.write_bytes(bytes(10))
    with pytest.raises(FileNotFoundError, match=r"a\.ds\.index"):
        bs.TokenStore.open(path)
    index = tmp_path / "a.ds.index"
    for ends, message in [
        (np.array([2, 4], "<u8"), r"a\.ds: 10 bytes; expected 2 or 4 for each of the 4 ids in the index"),
        (np.array([4, 2], "<u8"), r"a\.ds\.index, byte 8: document 1 ends at 2; expected 4 or more"),
        (np.array([2**63], "<u8"), r"a\.ds\.index, byte 0: document 0 ends at 9223372036854775808"),
        (np.array([5], "<u4"), r"a\.ds\.index: 4 bytes; expected a multiple of 8"),
    ]:
        index.write_bytes(ends.tobytes())
        fails(path, message)
