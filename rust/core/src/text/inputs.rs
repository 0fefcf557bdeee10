//! Which files a user means: paths, globs, folders and standard input, as a list in a fixed order.
//!
//! A name that exists is that file, even if it looks like a glob. A folder stands for all files below it whose suffix
//! says text, except those hidden by a dot, such as `.git` and `.venv`, as with globs; they are sorted by the bytes of
//! their paths, so the same folder gives the same list on every machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::file_options::OnError;
use super::globs;
use crate::{Error, Place, Result};

/// The suffixes of the files that a folder stands for; each may be followed by `.gz` or `.zst`.
pub const TEXT_SUFFIXES: &[&str] = &[".txt", ".text", ".md", ".rst", ".jsonl", ".ndjson", ".parquet"];

/// One file to read, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    path: PathBuf,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    StandardInput,
    /// A file, and how many bytes it had when it was looked at.
    Regular(u64),
    /// A pipe or a device: reading may wait for ever.
    Stream,
}

impl Input {
    /// The file's path as it was named, or found; `-` is standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size on disk in bytes; `None` for standard input, pipes and devices.
    pub fn bytes(&self) -> Option<u64> {
        match self.source {
            Source::Regular(bytes) => Some(bytes),
            Source::StandardInput | Source::Stream => None,
        }
    }

    pub(super) fn is_standard_input(&self) -> bool {
        self.source == Source::StandardInput
    }

    fn standard_input() -> Self {
        Self { path: PathBuf::from("-"), source: Source::StandardInput }
    }

    /// A file that was named; an error if it does not exist.
    pub(super) fn file(path: PathBuf) -> Result<Self> {
        let metadata = fs::metadata(&path).map_err(|error| Error::io(&path, error))?;
        let source = if metadata.is_file() { Source::Regular(metadata.len()) } else { Source::Stream };
        Ok(Self { path, source })
    }
}

/// The files that `names` stand for, in the order named.
///
/// A name is a path, a glob (`*`, `?`, `[…]`, `**` for any folders; files and pipes, sorted), a folder (see
/// [`TEXT_SUFFIXES`] for the usual `suffixes`, in small or capital letters; links to folders are not followed, and names
/// that begin with a dot left out), or `-` for standard input.
/// A name that stands for nothing is an error.
pub fn expand_inputs(
    names: &[impl AsRef<Path>],
    suffixes: &[impl AsRef<str>],
    on_error: OnError,
) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for name in names {
        let path = name.as_ref();
        let glob = path.to_str().filter(|name| name.contains(['*', '?', '[']));
        if path.as_os_str() == "-" {
            inputs.push(Input::standard_input());
        } else if path.is_dir() {
            inputs.extend(found(folder(path, suffixes)?, on_error)?);
        } else if let Some(glob) = glob
            && fs::symlink_metadata(path).is_err()
        {
            inputs.extend(found(globs::files(glob)?, on_error)?);
        } else {
            inputs.push(Input::file(path.to_path_buf())?);
        }
    }
    if inputs.is_empty() {
        return Err(Error::argument("inputs", "no file is named; expected paths, globs, folders or \"-\""));
    }
    if inputs.iter().filter(|input| input.is_standard_input()).count() > 1 {
        return Err(Error::argument(
            "inputs",
            "\"-\" stands more than once; standard input can be read once",
        ));
    }
    Ok(inputs)
}

/// How many bytes all inputs have on disk; 0 if the size of one is unknown.
pub fn total_bytes(inputs: &[Input]) -> u64 {
    inputs.iter().map(Input::bytes).sum::<Option<u64>>().unwrap_or(0)
}

/// The inputs for files that were found. One that does not exist after all, such as a link to nothing, is an error now;
/// with [`OnError::Skip`] it is one when it is read, and left out then.
fn found(files: Vec<PathBuf>, on_error: OnError) -> Result<Vec<Input>> {
    let input = |path: PathBuf| match (Input::file(path.clone()), on_error) {
        (Err(_), OnError::Skip) => Ok(Input { path, source: Source::Regular(0) }),
        (input, _) => input,
    };
    files.into_iter().map(input).collect()
}

fn folder(root: &Path, suffixes: &[impl AsRef<str>]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let io_error = |error| Error::io(&folder, error);
        for entry in fs::read_dir(&folder).map_err(io_error)? {
            let entry = entry.map_err(io_error)?;
            if globs::is_hidden(&entry.file_name()) {
                continue;
            }
            let kind = entry.file_type().map_err(io_error)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if has_suffix(&entry.file_name(), suffixes)
                // Links to folders are left out, and pipes, which may keep their readers waiting for ever.
                && (kind.is_file() || fs::metadata(entry.path()).map_or(true, |there| there.is_file()))
            {
                files.push(entry.path());
            }
        }
    }
    if files.is_empty() {
        let suffixes: Vec<&str> = suffixes.iter().map(AsRef::as_ref).collect();
        if suffixes.is_empty() {
            return Err(Error::argument(
                "suffixes",
                "there are none; expected the ends of the names of some files",
            ));
        }
        let message = format!("the folder holds no text; expected files that end in {}", suffixes.join(", "));
        return Err(Error::malformed(root, Place::Whole, message));
    }
    files.sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(files)
}

