"""Damages files of every kind and reads them: nothing but an ordinary error may come of it.

    make fuzz FUZZ_SECONDS=1800

What can be read in spite of the damage is used: tokenizers encode and decode, stores hand out windows, counts are
trained from. Each kind of file takes the same time, of the processor's, which a busy machine does not cut short.
"""

import gzip
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import bytestride as bs
from fuzz_text import Texts, arguments

ERRORS = (ValueError, OSError, KeyError)
TEXT = "Ein Text <s> with 123 words,\n\n漢字 e\u0301 \U0001f600 ▁ <0x41>\t  end "
LINES = [f"Line {number} of a text: the cat sat on the mat, 漢字 {number * number}." for number in range(60)]
# What breaks parsers: numbers at the edges, depth, quotes, and pieces of the formats.
NASTY = [
    b"-1",
    b"4294967295",
    b"4294967296",
    b"16777216",
    b"1e400",
    b"null",
    b"[" * 300,
    b'{"":' * 300,
    b'"\\ud800"',
    b'"',
    b"\\",
    b"\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\x80" * 12,
    b"(?=",
    b"a{99999}",
    b"\xef\xbb\xbf",
]


def texts():
    return Texts("files").batch(300)


def hugging_face(model=None, options=None, **parts):
    peer = Tokenizer(model or models.BPE(unk_token="<unk>", byte_fallback=True))
    for name, part in parts.items():
        setattr(peer, name, part)
    special = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    settings = {"vocab_size": 600, "show_progress": False, "special_tokens": special} | (options or {})
    trainer = trainers.BpeTrainer(**settings)
    peer.train_from_iterator(texts(), trainer)
    return peer.to_str().encode()


def model():
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(text for text in texts() if "\0" not in text),
        model_writer=written,
        model_type="bpe",
        vocab_size=3000,
        character_coverage=0.98,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
        user_defined_symbols=["<sep>"],
    )
    return written.getvalue()


def tekken(ranks):
    lines = [line.split() for line in ranks.decode().splitlines()]
    vocab = [{"rank": int(rank), "token_bytes": token} for token, rank in lines]
    config = {"pattern": r"\w+|\W", "default_vocab_size": len(vocab) + 20, "default_num_special_tokens": 20}
    return json.dumps({"config": config, "vocab": vocab}).encode()


@dataclass
class Kind:
    """A good file, what reads it from a path and uses it, and the files that stand beside it."""

    data: bytes
    read: Callable[[Path], object]
    beside: dict[str, bytes] = field(default_factory=dict)


def use(tokenizer):
    """Whatever loads may still refuse a text, but do no more than that."""
    try:
        ids = tokenizer.encode(TEXT, special="encode")
        tokenizer.encode_with_offsets(TEXT)
        tokenizer.decode(ids)
        tokenizer.encode(b"\xff\xfea")
    except ERRORS:
        pass


def read_tokenizer(path, **options):
    use(bs.Tokenizer.load(path, **options))


def read_folder(path):
    use(bs.Tokenizer.load(path.parent))


def read_words(path):
    words = bs.WordTokenizer.load(path)
    words.decode(words.encode("the cat, sat! "))


def read_counts(path):
    bs.train(bs.WordCounts.load(path), 300)


def read_store(path):
    store = bs.TokenStore.open(path)
    tokens = sum(int(document.sum()) for document in store)
    assert tokens == int(store.tokens.sum(dtype=np.int64))
    for inputs, _ in bs.windows(store, 7, boundaries="respect", tail="pad", pad_id=0).batches(4, seed=1):
        assert inputs.shape[1] == 7
    try:
        store.verify()
    except ValueError:
        return
    use(store.tokenizer)


def read_text(path, **options):
    bs.count_words(path, "gpt2", **options)


def kinds(folder):
    """All kinds by name of file."""
    own = bs.train(iter(texts()), 400, pattern="gpt2", special_tokens=["<s>"])
    own.save(folder / "own.json")
    own.save(folder / "own.tiktoken")
    own.save(folder)
    read = {path.name: path.read_bytes() for path in folder.iterdir()}
    return tokenizer_kinds(read) | other_kinds(folder, own)


