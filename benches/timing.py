"""Fair times: one core, rounds that alternate between the contenders, medians."""

import gc
import os
import random
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


def available_cores():
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(cores):
    """Binds the process to `cores`, where the system can, and libraries to as many threads; says to which.

    Some libraries look at cores and variables when they are imported, so this comes first: the benches import
    a library only when they load a tokenizer.
    """
    os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(len(cores))
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if len(cores) > 1 else "false"
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned"
    os.sched_setaffinity(0, cores)
    return f"pinned to core {', '.join(map(str, cores))}"


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


def peak_megabytes():
    """The most memory that this process ever had."""
    status = Path("/proc/self/status")
    if status.exists():
        # Of this program alone, and not of the one that started it, as the system call has it.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def alternate(contenders, rounds, measure):
    """Calls `measure(contender)` for all contenders, `rounds` times, each round in another order.

    `measure` returns seconds by name of pass; so does this, as `{pass: [Times of each contender]}`.
    """
    passes = {}
    for number in range(rounds):
        # Shuffled, not rotated: one that always follows another inherits the state it leaves memory in.
        for contender in random.Random(number).sample(contenders, len(contenders)):
            for name, seconds in measure(contender).items():
                times = passes.setdefault(name, {}).setdefault(contender.name, Times(contender.name))
                times.seconds.append(seconds)
    order = [contender.name for contender in contenders]
    return {name: [times[contender] for contender in order] for name, times in passes.items()}
