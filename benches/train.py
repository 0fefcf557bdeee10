"""Measures training against its peers, over patterns, and as text grows, and writes benches/TRAIN.md.

    make bench-train CORPUS="books.txt code.txt" BENCH="--rounds 5"

Each file is cut into documents at <|endoftext|>. Every run has a process and cores of its own, which tells
its peak of memory, too. No time is taken before the merges of a part of each file were the same everywhere;
the job `same` compares more of them, learned in many ways.
"""

import argparse
import tempfile
from pathlib import Path

import apart
import corpus
import growth
import report
import same_merges
import trainers
from timing import Times, alternate, available_cores

JOBS = ("peers", "patterns", "same", "growth")
PACKAGES = ("bytestride", "gigabpe", "gigatoken", "rustbpe", "tokenizers")
PATTERNS = ("gpt2", "cl100k", "o200k")
CHECKED_MEGABYTES = 10
NOTES = (
    "Medians of alternating rounds, from the file to the merges.",
    "Memory is the peak of the whole process; rustbpe's holds the documents, because it takes no files.",
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("corpus", nargs="*", help="files of text; by default the sources of this Python's library")
    add("--jobs", nargs="+", choices=JOBS, default=JOBS, help="what to measure (all)")
    add("--rounds", type=int, default=3, help="how often each library has its turn (3)")
    add("--merges", type=int, default=32_768 - 256, help="how many merges to train (32,512)")
    add("--same-megabytes", type=float, default=20, help="of each text to compare merges on (20)")
    add("--sizes", type=float, nargs="+", default=[100, 500, 1000, 2500, 5000], help="megabytes to grow to")
    add("--max-memory", default="256MB", help="what growth is trained with besides (256MB)")
    add("--folder", type=Path, help="keep the text of growth here, and use what is there (none)")
    add("--threads", type=int, nargs="+", default=[1, 2], help="threads of the peers (1 2)")
    add("--add", action="store_true", help="measure a part: tables of --out that are not measured now stay")
    add("--out", type=Path, default=Path(__file__).with_name("TRAIN.md"), help="the file to write")
    return parser.parse_args()


class Contender:
    """A library with its options, on some of the cores."""

    def __init__(self, name, library, cores, **options):
        self.name = name
        self.peaks = []
        self._run = (library, options)
        self._cores = cores

    def train(self, path, merges):
        library, options = self._run
        seconds, peak = apart.call(trainers.measure, library, options, str(path), merges, cores=self._cores)
        self.peaks.append(peak)
        return seconds


def rounds_of(contenders, path, chosen):
    """The times of each contender, by its place."""
    taken = alternate(contenders, chosen.rounds, lambda one: {"": one.train(path, chosen.merges)})
    return taken[""]


def rows_of(contenders, times: list[Times]):
    """A row for each: time, how many times as long as the first, and memory."""
    ours = times[0].median
    return [
        [
            one.name,
            f"{report.duration(taken.median)} ± {taken.spread:.0%}",
            f"{taken.median / ours:.2f}",
            f"{max(one.peaks):,.0f}",
        ]
        for one, taken in zip(contenders, times, strict=True)
    ]


def peers(text, path, folder, chosen):
    """A table for each number of threads."""
    notes = trainers.check(
        corpus.read(path, CHECKED_MEGABYTES),
        corpus.read(path, CHECKED_MEGABYTES).write(folder / "checked.txt"),
        8192,
        [
            trainers.Bytestride(),
            trainers.Gigabpe(),
            trainers.Rustbpe(),
            trainers.HuggingFace(),
        ],
    )
    lines = []
    for threads in sorted({min(threads, len(available_cores())) for threads in chosen.threads}):
        cores = available_cores()[-threads:]
        options = {"threads": threads}
        contenders = [
            Contender("bytestride", "Bytestride", cores, **options),
            Contender("gigabpe", "Gigabpe", cores, **options),
            Contender("bytestride, cl100k", "Bytestride", cores, pattern="cl100k", **options),
            Contender("rustbpe, its own pattern", "Rustbpe", cores, pattern=None, **options),
        ]
        if threads == len(available_cores()):
            # On fewer cores its threads, as many as the machine has, wait for each other.
            contenders.append(Contender("gigatoken", "Gigatoken", cores, **options))
        times = rounds_of(contenders, path, chosen)
        title = f"{text.name}, {text.megabytes:.0f} MB, {threads} thread{'s' * (threads > 1)}"
        rows = rows_of(contenders, times)
        lines += report.grid(title, ["library", "time", "×", "peak MB"], rows, notes)
    return lines


def patterns(text, path, chosen):
    """How long each pattern takes."""
    cores = available_cores()[-1:]
    contenders = [Contender(name, "Bytestride", cores, pattern=name) for name in PATTERNS]
    rows = rows_of(contenders, rounds_of(contenders, path, chosen))
    return report.grid(f"Patterns on {text.name}, 1 thread", ["pattern", "time", "×", "peak MB"], rows)


def main():
    chosen = arguments()
    where = f"each run on the last of {len(available_cores())} cores, or the last two"
    lines = report.header("Training", where, PACKAGES, NOTES)
    lines[2:2] = [f"{chosen.merges:,} merges throughout.", ""]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = []
        for text in corpus.chosen(chosen.corpus, None):
            paths.append(text.write(folder / f"{len(paths)}.txt"))
            if "peers" in chosen.jobs:
                lines += peers(text, paths[-1], folder, chosen)
            if "patterns" in chosen.jobs:
                lines += patterns(text, paths[-1], chosen)
        if "same" in chosen.jobs:
            lines += same_merges.run(chosen.corpus or paths, folder, chosen.same_megabytes, chosen.merges)
        if "growth" in chosen.jobs:
            lines += growth.run(paths, folder, chosen)
    report.write(chosen.out, lines, add=chosen.add)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
