//! Files that appear under their name only when they are whole.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Writes `path` through a sibling that takes its name once all is on disk; what was there stays until then, and after
/// an error. Writers of the same path do not disturb each other: the last one to finish wins.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{}.partial", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let partial = path.with_file_name(name);
    let written = File::create(&partial).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, path)
    });
    written.map_err(|error| {
        // The error at hand says more than one about the clean-up could.
        let _ = fs::remove_file(&partial);
        Error::io(path, error)
    })
}
