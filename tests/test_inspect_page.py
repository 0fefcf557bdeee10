"""The page of `bytestride inspect --html`: what is in it, and what a browser makes of it."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import browser
import bytestride as bs
from bytestride.cli import main
from bytestride.cli.page import page

TEXT = (
    "\nHello, world! <b>&amp;</b> {{panels}} </script> ${x}\r\n\ttab  \n\n\x00\x1b\x7f 国破山河在 العربية "
    "👩‍👩‍👧‍👦 e\u0301 \ufeff\u2028end \n"
)
needs_browser = pytest.mark.skipif(
    browser.found() is None, reason="no Chromium here; Debian's is the package chromium"
)


@pytest.fixture(scope="module")
def tokenizers(documents):
    trained = bs.train(iter(documents), 400, pattern="gpt2", special_tokens=["<|end|>"])
    return {"gpt2": bs.Tokenizer.load("gpt2"), "<own> & small": trained}


@pytest.fixture
def address(tokenizers, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page(TEXT, tokenizers, "a <text>"), "utf-8")
    return path.as_uri()


class Reader(HTMLParser):
    """The text of each `<pre>`, and of each `<span>` in it."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.tokens, self.inside = [], [], None
        self.feed(html)

    def handle_starttag(self, tag, _):
        if tag == "pre":
            self.texts.append("")
            self.tokens.append([])
        elif tag == "span":
            self.tokens[-1].append("")
        self.inside = tag if tag in {"pre", "span"} else None

    def handle_endtag(self, tag):
        self.inside = "pre" if tag == "span" else None

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data
        if self.inside == "span":
            self.tokens[-1][-1] += data


def pictured(text):
    """The text as the page shows it, and the line end that HTML drops after `<pre>`."""
    return "\n" + "".join(
        chr(0x2400 + ord(one)) if one < " " and one not in "\t\n" else one for one in text
    ).replace("\x7f", "␡")


@settings(max_examples=100)
@given(text=st.text(max_size=60) | st.just(TEXT))
def test_every_token_is_an_element_and_all_together_are_the_text(tokenizers, text):
    made = Reader(page(text, tokenizers, "text"))
    assert made.texts == [pictured(text)] * 2
    for tokens, tokenizer in zip(made.tokens, tokenizers.values(), strict=True):
        ids, spans = tokenizer.encode_with_offsets(text)
        assert len(tokens) == len(ids)
        # A character stands in the first of the tokens that share it.
        shown = 0
        for token, (start, end) in zip(tokens, spans.tolist(), strict=True):
            assert token == pictured(text[max(start, shown) : end])[1:]
            shown = max(shown, end)


def test_nothing_comes_from_elsewhere(tokenizers):
    html = page("text", tokenizers, "text")
    assert "default-src 'none'" in html
    for word in ("http:", "https:", "//", "url(", "@import", " src=", " href="):
        code = "\n".join(line for line in html.splitlines() if not line.strip().startswith("//"))
        assert word not in code, word


