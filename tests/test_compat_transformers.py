"""`bytestride.compat.transformers` beside transformers itself, on a tokenizer that both read."""

import itertools
import json
import logging

import numpy as np
import pytest
import transformers
from huggingface_hub import errors
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

import bytestride as bs
from bytestride.compat.transformers import AutoTokenizer, PreTrainedTokenizerFast

END, PAD = "<|endoftext|>", "<pad>"
TEXTS = [
    "hello world",
    "a",
    "",
    f"one {END} two",
    "Übergang 👩‍👩‍👧‍👦 国破",
    "a long text of several words, and more",
]


@pytest.fixture(autouse=True)
def quiet():
    """transformers logs where it takes a default; pytest would take that for output of ours."""
    logging.getLogger("transformers").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module", params=["plain", "template"])
def file(request, documents, tmp_path_factory):
    """A tokenizer.json without a rule for the ends of texts, and one with BOS and EOS."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bs.train(iter(documents), 900, pattern="gpt2", special_tokens=[END, PAD]).save(path)
    if request.param == "template":
        peer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path))._tokenizer
        end = peer.token_to_id(END)
        peer.post_processor = processors.TemplateProcessing(
            single=f"{END} $A {END}", special_tokens=[(END, end)]
        )
        peer.save(str(path))
    return path


@pytest.fixture(scope="module")
def pair(file):
    names = {"bos_token": END, "eos_token": END, "pad_token": PAD}
    return PreTrainedTokenizerFast(file, **names), transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(file), **names
    )


def plain(value):
    """Arrays and tuples as lists, so that they compare."""
    if isinstance(value, dict | transformers.BatchEncoding):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def called(tokenizer, text, options):
    try:
        return plain(tokenizer(text, **options))
    except ValueError:
        return "refused"


def same(pair, text, **options):
    ours, peers = (called(tokenizer, text, options) for tokenizer in pair)
    assert ours == peers, (text, options)
    return ours


PADDINGS = [False, True, "longest", "max_length"]
CHOICES = {
    "truncation": [None, False, True],
    "max_length": [None, 3, 8],
    "padding_side": ["left", "right"],
    "pad_to_multiple_of": [None, 4],
    "add_special_tokens": [True, False],
}


@pytest.mark.filterwarnings("ignore:`max_length` is ignored")
@pytest.mark.parametrize("truncation_side", ["left", "right"])
@pytest.mark.parametrize("padding", PADDINGS)
def test_calls_give_what_transformers_gives(pair, padding, truncation_side):
    asked = {
        "return_offsets_mapping": True,
        "return_special_tokens_mask": True,
        "return_length": True,
    }
    for tokenizer in pair:
        tokenizer.truncation_side = truncation_side
    for chosen in itertools.product(*CHOICES.values()):
        options = {"padding": padding, **dict(zip(CHOICES, chosen, strict=True))}
        for text in (TEXTS, TEXTS[:1], TEXTS[4], ""):
            same(pair, text, **options)
            same(pair, text, **options, **asked)


@settings(max_examples=200)
@given(
    texts=st.lists(st.text(max_size=30) | st.sampled_from(TEXTS), min_size=1, max_size=4),
    length=st.integers(2, 12),
    side=st.sampled_from(["left", "right"]),
)
def test_random_texts_give_what_transformers_gives(pair, texts, length, side):
    for tokenizer in pair:
        tokenizer.truncation_side = side
    same(pair, texts, padding=True, truncation=True, max_length=length, return_tensors="np")
    same(pair, texts, return_offsets_mapping=True)


@pytest.mark.filterwarnings("ignore:`max_length` is ignored")
@pytest.mark.parametrize("padding", [*PADDINGS, "do_not_pad"])
def test_what_was_encoded_before_is_padded_as_there(pair, padding):
    for side, multiple, length in itertools.product(("left", "right"), (None, 4), (None, 9)):
        options = {"padding": padding, "padding_side": side, "pad_to_multiple_of": multiple}
        # Rows of unequal length, as without padding or beyond `max_length`, are no array here.
        for tensors in (None, "np") if padding in (True, "longest") else (None,):
            given = [
                [tokenizer(text, return_special_tokens_mask=True) for text in TEXTS] for tokenizer in pair
            ]
            made = []
            for tokenizer, rows in zip(pair, given, strict=True):
                several = {name: [row[name] for row in rows] for name in rows[0]}
                without = [{"input_ids": row["input_ids"]} for row in rows]
                for encoded in (rows, several, without, dict(rows[1]), without[1]):
                    try:
                        made.append(
                            plain(
                                tokenizer.pad(encoded, max_length=length, return_tensors=tensors, **options)
                            )
                        )
                    except ValueError:
                        made.append("refused")
            assert made[:5] == made[5:], options
    assert pair[0].num_special_tokens_to_add() == pair[1].num_special_tokens_to_add()


def test_a_truncation_that_no_padding_fits_is_refused(pair):
    options = {"padding": True, "truncation": True, "max_length": 3, "pad_to_multiple_of": 4}
    assert same(pair, TEXTS, **options) == "refused"
    with pytest.raises(ValueError, match="max_length: 3 is no multiple of 4"):
        pair[0](TEXTS, **options)


def test_names_in_the_text_are_tokens_unless_they_are_split(pair):
    same(pair, f"a{END}b{PAD}")
    same(pair, f"a{END}b{PAD}", split_special_tokens=True)


def test_arrays_are_of_the_type_of_transformers(pair):
    ours, peers = (tokenizer(TEXTS, padding=True, return_tensors="np") for tokenizer in pair)
    for name in ("input_ids", "attention_mask"):
        assert ours[name].dtype == peers[name].dtype == np.int64
        assert ours[name].tolist() == peers[name].tolist()
    assert ours.input_ids is ours["input_ids"]
    assert not hasattr(ours, "nope")
    with pytest.raises(ValueError, match="unequal numbers of ids; pass padding=True"):
        pair[0](TEXTS, return_tensors="np")
    with pytest.raises(ValueError, match='expected "np" or "pt", not \'tf\''):
        pair[0]("a", return_tensors="tf")


def test_ids_become_text_and_tokens_as_there(pair):
    ours, peer = pair
    for text in TEXTS:
        ids = peer.encode(text)
        assert ours.encode(text) == ids
        assert ours.tokenize(text) == peer.tokenize(text)
        assert ours.convert_ids_to_tokens(ids) == peer.convert_ids_to_tokens(ids)
        assert ours.convert_tokens_to_ids(peer.tokenize(text)) == peer.convert_tokens_to_ids(
            peer.tokenize(text)
        )
        tokens = [*peer.tokenize(text), "größe", "no ▁ token", "Ġ", END]
        assert ours.convert_tokens_to_string(tokens) == peer.convert_tokens_to_string(tokens)
        for skip in (False, True):
            assert ours.decode(ids, skip_special_tokens=skip) == peer.decode(ids, skip_special_tokens=skip)
            assert ours.decode(np.array(ids, np.int64), skip) == peer.decode(ids, skip_special_tokens=skip)
    rows = ours(TEXTS)["input_ids"]
    assert ours.batch_decode(rows, skip_special_tokens=True) == peer.batch_decode(
        rows, skip_special_tokens=True
    )
    assert ours.decode(rows) == ours.batch_decode(rows)
    assert ours.decode(5) == peer.decode(5)
    assert ours.convert_ids_to_tokens(5) == peer.convert_ids_to_tokens(5)
    assert ours.convert_tokens_to_ids(["no such token", "€", END]) == [None, None, ours.eos_token_id]


def test_the_vocabulary_is_that_of_transformers(pair):
    ours, peer = pair
    assert ours.get_vocab() == peer.get_vocab()
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "all_special_ids", "model_max_length"):
        assert getattr(ours, name) == getattr(peer, name), name
    assert set(ours.all_special_tokens) == set(peer.all_special_tokens)
    assert len(ours) == len(peer)


def tensor(id):
    return pytest.importorskip("torch").tensor(id)


@pytest.mark.parametrize("make", [int, np.int64, np.array, tensor])
def test_one_id_may_be_a_scalar_of_any_library(pair, make):
    ours, peer = pair
    assert ours.decode(make(300)) == peer.decode(make(300)) == peer.decode([300])
    assert ours.convert_ids_to_tokens(make(300)) == peer.convert_ids_to_tokens(300)


class OnDevice:
    """What PyTorch's tensors on another device are like here: no arrays until they are fetched."""

    def __init__(self, ids):
        self.ids = np.array(ids)
        self.ndim = self.ids.ndim

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, place):
        if place >= len(self.ids):
            raise IndexError(place)
        return OnDevice(self.ids[place])

    def __array__(self, *_, **__):
        raise TypeError

    def cpu(self):
        return self.ids


