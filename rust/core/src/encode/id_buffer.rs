//! Ids of one run of texts after another, in memory that stays: each page of new memory costs the system as much as
//! encoding some hundred bytes.

use super::ids::Ids;
use super::tokenizer::{EncodeOptions, Tokenizer};
use crate::Result;

/// Room for ids, and for as many again without asking for memory.
#[derive(Debug, Default)]
pub struct IdBuffer(Vec<u32>);

impl Tokenizer {
    /// The ids of `texts`, one after another in `buffer`, and where each text's begin, with the end of the last; special
    /// tokens are text.
    pub fn encode_texts_into<'b>(
        &self,
        texts: &[&[u8]],
        buffer: &'b mut IdBuffer,
    ) -> Result<(&'b [u32], Vec<usize>)> {
        let options = EncodeOptions::default();
        let bytes = texts.iter().map(|text| text.len()).sum();
        let mut ids = Ids::keep_in(std::mem::take(&mut buffer.0), bytes);
        let mut offsets = Vec::with_capacity(texts.len() + 1);
        offsets.push(0);
        for text in texts {
            self.encode_to(text, 0, &options, &mut ids)?;
            offsets.push(ids.total());
        }
        let (filled, count) = ids.into_buffer();
        buffer.0 = filled;
        Ok((&buffer.0[..count], offsets))
    }
}

#[cfg(test)]
impl IdBuffer {
    /// What another encoder than the tokenizer gives.
    pub(crate) fn fill(&mut self, texts: &[Vec<u32>]) -> (&[u32], Vec<usize>) {
        self.0 = texts.concat();
        let ends = texts.iter().scan(0, |end, ids| {
            *end += ids.len();
            Some(*end)
        });
        let offsets = std::iter::once(0).chain(ends).collect();
        (&self.0, offsets)
    }
}
