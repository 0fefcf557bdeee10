"""Results as Markdown: what was run, where, and tables of medians."""

import datetime as dt
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path


def header(title, where, packages, notes=()):
    """The command, the machine and the versions; `where` says which cores and how many threads."""
    rows = {
        "command": f"`{_command()}`",
        "date": _date(),
        "machine": f"{_processor()}, {platform.system()} {platform.release()}; {where}",
        "Python": platform.python_version(),
        "versions": ", ".join(map(_version, packages)),
    }
    lines = [f"# {title}", ""]
    lines += [line for note in notes for line in (note, "")]
    return lines + [f"- {name}: {value}" for name, value in rows.items()]


def write(path, lines, *, add=False):
    """Writes a report; with `add`, what the one that is there has stays, but for the rows measured again.

    Then each table has the commands and dates of its rows below it.
    """
    head, tables = _tables(lines)
    if add:
        stamp = f"{_date()}, `{_command()}`"
        tables = {title: [*table, "", stamp] for title, table in tables.items()}
        if path.exists():
            _, before = _tables(path.read_text(encoding="utf-8").splitlines())
            tables = before | {
                title: _joined(before.get(title, []), table) for title, table in tables.items()
            }
    lines = [*head, *(line for table in tables.values() for line in ["", *table])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _joined(before, table):
    """A table with the rows of an earlier one that it does not have, and then with the notes of both."""
    names = [{line.split("|")[1] for line in lines if line.startswith("| ")} for lines in (before, table)]
    if names[0] <= names[1]:
        return table
    rows = {line.split("|")[1]: line for line in [*before, *table] if line.startswith("| ")}
    notes = [line for line in before if line and not line.startswith(("|", "## ")) and line not in table]
    head = next(place for place, line in enumerate(table) if line.startswith("| "))
    end = max(place for place, line in enumerate(table) if line.startswith("| ")) + 1
    del rows[table[head].split("|")[1]]
    notes = [line for note in notes for line in ("", note)]
    return [*table[: head + 2], *rows.values(), *notes, *table[end:]]


def _tables(lines):
    """What stands before the first table, and the lines of each by its title."""
    head, tables = [], {}
    lines_of = head
    for line in lines:
        if line.startswith("## "):
            lines_of = tables.setdefault(line, [])
        lines_of.append(line)
    for some in (head, *tables.values()):
        while some and not some[-1]:
            some.pop()
    return head, tables


def _command():
    return shlex.join(["python", f"benches/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def _date():
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def grid(title, head, rows, notes=()):
    """A table of texts; the first column is on the left, the others are on the right."""
    lines = ["", f"## {title}", "", f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return lines + [line for note in notes for line in ("", note)]


def table(title, passes, amount, unit, notes=()):
    """A table with a row per library and columns per pass: time, speed, and how many times as long as ours.

    `amount` is what one call handles, in units: MB of text, or millions of tokens.
    """
    names = list(passes)
    head = ["library", *(column for name in names for column in (name, f"{unit}/s", "×"))]
    rows = []
    for row, times in enumerate(next(iter(passes.values()))):
        cells = [times.name]
        for name in names:
            one, ours = passes[name][row], passes[name][0]
            speed = f"{amount / one.median:,.1f}"
            cells += [f"{duration(one.median)} ± {one.spread:.0%}", speed, f"{one.median / ours.median:.2f}"]
        rows.append(cells)
    return grid(title, head, rows, notes)


def duration(seconds):
    """Three or so figures in the unit that suits them."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e6:.0f} µs" if seconds >= 1e-5 else f"{seconds * 1e6:.2f} µs"


def _version(package):
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} not installed"


def _processor():
    """The processor's name, how many cores it has, and the best vector instructions that bytestride uses."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
        if models:
            vectors = "AVX-512" if "avx512_vbmi2" in flags else "AVX2" if "avx2" in flags else "no AVX2"
            return f"{models[0]} ({len(models)} cores, {vectors})"
    return platform.processor() or platform.machine()
