//! The loop that learns merges, one at a time.

use crate::count::WordCounts;
use crate::merge::neighbours::{Neighbour, Neighbours};
use crate::merge::queue::{Candidate, Queue};
use crate::merge::symbols::{MAX_ID, Place, Symbols};
use crate::merge::{Merge, MergeOptions};
use crate::{Error, Result};

/// The places where a pair was seen, and when it was counted last.
#[derive(Debug, Clone, Copy)]
struct List {
    start: usize,
    length: usize,
    /// The number of tokens when it was counted.
    counted_at: u32,
}

/// What is known between two merges.
pub(super) struct Learner {
    symbols: Symbols,
    queue: Queue,
    /// The places of all pairs, list after list. In a list they ascend, so that overlapping pairs (`aaa`) are joined
    /// from left to right. Places that are no longer the pair's stay until the list is counted again.
    places: Vec<Place>,
    lists: Vec<List>,
    /// By token: the number of tokens when it last was the left, or the right, part of a merge.
    last_left: Vec<u32>,
    last_right: Vec<u32>,
    lefts: Neighbours,
    rights: Neighbours,
    min_frequency: u64,
    max_token_bytes: u32,
}

impl Learner {
    pub(super) fn new(counts: &WordCounts, options: &MergeOptions) -> Result<Self> {
        check_weight(counts)?;
        if options.max_token_bytes == Some(0) {
            return Err(Error::argument("max_token_bytes", "is 0, expected at least 1"));
        }
        // One less than the largest number, which lengths beyond it saturate to.
        let longest = options.max_token_bytes.unwrap_or(usize::MAX).min(u32::MAX as usize - 1) as u32;
        let (symbols, starts) = Symbols::new(counts)?;
        let mut learner = Self {
            symbols,
            queue: Queue::default(),
            places: Vec::new(),
            lists: Vec::new(),
            last_left: vec![0; 256],
            last_right: vec![0; 256],
            lefts: Neighbours::default(),
            rights: Neighbours::default(),
            min_frequency: options.min_frequency.max(1),
            max_token_bytes: longest,
        };
        if longest > 1 {
            learner.list_byte_pairs(&starts);
        }
        Ok(learner)
    }

    /// Lists all pairs of bytes, in two passes: one to count, one to fill lists of just the right size.
    fn list_byte_pairs(&mut self, starts: &[Place]) {
        let mut pairs = vec![(0_u64, 0_usize); 1 << 16];
        let index = |left: u32, right: u32| (left << 8 | right) as usize;
        for &start in starts {
            let weight = self.symbols.weight(start);
            self.symbols.for_each_pair(start, |left, right, _| {
                let (count, places) = &mut pairs[index(left, right)];
                *count += weight;
                *places += 1;
            });
        }
        let mut ends = vec![usize::MAX; 1 << 16];
        let mut end = 0;
        for (pair, &(count, places)) in pairs.iter().enumerate() {
            if count >= self.min_frequency {
                let (left, right) = ((pair >> 8) as u32, (pair & 0xFF) as u32);
                self.queue.push(Candidate { count, left, right, list: self.lists.len() });
                self.lists.push(List { start: end, length: places, counted_at: 256 });
                ends[pair] = end;
                end += places;
            }
        }
        self.places.resize(end, Place::default());
        for &start in starts {
            self.symbols.for_each_pair(start, |left, right, place| {
                let next = &mut ends[index(left, right)];
                if *next != usize::MAX {
                    self.places[*next] = place;
                    *next += 1;
                }
            });
        }
    }

    /// Merges the most frequent pair, or returns `None` when none is frequent enough.
    pub(super) fn next_merge(&mut self) -> Result<Option<Merge>> {
        while let Some(candidate) = self.queue.pop() {
            if self.is_exact(&candidate) {
                return self.merge(&candidate).map(Some);
            }
            let count = self.count_again(&candidate);
            if count >= self.min_frequency {
                self.queue.push(Candidate { count, ..candidate });
            }
        }
        Ok(None)
    }

    /// Whether nothing can have changed the candidate's count since it was counted.
    fn is_exact(&self, candidate: &Candidate) -> bool {
        let counted_at = self.lists[candidate.list].counted_at;
        self.last_right[candidate.left as usize] < counted_at
            && self.last_left[candidate.right as usize] < counted_at
    }

    /// Counts the places where the pair still stands, and drops the others from its list.
    fn count_again(&mut self, candidate: &Candidate) -> u64 {
        let list = &mut self.lists[candidate.list];
        let places = &mut self.places[list.start..list.start + list.length];
        let mut count = 0;
        let mut kept = 0;
        for index in 0..places.len() {
            let place = places[index];
            if self.symbols.is_pair(place, candidate.left, candidate.right) {
                count += self.symbols.weight(place);
                places[kept] = place;
                kept += 1;
            }
        }
        list.length = kept;
        // The merge that comes next gets a higher number.
        list.counted_at = self.last_left.len() as u32;
        count
    }

    fn merge(&mut self, candidate: &Candidate) -> Result<Merge> {
        let &Candidate { left, right, list, .. } = candidate;
        let length = self.symbols.length(left) + self.symbols.length(right);
        let id = self.symbols.add_token(length);
        if id > MAX_ID {
            return Err(Error::argument("vocab_size", format!("more than {MAX_ID} tokens")));
        }
        self.join_all(left, right, id, self.lists[list]);
        self.last_left[left as usize] = id;
        self.last_right[right as usize] = id;
        self.last_left.push(0);
        self.last_right.push(0);
        self.list_new_pairs(id, length);
        Ok(Merge { left, right, id })
    }

    /// Joins the pair wherever it stands, and gathers the neighbours.
    fn join_all(&mut self, left: u32, right: u32, id: u32, list: List) {
        for index in list.start..list.start + list.length {
            let place = self.places[index];
            if !self.symbols.is_pair(place, left, right) {
                continue;
            }
            let weight = self.symbols.weight(place);
            let joined = self.symbols.join(place, left, right, id);
            if let Some((token, place)) = joined.left {
                self.lefts.add(token, weight, place);
            }
            if let Some(token) = joined.right {
                self.rights.add(token, weight, place);
            }
        }
    }

    /// Lists the pairs that the new token makes with its neighbours, but for those that can never merge.
    ///
    /// Where two new tokens come to stand side by side, the pair of the left one with what stood there before is
    /// counted too often; `is_exact` is false for it.
    fn list_new_pairs(&mut self, id: u32, length: u32) {
        let Self { symbols, queue, places, lists, min_frequency, max_token_bytes, .. } = self;
        let keep = |neighbour: &Neighbour| {
            let total = length.saturating_add(symbols.length(neighbour.token));
            neighbour.count >= *min_frequency && total <= *max_token_bytes
        };
        let mut add = |left: u32, right: u32, neighbour: &Neighbour, start: usize| {
            queue.push(Candidate { count: neighbour.count, left, right, list: lists.len() });
            lists.push(List { start, length: neighbour.places, counted_at: id });
        };
        self.lefts.drain(places, keep, |left, start| add(left.token, id, left, start));
        self.rights.drain(places, keep, |right, start| add(id, right.token, right, start));
    }
}

/// Checks that no sum of counts can overflow: a word of n bytes has fewer than n pairs.
fn check_weight(counts: &WordCounts) -> Result<()> {
    let add = |sum: u64, (word, count): (&[u8], u64)| sum.checked_add(count.checked_mul(word.len() as u64)?);
    match counts.iter().try_fold(0, add) {
        Some(_) => Ok(()),
        None => Err(Error::argument("counts", "the words with their counts have 2^64 bytes or more")),
    }
}
