"""Makes up tokenizers of Hugging Face's library, of any parts in any order, and compares ours of the same file with them.

    make fuzz FUZZ_SECONDS=1800

A file may be refused, by an error that names the part; what is read has the library's ids, offsets and decoded texts,
and so has the file that we write. Where the library itself panics, nothing is compared.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

import bytestride as bs
from fuzz_text import Texts, arguments
from hugging_face import ALPHABET, BYTES, FLAGS, assert_equal, without_special_bytes

BEHAVIORS = ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"]
SCHEMES = ["always", "first", "never"]
EXPRESSIONS = [
    r"\s+",
    r"\p{L}+",
    r"\p{N}",
    r"\w+|[^\w\s]+",
    r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"\n+",
    r".",
    r"(?<=a)b|c$",
    r"[^\S\r\n]+",
]
# What these find may be empty. What such a match puts before the text stands there twice after other steps of the
# library, as after `Strip` or as bytes; so these split only.
EMPTY = [r"(?=(\d{3})+(?!\d))", r"(?<=[a-z])(?=[A-Z])", r"^\s*|,$", r"x*"]
# Also some of characters that stand for bytes.
ADDED = [
    "the",
    " the",
    "a",
    "<|x|>",
    "12",
    "  ",
    "\n\n",
    "中",
    "e ",
    "The End",
    "<unk>x",
    "größe",
    "Ġx",
    "xé",
    "²",
]
SPECIAL = ["<s>", "</s>", "<unk>"]
ENDS = ("</s>", 1), ("<s>", 0)
TEXTS = ["", "a", " ", "  a b ", "The  end.\n\n 1234567", "▁a▁▁b", "\n\n\n\n\n", "aB 12,345 xx²"]
# The longest text to learn from: without a pretokenizer each is one word.
LONGEST = 300


class Maker:
    """Tokenizers, another one each time; the same ones again for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self.texts = Texts(f"parts {seed}").batch(150) + TEXTS

    def make(self):
        """One that was trained on the texts. The library may panic at it."""
        is_bytes = self._flip(0.5)
        model, trainer = self._of_bytes() if is_bytes else self._of_characters()
        peer = Tokenizer(models.BPE(**model))
        steps = [self._pre_tokenizer() for _ in range(self._random.randint(0, 3))]
        changes = [self._normalizer() for _ in range(self._random.choice([0, 0, 1, 2, 3]))]
        if is_bytes:
            self._write_bytes(changes, steps)
        for part, kind, chosen in [
            ("normalizer", normalizers, changes),
            ("pre_tokenizer", pre_tokenizers, steps),
            ("decoder", decoders, self._decoders(is_bytes=is_bytes)),
        ]:
            if chosen:
                setattr(
                    peer, part, kind.Sequence(chosen) if len(chosen) > 1 or self._flip(0.3) else chosen[0]
                )
        processor = self._processor()
        if processor:
            peer.post_processor = processor
        learned_from = [text[:LONGEST] for text in self.texts if text]
        peer.train_from_iterator(learned_from, trainers.BpeTrainer(show_progress=False, **trainer))
        peer = peer if is_bytes else without_special_bytes(peer)
        self._add_tokens(peer)
        return peer

    def _write_bytes(self, changes, steps):
        """Mostly as the last of all steps."""
        if self._flip(0.1):
            changes.insert(self._random.randint(0, len(changes)), normalizers.ByteLevel())
        else:
            byte_level = {"add_prefix_space": self._flip(0.3), "use_regex": self._flip(0.5)}
            place = self._random.randint(0, len(steps)) if self._flip(0.3) else len(steps)
            steps.insert(place, pre_tokenizers.ByteLevel(**byte_level))

    def _flip(self, chance):
        return self._random.random() < chance

    def _of_bytes(self):
        suffix = {"end_of_word_suffix": "</w>"} if self._flip(0.15) else {}
        unknown = {"unk_token": "<unk>"} if self._flip(0.2) else {}
        trainer = {"vocab_size": self._random.choice([400, 700]), "special_tokens": SPECIAL}
        return {"ignore_merges": self._flip(0.3), **suffix, **unknown}, {
            "initial_alphabet": ALPHABET,
            **trainer,
            **suffix,
        }

    def _of_characters(self):
        has_bytes = self._flip(0.5)
        affixes = {"end_of_word_suffix": "</w>"} if self._flip(0.15) else {}
        affixes |= {"continuing_subword_prefix": "##"} if self._flip(0.15) else {}
        unknown = {"unk_token": "<unk>"} if self._flip(0.85) else {}
        flags = {"fuse_unk": self._flip(0.5), "byte_fallback": has_bytes, "ignore_merges": self._flip(0.3)}
        trainer = {
            "vocab_size": 700,
            "special_tokens": SPECIAL + BYTES * has_bytes,
            "limit_alphabet": self._random.choice([60, 150, 1000]),
        }
        return flags | affixes | unknown, trainer | affixes

    def _expression(self):
        return Regex(self._random.choice(EXPRESSIONS + EMPTY))

    def _normalizer(self):
        choose = self._random.choice
        return choose(
            [
                normalizers.NFC,
                normalizers.NFD,
                normalizers.NFKC,
                normalizers.NFKD,
                normalizers.Lowercase,
                normalizers.Nmt,
                normalizers.StripAccents,
                lambda: normalizers.Strip(self._flip(0.5), self._flip(0.5)),
                lambda: normalizers.Replace(choose([" ", "a", "the", "\n", "."]), choose(["▁", "", "bb"])),
                lambda: normalizers.Replace(" ", "▁"),
                lambda: normalizers.Replace(Regex(choose(EXPRESSIONS)), choose(["▁", "", " ", "xy"])),
                lambda: normalizers.Prepend(choose(["▁", "a ", " "])),
                lambda: normalizers.BertNormalizer(
                    self._flip(0.5), self._flip(0.5), choose([None, True, False]), self._flip(0.5)
                ),
            ]
        )()

    def _pre_tokenizer(self):
        choose = self._random.choice
        inverted = self._flip(0.2)
        return choose(
            [
                pre_tokenizers.Whitespace,
                pre_tokenizers.WhitespaceSplit,
                pre_tokenizers.BertPreTokenizer,
                pre_tokenizers.UnicodeScripts,
                lambda: pre_tokenizers.CharDelimiterSplit(choose("e ,▁")),
                lambda: pre_tokenizers.Punctuation(choose(BEHAVIORS)),
                lambda: pre_tokenizers.Digits(self._flip(0.5)),
                lambda: pre_tokenizers.FixedLength(self._random.randint(1, 7)),
                lambda: pre_tokenizers.Split(choose([" ", "▁", "a", "th"]), choose(BEHAVIORS), inverted),
                lambda: pre_tokenizers.Split(self._expression(), choose(BEHAVIORS), inverted),
                lambda: pre_tokenizers.Split(self._expression(), "isolated"),
                lambda: pre_tokenizers.Metaspace("▁", choose(SCHEMES), self._flip(0.6)),
            ]
        )()

    def _decoders(self, *, is_bytes):
        choose = self._random.choice
        if is_bytes and self._flip(0.8):
            return [decoders.ByteLevel()]
        kinds = [
            decoders.ByteFallback,
            decoders.Fuse,
            decoders.ByteLevel,
            lambda: decoders.Replace("▁", " "),
            lambda: decoders.Replace(Regex("a+"), "b"),
            lambda: decoders.Strip(choose(" a"), self._random.randint(0, 2), self._random.randint(0, 2)),
            lambda: decoders.Metaspace("▁", choose(SCHEMES)),
            lambda: decoders.BPEDecoder("</w>"),
            lambda: decoders.WordPiece("##", self._flip(0.5)),
        ]
        return [choose(kinds)() for _ in range(self._random.randint(0, 4))]

    def _processor(self):
        template = self._random.choice(["<s> $A </s>", "$A </s>", "<s> <s> $A"])
        kinds = [
            lambda: processors.ByteLevel(trim_offsets=self._flip(0.5)),
            lambda: processors.TemplateProcessing(
                single=template, special_tokens=[(name, id) for name, id in ENDS]
            ),
            lambda: processors.RobertaProcessing(
                *ENDS, trim_offsets=self._flip(0.5), add_prefix_space=self._flip(0.5)
            ),
            lambda: processors.BertProcessing(*ENDS),
        ]
        return self._random.choice(kinds)() if self._flip(0.4) else None

    def _add_tokens(self, peer):
        """Some, none of which the normalizer makes the same as another: which one the library finds then is chance."""
        known = set()
        for name in self._random.sample(ADDED, self._random.choice([0, 0, 2, 4])):
            written = peer.normalizer.normalize_str(name) if peer.normalizer else name
            if written not in known:
                known.add(written)
                flags = {flag: self._flip(0.3) for flag in FLAGS}
                peer.add_tokens([AddedToken(name, **flags)])


