//! Writes encoded batches as the documents of a store, and notes where they come from and how far the work is.

use std::mem;
use std::path::Path;

use crate::encode::EndIds;
use crate::text::{Batch, BatchEvent, Input, Position};
use crate::{Error, Place, Result};

use super::encode_files::{EncodeOptions, Resume};
use super::encoded::Encoded;
use super::journal::{Entry, Job, Journal, read_entries};
use super::manifest::Source;
use super::whole_job::WholeJob;
use super::writer::{StoreFacts, StoreWriter};

/// How many ids make a note in the journal worth while. Tests note every batch.
const TOKENS_PER_NOTE: u64 = if cfg!(test) { 1 } else { 1 << 20 };

/// Puts pieces together to documents and keeps account of where they come from.
pub(super) struct DocumentWriter<'a> {
    writer: StoreWriter,
    bos: EndIds,
    eos: EndIds,
    inputs: &'a [Input],
    sources: Vec<Source>,
    skipped: Vec<String>,
    /// Documents and ids of the sources that are complete.
    counted: (u64, u64),
    /// Ids of the document that the last piece left open.
    open_tokens: u64,
    /// Where to note how far the work is, and what is not noted yet; `None` if it is not to be resumed.
    journal: Option<Journal>,
    noted: Noted,
    /// The first input that cannot be read again: from there on there is nothing to go on with.
    first_stream: usize,
}

/// How much the journal has of what a [`DocumentWriter`] knows.
#[derive(Default)]
struct Noted {
    sources: usize,
    skipped: usize,
    tokens: u64,
}

impl<'a> DocumentWriter<'a> {
    /// Begins the store `prefix`, or goes on with an interrupted one; also returns the position from which to read.
    pub(super) fn begin(
        prefix: &Path,
        job: &Job,
        options: &EncodeOptions,
        inputs: &'a [Input],
    ) -> Result<(Self, Position)> {
        let mut entries = match options.resume {
            Resume::Continue => read_entries(prefix, job)?,
            Resume::Restart => Vec::new(),
        };
        let marks: Vec<_> = entries.iter().map(|entry| entry.mark).collect();
        let (writer, agreed) = StoreWriter::go_on(prefix, job.dtype(), &marks)?;
        entries.truncate(agreed);
        let journal = match options.resume {
            Resume::Continue => Some(Journal::begin(prefix, job, &entries)?),
            Resume::Restart => None,
        };
        let start = entries.last().map(|entry| entry.position).unwrap_or_default();
        let mut documents = Self {
            writer,
            bos: options.bos.clone(),
            eos: options.eos.clone(),
            inputs,
            sources: Vec::new(),
            skipped: Vec::new(),
            counted: (0, 0),
            open_tokens: 0,
            journal,
            first_stream: inputs.iter().position(|input| input.bytes().is_none()).unwrap_or(usize::MAX),
            noted: Noted::default(),
        };
        for entry in entries {
            documents.sources.extend(entry.sources);
            documents.skipped.extend(entry.skipped);
        }
        let count =
            |counted: (u64, u64), source: &Source| (counted.0 + source.documents, counted.1 + source.tokens);
        documents.counted = documents.sources.iter().fold((0, 0), count);
        documents.open_tokens = documents.writer.pushed() - documents.writer.tokens();
        documents.noted = documents.known();
        Ok((documents, start))
    }

    /// Writes the ids of a batch, whose text is not needed any more; batches come in order, without a gap.
    pub(super) fn write(&mut self, encoded: &Encoded, batch: &Batch) -> Result<()> {
        self.skipped.extend_from_slice(&batch.skipped);
        self.skipped.truncate(Batch::LISTED_ERRORS);
        self.writer.push_bytes(encoded.bytes())?;
        for event in batch.events() {
            match event {
                BatchEvent::Piece { number, closes } => {
                    self.open_tokens += encoded.lengths[number];
                    if closes {
                        self.writer.end_document_of(mem::take(&mut self.open_tokens))?;
                    }
                }
                BatchEvent::InputEnd { skipped } => self.end_source(skipped),
            }
        }
        self.note(batch.end)
    }

    fn known(&self) -> Noted {
        Noted { sources: self.sources.len(), skipped: self.skipped.len(), tokens: self.writer.pushed() }
    }

    /// Notes in the journal that all before `position` is written, unless that is not much more than was noted.
    fn note(&mut self, position: Position) -> Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if self.writer.pushed() < self.noted.tokens + TOKENS_PER_NOTE || position.input >= self.first_stream {
            return Ok(());
        }
        let mark = self.writer.mark()?;
        let sources = self.sources[self.noted.sources..].to_vec();
        let skipped = self.skipped[self.noted.skipped..].to_vec();
        journal.push(&Entry { position, mark, sources, skipped })?;
        self.noted = self.known();
        // From here on there is something to go on with.
        self.writer.keep_partial();
        Ok(())
    }

    /// Notes that the next input has ended: inputs end in the order in which they were named.
    fn end_source(&mut self, skipped: u64) {
        let input = &self.inputs[self.sources.len()];
        let (documents, tokens) = (self.writer.documents(), self.writer.tokens());
        self.sources.push(Source {
            path: input.path().to_string_lossy().into_owned(),
            bytes: input.bytes(),
            documents: documents - self.counted.0,
            tokens: tokens - self.counted.1,
            skipped,
        });
        self.counted = (documents, tokens);
    }

    /// Makes the store appear; `job` is what all processes read, if this is one of several.
    pub(super) fn finish(self, fingerprint: &str, job: Option<WholeJob>) -> Result<()> {
        if self.writer.tokens() == 0 && job.is_none() {
            let error = self.no_text();
            self.writer.discard();
            return Err(error);
        }
        self.writer.finish(StoreFacts {
            tokenizer: fingerprint.to_owned(),
            bos: self.bos,
            eos: self.eos,
            job,
            sources: self.sources,
            skipped: self.skipped,
        })
    }

    fn no_text(&self) -> Error {
        let others = match self.inputs.len() - 1 {
            0 => String::new(),
            others => format!(", nor do the {others} other inputs"),
        };
        let skipped = self.skipped.first().map_or_else(String::new, |first| {
            let count: u64 = self.sources.iter().map(|source| source.skipped).sum();
            format!("; {count} left out, the first: {first}")
        });
        let message = format!("it holds no text{others}; expected at least one document{skipped}");
        Error::malformed(self.inputs[0].path(), Place::Whole, message)
    }
}
