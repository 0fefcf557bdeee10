"""Folders of tokenizers as `AutoTokenizer.from_pretrained` reads them, beside transformers itself."""

import json
import logging

import pytest
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import bytestride as bs
from bytestride.compat.transformers import AutoTokenizer, PreTrainedTokenizerFast
from hugging_face import ALPHABET, BYTES, trained, without_special_bytes

USES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
SETTINGS = (
    *USES,
    *(f"{use}_id" for use in USES),
    "padding_side",
    "truncation_side",
    "model_max_length",
    "all_special_tokens",
    "all_special_ids",
    "special_tokens_map",
    "extra_special_tokens",
    "vocab_size",
)
TEXTS = [
    "",
    "The cat",
    "  leading and  double ",
    "a</s> b <s>c<pad> d",
    "\n x <|endoftext|> y<extra> [PAD] z",
    "\u2581a\u2581 12345 naïve 國",
    "<mask> in [MASK] <image>",
]


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("transformers").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module")
def of_bytes(documents):
    """As GPT-2's, with the names of several models."""
    names = ["<|endoftext|>", "<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|padding|>"]
    peer = trained(
        documents,
        models.BPE(),
        {"initial_alphabet": ALPHABET, "vocab_size": 600, "special_tokens": names},
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    )
    peer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return peer.to_str()


@pytest.fixture(scope="module")
def of_characters(documents):
    """As Llama 2's."""
    names = ["<unk>", "<s>", "</s>", *BYTES]
    peer = trained(
        documents,
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        {"vocab_size": 900, "special_tokens": names},
        normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        decoder=decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        ),
    )
    peer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return without_special_bytes(peer).to_str()


def check(folder, written, changes=None, *, parts=None, **files):
    """The same settings, ids and texts of a folder with these files."""
    folder.mkdir(exist_ok=True)
    written = json.loads(written) | (parts or {})
    (folder / "tokenizer.json").write_text(json.dumps(written))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    ours = AutoTokenizer.from_pretrained(folder, **(changes or {}))
    peer = transformers.AutoTokenizer.from_pretrained(folder, **(changes or {}))
    for setting in SETTINGS:
        assert getattr(ours, setting) == getattr(peer, setting), setting
    assert len(ours) == len(peer)
    for text in TEXTS:
        ids = peer(text).input_ids
        assert ours(text).input_ids == ids, text
        # There, a token that takes white space with it is written with that.
        tokens = [list(map(str.strip, one.tokenize(text))) for one in (ours, peer)]
        assert tokens[0] == tokens[1], text
        for skip in (False, True):
            assert ours.decode(ids, skip_special_tokens=skip) == peer.decode(ids, skip_special_tokens=skip), (
                text
            )
            tokens = [one.convert_ids_to_tokens(ids, skip_special_tokens=skip) for one in (ours, peer)]
            assert tokens[0] == tokens[1], text
    if peer.pad_token is not None:
        batch = [one(TEXTS, padding=True, truncation=True).input_ids for one in (ours, peer)]
        assert batch[0] == batch[1]
        batch = [
            one(TEXTS, padding="max_length", truncation=True, max_length=6).input_ids for one in (ours, peer)
        ]
        assert batch[0] == batch[1]
    again = folder / "again"
    ours.save_pretrained(again)
    for loaded in (AutoTokenizer.from_pretrained(again), transformers.AutoTokenizer.from_pretrained(again)):
        assert [loaded(text).input_ids for text in TEXTS] == [ours(text).input_ids for text in TEXTS]
        assert loaded.all_special_tokens == ours.all_special_tokens
    return ours


@pytest.mark.parametrize(
    "tokenizer_class",
    [
        "GPT2Tokenizer",
        "GPT2TokenizerFast",
        "RobertaTokenizer",
        "PreTrainedTokenizerFast",
        "NoSuchTokenizer",
        None,
    ],
)
@pytest.mark.parametrize("model_type", ["gpt2", "roberta", "mistral", "no such model", None])
def test_a_class_says_what_the_files_leave_open(tokenizer_class, model_type, of_bytes, tmp_path):
    # Some classes have a post-processor of their own.
    parts = {"post_processor": None}
    if "Roberta" in f"{tokenizer_class} {model_type}":
        parts = {"post_processor": json.loads(roberta())}
    config = {"tokenizer_class": tokenizer_class} if tokenizer_class else {}
    if "oberta" in f"{tokenizer_class} {model_type}":
        parts = {"post_processor": json.loads(roberta())}
    files = {"tokenizer_config": config | {"model_max_length": 512}}
    if model_type:
        files["config"] = {"model_type": model_type}
    check(tmp_path / "x", of_bytes, parts=parts, **files)


