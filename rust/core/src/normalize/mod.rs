//! Text → the text that a model wants to see: composed, in lower case, with `▁` for spaces, and so on.
//!
//! Each normalizer does what Hugging Face's tokenizers do under its name, down to the version of Unicode (9 for the
//! normal forms) and to the place that every byte is said to come from, from which offsets are made ([`Aligned`]).
//! [`sentencepiece`] does what SentencePiece itself does.

mod aligned;
mod charsmap;
mod sentencepiece;
#[cfg(test)]
mod tests;

pub use aligned::{Aligned, Origin, Origins};
pub use charsmap::Charsmap;
pub use sentencepiece::SentencePiece;

use std::sync::Arc;

use unicode_categories::UnicodeCategories as _;
use unicode_normalization_alignments::char::is_combining_mark;
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization as _, is_nfc_quick, is_nfd_quick};

use crate::Result;
use crate::bytes::char_of_byte;
use crate::split::Find;
pub(crate) use aligned::Rewriter;

/// One way to change text, or several in turn.
#[derive(Debug, Clone)]
pub enum Normalizer {
    /// Unicode's canonical composition.
    Nfc,
    /// Unicode's canonical decomposition.
    Nfd,
    /// Unicode's compatibility composition.
    Nfkc,
    /// Unicode's compatibility decomposition.
    Nfkd,
    /// Lower case, by the same rules for all languages.
    Lowercase,
    /// Cleans up as for neural machine translation: removes control characters, and writes all kinds of white space as
    /// spaces.
    Nmt,
    /// Removes combining marks.
    StripAccents,
    /// Removes white space at the ends.
    Strip {
        /// At the left end.
        left: bool,
        /// At the right end.
        right: bool,
    },
    /// Replaces each match by another text.
    Replace(Arc<Find>, String),
    /// Puts this text before one that is not empty.
    Prepend(String),
    /// A map of SentencePiece's, as Hugging Face applies it.
    Charsmap(Arc<Charsmap>),
    /// Each byte becomes the character that stands for it in byte-level vocabularies.
    Bytes,
    /// BERT's.
    Bert(Bert),
    /// All that SentencePiece does before it looks for pieces.
    SentencePiece(Arc<SentencePiece>),
    /// One after the other.
    Sequence(Vec<Normalizer>),
}

/// What BERT's normalizer does.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the format")]
pub struct Bert {
    /// Removes control characters and U+FFFD, and writes white space as spaces.
    pub clean_text: bool,
    /// Puts spaces around Chinese characters.
    pub handle_chinese_chars: bool,
    /// Removes non-spacing marks.
    pub strip_accents: bool,
    /// Writes letters in lower case.
    pub lowercase: bool,
}

impl Normalizer {
    /// Changes `text`. Fails only when a regular expression gives up.
    pub fn apply(&self, text: &mut Aligned) -> Result<()> {
        match self {
            Self::Nfc if is_nfc(text.text()) => {}
            Self::Nfd if text.text().is_ascii() || is_nfd_quick(text.text().chars()) == IsNormalized::Yes => {
            }
            Self::Nfkc | Self::Nfkd if text.text().is_ascii() => {}
            Self::Nfc => text.rewrite(|source, out| out.write_all(source.nfc())),
            Self::Nfd => text.rewrite(|source, out| out.write_all(source.nfd())),
            Self::Nfkc => text.rewrite(|source, out| out.write_all(source.nfkc())),
            Self::Nfkd => text.rewrite(|source, out| out.write_all(source.nfkd())),
            Self::Lowercase => lowercase(text),
            Self::Nmt => {
                filter(text, |character| !is_dropped_by_nmt(character));
                map(text, |character| if is_space_to_nmt(character) { ' ' } else { character });
            }
            Self::StripAccents => filter(text, |character| !is_combining_mark(character)),
            Self::Strip { left, right } => strip(text, *left, *right),
            Self::Replace(find, content) => return replace(text, find, content),
            Self::Prepend(prefix) => text.prepend(prefix),
            Self::Charsmap(map) => map.apply(text),
            Self::Bytes => write_bytes_as_characters(text),
            Self::Bert(bert) => bert.apply(text),
            Self::SentencePiece(all) => all.apply(text),
            Self::Sequence(steps) => return steps.iter().try_for_each(|step| step.apply(text)),
        }
        Ok(())
    }

    /// Whether this is certain to leave `text`, and any part of it, as it is.
    pub fn keeps(&self, text: &[u8]) -> bool {
        match self {
            Self::Nfc => std::str::from_utf8(text).is_ok_and(is_nfc),
            Self::Sequence(steps) => steps.iter().all(|step| step.keeps(text)),
            _ => false,
        }
    }
}

