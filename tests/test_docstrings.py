"""Every public name explains itself, and every example in a docstring runs and gives what it shows."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import bytestride

PARSER = doctest.DocTestParser()


def public_modules():
    yield bytestride
    for found in pkgutil.walk_packages(bytestride.__path__, "bytestride."):
        if not any(part.startswith("_") for part in found.name.split(".")[1:]):
            try:
                yield importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                # A module may be for a library that is not installed.
                if error.name != "torch":
                    raise


def public_objects():
    """Each public module, class, function, method and property of the package, with its full name."""
    for module in public_modules():
        yield module.__name__, module
        for name in public_names(module):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                yield f"{module.__name__}.{name}", value
            if inspect.isclass(value):
                yield from members(f"{module.__name__}.{name}", value)


def public_names(module):
    """What a module says is public, or else what it defines itself under names without an underscore."""
    own = [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    ]
    return getattr(module, "__all__", None) or [name for name in own if not name.startswith("_")]


def members(prefix, owner):
    for name, value in vars(owner).items():
        is_documented = inspect.isroutine(value) or inspect.isdatadescriptor(value)
        if not name.startswith("_") and is_documented:
            yield f"{prefix}.{name}", getattr(owner, name) if inspect.isroutine(value) else value


OBJECTS = dict(public_objects())
DOCSTRINGS = {name: inspect.getdoc(value) or "" for name, value in OBJECTS.items()}
WITH_EXAMPLES = [name for name, text in DOCSTRINGS.items() if ">>>" in text]


def needs_example(name):
    """Classes and functions of the package itself show how they are used; commands do in their --help."""
    value = OBJECTS[name]
    is_own = name.count(".") == 1
    return is_own and (inspect.isclass(value) or inspect.isroutine(value))


def test_the_walk_finds_names():
    assert "bytestride.progress.Progress" in OBJECTS
    assert {
        f"bytestride.{name}" for name in bytestride.__all__ if callable(getattr(bytestride, name))
    } <= set(OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_public_name_has_a_docstring(name):
    first_line = DOCSTRINGS[name].partition("\n")[0]
    assert first_line, "no docstring"
    assert first_line[-1] in ".:;!?", "the first line says what comes of it, as a sentence"
    if needs_example(name):
        assert ">>>" in DOCSTRINGS[name], "no example"


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_example_runs_and_gives_what_it_shows(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"bs": bytestride, "bytestride": bytestride}
    test = PARSER.get_doctest(DOCSTRINGS[name], names, name, None, 0)
    report = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(report)
