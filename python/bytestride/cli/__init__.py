"""The command line: one module per command, and `main`, which runs them and reports what goes wrong."""

from bytestride.cli.app import main

__all__ = ["main"]
