//! The bytes of one input → its documents.

use memchr::memchr;
use memchr::memmem::Finder;

use crate::{Error, Place, Result};

use super::file_options::OnError;
use super::gather::Gather;
use super::json::string_in;
use super::stream::{Source, Stream};

/// What some programs put before UTF-8 text; JSON does not have it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Text, byte for byte: line ends, byte order marks and bytes that are not UTF-8 stay as they are.
///
/// Without a separator the whole input is one document. With one, each separator ends a document and belongs to none; a
/// document between two separators may be empty. If nothing follows the last separator, no document does, so an empty
/// input has none.
pub(super) fn read_text(
    source: &mut Source,
    separator: Option<&Finder<'_>>,
    gather: &mut Gather<'_>,
) -> Result<()> {
    let length = separator.map_or(0, |separator| separator.needle().len());
    // How many bytes of the open text are known to be the document's.
    let mut certain = 0;
    loop {
        while let Some(at) = separator.and_then(|separator| separator.find(&gather.open_text()[certain..])) {
            gather.close_at(certain + at, length)?;
            certain = 0;
        }
        // The bytes held back may be the start of a separator whose rest is not read yet.
        certain = gather.open_text().len().saturating_sub(length.saturating_sub(1));
        certain -= gather.make_room(certain)?;
        if gather.fill(|room| source.read(room))? == 0 {
            break;
        }
    }
    if gather.is_open() { gather.close_at(gather.open_text().len(), 0) } else { Ok(()) }
}

/// JSON lines: the string in `field` of each line is a document. Lines of white space alone are passed over; lines that
/// are broken, or lack the field, are treated as `on_error` says.
pub(super) fn read_json_lines(
    stream: &mut Stream,
    field: &str,
    on_error: OnError,
    gather: &mut Gather<'_>,
) -> Result<()> {
    let mut searched = 0;
    let mut more = true;
    while more || !stream.pending().is_empty() {
        let end = memchr(b'\n', &stream.pending()[searched..]).map(|at| searched + at);
        searched = stream.pending().len();
        let line = gather.position().lines + 1;
        if end.is_none() && more {
            if searched > gather.max_document_bytes() {
                return Err(line_too_long(stream, line, gather.max_document_bytes()));
            }
            more = stream.fill()?;
            continue;
        }
        let end = end.unwrap_or(searched);
        let mut text = &stream.pending()[..end];
        if line == 1 {
            text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        }
        let length = (end + 1).min(stream.pending().len());
        let is_blank = text.trim_ascii().is_empty();
        match if is_blank { Ok(None) } else { string_in(text, field).map(Some) } {
            Ok(None) => gather.pass(length as u64, 1),
            Ok(Some(text)) => {
                // If the document was read in part before, only its rest is taken.
                let read = gather.position().read as usize;
                gather.append(text.as_bytes().get(read..).unwrap_or_default())?;
                gather.close(length as u64, 1)?;
            }
            Err(message) => {
                let error = Error::malformed(stream.path(), Place::Line(line), message);
                on_error.handle(error, gather)?;
                gather.pass(length as u64, 1);
            }
        }
        stream.take(length);
        searched = 0;
    }
    Ok(())
}

fn line_too_long(stream: &Stream, line: u64, limit: usize) -> Error {
    let path = stream.path().display();
    Error::argument(
        "max_memory",
        format!("{path}:{line}: the line has more than {limit} bytes; expected shorter lines or more memory"),
    )
}
