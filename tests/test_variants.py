"""Tokenizers that cross all parts are those of Hugging Face's library; `make parity` compares them on more text."""

import itertools

import pytest

import variants
from hugging_face import FLAGS, check, own_ends, texts_to_compare


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_all_parts_together(name, documents, tmp_path):
    texts = [text[:5000] for text in documents]
    peer = variants.trained(name, texts, 1500)
    ours = check(peer, documents, tmp_path, texts_to_compare(texts))
    peer.encode_special_tokens = False
    ends = own_ends(ours)
    for text in texts_to_compare(texts):
        assert ours.encode(text, special="encode", **ends).tolist() == peer.encode(text).ids, text


def test_all_flags_of_added_tokens_are_there(documents):
    peers = [variants.trained(name, documents[:1], 400) for name in variants.VARIANTS]
    tokens = itertools.chain(*(peer.get_added_tokens_decoder().values() for peer in peers))
    flags = {tuple(getattr(token, flag) for flag in FLAGS) for token in tokens}
    assert flags == set(variants.COMBINATIONS)
