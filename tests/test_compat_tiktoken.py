"""`bytestride.compat.tiktoken` beside tiktoken itself: the same results and the same kinds of errors."""

import inspect
import pickle
import threading

import numpy as np
import pytest
import tiktoken as peer_module
from hypothesis import given, settings
from hypothesis import strategies as st

import bytestride as bs
from bytestride.compat import tiktoken
from published import PATTERNS

CHOSEN = ("gpt2", "p50k_edit", "cl100k_base", "o200k_harmony")


@pytest.fixture(scope="module", params=CHOSEN)
def pair(request):
    """Our encoding, and tiktoken's of the same ranks."""
    ours = tiktoken.get_encoding(request.param)
    peer = peer_module.Encoding(
        request.param,
        pat_str=ours._pat_str,
        mergeable_ranks=ours._mergeable_ranks,
        special_tokens=ours._special_tokens,
    )
    return ours, peer


@pytest.fixture(scope="module")
def gpt2():
    return tiktoken.get_encoding("gpt2")


def both(pair, method, *arguments, **options):
    """What a method gives, which must be the same, be it a result or an error."""
    results = []
    for encoding in pair:
        try:
            results.append(getattr(encoding, method)(*arguments, **options))
        except (ValueError, KeyError) as error:
            results.append(type(error))
    ours, peers = results
    assert ours == peers, (method, arguments, options)
    return ours


# -- the interface ----------------------------------------------------------------------------------------------


def test_the_names_are_those_of_tiktoken():
    left_out = {"encode_with_unstable"}
    peers = {name for name in dir(peer_module.Encoding) if not name.startswith("_")}
    assert peers - left_out <= set(dir(tiktoken.get_encoding("gpt2")))
    functions = {name for name, value in vars(peer_module).items() if inspect.isroutine(value)}
    assert functions | {"Encoding"} <= set(tiktoken.__all__)
    assert set(tiktoken.list_encoding_names()) == set(peer_module.list_encoding_names())


def test_the_parameters_are_those_of_tiktoken():
    for name, method in inspect.getmembers(tiktoken.Encoding, inspect.isfunction):
        if not name.startswith("_") and hasattr(peer_module.Encoding, name):
            ours, peers = inspect.signature(method), inspect.signature(getattr(peer_module.Encoding, name))
            assert list(ours.parameters) == list(peers.parameters), name
            assert [one.kind for one in ours.parameters.values()] == [
                one.kind for one in peers.parameters.values()
            ], name


@pytest.mark.parametrize("model", [*peer_module.model.MODEL_TO_ENCODING, "gpt-4o-2024-05-13", "ft:gpt-4-x"])
def test_models_have_the_encodings_that_tiktoken_says(model):
    assert tiktoken.encoding_name_for_model(model) == peer_module.encoding_name_for_model(model)


def test_names_that_do_not_exist():
    for function, name, error in [
        ("get_encoding", "nope", ValueError),
        ("encoding_for_model", "nope", KeyError),
        ("encoding_name_for_model", "nope", KeyError),
    ]:
        for module in (tiktoken, peer_module):
            with pytest.raises(error, match=name):
                getattr(module, function)(name)


def test_an_encoding_is_loaded_once_from_any_thread():
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(tiktoken.get_encoding("r50k_base"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, got))) == 1


# -- results ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pattern"), [("gpt2", "gpt2"), ("cl100k_base", "cl100k"), ("o200k_base", "o200k")]
)
def test_the_split_is_the_published_one(name, pattern):
    assert tiktoken.get_encoding(name)._pat_str == PATTERNS[pattern]


def test_a_split_that_tiktoken_cannot_say_is_refused():
    documents = [b"low lower lowest"] * 2
    whole, turns = (bs.train(documents, 260, pattern=pattern) for pattern in (None, "deepseek"))
    assert tiktoken.Encoding.of(whole)._pat_str == "(?s:.+)"
    with pytest.raises(ValueError, match="several expressions"):
        _ = tiktoken.Encoding.of(turns)._pat_str


def test_the_vocabulary_is_that_of_tiktoken(pair):
    ours, peer = pair
    assert ours.token_byte_values() == peer.token_byte_values()
    for name in ("n_vocab", "max_token_value", "eot_token", "special_tokens_set", "name"):
        assert getattr(ours, name) == getattr(peer, name)
    assert repr(ours) == repr(peer)
    for id in (0, 255, 1000, ours.eot_token, ours.n_vocab - 1, ours.n_vocab, ours.n_vocab + 7):
        assert ours.is_special_token(id) == peer.is_special_token(id)
        both(pair, "decode_single_token_bytes", id)
    for token in ("hello", b" the", b"\xff", "<|endoftext|>", "no such token", b""):
        both(pair, "encode_single_token", token)


def test_texts_give_the_ids_and_offsets_of_tiktoken(pair, documents):
    texts = [*documents[:20], *documents[-8:], "", "a\ud800b", "\ud83d\ude00", "<|endoftext|>" * 3]
    for text in texts:
        both(pair, "encode", text)
        ids = both(pair, "encode_ordinary", text)
        assert both(pair, "encode", text, disallowed_special=()) == ids
        assert both(pair, "decode", ids) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        both(pair, "decode_bytes", ids)
        both(pair, "decode_tokens_bytes", ids)
        both(pair, "decode_with_offsets", ids)
    ids = both(pair, "encode_ordinary_batch", texts)
    assert both(pair, "encode_batch", texts, num_threads=2, disallowed_special=()) == ids
    both(pair, "encode_batch", texts)
    both(pair, "encode_batch", texts, allowed_special="all")
    both(pair, "decode_batch", ids)
    both(pair, "decode_bytes_batch", ids, num_threads=2)


