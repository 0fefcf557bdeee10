"""Windows, mixtures and packs as datasets for PyTorch's `DataLoader`.

`dataset` hands out whole batches, each one native copy, and knows workers, ranks, epochs and how to resume;
`map_dataset` hands out single windows, for loaders that bring their own sampler. Importing this module
needs PyTorch; nothing else in the package does.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

try:
    import torch
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ModuleNotFoundError as error:
    message = "bytestride.torch needs PyTorch, which is not installed: pip install torch"
    raise ModuleNotFoundError(message, name=error.name) from error

from bytestride import Mix, Packs, Windows
from bytestride.packed import Packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from bytestride import Batches

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

    Any number of workers gives the same batches in the same order. Each epoch, call `set_epoch` before the
    loader is iterated; not in the epoch that `load_state_dict` goes on with, which it would begin anew.

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
        TypeError: If `rows` are none of these, such as a store of which no windows have been made.

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
    _check_rows("rows", rows, (Windows, Mix, Packs))
    batch_size = _count("batch_size", batch_size)
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

    Raises:
        TypeError: If `windows` are neither `Windows` nor a `Mix`.

    Example:
        >>> import bytestride as bs, numpy as np
        >>> from bytestride.torch import map_dataset
        >>> inputs, targets = map_dataset(bs.windows(np.arange(9, dtype="uint16"), 4))[1]
        >>> inputs, targets
        (tensor([4, 5, 6, 7]), tensor([5, 6, 7, 8]))
    """
    _check_rows("windows", windows, (Windows, Mix))
    return WindowDataset(windows)


