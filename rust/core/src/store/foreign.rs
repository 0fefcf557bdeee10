//! Token files of other programs: what their headers say, checked against the size of the file.
//!
//! - numpy's `.npy`: the magic, a version, and a Python dict of dtype, order and shape (numpy's `format.py`).
//! - llm.c and modded-nanogpt: 256 int32, of which the first three are magic, version and the number of ids.
//! - datatrove: `.ds` is ids alone, 16 or 32 bits wide; `.ds.index` beside it has the end of each document as u64.

use std::path::Path;

use crate::{Error, Place, Result};

use super::dtype::Dtype;
use super::with_suffix;
use crate::memory::map::Map;

/// Where in a file the ids are, and where documents start among them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) dtype: Dtype,
    /// Where the ids start, in bytes; a multiple of their width.
    pub(super) start: usize,
    /// Where each document starts, in ids, and the end of the last.
    pub(super) offsets: Vec<i64>,
}

/// What a `.npy` file begins with.
pub(super) const NUMPY: &[u8] = b"\x93NUMPY";

/// `.npy` of one dimension, as one document.
pub(super) fn numpy(path: &Path, bytes: &[u8]) -> Result<Contents> {
    let malformed = |message: &str| Error::malformed(path, Place::Whole, message);
    let cut = || malformed("ends within its header; expected a .npy file");
    if !bytes.starts_with(NUMPY) {
        return Err(malformed("has no numpy magic; expected a .npy file"));
    }
    // Version 1 has a length of 16 bits, versions 2 and 3 of 32.
    let (length, dict) = match bytes.get(6).ok_or_else(cut)? {
        1 => {
            let length: [u8; 2] = *bytes.get(8..).and_then(<[u8]>::first_chunk).ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let length: [u8; 4] = *bytes.get(8..).and_then(<[u8]>::first_chunk).ok_or_else(cut)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        version => return Err(malformed(&format!("is of .npy version {version}; expected 1 to 3"))),
    };
    let start = dict + length;
    // In version 1 the dict is Latin-1; of an array of ids it is ASCII.
    let header = String::from_utf8_lossy(bytes.get(dict..start).ok_or_else(cut)?);
    if !header.trim().starts_with('{') || !header.trim().ends_with('}') {
        return Err(malformed(&format!("the header is {header:?}; expected a dict")));
    }
    let compact: String = header.chars().filter(|char| !char.is_whitespace()).collect();
    let dtype = if compact.contains("'descr':'<u2'") {
        Dtype::U16
    } else if compact.contains("'descr':'<u4'") {
        Dtype::U32
    } else {
        let message = format!("the header is {}; expected ids of uint16 or uint32", header.trim());
        return Err(malformed(&message));
    };
    let shape = compact.split_once("'shape':(").and_then(|(_, rest)| rest.split_once(",)"));
    let Some(count) = shape.and_then(|(count, _)| count.parse().ok()) else {
        let message = format!("the header is {}; expected an array of one dimension", header.trim());
        return Err(malformed(&message));
    };
    contents(path, bytes.len(), dtype, start, count)
}

/// llm.c's and modded-nanogpt's `.bin`, as one document; `None` without their magic.
pub(super) fn llm_c(path: &Path, bytes: &[u8]) -> Result<Option<Contents>> {
    const HEADER_BYTES: usize = 256 * 4;
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let (words, _) = header.as_chunks::<4>();
    let [magic, version, count] = [0, 1, 2].map(|index| i32::from_le_bytes(words[index]));
    let dtype = match (magic, version) {
        (20_240_520, 1) => Dtype::U16,
        (20_240_801, 7) => Dtype::U32,
        (20_240_520 | 20_240_801, _) => {
            let message = format!("version {version}; expected 1 with magic 20240520, 7 with 20240801");
            return Err(Error::malformed(path, Place::Byte(4), message));
        }
        _ => return Ok(None),
    };
    let Ok(count) = u64::try_from(count) else {
        return Err(Error::malformed(path, Place::Byte(8), format!("{count} ids; expected 0 or more")));
    };
    contents(path, bytes.len(), dtype, HEADER_BYTES, count).map(Some)
}

/// datatrove's `.ds` with the documents of its `.ds.index`, whose last entry shows the width of the ids.
pub(super) fn datatrove(path: &Path, bytes: &[u8]) -> Result<Contents> {
    let index_path = with_suffix(path, ".index");
    let index = Map::open(&index_path)?;
    let (ends, rest) = index.bytes().as_chunks();
    if !rest.is_empty() {
        let message = format!("{} bytes; expected a multiple of 8", index.bytes().len());
        return Err(Error::malformed(index_path, Place::Whole, message));
    }
    let mut offsets = vec![0_i64];
    for (document, end) in ends.iter().enumerate() {
        let end = u64::from_le_bytes(*end);
        match i64::try_from(end) {
            Ok(end) if end >= offsets[document] => offsets.push(end),
            _ => {
                let message =
                    format!("document {document} ends at {end}; expected {} or more", offsets[document]);
                return Err(Error::malformed(index_path, Place::Byte(8 * document as u64), message));
            }
        }
    }
    let tokens = offsets[ends.len()].cast_unsigned();
    let size = bytes.len() as u64;
    let dtype = match (tokens.checked_mul(2), tokens.checked_mul(4)) {
        (Some(bytes), _) if bytes == size => Dtype::U16,
        (_, Some(bytes)) if bytes == size => Dtype::U32,
        _ => {
            let message = format!("{size} bytes; expected 2 or 4 for each of the {tokens} ids in the index");
            return Err(Error::malformed(path, Place::Whole, message));
        }
    };
    Ok(Contents { dtype, start: 0, offsets })
}

/// One document of `count` ids after a header of `start` bytes; an error if the file has another size.
fn contents(path: &Path, size: usize, dtype: Dtype, start: usize, count: u64) -> Result<Contents> {
    let expected = count.checked_mul(dtype.width() as u64).and_then(|ids| ids.checked_add(start as u64));
    if expected != Some(size as u64) {
        let message = format!("{size} bytes; expected {start} and {count} ids of {dtype}");
        return Err(Error::malformed(path, Place::Whole, message));
    }
    if !start.is_multiple_of(dtype.width()) {
        let message = format!("a header of {start} bytes; expected a multiple of {}", dtype.width());
        return Err(Error::malformed(path, Place::Whole, message));
    }
    Ok(Contents { dtype, start, offsets: vec![0, count.cast_signed()] })
}
