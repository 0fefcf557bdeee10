//! An open store: ids and documents in place, without a copy, in one shard or in many.
//!
//! Shards are mapped one by one and never put together: documents are numbered across all of them, and each lies whole
//! in one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::encode::Tokenizer;
use crate::encode::files::LoadOptions;
use crate::{Error, Monitor, Phase, Place, Result};

use super::dtype::{Dtype, Tokens};
use super::manifest::Manifest;
use super::shard::{Opened, Shard};
use super::shard_set::find_shards;
use super::whole_job::check_jobs;
use super::{TOKENIZER_SUFFIX, with_suffix};

/// Token ids mapped from disk, and where each document starts. A clone shares the maps, which live as long as any.
#[derive(Debug, Clone)]
pub struct TokenStore {
    path: PathBuf,
    /// Where the tokenizer's file would be, wherever the process goes.
    tokenizer_path: PathBuf,
    dtype: Dtype,
    shards: Arc<[Part]>,
    offsets: Arc<[i64]>,
}

/// A shard at its place among the others.
#[derive(Debug)]
struct Part {
    shard: Shard,
    first_document: usize,
    first_token: i64,
}

impl TokenStore {
    /// Opens `prefix.bin` with `prefix.idx` and, unless the files are Megatron's own, `prefix.json`, and checks that
    /// they agree. `prefix` may also be the path of one of the three. Reads the index; the ids stay on disk.
    ///
    /// Files of other programs open by their path: numpy's `.npy`, the `.bin` of llm.c and modded-nanogpt, and
    /// datatrove's `.ds`. The shards that `world_size` processes wrote, `prefix-00000-of-00008.bin` and so on, open as
    /// one store if they are of one job and no whole store has their name; so do all token files of a folder, by name.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = find_shards(path)?.iter().map(|path| Shard::open(path)).collect::<Result<Vec<_>>>()?;
        if path.is_dir() {
            check_kinds(path, &opened)?;
        }
        match <[Opened; 1]>::try_from(opened) {
            Ok([(shard, offsets)]) => Ok(Self::of_one(shard, offsets)),
            Err(opened) => Self::of(path, opened),
        }
    }

    /// Opens several stores, each as [`open`](Self::open) does, as one in the order named.
    pub fn open_all(paths: &[PathBuf]) -> Result<Self> {
        let mut opened = Vec::new();
        for path in paths {
            for path in find_shards(path)? {
                opened.push(Shard::open(&path)?);
            }
        }
        Self::of(first_of(paths)?, opened)
    }

    /// Opens the file `path` as raw little-endian ids, one document in all; an error if it, or an index beside it,
    /// says another type.
    pub fn open_raw(path: &Path, dtype: Dtype) -> Result<Self> {
        let (shard, offsets) = Shard::open_raw(path, dtype)?;
        Ok(Self::of_one(shard, offsets))
    }

    /// Opens files of raw ids as one store in the order named, each one document.
    pub fn open_all_raw(paths: &[PathBuf], dtype: Dtype) -> Result<Self> {
        let opened = paths.iter().map(|path| Shard::open_raw(path, dtype)).collect::<Result<_>>()?;
        Self::of(first_of(paths)?, opened)
    }

    fn of_one(shard: Shard, offsets: Vec<i64>) -> Self {
        Self {
            path: shard.path().to_path_buf(),
            tokenizer_path: tokenizer_path(&shard),
            dtype: shard.dtype(),
            shards: [Part { shard, first_document: 0, first_token: 0 }].into(),
            offsets: offsets.into(),
        }
    }

    fn of(path: &Path, opened: Vec<Opened>) -> Result<Self> {
        check_alike(&opened)?;
        check_jobs(opened.iter().map(|(shard, _)| shard))?;
        let (dtype, tokenizer_path) = (opened[0].0.dtype(), tokenizer_path(&opened[0].0));
        let mut offsets = vec![0];
        let mut parts = Vec::with_capacity(opened.len());
        for (shard, starts) in opened {
            let (first_document, first_token) = (offsets.len() - 1, offsets[offsets.len() - 1]);
            offsets.extend(starts[1..].iter().map(|start| first_token + start));
            parts.push(Part { shard, first_document, first_token });
        }
        let (path, shards, offsets) = (path.to_path_buf(), parts.into(), offsets.into());
        Ok(Self { path, tokenizer_path, dtype, shards, offsets })
    }

    /// The prefix of the files, the path of a file or a folder, or the first of several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How ids are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// All ids, in place; `None` if they lie in several [`shards`](Self::shards).
    pub fn tokens(&self) -> Option<Tokens<'_>> {
        match &*self.shards {
            [one] => Some(one.shard.tokens()),
            _ => None,
        }
    }

    /// The ids of each shard, in place. No document lies in two.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = Tokens<'_>> {
        self.shards.iter().map(|part| part.shard.tokens())
    }

    /// How many ids there are in all.
    pub fn total_tokens(&self) -> u64 {
        self.offsets[self.len()].cast_unsigned()
    }

    /// `len() + 1` positions in the sequence of all ids: where each document starts, and the end of the last.
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
        let after = self.shards.partition_point(|part| part.first_document <= index);
        let part = &self.shards[after - 1];
        let [start, end] = [ends[0], ends[1]].map(|place| (place - part.first_token) as usize);
        Some(part.shard.tokens().slice(start..end))
    }

    /// The manifests of the shards; files without one give none.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.shards.iter().filter_map(|part| part.shard.manifest())
    }

    /// The fingerprint of the tokenizer that made the ids; `None` if any shard has no manifest.
    pub fn fingerprint(&self) -> Option<&str> {
        let is_known = self.shards.iter().all(|part| part.shard.manifest().is_some());
        self.manifests().next().filter(|_| is_known).map(|manifest| manifest.tokenizer.as_str())
    }

    /// The tokenizer that made the ids, from the file beside them.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let elsewhere = self.parts().find(|shard| shard.manifest().is_none());
        if let (Some(shard), Some(_)) = (elsewhere, self.manifests().next()) {
            let message = "there is no manifest that names its tokenizer; expected one, as other parts of the store have";
            return Err(Error::malformed(shard.path(), Place::Whole, message));
        }
        let path = &self.tokenizer_path;
        if self.fingerprint().is_none() && path.exists() {
            let message = "there is no manifest that says whether the tokenizer beside it made the tokens";
            return Err(Error::malformed(self.shards[0].shard.path(), Place::Whole, message));
        }
        let tokenizer = Tokenizer::load(path, &LoadOptions::default())?;
        if self.fingerprint() != Some(tokenizer.fingerprint()) {
            let message = "is another tokenizer than the one that made the tokens";
            return Err(Error::malformed(path, Place::Whole, message));
        }
        Ok(tokenizer)
    }

    /// Reads everything and compares it with the checksums; an error says where the first damage is, or that there
    /// are no checksums. Progress is in bytes of ids.
    pub fn verify(&self, monitor: &Monitor) -> Result<()> {
        monitor.start(Phase::Verify, self.total_tokens() * self.dtype.width() as u64);
        self.shards.iter().try_for_each(|part| part.shard.verify(monitor))
    }

    /// The shards themselves, for code that writes their ids to other files.
    pub(super) fn parts(&self) -> impl ExactSizeIterator<Item = &Shard> {
        self.shards.iter().map(|part| &part.shard)
    }
}

