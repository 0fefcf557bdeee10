//! Byte-pair encoding of short pieces, many at once.
//!
//! A piece of fewer bytes than there are lanes has so few pairs that the ranks of all of them, each with its place in
//! the lower bits, are a few registers, and the lowest, the leftmost among equals, is found without a loop. What takes
//! time is the memory in which ranks are looked up: two look-ups follow from each merge, and the next merge depends on
//! both. Therefore every step begins its look-ups and leaves them to the step after, and steps of up to [`WIDTH`]
//! pieces take turns: while one piece waits, the others work. On books (o200k) a miss takes 300 ns by itself and 150
//! among others, including the look-up of the whole pretoken and the insertion into the cache. Three groups in turns,
//! of which one waits for the filter and one for the table, are no faster; nor are the instructions of AVX-512.
//!
//! Steps have no branches but the one that ends them, since others could not be predicted.

use std::hint::select_unpredictable;

use super::ranks::{NEVER, Pair, PairRanks};
use super::slots::Asked;
use crate::processor::Level;

/// How many pieces take turns. With 8 a miss takes 10 to 20 ns more, with 32 as long.
const WIDTH: usize = 16;

/// The most lanes there may be, so that places have six bits and ranks the other 26.
const MOST_LANES: usize = 64;
const PLACE_BITS: u32 = MOST_LANES.trailing_zeros();

/// Ranked places from this number on are those of pairs that do not merge.
const LEAST_NEVER: u32 = NEVER << PLACE_BITS;

/// A piece of fewer than `LANES` bytes while it merges. Tokens stay where their first byte is.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Word<const LANES: usize> {
    /// For each place where a token begins: the rank of its pair with the next token, and the place in the lower bits.
    /// The last lane belongs to no pair.
    ranked: [u32; LANES],
    names: [u32; LANES],
    /// The piece, and arbitrary bytes after it: so many that sixteen can be read from each place.
    bytes: [u8; MOST_LANES + 16],
    /// A bit for each byte at which a token begins, and one after the last token.
    begins: u64,
    /// The number of the piece.
    index: usize,
}

#[inline(always)]
fn ranked(rank: u32, place: usize) -> u32 {
    rank << PLACE_BITS | place as u32
}

impl<const LANES: usize> Word<LANES> {
    const EMPTY: Self =
        Self { ranked: [NEVER; LANES], names: [0; LANES], bytes: [0; MOST_LANES + 16], begins: 1, index: 0 };

    #[inline(always)]
    fn begin<R: PairRanks>(&mut self, ranks: &R, piece: Piece<LANES>) {
        // All lanes are written whatever the length is, without a branch that depends on it.
        let Piece { bytes, length, index } = piece;
        self.bytes[..LANES].copy_from_slice(&bytes);
        self.names = bytes.map(|byte| ranks.byte_name(byte));
        for at in 0..LANES - 1 {
            self.ranked[at] = ranks.byte_rank(bytes[at], bytes[at + 1]);
        }
        for (at, pair) in self.ranked.iter_mut().enumerate() {
            *pair = ranked(*pair, at) | if at + 1 < length { 0 } else { NEVER };
        }
        self.begins = u64::MAX >> (MOST_LANES - 1 - length);
        self.index = index;
    }

