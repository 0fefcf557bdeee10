//! The loop that learns merges, one at a time.

use std::ops::Range;

use crate::count::WordCounts;
use crate::memory::table::prefetch;
use crate::merge::cell::{Cell, Listed};
use crate::merge::forecast::Forecast;
use crate::merge::listing::list_pairs;
use crate::merge::neighbours::{Neighbour, Neighbours};
use crate::merge::pairs::{Pair, Pairs};
use crate::merge::queue::{Candidate, Queue};
use crate::merge::sizes::Sizes;
use crate::merge::start::Start;
use crate::merge::symbols::Symbols;
use crate::merge::weights::Weights;
use crate::merge::{Merge, MergeOptions};

/// The state between two merges.
pub(super) struct Learner<'t, C: Cell> {
    start: Start<'t>,
    symbols: Symbols<C>,
    pairs: Pairs,
    /// Every listed pair, once, with its count or an earlier one.
    queue: Queue,
    /// The places where pairs were seen first, list after list. In a list they ascend, so that overlapping pairs (`aaa`)
    /// are joined from left to right.
    places: Vec<Listed<C>>,
    lefts: Neighbours<C::Place>,
    rights: Neighbours<C::Place>,
    min_frequency: u64,
    /// Pairs with lower counts are not listed at the moment.
    floor: u64,
    forecast: Forecast,
    /// How many merges there were, and how many there may be.
    merges: usize,
    most_merges: usize,
    sizes: Sizes,
}

impl<'t, C: Cell> Learner<'t, C> {
    /// A learner ready for the first merge; `weights` are those of `counts`, and `floor` is a guess of the lowest count
    /// of a pair that merges.
    pub(super) fn new(
        counts: &WordCounts,
        weights: Weights,
        mut start: Start<'t>,
        options: &MergeOptions,
        floor: u64,
    ) -> Self {
        let min_frequency = options.min_frequency.max(1);
        let sizes = Sizes::new(&start, counts, options.max_token_bytes);
        let symbols = Symbols::new(counts, weights, &start, options.threads);
        start.forget_words();
        let forecast = Forecast::new(start.tokens(), options.merges);
        let mut learner = Self {
            symbols,
            start,
            pairs: Pairs::for_merges(0),
            queue: Queue::new(),
            places: Vec::new(),
            lefts: Neighbours::new(),
            rights: Neighbours::new(),
            min_frequency,
            floor: floor.max(min_frequency),
            forecast,
            merges: 0,
            most_merges: options.merges.unwrap_or(usize::MAX).min(counts.bytes()),
            sizes,
        };
        learner.list_pairs();
        learner
    }

    /// Lists all pairs there are, except those that are too rare or may not merge.
    fn list_pairs(&mut self) {
        (self.pairs, self.queue) = (Pairs::for_merges(self.most_merges), Queue::new());
        let Self { symbols, places, pairs, queue, sizes, floor, .. } = self;
        let is_listed = |pair: &Pair| pair.count >= *floor && sizes.may_join(pair.left, pair.right);
        list_pairs(symbols, places, is_listed, |pair| {
            queue.push(Candidate { count: pair.count, left: pair.left, right: pair.right });
            pairs.insert(pair);
        });
    }

    /// Merges the most frequent pair, or returns `None` when none is frequent enough.
    pub(super) fn next_merge(&mut self) -> Option<Merge> {
        loop {
            // Candidates below the floor may have lower counts than pairs that are not listed.
            let Some(candidate) = self.queue.pop().filter(|candidate| candidate.count >= self.floor) else {
                if !self.lower_floor() {
                    return None;
                }
                continue;
            };
            let pair = self.pairs.find(candidate.left, candidate.right).expect("candidates are listed");
            if pair.count == candidate.count {
                if self.start.add(pair.left, pair.right) {
                    return Some(self.merge(&pair));
                }
            } else if pair.count >= self.floor {
                self.queue.push(Candidate { count: pair.count, ..candidate });
            }
        }
    }

