//! The core of bytestride: raw text in, training-ready token windows out.
//!
//! The folders follow the data: [`text`] reads documents, [`normalize`] changes them if a tokenizer wants that,
//! [`split`] and [`pretokenize`] cut them into pretokens, [`count`] counts those and [`merge`] learns a vocabulary from
//! the counts, [`encode`] turns text into token ids and back, [`store`] keeps the ids in memory-mapped files, and
//! [`windows`] hands them out as strided views. [`words`] is apart from these: a tokenizer that knows whole words only.
//!
//! Everything here is pure Rust and knows nothing of Python.

pub mod count;
pub mod encode;
pub mod merge;
pub mod normalize;
pub mod pretokenize;
pub mod split;
pub mod store;
pub mod text;
mod tokenizer_json;
pub mod windows;
pub mod words;

mod bytes;
mod error;
mod keys;
mod memory;
mod monitor;
mod parallel;
mod processor;
mod utf8;
mod whole_file;

pub use error::{Error, Place, Result};
pub use memory::Reuse;
pub use monitor::{Monitor, Phase};
pub use parallel::{available_threads, map_in_order};
