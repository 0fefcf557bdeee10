//! Token ids ↔ the bytes they stand for.

use xxhash_rust::xxh3::xxh3_64;

use super::keys::{Extent, KEY_BYTES, hash_of as hash_of_key, key_of};
use super::table::Table;

/// The largest id that a vocabulary may hold. Memory grows with the largest id, not with the number of tokens, so a
/// file cannot ask for more than this bound is worth (64 MiB); published vocabularies end below 300,000. Ids of 24
/// bits also leave room beside them where ids are packed.
pub(super) const MAX_ID: u32 = (1 << 24) - 1;

/// Which bytes each id stands for, and the other way round. Ids may leave gaps.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// All tokens' bytes, by id.
    bytes: Vec<u8>,
    /// Token `id` is `bytes[starts[id]..starts[id + 1]]`; nothing there means that there is no such token.
    starts: Vec<u32>,
    /// Open-addressed, by hash: its upper half, and 1 + the id; 0 is a free slot.
    slots: Table<u64>,
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
    /// From `(id, bytes)` in any order. Special tokens have an id and bytes too, but are not found by those.
    pub(super) fn new(ordinary: &[(u32, &[u8])], special: &[(u32, &[u8])]) -> Result<Self, VocabularyError> {
        let mut tokens = [ordinary, special].concat();
        tokens.sort_unstable_by_key(|&(id, _)| id);
        let mut bytes = Vec::with_capacity(tokens.iter().map(|(_, token)| token.len()).sum());
        let mut starts = Vec::new();
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
        let slots = Table::new((ordinary.len() * 2 + 2).next_power_of_two());
        let mut vocabulary = Self { bytes, starts, slots };
        for &(id, token) in ordinary {
            vocabulary.insert(id, token)?;
        }
        for &(id, token) in special {
            if let Ok(other) = vocabulary.find(token) {
                return Err(VocabularyError::DuplicateToken(other, id));
            }
        }
        Ok(vocabulary)
    }

    fn insert(&mut self, id: u32, token: &[u8]) -> Result<(), VocabularyError> {
        match self.find(token) {
            Ok(other) => Err(VocabularyError::DuplicateToken(other, id)),
            Err(free) => {
                self.slots.entries_mut()[free] = tag(hash_of(token)) << 32 | u64::from(id + 1);
                Ok(())
            }
        }
    }

    /// The token's id, or the free slot where it would stand.
    fn find(&self, token: &[u8]) -> Result<u32, usize> {
        let hash = hash_of(token);
        let slots = self.slots.entries();
        let mut place = hash as usize & (slots.len() - 1);
        loop {
            let slot = slots[place];
            if slot == 0 {
                return Err(place);
            }
            let id = slot as u32 - 1;
            if slot >> 32 == tag(hash) && self.is(id, token) {
                return Ok(id);
            }
            place = (place + 1) & (slots.len() - 1);
        }
    }

    /// Whether token `id`, which exists, has these bytes.
    #[inline]
    fn is(&self, id: u32, token: &[u8]) -> bool {
        let (start, end) = (self.starts[id as usize] as usize, self.starts[id as usize + 1] as usize);
        if token.len() != end - start {
            return false;
        }
        if token.len() > KEY_BYTES {
            return self.bytes[start..end] == *token;
        }
        key_of(&self.bytes, start, token.len(), Extent::Pretoken)
            == key_of(token, 0, token.len(), Extent::Pretoken)
    }

    /// The id of the ordinary token with these bytes.
    pub(super) fn id_of(&self, token: &[u8]) -> Option<u32> {
        self.find(token).ok()
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

/// The half of the hash that does not choose the slot.
fn tag(hash: u64) -> u64 {
    hash >> 32
}

/// The hash of a token's bytes, without a function call for nearly all tokens.
#[inline]
fn hash_of(token: &[u8]) -> u64 {
    if token.len() > KEY_BYTES {
        return xxh3_64(token);
    }
    hash_of_key(key_of(token, 0, token.len(), Extent::Pretoken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_both_ways_and_gaps_are_gaps() {
        let vocabulary = Vocabulary::new(&[(7, b"the"), (2, b"a")], &[(3, b" the")]).expect("good tokens");
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
    fn bad_tokens_are_named() {
        let error = |tokens: Vec<(u32, &[u8])>| Vocabulary::new(&tokens, &[]).expect_err("bad tokens");
        assert_eq!(error(vec![(0, b"a"), (0, b"b")]), VocabularyError::DuplicateId(0));
        assert_eq!(error(vec![(0, b"a"), (1, b"a")]), VocabularyError::DuplicateToken(0, 1));
        assert_eq!(error(vec![(1, b"")]), VocabularyError::Empty(1));
        assert_eq!(error(vec![(1 << 24, b"a")]), VocabularyError::TooLargeId(1 << 24));
    }
}
