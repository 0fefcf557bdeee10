"""Columns of text in Parquet files, as `encode_files`, `train` and `count_words` read them; needs pyarrow.

The core calls `texts` and reads the buffers where they lie: no row becomes a Python object.
"""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

# Text of more rows would wait in memory, of fewer cost more calls.
ROWS_AT_ONCE = 1024
# How much text should be read at once: of long rows fewer.
BYTES_AT_ONCE = 4 << 20

# Data, offsets, bytes per offset, first row in the offsets, rows, rows without text, bytes of the file.
Texts: TypeAlias = tuple[Any, Any, int, int, int, list[int], int]


def texts(path: str | PathLike[str], column: str, first: int = 0) -> Iterator[Texts]:
    """The rows of a column of strings or bytes, from row `first` on, as buffers of Arrow.

    Raises:
        ImportError: There is no pyarrow.
        OSError: The file cannot be read.
        ValueError: It is no Parquet file, or has no such column of text.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 (an extra: most who import bytestride have no use for it)

    with pq.ParquetFile(path) as file:
        _check_column(file.schema_arrow, column)
        size, total = Path(path).stat().st_size, max(file.metadata.num_rows, 1)
        groups, row = _from_row(file, first)
        done = row
        for batch in _batches(file, groups, column):
            read = size * (done + len(batch)) // total - size * done // total
            if done == row:
                read += size * row // total
            done += len(batch)
            skipped = min(max(first - (done - len(batch)), 0), len(batch))
            # A path into another column that is a struct may be called the same, and comes first then.
            found = batch.column(batch.schema.names.index(column))
            yield from _buffers(found[skipped:], read)


def _check_column(schema: "pa.Schema", column: str) -> None:
    match schema.names.count(column):
        case 0:
            message = f"no column {column!r}; expected one of {', '.join(map(repr, schema.names))}"
        case 1:
            return
        case count:
            message = f"{count} columns are called {column!r}; expected one"
    raise ValueError(message)


def _batches(file: Any, groups: list[int], column: str) -> Iterator[Any]:  # noqa: ANN401 (pyarrow has no types)
    for group in groups:
        rows = _rows_at_once(file.metadata.row_group(group), column)
        yield from file.iter_batches(rows, row_groups=[group], columns=[column])


def _rows_at_once(group: Any, column: str) -> int:  # noqa: ANN401
    """How many rows of a group to read at once, by the size that the file tells of its column."""
    chunks = (group.column(at) for at in range(group.num_columns))
    sizes = (chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema == column)
    size, rows = int(next(sizes, 0)), int(group.num_rows)
    return max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE * rows // max(size, 1)))


def _from_row(file: Any, first: int) -> tuple[list[int], int]:  # noqa: ANN401 (pyarrow has no types)
    """The row groups that have row `first` and those behind it, and the number of their first row."""
    row = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row + rows > first:
            return list(range(group, file.num_row_groups)), row
        row += rows
    return [], row


def _buffers(array: "pa.Array", read: int) -> Iterator[Texts]:
    import pyarrow as pa  # noqa: PLC0415

    types = pa.types
    kind = array.type.value_type if types.is_dictionary(array.type) else array.type
    if types.is_large_string(kind) or types.is_large_binary(kind):
        width = 8
    elif types.is_string(kind) or types.is_binary(kind):
        width = 4
    elif types.is_string_view(kind) or types.is_binary_view(kind):
        kind, width = pa.large_binary(), 8
    else:
        message = f"the column is of {array.type}; expected strings or bytes"
        raise ValueError(message)
    array = array.cast(kind)  # does nothing to an array of this kind
    nulls = array.is_null().to_numpy(zero_copy_only=False).nonzero()[0].tolist() if array.null_count else []
    _, offsets, data = array.buffers()
    if len(array):
        yield data, offsets, width, array.offset, len(array), nulls, read
