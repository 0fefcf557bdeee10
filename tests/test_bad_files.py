"""Tokenizer files that are not what they should be."""

import json

import pytest

import bytestride as bs

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def saved(tok, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "tokenizer.json"
    tok.save(path)
    return path


def broken(saved, change):
    """The saved tokenizer.json with a change."""
    file = json.loads(saved.read_text())
    change(file)
    return json.dumps(file).encode()


def set_in(*keys, value):
    def change(file):
        for key in keys[:-1]:
            file = file[key]
        file[keys[-1]] = value

    return change


def add_merge(merge):
    return lambda file: file["model"]["merges"].append(merge)


def deep(depth):
    """A sequence in a sequence in a sequence, as deep as JSON may be."""
    return {"type": "Sequence", "normalizers": [deep(depth - 1)]} if depth else {"type": "Other"}


BAD_BYTES = ("empty", "truncated", "binary", "deep", "no model")


BAD_FILES = {
    "empty": (lambda _: b"", "not a tokenizer.json: EOF"),
    "truncated": (lambda saved: saved.read_bytes()[:5000], "not a tokenizer.json"),
    "binary": (lambda _: bytes(range(256)), "not a tokenizer.json"),
    "deep": (lambda _: b'{"model":' + b"[" * 100_000, "not a tokenizer.json"),
    "no model": (lambda _: b"{}", "which has a model"),
    "wrong type": (set_in("model", "vocab", value=[1, 2]), "expected a map from tokens to ids"),
    "id of text": (set_in("model", "vocab", "!", value="0"), "invalid type: string"),
    "negative id": (set_in("model", "vocab", "!", value=-1), "invalid value: integer `-1`"),
    "huge id": (set_in("model", "vocab", "!", value=4_000_000_000), "id 4000000000 is too large"),
    "id beyond 32 bits": (set_in("model", "vocab", "!", value=2**32), "invalid value: integer `4294967296`"),
    "duplicate id": (set_in("model", "vocab", "!", value=1), "two tokens have id 1"),
    "missing byte": (
        lambda file: file["model"]["vocab"].pop("!"),
        '"!" is not in|Hugging Face would give it 997',
    ),
    "unknown merge": (add_merge(["xyzzy", "!"]), '"xyzzy" is not in the vocabulary'),
    "merge of unknown result": (add_merge(["!", "xyzzy"]), '"xyzzy" is not in the vocabulary'),
    "merge without space": (add_merge("abc"), "expected a merge as"),
    "merge of three": (add_merge(["a", "b", "c"]), "expected two tokens"),
    "other model": (set_in("model", "type", value="WordPiece"), '"WordPiece".* is not supported'),
    "byte fallback": (
        lambda file: (
            set_in("pre_tokenizer", value=None)(file),
            set_in("model", "byte_fallback", value=True)(file),
            file["model"]["vocab"].update({"<0x00>": 998}),
            set_in("added_tokens", value=[])(file),
        ),
        'byte_fallback without the token "<0x01>" is not supported',
    ),
    "normalizer": (set_in("normalizer", value={"type": "Other"}), "normalizer: .* is not supported"),
    "bad map": (
        set_in("normalizer", value={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "the charsmap of 3 bytes is cut short",
    ),
    "bad base64": (
        set_in("normalizer", value={"type": "Precompiled", "precompiled_charsmap": "?"}),
        "normalizer: invalid base64",
    ),
    "bad expression": (
        set_in("normalizer", value={"type": "Replace", "pattern": {"Regex": "("}, "content": ""}),
        "normalizer: pattern: .*",
    ),
    "deep sequence": (
        set_in("normalizer", value=deep(100)),
        "recursion limit exceeded|normalizer: .* is not supported",
    ),
    "other numbers": (
        set_in("added_tokens", 0, "id", value=5000),
        "has id 5000, and Hugging Face would give it 998",
    ),
    "other pretokenizer": (
        set_in("pre_tokenizer", value={"type": "Lattice"}),
        "pre_tokenizer: .*Lattice",
    ),
    "other decoder": (set_in("decoder", value={"type": "WordPiece"}), "decoder: .* is not supported"),
    "special twice": (
        lambda file: file["added_tokens"].append({"id": 5000, "content": END, "special": True}),
        "stands twice",
    ),
    "added and special": (
        lambda file: file["added_tokens"].append({"id": 5000, "content": END}),
        "stands twice",
    ),
    "template": (
        set_in(
            "post_processor",
            value={
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "<none>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                ],
            },
        ),
        '"<none>" is not among the added tokens',
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_tokenizer_json_is_an_error_that_names_it(kind, saved, tmp_path):
    make, message = BAD_FILES[kind]
    path = tmp_path / "bad.json"
    path.write_bytes(make(saved) if kind in BAD_BYTES else broken(saved, make))
    with pytest.raises(ValueError, match=message) as raised:
        bs.Tokenizer.load(path)
    assert str(raised.value).startswith(str(path))


BAD_RANKS = {
    b"": "no tokens",
    b"IQ==": "x.tiktoken:1: expected base64, a space and a rank",
    b"IQ== 0\n!!! 1": "x.tiktoken:2: invalid base64",
    b"IQ== zero": "x.tiktoken:1: expected a rank",
    b"IQ== -1": "x.tiktoken:1: expected a rank",
    b"IQ== 99999999999": "x.tiktoken:1: expected a rank",
    b"IQ== 20000000": "id 20000000 is too large",
    b"IQ== 0\nIg== 0": "two tokens have id 0",
    b"IQ== 0\nIQ== 1": "ids 0 and 1 are the same token",
    b"IQ== 0": "no token for the byte 0x00",
}


@pytest.mark.parametrize("data", BAD_RANKS)
def test_a_bad_rank_file_is_an_error_with_its_line(data, tmp_path):
    path = tmp_path / "x.tiktoken"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=BAD_RANKS[data]):
        bs.Tokenizer.load(path, pattern="gpt2")


def test_loading_says_what_is_missing(tmp_path, tok):
    with pytest.raises(FileNotFoundError):
        bs.Tokenizer.load(tmp_path / "none.json")
    with pytest.raises(IsADirectoryError):
        bs.Tokenizer.load(tmp_path)
    path = tmp_path / "x.tiktoken"
    tok.save(path)
    with pytest.raises(ValueError, match="pattern: needed for .*x.tiktoken"):
        bs.Tokenizer.load(path)
    with pytest.raises(ValueError, match="pattern: "):
        bs.Tokenizer.load(path, pattern="(")


def test_a_file_appears_only_when_it_is_whole(tok, tmp_path):
    with pytest.raises(FileNotFoundError):
        tok.save(tmp_path / "none" / "tokenizer.json")
    tok.save(tmp_path / "tokenizer.json")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_special_name_that_a_file_could_not_hold_is_refused():
    with pytest.raises(
        ValueError, match='the special token "Ġ" is of characters with which files write bytes'
    ):
        bs.train([b""], 257, special_tokens=["Ġ"])


def test_io_errors_name_the_file_as_given(tmp_path):
    missing = str(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError) as raised:
        bs.Tokenizer.load(missing)
    assert raised.value.filename == missing


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        # Older files do not say of what kind they are.
        (
            {
                "unk_token": "a",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 9,
                "vocab": {"a": 0},
            },
            "WordPiece",
        ),
        ({"unk_token": "a", "vocab": {"a": 0}}, "WordLevel"),
        ({"unk_id": 0, "vocab": [["a", 0.0]]}, "Unigram"),
        ({"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]]}, "Unigram"),
        ({"type": "WordPiece", "vocab": {"a": 0}, "merges": []}, "WordPiece"),
    ],
)
def test_a_model_of_another_kind_is_named(model, kind, saved, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(broken(saved, set_in("model", value=model)))
    with pytest.raises(ValueError, match=f'tokenizer.json: model: type "{kind}" is not supported'):
        bs.Tokenizer.load(path)


def test_a_model_without_a_kind_but_with_merges_is_one_of_bpe(tok, saved, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(broken(saved, lambda file: file["model"].pop("type")))
    assert bs.Tokenizer.load(path) == tok
    for flag in ("fuse_unk", "byte_fallback", "ignore_merges"):
        path.write_bytes(broken(saved, set_in("model", flag, value=None)))
        assert bs.Tokenizer.load(path) == tok
    path.write_bytes(broken(saved, lambda file: file["model"].pop("merges")))
    with pytest.raises(ValueError, match="model: it has no merges"):
        bs.Tokenizer.load(path)


def test_limits_of_a_file_are_refused_with_what_is_there_instead(saved, tmp_path):
    path = tmp_path / "tokenizer.json"
    for part, instead in (("truncation", "max_tokens"), ("padding", "Ragged.padded")):
        path.write_bytes(broken(saved, set_in(part, value={"max_length": 512})))
        with pytest.raises(ValueError, match=f'{part}: .*"max_length":512.* set it to null and .*{instead}'):
            bs.Tokenizer.load(path)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "tokenizer.model", "tekken.json", "x.tiktoken", "vocab.json"]
)
def test_what_git_has_in_place_of_a_large_file_is_named(name, tmp_path):
    path = tmp_path / name
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 3\n")
    for asked in (path, tmp_path):
        if asked == path or name != "x.tiktoken":
            with pytest.raises(ValueError, match=f"{name}: is a pointer of Git LFS .*git lfs pull"):
                bs.Tokenizer.load(asked)


def test_half_of_a_pair_says_what_to_give(tmp_path):
    bs.Tokenizer.load("gpt2").save(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        with pytest.raises(ValueError, match=f"{name}: is half of a tokenizer; give the folder"):
            bs.Tokenizer.load(tmp_path / name)
    config = tmp_path / "tokenizer_config.json"
    config.write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    with pytest.raises(ValueError, match="not a tokenizer.json, which has a model"):
        bs.Tokenizer.load(config)
    (tmp_path / "vocab.json").write_text('{"a": 0, "a</w>": 1}')
    with pytest.raises(ValueError, match="tokens end words with </w>"):
        bs.Tokenizer.load(tmp_path)


def test_an_expression_that_is_none_says_why(saved, tmp_path):
    split = {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated", "invert": False}
    path = tmp_path / "tokenizer.json"
    path.write_bytes(broken(saved, set_in("pre_tokenizer", value=split)))
    with pytest.raises(ValueError, match="without closing parenthesis"):
        bs.Tokenizer.load(path)
    with pytest.raises(ValueError, match=r"unclosed character class|Invalid character class"):
        bs.train(iter(["a"]), 300, pattern="[a")
