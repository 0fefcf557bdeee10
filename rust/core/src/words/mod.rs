//! A tokenizer of whole words: the step that teaches what a tokenizer is.
//!
//! The way is split → vocabulary → ids: [`split`] cuts text into words and punctuation marks, [`Words`] collects the
//! distinct ones, and [`WordTokenizer`] numbers them. Everything it does not know becomes one token, `[UNK]`; to see
//! why that will not do, and what to do instead, go on with [`merge`](crate::merge).

mod file;
mod split;
mod tokenizer;
mod vocabulary;

pub use split::split;
pub use tokenizer::{UNKNOWN, WordTokenizer};
pub use vocabulary::Words;
