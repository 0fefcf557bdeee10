//! Counts → merges: byte-pair encoding learned from word counts.
//!
//! The most frequent pair of neighbouring tokens becomes a token, again and again. Pairs with equal counts merge in the
//! order of their ids. Four facts make it fast:
//!
//! 1. A merge `(a, b) → z` creates only pairs with `z`, which did not exist before; they are gathered in arrays by
//!    neighbour. So a pair is listed once, with all the places where it will ever stand.
//! 2. From then on it can only become rarer. Where `l a b r` becomes `l z r`, the pairs `(l, z)` and `(z, r)` come up
//!    exactly as often as `(l, a)` and `(b, r)` go: what was gathered for the new pairs also gives the losses of the
//!    old ones, and one look-up for each distinct neighbour keeps all counts exact. (Counting pairs again from their
//!    lists when they come up for merging needs no look-ups, but takes 40 % longer in 25 languages.)
//! 3. Most pairs are far too rare ever to merge. So only pairs with at least the count that is [forecast] for the last
//!    merges are listed; and since counts only fall, no other pair reaches that count later. Once no listed pair has it
//!    any more, the forecast was too high, and all words are read once more, for rarer pairs.
//! 4. A word is never scanned: checking a place, joining there and finding the neighbours takes constant time, in words
//!    of any length, and the cells are prefetched.
//!
//! Every join shortens the words by one token and lists at most two new places, so for words of n bytes together the
//! lists never hold more than 3 n places, and all work on joins is O(n).
//!
//! Merging runs on one thread. Exact batches were tried: the next merges up to the first that involves another one of
//! its batch, with words and pairs shared out between threads that wait for each other three times a batch. On two
//! threads 25 languages took 382 ms, against 364 on one without batches, Chinese 167 against 123, C 95 against 72; and
//! all of them ten times as long on a busy machine, where a thread waits for one that does not run.
//!
//! A merge never spells a token that exists. What happens inside a stretch of a word whose ends were never joined
//! across depends on that stretch alone, so at any moment equal stretches are cut alike: a string that is one token in
//! one place cannot be two in another.

mod cell;
mod forecast;
mod learner;
mod listing;
mod neighbours;
mod pairs;
mod queue;
mod sizes;
mod start;
mod symbols;
mod weights;

pub use crate::encode::Merge;

use crate::count::{CountOptions, WordCounts, count_parts};
use crate::encode::Tokenizer;
use crate::split::Splitter;
use crate::{Error, Monitor, Phase, Result};
use cell::Cell;
use forecast::Forecast;
use learner::Learner;
use start::Start;
use weights::Weights;

/// How many merges to learn, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeOptions {
    /// At most this many new tokens; `None`: until no pair occurs `min_frequency` times.
    pub merges: Option<usize>,
    /// How often a pair must occur; 0 is taken as 1.
    pub min_frequency: u64,
    /// The longest token that may be made; `None`: any length.
    pub max_token_bytes: Option<usize>,
    /// Names that will be special tokens. No pair merges into a token that files would take for one of them.
    pub special_tokens: Vec<String>,
    /// How many threads may work; the merges are the same for any number.
    pub threads: usize,
}

/// The merges learned from `counts`, in the order learned.
///
/// Ids 0 to 255 are the bytes in the order of [`BYTE_OF_ID`](crate::encode::BYTE_OF_ID), the merges make 256, 257, and
/// so on. They are those of Hugging Face's `BpeTrainer`, except for counts of 2^31 and more, which overflow there.
pub fn learn(counts: &WordCounts, options: &MergeOptions, monitor: &Monitor) -> Result<Vec<Merge>> {
    start_merging(options, monitor);
    learn_from(Start::from_bytes(options), counts, options, monitor)
}

fn start_merging(options: &MergeOptions, monitor: &Monitor) {
    monitor.start(Phase::Merge, options.merges.map_or(0, |merges| merges as u64));
}

