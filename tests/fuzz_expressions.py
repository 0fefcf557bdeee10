"""Makes up regular expressions, and compares the split that we read of a `tokenizer.json` with Hugging Face's.

    make fuzz FUZZ_SECONDS=1800

An expression may be refused, and so may a text in which it would be tried in more ways than our engine puts up with. One
that is read gives the library's ids, and the file that we write of it is the same tokenizer for us, with the same ids
for the library.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import bytestride as bs
from fuzz_text import arguments

ATOMS = [
    *"aAbsSfit1ß._ʼn",
    *(r"\w", r"\W", r"\s", r"\S", r"\d", r"\p{L}", r"\P{N}", r"\.", r"\x{41}"),
    *("[ab]", "[^a]", r"[\w]", r"[^\w]", r"[\Wa]", r"[a\w]", "[s-t]", r"[^\S\n]", r"[\w&&[^ab]]"),
    # What our own words are written as.
    *("[\\w\u200c\u200d]", "[\\w\u200d\u200c]", "[^\\w\u200c\u200d]", "[a\\w\u200c]"),
]
ANCHORS = ["^", "$", r"\z", r"\A", "(?m:$)", r"(?:\z)"]
REPEATS = ["+", "*", "?", "{2}", "{1,2}", "{2,}", "{,2}"]
MARKS = ["", "", "?", "+"]
GROUPS = ["(", "(?:", "(?>", "(?>(?:", "(?i:", "(?m:", "(?-i:", "(?i-m:", "(?:(?i)", "((?i)", "(?>(?m)"]
AROUND = ["(?=", "(?!"]
TEXT = "aAbBsSfFiItT1²½ßʼnŉ_\u200c\u200d\n\n x"
LONGEST = 12


class Maker:
    """Expressions and texts; the same ones again for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def text(self):
        return "".join(self._random.choices(TEXT, k=self._random.randint(1, LONGEST)))

    def expression(self, depth=0):
        parts = [self._part(depth) for _ in range(self._random.randint(1, 3))]
        if self._random.random() < 0.2:
            parts.append(self._random.choice(["|", "|(?i)", "|(?m)", "(?i)"]) + self.expression(depth + 1))
        return "".join(parts)

    def _part(self, depth):
        """One that may be repeated, or takes no characters."""
        kind = self._random.random()
        if kind < 0.1:
            return self._random.choice(ANCHORS)
        if kind < 0.15 and depth < 3:
            return f"{self._random.choice(AROUND)}{self.expression(depth + 1)})"
        part = self._random.choice(ATOMS)
        if kind < 0.4 and depth < 3:
            opening = self._random.choice(GROUPS)
            closing = ")" * (opening.count("(") - opening.count(")"))
            # Mostly not empty: else it is refused where it is repeated.
            inside = self.expression(depth + 1)
            part = (
                f"{opening}(?:{inside}){part}{closing}"
                if self._random.random() < 0.7
                else f"{opening}{inside}{closing}"
            )
        if self._random.random() < 0.5:
            part += self._random.choice(REPEATS) + self._random.choice(MARKS)
            if self._random.random() < 0.05:
                part += self._random.choice(REPEATS + MARKS)
        return part


def trained(maker):
    """A tokenizer of the library's that has most short texts as one token each, so that ids tell where texts are cut."""
    peer = Tokenizer(models.BPE())
    peer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    peer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=3000, show_progress=False, initial_alphabet=alphabet)
    peer.train_from_iterator([maker.text() for _ in range(4000)], trainer)
    return peer


def with_split(peer, expression):
    """The same that splits; `None` if this is no expression."""
    try:
        split = pre_tokenizers.Split(Regex(expression), "isolated")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return None
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    peer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    return peer


def compare(peer, expression, texts, path):
    """Whether ours reads the file, which must then give the same ids."""
    peer.save(str(path))
    try:
        ours = bs.Tokenizer.load(path)
    except ValueError:
        return False
    for text in texts:
        try:
            ids = ours.encode(text).tolist()
        except ValueError as error:
            if "gives up on the text" not in str(error):
                raise
            continue
        assert ids == peer.encode(text).ids, (expression, text, ours.pattern)
    ours.save(path)
    assert bs.Tokenizer.load(path) == ours, (expression, ours.pattern)
    again = Tokenizer.from_file(str(path))
    for text in texts:
        assert again.encode(text).ids == peer.encode(text).ids, (expression, text, ours.pattern)
    return True


def fuzz(folder, seconds, seed):
    """Numbers of expressions made and read, after so many seconds of the processor's."""
    maker = Maker(seed)
    peer = trained(maker)
    made = read = 0
    end = time.process_time() + seconds
    while time.process_time() < end:
        expression = maker.expression()
        if with_split(peer, expression) is None:
            continue
        made += 1
        read += compare(peer, expression, [maker.text() for _ in range(12)], folder / "tokenizer.json")
    return made, read


def main():
    chosen = arguments(__doc__, "expressions").parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made, read = fuzz(Path(folder), chosen.seconds, chosen.seed)
    print(f"{made} expressions made, {read} of them read: all alike")


if __name__ == "__main__":
    sys.exit(main())
