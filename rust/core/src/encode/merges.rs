//! Which pairs of tokens merge, in which order, into what.
//!
//! Encoding a text for the first time spends most of its time waiting for this table, so it is as small as it can be:
//! eight bytes an entry. Inside it, a token is named by what makes it: a byte by its value, any other token by 256 and
//! the rank of its merge. So an entry needs no id besides the rank, and two such names have 48 bits. A bijection of
//! 48-bit numbers mixes them; the upper bits of the result choose the home slot and need not be stored, because slot
//! and distance from home tell them. The rest, the distance and the rank fill the 64 bits exactly, and a look-up is
//! exact without a second one.

use super::table::Table;

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

/// The rank of a pair that does not merge.
pub(super) const NEVER: u32 = u32::MAX;

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
        let byte_pairs = (0..1 << 16).map(|pair| pairs.rank(pair >> 8, pair & 0xFF)).collect();
        let ids = byte_ids.iter().copied().chain(merges.iter().map(|merge| merge.id)).collect();
        let names = if is_own_token {
            Vec::new()
        } else {
            merges.iter().filter_map(|merge| known(merge.id)).collect()
        };
        Self { merges, pairs, byte_pairs, ids, names }
    }

    /// The rank of a pair of names, or [`NEVER`].
    #[inline(always)]
    pub(super) fn rank(&self, left: u32, right: u32) -> u32 {
        self.pairs.rank(left, right)
    }

    /// The rank of a pair of bytes, or [`NEVER`].
    #[inline(always)]
    pub(super) fn byte_rank(&self, left: u8, right: u8) -> u32 {
        self.byte_pairs[usize::from(left) << 8 | usize::from(right)]
    }

    /// The name of the token that the merge of this rank makes.
    #[inline(always)]
    pub(super) fn made(&self, rank: u32) -> u32 {
        if self.names.is_empty() { 256 + rank } else { self.names[rank as usize] }
    }

    /// The id of the token of this name.
    #[inline(always)]
    pub(super) fn id(&self, name: u32) -> u32 {
        self.ids[name as usize]
    }

    /// All merges by rank.
    pub(super) fn merges(&self) -> &[Merge] {
        &self.merges
    }
}

/// Ranks by pairs of names.
#[derive(Debug)]
struct PairTable {
    /// Remaining bits of the mixed pair, distance from its home, and 1 + rank; 0 is a free slot.
    slots: Table<u64>,
    /// log2 of the number of slots.
    bits: u32,
}

impl PairTable {
    fn new(count: usize, pairs: &(impl Iterator<Item = (u32, u32, u32)> + Clone)) -> Self {
        let mut bits = (count * 2 + 1).next_power_of_two().ilog2().max(LEAST_BITS);
        loop {
            let mut table = Self { slots: Table::new(1 << bits), bits };
            if pairs.clone().all(|(left, right, rank)| table.insert(left, right, rank)) {
                return table;
            }
            bits += 1;
        }
    }

    /// The home slot of a pair, and what an entry there begins with; one further on, that is 1 more.
    #[inline(always)]
    fn home(&self, left: u32, right: u32) -> (usize, u64) {
        let mixed = mix(u64::from(left) << NAME_BITS | u64::from(right));
        let rest_bits = PAIR_BITS - self.bits;
        let rest = mixed & ((1 << rest_bits) - 1);
        ((mixed >> rest_bits) as usize, rest << (self.bits - HOME_BITS_WITHOUT_DISTANCE))
    }

    /// Enters a pair, or changes its rank; `false` if it would be too far from home.
    fn insert(&mut self, left: u32, right: u32, rank: u32) -> bool {
        let (home, begins) = self.home(left, right);
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
    fn rank(&self, left: u32, right: u32) -> u32 {
        let (home, begins) = self.home(left, right);
        let slots = self.slots.entries();
        let mut distance = 0;
        loop {
            let slot = slots[(home + distance) & ((1 << self.bits) - 1)];
            if slot >> NAME_BITS == begins + distance as u64 && slot != 0 {
                return (slot & ((1 << NAME_BITS) - 1)) as u32 - 1;
            }
            if slot == 0 {
                return NEVER;
            }
            distance += 1;
        }
    }
}

/// A bijection of 48-bit numbers: multiplying by an odd number and folding the upper half onto the lower can be undone.
#[inline(always)]
fn mix(pair: u64) -> u64 {
    let mixed = pair.wrapping_mul(0x9E37_79B9_7F4B) & PAIR_MASK;
    let mixed = mixed ^ mixed >> NAME_BITS;
    mixed.wrapping_mul(0xD6E8_FEB8_6659) & PAIR_MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_found_and_others_are_not() {
        let pairs = (0..50_000_u32).map(|rank| (rank % 700, 16_000_000 + rank / 700 * 3, rank));
        let table = PairTable::new(50_000, &pairs);
        for (left, right, rank) in pairs {
            assert_eq!(table.rank(left, right), rank);
            assert_eq!(table.rank(right, left), NEVER);
            assert_eq!(table.rank(left, right + 1), NEVER);
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
        assert_eq!(table.rank(256, 97), 1);
        assert_eq!(table.id(table.made(1)), 301);
    }
}