fn has_suffix(name: &OsStr, suffixes: &[impl AsRef<str>]) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    suffixes
        .iter()
        .map(|suffix| suffix.as_ref().to_ascii_lowercase())
        .any(|suffix| name.ends_with(&suffix) || plain.ends_with(&suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the named files, one byte each.
    fn with_files(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a writable folder");
            fs::write(path, b"x").expect("a writable folder");
        }
        folder
    }

    /// What `name` below `folder` expands to, relative to it.
    fn expand(folder: &Path, name: &str) -> Result<Vec<String>> {
        let inputs =
            expand_inputs(&[folder.join(name).display().to_string()], TEXT_SUFFIXES, OnError::Raise)?;
        let relative =
            |input: &Input| input.path().strip_prefix(folder).expect("below").display().to_string();
        Ok(inputs.iter().map(relative).collect())
    }

    #[test]
    fn a_folder_stands_for_its_text_files_sorted_by_bytes() {
        let folder = with_files(&[
            "b.txt",
            "a/z.jsonl.gz",
            "a.MD",
            "B.txt.zst",
            "no.py",
            "gz",
            "a/deep/er/x.rst",
            ".hidden.txt",
            ".git/x.md",
            "a/.venv/deep/LICENSE.txt",
        ]);
        let expected = ["B.txt.zst", "a.MD", "a/deep/er/x.rst", "a/z.jsonl.gz", "b.txt"];
        assert_eq!(expand(folder.path(), "").expect("text is there"), expected);
        let python = expand_inputs(&[folder.path().display().to_string()], &[".py"], OnError::Raise)
            .expect("one file");
        assert_eq!(python.len(), 1);
        let capital = expand_inputs(&[folder.path().display().to_string()], &[".Md", ".PY"], OnError::Raise)
            .expect("two files");
        assert_eq!(capital.len(), 2);
    }

    #[test]
    fn a_glob_gives_files_only_and_stays_within_a_folder() {
        let folder = with_files(&["b.txt", "a.txt", "c/d.txt", ".hidden.txt", "e.txt/inner"]);
        assert_eq!(expand(folder.path(), "*.txt").expect("matches"), ["a.txt", "b.txt"]);
        assert_eq!(expand(folder.path(), "**/*.txt").expect("matches"), ["a.txt", "b.txt", "c/d.txt"]);
    }

    #[test]
    fn a_leading_dot_is_matched_by_a_dot_alone() {
        let folder = with_files(&[".a/x.txt", ".a/.y.txt", "b/.c/z.txt", "b/z.txt"]);
        assert_eq!(expand(folder.path(), "**/*.txt").expect("matches"), ["b/z.txt"]);
        assert_eq!(expand(folder.path(), ".*/*.txt").expect("matches"), [".a/x.txt"]);
        assert_eq!(expand(folder.path(), ".a/.*").expect("matches"), [".a/.y.txt"]);
        assert_eq!(expand(folder.path(), "b/**/.c/*").expect("matches"), ["b/.c/z.txt"]);
        assert_eq!(expand(folder.path(), "?/**").expect("matches"), ["b/z.txt"]);
        assert_eq!(expand(folder.path(), ".a/**").expect("matches"), [".a/x.txt"]);
        assert_eq!(expand(folder.path(), ".a").expect("a folder by its name"), [".a/x.txt"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_unicode_are_matched_like_others() {
        use std::os::unix::ffi::OsStrExt;
        let folder = with_files(&["a.txt"]);
        let odd = folder.path().join(OsStr::from_bytes(b"caf\xe9.txt"));
        fs::write(&odd, b"x").expect("a writable folder");
        let paths = |name: &str| {
            let inputs = expand_inputs(
                &[folder.path().join(name).display().to_string()],
                TEXT_SUFFIXES,
                OnError::Raise,
            );
            inputs.expect("matches").into_iter().map(|input| input.path).collect::<Vec<_>>()
        };
        assert_eq!(paths("*.txt"), [folder.path().join("a.txt"), odd.clone()]);
        assert_eq!([paths("caf?.*"), paths("**/c*")].concat(), [&*odd, &*odd]);
    }

    #[test]
    fn a_file_whose_name_looks_like_a_glob_is_that_file() {
        let folder = with_files(&["a[1].txt", "a1.txt"]);
        assert_eq!(expand(folder.path(), "a[1].txt").expect("it exists"), ["a[1].txt"]);
    }

    #[test]
    fn names_that_stand_for_nothing_are_errors() {
        let folder = with_files(&["a.py", "sub/b.bin"]);
        let message = |name: &str| expand(folder.path(), name).expect_err("nothing is there").to_string();
        assert!(matches!(expand(folder.path(), "missing.txt"), Err(Error::Io { .. })));
        assert!(message("*.txt").contains("no file matches"));
        assert!(message("***").contains("is no glob"));
        assert!(message("sub").contains("holds no text; expected files that end in .txt"));
        assert!(expand_inputs(&[""; 0], TEXT_SUFFIXES, OnError::Raise).is_err());
        assert!(expand_inputs(&["-", "-"], TEXT_SUFFIXES, OnError::Raise).is_err());
        assert!(
            expand_inputs(&["-/"], TEXT_SUFFIXES, OnError::Raise).is_err(),
            "a folder, if there were one"
        );
    }

    #[test]
    fn sizes_are_known_unless_an_input_is_a_stream() {
        let folder = with_files(&["a.txt", "b.txt"]);
        let names = [folder.path().display().to_string(), "-".to_owned()];
        assert_eq!(
            total_bytes(&expand_inputs(&names[..1], TEXT_SUFFIXES, OnError::Raise).expect("two files")),
            2
        );
        assert_eq!(total_bytes(&expand_inputs(&names, TEXT_SUFFIXES, OnError::Raise).expect("two files")), 0);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_files_are_read_and_links_to_folders_are_not_followed() {
        let folder = with_files(&["a.txt", "sub/b.txt"]);
        std::os::unix::fs::symlink(folder.path().join("a.txt"), folder.path().join("c.txt")).expect("a link");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/loop.txt")).expect("a link");
        assert_eq!(expand(folder.path(), "").expect("text is there"), ["a.txt", "c.txt", "sub/b.txt"]);
    }
}