impl Bert {
    fn apply(self, text: &mut Aligned) {
        if self.clean_text {
            let is_control =
                |character: char| !matches!(character, '\t' | '\n' | '\r') && character.is_other();
            filter(text, |character| !matches!(character, '\0' | '\u{FFFD}') && !is_control(character));
            map(text, |character| if character.is_whitespace() { ' ' } else { character });
        }
        if self.handle_chinese_chars {
            text.rewrite(|source, out| {
                for character in source.chars() {
                    if is_chinese(character) {
                        out.replace(' ');
                        out.insert(character);
                        out.insert(' ');
                    } else {
                        out.replace(character);
                    }
                }
            });
        }
        if self.strip_accents {
            text.rewrite(|source, out| out.write_all(source.nfd()));
            filter(text, |character| !character.is_mark_nonspacing());
        }
        if self.lowercase {
            lowercase(text);
        }
    }
}

/// Whether text is in normal form C for certain.
fn is_nfc(text: &str) -> bool {
    text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

fn lowercase(text: &mut Aligned) {
    text.rewrite(|source, out| {
        for character in source.chars() {
            for (place, lower) in character.to_lowercase().enumerate() {
                if place == 0 { out.replace(lower) } else { out.insert(lower) }
            }
        }
    });
}

fn map(text: &mut Aligned, to: impl Fn(char) -> char) {
    text.rewrite(|source, out| source.chars().for_each(|character| out.replace(to(character))));
}

fn filter(text: &mut Aligned, keeps: impl Fn(char) -> bool) {
    if text.text().chars().all(&keeps) {
        return;
    }
    text.rewrite(|source, out| {
        for character in source.chars() {
            if keeps(character) { out.replace(character) } else { out.skip(1) }
        }
    });
}

fn strip(text: &mut Aligned, left: bool, right: bool) {
    let whole = text.text();
    let start = if left { whole.len() - whole.trim_start().len() } else { 0 };
    let end = if right { whole.trim_end().len().max(start) } else { whole.len() };
    if end - start < whole.len() {
        text.rewrite(|_, out| {
            out.skip_to(start);
            out.keep_to(end);
        });
    }
}

fn replace(text: &mut Aligned, find: &Find, content: &str) -> Result<()> {
    let mut found = Vec::new();
    find.for_each(text.text(), |start, end| found.push((start, end)))?;
    if found.is_empty() {
        return Ok(());
    }
    text.rewrite(|_, out| {
        for (start, end) in found {
            out.keep_to(start);
            out.skip_to(end);
            content.chars().for_each(|character| out.insert(character));
        }
        out.keep_rest();
    });
    Ok(())
}

/// Writes each byte as the character that stands for it.
pub(crate) fn write_bytes_as_characters(text: &mut Aligned) {
    text.rewrite(|source, out| {
        for character in source.chars() {
            for (place, byte) in character.encode_utf8(&mut [0; 4]).bytes().enumerate() {
                let written = char_of_byte(byte);
                if place == 0 { out.replace(written) } else { out.insert(written) }
            }
        }
    });
}

fn is_dropped_by_nmt(character: char) -> bool {
    matches!(character, '\u{1}'..='\u{8}' | '\u{B}' | '\u{E}'..='\u{1F}' | '\u{7F}' | '\u{8F}' | '\u{9F}')
}

fn is_space_to_nmt(character: char) -> bool {
    let is_control = matches!(character, '\t' | '\n' | '\u{C}' | '\r');
    is_control
        || matches!(character, '\u{1680}' | '\u{200B}'..='\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{2581}')
        || matches!(character, '\u{FEFF}' | '\u{FFFD}')
}

/// The blocks of Chinese characters that BERT knows.
fn is_chinese(character: char) -> bool {
    matches!(character,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{2A6DF}' | '\u{2A700}'..='\u{2B73F}'
        | '\u{2B740}'..='\u{2B81F}' | '\u{2B920}'..='\u{2CEAF}' | '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

impl Rewriter<'_> {
    /// Writes characters, each with its change in the number of characters as the normal forms count it: 1 for an added
    /// one, 0 for one that replaces one, less for one that replaces more.
    fn write_all(&mut self, characters: impl Iterator<Item = (char, isize)>) {
        for (character, change) in characters {
            if change > 0 {
                self.insert(character);
            } else {
                self.replace(character);
                self.skip(change.unsigned_abs());
            }
        }
    }
}
