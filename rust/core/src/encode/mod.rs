//! Text → token ids, and back.
//!
//! A [`Tokenizer`] splits text into pretokens, finds each in a cache of what it encoded lately, and merges the bytes
//! of those that are not there. [`files`] reads and writes tokenizers as others know them.

mod affixes;
mod arena;
mod batch;
mod bpe;
pub(crate) mod bytes;
mod cache;
mod characters;
mod cuts;
mod decode;
mod decoders;
mod documents;
mod emit;
mod encoder;
mod end_ids;
pub mod files;
mod filter;
mod holes;
mod id_buffer;
mod ids;
mod joins;
pub(crate) mod keys;
mod lockstep;
mod merges;
mod misses;
mod pages;
mod parted;
mod pipeline;
mod probe;
mod ragged;
mod ranks;
mod room;
mod shelf;
mod slots;
mod special;
mod stitch;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod tokenizer;
mod tokens;
mod trims;
mod vocabulary;

pub use affixes::Affixes;
pub use batch::LEAST_PARALLEL_BYTES;
pub use bytes::{BYTE_OF_ID, ID_OF_BYTE};
pub use characters::Unknown;
pub use decode::{Spans, StreamDecoder, char_spans};
pub use decoders::{Decoder, Pieces};
pub use documents::DocumentOptions;
pub use encoder::WholePretokens;
pub use end_ids::EndIds;
pub use id_buffer::IdBuffer;
pub use merges::Merge;
pub use pipeline::{Pipeline, Written};
pub use ragged::Ragged;
pub use ranks::Merges;
pub use room::IdArray;
pub use special::{Manner, SpecialPolicy};
pub use tokenizer::{Definition, EncodeOptions, Kept, Span, Tokenizer};
pub use tokens::Tokens;
pub use trims::Trim;
