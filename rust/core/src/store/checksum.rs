//! XXH3 of data as it goes by, whole or in blocks, in hexadecimal.

use std::mem;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// The bytes of `.bin` that one checksum stands for: few enough to say where damage is, and to check in parallel.
pub(super) const BLOCK_BYTES: usize = 16 << 20;

/// The checksum of `bytes`.
pub(super) fn checksum(bytes: &[u8]) -> String {
    hexadecimal(xxh3_64(bytes))
}

/// One checksum per block of so many bytes; the last block may be shorter.
pub(super) struct BlockChecksums {
    block_bytes: usize,
    filled: usize,
    state: Xxh3Default,
    done: Vec<String>,
}

impl BlockChecksums {
    pub(super) fn new(block_bytes: usize) -> Self {
        Self { block_bytes, filled: 0, state: Xxh3Default::new(), done: Vec::new() }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(self.block_bytes - self.filled));
            self.state.update(part);
            self.filled += part.len();
            bytes = rest;
            if self.filled == self.block_bytes {
                self.end_block();
            }
        }
    }

    /// The hash of what the last block has so far.
    pub(super) fn digest(&self) -> u64 {
        self.state.digest()
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if self.filled > 0 {
            self.end_block();
        }
        self.done
    }

    fn end_block(&mut self) {
        let state = mem::take(&mut self.state);
        self.done.push(hexadecimal(state.digest()));
        self.filled = 0;
    }
}

fn hexadecimal(hash: u64) -> String {
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streamed_blocks_have_the_checksums_of_whole_ones() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for step in [1, 7, 64, 65, 999] {
            for length in [0, 1, 63, 64, 65, 128, 1_000] {
                let mut blocks = BlockChecksums::new(64);
                bytes[..length].chunks(step).for_each(|part| blocks.update(part));
                let expected: Vec<String> = bytes[..length].chunks(64).map(checksum).collect();
                assert_eq!(blocks.finish(), expected);
            }
        }
        assert_eq!(checksum(b""), "2d06800538d394c2", "the published value");
    }
}
