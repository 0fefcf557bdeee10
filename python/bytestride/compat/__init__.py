"""Other libraries' interfaces over bytestride, so that code which uses them changes one import.

`bytestride.compat.tiktoken` stands in for `tiktoken`, `bytestride.compat.transformers` for the tokenizers
of `transformers`. Neither library needs to be installed. New code is better off with
`bytestride.Tokenizer`: its ids are numpy arrays, where these interfaces ask for Python lists, which cost
more time to make than the ids.
"""
