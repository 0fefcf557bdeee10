//! Text → token ids, and back.
//!
//! A [`Tokenizer`] splits text into pretokens, finds each in a cache of what it encoded lately, and merges the bytes
//! of those that are not there. [`files`] reads and writes tokenizers as others know them.

mod batch;
mod bpe;
mod bytes;
mod cache;
mod cuts;
mod decode;
mod encoder;
pub mod files;
mod filter;
mod ids;
pub(crate) mod keys;
mod lockstep;
mod merges;
mod misses;
mod ragged;
mod ranks;
mod slots;
mod special;
mod stitch;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod tokenizer;
mod tokens;
mod vocabulary;

pub use batch::LEAST_PARALLEL_BYTES;
pub use bytes::{BYTE_OF_ID, ID_OF_BYTE};
pub use decode::{StreamDecoder, char_spans};
pub use encoder::WholePretokens;
pub use merges::Merge;
pub use ragged::Ragged;
pub use ranks::Merges;
pub use special::SpecialPolicy;
pub use tokenizer::{Definition, EncodeOptions, Tokenizer};
pub use tokens::Tokens;