/// An error if some of a folder's files have manifests and others not: mostly the others are exports of the former, and
/// together they would have every token twice.
fn check_kinds(folder: &Path, opened: &[Opened]) -> Result<()> {
    let first = |has_manifest| {
        let shards = opened.iter().map(|(shard, _)| shard);
        let first = shards.clone().find(|shard| shard.manifest().is_some() == has_manifest)?;
        first.path().file_name()
    };
    let (Some(with), Some(without)) = (first(true), first(false)) else { return Ok(()) };
    let message = format!(
        "the folder holds files with a manifest ({}) and without one ({}), as exports are; expected one kind: move \
         the others, or name the files in a list",
        with.display(),
        without.display()
    );
    Err(Error::malformed(folder, Place::Whole, message))
}

fn tokenizer_path(first: &Shard) -> PathBuf {
    let path = with_suffix(first.path(), TOKENIZER_SUFFIX);
    std::path::absolute(&path).unwrap_or(path)
}

fn first_of(paths: &[PathBuf]) -> Result<&Path> {
    let first = paths.first().map(PathBuf::as_path);
    first.ok_or_else(|| Error::argument("path", "no store is named; expected at least one"))
}

/// Shards are one store only if their ids mean the same and are as wide.
fn check_alike(opened: &[Opened]) -> Result<()> {
    let print = |shard: &Shard| shard.manifest().map(|manifest| manifest.tokenizer.clone());
    let (first, _) = &opened[0];
    let known = opened.iter().find_map(|(shard, _)| Some((shard, print(shard)?)));
    for (shard, _) in opened {
        let differs = |what: &str, here: String, there: String, of: &Shard| {
            let message = format!("{what} {here}; expected {there}, as in {}", of.path().display());
            Err(Error::malformed(shard.path(), Place::Whole, message))
        };
        if shard.dtype() != first.dtype() {
            return differs("dtype", shard.dtype().to_string(), first.dtype().to_string(), first);
        }
        if let (Some(here), Some((of, there))) = (print(shard), &known)
            && here != *there
        {
            return differs("the tokenizer is", here, there.clone(), of);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
