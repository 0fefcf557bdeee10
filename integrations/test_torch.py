"""`bytestride.torch` with PyTorch itself: the book's loader, workers, ranks, epochs, and resuming."""

import copy
import pickle
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torchdata.stateful_dataloader import StatefulDataLoader

import bytestride as bs
import bytestride.torch
from bytestride.compat.transformers import AutoTokenizer
from bytestride.torch import dataset, map_dataset

pytestmark = [
    # On a machine with fewer processors than workers.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    # torchdata calls what PyTorch would rather it did not.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]

TOKENS = np.random.default_rng(0).integers(0, 50_257, 1_003, dtype="uint16")


def loaded(data, **options):
    """The batches of a loader as lists."""
    return [
        tuple(block.tolist() for block in batch) for batch in DataLoader(data, batch_size=None, **options)
    ]


def native(rows, *arguments, **options):
    return [tuple(block.tolist() for block in batch) for batch in rows.batches(*arguments, **options)]


class GPTDatasetV1(Dataset):
    """The semantics of the dataset in *Build a Large Language Model (From Scratch)*, chapter 2."""

    def __init__(self, token_ids, max_length, stride):
        starts = range(0, len(token_ids) - max_length, stride)
        self.input_ids = [torch.tensor(token_ids[i : i + max_length]) for i in starts]
        self.target_ids = [torch.tensor(token_ids[i + 1 : i + max_length + 1]) for i in starts]

    def __len__(self):
        return len(self.input_ids)

    def __getitem__(self, index):
        return self.input_ids[index], self.target_ids[index]


def book_batches(data, *, shuffle, drop_last):
    torch.manual_seed(123)
    loader = DataLoader(data, batch_size=8, shuffle=shuffle, drop_last=drop_last, num_workers=0)
    return [(inputs, targets) for inputs, targets in loader]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("max_length", "stride"), [(4, 1), (4, 4), (16, 5), (3, 7)])
def test_the_books_loader_gives_the_same(max_length, stride, shuffle, drop_last):
    w = bs.windows(TOKENS, max_length, stride)
    options = {"shuffle": shuffle, "drop_last": drop_last}
    expected = book_batches(GPTDatasetV1(TOKENS.tolist(), max_length, stride), **options)
    got = book_batches(map_dataset(w), **options)
    batches = list(DataLoader(dataset(w, 8, **options), batch_size=None))
    assert len(got) == len(expected) == len(batches)
    for (x, y), (inputs, targets) in zip(got, expected, strict=True):
        assert torch.equal(x, inputs)
        assert torch.equal(y, targets)
        assert x.dtype == inputs.dtype == torch.int64
    if not shuffle:
        for (x, y), (inputs, targets) in zip(batches, expected, strict=True):
            assert torch.equal(x, inputs)
            assert torch.equal(y, targets)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_any_number_of_workers_gives_the_same_batches_in_order(workers):
    w = bs.windows(TOKENS, 7, 3)
    data = dataset(w, 5, seed=9, drop_last=False)
    assert len(DataLoader(data, batch_size=None)) == len(w.batches(5, drop_last=False))
    assert loaded(data, num_workers=workers) == native(w, 5, seed=9, drop_last=False)


@pytest.mark.parametrize("persistent", [True, False])
def test_epochs_reach_the_workers(persistent):
    w = bs.windows(TOKENS, 7)
    data = dataset(w, 5, seed=9)
    loader = DataLoader(data, batch_size=None, num_workers=2, persistent_workers=persistent)
    for epoch in (0, 1, 1, 5):
        data.set_epoch(epoch)
        read = [tuple(block.tolist() for block in batch) for batch in loader]
        assert read == native(w, 5, seed=9, epoch=epoch)


def test_blocks_are_shuffled_by_all_workers():
    w = bs.windows(TOKENS, 7)
    data = dataset(w, 5, seed=9, block_size=20)
    data.load_state_dict(data.state_dict(4))
    assert loaded(data, num_workers=2) == native(w, 5, seed=9, block_size=20)[4:]


def test_ranks_share_an_epoch():
    w = bs.windows(TOKENS, 7)
    ranks = [loaded(dataset(w, 5, rank=rank, world_size=3), num_workers=2) for rank in range(3)]
    steps = [x for step in zip(*ranks, strict=True) for inputs, _ in step for x in inputs]
    assert steps == [x for inputs, _ in native(w, 1) for x in inputs][: len(steps)]
    assert len(steps) == len(w) // 15 * 15


@pytest.mark.parametrize("workers", [0, 2])
def test_training_resumes_after_any_batch(workers):
    w = bs.windows(TOKENS, 7)
    whole = native(w, 5, seed=3, epoch=2)
    for used in range(len(whole) + 1):
        before = dataset(w, 5, seed=3)
        before.set_epoch(2)
        state = before.state_dict(used)
        if workers == 0:
            assert len(list(islice(before, used))) == used
            assert before.state_dict() == state
        after = dataset(w, 5, seed=8)
        after.load_state_dict(state)
        assert len(after) == len(whole) - used
        assert loaded(after, num_workers=workers) == whole[used:]


