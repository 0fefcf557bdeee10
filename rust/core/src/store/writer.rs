//! Writes a store so that it is there whole or not at all.
//!
//! Everything goes to siblings that end in `.partial`, is forced to disk, and is then renamed, the manifest last. A
//! store of the same prefix stays as it is until then, and readers that have it open keep its files. Between the first
//! and the last rename there is a `.json.partial` and no `.json`, by which
//! [`TokenStore::open`](super::TokenStore::open) recognises an interrupted writing. A lock on `.bin.partial` keeps a
//! second writer away; the system lifts it when the writer dies.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::mem;
use std::path::{Path, PathBuf};

use crate::encode::EndIds;
use crate::{Error, Result, map_in_order};

use super::checksum::{BLOCK_BYTES, BlockChecksums, checksum};
use super::dtype::Dtype;
use super::index::{HEADER_BYTES, IndexWriter, Lengths};
use super::manifest::{Checksums, Manifest, Source};
use super::reserve::Reserve;
use super::shard_set::check_no_folder;
use super::whole_job::WholeJob;
use super::write_back::WriteBack;
use super::{TOKENIZER_SUFFIX, folder_of, with_suffix};
use crate::memory::map::Map;

/// Up to this many bytes of ids are gathered, so that hashing and writing them is worth it.
const BUFFER_BYTES: usize = 256 << 10;

/// Runs of ids from this many bytes on are hashed and written as they are, without being copied together first.
const MANY_BYTES: usize = 64 << 10;

/// What the manifest says that the writer does not see itself.
#[derive(Debug, Clone, Default)]
pub struct StoreFacts {
    /// The tokenizer's fingerprint.
    pub tokenizer: String,
    /// The ids that stand before each document.
    pub bos: EndIds,
    /// The ids that stand after each document.
    pub eos: EndIds,
    /// In a shard, what all processes read and how.
    pub job: Option<WholeJob>,
    /// Where the documents come from.
    pub sources: Vec<Source>,
    /// What was wrong with what was left out.
    pub skipped: Vec<String>,
}

/// How much of a store in the making is written, and the hashes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Mark {
    /// Documents that are ended.
    documents: u64,
    /// Ids, those of the open document included.
    tokens: u64,
    /// The hash of all ids.
    bin: u64,
    /// The hash of all lengths in the index.
    lengths: u64,
}

/// A store in the making; dropped before [`finish`](Self::finish), it leaves nothing, unless it is
/// [kept](Self::keep_partial) for another to go on with.
pub struct StoreWriter {
    // Dropped before `bin`, which holds the lock: the partial files are gone before another writer may start.
    partial: Partial,
    write_back: WriteBack,
    reserve: Reserve,
    bin: File,
    dtype: Dtype,
    buffer: Vec<u8>,
    checksums: BlockChecksums,
    index: IndexWriter,
    tokens: u64,
    /// Ids of the document that is not ended yet.
    open_tokens: u64,
}

impl StoreWriter {
    /// Starts the store `prefix`; an error if files stand there that are no store, or another writer is at work.
    pub fn create(prefix: &Path, dtype: Dtype) -> Result<Self> {
        Ok(Self::go_on(prefix, dtype, &[])?.0)
    }

