//! What SentencePiece does to a text before it looks for pieces: its map of characters, and white space.
//!
//! Unlike Hugging Face it takes the longest string of the map at each place, whatever graphemes there are, and leaves
//! alone the pieces that a user defined. (google/sentencepiece, `normalizer.cc`.)

use aho_corasick::AhoCorasick;

use super::aligned::{Aligned, Rewriter};
use super::charsmap::Charsmap;

/// What SentencePiece writes for a space.
const SPACE: char = '▁';

/// A model's normalizer.
#[derive(Debug, Clone)]
pub struct SentencePiece {
    /// Strings and their replacements.
    pub charsmap: Option<Charsmap>,
    /// Whether a space is put before the text.
    pub add_dummy_prefix: bool,
    /// Whether spaces at the ends are removed, and several in a row become one.
    pub remove_extra_whitespaces: bool,
    /// Whether spaces are written as `▁`.
    pub escape_whitespaces: bool,
    /// Finds pieces that stay as they are.
    pub kept: Option<AhoCorasick>,
}

impl SentencePiece {
    pub(super) fn apply(&self, text: &mut Aligned) {
        if !text.text().is_empty() {
            text.rewrite(|source, out| self.write(source, out));
        }
    }

    fn write(&self, source: &str, out: &mut Rewriter<'_>) {
        let mut at = 0;
        if self.remove_extra_whitespaces {
            while at < source.len() {
                let (length, written) = self.next(source, at);
                if written != " " {
                    break;
                }
                at += length;
            }
        }
        if at == source.len() {
            return;
        }
        let space = if self.escape_whitespaces { SPACE } else { ' ' };
        // The places of spaces, which wait until another character follows: those at the end may have to be removed.
        let mut waiting: Vec<usize> = self.add_dummy_prefix.then_some(at).into_iter().collect();
        let mut is_behind_space = self.remove_extra_whitespaces;
        while at < source.len() {
            let (length, whole) = self.next(source, at);
            let written = if is_behind_space { whole.trim_start_matches(' ') } else { whole };
            for character in written.chars() {
                if character == ' ' || character == space {
                    waiting.push(at);
                } else {
                    waiting.drain(..).for_each(|place| out.write(space, place));
                    out.write(character, at);
                }
            }
            at += length;
            if self.remove_extra_whitespaces && !written.is_empty() {
                is_behind_space = written.ends_with(' ');
            }
        }
        if !self.remove_extra_whitespaces {
            for place in waiting {
                out.write(space, place);
            }
        }
    }

    /// How many bytes of `source` from `at` on are replaced together, and by what.
    fn next<'s>(&'s self, source: &'s str, at: usize) -> (usize, &'s str) {
        let rest = &source[at..];
        let is_start = |kept: &AhoCorasick| {
            let input = aho_corasick::Input::new(rest).anchored(aho_corasick::Anchored::Yes);
            kept.find(input).map(|found| found.end())
        };
        if let Some(length) = self.kept.as_ref().and_then(is_start) {
            return (length, &rest[..length]);
        }
        if let Some(found) = self.charsmap.as_ref().and_then(|map| map.longest(rest.as_bytes())) {
            return found;
        }
        let length = rest.chars().next().map_or(0, char::len_utf8);
        (length, &rest[..length])
    }
}
