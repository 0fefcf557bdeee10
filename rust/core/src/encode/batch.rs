//! Texts → ids, in one go and on several threads.
//!
//! Texts become parts: ids that stand as they are, and stretches of text, the long ones cut where the split cuts for
//! certain. Runs of parts of about equal size are the threads' jobs, and because parts are encoded independently the
//! ids are the same for any number of threads.

use std::ops::Range;

use super::ids::Ids;
use super::ids::ragged::Ragged;
use super::ids::room::IdArray;
use super::ids::shelf::with_shelf;
use super::parts::{EncodeOptions, Kept, Part};
use super::tokenizer::Tokenizer;
use crate::{Error, Result, map_in_order};

/// Less text than this is not worth a thread, whose start costs as much as encoding some 20 KB.
const BYTES_PER_THREAD: usize = 64 << 10;

/// A single text is encoded on several threads from this length on. A caller that asks for the number of threads, which
/// reads files of the system, pays more than a shorter text is worth.
pub const LEAST_PARALLEL_BYTES: usize = 2 * BYTES_PER_THREAD;

/// The most text in one job: so little that the last jobs end together, and that a job's ids stay in the processor's
/// cache until they are copied to their place.
const JOB_BYTES: usize = 256 << 10;

/// More bytes than most tokens have, and the least that is worth a cut: so the last ids of a text often come from one
/// part.
const BYTES_PER_TOKEN: usize = 8;
const LEAST_PART_BYTES: usize = 4 << 10;

impl Tokenizer {
    /// The ids of `text`.
    pub fn encode(&self, text: &[u8], options: &EncodeOptions, threads: usize) -> Result<IdArray> {
        if threads > 1 && text.len() >= LEAST_PARALLEL_BYTES && options.max_tokens.is_none() {
            return Ok(self.encode_batch(&[text], options, threads)?.ids);
        }
        if let (Some(most), Kept::Last) = (options.max_tokens, options.kept) {
            return self.encode_last(text, 0, options, most);
        }
        self.encode_one(text, 0, options)
    }

    /// The ids of a text on this thread, all or the first ones.
    fn encode_one(&self, text: &[u8], number: usize, options: &EncodeOptions) -> Result<IdArray> {
        let mut ids = Ids::keep(text.len(), limit(options));
        self.encode_to(text, number, options, &mut ids)?;
        Ok(ids.into_array())
    }

    /// The last `most` ids of `text`, part by part from its end.
    fn encode_last(
        &self,
        text: &[u8],
        number: usize,
        options: &EncodeOptions,
        most: usize,
    ) -> Result<IdArray> {
        let part_bytes = most.saturating_mul(BYTES_PER_TOKEN).max(LEAST_PART_BYTES);
        let mut parts = Vec::new();
        self.add_parts(text, number, options, part_bytes, &mut parts)?;
        let mut ids_of_parts = Vec::new();
        let mut count = 0;
        for part in parts.iter().rev() {
            if count >= most {
                break;
            }
            let mut ids = Ids::keep(part.bytes(), usize::MAX);
            self.encode_part(part.part, &mut ids)?;
            count += ids.total();
            ids_of_parts.push(ids.into_array());
        }
        ids_of_parts.reverse();
        let ids = ids_of_parts.iter().flat_map(|ids| ids.iter().copied());
        Ok(ids.skip(count.saturating_sub(most)).collect::<Vec<u32>>().into())
    }

    /// How many ids `text` has; none of them is kept.
    pub fn count(&self, text: &[u8], options: &EncodeOptions, threads: usize) -> Result<usize> {
        if threads > 1 && text.len() >= LEAST_PARALLEL_BYTES && options.max_tokens.is_none() {
            return Ok(self.count_batch(&[text], options, threads)?.iter().sum());
        }
        self.count_one(text, 0, options)
    }

    /// Like [`count`](Self::count), on this thread; `number` is the text's in its batch.
    fn count_one(&self, text: &[u8], number: usize, options: &EncodeOptions) -> Result<usize> {
        let mut ids = Ids::count(limit(options));
        self.encode_to(text, number, options, &mut ids)?;
        Ok(ids.total())
    }

