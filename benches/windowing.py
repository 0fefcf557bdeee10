"""Batches of shuffled windows, from a file of uint16 ids to int64 arrays of inputs and targets."""

import importlib.util
from dataclasses import dataclass

import numpy as np

from timing import alternate, timed

LENGTH = 1024
BATCH = 32


@dataclass
class Bytestride:
    name = "bytestride"

    def open(self, path):
        import bytestride as bs

        windows = bs.windows(np.memmap(path, np.uint16, mode="r"), LENGTH)
        return windows.gather


@dataclass
class SlidingWindowView:
    name = "numpy sliding_window_view"

    def open(self, path):
        tokens = np.memmap(path, np.uint16, mode="r")
        windows = np.lib.stride_tricks.sliding_window_view(tokens, LENGTH + 1)[::LENGTH]

        def gather(indices):
            batch = windows[indices].astype(np.int64)
            return batch[:, :-1], batch[:, 1:]

        return gather


@dataclass
class NanoGPT:
    """`get_batch` of nanoGPT's train.py, with numpy in the place of torch."""

    name = "nanoGPT get_batch"

    def open(self, path):
        def gather(indices):
            tokens = np.memmap(path, np.uint16, mode="r")  # anew for each batch, as it does against a leak
            starts = indices * LENGTH
            inputs = np.stack([tokens[start : start + LENGTH].astype(np.int64) for start in starts])
            targets = np.stack([tokens[start + 1 : start + 1 + LENGTH].astype(np.int64) for start in starts])
            return inputs, targets

        return gather


@dataclass
class BookDataset:
    """`GPTDatasetV1` of Raschka's "Build a Large Language Model", with torch if it is installed."""

    name = "book's dataset"

    def open(self, path):
        tokens = np.fromfile(path, np.uint16).tolist()
        if importlib.util.find_spec("torch"):
            import torch

            make, stack = torch.tensor, torch.stack
        else:
            make, stack = np.array, np.stack
        starts = range(0, len(tokens) - LENGTH, LENGTH)
        inputs = [make(tokens[start : start + LENGTH]) for start in starts]
        targets = [make(tokens[start + 1 : start + LENGTH + 1]) for start in starts]
        return lambda indices: (
            stack([inputs[index] for index in indices]),
            stack([targets[index] for index in indices]),
        )


def run(folder, tokens, batches, rounds):
    """Times to open the windows, and to make `batches` batches of them."""
    path = folder / "tokens.bin"
    generator = np.random.default_rng(0)
    generator.integers(0, 50_257, tokens, dtype=np.uint16).tofile(path)
    count = (tokens - LENGTH - 1) // LENGTH + 1
    order = generator.integers(0, count, (batches, BATCH))
    libraries = [Bytestride(), SlidingWindowView(), NanoGPT(), BookDataset()]
    check(path, order[:3], libraries)

    def measure(library):
        opening, gather = timed(lambda: library.open(path))

        def work():
            for indices in order:
                gather(indices)

        return {"open": opening, "batches": timed(work)[0]}

    return alternate(libraries, rounds, measure)


def check(path, order, libraries):
    """Stops the bench if two libraries give different batches."""
    gathers = [library.open(path) for library in libraries]
    for indices in order:
        batches = [[np.asarray(part) for part in gather(indices)] for gather in gathers]
        for library, batch in zip(libraries, batches, strict=True):
            for ours, theirs in zip(batches[0], batch, strict=True):
                if theirs.dtype != np.int64 or not np.array_equal(ours, theirs):
                    raise SystemExit(f"{libraries[0].name} and {library.name} give different batches")
