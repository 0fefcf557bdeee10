"""Encoding: documents in, ids out, in each library's own best form for many documents."""

from dataclasses import dataclass

import numpy as np

from timing import alternate, timed

# Its names for the patterns of .tiktoken files; on that of Llama 3, with tokens no merge reaches, it panics.
GIGATOKEN_SCHEMES = {"gpt2": "gpt2", "cl100k": "gpt4", "o200k": "o200k", "qwen2": "qwen2"}


@dataclass
class Bytestride:
    name = "bytestride"

    def load(self, vocabulary):
        import bytestride as bs

        options = {"pattern": vocabulary.pattern} if vocabulary.is_tiktoken else {}
        tokenizer = bs.Tokenizer.load(vocabulary.path, **options)
        return lambda corpus: tokenizer.encode_batch(corpus.documents, threads=1)

    def ids(self, encoded):
        return np.split(encoded.ids, encoded.offsets[1:-1])


@dataclass
class Tiktoken:
    name = "tiktoken"

    def load(self, vocabulary):
        import tiktoken

        from vocabularies import PATTERNS

        expression = PATTERNS.get(vocabulary.pattern, vocabulary.pattern)
        encoding = tiktoken.Encoding(
            vocabulary.name, pat_str=expression, mergeable_ranks=vocabulary.ranks, special_tokens={}
        )
        return lambda corpus: [encoding.encode_ordinary(text) for text in corpus.texts]

    def ids(self, encoded):
        return [np.array(ids, dtype=np.uint32) for ids in encoded]


@dataclass
class HuggingFace:
    name = "tokenizers"

    def load(self, vocabulary):
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(vocabulary.path))
        return lambda corpus: tokenizer.encode_batch_fast(corpus.texts, add_special_tokens=False)

    def ids(self, encoded):
        return [np.array(encoding.ids, dtype=np.uint32) for encoding in encoded]


@dataclass
class Gigatoken:
    name = "gigatoken"

    def load(self, vocabulary):
        import gigatoken

        if vocabulary.is_tiktoken:
            scheme = GIGATOKEN_SCHEMES[vocabulary.pattern]
            tokenizer = gigatoken.gigatoken_rs.BPETokenizer.from_tiktoken(str(vocabulary.path), scheme)
        else:
            tokenizer = gigatoken.Tokenizer(str(vocabulary.path))
        tokenizer.encode_batch([b""], parallel=False)  # it imports awkward then, which is no part of encoding
        return lambda corpus: tokenizer.encode_batch(corpus.documents, parallel=False)

    def ids(self, encoded):
        import awkward

        flat = awkward.to_numpy(awkward.flatten(encoded))
        return np.split(flat, np.cumsum(awkward.to_numpy(awkward.num(encoded)))[:-1])


def contenders(vocabulary):
    """The libraries that load this kind of file."""
    libraries = [Bytestride()]
    if not vocabulary.is_tiktoken or vocabulary.pattern in GIGATOKEN_SCHEMES:
        libraries.append(Gigatoken())
    if vocabulary.pattern is not None:
        libraries.append(Tiktoken())
    if not vocabulary.is_tiktoken:
        libraries.append(HuggingFace())
    return libraries


def check(corpus, vocabulary, libraries):
    """Stops the bench if two libraries disagree about a document; returns the number of tokens."""
    outputs = {library.name: library.ids(library.load(vocabulary)(corpus)) for library in libraries}
    first, expected = next(iter(outputs.items()))
    for name, output in outputs.items():
        for document, (ours, theirs) in enumerate(zip(expected, output, strict=True)):
            if not np.array_equal(ours, theirs):
                length = min(len(ours), len(theirs))
                place = next(iter(np.flatnonzero(ours[:length] != theirs[:length])), length)
                raise SystemExit(
                    f"{first} and {name} differ in document {document} of {corpus.name}, token {place}"
                )
    return sum(map(len, expected))


def run(corpus, vocabulary, rounds):
    """Times of the first pass of a fresh tokenizer, and of the pass after it."""
    libraries = contenders(vocabulary)
    tokens = check(corpus, vocabulary, libraries)

    def measure(library):
        encode = library.load(vocabulary)
        first, _ = timed(lambda: encode(corpus))
        later, _ = timed(lambda: encode(corpus))
        return {"first pass": first, "later passes": later}

    return tokens, alternate(libraries, rounds, measure)
