"""Measures text files → token files beside memory and peers, and as text grows; writes benches/CORPUS.md.

    make bench-corpus CORPUS="books.txt code.txt" BENCH="--rounds 5"
    make bench-corpus CORPUS="books.txt" BENCH="--saved values.json --seconds 100"    # in parts

Each file is cut into documents at <|endoftext|>. Every run has a process and cores of its own, which tells
its peak of memory, too; the tokenizer is loaded before its time begins, and everything is its first pass.
Every run writes new files. Ours waits until the disk has all; the others leave that to the system, which has
written what came before when the next one begins. No time is taken before all ways had written the same ids.
To grow, the same files are named again and again.
"""

import argparse
import itertools
import tempfile
from functools import partial
from pathlib import Path

import apart
import corpus
import report
import storing
from saved import Saved, add_arguments
from timing import Times, alternate, available_cores

JOBS = ("peers", "growth")
PACKAGES = ("bytestride", "gigatoken", "tokenizers")
CHECKED_MEGABYTES = 10
# What the slow ways get of a file; a speed is a speed, and nobody waits for minutes.
SLOW_MEGABYTES = 10
NOTE = (
    "Medians of alternating rounds. MB are of text. The first row encodes documents that are in memory "
    "already, into memory; `encode_files` reads and writes besides, but needs no new memory for all ids. "
    "gigatoken: its `encode_files`, then `tofile` of ids and ends. Hugging Face: `encode_batch` of 1,000 "
    "documents at a time, each appended as an array, and Megatron's index at the end; it gets the beginning "
    "of the text only. Every run writes new files, once the disk has what was written before."
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("corpus", nargs="*", help="files of text; by default the sources of this Python's library")
    add("--tokenizer", type=Path, help="a .tiktoken file (default: o200k_base as it comes with the package)")
    add("--pattern", default="o200k", help="the pattern of its text (o200k)")
    add("--jobs", nargs="+", choices=JOBS, default=JOBS, help="what to measure (all)")
    add("--rounds", type=int, default=5, help="how often each way has its turn (5)")
    add("--sizes", type=float, nargs="+", default=[100, 500, 2000, 5000], help="megabytes to grow to")
    add("--max-memory", default="256MB", help="what growth is bounded to (256MB)")
    add_arguments(parser)
    add("--folder", type=Path, help="where to write token files (a temporary folder)")
    add("--out", type=Path, default=Path(__file__).with_name("CORPUS.md"), help="the file to write")
    return parser.parse_args()


class Way:
    """One way from text to token files, on some of the cores."""

    def __init__(self, name, cores, vocabulary):
        self.name, self.cores, self.vocabulary = name, cores, vocabulary
        self.peaks = []

    def run(self, path, folder, saved, *key):
        arguments = (self.name, [str(path)], self.vocabulary, str(folder), len(self.cores))
        seconds, peak = saved.value(
            lambda: apart.call(storing.measure, *arguments, cores=self.cores), self.name, *key
        )
        self.peaks.append(peak)
        return seconds


def check(path, folder, vocabulary):
    """Stops the bench if two ways write other ids; says of how many bytes they are."""
    text = corpus.read(path, CHECKED_MEGABYTES).write(folder / "checked.txt")
    for name in storing.WAYS:
        Way(name, available_cores()[-1:], vocabulary).run(text, folder, Saved(None, None))
    written = storing.written_in(folder)
    first = next(iter(written))
    for name, ids in written.items():
        if ids != written[first]:
            raise SystemExit(f"{first} and {name} write other ids for {path}")
    return len(written[first])


def peers(path, folder, vocabulary, rounds, saved):
    """A table for each number of threads."""
    saved.value(lambda: check(path, folder, vocabulary), "checked", path)
    short = corpus.read(path, SLOW_MEGABYTES).write(folder / f"short-{Path(path).name}")
    texts = {name: short if name in storing.SLOW else Path(path) for name in storing.WAYS}
    lines = []
    for threads in sorted({1, min(2, len(available_cores()))}):
        ways = [Way(name, available_cores()[-threads:], vocabulary) for name in storing.WAYS]
        numbers = {way.name: itertools.count() for way in ways}

        def seconds(way, threads=threads, numbers=numbers):
            return {"": way.run(texts[way.name], folder, saved, path, threads, next(numbers[way.name]))}

        times: list[Times] = alternate(ways, rounds, seconds)[""]
        megabytes = [texts[way.name].stat().st_size / 1e6 for way in ways]
        speeds = [size / taken.median for size, taken in zip(megabytes, times, strict=True)]
        best, ours = speeds[:2]
        rows = [
            [
                way.name,
                f"{size:,.0f}",
                f"{report.duration(taken.median)} ± {taken.spread:.0%}",
                f"{speed:,.0f}",
                f"{speed / best:.0%}",
                f"{ours / speed:.2f}",
                f"{max(way.peaks):,.0f}",
            ]
            for way, size, taken, speed in zip(ways, megabytes, times, speeds, strict=True)
        ]
        plural = "1 thread" if threads == 1 else f"{threads} threads"
        head = ["way", "MB", "time", "MB/s", "of in memory", "× ours", "peak MB"]
        lines += report.grid(f"{Path(path).name}, {plural}", head, rows)
    return lines


def growing(paths, folder, vocabulary, chosen, saved):
    """Time and peak of memory as text grows, with a bound and without."""
    cores = available_cores()[-2:]
    rows = []
    for megabytes in chosen.sizes:
        named, size = again_and_again(paths, megabytes)
        row = [f"{size:,.0f} MB"]
        for bound in (None, chosen.max_memory):
            arguments = ("encode_files", named, vocabulary, str(folder), len(cores), bound)
            measure = partial(apart.call, storing.measure, *arguments, cores=cores)
            seconds, peak = saved.value(measure, "growth", megabytes, bound)
            row += [report.duration(seconds), f"{size / seconds:,.0f}", f"{peak:,.0f}"]
        rows.append(row)
    bound = f"max_memory={chosen.max_memory}"
    head = ["text", "time", "MB/s", "peak MB", f"{bound}: time", "MB/s", "peak MB"]
    note = "The same files again and again. The peak is of the whole process, with the tokenizer and Python."
    return report.grid(f"Growth, {len(cores)} threads", head, rows, [note])


def again_and_again(paths, megabytes):
    """`paths` so often that they have so many megabytes in all, and how many those are."""
    named, size = [], 0
    paths = itertools.cycle(map(str, paths))
    while size < megabytes * 0.99:
        named.append(next(paths))
        size += Path(named[-1]).stat().st_size / 1e6
    return named, size


def main():
    chosen = arguments()
    saved = Saved(chosen.saved, chosen.seconds)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as temporary:
        folder = Path(temporary)
        paths = chosen.corpus or [corpus.standard_library(30).write(folder / "library.txt")]
        tokenizer = chosen.tokenizer or storing.bundled(folder / "o200k_base.tiktoken")
        vocabulary = (str(tokenizer), chosen.pattern)
        where = f"every run on cores {', '.join(map(str, available_cores()[-2:]))} or the last of them"
        lines = report.header("Token files", where, PACKAGES, [NOTE])
        lines.append(f"- tokenizer: {Path(tokenizer).name}")
        if "peers" in chosen.jobs:
            for path in paths:
                lines += peers(path, folder, vocabulary, chosen.rounds, saved)
        if "growth" in chosen.jobs:
            lines += growing(paths, folder, vocabulary, chosen, saved)
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(chosen.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