def test_the_command_writes_the_page(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("some text\n")
    out = tmp_path / "notes.html"
    arguments = [
        "inspect",
        "-t",
        "gpt2",
        "-t",
        "cl100k_base",
        str(tmp_path / "notes.txt"),
        "--html",
        str(out),
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out == f"written  {out}\n"
    assert "the text of the file" in printed.err
    assert Reader(out.read_text("utf-8")).texts == ["\nsome text\n"] * 2
    assert main(arguments) == 1
    assert "--force overwrites it" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0


def test_the_command_compares_tokenizers_in_the_terminal(capsys):
    assert main(["inspect", "-t", "gpt2", "-t", "o200k_base", "国破"]) == 0
    first, *_ = lines = capsys.readouterr().out.splitlines()
    assert first == "gpt2:"
    assert lines[2:] == ["o200k_base:", "国│破"]


def test_what_is_no_text_is_refused(tmp_path, capsys):
    (tmp_path / "bytes").write_bytes(b"ab\xff")
    out = str(tmp_path / "out.html")
    assert main(["inspect", "-t", "gpt2", str(tmp_path / "bytes"), "--html", out]) == 1
    assert "bytes: not UTF-8 at byte 2" in capsys.readouterr().err
    assert main(["inspect", "-t", "gpt2", "--html", out]) == 2
    assert "needs a text" in capsys.readouterr().err


# -- in a browser -----------------------------------------------------------------------------------------------


@needs_browser
def test_a_browser_shows_and_copies_the_text(address, tokenizers):
    with browser.page(address) as shown:
        assert shown.requests == [address], "and nothing else"
        assert shown.evaluate("document.title") == "a <text>"
        texts = shown.evaluate("[...document.querySelectorAll('pre')].map((pre) => pre.textContent)")
        assert texts == [pictured(TEXT)[1:]] * 2
        names = shown.evaluate("[...document.querySelectorAll('h2')].map((name) => name.textContent)")
        assert names == list(tokenizers)
        # Both beside each other.
        tops = shown.evaluate(
            "[...document.querySelectorAll('pre')].map((pre) => pre.getBoundingClientRect().top)"
        )
        assert tops[0] == tops[1]
        for number in (0, 1):
            shown.evaluate(f"document.querySelectorAll('pre')[{number}].focus()")
            shown.press("a", control=True)
            assert copied(shown) == TEXT
        # A part, from the middle of a token.
        shown.evaluate(
            "const pre = document.querySelector('pre'), range = document.createRange();"
            "range.setStart(pre.children[1].firstChild, 1); range.setEnd(pre.children[3].firstChild, 2);"
            "getSelection().removeAllRanges(); getSelection().addRange(range)"
        )
        first, second, third, fourth = (
            tokenizers["gpt2"].decode([id]) for id in tokenizers["gpt2"].encode(TEXT)[:4]
        )
        assert copied(shown) == second[1:] + third + fourth[:2]
        assert TEXT.startswith(first + second + third + fourth)


def copied(shown):
    """What Ctrl+C puts on the clipboard."""
    shown.press("c", control=True, command="copy")
    session, shown.session = shown.session, None
    shown.send("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    shown.session = session
    return shown.evaluate("navigator.clipboard.readText()")


@needs_browser
def test_keys_go_from_token_to_token(address, tokenizers):
    ids = tokenizers["gpt2"].encode(TEXT).tolist()
    with browser.page(address) as shown:
        shown.evaluate("document.getElementById('theme').focus()")
        shown.press("Tab")
        assert shown.evaluate("document.activeElement.tagName") == "PRE"
        for key, number in [
            ("ArrowRight", 0),
            ("ArrowRight", 1),
            ("ArrowRight", 2),
            ("ArrowLeft", 1),
            ("End", len(ids) - 1),
            ("ArrowRight", len(ids) - 1),
            ("Home", 0),
            ("ArrowLeft", 0),
        ]:
            shown.press(key)
            said = f"token {number} of {len(ids)}: id {ids[number]}, "
            assert shown.evaluate("document.querySelector('output').textContent").startswith(said)
        # The other text shows what it has in the same place.
        shown.press("ArrowRight")
        start, end = tokenizers["gpt2"].encode_with_offsets(TEXT)[1][1].tolist()
        others = tokenizers["<own> & small"].encode_with_offsets(TEXT)[1].tolist()
        same = [number for number, (a, b) in enumerate(others) if a < end and start < b]
        assert same == shown.evaluate(
            "[...document.querySelectorAll('pre')[1].children].flatMap("
            "(token, number) => token.classList.contains('same') ? [number] : [])"
        )


@needs_browser
def test_ids_can_be_shown(address, tokenizers):
    with browser.page(address) as shown:
        shown.evaluate("document.getElementById('ids').click()")
        assert shown.evaluate("document.getElementById('ids').getAttribute('aria-pressed')") == "true"
        first = shown.evaluate("getComputedStyle(document.querySelector('pre span'), '::after').content")
        assert first == f'"{tokenizers["gpt2"].encode(TEXT)[0]}"'


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(address, scheme):
    with browser.page(address) as shown:
        shown.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert (luminance(colour(shown, "body", "backgroundColor")) < 0.5) == (scheme == "dark")
        for place in ["body", "p", *(f"pre span:nth-child({number})" for number in (1, 2, 3, 4))]:
            ink = luminance(colour(shown, place, "color"))
            ground = colour(shown, place, "backgroundColor")
            transparent = "rgba(0, 0, 0, 0)"
            paper = luminance(colour(shown, "body", "backgroundColor") if ground == transparent else ground)
            dark, light = sorted((ink, paper))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, place
        shown.evaluate("document.getElementById('theme').click()")
        assert (luminance(colour(shown, "body", "backgroundColor")) < 0.5) == (scheme == "light")


def colour(shown, place, name):
    return shown.evaluate(f"getComputedStyle(document.querySelector('{place}')).{name}")


def luminance(rgb):
    """The relative luminance of WCAG 2 of a colour as `rgb(…)`."""
    channels = [int(part) / 255 for part in rgb.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
