//! Text → pretokens, by any sequence of Hugging Face's pretokenizers.
//!
//! The published patterns have scanners of their own ([`split`](crate::split)), and most tokenizers need no more than
//! these. Here are the others: pretokenizers that drop parts of the text, join matches to their neighbours, or rewrite
//! characters. They work on a text that is rewritten as a whole, and on the places of its pieces.

mod behavior;
mod scripts;
#[cfg(test)]
mod tests;

pub use behavior::Behavior;

use std::ops::Range;

use unicode_categories::UnicodeCategories as _;

use crate::Result;
use crate::bytes::byte_of_char;
use crate::normalize::{Aligned, Rewriter, write_bytes_as_characters};
use crate::split::Find;

/// Which pieces a [`Step::Metaspace`] puts its mark before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepend {
    /// Every piece.
    Always,
    /// The piece with which the whole text begins.
    First,
    /// None.
    Never,
}

/// One pretokenizer.
#[derive(Debug, Clone)]
pub enum Step {
    /// Cuts around matches.
    Split {
        /// What matches.
        find: Find,
        /// Whether the stretches between matches count as the matches, and the matches do not.
        invert: bool,
        /// What becomes of matches.
        behavior: Behavior,
    },
    /// Writes spaces as a mark, and may cut before each mark.
    Metaspace {
        /// The mark.
        mark: char,
        /// Which pieces get a mark at the start, unless they have a mark or a space there.
        prepend: Prepend,
        /// Whether to cut before each mark.
        splits: bool,
    },
    /// Puts a space before pieces that do not begin with one, as GPT-2 does on request.
    PrefixSpace,
    /// Writes each byte as the character that stands for it in byte-level vocabularies.
    Bytes,
    /// Cuts into pieces of this many characters.
    FixedLength(usize),
    /// Cuts where another script begins. What stands before a piece's first character with a script is dropped.
    Scripts,
}

/// A text cut into pieces, none of them empty, in order.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// The text they are in.
    pub text: Aligned,
    /// Where they are.
    pub places: Vec<Range<usize>>,
}

impl Pieces {
    /// The whole text as one piece.
    pub fn whole(text: Aligned) -> Self {
        let length = text.text().len();
        Self { text, places: std::iter::once(0..length).filter(|place| !place.is_empty()).collect() }
    }

    /// Rewrites the text piece by piece; what is between pieces is dropped.
    fn rewrite(&mut self, mut write: impl FnMut(&str, usize, &mut Rewriter<'_>)) {
        let places = std::mem::take(&mut self.places);
        let mut written = Vec::with_capacity(places.len());
        self.text.rewrite(|source, out| {
            for place in places {
                out.skip_to(place.start);
                let start = out.written();
                write(&source[place.clone()], place.start, out);
                written.push(start..out.written());
            }
        });
        written.retain(|place| !place.is_empty());
        self.places = written;
    }
}

impl Step {
    /// Cuts the pieces further. Fails only when a regular expression gives up.
    ///
    /// `is_first` says whether the text begins the original, for texts whose origins are not tracked.
    pub fn apply(&self, pieces: &mut Pieces, is_first: bool) -> Result<()> {
        match self {
            Self::Split { find, invert, behavior } => return behavior.split(pieces, find, *invert),
            Self::Metaspace { mark, prepend, splits } => {
                write_spaces(pieces, *mark, *prepend, is_first);
                if *splits {
                    cut_before(pieces, *mark);
                }
            }
            Self::PrefixSpace => pieces.rewrite(|piece, start, out| {
                if piece.starts_with(' ') {
                    out.keep_to(start + piece.len());
                } else {
                    out.prepend(piece, " ");
                }
            }),
            Self::Bytes => write_bytes(pieces),
            Self::FixedLength(length) => cut_to_length(pieces, *length),
            Self::Scripts => cut_by_script(pieces),
        }
        Ok(())
    }

    /// Whether this step needs to know where in the original a piece comes from.
    pub fn needs_origins(&self) -> bool {
        matches!(self, Self::Metaspace { prepend: Prepend::First, .. })
    }

