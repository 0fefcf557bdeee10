//! The bytes of a plain text file, mapped into memory: each is read from disk when a thread first needs it.

use std::fs;
use std::path::Path;

use crate::memory::map::Map;
use crate::{Error, Place, Result};

use super::format::{Compression, Format, binary_kind, lowercase_name};
use super::inputs::Input;

/// A text file.
#[derive(Debug)]
pub struct TextFile(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(Map),
    /// A pipe, or a file that the system makes up and reports as empty.
    Read(Vec<u8>),
}

impl TextFile {
    /// Opens the file at `path`, whose name must not say that it is anything other than plain text.
    pub fn open(path: &Path) -> Result<Self> {
        let input = Input::file(path.to_path_buf())?;
        let (compression, _) = Compression::of_name(&lowercase_name(path));
        let is_text = matches!(Format::Auto.of_input(&input), Ok(Format::Text));
        if !is_text || compression != Compression::None {
            let message = format!(
                "{} is by its name no plain text; encode_files takes other files, too",
                path.display()
            );
            return Err(Error::argument("path", message));
        }
        let opened = match input.bytes() {
            None | Some(0) => fs::read(path).map(Bytes::Read).map_err(|error| Error::io(path, error)),
            Some(_) => Map::open(path).map(Bytes::Mapped),
        };
        let opened = Self(opened?);
        if let Some(kind) = binary_kind(opened.bytes()) {
            let message = format!("it begins as {kind}; expected text");
            return Err(Error::malformed(path, Place::Byte(0), message));
        }
        Ok(opened)
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(map) => map.bytes(),
            Bytes::Read(bytes) => bytes,
        }
    }
}
