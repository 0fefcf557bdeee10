"""The documents of a bench, as every library takes them."""

import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

END = "<|endoftext|>"


@dataclass
class Corpus:
    """Documents of real text; invalid UTF-8 is replaced, since not every library takes it."""

    name: str
    texts: list[str]

    @cached_property
    def documents(self) -> list[bytes]:
        return [text.encode() for text in self.texts]

    @property
    def megabytes(self):
        return sum(map(len, self.documents)) / 1e6

    def write(self, path):
        """Writes the documents with the separator after each."""
        path.write_bytes(b"".join(document + END.encode() for document in self.documents))
        return path


def chosen(paths, megabytes):
    """The corpus of each file, one at a time, or else that of Python's library."""
    if not paths:
        yield standard_library(megabytes or 10)
    for path in paths:
        yield read(path, megabytes)


def read(path, megabytes):
    """The first `megabytes` of a file, or all of it, cut into documents at the separator."""
    with Path(path).open("rb") as file:
        text = file.read(int(megabytes * 1e6) if megabytes else None).decode(errors="ignore")
    return Corpus(Path(path).name, [document for document in text.split(END) if document])


def standard_library(megabytes):
    """Sources of this Python's own library: real text that every machine has."""
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if size < megabytes * 1e6 and "site-packages" not in path.parts:
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
            size += len(texts[-1])
    return Corpus("Python's library", [text for text in texts if text])
