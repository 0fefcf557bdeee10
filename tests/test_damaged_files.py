"""Damaged files of every kind are errors, for a second; `make fuzz` takes longer."""

import fuzz_files


def test_no_damage_does_more_than_raise(tmp_path):
    kinds = dict.fromkeys(kind for kind, count, _ in fuzz_files.fuzz(tmp_path, 1, "sample") if count > 10)
    assert list(kinds) == [
        "tokenizer.json",
        "steps.json",
        "words.json",
        "ranks.tiktoken",
        "vocab.json",
        "merges.txt",
        "tekken.json",
        "tokenizer.model",
        "x.idx",
        "x.json",
        "x.bin",
        "x.npy",
        "c.bin",
        "words.counts",
        "word_tokenizer.json",
        "lines.jsonl",
        "lines.txt.gz",
    ]
