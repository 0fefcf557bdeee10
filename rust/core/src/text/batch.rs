//! Some megabytes of text, as documents or parts of documents.

/// Where one piece of a [`Batch`] ends, and whether its document ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// One past the piece's last byte; it starts where the piece before it ends.
    pub end: usize,
    /// `false` when the document goes on with the next piece, which may stand in the next batch.
    pub closes: bool,
}

/// A run of text that is read, counted or encoded at once.
///
/// A document that is longer than a batch is cut only where the split cuts for certain (see
/// [`Splitter::last_cut`](crate::split::Splitter::last_cut)), so its pieces may be handled one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The pieces' bytes, one after another.
    pub bytes: Vec<u8>,
    /// Where the pieces end, in ascending order; the last one ends with `bytes`.
    pub pieces: Vec<Piece>,
    /// For each input that ends in this batch, in order: how many of the pieces come before its end.
    pub input_ends: Vec<usize>,
    /// How many bytes of the input as it lies on disk (compressed, with markup) the batch stands for.
    pub input_bytes: u64,
}

impl Batch {
    /// Each piece's text, and whether its document ends with it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], bool)> {
        self.pieces.iter().enumerate().map(|(index, piece)| {
            let start = if index == 0 { 0 } else { self.pieces[index - 1].end };
            (&self.bytes[start..piece.end], piece.closes)
        })
    }

    /// Appends a whole document, or the last part of one.
    pub fn push(&mut self, text: &[u8], closes: bool) {
        self.bytes.extend_from_slice(text);
        self.pieces.push(Piece { end: self.bytes.len(), closes });
    }
}
