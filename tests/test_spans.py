"""Texts in spans with policies of their own for special tokens, and texts cut off at either side."""

import re
from itertools import pairwise

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import bytestride as bs

NAMES = ["<|end|>", "<|end|>s", "<|user|>"]


@pytest.fixture(scope="module", params=["gpt2", "o200k", r"\w+|\W"])
def tok(request, documents):
    return bs.train(iter(documents[:20]), 900, pattern=request.param, special_tokens=NAMES)


def naive(tok, spans):
    """The ids: names are found within each span, and what is between two of them is encoded as one text."""
    wanted = {"text": [], "encode": NAMES, "raise": []}
    cuts, start = [(0, 0, None)], 0
    for text, special in spans:
        names = wanted[special] if isinstance(special, str) else sorted(special)
        expression = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        hits = re.finditer(expression, text) if names else ()
        cuts.extend((start + found.start(), start + found.end(), found.group()) for found in hits)
        start += len(text)
    whole = "".join(text for text, _ in spans)
    cuts.append((len(whole), len(whole), None))
    ids = []
    for (_, before, name), (behind, _, _) in pairwise(cuts):
        ids += [] if name is None else [tok.special_tokens[name]]
        ids += tok.encode(whole[before:behind]).tolist()
    return ids


TEXTS = st.lists(st.sampled_from([*NAMES, "<|en", "d|>", "s", " the", " ", "\n", "é👋", "word"]), max_size=6)
POLICIES = st.sampled_from(["text", "encode"]) | st.sets(st.sampled_from(NAMES))


@settings(max_examples=300)
@given(spans=st.lists(st.tuples(TEXTS.map("".join), POLICIES), max_size=5), most=st.integers(0, 12))
def test_spans_are_one_text_with_tokens_where_they_may_be(tok, spans, most):
    expected = naive(tok, spans)
    assert tok.encode(spans).tolist() == expected
    assert tok.encode(tuple(spans), max_tokens=most).tolist() == expected[:most]
    assert tok.encode(spans, max_tokens=most, truncation_side="left").tolist() == (
        expected[-most:] if most else []
    )
    assert tok.count(spans) == len(expected)


@settings(max_examples=100)
@given(
    texts=st.lists(
        st.lists(st.tuples(TEXTS.map("".join), POLICIES), max_size=4) | TEXTS.map("".join), max_size=6
    ),
    most=st.none() | st.integers(0, 9),
    side=st.sampled_from(["left", "right"]),
    threads=st.integers(1, 3),
)
def test_texts_of_a_batch_have_spans_of_their_own(tok, texts, most, side, threads):
    batch = tok.encode_batch(texts, max_tokens=most, truncation_side=side, threads=threads)
    each = [tok.encode(text, max_tokens=most, truncation_side=side).tolist() for text in texts]
    assert [ids.tolist() for ids in batch] == each
    assert tok.count_batch(texts, threads=threads).tolist() == [tok.count(text) for text in texts]


@settings(max_examples=100)
@given(spans=st.lists(st.tuples(TEXTS.map("".join), POLICIES), max_size=5))
def test_offsets_in_spans_are_places_in_the_whole_text(tok, spans):
    whole = "".join(text for text, _ in spans)
    ids, places = tok.encode_with_offsets(spans)
    in_bytes = tok.encode_with_offsets(spans, unit="byte")[1].tolist()
    assert ids.tolist() == tok.encode(spans).tolist()
    assert b"".join(whole.encode()[start:end] for start, end in in_bytes) == whole.encode()
    for (start, end), (first, last), id in zip(in_bytes, places.tolist(), ids.tolist(), strict=True):
        assert whole.encode()[start:end] == tok.bytes_of(id)
        assert len(whole[:first].encode()) <= start < end <= len(whole[:last].encode())


