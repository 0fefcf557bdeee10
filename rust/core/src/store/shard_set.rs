//! Which files a store consists of: the names of shards, and what a path stands for.
//!
//! The process `rank` of `world_size` writes the shard `prefix-00003-of-00008`. A set opens as one store only when all
//! of its shards are there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Place, Result};

use super::with_suffix;

/// The endings of the files that hold ids.
const DATA_SUFFIXES: [&str; 3] = ["bin", "npy", "ds"];

/// The prefix of the shard that process `rank` of `world_size` writes.
pub(super) fn shard_prefix(prefix: &Path, rank: usize, world_size: usize) -> PathBuf {
    with_suffix(prefix, &format!("-{rank:05}-of-{world_size:05}"))
}

/// `corpus-00003-of-00008` → `corpus`, 3 and 8.
fn parse(name: &str) -> Option<(&str, usize, usize)> {
    let (rest, count) = name.rsplit_once("-of-")?;
    let (stem, rank) = rest.rsplit_once('-')?;
    let number = |digits: &str| {
        let is_number = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse().ok() } else { None }
    };
    Some((stem, number(rank)?, number(count)?))
}

/// The shards that `path` stands for: all of a folder's, sorted by name; where there is no such store, those that
/// begin with its name; or itself.
pub(super) fn find_shards(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        let shards = data_files(path)?;
        if shards.is_empty() {
            let message = "the folder holds no token files; expected some that end in .bin, .npy or .ds";
            return Err(Error::malformed(path, Place::Whole, message));
        }
        check_sets(path, &shards)?;
        return Ok(shards);
    }
    if path.exists() || with_suffix(path, ".bin").exists() {
        return Ok(vec![path.to_path_buf()]);
    }
    let shards = shards_named(path)?;
    Ok(if shards.is_empty() { vec![path.to_path_buf()] } else { shards })
}

/// The files with ids in a folder, sorted by the bytes of their names.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let io_error = |error| Error::io(folder, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        let suffix = path.extension().and_then(OsStr::to_str);
        if suffix.is_some_and(|suffix| DATA_SUFFIXES.contains(&suffix)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(files)
}

/// The shards `prefix-…-of-…`, which must be one whole set.
fn shards_named(prefix: &Path) -> Result<Vec<PathBuf>> {
    let Some(name) = prefix.file_name().and_then(OsStr::to_str) else { return Ok(Vec::new()) };
    let folder = prefix.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let is_of_set = |path: &PathBuf| stem_of(path).and_then(parse).is_some_and(|(stem, ..)| stem == name);
    let mut shards = data_files(folder)?;
    shards.retain(is_of_set);
    check_sets(prefix, &shards)?;
    Ok(shards)
}

fn stem_of(path: &Path) -> Option<&str> {
    path.file_stem().and_then(OsStr::to_str)
}

/// An error if a set among `shards` is not whole, or stands there twice: merged, or in another number.
fn check_sets(path: &Path, shards: &[PathBuf]) -> Result<()> {
    let malformed = |message: String| Err(Error::malformed(path, Place::Whole, message));
    let mut sets: BTreeMap<&str, (usize, Vec<usize>)> = BTreeMap::new();
    for (stem, rank, count) in shards.iter().filter_map(|shard| parse(stem_of(shard)?)) {
        let (of, ranks) = sets.entry(stem).or_insert((count, Vec::new()));
        if *of != count {
            return malformed(format!(
                "{stem} lies here in {of} shards and in {count}; expected one set: remove the other"
            ));
        }
        ranks.push(rank);
    }
    for (stem, (count, ranks)) in sets {
        if shards.iter().any(|shard| stem_of(shard) == Some(stem)) {
            return malformed(format!(
                "{stem} lies here whole and in {count} shards; expected one of both: remove the other"
            ));
        }
        if let Some(missing) = (0..count).find(|rank| !ranks.contains(rank)) {
            let shard = shard_prefix(Path::new(stem), missing, count);
            let message = format!("the shard {} is missing; expected all {count}", shard.display());
            return malformed(message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str], name: &str) -> std::result::Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            fs::write(folder.path().join(file), b"").expect("a writable folder");
        }
        let relative =
            |path: &PathBuf| path.strip_prefix(folder.path()).expect("below").display().to_string();
        let shards = find_shards(&folder.path().join(name)).map_err(|error| error.to_string())?;
        Ok(shards.iter().map(relative).collect())
    }

    const SET: [&str; 2] = ["a-00000-of-00002.bin", "a-00001-of-00002.bin"];

    #[test]
    fn a_prefix_stands_for_its_shards_and_a_folder_for_its_files() {
        assert_eq!(shard_prefix(Path::new("x/a"), 3, 12), Path::new("x/a-00003-of-00012"));
        assert_eq!(found(&[SET[1], SET[0], "b-00000-of-00009.bin"], "a").expect("a set"), SET);
        assert_eq!(
            found(&["b.bin", "a.npy", "a.txt", "c.ds"], "").expect("files"),
            ["a.npy", "b.bin", "c.ds"]
        );
        assert_eq!(found(&["a.bin", SET[0]], "a").expect("a store"), ["a"]);
        assert_eq!(found(&[SET[0]], "nothing").expect("no set"), ["nothing"]);
        assert_eq!(found(&SET, SET[0]).expect("a file"), [SET[0]]);
    }

    #[test]
    fn sets_that_are_not_whole_are_errors() {
        let message = |files: &[&str], name| found(files, name).expect_err("not whole");
        assert!(
            message(&SET[1..], "a").ends_with("a: the shard a-00000-of-00002 is missing; expected all 2")
        );
        assert!(message(&SET[..1], "").contains("the shard a-00001-of-00002 is missing"));
        assert!(message(&[SET[0], SET[1], "a.bin"], "").contains("a lies here whole and in 2 shards"));
        let mixed = [SET[0], SET[1], "a-00000-of-00001.bin"];
        assert!(message(&mixed, "a").contains("a lies here in 1 shards and in 2"));
        assert!(message(&["a.txt"], "").contains("the folder holds no token files"));
    }
}
