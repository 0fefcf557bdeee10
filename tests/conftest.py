"""Real text for tests, from what every machine has: the sources of Python's library, and a few scripts."""

import signal
import sysconfig
from pathlib import Path

import pytest
from hypothesis import settings

import bytestride as bs
from commands import END, run

# How long an example takes says nothing on a busy machine, nor where it is the first to import something large.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

SCRIPTS = (
    "Der Übergang über die Brücke kostet 3,50 €, 'ne Fahrkarte nicht.\r\n\r\nÄrgerlich!",
    "国破山河在,城春草木深。感时花溅泪,恨别鸟惊心。",
    "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見當がつかぬ。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق ١٢٣٤٥.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "👩‍👩‍👧‍👦 e\u0301 ﬁ İstanbul ſ ½ Ⅷ \u00a0\u3000\u0085 \x00 \ufeff tab\there   \n\n\n  end ",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--random-megabytes", type=int, default=200, help="random words for the test of memory (200)"
    )


def pytest_configure() -> None:
    # A shell starts what runs in the background with Ctrl-C ignored; tests of it would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def documents() -> list[str]:
    """About a megabyte of real text: Python sources, and some lines in other scripts."""
    library = Path(sysconfig.get_path("stdlib"))
    sources = sorted(
        path for folder in ("asyncio", "email", "json") for path in (library / folder).glob("*.py")
    )
    return [*(path.read_text(encoding="utf-8") for path in sources), *SCRIPTS]


@pytest.fixture(scope="session")
def library_texts() -> list[str]:
    """Over five megabytes of real text: every few of the sources and documents of Python's library."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = [path for suffix in (".py", ".txt", ".rst") for path in sorted(library.rglob(f"*{suffix}"))]
    own = [path for path in paths if "site-packages" not in path.parts]
    most = sum(path.stat().st_size for path in own)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in own[:: max(1, most // 6_000_000)]]
    return [*texts, *SCRIPTS]


@pytest.fixture(scope="session")
def corpus(documents: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one .txt file per document, in the order of `documents`."""
    folder = tmp_path_factory.mktemp("corpus")
    for number, document in enumerate(documents):
        (folder / f"{number:04}.txt").write_bytes(document.encode())
    return folder


@pytest.fixture(scope="session")
def tok(documents: list[str]) -> bs.Tokenizer:
    """A tokenizer of these documents, with two special tokens."""
    return bs.train(iter(documents), 1000, special_tokens=["<|endoftext|>", "<|pad|>"])


@pytest.fixture(scope="session")
def prepared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that one run of `bytestride prepare` made, and what it printed."""
    out = tmp_path_factory.mktemp("prepared") / "data"
    done = run("prepare", corpus, "--out", out, "--vocab-size", 1000, "--eos", END, "--max-length", 64)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"", "quiet in a pipe"
    return out, done.stdout.decode()


@pytest.fixture
def tokenizer_file(prepared: tuple[Path, str]) -> str:
    """The file of the tokenizer that `prepared` has."""
    return str(prepared[0] / "corpus.tokenizer.json")


@pytest.fixture
def tokenizer(tokenizer_file: str) -> bs.Tokenizer:
    """The tokenizer that `prepared` has."""
    return bs.Tokenizer.load(tokenizer_file)
