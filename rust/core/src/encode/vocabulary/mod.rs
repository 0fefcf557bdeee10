//! Maps token ids to the bytes they stand for, and back.

pub(crate) mod end_ids;
pub(crate) mod special;
pub(crate) mod tokens;

use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::encode::bpe::slots::{self, Asked, KIND_SHIFT, Key, MAX_NUMBER, NO_KEY, NONE, Slots, spread};
use crate::memory::table::Table;
use tokens::Tokens;

/// The largest id that a vocabulary may hold. Memory grows with the largest id, not with the number of tokens, so a
/// file cannot ask for more than this bound is worth (64 MiB); published vocabularies end below 300,000. Ids of 24
/// bits also leave room beside them where ids are packed.
pub(crate) const MAX_ID: u32 = MAX_NUMBER;

/// The number that stands for no id.
pub(crate) const NO_ID: u32 = NONE;

/// Which bytes each id stands for, and the other way round. Ids may leave gaps.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// All tokens' bytes, by id.
    bytes: Vec<u8>,
    /// Token `id` is `bytes[starts[id]..starts[id + 1]]`; nothing there means that there is no such token.
    starts: Vec<u32>,
    /// The length of the longest token.
    longest: usize,
    /// The ids of the special tokens, in ascending order.
    special: Vec<u32>,
    /// The ordinary tokens of at most [`SLOT_BYTES`] bytes; the filter knows the longer ones, too.
    short: Slots,
    /// The longer ones, open-addressed by hash: its upper half, and 1 + the id; 0 is a free slot.
    long: Table<u64>,
}

/// The longest token that has a slot. In the published rank files 93 to 97 % of the tokens do.
const SLOT_BYTES: usize = 12;

/// For each length of a token: the mask of its bytes in a key, and the length as the kind of the key.
const SLOT_KEYS: [(Key, u64); SLOT_BYTES + 1] = {
    let mut keys = [([0; 2], NO_KEY[1]); SLOT_BYTES + 1];
    let mut length = 1;
    while length <= SLOT_BYTES {
        let bits = u128::MAX >> (128 - 8 * length);
        keys[length] = ([bits as u64, (bits >> 64) as u64], (length as u64) << KIND_SHIFT);
        length += 1;
    }
    keys
};

/// Why a vocabulary cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VocabularyError {
    #[error("token {0} is empty")]
    Empty(u32),
    #[error("two tokens have id {0}")]
    DuplicateId(u32),
    #[error("ids {0} and {1} are the same token")]
    DuplicateToken(u32, u32),
    #[error("id {0} is too large; the largest possible is {MAX_ID}")]
    TooLargeId(u32),
    #[error("the tokens have more than 4 GiB of bytes")]
    TooManyBytes,
}

impl Vocabulary {
    /// The vocabulary of tokens in any order. Special tokens have an id and bytes too, but are not found by those,
    /// which may be another token's.
    pub(crate) fn new(ordinary: Tokens, special: &[(String, u32)]) -> Result<Self, VocabularyError> {
        let mut tokens = ordinary;
        for (name, id) in special {
            tokens.push(*id, name.as_bytes());
        }
        let mut special: Vec<u32> = special.iter().map(|&(_, id)| id).collect();
        special.sort_unstable();
        let (bytes, lengths) = tokens.by_id().into_parts();
        let starts = starts(&lengths)?;
        let is_long = |&&(_, length): &&(u32, u32)| length as usize > SLOT_BYTES;
        let others = lengths.iter().filter(is_long).count();
        let mut vocabulary = Self {
            bytes,
            starts,
            longest: lengths.iter().map(|&(_, length)| length as usize).max().unwrap_or(0),
            special,
            short: Slots::new(lengths.len() - others, others),
            long: Table::new((others * 2 + 2).next_power_of_two()),
        };
        drop(lengths);
        vocabulary.enter()?;
        Ok(vocabulary)
    }

    /// Enters all tokens but the special ones into the tables.
    fn enter(&mut self) -> Result<(), VocabularyError> {
        let mut short = std::mem::replace(&mut self.short, Slots::new(0, 0));
        let slots = self.ordinary(0..u32::MAX).filter(|(_, token)| token.len() <= SLOT_BYTES);
        short
            .insert_all(slots.map(|(id, token)| (slot_key(token, 0, token.len()), id)))
            .map_err(|(other, id)| VocabularyError::DuplicateToken(other, id))?;
        let long = self.ordinary(0..u32::MAX).filter(|(_, token)| token.len() > SLOT_BYTES);
        let long: Vec<u32> = long.map(|(id, _)| id).collect();
        self.short = short;
        long.into_iter().try_for_each(|id| self.insert_long(id))
    }

    fn insert_long(&mut self, id: u32) -> Result<(), VocabularyError> {
        let token = self.bytes_of(id).unwrap_or_default();
        match self.find_long(token) {
            Ok(other) => Err(VocabularyError::DuplicateToken(other, id)),
            Err((free, tag)) => {
                let hash = hash_of_ends(token, 0, token.len());
                self.short.let_pass(hash);
                self.long.entries_mut()[free] = tag << 32 | u64::from(id + 1);
                Ok(())
            }
        }
    }

