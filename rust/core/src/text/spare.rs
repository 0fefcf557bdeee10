//! Buffers that are done with, for the next batches: memory that is used again is already there and warm, while each
//! page of new memory costs the system as much as encoding some hundred bytes.

use std::sync::{Arc, Mutex, PoisonError};

/// A few empty buffers, shared by those who fill and those who empty them.
#[derive(Debug, Clone, Default)]
pub struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// How many are kept: more than are on their way at once, on ordinary machines.
    pub const MOST: usize = 16;

    /// An empty buffer with room for `size` bytes.
    pub fn take(&self, size: usize) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = kept.unwrap_or_default();
        buffer.reserve(size);
        buffer
    }

    /// Keeps a buffer, unless there are enough or it is much larger than `size`.
    pub fn give(&self, mut buffer: Vec<u8>, size: usize) {
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < Self::MOST && buffer.capacity() <= size.saturating_mul(2) {
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_large_ones_do_not() {
        let spare = Spare::default();
        spare.give(vec![7; 100], 100);
        let buffer = spare.take(10);
        assert!(buffer.is_empty() && buffer.capacity() >= 100);
        spare.give(vec![7; 1_000], 100);
        assert!(spare.take(10).capacity() < 1_000);
    }
}
