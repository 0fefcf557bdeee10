//! A file's bytes in memory, read-only.
#![expect(unsafe_code, reason = "mapping a file")]

use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::{Error, Place, Result};

/// A mapped file; an empty file, which cannot be mapped, is an empty slice.
///
/// Stores are only ever replaced by renaming, so a map keeps the file that was opened. Other files are mapped as well,
/// and what another program writes to them in place is seen here; if it cuts one short, the processes that read it are
/// killed (SIGBUS). Only the program that writes can prevent that; callers about to read all of a file can ask
/// [`check_whole`](Self::check_whole) first whether it was cut short.
#[derive(Debug)]
pub(crate) struct Map {
    memory: Option<Mmap>,
    path: PathBuf,
    /// Which file it is, by device and inode, if the system gives these.
    identity: Option<[u64; 2]>,
}

impl Map {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io_error = |error| Error::io(path, error);
        let file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        if metadata.is_dir() {
            return Err(io_error(std::io::ErrorKind::IsADirectory.into()));
        }
        let identity = identity_of(&metadata);
        if metadata.len() == 0 {
            return Ok(Self { memory: None, path: path.to_path_buf(), identity });
        }
        // SAFETY: the map is read-only. That nothing changes the file in place meanwhile is up to its owner, as the type's
        // documentation says; `StoreWriter` never does.
        let map = unsafe { Mmap::map(&file) }.map_err(io_error)?;
        Ok(Self { memory: Some(map), path: path.to_path_buf(), identity })
    }

    /// An error if the file has been cut short. Another file that took its place does not count.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let (was, now) = (self.bytes().len() as u64, fs::metadata(&self.path).ok());
        let same = now.filter(|now| self.identity.is_some() && identity_of(now) == self.identity);
        match same.map(|now| now.len()).filter(|&now| now < was) {
            None => Ok(()),
            Some(now) => {
                let message = format!("was cut short to {now} bytes while it was open; expected {was}");
                Err(Error::malformed(&self.path, Place::Whole, message))
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.as_deref().unwrap_or_default()
    }

    /// The bytes from `start` on, which must be a multiple of 2, as 16-bit integers; an odd last byte is not among them.
    pub(crate) fn as_u16(&self, start: usize) -> &[u16] {
        integers(&self.bytes()[start..])
    }

    /// The bytes from `start` on, which must be a multiple of 4, as 32-bit integers; up to three last bytes are not
    /// among them.
    pub(crate) fn as_u32(&self, start: usize) -> &[u32] {
        integers(&self.bytes()[start..])
    }
}

/// Device and inode, which distinguish a file from all others whatever its name.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not tell")]
fn identity_of(metadata: &Metadata) -> Option<[u64; 2]> {
    use std::os::unix::fs::MetadataExt;
    Some([metadata.dev(), metadata.ino()])
}

#[cfg(not(unix))]
fn identity_of(_: &Metadata) -> Option<[u64; 2]> {
    None
}

/// The whole integers in `bytes`. A map starts at a page, so with a multiple of their width before them they are
/// aligned.
fn integers<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> &[T] {
    let whole = bytes.len() / size_of::<T>() * size_of::<T>();
    // Without a map there is no page either.
    if whole == 0 { &[] } else { bytemuck::cast_slice(&bytes[..whole]) }
}
