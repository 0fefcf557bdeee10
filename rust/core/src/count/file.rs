//! Word counts as a file.
//!
//! All numbers are little-endian. In order:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `BYTCOUNT` |
//! | 4 | version of the format, 1 |
//! | 4 | length of the pattern's text, `0xFFFFFFFF` for no pattern |
//! | … | the pattern's text, UTF-8: a name or regular expressions (see [`Pattern::new`]) |
//! | 8 | number of words |
//! | 8 each | where each word ends in the words' bytes |
//! | 8 each | count of each word |
//! | … | the words' bytes, words ascending |
//! | 8 | XXH3 (64 bits) of everything before |
//!
//! Equal counts make equal files, whatever order, threads or machines they come from.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::count::WordCounts;
use crate::split::Pattern;
use crate::whole_file::write_whole;
use crate::{Error, Result, error::Place};

const MAGIC: &[u8; 8] = b"BYTCOUNT";
const VERSION: u32 = 1;
const CHECKSUM: usize = size_of::<u64>();
const NO_PATTERN: u32 = u32::MAX;

impl WordCounts {
    /// Writes the counts to `path`, replacing the file there only once everything is on disk.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), |file| self.write_to(file))
    }

    /// Reads counts from `path`; checks the checksum and every entry.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let bytes = fs::read(&path).map_err(|error| Error::io(&path, error))?;
        Self::from_bytes(&bytes, path)
    }

    /// The bytes that [`save`](Self::save) writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 16 * self.len() + self.bytes());
        self.write_to(&mut bytes).expect("memory takes all that is written");
        bytes
    }

    /// The counts from bytes that [`to_bytes`](Self::to_bytes) returned; `path` is named in errors.
    pub fn from_bytes(bytes: &[u8], path: impl AsRef<Path>) -> Result<Self> {
        parse(bytes).map_err(|(place, message)| Error::malformed(path, place, message))
    }

    fn write_to(&self, file: impl Write) -> io::Result<()> {
        let mut file = Checked { file, checksum: Xxh3::new() };
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        let pattern = self.pattern().text();
        let length = pattern.map_or(NO_PATTERN, |text| text.len() as u32);
        file.write_all(&length.to_le_bytes())?;
        file.write_all(pattern.unwrap_or_default().as_bytes())?;
        file.write_all(&(self.len() as u64).to_le_bytes())?;
        let mut end = 0;
        for (word, _) in self.iter() {
            end += word.len() as u64;
            file.write_all(&end.to_le_bytes())?;
        }
        for count in self.counts() {
            file.write_all(&count.to_le_bytes())?;
        }
        for (word, _) in self.iter() {
            file.write_all(word)?;
        }
        let checksum = file.checksum.digest();
        file.file.write_all(&checksum.to_le_bytes())
    }
}

/// A file, and the checksum of what was written to it.
struct Checked<W> {
    file: W,
    checksum: Xxh3,
}

impl<W: Write> Checked<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.file.write_all(bytes)
    }
}

/// Where a file is wrong, and how.
type Wrong = (Place, String);

fn parse(bytes: &[u8]) -> std::result::Result<WordCounts, Wrong> {
    let mut reader = Reader { bytes, at: 0 };
    if !bytes.starts_with(MAGIC) {
        return Err((Place::Whole, "is no file of word counts".to_owned()));
    }
    reader.take(MAGIC.len())?;
    let version = reader.u32()?;
    if version != VERSION {
        return Err((Place::Byte(8), format!("has version {version} of the format, expected {VERSION}")));
    }
    let body = bytes.len().saturating_sub(CHECKSUM);
    let (sum, expected) = (xxh3_64(&bytes[..body]).to_le_bytes(), &bytes[body..]);
    if sum != *expected {
        return Err((Place::Whole, "does not match its checksum: it was cut off or changed".to_owned()));
    }
    reader.bytes = &bytes[..body];
    let pattern = reader.pattern()?;
    let words = reader.u64()?;
    let columns_at = reader.at as u64;
    let ends = reader.numbers(words)?;
    let counts = reader.numbers(words)?;
    let words_at = reader.at as u64;
    let words = reader.take(body - reader.at)?;
    if ends.last().copied().unwrap_or(0) != words.len() as u64 {
        let message = format!("has {} bytes of words, expected {}", words.len(), ends.last().unwrap_or(&0));
        return Err((Place::Byte(words_at), message));
    }
    let mut sum = WordCounts::new(pattern);
    sum.reserve(counts.len(), words.len());
    let mut last = &words[..0];
    let mut start = 0;
    for (index, (&end, &count)) in ends.iter().zip(&counts).enumerate() {
        // The last end is the length of `words`, so an end beyond it is followed by a smaller one.
        let word = words.get(start..end as usize).filter(|word| *word > last && count > 0);
        let place = Place::Byte(columns_at + 8 * index as u64);
        let word =
            word.ok_or_else(|| (place, format!("word {index} is out of order, empty, or counts 0")))?;
        sum.push(word, count).map_err(|error| (place, error.to_string()))?;
        (last, start) = (word, end as usize);
    }
    Ok(sum)
}

