//! What merging has to know of pairs of tokens: the order in which they merge, and what becomes of them.
//!
//! There are two kinds. A list of merges says which two tokens make which ([`MergeTable`]), as Hugging Face has it. Or
//! any two adjacent tokens whose bytes together are a token make that token, lower ids first ([`SpelledRanks`]), as
//! tiktoken has it; then only the vocabulary itself has to be looked up. For most lists both come to the same, but that
//! has to be found out token by token.

use std::hint::select_unpredictable;
use std::ops::Range;
use std::sync::OnceLock;

use super::lockstep::{Lockstep, Piece};
use super::merges::{Merge, MergeTable};
use super::parted::known_left_lengths;
use super::slots::{Asked, NONE};
use super::{FEW_LANES, HeapMerger, MANY_LANES};
use crate::encode::vocabulary::{self, Vocabulary};
use crate::memory::reuse::get_or_compute;
use crate::{available_threads, map_in_order};

/// How many ids' merges are found in one job.
const JOB_IDS: u32 = 4096;

/// How many tokens' parts are looked up at once.
const PARTED_AT_ONCE: usize = 16;

/// The rank of a pair that does not merge.
pub(crate) const NEVER: u32 = NONE;

/// Two adjacent tokens of a text: where they stand in it, and their names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) left: u32,
    pub(crate) right: u32,
}

/// Ranks of pairs, looked up in two steps, so that several can wait for memory at once. Each kind names tokens as it
/// likes. Ranks have 24 bits.
pub(crate) trait PairRanks {
    /// The rank of a pair of bytes, or [`NEVER`].
    fn byte_rank(&self, left: u8, right: u8) -> u32;

    /// Begins to look a pair up, or finds its rank at once. Of a pair of no bytes the answer may be anything.
    fn ask(&self, text: &[u8], pair: Pair) -> Result<Asked, u32>;

    /// The pair's rank, or [`NEVER`].
    fn answer(&self, asked: Asked) -> u32;

    /// The name of a byte.
    fn byte_name(&self, byte: u8) -> u32;

    /// The name of the token that the pair of this rank makes.
    fn made(&self, rank: u32) -> u32;

    /// The id of the token of this name.
    fn id(&self, name: u32) -> u32;

    /// The rank of a pair, or [`NEVER`].
    #[inline(always)]
    fn rank(&self, text: &[u8], pair: Pair) -> u32 {
        self.ask(text, pair).map_or_else(|rank| rank, |asked| self.answer(asked))
    }
}

/// The ranks of pairs of bytes, where every piece starts.
#[derive(Debug)]
pub(crate) struct BytePairs(Box<[u32; 1 << 16]>);

impl Default for BytePairs {
    /// No pair merges.
    fn default() -> Self {
        let pairs = vec![NEVER; 1 << 16].into_boxed_slice();
        Self(pairs.try_into().expect("as many as there are pairs"))
    }
}

impl BytePairs {
    pub(crate) fn set(&mut self, left: u8, right: u8, rank: u32) {
        self.0[usize::from(u16::from_be_bytes([left, right]))] = rank;
    }

    #[inline(always)]
    pub(crate) fn rank(&self, left: u8, right: u8) -> u32 {
        self.0[usize::from(u16::from_be_bytes([left, right]))]
    }
}

/// What the names of single bytes begin with; ids are smaller.
const BYTE_NAME: u32 = 1 << 31;

/// Which pairs of a vocabulary's tokens merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merges {
    /// The merges of this list, in the order of their ranks.
    Listed(Vec<Merge>),
    /// All pairs whose bytes together are a token, in the order of its id: tiktoken's rule.
    Spelled,
}

impl Merges {
    /// The merges that make ids below `bound`.
    pub(crate) fn below(self, bound: u32) -> Self {
        match self {
            Self::Listed(merges) => {
                Self::Listed(merges.into_iter().filter(|merge| merge.id < bound).collect())
            }
            Self::Spelled => Self::Spelled,
        }
    }
}

/// [`Merges`] made ready to be looked up.
#[derive(Debug)]
pub(crate) enum Ranks {
    Listed(MergeTable),
    Spelled(Box<Spelled>),
}

impl Ranks {
    /// Makes `merges` ready; `byte_ids` are the ids of the 256 single bytes.
    pub(crate) fn new(merges: Merges, byte_ids: &[u32; 256], vocabulary: &Vocabulary) -> Self {
        match merges {
            Merges::Listed(merges) => Self::Listed(MergeTable::new(merges, byte_ids, vocabulary.id_bound())),
            Merges::Spelled => Self::Spelled(Box::new(Spelled::new(vocabulary, byte_ids))),
        }
    }

