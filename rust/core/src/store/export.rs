//! Stores → token files as other programs want them; see [`foreign`](super::foreign) for the formats.
//!
//! Each file appears whole or not at all, and the ids are copied as they lie, shard after shard.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use crate::whole_file::{Written, target_of};
use crate::{Error, Monitor, Phase, Result};

use super::dtype::Dtype;
use super::index::write_index;
use super::manifest::Manifest;
use super::shard::Shard;
use super::shard_set::{check_ending, check_no_folder, check_no_shards, is_data_file};
use super::token_store::TokenStore;
use super::with_suffix;

/// How much is copied between two looks at the monitor.
const COPIED_AT_ONCE: usize = 4 << 20;

/// The formats of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Ids and nothing else, as nanoGPT has them.
    Raw,
    /// numpy's `.npy`.
    Numpy,
    /// The `.bin` of llm.c and modded-nanogpt, with a header.
    LlmC,
    /// datatrove's `.ds`, with `.ds.index` beside it.
    Datatrove,
    /// Megatron's `.bin` and `.idx`.
    Megatron,
}

impl ExportFormat {
    /// The format that a user calls `name`.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "raw" => Ok(Self::Raw),
            "npy" => Ok(Self::Numpy),
            "llm.c" => Ok(Self::LlmC),
            "datatrove" => Ok(Self::Datatrove),
            "megatron" => Ok(Self::Megatron),
            _ => {
                let names = "\"raw\", \"npy\", \"llm.c\", \"datatrove\", \"megatron\"";
                Err(Error::argument("format", format!("{name:?} is none of {names}")))
            }
        }
    }
}

impl TokenStore {
    /// Writes all ids to `path` in another program's format; for Megatron `path` is a prefix. What is there is replaced
    /// when all is written; an error if it belongs to a store with a manifest. Progress is in bytes of ids.
    pub fn export(&self, path: &Path, format: ExportFormat, monitor: &Monitor) -> Result<()> {
        self.parts().try_for_each(Shard::check_whole)?;
        let (dtype, count) = (self.dtype(), self.total_tokens());
        monitor.start(Phase::Copy, count * dtype.width() as u64);
        let (ids, index) = match format {
            ExportFormat::Raw | ExportFormat::Numpy | ExportFormat::LlmC => (path.to_path_buf(), None),
            ExportFormat::Datatrove => (path.to_path_buf(), Some(with_suffix(path, ".index"))),
            ExportFormat::Megatron => (with_suffix(path, ".bin"), Some(with_suffix(path, ".idx"))),
        };
        if is_data_file(&ids) {
            check_no_shards("path", &ids.with_extension(""))?;
        }
        for path in index.iter().chain([&ids]) {
            // Written is what a link leads to.
            check_free(&target_of(path))?;
        }
        let header = match format {
            ExportFormat::Raw | ExportFormat::Datatrove | ExportFormat::Megatron => Vec::new(),
            ExportFormat::Numpy => numpy_header(dtype, count),
            ExportFormat::LlmC => llm_c_header(dtype, count)?,
        };
        if format == ExportFormat::Megatron {
            check_ending("path", path)?;
            check_no_folder("path", path)?;
            // Whatever this file is, opening the store would read it as the manifest.
            let manifest = with_suffix(path, ".json");
            if manifest.exists() {
                return Err(stands_there(&manifest));
            }
            self.check_lengths()?;
        }
        let index = index.map(|index| match format {
            ExportFormat::Megatron => Written::new(&index, |file| write_index(file, dtype, self.offsets())),
            _ => Written::new(&index, |file| {
                self.offsets()[1..].iter().try_for_each(|end| file.write_all(&end.to_le_bytes()))
            }),
        });
        // Neither gets its name before both are written: an interruption leaves the two that were there.
        let index = index.transpose()?;
        self.write_ids(&ids, &header, monitor)?.publish()?;
        index.map_or(Ok(()), Written::publish)
    }

    fn write_ids(&self, path: &Path, header: &[u8], monitor: &Monitor) -> Result<Written> {
        let mut interrupted = Ok(());
        let written = Written::new(path, |file| {
            file.write_all(header)?;
            for run in self.parts().flat_map(|shard| shard.bytes().chunks(COPIED_AT_ONCE)) {
                interrupted = monitor.check();
                if interrupted.is_err() {
                    return Err(std::io::ErrorKind::Interrupted.into());
                }
                file.write_all(run)?;
                monitor.advance(run.len() as u64);
            }
            Ok(())
        });
        interrupted.and(written)
    }

    /// An error if a document is longer than Megatron's index counts.
    fn check_lengths(&self) -> Result<()> {
        let is_long = |ends: &[i64]| ends[1] - ends[0] > i64::from(i32::MAX);
        match self.offsets().windows(2).position(is_long) {
            None => Ok(()),
            Some(document) => {
                let message = format!(
                    "document {document} has more tokens than Megatron's index counts; expected another format"
                );
                Err(Error::argument("format", message))
            }
        }
    }
}

/// An error if `path` is a file of a store with a manifest, which would not be true of the new file.
fn check_free(path: &Path) -> Result<()> {
    let manifests = match path.extension().and_then(OsStr::to_str) {
        Some("bin" | "idx") => vec![path.with_extension("json")],
        // The manifest, or the tokenizer beside it.
        Some("json") => vec![path.to_path_buf(), path.with_extension("").with_extension("json")],
        _ => Vec::new(),
    };
    for manifest in manifests {
        if Manifest::is_at(&manifest)? == Some(true) {
            return Err(stands_there(&manifest));
        }
    }
    Ok(())
}

