//! Byte-pair encoding of one pretoken: its bytes, merged pair by pair, always the pair of the lowest rank, the
//! leftmost one among equals, until no pair has a rank.
//!
//! Three ways to find that pair, with the same result. Short pieces merge in [`Lockstep`], whose search is quadratic,
//! but moves nothing and fits into a few cache lines. Long ones are cut into windows ([`Stitcher`]). Where windows
//! cannot be short, a heap of `(rank, position)` over a linked list gives n log n; its entries are left in place when a
//! neighbour merges away and recognised as stale when they come up, because the rank at their position is then another.
//!
//! [`merges`] and [`ranks`] know which pairs merge, in which order and into what, by way of [`slots`] behind a
//! [`filter`]; for the bundled encodings [`parted`] has it ready. [`cuts`] says where a long pretoken may be divided
//! beforehand.

pub(crate) mod cuts;
pub(crate) mod filter;
pub(crate) mod lockstep;
pub(crate) mod merges;
pub(crate) mod parted;
pub(crate) mod ranks;
pub(crate) mod slots;
pub(crate) mod stitch;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lockstep::{Lockstep, Piece};
use ranks::{NEVER, Pair, PairRanks};
use stitch::{Stitcher, Token};

/// Lanes for the shortest pieces, and for those a little longer.
pub(crate) const FEW_LANES: usize = 16;
pub(crate) const MANY_LANES: usize = 64;

/// Merges pieces, always by the same ranks, and keeps the scratch space for it.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    ids: Vec<u32>,
    few: Lockstep<FEW_LANES>,
    many: Lockstep<MANY_LANES>,
    heap: HeapMerger,
    stitcher: Stitcher,
}

impl Merger {
    /// The ids of `piece`, whose length fits into 32 bits.
    pub(crate) fn merge<R: PairRanks>(&mut self, piece: &[u8], ranks: &R) -> &[u32] {
        let Self { ids, few, many, heap, stitcher } = self;
        match piece.len() {
            ..FEW_LANES => merge_short(few, piece, ranks, ids),
            FEW_LANES..MANY_LANES => merge_short(many, piece, ranks, ids),
            MANY_LANES.. => stitcher.merge(many, heap, piece, ranks, ids),
        }
        ids
    }

    /// Calls `done` with the number and the ids of each of these pieces of fewer than [`MANY_LANES`] bytes, in any order.
    pub(crate) fn merge_together<'p, R: PairRanks>(
        &mut self,
        pieces: impl Iterator<Item = (usize, &'p [u8])>,
        ranks: &R,
        mut done: impl FnMut(usize, &mut dyn Iterator<Item = u32>),
    ) {
        let pieces = pieces.map(|(number, piece)| Piece::new(piece, number));
        self.many
            .merge(ranks, pieces, |number, word| done(number, &mut word.tokens(ranks).map(|(_, id)| id)));
    }
}

/// Merges a piece of fewer than `LANES` bytes.
fn merge_short<const LANES: usize, R: PairRanks>(
    lockstep: &mut Lockstep<LANES>,
    piece: &[u8],
    ranks: &R,
    ids: &mut Vec<u32>,
) {
    ids.clear();
    lockstep.merge(ranks, std::iter::once(Piece::new(piece, 0)), |_, word| {
        ids.extend(word.tokens(ranks).map(|(_, id)| id));
    });
}

/// Merges with a heap.
#[derive(Debug, Default)]
pub(crate) struct HeapMerger {
    names: Vec<u32>,
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

impl HeapMerger {
    /// Replaces `tokens` by those of `piece`, whose length fits into 32 bits.
    pub(crate) fn merge<R: PairRanks>(&mut self, piece: &[u8], ranks: &R, tokens: &mut Vec<Token>) {
        self.names.clear();
        self.names.extend(piece.iter().map(|&byte| ranks.byte_name(byte)));
        self.ranks.clear();
        self.ranks.extend(piece.windows(2).map(|pair| ranks.byte_rank(pair[0], pair[1])));
        let length = piece.len() as u32;
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
        tokens.clear();
        let mut at = 0;
        while at < length {
            let end = self.links[at as usize].next;
            tokens.push(Token { end, id: ranks.id(self.names[at as usize]) });
            at = end;
        }
    }

    /// Merges the token at `at` with the next one.
    fn merge_at<R: PairRanks>(&mut self, at: u32, rank: u32, piece: &[u8], ranks: &R) {
        let length = piece.len() as u32;
        self.names[at as usize] = ranks.made(rank);
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
                left: self.names[left as usize],
                right: self.names[right as usize],
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
