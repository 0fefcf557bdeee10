"""Damages tokenizer files of every kind and loads them: nothing but an ordinary error may come of it.

    make fuzz FUZZ_SECONDS=1800

What loads in spite of the damage has to encode and to decode. Each kind of file takes the same time.
"""

import argparse
import io
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import bytestride as bs
from fuzz_text import Texts

ERRORS = (ValueError, OSError, KeyError)
TEXT = "Ein Text <s> with 123 words,\n\n漢字 e\u0301 \U0001f600 ▁ <0x41>\t  end "
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


def seeds(folder):
    """Good files by name, each with what it takes to load it."""
    own = bs.train(iter(texts()), 400, pattern="gpt2", special_tokens=["<s>"])
    own.save(folder / "own.json")
    own.save(folder / "own.tiktoken")
    own.save(folder)
    read = {path.name: path.read_bytes() for path in folder.iterdir()}
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
        "tokenizer.json": (read["own.json"], {}),
        "steps.json": (steps, {}),
        "words.json": (words, {}),
        "ranks.tiktoken": (read["own.tiktoken"], {"pattern": "gpt2"}),
        "vocab.json": (read["vocab.json"], {}),
        "merges.txt": (read["merges.txt"], {}),
        "tekken.json": (tekken(read["own.tiktoken"]), {}),
        "tokenizer.model": (model(), {}),
    }, read


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


def load(path, options):
    """Loads a file, or the folder of a pair of files, and uses it. Tells whether it could be loaded."""
    try:
        tokenizer = bs.Tokenizer.load(path, **options)
    except ERRORS:
        return False
    try:
        ids = tokenizer.encode(TEXT, special="encode")
        tokenizer.encode_with_offsets(TEXT)
        tokenizer.decode(ids)
        tokenizer.encode(b"\xff\xfea")
    except ERRORS:
        pass
    return True


def fuzz(folder, seconds, seed, kinds=()):
    """Loads damaged files of each kind, or of some; yields the kind, how many there were and how many loaded."""
    good, pair = seeds(folder)
    for name, (data, options) in good.items():
        if kinds and name not in kinds:
            continue
        chance = random.Random(f"{seed} {name}")
        place = folder / "damaged"
        place.mkdir(exist_ok=True)
        is_pair = name in ("vocab.json", "merges.txt")
        if is_pair:
            for other in ("vocab.json", "merges.txt"):
                (place / other).write_bytes(pair[other])
        assert load_good(folder, name, data, options, pair)
        end = time.monotonic() + seconds
        count = loaded = 0
        while time.monotonic() < end or count < 20:
            (place / name).write_bytes(damaged(data, chance))
            loaded += load(place if is_pair else place / name, options)
            count += 1
        for path in place.iterdir():
            path.unlink()
        yield name, count, loaded


def load_good(folder, name, data, options, pair):
    """Whether the file loads as it is."""
    place = folder / "good"
    place.mkdir(exist_ok=True)
    for other in ("vocab.json", "merges.txt"):
        (place / other).write_bytes(pair[other])
    (place / name).write_bytes(data)
    return load(place if name in ("vocab.json", "merges.txt") else place / name, options)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="for each kind of file (60)")
    parser.add_argument("--seed", default=str(time.time_ns()), help="other damage for another one (the time)")
    parser.add_argument("--kinds", nargs="+", default=[], help="only these, as words.json (all)")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for kind, count, loaded in fuzz(Path(name), chosen.seconds, chosen.seed, chosen.kinds):
            print(f"{kind}: {count} damaged files, of which {loaded} loaded", flush=True)


if __name__ == "__main__":
    sys.exit(main())
