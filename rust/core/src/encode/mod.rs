//! Text → token ids, and back.
//!
//! A [`Tokenizer`] divides a text by its special tokens; its encoder splits what is between into pretokens, finds each
//! in a [`cache`] of what it encoded lately, [merges](bpe) the bytes of those that are not there, and writes [`ids`] to
//! where they stay. The [`vocabulary`] has what tokens stand for, [`decode`] makes text of ids again. What else may
//! happen to a text, such as normalizing, is in [`pipeline`], and vocabularies of [`characters`] stand on the same
//! machinery. [`files`] reads and writes tokenizers in the formats of other programs.

mod batch;
mod bpe;
pub(crate) mod cache;
mod characters;
mod decode;
mod definition;
mod documents;
mod encoder;
pub mod files;
mod ids;
mod parts;
mod pipeline;
#[cfg(test)]
mod tests;
mod tokenizer;
mod vocabulary;

pub use crate::bytes::{BYTE_OF_ID, ID_OF_BYTE};
pub use batch::LEAST_PARALLEL_BYTES;
pub use bpe::merges::Merge;
pub use bpe::ranks::Merges;
pub use characters::Unknown;
pub use characters::affixes::Affixes;
pub use decode::decoders::{Decoder, Pieces};
pub use decode::trims::Trim;
pub use decode::{Spans, StreamDecoder, char_spans};
pub use definition::Definition;
pub use documents::DocumentOptions;
pub use encoder::WholePretokens;
pub use ids::id_buffer::IdBuffer;
pub use ids::ragged::Ragged;
pub use ids::room::IdArray;
pub use parts::{EncodeOptions, Kept, Span};
pub use pipeline::{Pipeline, Written};
pub use tokenizer::Tokenizer;
pub use vocabulary::end_ids::EndIds;
pub use vocabulary::special::{Manner, SpecialPolicy};
pub use vocabulary::tokens::Tokens;
