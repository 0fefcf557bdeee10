//! The files that a glob matches, as in a shell: `*`, `?` and `[…]` stay within a name, `**` stands for any number of
//! folders, and none of them matches a leading dot.
//!
//! Names that are not Unicode are matched, too, with U+FFFD for what is not. (The walk of the library that reads the
//! patterns leaves such names out without a word, or panics.)

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{Pattern, PatternError};

use crate::{Error, Result};

/// What one name of a path has to be.
enum Part {
    /// This very name, or a root.
    Name(PathBuf),
    /// One that the pattern matches; with a dot at its beginning only if the pattern has one.
    Matching(Pattern),
    /// The names of any number of folders, possibly none.
    Folders,
}

/// The paths of all files and pipes, not folders, that `glob` matches, in the order of their bytes.
pub(super) fn files(glob: &str) -> Result<Vec<PathBuf>> {
    let no_glob = |error| Error::argument("inputs", format!("{glob:?} is no glob: {error}"));
    let parts = Path::new(glob).components().map(Part::of);
    let parts = parts.collect::<std::result::Result<Vec<_>, _>>().map_err(no_glob)?;
    let mut found = BTreeSet::new();
    find(Path::new(""), &parts, &mut found)?;
    if found.is_empty() {
        return Err(Error::argument("inputs", format!("no file matches {glob:?}")));
    }
    Ok(found.into_iter().map(PathBuf::from).collect())
}

impl Part {
    fn of(component: Component<'_>) -> std::result::Result<Self, PatternError> {
        let name = component.as_os_str().to_string_lossy();
        if name == "**" {
            return Ok(Self::Folders);
        }
        if !name.contains(['*', '?', '[']) {
            return Ok(Self::Name(PathBuf::from(component.as_os_str())));
        }
        Pattern::new(&name).map(Self::Matching)
    }
}

/// Adds the files below `folder` that `parts` match.
fn find(folder: &Path, parts: &[Part], found: &mut BTreeSet<OsString>) -> Result<()> {
    let Some((first, rest)) = parts.split_first() else {
        if fs::symlink_metadata(folder).is_ok() && !folder.is_dir() {
            found.insert(folder.into());
        }
        return Ok(());
    };
    match first {
        Part::Name(name) => find(&folder.join(name), rest, found),
        Part::Matching(pattern) => {
            for entry in entries(folder)? {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if pattern.matches(&name) && (!name.starts_with('.') || pattern.as_str().starts_with('.')) {
                    find(&folder.join(entry.file_name()), rest, found)?;
                }
            }
            Ok(())
        }
        Part::Folders => {
            find(folder, rest, found)?;
            for entry in entries(folder)? {
                let path = folder.join(entry.file_name());
                if is_hidden(&entry.file_name()) {
                    continue;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    find(&path, parts, found)?;
                } else if rest.is_empty() {
                    find(&path, rest, found)?;
                }
            }
            Ok(())
        }
    }
}

/// Whether a name is hidden: it begins with a dot, so it is meant only where that dot is written out.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The entries of a folder; none if it is not a folder, or does not exist.
fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match fs::read_dir(shown) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        entries => {
            let entries = entries.and_then(Iterator::collect);
            entries.map_err(|error| Error::io(shown, error))
        }
    }
}
