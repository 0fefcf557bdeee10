"""README and the documentation: their Python runs as printed and prints what it says, and their commands run."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*.md"))


def blocks(path, *languages):
    """The languages and texts of a document's blocks of code."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in found if block[0] in languages]


@pytest.fixture
def folder(documents, tmp_path, monkeypatch):
    """The current folder, with the books that the documents speak of."""
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "first.txt").write_text("The cat sat on the mat.\n" + documents[0], "utf-8")
    (tmp_path / "books" / "second.txt").write_text("The cat sat on the hat.\n" + documents[1], "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_python(block, names, path, capsys):
    exec(compile(block, str(path), "exec"), names)
    expected = re.findall(r"^ *print\(.*\) +# (.*)$", block, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == expected


def run_shell(block):
    # The command is the one that was installed beside this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["sh", "-e", "-c", block]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.usefixtures("folder")
def test_python_of_the_readme(capsys):
    names = {}
    for _, block in blocks(README, "python"):
        run_python(block, names, README, capsys)
    assert names


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=lambda path: path.stem)
def test_code_of_a_page(path, capsys):
    names = {}
    for language, block in blocks(path, "python", "sh"):
        if language == "python":
            run_python(block, names, path, capsys)
        else:
            run_shell(block)


def test_pages_have_code():
    with_code = {path.stem for path in [*PAGES, *EXAMPLES] if blocks(path, "python")}
    expected = {"index", "train", "encode", "windows", "tiktoken", "hugging-face", "nanogpt"}
    assert expected | {"windows_and_strides"} <= with_code


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shell = "\n".join(block for _, block in blocks(README, "sh"))
    targets = re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), f"{target} explains itself"


@pytest.mark.parametrize("path", [README, *PAGES, *EXAMPLES], ids=lambda path: path.stem)
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plots_show_the_rates_of_a_table(hooks):
    table = (
        "| library | first | MB/s | × | later | MB/s |\n|---|---:|---:|---:|---:|---:|\n"
        "| ours | 1 ms | 1,000.4 | 1.00 | 2 ms | 500.0 |\n| <theirs> | 2 ms | 250.0 | 0.25 |  |  |\n"
    )
    plot, _, after = hooks.plotted(table).partition("</svg>")
    assert after == f"\n\n{table}"
    assert re.findall(r"[^>]* MB/s(?=</text>)", plot) == ["1,000 MB/s", "500 MB/s", "250 MB/s"]
    assert "ours, first" in plot
    assert "&lt;theirs&gt;, first" in plot
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height', plot)]
    assert [width / widths[0] for width in widths] == pytest.approx([1, 0.5, 0.25], rel=0.01)
    assert hooks.plotted("| a | b |\n|---|---|\n| x | 1 |\n") == "| a | b |\n|---|---|\n| x | 1 |\n"


def test_the_page_of_benchmarks_has_all_measured_tables(hooks):
    figures = hooks.figures()
    for path in (ROOT / "benches").glob("*.md"):
        rows = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
        assert all(row in figures for row in rows)
    assert figures.count("<svg") > 5


def test_the_page_of_commands_has_all_options(hooks):
    shown = hooks.commands()
    for name in ("prepare", "validate", "bench"):
        assert f"## bytestride {name}\n" in shown
    assert "| `--tokenizer` `-t` |" in shown
    assert "```console\n$ bytestride bench books/*.txt" in shown


def test_every_page_has_its_place():
    places = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    docs = ROOT / "docs"
    assert places == {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
