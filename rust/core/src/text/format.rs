//! How a file holds documents and how it is compressed, as its name and its first bytes say.

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
const NOT_TEXT: &[&str] =
    &["json", "arrow", "feather", "orc", "avro", "parq", "pq", "pdf", "npy", "npz", "bin", "idx", "ds"];

/// What it refuses because it is compressed in other ways, or has another suffix than gzip's and zstd's data need here.
const PACKED: &[&str] =
    &["gzip", "zstd", "bz", "bz2", "xz", "lzma", "lz", "lz4", "br", "z", "zip", "rar", "tar", "tgz", "7z"];

/// How many bytes of a file's start show its kind.
pub(super) const HEAD_BYTES: usize = 12;

/// The starts of other files that are not text, whatever their names: each with bytes that no text has there.
const HEADS: &[(&[u8], &str)] = &[
    (b"PAR1\x15", "Parquet, whose name would end in .parquet"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"BYTCOUNT\x01\0\0\0", "counts of words"),
];

/// What a file that begins with `head` is, if not text.
pub(super) fn binary_kind(head: &[u8]) -> Option<&'static str> {
    match Compression::of_bytes(head) {
        Compression::Gzip => Some("gzip data, whose name would end in .gz"),
        Compression::Zstd => Some("zstd data, whose name would end in .zst"),
        Compression::None => HEADS.iter().find(|(bytes, _)| head.starts_with(bytes)).map(|&(_, kind)| kind),
    }
}

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

    /// The compression that the first bytes of a stream without a name show.
    pub(super) fn of_bytes(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // A frame, or a skippable frame, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// The compression that the suffix of `name` says, and the name without it.
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
        let name = lowercase_name(input.path());
        let (compression, name) = Compression::of_name(&name);
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        let refuse =
            |message: &str| Err(Error::argument("format", format!("{}{message}", input.path().display())));
        match self {
            Format::Parquet if input.bytes().is_none() => {
                refuse(" cannot be read as Parquet; expected a file")
            }
            Format::Auto if input.is_standard_input() => Ok(Format::Text),
            Format::Auto if matches!(suffix, "jsonl" | "ndjson") => Ok(Format::JsonLines),
            Format::Auto if PACKED.contains(&suffix) => refuse(&format!(
                ": .{suffix} is no suffix of compressed text; expected .gz or .zst, of gzip or zstd data"
            )),
            Format::Auto if NOT_TEXT.contains(&suffix) => refuse(&format!(
                ": .{suffix} is neither text nor JSON lines (.jsonl, .ndjson; each also .gz or .zst) nor Parquet; \
                 to read it as one of them all the same, give format \"text\" or \"jsonl\""
            )),
            Format::Auto | Format::Parquet if suffix == "parquet" && compression != Compression::None => {
                refuse(
                    ": Parquet is not read through compression of the whole file; expected it decompressed",
                )
            }
            Format::Auto if suffix == "parquet" => Ok(Format::Parquet),
            Format::Auto => Ok(Format::Text),
            told => Ok(told),
        }
    }
}

/// The name of the file that `path` leads to, in lower case.
pub(super) fn lowercase_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}