@settings(max_examples=200)
@given(data=st.data())
def test_any_rules_and_texts(pair, data):
    names = st.sampled_from([*sorted(pair[0].special_tokens_set)[:6], "<|nope|>", "foo"])
    text = "".join(data.draw(st.lists(names | st.text(max_size=8), max_size=6)))
    allowed = data.draw(st.just("all") | st.sets(names, max_size=3))
    disallowed = data.draw(st.just("all") | st.just(()) | st.lists(names, max_size=3))
    both(pair, "encode", text, allowed_special=allowed, disallowed_special=disallowed)
    both(pair, "encode_batch", [text, "x"], allowed_special=allowed, disallowed_special=disallowed)


@settings(max_examples=200)
@given(data=st.data())
def test_any_ids_decode_alike(pair, data):
    ids = data.draw(st.lists(st.integers(0, pair[0].n_vocab + 3) | st.integers(0, 255), max_size=10))
    for method in ("decode", "decode_bytes", "decode_tokens_bytes", "decode_with_offsets"):
        both(pair, method, ids)
    both(pair, "decode", ids, errors="strict")
    both(pair, "decode", ids, errors="ignore")


def test_numpy_ids(pair):
    for encoding in pair:
        ids = encoding.encode_to_numpy("hello <|endoftext|>", allowed_special={"<|endoftext|>"})
        assert isinstance(ids, np.ndarray)
        assert ids.dtype == np.uint32
        assert ids.tolist() == pair[1].encode("hello <|endoftext|>", allowed_special="all")
        with pytest.raises(ValueError, match="disallowed special token"):
            encoding.encode_to_numpy("<|endoftext|>")


# -- what tiktoken documents ------------------------------------------------------------------------------------


def test_the_error_names_the_token_and_the_ways_out(gpt2):
    with pytest.raises(ValueError, match="disallowed special token '<|endoftext|>'") as raised:
        gpt2.encode("a <|endoftext|>")
    assert "allowed_special" in str(raised.value)
    assert "or () for no check at all" in str(raised.value)


def test_an_encoding_can_be_extended_as_tiktoken_documents():
    base = tiktoken.get_encoding("cl100k_base")
    special = {**base._special_tokens, "<|im_start|>": 100264, "<|im_end|>": 100265}
    ours, peer = (
        module.Encoding(
            name="cl100k_im",
            pat_str=base._pat_str,
            mergeable_ranks=base._mergeable_ranks,
            special_tokens=special,
        )
        for module in (tiktoken, peer_module)
    )
    text = "<|im_start|>user\nHello, world!<|im_end|>"
    both((ours, peer), "encode", text, allowed_special="all")
    both((ours, peer), "encode", text, allowed_special={"<|im_end|>"})
    assert ours.encode(text, allowed_special="all")[0] == 100264


def test_the_number_of_tokens_is_checked(gpt2):
    parts = {
        "pat_str": gpt2._pat_str,
        "mergeable_ranks": gpt2._mergeable_ranks,
        "special_tokens": gpt2._special_tokens,
    }
    for explicit in (50257, 0, None):
        assert tiktoken.Encoding("x", **parts, explicit_n_vocab=explicit).n_vocab == 50257
    with pytest.raises(ValueError, match="explicit_n_vocab: 50258, but there are 50257 tokens"):
        tiktoken.Encoding("x", **parts, explicit_n_vocab=50258)
    with pytest.raises(ValueError, match="no token for the byte 0x00"):
        tiktoken.Encoding("x", pat_str="gpt2", mergeable_ranks={b"a": 0}, special_tokens={})


def test_pickles(gpt2):
    assert pickle.loads(pickle.dumps(gpt2)) is gpt2
    assert len(pickle.dumps(gpt2)) < 200, "one that comes with the package goes by its name"
    own = tiktoken.Encoding.of(bs.train([b"low lower lowest"] * 2, 260), "low")
    again = pickle.loads(pickle.dumps(own))
    assert again.encode("lowest") == own.encode("lowest") == [257, 68, 82, 83]
    assert repr(again) == "<Encoding 'low'>"


def test_what_tiktoken_refuses_is_refused(pair):
    ours, theirs = pair
    for text in (["a"], [("<|endoftext|>", "encode")], b"a", None):
        for encoding in (ours, theirs):
            with pytest.raises(TypeError):
                encoding.encode_ordinary(text)
            with pytest.raises(TypeError):
                encoding.encode_ordinary_batch([text])
            with pytest.raises(TypeError):
                encoding.encode(text, disallowed_special=())
    for encoding in (ours, theirs):
        with pytest.raises(TypeError):
            encoding.encode("<|endoftext|>", allowed_special="<|endoftext|>", disallowed_special=())
        assert encoding.encode("<|endoftext|>", disallowed_special=None) == encoding.encode_ordinary(
            "<|endoftext|>"
        )
    ranks = {**{bytes([byte]): byte for byte in range(256)}, b"ab": 256.9}
    for module in (type(ours), type(theirs)):
        with pytest.raises(TypeError):
            module("ranks", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={})
    ranks = {**ranks, b"ab": 256, b"": 257}
    with pytest.raises(ValueError, match="mergeable_ranks: a token is empty"):
        type(ours)("ranks", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={})