fn stands_there(manifest: &Path) -> Error {
    let message = format!("{} stands there already; expected another path", manifest.display());
    Error::argument("path", message)
}

/// The header of version 1 of numpy's format, padded so that the ids start at a multiple of 64.
fn numpy_header(dtype: Dtype, count: u64) -> Vec<u8> {
    let kind = match dtype {
        Dtype::U16 => "<u2",
        Dtype::U32 => "<u4",
    };
    let dict = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}");
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\0".to_vec();
    header.extend_from_slice(&(length as u16).to_le_bytes());
    header.extend_from_slice(format!("{dict:width$}\n", width = length - 1).as_bytes());
    header
}

fn llm_c_header(dtype: Dtype, count: u64) -> Result<Vec<u8>> {
    let count = i32::try_from(count).map_err(|_| {
        let message =
            format!("{count} tokens are more than the header counts; expected at most {}", i32::MAX);
        Error::argument("format", message)
    })?;
    let (magic, version) = match dtype {
        Dtype::U16 => (20_240_520_i32, 1_i32),
        Dtype::U32 => (20_240_801, 7),
    };
    let mut header: Vec<u8> =
        [magic, version, count].iter().flat_map(|number| number.to_le_bytes()).collect();
    header.resize(256 * 4, 0);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{StoreFacts, StoreWriter, TOKENIZER_SUFFIX};
    use super::*;

    fn sample(folder: &Path, name: &str, documents: &[&[u32]]) -> PathBuf {
        let prefix = folder.join(name);
        let mut writer = StoreWriter::create(&prefix, Dtype::U16).expect("a writable folder");
        for document in documents {
            writer.push(document).expect("a writable folder");
            writer.end_document().expect("a writable folder");
        }
        writer.finish(StoreFacts::default()).expect("a writable folder");
        prefix
    }

    #[test]
    fn what_is_exported_is_opened_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefixes =
            [sample(folder.path(), "a", &[&[1, 2], &[]]), sample(folder.path(), "b", &[&[3, 4, 5], &[6]])];
        let store = TokenStore::open_all(&prefixes).expect("good stores");
        let ids: Vec<u32> = (1..7).collect();
        for (format, name, opened) in [
            (ExportFormat::Numpy, "x.npy", "x.npy"),
            (ExportFormat::LlmC, "c.bin", "c.bin"),
            (ExportFormat::Datatrove, "x.ds", "x.ds"),
            (ExportFormat::Megatron, "m", "m"),
        ] {
            let monitor = Monitor::default();
            store.export(&folder.path().join(name), format, &monitor).expect("a writable folder");
            assert_eq!(monitor.state(), Some((Phase::Copy, 12, 12)));
            let again = TokenStore::open(&folder.path().join(opened)).expect("a good file");
            assert_eq!(again.tokens().expect("one shard").to_vec(), ids);
            if matches!(format, ExportFormat::Datatrove | ExportFormat::Megatron) {
                assert_eq!(again.offsets(), store.offsets());
            }
        }
        let raw = folder.path().join("raw");
        store.export(&raw, ExportFormat::Raw, &Monitor::default()).expect("a writable folder");
        let again = TokenStore::open_raw(&raw, Dtype::U16).expect("a good file");
        assert_eq!(again.tokens().expect("one shard").to_vec(), ids);
    }

    #[test]
    fn what_cannot_be_exported_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = sample(folder.path(), "a", &[&[1]]);
        let store = TokenStore::open(&prefix).expect("a good store");
        let error =
            store.export(&prefix, ExportFormat::Megatron, &Monitor::default()).expect_err("it is there");
        assert!(error.to_string().contains("a.json stands there already"), "{error}");
        let named = folder.path().join("m.bin");
        let error =
            store.export(&named, ExportFormat::Megatron, &Monitor::default()).expect_err("its ending");
        assert!(
            error.to_string().contains("path: ") && error.to_string().contains("m.bin ends in .bin"),
            "{error}"
        );
        for format in [ExportFormat::Raw, ExportFormat::Numpy, ExportFormat::LlmC, ExportFormat::Datatrove] {
            for suffix in [".bin", ".idx", ".json", TOKENIZER_SUFFIX] {
                let file = with_suffix(&prefix, suffix);
                let error = store.export(&file, format, &Monitor::default()).expect_err("a store's file");
                assert!(error.to_string().contains("a.json stands there already"), "{error}");
            }
        }
        let monitor = Monitor::default();
        monitor.cancel();
        let raw = folder.path().join("raw");
        assert!(matches!(store.export(&raw, ExportFormat::Raw, &monitor), Err(Error::Interrupted)));
        assert!(!raw.exists());
        // Nor are the two files of the export before mixed with those of this one.
        let other = TokenStore::open(&sample(folder.path(), "b", &[&[5, 6], &[7]])).expect("a good store");
        for (format, name) in [(ExportFormat::Datatrove, "x.ds"), (ExportFormat::Megatron, "m")] {
            let path = folder.path().join(name);
            other.export(&path, format, &Monitor::default()).expect("a writable folder");
            assert!(matches!(store.export(&path, format, &monitor), Err(Error::Interrupted)));
            let kept = TokenStore::open(&path).expect("as it was");
            assert_eq!((kept.offsets(), kept.total_tokens()), (other.offsets(), 3));
        }
        assert!(llm_c_header(Dtype::U16, 1 << 31).is_err());
        assert!(ExportFormat::named("arrow").is_err());
    }
}
