"""Compares the ids of many made-up texts with those of tiktoken and of Hugging Face's tokenizers, and decodes them again.

    make fuzz-encode STRINGS=10000000 FUZZ="--vocab o200k_base.tiktoken --seed 7"

Without `--vocab` the vocabulary is learned from such texts without any split: its tokens reach across the borders of
pretokens, so that a border in the wrong place shows in the ids. Where tiktoken is the peer, the pretokens of the
scanner are besides those of the published expression, read by our regex engine. On a difference it prints the shortest
text that it finds.
"""

import argparse
import base64
import json
import math
import re
import sys
import tempfile
import time
from functools import partial
from itertools import accumulate, chain, product
from pathlib import Path

import tiktoken
import tokenizers

import bytestride as bs
from fuzz_text import Texts
from published import PATTERNS, PRE_TOKENIZERS

# With whom a split is compared, unless the file of the vocabulary decides it.
TIKTOKEN = ("cl100k", "o200k", "llama3", "qwen2")
HUGGING_FACE = ("gpt2", "deepseek")
TEXTS_TO_LEARN_FROM = 30_000
TOKENS = 6_000
BATCH = 2_000
JOINED_TEXTS = 100
# ASCII characters of each class, to stand beside others.
SAMPLES = b"aZ1.'/ \n"
# A byte that is no UTF-8, as `surrogateescape` writes it, or what stands between such bytes.
PART = re.compile("[\udc80-\udcff]|[^\udc80-\udcff]+")


class DifferenceError(AssertionError):
    """Two libraries disagree; the message has a short text that shows it."""


class Pair:
    """Our tokenizer and another's, of the same vocabulary and split."""

    def __init__(self, name, load, theirs, expression=None):
        """`load` gives ours, `theirs` the ids of each text of a list; `expression` is what the split is published as."""
        self.name, self.load, self.theirs, self.expression = name, load, theirs, expression
        self.ours = load()

    def compare(self, texts, threads=1):
        """Raises `DifferenceError` if our ids of a text, str or bytes, are not those expected."""
        expected = self.expected(texts)
        batch = self.ours.encode_batch(texts, threads=threads)
        offsets = list(accumulate(map(len, expected), initial=0))
        if batch.offsets.tolist() != offsets or batch.ids.tolist() != list(chain.from_iterable(expected)):
            for text, ours, theirs in zip(texts, batch, expected, strict=True):
                if ours.tolist() != theirs:
                    raise DifferenceError(self.explain(text))
            raise DifferenceError(f"{self.name}: the offsets of a batch differ")
        self.compare_with_ourselves(texts, batch)

    def compare_with_ourselves(self, texts, batch):
        """Ids decode to the texts, and the scanner splits as the expression."""
        for text, ids in zip(texts, batch, strict=True):
            data = text.encode() if isinstance(text, str) else text
            if self.ours.decode_bytes(ids) != data:
                raise DifferenceError(f"{self.name}: the ids of {text!r} decode to something else")
        if self.expression is not None:
            scanned = bs.count_words(iter(texts), self.ours.pattern)
            # In a group, it is not known by its name.
            again = bs.count_words(iter(texts), f"(?:{self.expression})")
            if dict(scanned.items()) != dict(again.items()):
                raise DifferenceError(
                    f"{self.name}: the scanner splits not as the expression, among {len(texts)} texts"
                )

    def expected(self, texts):
        """Their ids. Bytes that are no UTF-8 are ids by themselves, and the text between is encoded on its own."""
        parts = [[text] if isinstance(text, str) else _parts(text) for text in texts]
        encoded = iter(self.theirs([part for part in chain(*parts) if not _is_byte(part)]))
        return [
            list(chain.from_iterable(self._byte(part) if _is_byte(part) else next(encoded) for part in few))
            for few in parts
        ]

    def _byte(self, part):
        return [self.ours.id_of(part.encode(errors="surrogateescape"))]

    def explain(self, text):
        """What differs, on the shortest text that still does."""
        how = ""
        if not self.differs(text, self.load()):
            # Then it takes what was encoded before, so all that can be shrunk is what this tokenizer makes of it.
            how = " after other texts" if self.differs(text, self.ours) else " among other texts"
        else:
            text = shrink(text, lambda shorter: self.differs(shorter, self.load()))
        ours, theirs = self.ours.encode(text).tolist(), self.expected([text])[0]
        lines = [f"{self.name} differs{how} on {text!r}"]
        for name, ids in (("ours  ", ours), ("theirs", theirs)):
            lines.append(f"  {name} {ids} {[self.ours.bytes_of(id) for id in ids]}")
        return "\n".join(lines)

    def differs(self, text, tokenizer):
        return tokenizer.encode(text).tolist() != self.expected([text])[0]


def _parts(data):
    return PART.findall(data.decode(errors="surrogateescape"))


def _is_byte(part):
    return len(part) == 1 and "\udc80" <= part <= "\udcff"


def shrink(text, differs):
    """A text, or bytes, of which nothing can be left out without the difference going, too."""
    size = len(text)
    while size:
        place = 0
        while place < len(text):
            shorter = text[:place] + text[place + size :]
            if differs(shorter):
                text = shorter
            else:
                place += size
        size //= 2
    return text


# -- pairs ------------------------------------------------------------------------------------------------------


