//! Keeps buffers that are done with for the next batches: memory that is used again is already there and warm, while
//! each page of new memory costs the system as much as encoding some hundred bytes.

use std::sync::Arc;

use crate::Reuse;

/// A few empty buffers, shared by those who fill and those who empty them.
#[derive(Debug, Clone)]
pub struct Spare(Arc<Reuse<Vec<u8>>>);

impl Default for Spare {
    fn default() -> Self {
        Self(Arc::new(Reuse::new(Self::MOST, usize::MAX)))
    }
}

impl Spare {
    /// How many are kept: more than are in use at once, on ordinary machines.
    pub const MOST: usize = 16;

    /// An empty buffer with room for `size` bytes.
    pub fn take(&self, size: usize) -> Vec<u8> {
        let mut buffer = self.0.take(|_| true).unwrap_or_default();
        buffer.reserve(size);
        buffer
    }

    /// Keeps a buffer, unless it is much larger than `size`.
    pub fn give(&self, mut buffer: Vec<u8>, size: usize) {
        if buffer.capacity() <= size.saturating_mul(2) {
            buffer.clear();
            self.0.keep(buffer, Vec::capacity);
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
