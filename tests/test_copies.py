"""Tokenizers in copies, threads and other processes."""

import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tokenizers

import bytestride as bs

END = "<|endoftext|>"


def test_copies_are_equal(tok, documents):
    assert copy.copy(tok) is tok
    assert copy.deepcopy(tok) is tok
    again = pickle.loads(pickle.dumps(tok))
    assert again == tok
    assert hash(again) == hash(tok)
    assert again.fingerprint == tok.fingerprint
    assert again.encode(documents[0]).tolist() == tok.encode(documents[0]).tolist()
    assert tok != tok.truncated(900)
    assert tok != "tok"


def test_patterns_survive_a_file(documents, tmp_path):
    for pattern in ("gpt2", "o200k", None, r"\w+|\s"):
        tok = bs.train(iter(documents[:3]), 300, pattern=pattern)
        tok.save(tmp_path / "tokenizer.json")
        again = bs.Tokenizer.load(tmp_path / "tokenizer.json")
        assert again.pattern == pattern
        assert again == tok


def test_special_tokens_keep_their_ids_in_a_file(tok, tmp_path):
    ranks, path = tmp_path / "x.tiktoken", tmp_path / "tokenizer.json"
    tok.save(ranks)
    for ids in ([998, 999], [999, 998], [1000, 1005]):
        names = dict(zip(("<a>", "<b>"), ids, strict=True))
        ours = bs.Tokenizer.load(ranks, pattern="cl100k", special_tokens=names)
        ours.save(path)
        assert bs.Tokenizer.load(path).special_tokens == names
        peer = tokenizers.Tokenizer.from_file(str(path))
        assert peer.encode("x<b>y<a>").ids == ours.encode("x<b>y<a>", special="encode").tolist()


def on_eight_threads(work):
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_share_a_tokenizer(tok, documents):
    expected = [tok.encode(text).tolist() for text in documents]
    wrong = []

    def work():
        wrong.extend(
            text for text, ids in zip(documents, expected, strict=True) if tok.encode(text).tolist() != ids
        )

    on_eight_threads(work)
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_encodes(tok, documents):
    text = "".join(documents)
    expected = tok.encode(text).tolist()
    child = os.fork()
    if child == 0:
        os._exit(0 if tok.encode(text).tolist() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_tokenizer_cannot_be_changed(tok):
    with pytest.raises(AttributeError):
        tok.vocab_size = 3


def test_any_number_of_threads_may_be_asked_for(tok, documents):
    expected = tok.encode_batch(documents, threads=1)
    for threads in (5000, 2**62):
        assert tok.encode_batch(documents, threads=threads) == expected
        assert bs.train(iter(documents[:2]), 300, threads=threads).vocab_size == 300


def test_ids_may_be_decoded_while_they_are_written(tok):
    windows = bs.windows(np.arange(900, dtype=np.uint16), 64, 1)
    out = np.zeros((2, 800, 64), np.int64)
    indices = np.arange(800)
    writer = threading.Thread(target=lambda: [windows.gather(indices, out=out) for _ in range(50)])
    writer.start()
    while writer.is_alive():
        assert len(tok.decode_bytes(out[0, 0, :4])) > 0
    writer.join()


def test_threads_may_save_to_one_path(tok, tmp_path):
    path = tmp_path / "tokenizer.json"
    failures = []

    def save():
        try:
            tok.save(path)
        except OSError as error:
            failures.append(error)

    on_eight_threads(save)
    assert not failures
    assert bs.Tokenizer.load(path) == tok
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_is_used_again_only_when_no_array_looks_at_it(tok, documents, threads):
    text = "\n".join(documents)
    texts = [text * (3_000_000 // len(text.encode()) + 1), text[: len(text) // 2] * 8, text]
    expected = [tok.encode(part).tolist() for part in texts]
    batch = tok.encode_batch(texts, threads=threads)
    first, view = batch.ids, batch[0][::7]
    assert first.nbytes > 4 << 20, "large enough to come from memory that is kept"
    for _ in range(3):
        again = tok.encode_batch(texts[::-1], threads=threads)
        assert [ids.tolist() for ids in again] == expected[::-1]
    del batch, first, again
    assert tok.encode_batch(texts, threads=threads)[0].tolist() == expected[0]
    assert view.tolist() == expected[0][::7]
    whole = tok.encode(texts[0])
    assert whole.flags.writeable
    whole[:] = 0
    del whole
    assert tok.encode(texts[0]).tolist() == expected[0]


def test_a_file_that_is_replaced_keeps_its_place_and_its_permissions(tmp_path):
    tokenizer = bs.train([b"low lower lowest"] * 2, 260)
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    tokenizer.save(link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert bs.Tokenizer.load(real) == tokenizer
    assert sorted(tmp_path.iterdir()) == [link, real]
    # Also where nothing is there yet.
    (tmp_path / "to_new").symlink_to("new.json")
    bs.WordCounts({"a": 1}).save(tmp_path / "to_new")
    assert (tmp_path / "to_new").is_symlink()
    assert bs.WordCounts.load(tmp_path / "new.json")["a"] == 1


def test_what_is_no_file_is_written_to_as_it_is(tmp_path):
    counts = bs.WordCounts({"a": 1})
    counts.save(tmp_path / "plain")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as executor:
        read = executor.submit(pipe.read_bytes)
        counts.save(pipe)
        assert read.result(10) == (tmp_path / "plain").read_bytes()
    assert pipe.is_fifo()
