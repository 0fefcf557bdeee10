//! Ids → bytes, and bytes → characters where they come a few at a time.

use super::tokenizer::Tokenizer;
use crate::{Error, Result};

impl Tokenizer {
    /// The bytes of `ids`, one token after another; special tokens have those of their names.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for (position, &id) in ids.iter().enumerate() {
            let token = self.bytes_of(id).ok_or_else(|| self.unknown_id(i64::from(id), position))?;
            bytes.extend_from_slice(token);
        }
        Ok(bytes)
    }

    /// The error for an id that no token has.
    pub fn unknown_id(&self, id: i64, position: usize) -> Error {
        let last = self.max_id();
        Error::Unknown(format!("id {id} at position {position} is no token of this tokenizer (0 to {last})"))
    }

    /// Where each of `ids` stands in the bytes they decode to, as start and end.
    pub fn byte_spans(&self, ids: &[u32]) -> Vec<[i64; 2]> {
        let mut end = 0;
        let length = |id| self.bytes_of(id).map_or(0, <[u8]>::len) as i64;
        ids.iter()
            .map(|&id| {
                let start = end;
                end += length(id);
                [start, end]
            })
            .collect()
    }
}

/// Spans in characters from spans in bytes, which ascend: a token that begins or ends inside a character covers it.
///
/// A byte that is not UTF-8 counts as a character.
pub fn char_spans(text: &[u8], byte_spans: &[[i64; 2]]) -> Vec<[i64; 2]> {
    // `started` characters begin before byte `at`, for positions that only go forward.
    let mut at = 0;
    let mut started = 0;
    let mut started_before = |position: i64| {
        while at < position as usize {
            started += i64::from(starts_character(text, at));
            at += 1;
        }
        started
    };
    let mut spans = Vec::with_capacity(byte_spans.len());
    for &[start, end] in byte_spans {
        let before = started_before(start);
        let inside = (start as usize) < text.len() && !starts_character(text, start as usize);
        spans.push([before - i64::from(inside), started_before(end)]);
    }
    spans
}

/// Whether a character begins at byte `at`: everything but a continuation byte that continues one.
fn starts_character(text: &[u8], at: usize) -> bool {
    if text[at] & 0xC0 != 0x80 {
        return true;
    }
    let first = (at.saturating_sub(3)..at).rev().find(|&start| text[start] & 0xC0 != 0x80);
    let Some(first) = first else { return true };
    let whole = text[first..text.len().min(first + 4)].utf8_chunks().next();
    whole
        .and_then(|chunk| chunk.valid().chars().next())
        .is_none_or(|character| first + character.len_utf8() <= at)
}

/// Makes text of tokens that come one at a time, and never half a character.
#[derive(Debug, Clone, Default)]
pub struct StreamDecoder {
    /// The beginning of a character that is not complete yet: at most three bytes.
    pending: Vec<u8>,
}

impl StreamDecoder {
    /// The characters that `token` completes. Bytes that cannot become a character come out as U+FFFD.
    pub fn push(&mut self, token: &[u8]) -> String {
        self.pending.extend_from_slice(token);
        let mut text = String::new();
        let mut rest = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            rest += chunk.valid().len();
            let is_last = rest + chunk.invalid().len() == self.pending.len();
            if is_last && may_go_on(chunk.invalid()) {
                break;
            }
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
            rest += chunk.invalid().len();
        }
        self.pending.drain(..rest);
        text
    }

    /// What is left at the end: nothing, or U+FFFD for a character that never became complete.
    pub fn finish(&mut self) -> String {
        let left = if self.pending.is_empty() { "" } else { "\u{FFFD}" };
        self.pending.clear();
        left.to_owned()
    }
}

/// Whether more bytes can make a character of these.
fn may_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_cover_the_characters_that_tokens_touch() {
        let text = "a\u{e9}\u{1f600}b".as_bytes();
        let bytes: Vec<[i64; 2]> = (0..8).map(|at| [at, at + 1]).collect();
        let expected = [[0, 1], [1, 2], [1, 2], [2, 3], [2, 3], [2, 3], [2, 3], [3, 4]];
        assert_eq!(char_spans(text, &bytes), expected);
        assert_eq!(char_spans(b"\xff\x80a", &[[0, 1], [1, 2], [2, 3]]), [[0, 1], [1, 2], [2, 3]]);
    }

    proptest! {
        #[test]
        fn a_stream_says_what_lossy_decoding_says(bytes in prop::collection::vec(any::<u8>(), 0..40), step in 1_usize..5) {
            let mut stream = StreamDecoder::default();
            let mut text: String = bytes.chunks(step).map(|token| stream.push(token)).collect();
            text.push_str(&stream.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn a_stream_of_text_holds_back_only_what_is_incomplete(text in any::<String>()) {
            let mut stream = StreamDecoder::default();
            let mut streamed = String::new();
            for (at, byte) in text.bytes().enumerate() {
                streamed += &stream.push(&[byte]);
                let complete = (0..=at + 1).rev().find(|&end| text.is_char_boundary(end)).expect("0 is one");
                prop_assert_eq!(&streamed, &text[..complete]);
            }
            prop_assert_eq!(stream.finish(), "");
        }
    }
}