def test_what_a_user_writes_is_no_token(tok):
    chat = [
        ("<|user|>", "encode"),
        ("Hello<|end|>", "text"),
        (b" bytes", "text"),
        ("<|end|>", {"<|end|>"}),
    ]
    ids = tok.encode(chat).tolist()
    assert ids[0] == tok.special_tokens["<|user|>"]
    assert ids[-1] == tok.special_tokens["<|end|>"]
    assert not set(ids[1:-1]) & set(tok.special_tokens.values())
    assert tok.decode(ids) == "<|user|>Hello<|end|> bytes<|end|>"
    harmless = [("<|user|>", "encode"), ("Hello ", "text"), ("there", "text"), ("<|end|>", "encode")]
    assert (
        tok.encode(harmless).tolist() == tok.encode("<|user|>Hello there<|end|>", special="encode").tolist()
    )


def test_a_long_text_in_spans_is_encoded_on_all_threads(tok, documents):
    text = "".join(documents[:30])
    middle = len(text) // 2
    spans = [(text[:middle], "text"), ("<|end|>", "encode"), (text[middle:], "text")]
    expected = [
        *tok.encode(text[:middle]).tolist(),
        tok.special_tokens["<|end|>"],
        *tok.encode(text[middle:]).tolist(),
    ]
    assert tok.encode(spans).tolist() == expected


def test_spans_that_are_none(tok):
    for wrong in (["text"], [("a", "text", 3)], [3]):
        with pytest.raises(
            TypeError, match=r'text: expected pairs of a text and .* \("Hello", "text"\), not'
        ):
            tok.encode(wrong)
    with pytest.raises(TypeError, match="text: expected str or bytes"):
        tok.encode([(3, "text")])
    with pytest.raises(ValueError, match="special: each span of the text has its own"):
        tok.encode([("a", "text")], special="text")
    with pytest.raises(ValueError, match='special: expected "text", "encode", "raise" or a set'):
        tok.encode([("a", "nope")])
    with pytest.raises(KeyError, match="is no special token"):
        tok.encode([("a", {"<|nope|>"})])
    with pytest.raises(ValueError, match=r'holds the special token "<\|end\|>" at byte 3'):
        tok.encode([("aé", "text"), ("<|end|>", "raise")])
    with pytest.raises(ValueError, match="special: each span of the text has its own"):
        tok.encode_batch([[("a", "text")]], special="text")
    with pytest.raises(ValueError, match="spans with surrogates have no offsets in characters"):
        tok.encode_with_offsets([("a\ud83d\ude00", "text")])
    assert tok.encode([]).tolist() == []


def peer_file(folder, normalizer):
    """A tokenizer.json with a normalizer and a special token that is found behind it."""
    path = folder / "tokenizer.json"
    bs.train([b"low lower lowest"] * 2, 262, pattern="gpt2").save(path)
    peer = tokenizers.Tokenizer.from_file(str(path))
    peer.normalizer = normalizer
    peer.add_special_tokens([tokenizers.AddedToken("<|end|>", normalized=True)])
    peer.save(str(path))
    return path


def test_names_behind_a_normalizer_are_the_same_in_all_spans(tmp_path):
    plain = bs.Tokenizer.load(peer_file(tmp_path, None))
    end = plain.special_tokens["<|end|>"]
    spans = [("low<|end|>", "text"), ("<|end|>", "encode")]
    assert plain.encode(spans).tolist().count(end) == 1
    lower = bs.Tokenizer.load(peer_file(tmp_path, tokenizers.normalizers.Lowercase()))
    with pytest.raises(ValueError, match="may not change within a text"):
        lower.encode(spans)


# -- the side where texts are cut off ---------------------------------------------------------------------------


def test_the_last_ids_are_those_of_the_whole_text(tok, documents):
    text = "".join(documents[:30])
    whole = tok.encode(text, special="encode", bos="<|user|>", eos="<|end|>").tolist()
    for most in (0, 1, 2, 3, 100, 5000, len(whole) - 1, len(whole), len(whole) + 1):
        last = tok.encode(
            text,
            special="encode",
            bos="<|user|>",
            eos="<|end|>",
            max_tokens=most,
            truncation_side="left",
        )
        assert last.tolist() == whole[len(whole) - min(most, len(whole)) :]


