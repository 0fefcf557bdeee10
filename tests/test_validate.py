"""`bytestride validate`: equal ids are said to be, and the first difference is shown."""

import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs
from bytestride.cli import main
from bytestride.cli.references import Reference, reference
from bytestride.cli.validate import _stretches

validate = sys.modules["bytestride.cli.validate"]
END = "<|end|>"


@pytest.fixture(scope="module")
def trained(documents):
    return bs.train(iter(documents), 700, pattern="gpt2", special_tokens=[END])


@pytest.fixture
def text(documents, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(f"{''.join(documents)}\r\n{END} after".encode())
    return path


def test_a_tokenizer_json_is_compared_with_tokenizers(trained, text, tmp_path, capsys):
    trained.save(tmp_path / "tokenizer.json")
    assert main(["validate", str(tmp_path / "tokenizer.json"), str(text)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "beside tokenizers 0." in first
    count = sum(trained.count(part) for part, _ in _stretches(text))
    assert second == f"{text}: equal, {count:,} tokens"


def test_a_pair_of_files_is_compared_with_tokenizers(trained, text, tmp_path, capsys):
    folder = tmp_path / "pair"
    folder.mkdir()
    trained.save(folder)
    assert main(["validate", str(folder), str(text)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder} beside tokenizers 0.")
    assert "equal" in second
    # One merge less for the other: the files are read anew, not what was loaded.
    merges = (folder / "merges.txt").read_text().splitlines(keepends=True)
    made = reference(str(folder), trained)
    (folder / "merges.txt").write_text("".join(merges[:-300]))
    shorter = reference(str(folder), trained)
    sample = text.read_text(encoding="utf-8")[:5000]
    assert made.encode(sample, "text") == trained.encode(sample).tolist()
    assert made.encode(END, "encode") == [trained.id_of(END)]
    assert shorter.encode(sample, "text") != trained.encode(sample).tolist()


def test_a_folder_is_compared_by_the_file_that_says_all(trained, tmp_path):
    trained.save(tmp_path)
    trained.save(tmp_path / "tokenizer.json")
    assert reference(str(tmp_path), trained).encode("a word", "text") == trained.encode("a word").tolist()
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tekken.json").write_text("{}")
    for name in (tmp_path, tmp_path / "tekken.json"):
        with pytest.raises(
            ValueError, match=r"the reference for it is mistral-common, which is not installed"
        ):
            reference(str(name), trained)


def test_the_reference_of_tekken_is_mistrals(monkeypatch, trained):
    """Only how it is called is tested: the library itself is no part of the tests."""

    class Tekkenizer:
        @classmethod
        def from_file(cls, path):
            assert path == "some/tekken.json"
            return cls()

        def encode(self, text, *, bos, eos):
            return [bos, eos, *text.encode()]

    modules = ("mistral_common", "tokens", "tokenizers", "tekken")
    for count in range(1, 5):
        made = types.ModuleType(".".join(modules[:count]))
        monkeypatch.setitem(sys.modules, made.__name__, made)
    made.Tekkenizer = Tekkenizer
    other = reference("some/tekken.json", trained)
    assert (other.package, other.policies) == ("mistral-common", ("text",))
    assert other.encode("ab", "text") == [False, False, 97, 98]


@pytest.mark.parametrize("name", ["gpt2", "o200k_base"])
def test_a_bundled_encoding_is_compared_with_tiktoken(name, text, capsys):
    assert main(["validate", name, str(text), str(text)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith(f"{name} beside tiktoken 0.")
    assert shown[1] == shown[2]
    assert "equal" in shown[1]


@pytest.fixture
def wrong(monkeypatch):
    """A reference that gives another id at one place of the names as tokens, or of the text."""

    def use(special, position, id):
        def encode(text, wanted):
            ids = bs.Tokenizer.load("gpt2").encode(text, special=wanted).tolist()
            if wanted == special:
                ids[position : position + 1] = [] if id is None else [id]
            return ids

        monkeypatch.setattr(validate, "reference", lambda *_: Reference("tiktoken", encode))

    return use


def test_the_first_difference_is_shown_with_its_context(wrong, tmp_path, capsys):
    path = tmp_path / "notes.txt"
    path.write_text("a line\nanother line\nthe third one ends here\n")
    wrong("text", 9, 50256)
    assert main(["validate", "gpt2", str(path)]) == 3
    shown = capsys.readouterr().out
    tok = bs.Tokenizer.load("gpt2")
    ids, spans = tok.encode_with_offsets(path.read_text())
    place = spans[9, 0]
    before, behind = path.read_text()[:place][-24:], path.read_text()[place:][:24]
    assert f"{path}: DIFFERENT at line 3\n" in shown
    assert f"  text        {before!r} + {behind!r}\n" in shown
    assert f"  bytestride  … {' '.join(map(str, ids[5:13].tolist()))}" in shown
    assert f"  tiktoken    … {' '.join(map(str, [*ids[5:9].tolist(), 50256, *ids[10:13].tolist()]))}" in shown
    assert "<|endoftext|>" in shown


@pytest.mark.parametrize(("position", "id"), [(-1, None), (0, 999_999)])
def test_a_difference_at_an_end_or_of_no_token(wrong, tmp_path, capsys, position, id):
    path = tmp_path / "notes.txt"
    path.write_text("two words")
    wrong("encode", len(bs.Tokenizer.load("gpt2").encode("two words")) - 1 if id is None else position, id)
    assert main(["validate", "gpt2", str(path)]) == 3
    shown = capsys.readouterr().out
    assert "DIFFERENT at line 1, names of special tokens as tokens" in shown
    assert ("no token 999999" in shown) == (id is not None)


def test_sentencepiece_is_the_reference_of_a_model(tmp_path):
    (tmp_path / "text.txt").write_text("a text of a few words and more words\n" * 100)
    # Sentencepiece crashes where pytest makes errors of warnings.
    code = """
import sentencepiece
from bytestride import Tokenizer
from bytestride.cli import main
from bytestride.cli.references import reference
sentencepiece.SentencePieceTrainer.train(
    input="text.txt", model_prefix="small", vocab_size=290, model_type="bpe", byte_fallback=True, minloglevel=2
)
made = reference("small.model", Tokenizer.load("gpt2"))
print(made.package, made.policies)
expected = sentencepiece.SentencePieceProcessor(model_file="small.model").encode("a few words")
print(len(expected) > 0 and made.encode("a few words", "text") == expected)
print(main(["validate", "small.model", "text.txt"]))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    package, is_equal, beside, equal, code = done.stdout.splitlines()
    assert (package, is_equal, code) == ("sentencepiece ('text',)", "True", "0"), done.stderr
    assert beside.startswith("small.model beside sentencepiece 0.")
    assert equal.startswith("text.txt: equal, ")


@given(text=st.text(alphabet="ab\r\n\u2028", max_size=40), size=st.integers(1, 9))
def test_stretches_are_the_text_in_whole_lines(tmp_path_factory, text, size):
    path = tmp_path_factory.getbasetemp() / "stretches.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validate, "CHARACTERS_AT_ONCE", size)
        stretches = list(_stretches(path))
    assert "".join(part for part, _ in stretches) == text
    assert all(part.endswith("\n") for part, _ in stretches[:-1])
    line = 1
    for part, number in stretches:
        assert number == line
        line += part.count("\n")


def test_what_cannot_be_compared_is_refused(text, tmp_path, capsys, monkeypatch):
    (tmp_path / "bytes").write_bytes(b"ab\xff")
    assert main(["validate", "gpt2", str(tmp_path / "bytes")]) == 1
    assert "bytes: not UTF-8 at byte 2" in capsys.readouterr().err
    assert main(["validate", "gpt2", str(tmp_path / "missing")]) == 1
    assert "missing: No such file" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert main(["validate", "gpt2", str(text)]) == 1
    assert "which is not installed (pip install tiktoken)" in capsys.readouterr().err
    turns = bs.train([b"low lower"] * 2, 260, pattern="deepseek")
    with pytest.raises(ValueError, match="splits text by one expression, and this tokenizer by 3"):
        reference("x.tiktoken", turns)
