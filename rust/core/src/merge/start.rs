//! The tokens of each word before the first merge: its bytes, or the tokens that a tokenizer makes of it.

use std::ops::Range;

use crate::bytes::bytes_of_text;
use crate::count::WordCounts;
use crate::encode::{BYTE_OF_ID, ID_OF_BYTE, Ragged, Tokenizer};
use crate::merge::MergeOptions;
use crate::{Error, Result};

/// The tokens to start from.
pub(super) enum Start<'t> {
    /// The 256 bytes, each a token.
    Bytes(Learned),
    /// The tokens of a tokenizer.
    Tokens(Known<'t>),
}

/// The tokens that are learned.
pub(super) struct Learned {
    /// The bytes of those learned so far, whose ids follow those of the start; kept only where they are needed.
    tokens: Vec<Vec<u8>>,
    /// The bytes that none of them may have: files would take such a token for a special one.
    reserved: Vec<Vec<u8>>,
}

impl Learned {
    fn none_of(special_tokens: &[String]) -> Self {
        let reserved = special_tokens.iter().filter_map(|name| bytes_of_text(name).ok()).collect();
        Self { tokens: Vec::new(), reserved }
    }
}

/// The tokens of a tokenizer, and those that are learned on top of them.
pub(super) struct Known<'t> {
    tokenizer: &'t Tokenizer,
    /// The tokens of each word.
    words: Ragged,
    learned: Learned,
}

impl<'t> Start<'t> {
    /// A start with the 256 bytes as tokens.
    pub(super) fn from_bytes(options: &MergeOptions) -> Self {
        Self::Bytes(Learned::none_of(&options.special_tokens))
    }

    /// A start with the tokens that `tokenizer` makes of the words of `counts`.
    pub(super) fn from_tokenizer(
        tokenizer: &'t Tokenizer,
        counts: &WordCounts,
        options: &MergeOptions,
    ) -> Result<Self> {
        if tokenizer.splitter().pattern() != counts.pattern() {
            let (theirs, own) = (counts.pattern(), tokenizer.splitter().pattern());
            let message = format!("were counted with {theirs}, but the tokenizer splits with {own}");
            return Err(Error::argument("counts", message));
        }
        let words: Vec<&[u8]> = counts.iter().map(|(word, _)| word).collect();
        let words = tokenizer.for_pretokens()?.encode_texts(&words, options.threads)?;
        Ok(Self::Tokens(Known { tokenizer, words, learned: Learned::none_of(&options.special_tokens) }))
    }

    /// How many ids there are.
    pub(super) fn tokens(&self) -> usize {
        match self {
            Self::Bytes(_) => 256,
            Self::Tokens(known) => known.tokenizer.max_id() as usize + 1,
        }
    }

    /// The bytes of each token by id; empty for ids that are not tokens.
    pub(super) fn spelled(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.tokens() as u32).map(|id| match self {
            Self::Bytes(_) => std::slice::from_ref(&BYTE_OF_ID[id as usize]),
            Self::Tokens(known) => known.tokenizer.bytes_of(id).unwrap_or_default(),
        })
    }

    /// How many cells the tokens of some words take, with one more after each word.
    pub(super) fn cells(&self, counts: &WordCounts, words: Range<usize>) -> usize {
        let tokens = match self {
            Self::Bytes(_) => counts.bytes_of(words.clone()),
            Self::Tokens(known) => {
                (known.words.offsets[words.end] - known.words.offsets[words.start]) as usize
            }
        };
        tokens + words.len()
    }

    /// Replaces `tokens` by those of `word`, which is word `number` of the counts.
    pub(super) fn tokens_of(&self, number: usize, word: &[u8], tokens: &mut Vec<u32>) {
        tokens.clear();
        match self {
            Self::Bytes(_) => {
                tokens.extend(word.iter().map(|&byte| u32::from(ID_OF_BYTE[usize::from(byte)])));
            }
            Self::Tokens(known) => {
                let [start, end] = [number, number + 1].map(|at| known.words.offsets[at] as usize);
                tokens.extend_from_slice(&known.words.ids[start..end]);
            }
        }
    }

    /// Forgets the tokens of the words, once they are not needed any more.
    pub(super) fn forget_words(&mut self) {
        if let Self::Tokens(known) = self {
            known.words = Ragged { ids: Vec::new().into(), offsets: Vec::new() };
        }
    }

    /// Notes the token that a pair makes, unless there is such a token already, or it is reserved; returns whether it
    /// did.
    ///
    /// An existing token that a pair spells is a special token, or one that its own bytes do not merge to: see the head
    /// of [`merge`](super).
    pub(super) fn add(&mut self, left: u32, right: u32) -> bool {
        if matches!(self, Self::Bytes(learned) if learned.reserved.is_empty()) {
            return true;
        }
        let token = [self.bytes_of(left), self.bytes_of(right)].concat();
        let (learned, is_known) = match self {
            Self::Bytes(learned) => (learned, false),
            Self::Tokens(Known { tokenizer, learned, .. }) => {
                let is_special =
                    str::from_utf8(&token).is_ok_and(|name| tokenizer.special_id(name).is_some());
                (learned, is_special || tokenizer.id_of(&token).is_some())
            }
        };
        let is_new = !is_known && !learned.reserved.contains(&token);
        if is_new {
            learned.tokens.push(token);
        }
        is_new
    }

    fn bytes_of(&self, id: u32) -> &[u8] {
        let first = self.tokens() as u32;
        match self {
            Self::Bytes(learned) | Self::Tokens(Known { learned, .. }) if id >= first => {
                &learned.tokens[(id - first) as usize]
            }
            Self::Bytes(_) => std::slice::from_ref(&BYTE_OF_ID[id as usize]),
            Self::Tokens(known) => known.tokenizer.bytes_of(id).expect("pairs are made of tokens"),
        }
    }
}