    /// The id of a token longer than [`SLOT_BYTES`], or the free slot where it would stand, and its tag.
    fn find_long(&self, token: &[u8]) -> Result<u32, (usize, u64)> {
        let hash = xxh3_64(token);
        let (slots, tag) = (self.long.entries(), hash >> 32);
        let mut place = hash as usize & (slots.len() - 1);
        loop {
            let slot = slots[place];
            if slot == 0 {
                return Err((place, tag));
            }
            let id = slot as u32 - 1;
            if slot >> 32 == tag && self.bytes_of(id) == Some(token) {
                return Ok(id);
            }
            place = (place + 1) & (slots.len() - 1);
        }
    }

    /// The view that looks up tokens by their bytes.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        View { vocabulary: self, short: self.short.view() }
    }

    /// The id of the ordinary token with these bytes.
    pub(crate) fn id_of(&self, token: &[u8]) -> Option<u32> {
        Some(self.view().find(token, 0, token.len())).filter(|&id| id != NO_ID)
    }

    /// The bytes of token `id`.
    pub(crate) fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        let (start, end) = (*self.starts.get(id as usize)?, *self.starts.get(id as usize + 1)?);
        (start < end).then(|| &self.bytes[start as usize..end as usize])
    }

    /// One past the largest id.
    pub(crate) fn id_bound(&self) -> usize {
        self.starts.len() - 1
    }

    /// A hash of the tokens with the ids below `count`, if those are that many and none of them is a special one.
    pub(crate) fn hash_of_first(&self, count: usize) -> Option<u128> {
        let starts = self.starts.get(..=count)?;
        let are_ordinary = self.special.first().is_none_or(|&id| id as usize >= count);
        if !are_ordinary || !starts.is_sorted_by(|one, next| one < next) {
            return None;
        }
        let mut hash = Xxh3Default::new();
        hash.update(bytemuck::cast_slice(starts));
        hash.update(&self.bytes[..starts[count] as usize]);
        Some(hash.digest128())
    }

    /// All ids and their bytes, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..self.id_bound() as u32).filter_map(|id| Some((id, self.bytes_of(id)?)))
    }

    /// The tokens that are not special, by id.
    pub(crate) fn to_ordinary(&self) -> Tokens {
        let mut tokens = Tokens::with_capacity(self.id_bound(), self.bytes.len());
        self.ordinary(0..u32::MAX).for_each(|(id, token)| tokens.push(id, token));
        tokens
    }

    /// The tokens with `ids` that are not special, and their bytes, by id.
    pub(crate) fn ordinary(&self, ids: Range<u32>) -> impl Iterator<Item = (u32, &[u8])> {
        let ids = ids.start..ids.end.min(self.id_bound() as u32);
        let mut special = &self.special[self.special.partition_point(|&id| id < ids.start)..];
        ids.filter_map(move |id| match special {
            [first, rest @ ..] if *first == id => {
                special = rest;
                None
            }
            _ => Some((id, self.bytes_of(id)?)),
        })
    }
}

/// A vocabulary at work: look-ups in two steps, so that several can wait for memory at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'v> {
    vocabulary: &'v Vocabulary,
    short: slots::View<'v>,
}

impl View<'_> {
    /// Begins to look up `text[start..end]`, or finds its id, or [`NO_ID`], at once.
    /// Of no bytes the answer may be anything.
    #[inline(always)]
    pub(crate) fn ask(self, text: &[u8], start: usize, end: usize) -> Result<Asked, u32> {
        let length = end - start;
        if length > SLOT_BYTES {
            return Err(self.find_long(text, start, end));
        }
        Ok(self.short.ask(slot_key(text, start, length)))
    }

    /// Like [`ask`](Self::ask), for the first `length` bytes of token `id`, and for those after them.
    #[inline]
    pub(crate) fn ask_parts(self, id: u32, length: usize) -> [Result<Asked, u32>; 2] {
        let Vocabulary { bytes, starts, .. } = self.vocabulary;
        let [start, end] = [id as usize, id as usize + 1].map(|id| starts[id] as usize);
        [self.ask(bytes, start, start + length), self.ask(bytes, start + length, end)]
    }

    /// Looks up what is too long for a slot; the filter rejects nearly all of it.
    #[inline(never)]
    fn find_long(self, text: &[u8], start: usize, end: usize) -> u32 {
        if end - start > self.vocabulary.longest || !self.short.passes(hash_of_ends(text, start, end)) {
            return NO_ID;
        }
        self.vocabulary.find_long(&text[start..end]).unwrap_or(NO_ID)
    }

    /// The id of the ordinary token `text[start..end]`, or [`NO_ID`].
    #[inline(always)]
    fn find(self, text: &[u8], start: usize, end: usize) -> u32 {
        self.ask(text, start, end).map_or_else(|id| id, |asked| self.answer(asked))
    }

    /// The id of the ordinary token that was asked for, or [`NO_ID`].
    #[inline(always)]
    pub(crate) fn answer(self, asked: Asked) -> u32 {
        self.short.answer(asked)
    }
}

