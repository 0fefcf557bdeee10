//! Which pairs of tokens merge, in which order, into what, where a list of merges says so.
//!
//! Encoding a text for the first time spends most of its time waiting for this table, so it is as small as it can be:
//! eight bytes an entry, behind a filter that knows most strangers. Inside it, a token is named by what makes it: a byte by its value, any other token by 256 and
//! the rank of its merge. So an entry needs no id besides the rank, and two such names have 48 bits. A bijection of
//! 48-bit numbers mixes them; the upper bits of the result choose the home slot and need not be stored, because slot
//! and distance from home tell them. The rest, the distance and the rank fill the 64 bits exactly, and a look-up is
//! exact without a second one.

use super::filter::Filter;
use super::ranks::{NEVER, Pair, PairRanks};
use super::table::{Table, prefetch};

/// A merge: the pair `left`, `right` becomes `id`. A list of merges is in the order of their ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The left token's id.
    pub left: u32,
    /// The right token's id.
    pub right: u32,
    /// The id of the token made; an earlier one when two merges spell the same token.
    pub id: u32,
}

/// The most merges there may be, so that names of tokens have 24 bits.
pub(super) const MOST_MERGES: usize = (1 << NAME_BITS) - 256;

const NAME_BITS: u32 = 24;
const PAIR_BITS: u32 = 2 * NAME_BITS;
const PAIR_MASK: u64 = (1 << PAIR_BITS) - 1;

/// log2 of the fewest slots. Distances from home have eight bits fewer.
const LEAST_BITS: u32 = 12;
const HOME_BITS_WITHOUT_DISTANCE: u32 = 8;

/// The merges by pair: a table, and a grid for pairs of bytes, where every pretoken starts.
#[derive(Debug)]
pub(super) struct MergeTable {
    /// By rank, as they came.
    merges: Vec<Merge>,
    pairs: PairTable,
    /// By left byte × 256 + right byte: the rank.
    byte_pairs: Vec<u32>,
    /// Ids by name.
    ids: Vec<u32>,
    /// Names of the tokens made, by rank; empty where each merge makes a token of its own.
    names: Vec<u32>,
}

impl MergeTable {
    /// `merges` are at most [`MOST_MERGES`], `byte_ids` the ids of the 256 single bytes. Of two merges of the same pair
    /// the later one counts, as in the map from pairs to ranks that Hugging Face builds. Merges of tokens that neither
    /// are bytes nor made by a merge never come about and are left out of the table.
    pub(super) fn new(merges: Vec<Merge>, byte_ids: &[u32; 256], id_bound: usize) -> Self {
        const NOBODY: u32 = u32::MAX;
        let mut name_of = vec![NOBODY; id_bound];
        let mut is_own_token = true;
        for (byte, &id) in (0..).zip(byte_ids) {
            name_of[id as usize] = byte;
        }
        for (rank, merge) in (0..).zip(&merges) {
            let name = &mut name_of[merge.id as usize];
            is_own_token &= *name == NOBODY;
            *name = if *name == NOBODY { 256 + rank } else { *name };
        }
        let known = |id: u32| Some(name_of[id as usize]).filter(|&name| name != NOBODY);
        let entries = (0..)
            .zip(&merges)
            .filter_map(|(rank, merge)| Some((known(merge.left)?, known(merge.right)?, rank)));
        let pairs = PairTable::new(merges.len(), &entries);
        let mut byte_pairs = vec![NEVER; 1 << 16];
        for (left, right, rank) in entries.clone().filter(|&(left, right, _)| left < 256 && right < 256) {
            byte_pairs[(left << 8 | right) as usize] = rank;
        }
        let ids = byte_ids.iter().copied().chain(merges.iter().map(|merge| merge.id)).collect();
        let names = if is_own_token {
            Vec::new()
        } else {
            merges.iter().filter_map(|merge| known(merge.id)).collect()
        };
        Self { merges, pairs, byte_pairs, ids, names }
    }

    /// All merges by rank.
    pub(super) fn merges(&self) -> &[Merge] {
        &self.merges
    }
}

impl PairRanks for MergeTable {
    type Asked = AskedPair;

    #[inline(always)]
    fn byte_rank(&self, left: u8, right: u8) -> u32 {
        self.byte_pairs[usize::from(left) << 8 | usize::from(right)]
    }

    #[inline(always)]
    fn ask(&self, _text: &[u8], pair: Pair) -> AskedPair {
        self.pairs.ask(pair.left, pair.right)
    }

    #[inline(always)]
    fn answer(&self, asked: AskedPair) -> u32 {
        self.pairs.answer(asked)
    }

    #[inline(always)]
    fn byte_name(&self, byte: u8) -> u32 {
        u32::from(byte)
    }

    #[inline(always)]
    fn made(&self, rank: u32) -> u32 {
        if self.names.is_empty() { 256 + rank } else { self.names[rank as usize] }
    }

    #[inline(always)]
    fn id(&self, name: u32) -> u32 {
        self.ids[name as usize]
    }
}

/// Ranks by pairs of names.
#[derive(Debug)]
struct PairTable {
    /// Remaining bits of the mixed pair, distance from its home, and 1 + rank; 0 is a free slot.
    slots: Table<u64>,
    /// log2 of the number of slots.
    bits: u32,
    /// The mixed pairs.
    filter: Filter,
}