    /// What this was made from.
    pub(crate) fn definition(&self) -> Merges {
        match self {
            Self::Listed(listed) => Merges::Listed(listed.merges().to_vec()),
            Self::Spelled(_) => Merges::Spelled,
        }
    }

    /// The merges in the order of their ranks.
    pub(crate) fn merges(&self, vocabulary: &Vocabulary) -> &[Merge] {
        match self {
            Self::Listed(listed) => listed.merges(),
            Self::Spelled(spelled) => spelled.merges(vocabulary),
        }
    }
}

/// What merging by spelling needs in addition to the vocabulary.
#[derive(Debug)]
pub(crate) struct Spelled {
    /// The ids of the tokens of two bytes.
    byte_pairs: BytePairs,
    /// The ids of the single bytes.
    byte_ids: [u32; 256],
    /// The merges as a list, once somebody asked for it.
    merges: OnceLock<Vec<Merge>>,
}

impl Spelled {
    pub(crate) fn new(vocabulary: &Vocabulary, byte_ids: &[u32; 256]) -> Self {
        let mut byte_pairs = BytePairs::default();
        for (id, token) in vocabulary.ordinary(0..u32::MAX) {
            if let &[left, right] = token {
                byte_pairs.set(left, right, id);
            }
        }
        Self { byte_pairs, byte_ids: *byte_ids, merges: OnceLock::new() }
    }

    pub(crate) fn ranks<'v>(&'v self, vocabulary: &'v Vocabulary) -> SpelledRanks<'v> {
        SpelledRanks { vocabulary: vocabulary.view(), byte_pairs: &self.byte_pairs, byte_ids: &self.byte_ids }
    }

    /// The merge of each token that merges make, by id.
    ///
    /// Only one pair ever makes a token: as long as no merge reaches across the borders of a stretch of text, what
    /// happens inside depends on the stretch alone, so the two parts from which its last merge makes the token are
    /// always the same. They are what merging the token's own bytes comes to when the last merge is left out; if it
    /// gets stuck before, no merge makes the token, and it is found only as a whole pretoken. (That is why tiktoken's
    /// rule «the pretoken, if it is a token» is part of its format.) The parts may have higher ids than the token:
    /// Llama 3 has such tokens.
    pub(crate) fn merges(&self, vocabulary: &Vocabulary) -> &[Merge] {
        get_or_compute::<Vec<_>>(&self.merges, || {
            self.find_merges(vocabulary, &known_left_lengths(vocabulary))
        })
    }

    /// Like [`merges`](Self::merges), where `left_lengths` has the lengths of the left parts of some tokens, by id, and
    /// 0 for others.
    pub(crate) fn find_merges(&self, vocabulary: &Vocabulary, left_lengths: &[u8]) -> Vec<Merge> {
        let jobs = (vocabulary.id_bound() as u32).div_ceil(JOB_IDS) as usize;
        map_in_order(available_threads(), jobs, |job| {
            let first = job as u32 * JOB_IDS;
            self.merges_of(first..first + JOB_IDS, vocabulary, left_lengths)
        })
        .concat()
    }

    /// The merges of the tokens with these ids, by id.
    fn merges_of(&self, ids: Range<u32>, vocabulary: &Vocabulary, left_lengths: &[u8]) -> Vec<Merge> {
        let mut merges = Vec::new();
        let (mut parted, mut short, mut middle) = (Vec::new(), Vec::new(), Vec::new());
        for (id, token) in vocabulary.ordinary(ids) {
            if let Some(&left) = left_lengths.get(id as usize).filter(|&&left| left > 0) {
                parted.push((id, left.into()));
                continue;
            }
            match token.len() {
                ..2 => {}
                2 => {
                    let [left, right] = [token[0], token[1]].map(|byte| self.byte_ids[usize::from(byte)]);
                    merges.push(Merge { left, right, id });
                }
                3..FEW_LANES => short.push((id, token)),
                FEW_LANES..MANY_LANES => middle.push((id, token)),
                MANY_LANES.. => merges.extend(self.merge_of_long(id, token, vocabulary)),
            }
        }
        merge_parted(&parted, vocabulary, &mut merges);
        self.merge_short::<FEW_LANES>(&short, vocabulary, &mut merges);
        self.merge_short::<MANY_LANES>(&middle, vocabulary, &mut merges);
        // Up to four parts, some of them in order already, which this sort makes use of.
        merges.sort_by_key(|merge| merge.id);
        merges
    }

