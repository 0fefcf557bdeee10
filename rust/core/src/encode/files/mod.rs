//! Tokenizers on disk, in the formats of others: Hugging Face's `tokenizer.json` and tiktoken's rank files.

mod bundled;
mod huggingface;
mod published;
mod tiktoken;

pub use bundled::BUNDLED;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::tokenizer::{Definition, Tokenizer};
use crate::split::Pattern;
use crate::whole_file::write_whole;
use crate::{Error, Place, Result};

/// What a rank file does not say of its tokenizer.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// How text is split; `None` if the file is to say, or its name.
    pub pattern: Option<Pattern>,
    /// Names and ids of special tokens; `None` as above.
    pub special_tokens: Option<Vec<(String, u32)>>,
}

impl LoadOptions {
    /// Puts what is given here in place of what is known.
    fn change(&self, definition: &mut Definition) {
        if let Some(pattern) = &self.pattern {
            definition.pattern.clone_from(pattern);
        }
        if let Some(special_tokens) = &self.special_tokens {
            definition.special_tokens.clone_from(special_tokens);
            (definition.bos, definition.eos) = (None, None);
        }
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json` or, if the name ends so, a `.tiktoken` file. A path that is the name of an encoding in
    /// [`BUNDLED`] and nothing else is that encoding, whatever files there are.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self> {
        if let Some(mut definition) = path.to_str().and_then(bundled::definition) {
            options.change(&mut definition);
            return Self::new(definition).map_err(|message| Error::argument("special_tokens", message));
        }
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        if is_rank_file(path) {
            return Self::from_ranks(&bytes, path, options);
        }
        if options.pattern.is_some() || options.special_tokens.is_some() {
            let message =
                "a tokenizer.json has its own pattern and special tokens; only .tiktoken files need them";
            return Err(Error::argument("pattern", message));
        }
        Self::from_json(&bytes, path)
    }

    /// Reads the lines of a `.tiktoken` file; `path` is what errors call it.
    pub fn from_ranks(lines: &[u8], path: &Path, options: &LoadOptions) -> Result<Self> {
        tiktoken::read(lines, path, options)
    }

    /// Reads the text of a `tokenizer.json`; `path` is what errors call it.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        Self::from_json_with(json, path, None)
    }

    /// The same where the pattern is known in our words, in which a possessive `{1,3}+` is what it is.
    pub fn from_json_with(json: &[u8], path: &Path, pattern: Option<&Pattern>) -> Result<Self> {
        huggingface::read(json, pattern).map_err(|(place, message)| Error::malformed(path, place, message))
    }

    /// The text of a `tokenizer.json` from which [`from_json`](Self::from_json) makes the same tokenizer.
    pub fn to_json(&self) -> String {
        huggingface::write(self)
    }

    /// Writes a `tokenizer.json` or, if the name ends so, a `.tiktoken` file, which holds no pattern and no special
    /// tokens. The file appears under its name when it is whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = if is_rank_file(path) { tiktoken::write(self)? } else { self.to_json() };
        write_whole(path, |file| file.write_all(text.as_bytes()))
    }
}

fn is_rank_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tiktoken"))
}

/// What is wrong in a file, and where.
type Fault = (Place, String);