def test_an_epoch_resumes_with_another_batch_size_and_goes_on_with_the_next():
    w = bs.windows(TOKENS, 7)
    before = dataset(w, 5, seed=3)
    state = before.state_dict(4)
    after = dataset(w, 2, seed=3)
    after.load_state_dict(state)
    rows = [x for inputs, _ in loaded(after) for x in inputs]
    assert rows == [x for inputs, _ in native(w, 1, seed=3) for x in inputs][20 : 20 + len(rows)]
    after.set_epoch(1)
    assert loaded(after) == native(w, 2, seed=3, epoch=1)


@pytest.mark.parametrize("used", range(8))
def test_a_worker_resumes_from_its_own_state(used, monkeypatch):
    """As torchdata's StatefulDataLoader does: each worker keeps the state of its own copy."""
    w = bs.windows(TOKENS, 7)
    whole = native(w, 5, seed=3)
    for number in range(3):
        worker = SimpleNamespace(id=number, num_workers=3, seed=number)
        monkeypatch.setattr(bytestride.torch, "get_worker_info", lambda worker=worker: worker)
        data = dataset(w, 5, seed=3)
        assert len(list(islice(data, used))) == used
        resumed = dataset(w, 5, seed=3)
        resumed.load_state_dict(data.state_dict())
        rest = [tuple(block.tolist() for block in batch) for batch in resumed]
        assert rest == whole[number::3][used:]


@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize("used", [0, 1, 4, 7])
def test_torchdatas_stateful_loader_resumes(workers, used):
    w = bs.windows(TOKENS, 7)
    whole = native(w, 5, seed=3)

    def loader():
        return StatefulDataLoader(dataset(w, 5, seed=3), batch_size=None, num_workers=workers)

    def lists(batches):
        return [tuple(block.tolist() for block in batch) for batch in batches]

    before = loader()
    assert lists(islice(before, used)) == whole[:used]
    state = pickle.loads(pickle.dumps(before.state_dict()))
    after = loader()
    after.load_state_dict(state)
    assert lists(after) == whole[used:]


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("persistent", [True, False])
def test_a_position_that_was_loaded_counts_for_one_iteration(workers, persistent):
    w = bs.windows(TOKENS, 7)
    first, second = (native(w, 5, seed=3, epoch=epoch) for epoch in (0, 1))
    data = dataset(w, 5, seed=3)
    state = data.state_dict(20)
    loader = DataLoader(
        data, batch_size=None, num_workers=workers, persistent_workers=persistent and workers > 0
    )

    def read():
        torch.manual_seed(1)  # Which makes iterations alike for workers that do not persist.
        return [tuple(block.tolist() for block in batch) for batch in loader]

    data.load_state_dict(state)
    assert len(data) == len(first) - 20
    assert read() == first[20:]
    assert len(data) == len(first)
    assert read() == read() == first
    assert data.state_dict(2)["position"] == 10
    data.load_state_dict(state)
    assert data.state_dict(0) == state
    data.set_epoch(0)
    assert read() == first
    data.set_epoch(1)
    assert read() == second
    data.load_state_dict(state)
    assert read() == first[20:]
    assert data.state_dict(2)["position"] == 110
    assert read() == first


def test_a_position_is_that_of_all_workers_or_of_none():
    w = bs.windows(TOKENS, 7)
    whole = native(w, 5)
    data = dataset(w, 5)
    data.load_state_dict(data.state_dict(20))
    assert [loaded(data, num_workers=workers) for workers in (1, 2, 0)] == [whole[20:], whole, whole]


def test_all_ranks_end_an_epoch_in_the_same_state():
    w = bs.windows(np.arange(29, dtype="uint16"), 4)
    for drop_last, position in ((False, 7), (True, 6)):
        for rank in range(2):
            data = dataset(w, 3, rank=rank, world_size=2, drop_last=drop_last)
            assert len(list(islice(data, 1))) == 1
            assert data.state_dict()["position"] == 6
            list(data)
            assert data.state_dict()["position"] == position


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("order", [{"seed": 2**64 - 1}, {"shuffle": False}, {"block_size": 20}])
def test_the_order_of_a_state_is_that_of_later_epochs_too(order, workers):
    w = bs.windows(TOKENS, 7)
    data = dataset(w, 5, seed=3)
    data.load_state_dict(dataset(w, 5, **order).state_dict(4))
    loader = DataLoader(data, batch_size=None, num_workers=workers, persistent_workers=workers > 0)
    for epoch, used in ((0, 4), (2**64 - 1, 0)):
        if epoch:
            data.set_epoch(epoch)
        read = [tuple(block.tolist() for block in batch) for batch in loader]
        assert read == native(w, 5, epoch=epoch, **order)[used:]


