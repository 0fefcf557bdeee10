//! Byte-pair encoding of pieces that fit into a cache key, many at once.
//!
//! A piece of at most 15 bytes has at most 14 pairs, so that the ranks of all its pairs, each with its place in the
//! lower bits, are a few registers, and the lowest of them, the leftmost among equals, is found without a loop. What
//! takes time is the memory in which ranks are looked up: two look-ups follow from each merge, and the next merge depends
//! on both. Therefore every step begins its look-ups and leaves them to the step after, and steps of up to [`WIDTH`]
//! pieces take turns: while one piece waits, the others work. With o200k a piece takes 60 ns by itself and 35 ns
//! among others.

use super::cache::{KEY_BYTES, Key};
use super::ranks::{NEVER, Pair, PairRanks};

/// How many pieces take turns.
const WIDTH: usize = 16;

/// How many lanes a piece has: one for each byte, and one that no pair uses.
const LANES: usize = 16;
const UNUSED: usize = LANES - 1;
const _: () = assert!(KEY_BYTES < LANES, "a lane for each byte and one more");

/// How many bits of a ranked place are the place.
const PLACE_BITS: u32 = LANES.trailing_zeros();

/// From here on, a ranked place is that of a pair that does not merge.
const LEAST_NEVER: u32 = NEVER << PLACE_BITS;

/// A piece while it merges. Tokens stay where their first byte is.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Word<A> {
    /// By place of the left token: the pair's rank and the place.
    ranked: [u32; LANES],
    names: [u32; LANES],
    /// The piece, and zeros.
    bytes: [u8; 2 * LANES],
    /// Look-ups on their way, and the lanes their answers go to.
    asked: [(A, usize); 2],
    /// A bit for each byte at which a token begins, and one behind the last.
    begins: u32,
    /// The number of the piece.
    index: usize,
}

#[inline(always)]
fn ranked(rank: u32, place: usize) -> u32 {
    rank << PLACE_BITS | place as u32
}

impl<A: Copy + Default> Word<A> {
    #[inline(always)]
    fn empty() -> Self {
        Self {
            ranked: [NEVER; LANES],
            names: [0; LANES],
            bytes: [0; 2 * LANES],
            asked: [(A::default(), UNUSED); 2],
            begins: 1,
            index: 0,
        }
    }

    #[inline(always)]
    fn new<R: PairRanks<Asked = A>>(ranks: &R, key: Key, index: usize) -> Self {
        let mut word = Self::empty();
        let length = (key >> 120) as usize % LANES;
        word.bytes[..LANES].copy_from_slice(&key.to_le_bytes());
        word.bytes[KEY_BYTES] = 0;
        for at in 0..length {
            word.names[at] = ranks.byte_name(word.bytes[at]);
        }
        for at in 1..length {
            word.ranked[at - 1] = ranked(ranks.byte_rank(word.bytes[at - 1], word.bytes[at]), at - 1);
        }
        word.begins = (2 << length) - 1;
        word.index = index;
        word
    }

    /// Hears the answers to what was asked, merges the lowest pair and asks for the two pairs that this makes;
    /// `false` if no pair merges any more.
    #[inline(always)]
    fn step<R: PairRanks<Asked = A>>(&mut self, ranks: &R) -> bool {
        for (asked, lane) in self.asked {
            self.ranked[lane] = ranked(ranks.answer(asked), lane);
        }
        let lowest = lowest_of(&self.ranked);
        if lowest >= LEAST_NEVER {
            return false;
        }
        let at = lowest as usize % LANES;
        let name = ranks.made(lowest >> PLACE_BITS);
        let behind = self.begins & (u32::MAX - 1) << at;
        let gone = behind.trailing_zeros() as usize;
        let behind = behind & (behind - 1);
        let next = behind.trailing_zeros() as usize;
        let end = (behind & (behind - 1)).trailing_zeros() as usize;
        self.begins &= !(1 << gone);
        self.names[at] = name;
        self.ranked[gone % LANES] = NEVER;
        let before = self.begins & !(u32::MAX << at);
        let right = Pair { start: at, end, left: name, right: self.names[next % LANES] };
        self.asked = [(A::default(), at), (A::default(), UNUSED)];
        if end < LANES {
            self.asked[0].0 = ranks.ask(&self.bytes, right);
        }
        if before != 0 {
            let previous = before.ilog2() as usize;
            let left = Pair { start: previous, end: next, left: self.names[previous % LANES], right: name };
            self.asked[1] = (ranks.ask(&self.bytes, left), previous);
        }
        true
    }

    /// The ids of the tokens, and their number.
    #[inline(always)]
    fn ids<R: PairRanks<Asked = A>>(&self, ranks: &R) -> ([u32; LANES], usize) {
        let mut ids = [0; LANES];
        let mut count = 0;
        // Without the bit behind the last byte, which is the highest.
        let mut begins = self.begins & !(1 << self.begins.ilog2());
        while begins != 0 {
            ids[count % LANES] = ranks.id(self.names[begins.trailing_zeros() as usize % LANES]);
            count += 1;
            begins &= begins - 1;
        }
        (ids, count)
    }
}

/// The lowest of ranked places.
#[inline(always)]
fn lowest_of(ranked: &[u32; LANES]) -> u32 {
    ranked.iter().copied().fold(NEVER, u32::min)
}

/// Calls `done` with the ids of each of `pieces`, and its number among them, in any order. The pieces have bytes; which
/// extent their keys tell does not matter.
pub(super) fn merge_pieces<R: PairRanks>(
    ranks: &R,
    pieces: impl Iterator<Item = (usize, Key)>,
    done: impl FnMut(usize, &[u32]),
) {
    #[cfg(target_arch = "x86_64")]
    if x86::is_available() {
        return x86::merge_pieces(ranks, pieces, done);
    }
    take_turns(ranks, pieces, done);
}

#[inline(always)]
fn take_turns<R: PairRanks>(
    ranks: &R,
    mut pieces: impl Iterator<Item = (usize, Key)>,
    mut done: impl FnMut(usize, &[u32]),
) {
    let mut words: [Word<R::Asked>; WIDTH] = [Word::empty(); WIDTH];
    let mut count = 0;
    for (word, (index, key)) in words.iter_mut().zip(&mut pieces) {
        *word = Word::new(ranks, key, index);
        count += 1;
    }
    while count > 0 {
        let mut turn = 0;
        while turn < count {
            if words[turn].step(ranks) {
                turn += 1;
                continue;
            }
            let (ids, length) = words[turn].ids(ranks);
            done(words[turn].index, &ids[..length]);
            match pieces.next() {
                Some((index, key)) => words[turn] = Word::new(ranks, key, index),
                None => {
                    count -= 1;
                    words[turn] = words[count];
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "functions for particular processors")]
mod x86 {
    use super::{Key, PairRanks, take_turns};

    /// Whether the processor has AVX2, BMI1, BMI2 and LZCNT.
    #[inline(always)]
    pub(super) fn is_available() -> bool {
        std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("lzcnt")
    }

    /// Only where [`is_available`].
    pub(super) fn merge_pieces<R: PairRanks>(
        ranks: &R,
        pieces: impl Iterator<Item = (usize, Key)>,
        done: impl FnMut(usize, &[u32]),
    ) {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<R: PairRanks>(
            ranks: &R,
            pieces: impl Iterator<Item = (usize, Key)>,
            done: impl FnMut(usize, &[u32]),
        ) {
            take_turns(ranks, pieces, done);
        }
        // SAFETY: the caller guarantees a processor with these extensions.
        unsafe { avx2(ranks, pieces, done) }
    }
}
