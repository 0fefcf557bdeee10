"""Measures batches of shuffled windows, from a mapped file of uint16 ids to int64; writes benches/WINDOWS.md.

    make bench-windows BENCH="--rounds 5"
    make bench-windows BENCH="--saved values.json --seconds 100"    # in parts, again and again

Each contender runs in a process of its own, on one core: what is free in one allocator decides how fast the
next contender's arrays are. All of the file is in memory and mapped before time is taken, and each one's
batches are compared with the windows that they should be.
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

import apart
import report
from saved import Saved, add_arguments
from timing import available_cores

TOKENS = 100_000_000
# The book's dataset makes a tensor of each window, which would take 1.6 GB for all.
BOOK_TOKENS = 10_000_000
BATCH_TOKENS = 32 * 1024
LENGTHS = (256, 1024, 4096)
SECONDS = 0.6
PACKAGES = ("bytestride", "numpy", "torch")


def open_tokens(path):
    tokens = np.memmap(path, np.uint16, mode="r")
    int(tokens[::1024].sum())
    return tokens


def orders(count, batch):
    """Indices of batches without end, in orders drawn before time is taken."""
    order = np.random.default_rng(0).permutation(count)[: count // batch * batch].reshape(-1, batch)
    while True:
        yield from order


# -- contenders: each a generator of batches -----------------------------------------------------------------


def bytestride_loop(path, length, batch):
    import bytestride as bs

    windows = bs.windows(open_tokens(path), length)
    epoch = 0
    while True:
        yield from windows.batches(batch, seed=1, epoch=epoch)
        epoch += 1


def bytestride_out(path, length, batch):
    import bytestride as bs

    windows = bs.windows(open_tokens(path), length)
    out = np.empty((2, batch, length), np.int64)
    epoch = 0
    while True:
        yield from windows.batches(batch, seed=1, epoch=epoch, out=out)
        epoch += 1


def bytestride_gather(path, length, batch):
    import bytestride as bs

    windows = bs.windows(open_tokens(path), length)
    for indices in orders(len(windows), batch):
        yield windows.gather(indices)


def sliding_views(path, length):
    view = np.lib.stride_tricks.sliding_window_view
    tokens = open_tokens(path)
    return view(tokens[:-1], length)[::length], view(tokens[1:], length)[::length]


def numpy_gather(path, length, batch):
    inputs, targets = sliding_views(path, length)
    for indices in orders(len(inputs), batch):
        yield inputs[indices].astype(np.int64), targets[indices].astype(np.int64)


def numpy_reused(path, length, batch):
    inputs, targets = sliding_views(path, length)
    out = np.empty((2, batch, length), np.int64)
    for indices in orders(len(inputs), batch):
        out[0], out[1] = inputs[indices], targets[indices]
        yield out[0], out[1]


def widening(path, length, batch):
    """No windows at all: neighbouring tokens into one pair of arrays, the most that numpy can do."""
    tokens = open_tokens(path)
    out = np.empty((2, batch, length), np.int64)
    inputs, targets = out.reshape(2, -1)
    while True:
        for start in range(0, len(tokens) - batch * length, batch * length):
            inputs[:] = tokens[start : start + batch * length]
            targets[:] = tokens[start + 1 : start + 1 + batch * length]
            yield out[0], out[1]


def nanogpt(path, length, batch):
    """`get_batch` of nanoGPT's train.py: it maps the file anew for each batch, against a leak."""
    import torch

    torch.set_num_threads(1)
    while True:
        data = np.memmap(path, dtype=np.uint16, mode="r")
        starts = torch.randint(len(data) - length, (batch,))
        yield (
            torch.stack([torch.from_numpy((data[i : i + length]).astype(np.int64)) for i in starts]),
            torch.stack([torch.from_numpy((data[i + 1 : i + 1 + length]).astype(np.int64)) for i in starts]),
        )


def book(path, length, batch):
    loader = book_loader(path, length, batch)
    while True:
        yield from loader


