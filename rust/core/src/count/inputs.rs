//! Files → word counts.

use super::counter::{CountOptions, count_batches};
use super::words::WordCounts;
use crate::split::Splitter;
use crate::text::{FileOptions, Input, Position, ReadOptions, read_batches, total_bytes};
use crate::{Monitor, Result};

/// How many bytes of a batch each thread has, so that all have work to the end. Fewer stay in the cache: with two threads
/// 2 MB in all take 5 to 15 % less time than 8.
const BATCH_BYTES_PER_THREAD: usize = 1 << 20;

/// The counts of all documents in `inputs`, the files that [`FileOptions::expand`] found. Progress is in bytes of input
/// as it lies on disk.
pub fn count_inputs(
    inputs: Vec<Input>,
    files: &FileOptions,
    splitter: &Splitter,
    options: CountOptions,
    monitor: &Monitor,
) -> Result<WordCounts> {
    let batch_bytes = batch_bytes(options);
    let read_options = ReadOptions { files: files.clone(), batch_bytes, ..ReadOptions::default() };
    let (total, spare) = (total_bytes(&inputs), read_options.spare.clone());
    let batches = read_batches(inputs, Position::default(), read_options, splitter, monitor)?;
    count_batches(batches, &spare, total, splitter, options, monitor)
}

/// How many bytes of files are counted at a time: a part of the memory that counting may take.
fn batch_bytes(options: CountOptions) -> usize {
    let least = 2 * BATCH_BYTES_PER_THREAD;
    (BATCH_BYTES_PER_THREAD * options.threads).min(options.max_memory / 16).max(least)
}
