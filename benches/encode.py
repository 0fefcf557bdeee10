"""Measures encoding from every side, against its peers, in one run, and writes benches/ENCODE.md.

    make bench-encode CORPUS="books.txt code.txt" BENCH="--vocab o200k_base.tiktoken"

Each file is cut into documents at <|endoftext|>. `--vocab` may be given several times; starts, calls and the
hostile texts take the first vocabulary, and calls the first file.
"""

import argparse
import tempfile
from pathlib import Path

import apart
import calls
import corpus
import encoders
import hostile
import limit
import report
import startup
import vocabularies
import whole_file
from timing import available_cores, pin

JOBS = ("passes", "threads", "limit", "start", "calls", "hostile")
PACKAGES = (
    "bytestride",
    "gigatoken",
    "tiktoken",
    "tokenizers",
    "splintr-rs",
    "snaptokens",
    "toktok-rs",
    "quicktok-v1",
    "numpy",
)
NOTES = (
    "Medians of alternating rounds. Documents are a list of bytes; all ids were checked to be equal.",
    "The first pass is a new tokenizer's; later passes have the text again, and the best of a round counts.",
)
# What a corpus is encoded by, once by each vocabulary, and what else can do one of the smaller tasks in time.
PASS_PEERS = ("gigatoken",)
RIVAL = "gigatoken"
HOSTILE_PEERS = ("gigatoken", "splintr", "snaptokens", "toktok", "quicktok")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("corpus", nargs="*", help="files of text; by default the sources of this Python's library")
    add(
        "--vocab",
        action="append",
        default=[],
        help="a tokenizer.json or .tiktoken; by default one is trained",
    )
    add("--jobs", nargs="+", choices=JOBS, default=JOBS, help="what to measure (all)")
    add("--rounds", type=int, default=5, help="how often each library has its turn (5)")
    add("--starts", type=int, default=9, help="how often each library is started (9)")
    add("--later", type=int, default=2, help="later passes in a round (2)")
    add("--megabytes", type=float, help="how much of each file to take (all)")
    add("--peers", nargs="+", choices=encoders.PEERS, default=PASS_PEERS, help="for passes (gigatoken)")
    add("--hostile-peers", nargs="+", choices=encoders.PEERS, default=HOSTILE_PEERS, help="for hostile texts")
    add("--hostile-seconds", type=float, default=30, help="the most a library has for a hostile text (30)")
    add("--out", type=Path, default=Path(__file__).with_name("ENCODE.md"), help="the file to write")
    return parser.parse_args()


