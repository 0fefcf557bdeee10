//! Documents → batches of a bounded size.
//!
//! A batch is handed on once it is full. A document still open then is cut where the split cuts for certain; where
//! there is no such place the batch grows, doubling, so the search for one stays linear in the document's length.
//!
//! Documents that are made of what is read, as those of JSON, are [appended](Gather::append). A text is read right into
//! the batch instead ([`Gather::fill`]): its documents stand there as they stand in the file, and what was read too far
//! begins the next batch.

use std::cell::Cell;
use std::mem;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::split::Splitter;
use crate::{Error, Result};

use super::batch::{Batch, InputEnd, PIECE_BYTES, Piece, Position};
use super::spare::Spare;

/// How much of a text is read at once, so that little is prepared for a pipe that gives little. Tests read so little that
/// every document spans several reads.
const READ_BYTES: usize = if cfg!(test) { 61 } else { 256 << 10 };

/// Gathers documents into batches and passes each on to `send`.
pub(super) struct Gather<'a> {
    splitter: &'a Splitter,
    batch_bytes: usize,
    max_document_bytes: usize,
    /// Bytes read from disk since the last batch.
    raw: Rc<Cell<u64>>,
    send: &'a mut dyn FnMut(Batch) -> Result<()>,
    path: PathBuf,
    /// Where the open document, or the next one, starts, and how much of it is in pieces that have ended.
    position: Position,
    spare: Spare,
    /// How many skipped errors are listed so far, in all batches.
    listed: usize,
    batch: Batch,
    /// Where the open document, or what is left of it, starts in the batch; text after that document may follow.
    open_start: usize,
    /// The batch's length at which the open document must be cut.
    cut_length: usize,
}

impl<'a> Gather<'a> {
    /// Gathers what is read from `start` on. Batches have about `batch_bytes`, and more only for a document that cannot
    /// be cut; `raw` counts the bytes read from disk, and each batch takes what has come together there; buffers come
    /// from `spare`.
    pub(super) fn new(
        splitter: &'a Splitter,
        batch_bytes: usize,
        max_document_bytes: usize,
        raw: Rc<Cell<u64>>,
        start: Position,
        spare: Spare,
        send: &'a mut dyn FnMut(Batch) -> Result<()>,
    ) -> Self {
        let batch_bytes = batch_bytes.max(1);
        Self {
            splitter,
            batch_bytes,
            max_document_bytes: max_document_bytes.max(batch_bytes),
            raw,
            send,
            path: PathBuf::new(),
            position: start,
            spare,
            listed: 0,
            batch: Batch::default(),
            open_start: 0,
            cut_length: batch_bytes,
        }
    }

    /// The longest document that may be held whole.
    pub(super) fn max_document_bytes(&self) -> usize {
        self.max_document_bytes
    }

    /// Says which input the following documents come from, and where in it they begin.
    pub(super) fn start_input(&mut self, path: &Path, position: Position) {
        self.path = path.to_path_buf();
        self.position = position;
    }

    /// Takes account of bytes of the input that were read by other means.
    pub(super) fn count_raw(&mut self, bytes: u64) {
        self.raw.set(self.raw.get() + bytes);
    }

    /// Where the open document, or the next one, starts.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Adds to the open document.
    pub(super) fn append(&mut self, mut text: &[u8]) -> Result<()> {
        while !text.is_empty() {
            let room = self.cut_length - self.batch.bytes.len();
            let (part, rest) = text.split_at(room.min(text.len()));
            self.batch.bytes.extend_from_slice(part);
            text = rest;
            self.make_room(self.open_text().len())?;
        }
        Ok(())
    }

    /// Calls `read` with room for more text after the open document's; returns how many bytes came.
    pub(super) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<usize> {
        let before = self.batch.bytes.len();
        self.batch.bytes.resize(self.cut_length.min(before + READ_BYTES), 0);
        let count = read(&mut self.batch.bytes[before..]);
        self.batch.bytes.truncate(before + *count.as_ref().unwrap_or(&0));
        count
    }

    /// The open document's text in this batch, and what was read after it.
    pub(super) fn open_text(&self) -> &[u8] {
        &self.batch.bytes[self.open_start..]
    }

    /// Whether the open document has any text, here or in an earlier batch.
    pub(super) fn is_open(&self) -> bool {
        self.position.read > 0 || !self.open_text().is_empty()
    }

