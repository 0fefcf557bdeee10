"""The limit that encoding could come close to: `rust/core/benches/limit.rs`, run on the same core."""

import os
from pathlib import Path

import apart

COMMAND = ("cargo", "bench", "--locked", "--quiet", "--package", "bytestride-core", "--bench", "limit")


def run(path, vocabulary):
    """Megabytes per second at the limit for the text at `path`, and the line that the probe prints."""
    environment = os.environ | {
        "BYTESTRIDE_TEXT": str(path),
        "BYTESTRIDE_VOCABULARY": str(vocabulary.path.resolve()),
        "BYTESTRIDE_PATTERN": (vocabulary.pattern or "") if vocabulary.is_tiktoken else "",
    }
    output = apart.run(COMMAND, env=environment, cwd=Path(__file__).parent)
    line = output.strip().splitlines()[-1]
    return float(line.split(" MB/s")[0].split()[-1]), line
