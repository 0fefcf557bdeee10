//! A run of text, mostly about a megabyte, as documents or parts of documents.

/// How many bytes a piece costs in addition to its text (its bounds here, its offset and bounds later): an empty
/// document is not free.
pub(super) const PIECE_BYTES: usize = 32;

/// Where one piece of a [`Batch`] stands, and what its document begins and ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The piece's first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// `false` when the document has pieces before this one, perhaps in the batch before.
    pub opens: bool,
    /// `false` when the document goes on with the next piece, which may stand in the next batch.
    pub closes: bool,
}

/// A place in the inputs from which reading goes on as if it had not stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The number of the input.
    pub input: usize,
    /// Where in it the open document, or the next one, starts: in bytes of its text, or in rows of a table.
    pub offset: u64,
    /// How many lines come before, in formats that count lines.
    pub lines: u64,
    /// How many bytes of the open document are read.
    pub read: u64,
    /// How many lines and rows of the input were left out before.
    pub skipped: u64,
}

/// The end of an input within a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputEnd {
    /// How many of the batch's pieces come before it.
    pub pieces: usize,
    /// How many lines and rows of the input were left out, plus one if the rest of the input was.
    pub skipped: u64,
}

/// What comes next in a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEvent {
    /// The piece of this number, and whether its document ends with it.
    Piece {
        /// Its number in the batch.
        number: usize,
        /// Whether it is the last of its document.
        closes: bool,
    },
    /// The end of the input that all pieces since the last end belong to.
    InputEnd {
        /// How many lines and rows of the input were left out, plus one if the rest of the input was.
        skipped: u64,
    },
}

impl Position {
    /// The start of an input.
    pub(super) fn at_input(input: usize) -> Self {
        Self { input, ..Self::default() }
    }
}

/// A run of text that is read, counted or encoded at once.
///
/// A document that is longer than a batch is cut only where the split cuts for certain (see
/// [`Splitter::last_cut`](crate::split::Splitter::last_cut)), so its pieces may be handled one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The pieces' bytes, and perhaps separators between them.
    pub bytes: Vec<u8>,
    /// Where the pieces stand, one after another.
    pub pieces: Vec<Piece>,
    /// The inputs that end in this batch, in order.
    pub input_ends: Vec<InputEnd>,
    /// How many bytes of the input on disk (compressed, with markup) the batch stands for.
    pub input_bytes: u64,
    /// Where the next batch goes on.
    pub end: Position,
    /// What was wrong with each line, row or input that was left out, with its place; of all batches the first
    /// [`LISTED_ERRORS`](Self::LISTED_ERRORS).
    pub skipped: Vec<String>,
}

impl Batch {
    /// How many errors that were skipped are listed at most, so that memory stays bounded even if nothing can be read.
    pub const LISTED_ERRORS: usize = 1_000;

    /// Each piece's text, and whether its document ends with it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], bool)> {
        self.pieces.iter().map(|piece| (&self.bytes[piece.start..piece.end], piece.closes))
    }

    /// Pieces and ends of inputs in their order.
    pub fn events(&self) -> impl Iterator<Item = BatchEvent> {
        let mut ends = self.input_ends.iter().peekable();
        let mut pieces = self.pieces.iter().enumerate();
        let mut done = 0;
        std::iter::from_fn(move || {
            if let Some(end) = ends.next_if(|end| end.pieces == done) {
                return Some(BatchEvent::InputEnd { skipped: end.skipped });
            }
            let (number, piece) = pieces.next()?;
            done += 1;
            Some(BatchEvent::Piece { number, closes: piece.closes })
        })
    }

    /// How much memory the text takes, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len() + PIECE_BYTES * self.pieces.len()
    }

    /// Appends a whole document, or the next part of one.
    pub fn push(&mut self, text: &[u8], closes: bool) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        let opens = self.pieces.last().is_none_or(|piece| piece.closes);
        self.pieces.push(Piece { start, end: self.bytes.len(), opens, closes });
    }
}
