//! Looks up ids of tokens by their texts.
//!
//! A vocabulary is read in order and then looked up for the parts of each merge: three look-ups for each, all of which
//! wait for memory, and take most of the time that a file takes. So a slot here holds no text, only half a hash and the
//! number of an entry, and is prefetched. The hash has a seed of its own in every table, as the texts come from
//! outside; a text that is found is compared whole.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::memory::table::prefetch;
use crate::tokenizer_json::Vocab;

/// A vocabulary that is looked up by text. Of equal texts the last counts.
pub(super) struct Names<'v> {
    entries: &'v [(Cow<'v, str>, u32)],
    /// Open-addressed: the upper half of a hash, and 1 + the number of the entry; 0 is free. At most half are taken.
    slots: Vec<u64>,
    seed: u64,
    count: usize,
}

impl<'v> Names<'v> {
    pub(super) fn new(vocab: &'v Vocab<'v>) -> Self {
        let entries = &*vocab.0;
        let slots = vec![0; (entries.len() * 2 + 2).next_power_of_two()];
        let mut names = Self { entries, slots, seed: RandomState::new().hash_one(0), count: 0 };
        for (number, (text, _)) in (1..).zip(entries) {
            let hash = names.hash(text);
            let place = names.find(text, hash).unwrap_or_else(|free| {
                names.count += 1;
                free
            });
            names.slots[place] = hash & !u64::from(u32::MAX) | number;
        }
        names
    }

    /// How many texts there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The id of a text.
    pub(super) fn id_of(&self, text: &str) -> Option<u32> {
        self.entry_of(text, self.hash(text)).map(|(_, id)| *id)
    }

    /// Prefetches the slot of a text, and returns the hash that [`answer`](Self::answer) needs.
    pub(super) fn ask(&self, text: &str) -> u64 {
        let hash = self.hash(text);
        prefetch(&raw const self.slots[self.first_place(hash)]);
        hash
    }

    /// The id of a text that was asked for, and the number of its entry.
    pub(super) fn answer(&self, text: &str, hash: u64) -> Option<(usize, u32)> {
        let place = self.find(text, hash).ok()?;
        let number = self.slots[place] as u32 as usize - 1;
        Some((number, self.entries[number].1))
    }

    /// The id of the entry of this number, if it is that of the last entry with this text, which is given in two parts.
    pub(super) fn id_at(&self, number: usize, parts: [&str; 2]) -> Option<u32> {
        let (text, id) = self.entries.get(number)?;
        let is_whole = text.strip_prefix(parts[0]) == Some(parts[1]);
        // If any text comes twice, only the table knows which entry counts.
        (is_whole && self.count == self.entries.len()).then_some(*id)
    }

    fn entry_of(&self, text: &str, hash: u64) -> Option<&(Cow<'v, str>, u32)> {
        self.find(text, hash).ok().map(|place| &self.entries[self.slots[place] as u32 as usize - 1])
    }

    fn hash(&self, text: &str) -> u64 {
        xxh3_64_with_seed(text.as_bytes(), self.seed)
    }

    fn first_place(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    /// The place of a text, or the free one where it would be.
    fn find(&self, text: &str, hash: u64) -> Result<usize, usize> {
        let mut place = self.first_place(hash);
        loop {
            let slot = self.slots[place];
            if slot == 0 {
                return Err(place);
            }
            if slot >> 32 == hash >> 32 && self.entries[slot as u32 as usize - 1].0 == text {
                return Ok(place);
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_and_of_equal_ones_the_last() {
        let texts = (0..5000_u32).map(|id| (Cow::Owned(format!("t{}", id % 4999)), id));
        let vocab = Vocab(texts.collect());
        let names = Names::new(&vocab);
        assert_eq!((names.count(), names.id_of("t0"), names.id_of("t4998")), (4999, Some(4999), Some(4998)));
        assert_eq!((names.id_of("t4999"), names.id_of("")), (None, None));
        assert_eq!(names.answer("t7", names.ask("t7")), Some((7, 7)));
        // Where a text comes twice, no entry is trusted.
        assert_eq!(names.id_at(7, ["t", "7"]), None);
        let distinct = Vocab(vec![(Cow::Borrowed("ab"), 3), (Cow::Borrowed("abc"), 1)]);
        let names = Names::new(&distinct);
        assert_eq!((names.id_at(1, ["ab", "c"]), names.id_at(0, ["ab", "c"])), (Some(1), None));
        assert_eq!((names.id_at(1, ["ab", ""]), names.id_at(2, ["", ""])), (None, None));
    }
}
