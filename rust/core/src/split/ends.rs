//! Where the pretokens of a block start and end.

use std::ops::Range;

use super::BLOCK;
use super::masks::WIDTH;

/// Room for a start, a block, and what the last two steps add to it.
const ROOM: usize = 1 + BLOCK + 2 * WIDTH;

/// A run of adjacent pretokens, as the places between them. It has room for a block, which scanners fill some at a time
/// without checking its length, and may grow beyond that.
#[derive(Debug)]
pub struct Ends {
    /// The start of the first one, then their ends, then room.
    places: Vec<usize>,
    count: usize,
}

impl Ends {
    /// No pretokens.
    pub fn new() -> Self {
        Self { places: vec![0; ROOM], count: 0 }
    }

    /// Removes all pretokens; the first one added after that starts at `start`.
    pub fn restart(&mut self, start: usize) {
        self.places[0] = start;
        self.count = 0;
    }

    /// Where the pretokens start, in ascending order.
    #[inline(always)]
    pub fn starts(&self) -> &[usize] {
        &self.places[..self.count]
    }

    /// Where the pretokens end: each where the next one starts.
    #[inline(always)]
    pub fn ends(&self) -> &[usize] {
        &self.places[1..=self.count]
    }

    /// How many pretokens there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no pretokens.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where pretoken `number` starts and ends.
    #[inline(always)]
    pub fn place(&self, number: usize) -> Range<usize> {
        self.starts()[number]..self.ends()[number]
    }

    /// Where the first pretoken starts, or would start.
    #[inline(always)]
    pub fn start(&self) -> usize {
        self.places[0]
    }

    /// Where the last pretoken ends; the start if there are none.
    #[inline(always)]
    pub fn end(&self) -> usize {
        self.places[self.count]
    }

    /// Whether there are enough pretokens for a block.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.count >= BLOCK
    }

    /// Adds a pretoken that ends at `end`.
    #[inline(always)]
    pub fn push(&mut self, end: usize) {
        self.push_if(true, end);
    }

    /// Adds a pretoken that ends at `end` if `is_end`, without a branch that depends on it.
    #[inline(always)]
    pub(crate) fn push_if(&mut self, is_end: bool, end: usize) {
        match self.places.get_mut(self.count + 1) {
            Some(place) => *place = end,
            None => self.places.push(end),
        }
        self.count += usize::from(is_end);
    }

    /// Where the last pretoken starts, or the first one would.
    pub(super) fn last_start(&self) -> usize {
        self.places[self.count.saturating_sub(1)]
    }

    /// Removes the last pretoken.
    pub(super) fn pop(&mut self) {
        self.count -= 1;
    }

    /// Joins each pretoken with the next one, unless `keep` returns true for its start and end. The start is that of
    /// everything joined to it so far.
    pub(super) fn keep(&mut self, keep: impl Fn(usize, usize) -> bool) {
        let mut kept = 0;
        for at in 1..=self.count {
            let end = self.places[at];
            if at == self.count || keep(self.places[kept], end) {
                kept += 1;
                self.places[kept] = end;
            }
        }
        self.count = kept;
    }

    /// Room for the next ends; the run must not have been full before the last [`grow`](Self::grow).
    #[inline(always)]
    pub(super) fn room(&mut self) -> &mut [usize; WIDTH] {
        self.places[self.count + 1..].first_chunk_mut().expect("room for two times as many behind a block")
    }

    /// Adds the first `count` of the ends written to the [`room`](Self::room).
    #[inline(always)]
    pub(super) fn grow(&mut self, count: usize) {
        self.count += count;
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self::new()
    }
}
