//! The threads and the memory that the way from files to ids may take.

use crate::text::{FileOptions, ReadOptions, Spare};
use crate::{Error, Result, available_threads};

/// The memory that a byte of text on its way from the reader to the file may need at worst: itself, an id of 4 bytes,
/// and the slack of growing arrays.
const MEMORY_PER_ENCODED_BYTE: usize = 8;

/// The memory for each byte of the longest document: it is held by the reader, read ahead, and on its way.
pub(super) const MEMORY_PER_DOCUMENT_BYTE: usize = 24;

/// Documents up to this length must fit, whatever their text is.
pub(super) const SMALLEST_LIMIT: usize = 64 << 10;

/// How much text a thread gets at once, if memory allows: some milliseconds of work.
const BATCH_BYTES: usize = 1024 << 10;

/// How many batches a thread may be ahead of the one that uses its results: enough for threads that are not equally
/// fast. More would wait in memory for a disk that is slower.
const BATCHES_AHEAD: usize = 2;

/// How many threads work, and how much memory text and ids may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many threads encode; one more reads and one more uses the results.
    pub threads: usize,
    /// How many bytes text and ids may take while they pass, the tokenizer not counted.
    pub max_memory: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { threads: available_threads(), max_memory: 2 << 30 }
    }
}

impl Budget {
    /// How many bytes of text may be in flight: what the memory allows, but no more than evens out how fast the threads
    /// are.
    pub(super) fn in_flight(self) -> usize {
        let even = BATCHES_AHEAD.saturating_mul(self.threads + 1).saturating_mul(BATCH_BYTES);
        even.min(self.max_memory / MEMORY_PER_ENCODED_BYTE)
    }

    /// How to read `files` within the budget; an error if it has no thread, or not the memory for a short document.
    pub(super) fn read_options(self, files: &FileOptions) -> Result<ReadOptions> {
        let limit = self.max_memory / MEMORY_PER_DOCUMENT_BYTE;
        if limit < SMALLEST_LIMIT {
            let least = SMALLEST_LIMIT * MEMORY_PER_DOCUMENT_BYTE;
            let message = format!("{} bytes; expected at least {least}", self.max_memory);
            return Err(Error::argument("max_memory", message));
        }
        if self.threads == 0 {
            return Err(Error::argument("threads", "0; expected at least 1"));
        }
        // So small that every thread has a batch, and one more waits to be used.
        let share = self.in_flight() / (self.threads + 1);
        Ok(ReadOptions {
            files: files.clone(),
            batch_bytes: BATCH_BYTES.min(limit).min(share).max(1),
            max_document_bytes: limit,
            spare: Spare::default(),
        })
    }
}
