//! Text files → a store.
//!
//! Three stages work at once, joined by channels of one batch each: a thread reads ahead, the caller's encodes on as
//! many threads as wanted, and one writes. The sizes of the batches follow from the memory allowed, and the result
//! does not depend on them: documents are cut only where encoding the parts gives the ids of the whole.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::encode::{Ragged, Tokenizer};
use crate::split::Splitter;
use crate::text::{
    Batch, Batches, Format, Input, ReadOptions, TEXT_SUFFIXES, expand_inputs, read_batches, total_bytes,
};
use crate::{Error, Monitor, Phase, Place, Result, available_threads};

use super::dtype::Dtype;
use super::manifest::Source;
use super::token_store::TokenStore;
use super::writer::{StoreFacts, StoreWriter};

/// The memory that a byte of a batch may need at worst: three batches of text (in the making, read ahead, being
/// encoded) and four of ids (being encoded in parts and put together, waiting, being written), 4 bytes an id and
/// an id a byte, and the slack of growing arrays.
const MEMORY_PER_BYTE: usize = 24;

/// Smaller batches would keep no thread busy.
const SMALLEST_BATCH: usize = 64 << 10;

/// How much text a thread gets at once, if memory allows: some 10 ms of work.
const BATCH_BYTES_PER_THREAD: usize = 1 << 20;

/// How to make a store of text.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// How the files hold documents.
    pub format: Format,
    /// The field with the document, in JSON lines.
    pub text_field: String,
    /// What stands between the documents of a text; `None`: the whole file is one.
    pub separator: Option<Vec<u8>>,
    /// The files that a folder stands for.
    pub suffixes: Vec<String>,
    /// The id that stands before each document, if any.
    pub bos: Option<u32>,
    /// The id that stands after each document, if any.
    pub eos: Option<u32>,
    /// How ids are stored; `None`: the smallest type that holds all of the tokenizer's.
    pub dtype: Option<Dtype>,
    /// How many threads encode; one more reads and one more writes.
    pub threads: usize,
    /// How many bytes text and ids may take while they pass, the tokenizer not counted.
    pub max_memory: usize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            text_field: "text".to_owned(),
            separator: None,
            suffixes: TEXT_SUFFIXES.iter().map(ToString::to_string).collect(),
            bos: None,
            eos: None,
            dtype: None,
            threads: available_threads(),
            max_memory: 2 << 30,
        }
    }
}

/// Encodes the documents of `inputs` (see [`expand_inputs`]) in order into the store `prefix`, and opens it.
///
/// The files are the same whatever `threads` and `max_memory` are. A store of the same prefix is replaced when all is
/// written, and not before. Progress is in bytes of input as it lies on disk.
pub fn encode_files(
    tokenizer: &Tokenizer,
    inputs: &[String],
    prefix: &Path,
    options: &EncodeOptions,
    monitor: &Monitor,
) -> Result<TokenStore> {
    encode_with(tokenizer, inputs, prefix, options, monitor)
}

/// What making a store asks of a tokenizer; the tests have a simpler one.
trait Encoder {
    fn splitter(&self) -> &Splitter;
    fn max_id(&self) -> u32;
    fn fingerprint(&self) -> &str;
    fn encode_texts(&self, texts: &[&[u8]], threads: usize) -> Result<Ragged>;

    /// What stands beside the store, if anything.
    fn to_json(&self) -> Option<String> {
        None
    }
}

impl Encoder for Tokenizer {
    fn splitter(&self) -> &Splitter {
        self.cutter()
    }

    fn max_id(&self) -> u32 {
        self.max_id()
    }

    fn fingerprint(&self) -> &str {
        self.fingerprint()
    }

    fn encode_texts(&self, texts: &[&[u8]], threads: usize) -> Result<Ragged> {
        self.encode_texts(texts, threads)
    }

    fn to_json(&self) -> Option<String> {
        Some(self.to_json())
    }
}

fn encode_with(
    tokenizer: &impl Encoder,
    inputs: &[String],
    prefix: &Path,
    options: &EncodeOptions,
    monitor: &Monitor,
) -> Result<TokenStore> {
    let inputs = expand_inputs(inputs, &options.suffixes)?;
    monitor.start(Phase::Encode, total_bytes(&inputs));
    let max_id =
        [Some(tokenizer.max_id()), options.bos, options.eos].into_iter().flatten().max().unwrap_or(0);
    let dtype = options.dtype.unwrap_or(Dtype::for_max_id(max_id));
    let batches = read_batches(inputs.clone(), read_options(options)?, tokenizer.splitter(), monitor)?;
    let documents = DocumentWriter::new(StoreWriter::create(prefix, dtype)?, options, &inputs);
    let documents = thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        let writing = scope.spawn(move || documents.write_all(&receiver));
        let encoded = encode_batches(tokenizer, batches, options.threads, monitor, &sender);
        drop(sender);
        let documents = writing.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        encoded.map(|()| documents)
    })?;
    documents.finish(tokenizer)?;
    TokenStore::open(prefix)
}