def test_mixtures_and_packs_are_datasets_too():
    w = bs.windows(TOKENS, 7)
    mixed = bs.mix([w, bs.windows(TOKENS[::-1].copy(), 7)], [0.7, 0.3])
    assert loaded(dataset(mixed, 5, seed=1), num_workers=2) == native(mixed, 5, seed=1)
    inputs, targets = next(iter(DataLoader(map_dataset(mixed), batch_size=3)))
    assert np.array_equal(inputs, mixed.gather([0, 1, 2])[0])
    assert np.array_equal(targets, mixed.gather([0, 1, 2])[1])
    packs = bs.pack(bs.Ragged(TOKENS.astype("uint32"), np.arange(0, 1_004, 17)), 40)
    assert loaded(dataset(packs, 4, seed=1), num_workers=2) == native(packs, 4, seed=1)
    loss = torch.nn.functional.cross_entropy
    inputs, targets, *_ = next(iter(dataset(packs, 4)))
    assert loss(torch.zeros(inputs.numel(), 50_257), targets.view(-1)).item() == pytest.approx(np.log(50_257))


def test_datasets_are_copied_and_pickled():
    w = bs.windows(TOKENS, 7)
    data = dataset(w, 5, seed=4, dtype="int32")
    data.load_state_dict(data.state_dict(3))
    for other in (pickle.loads(pickle.dumps(data)), copy.deepcopy(data)):
        assert loaded(other) == native(w, 5, seed=4)[3:]
    assert loaded(data) == native(w, 5, seed=4)[3:]
    assert next(iter(data))[0].dtype == torch.int32


def test_bad_arguments_are_errors():
    w = bs.windows(TOKENS, 7)
    with pytest.raises(ValueError, match="batch_size: 0 windows are no batch"):
        dataset(w, 0)
    with pytest.raises(ValueError, match="rank: 3 is out of range"):
        dataset(w, 1, rank=3, world_size=2)
    with pytest.raises(ValueError, match="state: is of windows with max_length 7, these have 8"):
        dataset(bs.windows(TOKENS, 8, 7), 1).load_state_dict(dataset(w, 1).state_dict())


def test_what_has_no_rows_is_refused():
    windows = bs.windows(TOKENS, max_length=8)
    for rows, kind in ((TOKENS, "ndarray"), (windows.batches(2), "Batches"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"rows: expected Windows or Mix or Packs, not {kind}"):
            dataset(rows, 2)
        with pytest.raises(TypeError, match=f"windows: expected Windows or Mix, not {kind}"):
            map_dataset(rows)
    with pytest.raises(TypeError, match="not Packs"):
        map_dataset(bs.pack(bs.Ragged(TOKENS.astype("uint32"), np.arange(0, 1_004, 17)), 40))


def test_a_number_that_is_refused_changes_nothing():
    w = bs.windows(TOKENS, 7)
    data = dataset(w, 5)
    for epoch in (-1, 2**64):
        with pytest.raises(ValueError, match=f"epoch: {epoch} is out of range"):
            data.set_epoch(epoch)
    with pytest.raises(TypeError, match="epoch: expected an integer, not float"):
        data.set_epoch(1.7)
    with pytest.raises(ValueError, match="batches: -5 is out of range, expected 0 or more"):
        data.state_dict(-5)
    with pytest.raises(TypeError, match="batches: expected an integer, not str"):
        data.state_dict("5")
    assert loaded(data) == native(w, 5)


def test_the_interface_of_transformers_gives_tensors():
    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer(["hello world", "a"], padding=True, return_tensors="pt").to("cpu")
    assert batch.input_ids.dtype == torch.int64
    assert batch.input_ids.tolist() == [[31373, 995], [64, 50256]]
    assert batch.attention_mask.tolist() == [[1, 1], [1, 0]]
    assert tokenizer.decode(batch.input_ids[0]) == "hello world"
    assert tokenizer.batch_decode(batch.input_ids, skip_special_tokens=True) == ["hello world", "a"]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("is_over", [True, False])
def test_after_the_end_of_an_epoch_the_next_one_is_whole(workers, is_over):
    """Also if the loader brings the state into use behind `set_epoch`."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    windows = bs.windows(np.arange(1003, dtype="uint16"), 7)

    def loader(dataset, **options):
        return stateful(dataset, batch_size=None, **options)

    def starts(batches):
        return [int(inputs[0, 0]) for inputs, _ in batches]

    expected = {}
    for epoch in range(3):
        plain = dataset(windows, 5, seed=3)
        plain.set_epoch(epoch)
        expected[epoch] = starts(plain)
    first = dataset(windows, 5, seed=3)
    first.set_epoch(0)
    used = loader(first, num_workers=workers)
    batches = iter(used)
    assert starts(next(batches) for _ in expected[0]) == expected[0]
    if is_over:
        assert next(batches, None) is None
    state = used.state_dict()
    # The seed is the state's.
    second = dataset(windows, 5, seed=4)
    resumed = loader(second, num_workers=workers)
    resumed.load_state_dict(state)
    for epoch in (1, 2):
        second.set_epoch(epoch)
        assert starts(resumed) == expected[epoch]


def test_a_batch_size_of_numpy_is_an_integer():
    windows = bs.windows(np.arange(5001, dtype="uint16"), 5)
    batches = dataset(windows, np.uint8(5))
    for _ in zip(range(60), batches, strict=False):
        pass
    state = batches.state_dict()
    assert state["position"] == 300
    assert all(type(value) in (int, str, bool) for value in state.values())
