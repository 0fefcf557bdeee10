"""A whole file to ids in memory, on several threads, by a tokenizer that has seen no text yet.

Each run is a process of its own, since libraries take their threads when they are imported.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import apart
import vocabularies
from corpus import END
from encoders import named
from timing import alternate, timed


@dataclass
class Bytestride:
    name = "bytestride"

    def load(self, vocabulary, threads):
        import bytestride as bs

        options = {"pattern": vocabulary.pattern} if vocabulary.is_tiktoken else {}
        tokenizer = bs.Tokenizer.load(vocabulary.path, **options)

        return lambda path: tokenizer.encode_file(path, separator=END, threads=threads)

    def ids(self, encoded):
        return encoded.ids


@dataclass
class Gigatoken:
    name = "gigatoken"

    def load(self, vocabulary, threads):
        from gigatoken import TextFileSource

        tokenizer = named("gigatoken").tokenizer(vocabulary)
        return lambda path: tokenizer.encode_files(
            TextFileSource([path], separator=END), parallel=threads > 1
        )

    def ids(self, encoded):
        import awkward

        return awkward.to_numpy(awkward.flatten(encoded))


LIBRARIES = [Bytestride(), Gigatoken()]


def measure(name, path, vocabulary, folder, threads):
    """The seconds of one first pass, and a hash of its ids."""
    library = next(library for library in LIBRARIES if library.name == name)
    Path(path).read_bytes()  # so that nobody waits for a disk
    encode = library.load(vocabularies.load(vocabulary, folder), threads)
    seconds, encoded = timed(lambda: encode(path))
    return seconds, hashlib.blake2b(np.ascontiguousarray(library.ids(encoded), np.uint32).data).hexdigest()


def run(path, vocabulary, cores, rounds):
    """Times of both libraries on `cores`."""
    hashes = set()
    arguments = (str(path), str(vocabulary.path), str(vocabulary.folder), len(cores))

    def once(library):
        seconds, digest = apart.call(measure, library.name, *arguments, cores=cores)
        hashes.add(digest)
        return {"first pass": seconds}

    passes = alternate(LIBRARIES, rounds, once)
    if len(hashes) > 1:
        raise SystemExit(f"{path}: the ids of a whole file differ with {vocabulary.name}")
    return passes
