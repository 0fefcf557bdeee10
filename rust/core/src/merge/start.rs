//! What there is before the first merge: the bytes of each word, or the tokens that a tokenizer makes of it.

use std::ops::Range;

use crate::count::WordCounts;
use crate::encode::{BYTE_OF_ID, ID_OF_BYTE, Ragged, Tokenizer};
use crate::{Error, Result};

/// The tokens to start from.
pub(super) enum Start<'t> {
    /// The 256 bytes, each a token.
    Bytes,
    /// Those of a tokenizer.
    Tokens(Known<'t>),
}

/// The tokens of a tokenizer, and those that are learned besides.
pub(super) struct Known<'t> {
    tokenizer: &'t Tokenizer,
    /// The tokens of each word.
    words: Ragged,
    /// Bytes of the tokens learned so far, whose ids follow on the tokenizer's.
    learned: Vec<Vec<u8>>,
}

impl<'t> Start<'t> {
    /// The tokens that `tokenizer` makes of the words.
    pub(super) fn from_tokenizer(
        tokenizer: &'t Tokenizer,
        counts: &WordCounts,
        threads: usize,
    ) -> Result<Self> {
        if tokenizer.splitter().pattern() != counts.pattern() {
            let (theirs, own) = (counts.pattern(), tokenizer.splitter().pattern());
            let message = format!("were counted with {theirs}, but the tokenizer splits with {own}");
            return Err(Error::argument("counts", message));
        }
        let words: Vec<&[u8]> = counts.iter().map(|(word, _)| word).collect();
        let words = tokenizer.for_pretokens()?.encode_texts(&words, threads)?;
        Ok(Self::Tokens(Known { tokenizer, words, learned: Vec::new() }))
    }

    /// How many ids there are.
    pub(super) fn tokens(&self) -> usize {
        match self {
            Self::Bytes => 256,
            Self::Tokens(known) => known.tokenizer.max_id() as usize + 1,
        }
    }

    /// The bytes of each token by id; none for ids that are no tokens.
    pub(super) fn spelled(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.tokens() as u32).map(|id| match self {
            Self::Bytes => std::slice::from_ref(&BYTE_OF_ID[id as usize]),
            Self::Tokens(known) => known.tokenizer.bytes_of(id).unwrap_or_default(),
        })
    }

    /// How many cells it takes for the tokens of some words, and one behind each.
    pub(super) fn cells(&self, counts: &WordCounts, words: Range<usize>) -> usize {
        let tokens = match self {
            Self::Bytes => counts.bytes_of(words.clone()),
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
            Self::Bytes => tokens.extend(word.iter().map(|&byte| u32::from(ID_OF_BYTE[usize::from(byte)]))),
            Self::Tokens(known) => {
                let [start, end] = [number, number + 1].map(|at| known.words.offsets[at] as usize);
                tokens.extend_from_slice(&known.words.ids[start..end]);
            }
        }
    }

    /// Forgets the words, once nobody will ask for their tokens any more.
    pub(super) fn forget_words(&mut self) {
        if let Self::Tokens(known) = self {
            known.words = Ragged { ids: Vec::new().into(), offsets: Vec::new() };
        }
    }

    /// Takes note of the token that a pair makes, unless there is such a token; tells whether it did.
    ///
    /// But for special tokens, only one that its own bytes do not merge to can be met so: see the head of
    /// [`merge`](super).
    pub(super) fn add(&mut self, left: u32, right: u32) -> bool {
        let Self::Tokens(known) = self else { return true };
        let token = [known.bytes_of(left), known.bytes_of(right)].concat();
        let is_special = str::from_utf8(&token).is_ok_and(|name| known.tokenizer.special_id(name).is_some());
        let is_new = known.tokenizer.id_of(&token).is_none() && !is_special;
        if is_new {
            known.learned.push(token);
        }
        is_new
    }
}

impl Known<'_> {
    fn bytes_of(&self, id: u32) -> &[u8] {
        let first = self.tokenizer.max_id() + 1;
        match id.checked_sub(first) {
            Some(number) => &self.learned[number as usize],
            None => self.tokenizer.bytes_of(id).expect("pairs are made of tokens"),
        }
    }
}
