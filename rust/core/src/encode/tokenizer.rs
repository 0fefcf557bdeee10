//! A byte-level BPE tokenizer.

use crate::Result;
use crate::encode::Ragged;
use crate::split::Splitter;

/// A byte-level BPE tokenizer: immutable, shared between threads by reference.
#[derive(Debug)]
pub struct Tokenizer {
    splitter: Splitter,
}

impl Tokenizer {
    /// Cuts text into pretokens.
    pub fn splitter(&self) -> &Splitter {
        &self.splitter
    }

    /// The largest id that this tokenizer gives.
    pub fn max_id(&self) -> u32 {
        todo!()
    }

    /// A hexadecimal hash of all that decides about ids: vocabulary, merges, pattern, special tokens.
    pub fn fingerprint(&self) -> &str {
        todo!()
    }

    /// The id of a special token by its text.
    pub fn special_id(&self, _text: &str) -> Option<u32> {
        todo!()
    }

    /// The ids of `texts`, with special tokens treated as text; long texts are cut up so that all threads work.
    pub fn encode_texts(&self, _texts: &[&[u8]], _threads: usize) -> Result<Ragged> {
        todo!()
    }
}