def roberta():
    peer = Tokenizer(models.BPE())
    peer.post_processor = processors.RobertaProcessing(("</s>", 3), ("<s>", 1), add_prefix_space=False)
    return json.dumps(json.loads(peer.to_str())["post_processor"])


@pytest.mark.parametrize("legacy", [{}, {"legacy": True}, {"legacy": False}])
@pytest.mark.parametrize("prefix", [{}, {"add_prefix_space": True}, {"add_prefix_space": False}])
@pytest.mark.parametrize("model_type", ["llama", "mistral", None])
def test_llamas_class_has_a_pretokenizer_of_its_own(model_type, prefix, legacy, of_characters, tmp_path):
    config = {"tokenizer_class": "LlamaTokenizer", "pad_token": "</s>", **legacy, **prefix}
    files = {"config": {"model_type": model_type}} if model_type else {}
    check(tmp_path / "x", of_characters, tokenizer_config=config, **files)
    if legacy or prefix:
        changes = {**legacy, **prefix}
        del config
        check(
            tmp_path / "y",
            of_characters,
            changes,
            tokenizer_config={"tokenizer_class": "LlamaTokenizer"},
            **files,
        )


def test_llamas_class_with_a_file_of_bytes_is_what_the_file_says(of_bytes, tmp_path):
    config = {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>"}
    check(tmp_path / "x", of_bytes, tokenizer_config=config, config={"model_type": "llama"})


@pytest.mark.parametrize("has", [False, True])
def test_a_space_before_a_text_is_as_the_configuration_says(has, of_bytes, tmp_path):
    config = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": has}
    check(tmp_path / "x", of_bytes, parts={"post_processor": None}, tokenizer_config=config)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": has}
    check(tmp_path / "y", of_bytes, tokenizer_config=config)


@pytest.mark.parametrize(
    "config", [{}, {"pad_token": None}, {"padding_side": "right", "truncation_side": "right"}]
)
@pytest.mark.parametrize("tokenizer_class", ["PreTrainedTokenizerFast", "GPT2Tokenizer"])
def test_limits_of_the_file_are_defaults_for_calls(tokenizer_class, config, of_bytes, tmp_path):
    limits = {
        "truncation": {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 9},
            "direction": "Left",
            "pad_to_multiple_of": None,
            "pad_id": 2,
            "pad_type_id": 0,
            "pad_token": "<pad>",
        },
    }
    if tokenizer_class == "GPT2Tokenizer":
        limits["post_processor"] = None
    check(
        tmp_path / "x",
        of_bytes,
        parts=limits,
        tokenizer_config={"tokenizer_class": tokenizer_class, **config},
    )


def test_older_files_name_and_add_tokens(of_bytes, tmp_path):
    names = {"bos_token": "<s>", "pad_token": "[PAD]", "unk_token": {"content": "<unk>", "special": True}}
    check(
        tmp_path / "x",
        of_bytes,
        tokenizer_config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "</s>",
            "bos_token": "</s>",
        },
        special_tokens_map=names,
        added_tokens={"[PAD]": 600, "<extra>": 601},
    )
    check(tmp_path / "y", of_bytes, special_tokens_map=names)
    # Not where the configuration describes tokens itself.
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": {}}
    check(tmp_path / "z", of_bytes, tokenizer_config=config, special_tokens_map=names)


def described(content, **flags):
    return {
        "content": content,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "single_word": False,
        "special": True,
        **flags,
    }


def test_the_configuration_adds_tokens_and_says_how_they_stand(of_bytes, tmp_path):
    added = {
        "1": described("<s>", rstrip=True),
        "2": described("<pad>", lstrip=True),
        "600": described("<extra>", normalized=True, special=False),
        "601": described("[MASK]", lstrip=True),
    }
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": added}
    check(tmp_path / "x", of_bytes, tokenizer_config=config)
    check(
        tmp_path / "y", of_bytes, tokenizer_config={**config, "mask_token": "[MASK]", "pad_token": "<extra>"}
    )


