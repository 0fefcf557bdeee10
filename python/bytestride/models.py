"""Which published encoding a model uses, by the model's name."""

from bytestride._core import Tokenizer

# From openai/tiktoken, `model.py`: the names in full, then what longer names begin with.
_ENCODINGS = {
    "o200k_base": ("o1", "o3", "o4-mini", "gpt-5", "gpt-4.1", "gpt-4o"),
    "cl100k_base": (
        "gpt-4",
        "gpt-3.5-turbo",
        "gpt-3.5",
        "gpt-35-turbo",
        "davinci-002",
        "babbage-002",
        "text-embedding-ada-002",
        "text-embedding-3-small",
        "text-embedding-3-large",
    ),
    "p50k_base": (
        "text-davinci-003",
        "text-davinci-002",
        "code-davinci-002",
        "code-davinci-001",
        "code-cushman-002",
        "code-cushman-001",
        "davinci-codex",
        "cushman-codex",
    ),
    "p50k_edit": ("text-davinci-edit-001", "code-davinci-edit-001"),
    "r50k_base": (
        "text-davinci-001",
        "text-curie-001",
        "text-babbage-001",
        "text-ada-001",
        "davinci",
        "curie",
        "babbage",
        "ada",
        "text-similarity-davinci-001",
        "text-similarity-curie-001",
        "text-similarity-babbage-001",
        "text-similarity-ada-001",
        "text-search-davinci-doc-001",
        "text-search-curie-doc-001",
        "text-search-babbage-doc-001",
        "text-search-ada-doc-001",
        "code-search-babbage-code-001",
        "code-search-ada-code-001",
    ),
    "gpt2": ("gpt2", "gpt-2"),
}
_PREFIXES = {
    "o1-": "o200k_base",
    "o3-": "o200k_base",
    "o4-mini-": "o200k_base",
    "gpt-5": "o200k_base",
    "gpt-4.5-": "o200k_base",
    "gpt-4.1-": "o200k_base",
    "chatgpt-4o-": "o200k_base",
    "gpt-4o-": "o200k_base",
    "gpt-4-": "cl100k_base",
    "gpt-3.5-turbo-": "cl100k_base",
    "gpt-35-turbo-": "cl100k_base",
    "gpt-oss-": "o200k_harmony",
    "ft:gpt-4o": "o200k_base",
    "ft:gpt-4": "cl100k_base",
    "ft:gpt-3.5-turbo": "cl100k_base",
    "ft:davinci-002": "cl100k_base",
    "ft:babbage-002": "cl100k_base",
}
_ENCODING_OF = {model: encoding for encoding, models in _ENCODINGS.items() for model in models}


def encoding_name_for_model(model: str) -> str:
    """The name of the bundled encoding that a model of OpenAI's uses.

    Names with a date or a variant at the end, such as `gpt-4o-2024-05-13`, are known by what they begin with.

    Raises:
        KeyError: No encoding is known for the model.
        TypeError: The name is no `str`.

    Example:
        >>> import bytestride as bs
        >>> bs.encoding_name_for_model("gpt-4o-mini")
        'o200k_base'
    """
    if not isinstance(model, str):
        message = f"model: expected a str, not {type(model).__name__}"
        raise TypeError(message)
    by_prefix = (name for prefix, name in _PREFIXES.items() if model.startswith(prefix))
    name = _ENCODING_OF.get(model) or next(by_prefix, None)
    if name is None:
        known = "bytestride.bundled() lists the encodings that Tokenizer.load takes by name"
        raise KeyError(f"no encoding is known for the model {model!r}; {known}")
    return name


def encoding_for_model(model: str) -> Tokenizer:
    """The tokenizer that a model of OpenAI's uses: one of the bundled ones, loaded anew.

    Raises:
        KeyError: No encoding is known for the model.
        TypeError: The name is no `str`.

    Example:
        >>> import bytestride as bs
        >>> bs.encoding_for_model("gpt-4").encode("hello world")
        array([15339,  1917], dtype=uint32)
    """
    return Tokenizer.load(encoding_name_for_model(model))
