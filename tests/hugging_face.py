"""Tokenizers of Hugging Face's library, and whether ours of the same file makes the same of a text."""

import json
import pickle

from tokenizers import Tokenizer, pre_tokenizers, trainers

import bytestride as bs
from fuzz_text import Texts

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABET = pre_tokenizers.ByteLevel.alphabet()
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
MADE_UP = 400


def texts_to_compare(documents):
    made_up = Texts("every kind").batch(MADE_UP)
    return [*documents[-12:], "", " ", "a", "  a  b ", "▁a ▁ b", "\n\n x", *made_up]


def trained(documents, model, trainer=None, **parts):
    """A tokenizer of the library's, trained on some of the documents."""
    peer = Tokenizer(model)
    for name, part in parts.items():
        setattr(peer, name, part)
    options = {"vocab_size": 900, "show_progress": False} | (trainer or {})
    peer.train_from_iterator(documents[-20:], trainers.BpeTrainer(**options))
    return peer


def without_special_bytes(peer):
    """Byte tokens are no added tokens in published files, and training can make them only so."""
    file = json.loads(peer.to_str())
    file["added_tokens"] = [token for token in file["added_tokens"] if token["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(file))


def load(peer, folder):
    path = folder / "tokenizer.json"
    peer.save(str(path))
    return bs.Tokenizer.load(path)


def up_to_whole_characters(peer, ids, count):
    """About `count` ids, not cut among tokens of single bytes.

    Where such a run is not UTF-8 as a whole, decoding makes each of its bytes a replacement character; a stream has
    handed out the characters before by then.
    """
    while count < len(ids) and peer.id_to_token(ids[count]).startswith("<0x"):
        count += 1
    return ids[:count]


def own_ends(tokenizer):
    """The arguments that ask for what the tokenizer itself puts around a text."""

    def has(end):
        try:
            return bool(len(tokenizer.encode("", **{end: True})))
        except ValueError:
            return False

    return {end: True for end in ("bos", "eos") if has(end)}


def assert_equal(peer, ours, texts, *, as_streams=True):
    """The same ids, offsets and decoded texts, also bit by bit `as_streams`."""
    peer.encode_special_tokens = True
    for text in texts:
        expected = peer.encode(text, add_special_tokens=False)
        try:
            ids, spans = ours.encode_with_offsets(text)
        except ValueError as error:
            raise AssertionError(f"{error} in {text!r}") from error
        assert ids.tolist() == expected.ids, text
        assert ours.encode(text).tolist() == expected.ids, text
        assert ours.count(text) == len(expected.ids)
        assert [tuple(span) for span in spans.tolist()] == expected.offsets, text
        decoded = peer.decode(expected.ids, skip_special_tokens=False)
        assert ours.decode(ids) == decoded, text
        if as_streams:
            stream = ours.stream_decoder()
            some = up_to_whole_characters(peer, expected.ids, 500)
            assert "".join(map(stream.push, some)) + stream.finish() == ours.decode(some), text
    batch = ours.encode_batch(texts, threads=2)
    assert [ids.tolist() for ids in batch] == [ours.encode(text).tolist() for text in texts]


def check(peer, documents, folder, texts=None):
    ours = load(peer, folder)
    texts = texts_to_compare(documents) if texts is None else texts
    assert_equal(peer, ours, texts)
    # What we write, the library reads alike, and so do we.
    ours.save(folder / "again.json")
    again = bs.Tokenizer.load(folder / "again.json")
    assert again == ours
    copy = pickle.loads(pickle.dumps(ours))
    assert copy == ours
    assert copy.encode(texts[-1]).tolist() == ours.encode(texts[-1]).tolist()
    theirs = Tokenizer.from_file(str(folder / "again.json"))
    assert_equal(theirs, again, texts[:40])
    return ours