@pytest.mark.parametrize(
    "more",
    [
        {"additional_special_tokens": ["<extra>", "<s>"]},
        {"extra_special_tokens": ["<extra>"], "additional_special_tokens": ["<pad>"]},
        {"image_token": "<image>", "additional_special_tokens": ["<extra>"]},
        {"pad_token": "[PAD]"},
        {"pad_token": "The"},
        {"bos_token": "<s>", "eos_token": {"__type": "AddedToken", **described("</s>")}, "max_len": 7},
    ],
)
def test_tokens_with_a_use_are_added_where_the_file_lacks_them(more, of_bytes, tmp_path):
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **more}
    ours = check(tmp_path / "x", of_bytes, tokenizer_config=config)
    if "image_token" in more:
        assert ours.image_token == "<image>"
        assert ours.image_token_id == ours.convert_tokens_to_ids("<image>")


@pytest.mark.parametrize("model_type", ["llama", None])
def test_tokens_of_older_fine_tunes(model_type, of_characters, tmp_path):
    """Those that have a use stand in a text as they are, others behind the normalizer; by their ids."""
    files = {"config": {"model_type": model_type}} if model_type else {}
    check(
        tmp_path / "x",
        of_characters,
        added_tokens={"[PAD]": 901, "<extra>": 900, "<image>": 902},
        special_tokens_map={
            "pad_token": "[PAD]",
            "unk_token": "<unk>",
            "additional_special_tokens": ["<image>"],
        },
        **files,
    )


def test_added_tokens_that_the_normalizer_writes_otherwise(of_characters, tmp_path):
    peer = Tokenizer.from_str(of_characters)
    peer.add_tokens(["<extra>", "the", AddedToken("[PAD]", special=True, normalized=True)])
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    ours = check(tmp_path / "x", peer.to_str(), tokenizer_config=config)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "x")
    assert ours.get_vocab() == theirs.get_vocab()
    names = ["<extra>", "▁the", "the", "no such"]
    assert ours.convert_tokens_to_ids(names) == theirs.convert_tokens_to_ids(names)


def test_new_tokens_have_the_flags_of_their_objects_and_the_order_of_their_ids(of_bytes, tmp_path):
    token = {"__type": "AddedToken", **described("[PAD]", rstrip=True)}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": token}
    check(tmp_path / "x", of_bytes, tokenizer_config=config)
    check(tmp_path / "y", of_bytes, special_tokens_map={"mask_token": described("[MASK]", lstrip=True)})
    added = {
        "610": described("<extra>"),
        "99": described("[PAD]"),
        "609": described("<image>", special=False),
    }
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": added}
    check(tmp_path / "z", of_bytes, tokenizer_config=config)


@pytest.mark.parametrize(
    ("config", "older"),
    [
        ({"additional_special_tokens": ["<extra>"]}, {}),
        ({"added_tokens_decoder": {}, "pad_token": "<extra>"}, {}),
        ({"added_tokens_decoder": {}, "additional_special_tokens": ["<extra>", "<image>"]}, {}),
        ({"extra_special_tokens": {"image_token": "<image>"}, "additional_special_tokens": ["[PAD]"]}, {}),
        ({"extra_special_tokens": {"image_token": "<image>"}}, {"additional_special_tokens": ["[PAD]"]}),
        ({"extra_special_tokens": ["<image>"]}, {"additional_special_tokens": ["[PAD]"]}),
        ({"additional_special_tokens": ["<image>"]}, {"extra_special_tokens": ["[PAD]", "<image>"]}),
        ({"split_special_tokens": True}, {}),
        ({"eos_token": "<s>", "pad_token": None}, {"eos_token": None, "pad_token": "<pad>"}),
        (
            {
                "add_bos_token": True,
                "add_eos_token": False,
                "legacy": False,
                "use_default_system_prompt": False,
            },
            {},
        ),
        ({"clean_up_tokenization_spaces": True}, {}),
    ],
)
def test_special_tokens_come_from_several_places(config, older, of_bytes, tmp_path):
    peer = Tokenizer.from_str(of_bytes)
    peer.add_tokens([AddedToken("<extra>", normalized=False)])
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **config}
    ours = check(tmp_path / "x", peer.to_str(), tokenizer_config=config, special_tokens_map=older)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "x")
    assert ours.clean_up_tokenization_spaces == theirs.clean_up_tokenization_spaces


