//! A table from keys of 96 bits to numbers of 24, made for many look-ups that mostly find nothing.
//!
//! A filter that fits into the L2 cache rejects most keys that are not in the table. Those that pass are looked for in
//! one bucket of 32 bytes, two slots with key and number in full, so that a look-up waits for one cache line. It comes
//! in two steps, and between the two the line is fetched, while others are looked up. Slots of 8 bytes that leave out
//! what their place implies take half the memory, but more instructions to mix and compare: gpt2 then takes 214 ns a
//! miss, and 150 this way.

use std::hint::{black_box, select_unpredictable};

use super::filter::{self, Filter};
use crate::memory::table::{Table, prefetch};

/// What is looked up: 64 bits, and in the second number the 32 lowest and the four of [`KIND`].
pub(crate) type Key = [u64; 2];

/// Bits of the second half of a key that must not be all zero. No stored key may have [`NO_KEY`]'s here.
pub(crate) const KIND: u64 = 0xF << KIND_SHIFT;
pub(crate) const KIND_SHIFT: u32 = 56;

/// A key that is in no table.
pub(crate) const NO_KEY: Key = [0, 14 << KIND_SHIFT];

/// The number that stands for none.
pub(crate) const NONE: u32 = u32::MAX;

/// The largest number that a slot holds.
pub(crate) const MAX_NUMBER: u32 = (1 << 24) - 1;

/// The key with the number in bits that the key leaves free; 0 is a free slot.
type Slot = [u64; 2];

/// Two slots that share a hash.
type Bucket = [Slot; 2];

const NUMBER_SHIFT: u32 = 32;

/// What the second half of a slot has in common with that of its key.
const SAME: u64 = KIND | 0xFFFF_FFFF;

/// A bit in the first slot of a bucket: a key for which the bucket had no room stands in a later one.
const GOES_ON: u64 = 1 << 63;

#[derive(Debug)]
pub(crate) struct Slots {
    filter: Filter,
    buckets: Table<Bucket>,
}

/// A look-up on its way: the bucket that decides it is being prefetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    key: Key,
    place: u32,
    /// Whether the filter passed it.
    is_known: bool,
}

impl Asked {
    /// A look-up that finds nothing.
    pub(crate) const NOTHING: Self = Self { key: NO_KEY, place: 0, is_known: false };

    /// `false` if the answer will be [`NONE`].
    #[inline(always)]
    pub(crate) fn may_find(self) -> bool {
        self.is_known
    }
}

impl Slots {
    /// A table with room for `count` keys, and a filter that is also given `others`. Half as many buckets would make a
    /// miss 40 ns slower (o200k), because too many keys stand in the next one.
    pub(crate) fn new(count: usize, others: usize) -> Self {
        Self { filter: Filter::new(count + others), buckets: Table::new(count.next_power_of_two()) }
    }

    /// Enters keys and their numbers; fails with the number that a key already has, and with its new one.
    pub(crate) fn insert_all(
        &mut self,
        mut entries: impl Iterator<Item = (Key, u32)>,
    ) -> Result<(), (u32, u32)> {
        // The cache lines of this many keys are prefetched before the first is written (o200k loads in 18 ms, and in 24
        // without).
        const AHEAD: usize = 32;
        let mut ahead = [(NO_KEY, 0); AHEAD];
        loop {
            let mut count = 0;
            for (place, entry) in ahead.iter_mut().zip(&mut entries) {
                let buckets = self.buckets.entries();
                prefetch(&raw const buckets[home(spread(entry.0), buckets.len())]);
                *place = entry;
                count += 1;
            }
            for &(key, number) in &ahead[..count] {
                if let Some(other) = self.insert(key, number) {
                    return Err((other, number));
                }
            }
            if count < AHEAD {
                return Ok(());
            }
        }
    }

    /// Enters a key and its number, unless the key is there already: then returns the number that it has.
    pub(crate) fn insert(&mut self, key: Key, number: u32) -> Option<u32> {
        let hash = spread(key);
        self.filter.insert(hash);
        let slot = self.slot_of(key, hash);
        if is_of(slot, key) {
            return Some(number_in(slot));
        }
        slot[0] = key[0];
        slot[1] |= key[1] | u64::from(number) << NUMBER_SHIFT;
        None
    }

    /// Changes the number of a key that is there.
    pub(crate) fn change(&mut self, key: Key, number: u32) {
        let slot = self.slot_of(key, spread(key));
        slot[1] = slot[1] & !(u64::from(MAX_NUMBER) << NUMBER_SHIFT) | u64::from(number) << NUMBER_SHIFT;
    }

