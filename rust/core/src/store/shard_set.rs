//! Which files a store consists of: the names of shards, and what a path stands for.
//!
//! A process of a job writes one shard, such as `prefix-00003-of-00008` for rank 3 of 8. A set opens as one store only
//! if all of its shards are there, and nothing else that its name could mean, such as a whole store: the names do not
//! say which of the two is newer.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Place, Result};

use super::{folder_of, with_suffix};

/// The endings of the files that hold ids.
const DATA_SUFFIXES: [&str; 3] = ["bin", "npy", "ds"];

/// The endings of the files beside them, by which a store may be named, too.
const BESIDE: [&str; 2] = ["idx", "json"];

/// The prefix of the shard that process `rank` of `world_size` writes.
pub(super) fn shard_prefix(prefix: &Path, rank: usize, world_size: usize) -> PathBuf {
    with_suffix(prefix, &format!("-{rank:05}-of-{world_size:05}"))
}

/// `corpus-00003-of-00008` → `corpus`, 3 and 8.
pub(super) fn parse(name: &str) -> Option<(&str, usize, usize)> {
    let (rest, count) = name.rsplit_once("-of-")?;
    let (stem, rank) = rest.rsplit_once('-')?;
    let number = |digits: &str| {
        let is_number = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse().ok() } else { None }
    };
    Some((stem, number(rank)?, number(count)?))
}

/// The shards that `path` stands for: all of a folder's, sorted by name; those whose names begin with its name; or
/// itself.
pub(super) fn find_shards(path: &Path) -> Result<Vec<PathBuf>> {
    if names_a_file(path) {
        return Ok(vec![path.to_path_buf()]);
    }
    if ends_as_folder(path) {
        return shards_in(path);
    }
    let shards = shards_named(path)?;
    let malformed = |message: String| Err(Error::malformed(path, Place::Whole, message));
    if path.is_dir() {
        let beside = match shards.len() {
            0 if [".bin", ".idx"].iter().all(|suffix| with_suffix(path, suffix).exists()) => {
                "a store".to_owned()
            }
            0 => return shards_in(path),
            count => format!("{count} shards"),
        };
        return malformed(format!(
            "a folder, and the name of {beside} beside it; expected one of both: rename one"
        ));
    }
    if shards.is_empty() {
        return Ok(vec![path.to_path_buf()]);
    }
    if with_suffix(path, ".bin").exists() {
        return malformed(twice(path, shards.len()));
    }
    check_sets(path, &shards)?;
    Ok(shards)
}

/// An error if what one of `world_size` processes is to write would stand beside something else of its name: then the
/// set could not be opened, or something else would be.
pub(super) fn check_alone(prefix: &Path, world_size: usize) -> Result<()> {
    check_ending("prefix", prefix)?;
    let taken = |what: String| Err(taken("prefix", prefix, &what));
    if world_size > 1 {
        check_no_folder("prefix", prefix)?;
        if prefix.file_name().is_some_and(|name| name.to_str().is_none()) {
            let message = format!("{} is not UTF-8; names of shards must be", prefix.display());
            return Err(Error::argument("prefix", message));
        }
        if with_suffix(prefix, ".bin").exists() {
            return taken(format!("whole, in {}", with_suffix(prefix, ".bin").display()));
        }
    }
    let shards = shards_named(prefix)?;
    let mut counts = shards.iter().filter_map(|shard| Some(parse(stem_of(shard)?)?.2));
    match counts.find(|&count| world_size == 1 || count != world_size) {
        Some(count) => taken(format!("in {count} shards")),
        None => Ok(()),
    }
}

/// An error about the `argument` if there are shards of this prefix, beside which nothing else may have their name.
pub(super) fn check_no_shards(argument: &'static str, prefix: &Path) -> Result<()> {
    match shards_named(prefix)?.len() {
        0 => Ok(()),
        count => Err(taken(argument, prefix, &format!("in {count} shards"))),
    }
}

fn taken(argument: &'static str, prefix: &Path, what: &str) -> Error {
    let (prefix, advice) = (prefix.display(), "remove it or choose another name");
    let message = format!("{prefix} lies there {what}; expected nothing else of it: {advice}");
    Error::argument(argument, message)
}

/// An error about the `argument` if `prefix` has the ending of a file that it is to name.
pub(super) fn check_ending(argument: &'static str, prefix: &Path) -> Result<()> {
    match prefix.extension().and_then(OsStr::to_str) {
        Some(ending @ ("bin" | "idx")) => {
            let message = format!(
                "{} ends in .{ending}, which its files get by themselves; expected the name without",
                prefix.display()
            );
            Err(Error::argument(argument, message))
        }
        _ => Ok(()),
    }
}

/// An error about the `argument` if `prefix` is the name of a folder.
pub(super) fn check_no_folder(argument: &'static str, prefix: &Path) -> Result<()> {
    if ends_as_folder(prefix) || prefix.is_dir() {
        let message = format!("{:?} names a folder; expected the start of a file name", prefix.display());
        return Err(Error::argument(argument, message));
    }
    Ok(())
}

/// Whether `path` can be the name of a folder only.
fn ends_as_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_none_or(|&last| std::path::is_separator(last.into()))
}

