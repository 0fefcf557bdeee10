"""Compares bytestride with other libraries, in one run, on one core, and writes benches/RESULTS.md.

    make bench CORPUS="books.txt code.txt" BENCH="--vocab cl100k_base.tiktoken"

Each file is cut into documents at <|endoftext|>. No time is taken before all libraries gave the same output.
"""

import argparse
import tempfile
from pathlib import Path

import corpus
import encoders
import report
import trainers
import vocabularies
from timing import available_cores, pin

JOBS = ("encode", "train")
PEERS = ("gigatoken", "tiktoken", "tokenizers")
PACKAGES = ("bytestride", "gigatoken", "gigabpe", "rustbpe", "tiktoken", "tokenizers", "numpy")
NOTES = (
    "Medians of alternating rounds; every output was checked to be equal first.",
    "Encoding, and more libraries: [ENCODE.md](ENCODE.md), [without AVX-512](ENCODE-AVX2.md).",
    "Training: [TRAIN.md](TRAIN.md); token files: [CORPUS.md](CORPUS.md); windows: [WINDOWS.md](WINDOWS.md).",
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "corpus", nargs="*", help="files of text; by default the sources of this Python's library"
    )
    parser.add_argument(
        "--vocab", action="append", default=[], help="a tokenizer.json or .tiktoken to encode with"
    )
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS, help="what to compare (all)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each library has its turn (5)")
    parser.add_argument("--megabytes", type=float, default=10, help="how much of each file to take (10)")
    parser.add_argument("--merges", type=int, default=8192, help="how many merges to train (8192)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("RESULTS.md"), help="the file to write"
    )
    return parser.parse_args()


def main():
    chosen = arguments()
    where = f"one thread, {pin(available_cores()[-1:])}"
    lines = report.header("Results", where, PACKAGES, NOTES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for text in corpus.chosen(chosen.corpus, chosen.megabytes):
            if "encode" in chosen.jobs:
                lines += encode(text, folder, chosen)
            if "train" in chosen.jobs:
                lines += train(text, folder, chosen)
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def encode(text, folder, chosen):
    """Tables of encoding one corpus with each vocabulary, or with one trained on it."""
    paths = chosen.vocab or [vocabularies.train(text, folder / "trained.json", chosen.merges)]
    lines = []
    for path in paths:
        vocabulary = vocabularies.load(path, folder)
        tokens, notes, passes = encoders.run(text, vocabulary, PEERS, chosen.rounds)
        title = f"Encode {text.name} ({text.megabytes:.1f} MB, {tokens:,} tokens) with {vocabulary.name}"
        lines += report.table(title, passes, text.megabytes, "MB", notes)
    return lines


def train(text, folder, chosen):
    """The table of training on one corpus."""
    notes, passes = trainers.run(text, folder, chosen.merges, chosen.rounds)
    title = f"Train {chosen.merges:,} merges on {text.name} ({text.megabytes:.1f} MB)"
    return report.table(title, passes, text.megabytes, "MB", notes)


if __name__ == "__main__":
    main()