class Bench:
    """One run: what was chosen, where it runs, and what it has found so far."""

    def __init__(self, chosen, folder):
        self.chosen = chosen
        self.folder = folder
        self.cores = available_cores()[-2:]
        self.where = f"one thread unless it says otherwise, {pin(self.cores[-1:])}"
        self.first = next(corpus.chosen(chosen.corpus, chosen.megabytes))
        paths = chosen.vocab or [vocabularies.train(self.first, folder / "trained.json", 8192)]
        self.vocabularies = [vocabularies.load(path, folder) for path in paths]
        # How many times as fast as the rival, and as a share of the limit, by measure, vocabulary and corpus.
        self.leads = {}
        self.shares = {}
        self.tables = []

    def run(self):
        for text in corpus.chosen(self.chosen.corpus, self.chosen.megabytes):
            path = text.write(self.folder / text.name)
            for vocabulary in self.vocabularies:
                self.encode(text, path, vocabulary)
            path.unlink()
        for job in (self.start, self.calls, self.hostile):
            if job.__name__ in self.chosen.jobs:
                self.tables += job()
        header = report.header("Encoding", self.where, PACKAGES, NOTES)
        return header + self.summary() + self.tables

    def encode(self, text, path, vocabulary):
        """All there is to measure on one corpus with one vocabulary."""
        best = None
        if "passes" in self.chosen.jobs:
            best = self.passes(text, vocabulary)
        if "threads" in self.chosen.jobs:
            self.threads(text, path, vocabulary)
        if "limit" in self.chosen.jobs:
            self.limit(text, path, vocabulary, best)

    def passes(self, text, vocabulary):
        """Adds the table of passes on one thread; returns the megabytes per second of our later ones."""
        chosen = self.chosen
        tokens, notes, passes = encoders.run(text, vocabulary, chosen.peers, chosen.rounds, chosen.later)
        title = f"{text.name} ({text.megabytes:.1f} MB, {tokens:,} tokens) with {vocabulary.name}"
        self.tables += report.table(title, passes, text.megabytes, "MB", notes)
        for name, times in passes.items():
            self.note_lead(name, vocabulary, text, times)
        return text.megabytes / passes["later passes"][0].median

    def threads(self, text, path, vocabulary):
        """Adds the table of a whole file on two threads."""
        title = f"{text.name} ({text.megabytes:.1f} MB), file to ids on two threads, with {vocabulary.name}"
        if len(self.cores) < 2:
            self.tables += ["", f"{title}: not measured, there is but one core."]
            return
        passes = whole_file.run(path, vocabulary, self.cores, self.chosen.rounds)
        self.tables += report.table(title, passes, text.megabytes, "MB")
        self.note_lead("first pass on two threads", vocabulary, text, passes["first pass"])

    def limit(self, text, path, vocabulary, best):
        """Adds what the limit is, and how near our later passes come to it."""
        try:
            megabytes, line = limit.run(path, vocabulary)
        except apart.FailedError as error:
            self.tables += ["", f"The limit was not measured: {error}."]
            return
        self.tables += ["", f"The limit: {line}"]
        if best:
            row = self.shares.setdefault("later passes", {}).setdefault(vocabulary.name, {})
            row[text.name] = f"{best / megabytes:.0%} of {megabytes:,.0f} MB/s"

    def note_lead(self, measure, vocabulary, text, times):
        rival = next((one for one in times if one.name == RIVAL), None)
        if rival:
            row = self.leads.setdefault(measure, {}).setdefault(vocabulary.name, {})
            row[text.name] = f"{rival.median / times[0].median:.2f} ×"

    def summary(self):
        """How fast we are beside the rival, and beside the limit."""
        share = "As a share of the limit, which is to look up and store alone"
        return _overview(f"How many times as fast as {RIVAL}", self.leads) + _overview(share, self.shares)

    def start(self):
        """The table of new processes."""
        vocabulary = self.vocabularies[0]
        times, grown, notes = startup.run(vocabulary, encoders.PEERS, self.chosen.starts)
        rows = [
            [
                one.name,
                f"{report.duration(one.median)} ± {one.spread:.0%}",
                f"{one.median / times[0].median:.2f}",
                f"{grown[one.name] / 1e6:.0f}",
            ]
            for one in times
        ]
        title = f"A new process to its first ids, beyond Python and numpy, with {vocabulary.name}"
        return report.grid(
            title, ["library", "import, load, encode a line", "×", "MB of memory"], rows, notes
        )

    def calls(self):
        """The table of single calls."""
        vocabulary = self.vocabularies[0]
        peers = [name for name in encoders.PEERS if name != "tokenizers"]
        passes, notes = calls.run(self.first, vocabulary, peers, self.chosen.rounds)
        rows = [
            [times[0].name, *(report.duration(one.median) for one in times)]
            for times in zip(*passes.values(), strict=True)
        ]
        title = f"One call, a warm tokenizer, with {vocabulary.name}"
        return report.grid(title, ["library", *passes], rows, notes)

    def hostile(self):
        """The table of hostile texts: megabytes per second, our lead, and how our time grows."""
        vocabulary, chosen = self.vocabularies[0], self.chosen
        results, notes, sizes = hostile.run(
            vocabulary, chosen.hostile_peers, self.folder, self.cores[-1], chosen.hostile_seconds
        )
        names = list(next(iter(results.values())))
        rows = [
            [
                f"{kind}, {size}",
                *(_speed(cells.get(name, ""), sizes[kind, size]) for name in names),
                _lead(cells),
                _growth(results, sizes, kind, size),
            ]
            for (kind, size), cells in results.items()
        ]
        title = f"Hostile texts, MB/s in the first pass, with {vocabulary.name}"
        return report.grid(title, ["text", *names, "ahead of the best", "growth"], rows, notes)


def _overview(title, found):
    """A table of cells by measure, vocabulary and corpus, with a column for each corpus."""
    rows = [(f"{measure}, {name}", cells) for measure, by in found.items() for name, cells in by.items()]
    corpora = list(dict.fromkeys(name for _, cells in rows for name in cells))
    table = [[row, *(cells.get(name, "") for name in corpora)] for row, cells in rows]
    return report.grid(title, ["", *corpora], table) if rows else []


def _speed(cell, amount):
    return f"{amount / cell / 1e6:.1f}" if isinstance(cell, float) else cell


def _lead(cells):
    """How many times as fast as the fastest peer we are."""
    ours, *others = [cell if isinstance(cell, float) else None for cell in cells.values()]
    others = [other for other in others if other]
    return f"{min(others) / ours:.2f} ×" if ours and others else ""


def _growth(results, sizes, kind, size):
    """By what factor a byte of the largest text takes us longer than one of the smallest: 1 is linear."""
    small, large = hostile.SIZES
    times = [results[kind, one][encoders.OURS.name] for one in (small, large)]
    if size != large or not all(isinstance(one, float) for one in times):
        return ""
    return f"{times[1] / sizes[kind, large] / (times[0] / sizes[kind, small]):.2f}"


def main():
    chosen = arguments()
    with tempfile.TemporaryDirectory() as name:
        lines = Bench(chosen, Path(name)).run()
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
