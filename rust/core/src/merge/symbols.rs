//! The words to learn from, as tokens that join in place.
//!
//! One flat array has a cell for each byte of each word. A token of several bytes keeps its id in its first cell and
//! again in its last one; so both neighbours of a token are found without links and without a scan, and joining two
//! tokens costs the same in a word of three bytes and in one of a million.
//!
//! Whoever saw a token start at a place finds its id there later if and only if it still does. Where it was joined to
//! one on its right, the id is the longer token's. Where it was joined to one on its left the cell is void, or, if
//! the token was a single byte, the last cell of a longer one; and the ids of longer tokens are no byte's.

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
    /// Bytes of each token.
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

/// How many cells the words take.
pub(super) fn cells(counts: &WordCounts) -> usize {
    counts.bytes() + counts.len() + 1
}

impl<C: Cell> Symbols<C> {
    /// The words of two and more tokens. `weights` are those of `counts`, and there are not more of them than fit into
    /// cells.
    ///
    /// Words keep the order of `counts`, that of their bytes, so that equal pairs often lie near each other.
    pub(super) fn new(counts: &WordCounts, weights: Vec<u64>, start: &Start<'_>) -> Self {
        let mut table = Table::new(cells(counts));
        let edge = C::new(C::EDGE, 0);
        table.entries_mut()[0] = edge;
        let mut symbols = Self { cells: table, used: 1, weights, lengths: start.lengths() };
        let mut tokens = Vec::new();
        for (number, (word, count)) in counts.iter().enumerate() {
            start.tokens_of(number, word, &mut tokens);
            if tokens.len() > 1 {
                let weight = symbols.weights.binary_search(&count).expect("every count is among the weights");
                for &token in &tokens {
                    symbols.push(token, weight);
                }
                symbols.cells.entries_mut()[symbols.used] = edge;
                symbols.used += 1;
            }
        }
        symbols
    }

    /// Appends a token.
    fn push(&mut self, token: u32, weight: usize) {
        let length = self.length(token) as usize;
        let cells = &mut self.cells.entries_mut()[self.used..self.used + length];
        cells.fill(C::new(C::VOID, weight));
        cells[0] = C::new(token, weight);
        cells[length - 1] = cells[0];
        self.used += length;
    }

    /// Calls `visit` with each pair of neighbours, its place and its weight, as long as no tokens were joined.
    pub(super) fn for_each_pair(&self, mut visit: impl FnMut(u32, u32, C::Place, u64)) {
        let cells = &self.cells.entries()[..self.used];
        let mut start = 1;
        while start < cells.len() {
            let left = cells[start].token();
            let next = start + if left == C::EDGE { 1 } else { self.length(left) as usize };
            if left != C::EDGE && cells[next].token() != C::EDGE {
                let weight = self.weights[cells[start].weight()];
                visit(left, cells[next].token(), C::place(start), weight);
            }
            start = next;
        }
    }

    /// Bytes of a token.
    pub(super) fn length(&self, token: u32) -> u32 {
        self.lengths[token as usize]
    }

    /// How many tokens there are.
    pub(super) fn tokens(&self) -> usize {
        self.lengths.len()
    }

    /// Adds the next token, `length` bytes long.
    pub(super) fn add_token(&mut self, length: u32) {
        self.lengths.push(length);
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
        let [left_length, right_length] = [left, right].map(|token| self.length(token) as usize);
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
