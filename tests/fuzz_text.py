"""Text on which a split goes wrong if it can: characters of every class, set where the classes meet.

A text is a mixture, an alternation, or runs of a few pieces out of a palette, which changes from batch to batch. Half
of the texts begin with up to 130 bytes of ASCII, so that what is interesting falls on each place of a 64-byte block.
"""

import argparse
import random
import time
import unicodedata
from collections import defaultdict

SPACES = [chr(point) for point in (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))]
SPACES += [chr(point) for point in (0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
# Look like white space, or are it to others, but not to \s.
NO_SPACES = ["\x1c", "\x1f", "\u180e", "\u200b", "\u2060", "\ufeff"]
LINES = ["\r\n", "\n\n", "\r", " \n", "\n ", "\n\t", "  ", "    ", "\t\t", "\u3000\n"]
ENDINGS = [f"{mark}{ending}" for mark in "'’" for ending in ("s", "T", "re", "VE", "m", "lL", "Ll", "D", "ſ")]
WORDS = "a Z hello World XML iPhone don't we'Re O'Neil s t ll RE ve d M K ß ſ ŉ ı İ ﬁ ǅ ʰ ª ĳ Σ ς é É 中 文 の ヿ 한 ا"
NUMBERS = ["0", "12", "345", "6789", "1234567", "٣", "½", "Ⅷ", "〇", "²", "𝟘", "१२३४", "一", "1.5", "0x1F"]
SIGNS = [
    *"'\"/\\-_.,;:!?()[]{}<>@#$%^&*+=|~`",
    "//",
    "/*",
    "...",
    "--",
    "''",
    ");\n",
    "/\n",
    "¿",
    "。",
    "€",
    "©",
]
MARKS = ["\u0301", "\u0903", "\u20dd", "e\u0301", "\u0e33", "\u200c", "\u200d", "\ufe0f", "\U000e0100"]
EMOJI = ["😀", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "1️⃣", "❤️", "🏴\U000e0067\U000e007f", "\U0001f1e6"]
# Nobody's, private, and the last of their length in UTF-8; then the edges of DeepSeek's classes.
ODD = ["\0", "\x7f", "\x80", "\u0378", "\u07ff", "\u0800", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
EDGES = ["\u303f", "\u3040", "\u30ff", "\u3100", "\u4e00", "\u9fa5", "\u9fa6", "\u33ff", "\U00020000"]
PIECES = [
    *SPACES,
    *NO_SPACES,
    *LINES,
    *ENDINGS,
    *WORDS.split(),
    *NUMBERS,
    *SIGNS,
    *MARKS,
    *EMOJI,
    *ODD,
    *EDGES,
]
ASCII = [piece for piece in PIECES if piece.isascii()]
PADDING = ["a", "Ab", "no ", "a b", "1 ", "x1", " ", "\n", ".", "it's ", "/"]

MOST_CHARACTERS = 300
PIECES_OF_A_BATCH = 500
BAD_BYTES = b"\x80\xbf\xc0\xc2\xe0\xe4\xed\xa0\xf0\xf4\xf5\xff"


def _classes():
    """All characters by general category and length in UTF-8."""
    classes = defaultdict(list)
    for point in range(0x110000):
        if not 0xD800 <= point < 0xE000:
            character = chr(point)
            classes[unicodedata.category(character), len(character.encode())].append(character)
    return list(classes.values())


CLASSES = _classes()


class Texts:
    """Texts from a seed, a batch at a time."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.palette = PIECES
        self.shapes = [self._mixture, self._few, self._few, self._runs, self._long_run]
        self.shapes += [self._ascii, self._ascii, self._one_class, self._any, self._short]

    def batch(self, count):
        """The next texts, of at most `MOST_CHARACTERS` characters behind their padding."""
        numbers, texts = self.random, []
        while len(texts) < count:
            # Each class has its turn as often as the others, however many characters it has.
            self.palette = PIECES + [
                character for many in CLASSES for character in numbers.choices(many, k=2)
            ]
            for shape in numbers.choices(self.shapes, k=min(PIECES_OF_A_BATCH, count - len(texts))):
                padding = numbers.choice(PADDING) * 131 if numbers.random() < 0.5 else ""
                texts.append(padding[: numbers.randrange(131)] + shape()[:MOST_CHARACTERS])
        return texts

    def broken(self, text):
        """The bytes of a text with a few changes, after which most are no UTF-8."""
        numbers, data = self.random, bytearray(text.encode())
        for _ in range(numbers.randrange(1, 5)):
            place = numbers.randrange(len(data) + 1)
            # Taken away, put in the place of another, or put between.
            data[place : place + numbers.randrange(2)] = bytes([numbers.choice(BAD_BYTES)])[
                : numbers.randrange(2)
            ]
        return bytes(data)

    def _mixture(self):
        return "".join(self.random.choices(self.palette, k=self.random.randrange(1, 30)))

    def _few(self):
        pieces = self.random.choices(self.palette, k=self.random.randrange(2, 5))
        return "".join(self.random.choices(pieces, k=self.random.randrange(2, 40)))

    def _runs(self):
        pieces = self.random.choices(self.palette, k=self.random.randrange(1, 9))
        return "".join(piece * self.random.randrange(1, 12) for piece in pieces)

    def _long_run(self):
        before, piece, after = self.random.choices(self.palette, k=3)
        return before + piece * self.random.randrange(12, 140) + after

    def _ascii(self):
        return "".join(self.random.choices(ASCII, k=self.random.randrange(2, 60)))

    def _one_class(self):
        return "".join(self.random.choices(self.random.choice(CLASSES), k=self.random.randrange(1, 40)))

    def _any(self):
        many = self.random.choices(CLASSES, k=self.random.randrange(1, 20))
        return "".join(map(self.random.choice, many))

    def _short(self):
        return "".join(self.random.choices(self.palette, k=self.random.randrange(3)))


def arguments(description, made, *, each=""):
    """The parser of a fuzzer's command line: for how long, and the seed of what is `made`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help=f"of the processor{each} (60)")
    parser.add_argument(
        "--seed", default=str(time.time_ns()), help=f"other {made} for another one (the time)"
    )
    return parser
