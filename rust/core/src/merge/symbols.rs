//! The words to learn from, as tokens that join in place.
//!
//! One flat array has a cell for each byte of each word. A token of several bytes keeps its id in its first cell and
//! again, marked, in its last one; so both neighbours of a token are found without links and without a scan, and
//! joining two tokens costs the same in a word of three bytes and in one of a million. Cells inside a token are
//! marked or void, so a first cell is never mistaken.

use crate::count::WordCounts;
use crate::encode::ID_OF_BYTE;
use crate::{Error, Result};

/// Marks the last cell of a token that has more than one.
const LAST: u32 = 1 << 31;
/// Stands before, between and behind the words.
const EDGE: u32 = u32::MAX;
/// The cell of a token's start that has become the inside of a longer one.
const VOID: u32 = u32::MAX - 1;

/// The largest id that a cell can keep.
pub(super) const MAX_ID: u32 = LAST - 1;

/// Where a token starts, and which weight its word has: the cell in the upper 40 bits, the number of the weight in
/// the lower 24. Both travel together because a new pair stands in the same word as the one it came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place(u64);

const WEIGHT_BITS: u32 = 24;

impl Place {
    fn new(cell: usize, weight: usize) -> Self {
        Self((cell as u64) << WEIGHT_BITS | weight as u64)
    }

    fn cell(self) -> usize {
        (self.0 >> WEIGHT_BITS) as usize
    }

    fn weight(self) -> usize {
        (self.0 & ((1 << WEIGHT_BITS) - 1)) as usize
    }

    fn forward(self, cells: u32) -> Self {
        Self(self.0 + (u64::from(cells) << WEIGHT_BITS))
    }

    fn back(self, cells: u32) -> Self {
        Self(self.0 - (u64::from(cells) << WEIGHT_BITS))
    }
}

/// All words, the tokens in them, and how often each word counts.
pub(super) struct Symbols {
    cells: Vec<u32>,
    /// The distinct counts of words: few thousand in real text.
    weights: Vec<u64>,
    /// Bytes of each token.
    lengths: Vec<u32>,
}

/// What stood next to two tokens that were joined.
pub(super) struct Joined {
    /// The token on the left and its place: where the new pair of it and the joined token starts.
    pub(super) left: Option<(u32, Place)>,
    /// The token on the right.
    pub(super) right: Option<u32>,
}

impl Symbols {
    /// The words of two and more bytes as tokens of single bytes, and where each word starts.
    ///
    /// Words keep the order of `counts`, that of their bytes, so that equal pairs often lie near each other.
    pub(super) fn new(counts: &WordCounts) -> Result<(Self, Vec<Place>)> {
        let mut weights: Vec<u64> = counts.counts().to_vec();
        weights.sort_unstable();
        weights.dedup();
        let mut cells = Vec::with_capacity(counts.bytes() + counts.len() + 1);
        let mut starts = Vec::with_capacity(counts.len());
        cells.push(EDGE);
        for (word, count) in counts.iter().filter(|(word, _)| word.len() > 1) {
            let weight = weights.binary_search(&count).expect("every count is among the weights");
            starts.push(Place::new(cells.len(), weight));
            cells.extend(word.iter().map(|&byte| u32::from(ID_OF_BYTE[usize::from(byte)])));
            cells.push(EDGE);
        }
        if weights.len() >> WEIGHT_BITS != 0 || (cells.len() as u64) >> (u64::BITS - WEIGHT_BITS) != 0 {
            let message =
                "more than 2^40 bytes of words, or 2^24 different counts: more than can be learned from";
            return Err(Error::argument("counts", message));
        }
        Ok((Self { cells, weights, lengths: vec![1; 256] }, starts))
    }

    /// Calls `visit` with each pair of neighbours in the word at `start`, as long as no tokens were joined.
    pub(super) fn for_each_pair(&self, start: Place, mut visit: impl FnMut(u32, u32, Place)) {
        let mut place = start;
        for pair in self.cells[start.cell()..].windows(2).take_while(|pair| pair[1] != EDGE) {
            visit(pair[0], pair[1], place);
            place = place.forward(1);
        }
    }

    /// How often the word at `place` counts.
    pub(super) fn weight(&self, place: Place) -> u64 {
        self.weights[place.weight()]
    }

    /// Bytes of a token.
    pub(super) fn length(&self, token: u32) -> u32 {
        self.lengths[token as usize]
    }

    /// Adds the next token, `length` bytes long, and returns its id.
    pub(super) fn add_token(&mut self, length: u32) -> u32 {
        self.lengths.push(length);
        (self.lengths.len() - 1) as u32
    }

    /// Whether `left` starts at `place` and `right` follows it.
    pub(super) fn is_pair(&self, place: Place, left: u32, right: u32) -> bool {
        let cell = place.cell();
        self.cells[cell] == left && self.cells[cell + self.length(left) as usize] == right
    }

    /// Joins the pair `left`, `right` at `place` to the token `joined`.
    pub(super) fn join(&mut self, place: Place, left: u32, right: u32, joined: u32) -> Joined {
        let start = place.cell();
        let middle = start + self.length(left) as usize;
        let end = middle + self.length(right) as usize;
        self.cells[start] = joined;
        self.cells[middle] = VOID;
        self.cells[end - 1] = joined | LAST;
        let before = self.cells[start - 1];
        let after = self.cells[end];
        let token_before = before & !LAST;
        Joined {
            left: (before != EDGE).then(|| (token_before, place.back(self.length(token_before)))),
            right: (after != EDGE).then_some(after),
        }
    }
}
