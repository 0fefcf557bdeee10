"""Published and freshly trained vocabularies, in the forms that the libraries load."""

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

UPPER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
LOWER = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama3": rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
# GPT-2 writes each byte as a printable character: these as they are, the others from U+0100 on.
PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
HIDDEN = [byte for byte in range(256) if byte not in PRINTABLE]
BYTE_OF = {chr(byte): byte for byte in PRINTABLE} | {chr(256 + n): byte for n, byte in enumerate(HIDDEN)}


def token_bytes(token):
    """The bytes of a token as tokenizer.json writes it."""
    return bytes(BYTE_OF[character] for character in token)


@dataclass
class Vocabulary:
    """A vocabulary file and the pattern it goes with; `folder` takes what it is converted to."""

    path: Path
    pattern: str | None
    folder: Path

    @property
    def name(self):
        return self.path.name

    @property
    def is_tiktoken(self):
        return self.path.suffix == ".tiktoken"

    @cached_property
    def ranks(self):
        """The tokens' bytes and their ranks, without the special tokens."""
        if self.is_tiktoken:
            lines = (line.split() for line in self.path.read_bytes().splitlines() if line)
            return {base64.b64decode(token): int(rank) for token, rank in lines}
        parsed = json.loads(self.path.read_text(encoding="utf-8"))
        added = {token["content"] for token in parsed["added_tokens"]}
        vocabulary = parsed["model"]["vocab"].items()
        return {token_bytes(token): rank for token, rank in vocabulary if token not in added}

    @cached_property
    def tokenizer_json(self):
        """The path of a tokenizer.json with this vocabulary: ours, for a library that reads no other file."""
        if not self.is_tiktoken:
            return self.path
        path = self.folder / f"{self.path.stem}.json"
        if not path.exists():
            import bytestride as bs

            # Without special tokens: between their ids are gaps, which some libraries refuse.
            bs.Tokenizer.load(self.path, pattern=self.pattern, special_tokens={}).save(path)
        return path


def load(path, folder):
    """A .tiktoken file, whose name tells the pattern, or a byte-level tokenizer.json."""
    path = Path(path)
    if path.suffix == ".tiktoken":
        pattern = path.stem.removesuffix("_base")
        if pattern not in PATTERNS:
            raise SystemExit(
                f"{path}: the name should be one of {', '.join(PATTERNS)}, with .tiktoken after it"
            )
    else:
        pattern = _pattern(json.loads(path.read_text(encoding="utf-8"))["pre_tokenizer"])
    return Vocabulary(path, pattern, Path(folder))


def _pattern(pre_tokenizer):
    """The one expression that splits text, by name where it has one; None where several do so in turn."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    expressions = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split"]
    if len(expressions) > 1:
        return None
    if not expressions:
        return "gpt2"
    return next((name for name, known in PATTERNS.items() if known == expressions[0]), expressions[0])


def train(corpus, path, merges):
    """Trains a vocabulary on `corpus` and writes it to `path`."""
    import bytestride as bs

    bs.train(iter(corpus.documents), 256 + merges, pattern="gpt2").save(path)
    return path