    /// The ids of each of `texts`.
    pub fn encode_batch(&self, texts: &[&[u8]], options: &EncodeOptions, threads: usize) -> Result<Ragged> {
        if options.max_tokens.is_some() && (threads > 1 || options.kept == Kept::Last) {
            return self.encode_each(texts, options, threads);
        }
        if threads == 1 {
            return self.encode_serially(texts, options);
        }
        let parts = self.parts(texts, options, JOB_BYTES / 4)?;
        let jobs = jobs(&parts, threads);
        let (ids, ends) = with_shelf(parts.iter().map(SizedPart::bytes).sum(), |shelf| {
            map_in_order(threads, jobs.len(), |job| {
                let parts = &parts[jobs[job].clone()];
                let bytes = parts.iter().map(SizedPart::bytes).sum();
                shelf.fill(job, bytes, |ids| self.encode_parts(parts, texts.len(), ids))
            })
        });
        let ends = ends.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Ragged { ids, offsets: offsets(&parts, texts.len(), &ends) })
    }

    /// Adds the ids of some parts, which are of `texts` texts in all, to `ids`; returns where those of each end.
    fn encode_parts(&self, parts: &[SizedPart<'_>], texts: usize, ids: &mut Ids) -> Result<Vec<usize>> {
        let mut ends = Vec::with_capacity(parts.len());
        for part in parts {
            self.encode_part(part.part, ids).map_err(|error| of_text(error, part.text, texts))?;
            ends.push(ids.total());
        }
        Ok(ends)
    }

    /// The ids of `texts` with special tokens treated as text.
    pub fn encode_texts(&self, texts: &[&[u8]], threads: usize) -> Result<Ragged> {
        self.encode_batch(texts, &EncodeOptions::default(), threads)
    }

    /// How many ids each of `texts` has.
    pub fn count_batch(
        &self,
        texts: &[&[u8]],
        options: &EncodeOptions,
        threads: usize,
    ) -> Result<Vec<usize>> {
        if options.max_tokens.is_some() {
            let counts = map_in_order(threads, texts.len(), |number| {
                self.count_one(texts[number], number, options)
                    .map_err(|error| of_text(error, number, texts.len()))
            });
            return counts.into_iter().collect();
        }
        let parts = self.parts(texts, options, JOB_BYTES / 4)?;
        let jobs = jobs(&parts, threads);
        let results = map_in_order(threads, jobs.len(), |job| {
            let mut counts = Vec::new();
            for part in &parts[jobs[job].clone()] {
                let mut ids = Ids::count(usize::MAX);
                self.encode_part(part.part, &mut ids)
                    .map_err(|error| of_text(error, part.text, texts.len()))?;
                counts.push((part.text, ids.total()));
            }
            Ok(counts)
        });
        let mut counts = vec![0; texts.len()];
        for result in results {
            for (text, count) in result? {
                counts[text] += count;
            }
        }
        Ok(counts)
    }

    /// The ids of each of `texts`, written once to where they stay.
    fn encode_serially(&self, texts: &[&[u8]], options: &EncodeOptions) -> Result<Ragged> {
        let bytes = texts.iter().map(|text| text.len()).sum();
        let mut ids = Ids::keep(bytes, usize::MAX);
        let mut offsets = Vec::with_capacity(texts.len() + 1);
        offsets.push(0);
        for (number, text) in texts.iter().enumerate() {
            ids.set_limit(options.max_tokens);
            self.encode_to(text, number, options, &mut ids)
                .map_err(|error| of_text(error, number, texts.len()))?;
            offsets.push(ids.total() as i64);
        }
        Ok(Ragged { ids: ids.into_array(), offsets })
    }

    /// The ids of each of `texts` if only some are wanted: then a text has no parts to share, and each is encoded whole
    /// by one thread.
    fn encode_each(&self, texts: &[&[u8]], options: &EncodeOptions, threads: usize) -> Result<Ragged> {
        let all = map_in_order(threads, texts.len(), |number| match (options.max_tokens, options.kept) {
            (Some(most), Kept::Last) => self.encode_last(texts[number], number, options, most),
            _ => self.encode_one(texts[number], number, options),
        });
        let (mut ids, mut offsets) = (Vec::new(), vec![0]);
        for (number, more) in all.into_iter().enumerate() {
            ids.extend_from_slice(&more.map_err(|error| of_text(error, number, texts.len()))?);
            offsets.push(ids.len() as i64);
        }
        Ok(Ragged { ids: ids.into(), offsets })
    }

    /// Adds the ids of text number `number` to `ids`, up to their limit.
    pub(super) fn encode_to(
        &self,
        text: &[u8],
        number: usize,
        options: &EncodeOptions,
        ids: &mut Ids,
    ) -> Result<()> {
        if ids.is_full() {
            return Ok(());
        }
        self.for_each_part(text, number, options, |part| self.encode_part(part, ids))
    }

    /// The parts of all texts, none of them much longer than `target` where the split allows to cut.
    fn parts<'t>(
        &self,
        texts: &[&'t [u8]],
        options: &'t EncodeOptions,
        target: usize,
    ) -> Result<Vec<SizedPart<'t>>> {
        let mut parts = Vec::with_capacity(texts.len());
        for (number, text) in texts.iter().enumerate() {
            self.add_parts(text, number, options, target, &mut parts)
                .map_err(|error| of_text(error, number, texts.len()))?;
        }
        Ok(parts)
    }

    /// Adds the parts of text number `text`.
    fn add_parts<'t>(
        &self,
        bytes: &'t [u8],
        text: usize,
        options: &'t EncodeOptions,
        target: usize,
        parts: &mut Vec<SizedPart<'t>>,
    ) -> Result<()> {
        self.for_each_part(bytes, text, options, |part| {
            match part {
                Part::Id(..) => parts.push(SizedPart { text, part }),
                Part::Text(stretch) => {
                    let pieces = self.cut_up(stretch, target);
                    parts.extend(pieces.map(|piece| SizedPart { text, part: Part::Text(piece) }));
                }
            }
            Ok(true)
        })
    }
}