def book_loader(path, length, batch):
    """`create_dataloader_v1` of "Build a Large Language Model (From Scratch)", over a tenth of the tokens."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    class WindowsOfTensors(Dataset):
        def __init__(self, token_ids):
            starts = range(0, len(token_ids) - length, length)
            self.inputs = [torch.tensor(token_ids[start : start + length]) for start in starts]
            self.targets = [torch.tensor(token_ids[start + 1 : start + length + 1]) for start in starts]

        def __len__(self):
            return len(self.inputs)

        def __getitem__(self, index):
            return self.inputs[index], self.targets[index]

    torch.set_num_threads(1)
    data = WindowsOfTensors(np.fromfile(path, np.uint16, count=BOOK_TOKENS).tolist())
    return DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)


def bytestride_epoch(path, length, batch):
    import bytestride as bs

    return bs.windows(np.memmap(path, np.uint16, mode="r"), length).batches(batch)


def bytestride_torch(path, length, batch):
    from torch.utils.data import DataLoader

    import bytestride as bs
    from bytestride.torch import dataset

    data = dataset(bs.windows(open_tokens(path), length), batch)
    while True:
        yield from DataLoader(data, batch_size=None)


CONTENDERS = {
    "bytestride, batches": bytestride_loop,
    "bytestride, batches, out=": bytestride_out,
    "bytestride, gather": bytestride_gather,
    "numpy, sliding views": numpy_gather,
    "numpy, sliding views, out": numpy_reused,
    "numpy, widening only": widening,
}
WITH_TORCH = {
    "bytestride, DataLoader": bytestride_torch,
    "nanoGPT, get_batch": nanogpt,
    "the book's DataLoader": book,
}
EPOCHS = {
    "bytestride, batches": bytestride_epoch,
    "the book's DataLoader": book_loader,
}


def seconds_per_batch(path, name, length, batch):
    """The time that a batch of a contender takes, after some that are compared with what they should be."""
    batches = (CONTENDERS | WITH_TORCH)[name](path, length, batch)
    check(path, length, batch, [[np.array(block) for block in next(batches)] for _ in range(3)])
    for _ in range(50):
        next(batches)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        for _, _ in zip(range(50), batches, strict=False):
            pass
        count += 50
    return (time.perf_counter() - began) / count


def seconds_per_batch_of_an_epoch(path, name, length, batch):
    """The same over one epoch, from opening the file to the last batch."""
    began = time.perf_counter()
    count = sum(1 for _ in EPOCHS[name](path, length, batch))
    return (time.perf_counter() - began) / count


def check(path, length, batch, batches):
    """Stops the bench unless each row is a stretch of the file, and its targets are that one token later."""
    tokens = np.memmap(path, np.uint16, mode="r")
    for inputs, targets in batches:
        assert inputs.dtype == targets.dtype == np.int64
        assert inputs.shape == targets.shape == (batch, length)
        assert np.array_equal(inputs[:, 1:], targets[:, :-1])
        for row, last in zip(inputs[:2], targets[:2, -1], strict=True):
            starts = np.flatnonzero(tokens[: -length - 1] == row[0])
            starts = starts[tokens[starts + 1] == row[1]]
            assert any(np.array_equal(tokens[i : i + length + 1], [*row, last]) for i in starts)


def microseconds_to_open(path, length):
    """What `windows` takes over so many tokens."""
    import bytestride as bs

    tokens = open_tokens(path)
    rounds = []
    for _ in range(50):
        began = time.perf_counter()
        bs.windows(tokens, length, 1)
        rounds.append(time.perf_counter() - began)
    return statistics.median(rounds) * 1e6


def measured(measure, names, length, rounds, in_process):
    """The seconds per batch of each contender by `measure`, a value per round."""
    results = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            results[name].append(in_process(measure, name, length, BATCH_TOKENS // length, number=number))
    return results


def table(title, results):
    ours = statistics.median(next(iter(results.values())))
    rows = []
    for name, seconds in results.items():
        median = statistics.median(seconds)
        spread = (max(seconds) - min(seconds)) / 2 / median
        speed = f"{BATCH_TOKENS / median / 1e6:,.0f}"
        rows.append((name, f"{median * 1e6:,.1f} ± {spread:.0%}", speed, f"{median / ours:.2f}"))
    return report.grid(title, ("library", "µs a batch", "M tokens/s", "×"), rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender has its turn (5)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("WINDOWS.md"), help="the file to write"
    )
    add_arguments(parser)
    chosen = parser.parse_args()
    saved = Saved(chosen.saved, chosen.seconds)
    cores = available_cores()[-1:]
    notes = (
        f"{TOKENS:,} random uint16 tokens in a mapped file; speeds count the tokens of the inputs.",
        "Medians of alternating rounds, each in a process of its own.",
        "Widening only: neighbouring tokens into the same two arrays again and again, what memory allows.",
        f"The book's loader holds each window as two tensors, so it gets {BOOK_TOKENS:,} tokens.",
    )
    lines = report.header("Windows", f"one thread, on core {cores[0]}", PACKAGES, notes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokens.bin")
        np.random.default_rng(0).integers(0, 50_257, TOKENS, dtype=np.uint16).tofile(path)

        def in_process(measure, *arguments, number=0):
            """What `measure` gives over the file in a process of its own."""
            call = partial(apart.call, measure, str(path), *arguments, cores=cores)
            return saved.value(call, measure.__name__, *arguments, number)

        for length in LENGTHS:
            with_torch = length == 1024 and importlib.util.find_spec("torch")
            names = [*CONTENDERS, *(WITH_TORCH if with_torch else ())]
            title = f"Batches of {BATCH_TOKENS // length} × {length} shuffled windows, int64"
            lines += table(title, measured(seconds_per_batch, names, length, chosen.rounds, in_process))
            if with_torch:
                results = measured(seconds_per_batch_of_an_epoch, EPOCHS, length, 1, in_process)
                lines += table("The same for one epoch, from opening the file to the last batch", results)
        opening = in_process(microseconds_to_open, 1024)
        lines += ["", f"`bs.windows(tokens, 1024, stride=1)` over all of them takes {opening:.1f} µs."]
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
