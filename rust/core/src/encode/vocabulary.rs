//! Token ids ↔ the bytes they stand for.

use xxhash_rust::xxh3::xxh3_64;

use super::cache::{Extent, KEY_BYTES, Key, NO_KEY, key_of};
use super::filter::Filter;
use super::table::{Table, prefetch};
use super::tokens::Tokens;

/// The largest id that a vocabulary may hold. Memory grows with the largest id, not with the number of tokens, so a
/// file cannot ask for more than this bound is worth (64 MiB); published vocabularies end below 300,000. Ids of 24
/// bits also leave room beside them where ids are packed.
pub(super) const MAX_ID: u32 = (1 << 24) - 1;

/// What stands for no id.
pub(super) const NO_ID: u32 = u32::MAX;

/// Which bytes each id stands for, and the other way round. Ids may leave gaps.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// All tokens' bytes, by id.
    bytes: Vec<u8>,
    /// Token `id` is `bytes[starts[id]..starts[id + 1]]`; nothing there means that there is no such token.
    starts: Vec<u32>,
    /// The length of the longest ordinary token.
    longest: usize,
    /// The hashes of all ordinary tokens.
    filter: Filter,
    /// The ordinary tokens of at most [`SLOT_BYTES`] bytes.
    short: Table<Bucket>,
    /// The longer ones, open-addressed by hash: its upper half, and 1 + the id; 0 is a free slot.
    long: Table<u64>,
}

/// A short token, bytes and all, in one number, so that a look-up touches one cache line: the bytes in the lowest 96
/// bits, the id in 24, the length in 4; 0 is a free slot. In the four published rank files 93 to 97 % of the tokens are
/// that short.
type Slot = u128;

/// Two slots that share a hash.
type Bucket = [Slot; 2];

/// The longest token that has a slot.
const SLOT_BYTES: usize = 12;

/// What a slot has in common with the key of its token.
const SAME: u128 = (0xF << 120) | ((1 << 96) - 1);
const ID_SHIFT: u32 = 96;

/// In the first slot of a bucket: that a token for which it had no room stands in the next one.
const GOES_ON: u128 = 1 << 127;

/// A look-up on its way: what decides it is being fetched into near memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    key: Key,
    place: u32,
    /// The answer if no slot gives another.
    otherwise: u32,
}

impl Default for Asked {
    /// A look-up that finds nothing.
    #[inline(always)]
    fn default() -> Self {
        Self { key: NO_KEY, place: 0, otherwise: NO_ID }
    }
}