def _check_rows(name: str, rows: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(rows, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        message = f"{name}: expected {expected}, not {type(rows).__name__}; see bytestride.windows"
        raise TypeError(message)


class BatchDataset(IterableDataset[tuple[torch.Tensor, ...]]):
    """Batches of an epoch, made by `dataset`: an iterable whose position can be kept and resumed.

    An iteration is the epoch that `set_epoch` chose or `load_state_dict` brought, from its start; only the
    first one after `load_state_dict` goes on where the state stands. Worker `k` of `n` makes the batches `k`,
    `k + n`, … and the loader takes them in turn, so the order is that of a single process.
    """

    def __init__(self, rows: Windows | Mix | Packs, batch_size: int, options: dict[str, Any]) -> None:
        self._rows, self._batch_size, self._options = rows, batch_size, options
        self._first = self._rows.batches(batch_size, **options).state_dict()
        self._shared = _Shared()
        self._shared.start(self._first)
        # Batches that this process has made of its iteration.
        self._done = 0
        # In a worker: where its iteration began, and where the next one begins if a state was loaded in this
        # worker.
        self._began: dict[str, Any] | None = None
        self._own: dict[str, Any] | None = None

    def _state(self, position: int) -> dict[str, Any]:
        """The state at `position` of the epoch, in the order that all processes share."""
        order = {"block_size": 0, **self._first, **self._shared.order(), "position": position}
        order["shuffle"] = bool(order["shuffle"])
        if not order["block_size"]:
            del order["block_size"]
        return order

    def _batches(self, state: dict[str, Any]) -> Batches[Any]:
        batches = self._rows.batches(self._batch_size, **self._options)
        batches.load_state_dict(state)
        return batches

    @property
    def _step(self) -> int:
        """Windows that all ranks together take in one step."""
        return self._batch_size * int(self._options["world_size"])

    def _steps(self, state: dict[str, Any]) -> int:
        """Steps from `state` to the end of its epoch, with those in which this rank has nothing."""
        steps, rest = divmod(state["windows"] - state["position"], self._step)
        return int(steps + (rest > 0 and not self._options["drop_last"]))

    def _next(self) -> dict[str, Any]:
        """Where the next iteration of this process begins."""
        return self._own or self._state(self._shared.next_position())

    def set_epoch(self, epoch: int) -> None:
        """Start the next iteration at the beginning of `epoch`.

        Raises:
            ValueError: If `epoch` is negative or beyond 64 bits.
        """
        checked = self._rows.batches(self._batch_size, **self._options, epoch=epoch).state_dict()
        self._shared.start({**self._state(0), "epoch": checked["epoch"]}, is_chosen=True)
        self._done, self._began, self._own = 0, None, None

    def __len__(self) -> int:
        """Batches in the next iteration: of the whole epoch, or of the rest of one that is resumed."""
        return len(self._batches(self._next()))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        start = self._next()
        self._shared.take(None if self._own else start["position"])
        self._done, self._own = 0, None
        self._began = start if worker else None
        batches = self._batches(start)
        for count in range(number, len(batches), workers):
            # A single worker goes on where it is, and so its batches may be made ahead.
            if workers > 1:
                batches.load_state_dict({**start, "position": start["position"] + count * self._step})
            # Counted so that this worker, resumed from there, makes its next batch.
            self._done = count + workers - number
            batch = next(batches)
            tensors: Iterator[Any] = map(torch.from_numpy, batch)
            made: tuple[Any, ...] = Packed(*tensors) if isinstance(batch, Packed) else tuple(tensors)
            yield made
        # A rank with nothing in the last step has used it up all the same: all end in the same state.
        self._done = max(self._done, self._steps(start))

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """Where the epoch stands, as a few integers and names, the same on all ranks.

        Args:
            batches: How many steps of this iteration training has used: a batch each, also where a rank has
                none in the last one. `None` is as many as this process has made: right without workers, or
                where each worker keeps its own state, as in torchdata's `StatefulDataLoader`. A `DataLoader`
                with workers makes batches ahead, so count there.

        Raises:
            ValueError: If `batches` is negative.
        """
        start, done = self._state(self._shared.began()), self._done
        if get_worker_info():
            # The position shared with the main process says nothing of this worker's own batches.
            start, done = (self._began, self._done) if self._began else (self._next(), 0)
        used = done if batches is None else _count("batches", batches)
        return {**start, "position": min(start["position"] + used * self._step, start["windows"])}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` stands in the next iteration, also with another batch size or number of ranks.

        Its seed, epoch and order replace those of this dataset, for all later iterations. Workers learn of it
        when they begin an iteration, also those that persist. A state at the end of an epoch changes
        nothing if `set_epoch` has chosen another one: a loader that brings states into use late, as
        torchdata's `StatefulDataLoader`, then begins that.

        Raises:
            ValueError: If the state is of other windows.
        """
        state = self._batches(state).state_dict()
        is_other = state["epoch"] != self._shared.order()["epoch"]
        if is_other and self._shared.is_chosen() and self._steps(state) == 0:
            self._shared.set_order({**state, "epoch": self._shared.order()["epoch"]})
            return
        self._done = 0
        if get_worker_info():
            # Each worker has a position of its own, as torchdata's loader keeps them, in the order of all.
            self._shared.set_order(state)
            self._own = self._began = state
        else:
            self._shared.start(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._shared.share()


# What tells the order of an epoch; where and for whom iterations begin; whether `set_epoch` chose the epoch.
_ORDER = ("seed", "epoch", "shuffle", "block_size")
_PLACES = ("position", "began", "generation", "taker", "chosen")
_MAX_WORKERS = 1024


class _Shared:
    """Where the next iteration begins, in memory that a dataset has in common with its workers.

    A position that was set is for one iteration, whose workers may start at any time, and may be other
    processes than those of the next. So each start has a number, its generation; the first worker to take it
    leaves which iteration it is of, and every worker that it has taken it. All others begin at 0.
    """

    def __init__(self) -> None:
        self._numbers = torch.zeros(len(_ORDER + _PLACES) + _MAX_WORKERS, dtype=torch.int64)
        self.share()

    def share(self) -> None:
        self._numbers.share_memory_()

    def _get(self, name: str) -> int:
        return int(self._all()[(_ORDER + _PLACES).index(name)])

    def _set(self, **numbers: int) -> None:
        for name, number in numbers.items():
            self._all()[(_ORDER + _PLACES).index(name)] = number

    def _all(self) -> NDArray[np.uint64]:
        # Seeds and epochs have 64 bits without a sign.
        numbers: NDArray[np.uint64] = self._numbers.numpy().view("uint64")
        return numbers

    def order(self) -> dict[str, int]:
        """What the order of the epoch depends on."""
        return {name: self._get(name) for name in _ORDER}

    def set_order(self, state: dict[str, Any]) -> None:
        """Make the order that of `state`."""
        self._set(**{name: state.get(name, 0) for name in _ORDER})

    def start(self, state: dict[str, Any], *, is_chosen: bool = False) -> None:
        """Have the next iteration begin where `state` stands."""
        self.set_order(state)
        position, generation = state["position"], self._get("generation") + 1
        self._set(position=position, began=position, generation=generation, taker=0, chosen=int(is_chosen))

    def is_chosen(self) -> bool:
        """Whether `set_epoch` chose the epoch of the next iteration of this process."""
        return bool(self._get("chosen")) and self._is_free()

    def began(self) -> int:
        """The position at which the last iteration began, or the next one, if there was none since."""
        return self._get("began")

    def next_position(self) -> int:
        """The position at which the next iteration of this process begins."""
        return self._get("position") if self._is_free() else 0

    def _is_free(self) -> bool:
        """Whether this process may still use the start that was set."""
        taker, place = _iteration()
        return bool(self._get("taker") in (0, taker) and self._all()[place] != self._get("generation"))

    def take(self, began: int | None) -> None:
        """Use up the start for this process, whose iteration begins at `began`, if it is that of all."""
        taker, place = _iteration()
        if self._get("taker") == 0:
            self._set(taker=taker)
        self._all()[place] = self._get("generation")
        if began is not None:
            self._set(began=began)


def _iteration() -> tuple[int, int]:
    """A number for the iteration that this process takes part in, and where its generation stands."""
    worker = get_worker_info()
    # What a loader draws for each iteration, and all of its workers know.
    iteration = (worker.num_workers, worker.seed - worker.id) if worker else (0, 0)
    number = worker.id if worker else 0
    return hash(iteration) % 2**64 | 1, len(_ORDER + _PLACES) + number % _MAX_WORKERS


def _count(name: str, value: int) -> int:
    """The number `value` of the argument `name`."""
    try:
        number = operator.index(value)
    except TypeError:
        message = f"{name}: expected an integer, not {type(value).__name__}"
        raise TypeError(message) from None
    if number < 0:
        message = f"{name}: {number} is out of range, expected 0 or more"
        raise ValueError(message)
    return number


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
