//! Files that appear under their name only when they are complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Writes `path` through a sibling file that takes its name once all is on disk; what was there stays until then, and
/// after an error. Writers of the same path do not disturb each other: the last one to finish wins.
///
/// A link is followed, and a file that is replaced keeps its permissions. What is not a file, such as a pipe or a device,
/// is written to as it is; a pipe without a reader waits for one.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    Written::new(path, write)?.publish()
}

/// What `path` leads to through links, be it there or not.
pub(crate) fn target_of(path: &Path) -> PathBuf {
    /// As many links as systems follow.
    const MOST_LINKS: usize = 40;
    if let Ok(target) = fs::canonicalize(path) {
        return target;
    }
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            // One that begins with a root replaces all of the path.
            Ok(next) => target = target.with_file_name("").join(next),
            Err(_) => break,
        }
    }
    target
}

/// A file that is on disk, but not under its name yet; it is removed if this is dropped before that.
pub(crate) struct Written {
    /// `None` for what is no file.
    partial: Option<PathBuf>,
    path: PathBuf,
}

impl Written {
    /// Writes what will be at `path`.
    pub(crate) fn new(
        path: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<Self> {
        let there = fs::metadata(path).ok();
        let written = if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
            Self::write_through(path, write)
        } else {
            let permissions = there.filter(fs::Metadata::is_file).map(|there| there.permissions());
            Self::write_beside(path, permissions, write)
        };
        written.map_err(|error| Error::io(path, error))
    }

    fn write_through(
        path: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, OpenOptions::new().write(true).open(path)?);
        write(&mut file)?;
        file.flush()?;
        Ok(Self { partial: None, path: path.to_path_buf() })
    }

    fn write_beside(
        path: &Path,
        permissions: Option<Permissions>,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = target_of(path);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{}.partial", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let partial = path.with_file_name(name);
        let one = Self { partial: Some(partial.clone()), path };
        let file = File::create(&partial)?;
        // Before there is anything in it that not everyone may read.
        if let Some(permissions) = permissions
            && permissions != file.metadata()?.permissions()
        {
            file.set_permissions(permissions)?;
        }
        let mut file = BufWriter::with_capacity(1 << 20, file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(one)
    }

    /// Gives the file its name, replacing what was there.
    pub(crate) fn publish(self) -> Result<()> {
        let Some(partial) = &self.partial else { return Ok(()) };
        fs::rename(partial, &self.path).map_err(|error| Error::io(&self.path, error))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // The file is gone if it has its name or could not be made; an error at hand says more than this one could.
        let _ = self.partial.as_ref().map(fs::remove_file);
    }
}
