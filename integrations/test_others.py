"""Windows with JAX and Grain, ids with Hugging Face's datasets: with the libraries themselves."""

import json

import datasets
import grain
import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

import bytestride as bs

TOKENS = np.random.default_rng(0).integers(0, 50_257, 1_003, dtype="uint16")


# -- Grain: windows are a random-access source as they are ---------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_windows_are_a_source_for_grain(rank):
    w = bs.windows(TOKENS, 7, 3)
    sampler = grain.samplers.IndexSampler(
        num_records=len(w),
        shuffle=True,
        seed=4,
        num_epochs=1,
        shard_options=grain.sharding.ShardOptions(shard_index=rank, shard_count=3, drop_remainder=False),
    )
    loader = grain.DataLoader(data_source=w, sampler=sampler, worker_count=0)
    read = [(inputs.tolist(), targets.tolist()) for inputs, targets in loader]
    # Grain's loader gives all ranks as many records, whatever `drop_remainder` says.
    expected = [sampler[index].record_key for index in range(rank, len(w), 3)][: len(w) // 3]
    assert read == [(w[i][0].tolist(), w[i][1].tolist()) for i in expected]


def test_grains_map_dataset_batches_and_resumes():
    w = bs.windows(TOKENS, 7)
    data = grain.MapDataset.source(w).shuffle(seed=3).to_iter_dataset().batch(8, drop_remainder=True)
    iterator = iter(data)
    first = [next(iterator) for _ in range(4)]
    assert first[0][0].shape == first[0][1].shape == (8, 7)
    state = iterator.get_state()
    rest = list(iterator)
    again = iter(data)
    again.set_state(state)
    for (x, y), (inputs, targets) in zip(again, rest, strict=True):
        assert np.array_equal(x, inputs)
        assert np.array_equal(y, targets)
    read = np.concatenate([inputs for inputs, _ in first + rest])
    assert len({tuple(row) for row in read.tolist()}) == len(w) // 8 * 8


# -- JAX -----------------------------------------------------------------------------------------------------


def test_batches_become_arrays_of_jax_and_stay_what_they_are():
    w = bs.windows(TOKENS, 64)
    kept = []
    for inputs, targets in w.batches(2, seed=1, dtype="int32"):
        kept.append((jnp.asarray(inputs), jnp.asarray(targets)))
        del inputs, targets
    expected = w.batches(2, seed=1, dtype="int32", prefetch=0)
    for (x, y), (inputs, targets) in zip(kept, expected, strict=True):
        assert x.dtype == jnp.int32
        assert np.array_equal(x, inputs)
        assert np.array_equal(y, targets)


def test_a_batch_goes_over_dlpack_without_a_copy():
    inputs, targets = bs.windows(TOKENS, 64).gather(range(8), dtype="int32")
    for block in (inputs, targets):
        array = jax.dlpack.from_dlpack(block)
        assert array.unsafe_buffer_pointer() == block.ctypes.data
        assert np.array_equal(array, block)


def test_views_of_a_store_go_over_dlpack_to_numpy_without_a_copy(tmp_path):
    TOKENS.tofile(tmp_path / "tokens.bin")
    store = bs.TokenStore.open(tmp_path / "tokens.bin", dtype="uint16")
    view = bs.windows(store, 64, 8).inputs
    again = np.from_dlpack(view)
    assert np.shares_memory(again, store.tokens)
    assert np.array_equal(again, view)
    assert not again.flags.writeable


# -- datasets ------------------------------------------------------------------------------------------------

TEXTS = ["The cat sat on the mat.", "", "On the hat.", "The cat, the cat!"] * 25


@pytest.fixture(scope="module")
def tokenizer():
    return bs.train(iter(TEXTS), 300)


def test_datasets_map_takes_flat_arrays(tokenizer):
    def encode(batch):
        return pa.table({"input_ids": tokenizer.encode_batch(batch["text"]).to_arrow()})

    data = datasets.Dataset.from_dict({"text": TEXTS}).map(encode, batched=True, batch_size=30)
    assert data.features["input_ids"].feature.dtype == "uint32"
    assert list(data["input_ids"]) == [tokenizer.encode(text).tolist() for text in TEXTS]


def test_datasets_map_hands_tables_over(tokenizer):
    def encode(table):
        ids = tokenizer.encode_batch(table["text"].to_pylist()).to_arrow()
        return pa.table({"input_ids": ids, "length": pa.array(np.diff(ids.offsets.to_numpy()))})

    data = datasets.Dataset.from_dict({"text": TEXTS}).with_format("arrow")
    data = data.map(encode, batched=True, batch_size=30, remove_columns=["text"])
    batch = bs.Ragged.from_arrow(data[:]["input_ids"])
    assert batch == tokenizer.encode_batch(TEXTS)
    w = bs.windows(batch, 4, 2, boundaries="respect")
    assert len(w) == sum(max(0, (len(tokenizer.encode(text)) - 5) // 2 + 1) for text in TEXTS)


def test_a_state_is_json():
    batches = bs.windows(TOKENS, 7).batches(3, block_size=10)
    next(batches)
    assert json.loads(json.dumps(batches.state_dict())) == batches.state_dict()