/// Whether `path` is one file of a store, and so stands for nothing else.
fn names_a_file(path: &Path) -> bool {
    let suffix = path.extension().and_then(OsStr::to_str);
    suffix.is_some_and(|suffix| DATA_SUFFIXES.contains(&suffix) || BESIDE.contains(&suffix)) && path.is_file()
}

fn twice(name: impl AsRef<Path>, count: usize) -> String {
    let name = name.as_ref().file_name().unwrap_or_default().display();
    format!("{name} lies here whole and in {count} shards; expected one of both: remove the other")
}

/// All token files of a folder.
fn shards_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let shards = data_files(folder, |_| true)?;
    if shards.is_empty() {
        let message = "the folder holds no token files; expected some that end in .bin, .npy or .ds";
        return Err(Error::malformed(folder, Place::Whole, message));
    }
    check_sets(folder, &shards)?;
    Ok(shards)
}

/// Whether a file of this name is one with ids, as folders are searched for them.
pub(super) fn is_data_file(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|suffix| DATA_SUFFIXES.contains(&suffix))
}

/// The files with ids in a folder whose stems are `wanted`, sorted by the bytes of their names.
fn data_files(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let io_error = |error| Error::io(folder, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        if is_data_file(&path) && wanted(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(files)
}

/// The shards `prefix-…-of-…`, whether they are one whole set or not.
fn shards_named(prefix: &Path) -> Result<Vec<PathBuf>> {
    let Some(name) = prefix.file_name().and_then(OsStr::to_str) else { return Ok(Vec::new()) };
    let folder = folder_of(prefix);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    data_files(folder, |path| stem_of(path).and_then(parse).is_some_and(|(stem, ..)| stem == name))
}

fn stem_of(path: &Path) -> Option<&str> {
    path.file_stem().and_then(OsStr::to_str)
}

/// An error if a set among `shards` is not whole, or is there twice: also as a whole store, in another number of
/// shards, or with one shard in two formats.
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
        if ranks.contains(&rank) {
            let shard = shard_prefix(Path::new(stem), rank, count);
            return malformed(format!("the shard {} lies here in two files; expected one", shard.display()));
        }
        ranks.push(rank);
    }
    for (stem, (count, ranks)) in sets {
        if shards.iter().any(|shard| stem_of(shard) == Some(stem)) {
            return malformed(twice(stem, count));
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
        assert_eq!(found(&["a", SET[0], SET[1]], "a").expect("a set"), SET);
        assert_eq!(found(&["a.bin", "a.idx", SET[0]], "a.idx").expect("a store"), ["a.idx"]);
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
        for name in ["", "a"] {
            let message = message(&[SET[0], SET[1], "a.bin"], name);
            assert!(message.contains("a lies here whole and in 2 shards; expected one of both"), "{message}");
        }
        let doubled = [SET[0], SET[1], "a-00001-of-00002.npy"];
        assert!(message(&doubled, "a").contains("the shard a-00001-of-00002 lies here in two files"));
        let mixed = [SET[0], SET[1], "a-00000-of-00001.bin"];
        assert!(message(&mixed, "a").contains("a lies here in 1 shards and in 2"));
        assert!(message(&["a.txt"], "").contains("the folder holds no token files"));
    }

    #[test]
    fn a_set_with_the_name_of_a_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a");
        fs::create_dir(&path).expect("a writable folder");
        fs::write(path.join("b.bin"), b"").expect("a writable folder");
        fs::write(folder.path().join("a.bin"), b"").expect("a writable folder");
        assert_eq!(find_shards(&path).expect("raw ids are no store"), [path.join("b.bin")]);
        fs::write(folder.path().join("a.idx"), b"").expect("a writable folder");
        let message = find_shards(&path).expect_err("both").to_string();
        assert!(
            message.contains("a: a folder, and the name of a store beside it; expected one"),
            "{message}"
        );
        assert_eq!(find_shards(&path.join("")).expect("it ends as one"), [path.join("b.bin")]);
        fs::remove_file(folder.path().join("a.idx")).expect("it is there");
        for file in SET {
            fs::write(folder.path().join(file), b"").expect("a writable folder");
        }
        let message = find_shards(&path).expect_err("both").to_string();
        assert!(
            message.ends_with(
                "a: a folder, and the name of 2 shards beside it; expected one of both: rename one"
            )
        );
    }

    #[test]
    fn a_set_is_written_only_where_nothing_else_has_its_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = folder.path().join("a");
        let message = |world_size| check_alone(&prefix, world_size).err().map(|error| error.to_string());
        let write = |file: &str| fs::write(folder.path().join(file), b"").expect("a writable folder");
        assert_eq!((message(1), message(2)), (None, None));
        write("a.bin");
        assert_eq!(message(1), None, "a store is replaced by one");
        assert!(message(2).expect("taken").contains("a.bin; expected nothing else of it: remove it or"));
        fs::remove_file(folder.path().join("a.bin")).expect("it is there");
        write(SET[1]);
        assert_eq!(message(2), None, "a set is replaced by one");
        for world_size in [1, 3] {
            assert!(
                message(world_size).expect("taken").contains("a lies there in 2 shards; expected nothing")
            );
        }
        fs::create_dir(&prefix).expect("a writable folder");
        assert!(message(2).expect("taken").contains("a\" names a folder"));
    }
}
