"""`python -m bytestride` is the command `bytestride`."""

import sys

INTERRUPTED = 130  # as in bytestride.cli.app, which may not have been imported yet


def main() -> int:
    """Runs the command line, and takes Ctrl-C from the start, while all that it needs is being imported."""
    try:
        from bytestride.cli import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    return run()


if __name__ == "__main__":
    sys.exit(main())