    /// Begins to look up the rank of a pair, if it is one, for a lane.
    #[inline(always)]
    fn ask<R: PairRanks>(
        &mut self,
        ranks: &R,
        questions: &mut Questions,
        (word, lane): (usize, usize),
        pair: Pair,
        is_pair: bool,
    ) {
        let rank = match ranks.ask(&self.bytes, pair) {
            Ok(asked) => {
                questions.push(Question { asked, word: word as u32, lane: lane as u32 }, is_pair);
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
        let behind = self.begins & (u64::MAX - 1) << at;
        let gone = behind.trailing_zeros() as usize % LANES;
        let behind = behind & (behind - 1);
        let next = behind.trailing_zeros() as usize % LANES;
        let behind = behind & (behind - 1);
        let end = select_unpredictable(behind == 0, at, behind.trailing_zeros() as usize % LANES);
        self.begins &= !(1 << gone);
        self.names[at] = name;
        self.ranked[gone] = NEVER;
        // Where there is no token before or none after, an empty pair is looked up for nothing: cheaper than branches.
        let before = self.begins & !(u64::MAX << at);
        let previous = (before | 1).ilog2() as usize % LANES;
        let start = select_unpredictable(before == 0, next, previous);
        let lane = select_unpredictable(before == 0, LANES - 1, previous);
        let right = Pair { start: at, end, left: name, right: self.names[next] };
        let left = Pair { start, end: next, left: self.names[previous], right: name };
        self.ask(ranks, questions, (word, at), right, behind != 0);
        self.ask(ranks, questions, (word, lane), left, before != 0);
        true
    }

    /// How many tokens there are.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.begins.count_ones() as usize - 1
    }

    /// The ids of the first `COUNT` tokens; if there are fewer, arbitrary ids after them.
    #[inline(always)]
    pub(crate) fn first_ids<const COUNT: usize, R: PairRanks>(&self, ranks: &R) -> [u32; COUNT] {
        let mut begins = self.begins;
        std::array::from_fn(|_| {
            let at = begins.trailing_zeros() as usize % LANES;
            begins &= begins.wrapping_sub(1);
            ranks.id(self.names[at])
        })
    }

    /// The tokens: where each ends in the piece, and its id.
    #[inline(always)]
    pub(crate) fn tokens<R: PairRanks>(&self, ranks: &R) -> impl Iterator<Item = (usize, u32)> {
        let mut rest = self.begins;
        std::iter::from_fn(move || {
            let at = rest.trailing_zeros() as usize % LANES;
            rest &= rest - 1;
            (rest != 0).then(|| (rest.trailing_zeros() as usize, ranks.id(self.names[at])))
        })
    }
}

/// A piece to merge, as many bytes as there are lanes, of which the first `length` count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<const LANES: usize> {
    pub(crate) bytes: [u8; LANES],
    pub(crate) length: usize,
    /// The number by which the caller knows it.
    pub(crate) index: usize,
}

impl<const LANES: usize> Piece<LANES> {
    /// From fewer bytes than there are lanes.
    #[inline(always)]
    pub(crate) fn new(piece: &[u8], index: usize) -> Self {
        let mut bytes = [0; LANES];
        bytes[..piece.len()].copy_from_slice(piece);
        Self { bytes, length: piece.len(), index }
    }
}

/// The lowest of ranked places.
#[inline(always)]
fn lowest_of<const LANES: usize>(ranked: &[u32; LANES]) -> u32 {
    let (groups, _) = ranked.as_chunks::<16>();
    let lowest =
        groups.iter().fold([NEVER; 16], |lowest, group| std::array::from_fn(|at| lowest[at].min(group[at])));
    lowest.into_iter().fold(NEVER, u32::min)
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

    /// Adds a question, unless the answer is clear or there is no pair.
    #[inline(always)]
    fn push(&mut self, question: Question, is_pair: bool) {
        self.questions[self.count] = question;
        self.count += usize::from(question.asked.may_find() & is_pair);
    }

    /// Gives the answers to the words that wait for them.
    #[inline(always)]
    fn answer<const LANES: usize, R: PairRanks>(&mut self, ranks: &R, words: &mut [Word<LANES>; WIDTH]) {
        for question in &self.questions[..self.count] {
            let (word, lane) = (question.word as usize % WIDTH, question.lane as usize % LANES);
            words[word].ranked[lane] = ranked(ranks.answer(question.asked), lane);
        }
        self.count = 0;
    }
}

/// Merges short pieces, and keeps the scratch space for it. `LANES` are a multiple of sixteen, at most [`MOST_LANES`].
#[derive(Debug)]
pub(crate) struct Lockstep<const LANES: usize> {
    words: Box<[Word<LANES>; WIDTH]>,
    questions: Box<Questions>,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "there is one way only"))]
    level: Level,
}

impl<const LANES: usize> Default for Lockstep<LANES> {
    fn default() -> Self {
        let (words, questions) = (Box::new([Word::EMPTY; WIDTH]), Box::new(Questions::NONE));
        Self { words, questions, level: Level::best() }
    }
}

