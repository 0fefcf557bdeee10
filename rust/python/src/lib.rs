//! The bindings `bytestride._core`: arguments, the GIL, errors and arrays, and nothing else.
#![allow(clippy::doc_markdown, reason = "the comments of what Python sees are Python's docstrings")]

mod counts;
mod errors;
mod ragged;
mod stream;
mod text;
mod tokenizer;
mod train;
mod watch;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::counts::{WordCounts, count_words};
    #[pymodule_export]
    use crate::ragged::Ragged;
    #[pymodule_export]
    use crate::stream::StreamDecoder;
    #[pymodule_export]
    use crate::tokenizer::Tokenizer;
    #[pymodule_export]
    use crate::train::{_learn, train};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
