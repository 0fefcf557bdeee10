//! One data file and what describes it: all of a store, or the part that one writer made.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::{Error, Monitor, Place, Result, available_threads, map_in_order};

use super::checksum::checksum;
use super::dtype::{Dtype, Tokens};
use super::foreign::{self, Contents};
use super::index::Index;
use super::manifest::{Checksums, Manifest};
use super::with_suffix;
use crate::memory::map::Map;

/// How often a store that seems to be in the middle of being replaced is looked at again: that takes milliseconds,
/// unless its writer stopped.
const ATTEMPTS: usize = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// Ids mapped from one file.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    dtype: Dtype,
    bin: Map,
    /// Where in `bin` the ids start, in bytes.
    start: usize,
    /// `None` for files without a manifest.
    described: Option<Described>,
}

/// What their writer left with the ids: the manifest, and the index whose checksum it has.
#[derive(Debug)]
struct Described {
    manifest: Manifest,
    index: Map,
}

/// A shard, and where its documents start, with the end of the last.
pub(super) type Opened = (Shard, Vec<i64>);

impl Shard {
    /// Opens the files of one prefix, or a file of another program; see [`super::TokenStore::open`].
    pub(super) fn open(path: &Path) -> Result<Opened> {
        match Self::open_foreign(path)? {
            Some(opened) => Ok(opened),
            None => Self::open_prefix(&without_suffix(path)),
        }
    }

    /// Opens the files of `prefix`, all of one writing. A writer removes the old manifest before it replaces any file,
    /// and puts the new one in place after all others. So what is opened while the manifest stays the same belongs
    /// together; if it has changed, even files that seem to agree may not, and all are opened again.
    fn open_prefix(prefix: &Path) -> Result<Opened> {
        let json_path = with_suffix(prefix, ".json");
        let mut attempts = 0;
        loop {
            let json = Manifest::text_at(&json_path)?;
            let opened = Self::open_files(prefix, json.as_deref());
            let may_be_replaced = json.is_none() && with_suffix(prefix, ".json.partial").exists();
            if may_be_replaced && attempts < ATTEMPTS {
                attempts += 1;
                thread::sleep(BETWEEN_ATTEMPTS);
            } else if Manifest::text_at(&json_path)? == json {
                return opened;
            }
        }
    }

    /// Opens the files of `prefix`; `json` is the text of its manifest, if there is one.
    fn open_files(prefix: &Path, json: Option<&[u8]>) -> Result<Opened> {
        let [bin_path, idx_path, json_path] =
            [".bin", ".idx", ".json"].map(|suffix| with_suffix(prefix, suffix));
        if !bin_path.exists() && prefix.is_file() {
            let message = "it is no token file by its name; expected a store: raw ids open with a dtype";
            return Err(Error::malformed(prefix, Place::Whole, message));
        }
        let bin = Map::open(&bin_path)?;
        if !idx_path.exists() && !json_path.exists() {
            let message = format!(
                "{} has no index {} beside it; expected one, or a dtype to read it as raw ids",
                bin_path.display(),
                idx_path.display()
            );
            return Err(Error::argument("dtype", message));
        }
        let manifest = json.map(|json| Manifest::read(&json_path, json)).transpose()?;
        let partial = with_suffix(prefix, ".json.partial");
        if manifest.is_none() && partial.exists() {
            let message =
                "the store was being replaced when its writer stopped; expected it to be written anew";
            return Err(Error::malformed(partial, Place::Whole, message));
        }
        let index_map = Map::open(&idx_path)?;
        let index = Index::read(&idx_path, index_map.bytes())?;
        check_size(&bin_path, bin.bytes().len(), &index)?;
        if let Some(manifest) = &manifest {
            check_manifest(&json_path, manifest, &index)?;
        }
        let described = manifest.map(|manifest| Described { manifest, index: index_map });
        let shard = Self { path: prefix.to_path_buf(), dtype: index.dtype, bin, start: 0, described };
        Ok((shard, index.offsets))
    }

