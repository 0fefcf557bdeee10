"""GPT-2's pair of files and Mistral's tekken.json."""

import base64
import json

import pytest
import tokenizers

import bytestride as bs

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def tok(documents):
    return bs.train(iter(documents), 900, pattern="gpt2", special_tokens=[END])


def test_rank_files_may_be_called_models(tok, tmp_path):
    """As Meta's of Llama 3."""
    ranks = tmp_path / "ranks.tiktoken"
    tok.save(ranks)
    model = tmp_path / "tokenizer.model"
    model.write_bytes(ranks.read_bytes())
    given = {"pattern": "gpt2", "special_tokens": {END: 900}}
    for path in (model, tmp_path):
        assert bs.Tokenizer.load(path, **given) == bs.Tokenizer.load(ranks, **given)
        with pytest.raises(ValueError, match="pattern: needed for .*tokenizer.model"):
            bs.Tokenizer.load(path)


# -- vocab.json and merges.txt ----------------------------------------------------------------------------------


def test_a_pair_of_files_is_read_by_others_and_by_us(tok, documents, tmp_path):
    tok.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merges.txt", "vocab.json"]
    model = tokenizers.models.BPE.from_file(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    peer = tokenizers.Tokenizer(model)
    peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    again = bs.Tokenizer.load(tmp_path)
    assert again == tok
    for document in documents:
        assert again.encode(document).tolist() == peer.encode(document).ids
    cased = bs.Tokenizer.load(tmp_path, pattern="o200k")
    assert cased.pattern == "o200k"
    more = bs.Tokenizer.load(tmp_path, special_tokens={END: 899, "<pad>": 900})
    assert more.special_tokens == {END: 899, "<pad>": 900}
    with pytest.raises(ValueError, match='special_tokens: "<pad>" has id 5, which is another'):
        bs.Tokenizer.load(tmp_path, special_tokens={"<pad>": 5})


def test_a_pair_of_files_stands_for_the_split_of_gpt2(documents, tmp_path):
    for pattern in ("cl100k", None):
        made = bs.train(iter(documents), 300, pattern=pattern)
        with pytest.raises(
            ValueError, match="path: readers of vocab.json and merges.txt split as GPT-2 does"
        ):
            made.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_rank_files_make_a_pair_too(documents, tmp_path):
    gpt2 = bs.Tokenizer.load("gpt2")
    gpt2.save(tmp_path)
    again = bs.Tokenizer.load(tmp_path)
    for document in documents:
        assert again.encode(document).tolist() == gpt2.encode(document).tolist()
    assert again.special_tokens == gpt2.special_tokens


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("vocab.json", "", "vocab.json: not a vocab.json: EOF|vocab.json:1: not a vocab.json"),
        ("vocab.json", "[]", "vocab.json:1: not a vocab.json"),
        ("vocab.json", '{"a": -1}', "invalid value: integer"),
        ("merges.txt", "#version: 0.2\nh e\nabc\n", "merges.txt:3: expected two tokens and a space between"),
        ("merges.txt", "h e l\n", "merges.txt:1: expected two tokens"),
        ("merges.txt", "h xyzzy\n", 'merges.txt:1: "xyzzy" is not in vocab.json'),
        ("merges.txt", b"\xff \xfe\n", "merges.txt:1: not UTF-8"),
    ],
)
def test_a_bad_pair_is_an_error_with_its_line(file, data, message, tok, tmp_path):
    tok.save(tmp_path)
    (tmp_path / file).write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(ValueError, match=message):
        bs.Tokenizer.load(tmp_path)


def test_a_folder_without_a_tokenizer_says_what_it_looked_for(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder without tokenizer.json, tekken.json"):
        bs.Tokenizer.load(tmp_path)
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"merges\.txt"):
        bs.Tokenizer.load(tmp_path)


# -- tekken.json ------------------------------------------------------------------------------------------------


def tekken(tok, **changes):
    """A file of the ranks of `tok`, with some more than the configuration wants."""
    ranks = [tok.bytes_of(rank) for rank in range(899)]
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate(ranks)
    ]
    config = {
        "pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        "num_vocab_tokens": len(vocab),
        "default_vocab_size": 900,
        "default_num_special_tokens": 100,
        "version": "v3",
    }
    return {"config": config | changes.pop("config", {}), "vocab": vocab, **changes}


def write(file, folder):
    path = folder / "tekken.json"
    path.write_text(json.dumps(file))
    return path


def test_ids_of_tekken_stand_behind_the_special_ones(tok, documents, tmp_path):
    ours = bs.Tokenizer.load(write(tekken(tok), tmp_path))
    assert (ours.vocab_size, ours.max_id) == (900, 899)
    assert (ours.special_tokens["<s>"], ours.special_tokens["[INST]"]) == (1, 3)
    assert ours.special_tokens["<SPECIAL_99>"] == 99
    ranks = tmp_path / "x.tiktoken"
    lines = [f"{base64.b64encode(tok.bytes_of(rank)).decode()} {rank}" for rank in range(800)]
    ranks.write_text("\n".join(lines))
    peer = bs.Tokenizer.load(ranks, pattern=ours.pattern)
    for document in documents:
        assert (ours.encode(document) - 100).tolist() == peer.encode(document).tolist()
        assert ours.decode(ours.encode(document, bos=True, eos=True)) == f"<s>{document}</s>"
    assert bs.Tokenizer.load(tmp_path) == ours
    ours.save(tmp_path / "tokenizer.json")
    assert (
        bs.Tokenizer.load(tmp_path / "tokenizer.json").encode(documents[0]).tolist()
        == ours.encode(documents[0]).tolist()
    )


def test_listed_special_tokens_of_tekken(tok, tmp_path):
    file = tekken(tok, special_tokens=[{"rank": 1, "token_str": "<begin>", "is_control": True}])
    ours = bs.Tokenizer.load(write(file, tmp_path))
    assert (ours.special_tokens["<begin>"], ours.special_tokens["<SPECIAL_0>"]) == (1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"pattern": "("}}, "pattern: "),
        (
            {"config": {"default_vocab_size": 50}},
            "default_vocab_size: 50 is less than the 100 special tokens",
        ),
        ({"config": {"default_num_special_tokens": 2**31, "default_vocab_size": 2**31 + 800}}, "is the most"),
        ({"vocab": [{"rank": 0, "token_bytes": "?"}]}, "token_bytes of rank 0: "),
        ({"vocab": []}, "no token for the byte 0x00"),
        ({"vocab": {}}, "not a tekken.json"),
        (
            {"special_tokens": [{"rank": 100, "token_str": "x"}]},
            'special token "x" has rank 100, beyond the 100',
        ),
    ],
)
def test_a_bad_tekken_is_an_error_that_names_it(change, message, tok, tmp_path):
    file = tekken(tok, config=change.get("config", {})) | {k: v for k, v in change.items() if k != "config"}
    path = write(file, tmp_path)
    with pytest.raises(ValueError, match=message) as raised:
        bs.Tokenizer.load(path)
    assert str(raised.value).startswith(str(path))
