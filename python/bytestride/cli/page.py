"""A page that shows a text cut into coloured tokens, by several tokenizers side by side.

One file without anything from elsewhere. The text stands in the page as it is, a `<span>` for each token, so
that it can be selected and copied; a character that several tokens share stands in the first of them. Control
characters are shown by pictures of them, of the same length, and copied as themselves.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files

import bytestride as bs
from bytestride.cli.output import PICTURES, plural

# A page shows the tab and the line end as what they are.
_PICTURES = {code: picture for code, picture in PICTURES.items() if chr(code) not in "\t\n"}


def page(text: str, tokenizers: Mapping[str, bs.Tokenizer], title: str) -> str:
    """The HTML of `text` as each of the tokenizers, which come by name, cuts it.

    Example:
        >>> import bytestride as bs
        >>> from bytestride.cli.page import page
        >>> html = page("hello world", {"gpt2": bs.Tokenizer.load("gpt2")}, "greeting")
        >>> "<span>hello</span><span> world</span>" in html
        True
    """
    size = len(text.encode())
    panels, rows, data = [], [], []
    for name, tokenizer in tokenizers.items():
        ids, spans = tokenizer.encode_with_offsets(text)
        count = len(ids)
        parts = "".join(_parts(text, spans.tolist()))
        panels.append(
            f"<section><h2>{escape(name)}</h2><output></output>\n"
            f'<pre tabindex="0" aria-label="text, cut by {escape(name)}">\n{parts}</pre></section>'
        )
        cells = (f"{count:,}", f"{size / max(count, 1):.2f}", f"{tokenizer.vocab_size:,}")
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        )
        spelled = {token: repr(tokenizer.bytes_of(token))[1:] for token in set(ids.tolist())}
        data.append({"ids": ids.tolist(), "bytes": spelled})
    values = {
        "title": escape(title),
        "size": f"{plural(len(text), 'character')}, {plural(size, 'byte')}",
        "rows": "\n".join(rows),
        "panels": "\n".join(panels),
        "data": json.dumps({"text": text, "panels": data}).replace("<", r"\u003c"),
    }
    template = files("bytestride.cli").joinpath("page.html").read_text("utf-8")
    # In one go, for a text may hold what looks like a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], template)


def _parts(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The text in HTML, each token in an element, and what no token covers between them."""
    shown = 0
    for start, end in spans:
        yield _visible(text[shown:start])
        shown = max(shown, start)
        yield f"<span>{_visible(text[shown:end])}</span>"
        shown = max(shown, end)
    yield _visible(text[shown:])


def _visible(text: str) -> str:
    return escape(text.translate(_PICTURES), quote=False)
