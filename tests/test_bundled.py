"""The encodings that come with the package are those that tiktoken knows by these names."""

import errno
import time

import pytest
import tiktoken
import tiktoken.model
import tiktoken_ext.openai_public

import bytestride as bs

MOST_IDS = 210_000


@pytest.mark.parametrize("name", bs.bundled())
def test_bundled_encodings_have_the_ids_of_tiktoken(name, documents, monkeypatch):
    ours = bs.Tokenizer.load(name)
    ranks = {ours.bytes_of(id): id for id in range(MOST_IDS) if is_ordinary(ours, id)}
    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", lambda *_, **__: ranks)
    monkeypatch.setattr(tiktoken_ext.openai_public, "data_gym_to_mergeable_bpe_ranks", lambda *_, **__: ranks)
    peer = tiktoken.Encoding(**getattr(tiktoken_ext.openai_public, name)())
    assert ours.special_tokens == peer._special_tokens
    for document in documents:
        text = document + "<|endoftext|>" + document[:10] + "<|endofprompt|>"
        expected = peer.encode(text, allowed_special="all")
        assert ours.encode(text, special="encode").tolist() == expected
        assert ours.decode(expected) == peer.decode(expected)


def is_ordinary(tokenizer, id):
    try:
        return tokenizer.bytes_of(id).decode(errors="replace") not in tokenizer.special_tokens
    except KeyError:
        return False


# Known ids, from the documentation of OpenAI and of the models.
KNOWN = {
    "gpt2": [31373, 995],
    "p50k_base": [31373, 995],
    "cl100k_base": [15339, 1917],
    "o200k_base": [24912, 2375],
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_ids(name):
    assert bs.Tokenizer.load(name).encode("hello world").tolist() == KNOWN[name]


def test_runs_of_spaces_are_tokens_of_gpt3_alone():
    text = "def f():\n        return"
    gpt2, gpt3 = bs.Tokenizer.load("gpt2"), bs.Tokenizer.load("p50k_base")
    assert gpt3.encode(text).tolist() == [4299, 277, 33529, 198, 50262, 1441]
    assert len(gpt2.encode(text)) > 6


def test_a_name_takes_other_special_tokens_and_refuses_taken_ids():
    tok = bs.Tokenizer.load("cl100k_base", special_tokens={"<|im_start|>": 100264})
    assert tok.special_tokens == {"<|im_start|>": 100264}
    with pytest.raises(ValueError, match="special_tokens: .*two tokens have id 5"):
        bs.Tokenizer.load("cl100k_base", special_tokens={"<|im_start|>": 5})


def test_a_name_that_is_not_known_is_an_error_that_tells_those_that_are(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no such file, nor a bundled tokenizer, which are gpt2, "
    ) as raised:
        bs.Tokenizer.load("cl100k")
    assert (raised.value.filename, raised.value.errno) == ("cl100k", errno.ENOENT)
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        bs.Tokenizer.load(tmp_path / "cl100k")


def test_models_have_the_encodings_of_tiktoken():
    models = dict(tiktoken.model.MODEL_TO_ENCODING)
    models |= {
        f"{prefix}2024-05-13": name for prefix, name in tiktoken.model.MODEL_PREFIX_TO_ENCODING.items()
    }
    assert {model: bs.encoding_name_for_model(model) for model in models} == models
    assert bs.encoding_for_model("gpt-4o") == bs.Tokenizer.load("o200k_base")
    with pytest.raises(KeyError, match="no encoding is known for the model 'llama'"):
        bs.encoding_for_model("llama")


def test_loading_takes_milliseconds():
    """Far above what it takes, for slow machines; `benches` measures."""
    start = time.process_time()
    bs.Tokenizer.load("cl100k_base")
    assert time.process_time() - start < 0.5
