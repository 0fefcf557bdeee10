"""Text files → token files: the shortest way of each library, for `corpus_files.py` to run apart."""

import os
from pathlib import Path

import numpy as np

import corpus
from encoders import GIGATOKEN_SCHEMES
from timing import peak_megabytes, timed
from vocabularies import Vocabulary

DOCUMENTS_AT_ONCE = 1000


def measure(way, texts, vocabulary, folder, threads, max_memory=None):
    """Seconds and peak of memory of one way from the files `texts`, one if it is not ours, into `folder`."""
    path, pattern = vocabulary
    vocabulary = Vocabulary(Path(path), pattern, Path(folder))
    options = {"threads": threads} | ({"max_memory": max_memory} if max_memory else {})
    texts = texts if way == "encode_files" else Path(*texts)
    prepared = WAYS[way](vocabulary, texts, Path(folder), options)
    for earlier in Path(folder).glob(f"{WRITTEN.get(way, '-')}.*"):
        earlier.unlink()
    os.sync()
    seconds, _ = timed(prepared)
    return seconds, peak_megabytes()


def _tokenizer(vocabulary):
    import bytestride as bs

    return bs.Tokenizer.load(vocabulary.path, pattern=vocabulary.pattern)


def in_memory(vocabulary, text, _folder, options):
    tokenizer, documents = _tokenizer(vocabulary), corpus.read(text, None).documents
    return lambda: tokenizer.encode_batch(documents, **options)


def encode_files(vocabulary, texts, folder, options):
    tokenizer = _tokenizer(vocabulary)
    return lambda: tokenizer.encode_files(texts, folder / "ours", separator=corpus.END, **options)


def gigatoken(vocabulary, text, folder, options):
    """Its `encode_files`, then its array as raw ids and document ends."""
    import awkward
    import gigatoken

    scheme = GIGATOKEN_SCHEMES[vocabulary.pattern]
    tokenizer = gigatoken.Tokenizer.from_tiktoken(vocabulary.path, scheme, {})
    tokenizer.encode_batch([b""], parallel=False)
    source = gigatoken.TextFileSource([str(text)], corpus.END)

    def write():
        encoded = tokenizer.encode_files(source, parallel=options["threads"] > 1)
        ids = awkward.to_numpy(awkward.flatten(encoded))
        ends = np.cumsum(awkward.to_numpy(awkward.num(encoded)))
        ids.astype(_dtype(vocabulary), copy=False).tofile(folder / "gigatoken.bin")
        ends.tofile(folder / "gigatoken.ends")

    return write


def hugging_face(vocabulary, text, folder, _options):
    """A script as for Megatron: batches of documents, each an array that is appended, an index at the end."""
    from tokenizers import Tokenizer

    tokenizer, dtype = Tokenizer.from_file(str(vocabulary.tokenizer_json)), _dtype(vocabulary)

    def write():
        lengths = []
        documents = text.read_bytes().decode(errors="replace").split(corpus.END)
        with (folder / "megatron.bin").open("wb") as file:
            for start in range(0, len(documents), DOCUMENTS_AT_ONCE):
                batch = documents[start : start + DOCUMENTS_AT_ONCE]
                for encoded in tokenizer.encode_batch(batch, add_special_tokens=False):
                    ids = np.array(encoded.ids, dtype=dtype)
                    file.write(ids.tobytes(order="C"))
                    lengths.append(len(ids))
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) * dtype.itemsize
        with (folder / "megatron.idx").open("wb") as file:
            file.write(
                b"MMIDIDX\x00\x00" + np.array([1], "<u8").tobytes() + bytes([8 if dtype.itemsize == 2 else 4])
            )
            file.write(np.array([len(lengths), len(lengths) + 1], "<u8").tobytes())
            file.write(np.array(lengths, "<i4").tobytes() + starts.astype("<i8").tobytes())
            file.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())

    return write


def _dtype(vocabulary):
    return np.dtype("<u2" if max(vocabulary.ranks.values()) < 1 << 16 else "<u4")


WAYS = {
    "in memory": in_memory,
    "encode_files": encode_files,
    "gigatoken": gigatoken,
    "Hugging Face": hugging_face,
}

SLOW = ("Hugging Face",)


# What the names of each way's files begin with.
WRITTEN = {"encode_files": "ours", "gigatoken": "gigatoken", "Hugging Face": "megatron"}


def written_in(folder):
    """The ids that each way has written, as bytes, by its name."""
    return {way: (folder / f"{name}.bin").read_bytes() for way, name in WRITTEN.items()}


def bundled(path):
    """The file of o200k_base, as it comes with the package."""
    import bytestride as bs

    bs.Tokenizer.load("o200k_base").save(path)
    return path
