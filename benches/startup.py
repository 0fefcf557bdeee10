"""A new process to its first ids: import, load, encode one line; counted once Python and numpy are there.

The process runs nothing else, so that a library pays for the modules that it imports.
"""

import sys
from dataclasses import dataclass
from textwrap import shorten

import apart
from timing import alternate

GIGATOKEN = (
    "import gigatoken\n"
    "made = gigatoken.Tokenizer.from_tiktoken(path, None, {}) if pattern else gigatoken.Tokenizer(json)"
)
# Each keeps its tokenizer, for its memory counts.
CODES = {
    "bytestride": "import bytestride\nmade = bytestride.Tokenizer.load(path, **pattern)\nmade.encode(line)",
    "gigatoken": f"{GIGATOKEN}\nmade.encode(line)",
    "gigatoken encode_batch": f"{GIGATOKEN}\nmade.encode_batch([line], parallel=False)",
    "tiktoken": (
        "import tiktoken, tiktoken.load\nranks = tiktoken.load.load_tiktoken_bpe(path)\n"
        "made = tiktoken.Encoding('', pat_str=expression, mergeable_ranks=ranks, special_tokens={})\n"
        "made.encode_ordinary(line)"
    ),
    "tokenizers": "import tokenizers\nmade = tokenizers.Tokenizer.from_file(json)\nmade.encode(line).ids",
    "splintr": "import splintr\nmade = splintr.Tokenizer.from_pretrained(name)\nmade.encode(line)",
    "snaptokens": "import snaptokens\nmade = snaptokens.Tokenizer.from_file(json)\nmade.encode(line).ids",
    "toktok": "import toktok\nmade = toktok._encoding(name)\nmade.encode(line)",
    "quicktok": "import quicktok\nmade = quicktok.get_encoding(name)\nmade.encode(line)",
}
FRAME = """
import os, time, numpy
os.environ["TIKTOKEN_CACHE_DIR"] = ""
def resident():
    # Exact, as statm is not.
    with open("/proc/self/smaps_rollup") as pages:
        return next(int(line.split()[1]) for line in pages if line.startswith("Rss:")) * 1024
{variables}
before = resident() if os.path.exists("/proc/self/smaps_rollup") else None
began = time.perf_counter()
{code}
print(time.perf_counter() - began, resident() - before if before else "nan")
"""


@dataclass
class Start:
    """A way to begin, as the source of a program."""

    name: str
    source: str

    def run(self):
        """The seconds from the import to the ids, and by how many bytes the process's memory grew."""
        return map(float, apart.run([sys.executable, "-P", "-c", self.source]).split())


def starts(vocabulary, peers):
    """The libraries that start, ours first, and a note on each that does not."""
    from vocabularies import PATTERNS

    variables = {
        "line": "The quick brown fox jumps over the lazy dog.",
        "path": str(vocabulary.path),
        "name": vocabulary.path.stem,
        "json": str(vocabulary.tokenizer_json),
        "pattern": {"pattern": vocabulary.pattern} if vocabulary.is_tiktoken else {},
        "expression": PATTERNS.get(vocabulary.pattern, vocabulary.pattern),
    }
    lines = "\n".join(f"{name} = {value!r}" for name, value in variables.items())
    able, notes = [], []
    for name, code in CODES.items():
        start = Start(name, FRAME.format(variables=lines, code=code))
        if name.split()[0] not in ("bytestride", *peers):
            continue
        try:
            start.run()  # which leaves compiled modules and files in the system's cache, too
        except apart.FailedError as error:
            notes.append(f"{name} does not start with {vocabulary.name}: {shorten(str(error), 80)}")
        else:
            able.append(start)
    return able, notes


def run(vocabulary, peers, rounds):
    """Times to the first ids, by how many bytes each process grew in one run, and notes."""
    able, notes = starts(vocabulary, peers)
    grown = {}

    def measure(start):
        seconds, grown[start.name] = start.run()
        return {"first ids": seconds}

    return alternate(able, rounds, measure)["first ids"], grown, notes
