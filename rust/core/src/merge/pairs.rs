//! The pairs that may merge, how often each occurs at the moment, and where it was seen.
//!
//! A pair of tokens is looked up by a hash of both: open addressing, at most half full, and each slot has half of the
//! hash besides the pair's number, so that pairs which are not here are hardly ever compared.

use std::collections::HashMap;

use crate::encode::table::{Table, prefetch};

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
    all: Vec<Pair>,
    /// The lower half of a hash, and in the lower 32 bits the number of the pair plus 1; 0 is a free slot.
    slots: Table<u64>,
}

const FIRST_SLOTS: usize = 1 << 12;
const NUMBER: u64 = 0xFFFF_FFFF;

impl Pairs {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), slots: Table::new(FIRST_SLOTS) }
    }

    /// Adds a pair that is not here.
    pub(super) fn insert(&mut self, pair: Pair) {
        self.all.push(pair);
        let slots = self.slots.entries().len();
        let first_new = if self.all.len() * 2 > slots {
            self.slots = Table::new(slots * 2);
            0
        } else {
            self.all.len() - 1
        };
        let slots = self.slots.entries_mut();
        for (number, pair) in self.all.iter().enumerate().skip(first_new) {
            let hash = hash(pair.left, pair.right);
            let mut slot = home(hash, slots);
            while slots[slot] != 0 {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = hash << 32 | (number as u64 + 1);
        }
    }

    /// Has what tells about a pair fetched while the caller does something else.
    pub(super) fn prefetch(&self, left: u32, right: u32) {
        let slots = self.slots.entries();
        prefetch(slots.as_ptr().wrapping_add(home(hash(left, right), slots)));
    }

    /// The pair, if it may merge.
    pub(super) fn find(&mut self, left: u32, right: u32) -> Option<&mut Pair> {
        let hash = hash(left, right);
        let slots = self.slots.entries();
        let mut slot = home(hash, slots);
        loop {
            let found = slots[slot];
            if found == 0 {
                return None;
            }
            if (found ^ hash << 32) & !NUMBER == 0 {
                let number = (found & NUMBER) as usize - 1;
                if (self.all[number].left, self.all[number].right) == (left, right) {
                    return Some(&mut self.all[number]);
                }
            }
            slot = (slot + 1) & (slots.len() - 1);
        }
    }
}

/// Numbers for pairs, in the order in which they are asked for first.
pub(super) struct Numbers {
    /// By both ids, for ids below 256: the number, or [`UNNUMBERED`].
    small: Vec<u32>,
    others: HashMap<(u32, u32), u32>,
    next: u32,
}

const UNNUMBERED: u32 = u32::MAX;

impl Numbers {
    pub(super) fn new() -> Self {
        Self { small: vec![UNNUMBERED; 1 << 16], others: HashMap::new(), next: 0 }
    }

    /// The number of a pair.
    #[inline(always)]
    pub(super) fn of(&mut self, left: u32, right: u32) -> usize {
        if left | right < 256 {
            let number = self.small[(left << 8 | right) as usize];
            if number != UNNUMBERED {
                return number as usize;
            }
        }
        self.of_other(left, right)
    }

    /// The number of a pair that has none yet or a token that is no byte.
    #[inline(never)]
    fn of_other(&mut self, left: u32, right: u32) -> usize {
        let number = match left | right {
            ..256 => &mut self.small[(left << 8 | right) as usize],
            _ => self.others.entry((left, right)).or_insert(UNNUMBERED),
        };
        if *number == UNNUMBERED {
            *number = self.next;
            self.next += 1;
        }
        *number as usize
    }
}

/// The slot where a pair with this hash would be.
fn home(hash: u64, slots: &[u64]) -> usize {
    (hash >> 32) as usize & (slots.len() - 1)
}

/// Both ids spread over 64 bits; the upper half chooses the slot.
fn hash(left: u32, right: u32) -> u64 {
    let product = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (product ^ product >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_and_others_are_not() {
        let mut pairs = Pairs::new();
        for left in 0..100 {
            for right in 0..100 {
                assert!(pairs.find(left, right).is_none());
                pairs.insert(Pair { left, right, count: u64::from(left * right), start: 0, places: 0 });
            }
        }
        for left in 0..100 {
            for right in 0..100 {
                pairs.find(left, right).expect("a pair").count += 1;
                assert_eq!(pairs.find(left, right).map(|pair| pair.count), Some(u64::from(left * right) + 1));
                assert!(pairs.find(left + 100, right).is_none() && pairs.find(left, right + 100).is_none());
            }
        }
    }
}
