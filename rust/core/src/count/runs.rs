//! Sorted runs of words on disk, for more distinct words than memory holds.
//!
//! A table that has grown too large is written as a run, in the order of its words, and starts anew. At the end all
//! runs are merged: the smallest word at the head of any run is the next, and its count is the sum over the runs that
//! have it. So the counts are those of one large table, no matter what was written when. Where there are many runs,
//! some are merged into a longer run before the end, in the same way.
//!
//! A word is stored as its length, its bytes and its count, the numbers as LEB128. The files have no names: the system
//! removes them with the process, however that ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::count::WordCounts;
use crate::count::table::Table;
use crate::count::words::too_many;
use crate::split::Pattern;
use crate::{Error, Monitor, Phase, Result};

const WRITE_BUFFER: usize = 256 << 10;
const READ_BUFFER: usize = 64 << 10;
/// How many runs of one kind are merged into one longer run, since the number of open files is limited (1,024 on many
/// systems).
const MOST_RUNS: usize = if cfg!(test) { 4 } else { 64 };
/// How many words are read between two looks at the monitor.
const WORDS_PER_CHECK: usize = 1 << 14;

/// Runs on disk, written by any thread.
#[derive(Debug)]
pub(super) struct Runs {
    folder: PathBuf,
    /// First the runs of one table, then those of [`MOST_RUNS`] such runs, and so on.
    kinds: Mutex<Vec<Vec<File>>>,
}

impl Runs {
    /// No runs yet; they will be in the system's folder for temporary files.
    pub(super) fn new() -> Self {
        Self { folder: std::env::temp_dir(), kinds: Mutex::default() }
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.kinds.get_mut().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Writes the words of `table` as one more run.
    pub(super) fn write(&self, table: Table, monitor: &Monitor) -> Result<()> {
        let mut run =
            self.written(|file| table.for_each_sorted(|word, count| self.put(file, word, count)))?;
        let mut kind = 0;
        while let Some(runs) = self.keep(run, kind) {
            run = self.written(|file| {
                let put = |word: &[u8], count| self.put(file, word, count);
                self.merge(runs, put, |_| monitor.check())
            })?;
            kind += 1;
        }
        Ok(())
    }

    /// Keeps a run; if there are [`MOST_RUNS`] of its kind now, takes these out again and returns them.
    fn keep(&self, run: File, kind: usize) -> Option<Vec<File>> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() == kind {
            kinds.push(Vec::new());
        }
        kinds[kind].push(run);
        (kinds[kind].len() == MOST_RUNS).then(|| std::mem::take(&mut kinds[kind]))
    }

    /// A file with what `write` writes.
    fn written(&self, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<File> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| self.error(error))?;
        let mut file = BufWriter::with_capacity(WRITE_BUFFER, file);
        write(&mut file)?;
        file.into_inner().map_err(|failed| self.error(failed.into_error()))
    }

    fn put(&self, file: &mut BufWriter<File>, word: &[u8], count: u64) -> Result<()> {
        write_word(file, word, count).map_err(|error| self.error(error))
    }

    fn error(&self, error: io::Error) -> Error {
        Error::io(&self.folder, error)
    }

    /// The counts of all runs together.
    pub(super) fn add_up(mut self, pattern: Pattern, monitor: &Monitor) -> Result<WordCounts> {
        let kinds = std::mem::take(self.kinds.get_mut().unwrap_or_else(PoisonError::into_inner));
        let runs: Vec<File> = kinds.into_iter().flatten().collect();
        let sizes = runs.iter().map(|run| run.metadata().map(|metadata| metadata.len()));
        monitor.start(Phase::Add, sizes.sum::<io::Result<u64>>().map_err(|error| self.error(error))?);
        let mut counts = WordCounts::new(pattern);
        self.merge(
            runs,
            |word, count| counts.push(word, count),
            |bytes| {
                monitor.advance(bytes);
                monitor.check()
            },
        )?;
        Ok(counts)
    }

    /// Calls `visit` with each word of the runs, in order, and its count in all of them, and `progress` now and then with
    /// how many bytes were read since.
    fn merge(
        &self,
        runs: Vec<File>,
        mut visit: impl FnMut(&[u8], u64) -> Result<()>,
        mut progress: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let mut heads = BinaryHeap::new();
        for mut run in runs {
            run.rewind().map_err(|error| self.error(error))?;
            let mut head =
                Head { file: BufReader::with_capacity(READ_BUFFER, run), word: Vec::new(), count: 0 };
            if head.advance().map_err(|error| self.error(error))?.is_some() {
                heads.push(Reverse(head));
            }
        }
        let (mut word, mut count) = (Vec::new(), 0_u64);
        let (mut taken, mut bytes) = (0, 0);
        while let Some(mut head) = heads.peek_mut() {
            if head.0.word == word {
                count = count.checked_add(head.0.count).ok_or_else(too_many)?;
            } else {
                if count > 0 {
                    visit(&word, count)?;
                }
                word.clone_from(&head.0.word);
                count = head.0.count;
            }
            match head.0.advance().map_err(|error| self.error(error))? {
                Some(more) => bytes += more,
                None => drop(PeekMut::pop(head)),
            }
            taken += 1;
            if taken % WORDS_PER_CHECK == 0 {
                progress(std::mem::take(&mut bytes))?;
            }
        }
        if count > 0 {
            visit(&word, count)?;
        }
        Ok(())
    }
}

