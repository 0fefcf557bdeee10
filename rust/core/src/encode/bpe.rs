//! Byte-pair encoding of one pretoken: its bytes, merged pair by pair, always the pair of the lowest rank, the
//! leftmost one among equals, until no pair has a rank.
//!
//! Two ways to find that pair, with the same result. Up to [`SHORT`] bytes all ranks are looked through for each
//! merge: quadratic, but on data that fits into a few cache lines. Beyond, a heap of `(rank, position)` over a linked
//! list gives n log n; its entries are left in place when a neighbour merges away and recognised as stale when they
//! come up, because the rank at their position is then another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::merges::{MergeTable, NEVER};

/// The longest pretoken that is merged by looking through all ranks. Measured with o200k on random letters: the
/// heap overtakes between 48 and 96 bytes.
const SHORT: usize = 64;

/// Merges pretokens; holds the memory that this takes.
#[derive(Debug, Default)]
pub(super) struct Merger {
    ids: Vec<u32>,
    ranks: Vec<u32>,
    links: Vec<Link>,
    queue: BinaryHeap<Reverse<u64>>,
}

/// A token in the linked list, by the position of its first byte.
#[derive(Debug, Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
}

impl Merger {
    /// The ids of `pretoken`, whose length fits into 32 bits.
    pub(super) fn merge(&mut self, pretoken: &[u8], byte_ids: &[u32; 256], merges: &MergeTable) -> &[u32] {
        self.ids.clear();
        self.ids.extend(pretoken.iter().map(|&byte| byte_ids[byte as usize]));
        self.ranks.clear();
        self.ranks.extend(pretoken.windows(2).map(|pair| merges.byte_rank(pair[0], pair[1])));
        if pretoken.len() <= SHORT {
            self.merge_short(merges);
        } else {
            self.merge_long(merges);
        }
        &self.ids
    }

    /// Leaves it at one id.
    pub(super) fn take(&mut self, id: u32) -> &[u32] {
        self.ids.clear();
        self.ids.push(id);
        &self.ids
    }

    fn merge_short(&mut self, merges: &MergeTable) {
        let Self { ids, ranks, .. } = self;
        while let Some(&lowest) = ranks.iter().min()
            && lowest != NEVER
        {
            let at = ranks.iter().position(|&rank| rank == lowest).expect("the minimum is in there");
            ids[at] = merges.made(lowest);
            ids.remove(at + 1);
            ranks.remove(at);
            if at > 0 {
                ranks[at - 1] = merges.rank(ids[at - 1], ids[at]);
            }
            if at < ranks.len() {
                ranks[at] = merges.rank(ids[at], ids[at + 1]);
            }
        }
    }

    fn merge_long(&mut self, merges: &MergeTable) {
        let length = self.ids.len() as u32;
        self.links.clear();
        self.links.extend((0..length).map(|at| Link { previous: at.wrapping_sub(1), next: at + 1 }));
        let ranked = self.ranks.iter().enumerate().filter(|&(_, &rank)| rank != NEVER);
        self.queue.clear();
        self.queue.extend(ranked.map(|(at, &rank)| entry(rank, at as u32)));
        while let Some(Reverse(lowest)) = self.queue.pop() {
            let (rank, at) = ((lowest >> 32) as u32, lowest as u32);
            if self.ranks[at as usize] == rank {
                self.merge_at(at, rank, length, merges);
            }
        }
        let mut kept = 0;
        let mut at = 0;
        while at < length {
            self.ids[kept] = self.ids[at as usize];
            kept += 1;
            at = self.links[at as usize].next;
        }
        self.ids.truncate(kept);
    }

    /// Merges the token at `at` with the one behind it.
    fn merge_at(&mut self, at: u32, rank: u32, length: u32, merges: &MergeTable) {
        self.ids[at as usize] = merges.made(rank);
        let Link { previous, next: gone } = self.links[at as usize];
        let next = self.links[gone as usize].next;
        self.links[at as usize].next = next;
        if let Some(gone_rank) = self.ranks.get_mut(gone as usize) {
            *gone_rank = NEVER;
        }
        self.ranks[at as usize] = NEVER;
        if next < length {
            self.links[next as usize].previous = at;
            self.rank_pair(at, next, merges);
        }
        if previous < length {
            self.rank_pair(previous, at, merges);
        }
    }

    fn rank_pair(&mut self, left: u32, right: u32, merges: &MergeTable) {
        let rank = merges.rank(self.ids[left as usize], self.ids[right as usize]);
        self.ranks[left as usize] = rank;
        if rank != NEVER {
            self.queue.push(entry(rank, left));
        }
    }
}

/// A queue entry: entries come in the order of ranks, then of positions.
fn entry(rank: u32, at: u32) -> Reverse<u64> {
    Reverse(u64::from(rank) << 32 | u64::from(at))
}
