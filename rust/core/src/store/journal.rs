//! Keeps what is needed to go on with an interrupted run: which job it is, and how far it got.
//!
//! `prefix.journal.partial` is lines of JSON, each after its checksum. The first describes the job: the tokenizer, the
//! options on which the ids depend, and the inputs with size and time of change. Each further one is an [`Entry`]:
//! where reading goes on, and the length and the hash of all that is written until there. Lines are only ever appended,
//! after what they describe, and not forced to disk: a writer that goes on compares the files with the hashes and
//! believes the last entry that holds.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::encode::EndIds;
use crate::text::{Input, Position};
use crate::{Error, Result};

use super::checksum::checksum;
use super::dtype::Dtype;
use super::manifest::Source;
use super::writer::Mark;
use super::{CREATOR, EncodeOptions, with_suffix};

/// What the name of a journal ends with before it is whole.
const NEW: &str = ".journal.new.partial";

/// What the ids depend on, apart from the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    creator: String,
    tokenizer: String,
    dtype: Dtype,
    bos: EndIds,
    eos: EndIds,
    format: String,
    text_field: String,
    separator: Option<Vec<u8>>,
    on_error: String,
    inputs: Vec<Seen>,
}

/// A file as it was when the work began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// With escapes for what is not printable ASCII, so that names that are not Unicode stay distinct, too.
    path: String,
    bytes: Option<u64>,
    /// Nanoseconds since 1970.
    changed: Option<u64>,
}

impl Job {
    pub(super) fn new(tokenizer: &str, dtype: Dtype, options: &EncodeOptions, inputs: &[Input]) -> Self {
        Self {
            creator: CREATOR.to_owned(),
            tokenizer: tokenizer.to_owned(),
            dtype,
            bos: options.bos.clone(),
            eos: options.eos.clone(),
            format: options.files.format.name().to_owned(),
            text_field: options.files.text_field.clone(),
            separator: options.files.separator.clone(),
            on_error: options.files.on_error.name().to_owned(),
            inputs: inputs.iter().map(Seen::new).collect(),
        }
    }

    pub(super) fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Whether what `earlier` wrote until `position` is what this job would write.
    fn agrees(&self, earlier: &Self, position: &Position) -> bool {
        let begins_input = position.offset == 0 && position.read == 0;
        let inputs = position.input + usize::from(!begins_input);
        let is_regular = |seen: &Seen| seen.changed.is_some();
        match (self.inputs.get(..inputs), earlier.inputs.get(..inputs)) {
            (Some(here), Some(there)) => here == there && here.iter().all(is_regular),
            _ => false,
        }
    }

    /// Whether everything but the inputs is the same.
    fn has_options_of(&self, earlier: &Self) -> bool {
        Self { inputs: Vec::new(), ..self.clone() } == Self { inputs: Vec::new(), ..earlier.clone() }
    }
}

impl Seen {
    fn new(input: &Input) -> Self {
        let changed = || {
            let changed = fs::metadata(input.path()).ok()?.modified().ok()?;
            u64::try_from(changed.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
        };
        let changed = input.bytes().and_then(|_| changed());
        let path = input.path().as_os_str().as_encoded_bytes().escape_ascii().to_string();
        Self { path, bytes: input.bytes(), changed }
    }
}

/// How far the writing was when one batch was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Where reading goes on.
    pub(super) position: Position,
    /// What the files hold.
    pub(super) mark: Mark,
    /// The inputs that ended since the entry before.
    pub(super) sources: Vec<Source>,
    /// What was wrong with what was left out since then.
    pub(super) skipped: Vec<String>,
}

/// The open journal of a job.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Starts the journal of `prefix` with those `entries` of an earlier one that still hold; with none, anew.
    pub(super) fn begin(prefix: &Path, job: &Job, entries: &[Entry]) -> Result<Self> {
        let path = path_of(prefix);
        let mut text = line(job);
        for entry in entries {
            text.extend(line(entry));
        }
        // Written whole and renamed: a journal that is cut short would forget what is done. The lock of the store keeps
        // others away, so the name until then is always the same, and a process that is killed leaves nothing for good.
        let new = with_suffix(prefix, NEW);
        let begin = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::options().append(true).open(&path)
        };
        let file = begin().map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, file })
    }

    /// Appends an entry, after what it describes is written.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<()> {
        self.file.write_all(&line(entry)).map_err(|error| Error::io(&self.path, error))
    }
}

/// The entries of the earlier journal of `prefix` that still hold for `job`, in order; none if it is of another job.
pub(super) fn read_entries(prefix: &Path, job: &Job) -> Result<Vec<Entry>> {
    let path = path_of(prefix);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|error| Error::io(&path, error))?,
    };
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    let earlier: Option<Job> = lines.next().and_then(parsed);
    let Some(earlier) = earlier.filter(|earlier| job.has_options_of(earlier)) else { return Ok(Vec::new()) };
    // The last line may be half written; it does not count, and nothing does from an input on that has changed.
    let entries = lines.map_while(parsed);
    Ok(entries.take_while(|entry: &Entry| job.agrees(&earlier, &entry.position)).collect())
}

fn path_of(prefix: &Path) -> PathBuf {
    with_suffix(prefix, ".journal.partial")
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(value).expect("strings and integers are JSON");
    format!("{} {json}\n", checksum(json.as_bytes())).into_bytes()
}

/// The value in a line; `None` if the line is not whole, or differs from its checksum.
fn parsed<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (hash, json) = str::from_utf8(line).ok()?.strip_suffix('\n')?.split_once(' ')?;
    if checksum(json.as_bytes()) == hash { serde_json::from_str(json).ok() } else { None }
}
