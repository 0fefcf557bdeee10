//! The bindings `bytestride._core`: arguments, the GIL, errors and arrays, and nothing else.
#![allow(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "the comments of what Python sees are Python's docstrings"
)]
#![allow(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    reason = "PyO3 wants arguments by value, and methods that could do without self"
)]

mod arguments;
mod arrow;
mod batches;
mod blocks;
mod errors;
mod file_counts;
mod ids;
mod made;
mod memory;
mod mix;
mod named;
mod packs;
mod ragged;
mod reading;
mod sources;
mod store;
mod stream;
mod tables;
mod text;
mod tokenizer;
mod tokens;
mod train;
mod view;
mod watch;
mod windows;
mod word_counts;
mod words;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::batches::Batches;
    #[pymodule_export]
    use crate::file_counts::FileCount;
    #[pymodule_export]
    use crate::mix::{Mix, mix};
    #[pymodule_export]
    use crate::packs::{Packs, pack};
    #[pymodule_export]
    use crate::ragged::Ragged;
    #[pymodule_export]
    use crate::sources::count_words;
    #[pymodule_export]
    use crate::store::{TokenStore, merge};
    #[pymodule_export]
    use crate::stream::StreamDecoder;
    #[pymodule_export]
    use crate::tokenizer::{Tokenizer, bundled};
    #[pymodule_export]
    use crate::train::{_learn, extend, train};
    #[pymodule_export]
    use crate::windows::{Windows, windows};
    #[pymodule_export]
    use crate::word_counts::WordCounts;
    #[pymodule_export]
    use crate::words::WordTokenizer;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