    /// Goes on where an interrupted writer made the last of `marks` that its files agree with, and returns which of
    /// them that is, counted from 1; 0 is a new start. Errors are those of [`create`](Self::create).
    pub(super) fn go_on(prefix: &Path, dtype: Dtype, marks: &[Mark]) -> Result<(Self, usize)> {
        check_prefix(prefix)?;
        // So that the error names the folder, not a file in it whose name nobody gave.
        fs::metadata(folder_of(prefix)).map_err(|error| Error::io(folder_of(prefix), error))?;
        let path = partial_path(prefix, ".bin");
        let mut bin = lock(&path)?;
        // If anything fails from here on, the files from which to go on stay.
        let left = if marks.is_empty() { Left::Nothing } else { Left::Written };
        let mut partial = Partial { prefix: prefix.to_path_buf(), left };
        // The tokenizer of the interrupted run, which may not be whole.
        remove_if_there(&partial.path(TOKENIZER_SUFFIX))?;
        let (written, agreed) = Written::read(&partial, dtype, marks)?;
        if agreed == 0 {
            partial.left = Left::Nothing;
        }
        let end = written.tokens * dtype.width() as u64;
        let cut = bin.set_len(end).and_then(|()| bin.seek(SeekFrom::Start(end)));
        cut.map_err(|error| Error::io(&path, error))?;
        let index = IndexWriter::open(partial.path(".idx"), dtype, written.lengths)?;
        let writer = Self {
            partial,
            write_back: WriteBack::default(),
            reserve: Reserve::behind(end),
            bin,
            dtype,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            checksums: written.checksums,
            index,
            tokens: written.ended_tokens,
            open_tokens: written.tokens - written.ended_tokens,
        };
        Ok((writer, agreed))
    }

    /// From now on, when this is dropped, the files stay with which another writer can go on.
    pub(super) fn keep_partial(&mut self) {
        self.partial.left = Left::Written;
    }

    /// Ends without a store and leaves nothing.
    pub(super) fn discard(mut self) {
        self.partial.left = Left::Nothing;
    }

    /// Hands over to the system all ids and lengths pushed so far; returns how far the store is.
    pub(super) fn mark(&mut self) -> Result<Mark> {
        self.flush()?;
        Ok(Mark {
            documents: self.documents(),
            tokens: self.pushed(),
            bin: self.checksums.digest(),
            lengths: self.index.flush()?,
        })
    }

