//! What a store holds, as JSON beside it.
//!
//! The same inputs give the same bytes: no times, no machine, and paths only as the user wrote them.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::encode::EndIds;
use crate::{Error, Place, Result};

use super::CREATOR;
use super::dtype::Dtype;
use super::whole_job::WholeJob;

/// The first field of every manifest, which distinguishes it from other `.json` files.
const FORMAT: &str = "bytestride token store";

/// How every manifest starts, for it is written by [`Manifest::to_json`] alone.
const HEAD: &[u8] = b"{\n  \"format\": \"bytestride token store\",\n";

/// The version written, and the only one read.
const VERSION: u32 = 1;

/// What a store holds and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The program that wrote the store, with its version.
    pub creator: String,
    /// The tokenizer's fingerprint.
    pub tokenizer: String,
    /// How ids are stored.
    pub dtype: Dtype,
    /// How many ids there are.
    pub tokens: u64,
    /// How many documents.
    pub documents: u64,
    /// The ids that stand before each document: none, one, or a list.
    #[serde(default)]
    pub bos: EndIds,
    /// The ids that stand after each document: none, one, or a list.
    #[serde(default)]
    pub eos: EndIds,
    /// In a shard, what all processes read and how; `None` in a whole store, and in manifests of versions that did not
    /// write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<WholeJob>,
    /// Where the documents come from, in order.
    pub sources: Vec<Source>,
    /// What was wrong with each line, row or input that was left out, with its place: the first thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// What the data files must hash to.
    pub checksums: Checksums,
}

/// One input, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as the user named it; `-` for standard input.
    pub path: String,
    /// The size on disk; `None` for standard input, pipes and devices.
    pub bytes: Option<u64>,
    /// How many documents it gave.
    pub documents: u64,
    /// How many ids those have.
    pub tokens: u64,
    /// How many of its lines or rows were left out because they were broken, plus one if its rest was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// XXH3 (64 bits, hexadecimal) of the data files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    /// How many bytes of `.bin` each of the checksums in `bin` covers.
    pub block_bytes: u64,
    /// One for each block of `.bin`; the last block may be shorter.
    pub bin: Vec<String>,
    /// The checksum of the whole `.idx`.
    pub idx: String,
}

impl Manifest {
    /// A manifest of this version, by this program, of an empty store.
    pub(super) fn new(tokenizer: &str, dtype: Dtype) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            creator: CREATOR.to_owned(),
            tokenizer: tokenizer.to_owned(),
            dtype,
            tokens: 0,
            documents: 0,
            bos: EndIds::default(),
            eos: EndIds::default(),
            job: None,
            sources: Vec::new(),
            skipped: Vec::new(),
            checksums: Checksums { block_bytes: 0, bin: Vec::new(), idx: String::new() },
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("strings and integers are JSON");
        json.push(b'\n');
        json
    }

    /// The text of the manifest at `path`, or `None` if there is no such file.
    pub(super) fn text_at(path: &Path) -> Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            json => json.map(Some).map_err(|error| Error::io(path, error)),
        }
    }

    /// The manifest that `json` is; errors call it `path`.
    pub(super) fn read(path: &Path, json: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(json).map_err(|error| {
            let message = format!("not the manifest of a token store: {error}");
            Error::malformed(path, Place::Line(error.line() as u64), message)
        })?;
        if manifest.format != FORMAT || manifest.version != VERSION {
            let (format, version) = (&manifest.format, manifest.version);
            let message = format!("{format:?} version {version}; expected {FORMAT:?} version {VERSION}");
            return Err(Error::malformed(path, Place::Whole, message));
        }
        Ok(manifest)
    }

    /// Whether the file at `path` starts as every manifest does; `None` if there is no such file.
    pub(super) fn is_at(path: &Path) -> Result<Option<bool>> {
        let mut head = Vec::new();
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            // A pipe would have no end.
            return Ok(Some(false));
        }
        match fs::File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(path, error)),
            Ok(file) => {
                let read = file.take(HEAD.len() as u64).read_to_end(&mut head);
                read.map_err(|error| Error::io(path, error))?;
                Ok(Some(head == HEAD))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_starts_with_its_head() {
        assert!(Manifest::new("0123", Dtype::U16).to_json().starts_with(HEAD));
    }
}
