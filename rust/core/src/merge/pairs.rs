//! The pairs that may merge, how often each occurs at the moment, and where it was seen.
//!
//! A pair of tokens is looked up by a hash of both: open addressing, at most half full. All that is known of a pair
//! stands in its slot, so that a look-up is one cache miss, which [`prefetch`](Pairs::prefetch) can begin early.

use bytemuck::{Pod, Zeroable};

use crate::memory::table::{Table, prefetch};

/// A pair of neighbouring tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) left: u32,
    pub(super) right: u32,
    /// How often it occurs now, each time with the weight of the word.
    pub(super) count: u64,
    /// Where its places are listed.
    pub(super) start: usize,
    pub(super) places: usize,
}

/// All pairs that may merge.
#[derive(Debug)]
pub(super) struct Pairs {
    slots: Table<Slot>,
    used: usize,
}

/// A place for a pair.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Slot {
    /// Of the pair; 0 in a free slot.
    key: Key,
    count: u64,
    start: u64,
    places: u64,
}

/// Both ids as one number, plus 1: never 0.
pub(super) type Key = u64;

const LEAST_SLOTS: usize = 1 << 12;
const MOST_FIRST_SLOTS: usize = 1 << 18;

impl Pairs {
    /// No pairs, with room for as many as are often listed in the course of `merges` merges.
    pub(super) fn for_merges(merges: usize) -> Self {
        let slots = (merges.saturating_mul(4)).clamp(LEAST_SLOTS, MOST_FIRST_SLOTS).next_power_of_two();
        Self { slots: Table::new(slots), used: 0 }
    }

    /// Adds a pair that is not here yet.
    pub(super) fn insert(&mut self, pair: Pair) {
        self.used += 1;
        if self.used * 2 > self.slots.entries().len() {
            self.grow();
        }
        let Pair { left, right, count, start, places } = pair;
        let slot = Slot { key: key(left, right), count, start: start as u64, places: places as u64 };
        put(self.slots.entries_mut(), slot);
    }

    fn grow(&mut self) {
        let mut larger = Table::new(self.slots.entries().len() * 2);
        for &slot in self.slots.entries().iter().filter(|slot| slot.key != 0) {
            put(larger.entries_mut(), slot);
        }
        self.slots = larger;
    }

    /// Prefetches the slot of a pair while the caller does something else.
    #[inline(always)]
    pub(super) fn prefetch(&self, left: u32, right: u32) {
        let slots = self.slots.entries();
        prefetch(slots.as_ptr().wrapping_add(home(key(left, right), slots)));
    }

    /// The pair, if it may merge.
    #[inline(always)]
    pub(super) fn find(&self, left: u32, right: u32) -> Option<Pair> {
        let &Slot { count, start, places, .. } = &self.slots.entries()[self.slot_of(left, right)?];
        Some(Pair { left, right, count, start: start as usize, places: places as usize })
    }

    /// The count of the pair, if it may merge.
    #[inline(always)]
    pub(super) fn count_mut(&mut self, left: u32, right: u32) -> Option<&mut u64> {
        let slot = self.slot_of(left, right)?;
        Some(&mut self.slots.entries_mut()[slot].count)
    }

    #[inline(always)]
    fn slot_of(&self, left: u32, right: u32) -> Option<usize> {
        let (key, slots) = (key(left, right), self.slots.entries());
        let mut slot = home(key, slots);
        while slots[slot].key != key {
            if slots[slot].key == 0 {
                return None;
            }
            slot = (slot + 1) & (slots.len() - 1);
        }
        Some(slot)
    }
}

/// Puts a pair into the first free slot from its home on.
#[inline(always)]
fn put(slots: &mut [Slot], pair: Slot) {
    let mut slot = home(pair.key, slots);
    while slots[slot].key != 0 {
        slot = (slot + 1) & (slots.len() - 1);
    }
    slots[slot] = pair;
}

#[inline(always)]
pub(super) fn key(left: u32, right: u32) -> Key {
    (u64::from(left) << 32 | u64::from(right)) + 1
}

/// A key spread over 64 bits.
#[inline(always)]
pub(super) fn spread(key: Key) -> u64 {
    let product = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (product ^ product >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// The slot where a pair would be.
#[inline(always)]
fn home(key: Key, slots: &[Slot]) -> usize {
    (spread(key) >> 32) as usize & (slots.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_and_others_are_not() {
        let mut pairs = Pairs::for_merges(0);
        for left in 0..100 {
            for right in 0..100 {
                assert!(pairs.find(left, right).is_none());
                pairs.insert(Pair { left, right, count: u64::from(left * right), start: 0, places: 0 });
            }
        }
        for left in 0..100 {
            for right in 0..100 {
                *pairs.count_mut(left, right).expect("a pair") += 1;
                assert_eq!(pairs.find(left, right).map(|pair| pair.count), Some(u64::from(left * right) + 1));
                assert!(pairs.find(left + 100, right).is_none() && pairs.find(left, right + 100).is_none());
            }
        }
    }
}
