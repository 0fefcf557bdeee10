//! Byte-pair encoding of one pretoken: its bytes, merged pair by pair, always the pair of the lowest rank, the
//! leftmost one among equals, until no pair has a rank.
//!
//! Three ways to find that pair, with the same result. What fits into a cache key takes turns with others of its kind
//! ([`Lockstep`]). Up to [`SHORT`] bytes tokens stay where their first byte is, a bit each tells where tokens begin, and
//! the lowest of all ranks, each with its place in the lower bits, is looked for anew for every merge: quadratic, but
//! nothing moves and all fits into a few cache lines. Beyond, a heap of `(rank, position)` over a linked list gives n
//! log n; its entries are left in place when a neighbour merges away and recognised as stale when they come up,
//! because the rank at their position is then another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cache::{Extent, KEY_BYTES, key_of};
use super::lockstep::{Lockstep, Merged};
use super::ranks::{NEVER, Pair, PairRanks};

/// The longest pretoken that is merged by looking through all ranks: as many bytes as a word has bits.
const SHORT: usize = 64;

/// How many bits of a ranked place are the place.
const PLACE_BITS: u32 = SHORT.trailing_zeros();

/// Merges pretokens; holds the memory that this takes.
#[derive(Debug, Default)]
pub(super) struct Merger {
    /// The ids at last; while a long pretoken merges, the names of its tokens.
    ids: Vec<u32>,
    ranks: Vec<u32>,
    links: Vec<Link>,
    queue: BinaryHeap<Reverse<u64>>,
    lockstep: Lockstep,
}

/// A token in the linked list, by the position of its first byte.
#[derive(Debug, Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
}

impl Merger {
    /// The ids of `piece`, whose length fits into 32 bits.
    pub(super) fn merge<R: PairRanks>(&mut self, piece: &[u8], ranks: &R) -> &[u32] {
        self.ids.clear();
        if piece.len() <= KEY_BYTES {
            let key = key_of(piece, 0, piece.len(), Extent::Piece);
            let Self { ids, lockstep, .. } = self;
            lockstep.merge(ranks, std::iter::once((0, key)), |_, merged| match merged {
                Merged::Few(few, count) => ids.extend_from_slice(&few[..count]),
                Merged::Many(many) => ids.extend_from_slice(many),
            });
        } else if piece.len() <= SHORT {
            self.merge_short(piece, ranks);
        } else {
            self.merge_long(piece, ranks);
        }
        &self.ids
    }

    /// Merges a piece of at most [`SHORT`] bytes.
    fn merge_short<R: PairRanks>(&mut self, piece: &[u8], ranks: &R) {
        // Sixteen bytes more, so that look-ups near the end read as whole words, too.
        let mut text = [0; SHORT + 16];
        text[..piece.len()].copy_from_slice(piece);
        let mut names = [0; SHORT];
        let mut ranked = [NEVER; SHORT];
        let at_place =
            |rank: u32, at: usize| if rank == NEVER { NEVER } else { rank << PLACE_BITS | at as u32 };
        for (at, &byte) in piece.iter().enumerate() {
            names[at] = ranks.byte_name(byte);
        }
        for (at, pair) in piece.windows(2).enumerate() {
            ranked[at] = at_place(ranks.byte_rank(pair[0], pair[1]), at);
        }
        let mut begins = u64::MAX >> (SHORT - piece.len());
        let end_of = |begins: u64| if begins == 0 { piece.len() } else { begins.trailing_zeros() as usize };
        // A multiple of sixteen, so that the search compiles to vector instructions.
        let searched = piece.len().next_multiple_of(16);
        loop {
            let lowest = lowest_of(&ranked[..searched]);
            if lowest == NEVER {
                break;
            }
            let at = lowest as usize % SHORT;
            names[at] = ranks.made(lowest >> PLACE_BITS);
            let behind = begins & (u64::MAX - 1) << at;
            let before = begins & !(u64::MAX << at);
            let gone = behind.trailing_zeros();
            let behind = behind & (behind - 1);
            let next = end_of(behind);
            begins &= !(1 << gone);
            ranked[gone as usize] = NEVER;
            ranked[at] = NEVER;
            if behind != 0 {
                let end = end_of(behind & (behind - 1));
                let pair = Pair { start: at, end, left: names[at], right: names[next] };
                ranked[at] = at_place(ranks.rank(&text, pair), at);
            }
            if before != 0 {
                let start = before.ilog2() as usize;
                let pair = Pair { start, end: next, left: names[start], right: names[at] };
                ranked[start] = at_place(ranks.rank(&text, pair), start);
            }
        }
        while begins != 0 {
            self.ids.push(ranks.id(names[begins.trailing_zeros() as usize]));
            begins &= begins - 1;
        }
    }

    /// Merges a piece of any length that fits into 32 bits.
    fn merge_long<R: PairRanks>(&mut self, piece: &[u8], ranks: &R) {
        self.ids.extend(piece.iter().map(|&byte| ranks.byte_name(byte)));
        self.ranks.clear();
        self.ranks.extend(piece.windows(2).map(|pair| ranks.byte_rank(pair[0], pair[1])));
        let length = self.ids.len() as u32;
        self.links.clear();
        self.links.extend((0..length).map(|at| Link { previous: at.wrapping_sub(1), next: at + 1 }));
        let ranked = self.ranks.iter().enumerate().filter(|&(_, &rank)| rank != NEVER);
        self.queue.clear();
        self.queue.extend(ranked.map(|(at, &rank)| entry(rank, at as u32)));
        while let Some(Reverse(lowest)) = self.queue.pop() {
            let (rank, at) = ((lowest >> 32) as u32, lowest as u32);
            if self.ranks[at as usize] == rank {
                self.merge_at(at, rank, piece, ranks);
            }
        }
        let mut kept = 0;
        let mut at = 0;
        while at < length {
            self.ids[kept] = ranks.id(self.ids[at as usize]);
            kept += 1;
            at = self.links[at as usize].next;
        }
        self.ids.truncate(kept);
    }

    /// Merges the token at `at` with the one behind it.
    fn merge_at<R: PairRanks>(&mut self, at: u32, rank: u32, piece: &[u8], ranks: &R) {
        let length = piece.len() as u32;
        self.ids[at as usize] = ranks.made(rank);
        let Link { previous, next: gone } = self.links[at as usize];
        let next = self.links[gone as usize].next;
        self.links[at as usize].next = next;
        if let Some(gone_rank) = self.ranks.get_mut(gone as usize) {
            *gone_rank = NEVER;
        }
        self.ranks[at as usize] = NEVER;
        if next < length {
            self.links[next as usize].previous = at;
            self.rank_pair(at, next, piece, ranks);
        }
        if previous < length {
            self.rank_pair(previous, at, piece, ranks);
        }
    }

    fn rank_pair<R: PairRanks>(&mut self, left: u32, right: u32, piece: &[u8], ranks: &R) {
        let rank = ranks.rank(
            piece,
            Pair {
                start: left as usize,
                end: self.links[right as usize].next as usize,
                left: self.ids[left as usize],
                right: self.ids[right as usize],
            },
        );
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

/// The lowest of ranked places; their number is a multiple of sixteen.
#[inline(always)]
fn lowest_of(ranked: &[u32]) -> u32 {
    let (groups, _) = ranked.as_chunks::<16>();
    let lowest =
        groups.iter().fold([NEVER; 16], |lowest, group| std::array::from_fn(|at| lowest[at].min(group[at])));
    lowest.into_iter().fold(NEVER, u32::min)
}
