//! Text → token ids, and back.

pub mod bytes;

mod ragged;
mod tokenizer;

pub use ragged::Ragged;
pub use tokenizer::Tokenizer;