def learned(folder):
    """Pairs to be made, by pattern, of a vocabulary learned from texts like those that follow."""
    path = folder / "learned.tiktoken"
    bs.train(iter(Texts("vocabulary").batch(TEXTS_TO_LEARN_FROM)), TOKENS, pattern=None).save(path)
    return of_ranks(path)


def joining(folder):
    """Pairs to be made, by pattern, of a vocabulary that joins any character to what stands beside it.

    Its tokens are the last byte of a character and the first of another: the ids show each border for itself.
    """
    lasts, firsts = [*SAMPLES, *range(0x80, 0xC0)], [*SAMPLES, *range(0xC2, 0xF5)]
    tokens = [bytes([byte]) for byte in range(256)] + [bytes(pair) for pair in product(lasts, firsts)]
    path = folder / "joining.tiktoken"
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))
    path.write_text("".join(lines))
    return of_ranks(path)


def of_ranks(path):
    """Pairs to be made, by pattern, of the tokens in a rank file."""
    makers = {pattern: partial(with_tiktoken, path, pattern) for pattern in TIKTOKEN}
    whole = path.with_suffix(".json")
    bs.Tokenizer.load(path, pattern="gpt2").save(whole)
    file = json.loads(whole.read_text())
    for pattern in HUGGING_FACE:
        named = path.with_name(f"{pattern}.json")
        named.write_text(json.dumps(file | {"pre_tokenizer": PRE_TOKENIZERS[pattern]}))
        makers[pattern] = partial(with_hugging_face, named)
    return makers


def published(paths):
    """Pairs to be made, one of each .tiktoken, whose name tells the pattern, or tokenizer.json."""
    makers = {}
    for path in map(Path, paths):
        pattern = path.stem.removesuffix("_base")
        is_ranks = path.suffix == ".tiktoken"
        makers[path.stem] = (
            partial(with_tiktoken, path, pattern) if is_ranks else partial(with_hugging_face, path)
        )
    return makers


def with_tiktoken(path, pattern):
    """Ours and tiktoken's tokenizer of a rank file."""
    lines = (line.split() for line in path.read_bytes().splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    peer = tiktoken.Encoding(pattern, pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens={})
    return Pair(
        f"{pattern} against tiktoken",
        lambda: bs.Tokenizer.load(path, pattern=pattern),
        lambda texts: list(map(peer.encode_ordinary, texts)),
        PATTERNS[pattern],
    )


def with_hugging_face(path):
    """Ours and Hugging Face's tokenizer of a tokenizer.json."""
    peer = tokenizers.Tokenizer.from_file(str(path))
    peer.encode_special_tokens = True

    def encode(texts):
        return [encoding.ids for encoding in peer.encode_batch_fast(texts, add_special_tokens=False)]

    return Pair(f"{path.stem} against tokenizers", lambda: bs.Tokenizer.load(path), encode)


# -- runs -------------------------------------------------------------------------------------------------------


def fuzz(pair, strings, seed):
    """Compares so many texts, most of them by themselves; yields how many so far."""
    texts = Texts(seed)
    for number, done in enumerate(range(0, strings, BATCH)):
        batch = texts.batch(min(BATCH, strings - done))
        if number % 10 == 1:
            batch = list(map(texts.broken, batch))
        elif number % 10 == 2:
            # More pretokens than are encoded at once, and the borders of a text elsewhere.
            starts = range(0, len(batch), JOINED_TEXTS)
            batch = ["".join(batch[start : start + JOINED_TEXTS]) for start in starts]
        pair.compare(batch, threads=1 + number % 2)
        yield done + min(BATCH, strings - done)


def beside_samples(characters):
    """Two texts for each character, in which it stands on either side of each of the samples, alone and twice."""
    samples = SAMPLES.decode()
    for character in characters:
        yield "".join(f"{sample}{character}" for sample in samples)
        yield "".join(f"{character}{character}{sample}" for sample in reversed(samples))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strings", type=int, default=1_000_000, help="texts for each pattern (1000000)")
    parser.add_argument(
        "--seconds", type=float, help="of the processor for each pattern, in place of a number of texts"
    )
    parser.add_argument("--seed", type=int, default=0, help="other texts for another number (0)")
    parser.add_argument("--vocab", nargs="+", default=[], help=".tiktoken or tokenizer.json files (learned)")
    return parser.parse_args()


def main():
    chosen = arguments()
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        makers = published(chosen.vocab) if chosen.vocab else learned(Path(name))
        for pattern, make in makers.items():
            try:
                pair = make()
            except ValueError as error:
                print(f"{pattern} is left out: {error}", flush=True)
            else:
                failures += not _run(pair, chosen)
    sys.exit(failures > 0)


def _run(pair, chosen):
    began = time.process_time()
    strings, seconds = chosen.strings, math.inf
    if chosen.seconds is not None:
        strings, seconds = sys.maxsize, chosen.seconds
    done = 0
    try:
        for done in fuzz(pair, strings, chosen.seed):
            if done % 1_000_000 < BATCH:
                print(f"{pair.name}: {done:,} texts, {time.process_time() - began:.0f} s", flush=True)
            if time.process_time() - began > seconds:
                break
    except DifferenceError as error:
        print(f"{error}\n  with --seed {chosen.seed}", flush=True)
        return False
    print(f"{pair.name}: the ids of {done:,} texts are the same", flush=True)
    return True


if __name__ == "__main__":
    main()