    /// Opens the file `path` if its name or its first bytes show another program's format.
    fn open_foreign(path: &Path) -> Result<Option<Opened>> {
        let suffix = path.extension().and_then(|suffix| suffix.to_str());
        // A prefix may end so; but if there is no store of it, the file is what is missing, and opening it says so.
        let is_missing = matches!(suffix, Some("npy" | "ds")) && !with_suffix(path, ".bin").exists();
        if !matches!(suffix, Some("npy" | "bin" | "ds")) || !(path.is_file() || is_missing) {
            return Ok(None);
        }
        let bin = Map::open(path)?;
        let contents = match suffix {
            Some("npy") => Some(foreign::numpy(path, bin.bytes())?),
            Some("ds") => Some(foreign::datatrove(path, bin.bytes())?),
            _ if with_suffix(&path.with_extension(""), ".idx").exists() => None,
            _ => foreign::llm_c(path, bin.bytes())?,
        };
        let of = |Contents { dtype, start, offsets }| {
            (Self { path: path.to_path_buf(), dtype, bin, start, described: None }, offsets)
        };
        Ok(contents.map(of))
    }

    /// Opens the file `path` as raw little-endian ids, one document in all.
    /// An error if the file, or an index beside it, says something else.
    pub(super) fn open_raw(path: &Path, dtype: Dtype) -> Result<Opened> {
        if !path.exists() && with_suffix(path, ".bin").exists() {
            return Err(not_raw(path, "is a store, which has its own"));
        }
        let bin = Map::open(path)?;
        if bin.bytes().starts_with(foreign::NUMPY) {
            return Err(not_raw(path, "is a .npy file, which has its own"));
        }
        if foreign::llm_c(path, bin.bytes()).map_or(true, |contents| contents.is_some()) {
            return Err(not_raw(path, "has the header of llm.c, which tells it"));
        }
        let idx_path = with_suffix(&without_suffix(path), ".idx");
        let indexed = Map::open(&idx_path).and_then(|map| Index::read(&idx_path, map.bytes()));
        if let Some(of_index) = indexed.ok().map(|index| index.dtype).filter(|&of_index| of_index != dtype) {
            return Err(not_raw(path, &format!("has ids of {of_index}, as {} says", idx_path.display())));
        }
        let bytes = bin.bytes().len();
        if !bytes.is_multiple_of(dtype.width()) {
            let message = format!("{bytes} bytes; expected a multiple of {}, for {dtype}", dtype.width());
            return Err(Error::malformed(path, Place::Whole, message));
        }
        let tokens = (bytes / dtype.width()) as i64;
        Ok((Self { path: path.to_path_buf(), dtype, bin, start: 0, described: None }, vec![0, tokens]))
    }

    /// The prefix of the files, or the path of a file that is alone.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn dtype(&self) -> Dtype {
        self.dtype
    }

    pub(super) fn tokens(&self) -> Tokens<'_> {
        match self.dtype {
            Dtype::U16 => Tokens::U16(self.bin.as_u16(self.start)),
            Dtype::U32 => Tokens::U32(self.bin.as_u32(self.start)),
        }
    }

    /// The ids as they lie on disk.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bin.bytes()[self.start..]
    }

    pub(super) fn manifest(&self) -> Option<&Manifest> {
        self.described.as_ref().map(|described| &described.manifest)
    }

    /// An error if a file has been cut short since it was opened.
    pub(super) fn check_whole(&self) -> Result<()> {
        self.bin.check_whole()?;
        self.described.as_ref().map_or(Ok(()), |described| described.index.check_whole())
    }

    /// Reads everything and compares it with the checksums.
    pub(super) fn verify(&self, monitor: &Monitor) -> Result<()> {
        let blocks = self.checked_blocks()?;
        let check = |block: usize| blocks.check(block, monitor).map(drop);
        map_in_order(available_threads(), blocks.checksums.bin.len(), check).into_iter().collect()
    }

    /// Calls `each` with the ids block by block, in order, after comparing each block with its checksum.
    pub(super) fn verified_blocks(
        &self,
        monitor: &Monitor,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let blocks = self.checked_blocks()?;
        (0..blocks.checksums.bin.len()).try_for_each(|block| each(blocks.check(block, monitor)?))
    }

    /// The blocks of ids, once the index agrees with its checksum.
    fn checked_blocks(&self) -> Result<Blocks<'_>> {
        let Some(described) = &self.described else {
            let message =
                "there is no manifest, and so no checksums; expected a store that encode_files wrote";
            return Err(Error::malformed(&self.path, Place::Whole, message));
        };
        self.check_whole()?;
        let checksums = &described.manifest.checksums;
        if checksum(described.index.bytes()) != checksums.idx {
            let path = with_suffix(&self.path, ".idx");
            return Err(Error::malformed(path, Place::Whole, "the checksum differs from the manifest's"));
        }
        Ok(Blocks { shard: self, checksums })
    }
}

