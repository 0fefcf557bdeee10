"""Encoding: documents in, ids out, in each library's own best form for many documents and for one text."""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten

import numpy as np

from timing import alternate, timed

# Its names for the patterns of .tiktoken files. Llama 3's is not among them: its reader panics on that file.
GIGATOKEN_SCHEMES = {"gpt2": "gpt2", "cl100k": "gpt4", "o200k": "o200k", "qwen2": "qwen2"}


@dataclass
class Encoder:
    """A tokenizer as a library loaded it: `batch` takes a `Corpus`, `one` a str.

    `one` gives an array, a list, or an object that has the ids as `ids`.
    """

    batch: Callable[..., object]
    one: Callable[[str], object]


@dataclass
class Bytestride:
    name = "bytestride"

    def load(self, vocabulary):
        import bytestride as bs

        options = {"pattern": vocabulary.pattern} if vocabulary.is_tiktoken else {}
        tokenizer = bs.Tokenizer.load(vocabulary.path, **options)
        return Encoder(lambda corpus: tokenizer.encode_batch(corpus.documents, threads=1), tokenizer.encode)

    def ids(self, encoded):
        return np.split(encoded.ids, encoded.offsets[1:-1])


@dataclass
class Gigatoken:
    name = "gigatoken"

    def load(self, vocabulary):
        tokenizer = self.tokenizer(vocabulary)
        return Encoder(
            lambda corpus: tokenizer.encode_batch(corpus.documents, parallel=False), tokenizer.encode
        )

    def tokenizer(self, vocabulary):
        import gigatoken

        if vocabulary.is_tiktoken and vocabulary.pattern in GIGATOKEN_SCHEMES:
            scheme = GIGATOKEN_SCHEMES[vocabulary.pattern]
            tokenizer = gigatoken.Tokenizer.from_tiktoken(vocabulary.path, scheme, {})
        else:
            tokenizer = gigatoken.Tokenizer(vocabulary.tokenizer_json)
        tokenizer.encode_batch([b""], parallel=False)  # it imports awkward then, which is no part of encoding
        return tokenizer

    def ids(self, encoded):
        import awkward

        flat = awkward.to_numpy(awkward.flatten(encoded))
        return np.split(flat, np.cumsum(awkward.to_numpy(awkward.num(encoded)))[:-1])


@dataclass
class Tiktoken:
    name = "tiktoken"

    def load(self, vocabulary):
        import tiktoken

        from vocabularies import PATTERNS

        if vocabulary.pattern is None:
            raise ValueError("several expressions split the text in turn")
        expression = PATTERNS.get(vocabulary.pattern, vocabulary.pattern)
        encoding = tiktoken.Encoding(
            vocabulary.name, pat_str=expression, mergeable_ranks=vocabulary.ranks, special_tokens={}
        )
        return Encoder(
            lambda corpus: [encoding.encode_ordinary(text) for text in corpus.texts],
            encoding.encode_ordinary,  # twice as fast as encode_to_numpy, which looks for special tokens
        )

    def ids(self, encoded):
        return [np.array(ids, dtype=np.uint32) for ids in encoded]


@dataclass
class HuggingFace:
    name = "tokenizers"

    def load(self, vocabulary):
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(vocabulary.tokenizer_json))
        return Encoder(
            lambda corpus: tokenizer.encode_batch_fast(corpus.texts, add_special_tokens=False),
            lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        )

    def ids(self, encoded):
        return [np.array(encoding.ids, dtype=np.uint32) for encoding in encoded]


@dataclass
class Splintr:
    name = "splintr"

    def load(self, vocabulary):
        import splintr

        tokenizer = splintr.Tokenizer.from_pretrained(_bundled(vocabulary))
        return Encoder(
            lambda corpus: tokenizer.encode_batch_flat(corpus.texts),
            lambda text: np.frombuffer(tokenizer.encode_flat(text), np.uint32),
        )

    def ids(self, encoded):
        return _rows(np.frombuffer(encoded[0], np.uint32), np.frombuffer(encoded[1], np.uint64))


