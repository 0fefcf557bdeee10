//! SentencePiece's map from strings to what replaces them: a trie of bytes in a double array, and the replacements.
//!
//! The blob is the size of the trie in bytes, the trie's units of four bytes, and then the replacements, each ended by
//! a zero byte; the value of a string in the trie is where its replacement begins. (Yata's darts-clone describes the
//! units.) A look-up ends whatever the blob holds: units that would lead out of the array have no children.

use unicode_segmentation::UnicodeSegmentation as _;

use super::aligned::{Aligned, Rewriter};

/// Hugging Face looks up graphemes of this many bytes or more character by character.
const LONG_GRAPHEME: usize = 6;

/// A map that was read from its blob.
#[derive(Debug, Clone)]
pub struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

impl Charsmap {
    /// Reads a map from its blob; the error says what is wrong with it.
    pub fn new(blob: &[u8]) -> Result<Self, String> {
        let cut_short = || format!("the charsmap of {} bytes is cut short", blob.len());
        let (size, rest) = blob.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let (trie, replacements) =
            rest.split_at_checked(u32::from_le_bytes(*size) as usize).ok_or_else(cut_short)?;
        let (units, []) = trie.as_chunks::<4>() else {
            return Err(format!(
                "the trie of the charsmap has {} bytes; expected a multiple of 4",
                trie.len()
            ));
        };
        let replacements = std::str::from_utf8(replacements)
            .map_err(|error| format!("the replacements of the charsmap are not UTF-8: {error}"))?;
        Ok(Self {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements: replacements.to_owned(),
        })
    }

    /// Calls `visit` with the length of each string of the map that `text` begins with, shortest first, and with what
    /// replaces it.
    fn prefixes<'m>(&'m self, text: &[u8], mut visit: impl FnMut(usize, &'m str)) {
        let Some(mut unit) = self.units.first().copied() else { return };
        let mut place = offset(unit);
        for (at, &byte) in text.iter().enumerate() {
            place ^= usize::from(byte);
            unit = match self.units.get(place) {
                Some(&unit) if byte != 0 && label(unit) == u32::from(byte) => unit,
                _ => return,
            };
            place ^= offset(unit);
            if has_value(unit)
                && let Some(&leaf) = self.units.get(place)
                && let Some(replacement) = self.replacements.get((leaf & !(1 << 31)) as usize..)
            {
                visit(at + 1, replacement.split('\0').next().unwrap_or_default());
            }
        }
    }

    /// The longest string of the map that `text` begins with: its length, and what replaces it.
    pub(super) fn longest(&self, text: &[u8]) -> Option<(usize, &str)> {
        let mut longest = None;
        self.prefixes(text, |length, replacement| longest = Some((length, replacement)));
        longest
    }

    /// The replacement of the shortest string of the map that `text` begins with, which is the one Hugging Face takes.
    fn shortest(&self, text: &str) -> Option<&str> {
        let mut shortest = None;
        self.prefixes(text.as_bytes(), |_, replacement| {
            shortest.get_or_insert(replacement);
        });
        shortest
    }

    /// Changes text as Hugging Face does: grapheme by grapheme, and character by character in long graphemes and in
    /// those not in the map.
    pub(super) fn apply(&self, text: &mut Aligned) {
        text.rewrite(|source, out| {
            for grapheme in source.graphemes(true) {
                if grapheme.len() < LONG_GRAPHEME
                    && let Some(replacement) = self.shortest(grapheme)
                {
                    replace(out, grapheme.chars().count(), replacement);
                    continue;
                }
                for character in grapheme.chars() {
                    match self.shortest(character.encode_utf8(&mut [0; 4])) {
                        Some(replacement) => replace(out, 1, replacement),
                        None => out.replace(character),
                    }
                }
            }
        });
    }
}

/// Writes `replacement` in place of the next `count` characters of the source.
fn replace(out: &mut Rewriter<'_>, count: usize, replacement: &str) {
    let length = replacement.chars().count();
    for (place, character) in replacement.chars().enumerate() {
        if place < count { out.replace(character) } else { out.insert(character) }
    }
    out.skip(count.saturating_sub(length));
}

/// Whether the string that leads to a unit is in the map.
fn has_value(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

/// The byte that leads to a unit; for a unit that holds a value, a number that is not a byte.
fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xFF)
}

/// The number to XOR with a unit's place, and then with a byte, for the place of its child for that byte.
fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}
