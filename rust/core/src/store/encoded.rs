//! Encodes batches of text to ids as they lie on disk, in memory that is used again: each page of new memory costs the
//! system as much as encoding some hundred bytes.

use std::mem;

use bytemuck::cast_slice;

use crate::Result;
use crate::encode::{EncodeOptions as TextOptions, EndIds, IdBuffer};
use crate::memory::reuse::Reuse;
use crate::text::{Batch, Piece, Spare};

use super::dtype::Dtype;
use super::encode_files::TextEncoder;

/// How many bytes of memory the ids of one byte of text take at most in a buffer that grew step by step.
const MOST_PER_BYTE: usize = 6;

/// The ids of a batch's pieces, with those around documents.
pub(super) struct Encoded {
    ids: Ids,
    /// How many ids each piece has.
    pub(super) lengths: Vec<u64>,
}

enum Ids {
    /// As the encoder left them, for they are as wide on disk.
    Whole(IdBuffer),
    Narrow(Vec<u8>),
}

impl Encoded {
    /// The ids as they are written.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.ids {
            // As everywhere in stores, the machine is little-endian.
            Ids::Whole(buffer) => cast_slice(buffer.ids()),
            Ids::Narrow(bytes) => bytes,
        }
    }
}

/// Makes ids of text for one store, on any thread.
pub(super) struct Encoding<'o> {
    dtype: Dtype,
    /// The ids around a piece, by whether it opens a document, and whether it closes one.
    ends: [[TextOptions; 2]; 2],
    batch_bytes: usize,
    /// Takes the buffers of texts that are encoded.
    texts: &'o Spare,
    bytes: Spare,
    buffers: Reuse<IdBuffer>,
}

impl<'o> Encoding<'o> {
    /// Ids of `dtype` with `bos` before each document and `eos` after it. The buffers of batches, which have about
    /// `batch_bytes`, go to `texts`.
    pub(super) fn new(dtype: Dtype, [bos, eos]: [&EndIds; 2], texts: &'o Spare, batch_bytes: usize) -> Self {
        let ids = |ids: &EndIds, are_there: bool| if are_there { ids.clone() } else { EndIds::default() };
        let options = |opens, closes| TextOptions {
            bos: ids(bos, opens),
            eos: ids(eos, closes),
            ..TextOptions::default()
        };
        Self {
            dtype,
            ends: [false, true].map(|opens| [false, true].map(|closes| options(opens, closes))),
            batch_bytes,
            texts,
            bytes: Spare::default(),
            buffers: Reuse::new(Spare::MOST, usize::MAX),
        }
    }

    /// The ids of a batch, and the batch without its text.
    pub(super) fn encode(&self, tokenizer: &impl TextEncoder, mut batch: Batch) -> Result<(Encoded, Batch)> {
        let mut buffer = self.buffers.take(|_| true).unwrap_or_default();
        let options = |piece: &Piece| &self.ends[usize::from(piece.opens)][usize::from(piece.closes)];
        let texts: Vec<_> =
            batch.pieces.iter().map(|piece| (&batch.bytes[piece.start..piece.end], options(piece))).collect();
        let offsets = tokenizer.encode_into(&texts, &mut buffer)?;
        let lengths = offsets.windows(2).map(|range| (range[1] - range[0]) as u64).collect();
        let ids = self.as_on_disk(buffer)?;
        self.texts.give(mem::take(&mut batch.bytes), self.batch_bytes);
        Ok((Encoded { ids, lengths }, batch))
    }

    fn as_on_disk(&self, buffer: IdBuffer) -> Result<Ids> {
        if self.dtype == Dtype::U32 {
            return self.dtype.check(buffer.ids()).map(|()| Ids::Whole(buffer));
        }
        let mut bytes = self.bytes.take(buffer.ids().len() * self.dtype.width());
        self.dtype.write(buffer.ids(), &mut bytes)?;
        self.give_buffer(buffer);
        Ok(Ids::Narrow(bytes))
    }

    /// Keeps the memory of ids that are written, for the next ones.
    pub(super) fn give_back(&self, encoded: Encoded) {
        match encoded.ids {
            Ids::Whole(buffer) => self.give_buffer(buffer),
            Ids::Narrow(bytes) => self.bytes.give(bytes, self.batch_bytes),
        }
    }

    /// Keeps a buffer, unless it is one for a document that was much longer than a batch.
    fn give_buffer(&self, buffer: IdBuffer) {
        if buffer.size() <= MOST_PER_BYTE * self.batch_bytes {
            self.buffers.keep(buffer, IdBuffer::size);
        }
    }
}
