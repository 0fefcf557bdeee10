//! XXH3 of data as it goes by, whole or in blocks, in hexadecimal.

use std::mem;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// How many bytes of `.bin` one checksum covers: few enough to say where damage is, and to check in parallel. Tests
/// have many blocks.
pub(super) const BLOCK_BYTES: usize = if cfg!(test) { 1 << 10 } else { 16 << 20 };

/// The checksum of `bytes`.
pub(super) fn checksum(bytes: &[u8]) -> String {
    hexadecimal(xxh3_64(bytes))
}

/// Makes one checksum per block of `block_bytes`; the last block may be shorter.
pub(super) struct BlockChecksums {
    block_bytes: usize,
    filled: usize,
    state: Xxh3Default,
    done: Vec<String>,
    /// The hash of the hashes of the blocks that are done.
    all_done: Xxh3Default,
}

impl BlockChecksums {
    pub(super) fn new(block_bytes: usize) -> Self {
        Self {
            block_bytes,
            filled: 0,
            state: Xxh3Default::new(),
            done: Vec::new(),
            all_done: Xxh3Default::new(),
        }
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

    /// A hash of all bytes so far.
    pub(super) fn digest(&self) -> u64 {
        let mut all = self.all_done.clone();
        all.update(&self.state.digest().to_le_bytes());
        all.digest()
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if self.filled > 0 {
            self.end_block();
        }
        self.done
    }

    fn end_block(&mut self) {
        let hash = mem::take(&mut self.state).digest();
        self.all_done.update(&hash.to_le_bytes());
        self.done.push(hexadecimal(hash));
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

    #[test]
    fn the_hash_of_all_so_far_depends_on_every_byte() {
        let digest = |bytes: &[u8], step: usize| {
            let mut blocks = BlockChecksums::new(64);
            bytes.chunks(step).for_each(|part| blocks.update(part));
            blocks.digest()
        };
        let bytes: Vec<u8> = (0..200).collect();
        for damaged in 0..bytes.len() {
            let mut others = bytes.clone();
            others[damaged] ^= 1;
            assert_ne!(digest(&bytes, 7), digest(&others, 7), "byte {damaged}");
        }
        assert_eq!(digest(&bytes, 7), digest(&bytes, 199));
        assert_ne!(digest(&bytes[..64], 7), digest(&bytes[..63], 7));
    }
}
