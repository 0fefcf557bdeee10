"""What MkDocs fills in when it builds: the changelog, the commands' options, plots of measured figures.

Plots are bars drawn from the tables that the benches wrote, so no figure is typed twice.
"""

import re
import sys
from html import escape
from importlib.util import find_spec
from pathlib import Path
from types import GenericAlias, ModuleType

ROOT = Path(__file__).parent.parent
RATES = ("MB/s", "M tokens/s", "GB/s")
BAR, ROW, LABELS, WIDTH = 14, 22, 190, 720


def on_config(config):
    """Lets `bytestride.torch` be read without PyTorch, which is large: these names are all it takes."""
    if find_spec("torch") is None:
        base = type("Dataset", (), {"__class_getitem__": classmethod(GenericAlias)})
        torch, utils, data = (ModuleType(name) for name in ("torch", "torch.utils", "torch.utils.data"))
        torch.Tensor = type("Tensor", (), {})
        data.Dataset = data.IterableDataset = base
        data.get_worker_info = None
        sys.modules.update({module.__name__: module for module in (torch, utils, data)})


def on_page_markdown(markdown, page, config, files):
    """Replaces the places in a page that say what belongs there."""
    fillings = {"changelog": changelog, "figures": figures, "commands": commands}
    return re.sub(r"^<!-- (\w+) -->$", lambda place: fillings[place[1]](), markdown, flags=re.MULTILINE)


def on_post_page(output, page, config):
    """Fails where a page would fetch something: the site is read without a network, too."""
    fetched = re.findall(
        r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(?:https?:)?//[^"]*"', output
    )
    if fetched:
        message = f"{page.file.src_path} fetches {fetched}"
        raise ValueError(message)
    return output


def changelog():
    return (ROOT / "CHANGELOG.md").read_text("utf-8")


# -- commands ------------------------------------------------------------------------------------------------


def commands():
    """Each command's help and options."""
    import typer  # noqa: PLC0415 (tests of this file need no command line)

    from bytestride.cli.app import app  # noqa: PLC0415

    group = typer.main.get_command(app)
    return "\n\n".join(command_lines(name, command) for name, command in group.commands.items())


def command_lines(name, command):
    paragraphs = (command.help or "").strip().split("\n\n")
    lines = [f"## bytestride {name}"]
    for paragraph in paragraphs:
        text = " ".join(paragraph.split())
        example = re.match(r"(?:Examples?: )?((?:\S+ .*\| )?bytestride .*)", text)
        lines.append(f"```console\n$ {example[1]}\n```" if example else text)
    rows = [f"| {options(parameter)} | {said(parameter)} |" for parameter in command.params]
    return "\n\n".join([*lines, "| argument or option | what it says |\n|---|---|\n" + "\n".join(rows)])


def options(parameter):
    names = [parameter.name.upper()] if parameter.param_type_name == "argument" else parameter.opts
    return " ".join(f"`{name}`" for name in names)


def said(parameter):
    return escape(getattr(parameter, "help", "") or "", quote=False).replace("|", r"\|")


# -- figures -------------------------------------------------------------------------------------------------


def figures():
    """The figures of all files of the benches, each table with a plot of its rates."""
    return "\n\n".join(file_of_figures(path) for path in sorted((ROOT / "benches").glob("*.md")))


def file_of_figures(path):
    text = re.sub(r"^#", "##", path.read_text("utf-8"), flags=re.MULTILINE)
    text = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]+\)", r"\1", text)  # what these lead to is no page
    # A table is the lines that begin with a bar.
    return re.sub(r"(?:^\|.*\n?)+", lambda table: plotted(table[0]), text, flags=re.MULTILINE)


def plotted(table):
    """A table, with a plot before it if it has rates."""
    cells = [[one.strip() for one in line.strip("| ").split("|")] for line in table.strip().splitlines()]
    header, _, *rows = cells
    columns = [number for number, name in enumerate(header) if name in RATES]
    bars = [(row[0], header[column - 1], rate(row, column)) for row in rows for column in columns]
    bars = [bar for bar in bars if bar[2] is not None]
    if not bars:
        return table
    return f"{plot(bars, header[columns[0]], several=len(columns) > 1)}\n\n{table}"


def rate(row, number):
    text = row[number].replace(",", "") if number < len(row) else ""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def plot(bars, unit, *, several):
    """Bars with their labels as SVG, in the colours of the page."""
    most = max(value for _, _, value in bars)
    parts = []
    for number, (library, name, value) in enumerate(bars):
        label = f"{library}, {name}" if several else library
        width = max(1, value / most * (WIDTH - LABELS - 90))
        strength = 1 if library.startswith("bytestride") else 0.45
        y = number * ROW
        parts.append(
            f'<text x="{LABELS - 8}" y="{y + BAR}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{LABELS}" y="{y + 3}" width="{width:.1f}" height="{BAR}" opacity="{strength}"/>'
            f'<text x="{LABELS + width + 6:.1f}" y="{y + BAR}">{value:,.0f} {unit}</text>'
        )
    spoken = "; ".join(f"{library} {name} {value:,.0f}" for library, name, value in bars)
    return (
        f'<svg viewBox="0 0 {WIDTH} {len(bars) * ROW + 6}" role="img" aria-label="{unit}: {escape(spoken)}" '
        'style="max-width:100%;font-size:12px;fill:currentColor">' + "".join(parts) + "</svg>"
    )