    /// Lowers the floor and lists all pairs anew; `false` if it is at `min_frequency` already.
    fn lower_floor(&mut self) -> bool {
        /// How many times lower, so that a few steps lead down from any count.
        const STEP: u64 = 16;
        if self.floor == self.min_frequency {
            return false;
        }
        self.floor = (self.floor / STEP).max(self.min_frequency);
        self.forecast.give_up();
        self.list_pairs();
        true
    }

    fn merge(&mut self, pair: &Pair) -> Merge {
        let &Pair { left, right, count, start, places } = pair;
        self.merges += 1;
        if let Some(floor) = self.forecast.note(self.merges, count) {
            self.floor = self.floor.max(floor);
        }
        let id = self.symbols.tokens() as u32;
        self.symbols.add_token(left, right);
        self.sizes.add(left, right);
        self.lefts.make_room(id);
        self.rights.make_room(id);
        let mut list = start..start + places;
        let Self { symbols, pairs, queue, lefts, rights, .. } = self;
        queue.next_ones().iter().for_each(|next| pairs.prefetch(next.left, next.right));
        symbols.join_all(&self.places[list.clone()], [left, right, id], |joined, place, weight| {
            if let Some((token, place)) = joined.left
                && lefts.add(token, weight, place)
            {
                pairs.prefetch(token, left);
                pairs.prefetch(token, id);
            }
            if let Some(token) = joined.right
                && rights.add(token, weight, place)
            {
                pairs.prefetch(right, token);
                pairs.prefetch(id, token);
            }
        });
        self.call_next_list();
        self.lower_old_pairs(left, right, id);
        self.list_new_pairs(id, &mut list);
        Merge { left, right, id }
    }

    /// Prefetches the list of the pair that will probably merge next.
    fn call_next_list(&self) {
        let next = self.queue.next_ones().first();
        if let Some(next) = next.and_then(|next| self.pairs.find(next.left, next.right)) {
            prefetch(self.places.as_ptr().wrapping_add(next.start));
        }
    }

    /// Subtracts from the counts of the two tokens' old pairs with their neighbours what the new token's pairs now
    /// have.
    ///
    /// Where two new tokens come to stand side by side, the left one was first met with `left` on its right. That pair
    /// is not an old one but among the new ones, so its count is lowered there.
    fn lower_old_pairs(&mut self, left: u32, right: u32, id: u32) {
        let Self { pairs, lefts, rights, .. } = self;
        let mut lower = |left, right, by| {
            if let Some(count) = pairs.count_mut(left, right) {
                *count -= by;
            }
        };
        lefts.met().iter().for_each(|neighbour| lower(neighbour.token, left, neighbour.count));
        rights.met().iter().for_each(|neighbour| lower(right, neighbour.token, neighbour.count));
        if let (Some(twins), Some(seen)) = (lefts.get_mut(id), rights.get_mut(left)) {
            seen.count -= twins.count;
        }
    }

    /// Lists the pairs that the new token makes with its neighbours, except those that are too rare or may not merge.
    /// The `list` of the pair that was merged is not needed any more, and its room is used again.
    fn list_new_pairs(&mut self, id: u32, list: &mut Range<usize>) {
        let Self { sizes, pairs, queue, places, floor, .. } = self;
        let is_frequent = |neighbour: &Neighbour| neighbour.count >= *floor;
        let mut add = |left: u32, right: u32, &Neighbour { count, places, .. }: &Neighbour, start: usize| {
            queue.push(Candidate { count, left, right });
            pairs.insert(Pair { left, right, count, start, places });
        };
        let keep = |left: &Neighbour| is_frequent(left) && sizes.may_join(left.token, id);
        self.lefts.drain(places, list, keep, |left, start| add(left.token, id, left, start));
        let keep = |right: &Neighbour| is_frequent(right) && sizes.may_join(id, right.token);
        self.rights.drain(places, list, keep, |right, start| add(id, right.token, right, start));
    }
}