fn read_options(options: &EncodeOptions) -> Result<ReadOptions> {
    let limit = options.max_memory / MEMORY_PER_BYTE;
    if limit < SMALLEST_BATCH {
        let (given, least) = (options.max_memory, SMALLEST_BATCH * MEMORY_PER_BYTE);
        return Err(Error::argument("max_memory", format!("{given} bytes; expected at least {least}")));
    }
    if options.threads == 0 {
        return Err(Error::argument("threads", "0; expected at least 1"));
    }
    let wanted = options.threads.saturating_mul(BATCH_BYTES_PER_THREAD).clamp(4 << 20, 64 << 20);
    Ok(ReadOptions {
        format: options.format,
        text_field: options.text_field.clone(),
        separator: options.separator.clone(),
        batch_bytes: wanted.min(limit),
        max_document_bytes: limit,
    })
}

/// A batch's ids, and what of [`Batch`] still matters.
struct Encoded {
    ids: Ragged,
    closes: Vec<bool>,
    input_ends: Vec<usize>,
}

/// Encodes until there is no more text, or nobody takes the ids: then the writer has an error to tell.
fn encode_batches(
    tokenizer: &impl Encoder,
    batches: Batches<'_>,
    threads: usize,
    monitor: &Monitor,
    sender: &SyncSender<Encoded>,
) -> Result<()> {
    for batch in batches {
        let batch: Batch = batch?;
        let (texts, closes): (Vec<&[u8]>, Vec<bool>) = batch.iter().unzip();
        let ids = tokenizer.encode_texts(&texts, threads)?;
        if sender.send(Encoded { ids, closes, input_ends: batch.input_ends }).is_err() {
            return Ok(());
        }
        monitor.advance(batch.input_bytes);
        monitor.check()?;
    }
    Ok(())
}

/// Puts pieces together to documents and keeps account of where they come from.
struct DocumentWriter<'a> {
    writer: StoreWriter,
    bos: Option<u32>,
    eos: Option<u32>,
    inputs: &'a [Input],
    sources: Vec<Source>,
    /// Documents and ids of the sources that are complete.
    counted: (u64, u64),
    /// Whether the last piece left its document open.
    is_open: bool,
}

impl<'a> DocumentWriter<'a> {
    fn new(writer: StoreWriter, options: &EncodeOptions, inputs: &'a [Input]) -> Self {
        let (bos, eos) = (options.bos, options.eos);
        Self { writer, bos, eos, inputs, sources: Vec::new(), counted: (0, 0), is_open: false }
    }

    fn write_all(mut self, encoded: &Receiver<Encoded>) -> Result<Self> {
        for batch in encoded {
            let mut ends = batch.input_ends.into_iter().peekable();
            for (piece, (ids, closes)) in batch.ids.iter().zip(batch.closes).enumerate() {
                while ends.next_if_eq(&piece).is_some() {
                    self.end_source();
                }
                self.write_piece(ids, closes)?;
            }
            ends.for_each(|_| self.end_source());
        }
        Ok(self)
    }

    fn write_piece(&mut self, ids: &[u32], closes: bool) -> Result<()> {
        if !self.is_open {
            self.writer.push(self.bos.as_slice())?;
        }
        self.writer.push(ids)?;
        self.is_open = !closes;
        if closes {
            self.writer.push(self.eos.as_slice())?;
            self.writer.end_document()?;
        }
        Ok(())
    }

    /// Inputs end in the order in which they were named.
    fn end_source(&mut self) {
        let input = &self.inputs[self.sources.len()];
        let (documents, tokens) = (self.writer.documents(), self.writer.tokens());
        self.sources.push(Source {
            path: input.path().to_string_lossy().into_owned(),
            bytes: input.bytes(),
            documents: documents - self.counted.0,
            tokens: tokens - self.counted.1,
        });
        self.counted = (documents, tokens);
    }

    fn finish(self, tokenizer: &impl Encoder) -> Result<()> {
        if self.writer.tokens() == 0 {
            let others = match self.inputs.len() - 1 {
                0 => String::new(),
                others => format!(", nor do the {others} other inputs"),
            };
            let message = format!("it holds no text{others}; expected at least one document");
            return Err(Error::malformed(self.inputs[0].path(), Place::Whole, message));
        }
        self.writer.finish(StoreFacts {
            tokenizer: tokenizer.fingerprint().to_owned(),
            tokenizer_json: tokenizer.to_json(),
            bos: self.bos,
            eos: self.eos,
            sources: self.sources,
        })
    }
}

#[cfg(test)]
mod tests;
