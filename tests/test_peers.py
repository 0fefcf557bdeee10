"""Ids, offsets and files beside tiktoken and Hugging Face's tokenizers."""

import base64

import pytest
import tiktoken
import tokenizers

import bytestride as bs
from published import PATTERNS

END = "<|endoftext|>"


@pytest.fixture(scope="module", params=PATTERNS)
def trained(request, documents):
    """A tokenizer of each published pattern."""
    return bs.train(iter(documents), 1500, pattern=request.param, special_tokens=[END])


def test_ids_are_those_of_tiktoken(trained, documents, tmp_path):
    path = tmp_path / "ranks.tiktoken"
    trained.save(path)
    lines = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    peer = tiktoken.Encoding(
        "peer", pat_str=PATTERNS[trained.pattern], mergeable_ranks=ranks, special_tokens={}
    )
    for document in documents:
        expected = peer.encode_ordinary(document)
        assert trained.encode(document).tolist() == expected
        assert peer.decode(expected) == trained.decode(expected)
    again = bs.Tokenizer.load(path, pattern=trained.pattern, special_tokens=trained.special_tokens)
    assert again.merges == trained.merges
    assert [again.encode(text).tolist() for text in documents] == [
        trained.encode(text).tolist() for text in documents
    ]


def test_ids_and_offsets_are_those_of_hugging_face(trained, documents, tmp_path):
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    peer = tokenizers.Tokenizer.from_file(str(path))
    peer.encode_special_tokens = True
    for document in documents:
        expected = peer.encode(document, add_special_tokens=False)
        ids, spans = trained.encode_with_offsets(document)
        assert ids.tolist() == expected.ids
        assert [tuple(span) for span in spans.tolist()] == expected.offsets
    assert peer.encode(f"a{END}b").ids == trained.encode(f"a{END}b").tolist()
    peer.encode_special_tokens = False
    assert peer.encode(f"a{END}b").ids == trained.encode(f"a{END}b", special="encode").tolist()


def test_a_file_of_hugging_face_gives_its_ids(documents, tmp_path):
    peer = tokenizers.Tokenizer(tokenizers.models.BPE())
    peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    peer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1200, initial_alphabet=alphabet, show_progress=False, special_tokens=["<s>", "</s>"]
    )
    peer.train_from_iterator(documents, trainer)
    peer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    path = tmp_path / "tokenizer.json"
    peer.save(str(path))
    ours = bs.Tokenizer.load(path)
    for document in documents:
        assert (
            ours.encode(document, bos=True, eos=True, special="encode").tolist() == peer.encode(document).ids
        )
    # What we write, both read alike, template and all.
    ours.save(path)
    peer = tokenizers.Tokenizer.from_file(str(path))
    again = bs.Tokenizer.load(path)
    assert again == ours
    assert peer.encode(documents[0]).ids == again.encode(documents[0], bos=True, eos=True).tolist()
    assert peer.encode("a</s>b").ids == again.encode("a</s>b", bos=True, eos=True, special="encode").tolist()
