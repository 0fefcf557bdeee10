"""Windows, mixtures and packs as datasets for PyTorch's `DataLoader`.

`dataset` hands out whole batches, each one native copy, and knows workers, ranks, epochs and how to resume;
`map_dataset` hands out single windows, for loaders that bring their own sampler. Importing this module
needs PyTorch; nothing else in the package does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    import torch
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ModuleNotFoundError as error:
    message = "bytestride.torch needs PyTorch, which is not installed: pip install torch"
    raise ModuleNotFoundError(message, name=error.name) from error

from bytestride.packed import Packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike

    from bytestride import Batches, Mix, Packs, Windows

__all__ = ["BatchDataset", "WindowDataset", "dataset", "map_dataset"]


def dataset(
    rows: Windows | Mix | Packs,
    batch_size: int,
    *,
    shuffle: bool = True,
    block_size: int | None = None,
    seed: int = 0,
    drop_last: bool = True,
    rank: int | None = None,
    world_size: int | None = None,
    dtype: DTypeLike = "int64",
) -> BatchDataset:
    """Batches for `DataLoader(..., batch_size=None)`: tuples of tensors, in the order of `rows.batches`.

    Any number of workers gives the same batches in the same order. Each epoch, call `set_epoch`.

    Args:
        rows: `Windows`, or a `Mix` or `Packs`.
        batch_size: Windows in a batch of this rank.
        shuffle: Whether the windows come in an order drawn by `seed` and the epoch, or as they lie.
        block_size: Shuffle by blocks of so many neighbouring windows, as `Windows.batches` does.
        seed: The run's seed, 0 to 2**64 - 1.
        drop_last: Whether windows that do not fill a whole step are left out.
        rank: This process's number. `None` asks `torch.distributed`, or is 0 where that is not in use.
        world_size: How many processes share the epoch. `None` asks `torch.distributed`, or is 1.
        dtype: int64 or int32.

    Raises:
        ValueError: If a number is out of range, or the windows are too few for one batch and `drop_last` is
            set.

    Example:
        >>> import bytestride as bs, numpy as np
        >>> from bytestride.torch import dataset
        >>> from torch.utils.data import DataLoader
        >>> w = bs.windows(np.arange(9, dtype="uint16"), max_length=2)
        >>> for inputs, targets in DataLoader(dataset(w, 2, shuffle=False), batch_size=None):
        ...     print(inputs.tolist(), targets.tolist())
        [[0, 1], [2, 3]] [[1, 2], [3, 4]]
        [[4, 5], [6, 7]] [[5, 6], [7, 8]]
    """
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if rank is None:
        rank = torch.distributed.get_rank() if distributed else 0
    if world_size is None:
        world_size = torch.distributed.get_world_size() if distributed else 1
    options = {
        "shuffle": shuffle,
        "block_size": block_size,
        "seed": seed,
        "drop_last": drop_last,
        "rank": rank,
        "world_size": world_size,
        "dtype": dtype,
    }
    return BatchDataset(rows, batch_size, options)


def map_dataset(windows: Windows | Mix) -> WindowDataset:
    """Single windows by index, for loaders with their own sampler: pairs of int64 tensors `[max_length]`.

    Example:
        >>> import bytestride as bs, numpy as np
        >>> from bytestride.torch import map_dataset
        >>> inputs, targets = map_dataset(bs.windows(np.arange(9, dtype="uint16"), 4))[1]
        >>> inputs, targets
        (tensor([4, 5, 6, 7]), tensor([5, 6, 7, 8]))
    """
    return WindowDataset(windows)


class BatchDataset(IterableDataset[tuple[torch.Tensor, ...]]):
    """Batches of an epoch, made by `dataset`: an iterable whose position can be kept and resumed.

    Each iteration is the epoch that `set_epoch` chose, from where `load_state_dict` left it, else from
    the start. Worker `k` of `n` makes the batches `k`, `k + n`, … and the loader takes them in turn, so the
    order is that of a single process.
    """

    def __init__(self, rows: Windows | Mix | Packs, batch_size: int, options: dict[str, Any]) -> None:
        self._rows, self._batch_size, self._options = rows, batch_size, options
        # Shared with the workers, so that those that persist learn of the next epoch too.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._start: dict[str, int] = self._batches().state_dict()
        self._done = 0

    def _batches(self) -> Batches[Any]:
        return self._rows.batches(self._batch_size, epoch=int(self._epoch.item()), **self._options)

    @property
    def _step(self) -> int:
        """Windows that all ranks together take in one step."""
        return self._batch_size * int(self._options["world_size"])

    def _position(self, batches: int) -> int:
        """Where the epoch stands after so many batches since it was started or resumed."""
        return min(self._start["position"] + batches * self._step, self._start["windows"])

    def set_epoch(self, epoch: int) -> None:
        """Start the next iteration at the beginning of `epoch`."""
        self._epoch.fill_(epoch)
        self._start, self._done = self._batches().state_dict(), 0

    def __len__(self) -> int:
        """Batches in an iteration: of the whole epoch, or of the rest of one that is resumed."""
        batches = self._batches()
        batches.load_state_dict(self._start)
        return len(batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        start = self._start
        if start["epoch"] != int(self._epoch.item()):
            # The epoch was set in the main process, and this is a worker that persists.
            start = self._start = self._batches().state_dict()
        batches = self._batches()
        self._done = 0
        for count in range(number, len(self), workers):
            # A single worker goes on where it is, and so its batches may be made ahead.
            if count == number or workers > 1:
                batches.load_state_dict({**start, "position": start["position"] + count * self._step})
            # So far that this worker, resumed there, makes its next batch.
            self._done = count + workers - number
            batch = next(batches)
            tensors: Iterator[Any] = map(torch.from_numpy, batch)
            made: tuple[Any, ...] = Packed(*tensors) if isinstance(batch, Packed) else tuple(tensors)
            yield made

    def state_dict(self, batches: int | None = None) -> dict[str, int]:
        """Where the epoch stands, as a few integers, the same on all ranks.

        Args:
            batches: How many batches of this iteration training has used. `None` is as many as this process
                has made: right without workers, or where each worker keeps its own state, as in torchdata's
                `StatefulDataLoader`. A `DataLoader` with workers makes batches ahead, so count there.
        """
        position = self._position(self._done if batches is None else batches)
        return {**self._start, "position": position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` stands in the next iteration, also with another batch size or number of ranks.

        Call it before the loader starts workers: those that persist do not learn of it.

        Raises:
            ValueError: If the state is of other windows.
        """
        batches = self._batches()
        batches.load_state_dict(state)
        self._epoch.fill_(state["epoch"])
        self._start, self._done = batches.state_dict(), 0


class WindowDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Windows by index, made by `map_dataset`; a loader's whole batch is one native copy."""

    def __init__(self, windows: Windows | Mix) -> None:
        self._windows = windows

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self._windows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One window: inputs and targets."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Some windows, as rows of one copy."""
        inputs, targets = map(torch.from_numpy, self._windows.gather(indices))
        return list(zip(inputs, targets, strict=True))