    /// Adds the merges of tokens of fewer than `LANES` bytes.
    fn merge_short<const LANES: usize>(
        &self,
        tokens: &[(u32, &[u8])],
        vocabulary: &Vocabulary,
        merges: &mut Vec<Merge>,
    ) {
        let parts = Parts::<LANES> { ranks: self.ranks(vocabulary) };
        let pieces = tokens.iter().map(|&(id, token)| {
            let mut piece = Piece::new(token, id as usize);
            piece.bytes[LANES - 1] = token.len() as u8;
            piece
        });
        Lockstep::<LANES>::default().merge(&parts, pieces, |id, word| {
            if word.count() == 2 {
                let [left, right] = word.first_ids(&parts);
                merges.push(Merge { left, right, id: id as u32 });
            }
        });
    }

    fn merge_of_long(&self, id: u32, token: &[u8], vocabulary: &Vocabulary) -> Option<Merge> {
        let mut merged = Vec::new();
        HeapMerger::default().merge(token, &Parts::<0> { ranks: self.ranks(vocabulary) }, &mut merged);
        match *merged {
            [left, right] => Some(Merge { left: left.id, right: right.id, id }),
            _ => None,
        }
    }
}

/// Adds the merges of tokens whose left parts have these lengths.
fn merge_parted(parted: &[(u32, usize)], vocabulary: &Vocabulary, merges: &mut Vec<Merge>) {
    let vocabulary = vocabulary.view();
    let mut asked = Vec::with_capacity(PARTED_AT_ONCE);
    for tokens in parted.chunks(PARTED_AT_ONCE) {
        asked.clear();
        asked.extend(tokens.iter().map(|&(id, left)| vocabulary.ask_parts(id, left)));
        for (&(id, _), parts) in tokens.iter().zip(&asked) {
            let [left, right] = parts.map(|part| part.map_or_else(|id| id, |asked| vocabulary.answer(asked)));
            merges.push(Merge { left, right, id });
        }
    }
}

/// Ranks of pairs whose bytes together are a token: its id. Tokens are named by their ids, but single bytes by
/// [`BYTE_NAME`] and the byte, which is cheaper for the many that merge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpelledRanks<'v> {
    vocabulary: vocabulary::View<'v>,
    byte_pairs: &'v BytePairs,
    byte_ids: &'v [u32; 256],
}

impl PairRanks for SpelledRanks<'_> {
    #[inline(always)]
    fn byte_rank(&self, left: u8, right: u8) -> u32 {
        self.byte_pairs.rank(left, right)
    }

    #[inline(always)]
    fn ask(&self, text: &[u8], pair: Pair) -> Result<Asked, u32> {
        self.vocabulary.ask(text, pair.start, pair.end)
    }

    #[inline(always)]
    fn answer(&self, asked: Asked) -> u32 {
        self.vocabulary.answer(asked)
    }

    #[inline(always)]
    fn byte_name(&self, byte: u8) -> u32 {
        BYTE_NAME | u32::from(byte)
    }

    #[inline(always)]
    fn made(&self, rank: u32) -> u32 {
        rank
    }

    #[inline(always)]
    fn id(&self, name: u32) -> u32 {
        let of_byte = self.byte_ids[name as usize % 256];
        select_unpredictable(name >= BYTE_NAME, of_byte, name)
    }
}

/// The ranks that leave a token of three bytes or more in two parts, since its own merge is left out. Its length is
/// that of the text, or, where the text is that of a piece in `LANES` lanes, stands in the last lane, which no piece
/// reaches.
#[derive(Debug, Clone, Copy)]
struct Parts<'v, const LANES: usize> {
    ranks: SpelledRanks<'v>,
}

impl<const LANES: usize> PairRanks for Parts<'_, LANES> {
    #[inline(always)]
    fn byte_rank(&self, left: u8, right: u8) -> u32 {
        self.ranks.byte_rank(left, right)
    }

    #[inline(always)]
    fn ask(&self, text: &[u8], pair: Pair) -> Result<Asked, u32> {
        let length = if LANES == 0 { text.len() } else { text[LANES - 1].into() };
        if pair.end - pair.start == length { Err(NEVER) } else { self.ranks.ask(text, pair) }
    }

    #[inline(always)]
    fn answer(&self, asked: Asked) -> u32 {
        self.ranks.answer(asked)
    }

    #[inline(always)]
    fn byte_name(&self, byte: u8) -> u32 {
        self.ranks.byte_name(byte)
    }

    #[inline(always)]
    fn made(&self, rank: u32) -> u32 {
        self.ranks.made(rank)
    }

    #[inline(always)]
    fn id(&self, name: u32) -> u32 {
        self.ranks.id(name)
    }
}
