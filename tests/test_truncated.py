"""Smaller vocabularies of the same training, and vocabularies that no training gave."""

import json

import pytest

import bytestride as bs

END = "<|endoftext|>"


def small_file(tmp_path, tokens, merges, **model):
    """A tokenizer.json of the 256 bytes and some more tokens."""
    path = tmp_path / "small.json"
    bs.train([b""], 256, pattern=None).save(path)
    file = json.loads(path.read_text())
    file["model"]["vocab"].update(tokens)
    file["model"]["merges"] = merges
    file["model"].update(model)
    path.write_text(json.dumps(file))
    return path


def test_a_rank_file_is_refused_where_it_would_change_ids(tmp_path):
    tok = bs.Tokenizer.load(small_file(tmp_path, {"xyz": 256}, []))
    assert len(tok.encode("xyz")) == 3
    with pytest.raises(ValueError, match="a .tiktoken file cannot hold it"):
        tok.save(tmp_path / "x.tiktoken")
    taken = bs.Tokenizer.load(small_file(tmp_path, {"xyz": 256}, [], ignore_merges=True))
    taken.save(tmp_path / "x.tiktoken")
    again = bs.Tokenizer.load(tmp_path / "x.tiktoken", pattern="gpt2")
    assert again.encode("xyz").tolist() == taken.encode("xyz").tolist() == [256]


def test_what_stands_around_texts_stays_or_is_missed(tmp_path):
    trained = bs.train(iter([b"low lower lowest"] * 2), 262, pattern="gpt2", special_tokens=[END])
    path = tmp_path / "tokenizer.json"

    def with_ends(first, last):
        trained.save(path)
        file = json.loads(path.read_text())
        file["post_processor"] = {"type": "BertProcessing", "cls": ["!", first], "sep": [END, last]}
        path.write_text(json.dumps(file))
        return bs.Tokenizer.load(path)

    shorter = with_ends(0, 261).truncated(259)
    assert shorter.special_tokens == {END: 258}
    ids = shorter.encode("low", bos=True, eos=True).tolist()
    assert (ids[0], ids[-1], shorter.decode(ids[1:-1])) == (0, 258, "low")
    with pytest.raises(ValueError, match="vocab_size: 259 leaves out token 260, which stands before"):
        with_ends(260, 261).truncated(259)


def test_truncation_is_the_shorter_training(documents):
    long = bs.train(iter(documents), 900, pattern="gpt2", special_tokens=[END])
    for size in (257, 300, 899, 900):
        assert long.truncated(size) == bs.train(iter(documents), size, pattern="gpt2", special_tokens=[END])
    for size in (256, 901):
        with pytest.raises(ValueError, match="vocab_size: .* is not between 257 and 900"):
            long.truncated(size)


def test_truncation_keeps_the_rules(tmp_path):
    path = small_file(
        tmp_path,
        {"bc": 256, "ab": 257, "abc": 258, "zz": 259},
        [["b", "c"], ["a", "b"], ["ab", "c"], ["z", "z"]],
        ignore_merges=True,
    )
    tok = bs.Tokenizer.load(path)
    assert tok.encode("abc").tolist() == tok.truncated(259).encode("abc").tolist() == [258]
    path = small_file(tmp_path, {"abc": 256, "ab": 257}, [["ab", "c"], ["a", "b"]])
    with pytest.raises(ValueError, match="only a vocabulary in the order of its training"):
        bs.Tokenizer.load(path).truncated(257)


def test_truncation_keeps_bos_and_eos(tmp_path):
    path = tmp_path / "tokenizer.json"
    bs.train([b"low lower lowest"] * 2, 262, special_tokens=["<s>", "</s>"]).save(path)
    file = json.loads(path.read_text())
    around = [{"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>")]
    single = [around[0], {"Sequence": {"id": "A", "type_id": 0}}, around[1]]
    file["post_processor"] = {"type": "TemplateProcessing", "single": single}
    path.write_text(json.dumps(file))
    shorter = bs.Tokenizer.load(path).truncated(259)
    assert shorter.special_tokens == {"<s>": 257, "</s>": 258}
    assert shorter.encode("", bos=True, eos=True).tolist() == [257, 258]
