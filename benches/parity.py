"""Compares ids, offsets and decoded texts with those of other libraries, and writes benches/PARITY.md.

    make parity CORPUS="books.txt code.txt" BENCH="--vocab o200k_base.tiktoken gpt2_tokenizer.json"

On each text come the vocabularies of `--vocab`, then tokenizers that cross all parts of Hugging Face's
library (tests/variants.py) and a SentencePiece model with bytes for unknown characters, all learned from a
part of all texts. It stops at the first difference.
"""

import argparse
import io
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

import bytestride as bs
import corpus
import report
import variants
import vocabularies
from hugging_face import own_ends

PACKAGES = ("bytestride", "sentencepiece", "tiktoken", "tokenizers")
LEARNED_MEGABYTES = 1
TOKENS = 8000
MODEL = "a SentencePiece model, byte_fallback"
NOTES = (
    "Each cell says on how many tokens ids, offsets and decoded texts are the same as the library's.",
    "Of tokenizers, offsets in characters; ids also with added tokens and what processors put around.",
    "Of tiktoken, with where in the text each token begins. Of sentencepiece, ids and decoded texts.",
    "`make parity` runs it so, with `tests` on the path.",
)


class HuggingFace:
    """A tokenizer.json in both libraries."""

    def __init__(self, path):
        from tokenizers import Tokenizer

        self.peer = Tokenizer.from_file(str(path))
        self.ours = bs.Tokenizer.load(path)
        self.ends = own_ends(self.ours)

    def compare(self, texts):
        """Raises `SystemExit` on a difference; returns the number of tokens."""
        self.peer.encode_special_tokens = True
        tokens = 0
        for text in texts:
            expected = self.peer.encode(text, add_special_tokens=False)
            ids, spans = self.ours.encode_with_offsets(text)
            same("ids", ids, expected.ids, text)
            same("offsets", spans, np.array(expected.offsets).reshape(-1, 2), text)
            same_text(self.ours.decode(ids), self.peer.decode(expected.ids, skip_special_tokens=False))
            tokens += len(ids)
        self.peer.encode_special_tokens = False
        batch = self.ours.encode_batch(texts, special="encode", threads=2, **self.ends)
        for text, ids, expected in zip(texts, batch, self.peer.encode_batch(texts), strict=True):
            same("ids with added tokens", ids, expected.ids, text)
        return tokens


class Tiktoken:
    """A rank file in both libraries."""

    def __init__(self, vocabulary):
        import tiktoken

        self.ours = bs.Tokenizer.load(vocabulary.path, pattern=vocabulary.pattern)
        self.peer = tiktoken.Encoding(
            vocabulary.name,
            pat_str=vocabularies.PATTERNS[vocabulary.pattern],
            mergeable_ranks=vocabulary.ranks,
            special_tokens={},
        )

    def compare(self, texts):
        tokens = 0
        for text in texts:
            expected = self.peer.encode_ordinary(text)
            ids, spans = self.ours.encode_with_offsets(text)
            same("ids", ids, expected, text)
            decoded, starts = self.peer.decode_with_offsets(expected)
            same("offsets", spans[:, 0], starts, text)
            same_text(self.ours.decode(ids), decoded)
            tokens += len(ids)
        for text, ids in zip(texts, self.ours.encode_batch(texts, threads=2), strict=True):
            same("ids in a batch", ids, self.ours.encode(text), text)
        return tokens


class SentencePiece:
    """A model in both libraries."""

    def __init__(self, path):
        import sentencepiece

        self.ours = bs.Tokenizer.load(path)
        self.peer = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def compare(self, texts):
        tokens = 0
        for text in texts:
            expected = self.peer.encode(text)
            ids = self.ours.encode(text)
            same("ids", ids, expected, text)
            same_text(self.ours.decode(ids), self.peer.decode(expected))
            tokens += len(ids)
        return tokens


def same(what, ours, theirs, text):
    theirs = np.asarray(theirs, np.int64)
    if np.array_equal(ours, theirs):
        return
    length = min(len(ours), len(theirs))
    unlike = ours[:length] != theirs[:length]
    place = int(np.argmax(unlike.reshape(length, -1).any(1))) if unlike.any() else length
    few = slice(max(0, place - 3), place + 5)
    raise SystemExit(f"{what} from token {few.start} on: {ours[few]}, not {theirs[few]}, in {text[:60]!r}…")


def same_text(ours, theirs):
    if ours != theirs:
        pairs = enumerate(zip(ours, theirs, strict=False))
        place = next((at for at, (one, other) in pairs if one != other), min(len(ours), len(theirs)))
        few = slice(max(0, place - 20), place + 20)
        raise SystemExit(f"decoded from character {few.start} on: {ours[few]!r}, not {theirs[few]!r}")


def model(texts, path):
    """A SentencePiece BPE model, learned from texts."""
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in texts for line in text.splitlines() if 0 < len(line) < 500),
        model_writer=written,
        model_type="bpe",
        vocab_size=TOKENS,
        character_coverage=0.995,
        byte_fallback=True,
        minloglevel=2,
    )
    path.write_bytes(written.getvalue())
    return SentencePiece(path)


def variant(name, texts, path):
    variants.trained(name, texts, TOKENS).save(str(path))
    return HuggingFace(path)


def published(path, folder):
    vocabulary = vocabularies.load(path, folder)
    return Tiktoken(vocabulary) if vocabulary.is_tiktoken else HuggingFace(path)


def makers(chosen, texts, folder):
    """What makes each pair of tokenizers, by name."""
    yield from ((Path(path).name, partial(published, path, folder)) for path in chosen.vocab)
    for name in variants.VARIANTS:
        yield name, partial(variant, name, texts, folder / f"{name}.json")
    yield MODEL, partial(model, texts, folder / "tokenizer.model")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("corpus", nargs="*", help="files of text; by default the sources of this Python's library")
    add("--vocab", nargs="+", default=[], help=".tiktoken or tokenizer.json files besides")
    add("--megabytes", type=float, default=5, help="how much of each text (5)")
    add("--kinds", nargs="+", default=[], help="only these, by the names in the table (all)")
    add("--out", type=Path, default=Path(__file__).with_name("PARITY.md"), help="the file to write")
    return parser.parse_args()


def main():
    chosen = arguments()
    texts = list(corpus.chosen(chosen.corpus, chosen.megabytes))
    learned = [text for part in corpus.chosen(chosen.corpus, LEARNED_MEGABYTES) for text in part.texts]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in makers(chosen, learned, Path(folder)):
            if chosen.kinds and name not in chosen.kinds:
                continue
            began = time.monotonic()
            pair = make()
            row = [name]
            for text in texts:
                print(f"{name}, {text.name} …", file=sys.stderr, flush=True)
                row.append(f"{pair.compare(text.texts):,}")
            print(f"  the same, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            rows.append(row)
    head = ["tokenizer", *(f"{text.name}, {text.megabytes:.0f} MB" for text in texts)]
    lines = report.header("Parity", "any number of threads", PACKAGES, NOTES)
    lines += report.grid("Tokens that are the same", head, rows)
    report.write(chosen.out, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
