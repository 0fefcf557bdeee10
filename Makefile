# Needs Rust (https://rustup.rs) and Python 3.11 or later; all else goes into .venv and target.
# Each step leaves a stamp behind and runs again only when what it is made from has changed.

PYTHON ?= python3
CORPUS ?=
OUT    ?= demo
BENCH  ?=
STRINGS ?= 1000000
FUZZ   ?=
FUZZ_SECONDS ?= 60

VENV := $(abspath .venv)
UV_VERSION := 0.13.9
export VIRTUAL_ENV := $(VENV)
export PATH := $(VENV)/bin:$(PATH)
# One interpreter for every build, so that cargo does not compile the bindings anew for each.
export PYO3_PYTHON := $(VENV)/bin/python

RUST_SOURCES := $(shell find rust -name '*.rs' -o -name '*.toml') Cargo.toml Cargo.lock pyproject.toml

TEXT := .py .rst .txt
# The default corpus: the files and folders of this Python's own library that hold text, without installed packages.
define STANDARD_LIBRARY
import pathlib, sysconfig
for path in sorted(pathlib.Path(sysconfig.get_path("stdlib")).iterdir()):
    texts = [path] if path.is_file() else path.rglob("*.*")
    if path.name != "site-packages" and any(text.suffix in "$(TEXT)".split() for text in texts):
        print(path)
endef
export STANDARD_LIBRARY

.DEFAULT_GOAL := help
.PHONY: help build demo test test-rust test-arm test-python test-slow test-torch parity fuzz fuzz-encode lint format bench bench-encode
.PHONY: test-integrations bench-corpus bench-train bench-windows bench-micro docs clean

help: ## Show this list
	@echo "Usage: make TARGET [NAME=value]"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(VENV)/.built ## Build the package into .venv

demo: build ## Text to tokenizer to windows: CORPUS="files, folders" (Python's own library), OUT=folder (demo)
	@bytestride prepare $(or $(CORPUS),$$(python -c "$$STANDARD_LIBRARY") $(addprefix --suffix=,$(TEXT))) \
		--eos "<|endoftext|>" --out "$(OUT)" --force

test: lint test-rust test-python docs ## Run everything: Rust and Python tests, lints, type and stub checks, documentation

test-rust: $(VENV)/.synced ## Run the Rust tests
	cargo test --locked --quiet

# Linker, compiler and emulator of Debian's packages gcc-aarch64-linux-gnu and qemu-user.
ARM := aarch64-unknown-linux-gnu
test-arm: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER := aarch64-linux-gnu-gcc
test-arm: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER := qemu-aarch64 -L /usr/aarch64-linux-gnu
test-arm: export CC_aarch64_unknown_linux_gnu := aarch64-linux-gnu-gcc
test-arm: export CARGO_PROFILE_RELEASE_LTO := off
test-arm: ## Run the Rust tests for 64-bit ARM, emulated: needs a cross compiler and qemu
	rustup target add $(ARM)
	cargo test --locked --quiet --release --target $(ARM) -- --skip a_full_disk  # it starts itself, not emulated

test-python: build $(VENV)/.peers ## Run the Python tests
	python -m pytest --quiet

test-slow: build $(VENV)/.peers ## Run the tests that take minutes
	CARGO_PROFILE_RELEASE_LTO=off cargo test --locked --quiet --release -- --ignored
	python -m pytest --quiet -m slow

fuzz-encode: build $(VENV)/.peers ## Compare ids on made-up texts: STRINGS=number per pattern, FUZZ="more options"
	python tests/fuzz_encode.py --strings $(STRINGS) $(FUZZ)

fuzz: build $(VENV)/.peers ## Read damaged files; compare made-up tokenizers, expressions, ids, decoding: FUZZ_SECONDS=of the processor for each (60)
	python tests/fuzz_files.py --seconds $(FUZZ_SECONDS)
	RUST_BACKTRACE=0 python tests/fuzz_parts.py --seconds $(FUZZ_SECONDS)
	python tests/fuzz_expressions.py --seconds $(FUZZ_SECONDS)
	python tests/fuzz_encode.py --seconds $(FUZZ_SECONDS) --seed $$(date +%s)

parity: build $(VENV)/.peers ## Compare ids, offsets and decoded texts with other libraries: CORPUS, BENCH, as bench does
	PYTHONPATH=tests python benches/parity.py $(CORPUS) $(BENCH)

test-torch: build ## Run the tests with PyTorch, which is large and so no part of the others
	uv sync --quiet --locked --inexact --no-install-project --group torch
	python -m pytest --quiet integrations/test_torch.py

test-integrations: build $(VENV)/.peers ## Run the tests with JAX, Grain and Hugging Face's datasets, likewise large
	uv sync --quiet --locked --inexact --no-install-project --group integrations
	python -m pytest --quiet integrations/test_others.py

lint: build $(VENV)/.peers ## Check formatting, lints, types and stubs
	cargo fmt --all --check
	cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	ruff check
	ruff format --check
	mypy
	python -m mypy.stubtest bytestride._core

format: $(VENV)/.synced ## Format all sources
	cargo fmt --all
	ruff check --fix-only --quiet
	ruff format

bench: build $(VENV)/.peers ## Compare with other libraries: CORPUS="files", BENCH="more options" (try --help)
	python benches/compare.py $(CORPUS) $(BENCH)

bench-encode: build $(VENV)/.peers ## Measure encoding from every side, as bench does: CORPUS, BENCH
	cargo bench --locked --quiet --package bytestride-core --bench limit --no-run
	python benches/encode.py $(CORPUS) $(BENCH)

bench-corpus: build $(VENV)/.peers ## Measure text files to token files, and as they grow: CORPUS, BENCH, as bench does
	python benches/corpus_files.py $(CORPUS) $(BENCH)

bench-train: build $(VENV)/.peers ## Measure training: peers, patterns, growth: CORPUS, BENCH, as bench does
	python benches/train.py $(CORPUS) $(BENCH)

bench-windows: build ## Measure batches of windows beside numpy's and, after test-torch, PyTorch's: BENCH
	python benches/windowing.py $(BENCH)

bench-micro: build $(VENV)/.peers ## Time single operations, from Python and in the core
	python -m pytest benches --benchmark-enable --benchmark-only --benchmark-columns=min,median,iqr,rounds
	cargo bench --locked --package bytestride-core

docs: build ## Build the documentation into target/site, without network
	uv sync --quiet --locked --inexact --no-install-project --group docs
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

clean: ## Remove all that was built
	rm -rf .venv target demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find python -name '_core*.so' -delete -o -name '_core*.pyd' -delete

# -- the environment -----------------------------------------------------------------------------------------

$(VENV)/.uv: Makefile
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.synced: $(VENV)/.uv pyproject.toml uv.lock
	uv sync --quiet --locked --inexact --no-install-project
	@touch $@

# The libraries that tests and benches compare with.
$(VENV)/.peers: $(VENV)/.synced
	uv sync --quiet --locked --inexact --no-install-project --group peers
	@touch $@

$(VENV)/.built: $(VENV)/.synced $(RUST_SOURCES)
	maturin develop --quiet --release --uv
	@touch $@
