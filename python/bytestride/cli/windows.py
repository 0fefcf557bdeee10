"""`bytestride windows`: what windows a token store gives."""

from typing import Annotated

import typer

import bytestride as bs
from bytestride.cli import options
from bytestride.cli.output import print_facts, store_facts, tokenizer_for, window_fact

SHOWN_IDS = 12
SHOWN_CHARACTERS = 72


def windows(
    store: options.Store,
    max_length: options.MaxLength = 256,
    stride: options.Stride = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer",
            "-t",
            help="Show text instead of ids. (default: the one beside the store, if there)",
        ),
    ] = None,
    show: Annotated[int, typer.Option(help="Windows to show.", min=0)] = 2,
    dtype: options.RawDtype = None,
) -> None:
    """Show how many windows a token store gives, of what shape, and the first of them.

    Example: bytestride windows data/corpus --max-length 1024 --stride 512
    """
    opened = bs.TokenStore.open(store, dtype=dtype)
    made = bs.windows(opened, max_length, stride or max_length)
    loaded = _beside(opened) if tokenizer is None else tokenizer_for(opened, tokenizer)
    facts = [*store_facts(opened), window_fact(opened, max_length, stride or max_length)]
    if len(opened.shards) == 1:  # no view spans several files
        for name, view in (("inputs", made.inputs), ("targets", made.targets)):
            facts.append(
                (name, f"{view.dtype}{list(view.shape)}, strides {view.strides}, a view of the store")
            )
    for index in range(min(show, len(made))):
        inputs, targets = made[index]
        facts.append((f"inputs[{index}]", _shown(inputs, loaded)))
        facts.append((f"targets[{index}]", _shown(targets, loaded)))
    print_facts(facts)


def _beside(store: bs.TokenStore) -> bs.Tokenizer | None:
    """The tokenizer beside the store; files from elsewhere have none."""
    if store.fingerprint is None:
        return None
    try:
        return store.tokenizer
    except FileNotFoundError:
        return None


def _shown(ids: options.Ids, tokenizer: bs.Tokenizer | None) -> str:
    """The start of a window: as text where there is a tokenizer, else as ids."""
    if tokenizer is None:
        more = " …" if len(ids) > SHOWN_IDS else ""
        return " ".join(map(str, ids[:SHOWN_IDS].tolist())) + more
    text = repr(tokenizer.decode(ids))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
