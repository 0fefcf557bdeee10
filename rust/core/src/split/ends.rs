//! Where the pretokens of a block end.

use super::BLOCK;
use super::masks::WIDTH;

/// Room for a block and what the last two steps add to it.
const ROOM: usize = BLOCK + 2 * WIDTH;

/// The ends of some pretokens, in ascending order: a list with room for a block of them, which scanners fill some
/// at a time without looking at its length.
#[derive(Debug)]
pub struct Ends {
    places: Box<[usize; ROOM]>,
    count: usize,
}

impl Ends {
    /// No ends.
    pub fn new() -> Self {
        Self { places: Box::new([0; ROOM]), count: 0 }
    }

    /// Whether no more pretokens are to be found for this block.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.count >= BLOCK
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds one end to a list that is not full.
    #[inline(always)]
    pub(super) fn push(&mut self, end: usize) {
        self.places[self.count] = end;
        self.count += 1;
    }

    /// Room for the next ends, of a list that is not full or was not before the last [`grow`](Self::grow).
    #[inline(always)]
    pub(super) fn room(&mut self) -> &mut [usize; WIDTH] {
        self.places[self.count..].first_chunk_mut().expect("room for two times as many behind a block")
    }

    /// Adds the first `count` of the places written to the [`room`](Self::room).
    #[inline(always)]
    pub(super) fn grow(&mut self, count: usize) {
        self.count += count;
    }

    /// The ends.
    #[inline(always)]
    pub fn as_slice(&self) -> &[usize] {
        &self.places[..self.count]
    }

    /// The same, to be changed.
    #[inline(always)]
    pub(super) fn as_mut_slice(&mut self) -> &mut [usize] {
        &mut self.places[..self.count]
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self::new()
    }
}
