//! Text as it comes in: which files, how they hold documents, and runs of documents read at once.
//!
//! [`expand_inputs`] turns what a user names into files, [`read_batches`] reads those on a thread of its own and
//! hands out [`Batch`]es, whose sizes bound the memory however long a file or a document is.

mod batch;
mod documents;
mod file_options;
mod format;
mod gather;
mod globs;
mod gzip;
mod inputs;
mod json;
mod portions;
mod read;
mod spare;
mod stream;
mod tables;
mod text_file;

pub use batch::{Batch, BatchEvent, InputEnd, Piece, Position};
pub use file_options::{FileOptions, OnError};
pub use format::Format;
pub use inputs::{Input, TEXT_SUFFIXES, expand_inputs, total_bytes};
pub use portions::{Part, Portion, Portions};
pub use read::{Batches, ReadOptions, read_batches};
pub use spare::Spare;
pub use tables::{TableEvent, TableReader};
pub use text_file::TextFile;
