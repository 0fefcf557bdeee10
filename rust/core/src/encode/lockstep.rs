//! Byte-pair encoding of pieces that fit into a cache key, many at once.
//!
//! A piece of at most 15 bytes has at most 14 pairs, so that the ranks of all its pairs, each with its place in the
//! lower bits, are a few registers, and the lowest of them, the leftmost among equals, is found without a loop. What
//! takes time is the memory in which ranks are looked up: two look-ups follow from each merge, and the next merge depends
//! on both. Therefore every step begins its look-ups and leaves them to the step after, and steps of up to [`WIDTH`]
//! pieces take turns: while one piece waits, the others work. With o200k a piece takes 60 ns by itself and 35 ns
//! among others.

use std::hint::select_unpredictable;

use super::cache::{self, KEY_BYTES, Key};
use super::ranks::{NEVER, Pair, PairRanks};
use super::slots::Asked;

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
struct Word {
    /// By place of the left token: the pair's rank and the place.
    ranked: [u32; LANES],
    names: [u32; LANES],
    /// The piece, and zeros.
    bytes: [u8; 2 * LANES],
    /// A bit for each byte at which a token begins, and one behind the last.
    begins: u32,
    /// The number of the piece.
    index: usize,
}

#[inline(always)]
fn ranked(rank: u32, place: usize) -> u32 {
    rank << PLACE_BITS | place as u32
}

/// By length: all bits in the lanes behind the last pair, which make its rank [`NEVER`].
const BEHIND: [[u32; LANES]; LANES] = {
    let mut behind = [[NEVER; LANES]; LANES];
    let mut length = 2;
    while length < LANES {
        let mut at = 0;
        while at + 1 < length {
            behind[length][at] = 0;
            at += 1;
        }
        length += 1;
    }
    behind
};

impl Word {
    const EMPTY: Self =
        Self { ranked: [NEVER; LANES], names: [0; LANES], bytes: [0; 2 * LANES], begins: 1, index: 0 };

    #[inline(always)]
    fn begin<R: PairRanks>(&mut self, ranks: &R, key: Key, index: usize) {
        // All lanes are written whatever the length is, without a branch that depends on it.
        let length = (key >> 120) as usize % LANES;
        let mut bytes = key.to_le_bytes();
        bytes[KEY_BYTES] = 0;
        self.bytes[..LANES].copy_from_slice(&bytes);
        self.names = bytes.map(|byte| ranks.byte_name(byte));
        for at in 0..KEY_BYTES {
            self.ranked[at] = ranks.byte_rank(self.bytes[at], self.bytes[at + 1]);
        }
        for (at, (pair, behind)) in self.ranked.iter_mut().zip(&BEHIND[length]).enumerate() {
            *pair = ranked(*pair, at) | behind;
        }
        self.begins = (2 << length) - 1;
        self.index = index;
    }

    /// Begins to look up the rank of a pair, for a lane.
    #[inline(always)]
    fn ask<R: PairRanks>(
        &mut self,
        ranks: &R,
        questions: &mut Questions,
        word: usize,
        lane: usize,
        pair: Pair,
    ) {
        let rank = match ranks.ask(&self.bytes, pair) {
            Ok(asked) => {
                questions.push(Question { asked, word: word as u32, lane: lane as u32 });
                NEVER
            }
            Err(rank) => rank,
        };
        self.ranked[lane] = ranked(rank, lane);
    }

    /// Merges the lowest pair and asks for the two pairs that this makes; `false` if no pair merges any more.
    #[inline(always)]
    fn step<R: PairRanks>(&mut self, ranks: &R, questions: &mut Questions, word: usize) -> bool {
        let lowest = lowest_of(&self.ranked);
        if lowest >= LEAST_NEVER {
            return false;
        }
        let at = lowest as usize % LANES;
        let name = ranks.made(lowest >> PLACE_BITS);
        let behind = self.begins & (u32::MAX - 1) << at;
        let gone = behind.trailing_zeros() as usize % LANES;
        let behind = behind & (behind - 1);
        let next = behind.trailing_zeros() as usize % LANES;
        let behind = behind & (behind - 1);
        let end = select_unpredictable(behind == 0, at, behind.trailing_zeros() as usize % LANES);
        self.begins &= !(1 << gone);
        self.names[at] = name;
        self.ranked[gone] = NEVER;
        // Where there is no token before or none behind, the pair is empty, which has no rank: cheaper than branches.
        let before = self.begins & !(u32::MAX << at);
        let previous = (before | 1).ilog2() as usize % LANES;
        let start = select_unpredictable(before == 0, next, previous);
        let right = Pair { start: at, end, left: name, right: self.names[next] };
        let left = Pair { start, end: next, left: self.names[previous], right: name };
        self.ask(ranks, questions, word, at, right);
        self.ask(ranks, questions, word, select_unpredictable(before == 0, UNUSED, previous), left);
        true
    }

    /// How many tokens there are.
    #[inline(always)]
    fn count(&self) -> usize {
        self.begins.count_ones() as usize - 1
    }

