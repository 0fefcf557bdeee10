//! Tokenizers on disk, in the formats of others: Hugging Face's `tokenizer.json`, tiktoken's rank files, GPT-2's pair of
//! files, SentencePiece's models and Mistral's `tekken.json`.

mod bundled;
mod huggingface;
mod pair;
mod protobuf;
mod published;
mod sentencepiece;
mod tekken;
mod tiktoken;

pub use bundled::BUNDLED;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::definition::Definition;
use super::tokenizer::Tokenizer;
use crate::split::Pattern;
use crate::whole_file::write_whole;
use crate::{Error, Place, Result};

/// What a rank file does not say of its tokenizer. A pattern is one that [`Pattern::from_argument`] made, or a file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// How text is split; `None` if the file is to say, or its name.
    pub pattern: Option<Pattern>,
    /// Names and ids of special tokens; `None` if the file is to say, or its name.
    pub special_tokens: Option<Vec<(String, u32)>>,
}

impl LoadOptions {
    /// Puts the special tokens that are given here in place of those of a bundled encoding. Its split is its own: with
    /// another its ids would be those of no model.
    fn change(&self, name: &Path, definition: &mut Definition) -> Result<()> {
        if let Some(pattern) = self.pattern.as_ref().filter(|&pattern| *pattern != definition.pattern) {
            let message = format!("is {pattern}, but {} splits with {}", name.display(), definition.pattern);
            return Err(Error::argument("pattern", message));
        }
        if let Some(special_tokens) = &self.special_tokens {
            definition.special_tokens.clone_from(special_tokens);
            (definition.bos, definition.eos) = Default::default();
        }
        Ok(())
    }

    /// An error if anything is given that a file says itself.
    fn refuse(&self) -> Result<()> {
        let name = match (&self.pattern, &self.special_tokens) {
            (None, None) => return Ok(()),
            (Some(_), _) => "pattern",
            (None, Some(_)) => "special_tokens",
        };
        let message = "the file has its own pattern and special tokens; only .tiktoken files and vocab.json with \
                       merges.txt need them";
        Err(Error::argument(name, message))
    }
}

