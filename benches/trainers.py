"""Training with one split: the same merges from the same documents."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from corpus import END, read
from timing import alternate, peak_megabytes, timed
from vocabularies import PATTERNS, token_bytes


@dataclass
class Bytestride:
    threads: int = 1
    pattern: str = "gpt2"
    options: dict = field(default_factory=dict)
    name = "bytestride"

    def train(self, corpus, path, merges):
        import bytestride as bs

        return bs.train(
            path, 256 + merges, pattern=self.pattern, separator=END, threads=self.threads, **self.options
        )

    def merges(self, trained):
        return [tuple(pair) for pair in trained.merges]


@dataclass
class HuggingFace:
    pattern: str = "gpt2"
    name = "tokenizers"

    def train(self, corpus, path, merges):
        tokenizer, trainer = self._untrained(merges)
        tokenizer.train_from_iterator(corpus.texts, trainer)
        return tokenizer

    def train_on_lines(self, path, merges):
        """Merges from each line of a file as a document of its own, whatever separators it has."""
        tokenizer, trainer = self._untrained(merges)
        tokenizer.train([str(path)], trainer)
        return self.merges(tokenizer)

    def _untrained(self, merges):
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

        split = pre_tokenizers.ByteLevel(add_prefix_space=False)
        if self.pattern != "gpt2":
            # Oniguruma reads {1,3}+ as groups again and again, and $ as the end of a line.
            expression = PATTERNS[self.pattern].replace("{1,3}+", "{1,3}").replace("$", r"\z")
            words = pre_tokenizers.Split(Regex(expression), "isolated")
            split.use_regex = False
            split = pre_tokenizers.Sequence([words, split])
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = split
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        return tokenizer, trainers.BpeTrainer(
            vocab_size=256 + merges, min_frequency=2, initial_alphabet=alphabet, show_progress=False
        )

    def merges(self, trained):
        pairs = json.loads(trained.to_str())["model"]["merges"]
        return [(token_bytes(left), token_bytes(right)) for left, right in pairs]


@dataclass
class Gigabpe:
    """Takes each line for a document and separators for text, as tokenizers does with files."""

    threads: int = 1
    name = "gigabpe"

    def train(self, corpus, path, merges):
        import gigabpe

        # Its vocabulary has only the bytes that occur.
        alphabet = len(np.unique(np.frombuffer(path.read_bytes(), np.uint8)))
        _, learned = gigabpe.train_bpe(
            [str(path)],
            vocab_size=alphabet + merges,
            min_frequency=2,
            special_tokens=[],
            pretokenizer="bytelevel",
            threads=self.threads,
        )
        return learned

    def merges_of_lines(self, trained):
        return [(token_bytes(left), token_bytes(right)) for left, right in trained]


@dataclass
class Gigatoken:
    """Takes as many threads as there are cores."""

    threads: int = 1
    name = "gigatoken"

    def train(self, corpus, path, merges):
        from gigatoken import TextFileSource
        from gigatoken.gigatoken_rs import train_bpe

        _, learned = train_bpe(TextFileSource([str(path)], separator=END), 256 + 1 + merges, [END])
        return learned

    def merges(self, trained):
        return [tuple(pair) for pair in trained]


@dataclass
class Rustbpe:
    """Takes as many threads as there are cores."""

    threads: int = 1
    pattern: str | None = PATTERNS["gpt2"]
    name = "rustbpe"

    def train(self, corpus, path, merges):
        import rustbpe

        tokenizer = rustbpe.Tokenizer()
        tokenizer.train_from_iterator(iter(corpus.texts), 256 + merges, pattern=self.pattern)
        return tokenizer

    def tokens(self, trained):
        return {bytes(token) for token, rank in trained.get_mergeable_ranks() if rank >= 256}


def check(corpus, path, merges, libraries):
    """Stops the bench if libraries disagree; returns notes on what could not be compared merge by merge."""
    expected = libraries[0].merges(libraries[0].train(corpus, path, merges))
    ours = {left + right for left, right in expected}
    notes = []
    for one in libraries[1:]:
        trained = one.train(corpus, path, merges)
        if hasattr(one, "merges"):
            require_equal(f"{one.name}, {corpus.name}", expected, one.merges(trained))
        elif hasattr(one, "merges_of_lines"):
            by_line = HuggingFace().train_on_lines(path, merges)
            require_equal(f"{one.name}, {corpus.name}", by_line, one.merges_of_lines(trained))
            notes.append(
                f"{one.name} takes each line for a document; checked against tokenizers doing so too."
            )
        else:
            shared = len(ours & one.tokens(trained)) / len(ours)
            notes.append(
                f"{one.name} breaks ties by raw byte values; {shared:.1%} of the tokens are the same."
            )
    return notes


def require_equal(name, expected, learned):
    """Stops the bench if two lists of merges differ."""
    if learned != expected:
        pairs = enumerate(zip(expected, learned, strict=False))
        place = next((number for number, (wanted, got) in pairs if wanted != got), "none")
        counts = f"{len(learned)} merges, not {len(expected)}; first different: {place}"
        raise SystemExit(f"{name}: other merges: {counts}")


def run(corpus, folder, merges, rounds):
    """Times of whole training runs, each from the text on."""
    libraries = [Bytestride(), Gigabpe(), Gigatoken(), Rustbpe(), HuggingFace()]
    path = corpus.write(folder / "training.txt")
    notes = check(corpus, path, merges, libraries)

    def measure(library):
        seconds, _ = timed(lambda: library.train(corpus, path, merges))
        return {"whole run": seconds}

    return notes, alternate(libraries, rounds, measure)


def measure(name, options, path, merges):
    """The seconds of one training run in this process, and its peak of memory in megabytes."""
    library = globals()[name](**options)
    text = read(path, None) if name == "Rustbpe" else None
    seconds, _ = timed(lambda: library.train(text, Path(path), merges))
    return seconds, peak_megabytes()