def test_ids_on_another_device_are_decoded(pair):
    ours, _ = pair
    rows = [[300, 301], [302, 303]]
    assert ours.decode(OnDevice(rows[0])) == ours.decode(rows[0])
    assert ours.decode(OnDevice(rows)) == ours.batch_decode(OnDevice(rows)) == ours.decode(rows)


def test_options_of_decoding_that_change_nothing_are_taken(pair):
    ids = pair[0].encode("a , b . c")
    for clean in (None, False, True):
        decoded = [one.decode(ids, clean_up_tokenization_spaces=clean) for one in pair]
        assert decoded[0] == decoded[1]
        rows = [one.batch_decode([ids], clean_up_tokenization_spaces=clean) for one in pair]
        assert rows == [decoded[:1]] * 2
    ids = pair[0].encode(f"a{END}b")
    tokens = [one.convert_ids_to_tokens(ids, skip_special_tokens=True) for one in pair]
    assert tokens[0] == tokens[1] == ["a", "b"]


def test_attributes_are_those_of_transformers(file):
    names = {"eos_token": END, "unk_token": PAD, "clean_up_tokenization_spaces": False}
    pair = (
        PreTrainedTokenizerFast(file, **names),
        transformers.PreTrainedTokenizerFast(tokenizer_file=str(file), **names),
    )
    same_attributes = (
        "vocab_size",
        "unk_token",
        "unk_token_id",
        "special_tokens_map",
        "clean_up_tokenization_spaces",
        "name_or_path",
    )
    for name in same_attributes:
        assert getattr(pair[0], name) == getattr(pair[1], name), name
    for one in pair:
        assert one.convert_tokens_to_ids(["no such token", END]) == [one.unk_token_id, one.eos_token_id]
        one.pad_token_id = 300
    assert pair[0].pad_token == pair[1].pad_token
    assert pair[0].pad_token_id == pair[1].pad_token_id == 300
    same(pair, TEXTS, padding=True)
    for one in pair:
        one.pad_token_id = None
    assert pair[0].pad_token is pair[1].pad_token is None
    with pytest.raises(KeyError, match="id 4000000 is no token"):
        pair[0].pad_token_id = 4_000_000


