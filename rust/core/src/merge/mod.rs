//! Counts → merges: byte-pair encoding learned from word counts.
//!
//! The most frequent pair of neighbouring tokens becomes a token, again and again. Pairs that count the same merge
//! in the order of their ids. Three facts make it fast:
//!
//! 1. A merge `(a, b) → z` creates only pairs with `z`, which did not exist before; they are gathered in arrays by
//!    neighbour. So a pair is listed once, with all the places where it will ever stand.
//! 2. From then on it can only become rarer, and only by merges that take away its left token from the right
//!    (`(_, left)`) or its right token from the left (`(right, _)`). A pair that met none of those since it was
//!    counted still has that count; any other is counted again from its own list when it comes up for merging. No
//!    table of counts is kept, and none updated.
//! 3. A word is never scanned: places are checked, joined and asked for their neighbours in constant time, in words
//!    of any length.
//!
//! Every join shortens the words by one token and lists at most two new places, so for words of n bytes together the
//! lists never hold more than 3 n places, and all work on joins is O(n).
//!
//! A merge never spells a token that exists. What happens inside a stretch of a word whose ends were never joined
//! across depends on that stretch alone, so at any moment equal stretches are cut alike: a string that is one token in
//! one place cannot be two in another.

mod learner;
mod neighbours;
mod queue;
mod symbols;

pub use crate::encode::Merge;

use crate::count::WordCounts;
use crate::{Monitor, Phase, Result};
use learner::Learner;

/// What to learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeOptions {
    /// At most this many new tokens; `None`: until no pair occurs `min_frequency` times.
    pub merges: Option<usize>,
    /// How often a pair must occur; 0 is taken as 1.
    pub min_frequency: u64,
    /// The longest token that may be made; `None`: any length.
    pub max_token_bytes: Option<usize>,
    /// How many threads may work; the merges are the same for any number.
    pub threads: usize,
}

/// The merges that `counts` call for, in the order learned.
///
/// Ids 0 to 255 are the bytes in the order of [`BYTE_OF_ID`](crate::encode::BYTE_OF_ID), the merges make 256, 257, and so on. They
/// are those of Hugging Face's `BpeTrainer`, but for counts of 2^31 and more, which overflow there.
pub fn learn(counts: &WordCounts, options: &MergeOptions, monitor: &Monitor) -> Result<Vec<Merge>> {
    monitor.start(Phase::Merge, options.merges.map_or(0, |merges| merges as u64));
    let mut learner = Learner::new(counts, options)?;
    let mut merges = Vec::new();
    while options.merges.is_none_or(|limit| merges.len() < limit) {
        monitor.check()?;
        let Some(merge) = learner.next_merge()? else { break };
        merges.push(merge);
        monitor.advance(1);
    }
    Ok(merges)
}

#[cfg(test)]
mod tests;
