//! The options a user gives for files: which ones a folder stands for, how they hold documents, and what becomes of
//! errors.

use std::path::Path;
use std::sync::Arc;

use super::format::Format;
use super::gather::Gather;
use super::inputs::{Input, TEXT_SUFFIXES, expand_inputs};
use super::tables::TableReader;
use crate::{Error, Result};

/// Which files are read, and how they hold documents.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// How the files hold documents.
    pub format: Format,
    /// The field with the document, in JSON lines, or the column, in tables.
    pub text_field: String,
    /// What stands between the documents of a text; `None`: the whole file is one.
    pub separator: Option<Vec<u8>>,
    /// The suffixes of the files that a folder stands for.
    pub suffixes: Vec<String>,
    /// What becomes of what cannot be read.
    pub on_error: OnError,
    /// What reads tables; without one, a table is an error.
    pub tables: Option<Arc<dyn TableReader>>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            text_field: "text".to_owned(),
            separator: None,
            suffixes: TEXT_SUFFIXES.iter().map(ToString::to_string).collect(),
            on_error: OnError::Raise,
            tables: None,
        }
    }
}

impl FileOptions {
    /// The files that `names` stand for; see [`expand_inputs`].
    pub fn expand(&self, names: &[impl AsRef<Path>]) -> Result<Vec<Input>> {
        expand_inputs(names, &self.suffixes, self.on_error)
    }
}

/// What becomes of a line that is broken, and of an input that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Reading ends with the error.
    #[default]
    Raise,
    /// A line or row is left out and noted in [`Batch::skipped`](super::Batch::skipped). So is everything after the
    /// error in an input that cannot be read on: a text ends there.
    Skip,
}

impl OnError {
    /// The choice that a user calls `name`.
    pub fn named(name: &str) -> Result<Self> {
        [OnError::Raise, OnError::Skip]
            .into_iter()
            .find(|choice| choice.name() == name)
            .ok_or_else(|| Error::argument("on_error", format!("{name:?} is neither \"raise\" nor \"skip\"")))
    }

    /// What a user calls it; token files keep this name.
    pub fn name(self) -> &'static str {
        match self {
            OnError::Raise => "raise",
            OnError::Skip => "skip",
        }
    }

    /// Notes `error` if it is about the input and such errors are skipped; otherwise returns it.
    pub(super) fn handle(self, error: Error, gather: &mut Gather<'_>) -> Result<()> {
        match (self, &error) {
            (OnError::Skip, Error::Io { .. } | Error::Malformed { .. }) => {
                gather.skip(&error);
                Ok(())
            }
            _ => Err(error),
        }
    }
}
