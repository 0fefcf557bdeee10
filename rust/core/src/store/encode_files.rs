//! Text files → a store.
//!
//! Three stages work at once, so that the slowest alone decides: a thread reads ahead, others encode a batch each, and
//! the caller's writes. How much is on its way follows from the memory allowed, and the result does not depend on it:
//! documents are cut only where encoding the parts gives the ids of the whole.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::encode::{EncodeOptions as TextOptions, EndIds, IdBuffer, Tokenizer};
use crate::split::Splitter;
use crate::text::{
    Batch, Format, OnError, ReadOptions, Spare, TEXT_SUFFIXES, TableReader, expand_inputs, read_batches,
    total_bytes,
};
use crate::{Error, Monitor, Phase, Result, available_threads};

use super::document_writer::DocumentWriter;
use super::dtype::Dtype;
use super::encoded::{Encoded, Encoding};
use super::journal::Job;
use super::pipeline::in_order;
use super::shard_set::check_alone;
use super::share::Share;
use super::token_store::TokenStore;
use super::whole_job::WholeJob;
use super::writer::write_tokenizer;

/// The memory that a byte of text on its way from the reader to the file may need at worst: itself, an id of 4 bytes,
/// and the slack of growing arrays.
const MEMORY_PER_ENCODED_BYTE: usize = 8;

/// The part of the memory that the longest document may have: it is held by the reader, read ahead, and on its way.
const MEMORY_PER_BYTE: usize = 24;

/// Documents up to this length must fit, whatever they are.
const SMALLEST_LIMIT: usize = 64 << 10;

/// How much text a thread gets at once, if memory allows: some milliseconds of work.
const BATCH_BYTES: usize = 1024 << 10;

/// How many batches a thread may be ahead of what is written: enough for threads that are not equally fast. More would wait
/// in memory for a disk that is slower.
const BATCHES_AHEAD: usize = 2;

/// How to make a store of text.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// How the files hold documents.
    pub format: Format,
    /// The field with the document, in JSON lines, or the column, in tables.
    pub text_field: String,
    /// What stands between the documents of a text; `None`: the whole file is one.
    pub separator: Option<Vec<u8>>,
    /// The files that a folder stands for.
    pub suffixes: Vec<String>,
    /// The ids that stand before each document.
    pub bos: EndIds,
    /// The ids that stand after each document.
    pub eos: EndIds,
    /// How ids are stored; `None`: the smallest type that holds all of the tokenizer's.
    pub dtype: Option<Dtype>,
    /// How many threads encode; one more reads and one more writes.
    pub threads: usize,
    /// How many bytes text and ids may take while they pass, the tokenizer not counted.
    pub max_memory: usize,
    /// What becomes of what cannot be read.
    pub on_error: OnError,
    /// What reads tables.
    pub tables: Option<Arc<dyn TableReader>>,
    /// What becomes of what an interrupted run has written.
    pub resume: Resume,
    /// Which part of the inputs is encoded.
    pub share: Share,
}

/// What becomes of what an interrupted run has written, and whether this one leaves anything when it is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// The work goes on there, if it is the same, and can go on here.
    #[default]
    Continue,
    /// The work starts anew; interrupted, it leaves nothing.
    Restart,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            text_field: "text".to_owned(),
            separator: None,
            suffixes: TEXT_SUFFIXES.iter().map(ToString::to_string).collect(),
            bos: EndIds::default(),
            eos: EndIds::default(),
            dtype: None,
            threads: available_threads(),
            max_memory: 2 << 30,
            on_error: OnError::Raise,
            tables: None,
            resume: Resume::Continue,
            share: Share::default(),
        }
    }
}

/// Encodes the documents of `inputs` (see [`expand_inputs`]) in order into the store `prefix`, and opens it.
///
/// The files are the same whatever `threads` and `max_memory` are, and however often the work was interrupted. A store
/// of the same prefix is replaced when all is written, and not before. Progress is in bytes of input as it lies on disk.
/// With a [`Share`] of more than one process the store is that process's shard, and may be empty.
pub fn encode_files(
    tokenizer: &Tokenizer,
    inputs: &[impl AsRef<Path>],
    prefix: &Path,
    options: &EncodeOptions,
    monitor: &Monitor,
) -> Result<TokenStore> {
    encode_with(tokenizer, inputs, prefix, options, monitor)
}

/// What making a store asks of a tokenizer; the tests have a simpler one.
pub(super) trait Encoder: Sync {
    fn splitter(&self) -> &Splitter;
    fn max_id(&self) -> u32;
    /// The largest id that text may become.
    fn max_id_in_text(&self) -> u32 {
        self.max_id()
    }
    fn fingerprint(&self) -> &str;
    /// Fills `buffer` with the ids of `texts`, one after another, and tells where each text's begin, with the end of the
    /// last.
    fn encode_into(&self, texts: &[(&[u8], &TextOptions)], buffer: &mut IdBuffer) -> Result<Vec<usize>>;

