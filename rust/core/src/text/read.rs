//! Reads inputs as batches of documents, ahead and decompressed, on a thread of their own.
//!
//! One batch waits for the reader and another is in the making, so with the reader's own at most three exist at a time.
//! A pipe may keep the thread waiting for ever; it then outlives the [`Batches`], holding one buffer, and ends with the
//! pipe's next byte.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use memchr::memmem::Finder;

use crate::split::Splitter;
use crate::{Error, Monitor, Result};

use super::batch::{Batch, Position};
use super::documents::{read_json_lines, read_text};
use super::file_options::FileOptions;
use super::format::Format;
use super::gather::Gather;
use super::inputs::Input;
use super::spare::Spare;
use super::stream::{Source, Stream};
use super::tables::read_table;

/// How often cancellation is looked for while no batch comes.
const TICK: Duration = Duration::from_millis(50);

/// How to read documents.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// How the files hold them.
    pub files: FileOptions,
    /// About how many bytes a batch has.
    pub batch_bytes: usize,
    /// The longest document, or line of JSON, that may be held whole where it cannot be cut.
    pub max_document_bytes: usize,
    /// The buffers of batches that are done with, for new ones.
    pub spare: Spare,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            files: FileOptions::default(),
            batch_bytes: 2 << 20,
            max_document_bytes: 128 << 20,
            spare: Spare::default(),
        }
    }
}

/// Starts reading `inputs`, in order, from `start` on: the beginning, or where an earlier batch ended. Empty texts and
/// blank lines give no document.
///
/// The iterator ends after the first error. It gives [`Error::Interrupted`] once `monitor` is cancelled, also while
/// it waits for a pipe.
pub fn read_batches<'m>(
    inputs: Vec<Input>,
    start: Position,
    options: ReadOptions,
    splitter: &Splitter,
    monitor: &'m Monitor,
) -> Result<Batches<'m>> {
    if options.files.separator.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::argument("separator", "it is empty; expected at least one byte"));
    }
    // A format that cannot be read is an error before the first byte is read.
    let formats: Vec<Format> =
        inputs.iter().map(|input| options.files.format.of_input(input)).collect::<Result<_>>()?;
    let may_wait = inputs.iter().any(|input| input.bytes().is_none());
    let splitter = splitter.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let (sender, receiver) = sync_channel(1);
    let reader = thread::Builder::new().spawn(move || {
        // Nobody receives any more, which ends the reading like cancellation.
        let mut send = |batch| sender.send(Ok(batch)).map_err(|_| Error::Interrupted);
        if let Err(error) = read_all(&inputs, &formats, start, &options, &splitter, &stopped, &mut send) {
            let _ = sender.send(Err(error));
        }
    });
    let reader = reader.map_err(Error::Thread)?;
    Ok(Batches { monitor, receiver: Some(receiver), reader: Some(reader), stop, may_wait })
}

fn read_all(
    inputs: &[Input],
    formats: &[Format],
    start: Position,
    options: &ReadOptions,
    splitter: &Splitter,
    stop: &Arc<AtomicBool>,
    send: &mut dyn FnMut(Batch) -> Result<()>,
) -> Result<()> {
    let raw = Rc::new(Cell::new(0));
    let (batch_bytes, max_document_bytes) = (options.batch_bytes, options.max_document_bytes);
    let mut gather = Gather::new(
        splitter,
        batch_bytes,
        max_document_bytes,
        Rc::clone(&raw),
        start,
        options.spare.clone(),
        send,
    );
    let separator = options.files.separator.as_deref().map(Finder::new);
    raw.set(inputs.iter().take(start.input).filter_map(Input::bytes).sum());
    for (number, (input, format)) in inputs.iter().zip(formats).enumerate().skip(start.input) {
        let position = if number == start.input { start } else { Position::at_input(number) };
        gather.start_input(input.path(), position);
        let open = |offset| {
            let source = Source::open(input, offset, Rc::clone(&raw), Arc::clone(stop))?;
            if options.files.format == Format::Auto {
                source.refuse_binary()?;
            }
            Ok(source)
        };
        let read = match format {
            Format::JsonLines => open(position.offset).and_then(|source| {
                let mut stream = Stream::new(source);
                read_json_lines(&mut stream, &options.files.text_field, options.files.on_error, &mut gather)
            }),
            Format::Auto | Format::Text => open(position.offset + position.read)
                .and_then(|mut source| read_text(&mut source, separator.as_ref(), &mut gather)),
            Format::Parquet => options.files.tables.as_deref().ok_or_else(no_tables).and_then(|tables| {
                let column = (input.path(), options.files.text_field.as_str());
                read_table(tables, column, options.files.on_error, stop, &mut gather)
            }),
        };
        match read {
            Ok(()) => gather.end_input(),
            Err(error) => {
                options.files.on_error.handle(error, &mut gather)?;
                gather.break_off()?;
            }
        }
    }
    gather.finish()
}

fn no_tables() -> Error {
    Error::argument("format", "Parquet cannot be read here; expected text or JSON lines")
}

/// Batches as they are read; see [`read_batches`].
#[derive(Debug)]
pub struct Batches<'m> {
    monitor: &'m Monitor,
    /// `None` once the iterator has ended.
    receiver: Option<Receiver<Result<Batch>>>,
    reader: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    may_wait: bool,
}

impl Batches<'_> {
    /// The next message; `None` once the thread has ended. If the thread panicked, so does this.
    fn receive(&mut self) -> Option<Result<Batch>> {
        loop {
            if let Err(interrupted) = self.monitor.check() {
                return Some(Err(interrupted));
            }
            match self.receiver.as_ref()?.recv_timeout(TICK) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let panicked = self.reader.take().and_then(|reader| reader.join().err());
                    return panicked.map(|panic| resume_unwind(panic));
                }
            }
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.as_ref()?;
        let message = self.receive();
        if !matches!(message, Some(Ok(_))) {
            self.receiver = None;
        }
        message
    }
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.receiver = None;
        if let Some(reader) = self.reader.take()
            && !self.may_wait
        {
            // Its panic, if any, is about text that nobody waits for.
            let _ = reader.join();
        }
    }
}

#[cfg(test)]
mod tests;
