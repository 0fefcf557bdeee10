//! The documents of one long text → ids in memory.
//!
//! Each thread takes a portion of the text, finds the documents in it and encodes them, so that before the threads
//! begin nothing is done for the whole text, and after they end only the offsets of the documents' ids are added up.

use std::sync::{Mutex, PoisonError};

use super::ids::Ids;
use super::ids::ragged::Ragged;
use super::ids::shelf::with_shelf;
use super::parts::EncodeOptions;
use super::tokenizer::Tokenizer;
use super::vocabulary::end_ids::EndIds;
use crate::text::{Portion, Portions};
use crate::{Monitor, Phase, Result, map_in_order};

/// About how much text a thread takes at once: so little that its ids stay in the processor's cache. Tests have many
/// portions.
const PORTION_BYTES: usize = if cfg!(test) { 61 } else { 256 << 10 };

/// How the documents of a text are encoded.
#[derive(Debug, Clone, Default)]
pub struct DocumentOptions<'o> {
    /// What stands between documents, one byte at least; `None`: the whole text is one document.
    pub separator: Option<&'o [u8]>,
    /// Ids to begin each document with.
    pub bos: EndIds,
    /// Ids to end each document with.
    pub eos: EndIds,
}

/// What encoding a portion gave.
struct Encoded {
    number: usize,
    /// How many of its ids come before the end of each document that ends in it.
    ends: Vec<usize>,
    ids: usize,
}

impl Tokenizer {
    /// The ids of each document of `text`, where the names of special tokens are text. Progress is in bytes.
    pub fn encode_documents(
        &self,
        text: &[u8],
        options: &DocumentOptions<'_>,
        threads: usize,
        monitor: &Monitor,
    ) -> Result<Ragged> {
        monitor.start(Phase::Encode, text.len() as u64);
        let portions = Portions::new(text, options.separator, self.cutter(), PORTION_BYTES);
        let encoded = Mutex::new(Vec::new());
        let (ids, outcomes) = with_shelf(text.len(), |shelf| {
            map_in_order(threads, threads, |_| {
                while let Some(portion) = portions.next() {
                    monitor.check()?;
                    let (number, bytes) = (portion.number, portion.len());
                    let (ends, ids) = shelf.fill(number, bytes, |ids| {
                        let ends = self.encode_portion(&portions, &portion, options, ids);
                        (ends, ids.total())
                    });
                    let one = Encoded { number, ends: ends?, ids };
                    encoded.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                    monitor.advance(bytes as u64);
                }
                Ok(())
            })
        });
        outcomes.into_iter().collect::<Result<()>>()?;
        Ok(Ragged { ids, offsets: offsets(encoded.into_inner().unwrap_or_else(PoisonError::into_inner)) })
    }

    /// Adds the ids of a portion to `ids`; returns where those of its documents end.
    fn encode_portion(
        &self,
        portions: &Portions<'_>,
        portion: &Portion<'_>,
        options: &DocumentOptions<'_>,
        ids: &mut Ids,
    ) -> Result<Vec<usize>> {
        let as_text = EncodeOptions::default();
        let mut ends = Vec::new();
        for part in portions.parts(portion) {
            if part.opens {
                ids.extend(options.bos.as_slice());
            }
            self.encode_to(part.bytes, 0, &as_text, ids)?;
            if part.closes {
                ids.extend(options.eos.as_slice());
                ends.push(ids.total());
            }
        }
        Ok(ends)
    }
}

/// Where each document's ids end among those of all.
fn offsets(mut encoded: Vec<Encoded>) -> Vec<i64> {
    encoded.sort_unstable_by_key(|one| one.number);
    let mut offsets = vec![0];
    let mut start = 0;
    for Encoded { ends, ids, .. } in encoded {
        offsets.extend(ends.into_iter().map(|end| (start + end) as i64));
        start += ids;
    }
    offsets
}
