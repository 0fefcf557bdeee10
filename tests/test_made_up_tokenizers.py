"""A few of the tokenizers that `make fuzz` makes up."""

import fuzz_parts


def test_made_up_tokenizers_are_read_as_by_the_library(tmp_path):
    made, read = fuzz_parts.fuzz(tmp_path, 6, "a few")
    assert read > made / 3 > 2
