//! Ids of one run of texts after another, in memory that stays: each page of new memory costs the system as much as
//! encoding some hundred bytes.

use super::Ids;
use crate::Result;
use crate::encode::parts::EncodeOptions;
use crate::encode::tokenizer::Tokenizer;

/// Ids, and room for more without a new allocation.
#[derive(Debug, Default)]
pub struct IdBuffer {
    ids: Vec<u32>,
    /// How many of these are the latest ones.
    count: usize,
}

impl IdBuffer {
    /// The ids that it was filled with.
    pub fn ids(&self) -> &[u32] {
        &self.ids[..self.count]
    }

    /// How much memory it has, in bytes.
    pub fn size(&self) -> usize {
        size_of::<u32>() * self.ids.capacity()
    }
}

impl Tokenizer {
    /// Fills `buffer` with the ids of `texts`, one after another, each encoded as its options say; returns where each
    /// text's ids begin, and where the last ones end. None of the options may have a limit.
    pub fn encode_texts_into(
        &self,
        texts: &[(&[u8], &EncodeOptions)],
        buffer: &mut IdBuffer,
    ) -> Result<Vec<usize>> {
        let bytes = texts.iter().map(|(text, _)| text.len()).sum();
        // If there is an error, the buffer is left empty.
        buffer.count = 0;
        let mut ids = Ids::keep_in(std::mem::take(&mut buffer.ids), bytes);
        let mut offsets = Vec::with_capacity(texts.len() + 1);
        offsets.push(0);
        for (text, options) in texts {
            self.encode_to(text, 0, options, &mut ids)?;
            offsets.push(ids.total());
        }
        (buffer.ids, buffer.count) = ids.into_buffer();
        Ok(offsets)
    }
}

#[cfg(test)]
impl IdBuffer {
    /// Fills the buffer with ids that do not come from a tokenizer.
    pub(crate) fn fill(&mut self, texts: &[Vec<u32>]) -> Vec<usize> {
        self.ids = texts.concat();
        self.count = self.ids.len();
        let ends = texts.iter().scan(0, |end, ids| {
            *end += ids.len();
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }
}
