"""Fair times: one core, rounds that alternate between the contenders, medians."""

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Some libraries read these when they are imported, which the benches do only when they load a tokenizer.
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"


def pin_to_one_core():
    """Binds the process to the last core it may use, where the system can; says to which."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


@dataclass
class Times:
    """The seconds that one contender took for one thing, a value per round."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def spread(self):
        """Half the distance from the fastest round to the slowest, as a share of the median."""
        return (max(self.seconds) - min(self.seconds)) / 2 / self.median


def timed(work: Callable[[], object]):
    """Seconds that `work` takes, and its result, with the garbage collector out of the way."""
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        result = work()
        return time.perf_counter() - began, result
    finally:
        gc.enable()


def alternate(contenders, rounds, measure):
    """Calls `measure(contender)` for all contenders, `rounds` times, each round in another order.

    `measure` returns seconds by name of pass; so does this, as `{pass: [Times of each contender]}`.
    """
    passes = {}
    for number in range(rounds):
        start = number % len(contenders)
        for contender in contenders[start:] + contenders[:start]:
            for name, seconds in measure(contender).items():
                times = passes.setdefault(name, {}).setdefault(contender.name, Times(contender.name))
                times.seconds.append(seconds)
    order = [contender.name for contender in contenders]
    return {name: [times[contender] for contender in order] for name, times in passes.items()}