/// A part, and the number of the text it is from.
struct SizedPart<'t> {
    text: usize,
    part: Part<'t>,
}

impl SizedPart<'_> {
    fn bytes(&self) -> usize {
        match self.part {
            Part::Id(..) => 1,
            Part::Text(stretch) => stretch.bytes.len(),
        }
    }
}

/// Adds the number of its text to an error, if there are several texts.
fn of_text(error: Error, number: usize, texts: usize) -> Error {
    if texts > 1 { error.at(format_args!("text {number}")) } else { error }
}

fn limit(options: &EncodeOptions) -> usize {
    options.max_tokens.unwrap_or(usize::MAX)
}

/// Runs of parts for the threads to work on.
fn jobs(parts: &[SizedPart<'_>], threads: usize) -> Vec<Range<usize>> {
    let total: usize = parts.iter().map(SizedPart::bytes).sum();
    let target = if threads > 1 {
        (total / threads.saturating_mul(4)).clamp(BYTES_PER_THREAD, JOB_BYTES)
    } else {
        JOB_BYTES
    };
    let mut jobs = Vec::new();
    let mut start = 0;
    let mut size = 0;
    for (index, part) in parts.iter().enumerate() {
        size += part.bytes();
        if size >= target {
            jobs.push(start..index + 1);
            (start, size) = (index + 1, 0);
        }
    }
    if start < parts.len() {
        jobs.push(start..parts.len());
    }
    jobs
}

/// Where the ids of each text end, from where those of each part end among its job's.
fn offsets(parts: &[SizedPart<'_>], texts: usize, ends: &[Vec<usize>]) -> Vec<i64> {
    let mut offsets = vec![0; texts + 1];
    let mut parts = parts.iter();
    for ends in ends {
        let mut start = 0;
        for (&end, part) in ends.iter().zip(&mut parts) {
            offsets[part.text + 1] += (end - start) as i64;
            start = end;
        }
    }
    for text in 0..texts {
        offsets[text + 1] += offsets[text];
    }
    offsets
}
