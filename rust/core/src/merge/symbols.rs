//! The words to learn from, as tokens that join in place.
//!
//! One flat array has a cell for each initial token of a word, a byte or one of a tokenizer's. A token made of several
//! keeps its id in its first cell and again in its last one; so both neighbours of a token are found without links and
//! without a scan, and joining two tokens costs the same in a word of three cells and in one of a million.
//!
//! A token that started at a place once has its id there later if and only if it still starts there. Where it was
//! joined to one on its right, the id is the longer token's. Where it was joined to one on its left the cell is void,
//! or, if the token had one cell, the last cell of a longer one; and the ids of longer tokens are not among the initial
//! ones.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::count::WordCounts;
use crate::map_in_order;
use crate::memory::table::{Table, prefetch};
use crate::merge::cell::{Cell, Listed, Place};
use crate::merge::start::Start;
use crate::merge::weights::Weights;

/// About the fewest bytes of words that get a thread of their own: fewer take less time than a thread takes to start.
const LEAST_PART: usize = if cfg!(test) { 16 } else { 1 << 16 };

/// All words, the tokens in them, and how often each word counts.
pub(super) struct Symbols<C> {
    cells: Table<C>,
    /// The cells of some words each, with an edge before and after them.
    parts: Vec<Range<usize>>,
    weights: Weights,
    /// Cells of each token.
    lengths: Vec<u32>,
}

/// What stood next to two tokens that were joined.
pub(super) struct Joined<P> {
    /// The token on the left and its place: where the new pair of it and the joined token starts.
    pub(super) left: Option<(u32, P)>,
    /// The token on the right.
    pub(super) right: Option<u32>,
}

impl<C: Cell> Symbols<C> {
    /// The words of two or more tokens, in at most `threads` parts. `weights` are those of `counts`, not more of them
    /// than fit into cells.
    ///
    /// Words keep the order of `counts`, that of their bytes, so that equal pairs often lie near each other.
    pub(super) fn new(counts: &WordCounts, weights: Weights, start: &Start<'_>, threads: usize) -> Self {
        let mut cells = Table::new(start.cells(counts, 0..counts.len()) + 1);
        let (first, mut rest) = cells.entries_mut().split_first_mut().expect("there is one more");
        *first = C::new(C::EDGE, 0);
        let mut parts = Vec::new();
        let mut jobs = Vec::new();
        let mut end = 0;
        for words in parts_of(counts, threads) {
            let (part, others) = rest.split_at_mut(start.cells(counts, words.clone()));
            parts.push(end..end + part.len() + 1);
            end += part.len();
            jobs.push(Mutex::new((words, part)));
            rest = others;
        }
        map_in_order(threads, jobs.len(), |job| {
            let (words, part) = &mut *jobs[job].lock().unwrap_or_else(PoisonError::into_inner);
            fill(part, counts, words.clone(), &weights, start);
        });
        drop(jobs);
        Self { cells, parts, weights, lengths: vec![1; start.tokens()] }
    }

    /// How many parts the words are in.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Calls `visit` with each pair of neighbours in a part, its place and its weight, from left to right.
    #[inline(always)]
    pub(super) fn for_each_pair(&self, part: usize, mut visit: impl FnMut(u32, u32, C::Place, u64)) {
        let first = self.parts[part].start;
        let cells = &self.cells.entries()[self.parts[part].clone()];
        // While all tokens have one cell, the place of the next one does not depend on this one, which halves the time.
        let are_cells = self.lengths.iter().all(|&length| length == 1);
        // At the edge before the first word.
        let (mut place, mut length, mut left) = (0, 1, C::EDGE);
        while let Some(next) = cells.get(place + length) {
            let right = next.token();
            if left != C::EDGE && right != C::EDGE {
                visit(left, right, C::place(first + place), self.weights.get(next.weight()));
            }
            place += length;
            left = right;
            if !are_cells {
                length = if right == C::EDGE { 1 } else { self.lengths[right as usize] as usize };
            }
        }
    }

    /// How many tokens there are.
    pub(super) fn tokens(&self) -> usize {
        self.lengths.len()
    }

    /// Adds the next token, which two others make.
    pub(super) fn add_token(&mut self, left: u32, right: u32) {
        self.lengths.push(self.lengths[left as usize] + self.lengths[right as usize]);
    }

    /// Joins each of the pairs `left`, `right` that still starts at one of `places`, which ascend, to the token
    /// `joined`; calls `visit` with what was beside it, its place and its weight.
    pub(super) fn join_all(
        &mut self,
        places: &[Listed<C>],
        [left, right, joined]: [u32; 3],
        mut visit: impl FnMut(Joined<C::Place>, C::Place, u64),
    ) {
        /// How many places ahead of their use cells are prefetched.
        const AHEAD: usize = 16;
        let [left_length, right_length] = [left, right].map(|token| self.lengths[token as usize] as usize);
        let reach = left_length + right_length;
        let cells = self.cells.entries_mut();
        let call = |cells: &[C], place: &Listed<C>| {
            let start = cells.as_ptr().wrapping_add(C::index(Place::of(place)));
            prefetch(start.wrapping_sub(1));
            prefetch(start.wrapping_add(reach));
        };
        places.iter().take(AHEAD).for_each(|place| call(cells, place));
        for (number, place) in places.iter().enumerate() {
            if let Some(ahead) = places.get(number + AHEAD) {
                call(cells, ahead);
            }
            let place = Place::of(place);
            let start = C::index(place);
            let middle = start + left_length;
            if cells[start].token() != left || cells[middle].token() != right {
                continue;
            }
            let end = middle + right_length;
            let weight = cells[start].weight();
            cells[start] = C::new(joined, weight);
            cells[middle] = C::new(C::VOID, weight);
            cells[end - 1] = cells[start];
            let [before, after] = [cells[start - 1].token(), cells[end].token()];
            let joined = Joined {
                left: (before != C::EDGE)
                    .then(|| (before, C::place(start - self.lengths[before as usize] as usize))),
                right: (after != C::EDGE).then_some(after),
            };
            visit(joined, place, self.weights.get(weight));
        }
    }
}

/// Cuts the words into parts of about equal size in bytes, one for each thread that is worth starting.
fn parts_of(counts: &WordCounts, threads: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = (counts.bytes() / LEAST_PART).clamp(1, threads.max(1));
    let border = move |part: usize| {
        let byte = counts.bytes() as u128 * part as u128 / parts as u128;
        counts.word_at(byte as usize)
    };
    (0..parts).map(move |part| border(part)..border(part + 1))
}

/// Puts words of two or more tokens into `cells`, an edge after each, and edges in all cells after the last.
fn fill<C: Cell>(
    cells: &mut [C],
    counts: &WordCounts,
    words: Range<usize>,
    weights: &Weights,
    start: &Start<'_>,
) {
    let edge = C::new(C::EDGE, 0);
    let mut tokens = Vec::new();
    let mut used = 0;
    for number in words {
        start.tokens_of(number, counts.word(number), &mut tokens);
        if tokens.len() > 1 {
            let weight = weights.number_of(counts.counts()[number]);
            let cells = &mut cells[used..];
            cells.iter_mut().zip(&tokens).for_each(|(cell, &token)| *cell = C::new(token, weight));
            cells[tokens.len()] = edge;
            used += tokens.len() + 1;
        }
    }
    cells[used..].fill(edge);
}
