//! How a file holds documents and how it is compressed, told by its name.

use std::path::Path;

use crate::{Error, Result};

use super::inputs::Input;

/// How files hold documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// By the suffix: `.jsonl` and `.ndjson` are JSON lines, `.parquet` is Parquet, others text; what is clearly neither
    /// is an error.
    #[default]
    Auto,
    /// Plain text: one document, or several with a separator between them.
    Text,
    /// One JSON object a line, with the document in one of its fields.
    JsonLines,
    /// Parquet tables, with the document in one of their columns.
    Parquet,
}

/// What [`Format::Auto`] refuses rather than taking its bytes for text.
const NOT_TEXT: &[&str] = &["json", "arrow", "bz2", "xz", "lz4", "zip", "tar", "tgz", "7z", "pdf"];

/// How a file's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    /// By the first bytes of a stream that has no name.
    pub(super) fn of_bytes(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// By the suffix; the second part is the name without it.
    pub(super) fn of_name(name: &str) -> (Self, &str) {
        if let Some(stem) = name.strip_suffix(".gz") {
            (Compression::Gzip, stem)
        } else if let Some(stem) = name.strip_suffix(".zst") {
            (Compression::Zstd, stem)
        } else {
            (Compression::None, name)
        }
    }
}

impl Format {
    /// The format that a user calls `name`.
    pub fn named(name: &str) -> Result<Self> {
        let all = [Format::Auto, Format::Text, Format::JsonLines, Format::Parquet];
        all.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names = all.map(|format| format!("{:?}", format.name())).join(", ");
            Error::argument("format", format!("{name:?} is none of {names}"))
        })
    }

    /// What a user calls it; token files keep this name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Auto => "auto",
            Format::Text => "text",
            Format::JsonLines => "jsonl",
            Format::Parquet => "parquet",
        }
    }

    /// The format of one input: never [`Format::Auto`].
    pub(super) fn of_input(self, input: &Input) -> Result<Self> {
        if self == Format::Parquet && input.bytes().is_none() {
            let path = input.path().display();
            return Err(Error::argument(
                "format",
                format!("{path} cannot be read as Parquet; expected a file"),
            ));
        }
        if self != Format::Auto {
            return Ok(self);
        }
        if input.is_standard_input() {
            return Ok(Format::Text);
        }
        let name = lowercase_name(input.path());
        let (compression, name) = Compression::of_name(&name);
        match name.rsplit_once('.').map_or("", |(_, suffix)| suffix) {
            "jsonl" | "ndjson" => Ok(Format::JsonLines),
            "parquet" if compression == Compression::None => Ok(Format::Parquet),
            suffix if suffix == "parquet" || NOT_TEXT.contains(&suffix) => Err(Error::argument(
                "format",
                format!(
                    "{}: .{suffix} is neither text nor JSON lines (.jsonl, .ndjson; each also .gz or .zst) nor Parquet; \
                     to read it as one of them all the same, give format \"text\" or \"jsonl\"",
                    input.path().display()
                ),
            )),
            _ => Ok(Format::Text),
        }
    }
}

/// The name of the file that `path` leads to, in lower case.
pub(super) fn lowercase_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}
