//! Megatron's index: where each document starts in the data file.
//!
//! `MMIDIDX\0\0`, version 1 (u64), dtype code (u8), the number n of sequences (u64) and of documents plus one (u64): 34
//! bytes. Then n lengths in tokens (i32), n starts in bytes (i64), and for each document its first sequence, with n at
//! the end (i64); all little-endian and, after 34 bytes, unaligned. See `indexed_dataset.py` in NVIDIA/Megatron-LM.
//! Here every document is one sequence; in files of other programs it may be several.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use crate::{Error, Place, Result};

use super::dtype::Dtype;

const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const VERSION: u64 = 1;
pub(super) const HEADER_BYTES: usize = 34;

/// Megatron's code of the integers; it has none for unsigned 32 bits, and ids below 2^31 are the same as signed.
fn dtype_code(dtype: Dtype) -> u8 {
    match dtype {
        Dtype::U16 => 8,
        Dtype::U32 => 4,
    }
}

/// Writes an index without holding it: lengths go to the file as they come, the rest is computed from them.
pub(super) struct IndexWriter {
    path: PathBuf,
    file: BufWriter<File>,
    dtype: Dtype,
    lengths: Lengths,
}

/// How many lengths an index in the making has, and the hash of their bytes.
#[derive(Default)]
pub(super) struct Lengths {
    pub(super) documents: u64,
    pub(super) hash: Xxh3Default,
}

impl IndexWriter {
    /// Goes on after the `lengths` that the file at `path` has, or begins it if there are none.
    pub(super) fn open(path: PathBuf, dtype: Dtype, lengths: Lengths) -> Result<Self> {
        // How many documents there are is known, and the header written, at the end: until then it is zeros.
        let end = HEADER_BYTES as u64 + 4 * lengths.documents;
        let open = || {
            let mut file = File::options().write(true).create(true).truncate(false).open(&path)?;
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            Ok(file)
        };
        let file = open().map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, file: BufWriter::new(file), dtype, lengths })
    }

    /// Adds a document of `tokens` tokens.
    pub(super) fn push(&mut self, tokens: u64) -> Result<()> {
        let length = i32::try_from(tokens).map_err(|_| {
            let (document, max) = (self.lengths.documents, i32::MAX);
            Error::argument(
                "separator",
                format!("document {document} has {tokens} tokens and the index counts to {max}; expected shorter ones"),
            )
        })?;
        self.lengths.documents += 1;
        self.lengths.hash.update(&length.to_le_bytes());
        self.write(&length.to_le_bytes())
    }

    pub(super) fn documents(&self) -> u64 {
        self.lengths.documents
    }

    /// Hands all lengths to the system; returns their hash.
    pub(super) fn flush(&mut self) -> Result<u64> {
        self.file.flush().map_err(|error| Error::io(&self.path, error))?;
        Ok(self.lengths.hash.digest())
    }

    /// Writes all but the lengths, which are there; the file is yet to be synced.
    pub(super) fn finish(mut self) -> Result<File> {
        self.write_starts()?;
        for document in 0..=self.lengths.documents {
            self.write(&document.to_le_bytes())?;
        }
        let header = header(self.dtype, self.lengths.documents);
        // Seeking flushes what is buffered.
        self.file.seek(SeekFrom::Start(0)).map_err(|error| Error::io(&self.path, error))?;
        self.write(&header)?;
        self.file.into_inner().map_err(|error| Error::io(&self.path, error.into_error()))
    }

    fn write_starts(&mut self) -> Result<()> {
        let open = || {
            let mut lengths = File::open(&self.path)?;
            lengths.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
            Ok(BufReader::new(lengths))
        };
        let flushed = self.file.flush().and_then(|()| open());
        let mut lengths = flushed.map_err(|error| Error::io(&self.path, error))?;
        let mut start = 0_i64;
        for _ in 0..self.lengths.documents {
            let mut length = [0; 4];
            lengths.read_exact(&mut length).map_err(|error| Error::io(&self.path, error))?;
            self.write(&start.to_le_bytes())?;
            start += i64::from(i32::from_le_bytes(length)) * self.dtype.width() as i64;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Error::io(&self.path, error))
    }
}

fn header(dtype: Dtype, documents: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.push(dtype_code(dtype));
    header.extend_from_slice(&documents.to_le_bytes());
    header.extend_from_slice(&(documents + 1).to_le_bytes());
    header
}