def test_parts_may_stand_behind_the_model(of_bytes, tmp_path):
    padding = {
        "strategy": "BatchLongest",
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 2,
        "pad_type_id": 0,
        "pad_token": "<pad>",
    }
    file = json.dumps(json.loads(of_bytes) | {"padding": padding, "post_processor": None}, sort_keys=True)
    config = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}
    folder = tmp_path / "x"
    check(folder, file, tokenizer_config=config)
    (folder / "tokenizer.json").write_text(file)
    ours = AutoTokenizer.from_pretrained(folder, mask_token="[MASK]")
    theirs = transformers.AutoTokenizer.from_pretrained(folder, mask_token="[MASK]")
    assert ours.padding_side == theirs.padding_side == "left"
    assert ours("The cat").input_ids == theirs("The cat").input_ids


def test_arguments_are_read_as_the_configuration_is(of_bytes, tmp_path):
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    changes = {"image_token": "<image>", "additional_special_tokens": ["[PAD]"], "max_len": 7}
    check(tmp_path / "x", of_bytes, changes, tokenizer_config=config)
    check(
        tmp_path / "x",
        of_bytes,
        {"extra_special_tokens": {"image_token": "<image>"}},
        tokenizer_config=config,
    )
    ours = AutoTokenizer.from_pretrained(tmp_path / "x", model_max_length=None)
    assert ours("The cat", truncation=True).input_ids == ours("The cat").input_ids
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
        AutoTokenizer.from_pretrained(tmp_path / "x", no_such=1)
    with pytest.raises(ValueError, match="'backend' is no name for a special token"):
        AutoTokenizer.from_pretrained(tmp_path / "x", extra_special_tokens={"backend": "<s>"})
    for bad in ("abc", 5):
        with pytest.raises(ValueError, match="extra_special_tokens: expected a list or an object"):
            AutoTokenizer.from_pretrained(tmp_path / "x", extra_special_tokens=bad)


def test_arguments_go_before_the_files(of_bytes, tmp_path):
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "padding_side": "left"}
    changes = {"pad_token": "[PAD]", "cls_token": "<s>", "padding_side": "right", "model_max_length": 5}
    ours = check(tmp_path / "x", of_bytes, {**changes, "torch_dtype": "auto"}, tokenizer_config=config)
    assert ours.pad_token_id == len(ours) - 1


@pytest.mark.parametrize("model_type", ["gemma2", "cohere", "qwen2", "gpt_neox", "clip", "modernbert"])
def test_sides_and_names_of_other_classes(model_type, of_bytes, documents, tmp_path):
    """Their parts of their own are not; so only what they say is compared."""
    del documents
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(of_bytes)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    ours = AutoTokenizer.from_pretrained(folder)
    peer = transformers.AutoTokenizer.from_pretrained(folder)
    for setting in (*USES, "padding_side", "truncation_side", "all_special_tokens"):
        assert getattr(ours, setting) == getattr(peer, setting), setting


def test_files_in_another_order_and_bad_files(of_bytes, tmp_path):
    file = json.loads(of_bytes)
    model = file.pop("model")
    ours = check(
        tmp_path / "x", json.dumps({"model": model, **file}), tokenizer_config={"pad_token": "[PAD]"}
    )
    assert ours.pad_token == "[PAD]"
    (tmp_path / "x" / "tokenizer.json").write_text('{"model": {')
    with pytest.raises(ValueError, match=r"tokenizer\.json:1: not a tokenizer\.json"):
        AutoTokenizer.from_pretrained(tmp_path / "x")
    for part in ({"added_tokens": [{"id": 5}]}, {"added_tokens": 5}, {"padding": [3]}, {"truncation": "no"}):
        (tmp_path / "x" / "tokenizer.json").write_text(json.dumps(file | {"model": model} | part))
        with pytest.raises(ValueError, match=r"tokenizer\.json"):
            AutoTokenizer.from_pretrained(tmp_path / "x")
    (tmp_path / "x" / "tokenizer.json").write_text(of_bytes)
    for bad in ("x", {"5": "x"}, {"5": {"lstrip": True}}, {"x": described("y")}):
        (tmp_path / "x" / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": bad}))
        if bad:
            with pytest.raises(ValueError, match="added_tokens_decoder: expected tokens with their content"):
                AutoTokenizer.from_pretrained(tmp_path / "x")
    for bad in ({"pad_token": 5}, {"additional_special_tokens": [["x"]]}):
        (tmp_path / "x" / "tokenizer_config.json").write_text(json.dumps(bad))
        with pytest.raises(ValueError, match=r"expected a token's name, not (5|\['x'\])"):
            AutoTokenizer.from_pretrained(tmp_path / "x")
    (tmp_path / "x" / "tokenizer_config.json").write_text("[]")
    with pytest.raises(ValueError, match="tokenizer_config.json: expected an object, not list"):
        AutoTokenizer.from_pretrained(tmp_path / "x")


def test_a_token_that_is_none_is_named():
    with pytest.raises(KeyError, match="mask_token: '<mask>' is no token of this tokenizer"):
        PreTrainedTokenizerFast(tokenizer_object=bs.Tokenizer.load("gpt2"), mask_token="<mask>")


def test_added_tokens_of_spaces_are_in_the_vocabulary(of_bytes, tmp_path):
    """The ordinary token of as many has the same bytes."""
    peer = Tokenizer.from_str(of_bytes)
    peer.add_tokens([AddedToken("  ", normalized=False), AddedToken(" the")])
    ours = check(
        tmp_path / "x", peer.to_str(), tokenizer_config={"tokenizer_class": "PreTrainedTokenizerFast"}
    )
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "x")
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.convert_tokens_to_ids(["  ", " the"]) == theirs.convert_tokens_to_ids(["  ", " the"])


