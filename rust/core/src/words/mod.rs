//! A tokenizer of whole words, the simplest one, to learn what a tokenizer is.
//!
//! The way is split → vocabulary → ids: [`split`] cuts text into words and punctuation marks, [`Words`] collects the
//! distinct ones, and [`WordTokenizer`] numbers them. Every unknown word becomes one token, `[UNK]`, which loses the
//! word; [`merge`](crate::merge) shows what to do instead.

mod file;
mod split;
mod tokenizer;
mod vocabulary;

pub use split::split;
pub use tokenizer::{UNKNOWN, WordTokenizer};
pub use vocabulary::Words;
