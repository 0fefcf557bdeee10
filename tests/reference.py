"""Naive references: the plainest code that says what the fast code must give."""


def window_starts(tokens, max_length, stride, *, pad):
    """Where windows start: the complete ones, and with `pad` those that show a pair none before shows."""
    starts, shown = [], set()
    for start in range(0, tokens, stride):
        targets = [target for target in range(start + 1, start + max_length + 1) if target < tokens]
        if len(targets) == max_length or (pad and not shown.issuperset(targets)):
            starts.append(start)
        shown.update(targets)
    return starts


def windows(tokens, max_length, stride, pad_id=None):
    """All windows as two lists of lists, inputs and targets."""
    starts = window_starts(len(tokens), max_length, stride, pad=pad_id is not None)
    padded = [*tokens, *[pad_id] * (max_length + 1)]
    inputs = [padded[start : start + max_length] for start in starts]
    targets = [padded[start + 1 : start + max_length + 1] for start in starts]
    return inputs, targets
