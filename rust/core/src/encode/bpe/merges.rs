//! Knows which pairs of tokens merge, in which order, into what, by a list of merges.
//!
//! Inside the table, a token is named by what makes it: a byte by its value, any other token by 256 and the rank of its
//! merge. So an entry needs nothing but the rank.

use super::ranks::{BytePairs, Pair, PairRanks};
use super::slots::{self, Asked, KIND_SHIFT, Key, Slots};

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
pub(crate) const MOST_MERGES: usize = (1 << NAME_BITS) - 256;

const NAME_BITS: u32 = 24;

/// The merges by pair: a table, and a grid for pairs of bytes, where every pretoken starts.
#[derive(Debug)]
pub(crate) struct MergeTable {
    /// By rank, as they came.
    merges: Vec<Merge>,
    /// Ranks by pairs of names.
    pairs: Slots,
    byte_pairs: BytePairs,
    /// Ids by name.
    ids: Vec<u32>,
    /// Names of the tokens made, by rank; empty where each merge makes a token of its own.
    names: Vec<u32>,
}

impl MergeTable {
    /// The table of `merges`, at most [`MOST_MERGES`]; `byte_ids` are the ids of the 256 single bytes. Of two merges of
    /// the same pair the later one counts, as in the map from pairs to ranks that Hugging Face builds. Merges of tokens
    /// that neither are bytes nor made by a merge never happen and are left out of the table.
    pub(crate) fn new(merges: Vec<Merge>, byte_ids: &[u32; 256], id_bound: usize) -> Self {
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
        let mut pairs = Slots::new(merges.len(), 0);
        let mut byte_pairs = BytePairs::default();
        for (rank, merge) in (0..).zip(&merges) {
            let (Some(left), Some(right)) = (known(merge.left), known(merge.right)) else { continue };
            if pairs.insert(key_of(left, right), rank).is_some() {
                pairs.change(key_of(left, right), rank);
            }
            if left < 256 && right < 256 {
                byte_pairs.set(left as u8, right as u8, rank);
            }
        }
        let ids = byte_ids.iter().copied().chain(merges.iter().map(|merge| merge.id)).collect();
        let names = if is_own_token {
            Vec::new()
        } else {
            merges.iter().filter_map(|merge| known(merge.id)).collect()
        };
        Self { merges, pairs, byte_pairs, ids, names }
    }

    #[inline(always)]
    pub(crate) fn ranks(&self) -> ListedRanks<'_> {
        let Self { pairs, byte_pairs, ids, names, .. } = self;
        ListedRanks { pairs: pairs.view(), byte_pairs, names, ids }
    }

    /// All merges by rank.
    pub(crate) fn merges(&self) -> &[Merge] {
        &self.merges
    }
}

/// Merges at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListedRanks<'m> {
    pairs: slots::View<'m>,
    byte_pairs: &'m BytePairs,
    names: &'m [u32],
    ids: &'m [u32],
}

impl PairRanks for ListedRanks<'_> {
    #[inline(always)]
    fn byte_rank(&self, left: u8, right: u8) -> u32 {
        self.byte_pairs.rank(left, right)
    }

    #[inline(always)]
    fn ask(&self, _text: &[u8], pair: Pair) -> Result<Asked, u32> {
        Ok(self.pairs.ask(key_of(pair.left, pair.right)))
    }

    #[inline(always)]
    fn answer(&self, asked: Asked) -> u32 {
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

/// The key of a pair of names.
#[inline(always)]
fn key_of(left: u32, right: u32) -> Key {
    [u64::from(left) << 32 | u64::from(right), 1 << KIND_SHIFT]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(table: &MergeTable, left: u32, right: u32) -> u32 {
        table.ranks().rank(b"", Pair { start: 0, end: 2, left, right })
    }

    #[test]
    fn the_later_of_two_equal_pairs_counts_and_strangers_are_left_out() {
        let byte_ids = std::array::from_fn(|byte| byte as u32);
        let merge = |left, right, id| Merge { left, right, id };
        let merges = vec![merge(97, 98, 300), merge(300, 97, 301), merge(97, 98, 300), merge(999, 97, 302)];
        let table = MergeTable::new(merges, &byte_ids, 1000);
        let ranks = table.ranks();
        assert_eq!(ranks.byte_rank(97, 98), 2);
        assert_eq!((ranks.made(2), ranks.id(ranks.made(2))), (256, 300));
        assert_eq!(rank(&table, 256, 97), 1);
        assert_eq!(ranks.id(ranks.made(1)), 301);
    }
}