/// A pair whose home slot is being fetched into near memory: its place, and what an entry there begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedPair {
    home: u32,
    begins: u64,
}

/// No entry begins so: it takes more than the 40 bits there are.
const NO_PAIR: u64 = 1 << 63;

impl Default for AskedPair {
    /// A pair that does not merge.
    #[inline(always)]
    fn default() -> Self {
        Self { home: 0, begins: NO_PAIR }
    }
}

impl PairTable {
    fn new(count: usize, pairs: &(impl Iterator<Item = (u32, u32, u32)> + Clone)) -> Self {
        let mut bits = (count * 2 + 1).next_power_of_two().ilog2().max(LEAST_BITS);
        loop {
            let mut table = Self { slots: Table::new(1 << bits), bits, filter: Filter::new(count) };
            if pairs.clone().all(|(left, right, rank)| table.insert(left, right, rank)) {
                return table;
            }
            bits += 1;
        }
    }

    /// The home slot of a pair, and what an entry there begins with; one further on, that is 1 more.
    #[inline(always)]
    fn home(&self, mixed: u64) -> (usize, u64) {
        let rest_bits = PAIR_BITS - self.bits;
        let rest = mixed & ((1 << rest_bits) - 1);
        ((mixed >> rest_bits) as usize, rest << (self.bits - HOME_BITS_WITHOUT_DISTANCE))
    }

    /// Enters a pair, or changes its rank; `false` if it would be too far from home.
    fn insert(&mut self, left: u32, right: u32, rank: u32) -> bool {
        let mixed = mix(left, right);
        let (home, begins) = self.home(mixed);
        self.filter.insert(spread(mixed));
        let slots = self.slots.entries_mut();
        for distance in 0..1 << (self.bits - HOME_BITS_WITHOUT_DISTANCE) {
            let slot = &mut slots[(home + distance) & ((1 << self.bits) - 1)];
            let tag = begins + distance as u64;
            if *slot == 0 || *slot >> NAME_BITS == tag {
                *slot = tag << NAME_BITS | u64::from(rank + 1);
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn ask(&self, left: u32, right: u32) -> AskedPair {
        let mixed = mix(left, right);
        let (home, begins) = self.home(mixed);
        // Chosen without a branch: a stranger's place is the first slot, which is always near.
        let known = self.filter.may_hold(spread(mixed));
        let home = if known { home } else { 0 };
        prefetch(&self.slots.entries()[home]);
        AskedPair { home: home as u32, begins: if known { begins } else { NO_PAIR } }
    }

    #[inline(always)]
    fn answer(&self, AskedPair { home, begins }: AskedPair) -> u32 {
        let slots = self.slots.entries();
        let mut distance = 0;
        loop {
            let slot = slots[(home as usize + distance) & ((1 << self.bits) - 1)];
            if slot >> NAME_BITS == begins + distance as u64 && slot != 0 {
                return (slot & ((1 << NAME_BITS) - 1)) as u32 - 1;
            }
            if slot == 0 || begins == NO_PAIR {
                return NEVER;
            }
            distance += 1;
        }
    }
}

/// A bijection of pairs of names: multiplying by an odd number and folding the upper half onto the lower can be undone.
#[inline(always)]
fn mix(left: u32, right: u32) -> u64 {
    let pair = u64::from(left) << NAME_BITS | u64::from(right);
    let mixed = pair.wrapping_mul(0x9E37_79B9_7F4B) & PAIR_MASK;
    let mixed = mixed ^ mixed >> NAME_BITS;
    mixed.wrapping_mul(0xD6E8_FEB8_6659) & PAIR_MASK
}

/// A mixed pair as the filter wants its hashes: good bits at both ends.
#[inline(always)]
fn spread(mixed: u64) -> u64 {
    mixed << (64 - PAIR_BITS) | mixed >> 24 & 0xFFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank_in(table: &PairTable, left: u32, right: u32) -> u32 {
        table.answer(table.ask(left, right))
    }

    #[test]
    fn ranks_are_found_and_others_are_not() {
        let pairs = (0..50_000_u32).map(|rank| (rank % 700, 16_000_000 + rank / 700 * 3, rank));
        let table = PairTable::new(50_000, &pairs);
        for (left, right, rank) in pairs {
            assert_eq!(rank_in(&table, left, right), rank);
            assert_eq!(rank_in(&table, right, left), NEVER);
            assert_eq!(rank_in(&table, left, right + 1), NEVER);
        }
    }

    #[test]
    fn the_later_of_two_equal_pairs_counts_and_strangers_are_left_out() {
        let byte_ids = std::array::from_fn(|byte| byte as u32);
        let merge = |left, right, id| Merge { left, right, id };
        let merges = vec![merge(97, 98, 300), merge(300, 97, 301), merge(97, 98, 300), merge(999, 97, 302)];
        let table = MergeTable::new(merges, &byte_ids, 1000);
        assert_eq!(table.byte_rank(97, 98), 2);
        assert_eq!((table.made(2), table.id(table.made(2))), (256, 300));
        assert_eq!(rank_in(&table.pairs, 256, 97), 1);
        assert_eq!(table.id(table.made(1)), 301);
    }
}
