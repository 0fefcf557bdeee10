//! Reads a column of a table as documents: the core knows no table format, and asks a [`TableReader`].

use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Place, Result};

use super::file_options::OnError;
use super::gather::Gather;

/// Something that reads the text column of table files.
pub trait TableReader: Debug + Send + Sync {
    /// Calls `each` with the rows of `column`, in order, from row `first` on, and now and then with how much more of
    /// the file has been read; an error of `each` ends the reading.
    fn read(
        &self,
        path: &Path,
        column: &str,
        first: u64,
        each: &mut dyn FnMut(TableEvent<'_>) -> Result<()>,
    ) -> Result<()>;
}

/// What a [`TableReader`] reports.
#[derive(Debug, Clone, Copy)]
pub enum TableEvent<'t> {
    /// The text of the next row, in place.
    Text(&'t [u8]),
    /// The next row has no text.
    Null,
    /// This many more bytes of the file on disk have been read.
    Read(u64),
}

/// The text in `column` of each row is a document; rows without one are treated as `on_error` says.
pub(super) fn read_table(
    reader: &dyn TableReader,
    (path, column): (&Path, &str),
    on_error: OnError,
    stop: &AtomicBool,
    gather: &mut Gather<'_>,
) -> Result<()> {
    let first = gather.position().offset;
    reader.read(path, column, first, &mut |event| match event {
        TableEvent::Text(text) => {
            // If the document was read in part before, only its rest is taken.
            let read = gather.position().read as usize;
            gather.append(text.get(read..).unwrap_or_default())?;
            gather.close(1, 0)
        }
        TableEvent::Null => {
            let row = gather.position().offset;
            let message = format!("row {row} has no {column:?}; expected a string");
            on_error.handle(Error::malformed(path, Place::Whole, message), gather)?;
            gather.pass(1, 0);
            Ok(())
        }
        TableEvent::Read(bytes) => {
            gather.count_raw(bytes);
            if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
        }
    })
}