    /// The slot of a key, or the free one where it would stand. There are at least twice as many slots as keys.
    fn slot_of(&mut self, key: Key, hash: u64) -> &mut Slot {
        let buckets = self.buckets.entries_mut();
        let mut place = home(hash, buckets.len());
        loop {
            let bucket = &mut buckets[place];
            if let Some(at) = bucket.iter().position(|slot| is_of(slot, key) || slot[1] & SAME == 0) {
                return &mut buckets[place][at];
            }
            bucket[0][1] |= GOES_ON;
            place = (place + 1) & (buckets.len() - 1);
        }
    }

    /// Lets the filter pass a hash that is no key's.
    pub(crate) fn let_pass(&mut self, hash: u64) {
        self.filter.insert(hash);
    }

    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        View { filter: self.filter.view(), buckets: self.buckets.entries() }
    }
}

/// A table at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'s> {
    filter: filter::View<'s>,
    buckets: &'s [Bucket],
}

impl View<'_> {
    /// Whether the filter passes a hash.
    #[inline(always)]
    pub(crate) fn passes(self, hash: u64) -> bool {
        self.filter.may_hold(hash)
    }

    /// Begins to look a key up.
    #[inline(always)]
    pub(crate) fn ask(self, key: Key) -> Asked {
        let hash = spread(key);
        // A key that the filter rejects is looked for in the first bucket, which is always in the cache, and not found.
        let is_known = self.filter.may_hold(hash);
        let place = select_unpredictable(is_known, home(hash, self.buckets.len()), 0);
        prefetch(&raw const self.buckets[place]);
        Asked { key, place: place as u32, is_known }
    }

    /// The number of the key that was asked for, or [`NONE`].
    #[inline(always)]
    pub(crate) fn answer(self, asked: Asked) -> u32 {
        let mut place = asked.place as usize;
        loop {
            let [first, second] = &self.buckets[place];
            let (is_first, is_second) = (is_of(first, asked.key), is_of(second, asked.key));
            let number = number_in(select_unpredictable(is_second, second, first));
            let is_found = is_first | is_second;
            // Both as one branch, which nearly always goes the same way. Compilers like to make two branches of it, the
            // first of which does not, and waits for memory before it is known (gpt2: 160 ns a miss, not 149).
            let was_full = first[1] & GOES_ON != 0;
            if !black_box(was_full && !is_found) {
                return select_unpredictable(is_found, number, NONE);
            }
            place = (place + 1) & (self.buckets.len() - 1);
        }
    }
}

/// A key spread over all 64 bits.
#[inline(always)]
pub(crate) fn spread(key: Key) -> u64 {
    // One multiplication of both halves; either constant keeps a half of zeros from hiding the other.
    let product = u128::from(key[0] ^ 0x9E37_79B9_7F4A_7C15) * u128::from(key[1] ^ 0xD6E8_FEB8_6659_FD93);
    (product >> 64) as u64 ^ product as u64
}

/// The bucket where a key of this hash would be. The filter looks at the lowest six and the uppermost bits.
#[inline(always)]
fn home(hash: u64, buckets: usize) -> usize {
    (hash >> 12) as usize & (buckets - 1)
}

#[inline(always)]
fn number_in(slot: &Slot) -> u32 {
    (slot[1] >> NUMBER_SHIFT) as u32 & MAX_NUMBER
}

#[inline(always)]
fn is_of(slot: &Slot, key: Key) -> bool {
    ((slot[0] ^ key[0]) | ((slot[1] ^ key[1]) & SAME)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(slots: &Slots, key: Key) -> u32 {
        slots.view().answer(slots.view().ask(key))
    }

    #[test]
    fn keys_are_found_and_others_are_not() {
        let key = |number: u32| [u64::from(number % 700) << 32 | u64::from(number / 700), 3 << KIND_SHIFT];
        let mut slots = Slots::new(50_000, 0);
        for number in 0..50_000 {
            assert_eq!(slots.insert(key(number), number), None);
        }
        for number in 0..50_000 {
            assert_eq!(slots.insert(key(number), 7), Some(number));
            assert_eq!(find(&slots, key(number)), number);
            assert_eq!(find(&slots, key(number + 50_000)), NONE);
            assert_eq!(find(&slots, [key(number)[0], 4 << KIND_SHIFT]), NONE);
            assert_eq!(find(&slots, [key(number)[0], 3 << KIND_SHIFT | 1]), NONE);
        }
        slots.change(key(3), MAX_NUMBER);
        assert_eq!(find(&slots, key(3)), MAX_NUMBER);
        assert_eq!((find(&slots, NO_KEY), slots.view().answer(Asked::NOTHING)), (NONE, NONE));
    }

    #[test]
    fn an_empty_table_has_nothing() {
        assert_eq!(find(&Slots::new(0, 0), [0, 1 << KIND_SHIFT]), NONE);
    }
}
