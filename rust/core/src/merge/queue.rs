//! The pairs that may merge next, best first.
//!
//! Most pairs are far too rare ever to merge, and a heap of them all would not fit into the cache. So pairs are classed
//! by their counts, eight classes from each power of two to the next, and only the highest class is in the heap; the
//! others wait in plain lists until their turn.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A pair and how often it occurs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) count: u64,
    pub(super) left: u32,
    pub(super) right: u32,
}

impl Ord for Candidate {
    /// The larger count first, then the smaller left id, then the smaller right id.
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |&Self { count, left, right }: &Self| {
            u128::from(count) << 64 | u128::from(!left) << 32 | u128::from(!right)
        };
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All candidates: in `heap` those of class `current` and above, the others in the lists of their classes.
#[derive(Debug)]
pub(super) struct Queue {
    heap: BinaryHeap<Candidate>,
    current: usize,
    waiting: Vec<Vec<Candidate>>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let classes = class_of(u64::MAX) + 1;
        Self { heap: BinaryHeap::new(), current: classes, waiting: vec![Vec::new(); classes] }
    }

    pub(super) fn push(&mut self, candidate: Candidate) {
        let class = class_of(candidate.count);
        if class >= self.current {
            self.heap.push(candidate);
        } else {
            self.waiting[class].push(candidate);
        }
    }

    /// The best candidate and some of the next ones, as far as they are known already.
    pub(super) fn next_ones(&self) -> &[Candidate] {
        /// The best three are among the first seven of a heap.
        const SOME: usize = 7;
        &self.heap.as_slice()[..self.heap.len().min(SOME)]
    }

    /// Takes the best candidate out.
    pub(super) fn pop(&mut self) -> Option<Candidate> {
        while self.heap.is_empty() && self.current > 0 {
            self.current -= 1;
            self.heap = std::mem::take(&mut self.waiting[self.current]).into();
        }
        self.heap.pop()
    }
}

/// Larger counts have the same class or a higher one: the place of the highest bit, and the three bits below it.
fn class_of(count: u64) -> usize {
    let shift = count.max(1).ilog2().saturating_sub(3);
    ((shift as usize) << 3) + (count >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_ascend_with_counts() {
        assert!((0..16).all(|count| class_of(count) == count as usize));
        for power in 1..61 {
            for bits in 8_u64..16 {
                let (count, class) = (bits << power, class_of(bits << power));
                assert_eq!(class_of(count - 1) + 1, class);
                assert_eq!(class_of(count + ((1 << power) - 1)), class);
            }
        }
        assert_eq!(class_of(u64::MAX), 495);
    }

    #[test]
    fn the_best_comes_first_whatever_is_pushed_meanwhile() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 40
        };
        let (mut queue, mut all) = (Queue::new(), Vec::new());
        for _ in 0..3000 {
            for _ in 0..random() % 3 {
                let count = random() >> (random() % 24);
                let ids = (random() as u32 % 3, random() as u32 % 3);
                let candidate = Candidate { count, left: ids.0, right: ids.1 };
                queue.push(candidate);
                all.push(candidate);
            }
            if random() % 2 == 0 {
                all.sort_unstable();
                assert_eq!(queue.pop(), all.pop());
            }
        }
    }
}
