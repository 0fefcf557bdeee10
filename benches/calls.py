"""What one call costs: a str to ids, by a tokenizer that has seen the text before."""

import timeit

import encoders
from timing import alternate

SIZES = {"13 B": 13, "1 KB": 1_000, "20 KB": 20_000}
LEAST_SECONDS = 0.02


def run(corpus, vocabulary, peers, rounds):
    """Times of one call for each size of text, and notes."""
    libraries, notes = encoders.contenders(vocabulary, peers)
    text = b"".join(corpus.documents).replace(b"\n", b" ")[: max(SIZES.values())]
    loaded = {library.name: library.load(vocabulary).one for library in libraries}

    def measure(library):
        one = loaded[library.name]
        return {name: call_seconds(one, text[:size].decode(errors="ignore")) for name, size in SIZES.items()}

    return alternate(libraries, rounds, measure), notes


def call_seconds(encode, text):
    """The seconds of a call, as the fastest of five series has it."""
    # By names, not in a function of its own, whose call would cost as much as the shortest text does.
    timer = timeit.Timer("encode(text)", globals={"encode": encode, "text": text})
    number, seconds = timer.autorange()
    number = max(1, int(number * LEAST_SECONDS / seconds))
    return min(timer.repeat(5, number)) / number
