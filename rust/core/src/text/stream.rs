//! The bytes of one input, decompressed: read to where the caller wants them ([`Source`]), or into a buffer that grows
//! only when its reader leaves bytes untaken ([`Stream`]).

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Place, Result};

use super::format::{Compression, HEAD_BYTES, binary_kind, lowercase_name};
use super::gzip::Members;
use super::inputs::Input;

/// How much is read at once. Tests read so little that every line spans several reads.
const CHUNK: usize = if cfg!(test) { 61 } else { 256 << 10 };

/// An open input.
pub(super) struct Source {
    path: PathBuf,
    compression: Compression,
    /// What it is by its first bytes, if not text.
    binary: Option<&'static str>,
    reader: Box<dyn Read>,
    /// Decompressed bytes that were read, or passed over.
    done: u64,
    stop: Arc<AtomicBool>,
}

impl Source {
    /// Opens `input`, to be read from `offset` on in bytes of its text. Bytes read from disk, or passed over, are added
    /// to `raw`; once `stop` is set, reading ends in an error.
    pub(super) fn open(
        input: &Input,
        offset: u64,
        raw: Rc<Cell<u64>>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let path = input.path().to_path_buf();
        let io_error = |error| Error::io(&path, error);
        let (named, _) = Compression::of_name(&lowercase_name(&path));
        let mut head = Vec::new();
        let (compression, source): (_, Box<dyn Read>) = if input.bytes().is_none() {
            let stream: Box<dyn Read> = if input.is_standard_input() {
                Box::new(io::stdin().lock())
            } else {
                Box::new(File::open(&path).map_err(io_error)?)
            };
            let mut stream = Counted { reader: stream, raw };
            stream.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io_error)?;
            // A name, if it has one, says more: a file that is cut short may begin with anything.
            let compression = if named == Compression::None { Compression::of_bytes(&head) } else { named };
            (compression, Box::new(Cursor::new(head.clone()).chain(stream)))
        } else {
            let mut file = File::open(&path).map_err(io_error)?;
            if named == Compression::None {
                file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io_error)?;
                file.seek(SeekFrom::Start(offset)).map_err(io_error)?;
                raw.set(raw.get() + offset);
            }
            (named, Box::new(Counted { reader: file, raw }))
        };
        let binary = if compression == Compression::None { binary_kind(&head) } else { None };
        let mut opened = Self { path, compression, binary, reader: Box::new(io::empty()), done: 0, stop };
        opened.reader = opened.decompressed(source)?;
        if compression == Compression::None && input.bytes().is_some() {
            opened.done = offset;
        }
        opened.pass_over(offset)?;
        Ok(opened)
    }

    /// An error if the first bytes say that this is no text.
    pub(super) fn refuse_binary(&self) -> Result<()> {
        let Some(kind) = self.binary else { return Ok(()) };
        let message =
            format!("it begins as {kind}; expected text, or format \"text\" to read it as that all the same");
        Err(Error::malformed(&self.path, Place::Byte(0), message))
    }

    /// Reads the text up to `offset` and drops it: in compressed text there is no other way there.
    fn pass_over(&mut self, offset: u64) -> Result<()> {
        let at_once = |left: u64| usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let mut nothing = vec![0; at_once(offset)];
        while self.done < offset {
            if self.read(&mut nothing[..at_once(offset - self.done)])? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn decompressed(&self, source: Box<dyn Read>) -> Result<Box<dyn Read>> {
        if self.compression == Compression::None {
            return Ok(source);
        }
        let mut source = BufReader::with_capacity(CHUNK, source);
        // The gzip decoder calls an empty file truncated, the zstd decoder calls it empty text.
        if source.fill_buf().map_err(|error| self.error(error))?.is_empty() {
            let message = format!("the file is empty; expected {} data", self.compression.name());
            return Err(Error::malformed(&self.path, Place::Byte(0), message));
        }
        match self.compression {
            Compression::Gzip => Ok(Box::new(Members::new(source))),
            Compression::Zstd => {
                let decoder = zstd::Decoder::with_buffer(source).map_err(|error| self.error(error))?;
                Ok(Box::new(decoder))
            }
            Compression::None => Ok(Box::new(source)),
        }
    }

    /// Reads more bytes into `room`, which is not empty, and returns how many; 0 at the end.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        loop {
            match self.reader.read(room) {
                Ok(count) => {
                    self.done += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
            }
        }
    }

    /// An I/O error if `error` is the system's; one about the file's content if it is a decoder's.
    fn error(&self, error: io::Error) -> Error {
        if self.compression == Compression::None || error.raw_os_error().is_some() {
            return Error::io(&self.path, error);
        }
        let place = Place::Byte(self.done);
        let message = format!(
            "the {} data is cut short or damaged after this many bytes of text: {error}",
            self.compression.name()
        );
        Error::malformed(&self.path, place, message)
    }
}

/// A source whose bytes are looked at before they are taken.
pub(super) struct Stream {
    source: Source,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Stream {
    pub(super) fn new(source: Source) -> Self {
        Self { source, buffer: vec![0; CHUNK], start: 0, end: 0 }
    }

    /// The input's path.
    pub(super) fn path(&self) -> &Path {
        &self.source.path
    }

    /// The bytes that were read and not taken.
    pub(super) fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes the first `count` of the pending bytes.
    pub(super) fn take(&mut self, count: usize) {
        self.start += count;
    }

    /// Reads more bytes after the pending ones; `false` at the end.
    pub(super) fn fill(&mut self) -> Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let count = self.source.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count > 0)
    }
}

/// Counts in `raw` the bytes that are read through it.
struct Counted<R> {
    reader: R,
    raw: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.raw.set(self.raw.get() + count as u64);
        Ok(count)
    }
}
