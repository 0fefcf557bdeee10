"""Text made to be slow: long pretokens of every kind. Each library meets each text in a process of its own.

Some libraries take minutes or panic, so there is a time limit; one that fails at a size is spared the next.
"""

import base64
import hashlib
import random
import statistics
from pathlib import Path

import numpy as np

import apart
import encoders
import vocabularies
from timing import timed

SIZES = {"1 MB": 1_000_000, "10 MB": 10_000_000}
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
MARKS = [chr(point) for point in range(0x300, 0x370)]
HAN = [chr(point) for point in range(0x4E00, 0x9FA6)]
PEOPLE = ["👨", "👩", "🧑", "👧", "👦", "👩🏽", "👨🏿", "💻", "🚀", "❤️"]
CHARACTERS = {
    "`a`": "a",
    "spaces": " ",
    "newlines": "\n",
    "`ab`": ["ab"],
    "random letters": LETTERS,
    "random digits": "0123456789",
    "random punctuation": PUNCTUATION,
    "random Han": HAN,
    "emoji with joiners": [person + "\u200d" for person in PEOPLE],
    "combining marks": MARKS,
}
KINDS = [*CHARACTERS, "base64"]


def make(kind, size):
    """About `size` bytes of a kind, the same in every run."""
    numbers = random.Random(kind)
    if kind == "base64":
        return base64.b64encode(numbers.randbytes(size * 3 // 4)).decode()
    characters = CHARACTERS[kind]
    width = len("".join(characters).encode()) / len(characters)
    return "".join(numbers.choices(characters, k=int(size / width)))


def measure(name, path, vocabulary, folder, seconds):
    """The median seconds of first passes over the text at `path`, and a hash of the ids."""
    text, vocabulary = Path(path).read_bytes().decode(), vocabularies.load(vocabulary, folder)
    taken = []
    # Three times, but not if that would take longer than allowed.
    while len(taken) < 3 and sum(taken) < seconds / 4:
        encode = encoders.named(name).load(vocabulary).one
        encode("a warm-up")
        passed, ids = timed(lambda encode=encode: encode(text))
        taken.append(passed)
    ids = np.array(getattr(ids, "ids", ids), np.uint32)
    return statistics.median(taken), hashlib.blake2b(ids.data).hexdigest()


def run(vocabulary, peers, folder, core, seconds):
    """`{(kind, size): {library: seconds, or how it failed}}`, notes, and the bytes of each text."""
    libraries, notes = encoders.contenders(vocabulary, peers)
    results, sizes = {}, {}
    for kind in KINDS:
        able = libraries
        for size, amount in SIZES.items():
            path = folder / "hostile.txt"
            sizes[kind, size] = path.write_bytes(make(kind, amount).encode())
            arguments = (str(path), str(vocabulary.path), str(vocabulary.folder), seconds)
            cells, different = _row(able, arguments, core, seconds)
            notes += [f"{name} gives other ids for {size} of {kind}" for name in different]
            results[kind, size] = cells
            able = [library for library in able if isinstance(cells[library.name], float)]
    return results, notes, sizes


def _row(libraries, arguments, core, seconds):
    """The seconds, or the failure, of each library on one text; and which gave other ids than the first."""
    cells, hashes = {}, {}
    for library in libraries:
        try:
            cells[library.name], hashes[library.name] = apart.call(
                measure, library.name, *arguments, cores=[core], seconds=seconds
            )
        except apart.FailedError as error:
            cells[library.name] = str(error)
    expected = hashes.get(encoders.OURS.name)
    return cells, [name for name, digest in hashes.items() if digest != expected]
