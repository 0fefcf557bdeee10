//! Text → token ids, and back.

mod ragged;
mod tokenizer;

pub use ragged::Ragged;
pub use tokenizer::Tokenizer;