impl Tokenizer {
    /// Reads a file: a `tokenizer.json`, a `.tiktoken` file, a SentencePiece `.model` or a `tekken.json`, by the ends
    /// of their names; or a folder with one of these, or with `vocab.json` and `merges.txt`. A path that is the name of
    /// an encoding in [`BUNDLED`] and nothing else is that encoding, even if there is a file of that name.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self> {
        if let Some(mut definition) = path.to_str().and_then(bundled::definition) {
            options.change(path, &mut definition)?;
            return Self::new(definition).map_err(|message| Error::argument("special_tokens", message));
        }
        if path.is_dir() {
            return Self::load_folder(path, options);
        }
        let bytes = read_file(path)?;
        if has_extension(path, RANKS) || is_model(path) && tiktoken::is_one(&bytes) {
            return tiktoken::read(&bytes, path, options);
        }
        options.refuse()?;
        if is_model(path) {
            return Self::from_sentencepiece(&bytes, path);
        }
        if is_tekken(path) {
            return tekken::read(&bytes).map_err(|(place, message)| Error::malformed(path, place, message));
        }
        let is_half = [pair::VOCAB, pair::MERGES].map(Path::new).into_iter().any(|half| path.ends_with(half));
        Self::from_json(&bytes, path).map_err(|error| {
            if is_half { Error::malformed(path, Place::Whole, HALF_OF_A_PAIR.to_owned()) } else { error }
        })
    }

    /// Reads what a folder holds: the first of the files that say all, or GPT-2's pair.
    fn load_folder(folder: &Path, options: &LoadOptions) -> Result<Self> {
        let whole = ["tokenizer.json", TEKKEN, "tokenizer.model"].map(|name| folder.join(name));
        if let Some(file) = whole.iter().find(|file| file.is_file()) {
            return Self::load(file, options);
        }
        if folder.join(pair::VOCAB).is_file() {
            return pair::read(folder, options);
        }
        let message = format!(
            "is a folder without tokenizer.json, {TEKKEN}, tokenizer.model or {} with {}",
            pair::VOCAB,
            pair::MERGES
        );
        Err(Error::io(folder, io::Error::new(io::ErrorKind::IsADirectory, message)))
    }

    /// Reads the lines of a `.tiktoken` file; `path` is what errors call it.
    pub fn from_ranks(lines: &[u8], path: &Path, options: &LoadOptions) -> Result<Self> {
        tiktoken::read(lines, path, options)
    }

    /// Reads the bytes of a SentencePiece model; `path` is what errors call it.
    pub fn from_sentencepiece(file: &[u8], path: &Path) -> Result<Self> {
        sentencepiece::read(file).map_err(|message| Error::malformed(path, Place::Whole, message))
    }

    /// The SentencePiece model that this was read from, which says what no `tokenizer.json` can.
    pub fn sentencepiece(&self) -> Option<&[u8]> {
        self.pipeline.written.file.as_deref()
    }

    /// Reads the text of a `tokenizer.json`; `path` is what errors call it.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        Self::from_json_with(json, path, None)
    }

    /// Like [`from_json`](Self::from_json), where the pattern is known in the words of this library, in which `{1,3}+`
    /// is possessive.
    pub fn from_json_with(json: &[u8], path: &Path, pattern: Option<&Pattern>) -> Result<Self> {
        huggingface::read(json, pattern).map_err(|(place, message)| Error::malformed(path, place, message))
    }

    /// The text of a `tokenizer.json`, in UTF-8, from which [`from_json`](Self::from_json) makes the same tokenizer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.write_json(&mut json).expect("memory takes all");
        json
    }

    /// An error if a `tokenizer.json` cannot hold this tokenizer's split; see [`Pattern::check_portable`].
    pub fn check_json(&self) -> Result<()> {
        if self.pipeline.is_default() { self.splitter().pattern().check_portable() } else { Ok(()) }
    }

    /// Writes the text of [`to_json`](Self::to_json), some of it at a time.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        huggingface::write(self, out)
    }

    /// Writes a file by the end of its name: a `.tiktoken` file, which holds no pattern and no special tokens, a `.model` if
    /// this was read from one, or else a `tokenizer.json`; and into a folder that is there, `vocab.json` and `merges.txt`. A
    /// file appears under its name when it is whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return pair::write(self, path);
        }
        if has_extension(path, RANKS) {
            return write_text(path, &tiktoken::write(self)?);
        }
        match self.sentencepiece() {
            Some(file) if has_extension(path, "model") => write_whole(path, |out| out.write_all(file)),
            None if !has_extension(path, "model") => {
                self.check_json()?;
                write_whole(path, |out| self.write_json(out))
            }
            Some(_) => Err(Error::argument("path", "a SentencePiece model can be saved as .model only")),
            None => Err(Error::argument(
                "path",
                "only what was read from a SentencePiece model can be saved as one",
            )),
        }
    }
}

/// The content of a file; an error if it is what Git has in place of a large one.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, unknown_name(path, error)))?;
    if bytes.starts_with(LFS_POINTER) {
        let message = "is a pointer of Git LFS and not the file, which `git lfs pull` fetches".to_owned();
        return Err(Error::malformed(path, Place::Whole, message));
    }
    Ok(bytes)
}

/// How a pointer begins. (git-lfs/git-lfs, `docs/spec.md`.)
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

const HALF_OF_A_PAIR: &str =
    "is half of a tokenizer; give the folder that holds both vocab.json and merges.txt";

/// Adds the known names to the error about a file that is not there, if its name has neither a dot nor a folder.
fn unknown_name(path: &Path, error: io::Error) -> io::Error {
    let is_name = path.file_name() == Some(path.as_os_str()) && path.extension().is_none();
    if error.kind() != io::ErrorKind::NotFound || !is_name {
        return error;
    }
    let known = BUNDLED.join(", ");
    io::Error::new(error.kind(), format!("no such file, nor a bundled tokenizer, which are {known}"))
}

/// The end of the names of rank files.
const RANKS: &str = "tiktoken";

/// The name of Mistral's files.
const TEKKEN: &str = "tekken.json";

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// Whether a file is named as a SentencePiece model is; Mistral appends a version.
fn is_model(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    has_extension(path, "model") || name.contains(".model.")
}

/// Whether a file is named `tekken.json`, or so with a version.
fn is_tekken(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with("tekken") && has_extension(path, "json")
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |file| file.write_all(text.as_bytes()))
}

/// What is wrong in a file, and where.
type Fault = (Place, String);
