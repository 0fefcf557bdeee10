//! Which pairs of tokens merge, in which order, into what.

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

/// The merges by pair: an open-addressed table, and a grid for pairs of bytes, where every pretoken starts.
#[derive(Debug, Clone)]
pub(super) struct MergeTable {
    /// By rank.
    merges: Vec<Merge>,
    /// `(left, right, rank)`, where rank [`NEVER`] marks a free slot.
    slots: Vec<(u32, u32, u32)>,
    /// By left byte × 256 + right byte: the rank.
    byte_pairs: Vec<u32>,
}

impl MergeTable {
    /// `byte_ids` are the ids of the 256 single bytes. Of two merges of the same pair the later one counts, as in
    /// the map from pairs to ranks that Hugging Face builds.
    pub(super) fn new(merges: Vec<Merge>, byte_ids: &[u32; 256]) -> Self {
        let slots = vec![(0, 0, NEVER); (merges.len() * 2 + 1).next_power_of_two()];
        let mut table = Self { merges, slots, byte_pairs: Vec::new() };
        for rank in 0..table.merges.len() {
            let merge = table.merges[rank];
            let slot = table.slot(merge.left, merge.right);
            table.slots[slot] = (merge.left, merge.right, rank as u32);
        }
        table.byte_pairs =
            byte_ids.iter().flat_map(|&left| byte_ids.map(|right| table.rank(left, right))).collect();
        table
    }

    /// Where the pair stands, or would stand.
    #[inline]
    fn slot(&self, left: u32, right: u32) -> usize {
        let mask = self.slots.len() - 1;
        let pair = u64::from(left) << 32 | u64::from(right);
        // The upper half of a product with an odd constant mixes all bits (Fibonacci hashing).
        let mut slot = (pair.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        loop {
            let (slot_left, slot_right, rank) = self.slots[slot];
            if (slot_left, slot_right) == (left, right) || rank == NEVER {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The rank of the pair, or [`NEVER`].
    #[inline]
    pub(super) fn rank(&self, left: u32, right: u32) -> u32 {
        self.slots[self.slot(left, right)].2
    }

    /// The rank of a pair of bytes, or [`NEVER`].
    #[inline]
    pub(super) fn byte_rank(&self, left: u8, right: u8) -> u32 {
        self.byte_pairs[usize::from(left) << 8 | usize::from(right)]
    }

    /// The id that the merge of this rank makes.
    #[inline]
    pub(super) fn made(&self, rank: u32) -> u32 {
        self.merges[rank as usize].id
    }

    /// All merges by rank.
    pub(super) fn merges(&self) -> &[Merge] {
        &self.merges
    }
}