    /// Adds ids to the open document; every one must fit the dtype.
    pub fn push(&mut self, ids: &[u32]) -> Result<()> {
        for run in ids.chunks(BUFFER_BYTES / self.dtype.width()) {
            self.dtype.write(run, &mut self.buffer)?;
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush()?;
            }
        }
        self.open_tokens += ids.len() as u64;
        Ok(())
    }

    /// Adds ids to the open document, given as they lie on disk in a store of this dtype.
    pub(super) fn push_bytes(&mut self, ids: &[u8]) -> Result<()> {
        self.open_tokens += (ids.len() / self.dtype.width()) as u64;
        if ids.len() < MANY_BYTES && self.buffer.len() + ids.len() <= BUFFER_BYTES {
            self.buffer.extend_from_slice(ids);
            return Ok(());
        }
        self.flush()?;
        self.write(ids)
    }

    /// Ends the open document, which may be empty.
    pub fn end_document(&mut self) -> Result<()> {
        self.end_document_of(self.open_tokens)
    }

    /// Ends a document of the first `tokens` ids that are in none yet.
    pub(super) fn end_document_of(&mut self, tokens: u64) -> Result<()> {
        self.index.push(tokens)?;
        self.tokens += tokens;
        self.open_tokens -= tokens;
        Ok(())
    }

    /// How many documents are ended.
    pub fn documents(&self) -> u64 {
        self.index.documents()
    }

    /// How many ids the ended documents have.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// How many ids there are, those of the open document included.
    pub(super) fn pushed(&self) -> u64 {
        self.tokens + self.open_tokens
    }

    /// Makes the store appear under its name. A document still open is ended if it has ids.
    pub fn finish(mut self, facts: StoreFacts) -> Result<()> {
        if self.open_tokens > 0 {
            self.end_document()?;
        }
        self.flush()?;
        let mut manifest = Manifest::new(&facts.tokenizer, self.dtype);
        manifest.tokens = self.tokens;
        manifest.documents = self.index.documents();
        (manifest.bos, manifest.eos, manifest.sources) = (facts.bos, facts.eos, facts.sources);
        (manifest.job, manifest.skipped) = (facts.job, facts.skipped);
        let idx_path = self.partial.path(".idx");
        let mut files = vec![(idx_path.clone(), self.index.finish()?)];
        let idx = checksum(Map::open(&idx_path)?.bytes());
        manifest.checksums = Checksums { block_bytes: BLOCK_BYTES as u64, bin: self.checksums.finish(), idx };
        let path = self.partial.path(".json");
        let file = write_file(&path, |file| file.write_all(&manifest.to_json()))?;
        files.push((path, file));
        let written = self.write_back.finish().and_then(|()| self.reserve.give_back(&self.bin));
        written.map_err(|error| Error::io(self.partial.path(".bin"), error))?;
        let bin = (self.partial.path(".bin"), &self.bin);
        sync(&files.iter().map(|(path, file)| (path.clone(), file)).chain([bin]).collect::<Vec<_>>())?;
        self.partial.publish()
    }

    fn flush(&mut self) -> Result<()> {
        let mut buffer = mem::take(&mut self.buffer);
        self.write(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    fn write(&mut self, ids: &[u8]) -> Result<()> {
        self.checksums.update(ids);
        self.reserve.make_room(ids.len(), &self.bin);
        let written = self.bin.write_all(ids).and_then(|()| self.write_back.wrote(ids.len(), &self.bin));
        written.map_err(|error| Error::io(self.partial.path(".bin"), error))
    }
}

/// Writes the `tokenizer.json` beside the store `prefix`, whose writer is at work and publishes it when it finishes.
/// Returns when the disk has it: of a large vocabulary that takes some time, in which ids can be written.
pub(super) fn write_tokenizer(prefix: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let path = partial_path(prefix, TOKENIZER_SUFFIX);
    write_file(&path, write)?.sync_all().map_err(|error| Error::io(&path, error))
}

fn write_file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<File> {
    let written = File::create(path).and_then(|mut file| write(&mut file).map(|()| file));
    written.map_err(|error| Error::io(path, error))
}

/// What an interrupted writer has written, read again.
struct Written {
    checksums: BlockChecksums,
    lengths: Lengths,
    tokens: u64,
    ended_tokens: u64,
}

impl Written {
    /// What is written until the last of `marks` that the files agree with, and which that is, counted from 1.
    fn read(partial: &Partial, dtype: Dtype, marks: &[Mark]) -> Result<(Self, usize)> {
        let mut written = Self {
            checksums: BlockChecksums::new(BLOCK_BYTES),
            lengths: Lengths::default(),
            tokens: 0,
            ended_tokens: 0,
        };
        if marks.is_empty() || !partial.path(".idx").exists() {
            return Ok((written, 0));
        }
        let (bin, idx) = (Map::open(&partial.path(".bin"))?, Map::open(&partial.path(".idx"))?);
        for (before, mark) in marks.iter().enumerate() {
            if written.read_until(mark, dtype, bin.bytes(), idx.bytes()).is_none() {
                // The files differ somewhere before this mark: they are read once more, up to the mark before it.
                return Self::read(partial, dtype, &marks[..before]);
            }
        }
        Ok((written, marks.len()))
    }

    /// Reads on until `mark`; `None` if the files are shorter, or differ from what it says.
    fn read_until(&mut self, mark: &Mark, dtype: Dtype, bin: &[u8], idx: &[u8]) -> Option<()> {
        let width = dtype.width() as u64;
        let ids = bin.get((self.tokens * width) as usize..mark.tokens.checked_mul(width)? as usize)?;
        let place = |documents: u64| Some(HEADER_BYTES + documents.checked_mul(4)? as usize);
        let lengths = idx.get(place(self.lengths.documents)?..place(mark.documents)?)?;
        self.checksums.update(ids);
        self.lengths.hash.update(lengths);
        let (lengths, _) = lengths.as_chunks();
        self.ended_tokens += lengths.iter().map(|&length| u64::from(u32::from_le_bytes(length))).sum::<u64>();
        (self.lengths.documents, self.tokens) = (mark.documents, mark.tokens);
        let agrees = self.checksums.digest() == mark.bin && self.lengths.hash.digest() == mark.lengths;
        (agrees && self.ended_tokens <= self.tokens).then_some(())
    }
}

/// The files of a store that is not whole yet; removed when dropped, unless they are to stay.
struct Partial {
    prefix: PathBuf,
    left: Left,
}

/// Which files stay.
enum Left {
    /// None.
    Nothing,
    /// Those with which another writer can go on.
    Written,
    /// All, some of which have their names already.
    All,
}

impl Partial {
    fn path(&self, suffix: &str) -> PathBuf {
        partial_path(&self.prefix, suffix)
    }

    fn publish(&mut self) -> Result<()> {
        // From here on the old store is no more: should this fail, the `.json.partial` that stays says so.
        self.left = Left::All;
        remove_if_there(&with_suffix(&self.prefix, ".json"))?;
        // A tokenizer from an earlier store would not be this one's.
        remove_if_there(&with_suffix(&self.prefix, TOKENIZER_SUFFIX))?;
        for suffix in [".bin", ".idx", TOKENIZER_SUFFIX, ".json"] {
            let path = with_suffix(&self.prefix, suffix);
            if suffix == TOKENIZER_SUFFIX && !self.path(suffix).exists() {
                continue;
            }
            fs::rename(self.path(suffix), &path).map_err(|error| Error::io(&path, error))?;
        }
        remove_if_there(&self.path(".journal"))?;
        remove_if_there(&self.path(".journal.new"))?;
        sync_folder(&self.prefix)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let removed: &[_] = match self.left {
            Left::Nothing => &[".journal", ".journal.new", ".json", TOKENIZER_SUFFIX, ".idx", ".bin"],
            Left::Written => &[TOKENIZER_SUFFIX],
            Left::All => &[],
        };
        for suffix in removed {
            // Nothing better can be done here about a file that cannot be removed; the next writer takes it over.
            let _ = fs::remove_file(self.path(suffix));
        }
    }
}

/// Where the file with this suffix stands until the store is whole.
fn partial_path(prefix: &Path, suffix: &str) -> PathBuf {
    with_suffix(prefix, &format!("{suffix}.partial"))
}

/// Makes sure that nothing but an earlier store, or what an interrupted writer left, will be replaced.
fn check_prefix(prefix: &Path) -> Result<()> {
    check_no_folder("prefix", prefix)?;
    let foreign = match Manifest::is_at(&with_suffix(prefix, ".json"))? {
        Some(true) => return Ok(()),
        Some(false) => Some(with_suffix(prefix, ".json")),
        None if with_suffix(prefix, ".json.partial").exists() => None,
        None => [".bin", ".idx", TOKENIZER_SUFFIX]
            .map(|suffix| with_suffix(prefix, suffix))
            .into_iter()
            .find(|path| path.exists()),
    };
    foreign.map_or(Ok(()), |path| {
        let message = format!(
            "{} exists and is not part of a token store with a manifest; remove it or choose another prefix",
            path.display()
        );
        Err(Error::argument("prefix", message))
    })
}

/// Opens `path` for writing and locks it against other writers; what is in it stays.
fn lock(path: &Path) -> Result<File> {
    let io_error = |error| Error::io(path, error);
    loop {
        let mut options = File::options();
        let file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is being written by another process", path.display());
                return Err(Error::argument("prefix", message));
            }
            // Some network file systems have no locks; there the user keeps writers apart.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(io_error(error)),
        }
        if is_at(&file, path).map_err(io_error)? {
            return Ok(file);
        }
    }
}

/// Whether `path` still leads to `file`: its writer may have renamed or removed it before the lock was taken.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        at_path => {
            let (at_path, file) = (at_path?, file.metadata()?);
            Ok((at_path.dev(), at_path.ino()) == (file.dev(), file.ino()))
        }
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Waits until the disk has all of these files: at once, since one wait may do for all.
fn sync(files: &[(PathBuf, &File)]) -> Result<()> {
    let sync = |number: usize| {
        let (path, file) = &files[number];
        file.sync_all().map_err(|error| Error::io(path, error))
    };
    map_in_order(files.len(), files.len(), sync).into_iter().collect()
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// Waits until the disk has the new names.
#[cfg(unix)]
fn sync_folder(prefix: &Path) -> Result<()> {
    let folder = folder_of(prefix);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Error::io(folder, error))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature everywhere")]
fn sync_folder(_prefix: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