def test_the_size_of_the_vocabulary_is_that_of_the_model_of_the_file(file, tmp_path):
    made = json.loads(file.read_text())
    made["model"]["vocab"][END] = next(one["id"] for one in made["added_tokens"] if one["content"] == END)
    (tmp_path / "tokenizer.json").write_text(json.dumps(made))
    path = str(tmp_path / "tokenizer.json")
    peer = transformers.PreTrainedTokenizerFast(tokenizer_file=path)
    assert PreTrainedTokenizerFast(path).vocab_size == peer.vocab_size == 899
    assert AutoTokenizer.from_pretrained("gpt2").vocab_size == 50257


def test_no_text_is_cut_where_its_ends_have_no_room(pair):
    for length, side in itertools.product(range(4), ("left", "right")):
        for one in pair:
            one.truncation_side = side
        same(pair, TEXTS, truncation=True, max_length=length)
        same(pair, TEXTS, truncation=True, max_length=length, return_offsets_mapping=True)
    same(pair, TEXTS)


def test_padding_needs_a_token_and_takes_one_that_is_set(file):
    ours = PreTrainedTokenizerFast(file, eos_token=END)
    with pytest.raises(ValueError, match="set tokenizer.pad_token"):
        ours(TEXTS, padding=True)
    ours.pad_token = ours.eos_token
    assert ours(TEXTS, padding=True)["input_ids"][1][-1] == ours.eos_token_id