impl<const LANES: usize> Lockstep<LANES> {
    /// Calls `done` with each of `pieces`, merged, and its number, in any order.
    pub(crate) fn merge<R: PairRanks>(
        &mut self,
        ranks: &R,
        pieces: impl Iterator<Item = Piece<LANES>>,
        done: impl FnMut(usize, &Word<LANES>),
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = self.level.avx2() {
            return x86::take_turns(avx2, self, ranks, pieces, done);
        }
        take_turns(self, ranks, pieces, done);
    }
}

#[inline(always)]
fn take_turns<const LANES: usize, R: PairRanks>(
    lockstep: &mut Lockstep<LANES>,
    ranks: &R,
    mut pieces: impl Iterator<Item = Piece<LANES>>,
    mut done: impl FnMut(usize, &Word<LANES>),
) {
    let Lockstep { words, questions, .. } = lockstep;
    let mut count = 0;
    for (word, piece) in words.iter_mut().zip(&mut pieces) {
        word.begin(ranks, piece);
        count += 1;
    }
    while count > 0 {
        // All words get their answers before any steps: a vector that is read right after a part of it was written
        // waits for the write.
        questions.answer(ranks, words);
        let mut turn = 0;
        while turn < count {
            if words[turn].step(ranks, questions, turn) {
                turn += 1;
                continue;
            }
            done(words[turn].index, &words[turn]);
            if let Some(piece) = pieces.next() {
                words[turn].begin(ranks, piece);
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
    use super::{Lockstep, PairRanks, Piece, Word};
    use crate::processor::Avx2;

    pub(super) fn take_turns<const LANES: usize, R: PairRanks>(
        _: Avx2,
        lockstep: &mut Lockstep<LANES>,
        ranks: &R,
        pieces: impl Iterator<Item = Piece<LANES>>,
        done: impl FnMut(usize, &Word<LANES>),
    ) {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<const LANES: usize, R: PairRanks>(
            lockstep: &mut Lockstep<LANES>,
            ranks: &R,
            pieces: impl Iterator<Item = Piece<LANES>>,
            done: impl FnMut(usize, &Word<LANES>),
        ) {
            super::take_turns(lockstep, ranks, pieces, done);
        }
        // SAFETY: the first argument is the proof that the processor has these extensions.
        unsafe { avx2(lockstep, ranks, pieces, done) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::bpe::merges::{Merge, MergeTable};

    /// What pieces of the letters a to d merge to by a few merges, by the portable code and by that of this processor.
    fn merged<const LANES: usize>(pieces: &[Vec<u8>]) -> [Vec<Vec<(usize, u32)>>; 2] {
        let letter = |index: u32| u32::from(b'a') + index % 4;
        let pairs = (0..16).map(|index: u32| (letter(index * 7 + 1), letter(index / 4)));
        let longer = (0..40_u32).map(|index| (256 + index % 11, letter(index / 11)));
        let merges = pairs.chain(longer).zip(256..).map(|((left, right), id)| Merge { left, right, id });
        let table = MergeTable::new(merges.collect(), &std::array::from_fn(|byte| byte as u32), 400);
        let ranks = &table.ranks();
        let numbered = || pieces.iter().enumerate().map(|(index, piece)| Piece::new(piece, index));
        let empty = vec![Vec::new(); pieces.len()];
        let (mut portable, mut native) = (empty.clone(), empty);
        let mut lockstep = Lockstep::<LANES>::default();
        take_turns(&mut lockstep, ranks, numbered(), |index, word| {
            portable[index] = word.tokens(ranks).collect();
        });
        lockstep.merge(ranks, numbered(), |index, word| {
            native[index] = word.tokens(ranks).collect();
        });
        [portable, native]
    }

    fn pieces(lanes: usize) -> Vec<Vec<u8>> {
        let letters = |seed: usize| {
            (0..seed * 5 % lanes).map(move |at| b"abcd"[(seed * 31 + at * at * 7 + at) / 3 % 4])
        };
        (0..200).map(|seed| letters(seed).collect()).collect()
    }

    #[test]
    fn every_processor_merges_alike_and_lanes_do_not_matter() {
        let few = pieces(16);
        let [portable, native] = merged::<16>(&few);
        assert_eq!(portable, native);
        assert_eq!(merged::<64>(&few), [portable.clone(), portable]);
        let [portable, native] = merged::<64>(&pieces(64));
        assert_eq!(portable, native);
        assert!(portable.iter().any(|tokens| tokens.iter().any(|&(_, id)| id > 280)));
    }
}