def is_refused(error):
    """Whether a text cannot be encoded, and says why."""
    return "for which this tokenizer has no token" in str(error)


def compare(peer, texts, folder):
    """Whether a tokenizer could be read; raises `AssertionError` at a difference."""
    peer.save(str(folder / "tokenizer.json"))
    try:
        ours = bs.Tokenizer.load(folder / "tokenizer.json")
    except ValueError:
        return False
    ours.save(folder / "again.json")
    assert bs.Tokenizer.load(folder / "again.json") == ours, "another tokenizer after saving"
    written = Tokenizer.from_file(str(folder / "again.json"))
    for text in texts:
        for theirs in (peer, written):
            try:
                # Some decoders change what a stream has said before.
                assert_equal(theirs, ours, [text], as_streams=False)
            except AssertionError as difference:
                if not is_refused(difference):
                    raise
            except BaseException as panic:
                if type(panic).__name__ != "PanicException":
                    raise
    return True


def fuzz(folder, seconds, seed):
    """Numbers of tokenizers made and read, after so many seconds of the processor's."""
    maker = Maker(seed)
    made = read = 0
    end = time.process_time() + seconds
    while time.process_time() < end:
        try:
            peer = maker.make()
        except BaseException as panic:
            if type(panic).__name__ != "PanicException":
                raise
            continue
        made += 1
        read += compare(peer, maker.texts, folder)
    return made, read


def main():
    chosen = arguments(__doc__, "tokenizers").parse_args()
    print(f"seed {chosen.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-parts-"))
    try:
        made, read = fuzz(folder, chosen.seconds, chosen.seed)
    except AssertionError:
        print(f"the tokenizer is {folder}/tokenizer.json", file=sys.stderr)
        raise
    print(f"{made} tokenizers made, {read} of them read: all alike")


if __name__ == "__main__":
    sys.exit(main())