def test_model_max_length_is_the_default(file):
    names = {"pad_token": PAD, "model_max_length": 5}
    pair = (
        PreTrainedTokenizerFast(file, **names),
        transformers.PreTrainedTokenizerFast(tokenizer_file=str(file), **names),
    )
    same(pair, TEXTS, truncation=True, padding="max_length")
    same(pair, TEXTS)


def test_added_tokens_without_the_mark_stay_in_a_text(file, tmp_path):
    peer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file))._tokenizer
    peer.add_tokens(["<added>"])
    peer.save(str(tmp_path / "tokenizer.json"))
    path = str(tmp_path / "tokenizer.json")
    ours, peer = PreTrainedTokenizerFast(path), transformers.PreTrainedTokenizerFast(tokenizer_file=path)
    ids = peer.encode(f"a<added>b{END}")
    assert ours.encode(f"a<added>b{END}") == ids
    for skip in (False, True):
        assert ours.decode(ids, skip_special_tokens=skip) == peer.decode(ids, skip_special_tokens=skip)
    assert "<added>" in ours.decode(ids, skip_special_tokens=True)
    assert "<added>" not in ours.all_special_tokens


def test_a_vocabulary_of_characters_is_written_as_there(documents, tmp_path):
    peer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    peer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    peer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    alphabet = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=alphabet[:3], show_progress=False)
    peer.train_from_iterator([text[:4000] for text in documents[:10]], trainer)
    file = json.loads(peer.to_str())
    for token in alphabet[3:]:
        file["model"]["vocab"].setdefault(token, len(file["model"]["vocab"]))
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(file))
    ours = PreTrainedTokenizerFast(path, pad_token="</s>")
    peer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), pad_token="</s>")
    same((ours, peer), TEXTS, padding=True)
    assert ours.get_vocab() == peer.get_vocab()
    for text in TEXTS:
        ids = peer.encode(text)
        assert ours.tokenize(text) == peer.tokenize(text)
        assert ours.convert_ids_to_tokens(ids) == peer.convert_ids_to_tokens(ids)
        assert ours.decode(ids) == peer.decode(ids)


# -- where tokenizers come from ---------------------------------------------------------------------------------


def test_a_saved_folder_is_read_by_both(pair, tmp_path):
    ours, peer = pair
    ours.save_pretrained(tmp_path / "ours")
    peer.save_pretrained(tmp_path / "peers")
    for folder in ("ours", "peers"):
        mine = AutoTokenizer.from_pretrained(tmp_path / folder)
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / folder)
        same((mine, theirs), TEXTS, padding=True)
        assert (mine.eos_token, mine.pad_token) == (theirs.eos_token, theirs.pad_token) == (END, PAD)
    assert AutoTokenizer.from_pretrained(tmp_path / "ours", pad_token=END).pad_token == END