/// Why a vocabulary cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VocabularyError {
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
    /// From tokens in any order. Special tokens have an id and bytes too, but are not found by those.
    pub(super) fn new(ordinary: &Tokens, special: &[(String, u32)]) -> Result<Self, VocabularyError> {
        let special: Vec<_> = special.iter().map(|(name, id)| (*id, name.as_bytes())).collect();
        let (bytes, starts) = by_id(ordinary, &special)?;
        let slots = ordinary.iter().filter(|(_, token)| token.len() <= SLOT_BYTES).count();
        let others = ordinary.len() - slots;
        let mut vocabulary = Self {
            bytes,
            starts,
            longest: ordinary.iter().map(|(_, token)| token.len()).max().unwrap_or(0),
            filter: Filter::new(ordinary.len()),
            short: Table::new(slots.next_power_of_two()),
            long: Table::new((others * 2 + 2).next_power_of_two()),
        };
        for (id, token) in ordinary.iter() {
            vocabulary.insert(id, token)?;
        }
        for &(id, token) in &special {
            if let Some(other) = vocabulary.id_of(token) {
                return Err(VocabularyError::DuplicateToken(other, id));
            }
        }
        Ok(vocabulary)
    }

    fn insert(&mut self, id: u32, token: &[u8]) -> Result<(), VocabularyError> {
        self.filter.insert(hash_of(token, 0, token.len()));
        let other = if token.len() <= SLOT_BYTES {
            self.insert_short(id, key_of(token, 0, token.len(), Extent::Pretoken))
        } else {
            self.insert_long(id, token)
        };
        match other {
            Some(other) => Err(VocabularyError::DuplicateToken(other, id)),
            None => Ok(()),
        }
    }

    /// Enters a token, or tells which other one has the same bytes.
    fn insert_short(&mut self, id: u32, key: Key) -> Option<u32> {
        let buckets = self.short.entries_mut();
        let mut place = home(hash_of_key(key), buckets.len());
        loop {
            let bucket = &mut buckets[place];
            for slot in &mut *bucket {
                if *slot & !GOES_ON == 0 {
                    *slot |= key | u128::from(id) << ID_SHIFT;
                    return None;
                }
                if (*slot ^ key) & SAME == 0 {
                    return Some(id_in(*slot));
                }
            }
            bucket[0] |= GOES_ON;
            place = (place + 1) & (buckets.len() - 1);
        }
    }

    fn insert_long(&mut self, id: u32, token: &[u8]) -> Option<u32> {
        match self.find_long(token) {
            Ok(other) => Some(other),
            Err((free, tag)) => {
                self.long.entries_mut()[free] = tag << 32 | u64::from(id + 1);
                None
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

    /// What looks up tokens by their bytes.
    #[inline(always)]
    pub(super) fn finder(&self) -> Finder<'_> {
        Finder { vocabulary: self, buckets: self.short.entries() }
    }

    /// The id of the ordinary token with these bytes.
    pub(super) fn id_of(&self, token: &[u8]) -> Option<u32> {
        let finder = self.finder();
        Some(finder.answer(finder.ask(token, 0, token.len()))).filter(|&id| id != NO_ID)
    }

    /// The bytes of token `id`.
    pub(super) fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        let (start, end) = (*self.starts.get(id as usize)?, *self.starts.get(id as usize + 1)?);
        (start < end).then(|| &self.bytes[start as usize..end as usize])
    }

    /// One past the largest id.
    pub(super) fn id_bound(&self) -> usize {
        self.starts.len() - 1
    }

    /// All ids and their bytes, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..self.id_bound() as u32).filter_map(|id| Some((id, self.bytes_of(id)?)))
    }
}

/// A vocabulary at work: look-ups in two steps, so that several can wait for memory at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finder<'v> {
    vocabulary: &'v Vocabulary,
    buckets: &'v [Bucket],
}

impl Finder<'_> {
    /// Begins to look up `text[start..end]`.
    #[inline(always)]
    pub(super) fn ask(&self, text: &[u8], start: usize, end: usize) -> Asked {
        let length = end - start;
        if length > SLOT_BYTES {
            return self.ask_long(text, start, end);
        }
        let key = key_of(text, start, length, Extent::Pretoken);
        let hash = hash_of_key(key);
        // Chosen without a branch: a stranger's place is the first bucket, which is always near.
        let known = self.vocabulary.filter.may_hold(hash);
        let place = if known { home(hash, self.buckets.len()) } else { 0 };
        let key = if known { key } else { NO_KEY };
        prefetch(&self.buckets[place]);
        Asked { key, place: place as u32, otherwise: NO_ID }
    }

    /// Looks up what has no slot; nearly all of it is strange to the filter.
    #[inline(never)]
    fn ask_long(&self, text: &[u8], start: usize, end: usize) -> Asked {
        if end - start > self.vocabulary.longest
            || !self.vocabulary.filter.may_hold(hash_of(text, start, end))
        {
            return Asked::default();
        }
        Asked { otherwise: self.vocabulary.find_long(&text[start..end]).unwrap_or(NO_ID), ..Asked::default() }
    }

    /// The id of the ordinary token that was asked for, or [`NO_ID`].
    #[inline(always)]
    pub(super) fn answer(&self, asked: Asked) -> u32 {
        let mut place = asked.place as usize;
        loop {
            let bucket = &self.buckets[place];
            // Chosen without a branch, since there is no telling which of the two it is.
            let slot = bucket[usize::from((bucket[1] ^ asked.key) & SAME == 0)];
            let found = (slot ^ asked.key) & SAME == 0;
            if found || bucket[0] & GOES_ON == 0 {
                return if found { id_in(slot) } else { asked.otherwise };
            }
            place = (place + 1) & (self.buckets.len() - 1);
        }
    }
}