def tokenizer_kinds(read):
    """Those that `Tokenizer.load` reads; `read` are files of ours."""
    steps = hugging_face(
        normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", "▁")]),
        pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Digits()]),
        decoder=decoders.Sequence([decoders.Metaspace(), decoders.ByteFallback(), decoders.Strip(" ", 1, 1)]),
    )
    affixes = {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    words = hugging_face(
        models.BPE(unk_token="<unk>", **affixes),
        {**affixes, "special_tokens": ["<unk>", "<s>"]},
        pre_tokenizer=pre_tokenizers.Sequence(
            [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.UnicodeScripts()]
        ),
        post_processor=processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=True),
                processors.TemplateProcessing("<s> <unk> $A <s>", special_tokens=[("<s>", 1), ("<unk>", 0)]),
            ]
        ),
    )
    return {
        "tokenizer.json": Kind(read["own.json"], read_tokenizer),
        "steps.json": Kind(steps, read_tokenizer),
        "words.json": Kind(words, read_tokenizer),
        "ranks.tiktoken": Kind(read["own.tiktoken"], partial(read_tokenizer, pattern="gpt2")),
        "vocab.json": Kind(read["vocab.json"], read_folder, {"merges.txt": read["merges.txt"]}),
        "merges.txt": Kind(read["merges.txt"], read_folder, {"vocab.json": read["vocab.json"]}),
        "tekken.json": Kind(tekken(read["own.tiktoken"]), read_tokenizer),
        "tokenizer.model": Kind(model(), read_tokenizer),
    }


def other_kinds(folder, tokenizer):
    """Token files, counts, word tokenizers and text."""
    text = folder / "lines.txt"
    text.write_text("\n".join(LINES) + "\n", "utf-8")
    tokenizer.encode_files(text, folder / "x", separator="\n")
    store = {path.name: path.read_bytes() for path in folder.glob("x.*")}
    np.save(folder / "x.npy", np.arange(50, dtype="uint16"))
    bs.TokenStore.open(folder / "x").export(folder / "c.bin", format="llm.c")
    bs.count_words(iter(texts()), "gpt2").save(folder / "words.counts")
    bs.WordTokenizer.train("the cat sat, the mat!").save(folder / "word_tokenizer.json")
    lines = "".join(json.dumps({"text": line, "number": 1}) + "\n" for line in LINES).encode()

    def beside(name):
        return {other: data for other, data in store.items() if other != name}

    def saved(name, read):
        return Kind((folder / name).read_bytes(), read)

    return {
        **{name: Kind(store[name], read_store, beside(name)) for name in ("x.idx", "x.json", "x.bin")},
        "x.npy": saved("x.npy", read_store),
        "c.bin": saved("c.bin", read_store),
        "words.counts": saved("words.counts", read_counts),
        "word_tokenizer.json": saved("word_tokenizer.json", read_words),
        "lines.jsonl": Kind(lines, read_text),
        "lines.txt.gz": Kind(gzip.compress(lines), read_text),
    }


def damaged(data, chance):
    """The file with one to four changes."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        # Half of the changes hit the beginning, where the settings stand.
        place = min(place, chance.randrange(3000)) if chance.random() < 0.5 else place
        length = chance.choice([0, 1, 1, 2, 8, 100])
        match chance.randrange(5):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[place : place + length]
            case 2:
                data[place : place + length] = chance.choice(NASTY)
            case 3:
                other = chance.randrange(len(data) + 1)
                data[place:place] = data[other : other + length]
            case 4 if chance.random() < 0.1:
                del data[place:]
    return bytes(data)


def fuzz(folder, seconds, seed, chosen=()):
    """Reads damaged files of each kind, or of some; yields the kind, how many there were and how many could be read."""
    for name, kind in kinds(folder).items():
        if chosen and name not in chosen:
            continue
        chance = random.Random(f"{seed} {name}")
        place = folder / "damaged"
        assert can_read(kind, place, name, kind.data), f"the good {name} cannot be read"
        end = time.process_time() + seconds
        count = read = 0
        while time.process_time() < end or count < 20:
            read += can_read(kind, place, name, damaged(kind.data, chance))
            count += 1
        yield name, count, read


def can_read(kind, place, name, data):
    """Writes the files of a kind, this one with such data, and reads them; tells whether no error came of it."""
    place.mkdir(exist_ok=True)
    for path in place.iterdir():
        if path.name not in kind.beside:
            path.unlink()
    for other, good in kind.beside.items():
        if not (place / other).exists() or (place / other).read_bytes() != good:
            (place / other).write_bytes(good)
    (place / name).write_bytes(data)
    try:
        kind.read(place / name)
    except ERRORS:
        return False
    return True


def main():
    parser = arguments(__doc__, "damage", each=" for each kind of file")
    parser.add_argument("--kinds", nargs="+", default=[], help="only these, as words.json (all)")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for kind, count, read in fuzz(Path(name), chosen.seconds, chosen.seed, chosen.kinds):
            print(f"{kind}: {count} damaged files, of which {read} could be read", flush=True)


if __name__ == "__main__":
    sys.exit(main())
