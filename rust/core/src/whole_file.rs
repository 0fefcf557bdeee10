//! Files that appear under their name only when they are complete.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Writes `path` through a sibling file that takes its name once all is on disk; what was there stays until then, and
/// after an error. Writers of the same path do not disturb each other: the last one to finish wins.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    Written::new(path, write)?.publish()
}

/// A file that is on disk, but not under its name yet; it is removed if this is dropped before that.
pub(crate) struct Written {
    partial: PathBuf,
    path: PathBuf,
}

impl Written {
    /// Writes what will be at `path`.
    pub(crate) fn new(
        path: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{}.partial", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let one = Self { partial: path.with_file_name(name), path: path.to_path_buf() };
        let written = File::create(&one.partial).and_then(|file| {
            let mut file = BufWriter::with_capacity(1 << 20, file);
            write(&mut file)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
        });
        written.map(|()| one).map_err(|error| Error::io(path, error))
    }

    /// Gives the file its name, replacing what was there.
    pub(crate) fn publish(self) -> Result<()> {
        fs::rename(&self.partial, &self.path).map_err(|error| Error::io(&self.path, error))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // The file is gone if it has its name or could not be made; an error at hand says more than this one could.
        let _ = fs::remove_file(&self.partial);
    }
}