/// The bytes of all tokens by id, and where those of each id start.
fn by_id(ordinary: &Tokens, special: &[(u32, &[u8])]) -> Result<(Vec<u8>, Vec<u32>), VocabularyError> {
    let mut tokens = Vec::with_capacity(ordinary.len() + special.len());
    tokens.extend(ordinary.iter().chain(special.iter().copied()));
    // In files tokens come by id, special ones last; that takes one look to see.
    if !tokens.is_sorted_by_key(|&(id, _)| id) {
        tokens.sort_unstable_by_key(|&(id, _)| id);
    }
    let mut bytes =
        Vec::with_capacity(ordinary.byte_count() + special.iter().map(|(_, name)| name.len()).sum::<usize>());
    let mut starts = Vec::with_capacity(tokens.len() + 1);
    for &(id, token) in &tokens {
        if id > MAX_ID {
            return Err(VocabularyError::TooLargeId(id));
        }
        if token.is_empty() {
            return Err(VocabularyError::Empty(id));
        }
        if starts.len() > id as usize {
            return Err(VocabularyError::DuplicateId(id));
        }
        let start = u32::try_from(bytes.len()).map_err(|_| VocabularyError::TooManyBytes)?;
        starts.resize(id as usize + 1, start);
        bytes.extend_from_slice(token);
    }
    starts.push(u32::try_from(bytes.len()).map_err(|_| VocabularyError::TooManyBytes)?);
    Ok((bytes, starts))
}

/// The bucket where a token of this hash would be. The filter looks at the lowest and the uppermost bits.
#[inline(always)]
fn home(hash: u64, buckets: usize) -> usize {
    (hash >> 12) as usize & (buckets - 1)
}

#[inline(always)]
fn id_in(slot: Slot) -> u32 {
    (slot >> ID_SHIFT) as u32 & MAX_ID
}

/// A key spread over all 64 bits.
#[inline(always)]
fn hash_of_key(key: Key) -> u64 {
    // One multiplication of both halves; either constant keeps a half of zeros from hiding the other.
    let low = key as u64 ^ 0x9E37_79B9_7F4A_7C15;
    let high = (key >> 64) as u64 ^ 0xD6E8_FEB8_6659_FD93;
    let product = u128::from(low) * u128::from(high);
    (product >> 64) as u64 ^ product as u64
}

/// The hash by which the filter knows `text[start..end]`. Of what is too long for a key it sees the two ends and the
/// length: a filter that passes too much is slow, not wrong.
#[inline(always)]
fn hash_of(text: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    if length <= KEY_BYTES {
        return hash_of_key(key_of(text, start, length, Extent::Pretoken));
    }
    let ends = [start, end - KEY_BYTES].map(|at| hash_of_key(key_of(text, at, KEY_BYTES, Extent::Piece)));
    (ends[0] ^ ends[1].rotate_left(31) ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(ordinary: &[(u32, &[u8])], special: &[(&str, u32)]) -> Result<Vocabulary, VocabularyError> {
        let special: Vec<_> = special.iter().map(|&(name, id)| (name.to_owned(), id)).collect();
        Vocabulary::new(&ordinary.iter().copied().collect(), &special)
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
        let vocabulary = Vocabulary::new(&tokens, &[]).expect("good tokens");
        for (id, token) in tokens.iter() {
            assert_eq!(vocabulary.id_of(token), Some(id));
            let text = [b"x", token, b"x"].concat();
            assert_eq!(vocabulary.finder().answer(vocabulary.finder().ask(&text, 1, 1 + token.len())), id);
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
