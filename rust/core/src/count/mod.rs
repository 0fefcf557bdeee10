//! Pretokens → how often each occurs.
//!
//! A [`Counter`] counts texts on several threads, each with a table of its own, and ends in [`WordCounts`]: distinct
//! words in the order of their bytes. That order makes the rest simple and independent of the number of threads: adding
//! counts is merging two sorted lists, looking up is bisecting, and a file holds the columns as they are in memory.

mod counter;
mod file;
mod inputs;
mod runs;
mod table;
mod words;

pub use counter::{CountOptions, Counter, count_parts};
pub use inputs::count_inputs;
pub use words::WordCounts;
