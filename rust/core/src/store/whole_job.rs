//! What the shards of one job have in common, by which a shard of another job is recognised: it would give documents
//! twice or leave some out.
//!
//! Which inputs a process reads follows from the names and sizes of all inputs: if every process saw the same, each
//! input is read once. The times of change are left out, since machines may have copies of the inputs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::Input;
use crate::{Error, Place, Result};

use super::checksum::checksum;
use super::encode_files::EncodeOptions;
use super::manifest::Manifest;
use super::shard::Shard;
use super::shard_set::parse;

/// All that a job reads, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeJob {
    format: String,
    text_field: String,
    /// With escapes for what is not printable ASCII.
    separator: Option<String>,
    on_error: String,
    /// How many inputs there are, those of the other shards included.
    inputs: u64,
    /// How many bytes they have on disk.
    input_bytes: u64,
    /// XXH3 of their paths and sizes.
    input_names: String,
}

impl WholeJob {
    pub(super) fn new(options: &EncodeOptions, inputs: &[Input]) -> Self {
        let size = |input: &Input| input.bytes().unwrap_or(0);
        let mut names = Vec::new();
        for input in inputs {
            let path = input.path().as_os_str().as_encoded_bytes();
            names.extend((path.len() as u64).to_le_bytes());
            names.extend(path);
            names.extend(size(input).to_le_bytes());
        }
        Self {
            format: options.files.format.name().to_owned(),
            text_field: options.files.text_field.clone(),
            separator: options.files.separator.as_ref().map(|separator| separator.escape_ascii().to_string()),
            on_error: options.files.on_error.name().to_owned(),
            inputs: inputs.len() as u64,
            input_bytes: inputs.iter().map(size).sum(),
            input_names: checksum(&names),
        }
    }

    /// The first fact in which the manifests of two shards differ, if any: its name, and its value here and there.
    fn difference(here: &Manifest, there: &Manifest) -> Option<(&'static str, String, String)> {
        let ids = |name, manifest: &Manifest| match name {
            "bos" => format!("{:?}", manifest.bos.as_slice()),
            _ => format!("{:?}", manifest.eos.as_slice()),
        };
        let mut facts = ["bos", "eos"].map(|name| (name, ids(name, here), ids(name, there))).to_vec();
        if let (Some(here), Some(there)) = (&here.job, &there.job) {
            let jobs = here.facts().into_iter().zip(there.facts());
            facts.extend(jobs.map(|((name, here), (_, there))| (name, here, there)));
        }
        facts.into_iter().find(|(_, here, there)| here != there)
    }

    fn facts(&self) -> [(&'static str, String); 7] {
        let separator =
            self.separator.as_ref().map_or("None".to_owned(), |separator| format!("\"{separator}\""));
        [
            ("format", self.format.clone()),
            ("text_field", format!("{:?}", self.text_field)),
            ("separator", separator),
            ("on_error", self.on_error.clone()),
            ("the number of all inputs", self.inputs.to_string()),
            ("the size of all inputs", format!("{} bytes", self.input_bytes)),
            ("the checksum of the names and sizes of all inputs", self.input_names.clone()),
        ]
    }
}

/// An error if two of these shards have the names of one set and are of different jobs.
pub(super) fn check_jobs<'a>(shards: impl Iterator<Item = &'a Shard>) -> Result<()> {
    let mut sets = BTreeMap::new();
    for shard in shards {
        // Paths may be prefixes, which have dots of their own, or files of other programs, which have no manifest.
        let name = shard.path().file_name().and_then(|name| name.to_str());
        let (Some((stem, _, count)), Some(manifest)) = (name.and_then(parse), shard.manifest()) else {
            continue;
        };
        let (first, expected) =
            *sets.entry((shard.path().parent(), stem, count)).or_insert((shard, manifest));
        // A single one is not a set: a store that one process wrote may have such a name, too.
        if first.path() != shard.path()
            && let Some((alone, _)) =
                [(first, expected), (shard, manifest)].iter().find(|(_, manifest)| manifest.job.is_none())
        {
            let message = "a store that one process wrote; expected a shard of several, as its name says";
            return Err(Error::malformed(alone.path(), Place::Whole, message));
        }
        if let Some((what, here, there)) = WholeJob::difference(manifest, expected) {
            let message = format!(
                "a shard of another job: {what} is {here}; expected {there}, as in {}: encode again with the same inputs \
                 and options in every process",
                first.path().display()
            );
            return Err(Error::malformed(shard.path(), Place::Whole, message));
        }
    }
    Ok(())
}
