//! Several stores → one, as a single process would have written it.
//!
//! Ids are copied as they lie and hashed anew; each shard must agree with its own checksums, so damage is not passed on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::text::Batch;
use crate::{Error, Monitor, Phase, Place, Result};

use super::manifest::Manifest;
use super::shard::Shard;
use super::shard_set::check_alone;
use super::token_store::TokenStore;
use super::writer::{StoreFacts, StoreWriter, write_tokenizer};
use super::{TOKENIZER_SUFFIX, with_suffix};

/// Writes the documents of the stores at `paths` (see [`TokenStore::open_all`]), in that order, into the store `prefix`,
/// and opens it. All must be stores with a manifest, of the same tokenizer and the same ids around documents.
///
/// The shards of one job give the files that one process would have written. Progress is in bytes of ids.
pub fn merge_stores(paths: &[PathBuf], prefix: &Path, monitor: &Monitor) -> Result<TokenStore> {
    check_alone(prefix, 1)?;
    if paths.is_empty() {
        return Err(Error::argument("stores", "there are none; expected at least one"));
    }
    let merged = TokenStore::open_all(paths)?;
    let manifests = merged.parts().map(manifest_of).collect::<Result<Vec<_>>>()?;
    let facts = facts_of(&merged, &manifests)?;
    let tokenizer = tokenizer_beside(&merged)?;
    monitor.start(Phase::Copy, merged.total_tokens() * merged.dtype().width() as u64);
    let mut writer = StoreWriter::create(prefix, merged.dtype())?;
    for shard in merged.parts() {
        shard.verified_blocks(monitor, |block| writer.push_bytes(block))?;
    }
    for ends in merged.offsets().windows(2) {
        writer.end_document_of((ends[1] - ends[0]) as u64)?;
    }
    if let Some(json) = tokenizer {
        write_tokenizer(prefix, |file| file.write_all(&json))?;
    }
    writer.finish(facts)?;
    TokenStore::open(prefix)
}

fn manifest_of(shard: &Shard) -> Result<&Manifest> {
    let message = "there is no manifest; expected a store that encode_files wrote";
    shard.manifest().ok_or_else(|| Error::malformed(shard.path(), Place::Whole, message))
}

fn facts_of(merged: &TokenStore, manifests: &[&Manifest]) -> Result<StoreFacts> {
    let first = manifests[0];
    for (shard, manifest) in merged.parts().zip(manifests) {
        if (&manifest.bos, &manifest.eos) != (&first.bos, &first.eos) {
            let message = format!(
                "documents stand between the ids {:?} and {:?}; expected {:?} and {:?}, as in the first store",
                manifest.bos.as_slice(),
                manifest.eos.as_slice(),
                first.bos.as_slice(),
                first.eos.as_slice()
            );
            return Err(Error::malformed(shard.path(), Place::Whole, message));
        }
    }
    let skipped = manifests.iter().flat_map(|manifest| &manifest.skipped);
    Ok(StoreFacts {
        tokenizer: first.tokenizer.clone(),
        bos: first.bos.clone(),
        eos: first.eos.clone(),
        job: None,
        sources: manifests.iter().flat_map(|manifest| manifest.sources.iter().cloned()).collect(),
        skipped: skipped.take(Batch::LISTED_ERRORS).cloned().collect(),
    })
}

/// The tokenizer's file beside the first shard, if there is one; an error if it is another tokenizer's.
fn tokenizer_beside(merged: &TokenStore) -> Result<Option<Vec<u8>>> {
    let path = merged.parts().next().map(|shard| with_suffix(shard.path(), TOKENIZER_SUFFIX));
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(None) };
    merged.tokenizer()?;
    fs::read(&path).map(Some).map_err(|error| Error::io(&path, error))
}
