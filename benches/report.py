"""Results as Markdown: what was run, where, and tables of medians."""

import datetime as dt
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path

PACKAGES = ("bytestride", "gigatoken", "gigabpe", "rustbpe", "tiktoken", "tokenizers", "numpy", "torch")


def header(pinned):
    """The command, the machine and the versions."""
    command = shlex.join(["python", "benches/compare.py", *sys.argv[1:]])
    rows = {
        "command": f"`{command}`",
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_processor()}, {platform.system()} {platform.release()}; one thread, {pinned}",
        "Python": platform.python_version(),
        "versions": ", ".join(_versions()),
    }
    lines = [
        "# Results",
        "",
        "Medians of alternating rounds; every output was checked to be equal first.",
        "",
    ]
    return lines + [f"- {name}: {value}" for name, value in rows.items()]


def table(title, passes, amount, unit, notes=()):
    """A table with a row per library and columns per pass: time, speed, and how many times as long as ours.

    `amount` is what one call handles, in units: MB of text, or millions of tokens.
    """
    names = list(passes)
    lines = ["", f"## {title}", ""]
    head = "".join(f" | {name} | {unit}/s | ×" for name in names)
    lines += [f"| library{head} |", "|---" + "|---:|---:|---:" * len(names) + "|"]
    for row, times in enumerate(next(iter(passes.values()))):
        cells = [times.name]
        for name in names:
            one, ours = passes[name][row], passes[name][0]
            speed = "" if name == "open" else f"{amount / one.median:,.1f}"
            cells += [f"{_seconds(one.median)} ± {one.spread:.0%}", speed, f"{one.median / ours.median:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [line for note in notes for line in ("", note)]


def _seconds(seconds):
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def _versions():
    for package in PACKAGES:
        try:
            yield f"{package} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            yield f"{package} not installed"


def _processor():
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if models:
            return f"{models[0]} ({len(models)} cores)"
    return platform.processor() or platform.machine()