/// Writes the whole index of documents that start at `offsets`, in tokens, with the end of the last.
pub(super) fn write_index(file: &mut impl Write, dtype: Dtype, offsets: &[i64]) -> io::Result<()> {
    let (starts, documents) = (&offsets[..offsets.len() - 1], offsets.len() as u64 - 1);
    file.write_all(&header(dtype, documents))?;
    for pair in offsets.windows(2) {
        let length = i32::try_from(pair[1] - pair[0]);
        let length = length.map_err(|_| io::Error::other("a document is longer than the index counts"))?;
        file.write_all(&length.to_le_bytes())?;
    }
    starts.iter().try_for_each(|start| file.write_all(&(start * dtype.width() as i64).to_le_bytes()))?;
    (0..=documents).try_for_each(|document| file.write_all(&document.to_le_bytes()))
}

/// What an index says, once it is found consistent in itself.
pub(super) struct Index {
    pub(super) dtype: Dtype,
    /// Where each document starts, in tokens, and at the end the number of all tokens.
    pub(super) offsets: Vec<i64>,
}

impl Index {
    /// Reads the index at `path`, whose content is `bytes`.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self> {
        let malformed = |byte, message| Error::malformed(path, Place::Byte(byte as u64), message);
        let header = Header::read(bytes).map_err(|(byte, message)| malformed(byte, message))?;
        let arrays = &bytes[HEADER_BYTES..];
        let (lengths, rest) = arrays.split_at(4 * header.sequences);
        let (starts, firsts) = rest.split_at(8 * header.sequences);
        let (lengths, _) = lengths.as_chunks();
        let (starts, _) = starts.as_chunks();
        let width = header.dtype.width() as i64;
        // Sums of i32s whose number fits in memory stay far below 2^63.
        let mut ends = vec![0_i64; header.sequences + 1];
        for (sequence, (length, start)) in lengths.iter().zip(starts).enumerate() {
            let (length, start) = (i32::from_le_bytes(*length), i64::from_le_bytes(*start));
            if length < 0 {
                let message = format!("sequence {sequence} has {length} tokens; expected 0 or more");
                return Err(malformed(HEADER_BYTES + 4 * sequence, message));
            }
            let expected = ends[sequence] * width;
            if start != expected {
                let message = format!(
                    "sequence {sequence} starts at byte {start}; expected {expected}, by the lengths"
                );
                return Err(malformed(HEADER_BYTES + 4 * header.sequences + 8 * sequence, message));
            }
            ends[sequence + 1] = ends[sequence] + i64::from(length);
        }
        let offsets = document_offsets(firsts, &ends)
            .map_err(|(byte, message)| malformed(HEADER_BYTES + 12 * header.sequences + byte, message))?;
        Ok(Self { dtype: header.dtype, offsets })
    }
}

/// Where each document starts, by its first sequence; an error says at which byte of `firsts` and why.
fn document_offsets(firsts: &[u8], ends: &[i64]) -> std::result::Result<Vec<i64>, (usize, String)> {
    let last = ends.len() - 1;
    let (firsts, _) = firsts.as_chunks();
    let mut before = 0;
    let mut offsets = Vec::with_capacity(firsts.len());
    for (document, first) in firsts.iter().enumerate() {
        let first = u64::from_le_bytes(*first);
        let lowest = if document + 1 == firsts.len() { last as u64 } else { before };
        let highest = if document == 0 { 0 } else { last as u64 };
        if !(lowest..=highest).contains(&first) {
            let message = format!(
                "entry {document} of the document index is {first}; expected it to rise from 0 to {last}"
            );
            return Err((8 * document, message));
        }
        before = first;
        offsets.push(ends[first as usize]);
    }
    Ok(offsets)
}

struct Header {
    dtype: Dtype,
    sequences: usize,
}