/// `tokenizer` with merges learned from `counts` on top of its own. All ids stay; the new ones follow them.
///
/// Pairs that spell a special token, or a token that the tokenizer never makes itself, do not merge.
pub fn extend(
    tokenizer: &Tokenizer,
    counts: &WordCounts,
    options: &MergeOptions,
    monitor: &Monitor,
) -> Result<Tokenizer> {
    let start = Start::from_tokenizer(tokenizer, counts, options)?;
    start_merging(options, monitor);
    tokenizer.extended(&learn_from(start, counts, options, monitor)?)
}

/// The merges for superwords, learned from `counts`, whose pretokens are words in a row: first up to `words` merges
/// within the words, as [`learn`] finds them, then merges that may also reach across words, into four at most.
///
/// After the first merges each run of words is what encoding it with them gives, so that what is counted from then on
/// is exactly what the tokenizer will make of text.
pub fn learn_superwords(
    counts: &WordCounts,
    words: usize,
    options: &MergeOptions,
    monitor: &Monitor,
) -> Result<Vec<Merge>> {
    let Some(pattern) = counts.pattern().without_superwords() else {
        let message =
            format!("need counts of words in a row, and these were counted with {}", counts.pattern());
        return Err(Error::argument("superwords", message));
    };
    let merges_within = Some(options.merges.map_or(words, |merges| merges.min(words)));
    let within = MergeOptions { merges: merges_within, ..options.clone() };
    let parts = CountOptions { threads: options.threads, ..CountOptions::default() };
    let parts = count_parts(counts, &Splitter::new(&pattern)?, parts, monitor)?;
    start_merging(options, monitor);
    let mut merges = learn_from(Start::from_bytes(options), &parts, &within, monitor)?;
    drop(parts);
    let rest = options.merges.map(|all| all - merges.len());
    if rest == Some(0) {
        return Ok(merges);
    }
    let tokenizer = Tokenizer::from_merges(counts.pattern().clone(), &merges, &[])?;
    let start = Start::from_tokenizer(&tokenizer, counts, options)?;
    let beyond = MergeOptions { merges: rest, ..options.clone() };
    merges.extend(learn_from(start, counts, &beyond, monitor)?);
    Ok(merges)
}

/// The merges learned from `start` on, each of which advances the progress of the phase.
fn learn_from(
    start: Start<'_>,
    counts: &WordCounts,
    options: &MergeOptions,
    monitor: &Monitor,
) -> Result<Vec<Merge>> {
    // A word of n bytes has fewer than n pairs.
    let total_bytes = counts.total_bytes()?;
    if options.max_token_bytes == Some(0) {
        return Err(Error::argument("max_token_bytes", "is 0, expected at least 1"));
    }
    let weights = Weights::new(counts);
    // Each merge makes the words shorter by one token at least.
    let most_tokens = start.tokens() + options.merges.unwrap_or(usize::MAX).min(counts.bytes());
    let cells = start.cells(counts, 0..counts.len()) + 1;
    let floor = Forecast::new(start.tokens(), options.merges).first_floor(total_bytes, most_tokens);
    if fits::<u32>(cells, weights.len(), most_tokens) {
        learn_in_cells::<u32>(start, counts, weights, options, floor, monitor)
    } else if fits::<u64>(cells, weights.len(), most_tokens) {
        learn_in_cells::<u64>(start, counts, weights, options, floor, monitor)
    } else {
        Err(Error::argument("vocab_size", "more than 2^32 - 2 tokens, or different counts of words"))
    }
}

/// Whether cells of type `C` can hold all tokens, weights and places that there may be.
fn fits<C: Cell>(cells: usize, weights: usize, most_tokens: usize) -> bool {
    weights <= C::MOST && most_tokens <= C::MOST && cells as u64 <= C::MOST_CELLS
}

fn learn_in_cells<C: Cell>(
    start: Start<'_>,
    counts: &WordCounts,
    weights: Weights,
    options: &MergeOptions,
    floor: u64,
    monitor: &Monitor,
) -> Result<Vec<Merge>> {
    let mut learner = Learner::<C>::new(counts, weights, start, options, floor);
    let mut merges = Vec::new();
    while options.merges.is_none_or(|limit| merges.len() < limit) {
        monitor.check()?;
        let Some(merge) = learner.next_merge() else { break };
        merges.push(merge);
        monitor.advance(1);
    }
    Ok(merges)
}

#[cfg(test)]
mod tests;
