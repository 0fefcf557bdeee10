//! The cells that words are made of, in two widths.
//!
//! A cell holds a token and the number of its word's count, so that one memory access gets both. Four bytes are enough
//! for at most 2^16 - 2 tokens, 2^16 - 2 different counts, and 2^32 cells, as with most vocabularies; eight are for all
//! others.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytemuck::Pod;

/// A cell and the type of its place among the others.
pub(super) trait Cell: Pod + Send + Sync {
    /// The number of a cell.
    type Place: Place;

    /// The most tokens, and the most different counts, that fit. All token ids are below it; [`VOID`](Self::VOID) and
    /// [`EDGE`](Self::EDGE) are the next two.
    const MOST: usize;
    /// The most cells that places can number.
    const MOST_CELLS: u64;
    /// Stands before, between and after the words.
    const EDGE: u32 = Self::VOID + 1;
    /// Stands where a token started that is now inside another one.
    const VOID: u32 = Self::MOST as u32;

    fn new(token: u32, weight: usize) -> Self;
    fn token(self) -> u32;
    fn weight(self) -> usize;
    fn place(cell: usize) -> Self::Place;
    fn index(place: Self::Place) -> usize;
}

/// The number of a cell, as it stands in lists.
pub(super) trait Place: Copy + Default {
    /// An element of a list of places. Threads write to one list at a time, each to elements of its own; relaxed atomics
    /// are ordinary numbers to the processor.
    type Listed: Default + Send + Sync;

    fn of(listed: &Self::Listed) -> Self;
    fn put(self, listed: &Self::Listed);
}

impl Place for u32 {
    type Listed = AtomicU32;

    fn of(listed: &AtomicU32) -> Self {
        listed.load(Ordering::Relaxed)
    }

    fn put(self, listed: &AtomicU32) {
        listed.store(self, Ordering::Relaxed);
    }
}

impl Place for usize {
    type Listed = AtomicUsize;

    fn of(listed: &AtomicUsize) -> Self {
        listed.load(Ordering::Relaxed)
    }

    fn put(self, listed: &AtomicUsize) {
        listed.store(self, Ordering::Relaxed);
    }
}

/// 16 bits for the number of the weight, and 16 for the token.
impl Cell for u32 {
    type Place = u32;
    const MOST: usize = (1 << 16) - 2;
    const MOST_CELLS: u64 = 1 << 32;

    fn new(token: u32, weight: usize) -> Self {
        (weight as u32) << 16 | token
    }

    fn token(self) -> u32 {
        self & 0xFFFF
    }

    fn weight(self) -> usize {
        (self >> 16) as usize
    }

    fn place(cell: usize) -> u32 {
        cell as u32
    }

    fn index(place: u32) -> usize {
        place as usize
    }
}

/// 32 bits each.
impl Cell for u64 {
    type Place = usize;
    const MOST: usize = (1 << 32) - 2;
    const MOST_CELLS: u64 = u64::MAX;

    fn new(token: u32, weight: usize) -> Self {
        (weight as u64) << 32 | u64::from(token)
    }

    fn token(self) -> u32 {
        self as u32
    }

    fn weight(self) -> usize {
        (self >> 32) as usize
    }

    fn place(cell: usize) -> usize {
        cell
    }

    fn index(place: usize) -> usize {
        place
    }
}

/// The elements of a list of places of cells `C`.
pub(super) type Listed<C> = <<C as Cell>::Place as Place>::Listed;
