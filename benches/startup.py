"""A new process to its first ids: import, load, encode one line; counted once Python and numpy are there.

The process runs nothing else, so that a library pays for the modules that it imports.
"""

import sys
from dataclasses import dataclass

import apart
from timing import alternate

CODES = {
    "bytestride": "import bytestride\nbytestride.Tokenizer.load(path, **pattern).encode(line)",
    "gigatoken": "import gigatoken\ngigatoken.Tokenizer.from_tiktoken(path, None, {}).encode(line)",
    "gigatoken encode_batch": (
        "import gigatoken\ngigatoken.Tokenizer.from_tiktoken(path, None, {})"
        ".encode_batch([line], parallel=False)"
    ),
    "tiktoken": (
        "import tiktoken, tiktoken.load\nranks = tiktoken.load.load_tiktoken_bpe(path)\n"
        "tiktoken.Encoding('', pat_str=expression, mergeable_ranks=ranks, special_tokens={})"
        ".encode_ordinary(line)"
    ),
    "tokenizers": "import tokenizers\ntokenizers.Tokenizer.from_file(json).encode(line).ids",
    "splintr": "import splintr\nsplintr.Tokenizer.from_pretrained(name).encode(line)",
    "snaptokens": "import snaptokens\nsnaptokens.Tokenizer.from_file(json).encode(line).ids",
    "toktok": "import toktok\ntoktok._encoding(name).encode(line)",
    "quicktok": "import quicktok\nquicktok.get_encoding(name).encode(line)",
}
FRAME = """
import os, time, numpy
os.environ["TIKTOKEN_CACHE_DIR"] = ""
def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
{variables}
before = resident() if os.path.exists("/proc/self/statm") else None
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
            notes.append(f"{name} does not start with {vocabulary.name}: {error}")
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