/// The error about a dtype that is given for a file that has its own.
fn not_raw(path: &Path, what: &str) -> Error {
    Error::argument("dtype", format!("{} {what}; expected to be opened without one", path.display()))
}

/// The ids of a shard in blocks that have a checksum each: their numbers were compared at opening.
struct Blocks<'s> {
    shard: &'s Shard,
    checksums: &'s Checksums,
}

impl<'s> Blocks<'s> {
    /// The bytes of one block, or an error if they differ from its checksum.
    fn check(&self, block: usize, monitor: &Monitor) -> Result<&'s [u8]> {
        monitor.check()?;
        let size = self.checksums.block_bytes as usize;
        let bytes = self.shard.bytes();
        let bytes = &bytes[block * size..bytes.len().min((block + 1) * size)];
        if checksum(bytes) != self.checksums.bin[block] {
            let length = bytes.len();
            let message = format!("the checksum of the {length} bytes from here differs from the manifest's");
            let path = with_suffix(self.shard.path(), ".bin");
            return Err(Error::malformed(path, Place::Byte((block * size) as u64), message));
        }
        monitor.advance(bytes.len() as u64);
        Ok(bytes)
    }
}

/// `corpus.bin`, `.idx` or `.json` → `corpus`; any other path is a prefix already.
fn without_suffix(path: &Path) -> PathBuf {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("bin" | "idx" | "json") if !with_suffix(path, ".bin").exists() => path.with_extension(""),
        _ => path.to_path_buf(),
    }
}

fn check_size(path: &Path, bytes: usize, index: &Index) -> Result<()> {
    let tokens = index.offsets.last().copied().unwrap_or(0);
    let expected = tokens as u64 * index.dtype.width() as u64;
    if bytes as u64 == expected {
        return Ok(());
    }
    let message = format!(
        "{bytes} bytes; expected {expected}, for the {tokens} tokens of {} in the index",
        index.dtype
    );
    Err(Error::malformed(path, Place::Whole, message))
}

fn check_manifest(path: &Path, manifest: &Manifest, index: &Index) -> Result<()> {
    let documents = index.offsets.len() as u64 - 1;
    let tokens = index.offsets.last().copied().unwrap_or(0) as u64;
    let bytes = tokens * index.dtype.width() as u64;
    let differs = |what, manifest: String, index: String| {
        let message = format!("the manifest says {what} {manifest}; expected {index}, as in the index");
        Err(Error::malformed(path, Place::Whole, message))
    };
    if manifest.dtype != index.dtype {
        return differs("dtype", manifest.dtype.to_string(), index.dtype.to_string());
    }
    if manifest.tokens != tokens {
        return differs("tokens", manifest.tokens.to_string(), tokens.to_string());
    }
    if manifest.documents != documents {
        return differs("documents", manifest.documents.to_string(), documents.to_string());
    }
    let checksums = &manifest.checksums;
    if checksums.block_bytes == 0 || bytes.div_ceil(checksums.block_bytes) != checksums.bin.len() as u64 {
        let (count, size) = (checksums.bin.len(), checksums.block_bytes);
        let message =
            format!("{count} checksums of blocks of {size} bytes; expected enough for {bytes} bytes");
        return Err(Error::malformed(path, Place::Whole, message));
    }
    Ok(())
}