/// Where the bytes of each id start, from ids in ascending order and lengths; and where the last ones end.
fn starts(lengths: &[(u32, u32)]) -> Result<Vec<u32>, VocabularyError> {
    let mut starts = Vec::with_capacity(lengths.len() + 1);
    let mut start = 0_u32;
    for &(id, length) in lengths {
        if id > MAX_ID {
            return Err(VocabularyError::TooLargeId(id));
        }
        if length == 0 {
            return Err(VocabularyError::Empty(id));
        }
        if starts.len() > id as usize {
            return Err(VocabularyError::DuplicateId(id));
        }
        starts.resize(id as usize + 1, start);
        start = start.checked_add(length).ok_or(VocabularyError::TooManyBytes)?;
    }
    starts.push(start);
    Ok(starts)
}

/// The key of the `length` ≤ [`SLOT_BYTES`] bytes of `text` from `start` on.
#[inline(always)]
fn slot_key(text: &[u8], start: usize, length: usize) -> Key {
    let (mask, length_bits) = SLOT_KEYS[length];
    let [low, high] = match text[start..].first_chunk::<16>() {
        Some(bytes) => bytemuck::cast(*bytes),
        None => last_bytes(&text[start..]),
    };
    [u64::from_le(low) & mask[0], u64::from_le(high) & mask[1] | length_bits]
}

/// The bytes as little-endian numbers, where there are fewer than sixteen.
#[cold]
fn last_bytes(text: &[u8]) -> [u64; 2] {
    let mut bytes = [0; 16];
    bytes[..text.len()].copy_from_slice(text);
    bytemuck::cast(bytes)
}

/// The hash by which the filter knows `text[start..end]` if that has no slot. It sees only the two ends and the length:
/// a filter that passes too much is slow, not wrong.
#[inline(always)]
fn hash_of_ends(text: &[u8], start: usize, end: usize) -> u64 {
    let ends = [start, end - SLOT_BYTES].map(|at| spread(slot_key(text, at, SLOT_BYTES)));
    (ends[0] ^ ends[1].rotate_left(31) ^ (end - start) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(ordinary: &[(u32, &[u8])], special: &[(&str, u32)]) -> Result<Vocabulary, VocabularyError> {
        let special: Vec<_> = special.iter().map(|&(name, id)| (name.to_owned(), id)).collect();
        Vocabulary::new(ordinary.iter().copied().collect(), &special)
    }

    #[test]
    fn tokens_are_found_both_ways_and_gaps_are_gaps() {
        let vocabulary = vocabulary(&[(7, b"the"), (2, b"a")], &[(" the", 3)]).expect("good tokens");
        assert_eq!((vocabulary.id_of(b"the"), vocabulary.bytes_of(7)), (Some(7), Some(&b"the"[..])));
        assert_eq!((vocabulary.id_of(b" the"), vocabulary.bytes_of(3)), (None, Some(&b" the"[..])));
        assert_eq!(
            (vocabulary.id_of(b"th"), vocabulary.bytes_of(4), vocabulary.bytes_of(8)),
            (None, None, None)
        );
        assert_eq!(vocabulary.iter().map(|(id, _)| id).collect::<Vec<_>>(), [2, 3, 7]);
        let ordinary = |ids| vocabulary.ordinary(ids).map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!((ordinary(0..9), ordinary(3..8), ordinary(4..7)), (vec![2, 7], vec![7], vec![]));
        assert_eq!(vocabulary.id_bound(), 8);
    }

    #[test]
    fn tokens_of_every_length_are_found_wherever_they_stand() {
        let letters = |id: u32, length: usize| -> Vec<u8> {
            let mut letters: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
            letters[length / 2] = id as u8;
            letters[length - 1] ^= (id >> 8) as u8;
            letters
        };
        let tokens: Tokens = (0..20_000).map(|id| (id, letters(id, 3 + id as usize % 60))).collect();
        let vocabulary = Vocabulary::new(tokens.clone(), &[]).expect("good tokens");
        for (id, token) in tokens.iter() {
            assert_eq!(vocabulary.id_of(token), Some(id));
            let text = [b"x", token, b"x"].concat();
            assert_eq!(vocabulary.view().find(&text, 1, 1 + token.len()), id);
            assert_eq!(vocabulary.id_of(&text), None);
        }
    }

    #[test]
    fn bad_tokens_are_named() {
        let error = |tokens: Vec<(u32, &[u8])>| vocabulary(&tokens, &[]).expect_err("bad tokens");
        assert_eq!(error(vec![(0, b"a"), (0, b"b")]), VocabularyError::DuplicateId(0));
        assert_eq!(error(vec![(0, b"a"), (1, b"a")]), VocabularyError::DuplicateToken(0, 1));
        let long = b"longer than a slot";
        assert_eq!(error(vec![(0, long), (1, long)]), VocabularyError::DuplicateToken(0, 1));
        assert_eq!(error(vec![(1, b"")]), VocabularyError::Empty(1));
        assert_eq!(error(vec![(1 << 24, b"a")]), VocabularyError::TooLargeId(1 << 24));
    }
}
