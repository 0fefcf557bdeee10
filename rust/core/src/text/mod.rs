//! Text as it comes in: runs of documents, read at once.

mod batch;

pub use batch::{Batch, Piece};
