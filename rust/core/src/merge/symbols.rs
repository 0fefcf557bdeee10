//! The words to learn from, as tokens that join in place.
//!
//! One flat array has a cell for each token that a word begins with, a byte or one of a tokenizer's. A token made of several
//! keeps its id in its first cell and again in its last one; so both neighbours of a token are found without links and
//! without a scan, and joining two tokens costs the same in a word of three cells and in one of a million.
//!
//! Whoever saw a token start at a place finds its id there later if and only if it still does. Where it was joined to
//! one on its right, the id is the longer token's. Where it was joined to one on its left the cell is void, or, if
//! the token had one cell, the last cell of a longer one; and the ids of longer tokens are none that words begin with.

use crate::count::WordCounts;
use crate::encode::table::{Table, prefetch};
use crate::merge::cell::Cell;
use crate::merge::start::Start;

/// All words, the tokens in them, and how often each word counts.
pub(super) struct Symbols<C> {
    cells: Table<C>,
    /// How many cells are in use.
    used: usize,
    /// The distinct counts of words: few thousand in real text.
    weights: Vec<u64>,
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

/// The distinct counts of words, in ascending order.
pub(super) fn weights(counts: &WordCounts) -> Vec<u64> {
    let mut weights: Vec<u64> = counts.counts().to_vec();
    weights.sort_unstable();
    weights.dedup();
    weights
}

impl<C: Cell> Symbols<C> {
    /// The words of two and more tokens. `weights` are those of `counts`, and there are not more of them than fit into
    /// cells.
    ///
    /// Words keep the order of `counts`, that of their bytes, so that equal pairs often lie near each other.
    pub(super) fn new(counts: &WordCounts, weights: Vec<u64>, start: &Start<'_>) -> Self {
        let mut table = Table::new(start.cells(counts));
        let edge = C::new(C::EDGE, 0);
        table.entries_mut()[0] = edge;
        let mut symbols = Self { cells: table, used: 1, weights, lengths: vec![1; start.tokens()] };
        let mut tokens = Vec::new();
        for (number, (word, count)) in counts.iter().enumerate() {
            start.tokens_of(number, word, &mut tokens);
            if tokens.len() > 1 {
                let weight = symbols.weights.binary_search(&count).expect("every count is among the weights");
                let cells = &mut symbols.cells.entries_mut()[symbols.used..];
                for (cell, &token) in cells.iter_mut().zip(&tokens) {
                    *cell = C::new(token, weight);
                }
                cells[tokens.len()] = edge;
                symbols.used += tokens.len() + 1;
            }
        }
        symbols
    }

    /// Calls `visit` with each pair of neighbours, its place and its weight, from left to right.
    pub(super) fn for_each_pair(&self, mut visit: impl FnMut(u32, u32, C::Place, u64)) {
        let cells = &self.cells.entries()[..self.used];
        // At the edge before the first word.
        let (mut place, mut length, mut left) = (0, 1, C::EDGE);
        while let Some(next) = cells.get(place + length) {
            let right = next.token();
            if left != C::EDGE && right != C::EDGE {
                visit(left, right, C::place(place), self.weights[next.weight()]);
            }
            place += length;
            length = if right == C::EDGE { 1 } else { self.lengths[right as usize] as usize };
            left = right;
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
        places: &[C::Place],
        [left, right, joined]: [u32; 3],
        mut visit: impl FnMut(Joined<C::Place>, C::Place, u64),
    ) {
        /// How many places ahead of their use cells are called from memory.
        const AHEAD: usize = 16;
        let [left_length, right_length] = [left, right].map(|token| self.lengths[token as usize] as usize);
        let cells = self.cells.entries_mut();
        for (number, &place) in places.iter().enumerate() {
            if let Some(&ahead) = places.get(number + AHEAD) {
                prefetch(cells.as_ptr().wrapping_add(C::index(ahead)));
            }
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
            visit(joined, place, self.weights[weight]);
        }
    }
}