/// The next word of a run. A run ascends, so the smallest of the heads is the smallest of all words left.
struct Head {
    word: Vec<u8>,
    count: u64,
    file: BufReader<File>,
}

impl Head {
    /// Goes on to the next word and returns how many bytes it took; `None` at the end of the run.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        if self.file.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let (length, length_bytes) = read_number(&mut self.file)?;
        self.word.resize(length as usize, 0);
        self.file.read_exact(&mut self.word)?;
        let (count, count_bytes) = read_number(&mut self.file)?;
        self.count = count;
        Ok(Some(length + length_bytes + count_bytes))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.word.cmp(&other.word)
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

fn write_word(file: &mut impl Write, word: &[u8], count: u64) -> io::Result<()> {
    write_number(file, word.len() as u64)?;
    file.write_all(word)?;
    write_number(file, count)
}

/// Writes a number as LEB128: seven bits a byte, the lowest first; the highest bit says that more follow.
fn write_number(file: &mut impl Write, mut number: u64) -> io::Result<()> {
    while number >= 0x80 {
        file.write_all(&[number as u8 | 0x80])?;
        number >>= 7;
    }
    file.write_all(&[number as u8])
}

/// A number, and how many bytes it took.
fn read_number(file: &mut impl BufRead) -> io::Result<(u64, u64)> {
    let mut number = 0;
    for place in 0..10 {
        let byte = *file.fill_buf()?.first().ok_or(ErrorKind::UnexpectedEof)?;
        file.consume(1);
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Ok((number, place + 1));
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "a temporary file does not hold what was written to it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{Ends, Splitter};

    fn table(text: &[u8]) -> Table {
        let mut table = Table::new();
        let splitter = Splitter::new(&Pattern::new(Some("gpt2"))).expect("a valid pattern");
        let add = |text: &[u8], ends: &Ends| {
            table.add_all(text, ends, 1);
            true
        };
        splitter.for_each_block(text, &mut Ends::new(), add).expect("no runaway");
        table
    }

    #[test]
    fn numbers_of_every_size_come_back() {
        let numbers = (0..64).flat_map(|power| [(1_u64 << power) - 1, 1 << power]).chain([u64::MAX]);
        for number in numbers {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number).expect("memory takes it");
            assert_eq!(read_number(&mut &bytes[..]).expect("a number"), (number, bytes.len() as u64));
            assert!(read_number(&mut &bytes[..bytes.len() - 1]).is_err());
        }
        assert!(read_number(&mut &[0xFF; 11][..]).is_err());
    }

    #[test]
    fn runs_add_up_to_what_one_table_would_count() {
        let long = "a word of more than fifteen bytes, ".repeat(9);
        let texts = ["a b c", "", "b c d longer_than_fifteen_bytes b", &long, "a b", "zz\0 zz"];
        let runs = Runs::new();
        for text in texts {
            runs.write(table(text.as_bytes()), &Monitor::default()).expect("a writable folder");
        }
        let pattern = Pattern::new(Some("gpt2"));
        let parts = texts.map(|text| table(text.as_bytes()).into_counts(pattern.clone()).expect("few"));
        let expected = parts.iter().skip(1).try_fold(parts[0].clone(), |sum, part| sum.merged(part));
        let kinds: Vec<usize> = runs.kinds.lock().expect("no panic").iter().map(Vec::len).collect();
        assert_eq!(kinds, [2, 1], "four of six runs became one");
        let added = runs.add_up(pattern, &Monitor::default()).expect("a readable folder");
        assert_eq!(added, expected.expect("one pattern"));
    }

    #[test]
    fn a_folder_that_takes_no_files_is_an_error_that_names_it() {
        let runs = Runs { folder: "/nowhere/to/be/found".into(), ..Runs::new() };
        let error = runs.write(table(b"a b"), &Monitor::default()).expect_err("no such folder");
        assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("found")), "{error}");
    }

    #[test]
    fn a_file_that_was_cut_off_is_an_error() {
        let mut runs = Runs::new();
        runs.write(table(b"some words"), &Monitor::default()).expect("a writable folder");
        assert!(!runs.is_empty());
        let kinds = runs.kinds.lock().expect("no panic");
        kinds[0][0].set_len(7).expect("a file that can be cut");
        drop(kinds);
        let added = runs.add_up(Pattern::new(Some("gpt2")), &Monitor::default());
        assert!(matches!(added, Err(Error::Io { .. })));
    }
}