@pytest.mark.parametrize(
    "template", ["{{ messages }}\n", {"default": "{{ a }}", "tool": "ü {{ b }}"}, {"rag": "{{ c }}"}, None]
)
def test_chat_templates_are_read_and_written_as_by_transformers(template, of_bytes, tmp_path):
    (tmp_path / "tokenizer.json").write_text(of_bytes, "utf-8")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    theirs.chat_template = template
    theirs.save_pretrained(tmp_path / "theirs")
    ours = AutoTokenizer.from_pretrained(tmp_path / "theirs")
    assert ours.chat_template == template
    ours.save_pretrained(tmp_path / "ours")
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")
    assert again.chat_template == template == AutoTokenizer.from_pretrained(tmp_path / "ours").chat_template


def test_a_chat_template_of_a_file_goes_before_the_configuration(of_bytes, tmp_path):
    (tmp_path / "tokenizer.json").write_text(of_bytes, "utf-8")
    listed = [{"name": "default", "template": "a"}, {"name": "tool", "template": "b"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": listed}), "utf-8")
    for one in (AutoTokenizer, transformers.AutoTokenizer):
        assert one.from_pretrained(tmp_path).chat_template == {"default": "a", "tool": "b"}
    (tmp_path / "chat_template.jinja").write_text("c", "utf-8")
    for one in (AutoTokenizer, transformers.AutoTokenizer):
        assert one.from_pretrained(tmp_path).chat_template == "c"


def test_no_template_is_written_outside_the_folder(of_bytes, tmp_path):
    (tmp_path / "tokenizer.json").write_text(of_bytes, "utf-8")
    for name in ("../x", "", "a/b"):
        ours = AutoTokenizer.from_pretrained(tmp_path, chat_template={"default": "a", name: "b"})
        with pytest.raises(ValueError, match=f"chat_template: '{name}' cannot be the name of a file"):
            ours.save_pretrained(tmp_path / "ours")
        assert not (tmp_path / "ours" / "chat_template.jinja").exists()


def test_a_bundled_tokenizer_takes_the_arguments_of_a_folder(tmp_path):
    folder = tmp_path / "gpt2"
    AutoTokenizer.from_pretrained("gpt2").save_pretrained(folder)
    for changes in (
        {"pad_token": "<pad>"},
        {"additional_special_tokens": ["<x>"]},
        {"pad_token": "<|endoftext|>", "padding_side": "left"},
    ):
        bundled, read = (AutoTokenizer.from_pretrained(name, **changes) for name in ("gpt2", folder))
        assert (len(bundled), bundled.pad_token_id) == (len(read), read.pad_token_id)
        assert bundled.padding_side == read.padding_side
        for text in ("a <pad>b<x> c", "hello"):
            assert bundled(text).input_ids == read(text).input_ids
    spaced = AutoTokenizer.from_pretrained("gpt2", add_prefix_space=True)
    assert spaced("a").input_ids == AutoTokenizer.from_pretrained("gpt2")(" a").input_ids


def test_a_file_is_no_folder(tmp_path):
    bs.train([b"low"], 256).save(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="tokenizer.json: is a file; expected a folder"):
        AutoTokenizer.from_pretrained(tmp_path / "tokenizer.json")