    /// The ids of the first so many tokens; where there are fewer, any others behind them.
    #[inline(always)]
    fn ids<const COUNT: usize, R: PairRanks>(&self, ranks: &R) -> [u32; COUNT] {
        let mut begins = self.begins;
        std::array::from_fn(|_| {
            let at = begins.trailing_zeros() as usize % LANES;
            begins &= begins.wrapping_sub(1);
            ranks.id(self.names[at])
        })
    }
}

/// The lowest of ranked places.
#[inline(always)]
fn lowest_of(ranked: &[u32; LANES]) -> u32 {
    ranked.iter().copied().fold(NEVER, u32::min)
}

/// The look-ups of one round that may find something.
#[derive(Debug)]
struct Questions {
    questions: [Question; 2 * WIDTH + 1],
    count: usize,
}

/// A look-up on its way, and the lane that waits for it.
#[derive(Debug, Clone, Copy)]
struct Question {
    asked: Asked,
    word: u32,
    lane: u32,
}

impl Questions {
    const NONE: Self =
        Self { questions: [Question { asked: Asked::NOTHING, word: 0, lane: 0 }; 2 * WIDTH + 1], count: 0 };

    /// Adds a question, unless the answer is clear.
    #[inline(always)]
    fn push(&mut self, question: Question) {
        self.questions[self.count] = question;
        self.count += usize::from(question.asked.may_find());
    }

    /// Gives the answers to those who wait for them.
    #[inline(always)]
    fn answer<R: PairRanks>(&mut self, ranks: &R, words: &mut [Word; WIDTH]) {
        for question in &self.questions[..self.count] {
            let (word, lane) = (question.word as usize % WIDTH, question.lane as usize % LANES);
            words[word].ranked[lane] = ranked(ranks.answer(question.asked), lane);
        }
        self.count = 0;
    }
}

/// How many ids nearly all pieces have at most.
const FEW: usize = cache::LANES;

/// What a piece is merged to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Merged<'m> {
    /// The first so many of these ids.
    Few([u32; FEW], usize),
    Many(&'m [u32]),
}

/// Merges short pieces; holds the memory that this takes.
#[derive(Debug)]
pub(super) struct Lockstep {
    words: Box<[Word; WIDTH]>,
    questions: Box<Questions>,
}

impl Default for Lockstep {
    fn default() -> Self {
        Self { words: Box::new([Word::EMPTY; WIDTH]), questions: Box::new(Questions::NONE) }
    }
}

impl Lockstep {
    /// Calls `done` with the ids of each of `pieces`, and its number among them, in any order. Which extent their keys
    /// tell does not matter.
    pub(super) fn merge<R: PairRanks>(
        &mut self,
        ranks: &R,
        pieces: impl Iterator<Item = (usize, Key)>,
        done: impl FnMut(usize, Merged<'_>),
    ) {
        #[cfg(target_arch = "x86_64")]
        if x86::is_available() {
            return x86::take_turns(self, ranks, pieces, done);
        }
        take_turns(self, ranks, pieces, done);
    }
}

#[inline(always)]
fn take_turns<R: PairRanks>(
    lockstep: &mut Lockstep,
    ranks: &R,
    mut pieces: impl Iterator<Item = (usize, Key)>,
    mut done: impl FnMut(usize, Merged<'_>),
) {
    let Lockstep { words, questions } = lockstep;
    let mut count = 0;
    for (word, (index, key)) in words.iter_mut().zip(&mut pieces) {
        word.begin(ranks, key, index);
        count += 1;
    }
    while count > 0 {
        // All hear before any steps: a vector that is read right after a part of it was written waits for the write.
        questions.answer(ranks, words);
        let mut turn = 0;
        while turn < count {
            if words[turn].step(ranks, questions, turn) {
                turn += 1;
                continue;
            }
            let word = &words[turn];
            let few = word.ids(ranks);
            match word.count() {
                count @ ..=FEW => done(word.index, Merged::Few(few, count)),
                count => done(word.index, Merged::Many(&word.ids::<LANES, _>(ranks)[..count])),
            }
            if let Some((index, key)) = pieces.next() {
                words[turn].begin(ranks, key, index);
                turn += 1;
            } else {
                count -= 1;
                words[turn] = words[count];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "functions for particular processors")]
mod x86 {
    use super::{Key, Lockstep, Merged, PairRanks};

    /// Whether the processor has AVX2, BMI1, BMI2 and LZCNT.
    #[inline(always)]
    pub(super) fn is_available() -> bool {
        std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("lzcnt")
    }

    /// Only where [`is_available`].
    pub(super) fn take_turns<R: PairRanks>(
        lockstep: &mut Lockstep,
        ranks: &R,
        pieces: impl Iterator<Item = (usize, Key)>,
        done: impl FnMut(usize, Merged<'_>),
    ) {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<R: PairRanks>(
            lockstep: &mut Lockstep,
            ranks: &R,
            pieces: impl Iterator<Item = (usize, Key)>,
            done: impl FnMut(usize, Merged<'_>),
        ) {
            super::take_turns(lockstep, ranks, pieces, done);
        }
        // SAFETY: the caller guarantees a processor with these extensions.
        unsafe { avx2(lockstep, ranks, pieces, done) }
    }
}