    /// The tokenizer that is to stand beside the store, if any.
    fn as_tokenizer(&self) -> Option<&Tokenizer> {
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

    fn max_id_in_text(&self) -> u32 {
        self.max_id_in_text()
    }

    fn fingerprint(&self) -> &str {
        self.fingerprint()
    }

    fn encode_into(&self, texts: &[(&[u8], &TextOptions)], buffer: &mut IdBuffer) -> Result<Vec<usize>> {
        self.encode_texts_into(texts, buffer)
    }

    fn as_tokenizer(&self) -> Option<&Tokenizer> {
        Some(self)
    }
}

fn encode_with(
    tokenizer: &impl Encoder,
    inputs: &[impl AsRef<Path>],
    prefix: &Path,
    options: &EncodeOptions,
    monitor: &Monitor,
) -> Result<TokenStore> {
    tokenizer.as_tokenizer().map_or(Ok(()), Tokenizer::check_json)?;
    let inputs = expand_inputs(inputs, &options.suffixes, options.on_error)?;
    let whole_job = (options.share.world_size > 1).then(|| WholeJob::new(options, &inputs));
    let (shard, inputs) = options.share.of(prefix, inputs)?;
    check_alone(prefix, options.share.world_size)?;
    let prefix = shard;
    monitor.start(Phase::Encode, total_bytes(&inputs));
    let dtype = dtype_of(tokenizer, options)?;
    let read_options = read_options(options)?;
    let (texts, batch_bytes) = (&read_options.spare.clone(), read_options.batch_bytes);
    let job = Job::new(tokenizer.fingerprint(), dtype, options, &inputs);
    let (mut documents, start) = DocumentWriter::begin(&prefix, &job, options, &inputs)?;
    let batches = read_batches(inputs.clone(), start, read_options, tokenizer.splitter(), monitor)?;
    let encoding = Encoding::new(dtype, [&options.bos, &options.eos], texts, batch_bytes);
    let encoder = || |batch: Batch| encoding.encode(tokenizer, batch);
    let on_their_way = on_their_way(options);
    let lacks_tokenizer = AtomicBool::new(false);
    let write = |(encoded, batch): (Encoded, Batch)| {
        monitor.check()?;
        if lacks_tokenizer.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        documents.write(&encoded, &batch)?;
        encoding.give_back(encoded);
        monitor.advance(batch.input_bytes);
        Ok(())
    };
    thread::scope(|scope| {
        // A large vocabulary takes as long as encoding ten megabytes and more, and the disk as long again.
        let beside = scope.spawn(|| {
            let written = tokenizer
                .as_tokenizer()
                .map_or(Ok(()), |tokenizer| write_tokenizer(&prefix, |file| tokenizer.write_json(file)));
            lacks_tokenizer.store(written.is_err(), Ordering::Relaxed);
            written
        });
        let written = in_order(batches, options.threads, on_their_way, Batch::size, encoder, write);
        beside.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        written
    })?;
    documents.finish(tokenizer.fingerprint(), whole_job)?;
    TokenStore::open(&prefix)
}

/// The type of the ids: the smallest that holds all of the tokenizer's, or the one asked for, if it holds all that may come.
/// Else this would come out at the first large id, after hours perhaps.
fn dtype_of(tokenizer: &impl Encoder, options: &EncodeOptions) -> Result<Dtype> {
    let ends = [options.bos.as_slice(), options.eos.as_slice()].concat();
    let with_ends = |max_id: u32| ends.iter().copied().fold(max_id, u32::max);
    match options.dtype {
        None => Ok(Dtype::for_max_id(with_ends(tokenizer.max_id()))),
        Some(dtype) => dtype.check(&[with_ends(tokenizer.max_id_in_text())]).map(|()| dtype),
    }
}

/// How much text may be on its way: what the memory allows, but no more than evens out how fast the threads are.
pub(super) fn on_their_way(options: &EncodeOptions) -> usize {
    let even = BATCHES_AHEAD.saturating_mul(options.threads + 1).saturating_mul(BATCH_BYTES);
    even.min(options.max_memory / MEMORY_PER_ENCODED_BYTE)
}

pub(super) fn read_options(options: &EncodeOptions) -> Result<ReadOptions> {
    let limit = options.max_memory / MEMORY_PER_BYTE;
    if limit < SMALLEST_LIMIT {
        let (given, least) = (options.max_memory, SMALLEST_LIMIT * MEMORY_PER_BYTE);
        return Err(Error::argument("max_memory", format!("{given} bytes; expected at least {least}")));
    }
    if options.threads == 0 {
        return Err(Error::argument("threads", "0; expected at least 1"));
    }
    // So small that every thread has one, and one more waits to be written.
    let share = on_their_way(options) / (options.threads + 1);
    Ok(ReadOptions {
        format: options.format,
        text_field: options.text_field.clone(),
        separator: options.separator.clone(),
        batch_bytes: BATCH_BYTES.min(limit).min(share).max(1),
        max_document_bytes: limit,
        on_error: options.on_error,
        tables: options.tables.clone(),
        spare: Spare::default(),
    })
}

#[cfg(test)]
mod tests;
