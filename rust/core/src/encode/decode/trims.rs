//! Offsets that leave out the white space of tokens, as Hugging Face's byte-level post-processors want it.
//!
//! Such a processor looks at each token as files write it, counts the white space at its two ends (`Ġ` is a space), and
//! moves the ends of its span by that many characters of the text, not beyond each other. A single space at the start
//! of the first token, or of one that begins the text, may be one that was put there, and stays if the processor says
//! so. Spans are moved here as they are made, since only then it is known what an added token was found as.

use crate::utf8::{first_character, last_character};

/// One such post-processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// Whether a single space before the first token stays.
    pub keeps_first_space: bool,
}

/// How many characters of white space a token has at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blanks {
    pub(crate) leading: usize,
    pub(crate) trailing: usize,
}

impl Blanks {
    /// The white space of a token of bytes: of all bytes only the space is written as white space.
    pub(crate) fn of_bytes(token: &[u8]) -> Self {
        let is_space = |&&byte: &&u8| byte == b' ';
        Self {
            leading: token.iter().take_while(is_space).count(),
            trailing: token.iter().rev().take_while(is_space).count(),
        }
    }

    /// The white space of a token of characters, or of the text that an added token was found as.
    pub(crate) fn of_text(token: &str) -> Self {
        let is_blank = |character: &char| *character == 'Ġ' || character.is_whitespace();
        Self {
            leading: token.chars().take_while(is_blank).count(),
            trailing: token.chars().rev().take_while(is_blank).count(),
        }
    }
}

impl Trim {
    /// The span, in bytes of `text`, without the white space of its token.
    pub(crate) fn apply(self, text: &[u8], span: [i64; 2], blanks: Blanks, is_first: bool) -> [i64; 2] {
        let [mut start, mut end] = span.map(|place| place as usize);
        let is_kept = self.keeps_first_space && blanks.leading == 1 && (is_first || start == 0);
        if !is_kept {
            for _ in 0..blanks.leading {
                let character = text.get(start..end).filter(|rest| !rest.is_empty()).map(first_character);
                start += character.map_or(0, |character| character.map_or(1, char::len_utf8));
            }
        }
        // Where there are fewer characters, nothing happens.
        let back = |end: usize| {
            let before = text.get(..end).filter(|before| !before.is_empty())?;
            Some(end - last_character(before).map_or(1, char::len_utf8))
        };
        if let Some(trimmed) = (0..blanks.trailing).try_fold(end, |end, _| back(end)) {
            end = trimmed.max(start);
        }
        [start as i64, end as i64]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_left_out_of_spans() {
        let text = " a\u{3000}b ".as_bytes();
        let trim = |keeps_first_space, span, token: &str, is_first| {
            Trim { keeps_first_space }.apply(text, span, Blanks::of_text(token), is_first)
        };
        assert_eq!(trim(false, [0, 2], "Ġa", true), [1, 2]);
        assert_eq!(trim(true, [0, 2], "Ġa", true), [0, 2]);
        assert_eq!(trim(true, [0, 2], "ĠĠa", true), [2, 2]);
        assert_eq!(trim(true, [2, 6], "\u{3000}b", false), [5, 6]);
        assert_eq!(trim(false, [2, 7], " b ", false), [5, 6]);
        // A token with more white space than its text: what a normalizer put there.
        assert_eq!(trim(false, [0, 1], "ĠĠĠ", true), [1, 1]);
        assert_eq!(trim(false, [7, 7], "ĠĠ", false), [7, 7]);
        assert_eq!(trim(true, [0, 1], "aĠĠ", true), [0, 1]);
        assert_eq!(Blanks::of_bytes(b"  a\n "), Blanks { leading: 2, trailing: 1 });
    }
}