    /// Ends the open document; the next one starts `bytes` (in a table: rows) and `lines` after this one's start.
    pub(super) fn close(&mut self, bytes: u64, lines: u64) -> Result<()> {
        self.end_piece(self.batch.bytes.len(), true);
        self.pass(bytes, lines);
        self.hand_on_if_full()
    }

    /// Ends the open document of a text after `length` bytes of [`open_text`](Self::open_text); `separator` bytes
    /// follow that belong to no document.
    pub(super) fn close_at(&mut self, length: usize, separator: usize) -> Result<()> {
        let bytes = self.position.read + (length + separator) as u64;
        self.end_piece(self.open_start + length, true);
        self.open_start += separator;
        self.pass(bytes, 0);
        self.hand_on_if_full()
    }

    fn hand_on_if_full(&mut self) -> Result<()> {
        if self.open_start + PIECE_BYTES * self.batch.pieces.len() < self.batch_bytes {
            return Ok(());
        }
        self.hand_on()?;
        // What was read too far has not been searched for separators yet.
        self.cut_length = self.batch_bytes.max(self.batch.bytes.len());
        Ok(())
    }

    /// Passes over something that is not a document.
    pub(super) fn pass(&mut self, bytes: u64, lines: u64) {
        self.position.offset += bytes;
        self.position.lines += lines;
        self.position.read = 0;
    }

    /// Notes something that cannot be read and is left out.
    pub(super) fn skip(&mut self, error: &Error) {
        self.position.skipped += 1;
        if self.listed < Batch::LISTED_ERRORS {
            self.listed += 1;
            self.batch.skipped.push(error.to_string());
        }
    }

    /// Ends the input.
    pub(super) fn end_input(&mut self) {
        let (pieces, skipped) = (self.batch.pieces.len(), self.position.skipped);
        self.batch.input_ends.push(InputEnd { pieces, skipped });
        self.position = Position::at_input(self.position.input + 1);
    }

    /// Ends the input where it cannot be read on, and with it the document that is open. No batch ends between the two,
    /// or reading that goes on from there would read the document once more.
    pub(super) fn break_off(&mut self) -> Result<()> {
        if self.is_open() {
            self.end_piece(self.batch.bytes.len(), true);
        }
        self.end_input();
        self.hand_on_if_full()
    }

    /// Hands on what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        let is_new = self.batch == Batch::default();
        if is_new && self.raw.get() == 0 {
            return Ok(());
        }
        self.hand_on()
    }

    /// Makes room, if the batch is full, for more of the open document, of whose text the first `certain` bytes may be
    /// handed on; returns how many of them were.
    pub(super) fn make_room(&mut self, certain: usize) -> Result<usize> {
        if self.batch.bytes.len() < self.cut_length {
            return Ok(0);
        }
        let held = self.open_text().len() - certain;
        let cut = self.splitter.last_cut(&self.open_text()[..certain]).unwrap_or(0);
        if cut > 0 {
            self.end_piece(self.open_start + cut, false);
        }
        if self.open_start > 0 {
            self.hand_on()?;
        } else if certain >= self.max_document_bytes {
            return Err(self.too_long());
        }
        // What is left is shorter than a document may be, so there is room for more.
        self.cut_length =
            (2 * self.batch.bytes.len()).clamp(self.batch_bytes, self.max_document_bytes + held);
        Ok(cut)
    }

    fn end_piece(&mut self, end: usize, closes: bool) {
        let (start, opens) = (self.open_start, self.position.read == 0);
        self.batch.pieces.push(Piece { start, end, opens, closes });
        self.position.read += (end - start) as u64;
        self.open_start = end;
    }

    /// Passes the batch on up to the open document, which the next batch starts with.
    fn hand_on(&mut self) -> Result<()> {
        let mut bytes = self.spare.take(self.batch_bytes);
        bytes.extend_from_slice(self.open_text());
        self.batch.bytes.truncate(self.open_start);
        let mut batch = mem::replace(&mut self.batch, Batch { bytes, ..Batch::default() });
        batch.input_bytes = self.raw.take();
        batch.end = self.position;
        self.open_start = 0;
        (self.send)(batch)
    }

    /// The error about a document that neither fits nor can be cut.
    fn too_long(&self) -> Error {
        Error::argument(
            "max_memory",
            format!(
                "{}: a document has more than {} bytes without a place where this pattern allows it to be cut; \
                 expected more memory, a separator between documents, or, if the pattern is none of the named ones, one of those",
                self.path.display(),
                self.max_document_bytes,
            ),
        )
    }
}