@dataclass
class Snaptokens:
    name = "snaptokens"

    def load(self, vocabulary):
        import snaptokens

        tokenizer = snaptokens.Tokenizer.from_file(str(vocabulary.tokenizer_json))
        return Encoder(lambda corpus: tokenizer.encode_batch_flat(corpus.texts), tokenizer.encode)

    def ids(self, encoded):
        return _rows(np.frombuffer(encoded[0], np.uint32), np.frombuffer(encoded[1], np.uint64))


@dataclass
class Toktok:
    name = "toktok"

    def load(self, vocabulary):
        import toktok

        # The function behind its public ones, which only count.
        tokenizer = toktok._encoding(_bundled(vocabulary))  # noqa: SLF001
        return Encoder(
            lambda corpus: tokenizer.encode_batch_to_numpy(corpus.texts, 1), tokenizer.encode_to_numpy
        )

    def ids(self, encoded):
        return _rows(*encoded)


@dataclass
class Quicktok:
    name = "quicktok"

    def load(self, vocabulary):
        import quicktok

        tokenizer = quicktok.get_encoding(_bundled(vocabulary))
        return Encoder(lambda corpus: tokenizer.encode_batch(corpus.texts, 1), tokenizer.encode_ordinary)

    def ids(self, encoded):
        return _rows(*encoded)


OURS = Bytestride()
LIBRARIES = [
    OURS,
    Gigatoken(),
    Tiktoken(),
    HuggingFace(),
    Splintr(),
    Snaptokens(),
    Toktok(),
    Quicktok(),
]
PEERS = [library.name for library in LIBRARIES if library is not OURS]


def named(name):
    """The library of a name."""
    return next(library for library in LIBRARIES if library.name == name)


def _bundled(vocabulary):
    """The name by which libraries that bring their vocabularies along know this one."""
    return vocabulary.path.stem


def _rows(ids, offsets):
    return np.split(ids, offsets[1:-1].astype(np.int64))


def contenders(vocabulary, peers):
    """The libraries that load this vocabulary, ours first, and a note on each that does not."""
    libraries, notes = [OURS], []
    for library in map(named, peers):
        try:
            library.load(vocabulary)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 (a panic in Rust is no Exception)
            reason = shorten(str(error) or type(error).__name__, 80)
            notes.append(f"{library.name} does not load {vocabulary.name}: {reason}")
        else:
            libraries.append(library)
    return libraries, notes


def check(corpus, vocabulary, libraries):
    """Stops the bench if a library disagrees with ours about a document; returns the number of tokens."""
    expected = OURS.ids(OURS.load(vocabulary).batch(corpus))
    for library in libraries[1:]:
        output = library.ids(library.load(vocabulary).batch(corpus))
        for document, (ours, theirs) in enumerate(zip(expected, output, strict=True)):
            if not np.array_equal(ours, theirs):
                length = min(len(ours), len(theirs))
                place = next(iter(np.flatnonzero(ours[:length] != theirs[:length])), length)
                names = f"{OURS.name} and {library.name}"
                raise SystemExit(f"{names} differ in document {document} of {corpus.name}, token {place}")
    return sum(map(len, expected))


def run(corpus, vocabulary, peers, rounds, later=1):
    """The number of tokens, notes, and times of a new tokenizer's first pass and the best of `later` more."""
    libraries, notes = contenders(vocabulary, peers)
    tokens = check(corpus, vocabulary, libraries)

    def measure(library):
        encode = library.load(vocabulary).batch
        seconds = [timed(lambda: encode(corpus))[0] for _ in range(1 + later)]
        return {"first pass": seconds[0], "later passes": min(seconds[1:])}

    return tokens, notes, alternate(libraries, rounds, measure)
