//! Text files → a store.
//!
//! Three stages work at once, so the slowest alone sets the pace: a thread reads ahead, others encode a batch each, and
//! the caller's writes. How much is on its way follows from the memory allowed, and the result does not depend on it:
//! documents are cut only where encoding the parts gives the ids of the whole.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::encode::{EncodeOptions as TextOptions, EndIds, IdBuffer, Tokenizer};
use crate::split::Splitter;
use crate::text::{Batch, FileOptions, read_batches, total_bytes};
use crate::{Error, Monitor, Phase, Result};

use super::budget::Budget;
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

/// How to make a store of text.
#[derive(Debug, Clone, Default)]
pub struct EncodeOptions {
    /// Which files are read, and how.
    pub files: FileOptions,
    /// The threads and the memory that the work may take.
    pub budget: Budget,
    /// The ids that stand before each document.
    pub bos: EndIds,
    /// The ids that stand after each document.
    pub eos: EndIds,
    /// How ids are stored; `None`: the smallest type that holds all of the tokenizer's.
    pub dtype: Option<Dtype>,
    /// What becomes of the files that an interrupted run has left.
    pub resume: Resume,
    /// Which part of the inputs is encoded.
    pub share: Share,
}

/// What becomes of the files that an interrupted run has left, and whether this run leaves any when it is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// The work goes on from there, if it is the same job; interrupted, this run can be continued, too.
    #[default]
    Continue,
    /// The work starts anew; interrupted, it leaves nothing.
    Restart,
}

/// Encodes the documents of `inputs` (see [`FileOptions::expand`]) in order into the store `prefix`, and opens it.
///
/// The files are the same for every budget, and however often the work was interrupted. A store of the same prefix is
/// replaced when all is written, and not before. Progress is in bytes of input on disk. With a [`Share`] of more than
/// one process the store is that process's shard, and may be empty.
pub fn encode_files(
    tokenizer: &Tokenizer,
    inputs: &[impl AsRef<Path>],
    prefix: &Path,
    options: &EncodeOptions,
    monitor: &Monitor,
) -> Result<TokenStore> {
    encode_with(tokenizer, inputs, prefix, options, monitor)
}

/// What making a store needs of a tokenizer; the tests have a simpler one.
pub(super) trait TextEncoder: Sync {
    /// The splitter, which knows where a long document may be cut.
    fn cutter(&self) -> &Splitter;
    fn max_id(&self) -> u32;
    /// The largest id that text may become.
    fn max_id_in_text(&self) -> u32 {
        self.max_id()
    }
    fn fingerprint(&self) -> &str;
    /// Fills `buffer` with the ids of `texts`, one after another; returns where each text's ids begin, and where the last
    /// ones end.
    fn encode_into(&self, texts: &[(&[u8], &TextOptions)], buffer: &mut IdBuffer) -> Result<Vec<usize>>;

    /// The tokenizer that is to be written beside the store, if any.
    fn as_tokenizer(&self) -> Option<&Tokenizer> {
        None
    }
}

impl TextEncoder for Tokenizer {
    fn cutter(&self) -> &Splitter {
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
    tokenizer: &impl TextEncoder,
    inputs: &[impl AsRef<Path>],
    prefix: &Path,
    options: &EncodeOptions,
    monitor: &Monitor,
) -> Result<TokenStore> {
    tokenizer.as_tokenizer().map_or(Ok(()), Tokenizer::check_json)?;
    let inputs = options.files.expand(inputs)?;
    let whole_job = (options.share.world_size > 1).then(|| WholeJob::new(options, &inputs));
    let (shard, inputs) = options.share.of(prefix, inputs)?;
    check_alone(prefix, options.share.world_size)?;
    let prefix = shard;
    monitor.start(Phase::Encode, total_bytes(&inputs));
    let dtype = dtype_of(tokenizer, options)?;
    let read_options = options.budget.read_options(&options.files)?;
    let (texts, batch_bytes) = (&read_options.spare.clone(), read_options.batch_bytes);
    let job = Job::new(tokenizer.fingerprint(), dtype, options, &inputs);
    let (mut documents, start) = DocumentWriter::begin(&prefix, &job, options, &inputs)?;
    let batches = read_batches(inputs.clone(), start, read_options, tokenizer.cutter(), monitor)?;
    let encoding = Encoding::new(dtype, [&options.bos, &options.eos], texts, batch_bytes);
    let encoder = || |batch: Batch| encoding.encode(tokenizer, batch);
    let EncodeOptions { budget, .. } = options;
    let lacks_tokenizer = AtomicBool::new(false);
    let write = |(encoded, batch): (Encoded, Batch)| {
        monitor.check()?;
        if lacks_tokenizer.load(Ordering::Relaxed) {
            // This only ends the pipeline; the error is the one of the thread that writes the tokenizer.
            return Err(Error::Interrupted);
        }
        documents.write(&encoded, &batch)?;
        encoding.give_back(encoded);
        monitor.advance(batch.input_bytes);
        Ok(())
    };
    thread::scope(|scope| {
        // A large vocabulary takes as long to write as encoding ten megabytes and more, and the disk as long again.
        let write_beside = || {
            let written = tokenizer
                .as_tokenizer()
                .map_or(Ok(()), |tokenizer| write_tokenizer(&prefix, |file| tokenizer.write_json(file)));
            lacks_tokenizer.store(written.is_err(), Ordering::Relaxed);
            written
        };
        let beside = thread::Builder::new().spawn_scoped(scope, write_beside).map_err(Error::Thread)?;
        let written = in_order(batches, budget.threads, budget.in_flight(), Batch::size, encoder, write);
        beside.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        written
    })?;
    documents.finish(tokenizer.fingerprint(), whole_job)?;
    TokenStore::open(&prefix)
}

/// The type of the ids: the smallest that holds all of the tokenizer's, or the one asked for, if it holds all that may
/// come. Unchecked, that would show at the first large id only, perhaps after hours.
fn dtype_of(tokenizer: &impl TextEncoder, options: &EncodeOptions) -> Result<Dtype> {
    let ends = [options.bos.as_slice(), options.eos.as_slice()].concat();
    let with_ends = |max_id: u32| ends.iter().copied().fold(max_id, u32::max);
    match options.dtype {
        None => Ok(Dtype::for_max_id(with_ends(tokenizer.max_id()))),
        Some(dtype) => dtype.check(&[with_ends(tokenizer.max_id_in_text())]).map(|()| dtype),
    }
}

#[cfg(test)]
mod tests;
