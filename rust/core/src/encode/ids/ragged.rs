//! Token ids of several texts in one flat array.

use super::room::IdArray;

/// The ids of `n` texts, one after another: text `i` has `ids[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ragged {
    /// All ids.
    pub ids: IdArray,
    /// `n + 1` positions in `ids`, from 0 to `ids.len()`, ascending.
    pub offsets: Vec<i64>,
}

impl Ragged {
    /// The ids of each text, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.offsets.windows(2).map(|ends| &self.ids[ends[0] as usize..ends[1] as usize])
    }
}
