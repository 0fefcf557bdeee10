"""What long jobs report while they run, as a bar on the terminal and as times per phase.

`train`, `extend`, `count_words`, `evaluate`, `Tokenizer.count_files`, `encode_file` and `encode_files`,
`merge`, `TokenStore.export` and `verify` call `progress(phase, done, total)` some twenty times a second. The
phases are "counting" and "encoding", in bytes of input as it lies on disk (of the text, if it comes from an
iterable), "adding up", in bytes of counts on disk, "merging", in merges, and "copying" and "verifying" of
token files, in bytes of ids.
"""

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import rich.progress

MEGABYTE = 1e6


@dataclass
class Phase:
    """One phase of a job: when it began and ended, and how far it got.

    Example:
        >>> from bytestride.progress import Phase
        >>> Phase("encoding", began=1.0, ended=3.0, done=500_000_000).rate
        '250 MB/s'
    """

    name: str
    began: float
    ended: float
    done: int = 0
    total: int | None = None

    @property
    def seconds(self) -> float:
        """How long the phase took, to some 50 ms: jobs do not report more often."""
        return self.ended - self.began

    @property
    def rate(self) -> str:
        """Units per second, for people: megabytes of input, or merges."""
        per_second = self.done / max(self.seconds, 1e-9)
        if self.name == "merging":
            return f"{per_second:,.0f} merges/s"
        return f"{per_second / MEGABYTE:,.{0 if per_second > 10 * MEGABYTE else 1}f} MB/s"

    @property
    def amount(self) -> str:
        """What is done of what is to do, for people."""
        scale, digits, unit = (1, 0, "merges") if self.name == "merging" else (MEGABYTE, 1, "MB")
        done = f"{self.done / scale:,.{digits}f}"
        total = "" if self.total is None else f" / {self.total / scale:,.{digits}f}"
        return f"{done}{total} {unit}"


class Progress:
    """Shows the phases of one job on stderr, if that is a terminal, and keeps their times.

    Args:
        visible: whether to show bars; by default when stderr is a terminal.

    Example:
        >>> from bytestride.progress import Progress
        >>> with Progress(visible=False) as progress:
        ...     progress("counting", 10, 20)
        ...     progress("merging", 5, None)
        >>> [phase.amount for phase in progress.phases]
        ['0.0 / 0.0 MB', '5 merges']
    """

    def __init__(self, *, visible: bool | None = None) -> None:
        self.phases: list[Phase] = []
        # There is no stderr in a program that was started without.
        self._visible = (sys.stderr is not None and sys.stderr.isatty()) if visible is None else visible
        self._began = time.perf_counter()
        self._bars: rich.progress.Progress | None = None

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        if self._visible:
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        if self.phases:
            self.phases[-1].ended = time.perf_counter()
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        """Takes one report of the job, as `progress=` of the functions that have it."""
        now = time.perf_counter()
        if not self.phases or self.phases[-1].name != phase:
            began = self.phases[-1].ended if self.phases else self._began
            self.phases.append(Phase(phase, began, now))
            if self._bars is not None:
                self._bars.add_task(phase, amount="", rate="", total=total)
        current = self.phases[-1]
        current.ended, current.done, current.total = now, done, total
        if self._bars is not None:
            task = self._bars.task_ids[-1]
            self._bars.update(task, completed=done, total=total, amount=current.amount, rate=current.rate)


def _bars() -> "rich.progress.Progress":
    # Imported here, since most who import bytestride never show a bar.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    return Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
