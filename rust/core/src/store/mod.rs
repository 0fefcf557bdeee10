//! Token ids in memory-mapped files.
//!
//! A store of the prefix `corpus` is three files: `corpus.bin`, the ids of all documents one after another as raw
//! little-endian integers; `corpus.idx`, Megatron's index of where each document starts; and `corpus.json`, a
//! manifest of what the others hold; `corpus.tokenizer.json` beside them is the tokenizer. [`encode_files`] makes one
//! from text, [`StoreWriter`] from ids, [`merge_stores`] from others, and [`TokenStore`] opens it. nanoGPT reads the
//! first file as it is and Megatron the first two.

#[cfg(target_endian = "big")]
compile_error!("token files are little-endian and mapped as they are: big-endian machines are not supported");

mod budget;
mod checksum;
mod count_files;
mod document_writer;
mod dtype;
mod encode_files;
mod encoded;
mod export;
mod foreign;
mod index;
mod journal;
mod manifest;
mod merge;
mod pipeline;
mod reserve;
mod shard;
mod shard_set;
mod share;
mod token_store;
mod whole_job;
mod write_back;
mod writer;

pub use budget::Budget;
pub use count_files::{InputCount, count_files};
pub use dtype::{Dtype, Tokens};
pub use encode_files::{EncodeOptions, Resume, encode_files};
pub use export::ExportFormat;
pub use manifest::{Checksums, Manifest, Source};
pub use merge::merge_stores;
pub use share::Share;
pub use token_store::TokenStore;
pub use whole_job::WholeJob;
pub use writer::{StoreFacts, StoreWriter};

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What makes a store, as its files name it.
const CREATOR: &str = concat!("bytestride ", env!("CARGO_PKG_VERSION"));

/// What the name of the tokenizer's file ends with.
const TOKENIZER_SUFFIX: &str = ".tokenizer.json";

/// `prefix` with `suffix` after it; unlike in `with_extension`, dots in the prefix are part of the name.
fn with_suffix(prefix: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(suffix);
    name.into()
}

/// The folder in which the files of `prefix` lie.
fn folder_of(prefix: &Path) -> &Path {
    prefix.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
