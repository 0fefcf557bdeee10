//! The pairs that may merge next, best first.
//!
//! Most pairs are far too rare ever to merge, so only those above a floor stand in the heap. The others wait in a
//! plain list; when the heap runs empty the floor sinks to half of the best that waits.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A pair, how often it occurs at most, and where its occurrences are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) count: u64,
    pub(super) left: u32,
    pub(super) right: u32,
    /// The number of its list of occurrences.
    pub(super) list: usize,
}

impl Ord for Candidate {
    /// The larger count first, then the smaller left id, then the smaller right id.
    fn cmp(&self, other: &Self) -> Ordering {
        let ids = |candidate: &Self| (candidate.left, candidate.right);
        self.count.cmp(&other.count).then_with(|| ids(other).cmp(&ids(self)))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All candidates; every one in `heap` counts at least `floor`, every one in `waiting` less.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Candidate>,
    waiting: Vec<Candidate>,
    floor: u64,
}

impl Queue {
    pub(super) fn push(&mut self, candidate: Candidate) {
        if candidate.count >= self.floor {
            self.heap.push(candidate);
        } else {
            self.waiting.push(candidate);
        }
    }

    /// Takes the best candidate out.
    pub(super) fn pop(&mut self) -> Option<Candidate> {
        if self.heap.is_empty() {
            self.lower_floor();
        }
        self.heap.pop()
    }

    fn lower_floor(&mut self) {
        let best = self.waiting.iter().map(|candidate| candidate.count).max().unwrap_or(0);
        self.floor = best / 2;
        let floor = self.floor;
        self.heap.extend(self.waiting.extract_if(.., |candidate| candidate.count >= floor));
    }
}
