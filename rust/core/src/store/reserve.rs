//! Room on the disk, asked for ahead of what is written, many megabytes at once.
//!
//! Then the system need not look for room for each few pages: it takes 15 ms for the ids of 100 MB of books, and 21
//! without. The file does not become longer by that. What is left in the end is given back, by whoever goes on if the
//! writer is killed.

use std::fs::File;
use std::io;

/// How much is asked for at once; what is smaller does without. Tests have little to write.
const BYTES_AT_ONCE: u64 = if cfg!(test) { 64 } else { 16 << 20 };

/// The room of a file that is written from its start to its end.
#[derive(Debug)]
pub(super) struct Reserve {
    written: u64,
    /// Where the room ends.
    end: u64,
}

impl Reserve {
    /// For a file that has so many bytes.
    pub(super) fn behind(written: u64) -> Self {
        Self { written, end: 0 }
    }

    /// Takes account of so many bytes that will be written to `file` next.
    pub(super) fn make_room(&mut self, bytes: usize, file: &File) {
        let start = self.written;
        self.written += bytes as u64;
        if start >= BYTES_AT_ONCE && self.written > self.end {
            self.end = self.written + BYTES_AT_ONCE;
            // Where the disk is full, or the file system has no such thing, writing will tell what matters of it.
            let _ = allocate(file, start, self.end - start);
        }
    }

    /// Gives back what was not used.
    pub(super) fn give_back(&self, file: &File) -> io::Result<()> {
        if self.end > self.written { file.set_len(self.written) } else { Ok(()) }
    }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, start: u64, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, start, bytes)?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &File, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn room_makes_no_file_longer() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let mut reserve = Reserve::behind(0);
        let length = |file: &File| file.metadata().expect("an open file").len();
        for (bytes, end) in [(50, 0), (50, 0), (50, 214), (64, 214), (1, 279), (500, 779)] {
            reserve.make_room(bytes, &file);
            assert_eq!(reserve.end, end);
            file.write_all(&vec![7; bytes]).expect("room for it");
            assert_eq!(length(&file), reserve.written);
        }
        reserve.give_back(&file).expect("an open file");
        assert_eq!(length(&file), 715);
    }
}