def test_a_repository_comes_from_the_cache_of_the_hub(file, tmp_path, monkeypatch):
    snapshot = tmp_path / "models--someone--small" / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").write_bytes(file.read_bytes())
    (snapshot / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": {"content": END}, "model_max_length": 7})
    )
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text(snapshot.name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ours = AutoTokenizer.from_pretrained("someone/small")
    assert (ours.eos_token, ours.model_max_length) == (END, 7)
    with pytest.raises(FileNotFoundError, match="someone/else: no folder with a tokenizer.json"):
        AutoTokenizer.from_pretrained("someone/else")


def test_what_the_hub_says_is_told(file, monkeypatch):
    def download(name, wanted, **options):
        assert options == {"revision": "main"}
        if wanted == "tokenizer.json" and name == "someone/small":
            return str(file)
        if name == "someone/small":
            raise ConnectionError(wanted)
        raise errors.EntryNotFoundError(wanted)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(ConnectionError, match="tokenizer_config.json"):
        AutoTokenizer.from_pretrained("someone/small", revision="main")
    with pytest.raises(FileNotFoundError, match="someone/else: no folder with a tokenizer.json"):
        AutoTokenizer.from_pretrained("someone/else", revision="main", use_fast=True, trust_remote_code=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("padding", "max_lenght"),
        ("truncation", "do_not_trunc"),
        ("padding_side", "rigth"),
        ("truncation_side", "top"),
        ("max_length", -1),
    ],
)
def test_what_is_no_way_to_pad_or_truncate_is_refused(file, name, value):
    ours = PreTrainedTokenizerFast(file, pad_token=END)
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        ours(["a", "The cat"], **{name: value})
    if name.endswith("side"):
        with pytest.raises(ValueError, match=f"^{name}: expected one of 'left', 'right'"):
            PreTrainedTokenizerFast(file, **{name: value})
    if name == "padding_side":
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            ours.pad([ours("a"), ours("The cat")], **{name: value})


def test_padding_to_a_multiple_of_nothing_is_padding(file):
    ours = PreTrainedTokenizerFast(file, pad_token=END)
    texts = ["a", "The cat"]
    assert ours(texts, padding=True, pad_to_multiple_of=0) == ours(texts, padding=True)


def test_a_bundled_name_needs_nothing():
    ours = AutoTokenizer.from_pretrained("gpt2", padding_side="left")
    assert (ours.eos_token_id, ours.padding_side, len(ours)) == (50256, "left", 50257)
    assert "gpt2" in repr(ours)


def test_what_cannot_be_is_refused(file, tmp_path):
    with pytest.raises(ValueError, match="either tokenizer_file or tokenizer_object"):
        PreTrainedTokenizerFast()
    with pytest.raises(KeyError, match="nope"):
        PreTrainedTokenizerFast(file, pad_token="nope")
    with pytest.raises(TypeError, match="text: expected a str or several, not list; pairs are not here"):
        PreTrainedTokenizerFast(file)([["a", "b"]])
    with pytest.raises(TypeError, match="text_pair"):
        PreTrainedTokenizerFast(file)("a", text_pair="b")
    (tmp_path / "tokenizer.json").write_bytes(file.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(ValueError, match="tokenizer_config.json: "):
        AutoTokenizer.from_pretrained(tmp_path)


def test_columns_that_are_not_filled_up_stay_as_they_are():
    tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<|endoftext|>")
    rows = [{**tokenizer("the cat"), "labels": 0.5, "id": "x"}, {**tokenizer("a"), "labels": 1.5, "id": "y"}]
    padded = tokenizer.pad(rows)
    assert (padded["labels"], padded["id"]) == ([0.5, 1.5], ["x", "y"])
    assert padded["input_ids"] == [[1169, 3797], [64, 50256]]
    del rows[0]["id"], rows[1]["id"]
    arrays = tokenizer.pad(rows, return_tensors="np")
    assert arrays["labels"].tolist() == [0.5, 1.5]
    types = [{"input_ids": [1, 2], "token_type_ids": [0, 1]}, {"input_ids": [1], "token_type_ids": [1]}]
    assert tokenizer.pad(types)["token_type_ids"] == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match="expected input_ids among them, not only x"):
        tokenizer.pad([{"x": [1]}])
    uneven = [{"input_ids": [1], "labels": [1]}, {"input_ids": [2], "labels": [1, 2]}]
    with pytest.raises(ValueError, match="labels is not filled up"):
        tokenizer.pad(uneven, return_tensors="np")


def test_only_integers_are_decoded():
    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    for ids in ([1.9], ["1"]):
        with pytest.raises(TypeError, match="token_ids: expected integers"):
            tokenizer.decode(ids)
    assert tokenizer.batch_decode([1, 2, 3]) == [tokenizer.decode([1, 2, 3])]
    assert tokenizer.batch_decode([]) == []