impl Header {
    /// The header of an index whose arrays fill `bytes` exactly; else at which byte it is wrong and why.
    fn read(bytes: &[u8]) -> std::result::Result<Self, (usize, String)> {
        let field = |at: usize| {
            let bytes = bytes[at..].first_chunk().expect("the header is there");
            u64::from_le_bytes(*bytes)
        };
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return Err((
                0,
                format!("not an index; expected a header of {HEADER_BYTES} bytes that starts with MMIDIDX"),
            ));
        }
        if field(9) != VERSION {
            return Err((9, format!("version {}; expected {VERSION}", field(9))));
        }
        let dtype = match bytes[17] {
            8 => Dtype::U16,
            4 => Dtype::U32,
            code => return Err((17, format!("dtype code {code}; expected 8 (uint16) or 4 (int32)"))),
        };
        let (sequences, entries) = (field(18), field(26));
        let expected = u128::from(sequences) * 12 + u128::from(entries) * 8 + HEADER_BYTES as u128;
        if entries == 0 || expected != bytes.len() as u128 {
            let message = format!(
                "{sequences} sequences and {entries} entries of the document index; expected at least one entry and \
                 {expected} bytes, but there are {}",
                bytes.len()
            );
            return Err((18, message));
        }
        Ok(Self { dtype, sequences: sequences as usize })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(dtype: Dtype, lengths: &[u64]) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.idx");
        let mut writer =
            IndexWriter::open(path.clone(), dtype, Lengths::default()).expect("a writable folder");
        for &length in lengths {
            writer.push(length).expect("a writable folder");
        }
        writer.finish().expect("a writable folder");
        std::fs::read(path).expect("it is written")
    }

    fn read(bytes: &[u8]) -> Result<Index> {
        Index::read(Path::new("x.idx"), bytes)
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut expected = b"MMIDIDX\0\0\x01\0\0\0\0\0\0\0\x08\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0".to_vec();
        expected.extend([3_i32, 0, 300].iter().flat_map(|length| length.to_le_bytes()));
        expected.extend([0_i64, 6, 6].iter().flat_map(|start| start.to_le_bytes()));
        expected.extend([0_i64, 1, 2, 3].iter().flat_map(|first| first.to_le_bytes()));
        assert_eq!(written(Dtype::U16, &[3, 0, 300]), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(lengths in prop::collection::vec(0_u64..100_000, 0..50), wide in any::<bool>()) {
            let dtype = if wide { Dtype::U32 } else { Dtype::U16 };
            let written = written(dtype, &lengths);
            let index = read(&written).expect("a good index");
            prop_assert_eq!(index.dtype, dtype);
            let mut offsets = vec![0];
            for length in lengths {
                offsets.push(offsets[offsets.len() - 1] + length as i64);
            }
            let mut whole = Vec::new();
            write_index(&mut whole, dtype, &offsets).expect("memory takes all");
            prop_assert_eq!(index.offsets, offsets);
            prop_assert_eq!(whole, written);
        }

        #[test]
        fn damaged_bytes_never_panic(at in 0_usize..200, byte in any::<u8>(), length in 0_usize..200) {
            let mut bytes = written(Dtype::U16, &[5, 0, 7, 7, 1, 2]);
            bytes.truncate(length);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = read(&bytes);
        }
    }

    #[test]
    fn documents_of_several_sequences_are_one() {
        let mut bytes = written(Dtype::U16, &[5, 6, 7]);
        let first = bytes.len() - 4 * 8;
        bytes.drain(first + 8..first + 16);
        bytes[26] = 3;
        assert_eq!(read(&bytes).expect("a good index").offsets, [0, 11, 18]);
    }

    #[test]
    fn disagreements_are_errors_that_say_where() {
        let damaged = |at: usize, byte: u8| {
            let mut bytes = written(Dtype::U16, &[5, 6]);
            bytes[at] = byte;
            read(&bytes).err().expect("a bad index").to_string()
        };
        assert!(damaged(0, b'X').contains("byte 0: not an index"));
        assert!(damaged(9, 2).contains("byte 9: version 2; expected 1"));
        assert!(damaged(17, 5).contains("byte 17: dtype code 5; expected 8 (uint16) or 4 (int32)"));
        assert!(damaged(18, 9).contains("9 sequences and 3 entries"));
        assert!(damaged(25, 255).contains("expected at least one entry and"));
        assert!(damaged(37, 255).contains("byte 34: sequence 0 has -"));
        assert!(damaged(34, 4).contains("sequence 1 starts at byte 10; expected 8"));
        assert!(damaged(58, 1).contains("byte 58: entry 0 of the document index is 1"));
        assert!(damaged(66, 7).contains("byte 66: entry 1 of the document index is 7"));
        assert!(damaged(74, 1).contains("byte 74: entry 2 of the document index is 1"));
        let whole = written(Dtype::U16, &[5, 6]);
        assert!((0..whole.len()).all(|length| read(&whole[..length]).is_err()));
    }

    #[test]
    fn a_document_longer_than_the_format_counts_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut writer = IndexWriter::open(folder.path().join("x"), Dtype::U16, Lengths::default())
            .expect("a writable folder");
        assert!(matches!(writer.push(1 << 31), Err(Error::Argument { .. })));
    }
}
