//! A file's bytes in memory, read-only.
#![expect(unsafe_code, reason = "mapping a file and seeing its bytes as integers")]

use std::fs::File;
use std::path::Path;
use std::slice;

use memmap2::Mmap;

use crate::{Error, Result};

/// A mapped file; an empty file, which cannot be mapped, is an empty slice.
///
/// Files are only ever replaced by renaming, so a map keeps the file that was opened. Who cuts a mapped file short
/// in place kills the processes that read it (SIGBUS): no program can prevent that but the one that writes.
#[derive(Debug)]
pub(crate) struct Map(Option<Mmap>);

impl Map {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io_error = |error| Error::io(path, error);
        let file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        if metadata.is_dir() {
            return Err(io_error(std::io::ErrorKind::IsADirectory.into()));
        }
        if metadata.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the map is read-only, and whoever writes stores (`StoreWriter`) replaces files and never changes
        // them in place; the type's documentation says what happens when another program does.
        let map = unsafe { Mmap::map(&file) }.map_err(io_error)?;
        Ok(Self(Some(map)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The bytes from `start` on, which must be a multiple of 2, as 16-bit integers; an odd last byte is not among them.
    pub(crate) fn as_u16(&self, start: usize) -> &[u16] {
        // SAFETY: a map starts at a page (`memmap2::Mmap`), so a multiple of the width behind it is aligned, as
        // checked there; every bit pattern is an integer; the length is that of the bytes, rounded down, and the
        // slice borrows `self`.
        unsafe { cast(&self.bytes()[start..]) }
    }

    /// The bytes from `start` on, which must be a multiple of 4, as 32-bit integers; up to three last bytes are not
    /// among them.
    pub(crate) fn as_u32(&self, start: usize) -> &[u32] {
        // SAFETY: as in `as_u16`.
        unsafe { cast(&self.bytes()[start..]) }
    }
}

/// # Safety
/// Every bit pattern must be a valid `T`.
unsafe fn cast<T>(bytes: &[u8]) -> &[T] {
    if bytes.is_empty() {
        return &[];
    }
    let start = bytes.as_ptr().cast::<T>();
    assert!(start.is_aligned(), "a map starts at a page, and its header has a multiple of the width");
    // SAFETY: aligned as just checked, within `bytes` and borrowed from them, and valid as the caller promises.
    unsafe { slice::from_raw_parts(start, bytes.len() / size_of::<T>()) }
}