    /// `Punctuation`: ASCII punctuation and symbols, and the categories P of Unicode.
    pub fn is_punctuation(character: char) -> bool {
        character.is_ascii_punctuation() || character.is_punctuation()
    }

    /// `Digits`: characters of a number's category.
    pub fn is_digit(character: char) -> bool {
        character.is_numeric()
    }
}

fn write_spaces(pieces: &mut Pieces, mark: char, prepend: Prepend, is_first: bool) {
    let begins = |text: &Aligned, at: usize| {
        text.origin(at, at + 1).map_or(is_first && at == 0, |origin| origin[0] == 0)
    };
    let mut first =
        pieces.places.iter().map(|place| begins(&pieces.text, place.start)).collect::<Vec<_>>().into_iter();
    let mut written_mark = [0; 4];
    let written_mark: &str = mark.encode_utf8(&mut written_mark);
    pieces.rewrite(|piece, start, out| {
        let wants_mark = match prepend {
            Prepend::Always => true,
            Prepend::First => first.next() == Some(true),
            Prepend::Never => false,
        };
        if wants_mark && !piece.starts_with([mark, ' ']) {
            let first = piece.chars().next().map_or(0, char::len_utf8);
            out.prepend(&piece[..first], written_mark);
        }
        for (space, _) in piece.match_indices(' ') {
            out.keep_to(start + space);
            out.replace(mark);
        }
        out.keep_to(start + piece.len());
    });
}

fn cut_before(pieces: &mut Pieces, mark: char) {
    let text = pieces.text.text();
    let mut cut = Vec::with_capacity(pieces.places.len());
    for place in &pieces.places {
        let mut start = place.start;
        for (at, _) in text[place.clone()].match_indices(mark) {
            let at = place.start + at;
            if at > start {
                cut.push(start..at);
                start = at;
            }
        }
        cut.push(start..place.end);
    }
    pieces.places = cut;
}

fn write_bytes(pieces: &mut Pieces) {
    let lengths: Vec<usize> = pieces.places.iter().map(Range::len).collect();
    pieces.rewrite(|piece, start, out| out.keep_to(start + piece.len()));
    write_bytes_as_characters(&mut pieces.text);
    let mut characters =
        pieces.text.text().char_indices().map(|(at, _)| at).chain([pieces.text.text().len()]);
    let mut start = characters.next().unwrap_or(0);
    pieces.places = lengths
        .into_iter()
        .map(|length| {
            let end = characters.nth(length - 1).unwrap_or(start);
            std::mem::replace(&mut start, end)..end
        })
        .collect();
}

fn cut_to_length(pieces: &mut Pieces, length: usize) {
    let text = pieces.text.text();
    let mut cut = Vec::with_capacity(pieces.places.len());
    for place in &pieces.places {
        let mut start = place.start;
        let characters = text[place.clone()].char_indices().map(|(at, _)| place.start + at);
        for at in characters.skip(length).step_by(length) {
            cut.push(start..at);
            start = at;
        }
        cut.push(start..place.end);
    }
    pieces.places = cut;
}

fn cut_by_script(pieces: &mut Pieces) {
    let text = pieces.text.text();
    let mut cut = Vec::with_capacity(pieces.places.len());
    for place in &pieces.places {
        let mut open = None;
        for (at, character) in text[place.clone()].char_indices() {
            let (at, script) = (place.start + at, scripts::script(character));
            match open {
                _ if script == 0 => {}
                Some((_, last)) if last == script => {}
                Some((start, _)) => {
                    cut.push(start..at);
                    open = Some((at, script));
                }
                None => open = Some((at, script)),
            }
        }
        cut.extend(open.map(|(start, _)| start..place.end));
    }
    pieces.places = cut;
}

/// The bytes that a piece of characters stands for.
pub(crate) fn bytes_of_piece(piece: &str, bytes: &mut Vec<u8>) {
    bytes.extend(piece.chars().filter_map(byte_of_char));
}
