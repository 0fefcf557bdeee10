//! Tokens as one sequence, in one piece of memory or in several.

use std::ops::Range;

use super::Token;

/// Tokens at the positions `0..len()`, wherever they lie.
pub trait Sequence: Copy + Sync {
    /// The type in which they are stored.
    type Token: Token;

    /// How many there are.
    fn len(&self) -> u64;

    /// The tokens at `range`, which lies within the sequence, as far as they are contiguous in memory: at least one,
    /// unless the range is empty.
    fn piece(&self, range: Range<u64>) -> &[Self::Token];

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<S: Token> Sequence for &[S] {
    type Token = S;

    fn len(&self) -> u64 {
        <[S]>::len(self) as u64
    }

    fn piece(&self, range: Range<u64>) -> &[S] {
        &self[range.start as usize..range.end as usize]
    }
}
