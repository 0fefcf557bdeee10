//! An open store: ids and documents in place, without a copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, Monitor, Place, Result, available_threads, map_in_order};

use super::checksum::checksum;
use super::dtype::Dtype;
use super::foreign::{self, Contents};
use super::index::Index;
use super::manifest::Manifest;
use super::map::Map;
use super::{TOKENIZER_SUFFIX, with_suffix};
use crate::encode::Tokenizer;
use crate::encode::files::LoadOptions;

/// Token ids mapped from disk, and where each document starts. A clone shares the map, which lives as long as any.
#[derive(Debug, Clone)]
pub struct TokenStore {
    path: PathBuf,
    dtype: Dtype,
    bin: Arc<Map>,
    /// Where in `bin` the ids start, in bytes.
    start: usize,
    offsets: Arc<[i64]>,
    /// The manifest and the index it has a checksum of; `None` for files from elsewhere.
    described: Option<Arc<Described>>,
}

/// What came with the ids from their writer.
#[derive(Debug)]
struct Described {
    manifest: Manifest,
    index: Map,
}

/// Ids in place, as wide as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens<'s> {
    /// 16 bits each.
    U16(&'s [u16]),
    /// 32 bits each.
    U32(&'s [u32]),
}

impl Tokens<'_> {
    /// How many ids there are.
    pub fn len(&self) -> usize {
        match self {
            Tokens::U16(tokens) => tokens.len(),
            Tokens::U32(tokens) => tokens.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy, each id as 32 bits.
    pub fn to_vec(&self) -> Vec<u32> {
        match self {
            Tokens::U16(tokens) => tokens.iter().map(|&id| id.into()).collect(),
            Tokens::U32(tokens) => tokens.to_vec(),
        }
    }
}

impl TokenStore {
    /// Opens `prefix.bin` with `prefix.idx` and, unless the files are Megatron's own, `prefix.json`, and checks that
    /// they agree. `prefix` may also be the path of one of the three. Reads the index; the ids stay on disk.
    ///
    /// Files of other programs open by their path: numpy's `.npy`, the `.bin` of llm.c and modded-nanogpt, and
    /// datatrove's `.ds`.
    pub fn open(prefix: &Path) -> Result<Self> {
        if let Some(store) = Self::open_foreign(prefix)? {
            return Ok(store);
        }
        let prefix = &without_suffix(prefix);
        let [bin_path, idx_path, json_path] =
            [".bin", ".idx", ".json"].map(|suffix| with_suffix(prefix, suffix));
        let bin = Map::open(&bin_path)?;
        if !idx_path.exists() && !json_path.exists() {
            let message = format!(
                "{} has no index {} beside it; expected one, or a dtype to read it as raw ids",
                bin_path.display(),
                idx_path.display()
            );
            return Err(Error::argument("dtype", message));
        }
        let manifest = Manifest::read(&json_path)?;
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
        Ok(Self {
            path: prefix.clone(),
            dtype: index.dtype,
            bin: Arc::new(bin),
            start: 0,
            offsets: index.offsets.into(),
            described: manifest.map(|manifest| Arc::new(Described { manifest, index: index_map })),
        })
    }

    /// Opens the file `path` if another program's format is told by its name or its first bytes.
    fn open_foreign(path: &Path) -> Result<Option<Self>> {
        let suffix = path.extension().and_then(|suffix| suffix.to_str());
        if !matches!(suffix, Some("npy" | "bin" | "ds")) || !path.is_file() {
            return Ok(None);
        }
        let bin = Map::open(path)?;
        let contents = match suffix {
            Some("npy") => Some(foreign::numpy(path, bin.bytes())?),
            Some("ds") => Some(foreign::datatrove(path, bin.bytes())?),
            _ if with_suffix(&path.with_extension(""), ".idx").exists() => None,
            _ => foreign::llm_c(path, bin.bytes())?,
        };
        let of = |Contents { dtype, start, offsets }| Self {
            path: path.to_path_buf(),
            dtype,
            bin: Arc::new(bin),
            start,
            offsets: offsets.into(),
            described: None,
        };
        Ok(contents.map(of))
    }

    /// Opens the file `path` as raw little-endian ids, one document in all; files beside it do not matter.
    pub fn open_raw(path: &Path, dtype: Dtype) -> Result<Self> {
        let bin = Map::open(path)?;
        let bytes = bin.bytes().len();
        if !bytes.is_multiple_of(dtype.width()) {
            let message = format!("{bytes} bytes; expected a multiple of {}, for {dtype}", dtype.width());
            return Err(Error::malformed(path, Place::Whole, message));
        }
        let tokens = (bytes / dtype.width()) as i64;
        let offsets = [0, tokens].into();
        Ok(Self { path: path.to_path_buf(), dtype, bin: Arc::new(bin), start: 0, offsets, described: None })
    }

    /// The prefix of the files, or the path of a raw one.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How ids are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// All ids, in place.
    pub fn tokens(&self) -> Tokens<'_> {
        match self.dtype {
            Dtype::U16 => Tokens::U16(self.bin.as_u16(self.start)),
            Dtype::U32 => Tokens::U32(self.bin.as_u32(self.start)),
        }
    }

    /// `len() + 1` positions in [`tokens`](Self::tokens): where each document starts, and the end of the last.
    pub fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of one document, in place; `None` if there is no such document.
    pub fn document(&self, index: usize) -> Option<Tokens<'_>> {
        let ends = self.offsets.get(index..index.checked_add(2)?)?;
        let range = ends[0] as usize..ends[1] as usize;
        Some(match self.tokens() {
            Tokens::U16(tokens) => Tokens::U16(&tokens[range]),
            Tokens::U32(tokens) => Tokens::U32(&tokens[range]),
        })
    }

    /// What the manifest says; `None` for files from elsewhere.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.described.as_deref().map(|described| &described.manifest)
    }

    /// The fingerprint of the tokenizer that made the ids; `None` for files from elsewhere.
    pub fn fingerprint(&self) -> Option<&str> {
        self.manifest().map(|manifest| manifest.tokenizer.as_str())
    }

    /// The tokenizer that made the ids, from the file beside them.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let path = with_suffix(&self.path, TOKENIZER_SUFFIX);
        let tokenizer = Tokenizer::load(&path, &LoadOptions::default())?;
        if self.fingerprint() != Some(tokenizer.fingerprint()) {
            let message = "is another tokenizer than the one that made the tokens";
            return Err(Error::malformed(path, Place::Whole, message));
        }
        Ok(tokenizer)
    }

    /// Reads everything and compares it with the checksums; an error says where the first damage is, or that there
    /// are no checksums.
    pub fn verify(&self, monitor: &Monitor) -> Result<()> {
        let Some(described) = &self.described else {
            let message =
                "there is no manifest, and so no checksums; expected a store that encode_files wrote";
            return Err(Error::malformed(&self.path, Place::Whole, message));
        };
        let checksums = &described.manifest.checksums;
        if checksum(described.index.bytes()) != checksums.idx {
            let path = with_suffix(&self.path, ".idx");
            return Err(Error::malformed(path, Place::Whole, "the checksum differs from the manifest's"));
        }
        // As checked at opening, the number of checksums is that of the blocks.
        let blocks: Vec<&[u8]> = self.bin.bytes().chunks(checksums.block_bytes as usize).collect();
        let check = |block: usize| {
            monitor.check()?;
            if checksum(blocks[block]) == checksums.bin[block] {
                return Ok(());
            }
            let message = format!(
                "the checksum of the {} bytes from here differs from the manifest's",
                blocks[block].len()
            );
            let place = Place::Byte(block as u64 * checksums.block_bytes);
            Err(Error::malformed(with_suffix(&self.path, ".bin"), place, message))
        };
        map_in_order(available_threads(), blocks.len(), check).into_iter().collect()
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

#[cfg(test)]
mod tests;
