"""What packed rows are handed out as."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Packed(NamedTuple):
    """Rows of `Packs`: a tuple of arrays, by name or in this order.

    Example:
        >>> import bytestride as bs, numpy as np
        >>> documents = bs.Ragged(np.arange(7, dtype="uint32"), np.array([0, 2, 6, 7]))
        >>> inputs, targets, cu_seqlens, position_ids = rows = bs.pack(documents, max_length=4).gather([0, 1])
        >>> rows.cu_seqlens
        array([0, 4, 6, 7, 8], dtype=int32)
    """

    inputs: NDArray[np.signedinteger]
    targets: NDArray[np.signedinteger]
    cu_seqlens: NDArray[np.int32]
    position_ids: NDArray[np.signedinteger]


Packed.inputs.__doc__ = (
    "Token ids, `dtype[n, max_length]`, `dtype[max_length]` of one row; `pad_id` at padding."
)
Packed.targets.__doc__ = "The next token of the same document, shaped as `inputs`; -100 where there is none."
Packed.cu_seqlens.__doc__ = (
    "Where documents end when the rows lie one behind the other: `int32[m + 1]`, from 0 on."
)
Packed.position_ids.__doc__ = (
    "Places within documents, shaped as `inputs`, from 0 on; padding is a document, too."
)