/// The bytes of a file, taken one after another.
struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> std::result::Result<&'b [u8], Wrong> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..length).ok_or_else(|| {
            let message = format!("{length} bytes expected, the file has {} more", rest.len());
            (Place::Byte(self.at as u64), message)
        })?;
        self.at += length;
        Ok(taken)
    }

    fn u32(&mut self) -> std::result::Result<u32, Wrong> {
        Ok(u32::from_le_bytes(*self.take(4)?.first_chunk().expect("4 bytes were taken")))
    }

    fn u64(&mut self) -> std::result::Result<u64, Wrong> {
        Ok(u64::from_le_bytes(*self.take(8)?.first_chunk().expect("8 bytes were taken")))
    }

    fn numbers(&mut self, count: u64) -> std::result::Result<Vec<u64>, Wrong> {
        let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(8)).unwrap_or(usize::MAX);
        let (numbers, _) = self.take(length)?.as_chunks::<8>();
        Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
    }

    fn pattern(&mut self) -> std::result::Result<Pattern, Wrong> {
        let length = self.u32()?;
        if length == NO_PATTERN {
            return Ok(Pattern::Whole);
        }
        let place = Place::Byte(self.at as u64);
        match std::str::from_utf8(self.take(length as usize)?) {
            Ok(text) => Ok(Pattern::new(Some(text))),
            Err(error) => Err((place, format!("the pattern is not UTF-8: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> WordCounts {
        let words: [(&[u8], u64); 3] = [(b"b\xff", 2), (b"a", 1 << 40), (b" \0long word of twenty", 3)];
        WordCounts::from_words(Pattern::new(Some("gpt2")), words).expect("small counts")
    }

    fn message(bytes: &[u8]) -> String {
        WordCounts::from_bytes(bytes, "x.counts").expect_err("a malformed file").to_string()
    }

    /// `bytes` with the last ones made their checksum again.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let body = bytes.len().saturating_sub(CHECKSUM);
        let sum = xxh3_64(&bytes[..body]).to_le_bytes();
        bytes[body..].copy_from_slice(&sum);
        bytes
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = std::env::temp_dir().join(format!("bytestride-counts-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a writable temporary folder");
        let path = folder.join("x.counts");
        for pattern in [None, Some("gpt2"), Some(r"\w+")] {
            let saved = WordCounts::from_words(Pattern::new(pattern), counts().iter()).expect("small counts");
            saved.save(&path).expect("a writable folder");
            assert_eq!(WordCounts::load(&path).expect("a good file"), saved);
        }
        let files = fs::read_dir(&folder).expect("the folder").count();
        assert_eq!(files, 1, "no temporary file stays behind");
        fs::remove_dir_all(&folder).expect("the folder");
        assert!(matches!(counts().save(&path), Err(Error::Io { .. })));
        assert!(matches!(WordCounts::load(&path), Err(Error::Io { .. })));
    }

    #[test]
    fn no_counts_are_counts_too() {
        let empty = WordCounts::new(Pattern::Whole);
        assert_eq!(WordCounts::from_bytes(&empty.to_bytes(), "x").expect("a good file"), empty);
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let good = counts().to_bytes();
        for length in 0..good.len() {
            message(&good[..length]);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            message(&bad);
        }
    }

    #[test]
    fn wrong_contents_under_a_right_checksum_are_noticed() {
        let good = counts().to_bytes();
        let columns = good.len() - CHECKSUM - counts().bytes() - 6 * 8;
        let with = |at: usize, bytes: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            message(&sealed(bad))
        };
        assert!(message(b"BYTCOUNT").contains("byte 8: 4 bytes expected"));
        assert!(message(b"BYTCOUNT\x01\0\0\0").contains("checksum"));
        assert!(message(b"something else").contains("no file of word counts"));
        assert!(with(8, &[9]).contains("version 9"));
        assert!(with(16, b"\xff").contains("not UTF-8"));
        assert!(with(columns - 8, &u64::MAX.to_le_bytes()).contains("bytes expected"));
        assert!(with(columns, &u64::MAX.to_le_bytes()).contains("word 0"));
        assert!(with(columns + 8, &0_u64.to_le_bytes()).contains("word 1"));
        assert!(with(columns + 16, &1_u64.to_le_bytes()).contains("bytes of words"));
        assert!(with(columns + 24, &0_u64.to_le_bytes()).contains("counts 0"));
        assert!(with(columns + 24, &u64::MAX.to_le_bytes()).contains("2^64"));
        assert!(with(columns + 48, b"z").contains("out of order"));
    }
}
