//! A tokenizer, what it knows of its tokens, and its fingerprint.

use std::sync::OnceLock;

use xxhash_rust::xxh3::Xxh3;

use super::bpe::merges::Merge;
use super::encoder::{Encoder, WholePretokens};
use super::pipeline::{Outside, Pipeline};
use super::vocabulary::Vocabulary;
use super::vocabulary::end_ids::EndIds;
use super::vocabulary::special::{Manner, Specials};
use crate::memory::reuse::get_or_compute;
use crate::split::{Pattern, Splitter};
use crate::{Error, Result};

/// How many bytes of a tokenizer are hashed at once.
const HASHED_AT_ONCE: usize = 16 << 10;

/// A byte-level BPE tokenizer: immutable, shared between threads by reference.
#[derive(Debug)]
pub struct Tokenizer {
    pub(super) encoder: Encoder,
    pub(super) specials: Specials,
    pub(super) manners: Vec<(u32, Manner)>,
    pub(super) pipeline: Pipeline,
    /// The vocabulary as users see it, if it is one of characters.
    pub(super) outside: Option<Outside>,
    /// Where text may be cut before it is encoded.
    pub(super) cutter: Splitter,
    pub(super) bos: EndIds,
    pub(super) eos: EndIds,
    pub(super) token_count: usize,
    pub(super) fingerprint: OnceLock<String>,
}

impl Tokenizer {
    /// The pattern that cuts text; an error if anything but that and merges is between a text and its ids.
    pub fn plain_pattern(&self) -> Result<&Pattern> {
        if !self.pipeline.is_plain() {
            let parts: Vec<_> = self.pipeline.before_split().collect();
            let message =
                format!("it has {}; expected one that only splits and merges", parts.join(", and "));
            return Err(Error::argument("tokenizer", message));
        }
        Ok(self.splitter().pattern())
    }

    /// Cuts text into pretokens.
    pub fn splitter(&self) -> &Splitter {
        &self.encoder.splitter
    }

    /// The splitter that knows where a text may be cut so that its parts can be encoded on their own: the tokenizer's,
    /// or one that never cuts, if more than a split and merges of bytes happens to a text, or it may hold tokens
    /// without the mark of being special.
    pub fn cutter(&self) -> &Splitter {
        &self.cutter
    }

    /// The tokens with the ids that users see.
    pub(super) fn tokens(&self) -> &Vocabulary {
        self.outside.as_ref().map_or(&self.encoder.vocabulary, |outside| &outside.vocabulary)
    }

    /// How many tokens there are: bytes, merges and special tokens.
    pub fn vocab_size(&self) -> usize {
        self.token_count
    }

    /// The largest id that this tokenizer gives.
    pub fn max_id(&self) -> u32 {
        (self.tokens().id_bound() as u32).saturating_sub(1)
    }

    /// The largest id that text may become where names of special tokens are text.
    pub fn max_id_in_text(&self) -> u32 {
        let may_come = |&(id, token): &(u32, &[u8])| self.is_ordinary(id, token) || !self.is_marked(id);
        self.tokens().iter().filter(may_come).map(|(id, _)| id).max().unwrap_or(0)
    }

    /// Ids and bytes of all tokens by id; special tokens have the bytes of their names.
    pub fn vocabulary(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.tokens().iter()
    }

    /// Names and ids of the special tokens.
    pub fn special_tokens(&self) -> &[(String, u32)] {
        self.specials.tokens()
    }

    /// The merges in the order of their ranks.
    pub fn merges(&self) -> &[Merge] {
        match &self.outside {
            Some(outside) => &outside.merges,
            None => self.encoder.merges(),
        }
    }

    /// The id of a special token by its text.
    pub fn special_id(&self, text: &str) -> Option<u32> {
        self.specials.id_of(text)
    }

    /// The id of a special token by its text; an error that names those there are.
    pub fn require_special(&self, text: &str) -> Result<u32> {
        self.specials.require(text)
    }

    /// The ids that begin a text by the tokenizer's own rule.
    pub fn bos(&self) -> &EndIds {
        &self.bos
    }

    /// The ids that end a text by the tokenizer's own rule.
    pub fn eos(&self) -> &EndIds {
        &self.eos
    }

    /// Whether `id` is a special token.
    pub fn is_special(&self, id: u32) -> bool {
        self.specials.contains(id)
    }

    /// Whether text becomes the token with this id and these bytes by merging.
    fn is_ordinary(&self, id: u32, token: &[u8]) -> bool {
        !self.is_special(id) || self.tokens().id_of(token) == Some(id)
    }

    /// The id of the token with these bytes; a special token has those of its name.
    pub fn id_of(&self, token: &[u8]) -> Option<u32> {
        let special = || std::str::from_utf8(token).ok().and_then(|name| self.special_id(name));
        self.tokens().id_of(token).or_else(special)
    }

    /// Whether `id` is a special token with the mark of being special, and not just an added one.
    pub fn is_marked(&self, id: u32) -> bool {
        self.is_special(id) && !self.specials.manner(id).unmarked
    }

    /// How a special token is looked for in a text.
    pub(super) fn manner(&self, id: u32) -> Manner {
        self.specials.manner(id)
    }

    /// The bytes of token `id`; a special token has those of its name.
    pub fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        self.tokens().bytes_of(id)
    }

    /// A hexadecimal hash of all that decides about ids: vocabulary, merges, pattern, special tokens. 128 bits of XXH3,
    /// which distinguishes versions of a tokenizer but is not proof against forgery.
    pub fn fingerprint(&self) -> &str {
        get_or_compute::<String>(&self.fingerprint, || {
            let mut hash = Xxh3::new();
            // Hashing a few bytes takes longer than copying them to others.
            let mut waiting = Vec::with_capacity(2 * HASHED_AT_ONCE);
            let mut add = |bytes: &[u8]| {
                waiting.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                waiting.extend_from_slice(bytes);
                if waiting.len() >= HASHED_AT_ONCE {
                    hash.update(&waiting);
                    waiting.clear();
                }
            };
            add(self.splitter().pattern().expressions().join(&Pattern::THEN.to_string()).as_bytes());
            add(&[u8::from(self.encoder.whole_pretokens == WholePretokens::Take)]);
            for (id, token) in self.tokens().iter() {
                add(&id.to_le_bytes());
                add(token);
            }
            for merge in self.merges() {
                add(&(u64::from(merge.right) << 32 | u64::from(merge.left)).to_le_bytes());
            }
            for (_, id) in self.special_tokens() {
                add(&id.to_le_bytes());
            }
            for end in [&self.bos, &self.eos] {
                let ids = if end.is_empty() { &[u32::MAX] } else { end.as_slice() };
                add(&ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>());
            }
            self.pipeline.written.for_each(&mut add);
            for (id, manner) in self.manners.iter().filter(|(_, manner)| *manner != Manner::default()) {
                add(format!("{id} {manner:?}").as_bytes());
            }
            hash.update(&waiting);
            format!("{:032x}", hash.digest128())
        })
    }
}