def test_batches_are_cut_off_like_their_texts(tok, documents):
    texts = [*documents[:20], "", "a"]
    for threads in (1, 3):
        for side in ("left", "right"):
            batch = tok.encode_batch(
                texts, max_tokens=7, truncation_side=side, threads=threads, dtype="uint16"
            )
            assert batch.ids.dtype == np.uint16
            each = [tok.encode(text, max_tokens=7, truncation_side=side).tolist() for text in texts]
            assert [ids.tolist() for ids in batch] == each
    assert each != [tok.encode(text, max_tokens=7, truncation_side="left").tolist() for text in texts]


def test_the_side_is_one_of_two(tok):
    for encode in (tok.encode, lambda text, **options: tok.encode_batch([text], **options)):
        with pytest.raises(ValueError, match='truncation_side: expected "right" or "left", not "top"'):
            encode("a", truncation_side="top")


def test_an_error_in_a_batch_says_which_text(tok):
    texts = ["a"] * 5 + ["b<|end|>"]
    for work in (tok.encode_batch, tok.count_batch):
        for threads in (1, 2):
            with pytest.raises(ValueError, match=r"special: text 5: the text holds .* at byte 1;"):
                work(texts, special="raise", threads=threads)
        with pytest.raises(TypeError, match=r"texts\[1\]: expected str or bytes, not int"):
            work(["a", 5])
        with pytest.raises(TypeError, match=r"texts\[1\]: text: expected str or bytes, not int"):
            work([[("a", "text")], 5])
        with pytest.raises(ValueError, match=r"texts\[1\]: special: expected"):
            work([[("a", "text")], [("a", "nope")]])
    with pytest.raises(ValueError, match="special: the text holds"):
        tok.encode_batch(texts[5:], special="raise")
    with pytest.raises(KeyError, match=r"sequence 2: id 99999 at position 1 is no token"):
        tok.decode_batch([[1], [1, 2], [1, 99999]])
    with pytest.raises(TypeError, match="sequence 1: ids: expected"):
        tok.decode_batch([[1], ["a"]])
    with pytest.raises(TypeError, match="source: document 1: expected str or bytes, not int"):
        bs.train(iter([b"a", 5]), 260)


@pytest.mark.parametrize("special_tokens", [None, {"<x>": 50258, "<y>": 50258}])
def test_spans_in_bytes_are_gapless_where_an_id_has_two_names(special_tokens):
    """As in `o200k_harmony`."""
    tok = bs.Tokenizer.load("gpt2" if special_tokens else "o200k_harmony", special_tokens=special_tokens)
    text = "👨 ｘ<|endofprompt|><y>é"
    ids, spans = tok.encode_with_offsets(text, "byte", special="encode")
    assert len(ids) == len(spans) > 6
    assert [0, *spans[:, 1]] == [*spans[:, 0], len(text.encode())]
    assert ids.tolist() == tok.encode(text, special="encode").tolist()


def test_the_name_that_stands_in_the_text_is_told():
    tok = bs.Tokenizer.load("gpt2", special_tokens={"<x>": 50258, "<y>": 50258})
    with pytest.raises(ValueError, match='holds the special token "<y>" at byte 2'):
        tok.encode("ab<y>", special="raise")


def test_errors_are_of_a_length_that_can_be_read():
    names = {f"<{number}>": 50258 + number for number in range(1000)}
    tok = bs.Tokenizer.load("gpt2", special_tokens=names)
    with pytest.raises(KeyError, match="and others") as raised:
        tok.encode("a", special={"<nope>"})
    assert len(str(raised.value)) < 400
    with pytest.raises(KeyError, match="… is no token of this tokenizer") as raised:
        tok.id_of("ab " * 10**5)
    assert len(str(raised.value)) < 400
