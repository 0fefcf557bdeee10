"""The command `bytestride`: its commands, and how each way of ending becomes an exit code."""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import bytestride
from bytestride.cli.bench import bench
from bytestride.cli.convert import convert
from bytestride.cli.count import count
from bytestride.cli.decode import decode
from bytestride.cli.encode import encode
from bytestride.cli.evaluate import evaluate
from bytestride.cli.inspect import inspect
from bytestride.cli.prepare import prepare
from bytestride.cli.stores import export, merge, verify
from bytestride.cli.train import train
from bytestride.cli.validate import validate
from bytestride.cli.windows import windows

ERROR = 1
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE: nobody reads the output any more

app = typer.Typer(
    name="bytestride",
    help="From raw text to training-ready token windows.",
    epilog="Each command has its own --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    prepare,
    train,
    encode,
    decode,
    count,
    evaluate,
    inspect,
    validate,
    convert,
    windows,
    merge,
    verify,
    export,
    bench,
):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"bytestride {bytestride.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[  # main looks for it, since it may stand after the command too
        bool, typer.Option("--debug", help="Show where an error arose. Also: BYTESTRIDE_DEBUG=1.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code.

    Args:
        arguments: what stands after the program's name; by default what the process was started with.

    Example:
        >>> from bytestride.cli import main
        >>> main(["--version"])  # doctest: +ELLIPSIS
        bytestride ...
        0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or os.environ.get("BYTESTRIDE_DEBUG", "0") not in {"", "0"}
    command = typer.main.get_command(app)
    _mend_streams()
    try:
        # Not app(…): that would report errors in its own way.
        with command.make_context("bytestride", [word for word in given if word != "--debug"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 (all ways out of a command end here, also Ctrl-C)
        message, code = _ending(error)
        if debug and code == ERROR:
            traceback.print_exc()
        if message:
            print(message, file=sys.stderr)
        return code
    return 0


def _mend_streams() -> None:
    """Has every text printed, whatever the encoding of the output, and a stream in place of a closed one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (until the end)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _ending(error: BaseException) -> tuple[str, int]:
    """What to say about an exception that ended a command, and the exit code that it stands for."""
    match error:
        case SystemExit(__context__=BrokenPipeError()):  # of rich, which prints the help
            return "", BROKEN_PIPE
        case typer.Exit(exit_code=int() as code) | SystemExit(code=int() as code):
            return "", code
        case BrokenPipeError():
            # Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return "", BROKEN_PIPE
        case KeyboardInterrupt() | typer.Abort():
            return "interrupted", INTERRUPTED
    if hasattr(error, "format_message"):  # typer's own: wrong usage; without a message it has shown the help
        message = error.format_message()
        return f"error: {message}" if message else "", USAGE
    return f"error: {_one_line(error)}", ERROR


def _one_line(error: BaseException) -> str:
    match error:
        case OSError(strerror=str() as reason, filename=name) if name is not None:
            return f"{os.fsdecode(name)}: {reason}"
        case KeyError(args=(str() as message,)):
            return message
        case OSError() | ValueError():
            return str(error)
        case MemoryError():
            return "out of memory"
    return f"{type(error).__name__}: {error} (--debug shows where)"
